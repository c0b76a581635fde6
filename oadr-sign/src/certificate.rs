//! What an X.509 certificate says, and the public key in it, parsed once.
//!
//! Knows nothing of chains: who issued it is a text here.

mod name;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use oadr_core::value::DateTime;
use oadr_core::{CertificateHash, Fingerprint};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

use crate::public_key::PublicKey;

/// A certificate, its key ready for verifying. A clone of it is cheap and shares all of it.
#[derive(Clone)]
pub struct Certificate(Arc<Parsed>);

struct Parsed {
    der: Box<[u8]>,
    hash: CertificateHash,
    version: u32,
    subject: String,
    common_name: Option<String>,
    issuer: String,
    self_issued: bool,
    serial: String,
    not_before: DateTime,
    not_after: DateTime,
    dns_names: Vec<String>,
    ip_addresses: Vec<IpAddr>,
    ca: bool,
    usages: Usages,
    kind: KeyKind,
    key: Option<PublicKey>,
}

/// What the extended key usage allows; all of it where the extension is missing.
#[derive(Clone, Copy)]
struct Usages {
    client: bool,
    server: bool,
}

/// What kind of key a certificate has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA, with so many bits.
    Rsa(usize),
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// Another, which signs nothing here: its object identifier, and its curve's.
    Other(String),
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA with {bits} bits"),
            Self::P256 => f.write_str("ECDSA on P-256"),
            Self::P384 => f.write_str("ECDSA on P-384"),
            Self::Other(identifier) => write!(f, "another kind of key ({identifier})"),
        }
    }
}

/// Why bytes are no certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Not X.509 in DER.
    #[error("not an X.509 certificate")]
    NotACertificate,
    /// No PEM of a certificate.
    #[error("no certificate in PEM form")]
    NoPem,
}

impl Certificate {
    /// Reads DER.
    ///
    /// # Errors
    /// It is none. A certificate with a key that cannot sign here is one all the same.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        parse(der)
            .map(|parsed| Self(Arc::new(parsed)))
            .ok_or(CertificateError::NotACertificate)
    }

    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// There is none in it.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        let der = CertificateDer::from_pem_slice(pem).map_err(|_| CertificateError::NoPem)?;
        Self::from_der(&der)
    }

    /// All of it.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// SHA-256 over [`der`](Self::der).
    #[must_use]
    pub fn hash(&self) -> CertificateHash {
        self.0.hash
    }

    /// The last ten bytes of the hash.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.hash.fingerprint()
    }

    /// 1 or 3. OpenADR wants 3 (rule 67).
    #[must_use]
    pub fn version(&self) -> u32 {
        self.0.version
    }

    /// The subject, as `CN=house, O=Example`.
    ///
    /// Commas, plus signs and backslashes within a value have a backslash before them, and control
    /// characters are replaced, so that no subject looks like another in a log.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The subject's common name, if it has one.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.0.common_name.as_deref()
    }

    /// The issuer, in the same form.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Whether subject and issuer are the same name, as with a root and with what has no CA.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.0.self_issued
    }

    /// The serial number, as pairs of hexadecimal digits with colons between them.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.0.serial
    }

    /// The first moment of its validity.
    #[must_use]
    pub fn not_before(&self) -> DateTime {
        self.0.not_before
    }

    /// The last moment of its validity.
    #[must_use]
    pub fn not_after(&self) -> DateTime {
        self.0.not_after
    }

    /// Whether it is valid at this moment (rule 516).
    #[must_use]
    pub fn is_valid_at(&self, now: DateTime) -> bool {
        // The last second of its validity belongs to it whole.
        self.not_before() <= now && now.timestamp() <= self.not_after().timestamp()
    }

    /// Its DNS names (subjectAltName).
    #[must_use]
    pub fn dns_names(&self) -> &[String] {
        &self.0.dns_names
    }

    /// Its IP addresses (subjectAltName).
    #[must_use]
    pub fn ip_addresses(&self) -> &[IpAddr] {
        &self.0.ip_addresses
    }

    /// Whether it may issue others.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.0.ca
    }

    /// Whether its extended key usage, if it has one, allows a TLS client.
    #[must_use]
    pub fn is_for_clients(&self) -> bool {
        self.0.usages.client
    }

    /// Whether its extended key usage, if it has one, allows a TLS server.
    #[must_use]
    pub fn is_for_servers(&self) -> bool {
        self.0.usages.server
    }

    /// What kind of key it has.
    #[must_use]
    pub fn key_kind(&self) -> &KeyKind {
        &self.0.kind
    }

    /// The key, if it is of a kind that signs here (rule 68).
    pub(crate) fn key(&self) -> Option<&PublicKey> {
        self.0.key.as_ref()
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.hash == other.0.hash
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject())
            .field("hash", &self.0.hash)
            .finish_non_exhaustive()
    }
}

