//! A strict pull reader: from child element to child element, with nothing in between.
//!
//! Knows nothing of messages. Stands always on a child of the current element or at its end, so that
//! the types above it read their sequences by asking "is it this one?".

use std::borrow::Cow;
use std::collections::BTreeSet;

use quick_xml::events::{BytesStart, Event};

use super::attributes::{Attribute, Attributes};
use super::drift::{DriftKind, Drifts};
use super::error::{DecodeErrorKind, Syntax};
use super::limits::{DecodeOptions, Leniency};
use super::markup::{cut, normal_line_ends, reference_value, split_name};
use super::namespace::{Ns, Scope};
use crate::value::{Notes, Value, XmlId};

/// A refusal on its way up: the kind and the byte; boxed, since results are returned often and
/// refusals rarely.
pub(crate) type Error = Box<Refusal>;

#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) kind: DecodeErrorKind,
    pub(crate) offset: usize,
}

/// An element's name, resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name<'i> {
    pub(crate) ns: Ns,
    pub(crate) local: &'i str,
}

impl Name<'_> {
    #[inline]
    pub(crate) fn is(&self, ns: Ns, local: &str) -> bool {
        self.ns == ns && self.local == local
    }
}

#[derive(Debug, Clone, Copy)]
enum Cursor<'i> {
    Child(Name<'i>),
    End,
}

#[derive(Debug)]
pub(crate) struct Reader<'i> {
    pub(super) input: &'i str,
    xml: quick_xml::Reader<&'i [u8]>,
    pub(super) options: DecodeOptions,
    pub(super) scope: Scope<'i>,
    /// Elements open, the current child included.
    pub(super) depth: usize,
    items: usize,
    cursor: Cursor<'i>,
    /// Where the current token begins.
    offset: usize,
    /// The current child is an empty-element tag, whose end is yet to be made up.
    pub(super) empty: bool,
    /// A wrapper whose inner element is missing was entered: its text is the value.
    bare: bool,
    pub(super) attributes: Vec<Attribute<'i>>,
    /// `]]>` occurs somewhere, so that texts must be searched for it.
    cdata_ends: bool,
    drifts: Drifts,
    ids: BTreeSet<XmlId>,
    /// Bytes of all fragments taken out so far.
    pub(super) fragments: usize,
}

impl<'i> Reader<'i> {
    /// Starts before the root element.
    pub(crate) fn new(input: &'i str, options: DecodeOptions) -> Self {
        let mut xml = quick_xml::Reader::from_str(input);
        xml.config_mut().check_comments = true;
        Self {
            input,
            xml,
            options,
            scope: Scope::default(),
            depth: 0,
            items: 0,
            cursor: Cursor::End,
            offset: 0,
            empty: false,
            bare: false,
            attributes: Vec::new(),
            cdata_ends: input.contains("]]>"),
            drifts: Drifts::default(),
            ids: BTreeSet::new(),
            fragments: 0,
        }
    }

