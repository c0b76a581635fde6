//! Why an HTTP push failed: from the client's words to the machine's.
//!
//! Knows nothing of what follows from it.

use std::time::Duration;

use chrono::TimeDelta;
use oadr_core::value::Text;
use oadr_core::vtn::{PushFailure, PushFault, PushOutcome};
use oadr_http::tls::HandshakeError;
use oadr_http::{ClientError, UrlError};

/// The longest detail, in bytes.
const LONGEST: usize = 400;

/// The longest time that a VEN may want to be left alone; the machine bounds it further.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// A push that failed without being told when to come again.
pub(in super::super) fn failed(fault: PushFault, detail: &str) -> PushOutcome {
    PushOutcome::Failed(failure(fault, detail))
}

fn failure(fault: PushFault, detail: &str) -> PushFailure {
    PushFailure {
        fault,
        detail: words(detail),
        retry_after: None,
    }
}

/// A text of bounded length, which can be written everywhere.
fn words(text: &str) -> Text {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let end = text.floor_char_boundary(LONGEST);
    Text::new(text.get(..end).unwrap_or_default()).unwrap_or_default()
}

/// The address that the VEN gave is no URL.
pub(super) fn no_url(error: &UrlError) -> PushOutcome {
    let detail = format!("the address that the VEN gave cannot be used: {error}");
    failed(PushFault::AddressRefused, &detail)
}

/// What an exchange failed with.
pub(super) fn of(error: &ClientError) -> PushFailure {
    let failure = failure(fault(error), &error.to_string());
    let ClientError::Status {
        retry_after: Some(wait),
        ..
    } = error
    else {
        return failure;
    };
    PushFailure {
        retry_after: TimeDelta::from_std((*wait).min(LONGEST_WAIT)).ok(),
        ..failure
    }
}

fn fault(error: &ClientError) -> PushFault {
    match error {
        ClientError::NotAllowed { .. } => PushFault::AddressRefused,
        ClientError::Connect { .. } => PushFault::Unreachable,
        ClientError::Tls { source, .. } => match **source {
            // Without certificates of our own there is nothing to try.
            HandshakeError::NotSetUp => PushFault::AddressRefused,
            HandshakeError::TimedOut => PushFault::TimedOut,
            HandshakeError::Closed | HandshakeError::Io(_) => PushFault::Unreachable,
            HandshakeError::NoCertificate
            | HandshakeError::Certificate { .. }
            | HandshakeError::Refused { .. }
            | HandshakeError::Version
            | HandshakeError::Suite
            | HandshakeError::PlainHttp
            | HandshakeError::NotTls
            | HandshakeError::Host { .. }
            | HandshakeError::Rustls(_)
            | _ => PushFault::Untrusted,
        },
        ClientError::TimedOut { .. } => PushFault::TimedOut,
        ClientError::Broken { source } if source.is_parse() => PushFault::Unreadable,
        ClientError::Broken { .. } => PushFault::Unreachable,
        ClientError::Status { status, .. } => match status.as_u16() {
            300..=399 => PushFault::Redirected,
            503 => PushFault::Busy,
            500..=599 => PushFault::Broken,
            _ => PushFault::Refused,
        },
        ClientError::Undecodable { .. }
        | ClientError::TooLarge { .. }
        | ClientError::ContentCoding { .. }
        | ClientError::Corrupt { .. } => PushFault::Unreadable,
        ClientError::Unsigned { .. } | ClientError::Unsealed { .. } => PushFault::Untrusted,
        // What the client may come to tell apart some day.
        _ => PushFault::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::*;

    #[test]
    fn a_detail_is_one_line_of_bounded_length() {
        let failure = failure(PushFault::Refused, &format!("a\r\n\0{}", "é".repeat(500)));
        let detail = failure.detail.as_str();
        assert_eq!(detail.len(), 400);
        assert!(detail.starts_with("a   é"));
        assert!(!detail.contains(char::is_control));
    }

    #[test]
    fn what_a_ven_answers_is_told_apart() {
        for (status, wanted) in [
            (302, PushFault::Redirected),
            (404, PushFault::Refused),
            (429, PushFault::Refused),
            (500, PushFault::Broken),
            (501, PushFault::Broken),
            (503, PushFault::Busy),
            (100, PushFault::Refused),
        ] {
            let error = ClientError::Status {
                status: StatusCode::from_u16(status).unwrap(),
                retry_after: Some(Duration::MAX),
                excerpt: String::new(),
            };
            let failure = of(&error);
            assert_eq!(failure.fault, wanted, "{status}");
            assert_eq!(failure.retry_after, Some(TimeDelta::days(1)));
        }
        let error = ClientError::NotAllowed {
            host: "ven.example".to_owned(),
            address: [10, 0, 0, 1].into(),
        };
        let failure = of(&error);
        assert_eq!(failure.fault, PushFault::AddressRefused);
        assert_eq!(failure.retry_after, None);
        assert_eq!(
            failure.detail.as_str(),
            "ven.example is 10.0.0.1, and it is not allowed to connect to that"
        );
    }
}
