//! Private keys: drawn, put under a passphrase, read again.
//!
//! Knows nothing of certificates.

use std::fmt;
use std::fs;
use std::path::Path;

use pkcs8::pkcs5::pbes2;
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef, SecretDocument};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};

use super::PkiError;
use crate::entropy;

/// Rounds of PBKDF2 with HMAC-SHA-256 between a passphrase and its key: what OWASP asks for, a fifth of
/// a second. scrypt would be stronger, but less is able to read it. Tests are not optimised, and have no
/// secrets.
const ROUNDS: u32 = if cfg!(test) { 2_000 } else { 600_000 };

/// The kind of a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum NewKey {
    /// RSA: 2,048 bits, and 3,072 for a CA, which is there for longer.
    Rsa,
    /// ECDSA on P-256.
    P256,
}

impl NewKey {
    /// A key of a certificate that issues no others.
    pub(super) fn draw(self) -> Result<KeyPair, rcgen::Error> {
        self.of_size(RsaKeySize::_2048)
    }

    /// A key of a CA.
    pub(super) fn draw_for_ca(self) -> Result<KeyPair, rcgen::Error> {
        self.of_size(RsaKeySize::_3072)
    }

    fn of_size(self, size: RsaKeySize) -> Result<KeyPair, rcgen::Error> {
        match self {
            Self::Rsa => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size),
            Self::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        }
    }
}

/// What a private key is kept under. It never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Passphrase(Vec<u8>);

impl Passphrase {
    /// A text that somebody typed or wrote into a file; the end of the line is no part of it.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        (!line.is_empty()).then(|| Self(line.as_bytes().to_vec()))
    }

    /// The one in a file.
    ///
    /// # Errors
    /// The file cannot be read, or is empty.
    pub(crate) fn read(path: &Path) -> Result<Self, PkiError> {
        let text = fs::read_to_string(path).map_err(|source| PkiError::io(path, source))?;
        Self::new(&text).ok_or_else(|| PkiError::NoPassphrase(path.to_owned()))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

/// A key as PKCS#8 in PEM; under the passphrase (PBES2), if there is one.
pub(super) fn to_pem(key: &KeyPair, passphrase: Option<&Passphrase>) -> Result<String, PkiError> {
    let Some(passphrase) = passphrase else {
        return Ok(key.serialize_pem());
    };
    let failed = |error: pkcs8::Error| PkiError::Key(KeyError::Format(error));
    let info = PrivateKeyInfoRef::try_from(key.serialized_der()).map_err(failed)?;
    let drawn = entropy::draw().map_err(PkiError::Randomness)?;
    let (salt, rest) = drawn.split_at(16);
    let mut iv = [0; 16];
    iv.copy_from_slice(rest);
    let parameters = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(ROUNDS, salt, iv)
        .map_err(|error| failed(error.into()))?;
    let sealed = info
        .encrypt_with_params(parameters, &passphrase.0)
        .map_err(failed)?;
    let pem = sealed
        .to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF)
        .map_err(|error| failed(error.into()))?;
    Ok(pem.to_string())
}

/// Reads a key; `passphrase` is asked for one if it is needed.
pub(super) fn from_pem(
    text: &str,
    passphrase: impl FnOnce() -> Result<Passphrase, PkiError>,
) -> Result<KeyPair, PkiError> {
    let (label, document) = SecretDocument::from_pem(text)
        .map_err(|error| PkiError::Key(KeyError::Format(error.into())))?;
    if label != "ENCRYPTED PRIVATE KEY" {
        return KeyPair::from_pem(text).map_err(|error| PkiError::Key(error.into()));
    }
    let passphrase = passphrase()?;
    let sealed = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
        .map_err(|error| PkiError::Key(KeyError::Format(error)))?;
    let open = sealed
        .decrypt(&passphrase.0)
        .map_err(|_| PkiError::Key(KeyError::WrongPassphrase))?;
    KeyPair::try_from(open.as_bytes()).map_err(|error| PkiError::Key(error.into()))
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("cannot be drawn or read: {0}")]
    Cryptography(#[from] rcgen::Error),
    #[error("is no private key in PKCS#8 form: {0}")]
    Format(#[from] pkcs8::Error),
    #[error("does not open with this passphrase")]
    WrongPassphrase,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text).unwrap()
    }

    #[test]
    fn a_key_comes_back_with_its_passphrase_only() {
        let nobody = || -> Result<Passphrase, PkiError> { panic!("not asked") };
        for kind in [NewKey::P256, NewKey::Rsa] {
            let key = kind.draw().unwrap();
            let plain = to_pem(&key, None).unwrap();
            assert!(
                plain.starts_with("-----BEGIN PRIVATE KEY-----\n"),
                "{plain}"
            );
            let back = from_pem(&plain, nobody).unwrap();
            assert_eq!(back.serialized_der(), key.serialized_der());

            let sealed = to_pem(&key, Some(&passphrase("secret\n"))).unwrap();
            let begin = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n";
            assert!(sealed.starts_with(begin), "{sealed}");
            let back = from_pem(&sealed, || Ok(passphrase("secret"))).unwrap();
            assert_eq!(back.serialized_der(), key.serialized_der());
            let error = from_pem(&sealed, || Ok(passphrase("Secret"))).unwrap_err();
            assert!(
                matches!(error, PkiError::Key(KeyError::WrongPassphrase)),
                "{error}"
            );
        }
        assert!(from_pem("nothing", nobody).is_err());
    }

    #[test]
    fn a_passphrase_is_a_line_and_does_not_show_itself() {
        for text in ["a b ", "a b \n", "a b \r\n"] {
            assert_eq!(passphrase(text).0, b"a b ");
        }
        assert_eq!(Passphrase::new("\n"), None);
        assert_eq!(format!("{:?}", passphrase("secret")), "Passphrase");
    }
}
