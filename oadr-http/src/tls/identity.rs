//! A certificate with its chain and its private key, from files.
//! Does not know what they are used for.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::pem::{Contents, Part, parts};
use super::provider::provider;

/// A certificate, the chain below its root, and the private key.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone_key(),
        }
    }
}

/// Why files hold no identity. The text names the file and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// There is no certificate in a file.
    #[error("{path} holds no certificate but {found}{}", instead_of_certificate(*found))]
    NoCertificate {
        /// The file.
        path: String,
        /// What there is.
        found: Contents,
    },
    /// There is no private key in a file.
    #[error("{path} holds no private key but {found}{}", instead_of_key(*found))]
    NoKey {
        /// The file.
        path: String,
        /// What there is.
        found: Contents,
    },
    /// There are several private keys in a file, and nothing says which is meant.
    #[error("{path} holds {count} private keys; leave the one that belongs to the certificate")]
    SeveralKeys {
        /// The file.
        path: String,
        /// How many.
        count: usize,
    },
    /// A part of a file is not what it says it is.
    #[error("{path} is damaged: {part} in it cannot be read; copy the file again, whole")]
    Damaged {
        /// The file.
        path: String,
        /// Which part.
        part: Contents,
    },
    /// The key is under a passphrase, and none was given.
    #[error("the key in {path} is encrypted: its passphrase is needed")]
    PassphraseNeeded {
        /// The file.
        path: String,
    },
    /// The key is under another passphrase.
    #[error("the passphrase does not open the key in {path}")]
    PassphraseWrong {
        /// The file.
        path: String,
    },
    /// The key is under a passphrase in an old way, or in one that is not known here: what is read is
    /// PKCS#8 with AES in CBC or GCM, and PBKDF2 with SHA-2 or scrypt.
    #[error(
        "the key in {path} is encrypted in a way that is not supported; convert it with: \
         openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in {path} -out NEW.pem"
    )]
    Cipher {
        /// The file.
        path: String,
    },
    /// It is a private key, but of no kind that TLS uses here (rule 68).
    #[error(
        "the key in {path} cannot be used: RSA keys need 2048 to 8192 bits, elliptic ones the curve \
         P-256, P-384 or P-521"
    )]
    Unusable {
        /// The file.
        path: String,
    },
    /// The key belongs to another certificate.
    #[error("the key in {key} does not belong to the certificate in {certificate}")]
    OtherKey {
        /// The certificate's file.
        certificate: String,
        /// The key's file.
        key: String,
    },
    /// The key belongs to a certificate that is not the first one of its file.
    #[error(
        "the certificate that the key in {key} belongs to is number {place} in {certificate}; it has \
         to be the first, before those that lead to its root"
    )]
    NotFirst {
        /// The certificate's file.
        certificate: String,
        /// The key's file.
        key: String,
        /// Where it is, counted from one.
        place: usize,
    },
}

fn instead_of_certificate(found: Contents) -> &'static str {
    match found {
        Contents::PrivateKey => "; give the certificate's file here, and this one as the key's",
        Contents::Request => "; give what the CA made of it",
        Contents::Pkcs12 => "; convert it with: openssl pkcs12 -in FILE -aes256 -out NEW.pem",
        Contents::Nothing
        | Contents::Certificate
        | Contents::PublicKey
        | Contents::RevocationList
        | Contents::OtherPem
        | Contents::Unknown => "; a certificate begins with -----BEGIN CERTIFICATE-----",
    }
}

fn instead_of_key(found: Contents) -> &'static str {
    match found {
        Contents::Certificate => "; give the key's file here",
        Contents::PublicKey => "; give the private one that belongs to it",
        Contents::Pkcs12 => "; convert it with: openssl pkcs12 -in FILE -aes256 -out NEW.pem",
        Contents::Nothing
        | Contents::PrivateKey
        | Contents::Request
        | Contents::RevocationList
        | Contents::OtherPem
        | Contents::Unknown => "; a key begins with -----BEGIN PRIVATE KEY----- or the like",
    }
}

impl Identity {
    /// Reads a certificate with its chain (leaf first) and a private key, PKCS#8, PKCS#1 or SEC 1, the
    /// first perhaps encrypted. They may be in one file. PEM is meant; a single DER is read too.
    ///
    /// # Errors
    /// See [`IdentityError`]. [`PassphraseNeeded`](IdentityError::PassphraseNeeded) says that the same
    /// call with a passphrase may work.
    pub fn read(
        certificate: &Path,
        key: &Path,
        passphrase: Option<&[u8]>,
    ) -> Result<Self, IdentityError> {
        let chain = certificates(certificate)?;
        let (certificate, path) = (name(certificate), name(key));
        let key = private_key(&path, &read(key)?, passphrase)?;
        Self::matched(chain, key, certificate, path)
    }

    /// A certificate with its chain (leaf first) and its private key.
    ///
    /// # Errors
    /// See [`IdentityError`]; for want of files it speaks of "memory".
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, IdentityError> {
        let memory = || "memory".to_owned();
        if chain.is_empty() {
            return Err(IdentityError::NoCertificate {
                path: memory(),
                found: Contents::Nothing,
            });
        }
        Self::matched(chain, key, memory(), memory())
    }

