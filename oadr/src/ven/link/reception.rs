//! What is pushed, whatever it came by: its signature is looked at, the host works it off, and what is said
//! to it is signed.
//!
//! Knows nothing of HTTP, of stanzas, and of what messages mean.

use std::fmt::Display;
use std::sync::Arc;

use hyper::body::Bytes;
use oadr_core::Peer;
use oadr_core::codec::Drifts;
use oadr_core::payload::Message;
use oadr_core::ven::PushReply;
use oadr_http::{Seal as _, SealError, Unsealed};
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use super::pushes::Pushes;
use crate::log_ration::{LogRation, Subject};
use crate::logging;
use crate::ven::signatures::Signatures;

/// Where pushes arrive.
#[derive(Debug)]
pub(super) struct Reception {
    pub(super) pushes: Pushes,
    pub(super) seal: Option<Arc<Signatures>>,
    pub(super) ration: Arc<LogRation>,
    /// Whose log lines these are: transports answer in tasks of their own.
    pub(super) span: Span,
}

/// What is said to a push.
pub(super) enum Said {
    /// A message, which is not signed.
    Message(Box<Message>),
    /// A message, and its document as it is signed.
    Signed(Box<Message>, Vec<u8>),
    /// Nothing but that it arrived.
    Empty,
    /// To come back later.
    NotNow,
    /// Nothing: it could not be signed.
    Failed,
}

impl Reception {
    /// For tests in which nothing is pushed.
    #[cfg(test)]
    pub(super) fn of_nothing() -> Arc<Self> {
        let (pushes, _) = Pushes::new();
        Arc::new(Self {
            pushes,
            seal: None,
            ration: Arc::default(),
            span: Span::none(),
        })
    }

    /// Whether a line about this may be written.
    pub(super) fn may_log(&self, subject: Subject) -> bool {
        self.ration.admits(subject, Instant::now())
    }

    /// What is to be read of a document that this peer sent.
    ///
    /// # Errors
    /// It does not count; that is in the log.
    pub(super) fn unseal(&self, peer: &Peer, document: Bytes) -> Result<Unsealed, SealError> {
        let Some(seal) = &self.seal else {
            return Ok(Unsealed::unsigned(document));
        };
        seal.unseal(peer, document).inspect_err(|error| {
            let _entered = self.span.enter();
            if self.may_log(Subject::Peer) {
                tracing::warn!(%error, "what came does not count");
            }
        })
    }

    /// Has a message worked off.
    pub(super) async fn answer(
        &self,
        from: &(dyn Display + Sync),
        message: Message,
        drifts: &Drifts,
    ) -> Said {
        let working = self.work_off(from, message, drifts);
        working.instrument(self.span.clone()).await
    }

    async fn work_off(
        &self,
        from: &(dyn Display + Sync),
        message: Message,
        drifts: &Drifts,
    ) -> Said {
        let kind = message.kind();
        if !drifts.is_empty() {
            tracing::debug!(pushed = %kind, ?drifts, "understood although bent");
        }
        match self.pushes.take(message).await {
            Ok(PushReply::Empty) => Said::Empty,
            Ok(PushReply::Message(message)) => {
                if let Some((code, description)) = logging::refusal(&message)
                    && self.may_log(Subject::Message)
                {
                    let from = from.to_string();
                    tracing::info!(pushed = %kind, from, %code, description, "refused");
                }
                self.signed(message)
            }
            Err(error) => {
                if self.may_log(Subject::Unanswered) {
                    tracing::warn!(pushed = %kind, %error, "not worked off");
                }
                Said::NotNow
            }
        }
    }

    fn signed(&self, message: Box<Message>) -> Said {
        let Some(seal) = &self.seal else {
            return Said::Message(message);
        };
        match seal.seal(&message) {
            Ok(document) => Said::Signed(message, document),
            Err(error) => {
                if self.may_log(Subject::Unanswered) {
                    tracing::warn!(reply = %message.kind(), %error, "a reply was not signed");
                }
                Said::Failed
            }
        }
    }
}
