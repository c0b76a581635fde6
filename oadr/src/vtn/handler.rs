//! Between `oadr-http` and the host: a request in, a reply out, a log line for what was refused,
//! unless there are too many.
//!
//! Knows nothing of decisions.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use oadr_core::payload::Message;
use oadr_core::{Peer, Signature, vtn};
use oadr_http::{Failure as HttpFailure, Forbidden, Handler, Notice, Reply, Request, Unsealed};
use tokio::time::Instant;

use super::host::{Failure, Host};
use super::refuser::Refuser;
use crate::clock;
use crate::log_ration::Subject;
use crate::logging;

/// How long a VEN is asked to wait when too much is to be written.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Serves VENs over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct HttpHandler(pub(crate) Arc<Host>);

impl HttpHandler {
    /// Whether a line about this may be written.
    fn may_log(&self, subject: Subject) -> bool {
        self.0.ration.admits(subject, Instant::now())
    }

    fn refuser<'a>(&'a self, peer: &'a Peer, address: Option<SocketAddr>) -> Refuser<'a> {
        Refuser {
            host: &self.0,
            peer,
            address,
        }
    }

    /// A reply as it goes out: signed if what it answers was.
    fn sent(&self, message: Box<Message>, signature: Option<&Signature>) -> Reply {
        let Some(signature) = signature else {
            return Reply::Message(message);
        };
        let trust = &self.0.trust;
        let (signer, now) = (&signature.signer, clock::now());
        let sealed = trust.signatures.seal(&trust.peers, signer, &message, now);
        match sealed {
            Ok(document) => Reply::Signed { message, document },
            Err(error) => {
                if self.may_log(Subject::Unanswered) {
                    tracing::warn!(reply = %message.kind(), %error, "a reply was not signed");
                }
                Reply::Failed
            }
        }
    }
}

impl Handler for HttpHandler {
    fn unseal(
        &self,
        peer: &Peer,
        address: Option<SocketAddr>,
        document: Bytes,
    ) -> Result<Unsealed, Forbidden> {
        let (host, now) = (&self.0, clock::now());
        let trust = &host.trust;
        let unsealed = trust
            .signatures
            .unseal(&host.registry, &trust.peers, peer, document, now);
        unsealed.map_err(|denied| {
            self.refuser(peer, address).denied(&denied, now);
            Forbidden
        })
    }

    async fn handle(&self, request: Request) -> Reply {
        let kind = request.message.kind();
        let drifts = request.drifts;
        let address = request.address;
        let signature = request.signature;
        // Where the transport proves nothing, the signature does.
        let peer = match (request.peer, &signature) {
            (Peer::Unproven, Some(signature)) => Peer::Certificate(signature.signer),
            (peer, _) => peer,
        };
        let input = vtn::Input::Message {
            peer: peer.clone(),
            profile: request.profile,
            message: request.message,
            signature,
        };
        let answered = self.0.answer(&input).await;
        if !drifts.is_empty() {
            tracing::debug!(input = %kind, ?address, ?drifts, "understood although bent");
        }
        match answered {
            Ok(vtn::Reply::Message(message)) => {
                if let Some((code, description)) = logging::refusal(&message) {
                    if self.may_log(Subject::Message) {
                        tracing::info!(input = %kind, ?address, %code, description, "refused");
                    }
                    self.refuser(&peer, address)
                        .answered(&input, code, description, clock::now());
                } else {
                    tracing::trace!(input = %kind, reply = %message.kind(), "answered");
                }
                self.sent(message, signature.as_ref())
            }
            // Pushes answer no message.
            Ok(vtn::Reply::Empty | vtn::Reply::Push(_)) => Reply::Empty,
            Ok(vtn::Reply::Forbidden) => {
                self.refuser(&peer, address)
                    .forbidden(&input, signature.as_ref(), clock::now());
                Reply::Forbidden
            }
            Err(error) => {
                if self.may_log(Subject::Unanswered) {
                    tracing::warn!(input = %kind, %error, "not answered");
                }
                match error {
                    Failure::Busy | Failure::Contended | Failure::NoAnswer(_) => {
                        Reply::Unavailable {
                            retry_after: RETRY_AFTER,
                        }
                    }
                    Failure::Store(_) | Failure::Entropy(_) => Reply::Failed,
                }
            }
        }
    }

    fn notice(&self, notice: Notice<'_>) {
        match notice {
            // Whoever refused it has said so.
            Notice::Refused {
                failure: HttpFailure::Forbidden,
                ..
            } => {}
            Notice::Refused {
                peer,
                address,
                failure: HttpFailure::Proxied(error),
            } => self.refuser(peer, address).proxied(error, clock::now()),
            Notice::Refused {
                peer: _,
                address,
                failure,
            } if self.may_log(Subject::Request) => {
                let failure = failure.to_string();
                tracing::info!(
                    ?address,
                    failure = logging::cut(&failure),
                    "request refused"
                );
            }
            Notice::TooMany { peer: _, address } if self.may_log(Subject::Connection) => {
                tracing::info!(?address, "too many connections of one peer: closed");
            }
            Notice::Connected {
                address,
                peer,
                certificate,
            } => self
                .refuser(peer, Some(address))
                .connected(certificate, clock::now()),
            Notice::Handshake { address, error } => self
                .refuser(&Peer::Unproven, Some(address))
                .handshake(error, clock::now()),
            Notice::NotAccepted { error } if self.may_log(Subject::Connection) => {
                tracing::warn!(%error, "connection not accepted");
            }
            Notice::NotAProxy { address } if self.may_log(Subject::Connection) => {
                tracing::warn!(%address, "not a trusted proxy, but connected like one: closed");
            }
            // Those for which there are too many lines, and what is new.
            Notice::Refused { .. }
            | Notice::TooMany { .. }
            | Notice::NotAccepted { .. }
            | Notice::NotAProxy { .. }
            | _ => {}
        }
    }
}
