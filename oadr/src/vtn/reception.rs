//! What every transport needs of the VTN: a message in, an outcome out, a log line for what was
//! refused, unless there are too many, and a place among the latest refusals.
//!
//! Knows nothing of decisions, nor of how messages travel.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use oadr_core::codec::Drifts;
use oadr_core::payload::Message;
use oadr_core::{Peer, Profile, Signature, vtn};
use oadr_http::Unsealed;
use tokio::time::Instant;

use super::host::{Failure, Host};
use super::refuser::Refuser;
use super::signatures::Denied;
use crate::clock;
use crate::log_ration::Subject;
use crate::logging;

/// How long a VEN is asked to wait when too much is to be written.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Where messages of VENs arrive, over whichever transport.
#[derive(Debug, Clone)]
pub(super) struct Reception(Arc<Host>);

/// A message that arrived.
#[derive(Debug)]
pub(super) struct Arrived {
    /// Who sent it, as far as the transport proved it.
    pub(super) peer: Peer,
    /// Where from, if there is such a thing.
    pub(super) address: Option<SocketAddr>,
    /// The profile that it came in.
    pub(super) profile: Profile,
    /// The message.
    pub(super) message: Message,
    /// What its signature proves, if it was looked at.
    pub(super) signature: Option<Signature>,
    /// What the codec tolerated in reading it.
    pub(super) drifts: Drifts,
}

/// What goes back.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// A message, which is not signed.
    Message(Box<Message>),
    /// One that is, because what it answers was.
    Signed {
        /// What it says.
        message: Box<Message>,
        /// As it goes out.
        document: Vec<u8>,
    },
    /// An acknowledgement without a message.
    Empty,
    /// The peer, or its signature, is refused (rule 517).
    Forbidden,
    /// Overloaded.
    Unavailable {
        /// After how long to try again.
        retry_after: Duration,
    },
    /// Something went wrong that is not the peer's fault.
    Failed,
}

impl Reception {
    pub(super) fn new(host: Arc<Host>) -> Self {
        Self(host)
    }

    pub(super) fn host(&self) -> &Arc<Host> {
        &self.0
    }

    /// Whether a line about this may be written.
    pub(super) fn may_log(&self, subject: Subject) -> bool {
        self.0.ration.admits(subject, Instant::now())
    }

    /// What says why this peer is refused.
    pub(super) fn refuser<'a>(
        &'a self,
        peer: &'a Peer,
        address: Option<SocketAddr>,
    ) -> Refuser<'a> {
        Refuser {
            host: &self.0,
            peer,
            address,
        }
    }

    /// Checks what a document is signed with, and says what is to be read of it.
    ///
    /// # Errors
    /// It is refused, and that is logged.
    pub(super) fn unseal(
        &self,
        peer: &Peer,
        address: Option<SocketAddr>,
        document: Bytes,
    ) -> Result<Unsealed, Denied> {
        let (host, now) = (&self.0, clock::now());
        let trust = &host.trust;
        let unsealed = trust
            .signatures
            .unseal(&host.registry, &trust.peers, peer, document, now);
        unsealed.inspect_err(|denied| self.refuser(peer, address).denied(denied, now))
    }

    /// Answers a message.
    pub(super) async fn receive(&self, arrived: Arrived) -> Outcome {
        let Arrived {
            peer,
            address,
            profile,
            message,
            signature,
            drifts,
        } = arrived;
        let kind = message.kind();
        // Where the transport proves nothing, the signature does.
        let peer = match (peer, &signature) {
            (Peer::Unproven, Some(signature)) => Peer::Certificate(signature.signer),
            (peer, _) => peer,
        };
        let input = vtn::Input::Message {
            peer: peer.clone(),
            profile,
            message,
            signature,
        };
        let answered = self.0.answer(&input).await;
        if !drifts.is_empty() {
            tracing::debug!(
                input = %kind,
                address = address.map(display),
                jid = jid_of(&peer),
                ?drifts,
                "understood although bent"
            );
        }
        match answered {
            Ok(vtn::Reply::Message(message)) => {
                if let Some((code, description)) = logging::refusal(&message) {
                    if self.may_log(Subject::Message) {
                        tracing::info!(
                            input = %kind,
                            address = address.map(display),
                            jid = jid_of(&peer),
                            %code,
                            description,
                            "refused"
                        );
                    }
                    self.refuser(&peer, address)
                        .answered(&input, code, description, clock::now());
                } else {
                    tracing::trace!(input = %kind, reply = %message.kind(), "answered");
                }
                self.sent(message, signature.as_ref())
            }
            // Pushes answer no message.
            Ok(vtn::Reply::Empty | vtn::Reply::Push(_)) => Outcome::Empty,
            Ok(vtn::Reply::Forbidden) => {
                self.refuser(&peer, address)
                    .forbidden(&input, signature.as_ref(), clock::now());
                Outcome::Forbidden
            }
            Err(error) => {
                if self.may_log(Subject::Unanswered) {
                    tracing::warn!(input = %kind, %error, "not answered");
                }
                match error {
                    Failure::Busy | Failure::Contended | Failure::NoAnswer(_) => {
                        Outcome::Unavailable {
                            retry_after: RETRY_AFTER,
                        }
                    }
                    Failure::Store(_) | Failure::Entropy(_) => Outcome::Failed,
                }
            }
        }
    }

    /// A reply as it goes out: signed if what it answers was.
    fn sent(&self, message: Box<Message>, signature: Option<&Signature>) -> Outcome {
        let Some(signature) = signature else {
            return Outcome::Message(message);
        };
        let trust = &self.0.trust;
        let (signer, now) = (&signature.signer, clock::now());
        let sealed = trust.signatures.seal(&trust.peers, signer, &message, now);
        match sealed {
            Ok(document) => Outcome::Signed { message, document },
            Err(error) => {
                if self.may_log(Subject::Unanswered) {
                    tracing::warn!(reply = %message.kind(), %error, "a reply was not signed");
                }
                Outcome::Failed
            }
        }
    }
}

/// The JID of a peer that has one, for a log.
pub(super) fn jid_of(peer: &Peer) -> Option<String> {
    match peer {
        Peer::Jid(jid) => Some(logging::cut(&jid.to_string()).to_owned()),
        Peer::Unproven | Peer::Certificate(_) | _ => None,
    }
}
