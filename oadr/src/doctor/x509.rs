//! What a certificate says, down to what makes it useless here: its X.509 version, its usages, its key.
//!
//! Knows nothing of whose it is; a certificate that no library of TLS takes is read all the same.

use std::net::IpAddr;

use aws_lc_rs::digest;
use chrono::TimeZone as _;
use oadr_core::CertificateHash;
use oadr_core::value::DateTime;
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

/// A certificate as it is written.
#[derive(Debug, Clone)]
pub(crate) struct Paper {
    pub(super) der: CertificateDer<'static>,
    pub(super) hash: CertificateHash,
    /// 1, 2 or 3.
    pub(super) version: u32,
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) subject_der: Vec<u8>,
    pub(super) issuer_der: Vec<u8>,
    pub(super) not_before: DateTime,
    pub(super) not_after: DateTime,
    pub(super) dns_names: Vec<String>,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) is_ca: bool,
    /// `None`: not restricted.
    pub(super) usages: Option<Usages>,
    pub(super) key: PublicKeyKind,
    /// SubjectPublicKeyInfo, to compare with a private key's.
    pub(super) spki: Vec<u8>,
    /// The name of the algorithm that its issuer signed it with, if that is one to be wary of.
    pub(super) weak_signature: Option<&'static str>,
}

/// What a certificate may be used for (extended key usage).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usages {
    pub(super) server: bool,
    pub(super) client: bool,
}

/// What kind of key it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKeyKind {
    Rsa(usize),
    /// The curve, by the name people use, and its size.
    Ec(&'static str, usize),
    /// Another; its object identifier.
    Other(String),
}

impl std::fmt::Display for PublicKeyKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA, {bits} bits"),
            Self::Ec(curve, _) => write!(f, "ECDSA, {curve}"),
            Self::Other(oid) => write!(f, "{oid}"),
        }
    }
}

impl Paper {
    /// `None` if it is no X.509 certificate.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let mut hash = [0; 32];
        let digest = digest::digest(&digest::SHA256, der);
        hash.copy_from_slice(digest.as_ref().get(..32)?);
        let mut dns_names = Vec::new();
        let mut addresses = Vec::new();
        if let Ok(Some(names)) = certificate.subject_alternative_name() {
            for name in &names.value.general_names {
                // Only these two kinds say whom a server's certificate is for.
                if let GeneralName::DNSName(name) = name {
                    dns_names.push((*name).to_owned());
                } else if let GeneralName::IPAddress(octets) = name {
                    addresses.extend(address(octets));
                }
            }
        }
        let usages = certificate.extended_key_usage().ok().flatten();
        Some(Self {
            der: CertificateDer::from(der.to_vec()),
            hash: CertificateHash(hash),
            version: certificate.version().0.saturating_add(1),
            subject: name(certificate.subject()),
            issuer: name(certificate.issuer()),
            subject_der: certificate.subject().as_raw().to_vec(),
            issuer_der: certificate.issuer().as_raw().to_vec(),
            not_before: moment(certificate.validity().not_before.timestamp()),
            not_after: moment(certificate.validity().not_after.timestamp()),
            dns_names,
            addresses,
            is_ca: certificate.is_ca(),
            usages: usages.map(|usages| Usages {
                server: usages.value.server_auth || usages.value.any,
                client: usages.value.client_auth || usages.value.any,
            }),
            key: kind(certificate.public_key()),
            spki: certificate.public_key().raw.to_vec(),
            weak_signature: weak(&certificate.signature_algorithm.algorithm.to_id_string()),
        })
    }

    /// Whether it names itself as its issuer.
    pub(super) fn is_self_issued(&self) -> bool {
        self.subject_der == self.issuer_der
    }

    /// Its common name, or all of its subject, or its fingerprint: how to speak of it.
    pub(super) fn called(&self) -> String {
        if self.subject.is_empty() {
            return self.hash.fingerprint().to_string();
        }
        self.subject.clone()
    }

    /// Whom it is for, as a server's.
    pub(super) fn names(&self) -> String {
        let addresses = self.addresses.iter().map(ToString::to_string);
        let names: Vec<_> = self.dns_names.iter().cloned().chain(addresses).collect();
        names.join(", ")
    }
}

/// A distinguished name as people read it.
pub(super) fn distinguished_name(der: &[u8]) -> String {
    match X509Name::from_der(der) {
        Ok((_, read)) => name(&read),
        Err(_) => "a name that cannot be read".to_owned(),
    }
}

/// What kind of key is in a SubjectPublicKeyInfo.
pub(super) fn kind_of(spki: &[u8]) -> Option<PublicKeyKind> {
    let (_, spki) = SubjectPublicKeyInfo::from_der(spki).ok()?;
    Some(kind(&spki))
}

fn name(name: &X509Name<'_>) -> String {
    name.to_string()
}

fn moment(seconds: i64) -> DateTime {
    // What the calendar cannot hold is as good as always.
    chrono::Utc
        .timestamp_opt(seconds, 0)
        .single()
        .unwrap_or(DateTime::MAX_UTC)
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

fn kind(key: &SubjectPublicKeyInfo<'_>) -> PublicKeyKind {
    let algorithm = &key.algorithm;
    let curve = algorithm
        .parameters
        .as_ref()
        .and_then(|any| any.as_oid().ok());
    let other = || PublicKeyKind::Other(algorithm.algorithm.to_id_string());
    let Ok(parsed) = key.parsed() else {
        return other();
    };
    if let PublicKey::RSA(rsa) = parsed {
        return PublicKeyKind::Rsa(rsa.key_size());
    }
    let named = curve.map(|oid| oid.to_id_string());
    match named.as_deref() {
        Some("1.2.840.10045.3.1.7") => PublicKeyKind::Ec("P-256", 256),
        Some("1.3.132.0.34") => PublicKeyKind::Ec("P-384", 384),
        Some("1.3.132.0.35") => PublicKeyKind::Ec("P-521", 521),
        Some("1.3.132.0.33") => PublicKeyKind::Ec("P-224", 224),
        Some("1.2.840.10045.3.1.1") => PublicKeyKind::Ec("P-192", 192),
        Some("1.3.132.0.10") => PublicKeyKind::Ec("secp256k1", 256),
        Some(_) | None => other(),
    }
}

fn weak(oid: &str) -> Option<&'static str> {
    match oid {
        "1.2.840.113549.1.1.4" => Some("MD5 with RSA"),
        "1.2.840.113549.1.1.5" => Some("SHA-1 with RSA"),
        "1.2.840.10045.4.1" => Some("SHA-1 with ECDSA"),
        _ => None,
    }
}