    /// Where the current token begins, in bytes.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    pub(crate) fn into_drifts(self) -> Drifts {
        self.drifts
    }

    /// The child stood on, if it is one.
    #[inline]
    pub(crate) fn child(&self) -> Option<Name<'i>> {
        match self.cursor {
            Cursor::Child(name) => Some(name),
            Cursor::End => None,
        }
    }

    /// Whether the child stood on has this name.
    #[inline]
    pub(crate) fn is(&self, ns: Ns, local: &str) -> bool {
        matches!(self.cursor, Cursor::Child(name) if name.is(ns, local))
    }

    /// Notes a departure at the current token.
    pub(crate) fn note(&mut self, kind: DriftKind) {
        self.note_at(kind, self.offset);
    }

    /// Notes a departure at a token that was left.
    pub(crate) fn note_at(&mut self, kind: DriftKind, offset: usize) {
        self.drifts.note(kind, offset);
    }

    /// Notes that the child stood on has this ID; there are no more than there are elements.
    pub(crate) fn note_id(&mut self, id: &XmlId) {
        if !self.ids.insert(id.clone()) {
            self.note(DriftKind::RepeatedId);
        }
    }

    #[cold]
    pub(crate) fn refuse(&self, kind: DecodeErrorKind) -> Error {
        Box::new(Refusal {
            kind,
            offset: self.offset,
        })
    }

    #[cold]
    pub(super) fn malformed(&self, syntax: Syntax) -> Error {
        self.refuse(DecodeErrorKind::Malformed(syntax))
    }

    /// Reads the prolog up to the root element and stands on that.
    pub(crate) fn root(&mut self) -> Result<Name<'i>, Error> {
        self.advance()?;
        match self.cursor {
            Cursor::Child(name) => Ok(name),
            Cursor::End => Err(self.malformed(Syntax::NoRoot)),
        }
    }

    /// After the root: only comments, processing instructions and white space.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        match self.cursor {
            Cursor::End if self.depth == 0 => Ok(()),
            Cursor::Child(_) | Cursor::End => Err(self.malformed(Syntax::Trailing)),
        }
    }

    /// Enters the child and stands on its first child or its end.
    #[inline]
    pub(crate) fn open(&mut self, allowed: Attributes) -> Result<(), Error> {
        if !self.attributes.is_empty() || allowed == Attributes::SchemaVersion {
            self.check_attributes(allowed)?;
        }
        if self.empty {
            self.empty = false;
            self.cursor = Cursor::End;
            Ok(())
        } else {
            self.advance()
        }
    }

    /// Leaves the element, at whose end this must be, and stands on its next sibling.
    #[inline]
    pub(crate) fn close(&mut self) -> Result<(), Error> {
        if let Cursor::Child(_) = self.cursor {
            return Err(self.unexpected(&[]));
        }
        self.scope.leave(self.depth);
        self.depth = self.depth.saturating_sub(1);
        self.advance()
    }

    /// Enters the wrapper stood on, down to its one inner element.
    #[inline]
    pub(crate) fn descend(
        &mut self,
        ns: Ns,
        local: &str,
        inner: &'static [&'static str],
    ) -> Result<(), Error> {
        if !self.attributes.is_empty() {
            self.check_attributes(Attributes::None)?;
        }
        if self.bare {
            return Err(self.refuse(DecodeErrorKind::UnexpectedText));
        }
        if !self.empty && self.stands_before_text() {
            self.note(DriftKind::BareValue);
            self.bare = true;
            return Ok(());
        }
        self.open(Attributes::None)?;
        match self.cursor {
            Cursor::Child(name) if name.is(ns, local) => Ok(()),
            Cursor::Child(name)
                if self.options.leniency == Leniency::Lenient && name.local == local =>
            {
                self.note(DriftKind::WrongNamespace);
                Ok(())
            }
            Cursor::Child(_) => Err(self.unexpected(inner)),
            Cursor::End => Err(self.missing(inner.first().copied().unwrap_or_default())),
        }
    }

    /// Leaves a wrapper after its inner element.
    #[inline]
    pub(crate) fn ascend(&mut self) -> Result<(), Error> {
        if core::mem::take(&mut self.bare) {
            Ok(())
        } else {
            self.close()
        }
    }

    /// Reads the child as a value and stands on its next sibling.
    #[inline]
    pub(crate) fn value<V: Value>(&mut self) -> Result<V, Error> {
        let offset = self.offset;
        let text = self.text()?;
        let mut notes = Notes {
            lenient: self.options.leniency == Leniency::Lenient,
            drift: None,
        };
        let value = V::parse(&text, &mut notes).map_err(|error| {
            Box::new(Refusal {
                kind: DecodeErrorKind::Value(error),
                offset,
            })
        })?;
        if let Some(drift) = notes.drift {
            self.drifts.note(DriftKind::Value(drift), offset);
        }
        // Only now on to the sibling, so that an error there is not taken for one here.
        self.leave_text()?;
        Ok(value)
    }

    /// The refusal of the child stood on, where the sequence has only these elements.
    #[cold]
    pub(crate) fn unexpected(&self, expected: &'static [&'static str]) -> Error {
        self.refuse(DecodeErrorKind::UnexpectedElement {
            found: self.quote(),
            expected,
        })
    }

    /// The refusal of a sequence that lacks an element; stands at its end.
    #[cold]
    pub(crate) fn missing(&self, element: &'static str) -> Error {
        self.refuse(DecodeErrorKind::MissingElement { element })
    }

    /// A child that its sequence had no place for: a refusal unless the peer's profile is lenient.
    #[cold]
    pub(crate) fn misplaced(&mut self, expected: &'static [&'static str]) -> Result<(), Error> {
        match self.options.leniency {
            Leniency::Strict => Err(self.unexpected(expected)),
            Leniency::Lenient => Ok(()),
        }
    }

    /// Skips the child with all that is in it.
    #[cold]
    pub(crate) fn skip(&mut self) -> Result<(), Error> {
        if !core::mem::take(&mut self.empty) {
            let outside = self.depth.saturating_sub(1);
            let mut inside = self.depth;
            while inside > outside {
                match self.event()? {
                    Event::Start(start) => {
                        inside = inside.saturating_add(1);
                        self.count_item(inside)?;
                        self.note_attributes(&start, inside)?;
                        self.scope.leave(inside);
                    }
                    Event::Empty(start) => {
                        let deeper = inside.saturating_add(1);
                        self.count_item(deeper)?;
                        self.note_attributes(&start, deeper)?;
                        self.scope.leave(deeper);
                    }
                    Event::End(_) => inside = inside.saturating_sub(1),
                    Event::Text(text) => self.check_text(&text)?,
                    Event::GeneralRef(reference) => {
                        self.resolve(&reference)?;
                    }
                    Event::Eof => return Err(self.malformed(Syntax::Truncated)),
                    Event::CData(_) | Event::Comment(_) | Event::PI(_) => {}
                    Event::Decl(_) => return Err(self.malformed(Syntax::Declaration)),
                    Event::DocType(_) => return Err(self.refuse(DecodeErrorKind::Doctype)),
                }
            }
        }
        self.attributes.clear();
        self.scope.leave(self.depth);
        self.depth = self.depth.saturating_sub(1);
        self.advance()
    }

    /// The start tag stood on, cut to a bounded length.
    pub(crate) fn quote(&self) -> Box<str> {
        let tag = self.input.get(self.offset..).unwrap_or_default();
        let name = tag.strip_prefix('<').unwrap_or(tag);
        let end = name
            .find([' ', '\t', '\r', '\n', '/', '>'])
            .unwrap_or(name.len());
        cut(name.get(..end).unwrap_or_default(), 64).into()
    }

    fn stands_before_text(&self) -> bool {
        let rest = self
            .input
            .as_bytes()
            .get(self.position()..)
            .unwrap_or_default();
        let next = rest.iter().find(|b| !b.is_ascii_whitespace());
        next.is_some_and(|b| *b != b'<')
    }

    /// A part of the input, which outlives the event that it came in.
    #[inline]
    pub(super) fn piece(&self, from: usize, length: usize) -> &'i str {
        let to = from.saturating_add(length);
        self.input.get(from..to).unwrap_or_default()
    }

    /// The byte behind the last token.
    #[inline]
    pub(super) fn position(&self) -> usize {
        usize::try_from(self.xml.buffer_position()).unwrap_or(usize::MAX)
    }

    #[inline]
    pub(super) fn event(&mut self) -> Result<Event<'i>, Error> {
        self.offset = self.position();
        self.xml
            .read_event()
            .map_err(|error| self.xml_error(&error))
    }

    #[cold]
    fn xml_error(&self, error: &quick_xml::Error) -> Error {
        use quick_xml::Error as E;
        use quick_xml::errors::IllFormedError as I;
        let syntax = match error {
            E::IllFormed(I::MismatchedEndTag { .. } | I::UnmatchedEndTag(_)) => Syntax::EndTag,
            E::IllFormed(I::MissingEndTag(_)) => Syntax::Truncated,
            E::InvalidAttr(_) => Syntax::Attribute,
            E::Namespace(_) => Syntax::Prefix,
            E::Escape(_) => Syntax::Entity,
            E::Io(_) | E::Syntax(_) | E::IllFormed(_) | E::Encoding(_) => Syntax::Markup,
        };
        self.malformed(syntax)
    }

    /// On to the next start or end tag; between tags there is only white space.
    #[inline]
    pub(super) fn advance(&mut self) -> Result<(), Error> {
        loop {
            match self.event()? {
                Event::Text(text) => {
                    let text: &str = &text;
                    if !text
                        .bytes()
                        .all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
                    {
                        return Err(self.stray_text());
                    }
                }
                Event::Start(start) => return self.enter(&start, false),
                Event::Empty(start) => return self.enter(&start, true),
                Event::End(_) => {
                    self.cursor = Cursor::End;
                    return Ok(());
                }
                Event::Eof if self.depth == 0 => {
                    self.cursor = Cursor::End;
                    return Ok(());
                }
                Event::Eof => return Err(self.malformed(Syntax::Truncated)),
                Event::Comment(_) | Event::PI(_) => {}
                Event::CData(cdata) if cdata.trim_ascii().is_empty() && self.depth > 0 => {}
                Event::CData(_) | Event::GeneralRef(_) => return Err(self.stray_text()),
                Event::DocType(_) => return Err(self.refuse(DecodeErrorKind::Doctype)),
                Event::Decl(declaration) => self.check_declaration(&declaration)?,
            }
        }
    }

    #[cold]
    fn stray_text(&self) -> Error {
        if self.depth > 0 {
            self.refuse(DecodeErrorKind::UnexpectedText)
        } else if self.items == 0 {
            self.malformed(Syntax::NoRoot)
        } else {
            self.malformed(Syntax::Trailing)
        }
    }

    #[inline]
    fn enter(&mut self, start: &BytesStart<'i>, empty: bool) -> Result<(), Error> {
        self.depth = self.depth.saturating_add(1);
        self.count_item(self.depth)?;
        self.empty = empty;
        if !self.attributes.is_empty() {
            self.attributes.clear();
        }
        if !start.attributes_raw().is_empty() {
            self.note_attributes(start, self.depth)?;
        }
        // The name as a part of the input, which outlives the event.
        let length = start.name().into_inner().len();
        let whole = self.piece(self.offset.saturating_add(1), length);
        let (prefix, local) = split_name(whole);
        if local.is_empty() || (prefix.len() != whole.len() && local.contains(':')) {
            return Err(self.malformed(Syntax::Prefix));
        }
        let ns = self
            .scope
            .element(prefix)
            .map_err(|syntax| self.malformed(syntax))?;
        self.cursor = Cursor::Child(Name { ns, local });
        Ok(())
    }

    #[inline]
    pub(super) fn count_item(&mut self, depth: usize) -> Result<(), Error> {
        let limits = &self.options.limits;
        if depth > limits.depth {
            return Err(self.refuse(DecodeErrorKind::TooDeep {
                limit: limits.depth,
            }));
        }
        self.items = self.items.saturating_add(1);
        if self.items > limits.items {
            return Err(self.refuse(DecodeErrorKind::TooManyItems {
                limit: limits.items,
            }));
        }
        Ok(())
    }

    /// The whole text of the child; afterwards its end tag has been read, but not left.
    #[inline]
    fn text(&mut self) -> Result<Cow<'i, str>, Error> {
        if !self.attributes.is_empty() {
            self.check_attributes(Attributes::None)?;
        }
        if core::mem::take(&mut self.empty) {
            return Ok(Cow::Borrowed(""));
        }
        let mut text = Cow::Borrowed("");
        loop {
            match self.event()? {
                Event::Text(piece) => {
                    self.check_text(&piece)?;
                    // As long as nothing else joins it, the text is a part of the input.
                    let piece = self.piece(self.offset, piece.len());
                    self.append(&mut text, normal_line_ends(piece))?;
                }
                Event::CData(piece) => {
                    let from = self.offset.saturating_add("<![CDATA[".len());
                    let piece = self.piece(from, piece.len());
                    self.append(&mut text, normal_line_ends(piece))?;
                }
                Event::GeneralRef(reference) => {
                    let resolved = self.resolve(&reference)?;
                    self.append(&mut text, Cow::Owned(resolved.into()))?;
                }
                Event::End(_) => return Ok(text),
                Event::Comment(_) | Event::PI(_) => {}
                Event::Start(_) | Event::Empty(_) => return Err(self.unexpected(&[])),
                Event::Eof => return Err(self.malformed(Syntax::Truncated)),
                Event::Decl(_) => return Err(self.malformed(Syntax::Declaration)),
                Event::DocType(_) => return Err(self.refuse(DecodeErrorKind::Doctype)),
            }
        }
    }

    #[inline]
    fn leave_text(&mut self) -> Result<(), Error> {
        self.scope.leave(self.depth);
        self.depth = self.depth.saturating_sub(1);
        self.advance()
    }

    #[inline]
    fn append(&self, text: &mut Cow<'i, str>, piece: Cow<'i, str>) -> Result<(), Error> {
        if text.len().saturating_add(piece.len()) > self.options.limits.text {
            return Err(self.refuse(DecodeErrorKind::TextTooLong {
                limit: self.options.limits.text,
            }));
        }
        if text.is_empty() {
            *text = piece;
        } else {
            text.to_mut().push_str(&piece);
        }
        Ok(())
    }

    #[inline]
    pub(super) fn check_text(&self, text: &str) -> Result<(), Error> {
        if self.cdata_ends && text.contains("]]>") {
            Err(self.malformed(Syntax::CdataEnd))
        } else {
            Ok(())
        }
    }

    pub(super) fn resolve(&self, name: &str) -> Result<char, Error> {
        reference_value(name).map_err(|syntax| self.malformed(syntax))
    }

    #[cold]
    fn check_declaration(
        &self,
        declaration: &quick_xml::events::BytesDecl<'_>,
    ) -> Result<(), Error> {
        let bad = || self.malformed(Syntax::Declaration);
        if self.offset != 0 || declaration.version().map_err(|_| bad())? != "1.0" {
            return Err(bad());
        }
        match declaration.encoding() {
            None => Ok(()),
            Some(Ok(name))
                if name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("us-ascii") =>
            {
                Ok(())
            }
            Some(Ok(_)) => Err(self.refuse(DecodeErrorKind::NotUtf8)),
            Some(Err(_)) => Err(bad()),
        }
    }
}
