//! What is signed verifies, and says what was signed.

use oadr_core::codec::{DecodeOptions, decode, decode_signed_object};
use oadr_core::payload::arbitrary;
use oadr_sign::{Policy, SignedDocument, Verified, is_signed, sign};
use proptest::prelude::*;

use crate::keys::{Key, at, house, p384, poll, rsa};

fn verified(document: &[u8], key: &Key) -> Verified {
    let signed = SignedDocument::parse(document).unwrap();
    assert_eq!(signed.claimed_signer(), key.certificate().hash());
    signed
        .verify(key.certificate(), &Policy::default(), at(1))
        .unwrap()
}

#[test]
fn rule_514_every_kind_of_key_signs_and_verifies() {
    for key in [house(), p384(), rsa()] {
        let document = sign(&poll(), key, at(0), [7; 16]).unwrap();
        assert!(is_signed(&document));
        let verified = verified(&document, key);
        assert_eq!(verified.signature.timestamp, at(0));
        assert_eq!(verified.signature.signer, key.certificate().hash());
        let decoded = decode_signed_object(&verified.octets, &DecodeOptions::default()).unwrap();
        assert_eq!(decoded.message, poll());
        assert!(decoded.drifts.is_empty(), "{:?}", decoded.drifts);
        let decoded = decode(&document, &DecodeOptions::default()).unwrap();
        assert!(decoded.drifts.is_empty(), "{:?}", decoded.drifts);
    }
}

proptest! {
    #[test]
    fn rule_514_what_is_signed_is_what_is_read(
        numbers in prop::collection::vec(any::<u64>(), 0..200),
        nonce: [u8; 16],
    ) {
        let message = arbitrary::message(&numbers);
        let document = sign(&message, house(), at(0), nonce).unwrap();
        let verified = verified(&document, house());
        let options = DecodeOptions::default();
        let decoded = decode_signed_object(&verified.octets, &options).unwrap();
        prop_assert_eq!(&decoded.message, &message);
        prop_assert_eq!(decode(&document, &options).unwrap().message, message);
    }
}
