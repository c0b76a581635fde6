//! What a document may cost before it is refused.
//!
//! Knows nothing of XML.

/// Bounds of one document. Each is checked before anything is allocated for what exceeds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The whole document, in bytes. Default 4 MiB.
    pub bytes: usize,
    /// Elements within elements. Default 32; the schema needs 16.
    pub depth: usize,
    /// Elements in all. Default 200,000.
    pub items: usize,
    /// The text of one element or attribute, in bytes. Default 64 KiB.
    pub text: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 4 << 20,
            depth: 32,
            items: 200_000,
            text: 64 << 10,
        }
    }
}

/// What happens to a document that is not to the letter of the schema although it can be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Leniency {
    /// Documented drift of known peers is accepted and noted; anything else is refused.
    #[default]
    Strict,
    /// Also unknown elements and attributes, wrong order and wrong namespaces are accepted and noted.
    Lenient,
}

/// How to read a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecodeOptions {
    /// What it may cost.
    pub limits: Limits,
    /// How exact it must be.
    pub leniency: Leniency,
}
