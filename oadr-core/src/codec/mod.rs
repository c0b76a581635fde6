//! The XML codec: strict, ordered, bounded; read by namespace, written in one canonical form.
//!
//! Knows nothing of transports, signatures or what a message means.
//!
//! ```
//! use oadr_core::codec::{decode, encode, DecodeOptions};
//! use oadr_core::payload::{Message, Poll};
//! use oadr_core::value::VenId;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let poll = Message::from(Poll { ven_id: VenId::new("ven-1")? });
//! let document = encode(&poll);
//! assert_eq!(decode(&document, &DecodeOptions::default())?.message, poll);
//! # Ok(())
//! # }
//! ```

mod attributes;
mod document;
mod drift;
mod error;
mod fragment;
mod limits;
mod locate;
mod markup;
mod namespace;
mod reader;
mod sequence;
#[cfg(test)]
mod tests;
mod writer;

pub use document::{Decoded, Parts, decode, decode_signed_object, encode, encode_into};
pub use drift::{Drift, DriftKind, Drifts};
pub use error::{DecodeError, DecodeErrorKind, Syntax};
pub use limits::{DecodeOptions, Leniency, Limits};

pub(crate) use attributes::Attributes;
pub(crate) use fragment::{LONGEST_FRAGMENT, read_fragment};
pub(crate) use namespace::Ns;
pub(crate) use reader::{Error, Name, Reader, Refusal};
pub(crate) use sequence::{Choice, Content, sequence};
pub(crate) use writer::{Writer, prefix};
