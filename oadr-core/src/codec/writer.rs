//! Writes the canonical form: the elements' fixed prefixes, no empty-element tags, all namespaces
//! declared on the root in the order of canonical XML, texts escaped as canonical XML has it.
//!
//! Knows nothing of messages.

use crate::value::{Escaping, Value};

/// The prefix that our documents use for a namespace.
macro_rules! prefix {
    (Oadr) => {
        "oadr"
    };
    (Ei) => {
        "ei"
    };
    (Pyld) => {
        "pyld"
    };
    (Emix) => {
        "emix"
    };
    (Power) => {
        "power"
    };
    (Scale) => {
        "scale"
    };
    (Xcal) => {
        "xcal"
    };
    (Strm) => {
        "strm"
    };
    (Gml) => {
        "gml"
    };
}
pub(crate) use prefix;

/// A document being written.
#[derive(Debug)]
pub(crate) struct Writer<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> Writer<'o> {
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Markup, as it is.
    #[inline]
    pub(crate) fn raw(&mut self, markup: &'static str) {
        self.out.extend_from_slice(markup.as_bytes());
    }

    /// A value as the text of an element.
    #[inline]
    pub(crate) fn value<V: Value>(&mut self, value: &V) {
        let start = self.out.len();
        match value.write(self.out) {
            Escaping::Needless => {}
            Escaping::Needed => self.escape_from(start, TEXT),
        }
    }

    /// A value as the text of an attribute in double quotes.
    pub(crate) fn attribute<V: Value>(&mut self, value: &V) {
        let start = self.out.len();
        value.write(self.out);
        self.escape_from(start, ATTRIBUTE);
    }

    /// Puts an attribute into the start tag just written, if there is a value for it.
    pub(crate) fn amend_start_tag<V: Value>(
        &mut self,
        before: &'static str,
        value: Option<&V>,
        after: &'static str,
    ) {
        if let Some(value) = value {
            debug_assert_eq!(self.out.last(), Some(&b'>'), "a start tag was written last");
            self.out.pop();
            self.raw(before);
            self.attribute(value);
            self.raw(after);
            self.raw(">");
        }
    }

    /// Markup made elsewhere, as it is.
    pub(super) fn piece(&mut self, markup: &str) {
        self.out.extend_from_slice(markup.as_bytes());
    }

    /// Escapes in place what was written since `start`; nearly always there is nothing to do.
    #[inline]
    fn escape_from(&mut self, start: usize, special: &'static [u8]) {
        let written = self.out.get(start..).unwrap_or_default();
        // All that is special anywhere: asked for byte by byte, `special` would cost more.
        let is_suspicious = |b: &u8| matches!(b, b'&' | b'<' | b'>' | b'"' | b'\t' | b'\n' | b'\r');
        if written.iter().any(is_suspicious) {
            let plain = written.to_vec();
            self.out.truncate(start);
            for byte in plain {
                match escape(byte, special) {
                    Some(escape) => self.out.extend_from_slice(escape.as_bytes()),
                    None => self.out.push(byte),
                }
            }
        }
    }
}

/// What is escaped in the text of an element, and in an attribute.
const TEXT: &[u8] = b"&<>\r";
const ATTRIBUTE: &[u8] = b"&<\"\t\n\r";

/// The reference that a byte is written as, if it is one of the special.
fn escape(byte: u8, special: &[u8]) -> Option<&'static str> {
    if !special.contains(&byte) {
        return None;
    }
    match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'"' => Some("&quot;"),
        b'\r' => Some("&#xD;"),
        b'\t' => Some("&#x9;"),
        b'\n' => Some("&#xA;"),
        _ => None,
    }
}

/// Appends a text as that of an element.
pub(super) fn push_text(text: &str, out: &mut String) {
    push_escaped(text, TEXT, out);
}

/// Appends a text as that of an attribute in double quotes.
pub(super) fn push_attribute(text: &str, out: &mut String) {
    push_escaped(text, ATTRIBUTE, out);
}

fn push_escaped(text: &str, special: &[u8], out: &mut String) {
    for character in text.chars() {
        match u8::try_from(character)
            .ok()
            .and_then(|byte| escape(byte, special))
        {
            Some(escape) => out.push_str(escape),
            None => out.push(character),
        }
    }
}
