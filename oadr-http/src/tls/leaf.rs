//! What a certificate says of itself, as far as TLS and the words about it need that.
//! Does not know whether any of it is to be believed.

use std::fmt;
use std::net::IpAddr;

use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Name;

use super::roots::VerifyError;
use crate::body::excerpt;

/// A certificate's facts.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) subject: Words,
    pub(crate) issuer: Words,
    pub(crate) common_name: Option<Words>,
    /// What its subjectAltName names: hosts and addresses.
    pub(crate) names: Vec<Words>,
    pub(crate) not_before: UnixTime,
    pub(crate) not_after: UnixTime,
    /// The length of its RSA modulus, in bits, if that is its key.
    rsa_bits: Option<usize>,
}

/// The shortest RSA key (rule 68), in bits. That elliptic ones are long enough, those who verify
/// signatures see to: they know P-256 and longer ones.
const LEAST_RSA_BITS: usize = 2048;

impl Leaf {
    /// # Errors
    /// [`VerifyError::Malformed`].
    pub(crate) fn read(certificate: &CertificateDer<'_>) -> Result<Self, VerifyError> {
        let (_, parsed) = X509Certificate::from_der(certificate)
            .map_err(|error| VerifyError::Malformed(Words::new(&error.to_string())))?;
        let validity = parsed.validity();
        let rsa_bits = match parsed.public_key().parsed() {
            Ok(PublicKey::RSA(key)) => Some(key.key_size()),
            Ok(_) | Err(_) => None,
        };
        Ok(Self {
            subject: Words::new(&parsed.subject().to_string()),
            issuer: Words::new(&parsed.issuer().to_string()),
            common_name: common_name(parsed.subject()),
            names: names(&parsed),
            not_before: moment(validity.not_before.timestamp()),
            not_after: moment(validity.not_after.timestamp()),
            rsa_bits,
        })
    }

    /// Whether it counts by itself: its dates (rule 516) and its key (rule 68).
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub(crate) fn check(&self, now: UnixTime) -> Result<(), VerifyError> {
        if now > self.not_after {
            return Err(VerifyError::Expired { at: self.not_after });
        }
        if now < self.not_before {
            return Err(VerifyError::NotYetValid {
                from: self.not_before,
            });
        }
        match self.rsa_bits {
            Some(bits) if bits < LEAST_RSA_BITS => Err(VerifyError::ShortKey { bits }),
            Some(_) | None => Ok(()),
        }
    }
}

fn moment(seconds: i64) -> UnixTime {
    let since = u64::try_from(seconds).unwrap_or_default();
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(since))
}

fn common_name(name: &X509Name<'_>) -> Option<Words> {
    let attribute = name.iter_common_name().next()?;
    Some(Words::new(attribute.as_str().ok()?))
}

/// The most names that an explanation tells.
const MOST_NAMES: usize = 20;

fn names(certificate: &X509Certificate<'_>) -> Vec<Words> {
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let names = alternatives.value.general_names.iter();
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(Words::new(name)),
        GeneralName::IPAddress(octets) => Some(Words::new(&address(octets)?.to_string())),
        GeneralName::OtherName(..)
        | GeneralName::RFC822Name(_)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::URI(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => None,
    });
    names.take(MOST_NAMES).collect()
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

/// Words out of a certificate: at most 200 characters, on one line, without control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Words(String);

impl Words {
    pub(super) fn new(text: &str) -> Self {
        Self(excerpt(text.as_bytes(), MOST_WORDS))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const MOST_WORDS: usize = 200;

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
