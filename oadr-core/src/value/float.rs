//! `xs:float` values, kept as `f64` so that no digit a peer sent is lost.
//!
//! Knows nothing of units.

use serde::{Deserialize, Serialize};

use super::{Escaping, Notes, Value, ValueError, trim, write_unsigned};

/// A number as `xs:float` has it, `NaN` and the infinities included.
///
/// Unlike `f64` it equals itself always: all `NaN`s are one value, and the two zeros are another.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct Float(f64);

impl Float {
    /// Zero.
    pub const ZERO: Self = Self(0.0);

    /// The number as `f64`.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }

    fn key(self) -> u64 {
        if self.0.is_nan() {
            f64::NAN.to_bits()
        } else if self.0 == 0.0 {
            0
        } else {
            self.0.to_bits()
        }
    }
}

impl From<f64> for Float {
    fn from(number: f64) -> Self {
        Self(number)
    }
}

impl From<Float> for f64 {
    fn from(number: Float) -> Self {
        number.0
    }
}

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Float {}

impl core::hash::Hash for Float {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl core::fmt::Display for Float {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut text = Vec::with_capacity(24);
        self.write(&mut text);
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// JSON has no `NaN`: what is not finite travels as the wire's text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Wire {
    Number(f64),
    Text(String),
}

impl From<Float> for Wire {
    fn from(number: Float) -> Self {
        if number.0.is_finite() {
            Self::Number(number.0)
        } else {
            Self::Text(number.to_string())
        }
    }
}

impl From<Wire> for Float {
    fn from(wire: Wire) -> Self {
        match wire {
            Wire::Number(number) => Self(number),
            Wire::Text(text) => Self::parse(&text, &mut Notes::default()).unwrap_or(Self(f64::NAN)),
        }
    }
}

impl Value for Float {
    fn parse(text: &str, _: &mut Notes) -> Result<Self, ValueError> {
        match trim(text) {
            "INF" | "+INF" => Ok(Self(f64::INFINITY)),
            "-INF" => Ok(Self(f64::NEG_INFINITY)),
            "NaN" => Ok(Self(f64::NAN)),
            // Rust also reads words ("inf", "nan"); the schema does not.
            digits
                if digits
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) =>
            {
                digits.parse().map(Self).map_err(|_| ValueError::NotANumber)
            }
            _ => Err(ValueError::NotANumber),
        }
    }

    fn write(&self, out: &mut Vec<u8>) -> Escaping {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let n = self.0;
        let size = n.abs();
        if n.is_nan() {
            out.extend_from_slice(b"NaN");
        } else if n.is_infinite() {
            out.extend_from_slice(if n > 0.0 { b"INF" } else { b"-INF" });
        } else if size < EXACT && n.trunc() == n {
            if n < 0.0 {
                out.push(b'-');
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole number below 2^53"
            )]
            write_unsigned(size as u64, out);
        } else {
            use std::io::Write as _;
            // Plain digits while they are short, an exponent where they would not be.
            let written = if (1e-5..1e16).contains(&size) {
                write!(out, "{n}")
            } else {
                write!(out, "{n:E}")
            };
            debug_assert!(written.is_ok(), "a Vec takes every byte");
        }
        Escaping::Needless
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_as_they_were() {
        for n in [
            0.0,
            -0.0,
            1.0,
            -3.0,
            0.1,
            1e-5,
            1.5e-9,
            123_456_789.25,
            9.1e15,
            1e16,
            1.7e308,
            5e-324,
        ] {
            let text = Float(n).to_string();
            assert_eq!(
                Float::parse(&text, &mut Notes::default()),
                Ok(Float(n)),
                "{text}"
            );
        }
        assert_eq!(Float(f64::NAN).to_string(), "NaN");
        assert_eq!(Float(f64::NEG_INFINITY).to_string(), "-INF");
        assert_eq!(Float(4.0).to_string(), "4");
    }

    #[test]
    fn words_that_only_rust_knows_are_refused() {
        for text in ["inf", "nan", "infinity", "", "1_0", "0x1", "1e"] {
            assert_eq!(
                Float::parse(text, &mut Notes::default()),
                Err(ValueError::NotANumber),
                "{text}"
            );
        }
    }
}
