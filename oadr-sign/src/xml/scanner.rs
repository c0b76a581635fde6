//! Takes a document apart in one pass, without recursion, within bounds.
//!
//! Knows nothing of what is in it: only whether it is well-formed, and free of what has no place in a
//! message (document types, processing instructions, entities).

use memchr::memchr2;
use memchr::memmem;

use super::class::{FIRST, NAME, TEXT, VALUE, illegal_character, is, is_white};
use super::document::{Attribute, Declaration, Document, Element, Token, TokenKind, wide};
use super::{Space, value};
use crate::error::{Broken, Limit, Refusal};

/// As many as the codec allows (its `Limits`), so that what is verified can be read.
const MOST_BYTES: usize = 4 << 20;
const DEEPEST: usize = 32;
const MOST_ELEMENTS: usize = 200_000;
/// An element with more attributes, declarations included, is an attack.
const MOST_ATTRIBUTES: usize = 160;
/// More declarations in scope are one, too.
const MOST_NAMESPACES: usize = 128;

/// A declaration in force.
struct Binding {
    /// The prefix's length and its first bytes, which are nearly always all of it.
    key: u64,
    /// Its place among the document's declarations.
    declaration: u32,
    space: Space,
}

struct Scanner<'d> {
    text: &'d str,
    bytes: &'d [u8],
    at: usize,
    document: Document<'d>,
    /// The elements open, each with how many bindings there were before it.
    open: Vec<(u32, usize)>,
    scope: Vec<Binding>,
    /// The prefix that was resolved last, and to what: neighbours often have the same.
    last: Option<(u64, u32, Space)>,
    /// The root was seen.
    rooted: bool,
}

/// A name, in bytes from where it begins.
#[derive(Clone, Copy)]
struct Name {
    /// With the colon; zero without.
    prefix: usize,
    length: usize,
}

impl<'d> Document<'d> {
    /// Takes a document apart.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] and [`Refusal::TooMuch`].
    pub(crate) fn parse(bytes: &'d [u8]) -> Result<Self, Refusal> {
        if bytes.len() > MOST_BYTES {
            return Err(Refusal::TooMuch(Limit::Bytes(MOST_BYTES)));
        }
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| Refusal::Malformed {
            what: Broken::Encoding,
            at: error.valid_up_to(),
        })?;
        if let Some(at) = illegal_character(text) {
            let what = Broken::Character;
            return Err(Refusal::Malformed { what, at });
        }
        // Most elements have a text, and few are shorter than this.
        let guess = text.len() / 12;
        let mut scanner = Scanner {
            text,
            bytes: text.as_bytes(),
            at: 0,
            document: Document {
                text,
                tokens: Vec::with_capacity(guess),
                elements: Vec::with_capacity(guess / 3),
                attributes: Vec::with_capacity(16),
                declarations: Vec::with_capacity(16),
            },
            open: Vec::with_capacity(DEEPEST),
            scope: Vec::with_capacity(16),
            last: None,
            rooted: false,
        };
        scanner.document()?;
        Ok(scanner.document)
    }
}

