//! Between `oadr-http` and the reception: requests in, replies out, and what the server tells.
//!
//! Knows nothing of decisions.

use std::net::SocketAddr;

use hyper::body::Bytes;
use oadr_core::Peer;
use oadr_http::{Failure as HttpFailure, Forbidden, Handler, Notice, Reply, Request, Unsealed};

use super::reception::{Arrived, Outcome, Reception};
use crate::clock;
use crate::log_ration::Subject;
use crate::logging;

/// Serves VENs over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct HttpHandler(pub(super) Reception);

impl Handler for HttpHandler {
    fn unseal(
        &self,
        peer: &Peer,
        address: Option<SocketAddr>,
        document: Bytes,
    ) -> Result<Unsealed, Forbidden> {
        let unsealed = self.0.unseal(peer, address, document);
        unsealed.map_err(|_| Forbidden)
    }

    async fn handle(&self, request: Request) -> Reply {
        let outcome = self.0.receive(Arrived {
            peer: request.peer,
            address: request.address,
            profile: request.profile,
            message: request.message,
            signature: request.signature,
            drifts: request.drifts,
        });
        match outcome.await {
            Outcome::Message(message) => Reply::Message(message),
            Outcome::Signed { message, document } => Reply::Signed { message, document },
            Outcome::Empty => Reply::Empty,
            Outcome::Forbidden => Reply::Forbidden,
            Outcome::Unavailable { retry_after } => Reply::Unavailable { retry_after },
            Outcome::Failed => Reply::Failed,
        }
    }

    fn notice(&self, notice: Notice<'_>) {
        let reception = &self.0;
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
            } => reception
                .refuser(peer, address)
                .proxied(error, clock::now()),
            Notice::Refused {
                peer: _,
                address,
                failure,
            } if reception.may_log(Subject::Request) => {
                let failure = failure.to_string();
                tracing::info!(
                    address = address.map(display),
                    failure = logging::cut(&failure),
                    "request refused"
                );
            }
            Notice::TooMany { peer: _, address } if reception.may_log(Subject::Connection) => {
                tracing::info!(
                    address = address.map(display),
                    "too many connections of one peer: closed"
                );
            }
            Notice::Connected {
                address,
                peer,
                certificate,
            } => reception
                .refuser(peer, Some(address))
                .connected(certificate, clock::now()),
            Notice::Handshake { address, error } => reception
                .refuser(&Peer::Unproven, Some(address))
                .handshake(error, clock::now()),
            Notice::NotAccepted { error } if reception.may_log(Subject::Connection) => {
                tracing::warn!(%error, "connection not accepted");
            }
            Notice::NotAProxy { address } if reception.may_log(Subject::Connection) => {
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
