//! Endpoint paths: which of the five services a request path names, and the prefix an operator puts before them.
//! Knows RFC 3986 normalisation of paths; does not know hosts, queries or messages.

use std::borrow::Cow;
use std::fmt;

use oadr_core::value::ServiceName;

/// What stands between the prefix and the service's name (rule 511).
pub(crate) const ROOT: &str = "/OpenADR2/Simple/2.0b";

/// The path before `/OpenADR2/Simple/2.0b/…`, normalised: empty, or `/one/or/more/segments` without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prefix(String);

impl Prefix {
    /// Reads a prefix, with or without slashes around it. The empty text and `/` mean "no prefix".
    ///
    /// # Errors
    ///
    /// [`PrefixError`] when the text holds something that cannot stand in a path: a query, a fragment, a blank, a
    /// control character, anything outside ASCII, or an empty segment.
    pub fn new(text: &str) -> Result<Self, PrefixError> {
        if let Some(culprit) = text
            .chars()
            .find(|&c| !c.is_ascii_graphic() || "?#\"<>\\^`{|}".contains(c))
        {
            return Err(PrefixError::Character(culprit));
        }
        let segments = text.trim_matches('/');
        if segments.is_empty() {
            return Ok(Self::default());
        }
        if segments.contains("//") {
            return Err(PrefixError::EmptySegment);
        }
        let rooted = format!("/{segments}");
        Ok(Self(normalise(&rooted).trim_end_matches('/').to_owned()))
    }

    /// The prefix as it stands in a path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no path prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrefixError {
    /// A character that cannot stand in a path.
    #[error("{0:?} cannot stand in a path prefix")]
    Character(char),
    /// Two slashes in a row.
    #[error("a path prefix cannot have an empty segment")]
    EmptySegment,
}

/// The service that `path` names below `prefix`, if it names one. Case is significant (rule 511).
pub(crate) fn service_at(prefix: &Prefix, path: &str) -> Option<ServiceName> {
    // Nearly every request spells the path plainly; only the others pay for a normalised copy.
    exact_service_at(prefix, path).or_else(|| match normalise(path) {
        Cow::Borrowed(_) => None,
        Cow::Owned(normal) => exact_service_at(prefix, &normal),
    })
}

fn exact_service_at(prefix: &Prefix, path: &str) -> Option<ServiceName> {
    let name = path
        .strip_prefix(prefix.as_str())?
        .strip_prefix(ROOT)?
        .strip_prefix('/')?;
    named(name)
}

/// The service with exactly this name.
pub(crate) fn named(name: &str) -> Option<ServiceName> {
    ServiceName::ALL
        .iter()
        .copied()
        .find(|service| service.as_str() == name)
}

/// RFC 3986 §6.2.2: escapes of unreserved characters decoded, the other escapes in capitals, dot segments removed.
/// Borrowed when there is nothing to normalise.
pub(crate) fn normalise(path: &str) -> Cow<'_, str> {
    if !path.contains('%') && !path.contains("/.") {
        return Cow::Borrowed(path);
    }
    Cow::Owned(remove_dot_segments(&decode_unreserved(path)))
}

