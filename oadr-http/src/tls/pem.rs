//! What is in a file of certificates and keys: PEM with anything around it, or a single DER.
//! Does not know what the parts are used for, and deciphers nothing.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

/// A part of a file.
pub(super) enum Part {
    Certificate(CertificateDer<'static>),
    Key(PrivateKeyDer<'static>),
    /// PKCS#8 under a passphrase, as DER.
    SealedKey(Vec<u8>),
    /// A key under a passphrase in the way of old OpenSSL: `Proc-Type: 4,ENCRYPTED`.
    LegacyKey,
    Other(Contents),
    /// It should be one of these and is none.
    Damaged(Contents),
}

/// What a file holds, or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Contents {
    /// Nothing at all.
    Nothing,
    /// A certificate.
    Certificate,
    /// A private key.
    PrivateKey,
    /// A public key.
    PublicKey,
    /// A request for a certificate (CSR).
    Request,
    /// A list of revoked certificates.
    RevocationList,
    /// Certificate and key in one binary file: PKCS#12, `.p12`, `.pfx`.
    Pkcs12,
    /// Something else, in PEM.
    OtherPem,
    /// Neither PEM nor DER.
    Unknown,
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing",
            Self::Certificate => "a certificate",
            Self::PrivateKey => "a private key",
            Self::PublicKey => "a public key",
            Self::Request => "a certificate request",
            Self::RevocationList => "a revocation list",
            Self::Pkcs12 => "PKCS#12",
            Self::OtherPem => "PEM of another kind",
            Self::Unknown => "something that is neither PEM nor DER",
        })
    }
}

/// The parts of a file, in their order.
pub(super) fn parts(octets: &[u8]) -> Vec<Part> {
    if octets.trim_ascii().is_empty() {
        return Vec::new();
    }
    // What stands around the sections may be in any encoding.
    let text = String::from_utf8_lossy(octets);
    if octets.first() == Some(&SEQUENCE) && !text.contains(BEGIN) {
        return vec![binary(octets)];
    }
    let mut parts = Vec::new();
    // Some editors begin a file with a mark of the byte order.
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(label) = line.strip_prefix(BEGIN).and_then(label_of) else {
            continue;
        };
        let mut body = Body::default();
        let end = lines.by_ref().find(|line| {
            let is_end = line.starts_with("-----");
            if !is_end {
                body.take(line);
            }
            is_end
        });
        let ended = end
            .and_then(|line| line.strip_prefix("-----END "))
            .and_then(label_of);
        parts.push(part(label, &body, ended == Some(label)));
    }
    if parts.is_empty() {
        parts.push(Part::Other(Contents::Unknown));
    }
    parts
}

const BEGIN: &str = "-----BEGIN ";

/// What every DER here begins with.
const SEQUENCE: u8 = 0x30;

fn label_of(rest: &str) -> Option<&str> {
    rest.strip_suffix("-----")
}

/// The lines of a section.
#[derive(Default)]
struct Body {
    base64: String,
    is_enciphered: bool,
    in_headers: bool,
}

impl Body {
    fn take(&mut self, line: &str) {
        if line.contains(':') {
            self.in_headers = true;
            self.is_enciphered |= line.starts_with("Proc-Type:") && line.ends_with("ENCRYPTED");
        } else if line.is_empty() {
            self.in_headers = false;
        } else if !self.in_headers {
            self.base64.push_str(line);
        }
    }
}

fn part(label: &str, body: &Body, is_whole: bool) -> Part {
    let kind = match label {
        "CERTIFICATE" | "X509 CERTIFICATE" => Contents::Certificate,
        "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => {
            Contents::PrivateKey
        }
        "PUBLIC KEY" | "RSA PUBLIC KEY" => return Part::Other(Contents::PublicKey),
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
            return Part::Other(Contents::Request);
        }
        "X509 CRL" => return Part::Other(Contents::RevocationList),
        _ => return Part::Other(Contents::OtherPem),
    };
    if kind == Contents::PrivateKey && body.is_enciphered {
        return Part::LegacyKey;
    }
    let Some(der) = LENIENT.decode(&body.base64).ok().filter(|_| is_whole) else {
        return Part::Damaged(kind);
    };
    match label {
        "PRIVATE KEY" => Part::Key(PrivatePkcs8KeyDer::from(der).into()),
        "RSA PRIVATE KEY" => Part::Key(PrivatePkcs1KeyDer::from(der).into()),
        "EC PRIVATE KEY" => Part::Key(PrivateSec1KeyDer::from(der).into()),
        "ENCRYPTED PRIVATE KEY" => Part::SealedKey(der),
        _ if is_certificate(&der) => Part::Certificate(der.into()),
        _ => Part::Damaged(kind),
    }
}

/// Padding may be missing, as in other readers.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn is_certificate(der: &[u8]) -> bool {
    matches!(X509Certificate::from_der(der), Ok((rest, _)) if rest.is_empty())
}

/// What begins a PKCS#12 file after the outer header: version 3.
const PKCS12_VERSION: &[u8] = &[0x02, 0x01, 0x03, 0x30];

fn binary(der: &[u8]) -> Part {
    // Tag and length, which takes more octets if its highest bit is set.
    let header = match der.get(1) {
        Some(length) if length & 0x80 != 0 => usize::from(length & 0x7f).saturating_add(2),
        Some(_) | None => 2,
    };
    if is_certificate(der) {
        Part::Certificate(der.to_vec().into())
    } else if der
        .get(header..)
        .is_some_and(|inner| inner.starts_with(PKCS12_VERSION))
    {
        Part::Other(Contents::Pkcs12)
    } else if let Ok(key) = PrivateKeyDer::try_from(der) {
        Part::Key(key.clone_key())
    } else if EncryptedPrivateKeyInfoRef::try_from(der).is_ok() {
        Part::SealedKey(der.to_vec())
    } else {
        Part::Other(Contents::Unknown)
    }
}
