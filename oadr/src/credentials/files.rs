//! Which files there are, and what is in them.
//!
//! Knows nothing of when they change.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oadr_http::tls::{CertificateDer, Identity, IdentityError, certificates};
use oadr_sign::{Certificate, SigningKey};

use super::passphrase::Prompt;
use super::reload::stamps;
use super::{Credentials, CredentialsError, Held, HeldKind, Passphrase};

/// Where certificates, private keys and CAs are, in PEM.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// Our own certificates, each with the chain to its root after it: several, with keys of different
    /// kinds, where peers may not know all kinds.
    pub certificates: Vec<PathBuf>,
    /// Their private keys in the same order. If there are none: each is in its certificate's file, or in
    /// `NAME-key.pem` beside `NAME.pem`.
    pub keys: Vec<PathBuf>,
    /// The CAs whose certificates are believed.
    pub roots: Vec<PathBuf>,
    /// What encrypted keys are opened with.
    pub passphrase: Passphrase,
}

/// Reads the files. Somebody may be asked for a passphrase, if there is a terminal.
///
/// # Errors
/// See [`CredentialsError`].
pub fn load(files: &Files) -> Result<Credentials, CredentialsError> {
    files.read(Prompt::OnTerminal)
}

impl Files {
    /// Reads them.
    pub(super) fn read(&self, prompt: Prompt) -> Result<Credentials, CredentialsError> {
        let mut credentials = Credentials {
            identities: Vec::new(),
            roots: Vec::new(),
            signing: Vec::new(),
            held: Vec::new(),
            stamps: stamps(self),
        };
        for (certificate, key) in self.pairs()? {
            self.read_identity(certificate, &key, prompt, &mut credentials)?;
        }
        for path in &self.roots {
            for root in certificates(path)? {
                credentials.hold(HeldKind::Root, path, &root)?;
                credentials.roots.push(root);
            }
        }
        Ok(credentials)
    }

    /// Each certificate's file with that of its key.
    fn pairs(&self) -> Result<Vec<(&Path, PathBuf)>, CredentialsError> {
        let own = self.certificates.iter().map(PathBuf::as_path);
        if self.keys.is_empty() {
            return own
                .map(|certificate| Ok((certificate, key_of(certificate)?)))
                .collect();
        }
        if self.keys.len() != self.certificates.len() {
            return Err(CredentialsError::KeyCount {
                certificates: self.certificates.len(),
                keys: self.keys.len(),
            });
        }
        Ok(own.zip(self.keys.iter().cloned()).collect())
    }

    fn read_identity(
        &self,
        path: &Path,
        key_path: &Path,
        prompt: Prompt,
        credentials: &mut Credentials,
    ) -> Result<(), CredentialsError> {
        let passphrase = if text_of(key_path)?.contains(ENCRYPTED) {
            Some(self.passphrase.of(key_path, prompt)?)
        } else {
            None
        };
        let passphrase = passphrase.as_ref().map(|secret| secret.octets());
        let identity = Identity::read(path, key_path, passphrase)?;
        let mut kind = HeldKind::Own;
        for der in identity.chain() {
            let certificate = credentials.hold(kind, path, der)?;
            if kind == HeldKind::Own {
                let key = SigningKey::new(identity.key(), certificate.as_ref().clone());
                let key = key.map_err(|source| CredentialsError::Key {
                    certificate: path.to_owned(),
                    key: key_path.to_owned(),
                    source,
                })?;
                credentials.signing.push(Arc::new(key));
            }
            kind = HeldKind::Chain;
        }
        credentials.identities.push(identity);
        Ok(())
    }

    /// Every file that is read, or would be if it were there.
    pub(super) fn all(&self) -> Vec<PathBuf> {
        let mut all = self.certificates.clone();
        all.extend(self.keys.iter().cloned());
        if self.keys.is_empty() {
            all.extend(self.certificates.iter().map(|path| beside(path)));
        }
        all.extend(self.roots.iter().cloned());
        all.extend(self.passphrase.file().map(Path::to_owned));
        all
    }
}

impl Credentials {
    fn hold(
        &mut self,
        kind: HeldKind,
        file: &Path,
        der: &CertificateDer<'_>,
    ) -> Result<Arc<Certificate>, CredentialsError> {
        let certificate = Certificate::from_der(der).map_err(|source| {
            let path = file.to_owned();
            CredentialsError::NotACertificate { path, source }
        })?;
        let certificate = Arc::new(certificate);
        self.held.push(Held {
            kind,
            file: file.to_owned(),
            certificate: Arc::clone(&certificate),
        });
        Ok(certificate)
    }
}

/// How the PEM of a private key begins, whichever it is, without its kind.
const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// The same of one that wants a passphrase (RFC 5958).
const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

