//! Free texts and tokens: anything XML can carry, bounded.
//!
//! Knows nothing of escaping; that is the writer's.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Escaping, Notes, Value, ValueDrift, ValueError, trim};

/// The longest free text, in bytes.
const MAX_TEXT_BYTES: usize = 65_536;

/// Whether XML 1.0 can carry every character of the text.
pub(crate) fn is_xml_text(text: &str) -> bool {
    text.bytes()
        .all(|b| b >= 0x20 || matches!(b, b'\t' | b'\n' | b'\r'))
        && !has_noncharacter(text)
}

/// The two code points above the controls that XML leaves out.
fn has_noncharacter(text: &str) -> bool {
    !text.is_ascii() && text.contains(['\u{FFFE}', '\u{FFFF}'])
}

/// The rule for everything that is one line without blanks around it.
pub(super) fn check_line(text: &str, limit: usize) -> Result<(), ValueError> {
    if text.len() > limit {
        return Err(ValueError::TooLong { limit });
    }
    if text.bytes().any(|b| b < 0x20) || has_noncharacter(text) {
        return Err(ValueError::IllegalCharacter);
    }
    if text.starts_with(' ') || text.ends_with(' ') {
        return Err(ValueError::OuterBlank);
    }
    Ok(())
}

/// Types that are a checked text: how it is checked, and what is made of it when it is read.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident($check:path, $reading:path))*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks the text and takes it.
            ///
            /// # Errors
            /// The text is not one of this type; the error says why.
            pub fn new(text: impl AsRef<str>) -> Result<Self, ValueError> {
                $check(text.as_ref())?;
                Ok(Self(text.as_ref().into()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether it is empty, which means the same as absent (rule 46).
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl Value for $name {
            fn parse(text: &str, notes: &mut Notes) -> Result<Self, ValueError> {
                Self::new($reading(text, notes))
            }

            fn write(&self, out: &mut Vec<u8>) -> Escaping {
                out.extend_from_slice(self.0.as_bytes());
                Escaping::Needed
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl core::str::FromStr for $name {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ValueError;

            fn try_from(text: String) -> Result<Self, ValueError> {
                $check(&text)?;
                Ok(Self(text.into_boxed_str()))
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0.into_string()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl core::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}
pub(super) use texts;

texts! {
    /// A free text, kept to the letter, at most 65,536 bytes.
    Text(check_text, kept)
    /// A text without line breaks, without blanks at its ends or twice in a row (`xs:token`).
    Token(check_token, collapsed)
    /// `marketContext`: a URI naming a programme; may be empty. Compare with
    /// [`same_as`](MarketContext::same_as).
    MarketContext(check_token, uri)
    /// An `xs:ID`: an XML name without colon.
    XmlId(check_xml_id, collapsed)
}

fn check_text(text: &str) -> Result<(), ValueError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(ValueError::TooLong {
            limit: MAX_TEXT_BYTES,
        });
    }
    if is_xml_text(text) {
        Ok(())
    } else {
        Err(ValueError::IllegalCharacter)
    }
}

fn check_token(text: &str) -> Result<(), ValueError> {
    check_line(text, MAX_TEXT_BYTES)?;
    if text.contains("  ") {
        Err(ValueError::IllegalCharacter)
    } else {
        Ok(())
    }
}

fn check_xml_id(text: &str) -> Result<(), ValueError> {
    check_line(text, MAX_TEXT_BYTES)?;
    let mut chars = text.chars();
    let starts = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let goes_on = chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if starts && goes_on {
        Ok(())
    } else {
        Err(ValueError::NotAnXmlId)
    }
}

fn kept<'t>(text: &'t str, _: &mut Notes) -> &'t str {
    text
}

fn collapsed<'t>(text: &'t str, _: &mut Notes) -> Cow<'t, str> {
    collapse(text)
}

/// Whatever names a programme does name it; that it is no URI is noted.
fn uri<'t>(text: &'t str, notes: &mut Notes) -> Cow<'t, str> {
    let text = collapse(text);
    if !is_uri(&text) {
        notes.drift = Some(ValueDrift::NotAUri);
    }
    text
}

/// White space as `xs:token` wants it: none outside, single blanks inside.
pub(super) fn collapse(text: &str) -> Cow<'_, str> {
    let trimmed = trim(text);
    if trimmed.contains(['\t', '\n', '\r']) || trimmed.contains("  ") {
        trimmed
            .split([' ', '\t', '\n', '\r'])
            .filter(|w| !w.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
            .into()
    } else {
        trimmed.into()
    }
}

