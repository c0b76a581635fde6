//! Keys, certificates and times for tests.
//!
//! Knows nothing of what is tested.

use std::sync::OnceLock;

use oadr_core::value::DateTime;
use rcgen::{CertificateParams, DnType, KeyPair, RsaKeySize, SanType};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::{Certificate, SigningKey};

/// So many seconds after a moment at which the certificates here are valid.
pub(crate) fn at(seconds: i64) -> DateTime {
    DateTime::from_timestamp(1_780_000_000 + seconds, 0).unwrap()
}

pub(crate) fn ec_key() -> KeyPair {
    KeyPair::generate().unwrap()
}

pub(crate) fn p384_key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap()
}

pub(crate) fn rsa_key() -> KeyPair {
    KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()
}

pub(crate) fn certificate(key: &KeyPair) -> Certificate {
    let mut params = CertificateParams::new(vec!["house.example".to_owned()]).unwrap();
    for address in ["127.0.0.1", "::1"] {
        let address = address.parse().unwrap();
        params.subject_alt_names.push(SanType::IpAddress(address));
    }
    params.distinguished_name = rcgen::DistinguishedName::new();
    let mut name = |kind, text| params.distinguished_name.push(kind, text);
    name(DnType::CommonName, "house");
    name(DnType::OrganizationName, "Example, Inc.");
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    Certificate::from_der(params.self_signed(key).unwrap().der()).unwrap()
}

pub(crate) fn signing_key(key: &KeyPair) -> SigningKey {
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    SigningKey::new(&der, certificate(key)).unwrap()
}

/// A key on P-256 that stays the same within a process.
pub(crate) fn house() -> &'static SigningKey {
    static HOUSE: OnceLock<SigningKey> = OnceLock::new();
    HOUSE.get_or_init(|| signing_key(&ec_key()))
}
