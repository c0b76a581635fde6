//! The client's settings. Knows units and defaults only.

use std::sync::Arc;
use std::time::Duration;

use oadr_core::CertificateId;
use oadr_core::codec::DecodeOptions;

use super::credentials::Credentials;
use super::reach::Reach;
use super::seal::Seal;
use crate::tls::TlsClient;

/// How a [`Client`](super::Client) talks to its peer. Start from [`Default`] and change fields.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientConfig {
    /// How replies are decoded. `limits.bytes` is also the longest reply that is read, both as it
    /// comes and inflated.
    pub decode: DecodeOptions,
    /// How long connecting may take, name resolution included. Default: 5 s.
    pub connect_timeout: Duration,
    /// How long a whole exchange may take, connecting included. Default: 10 s.
    pub request_timeout: RequestTimeout,
    /// A connection that was silent for longer is not used again: something between us and the
    /// peer may have forgotten it without telling. Default: 60 s.
    pub reuse_within: Duration,
    /// HTTP Basic credentials, sent with every request. Default: none.
    pub credentials: Option<Credentials>,
    /// TLS, for `https` URLs; without it such a URL cannot be used. Default: none.
    pub tls: Option<TlsClient>,
    /// Certificates of the peer itself: one of them counts whatever host it names and whichever side of
    /// TLS it is for, as long as one of the roots issued it and it is valid. Any other must bear the
    /// host's name. Default: none.
    pub peers: Vec<CertificateId>,
    /// Which addresses may be connected to, for a URL that nobody here chose. Default: any.
    pub reach: Option<Reach>,
    /// Whether the peer may compress its replies. Default: yes; but nobody asks it of a VEN (§4.3).
    pub accepts_compressed: bool,
    /// Signs requests and checks replies. Default: neither.
    pub seal: Option<Arc<dyn Seal>>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            decode: DecodeOptions::default(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: RequestTimeout::DEFAULT,
            reuse_within: Duration::from_secs(60),
            credentials: None,
            tls: None,
            peers: Vec::new(),
            reach: None,
            accepts_compressed: true,
            seal: None,
        }
    }
}

/// How long an exchange may take: never less than the five seconds that the specification wants
/// every peer to have for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestTimeout(Duration);

impl RequestTimeout {
    /// The shortest one: 5 s.
    pub const MINIMUM: Self = Self(Duration::from_secs(5));
    /// The one used when nothing is said: 10 s.
    pub const DEFAULT: Self = Self(Duration::from_secs(10));

    /// `None` for less than [`MINIMUM`](Self::MINIMUM).
    #[must_use]
    pub fn new(time: Duration) -> Option<Self> {
        (time >= Self::MINIMUM.0).then_some(Self(time))
    }

    /// The time itself.
    #[must_use]
    pub fn get(self) -> Duration {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spec_4_3_a_request_may_take_five_seconds_at_least() {
        assert_eq!(RequestTimeout::new(Duration::from_millis(4999)), None);
        assert_eq!(
            RequestTimeout::new(Duration::from_secs(5)),
            Some(RequestTimeout::MINIMUM)
        );
    }
}
