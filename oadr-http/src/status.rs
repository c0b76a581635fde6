//! The one table of what can go wrong with a request, and what the peer is told about it.
//! Application errors (450 to 469) are no failures: they travel inside a reply with status 200.

use std::time::Duration;

use hyper::StatusCode;
use oadr_core::codec::DecodeError;
use oadr_core::value::ServiceName;

use crate::body::excerpt;
use crate::server::ProxiedError;

/// Who a failure is owed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Culprit {
    /// The bytes the peer sent: not HTTP as OpenADR uses it, or no OpenADR message.
    PeerBytes,
    /// What the peer meant: a well-formed message, but not one it may send here, or so often.
    PeerMeaning,
    /// This side is too busy, or its store does not answer.
    Host,
    /// A defect of this program.
    Bug,
}

/// Why a request was answered with something else than 200.
///
/// | failure | status | culprit |
/// |---|---|---|
/// | [`Host`](Self::Host) | 400 | the peer's bytes |
/// | [`Method`](Self::Method) | 501 | the peer's bytes |
/// | [`Path`](Self::Path) | 404 | the peer's bytes |
/// | [`ContentType`](Self::ContentType) | 406 | the peer's bytes |
/// | [`ContentCoding`](Self::ContentCoding) | 415 | the peer's bytes |
/// | [`TooLarge`](Self::TooLarge) | 413 | the peer's bytes |
/// | [`BodyTimeout`](Self::BodyTimeout) | 408 | the peer's bytes |
/// | [`BodyBroken`](Self::BodyBroken) | 400 | the peer's bytes |
/// | [`Undecodable`](Self::Undecodable) | 406 | the peer's bytes |
/// | [`WrongService`](Self::WrongService) | 404 | the peer's meaning |
/// | [`Forbidden`](Self::Forbidden) | 403 | the peer's meaning |
/// | [`Expired`](Self::Expired) | 403 | the peer's meaning |
/// | [`Proxied`](Self::Proxied) | 403 | the peer's meaning |
/// | [`TooOften`](Self::TooOften) | 503 | the peer's meaning |
/// | [`Unavailable`](Self::Unavailable) | 503 | the host |
/// | [`Failed`](Self::Failed) | 500 | a bug |
/// | [`Panicked`](Self::Panicked) | 500 | a bug |
///
/// Two answers never pass through here, because hyper gives them itself: 400 to a header that is
/// not HTTP and 431 (414) to one that is too long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The `Host` header is missing from an HTTP/1.1 request, or there are several (rule 53).
    #[error("an HTTP/1.1 request needs exactly one Host header")]
    Host,
    /// Another method than POST.
    #[error("only POST is supported")]
    Method,
    /// The path is none of the five services below the configured prefix (rule 511).
    #[error("no OpenADR 2.0b service at this path")]
    Path,
    /// The Content-Type is not `application/xml`, in UTF-8 (rule 53).
    #[error("the Content-Type must be application/xml or application/xml; charset=utf-8")]
    ContentType,
    /// The body is compressed; only replies may be.
    #[error("a request body must not be compressed")]
    ContentCoding,
    /// The body is longer than the configured limit.
    #[error("the body is longer than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// The body ended early or broke its framing.
    #[error("the body ended before it was complete")]
    BodyBroken,
    /// The body is no OpenADR message.
    #[error("{0}")]
    Undecodable(DecodeError),
    /// The message belongs to another service.
    #[error("{message} does not belong to {}", service.as_str())]
    WrongService {
        /// The service the path names.
        service: ServiceName,
        /// The name of the message.
        message: &'static str,
    },
    /// The handler refused the peer, or its signature (rule 517).
    #[error("forbidden")]
    Forbidden,
    /// The certificate that the peer showed when it connected has expired since (rule 516). The
    /// connection is closed.
    #[error("the peer's certificate has expired")]
    Expired,
    /// A proxy that ends the peer's TLS showed nobody who may send this (rules 516, 517).
    #[error(transparent)]
    Proxied(#[from] ProxiedError),
    /// The peer sends more requests than it may; 503, because the specification has no 429.
    #[error("too many requests")]
    TooOften {
        /// When it may ask again.
        retry_after: Duration,
    },
    /// The handler cannot answer now.
    #[error("temporarily unavailable")]
    Unavailable {
        /// When to ask again.
        retry_after: Duration,
    },
    /// The handler failed.
    #[error("internal error")]
    Failed,
    /// The handler, the codec or this crate panicked.
    #[error("internal error")]
    Panicked,
}

