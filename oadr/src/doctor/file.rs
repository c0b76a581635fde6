//! What is in a file: certificates, private keys, or something that is neither, and then what it is.
//!
//! Knows nothing of what the file is meant for.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::Decode as _;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls_pki_types::PrivateKeyDer;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;

use super::finding::Finding;
use super::x509::{Paper, PublicKeyKind, kind_of};

/// The longest file that is looked at, in bytes: hundreds of certificates.
const LONGEST: u64 = 4 << 20;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct File {
    /// As the user named it.
    pub(super) name: String,
    pub(super) certificates: Vec<Paper>,
    pub(super) keys: Vec<Key>,
    /// What is to be said of it.
    pub(super) findings: Vec<Finding>,
}

/// A private key.
pub(super) struct Key {
    pub(super) der: PrivateKeyDer<'static>,
    /// SubjectPublicKeyInfo, if the key can be used here.
    pub(super) spki: Option<Vec<u8>>,
    /// Whether the file keeps it under a passphrase.
    pub(super) encrypted: bool,
}

impl Key {
    pub(super) fn kind(&self) -> Option<PublicKeyKind> {
        kind_of(self.spki.as_deref()?)
    }
}

impl fmt::Debug for Key {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

/// Reads a file, and opens what is encrypted in it if there is a passphrase.
pub(crate) fn read(path: &Path, passphrase: Option<&[u8]>) -> File {
    let mut file = File {
        name: path.display().to_string(),
        certificates: Vec::new(),
        keys: Vec::new(),
        findings: Vec::new(),
    };
    match octets(path) {
        Ok(octets) => classify(&mut file, &octets, passphrase),
        Err(error) => {
            let found = unreadable(&file.name, &error);
            file.findings.push(found);
        }
    }
    if !file.keys.is_empty() || file.has("key_encrypted") {
        file.findings.extend(permissions(path, &file.name));
    }
    file
}

impl File {
    /// Whether this was found.
    pub(super) fn has(&self, code: &str) -> bool {
        self.findings.iter().any(|found| found.code == code)
    }

