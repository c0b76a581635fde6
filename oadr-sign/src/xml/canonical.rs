//! Canonical XML 1.0, inclusive and exclusive, of a part of a document where it stands.
//!
//! Knows nothing of digests.
//!
//! Octets that are canonical already are copied as they stand, in runs as long as possible: peers sign
//! what they wrote, and most write nearly canonical XML.

use super::document::{
    Attribute, Document, Element, ElementId, Token, TokenKind, inside_cdata, wide,
};
use super::value;
use crate::Refusal;
use crate::algorithm::{Kind, Method};
use crate::error::Limit;

/// What is decoded afterwards may not be longer (the codec's `Limits`); repeated declarations could make
/// it so.
const MOST_OCTETS: usize = 4 << 20;

/// Which octets a part becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) method: Method,
    /// As if the part were a document of its own, without the namespaces of its ancestors: wrong, but
    /// some signers do it.
    pub(crate) standalone: bool,
    pub(crate) texts: Texts,
}

/// Which texts count: all of them, but for whoever looks for what was changed on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texts {
    All,
    /// Without those that are only white space between tags.
    NoneBlank,
    /// Without line feeds.
    OneLine,
}

impl From<Method> for Form {
    fn from(method: Method) -> Self {
        Self {
            method,
            standalone: false,
            texts: Texts::All,
        }
    }
}

/// A namespace in scope or rendered, and the depth that brought it.
struct Bound<'a> {
    prefix: &'a str,
    uri: &'a str,
    depth: usize,
}

struct Writer<'a, 'd> {
    document: &'a Document<'d>,
    form: Form,
    out: &'a mut Vec<u8>,
    /// All declarations in force.
    scope: Vec<Bound<'a>>,
    /// Those that elements around this one have in the canonical form.
    rendered: Vec<Bound<'a>>,
    /// Elements open.
    depth: usize,
    /// What can be copied as it stands, from and to.
    run: (u32, u32),
}

impl Document<'_> {
    /// Appends the canonical form of an element.
    ///
    /// # Errors
    /// [`Refusal::TooMuch`].
    pub(crate) fn canonical(
        &self,
        apex: ElementId,
        form: Form,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let Some(element) = self.element(apex.0) else {
            return Ok(());
        };
        let mut writer = Writer {
            document: self,
            form,
            out,
            scope: Vec::with_capacity(16),
            rendered: Vec::with_capacity(16),
            depth: 0,
            run: (0, 0),
        };
        if !form.standalone {
            writer.inherit(element);
        }
        let tokens = wide(element.start)..=wide(element.close);
        for token in self.tokens.get(tokens).unwrap_or_default() {
            writer.token(token)?;
        }
        writer.flush()
    }
}

