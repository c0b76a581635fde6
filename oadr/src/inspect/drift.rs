//! Departures from the schema in words.
//!
//! Knows nothing of where they are.

use oadr_core::codec::DriftKind;
use oadr_core::value::ValueDrift;

/// What was bent, for people.
pub(super) fn words(kind: DriftKind) -> &'static str {
    match kind {
        DriftKind::Unwrapped => "the message is not in an oadrPayload with an oadrSignedObject",
        DriftKind::SignatureLast => {
            "the signature stands behind the signed object instead of before it"
        }
        DriftKind::UnqualifiedAttribute => "schemaVersion or Id has no namespace",
        DriftKind::NoSchemaVersion => "the message has no schemaVersion (rule 509)",
        DriftKind::SchemaLocation => "there is a schemaLocation (rule 45)",
        DriftKind::Absent => "an element is missing that the schema demands, but nothing hangs on",
        DriftKind::BareValue => "a value stands without the element that the schema has around it",
        DriftKind::Value(value) => match value {
            ValueDrift::NoZone => "a time has no Z; it was taken for UTC",
            ValueDrift::NumericOffset => "a time has an offset instead of Z; it was converted",
            ValueDrift::FractionalSeconds => {
                "a duration has fractions of seconds, which were cut off (rule 1)"
            }
            ValueDrift::IsoWeeks => "weeks are written P1W, where the schema has 1W",
            ValueDrift::OuterBlanks => "there are blanks around a value; they were dropped",
            ValueDrift::NotAUri => "the market context is no URI",
            _ => "a value is written in another form than the schema's",
        },
        DriftKind::RepeatedId => "another element has the same XML ID",
        DriftKind::OutOfOrder => "an element is in the wrong place of its sequence",
        DriftKind::WrongNamespace => "an element is in another namespace than the schema's",
        DriftKind::UnknownElement => "an element that is not in the schema was skipped",
        DriftKind::UnknownAttribute => "an attribute that is not in the schema was skipped",
        _ => "it departs from the schema",
    }
}
