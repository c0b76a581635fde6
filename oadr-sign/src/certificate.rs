//! What an X.509 certificate says, and the public key in it, parsed once.
//!
//! Knows nothing of chains: who issued it is a text here.

use std::fmt;
use std::net::IpAddr;

use oadr_core::value::DateTime;
use oadr_core::{CertificateHash, Fingerprint};

/// A certificate. Clone an `Arc` of it rather than read it again: its key is ready for verifying.
#[derive(Clone)]
pub struct Certificate {
    hash: CertificateHash,
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
    /// Another, which signs nothing here.
    Other(String),
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
        let _ = der;
        unimplemented!()
    }

    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// There is none in it.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        let _ = pem;
        unimplemented!()
    }

    /// All of it.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        unimplemented!()
    }

    /// SHA-256 over [`der`](Self::der).
    #[must_use]
    pub fn hash(&self) -> CertificateHash {
        self.hash
    }

    /// The last ten bytes of the hash.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.hash.fingerprint()
    }

    /// 1 or 3. OpenADR wants 3 (rule 67).
    #[must_use]
    pub fn version(&self) -> u32 {
        unimplemented!()
    }

    /// The subject, as `CN=house, O=Example`.
    #[must_use]
    pub fn subject(&self) -> &str {
        unimplemented!()
    }

    /// The subject's common name, if it has one.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        unimplemented!()
    }

    /// The issuer, in the same form.
    #[must_use]
    pub fn issuer(&self) -> &str {
        unimplemented!()
    }

    /// The serial number, as pairs of hexadecimal digits with colons between them.
    #[must_use]
    pub fn serial(&self) -> &str {
        unimplemented!()
    }

    /// The first moment of its validity.
    #[must_use]
    pub fn not_before(&self) -> DateTime {
        unimplemented!()
    }

    /// The last moment of its validity.
    #[must_use]
    pub fn not_after(&self) -> DateTime {
        unimplemented!()
    }

    /// Whether it is valid at this moment (rule 516).
    #[must_use]
    pub fn is_valid_at(&self, now: DateTime) -> bool {
        self.not_before() <= now && now <= self.not_after()
    }

    /// Its DNS names (subjectAltName).
    #[must_use]
    pub fn dns_names(&self) -> &[String] {
        unimplemented!()
    }

    /// Its IP addresses (subjectAltName).
    #[must_use]
    pub fn ip_addresses(&self) -> &[IpAddr] {
        unimplemented!()
    }

    /// Whether it may issue others.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        unimplemented!()
    }

    /// What kind of key it has.
    #[must_use]
    pub fn key_kind(&self) -> &KeyKind {
        unimplemented!()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject())
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}
