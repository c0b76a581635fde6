//! Canonical forms as seen from outside: the octets that are verified.

use oadr_core::codec::{DecodeOptions, decode_signed_object, encode};
use oadr_core::payload::arbitrary;
use oadr_sign::{Policy, SignedDocument, sign};
use proptest::prelude::*;

use crate::keys::{at, house};

proptest! {
    #[test]
    fn rule_514_the_octets_are_canonical_and_stay_so(
        numbers in prop::collection::vec(any::<u64>(), 0..100),
    ) {
        let message = arbitrary::message(&numbers);
        let document = sign(&message, house(), at(0), [1; 16]).unwrap();
        let verified = SignedDocument::parse(&document)
            .and_then(|signed| signed.verify(house().certificate(), &Policy::default(), at(0)))
            .unwrap();
        // What was verified, put into the document in place of the signed object, verifies again and is
        // itself.
        let text = String::from_utf8(document).unwrap();
        let from = text.find("<oadr:oadrSignedObject ").unwrap();
        let to = text.rfind("</oadr:oadrPayload>").unwrap();
        let octets = std::str::from_utf8(&verified.octets).unwrap();
        let again = text.replacen(&text[from..to], octets, 1);
        let twice = SignedDocument::parse(again.as_bytes())
            .and_then(|signed| signed.verify(house().certificate(), &Policy::default(), at(0)))
            .unwrap();
        prop_assert_eq!(&twice.octets, &verified.octets);
        let decoded = decode_signed_object(&verified.octets, &DecodeOptions::default()).unwrap();
        prop_assert_eq!(encode(&decoded.message), encode(&message));
    }
}
