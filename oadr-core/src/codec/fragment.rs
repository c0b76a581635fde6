//! An element of a foreign vocabulary as a text of its own: checked, bounded, in canonical form.
//!
//! Knows nothing of what the element means.
//!
//! The form is that of exclusive canonical XML without comments and processing instructions: every
//! element declares the namespaces that its own names use, unless an element around it did. So the text
//! stands by itself wherever it was cut out, and is the same again wherever it was put in. Prefixes are
//! kept, since values may begin with them (`xsi:type`); those in attributes count as used, those in texts
//! do not: Atom and ESPI have none there.

use std::borrow::Cow;
use std::collections::BTreeSet;

use quick_xml::events::Event;

use super::attributes::declared_prefix;
use super::document::illegal_character;
use super::error::{DecodeError, DecodeErrorKind, Syntax};
use super::limits::{DecodeOptions, Leniency, Limits};
use super::markup::{attribute_value, attributes, normal_line_ends, split_name};
use super::namespace::Ns;
use super::reader::{Error, Reader};
use super::writer::{Writer, push_attribute, push_text};

/// The longest fragment, in bytes of its canonical form.
pub(crate) const LONGEST_FRAGMENT: usize = 1 << 20;

/// Elements within the fragment's root, itself included. With the elements around it, the depth that
/// documents are bounded by is not reached.
const DEEPEST: usize = 16;

/// The longest text and the longest attribute, in bytes.
const LONGEST_TEXT: usize = 64 << 10;

/// What the root of our own documents declares around a fragment.
const AROUND: [(&str, &str); 9] = [
    ("ei", "http://docs.oasis-open.org/ns/energyinterop/201110"),
    ("emix", "http://docs.oasis-open.org/ns/emix/2011/06"),
    ("gml", "http://www.opengis.net/gml/3.2"),
    ("oadr", "http://openadr.org/oadr-2.0b/2012/07"),
    ("power", "http://docs.oasis-open.org/ns/emix/2011/06/power"),
    (
        "pyld",
        "http://docs.oasis-open.org/ns/energyinterop/201110/payloads",
    ),
    (
        "scale",
        "http://docs.oasis-open.org/ns/emix/2011/06/siscale",
    ),
    ("strm", "urn:ietf:params:xml:ns:icalendar-2.0:stream"),
    ("xcal", "urn:ietf:params:xml:ns:icalendar-2.0"),
];

/// Checks a text that is one element of this name, and gives its canonical form.
pub(crate) fn read_fragment(
    text: &str,
    ns: Ns,
    local: &str,
    expected: &'static [&'static str],
) -> Result<String, DecodeError> {
    let refuse = |kind, offset| DecodeError {
        kind,
        path: "".into(),
        offset,
    };
    if text.len() > LONGEST_FRAGMENT {
        let limit = LONGEST_FRAGMENT;
        return Err(refuse(DecodeErrorKind::TooLong { limit }, limit));
    }
    if let Some(at) = illegal_character(text) {
        return Err(refuse(DecodeErrorKind::Malformed(Syntax::Character), at));
    }
    let mut reader = Reader::new(text, options());
    let read = |reader: &mut Reader<'_>| {
        if !reader.root()?.is(ns, local) {
            return Err(reader.unexpected(expected));
        }
        let fragment = reader.fragment()?;
        reader.finish()?;
        Ok(fragment)
    };
    read(&mut reader).map_err(|refusal: Error| DecodeError::locate(text, 0, *refusal))
}

fn options() -> DecodeOptions {
    DecodeOptions {
        limits: Limits {
            bytes: LONGEST_FRAGMENT,
            depth: DEEPEST,
            items: LONGEST_FRAGMENT,
            text: LONGEST_FRAGMENT,
        },
        leniency: Leniency::Strict,
    }
}

impl Writer<'_> {
    /// Writes a fragment, without the declarations that the root of our documents already has.
    pub(crate) fn fragment(&mut self, fragment: &str) {
        let mut reader = Reader::new(fragment, options());
        let inside = reader
            .root()
            .and_then(|_| reader.canonical(AROUND.to_vec()));
        // A fragment was read before, so it can be again; if not, the whole of it is as right, only
        // not as short.
        self.piece(inside.as_deref().unwrap_or(fragment));
    }
}

/// A fragment being written.
struct Canonical<'i> {
    out: String,
    /// The declarations in force, with the depth of the element that has them; zero is outside.
    rendered: Vec<(&'i str, Cow<'i, str>, usize)>,
    /// The elements open.
    open: Vec<&'i str>,
    /// Bytes of text since the last tag.
    run: usize,
    limit: usize,
}

