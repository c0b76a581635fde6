//! A certificate with its chain and its private key, from PEM.
//! Does not know what they are used for.

use std::fmt;
use std::path::Path;

use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate, the chain below its root, and the private key.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
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
}

impl Identity {
    /// Reads a certificate with its chain (leaf first) and a private key, PKCS#8, PKCS#1 or SEC 1, the
    /// first perhaps encrypted. They may be in one file.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub fn read(
        certificate: &Path,
        key: &Path,
        passphrase: Option<&[u8]>,
    ) -> Result<Self, IdentityError> {
        let _ = (certificate, key, passphrase);
        unimplemented!()
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

/// The certificates of a PEM file, in their order.
///
/// # Errors
/// It cannot be read, or there is none in it.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let _ = path;
    unimplemented!()
}