    fn matched(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        certificate: String,
        path: String,
    ) -> Result<Self, IdentityError> {
        let loaded = provider().key_provider.load_private_key(key.clone_key());
        // Whatever can be used has a public half.
        let public = loaded.ok().and_then(|key| {
            let public = key.public_key()?;
            Some(public.as_ref().to_vec())
        });
        let Some(public) = public else {
            return Err(IdentityError::Unusable { path });
        };
        match chain.iter().position(|one| has_key(one, &public)) {
            Some(0) => Ok(Self { chain, key }),
            Some(place) => Err(IdentityError::NotFirst {
                certificate,
                key: path,
                place: place.saturating_add(1),
            }),
            None => Err(IdentityError::OtherKey {
                certificate,
                key: path,
            }),
        }
    }

    /// The certificate, and those that lead to its root.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The private key.
    #[must_use]
    pub fn key(&self) -> &PrivateKeyDer<'static> {
        &self.key
    }

    pub(super) fn into_parts(self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (self.chain, self.key)
    }

    /// As rustls wants it.
    pub(super) fn certified(&self) -> Result<Arc<CertifiedKey>, rustls::Error> {
        let key = provider()
            .key_provider
            .load_private_key(self.key.clone_key())?;
        Ok(Arc::new(CertifiedKey::new(self.chain.clone(), key)))
    }

    /// A copy, which is a decision: keys are not copied by chance.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone_key(),
        }
    }
}

impl fmt::Debug for Identity {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// The certificates of a PEM file, in their order, or the one of a DER file. Keys in the same file are
/// passed over.
///
/// # Errors
/// It cannot be read, there is none in it, or one is damaged.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let octets = read(path)?;
    let mut found = Contents::Nothing;
    let mut certificates = Vec::new();
    for part in parts(&octets) {
        match part {
            Part::Certificate(certificate) => certificates.push(certificate),
            Part::Damaged(Contents::Certificate) => {
                return Err(IdentityError::Damaged {
                    path: name(path),
                    part: Contents::Certificate,
                });
            }
            Part::Key(_) | Part::SealedKey(_) | Part::LegacyKey => found = Contents::PrivateKey,
            Part::Other(contents) | Part::Damaged(contents) => found = contents,
        }
    }
    if certificates.is_empty() {
        return Err(IdentityError::NoCertificate {
            path: name(path),
            found,
        });
    }
    Ok(certificates)
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    std::fs::read(path).map_err(|source| IdentityError::Io {
        path: name(path),
        source,
    })
}

/// The only key of a file.
fn private_key(
    path: &str,
    octets: &[u8],
    passphrase: Option<&[u8]>,
) -> Result<PrivateKeyDer<'static>, IdentityError> {
    let mut found = Contents::Nothing;
    let mut keys = Vec::new();
    for part in parts(octets) {
        match part {
            Part::Key(_) | Part::SealedKey(_) | Part::LegacyKey => keys.push(part),
            Part::Damaged(Contents::PrivateKey) => {
                return Err(IdentityError::Damaged {
                    path: path.to_owned(),
                    part: Contents::PrivateKey,
                });
            }
            Part::Certificate(_) => found = Contents::Certificate,
            Part::Other(contents) | Part::Damaged(contents) => found = contents,
        }
    }
    let count = keys.len();
    let path = path.to_owned();
    match (keys.pop(), count) {
        (Some(Part::Key(key)), 1) => Ok(key),
        (Some(Part::SealedKey(sealed)), 1) => open(path, &sealed, passphrase),
        (Some(Part::LegacyKey), 1) => Err(IdentityError::Cipher { path }),
        (Some(_), _) => Err(IdentityError::SeveralKeys { path, count }),
        (None, _) => Err(IdentityError::NoKey { path, found }),
    }
}

/// Deciphers PKCS#8.
fn open(
    path: String,
    sealed: &[u8],
    passphrase: Option<&[u8]>,
) -> Result<PrivateKeyDer<'static>, IdentityError> {
    let Ok(sealed) = EncryptedPrivateKeyInfoRef::try_from(sealed) else {
        // Well-formed or not, its cipher is none that is known here.
        return Err(IdentityError::Cipher { path });
    };
    if sealed.encryption_algorithm.pbes2().is_none() {
        return Err(IdentityError::Cipher { path });
    }
    let Some(passphrase) = passphrase else {
        return Err(IdentityError::PassphraseNeeded { path });
    };
    match sealed.decrypt(passphrase) {
        Ok(key) => Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into()),
        Err(pkcs8::Error::EncryptedPrivateKey(error))
            if error != pkcs8::pkcs5::Error::DecryptFailed =>
        {
            Err(IdentityError::Cipher { path })
        }
        // One wrong passphrase in 256 leaves a padding that looks right, and nonsense before it.
        Err(_) => Err(IdentityError::PassphraseWrong { path }),
    }
}

/// Whether a certificate is about this public key.
fn has_key(certificate: &CertificateDer<'_>, public: &[u8]) -> bool {
    X509Certificate::from_der(certificate)
        .is_ok_and(|(_, parsed)| parsed.tbs_certificate.subject_pki.raw == public)
}
