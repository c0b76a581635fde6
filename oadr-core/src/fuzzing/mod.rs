//! The bodies of the fuzz targets: each takes any bytes and panics where something does not hold.
//!
//! Knows nothing of who makes the bytes; the tests feed it the committed corpus. Behind the feature
//! `fuzzing`, and no public API: anything here may change with any version.

#![cfg_attr(
    not(test),
    expect(
        clippy::arithmetic_side_effects,
        reason = "the clocks here stay within a few thousand years; a panic would be a finding"
    )
)]

mod codec;
mod draft;
mod identity;
mod listener;
mod opt;
mod ven;
mod ven_reports;
mod vtn;
mod vtn_pushes;
mod vtn_reports;

pub use codec::{decode, round_trip};
pub use ven::ven;
pub use vtn::vtn;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{self as xml, DecodeOptions, DriftKind};
use crate::machine::{Decision, Loaded, Role};
use crate::payload::Message;
use crate::value::ValueDrift;

/// The numbers to draw from, one a byte; a byte above 247 stands before a number of eight bytes, so
/// that every number can be had and nearly every byte means one thing.
fn numbers(bytes: &[u8]) -> Vec<u64> {
    let mut numbers = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        match after.first_chunk() {
            Some(wide) if *first > 247 => {
                numbers.push(u64::from_le_bytes(*wide));
                rest = after.get(8..).unwrap_or_default();
            }
            Some(_) | None => {
                numbers.push(u64::from(*first));
                rest = after;
            }
        }
    }
    numbers
}

/// Entropy that no other input of the same run has.
fn entropy(count: &mut u64) -> [u8; 32] {
    *count = count.wrapping_add(1);
    let mut entropy = [0; 32];
    for (place, bytes) in (1..).zip(entropy.chunks_exact_mut(8)) {
        bytes.copy_from_slice(&count.wrapping_mul(place).to_be_bytes());
    }
    entropy
}

/// A message as the peer gets it: it is read as it was written, to the letter of the schema but for
/// what we took from others and do not make: market contexts that are no URIs, repeated IDs.
fn over_the_wire(message: &Message) -> Message {
    let document = xml::encode(message);
    let decoded = xml::decode(&document, &DecodeOptions::default());
    let decoded = decoded.unwrap_or_else(|error| unreadable(&error, &document));
    for drift in decoded.drifts.kept() {
        let foreign = [DriftKind::RepeatedId, DriftKind::Value(ValueDrift::NotAUri)];
        assert!(foreign.contains(&drift.kind), "{drift:?}");
    }
    assert_eq!(decoded.message, *message);
    decoded.message
}

#[expect(clippy::panic, reason = "what the fuzzer is to see")]
fn unreadable(error: &xml::DecodeError, document: &[u8]) -> ! {
    panic!("{error}: {}", String::from_utf8_lossy(document));
}

/// A value as it comes back from storage.
#[expect(
    clippy::expect_used,
    reason = "a value that cannot be stored is a finding"
)]
fn stored<T: Serialize + DeserializeOwned>(value: &T) -> T {
    let row = serde_json::to_vec(value).expect("a value can be stored");
    serde_json::from_slice(&row).expect("a row can be read")
}

/// What holds of every decision: its changes, as they were stored, make the row, as it was stored;
/// facts, effects and claims stand beside changes only.
pub(crate) fn check_decision<R: Role>(at: &Loaded<R>, decision: &Decision<R>) {
    assert_eq!(decision.base(), at.version);
    let next = decision.next(at);
    let mut replayed = at.state.clone();
    for change in decision.changes() {
        let change_stored = stored(change);
        assert_eq!(change_stored, *change);
        R::apply(&mut replayed, &change_stored);
    }
    assert_eq!(replayed, next.state, "the changes are the decision");
    assert_eq!(stored(&next.state), next.state);
    for fact in decision.facts() {
        assert_eq!(stored(fact), *fact);
    }
    for effect in decision.effects() {
        assert_eq!(stored(effect), *effect);
    }
    if decision.changes().is_empty() {
        assert!(
            !decision.needs_commit(),
            "something stands without a change"
        );
        assert_eq!(next.version, at.version);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Feeds a target its corpus, file by file; the name of a file that fails is printed.
    fn replay(target: &str, body: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
        let mut files: Vec<_> = std::fs::read_dir(folder.join(target))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        assert!(files.len() >= 10, "{target} has lost its corpus");
        for file in files {
            println!("{}", file.display());
            body(&std::fs::read(&file).unwrap());
        }
    }

    #[test]
    fn the_corpus_of_decode_holds() {
        replay("decode", super::decode);
    }

    #[test]
    fn the_corpus_of_round_trip_holds() {
        replay("round_trip", super::round_trip);
    }

    #[test]
    fn the_corpus_of_the_vtn_holds() {
        replay("vtn", super::vtn);
    }

    #[test]
    fn the_corpus_of_the_ven_holds() {
        replay("ven", super::ven);
    }

    #[test]
    fn any_number_can_be_drawn() {
        let mut bytes = vec![0, 247, 255];
        bytes.extend(u64::MAX.to_le_bytes());
        bytes.push(250);
        assert_eq!(super::numbers(&bytes), [0, 247, u64::MAX, 250]);
    }
}
