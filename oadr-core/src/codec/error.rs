//! Why a document was refused: what, at which element, at which byte.
//!
//! Knows nothing of HTTP statuses or stanza errors; the adapters map these kinds to theirs.

use crate::value::ValueError;

/// A refused document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// What was wrong.
    pub kind: DecodeErrorKind,
    /// The elements from the root to the place, with the prefixes of the document, such as
    /// `oadr:oadrPayload/oadr:oadrSignedObject`; long paths are cut.
    pub path: Box<str>,
    /// The byte at which the offending markup begins.
    pub offset: usize,
}

impl core::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} (byte {}", self.kind, self.offset)?;
        if !self.path.is_empty() {
            write!(f, ", in {}", self.path)?;
        }
        f.write_str(")")
    }
}

impl core::error::Error for DecodeError {}

/// The kinds of refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// More bytes than allowed.
    #[error("the document is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// Elements nested deeper than allowed.
    #[error("elements are nested deeper than {limit}")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// More elements than allowed.
    #[error("there are more than {limit} elements")]
    TooManyItems {
        /// The limit.
        limit: usize,
    },
    /// A text longer than allowed.
    #[error("a text is longer than {limit} bytes")]
    TextTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// Not UTF-8, or declared to be something else.
    #[error("the document is not UTF-8")]
    NotUtf8,
    /// A document type declaration: never accepted.
    #[error("document type declarations are refused")]
    Doctype,
    /// Not well-formed XML.
    #[error("not well-formed XML: {0}")]
    Malformed(Syntax),
    /// A message of OpenADR 2.0a, which has a codec of its own.
    #[error("this is an OpenADR 2.0a message")]
    OtherProfile,
    /// The root, or the signed object, holds no OpenADR 2.0b message.
    #[error("{found} is no OpenADR 2.0b message")]
    NotAMessage {
        /// The element found, cut to a bounded length.
        found: Box<str>,
    },
    /// The signed object is empty.
    #[error("the signed object holds no message")]
    NoMessage,
    /// An element that does not belong where it stands.
    #[error("unexpected element {found}; this sequence has {}", List(expected))]
    UnexpectedElement {
        /// The element found, cut to a bounded length.
        found: Box<str>,
        /// The elements of the sequence it stands in.
        expected: &'static [&'static str],
    },
    /// A mandatory element is not there.
    #[error("missing element {element}")]
    MissingElement {
        /// The missing element.
        element: &'static str,
    },
    /// An attribute that does not belong where it stands.
    #[error("unexpected attribute {found}")]
    UnexpectedAttribute {
        /// The attribute, cut to a bounded length.
        found: Box<str>,
    },
    /// Text between elements.
    #[error("unexpected text between elements")]
    UnexpectedText,
    /// A text that is not a value of its type.
    #[error("the value {0}")]
    Value(#[from] ValueError),
}

struct List<'a>(&'a [&'static str]);

impl core::fmt::Display for List<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no elements");
        }
        for (i, name) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// What is wrong with the XML itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Syntax {
    /// Markup that does not end, or is not markup.
    #[error("broken markup")]
    Markup,
    /// An end tag that does not match its start tag.
    #[error("an end tag does not match its start tag")]
    EndTag,
    /// The document ends too early.
    #[error("the document ends before its elements do")]
    Truncated,
    /// No root element.
    #[error("there is no root element")]
    NoRoot,
    /// Something behind the root element.
    #[error("there is content after the root element")]
    Trailing,
    /// A broken or repeated attribute.
    #[error("a broken or repeated attribute")]
    Attribute,
    /// An undeclared prefix, a name with two colons, or a reserved declaration.
    #[error("a name whose prefix is not declared, or a bad namespace declaration")]
    Prefix,
    /// More namespace declarations in scope than allowed.
    #[error("too many namespace declarations")]
    TooManyNamespaces,
    /// An entity other than the five of XML.
    #[error("an entity other than lt, gt, amp, quot and apos")]
    Entity,
    /// A character that XML does not allow, or a reference to one.
    #[error("a character that XML does not allow")]
    Character,
    /// `]]>` outside a CDATA section.
    #[error("`]]>` outside a CDATA section")]
    CdataEnd,
    /// An XML declaration in the wrong place, or of another version than 1.0.
    #[error("a bad XML declaration")]
    Declaration,
}
