//! One session of one account, for as long as somebody holds it.
//!
//! Knows nothing of what messages mean.

use std::sync::Arc;

use oadr_core::codec::{DecodeError, Decoded};
use oadr_core::payload::Message;
use oadr_core::{Jid, Signature};
use tokio::sync::watch;

use crate::{Config, Handler, ServiceJids};

/// A session: cheap to clone; it ends with [`close`](Self::close), or when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Endpoint {
    status: watch::Receiver<Status>,
}

/// Where a session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// Not there; being connected, or waiting to be.
    Down {
        /// Why, if it was tried.
        why: Option<String>,
    },
    /// Logged in, under this JID.
    Up {
        /// The session.
        jid: Jid,
    },
    /// Closed by us.
    Closed,
}

/// What came back for a message.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Answer {
    /// The reply; `None` for an empty result.
    pub reply: Option<Decoded>,
    /// What its signature proves, if it was looked at.
    pub signature: Option<Signature>,
    /// The reply's document as it was decoded.
    pub octets: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no session.
    #[error("not connected to the XMPP server")]
    NotConnected,
    /// The server says that the peer is not there (`service-unavailable`, `recipient-unavailable`).
    #[error("the XMPP server says that {0} is not there")]
    Offline(Jid),
    /// A stanza error.
    #[error("{from} answered with the stanza error {condition}{}", text.as_ref().map(|t| format!(": {t}")).unwrap_or_default())]
    Stanza {
        /// Who answered: the peer, or its server.
        from: String,
        /// The defined condition.
        condition: String,
        /// Its type: `cancel`, `modify`, `auth`, `wait`.
        kind: String,
        /// In words, bounded.
        text: Option<String>,
    },
    /// No answer came in time.
    #[error("no answer within {after:?}")]
    TimedOut {
        /// How long was waited.
        after: std::time::Duration,
    },
    /// The answer is not signed as it should be.
    #[error("the answer does not count")]
    Forbidden,
    /// The message could not be signed.
    #[error("not signed: {0}")]
    Unsigned(Arc<dyn std::error::Error + Send + Sync>),
    /// The answer cannot be read.
    #[error("the answer cannot be read: {0}")]
    Undecodable(Arc<DecodeError>),
    /// It would be longer than the server lets through.
    #[error("the message has {length} bytes, more than the {limit} that a stanza may have")]
    TooLong {
        /// Its length.
        length: usize,
        /// What is allowed.
        limit: usize,
    },
}

impl Endpoint {
    /// Starts a session in the background, on tokio.
    #[must_use]
    pub fn start<H: Handler>(config: Config, handler: Arc<H>) -> Self {
        let _ = (config, handler);
        unimplemented!("xmpp")
    }

    /// Where it stands.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Sends a message and waits for the answer.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(&self, to: &Jid, message: &Message) -> Result<Answer, SendError> {
        let _ = (to, message);
        unimplemented!("xmpp")
    }

    /// Asks the domain, or the server's own domain, where the VTN's services are (spec §5.3).
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn discover(&self, domain: Option<&str>) -> Result<ServiceJids, SendError> {
        let _ = domain;
        unimplemented!("xmpp")
    }

    /// Ends it: says that it is unavailable, and closes the stream.
    pub async fn close(&self) {
        unimplemented!("xmpp")
    }
}
