//! Between `oadr-http` and the host: a request in, a reply out, a log line for what was refused,
//! unless there are too many.
//!
//! Knows nothing of decisions.

use std::sync::Arc;
use std::time::Duration;

use oadr_core::vtn;
use oadr_http::{Handler, Notice, Reply, Request};
use tokio::time::Instant;

use super::host::{Failure, Host};
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
}

impl Handler for HttpHandler {
    async fn handle(&self, request: Request) -> Reply {
        let kind = request.message.kind();
        let drifts = request.drifts;
        let address = request.address;
        let input = vtn::Input::Message {
            peer: request.peer,
            profile: request.profile,
            message: request.message,
            signature: None,
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
                } else {
                    tracing::trace!(input = %kind, reply = %message.kind(), "answered");
                }
                Reply::Message(message)
            }
            Ok(vtn::Reply::Empty) => Reply::Empty,
            Ok(vtn::Reply::Forbidden) => Reply::Forbidden,
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
        let subject = match notice {
            Notice::Refused { .. } => Subject::Request,
            Notice::TooMany { .. } | Notice::NotAccepted { .. } => Subject::Connection,
            _ => return,
        };
        if !self.may_log(subject) {
            return;
        }
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
            Notice::TooMany { peer: _, address } => {
                tracing::info!(?address, "too many connections of one peer: closed");
            }
            Notice::NotAccepted { error } => tracing::warn!(%error, "connection not accepted"),
            _ => {}
        }
    }
}
