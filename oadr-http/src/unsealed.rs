//! A document whose signature was looked at, and what is to be read of it.
//! Does not know how a signature is verified.

use hyper::body::Bytes;
use oadr_core::Signature;
use oadr_core::codec::{DecodeError, DecodeOptions, Decoded, decode, decode_signed_object};

/// What is left of a document once its signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsealed {
    /// What to read: the document as it came or, if there was a signature, the signed object that it is
    /// over, and no other.
    pub octets: Bytes,
    /// What its signature proves, if it was looked at.
    pub signature: Option<Signature>,
}

impl Unsealed {
    /// A document that is read as it came.
    #[must_use]
    pub fn unsigned(document: Bytes) -> Self {
        Self {
            octets: document,
            signature: None,
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// It is no OpenADR message.
    pub(crate) fn decode(&self, options: &DecodeOptions) -> Result<Decoded, DecodeError> {
        match self.signature {
            Some(_) => decode_signed_object(&self.octets, options),
            None => decode(&self.octets, options),
        }
    }
}