impl Failure {
    /// The HTTP status the peer gets.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Host | Self::BodyBroken => StatusCode::BAD_REQUEST,
            Self::Forbidden | Self::Expired | Self::Proxied(_) => StatusCode::FORBIDDEN,
            Self::Path | Self::WrongService { .. } => StatusCode::NOT_FOUND,
            Self::ContentType | Self::Undecodable(_) => StatusCode::NOT_ACCEPTABLE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ContentCoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Failed | Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Method => StatusCode::NOT_IMPLEMENTED,
            Self::TooOften { .. } | Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Who this failure is owed to.
    #[must_use]
    pub fn culprit(&self) -> Culprit {
        match self {
            Self::Host
            | Self::Method
            | Self::Path
            | Self::ContentType
            | Self::ContentCoding
            | Self::TooLarge { .. }
            | Self::BodyTimeout
            | Self::BodyBroken
            | Self::Undecodable(_) => Culprit::PeerBytes,
            Self::WrongService { .. }
            | Self::Forbidden
            | Self::Expired
            | Self::Proxied(_)
            | Self::TooOften { .. } => Culprit::PeerMeaning,
            Self::Unavailable { .. } => Culprit::Host,
            Self::Failed | Self::Panicked => Culprit::Bug,
        }
    }

    /// The text the peer gets, one line. Empty for 403: whoever is refused learns nothing more.
    pub(crate) fn text(&self) -> String {
        if self.status() == StatusCode::FORBIDDEN {
            return String::new();
        }
        let mut text = excerpt(self.to_string().as_bytes(), TEXT_LIMIT);
        text.push('\n');
        text
    }
}

/// The longest explanation a peer gets, in characters: an element path can be long.
const TEXT_LIMIT: usize = 1000;

/// `Retry-After` in whole seconds, rounded up; never zero, which would invite a storm.
pub(crate) fn retry_seconds(after: Duration) -> u64 {
    let rounded_up = after
        .as_secs()
        .saturating_add(u64::from(after.subsec_nanos() > 0));
    rounded_up.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_rounded_up_and_never_zero() {
        assert_eq!(retry_seconds(Duration::ZERO), 1);
        assert_eq!(retry_seconds(Duration::from_millis(1)), 1);
        assert_eq!(retry_seconds(Duration::from_secs(5)), 5);
        assert_eq!(retry_seconds(Duration::from_millis(5001)), 6);
    }

    #[test]
    fn spec_4_2_every_failure_has_its_status() {
        for (failure, status) in [
            (Failure::Host, 400),
            (Failure::Method, 501),
            (Failure::Path, 404),
            (Failure::ContentType, 406),
            (Failure::ContentCoding, 415),
            (Failure::TooLarge { limit: 1 }, 413),
            (Failure::BodyTimeout, 408),
            (Failure::BodyBroken, 400),
            (
                Failure::WrongService {
                    service: ServiceName::EiOpt,
                    message: "oadrPoll",
                },
                404,
            ),
            (Failure::Forbidden, 403),
            (Failure::Expired, 403),
            (Failure::Proxied(ProxiedError::NotACertificate), 403),
            (
                Failure::TooOften {
                    retry_after: Duration::ZERO,
                },
                503,
            ),
            (
                Failure::Unavailable {
                    retry_after: Duration::ZERO,
                },
                503,
            ),
            (Failure::Failed, 500),
            (Failure::Panicked, 500),
        ] {
            assert_eq!(failure.status().as_u16(), status, "{failure:?}");
        }
    }
}
