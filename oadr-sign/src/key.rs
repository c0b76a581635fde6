//! The key that we sign with, parsed and checked once.
//!
//! Knows nothing of files and passphrases.

use std::fmt;

use aws_lc_rs::digest::{Digest, SHA384};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::PrivateKeyDer;

use crate::algorithm::{KeyFamily, SignatureMethod};
use crate::public_key::{PublicKey, to_width};
use crate::{Certificate, KeyKind};

/// A private key and the certificate that goes with it.
pub struct SigningKey {
    certificate: Certificate,
    /// As it stands in every signature.
    in_base64: String,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
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
        let pair = read(key).ok_or(KeyError::Kind)?;
        let belongs = match (&pair, certificate.key().ok_or(KeyError::Kind)?) {
            (Pair::Rsa(pair), of @ PublicKey::Rsa(_)) => pair.public_key().as_ref() == of.octets(),
            (Pair::P256(pair), of @ PublicKey::P256(_))
            | (Pair::P384(pair), of @ PublicKey::P384(_)) => {
                pair.public_key().as_ref() == of.octets()
            }
            (
                Pair::Rsa(_) | Pair::P256(_) | Pair::P384(_),
                PublicKey::Rsa(_) | PublicKey::P256(_) | PublicKey::P384(_),
            ) => false,
        };
        if !belongs {
            return Err(KeyError::OtherKey);
        }
        Ok(Self {
            in_base64: STANDARD.encode(certificate.der()),
            certificate,
            pair,
        })
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// What kind of key it is: peers want to be answered with one of the kind that they have.
    #[must_use]
    pub fn kind(&self) -> &KeyKind {
        self.certificate.key_kind()
    }

    /// The certificate in base64, on one line.
    pub(crate) fn certificate_in_base64(&self) -> &str {
        &self.in_base64
    }

    /// The identifier of the method that [`sign`](Self::sign) uses.
    pub(crate) fn method(&self) -> &'static str {
        SignatureMethod::ours(match self.pair {
            Pair::Rsa(_) => KeyFamily::Rsa,
            Pair::P256(_) | Pair::P384(_) => KeyFamily::Ecdsa,
        })
    }

    /// The signature of what has this SHA-256 digest.
    pub(crate) fn sign(&self, digest: &Digest) -> Option<Vec<u8>> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(&RSA_PKCS1_SHA256, digest, &mut signature)
                    .ok()?;
                Some(signature)
            }
            Pair::P256(pair) => Some(pair.sign_digest(digest).ok()?.as_ref().to_vec()),
            Pair::P384(pair) => {
                let digest = to_width(digest, &SHA384)?;
                Some(pair.sign_digest(&digest).ok()?.as_ref().to_vec())
            }
        }
    }
}

fn read(key: &PrivateKeyDer<'_>) -> Option<Pair> {
    let rsa = match key {
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Sec1(_) | _ => return read_ec(key.secret_der()),
    };
    match rsa {
        Ok(pair) if pair.public_modulus_len() >= KeySize::Rsa2048.len() => Some(Pair::Rsa(pair)),
        Ok(_) => None,
        Err(_) => read_ec(key.secret_der()),
    }
}

/// SEC 1 or PKCS#8.
fn read_ec(der: &[u8]) -> Option<Pair> {
    let p256 = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der);
    let p384 = || EcdsaKeyPair::from_private_key_der(&ECDSA_P384_SHA384_FIXED_SIGNING, der);
    p256.map(Pair::P256)
        .or_else(|_| p384().map(Pair::P384))
        .ok()
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rustls_pki_types::PrivatePkcs8KeyDer;

    use super::*;
    use crate::testing;

    #[test]
    fn rule_68_a_key_signs_with_its_own_certificate_only() {
        for (rcgen, other) in [
            (testing::ec_key(), testing::ec_key()),
            (testing::ec_key(), testing::rsa_key()),
            (testing::rsa_key(), testing::p384_key()),
            (testing::p384_key(), testing::ec_key()),
        ] {
            let certificate = testing::certificate(&rcgen);
            let der = |key: &rcgen::KeyPair| {
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()))
            };
            let key = SigningKey::new(&der(&rcgen), certificate.clone()).unwrap();
            assert_eq!(key.kind(), certificate.key_kind());
            assert!(!format!("{key:?}").contains("pair"));
            assert_eq!(
                SigningKey::new(&der(&other), certificate).map(|_| ()),
                Err(KeyError::OtherKey)
            );
        }
    }

    #[test]
    fn rule_68_other_curves_sign_nothing() {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
        let certificate = testing::certificate(&key);
        assert!(matches!(certificate.key_kind(), KeyKind::Other(_)));
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        assert_eq!(
            SigningKey::new(&der, certificate).map(|_| ()),
            Err(KeyError::Kind)
        );
    }

    #[test]
    fn every_kind_of_key_verifies_what_it_signed() {
        for rcgen in [testing::ec_key(), testing::p384_key(), testing::rsa_key()] {
            let key = testing::signing_key(&rcgen);
            let digest = |text: &[u8]| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text);
            let signature = key.sign(&digest(b"text")).unwrap();
            let public = key.certificate().key().unwrap();
            let hash = crate::algorithm::Hash::Sha256;
            assert!(public.verifies(hash, &digest(b"text"), &signature));
            assert!(!public.verifies(hash, &digest(b"Text"), &signature));
        }
    }
}
