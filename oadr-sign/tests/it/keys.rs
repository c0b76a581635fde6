//! Keys, certificates, times and messages for the tests.
//!
//! Knows nothing of what is tested.

use std::ops::Deref;
use std::sync::OnceLock;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm,
};
use oadr_core::payload::{Message, Poll};
use oadr_core::value::{DateTime, VenId};
use oadr_sign::{Certificate, SigningKey};
use rcgen::{CertificateParams, KeyPair, RsaKeySize};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// So many seconds after a moment at which the certificates here are valid.
pub(crate) fn at(seconds: i64) -> DateTime {
    DateTime::from_timestamp(1_780_000_000 + seconds, 0).unwrap()
}

/// A key with all that is in it.
pub(crate) struct Key {
    pub(crate) signing: SigningKey,
    pkcs8: Vec<u8>,
}

impl Deref for Key {
    type Target = SigningKey;

    fn deref(&self) -> &SigningKey {
        &self.signing
    }
}

impl Key {
    /// The signature of any octets, r and s one after the other. For keys on P-256.
    pub(crate) fn sign(&self, octets: &[u8]) -> Vec<u8> {
        self.sign_with(&ECDSA_P256_SHA256_FIXED_SIGNING, octets)
    }

    /// The signature of their SHA-1 digest: as a number, that is one of 32 bytes with zeros in front.
    pub(crate) fn sign_sha1(&self, octets: &[u8]) -> Vec<u8> {
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, octets);
        let number = [&[0; 12], digest.as_ref()].concat();
        let number = digest::Digest::import_less_safe(&number, &digest::SHA256).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.pkcs8);
        pair.unwrap()
            .sign_digest(&number)
            .unwrap()
            .as_ref()
            .to_vec()
    }

    /// The same in DER.
    pub(crate) fn sign_der(&self, octets: &[u8]) -> Vec<u8> {
        self.sign_with(&ECDSA_P256_SHA256_ASN1_SIGNING, octets)
    }

    fn sign_with(&self, algorithm: &'static EcdsaSigningAlgorithm, octets: &[u8]) -> Vec<u8> {
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, &self.pkcs8).unwrap();
        let signature = pair.sign(&SystemRandom::new(), octets).unwrap();
        signature.as_ref().to_vec()
    }
}

fn make(key: &KeyPair) -> Key {
    let mut params = CertificateParams::new(vec!["house.example".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    let certificate = params.self_signed(key).unwrap();
    let pkcs8 = key.serialize_der();
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8.clone()));
    let certificate = Certificate::from_der(certificate.der()).unwrap();
    let signing = SigningKey::new(&der, certificate).unwrap();
    Key { signing, pkcs8 }
}

/// A key on P-256.
pub(crate) fn house() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| make(&KeyPair::generate().unwrap()))
}

/// Another on P-256.
pub(crate) fn mallory() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| make(&KeyPair::generate().unwrap()))
}

pub(crate) fn p384() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| make(&KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap()))
}

pub(crate) fn rsa() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| {
        make(&KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap())
    })
}

pub(crate) fn poll() -> Message {
    let ven_id = VenId::new("ven-1").unwrap();
    Message::from(Poll { ven_id })
}
