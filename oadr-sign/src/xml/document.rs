//! A document as tokens, and the ways through its elements.
//!
//! Knows nothing of what the elements are for.

use std::borrow::Cow;

use super::{Space, XML, value};
use crate::Refusal;
use crate::error::printable;

/// A well-formed document, every name in it resolved; what it says is in `text` and nowhere else.
#[derive(Debug)]
pub(crate) struct Document<'d> {
    pub(super) text: &'d str,
    pub(super) tokens: Vec<Token>,
    pub(super) elements: Vec<Element>,
    pub(super) attributes: Vec<Attribute<'d>>,
    pub(super) declarations: Vec<Declaration<'d>>,
}

/// An element of a document, by its place among them; the root is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ElementId(pub(super) u32);

/// A piece of a document, none of which is between two of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    /// Where it begins and ends, in bytes. The end of an empty-element tag is a token without bytes.
    pub(super) at: u32,
    pub(super) end: u32,
    /// The element that it starts, ends, or stands in.
    pub(super) element: u32,
    pub(super) kind: TokenKind,
    /// It is written as canonical XML writes it, and declares no namespace.
    pub(super) plain: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Start,
    End,
    Text,
    Cdata,
    Comment,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Element {
    /// The tokens that start and end it.
    pub(super) start: u32,
    pub(super) close: u32,
    /// The element around it; the root has itself.
    pub(super) parent: u32,
    /// The bytes of its prefix with the colon, and of all of its name.
    pub(super) prefix: u32,
    pub(super) name: u32,
    /// Where its attributes and its declarations begin; they end where those of the next element do.
    pub(super) attributes: u32,
    pub(super) declarations: u32,
    /// The declaration that its prefix has its meaning from, plus one; zero if there is none.
    pub(super) declared: u32,
    pub(super) space: Space,
}

/// An attribute that declares nothing.
#[derive(Debug, Clone)]
pub(super) struct Attribute<'d> {
    /// Without the colon.
    pub(super) prefix: &'d str,
    pub(super) local: &'d str,
    pub(super) value: Cow<'d, str>,
    pub(super) space: Space,
    /// As with elements.
    pub(super) declared: u32,
}

/// A namespace declaration.
#[derive(Debug, Clone)]
pub(super) struct Declaration<'d> {
    /// Empty: the default.
    pub(super) prefix: &'d str,
    pub(super) uri: Cow<'d, str>,
    pub(super) space: Space,
}