impl<'a> Writer<'a, '_> {
    /// Takes what the ancestors declare into scope, the outermost first.
    fn inherit(&mut self, element: &Element) {
        let document = self.document;
        let mut ancestors = Vec::new();
        let mut parent = element.parent;
        while let Some(ancestor) = document.element(parent) {
            if ancestor.start >= element.start {
                break;
            }
            ancestors.push(parent);
            if parent == 0 {
                break;
            }
            parent = ancestor.parent;
        }
        for ancestor in ancestors.into_iter().rev() {
            for declaration in document.declarations_of(ancestor) {
                self.scope
                    .retain(|bound| bound.prefix != declaration.prefix);
                self.scope.push(Bound {
                    prefix: declaration.prefix,
                    uri: &declaration.uri,
                    depth: 0,
                });
            }
        }
    }

    #[inline]
    fn token(&mut self, token: &'a Token) -> Result<(), Refusal> {
        let verbatim = token.plain
            && match token.kind {
                TokenKind::Start => self.is_verbatim(token),
                TokenKind::Text => self.form.texts == Texts::All,
                TokenKind::End => true,
                TokenKind::Cdata | TokenKind::Comment => false,
            };
        if verbatim {
            match token.kind {
                TokenKind::Start => self.depth = self.depth.saturating_add(1),
                TokenKind::End => self.leave(),
                TokenKind::Text | TokenKind::Cdata | TokenKind::Comment => {}
            }
            if self.run.1 != token.at {
                self.flush()?;
                self.run.0 = token.at;
            }
            self.run.1 = token.end;
            return Ok(());
        }
        self.flush()?;
        self.run = (0, 0);
        let piece = self.document.piece(token.at, token.end);
        match token.kind {
            TokenKind::Start => self.start_tag(token),
            TokenKind::End => {
                self.leave();
                if let Some(element) = self.document.element(token.element) {
                    self.push("</");
                    self.push(self.document.whole_name(element));
                    self.push(">");
                }
            }
            TokenKind::Text => {
                let mut said = String::with_capacity(piece.len());
                // The scanner has resolved all references once.
                let _ = value::push_text(piece, &mut said);
                self.text(&said);
            }
            TokenKind::Cdata => {
                let mut said = String::with_capacity(piece.len());
                value::push_lines(inside_cdata(piece), &mut said);
                self.text(&said);
            }
            TokenKind::Comment => {
                if self.form.method.comments {
                    let mut said = String::with_capacity(piece.len());
                    value::push_lines(piece, &mut said);
                    self.push(&said);
                }
            }
        }
        self.check_length()
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn check_length(&self) -> Result<(), Refusal> {
        if self.out.len() > MOST_OCTETS {
            return Err(Refusal::TooMuch(Limit::Octets(MOST_OCTETS)));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Refusal> {
        self.push(self.document.piece(self.run.0, self.run.1));
        self.check_length()
    }

    fn leave(&mut self) {
        let depth = self.depth;
        let is_inside = |bound: &Bound<'_>| bound.depth >= depth;
        while self.scope.last().is_some_and(is_inside) {
            self.scope.pop();
        }
        while self.rendered.last().is_some_and(is_inside) {
            self.rendered.pop();
        }
        self.depth = depth.saturating_sub(1);
    }

    fn text(&mut self, said: &str) {
        match self.form.texts {
            Texts::All => value::write_text(said, self.out),
            Texts::NoneBlank => {
                if !said.trim_matches([' ', '\t', '\n', '\r']).is_empty() {
                    value::write_text(said, self.out);
                }
            }
            Texts::OneLine => value::write_text(&said.replace('\n', ""), self.out),
        }
    }

    /// Whether a start tag that is written canonically gets no namespaces in its canonical form.
    fn is_verbatim(&self, token: &Token) -> bool {
        if self.depth == 0 {
            return false;
        }
        match self.form.method.kind {
            Kind::Inclusive | Kind::Inclusive11 => true,
            Kind::Exclusive => {
                let attributes = self.document.attributes_of(token.element);
                self.document.element(token.element).is_some_and(|element| {
                    let prefix = self.document.split_name(element).0;
                    let used = attributes.iter().map(|attribute| attribute.prefix);
                    let used = used.filter(|prefix| !matches!(*prefix, "" | "xml"));
                    used.chain([prefix]).all(|prefix| self.is_rendered(prefix))
                })
            }
        }
    }

    /// What a prefix stands for; empty for the default where there is none.
    fn uri(bounds: &[Bound<'a>], prefix: &str) -> &'a str {
        let mut bounds = bounds.iter().rev();
        bounds
            .find(|bound| bound.prefix == prefix)
            .map_or("", |bound| bound.uri)
    }

    fn is_rendered(&self, prefix: &str) -> bool {
        prefix == "xml" || Self::uri(&self.scope, prefix) == Self::uri(&self.rendered, prefix)
    }

    fn start_tag(&mut self, token: &Token) {
        let document = self.document;
        let Some(element) = document.element(token.element) else {
            return;
        };
        self.depth = self.depth.saturating_add(1);
        let depth = self.depth;
        let declarations = document.declarations_of(token.element);
        for declaration in declarations {
            self.scope.push(Bound {
                prefix: declaration.prefix,
                uri: &declaration.uri,
                depth,
            });
        }
        let attributes = document.attributes_of(token.element);
        let mut prefixes: Vec<&'a str> = match self.form.method.kind {
            Kind::Inclusive | Kind::Inclusive11 if depth == 1 => {
                self.scope.iter().map(|bound| bound.prefix).collect()
            }
            Kind::Inclusive | Kind::Inclusive11 => declarations
                .iter()
                .map(|declared| declared.prefix)
                .collect(),
            Kind::Exclusive => {
                let used = attributes.iter().map(|attribute| attribute.prefix);
                let used = used.filter(|prefix| !prefix.is_empty());
                used.chain([document.split_name(element).0]).collect()
            }
        };
        prefixes.sort_unstable();
        prefixes.dedup();
        prefixes.retain(|prefix| !self.is_rendered(prefix));

        self.push("<");
        self.push(document.whole_name(element));
        for prefix in prefixes {
            let uri = Self::uri(&self.scope, prefix);
            self.push(" xmlns");
            if !prefix.is_empty() {
                self.push(":");
                self.push(prefix);
            }
            self.push("=\"");
            value::write_attribute(uri, self.out);
            self.push("\"");
            self.rendered.push(Bound { prefix, uri, depth });
        }
        let mut sorted: Vec<&Attribute<'_>> = attributes.iter().collect();
        sorted.sort_by_key(|attribute| (document.uri(attribute), attribute.local));
        for attribute in sorted {
            self.push(" ");
            if !attribute.prefix.is_empty() {
                self.push(attribute.prefix);
                self.push(":");
            }
            self.push(attribute.local);
            self.push("=\"");
            value::write_attribute(&attribute.value, self.out);
            self.push("\"");
        }
        self.push(">");
    }
}