impl<'i> Reader<'i> {
    /// Reads the child as a text that stands by itself, and stands on its next sibling.
    pub(crate) fn fragment(&mut self) -> Result<String, Error> {
        self.canonical(Vec::new())
    }

    /// The same where these prefixes are declared around the text.
    fn canonical(&mut self, around: Vec<(&'static str, &'static str)>) -> Result<String, Error> {
        let left = self.options.limits.bytes.saturating_sub(self.fragments);
        let mut text = Canonical {
            out: String::new(),
            rendered: around
                .into_iter()
                .map(|(prefix, uri)| (prefix, Cow::Borrowed(uri), 0))
                .collect(),
            open: Vec::new(),
            run: 0,
            // Declarations repeat, so that many fragments could be longer than the document.
            limit: left.min(LONGEST_FRAGMENT),
        };
        let mut depth = self.depth;
        let empty = core::mem::take(&mut self.empty);
        self.start_tag(&mut text, empty)?;
        if empty {
            text.end();
        }
        while !text.open.is_empty() {
            match self.event()? {
                Event::Start(start) => {
                    depth = depth.saturating_add(1);
                    self.count_item(depth)?;
                    self.note_attributes(&start, depth)?;
                    self.start_tag(&mut text, false)?;
                }
                Event::Empty(start) => {
                    let deeper = depth.saturating_add(1);
                    self.count_item(deeper)?;
                    self.note_attributes(&start, deeper)?;
                    self.start_tag(&mut text, true)?;
                    text.end();
                    self.scope.leave(deeper);
                }
                Event::End(_) => {
                    text.end();
                    if !text.open.is_empty() {
                        self.scope.leave(depth);
                        depth = depth.saturating_sub(1);
                    }
                }
                Event::Text(piece) => {
                    self.check_text(&piece)?;
                    text.text(&normal_line_ends(&piece));
                }
                Event::CData(piece) => text.text(&normal_line_ends(&piece)),
                Event::GeneralRef(reference) => {
                    let character = self.resolve(&reference)?;
                    text.text(character.encode_utf8(&mut [0; 4]));
                }
                Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => return Err(self.malformed(Syntax::Truncated)),
                Event::Decl(_) => return Err(self.malformed(Syntax::Declaration)),
                Event::DocType(_) => return Err(self.refuse(DecodeErrorKind::Doctype)),
            }
            let limit = LONGEST_TEXT.min(self.options.limits.text);
            if text.run > limit {
                return Err(self.refuse(DecodeErrorKind::TextTooLong { limit }));
            }
            if text.out.len() > text.limit {
                return Err(self.refuse(DecodeErrorKind::TooLong { limit: text.limit }));
            }
        }
        self.fragments = self.fragments.saturating_add(text.out.len());
        self.attributes.clear();
        self.scope.leave(self.depth);
        self.depth = self.depth.saturating_sub(1);
        self.advance()?;
        Ok(text.out)
    }

    /// Writes the start tag just read, whose declarations are in scope.
    fn start_tag(&self, text: &mut Canonical<'i>, empty: bool) -> Result<(), Error> {
        let malformed = |syntax| self.malformed(syntax);
        if text.open.len() == DEEPEST {
            return Err(self.refuse(DecodeErrorKind::TooDeep { limit: DEEPEST }));
        }
        let length = self.position().saturating_sub(self.offset());
        let tag = self.piece(self.offset(), length);
        let tag = tag.strip_prefix('<').unwrap_or(tag);
        let tag = tag.strip_suffix('>').unwrap_or(tag);
        let tag = if empty {
            tag.strip_suffix('/').unwrap_or(tag)
        } else {
            tag
        };
        let end = tag.find([' ', '\t', '\r', '\n']).unwrap_or(tag.len());
        let (name, raw) = tag.split_at_checked(end).unwrap_or((tag, ""));

        let mut used = BTreeSet::from([checked_prefix(name).map_err(malformed)?]);
        let mut plain = Vec::new();
        for (name, value) in attributes(raw).map_err(malformed)? {
            if let Some(prefix) = declared_prefix(name) {
                if !prefix.is_empty() && !is_ncname(prefix) {
                    return Err(malformed(Syntax::Prefix));
                }
                continue;
            }
            let prefix = checked_prefix(name).map_err(malformed)?;
            let value = attribute_value(value).map_err(malformed)?;
            let uri = if prefix.is_empty() {
                Cow::Borrowed("")
            } else {
                used.insert(prefix);
                self.uri(prefix)?
            };
            // A value that names a type does so by a prefix, or by the default namespace.
            if self.scope.attribute(prefix).map_err(malformed)? == Ns::Xsi && !value.contains(':') {
                used.insert("");
            }
            let mentioned = value.match_indices(':').filter_map(|(at, _)| {
                let before = value.get(..at)?;
                let word = before.rsplit([' ', ':']).next()?;
                self.scope.declared(word)
            });
            used.extend(mentioned);
            plain.push((uri, split_name(name).1, name, value));
        }
        plain.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        let twice = plain
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if (&a.0, a.1) == (&b.0, b.1)));
        if twice {
            return Err(malformed(Syntax::Attribute));
        }

        text.open.push(name);
        text.run = 0;
        text.out.push('<');
        text.out.push_str(name);
        for prefix in used {
            let uri = self.uri(prefix)?;
            text.declare(prefix, uri);
        }
        for (_, _, name, value) in plain {
            text.out.push(' ');
            text.out.push_str(name);
            text.out.push_str("=\"");
            let start = text.out.len();
            push_attribute(&value, &mut text.out);
            if text.out.len().saturating_sub(start) > LONGEST_TEXT {
                return Err(self.refuse(DecodeErrorKind::TextTooLong {
                    limit: LONGEST_TEXT,
                }));
            }
            text.out.push('"');
        }
        text.out.push('>');
        Ok(())
    }

    /// The namespace that a prefix stands for; empty where there is none.
    fn uri(&self, prefix: &str) -> Result<Cow<'i, str>, Error> {
        match self.scope.raw_uri(prefix) {
            Some(raw) => attribute_value(raw),
            None if prefix.is_empty() => Ok(Cow::Borrowed("")),
            None if prefix == "xml" => Ok(Cow::Borrowed("http://www.w3.org/XML/1998/namespace")),
            None => Err(Syntax::Prefix),
        }
        .map_err(|syntax| self.malformed(syntax))
    }
}

