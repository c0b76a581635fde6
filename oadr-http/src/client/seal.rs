//! Signing what a client sends and checking what comes back, as far as the client knows of it.
//! Does not know how it is done.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use hyper::body::Bytes;
use oadr_core::Peer;
use oadr_core::payload::Message;

use crate::unsealed::Unsealed;

/// Signs what a [`Client`](super::Client) sends, and checks what comes back.
pub trait Seal: fmt::Debug + Send + Sync {
    /// The document of a message, signed now. Called anew each time that it is sent: a signature that
    /// is seen twice does not count.
    ///
    /// # Errors
    /// It cannot be signed.
    fn seal(&self, message: &Message) -> Result<Vec<u8>, SealError>;

    /// What is to be read of a reply: only octets that were checked, if they were. `server` is whom the
    /// transport proved the peer to be.
    ///
    /// # Errors
    /// The reply is not signed as it should be; nothing of it counts.
    fn unseal(&self, server: &Peer, document: Bytes) -> Result<Unsealed, SealError>;
}

/// Why a message was not signed, or a reply does not count.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct SealError(pub Arc<dyn Error + Send + Sync>);

impl SealError {
    /// This is why.
    pub fn new(source: impl Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }
}
