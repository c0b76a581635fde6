//! `xs:decimal`: digits without an exponent, kept as written.
//!
//! Knows nothing of units.

use serde::{Deserialize, Serialize};

use super::{Escaping, Notes, Value, ValueError, trim};

/// The longest decimal, in bytes.
const MAX_BYTES: usize = 64;

/// A decimal number in the very digits it was given in, such as `60.0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Decimal(Box<str>);

impl Decimal {
    /// Takes digits, with an optional sign and an optional point.
    ///
    /// # Errors
    /// Anything else, or more than 64 bytes.
    pub fn new(text: impl AsRef<str>) -> Result<Self, ValueError> {
        let text = text.as_ref();
        if text.len() > MAX_BYTES {
            return Err(ValueError::TooLong { limit: MAX_BYTES });
        }
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let points = digits.bytes().filter(|b| *b == b'.').count();
        let others = digits.bytes().filter(|b| !b.is_ascii_digit()).count();
        if points > 1 || others > points || digits.len() == points {
            return Err(ValueError::NotANumber);
        }
        Ok(Self(text.into()))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<u32> for Decimal {
    fn from(number: u32) -> Self {
        Self(number.to_string().into())
    }
}

impl TryFrom<String> for Decimal {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        Self::new(text)
    }
}

impl From<Decimal> for String {
    fn from(decimal: Decimal) -> Self {
        decimal.0.into_string()
    }
}

impl Value for Decimal {
    fn parse(text: &str, _: &mut Notes) -> Result<Self, ValueError> {
        Self::new(trim(text))
    }

    fn write(&self, out: &mut Vec<u8>) -> Escaping {
        out.extend_from_slice(self.0.as_bytes());
        Escaping::Needless
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_decimal_digits_make_a_decimal() {
        for good in ["60.0", "0", "-1.", ".5", "+3"] {
            assert!(Decimal::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "-", "1e3", "1.2.3", "INF", "0x1"] {
            assert_eq!(Decimal::new(bad), Err(ValueError::NotANumber), "{bad}");
        }
    }
}
