//! Our own side: the certificate that is shown to the VTN, its key, and whom we believe.
//!
//! Knows nothing of the VTN.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oadr_core::CertificateId;
use oadr_core::value::DateTime;
use oadr_sign::{Certificate, SigningKey};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;

use super::file::{self, File, Key};
use super::finding::Finding;
use super::paper::{self, Use, Whose};
use super::x509::Paper;

/// The files and options that `oadr ven` has too.
#[derive(Default)]
pub(crate) struct Files {
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) roots: Vec<PathBuf>,
    pub(crate) passphrase: Option<Vec<u8>>,
    pub(crate) pins: Vec<CertificateId>,
    pub(crate) verify_host: bool,
}

impl fmt::Debug for Files {
    /// Without the passphrase.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files")
            .field("certificate", &self.certificate)
            .field("roots", &self.roots)
            .finish_non_exhaustive()
    }
}

/// What we show and whom we believe.
#[derive(Debug)]
pub(super) struct Own {
    /// The certificate, leaf first; none if there is none that could be shown.
    pub(super) chain: Vec<Paper>,
    /// The same with its key, for TLS.
    pub(super) shown: Option<Arc<CertifiedKey>>,
    /// The same, for signatures.
    pub(super) signing: Option<SigningKey>,
    pub(super) trust: Trust,
}

/// Whom we believe.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) roots: Vec<Paper>,
    pub(super) pins: Vec<CertificateId>,
    pub(super) verify_host: bool,
}

/// Reads the files and says what is wrong with them.
pub(super) fn examine(files: &Files, now: DateTime, found: &mut Vec<Finding>) -> Own {
    let passphrase = files.passphrase.as_deref();
    let mut own = Own {
        chain: Vec::new(),
        shown: None,
        signing: None,
        trust: Trust {
            roots: roots(&files.roots, now, found),
            pins: files.pins.clone(),
            verify_host: files.verify_host,
        },
    };
    let Some(path) = &files.certificate else {
        return own;
    };
    let before = found.len();
    let certificate = file::read(path, passphrase);
    let mut key_file = files.key.as_ref().map(|path| file::read(path, passphrase));
    if certificate.keys.is_empty() && key_file.is_none() {
        key_file = beside(path).map(|path| file::read(&path, passphrase));
    }
    found.extend(certificate.findings.iter().cloned());
    found.extend(key_file.iter().flat_map(|file| file.findings.clone()));
    let Some(leaf) = certificate.certificates.first() else {
        if certificate
            .findings
            .iter()
            .all(|found| found.code == "key_encrypted")
        {
            found.push(Finding::problem(
                "file_has_no_certificate",
                format!(
                    "{}: holds a private key and no certificate",
                    certificate.name
                ),
                "--tls-certificate is for the certificate, and --tls-key for the key.",
            ));
        }
        return own;
    };
    let whose = Whose {
        name: &certificate.name,
        ours: true,
    };
    found.extend(paper::examine(leaf, whose, Use::Client, now));
    let key = key_file.as_ref().unwrap_or(&certificate);
    if let Some(key) = key_for(leaf, &certificate, key, path, found) {
        own.shown = certified(&certificate.certificates, key);
        let signer = Certificate::from_der(&leaf.der).ok();
        own.signing = signer.and_then(|signer| SigningKey::new(&key.der, signer).ok());
    }
    own.chain.clone_from(&certificate.certificates);
    if found.len() == before {
        found.push(Finding::ok(
            "own_certificate",
            format!(
                "our certificate is {}, fingerprint {}",
                leaf.called(),
                leaf.hash.fingerprint()
            ),
        ));
    }
    own
}

/// Where a key is looked for if nobody says.
fn beside(certificate: &Path) -> Option<PathBuf> {
    let stem = certificate.file_stem()?.to_str()?;
    Some(certificate.with_file_name(format!("{stem}-key.pem")))
}

/// The key that goes with the certificate.
fn key_for<'k>(
    leaf: &Paper,
    certificate: &File,
    keys: &'k File,
    path: &Path,
    found: &mut Vec<Finding>,
) -> Option<&'k Key> {
    if keys.keys.is_empty() {
        // What the file is instead was said, and so was a passphrase that is missing.
        if keys.findings.is_empty() || keys.has("key_encrypted") {
            let beside = beside(path).map_or_else(String::new, |path| path.display().to_string());
            found.push(Finding::problem(
                "key_missing",
                format!("there is no private key for {} to be used", certificate.name),
                format!("Name it with --tls-key, or put it at {beside}; an encrypted one needs its passphrase."),
            ));
        }
        return None;
    }
    let fits = keys
        .keys
        .iter()
        .find(|key| key.spki.as_ref() == Some(&leaf.spki));
    if fits.is_none() && keys.keys.iter().any(|key| key.spki.is_some()) {
        found.push(Finding::problem(
            "key_differs",
            format!("the private key in {} is not that of the certificate in {}", keys.name, certificate.name),
            "Find the pair that belongs together: oadr doctor cert with all the files that may be it.",
        ));
    }
    fits
}

fn certified(chain: &[Paper], key: &Key) -> Option<Arc<CertifiedKey>> {
    let chain = chain.iter().map(|paper| paper.der.clone()).collect();
    let key = any_supported_type(&key.der).ok()?;
    Some(Arc::new(CertifiedKey::new(chain, key)))
}

/// The CAs that are believed.
pub(super) fn roots(paths: &[PathBuf], now: DateTime, found: &mut Vec<Finding>) -> Vec<Paper> {
    let mut roots = Vec::new();
    for path in paths {
        let file = file::read(path, None);
        if file.certificates.is_empty() && file.findings.is_empty() {
            found.push(Finding::problem(
                "file_has_no_certificate",
                format!("{}: holds no certificate of a CA", file.name),
                "Name the CA's certificate, not its key.",
            ));
        }
        found.extend(file.findings);
        for root in &file.certificates {
            if now > root.not_after {
                let name = format!("{}: the CA {}", file.name, root.called());
                let whose = Whose {
                    name: &name,
                    ours: true,
                };
                found.extend(paper::examine(root, whose, Use::Any, now));
            }
        }
        roots.extend(file.certificates);
    }
    roots
}
