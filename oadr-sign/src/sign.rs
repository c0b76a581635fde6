//! Signs a message as it is written.
//!
//! Knows nothing of time and randomness, but for what ECDSA draws for itself.

use oadr_core::payload::Message;
use oadr_core::value::DateTime;

use crate::SigningKey;

/// Why a message was not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The library of cryptography failed, for want of randomness perhaps.
    #[error("the signature could not be computed")]
    Failed,
}

/// Writes a message as a signed document: the form of §6.2, which others verify too.
///
/// `timestamp` is the time of sending, and `nonce` is never used twice.
///
/// # Errors
/// See [`SignError`].
pub fn sign(
    message: &Message,
    key: &SigningKey,
    timestamp: DateTime,
    nonce: [u8; 16],
) -> Result<Vec<u8>, SignError> {
    let _ = (message, key, timestamp, nonce);
    unimplemented!()
}
