//! The legal values of OpenADR's simple types: whatever exists here can be written to the wire.
//!
//! Knows nothing of elements, messages or rules.

mod date_time;
mod decimal;
mod duration;
mod enumerations;
mod float;
mod id;
mod non_empty;
mod text;

pub use chrono::Utc;
pub use decimal::Decimal;
pub use duration::Duration;
pub use enumerations::{
    DataQuality, EventStatus, Extension, OptReason, OptType, ProfileName, ReadingType, ReportName,
    ReportType, ResponseRequired, ServiceName, SiScaleCode, SignalName, SignalType, TransportName,
};
pub use float::Float;
pub use id::{
    BaselineId, EventId, GroupId, OptId, PartyId, RId, RegistrationId, ReportRequestId,
    ReportSpecifierId, RequestId, ResourceId, SignalId, VenId, VtnId,
};
pub use non_empty::{Empty, NonEmpty};
pub use text::{MarketContext, Text, Token, XmlId};

/// An instant, always UTC (rule 1).
pub type DateTime = chrono::DateTime<Utc>;

/// Why a text is not a value of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// Longer than the type allows.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The most that is allowed, in bytes.
        limit: usize,
    },
    /// A character that XML cannot carry, or that an ID must not have.
    #[error("has a character that is not allowed here")]
    IllegalCharacter,
    /// White space at the beginning or the end of an ID.
    #[error("begins or ends with white space")]
    OuterBlank,
    /// Not a date-time of the form `YYYY-MM-DDThh:mm:ss[.f]Z` (rule 1).
    #[error("is not a UTC date-time of the form YYYY-MM-DDThh:mm:ssZ")]
    NotADateTime,
    /// Not an ISO 8601 duration as the schema writes it.
    #[error("is not a duration such as PT1H, P1DT30M or 1W")]
    NotADuration,
    /// Not one of the values of an enumeration, nor an `x-` extension where these are allowed.
    #[error("is not one of the allowed values")]
    NotInEnumeration,
    /// Not a number.
    #[error("is not a number")]
    NotANumber,
    /// A number outside the range of its type.
    #[error("is out of range")]
    OutOfRange,
    /// Neither `true`, `false`, `1` nor `0`.
    #[error("is not a boolean")]
    NotABoolean,
    /// Not three digits.
    #[error("is not a response code of three digits")]
    NotAResponseCode,
    /// Another text than the one the schema fixes.
    #[error("is not the text that the schema fixes here")]
    NotTheFixedText,
    /// Not an XML name without colon.
    #[error("is not an XML ID")]
    NotAnXmlId,
}

/// How a text departed from the letter of the schema while its meaning stayed certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ValueDrift {
    /// A date-time without `Z`, read as UTC.
    NoZone,
    /// A date-time with a numeric offset, converted (only where the peer's profile is lenient).
    NumericOffset,
    /// A duration of fractional seconds, truncated to whole ones (rule 1).
    FractionalSeconds,
    /// Weeks written as ISO 8601 has them (`P1W`), not as the schema does (`1W`).
    IsoWeeks,
    /// Blanks around a text that the schema keeps to the letter, such as an ID or a duration; they are
    /// dropped.
    OuterBlanks,
    /// A market context that is no URI.
    NotAUri,
}

/// What a value parser may tell its reader beside the value.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) lenient: bool,
    pub(crate) drift: Option<ValueDrift>,
}

/// A simple type: a text on the wire.
pub(crate) trait Value: Sized {
    /// Parses the text between the tags, entities resolved.
    fn parse(text: &str, notes: &mut Notes) -> Result<Self, ValueError>;

    /// Appends the text, not yet escaped; returns whether it may need escaping.
    fn write(&self, out: &mut Vec<u8>) -> Escaping;
}

/// Whether a written text may hold markup characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escaping {
    Needless,
    Needed,
}

/// The text without XML white space at its ends, where the schema does not say that it does not count.
pub(crate) fn unpadded<'t>(text: &'t str, notes: &mut Notes) -> &'t str {
    let bare = trim(text);
    if bare.len() != text.len() {
        notes.drift = Some(ValueDrift::OuterBlanks);
    }
    bare
}

/// XML white space at both ends removed.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r'])
}

impl Value for bool {
    fn parse(text: &str, _: &mut Notes) -> Result<Self, ValueError> {
        match trim(text) {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(ValueError::NotABoolean),
        }
    }

    fn write(&self, out: &mut Vec<u8>) -> Escaping {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
        Escaping::Needless
    }
}

impl Value for u32 {
    fn parse(text: &str, _: &mut Notes) -> Result<Self, ValueError> {
        let text = trim(text);
        let digits = match text.strip_prefix('-') {
            // All that is left of the negative numbers.
            Some(zeros) if zeros.bytes().all(|b| b == b'0') => zeros,
            Some(_) => return Err(ValueError::NotANumber),
            None => text.strip_prefix('+').unwrap_or(text),
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ValueError::NotANumber);
        }
        digits.parse().map_err(|_| ValueError::OutOfRange)
    }

    fn write(&self, out: &mut Vec<u8>) -> Escaping {
        write_unsigned(u64::from(*self), out);
        Escaping::Needless
    }
}

/// Decimal digits without the formatting machinery: it is the encoder's most frequent number.
pub(crate) fn write_unsigned(mut n: u64, out: &mut Vec<u8>) {
    let start = out.len();
    loop {
        out.push(b'0'.saturating_add(u8::try_from(n % 10).unwrap_or(0)));
        n /= 10;
        if n == 0 {
            break;
        }
    }
    if let Some(written) = out.get_mut(start..) {
        written.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsigned_numbers_are_read_as_the_schema_writes_them() {
        let read = |text| u32::parse(text, &mut Notes::default());
        for (text, number) in [("0", 0), ("-0", 0), ("-00", 0), ("+7", 7), (" 042\n", 42)] {
            assert_eq!(read(text), Ok(number), "{text}");
        }
        for text in ["", "-", "+", "-1", "-+0", "1.0", "1e3"] {
            assert_eq!(read(text), Err(ValueError::NotANumber), "{text}");
        }
        assert_eq!(read("4294967296"), Err(ValueError::OutOfRange));
    }
}