    fn problem(&mut self, code: &'static str, what: &str, advice: impl Into<String>) {
        let what = format!("{}: {what}", self.name);
        self.findings.push(Finding::problem(code, what, advice));
    }
}

fn unreadable(name: &str, error: &io::Error) -> Finding {
    let kind = error.kind();
    if kind == ErrorKind::NotFound {
        return Finding::problem(
            "file_missing",
            format!("{name}: there is no such file"),
            "Check its name and the folder this command runs in.",
        );
    }
    if kind == ErrorKind::PermissionDenied {
        return Finding::problem(
            "file_unreadable",
            format!("{name}: this user may not read it"),
            format!("Run as the user that the VTN or VEN runs as, or: chown that-user {name}"),
        );
    }
    Finding::problem(
        "file_unreadable",
        format!("{name}: cannot be read: {error}"),
        "Name a file in PEM form.",
    )
}

fn octets(path: &Path) -> io::Result<Vec<u8>> {
    let about = fs::metadata(path)?;
    if about.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    if about.len() > LONGEST {
        return Err(io::Error::other(
            "it is far too long for a certificate or a key",
        ));
    }
    fs::read(path)
}

fn classify(file: &mut File, octets: &[u8], passphrase: Option<&[u8]>) {
    let name = file.name.clone();
    if octets.iter().all(u8::is_ascii_whitespace) {
        return file.problem("file_empty", "is empty", "Make or copy it again.");
    }
    if octets.starts_with(&[0xFF, 0xFE]) || octets.starts_with(&[0xFE, 0xFF]) {
        let advice = format!("Write it in ASCII: iconv -f UTF-16 -t ASCII {name} > copy.pem");
        return file.problem("file_utf16", "is a text in UTF-16", advice);
    }
    if contains(octets, b"-----BEGIN ") {
        return pem(file, octets, passphrase);
    }
    if octets.first() == Some(&0x30) {
        return der(file, octets, &name);
    }
    file.problem(
        "file_strange",
        "is neither PEM (-----BEGIN …-----) nor DER",
        "Ask for the certificate or key in PEM form.",
    );
}

fn pem(file: &mut File, octets: &[u8], passphrase: Option<&[u8]>) {
    let name = file.name.clone();
    // Keys that OpenSSL encrypted in its old way have headers, which no reader of plain PEM knows.
    if contains(octets, b"Proc-Type: 4,ENCRYPTED") {
        let advice =
            format!("Encrypt it the present way: openssl pkcs8 -topk8 -in {name} -out new-key.pem");
        file.problem(
            "key_encrypted_old",
            "is a private key encrypted in OpenSSL's old way, which is not read here",
            advice,
        );
        return;
    }
    let octets = octets.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(octets);
    for part in Pem::iter_from_buffer(octets) {
        let Ok(part) = part else {
            file.problem(
                "pem_broken",
                "has a PEM block that is cut off or has wrong characters",
                "Copy it again, all lines from BEGIN to END.",
            );
            return;
        };
        let label = part.label.as_str();
        match label {
            "CERTIFICATE" | "X509 CERTIFICATE" => match Paper::read(&part.contents) {
                Some(paper) => file.certificates.push(paper),
                None => file.problem(
                    "certificate_broken",
                    "has a block that says CERTIFICATE and is none",
                    "Copy it again, or ask its issuer for it.",
                ),
            },
            "TRUSTED CERTIFICATE" => {
                let advice = format!("openssl x509 -in {name} -out plain.pem");
                file.problem(
                    "certificate_trusted",
                    "is a certificate in OpenSSL's own form",
                    advice,
                );
            }
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => {
                plain_key(file, &part.contents, false)
            }
            "ENCRYPTED PRIVATE KEY" => encrypted_key(file, &part.contents, passphrase),
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => request(file, &name),
            "PKCS7" | "CMS" => {
                let advice = format!("openssl pkcs7 -in {name} -print_certs -out certificates.pem");
                file.problem("file_pkcs7", "is a PKCS#7 bundle", advice);
            }
            "PUBLIC KEY" | "RSA PUBLIC KEY" => file.problem(
                "file_public_key",
                "is a bare public key",
                "A certificate is needed; its issuer makes one from a CSR: oadr pki sign CSR",
            ),
            "OPENSSH PRIVATE KEY" => file.problem(
                "file_openssh",
                "is a key of OpenSSH, which TLS does not take",
                "Make a key with its certificate: oadr pki ven NAME",
            ),
            "X509 CRL" => file.problem(
                "file_crl",
                "is a list of revoked certificates",
                "Nothing here takes one; leave it out.",
            ),
            // What OpenSSL writes before an EC key, and says again in the key.
            "EC PARAMETERS" => {}
            other => {
                let what = format!("has a block {other:?}, which is neither certificate nor key");
                file.problem("file_strange", &what, "Leave it out.");
            }
        }
    }
}

/// What comes without PEM's armour.
fn der(file: &mut File, octets: &[u8], name: &str) {
    let convert = |command: String| format!("Make it PEM: {command}");
    if Paper::read(octets).is_some() {
        let advice = convert(format!(
            "openssl x509 -inform DER -in {name} -out certificate.pem"
        ));
        return file.problem("file_der", "is a certificate in DER form", advice);
    }
    if X509CertificationRequest::from_der(octets).is_ok() {
        return request(file, name);
    }
    if EncryptedPrivateKeyInfoRef::from_der(octets).is_ok() {
        let advice = convert(format!(
            "openssl pkcs8 -topk8 -inform DER -in {name} -out key.pem"
        ));
        return file.problem(
            "file_der",
            "is an encrypted private key in DER form",
            advice,
        );
    }
    if is_pkcs12(octets) {
        let advice = format!(
            "Take it apart: openssl pkcs12 -in {name} -clcerts -nokeys -out certificate.pem; openssl pkcs12 \
             -in {name} -nocerts -out key.pem"
        );
        return file.problem("file_pkcs12", "is a PKCS#12 bundle (.p12, .pfx)", advice);
    }
    if PrivateKeyDer::try_from(octets).is_ok() {
        let advice = convert(format!("openssl pkey -inform DER -in {name} -out key.pem"));
        return file.problem("file_der", "is a private key in DER form", advice);
    }
    file.problem(
        "file_strange",
        "is DER, but neither a certificate nor a key",
        format!("See what it is: openssl asn1parse -inform DER -in {name}"),
    );
}

fn request(file: &mut File, name: &str) {
    let advice = format!("The CA makes a certificate from it: oadr pki sign {name}");
    file.problem(
        "file_csr",
        "is a certificate signing request, not a certificate",
        advice,
    );
}

/// `PFX ::= SEQUENCE { version INTEGER (3), authSafe ContentInfo … }` (RFC 7292).
fn is_pkcs12(octets: &[u8]) -> bool {
    let head = octets.get(..24.min(octets.len())).unwrap_or_default();
    contains(head, &[0x02, 0x01, 0x03, 0x30])
}

fn plain_key(file: &mut File, der: &[u8], encrypted: bool) {
    let Ok(der) = PrivateKeyDer::try_from(der.to_vec()) else {
        return file.problem(
            "key_broken",
            "has a block that says PRIVATE KEY and is none",
            "Copy it again, or make another with its certificate.",
        );
    };
    let signing = any_supported_type(&der).ok();
    let spki = signing.and_then(|key| Some(key.public_key()?.to_vec()));
    if spki.is_none() {
        file.problem(
            "key_unusable",
            "is a private key that TLS does not take here: RSA with fewer than 2,048 bits, or a kind that \
             is not usual",
            "Make one that is RSA with 2,048 bits or more, P-256 or P-384, and get a certificate for it \
             (rule 68).",
        );
    }
    file.keys.push(Key {
        der,
        spki,
        encrypted,
    });
}

fn encrypted_key(file: &mut File, der: &[u8], passphrase: Option<&[u8]>) {
    let Ok(sealed) = EncryptedPrivateKeyInfoRef::from_der(der) else {
        return file.problem(
            "key_encryption",
            "is encrypted in a way that is not read here",
            format!(
                "openssl pkcs8 -topk8 -v2 aes-256-cbc -in {} -out new-key.pem",
                file.name
            ),
        );
    };
    let Some(passphrase) = passphrase else {
        let what = format!("{}: a private key under a passphrase", file.name);
        return file.findings.push(Finding::hint(
            "key_encrypted",
            what,
            "Give the passphrase with --tls-passphrase-file FILE, here as well as to the VTN or VEN.",
        ));
    };
    match sealed.decrypt(passphrase) {
        Ok(open) => plain_key(file, open.as_bytes(), true),
        Err(_) => file.problem(
            "passphrase_wrong",
            "does not open with this passphrase",
            "Check the file with the passphrase: blanks count, a line break at its end does not.",
        ),
    }
}

#[cfg(unix)]
fn permissions(path: &Path, name: &str) -> Option<Finding> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        Finding::problem(
            "key_readable",
            format!(
                "{name}: others than its owner may read or change the private key (mode {mode:04o})"
            ),
            format!("chmod 600 {name}"),
        )
    })
}

#[cfg(not(unix))]
fn permissions(_: &Path, _: &str) -> Option<Finding> {
    None
}

fn contains(octets: &[u8], part: &[u8]) -> bool {
    octets.windows(part.len()).any(|window| window == part)
}
