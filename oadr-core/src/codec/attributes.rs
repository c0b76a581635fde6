//! The attributes of the child stood on: declarations taken into scope, the others checked.
//!
//! Knows nothing of elements' content.

use std::borrow::Cow;

use quick_xml::events::BytesStart;

use super::drift::DriftKind;
use super::error::{DecodeErrorKind, Syntax};
use super::limits::Leniency;
use super::markup::{attribute_value, attributes, cut, split_name};
use super::namespace::Ns;
use super::reader::{Error, Reader, Refusal};

/// Which attributes an element may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attributes {
    None,
    /// `ei:schemaVersion`, wanted on every message (rule 509).
    SchemaVersion,
    /// `oadr:Id` of the signed object.
    Id,
}

#[derive(Debug)]
pub(super) struct Attribute<'i> {
    ns: Ns,
    local: &'i str,
    value: Cow<'i, str>,
}

impl<'i> Reader<'i> {
    /// The attribute of this name on the child stood on, taken away.
    pub(crate) fn take_attribute(&mut self, ns: Ns, local: &str) -> Option<Cow<'i, str>> {
        let at = self
            .attributes
            .iter()
            .position(|a| a.ns == ns && a.local == local)?;
        Some(self.attributes.swap_remove(at).value)
    }

    /// Takes the declarations of a start tag into scope and keeps its other attributes.
    pub(super) fn note_attributes(
        &mut self,
        start: &BytesStart<'i>,
        depth: usize,
    ) -> Result<(), Error> {
        let name_end = start.name().into_inner().len().saturating_add(1);
        let from = self.offset().saturating_add(name_end);
        let raw = self.piece(from, start.attributes_raw().len());
        let malformed = |syntax| {
            Box::new(Refusal {
                kind: DecodeErrorKind::Malformed(syntax),
                offset: from,
            })
        };
        let found = attributes(raw).map_err(malformed)?;
        let longest = self.options.limits.text;
        if found.iter().any(|(_, value)| value.len() > longest) {
            return Err(self.refuse(DecodeErrorKind::TextTooLong { limit: longest }));
        }
        // Declarations first: they hold for the attributes beside them.
        for (name, value) in &found {
            if let Some(prefix) = declared_prefix(name) {
                let uri = attribute_value(value).map_err(malformed)?;
                self.scope
                    .declare(prefix, value, &uri, depth)
                    .map_err(malformed)?;
            }
        }
        self.attributes.clear();
        for (name, value) in found {
            if declared_prefix(name).is_some() {
                continue;
            }
            let (prefix, local) = split_name(name);
            if local.is_empty() || local.contains(':') {
                return Err(malformed(Syntax::Prefix));
            }
            let ns = self.scope.attribute(prefix).map_err(malformed)?;
            // Two prefixes for one namespace can hide a repetition.
            let again = self
                .attributes
                .iter()
                .any(|a| a.local == local && a.ns == ns);
            if again && !matches!(ns, Ns::None | Ns::Other) {
                return Err(malformed(Syntax::Attribute));
            }
            let value = attribute_value(value).map_err(malformed)?;
            self.attributes.push(Attribute { ns, local, value });
        }
        Ok(())
    }

    pub(super) fn check_attributes(&mut self, allowed: Attributes) -> Result<(), Error> {
        let mut versioned = false;
        let mut attributes = core::mem::take(&mut self.attributes);
        for attribute in &attributes {
            let (ns, local) = (attribute.ns, attribute.local);
            let known = match allowed {
                Attributes::SchemaVersion => (local == "schemaVersion").then_some(Ns::Ei),
                Attributes::Id => (local == "Id").then_some(Ns::Oadr),
                Attributes::None => None,
            };
            versioned |= local == "schemaVersion" && known.is_some();
            match known {
                Some(home) if ns == home => {}
                Some(_) if ns == Ns::None => self.note(DriftKind::UnqualifiedAttribute),
                Some(_) | None if ns == Ns::Xsi => {
                    if local.ends_with("chemaLocation") {
                        self.note(DriftKind::SchemaLocation);
                    }
                }
                Some(_) | None if self.options.leniency == Leniency::Lenient => {
                    self.note(DriftKind::UnknownAttribute);
                }
                Some(_) | None => {
                    let found = cut(local, 64).into();
                    return Err(self.refuse(DecodeErrorKind::UnexpectedAttribute { found }));
                }
            }
        }
        // A message within a message (`oadrCancelReport` in `oadrUpdatedReport`) is deeper and needs none.
        if allowed == Attributes::SchemaVersion && !versioned && self.depth <= 3 {
            self.note(DriftKind::NoSchemaVersion);
        }
        attributes.clear();
        self.attributes = attributes;
        Ok(())
    }
}

/// The prefix that an attribute declares, if it is a declaration; empty for the default.
pub(super) fn declared_prefix(name: &str) -> Option<&str> {
    // `xmlns:` without a prefix declares nothing legal; the scope refuses the colon.
    if name == "xmlns" {
        Some("")
    } else {
        name.strip_prefix("xmlns:")
            .map(|p| if p.is_empty() { ":" } else { p })
    }
}