impl MarketContext {
    /// Whether it is a URI, as the schema wants; what peers name a programme with need not be one.
    #[must_use]
    pub fn is_uri(&self) -> bool {
        is_uri(&self.0)
    }

    /// Whether both name the same context: scheme and host compare without case, the rest to the
    /// letter after normalising percent-encoding (rule 512, RFC 3986 §6.2.2).
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.0 == other.0 || normalise_uri(&self.0) == normalise_uri(&other.0)
    }
}

fn is_scheme(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// Whether a text can be a URI reference once what is not ASCII is escaped (RFC 3986 §4.1): each `%`
/// begins an escape, and a colon in the first segment ends a scheme.
fn is_uri(text: &str) -> bool {
    let escapes = text.split('%').skip(1).all(|after| {
        let hex = after.get(..2).unwrap_or_default();
        hex.len() == 2 && hex.bytes().all(|b| b.is_ascii_hexdigit())
    });
    let end = text.find(['/', '?', '#']).unwrap_or(text.len());
    let segment = text.get(..end).unwrap_or_default();
    let scheme = segment.split_once(':').map(|(scheme, _)| scheme);
    escapes
        && scheme.is_none_or(|scheme| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && is_scheme(scheme)
        })
}

fn normalise_uri(uri: &str) -> String {
    let (scheme, rest) = match uri.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
        Some(_) | None => (None, uri),
    };
    let mut normal = String::with_capacity(uri.len());
    if let Some(scheme) = scheme {
        normal.push_str(&scheme.to_ascii_lowercase());
        normal.push(':');
    }
    let rest = match rest.strip_prefix("//") {
        Some(after) => {
            let end = after.find(['/', '?', '#']).unwrap_or(after.len());
            let (authority, path) = after.split_at(end);
            let (user, host) = match authority.rsplit_once('@') {
                Some((user, host)) => (Some(user), host),
                None => (None, authority),
            };
            normal.push_str("//");
            if let Some(user) = user {
                normal.push_str(user);
                normal.push('@');
            }
            normal.push_str(&host.to_ascii_lowercase());
            path
        }
        None => rest,
    };
    push_percent_normal(rest, &mut normal);
    normal
}

/// Percent-encoded unreserved characters decoded, the hex digits of the others in upper case.
fn push_percent_normal(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        match escape
            .get(1..3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
        {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                out.push(char::from(byte));
                rest = escape.get(3..).unwrap_or_default();
            }
            Some(_) => {
                out.push_str(&escape.get(..3).unwrap_or_default().to_ascii_uppercase());
                rest = escape.get(3..).unwrap_or_default();
            }
            None => {
                out.push('%');
                rest = escape.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_512_market_contexts_compare_after_normalisation() {
        let context = |text| MarketContext::new(text).unwrap();
        assert!(context("HTTP://Example.COM/dr%7ea").same_as(&context("http://example.com/dr~a")));
        assert!(context("http://e.com/%2f").same_as(&context("http://e.com/%2F")));
        assert!(!context("http://e.com/DR").same_as(&context("http://e.com/dr")));
        assert!(!context("http://e.com/%2F").same_as(&context("http://e.com//")));
        assert!(context("100%").same_as(&context("100%")));
    }

    #[test]
    fn a_market_context_that_is_no_uri_is_taken_and_noted() {
        let drift = |text| {
            let mut notes = Notes::default();
            MarketContext::parse(text, &mut notes).map(|_| notes.drift)
        };
        for uri in [
            "",
            "dr",
            "http://example.com/a b",
            "urn:x:%C3%A9",
            "a/b:c",
            "é",
        ] {
            assert_eq!(drift(uri), Ok(None), "{uri}");
        }
        for other in [
            "%%",
            "100%",
            "a%2",
            "%zz",
            "2026-01-01T00:00:00Z",
            ":a",
            "é:b",
        ] {
            assert_eq!(drift(other), Ok(Some(ValueDrift::NotAUri)), "{other}");
        }
    }

    #[test]
    fn tokens_collapse_when_read_and_refuse_when_made() {
        let read = Token::parse(" Direct \n Read ", &mut Notes::default()).unwrap();
        assert_eq!(read.as_str(), "Direct Read");
        assert_eq!(
            Token::new("Direct  Read"),
            Err(ValueError::IllegalCharacter)
        );
        assert_eq!(Text::new("\u{1}"), Err(ValueError::IllegalCharacter));
        assert_eq!(Text::new("\u{FFFE}"), Err(ValueError::IllegalCharacter));
        assert_eq!(XmlId::new("1a"), Err(ValueError::NotAnXmlId));
    }
}
