//! Requests over HTTP: what becomes of each, and what a failure means for the machine.
//!
//! Knows nothing of pushes.

use chrono::TimeDelta;
use oadr_core::SignaturePolicy;
use oadr_core::codec::Decoded;
use oadr_core::payload::Message;
use oadr_core::value::ServiceName;
use oadr_core::ven::Failure;
use oadr_http::{BaseUrl, Client, ClientError};

/// The line to a VTN at a URL.
#[derive(Debug)]
pub(super) struct HttpLink {
    pub(super) client: Client,
    pub(super) signatures: SignaturePolicy,
}

impl HttpLink {
    /// Sends a message; the reply, if there is one.
    ///
    /// # Errors
    /// What the failure means; what it is is in the log.
    pub(super) async fn send(
        &self,
        service: ServiceName,
        message: &Message,
    ) -> Result<Option<Decoded>, Failure> {
        let vtn = self.client.base();
        match self.client.send(service, message).await {
            Ok(answer) => Ok(answer.reply),
            Err(error) => {
                tell(&message.kind().to_string(), &error, vtn, self.signatures);
                Err(failure(&error, is_secured(vtn, self.signatures)))
            }
        }
    }
}

/// Says why there is no answer, and what to do if somebody can do something.
fn tell(request: &str, error: &ClientError, vtn: &BaseUrl, signatures: SignaturePolicy) {
    if let ClientError::Tls { .. } = error {
        tracing::warn!(request, %error, "no answer: `oadr doctor vtn {vtn}` says more");
    } else if let ClientError::Status { status, .. } = error
        && *status == 403
        && is_secured(vtn, signatures)
    {
        tracing::warn!(
            request, %error,
            "no answer: the VTN refuses the VEN's certificate or signature, or the lack of one; \
             `oadr doctor vtn {vtn}` says more"
        );
    } else {
        tracing::warn!(request, %error, "no answer");
    }
}

/// Whether a VTN may refuse the VEN for its certificate or signature.
fn is_secured(vtn: &BaseUrl, signatures: SignaturePolicy) -> bool {
    vtn.is_https() || signatures != SignaturePolicy::Off
}

fn failure(error: &ClientError, is_secured: bool) -> Failure {
    match error {
        // Rule 517: the VEN is refused and not what it says, until somebody sets a clock right or enrols
        // its certificate. Nothing is dropped over that.
        ClientError::Status { status, .. } if *status == 403 && is_secured => Failure::Unreachable,
        // What does not count has not come: what was said is said again, and nothing is dropped.
        ClientError::Connect { .. }
        | ClientError::Tls { .. }
        | ClientError::TimedOut { .. }
        | ClientError::Broken { .. }
        | ClientError::Unsigned { .. }
        | ClientError::Unsealed { .. } => Failure::Unreachable,
        ClientError::Status {
            status,
            retry_after,
            ..
        } if *status == 503 || *status == 429 => Failure::Busy {
            retry_after: retry_after.and_then(|wait| TimeDelta::from_std(wait).ok()),
        },
        ClientError::Status { status, .. } if status.is_client_error() => Failure::Refused,
        ClientError::Status { .. }
        | ClientError::Undecodable { .. }
        | ClientError::TooLarge { .. }
        | ClientError::ContentCoding { .. }
        | ClientError::Corrupt { .. }
        | _ => Failure::Broken,
    }
}

#[cfg(test)]
mod tests {
    use oadr_http::SealError;

    use super::*;

    #[test]
    fn what_does_not_count_costs_no_answer_that_is_owed() {
        let refused = || SealError::new(std::io::Error::other("signed by another"));
        for error in [
            ClientError::Unsealed { source: refused() },
            ClientError::Unsigned { source: refused() },
        ] {
            assert_eq!(failure(&error, true), Failure::Unreachable);
        }
    }

    #[test]
    fn rule_517_a_ven_that_is_refused_drops_nothing() {
        let refused = |status: u16| ClientError::Status {
            status: hyper::StatusCode::from_u16(status).unwrap(),
            retry_after: None,
            excerpt: String::new(),
        };
        assert_eq!(failure(&refused(403), true), Failure::Unreachable);
        // Without TLS and signatures nobody can mean the VEN.
        assert_eq!(failure(&refused(403), false), Failure::Refused);
        assert_eq!(failure(&refused(404), true), Failure::Refused);
    }
}
