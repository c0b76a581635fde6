//! Pushes over XMPP: through the VTN's session to that of the VEN.
//!
//! Knows nothing of when something is pushed.

use std::time::Duration;

use oadr_core::Jid;
use oadr_core::vtn::{Push, PushFault, PushOutcome};
use oadr_xmpp::{Endpoint, SendError, Status};
use tokio::time::timeout;

use crate::vtn::push::failed;

/// How long a push waits for a session that has just gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a push may then take, whatever its length. Together it is less than what the machine gives one.
const IN_ALL: Duration = Duration::from_secs(22);

/// Carries pushes.
#[derive(Debug)]
pub(in crate::vtn) struct XmppPush(pub(super) Endpoint);

impl XmppPush {
    pub(in crate::vtn) async fn send(&self, to: &Jid, push: &Push) -> PushOutcome {
        let mut status = self.0.status();
        let is_up = status.wait_for(|status| matches!(status, Status::Up { .. }));
        // If it does not come back in time, sending says so.
        let _ = timeout(PATIENCE, is_up).await;
        let sent = timeout(IN_ALL, self.0.send(to, &push.message)).await;
        match sent.unwrap_or(Err(SendError::TimedOut { after: IN_ALL })) {
            Ok(answer) => match answer.reply {
                None => PushOutcome::Acknowledged,
                Some(reply) => PushOutcome::Replied {
                    profile: reply.profile,
                    message: Box::new(reply.message),
                    signature: answer.signature,
                },
            },
            Err(error) => failed(fault(&error), &error.to_string()),
        }
    }
}

fn fault(error: &SendError) -> PushFault {
    match error {
        SendError::NotConnected => PushFault::Unreachable,
        SendError::Offline(_) => PushFault::Offline,
        SendError::Stanza {
            condition, kind, ..
        } => match (condition.as_str(), kind.as_str()) {
            ("remote-server-not-found" | "remote-server-timeout", _) => PushFault::Unreachable,
            ("internal-server-error", _) => PushFault::Broken,
            (_, "wait") => PushFault::Busy,
            _ => PushFault::Refused,
        },
        SendError::TimedOut { .. } => PushFault::TimedOut,
        SendError::Forbidden | SendError::Unsigned(_) => PushFault::Untrusted,
        SendError::Undecodable(_) | SendError::AnswerTooLong { .. } => PushFault::Unreadable,
        SendError::TooLong { .. } => PushFault::Refused,
        // What the endpoint may come to tell apart some day.
        _ => PushFault::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stanza_error_says_whose_fault_it_is() {
        for (condition, kind, expected) in [
            ("forbidden", "auth", PushFault::Refused),
            ("bad-request", "modify", PushFault::Refused),
            ("resource-constraint", "wait", PushFault::Busy),
            ("internal-server-error", "cancel", PushFault::Broken),
            ("remote-server-timeout", "wait", PushFault::Unreachable),
        ] {
            let error = SendError::Stanza {
                from: "house@xmpp.example/client".to_owned(),
                condition: condition.to_owned(),
                kind: kind.to_owned(),
                text: None,
            };
            assert_eq!(fault(&error), expected, "{condition}");
        }
        let gone = "house@xmpp.example/client".parse().unwrap();
        assert_eq!(fault(&SendError::Offline(gone)), PushFault::Offline);
        assert_eq!(fault(&SendError::NotConnected), PushFault::Unreachable);
        let too_long = SendError::AnswerTooLong { limit: 1000 };
        assert_eq!(fault(&too_long), PushFault::Unreadable);
    }
}
