//! A place in a document, as people find it: line, column, and the text around it with a caret.
//!
//! Knows nothing of what is wrong there.

use serde::Serialize;

use crate::cli::printable;

/// How many characters are shown before and after the place.
const BEFORE: usize = 50;
const AFTER: usize = 30;

/// A place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    /// In bytes, from 0.
    pub(crate) offset: usize,
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    /// What stands there.
    pub(crate) excerpt: String,
    /// Which character of the excerpt it is, from 0.
    pub(crate) caret: usize,
}

impl Place {
    /// The place at an offset; one behind the end is the end.
    pub(super) fn at(octets: &[u8], offset: usize) -> Self {
        let offset = offset.min(octets.len());
        let (before, after) = octets.split_at(offset);
        let begins = before
            .iter()
            .rposition(|octet| *octet == b'\n')
            .map_or(0, |at| at + 1);
        let lines = before.iter().filter(|octet| **octet == b'\n').count();
        let left = String::from_utf8_lossy(before.get(begins..).unwrap_or_default());
        let right = after.split(|octet| *octet == b'\n').next();
        let right = String::from_utf8_lossy(right.unwrap_or_default());
        let count = left.chars().count();
        let left: String = left.chars().skip(count.saturating_sub(BEFORE)).collect();
        let right: String = right.trim_end_matches('\r').chars().take(AFTER).collect();
        let cut = if count > BEFORE { "…" } else { "" };
        let left = format!("{cut}{}", printable(&left));
        Self {
            offset,
            line: lines + 1,
            column: count + 1,
            caret: left.chars().count(),
            excerpt: format!("{left}{}", printable(&right)),
        }
    }

    /// Two lines: the excerpt, and the caret under it.
    pub(crate) fn drawn(&self) -> String {
        format!("    {}\n    {}^\n", self.excerpt, " ".repeat(self.caret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_where_an_editor_would_look() {
        let text = "<a>\n  <ü/><b>\r\n</a>".as_bytes();
        let at = text.windows(3).position(|some| some == b"<b>").unwrap();
        let place = Place::at(text, at);
        assert_eq!((place.line, place.column), (2, 7));
        assert_eq!(place.drawn(), "      <ü/><b>\n          ^\n");
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let text = format!("{}<b>{}", "a".repeat(500), "c".repeat(500));
        let place = Place::at(text.as_bytes(), 500);
        assert_eq!((place.line, place.column), (1, 501));
        let expected = format!("…{}<b>{}", "a".repeat(50), "c".repeat(27));
        assert_eq!(
            (place.excerpt.as_str(), place.caret),
            (expected.as_str(), 51)
        );
    }

    #[test]
    fn ends_and_bytes_that_are_no_text_have_a_place() {
        assert_eq!(Place::at(b"", 7).drawn(), "    \n    ^\n");
        let place = Place::at(b"<a>\xFF\x1B[2J</a>", 3);
        assert!(!place.excerpt.contains('\u{1b}'), "{}", place.excerpt);
        assert_eq!((place.column, place.caret), (4, 3));
    }
}
