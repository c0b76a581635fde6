//! Between `oadr-http` and the host: a request in, a reply out, a log line for what was refused.
//!
//! Knows nothing of decisions.

use std::sync::Arc;
use std::time::Duration;

use oadr_core::vtn;
use oadr_http::{Handler, Notice, Reply, Request};

use super::host::{Failure, Host};
use crate::logging;

/// How long a VEN is asked to wait when too much is to be written.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Serves VENs over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct HttpHandler(pub(crate) Arc<Host>);

impl Handler for HttpHandler {
    async fn handle(&self, request: Request) -> Reply {
        let kind = request.message.kind();
        let drifts = request.drifts;
        let address = request.address;
        let input = vtn::Input::Message {
            peer: request.peer,
            profile: request.profile,
            message: request.message,
        };
        let answered = self.0.answer(&input).await;
        if !drifts.is_empty() {
            tracing::debug!(input = %kind, ?address, ?drifts, "understood although bent");
        }
        match answered {
            Ok(vtn::Reply::Message(message)) => {
                if let Some((code, description)) = logging::refusal(&message) {
                    tracing::info!(input = %kind, ?address, %code, description, "refused");
                } else {
                    tracing::trace!(input = %kind, reply = %message.kind(), "answered");
                }
                Reply::Message(message)
            }
            Ok(vtn::Reply::Empty) => Reply::Empty,
            Err(error) => {
                tracing::warn!(input = %kind, %error, "not answered");
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
            Notice::Refused {
                peer: _,
                address,
                failure,
            } => {
                let failure = failure.to_string();
                tracing::info!(
                    ?address,
                    failure = logging::cut(&failure),
                    "request refused"
                );
            }
            Notice::NotAccepted { error } => tracing::warn!(%error, "connection not accepted"),
            _ => {}
        }
    }
}