impl<'d> Scanner<'d> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn rest(&self) -> &'d str {
        self.text.get(self.at..).unwrap_or_default()
    }

    #[cold]
    fn broken(&self, what: Broken) -> Refusal {
        Refusal::Malformed { what, at: self.at }
    }

    fn piece(&self, at: usize, length: usize) -> &'d str {
        self.text
            .get(at..at.saturating_add(length))
            .unwrap_or_default()
    }

    fn document(&mut self) -> Result<(), Refusal> {
        self.declaration()?;
        while self.at < self.bytes.len() {
            if self.peek() == Some(b'<') {
                self.markup()?;
            } else {
                self.text()?;
            }
        }
        if !self.open.is_empty() || !self.rooted {
            return Err(self.broken(Broken::Truncated));
        }
        Ok(())
    }

    /// `<?xml version="1.0" encoding="utf-8"?>`, at the very beginning or nowhere.
    fn declaration(&mut self) -> Result<(), Refusal> {
        let rest = self.rest();
        let Some(inside) = rest.strip_prefix("<?xml") else {
            return Ok(());
        };
        let Some((inside, _)) = inside.split_once("?>") else {
            return Err(self.broken(Broken::Markup));
        };
        if !inside.starts_with([' ', '\t', '\r', '\n']) {
            return Err(self.broken(Broken::ProcessingInstruction));
        }
        let said = |name: &str| {
            let (_, after) = inside.split_once(name)?;
            let value = after.trim_start_matches([' ', '\t', '\r', '\n', '=', '"', '\'']);
            value.split(['"', '\'']).next()
        };
        if said("version") != Some("1.0") {
            return Err(self.broken(Broken::Markup));
        }
        let utf8 = |e: &str| e.eq_ignore_ascii_case("utf-8") || e.eq_ignore_ascii_case("us-ascii");
        if said("encoding").is_some_and(|encoding| !utf8(encoding)) {
            return Err(self.broken(Broken::Encoding));
        }
        self.skip(inside.len().saturating_add("<?xml?>".len()));
        Ok(())
    }

    #[inline]
    fn markup(&mut self) -> Result<(), Refusal> {
        match self.bytes.get(self.at.saturating_add(1)) {
            Some(b'/') => self.end_tag(),
            Some(b'!') => self.exclamation(),
            Some(b'?') => Err(self.broken(Broken::ProcessingInstruction)),
            Some(_) => self.start_tag(),
            None => Err(self.broken(Broken::Truncated)),
        }
    }

    fn exclamation(&mut self) -> Result<(), Refusal> {
        let rest = self.rest();
        if let Some(inside) = rest.strip_prefix("<!--") {
            let end = memmem::find(inside.as_bytes(), b"--");
            let end = end.ok_or_else(|| self.broken(Broken::Truncated))?;
            if !inside.get(end..).is_some_and(|e| e.starts_with("-->")) {
                return Err(self.broken(Broken::Markup));
            }
            let length = end.saturating_add("<!---->".len());
            if !self.open.is_empty() {
                self.push(TokenKind::Comment, self.at, length, false);
            }
            self.skip(length);
            return Ok(());
        }
        if let Some(inside) = rest.strip_prefix("<![CDATA[") {
            if self.open.is_empty() {
                return Err(self.broken(Broken::Outside));
            }
            let end = memmem::find(inside.as_bytes(), b"]]>");
            let end = end.ok_or_else(|| self.broken(Broken::Truncated))?;
            let length = end.saturating_add("<![CDATA[]]>".len());
            self.push(TokenKind::Cdata, self.at, length, false);
            self.skip(length);
            return Ok(());
        }
        Err(self.broken(if rest.starts_with("<!DOCTYPE") {
            Broken::Doctype
        } else {
            Broken::Markup
        }))
    }

    #[inline]
    fn push(&mut self, kind: TokenKind, at: usize, length: usize, plain: bool) {
        let element = self.open.last().map_or(0, |(element, _)| *element);
        self.document.tokens.push(Token {
            at: narrow(at),
            end: narrow(at.saturating_add(length)),
            element,
            kind,
            plain,
        });
    }

    /// Up to the next markup.
    #[inline]
    fn text(&mut self) -> Result<(), Refusal> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let stop = rest.iter().position(|byte| is(*byte, TEXT));
        let mut length = stop.unwrap_or(rest.len());
        let plain = stop.is_none_or(|stop| rest.get(stop) == Some(&b'<'));
        if !plain {
            length = memchr::memchr(b'<', rest).unwrap_or(rest.len());
            let piece = self.piece(self.at, length);
            if piece.contains("]]>") {
                return Err(self.broken(Broken::Markup));
            }
            if piece.contains('&') {
                value::push_text(piece, &mut String::new())
                    .map_err(|_| self.broken(Broken::Reference))?;
            }
        }
        if self.open.is_empty() {
            // Between the markup outside of the root there is white space only.
            if !rest.iter().take(length).all(|byte| is_white(*byte)) {
                return Err(self.broken(Broken::Outside));
            }
        } else {
            self.push(TokenKind::Text, self.at, length, plain);
        }
        self.skip(length);
        Ok(())
    }

    #[inline]
    fn end_tag(&mut self) -> Result<(), Refusal> {
        let Some((element, bindings)) = self.open.pop() else {
            return Err(self.broken(Broken::EndTag));
        };
        let at = self.at;
        let start = self
            .document
            .element(element)
            .and_then(|e| Some((self.document.tokens.get(wide(e.start))?.at, e.name)));
        let (from, length) = start.unwrap_or_default();
        let from = wide(from).saturating_add(1);
        let name = self.bytes.get(from..from.saturating_add(wide(length)));
        let name = name.unwrap_or_default();
        self.skip(2);
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(name) {
            return Err(self.broken(Broken::EndTag));
        }
        self.skip(name.len());
        let plain = self.peek() == Some(b'>');
        if !plain {
            self.white();
            if self.peek() != Some(b'>') {
                return Err(self.broken(Broken::EndTag));
            }
        }
        self.skip(1);
        self.close(element, bindings, at, plain);
        Ok(())
    }

    #[inline]
    fn close(&mut self, element: u32, bindings: usize, at: usize, plain: bool) {
        let close = narrow(self.document.tokens.len());
        self.document.tokens.push(Token {
            at: narrow(at),
            end: narrow(self.at),
            element,
            kind: TokenKind::End,
            plain,
        });
        if let Some(element) = self.document.elements.get_mut(wide(element)) {
            element.close = close;
        }
        if self.scope.len() > bindings {
            self.scope.truncate(bindings);
            self.last = None;
        }
    }

    #[inline]
    fn start_tag(&mut self) -> Result<(), Refusal> {
        if self.open.len() == DEEPEST {
            return Err(Refusal::TooMuch(Limit::Depth(DEEPEST)));
        }
        if self.document.elements.len() == MOST_ELEMENTS {
            return Err(Refusal::TooMuch(Limit::Elements(MOST_ELEMENTS)));
        }
        if self.open.is_empty() && self.rooted {
            return Err(self.broken(Broken::Outside));
        }
        self.rooted = true;
        let at = self.at;
        let id = narrow(self.document.elements.len());
        let bindings = self.scope.len();
        let mut element = Element {
            start: narrow(self.document.tokens.len()),
            close: 0,
            parent: self.open.last().map_or(0, |(element, _)| *element),
            prefix: 0,
            name: 0,
            attributes: narrow(self.document.attributes.len()),
            declarations: narrow(self.document.declarations.len()),
            declared: 0,
            space: Space::None,
        };
        self.skip(1);
        let name = self.name().ok_or_else(|| self.broken(Broken::Markup))?;
        (element.prefix, element.name) = (narrow(name.prefix), narrow(name.length));
        let plain = match self.peek() {
            Some(b'>') => true,
            _ => self.attributes()?,
        };
        let prefix = self.piece(at.saturating_add(1), name.prefix.saturating_sub(1));
        (element.declared, element.space) = self.resolve(prefix)?;
        let empty = self.peek() == Some(b'/');
        self.skip(usize::from(empty));
        if self.peek() != Some(b'>') {
            return Err(self.broken(Broken::Markup));
        }
        self.skip(1);
        self.document.elements.push(element);
        self.document.tokens.push(Token {
            at: narrow(at),
            end: narrow(self.at),
            element: id,
            kind: TokenKind::Start,
            plain: plain && !empty,
        });
        if empty {
            self.close(id, bindings, self.at, false);
        } else {
            self.open.push((id, bindings));
        }
        Ok(())
    }

    /// A name with at most one prefix.
    #[inline]
    fn name(&mut self) -> Option<Name> {
        let rest = self.bytes.get(self.at..)?;
        if !is(*rest.first()?, FIRST) {
            return None;
        }
        let mut length = rest.iter().position(|byte| !is(*byte, NAME))?;
        let mut prefix = 0;
        if rest.get(length) == Some(&b':') {
            prefix = length.saturating_add(1);
            let local = rest.get(prefix..)?;
            if !is(*local.first()?, FIRST) {
                return None;
            }
            length = prefix.saturating_add(local.iter().position(|byte| !is(*byte, NAME))?);
        }
        self.skip(length);
        Some(Name { prefix, length })
    }

    fn white(&mut self) {
        while self.peek().is_some_and(is_white) {
            self.skip(1);
        }
    }

    /// The attributes, up to the end of the tag; tells whether they are written as canonical XML has
    /// them.
    fn attributes(&mut self) -> Result<bool, Refusal> {
        let first = self.document.attributes.len();
        let declared = self.document.declarations.len();
        let (mut count, mut plain) = (0_usize, true);
        loop {
            let before = self.at;
            self.white();
            match self.peek() {
                Some(b'>' | b'/') => {
                    plain &= before == self.at;
                    break;
                }
                None => return Err(self.broken(Broken::Truncated)),
                Some(_) if before == self.at => return Err(self.broken(Broken::Attribute)),
                Some(_) if count == MOST_ATTRIBUTES => {
                    return Err(Refusal::TooMuch(Limit::Attributes(MOST_ATTRIBUTES)));
                }
                Some(_) => {}
            }
            count = count.saturating_add(1);
            plain &= self.at.saturating_sub(before) == 1 && self.bytes.get(before) == Some(&b' ');
            plain &= self.attribute()?;
        }
        let declares = self.document.declarations.len() > declared;
        // One alone is in order.
        plain &= !declares && count <= 1;
        self.bind(declared)?;
        let mut added = self.document.attributes.len();
        while added > first {
            added = added.saturating_sub(1);
            let prefix = self.document.attributes.get(added).map_or("", |a| a.prefix);
            if !prefix.is_empty() {
                let (declared, space) = self.resolve(prefix)?;
                if let Some(attribute) = self.document.attributes.get_mut(added) {
                    (attribute.declared, attribute.space) = (declared, space);
                }
            }
        }
        let attributes = self.document.attributes.get(first..).unwrap_or_default();
        for (place, one) in attributes.iter().enumerate() {
            let others = attributes.iter().skip(place.saturating_add(1));
            if others
                .filter(|other| other.local == one.local)
                .any(|other| self.document.uri(other) == self.document.uri(one))
            {
                return Err(self.broken(Broken::Attribute));
            }
        }
        Ok(plain)
    }

    fn attribute(&mut self) -> Result<bool, Refusal> {
        let at = self.at;
        let name = self.name().ok_or_else(|| self.broken(Broken::Attribute))?;
        let whole = self.piece(at, name.length);
        let unspaced = self.at;
        self.white();
        if self.peek() != Some(b'=') {
            return Err(self.broken(Broken::Attribute));
        }
        self.skip(1);
        self.white();
        let quote = match self.peek() {
            Some(quote @ (b'"' | b'\'')) => quote,
            Some(_) | None => return Err(self.broken(Broken::Attribute)),
        };
        let mut plain = quote == b'"' && self.at == unspaced.saturating_add(1);
        self.skip(1);
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = memchr2(quote, b'<', rest).ok_or_else(|| self.broken(Broken::Truncated))?;
        if rest.get(end) == Some(&b'<') {
            return Err(self.broken(Broken::Attribute));
        }
        let raw = self.piece(self.at, end);
        let said = value::attribute(raw).map_err(|_| self.broken(Broken::Reference))?;
        plain &= !raw.bytes().any(|byte| is(byte, VALUE));
        self.skip(end.saturating_add(1));
        let (prefix, local) = match whole.split_at_checked(name.prefix) {
            Some((prefix, local)) => (prefix.strip_suffix(':').unwrap_or(prefix), local),
            None => ("", whole),
        };
        let declares = match (prefix, local) {
            ("", "xmlns") => Some(""),
            ("xmlns", prefix) => Some(prefix),
            _ => None,
        };
        if let Some(prefix) = declares {
            self.document.declarations.push(Declaration {
                prefix,
                space: Space::of(&said),
                uri: said,
            });
        } else {
            self.document.attributes.push(Attribute {
                prefix,
                local,
                value: said,
                space: Space::None,
                declared: 0,
            });
        }
        Ok(plain)
    }

    /// Takes the declarations from this one on into scope.
    fn bind(&mut self, from: usize) -> Result<(), Refusal> {
        let new = self.document.declarations.get(from..).unwrap_or_default();
        for (place, declaration) in new.iter().enumerate() {
            let Declaration { prefix, uri, space } = declaration;
            let reserved = *prefix == "xmlns"
                || uri == "http://www.w3.org/2000/xmlns/"
                || (*prefix == "xml") != (*space == Space::Xml)
                || (!prefix.is_empty() && uri.is_empty());
            if reserved {
                return Err(self.broken(Broken::Prefix));
            }
            let others = new.iter().skip(place.saturating_add(1));
            if others.clone().any(|other| other.prefix == *prefix) {
                return Err(self.broken(Broken::Attribute));
            }
            if self.scope.len() == MOST_NAMESPACES {
                return Err(Refusal::TooMuch(Limit::Namespaces(MOST_NAMESPACES)));
            }
            self.last = None;
            self.scope.push(Binding {
                key: key(prefix),
                declaration: narrow(from.saturating_add(place)),
                space: *space,
            });
        }
        Ok(())
    }

    /// What a prefix means here: the place of its declaration plus one, and the namespace.
    #[inline]
    fn resolve(&mut self, prefix: &str) -> Result<(u32, Space), Refusal> {
        let wanted = key(prefix);
        if let Some((key, declared, space)) = self.last
            && key == wanted
            && prefix.len() < 8
        {
            return Ok((declared, space));
        }
        let (declared, space) = self.look_up(prefix, wanted)?;
        self.last = Some((wanted, declared, space));
        Ok((declared, space))
    }

    fn look_up(&self, prefix: &str, wanted: u64) -> Result<(u32, Space), Refusal> {
        for binding in self.scope.iter().rev() {
            if binding.key == wanted && (prefix.len() < 8 || self.is_bound(binding, prefix)) {
                return Ok((binding.declaration.saturating_add(1), binding.space));
            }
        }
        match prefix {
            "" => Ok((0, Space::None)),
            "xml" => Ok((0, Space::Xml)),
            _ => Err(self.broken(Broken::Prefix)),
        }
    }

    #[cold]
    fn is_bound(&self, binding: &Binding, prefix: &str) -> bool {
        let declaration = self.document.declarations.get(wide(binding.declaration));
        declaration.is_some_and(|declaration| declaration.prefix == prefix)
    }
}

/// The length of a prefix and its first seven bytes.
#[inline]
fn key(prefix: &str) -> u64 {
    let length = u64::try_from(prefix.len().min(8)).unwrap_or(8);
    prefix
        .bytes()
        .take(7)
        .fold(length, |key, byte| key << 8 | u64::from(byte))
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
