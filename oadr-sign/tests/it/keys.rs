//! Keys, certificates, times and messages for the tests.
//!
//! Knows nothing of what is tested.

use std::sync::OnceLock;

use oadr_core::payload::{Message, Poll};
use oadr_core::value::{DateTime, VenId};
use oadr_sign::{Certificate, SigningKey};
use rcgen::{CertificateParams, KeyPair, RsaKeySize};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// So many seconds after a moment at which the certificates here are valid.
pub(crate) fn at(seconds: i64) -> DateTime {
    DateTime::from_timestamp(1_780_000_000 + seconds, 0).unwrap()
}

pub(crate) fn make(key: &KeyPair) -> SigningKey {
    let mut params = CertificateParams::new(vec!["house.example".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    let certificate = params.self_signed(key).unwrap();
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    SigningKey::new(&der, Certificate::from_der(certificate.der()).unwrap()).unwrap()
}

/// A key on P-256.
pub(crate) fn house() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| make(&KeyPair::generate().unwrap()))
}

/// Another on P-256.
pub(crate) fn mallory() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| make(&KeyPair::generate().unwrap()))
}

pub(crate) fn p384() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| make(&KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap()))
}

pub(crate) fn rsa() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| {
        make(&KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap())
    })
}

pub(crate) fn poll() -> Message {
    let ven_id = VenId::new("ven-1").unwrap();
    Message::from(Poll { ven_id })
}
