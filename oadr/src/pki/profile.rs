//! What is in a certificate: usages, names, validity, serial number.
//!
//! Knows nothing of keys' values and of files. X.509 v3, as rule 67 wants it.

use std::io;
use std::time::Duration;

use chrono::{SubsecRound as _, TimeDelta};
use oadr_core::value::DateTime;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, SanType, SerialNumber, date_time_ymd,
};
use serde::{Deserialize, Serialize};

use super::PkiError;
use super::name::{CommonName, Host};
use crate::entropy;

/// How far before its making a certificate is valid already: devices whose clocks are behind get on
/// with it, too.
const BACKDATED: TimeDelta = TimeDelta::hours(1);

/// Whom a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    /// A CA: it issues others. Not to be had for a request.
    #[value(skip)]
    Ca,
    /// A VTN: a server for VENs that poll, a client of VENs that it pushes to.
    Vtn,
    /// A VEN: a client of its VTN, and a server for a VTN that pushes to it.
    Ven,
}

impl Purpose {
    /// `CA`, `VTN` or `VEN`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ca => "CA",
            Self::Vtn => "VTN",
            Self::Ven => "VEN",
        }
    }
}

/// From when until when, to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    from: DateTime,
    until: DateTime,
}

impl Validity {
    /// So many days from now on, and a little of the past; but no longer than `issuer` is there.
    pub(super) fn days(days: u32, now: DateTime, issuer: Option<DateTime>) -> Self {
        let now = now.trunc_subsecs(0);
        let until = now + TimeDelta::days(days.into());
        Self {
            from: now - BACKDATED,
            until: issuer.map_or(until, |issuer| until.min(issuer)),
        }
    }
}

/// A CA that issues certificates, but no other CAs.
pub(super) fn authority(
    subject: &CommonName,
    validity: Validity,
) -> Result<CertificateParams, PkiError> {
    let mut params = common(subject, validity)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// A certificate for `purpose`, which issues no others.
pub(super) fn leaf(
    purpose: Purpose,
    subject: &CommonName,
    hosts: &[Host],
    rsa: bool,
    validity: Validity,
) -> Result<CertificateParams, PkiError> {
    let mut params = common(subject, validity)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    if rsa {
        // Of rule 67's two suites one sends its secret under the server's RSA key. A proxy may speak it.
        params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
    }
    params.extended_key_usages = match purpose {
        // With pushes either side is a client and a server.
        Purpose::Vtn | Purpose::Ven => vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ],
        Purpose::Ca => vec![ExtendedKeyUsagePurpose::ClientAuth],
    };
    for host in hosts {
        let name = match host {
            Host::Name(name) => {
                SanType::DnsName(name.as_str().try_into().map_err(PkiError::Certificate)?)
            }
            Host::Address(address) => SanType::IpAddress(*address),
        };
        if !params.subject_alt_names.contains(&name) {
            params.subject_alt_names.push(name);
        }
    }
    Ok(params)
}

fn common(subject: &CommonName, validity: Validity) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, subject.as_str());
    params.serial_number = Some(serial().map_err(PkiError::Randomness)?);
    // In the words of a crate that we need not name.
    let moment = |at: DateTime| {
        let seconds = u64::try_from(at.timestamp()).unwrap_or(0);
        date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    params.not_before = moment(validity.from);
    params.not_after = moment(validity.until);
    Ok(params)
}

/// 128 bits, of which the first two are fixed: the number is positive and always of the same length.
fn serial() -> io::Result<SerialNumber> {
    let mut drawn: Vec<u8> = entropy::draw()?.into_iter().take(16).collect();
    if let Some(first) = drawn.first_mut() {
        *first = *first & 0x7F | 0x40;
    }
    Ok(SerialNumber::from(drawn))
}