fn parse(der: &[u8]) -> Option<Parsed> {
    let (rest, x509) = X509Certificate::from_der(der).ok()?;
    if !rest.is_empty() {
        return None;
    }
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(digest(&SHA256, der).as_ref()) {
        *to = *from;
    }
    let (dns_names, ip_addresses) = alternative_names(&x509);
    let (kind, key) = PublicKey::of(x509.public_key());
    let usages = match x509.extended_key_usage() {
        Ok(None) => Usages {
            client: true,
            server: true,
        },
        Ok(Some(extension)) => Usages {
            client: extension.value.any || extension.value.client_auth,
            server: extension.value.any || extension.value.server_auth,
        },
        Err(_) => Usages {
            client: false,
            server: false,
        },
    };
    Some(Parsed {
        der: der.into(),
        hash: CertificateHash(hash),
        version: x509.version().0.saturating_add(1),
        subject: name::text(x509.subject()),
        common_name: name::common_name(x509.subject()),
        issuer: name::text(x509.issuer()),
        self_issued: x509.subject().as_raw() == x509.issuer().as_raw(),
        serial: pairs(x509.raw_serial()),
        not_before: moment(x509.validity().not_before)?,
        not_after: moment(x509.validity().not_after)?,
        dns_names,
        ip_addresses,
        ca: x509.is_ca(),
        usages,
        kind,
        key,
    })
}

fn moment(time: ASN1Time) -> Option<DateTime> {
    DateTime::from_timestamp(time.timestamp(), 0)
}

fn alternative_names(x509: &X509Certificate<'_>) -> (Vec<String>, Vec<IpAddr>) {
    let (mut dns_names, mut ip_addresses) = (Vec::new(), Vec::new());
    if let Ok(Some(extension)) = x509.subject_alternative_name() {
        for general_name in &extension.value.general_names {
            if let GeneralName::DNSName(dns_name) = general_name {
                dns_names.push(name::printable(dns_name));
            } else if let GeneralName::IPAddress(octets) = general_name {
                ip_addresses.extend(ip_address(octets));
            }
        }
    }
    (dns_names, ip_addresses)
}

fn ip_address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(four).into());
    }
    let sixteen = <[u8; 16]>::try_from(octets).ok()?;
    Some(Ipv6Addr::from(sixteen).into())
}

fn pairs(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, at};

    #[test]
    fn a_certificate_is_read_once_and_says_it_all() {
        let certificate = testing::house().certificate().clone();
        assert_eq!(certificate.version(), 3);
        assert_eq!(certificate.subject(), "CN=house, O=Example\\, Inc.");
        assert_eq!(certificate.issuer(), certificate.subject());
        assert!(certificate.is_self_issued() && !certificate.is_ca());
        assert_eq!(certificate.common_name(), Some("house"));
        assert_eq!(certificate.dns_names(), ["house.example"]);
        assert_eq!(
            certificate.ip_addresses(),
            [IpAddr::from([127, 0, 0, 1]), "::1".parse().unwrap()]
        );
        assert_eq!(*certificate.key_kind(), KeyKind::P256);
        assert!(certificate.is_for_clients() && certificate.is_for_servers());
        let again = Certificate::from_der(certificate.der()).unwrap();
        assert_eq!(again, certificate);
        assert_eq!(again.fingerprint(), certificate.hash().fingerprint());
    }

    #[test]
    fn rule_516_validity_has_two_ends() {
        let certificate = testing::house().certificate().clone();
        for (time, valid) in [
            (certificate.not_before(), true),
            (
                certificate.not_before() - chrono::TimeDelta::nanoseconds(1),
                false,
            ),
            (at(0), true),
            (certificate.not_after(), true),
            (
                certificate.not_after() + chrono::TimeDelta::seconds(1),
                false,
            ),
        ] {
            assert_eq!(certificate.is_valid_at(time), valid, "{time}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let der = testing::house().certificate().der().to_vec();
        let longer = [der.as_slice(), b"\0"].concat();
        for bytes in [&b""[..], b"abc", &longer, &der[..der.len() - 1]] {
            assert_eq!(
                Certificate::from_der(bytes),
                Err(CertificateError::NotACertificate)
            );
        }
        assert_eq!(Certificate::from_pem(&der), Err(CertificateError::NoPem));
    }
}
