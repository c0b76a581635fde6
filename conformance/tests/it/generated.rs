//! Drawn values of every message, as our encoder writes them, judged by libxml2.

use std::collections::BTreeSet;

use conformance::peers::Peers;
use conformance::schema::{Validator, Verdict};
use conformance::seed;
use oadr_core::codec::{DecodeOptions, decode, encode};
use oadr_core::payload::arbitrary::Draws;
use oadr_core::payload::{Message, MessageKind};

const VALUES: usize = 1000;

/// Numbers that a value may be drawn from; beyond them it ends.
const NUMBERS: u64 = 2000;

#[test]
fn a_thousand_values_of_each_message_are_valid_and_are_read_back() {
    let name = "a_thousand_values_of_each_message_are_valid_and_are_read_back";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let validator = Validator::start(&peers).unwrap();
    let mut source = seed::Draws::announced_or(name, 1);
    assert_eq!(MessageKind::ALL.len(), 23);
    let mut bytes = 0;
    for &kind in MessageKind::ALL {
        let mut distinct = BTreeSet::new();
        for _ in 0..VALUES {
            let length = source.below(NUMBERS);
            let numbers: Vec<u64> = (0..length).map(|_| source.next_number()).collect();
            let message = Message::arbitrary(kind, &mut Draws::new(&numbers));
            let document = encode(&message);
            bytes += document.len();
            if let Verdict::Invalid(error) = validator.validate(&document).unwrap() {
                let text = String::from_utf8_lossy(&document);
                panic!("{kind}: {error}\n{text}\n{message:#?}");
            }
            let decoded = decode(&document, &DecodeOptions::default())
                .unwrap_or_else(|error| panic!("{kind}: {error}\n{message:#?}"));
            assert_eq!(decoded.message, message);
            assert!(
                decoded.drifts.is_empty(),
                "{kind}: our own {:?}",
                decoded.drifts
            );
            distinct.insert(document);
        }
        assert!(
            distinct.len() > VALUES / 2,
            "{kind}: only {} distinct",
            distinct.len()
        );
    }
    println!("{} values, {bytes} bytes", VALUES * MessageKind::ALL.len());
}
