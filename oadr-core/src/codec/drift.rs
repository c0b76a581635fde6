//! What a peer bent: departures from the schema that were understood all the same, never silently.
//!
//! Knows nothing of which peer it was.

use crate::value::ValueDrift;

/// How many departures are kept in full; beyond these only their number is.
const KEPT: usize = 16;

/// One departure from the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drift {
    /// What it was.
    pub kind: DriftKind,
    /// Where: the offset of the markup in bytes.
    pub offset: usize,
}

/// The kinds of departure. Those up to [`RepeatedId`](Self::RepeatedId) are always accepted, the others only
/// from peers with a lenient profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DriftKind {
    /// The message without `oadrPayload` around it.
    Unwrapped,
    /// The signature behind the signed object instead of before it.
    SignatureLast,
    /// `schemaVersion` or `Id` without a namespace.
    UnqualifiedAttribute,
    /// A message without `schemaVersion` (rule 509).
    NoSchemaVersion,
    /// A `schemaLocation` (rule 45).
    SchemaLocation,
    /// An element that the schema demands and whose absence leaves no doubt, such as a `requestID`.
    Absent,
    /// The text of a wrapper without its inner element, as an early schema revision had it.
    BareValue,
    /// A value in another form than the schema's.
    Value(ValueDrift),
    /// An `xs:ID` that another element of the document has, too.
    RepeatedId,
    /// A known element in the wrong place.
    OutOfOrder,
    /// A known element in another namespace.
    WrongNamespace,
    /// An element that was skipped.
    UnknownElement,
    /// An attribute that was skipped.
    UnknownAttribute,
}

/// The departures of one document: the first ones in full, all of them counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drifts {
    kept: Vec<Drift>,
    count: usize,
}

impl Drifts {
    /// The first departures, in the order of the document; at most 16.
    #[must_use]
    pub fn kept(&self) -> &[Drift] {
        &self.kept
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether the document was to the letter of the schema.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn note(&mut self, kind: DriftKind, offset: usize) {
        self.count = self.count.saturating_add(1);
        if self.kept.len() < KEPT {
            self.kept.push(Drift { kind, offset });
        }
    }
}