/// An index or a length; documents are far smaller than 4 GiB.
pub(super) fn wide(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl<'d> Document<'d> {
    pub(crate) const ROOT: ElementId = ElementId(0);

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn piece(&self, at: u32, end: u32) -> &'d str {
        self.text.get(wide(at)..wide(end)).unwrap_or_default()
    }

    pub(super) fn element(&self, id: u32) -> Option<&Element> {
        self.elements.get(wide(id))
    }

    /// The name as it is written.
    pub(super) fn whole_name(&self, element: &Element) -> &'d str {
        let at = self
            .tokens
            .get(wide(element.start))
            .map_or(0, |token| token.at.saturating_add(1));
        self.piece(at, at.saturating_add(element.name))
    }

    /// Its prefix and its local name.
    pub(super) fn split_name(&self, element: &Element) -> (&'d str, &'d str) {
        let whole = self.whole_name(element);
        match whole.split_at_checked(wide(element.prefix)) {
            Some((prefix, local)) => (prefix.strip_suffix(':').unwrap_or(prefix), local),
            None => ("", whole),
        }
    }

    /// Whether an element has this name.
    pub(crate) fn is(&self, id: ElementId, space: Space, local: &str) -> bool {
        self.element(id.0)
            .is_some_and(|element| element.space == space && self.split_name(element).1 == local)
    }

    /// The name of an element as it is written, for a message: not too long.
    pub(crate) fn quote(&self, id: ElementId) -> Box<str> {
        printable(self.element(id.0).map_or("", |e| self.whole_name(e)))
    }

    /// An element as it is written.
    pub(crate) fn raw(&self, id: ElementId) -> &'d str {
        let token = |place| self.tokens.get(wide(place));
        let ends = self
            .element(id.0)
            .and_then(|e| Some((token(e.start)?.at, token(e.close)?.end)));
        ends.map_or("", |(at, end)| self.piece(at, end))
    }

    pub(super) fn attributes_of(&self, id: u32) -> &[Attribute<'d>] {
        let from = self.element(id).map_or(0, |e| wide(e.attributes));
        let to = match self.element(id.saturating_add(1)) {
            Some(next) => wide(next.attributes),
            None => self.attributes.len(),
        };
        self.attributes.get(from..to).unwrap_or_default()
    }

    pub(super) fn declarations_of(&self, id: u32) -> &[Declaration<'d>] {
        let from = self.element(id).map_or(0, |e| wide(e.declarations));
        let to = match self.element(id.saturating_add(1)) {
            Some(next) => wide(next.declarations),
            None => self.declarations.len(),
        };
        self.declarations.get(from..to).unwrap_or_default()
    }

    /// The declaration that this number leads to.
    pub(super) fn declared(&self, declared: u32) -> Option<&Declaration<'d>> {
        self.declarations.get(wide(declared).checked_sub(1)?)
    }

    /// The namespace of an attribute; empty where there is none.
    pub(super) fn uri(&self, attribute: &Attribute<'_>) -> &str {
        match (attribute.space, self.declared(attribute.declared)) {
            (Space::Xml, _) => XML,
            (_, Some(declaration)) => &declaration.uri,
            (_, None) => "",
        }
    }

    /// The value of an attribute without a namespace.
    pub(crate) fn attribute(&self, id: ElementId, local: &str) -> Option<&str> {
        self.attributes_of(id.0)
            .iter()
            .find(|attribute| attribute.space == Space::None && attribute.local == local)
            .map(|attribute| &*attribute.value)
    }

    /// Whether it has an attribute such as `xml:lang`.
    pub(crate) fn has_xml_attribute(&self, id: ElementId) -> bool {
        self.attributes_of(id.0)
            .iter()
            .any(|attribute| attribute.space == Space::Xml)
    }

    /// The elements that have this Id: by the attributes `Id`, `ID` and `id` of any namespace, so that no
    /// two readers find different ones. An element is there as often as it has the Id.
    pub(crate) fn with_id(&self, wanted: &str) -> Vec<(ElementId, Space)> {
        let mut found = Vec::new();
        for (place, attribute) in self.attributes.iter().enumerate() {
            if !attribute.local.eq_ignore_ascii_case("id") || attribute.value != wanted {
                continue;
            }
            // The last element whose attributes begin here or before.
            let after = self
                .elements
                .partition_point(|element| wide(element.attributes) <= place);
            let owner = after.saturating_sub(1);
            let id = ElementId(u32::try_from(owner).unwrap_or(u32::MAX));
            found.push((id, attribute.space));
        }
        found
    }

    /// Whether an element is within another, or is the other.
    pub(crate) fn is_within(&self, inner: ElementId, outer: ElementId) -> bool {
        match (self.element(inner.0), self.element(outer.0)) {
            (Some(inner), Some(outer)) => outer.start <= inner.start && inner.close <= outer.close,
            (None | Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// The elements within an element, at any depth, and itself.
    pub(crate) fn within(&self, id: ElementId) -> impl Iterator<Item = ElementId> + use<'_, 'd> {
        let close = self.element(id.0).map_or(0, |element| element.close);
        self.elements
            .iter()
            .zip(0..)
            .skip(wide(id.0))
            .take_while(move |(element, _)| element.start < close)
            .map(|(_, place)| ElementId(place))
    }

    /// The elements directly within an element that has nothing but elements.
    ///
    /// # Errors
    /// There is text between them.
    pub(crate) fn children(
        &self,
        id: ElementId,
        parent: &'static str,
    ) -> Result<Vec<ElementId>, Refusal> {
        let mut children = Vec::new();
        let Some(element) = self.element(id.0) else {
            return Ok(children);
        };
        let mut place = element.start.saturating_add(1);
        while let Some(token) = self.tokens.get(wide(place)) {
            if place >= element.close {
                break;
            }
            match token.kind {
                TokenKind::Start => {
                    children.push(ElementId(token.element));
                    place = self.element(token.element).map_or(place, |e| e.close);
                }
                TokenKind::Text | TokenKind::Cdata => {
                    let blank = |b| matches!(b, b' ' | b'\t' | b'\n' | b'\r');
                    let piece = self.piece(token.at, token.end);
                    if token.kind == TokenKind::Cdata || !piece.bytes().all(blank) {
                        return Err(Refusal::Stray {
                            parent,
                            found: "text".into(),
                        });
                    }
                }
                TokenKind::Comment | TokenKind::End => {}
            }
            place = place.saturating_add(1);
        }
        Ok(children)
    }

    /// The text of an element that has nothing but text.
    ///
    /// # Errors
    /// There is an element in it.
    pub(crate) fn text(&self, id: ElementId, name: &'static str) -> Result<Cow<'d, str>, Refusal> {
        let mut said = Cow::Borrowed("");
        let Some(element) = self.element(id.0) else {
            return Ok(said);
        };
        let from = wide(element.start.saturating_add(1));
        for token in self
            .tokens
            .get(from..wide(element.close))
            .unwrap_or_default()
        {
            let piece = self.piece(token.at, token.end);
            match token.kind {
                TokenKind::Text if token.plain && said.is_empty() => said = Cow::Borrowed(piece),
                TokenKind::Text => {
                    value::push_text(piece, said.to_mut()).map_err(|_| Refusal::Structure(name))?
                }
                TokenKind::Cdata => value::push_lines(inside_cdata(piece), said.to_mut()),
                TokenKind::Comment => {}
                TokenKind::Start | TokenKind::End => return Err(Refusal::Structure(name)),
            }
        }
        Ok(said)
    }
}

/// What is in a CDATA section.
pub(super) fn inside_cdata(section: &str) -> &str {
    section
        .strip_prefix("<![CDATA[")
        .and_then(|inside| inside.strip_suffix("]]>"))
        .unwrap_or_default()
}
