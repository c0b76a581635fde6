//! The codec before any document: it is read or refused, and what is read is a legal message.
//!
//! Knows nothing of what messages mean.

use super::{numbers, over_the_wire};
use crate::codec::{DecodeOptions, Leniency, Limits, decode as read, encode};
use crate::payload::arbitrary;

/// The longest explanation of a refusal, in bytes: it goes to the peer and into logs.
const LONGEST_ERROR: usize = 4_096;

/// Reads a document in every way there is.
///
/// # Panics
/// An error is unbounded or points beyond the document, a lenient reader refuses what a strict one
/// takes or understands it otherwise, or a limit makes more of a document than there is.
pub fn decode(document: &[u8]) {
    let with = |leniency, limits| read(document, &DecodeOptions { limits, leniency });
    let strict = with(Leniency::Strict, Limits::default());
    let lenient = with(Leniency::Lenient, Limits::default());
    // Limits that a document of a few hundred bytes can break.
    let tight = Limits {
        bytes: 4_096,
        depth: 6,
        items: 12,
        text: 24,
    };
    let tight = with(Leniency::Lenient, tight);
    for outcome in [&strict, &lenient, &tight] {
        match outcome {
            Ok(decoded) => {
                assert!(decoded.drifts.kept().len() <= decoded.drifts.count());
                for drift in decoded.drifts.kept() {
                    assert!(drift.offset <= document.len(), "{drift:?}");
                }
            }
            Err(error) => {
                assert!(error.offset <= document.len(), "{error:?}");
                assert!(error.to_string().len() <= LONGEST_ERROR, "{error}");
            }
        }
    }
    if let Ok(strict) = &strict {
        assert_eq!(Ok(strict), lenient.as_ref(), "leniency changed a meaning");
    }
    if let Ok(tight) = &tight {
        assert_eq!(Ok(tight), lenient.as_ref(), "limits changed a meaning");
    }
}

/// Reads a document and writes it again; and writes a message drawn from the same bytes.
///
/// # Panics
/// What was read is written as something else, what we write is not to the letter of the schema, or
/// one message has two forms.
pub fn round_trip(bytes: &[u8]) {
    let options = DecodeOptions {
        leniency: Leniency::Lenient,
        ..DecodeOptions::default()
    };
    let read = read(bytes, &options).ok().map(|decoded| decoded.message);
    let drawn = arbitrary::message(&numbers(bytes));
    for message in read.into_iter().chain([drawn]) {
        let again = over_the_wire(&message);
        assert_eq!(encode(&again), encode(&message));
    }
}
