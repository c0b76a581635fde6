//! The namespaces of OpenADR, and which prefix means which of them where.
//!
//! Knows nothing of elements.

use super::error::Syntax;

/// More declarations in scope than this are an attack.
const MAX_BINDINGS: usize = 128;

/// A namespace, resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ns {
    /// None at all.
    None,
    /// One that is not of OpenADR.
    Other,
    Xml,
    Xsi,
    Oadr,
    Oadr20a,
    Ei,
    Pyld,
    Emix,
    Power,
    Scale,
    Xcal,
    Strm,
    Gml,
    Ds,
    Atom,
}

impl Ns {
    fn of(uri: &str) -> Self {
        match uri {
            "" => Self::None,
            "http://openadr.org/oadr-2.0b/2012/07" => Self::Oadr,
            "http://openadr.org/oadr-2.0a/2012/07" => Self::Oadr20a,
            "http://docs.oasis-open.org/ns/energyinterop/201110" => Self::Ei,
            "http://docs.oasis-open.org/ns/energyinterop/201110/payloads" => Self::Pyld,
            "http://docs.oasis-open.org/ns/emix/2011/06" => Self::Emix,
            "http://docs.oasis-open.org/ns/emix/2011/06/power" => Self::Power,
            "http://docs.oasis-open.org/ns/emix/2011/06/siscale" => Self::Scale,
            "urn:ietf:params:xml:ns:icalendar-2.0" => Self::Xcal,
            "urn:ietf:params:xml:ns:icalendar-2.0:stream" => Self::Strm,
            "http://www.opengis.net/gml/3.2" => Self::Gml,
            "http://www.w3.org/2000/09/xmldsig#" => Self::Ds,
            "http://www.w3.org/2005/Atom" => Self::Atom,
            "http://www.w3.org/2001/XMLSchema-instance" => Self::Xsi,
            "http://www.w3.org/XML/1998/namespace" => Self::Xml,
            _ => Self::Other,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Binding<'i> {
    /// Empty: the default namespace.
    prefix: &'i str,
    /// The URI as it was written, which references may be in.
    raw: &'i str,
    ns: Ns,
    depth: usize,
}

/// The declarations in scope.
#[derive(Debug, Default)]
pub(crate) struct Scope<'i> {
    bindings: Vec<Binding<'i>>,
}

impl<'i> Scope<'i> {
    /// Declares a prefix (or, empty, the default) for the element at this depth.
    pub(crate) fn declare(
        &mut self,
        prefix: &'i str,
        raw: &'i str,
        uri: &str,
        depth: usize,
    ) -> Result<(), Syntax> {
        if self.bindings.len() == MAX_BINDINGS {
            return Err(Syntax::TooManyNamespaces);
        }
        let ns = Ns::of(uri);
        let reserved = prefix == "xmlns"
            || (prefix == "xml") != (ns == Ns::Xml)
            || uri == "http://www.w3.org/2000/xmlns/"
            || (!prefix.is_empty() && ns == Ns::None);
        let again = self
            .bindings
            .iter()
            .rev()
            .take_while(|b| b.depth == depth)
            .any(|b| b.prefix == prefix);
        if again {
            return Err(Syntax::Attribute);
        }
        if reserved || prefix.contains(':') {
            return Err(Syntax::Prefix);
        }
        self.bindings.push(Binding {
            prefix,
            raw,
            ns,
            depth,
        });
        Ok(())
    }

    /// Forgets what the element at this depth declared.
    #[inline]
    pub(crate) fn leave(&mut self, depth: usize) {
        while self.bindings.last().is_some_and(|b| b.depth >= depth) {
            self.bindings.pop();
        }
    }

    /// The namespace of an element's prefix.
    #[inline]
    pub(crate) fn element(&self, prefix: &str) -> Result<Ns, Syntax> {
        for binding in self.bindings.iter().rev() {
            if binding.prefix == prefix {
                return Ok(binding.ns);
            }
        }
        match prefix {
            "" => Ok(Ns::None),
            "xml" => Ok(Ns::Xml),
            _ => Err(Syntax::Prefix),
        }
    }

    /// The URI that a prefix was declared for, as it was written.
    pub(super) fn raw_uri(&self, prefix: &str) -> Option<&'i str> {
        let bound = self.bindings.iter().rev().find(|b| b.prefix == prefix);
        bound.map(|b| b.raw)
    }

    /// This prefix, if it is declared, as it stands in the document.
    pub(super) fn declared(&self, prefix: &str) -> Option<&'i str> {
        let bound = self.bindings.iter().rev().find(|b| b.prefix == prefix);
        bound.map(|b| b.prefix).filter(|p| !p.is_empty())
    }

    /// The namespace of an attribute's prefix: without one there is none.
    pub(crate) fn attribute(&self, prefix: &str) -> Result<Ns, Syntax> {
        if prefix.is_empty() {
            Ok(Ns::None)
        } else {
            self.element(prefix)
        }
    }
}