impl<'i> Canonical<'i> {
    /// Declares a prefix on the element being written, unless it is declared around it.
    fn declare(&mut self, prefix: &'i str, uri: Cow<'i, str>) {
        let around = self.rendered.iter().rev().find(|(p, _, _)| *p == prefix);
        let known = match around {
            Some((_, there, _)) => *there == uri,
            None => uri.is_empty() || prefix == "xml",
        };
        if known {
            return;
        }
        self.out.push_str(" xmlns");
        if !prefix.is_empty() {
            self.out.push(':');
            self.out.push_str(prefix);
        }
        self.out.push_str("=\"");
        push_attribute(&uri, &mut self.out);
        self.out.push('"');
        self.rendered.push((prefix, uri, self.open.len()));
    }

    fn text(&mut self, text: &str) {
        self.run = self.run.saturating_add(text.len());
        push_text(text, &mut self.out);
    }

    fn end(&mut self) {
        let depth = self.open.len();
        if let Some(name) = self.open.pop() {
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push('>');
        }
        while self.rendered.last().is_some_and(|(_, _, at)| *at >= depth) {
            self.rendered.pop();
        }
        self.run = 0;
    }
}

/// The prefix of a name that is one (Namespaces in XML §4); empty without.
fn checked_prefix(name: &str) -> Result<&str, Syntax> {
    let (prefix, local) = split_name(name);
    let colon = name.len() != local.len();
    if !is_ncname(local) || (colon && !is_ncname(prefix)) {
        return Err(Syntax::Markup);
    }
    Ok(prefix)
}

/// Whether this is a name without a colon (XML 1.0 §2.3).
fn is_ncname(name: &str) -> bool {
    let starts = |c: char| {
        matches!(c, 'A'..='Z' | 'a'..='z' | '_' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}'
            | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}'
            | '\u{200C}' | '\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
            | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
            | '\u{10000}'..='\u{EFFFF}')
    };
    let goes_on = |c: char| {
        starts(c)
            || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}'
                | '\u{203F}' | '\u{2040}')
    };
    let mut characters = name.chars();
    characters.next().is_some_and(starts) && characters.all(goes_on)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::encode;
    use crate::payload::{Message, MessageKind, arbitrary::Draws};

    #[test]
    fn what_is_declared_around_a_fragment_is_what_our_documents_declare() {
        for &kind in MessageKind::ALL {
            let document = encode(&Message::arbitrary(kind, &mut Draws::new(&[])));
            let document = String::from_utf8(document).unwrap();
            let root = document.split_once('>').unwrap().0;
            let declared: Vec<_> = root.split(" xmlns:").skip(1).collect();
            let around = AROUND.map(|(prefix, uri)| format!("{prefix}=\"{uri}\""));
            let holds_units = matches!(
                kind,
                MessageKind::DistributeEvent
                    | MessageKind::CreateOpt
                    | MessageKind::RegisterReport
                    | MessageKind::RegisteredReport
                    | MessageKind::CreateReport
                    | MessageKind::UpdateReport
            );
            assert_eq!(declared == around, holds_units, "{kind}: {declared:?}");
        }
    }
}
