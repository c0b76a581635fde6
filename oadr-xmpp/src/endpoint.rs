//! One session of one account, for as long as somebody holds it.
//!
//! Knows nothing of what messages mean.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use oadr_core::codec::{DecodeError, Decoded};
use oadr_core::payload::Message;
use oadr_core::{Jid, Signature};
use tokio::sync::watch;

use crate::discovery;
use crate::keep::keep;
use crate::link::{Addressee, Link};
use crate::requests::{Inbox, Served};
use crate::write::Kind;
use crate::{Config, Forbidden, Handler, ServiceJids, Unsealed};

/// A session: cheap to clone; it ends with [`close`](Self::close), or when the last clone is dropped.
#[derive(Clone)]
pub struct Endpoint {
    link: Arc<Link>,
    seals: Arc<dyn Seals>,
    status: watch::Receiver<Status>,
    /// `true`: it is to end. When all of these are gone, too.
    closing: Arc<watch::Sender<bool>>,
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
    Unsigned(Arc<dyn Error + Send + Sync>),
    /// The answer cannot be read.
    #[error("the answer cannot be read: {0}")]
    Undecodable(Arc<DecodeError>),
    /// The answer is longer than [`Config::longest_stanza`], and was skipped.
    #[error("the answer has more than the {limit} bytes that a stanza may have")]
    AnswerTooLong {
        /// What is allowed.
        limit: usize,
    },
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
        let link = Link::new(config.clone());
        let (tell, status) = watch::channel(Status::Down { why: None });
        let (closing, until) = watch::channel(false);
        let inbox = Served(Inbox::new(config, Arc::clone(&handler)));
        tokio::spawn(keep(
            Arc::clone(&link),
            inbox,
            Arc::clone(&handler),
            tell,
            until,
        ));
        Self {
            link,
            seals: handler,
            status,
            closing: Arc::new(closing),
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Sends a message and waits for the answer. There is one attempt; a message that is sent again may
    /// be the same to the peer or not, which its sender knows.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(&self, to: &Jid, message: &Message) -> Result<Answer, SendError> {
        let document = self.seals.seal(to, message).map_err(SendError::Unsigned)?;
        let peer = Addressee::Peer(to.clone());
        let asked = self.link.ask(peer, Kind::Set, &document).await;
        let mut answer = asked.map_err(|error| {
            let is_offline = matches!(
                &error,
                SendError::Stanza { condition, .. }
                    if condition == "service-unavailable" || condition == "recipient-unavailable"
            );
            if is_offline {
                SendError::Offline(to.clone())
            } else {
                error
            }
        })?;
        let Some(child) = answer.children.pop() else {
            return Ok(Answer {
                reply: None,
                signature: None,
                octets: Vec::new(),
            });
        };
        let unsealed = self.seals.unseal(to, child.document);
        let unsealed = unsealed.map_err(|Forbidden| SendError::Forbidden)?;
        let decoded = unsealed.decode(&self.link.config.decode);
        let reply = decoded.map_err(|error| SendError::Undecodable(Arc::new(error)))?;
        let Unsealed { octets, signature } = unsealed;
        Ok(Answer {
            reply: Some(reply),
            signature,
            octets,
        })
    }

    /// Asks the domain, or the server's own domain, where the VTN's services are (spec §5.3). None, if
    /// it has an answer without any.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn discover(&self, domain: Option<&str>) -> Result<ServiceJids, SendError> {
        let own = self.link.config.jid.account().domain();
        discovery::ask(&self.link, domain.unwrap_or(own)).await
    }

    /// Ends it: takes no more requests, answers those that it has taken if the handler does so within 5 s,
    /// says that it is unavailable, and closes the stream. Returns when that is done, and leaves nothing
    /// that goes on.
    pub async fn close(&self) {
        self.closing.send_replace(true);
        let mut status = self.status.clone();
        // An error: whoever tells is gone, and the session with him.
        let _ = status.wait_for(|status| *status == Status::Closed).await;
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("config", &self.link.config)
            .field("status", &*self.status.borrow())
            .finish_non_exhaustive()
    }
}

/// What an endpoint needs of its handler, whatever type that is.
trait Seals: Send + Sync {
    fn seal(&self, to: &Jid, message: &Message) -> Result<Vec<u8>, Arc<dyn Error + Send + Sync>>;
    fn unseal(&self, from: &Jid, document: Vec<u8>) -> Result<Unsealed, Forbidden>;
}

impl<H: Handler> Seals for H {
    fn seal(&self, to: &Jid, message: &Message) -> Result<Vec<u8>, Arc<dyn Error + Send + Sync>> {
        Handler::seal(self, to, message)
    }

    fn unseal(&self, from: &Jid, document: Vec<u8>) -> Result<Unsealed, Forbidden> {
        Handler::unseal(self, from, document)
    }
}
