//! Signing and verifying an event against the bare operations of the library of cryptography, as
//! ratios from one run.
//!
//! `cargo bench -p conformance --bench signature`. The bare operation is that of the key and the digests
//! of the same octets (oadrSignedObject, ReplayProtect, SignedInfo), without any XML. The rounds of the
//! contestants alternate and the best of each counts, so that a noisy machine disturbs all of them alike.

#![expect(
    clippy::expect_used,
    reason = "a benchmark of broken input has no result"
)]

mod event;

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use event::{at, distribute_event};
use oadr_core::codec::{DecodeOptions, decode_signed_object, encode};
use oadr_core::payload::Message;
use oadr_sign::{Certificate, Policy, SignedDocument, SigningKey, sign};
use rcgen::{CertificateParams, KeyPair, RsaKeySize};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

const ROUNDS: usize = 200;
const TIMES: u32 = 20;
/// Bytes of SignedInfo and of the Object as they are digested for this event, measured: beside the key's
/// operation they hardly count.
const SIGNED_INFO: usize = 1_700;
const OBJECT: usize = 1_250;

fn main() {
    let message = distribute_event();
    println!(
        "{} bytes unsigned\n{:<8} {:>9} {:>9} {:>9} {:>6} {:>9} {:>9} {:>9} {:>6} {:>9}",
        encode(&message).len(),
        "key",
        "encode µs",
        "bare µs",
        "sign µs",
        "ratio",
        "bare µs",
        "parse µs",
        "verify µs",
        "ratio",
        "decode µs",
    );
    let ec = KeyPair::generate().expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &ec.serialize_der())
        .expect("a key");
    let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref())
        .expect("a public key");
    let random = SystemRandom::new();
    compare("P-256", &message, &ec, &public, |octets| {
        let signature = pair.sign(&random, octets).expect("a signature");
        signature.as_ref().to_vec()
    });
    let rsa = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
    let pair = RsaKeyPair::from_pkcs8(&rsa.serialize_der()).expect("a key");
    let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())
        .expect("a public key");
    compare("RSA-2048", &message, &rsa, &public, |octets| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &random, octets, &mut signature)
            .expect("a signature");
        signature
    });
}

fn compare(
    name: &str,
    message: &Message,
    key: &KeyPair,
    public: &ParsedPublicKey,
    bare_sign: impl Fn(&[u8]) -> Vec<u8>,
) {
    let key = signing_key(key);
    let now = at(0);
    let document = sign(message, &key, now, [1; 16]).expect("a signature");
    let verify = |document: &[u8]| {
        SignedDocument::parse(document)
            .and_then(|signed| signed.verify(key.certificate(), &Policy::default(), now))
            .expect("our own signature")
    };
    let octets = verify(&document).octets;
    let info = vec![b'x'; SIGNED_INFO];
    let object = vec![b'x'; OBJECT];
    let signature = bare_sign(&info);
    let options = DecodeOptions::default();

    let [mut encoded, mut bare_signed, mut signed, mut bare_verified] = [Duration::MAX; 4];
    let [mut parsed, mut verified, mut decoded] = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        encoded = encoded.min(time(|| {
            black_box(encode(black_box(message)));
        }));
        bare_signed = bare_signed.min(time(|| {
            black_box(digest(&SHA256, black_box(&octets)));
            black_box(digest(&SHA256, black_box(&object)));
            black_box(bare_sign(black_box(&info)));
        }));
        signed = signed.min(time(|| {
            black_box(sign(black_box(message), &key, now, [1; 16])).expect("a signature");
        }));
        bare_verified = bare_verified.min(time(|| {
            black_box(digest(&SHA256, black_box(&octets)));
            black_box(digest(&SHA256, black_box(&object)));
            let good = public.verify_sig(black_box(&info), black_box(&signature));
            good.expect("our own signature");
        }));
        parsed = parsed.min(time(|| {
            black_box(SignedDocument::parse(black_box(&document)).is_ok());
        }));
        verified = verified.min(time(|| {
            black_box(verify(black_box(&document)));
        }));
        decoded = decoded.min(time(|| {
            black_box(decode_signed_object(black_box(&octets), &options).is_ok());
        }));
    }
    let micros = |d: Duration| d.as_secs_f64() * 1e6;
    println!(
        "{name:<8} {:>9.1} {:>9.1} {:>9.1} {:>6.2} {:>9.1} {:>9.1} {:>9.1} {:>6.2} {:>9.1}",
        micros(encoded),
        micros(bare_signed),
        micros(signed),
        signed.as_secs_f64() / bare_signed.as_secs_f64(),
        micros(bare_verified),
        micros(parsed),
        micros(verified),
        verified.as_secs_f64() / bare_verified.as_secs_f64(),
        micros(decoded),
    );
}

fn time(mut work: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..TIMES {
        work();
    }
    start.elapsed() / TIMES
}

fn signing_key(key: &KeyPair) -> SigningKey {
    let mut params = CertificateParams::new(vec!["vtn.example".to_owned()]).expect("a name");
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2030, 1, 1);
    let certificate = params.self_signed(key).expect("a certificate");
    let certificate = Certificate::from_der(certificate.der()).expect("a certificate");
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    SigningKey::new(&der, certificate).expect("its key")
}