/// Where the key of this certificate is if nobody says.
fn key_of(certificate: &Path) -> Result<PathBuf, CredentialsError> {
    if text_of(certificate)?.contains(PRIVATE_KEY) {
        return Ok(certificate.to_owned());
    }
    let beside = beside(certificate);
    if beside.exists() {
        return Ok(beside);
    }
    Err(CredentialsError::NoKey {
        certificate: certificate.to_owned(),
        beside,
    })
}

/// `NAME-key.pem` beside `NAME.pem`.
fn beside(certificate: &Path) -> PathBuf {
    let mut name = certificate.file_stem().unwrap_or_default().to_owned();
    name.push("-key.pem");
    certificate.with_file_name(name)
}

/// The file, as far as it is text: PEM is.
fn text_of(path: &Path) -> Result<String, CredentialsError> {
    match fs::read(path) {
        Ok(octets) => Ok(String::from_utf8_lossy(&octets).into_owned()),
        Err(source) => Err(CredentialsError::Identity(IdentityError::Io {
            path: path.display().to_string(),
            source,
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::made::{Authority, VALID};
    use crate::temp_dir::TempDir;

    fn files(temp: &TempDir, certificates: &[&str], keys: &[&str]) -> Files {
        let paths = |names: &[&str]| names.iter().map(|name| temp.path().join(name)).collect();
        Files {
            certificates: paths(certificates),
            keys: paths(keys),
            ..Files::default()
        }
    }

    #[test]
    fn a_key_is_in_the_certificates_file_or_beside_it() {
        let temp = TempDir::new("keys").unwrap();
        let certificate = "-----BEGIN CERTIFICATE-----\n";
        fs::write(temp.path().join("house.pem"), certificate).unwrap();
        let both = format!("{certificate}-----BEGIN EC PRIVATE KEY-----\n");
        fs::write(temp.path().join("plant.pem"), both).unwrap();
        let files = files(&temp, &["house.pem", "plant.pem"], &[]);
        let error = files.pairs().unwrap_err().to_string();
        assert!(error.contains("house-key.pem beside it"), "{error}");

        let key = temp.path().join("house-key.pem");
        fs::write(&key, "").unwrap();
        let keys: Vec<_> = files.pairs().unwrap();
        let keys: Vec<_> = keys.into_iter().map(|(_, key)| key).collect();
        assert_eq!(keys, [key, temp.path().join("plant.pem")]);
    }

    #[test]
    fn keys_are_named_for_all_certificates_or_for_none() {
        let temp = TempDir::new("keys").unwrap();
        let error = files(&temp, &["a.pem", "b.pem"], &["a-key.pem"]);
        let error = error.pairs().unwrap_err().to_string();
        assert!(error.contains("2 certificates and 1 keys"), "{error}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let temp = TempDir::new("keys").unwrap();
        let error = load(&files(&temp, &["none.pem"], &[])).unwrap_err();
        assert!(error.to_string().contains("none.pem"), "{error}");
    }

    #[test]
    fn everything_is_read_and_knows_what_it_is_for() {
        let temp = TempDir::new("keys").unwrap();
        let ca = Authority::new(temp.path());
        let (first, second) = (
            ca.issue("vtn", VALID, &["localhost"]),
            ca.issue_rsa("vtn-rsa", &["localhost"]),
        );
        // The chain goes after the certificate.
        let chain = [&first, &temp.path().join("ca.pem")].map(|path| fs::read(path).unwrap());
        fs::write(&first, chain.concat()).unwrap();
        let read = load(&ca.files(&[&first, &second])).unwrap();
        let kinds: Vec<_> = read.held.iter().map(|held| held.kind).collect();
        let (own, chain, root) = (HeldKind::Own, HeldKind::Chain, HeldKind::Root);
        assert_eq!(kinds, [own, chain, own, root]);
        assert_eq!((read.identities.len(), read.roots.len()), (2, 1));
        let signing = read.signing.iter().map(|key| key.certificate().hash());
        let own = read.held.iter().filter(|held| held.kind == own);
        assert!(signing.eq(own.map(|held| held.certificate.hash())));
    }

    #[test]
    fn a_key_that_belongs_to_another_certificate_is_told_with_its_file() {
        let temp = TempDir::new("keys").unwrap();
        let ca = Authority::new(temp.path());
        let path = ca.issue("vtn", VALID, &["localhost"]);
        ca.issue("other", VALID, &["localhost"]);
        let files = Files {
            keys: vec![temp.path().join("other-key.pem")],
            ..ca.files(&[&path])
        };
        let error = load(&files).unwrap_err().to_string();
        for said in ["vtn.pem", "other-key.pem"] {
            assert!(error.contains(said), "{error}");
        }
    }
}
