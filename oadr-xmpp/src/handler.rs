//! What an endpoint asks of whoever answers, and what it tells.
//!
//! Knows nothing of stanzas.

use std::error::Error;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use oadr_core::codec::{DecodeError, DecodeOptions, Decoded, Drifts, decode, decode_signed_object};
use oadr_core::payload::Message;
use oadr_core::{Jid, Profile, Signature};

/// Whoever answers the messages: a VTN, or a VEN that is pushed to.
pub trait Handler: Send + Sync + 'static {
    /// Whether this peer may say anything at all (rule 515); others get `forbidden`.
    fn admits(&self, from: &Jid) -> bool;

    /// Checks what a document was signed with, before anything of it counts, and says what is to be
    /// read. For requests and for answers alike. By default nothing is checked.
    ///
    /// # Errors
    /// [`Forbidden`]: a request gets `forbidden`, an answer does not count. The handler says why in its
    /// log.
    fn unseal(&self, from: &Jid, document: Vec<u8>) -> Result<Unsealed, Forbidden> {
        let _ = from;
        Ok(Unsealed {
            octets: document,
            signature: None,
        })
    }

    /// The document of a message that we send, signed now if that is wanted. By default it is not.
    /// Replies are not asked about: those that are signed are [`Reply::Signed`].
    ///
    /// # Errors
    /// It cannot be signed.
    fn seal(&self, to: &Jid, message: &Message) -> Result<Vec<u8>, Arc<dyn Error + Send + Sync>> {
        let _ = to;
        Ok(oadr_core::codec::encode(message))
    }

    /// Answers one message.
    fn handle(&self, request: Request) -> impl Future<Output = Reply> + Send;

    /// Hears what the handler does not see otherwise, for logs and counters. Must not block.
    fn notice(&self, notice: Notice<'_>) {
        let _ = notice;
    }
}

/// A peer, or its signature, is refused (rule 517).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forbidden;

/// What is to be read of a document.
#[derive(Debug, Clone)]
pub struct Unsealed {
    /// The octets to decode: those that were verified, if they were.
    pub octets: Vec<u8>,
    /// What the signature proves.
    pub signature: Option<Signature>,
}

impl Unsealed {
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

/// A message that arrived.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Request {
    /// Who sent it, as the server says.
    pub from: Jid,
    /// The profile that it came in.
    pub profile: Profile,
    /// The message.
    pub message: Message,
    /// What its signature proves, if it was looked at.
    pub signature: Option<Signature>,
    /// What the codec tolerated in reading it.
    pub drifts: Drifts,
    /// The document as it was read.
    pub octets: Vec<u8>,
}

/// What a handler makes of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// A result with this message, which is not signed.
    Message(Box<Message>),
    /// A result with a document that is ready, because it is signed.
    Signed {
        /// What it says.
        message: Box<Message>,
        /// The document as it goes out.
        document: Vec<u8>,
    },
    /// An empty result.
    Empty,
    /// `forbidden`: the peer, or its signature, is refused (rule 517).
    Forbidden,
    /// `resource-constraint`, of type `wait`: overloaded.
    Unavailable {
        /// After how long to try again.
        retry_after: Duration,
    },
    /// `internal-server-error`: something went wrong that is not the peer's fault.
    Failed,
}

/// Why a stanza was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Who sent it may not.
    #[error("the sender is none of ours")]
    Stranger,
    /// It is not OpenADR, or not to be understood.
    #[error("the payload cannot be read: {0}")]
    Unreadable(String),
    /// It is too long.
    #[error("the stanza is longer than {limit} bytes")]
    TooLong {
        /// What is allowed.
        limit: usize,
    },
    /// The message is not one for this side, or one that XMPP has not (rule 507).
    #[error("{0} is not for us")]
    NotForUs(oadr_core::payload::MessageKind),
    /// Too much is waiting.
    #[error("too many requests at once")]
    TooMany,
    /// The reply to it is longer than a stanza may be; the peer gets `internal-server-error`.
    #[error("the reply has {length} bytes, more than the {limit} that a stanza may have")]
    ReplyTooLong {
        /// Its length.
        length: usize,
        /// What is allowed.
        limit: usize,
    },
    /// The handler refused it.
    #[error("forbidden")]
    Forbidden,
}

/// Something a log should know.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// The session is up.
    Connected {
        /// As the server bound it.
        jid: &'a Jid,
    },
    /// The session ended, or did not come about.
    Disconnected {
        /// Why.
        error: &'a io::Error,
        /// When it is tried again.
        again_in: Duration,
    },
    /// The server does not let the account in, with this certificate or password: it is tried again
    /// after the longest back-off. A person should look.
    LoginRefused {
        /// What the server said, in the words of SASL, such as `not-authorized`.
        why: &'a str,
        /// When it is tried again.
        again_in: Duration,
    },
    /// Another session has taken this JID: it is tried again after the longest back-off. A person should
    /// look, for two that take it from each other never end.
    Replaced {
        /// When it is tried again.
        again_in: Duration,
    },
    /// A stanza was refused.
    Refused {
        /// Who sent it, as text: it may be no JID of ours.
        from: &'a str,
        /// Why.
        why: &'a Refused,
    },
}
