//! XML as signatures need it: tokens with their places, names resolved, canonical forms.
//!
//! Knows nothing of OpenADR but the namespaces that matter to a signature.

mod canonical;
mod class;
mod document;
mod scanner;
mod value;

pub(crate) use canonical::{Form, Texts};
pub(crate) use document::{Document, ElementId};

/// A namespace, as far as signatures care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Space {
    /// None at all.
    None,
    Xml,
    /// OpenADR 2.0b.
    Oadr,
    /// XML signatures.
    Ds,
    /// ReplayProtect.
    Dsp,
    Other,
}

/// The namespace of OpenADR 2.0b.
pub(crate) const OADR: &str = "http://openadr.org/oadr-2.0b/2012/07";
/// That of XML signatures.
pub(crate) const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
/// That of ReplayProtect.
pub(crate) const DSP: &str = "http://openadr.org/oadr-2.0b/2012/07/xmldsig-properties";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

impl Space {
    fn of(uri: &str) -> Self {
        match uri {
            "" => Self::None,
            OADR => Self::Oadr,
            DS => Self::Ds,
            DSP => Self::Dsp,
            XML => Self::Xml,
            _ => Self::Other,
        }
    }
}
