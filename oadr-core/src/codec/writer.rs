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
            Escaping::Needed => self.escape_from(start, b"&<>\r"),
        }
    }

    /// A value as the text of an attribute in double quotes.
    pub(crate) fn attribute<V: Value>(&mut self, value: &V) {
        let start = self.out.len();
        value.write(self.out);
        self.escape_from(start, b"&<\"\t\n\r");
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
                let escape: &[u8] = match byte {
                    b'&' => b"&amp;",
                    b'<' => b"&lt;",
                    b'>' if special.contains(&b'>') => b"&gt;",
                    b'"' if special.contains(&b'"') => b"&quot;",
                    b'\r' => b"&#xD;",
                    b'\t' if special.contains(&b'\t') => b"&#x9;",
                    b'\n' if special.contains(&b'\n') => b"&#xA;",
                    other => {
                        self.out.push(other);
                        continue;
                    }
                };
                self.out.extend_from_slice(escape);
            }
        }
    }
}