fn decode_unreserved(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let octet = after
            .get(..2)
            .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        match octet.and_then(|hex| Some((hex, u8::from_str_radix(hex, 16).ok()?))) {
            Some((hex, octet)) => {
                let plain = char::from(octet);
                if plain.is_ascii_alphanumeric() || "-._~".contains(plain) {
                    out.push(plain);
                } else {
                    out.push('%');
                    out.push_str(&hex.to_ascii_uppercase());
                }
                rest = after.get(2..).unwrap_or_default();
            }
            // No escape at all: it stays, and so the path equals none of ours.
            None => {
                out.push('%');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// RFC 3986 §5.2.4 for a path that begins with a slash.
fn remove_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                // `/a/.` is `/a/`: a dot at the end leaves its slash.
                if last {
                    kept.push("");
                }
            }
            name => kept.push(name),
        }
    }
    let mut out = String::with_capacity(path.len());
    for segment in kept {
        out.push('/');
        out.push_str(segment);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_511_each_service_has_its_path() {
        for service in [
            ServiceName::EiEvent,
            ServiceName::EiReport,
            ServiceName::EiRegisterParty,
            ServiceName::EiOpt,
            ServiceName::OadrPoll,
        ] {
            let path = format!("/OpenADR2/Simple/2.0b/{}", service.as_str());
            assert_eq!(service_at(&Prefix::default(), &path), Some(service));
            assert_eq!(service_at(&Prefix::new("grid/north").unwrap(), &path), None);
            let path = format!("/grid/north{path}");
            assert_eq!(
                service_at(&Prefix::new("grid/north").unwrap(), &path),
                Some(service)
            );
            assert_eq!(service_at(&Prefix::default(), &path), None);
        }
    }

    #[test]
    fn rule_511_equivalent_spellings_are_the_same_path() {
        for path in [
            "/OpenADR2/Simple/2%2E0b/EiEvent",
            "/OpenADR2/Simple/2%2e0b/%45iEvent",
            "/%4fpenADR2/./Simple/x/../2.0b/EiEvent",
            "/../OpenADR2/Simple/2.0b/EiEvent",
            "/OpenADR2/Simple/%2e%2E/Simple/2.0b/EiEvent",
        ] {
            assert_eq!(
                service_at(&Prefix::default(), path),
                Some(ServiceName::EiEvent),
                "{path}"
            );
        }
    }

    #[test]
    fn rule_511_other_paths_are_no_service() {
        for path in [
            "",
            "/",
            "*",
            "/OpenADR2/Simple/2.0b",
            "/OpenADR2/Simple/2.0b/",
            "/OpenADR2/Simple/2.0b/EiEvent/",
            "/OpenADR2/Simple/2.0b/EiEvent/.",
            "/OpenADR2/Simple/2.0b/EiEvents",
            "/OpenADR2/Simple/2.0b/eievent",
            "/openadr2/simple/2.0b/EiEvent",
            "//OpenADR2/Simple/2.0b/EiEvent",
            "/OpenADR2/Simple/EiEvent",
            "/OpenADR2%2FSimple/2.0b/EiEvent",
            "/OpenADR2/Simple/2.0b/EiEvent%",
            "/OpenADR2/Simple/2.0b/EiEvent%4",
            "/OpenADR2/Simple/2.0b/EiEvent%zz",
            "/OpenADR2/Simple/2.0b/EiEvent%€",
        ] {
            assert_eq!(service_at(&Prefix::default(), path), None, "{path}");
        }
    }

    #[test]
    fn dot_segments_go_as_rfc_3986_says() {
        for (path, normal) in [
            ("/a/b/c/./../../g", "/a/g"),
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("/..", "/"),
            ("/a/.b/..c", "/a/.b/..c"),
            ("/a%2fb%7E", "/a%2Fb~"),
        ] {
            assert_eq!(normalise(path), normal, "{path}");
        }
    }

    #[test]
    fn a_prefix_is_normalised() {
        for (text, prefix) in [
            ("", ""),
            ("/", ""),
            ("grid", "/grid"),
            ("/a/./b/", "/a/b"),
            ("/%7Ea", "/~a"),
            ("/a/..", ""),
        ] {
            assert_eq!(Prefix::new(text).unwrap().as_str(), prefix, "{text}");
        }
    }

    #[test]
    fn a_prefix_that_is_no_path_is_refused() {
        assert_eq!(Prefix::new("/a?b"), Err(PrefixError::Character('?')));
        assert_eq!(Prefix::new("/a b"), Err(PrefixError::Character(' ')));
        assert_eq!(Prefix::new("/ä"), Err(PrefixError::Character('ä')));
        assert_eq!(Prefix::new("/a//b"), Err(PrefixError::EmptySegment));
    }
}
