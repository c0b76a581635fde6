//! The client: sends a message to a service of the peer and reads its reply.
//! Does not know what messages mean, when to poll, or when to try again.

mod channel;
mod config;
mod connect;
mod credentials;
mod error;
mod reach;
mod seal;
mod url;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, DATE, HOST, HeaderMap,
    HeaderName, HeaderValue, RETRY_AFTER,
};
use hyper::{Method, Request, Response};
use oadr_core::Signature;
use oadr_core::codec::{Decoded, encode};
use oadr_core::payload::Message;
use oadr_core::value::ServiceName;
use tokio::time::Instant;

use self::channel::Channel;
pub use self::config::{ClientConfig, RequestTimeout};
pub use self::credentials::{Credentials, CredentialsError};
pub use self::error::ClientError;
pub use self::reach::Reach;
pub use self::seal::{Seal, SealError};
pub use self::url::{BaseUrl, UrlError};

use crate::body::{BodyError, collect, collect_beginning, excerpt};
use crate::coding::{Coding, InflateError, inflate, inflate_beginning};
use crate::tls::HandshakeError;
use crate::unsealed::Unsealed;

/// A client of one peer. Keeps one connection open between exchanges; exchanges that overlap get
/// connections of their own.
///
/// Runs on tokio: the connection is looked after by a task in the background, which ends with it.
#[derive(Debug)]
pub struct Client {
    base: BaseUrl,
    config: ClientConfig,
    idle: Mutex<Option<Idle>>,
}

/// What came back for a message.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Answer {
    /// The reply; `None` for an empty acknowledgement (any 2xx without a body).
    pub reply: Option<Decoded>,
    /// The reply's document as it was decoded: after inflating, and only what was verified of it if it
    /// was.
    pub octets: Bytes,
    /// What a verified signature proved of the reply, if [`ClientConfig::seal`] looked at one.
    pub signature: Option<Signature>,
    /// The peer's clock when it answered, to the second, if it told.
    pub date: Option<DateTime<Utc>>,
}

/// A connection between two exchanges.
#[derive(Debug)]
struct Idle {
    channel: Channel,
    since: Instant,
}

impl Client {
    /// A client that has not connected yet.
    #[must_use]
    pub fn new(base: BaseUrl, config: ClientConfig) -> Self {
        Self {
            base,
            config,
            idle: Mutex::new(None),
        }
    }

    /// The peer's address.
    #[must_use]
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// Sends a message to a service and waits for the answer.
    ///
    /// A kept connection that turns out to be closed is replaced and the message sent again, once
    /// and without notice. That is safe even if the peer got it the first time, because OpenADR's
    /// operations are idempotent. Nothing else is tried twice, and redirects are not followed.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn send(
        &self,
        service: ServiceName,
        message: &Message,
    ) -> Result<Answer, ClientError> {
        let after = self.config.request_timeout.get();
        tokio::time::timeout(after, self.exchange(service, message))
            .await
            .unwrap_or(Err(ClientError::TimedOut { after }))
    }

    /// The document of a message, signed if that is wanted.
    fn document(&self, message: &Message) -> Result<Bytes, ClientError> {
        match &self.config.seal {
            Some(seal) => seal.seal(message).map(Bytes::from),
            None => Ok(Bytes::from(encode(message))),
        }
        .map_err(|source| ClientError::Unsigned { source })
    }

    async fn exchange(
        &self,
        service: ServiceName,
        message: &Message,
    ) -> Result<Answer, ClientError> {
        // A connection is ready again a moment after its last reply was read.
        if let Some(mut channel) = self.take_idle()
            && channel.sender.ready().await.is_ok()
        {
            match channel
                .sender
                .send_request(self.request(service, self.document(message)?))
                .await
            {
                Ok(response) => return self.receive(response, channel).await,
                // Nonsense is an answer of a kind; anything else means the connection has gone.
                Err(source) if source.is_parse() => return Err(ClientError::Broken { source }),
                Err(_) => {}
            }
        }
        let mut channel = Channel::open(&self.base, &self.config).await?;
        let request = self.request(service, self.document(message)?);
        let sent = channel.sender.send_request(request).await;
        let response = sent.map_err(|source| self.broken(source))?;
        self.receive(response, channel).await
    }

    /// A broken connection, or one that the peer refused after the handshake, as TLS 1.3 has it.
    fn broken(&self, source: hyper::Error) -> ClientError {
        match HandshakeError::within(&source) {
            Some(source) => ClientError::Tls {
                authority: self.base.authority().to_owned(),
                source: Box::new(source),
            },
            None => ClientError::Broken { source },
        }
    }

    /// Exactly the headers that the specification wants (rule 53) or allows, and no others.
    fn request(&self, service: ServiceName, document: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(document));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.base.endpoint(service);
        let headers = request.headers_mut();
        headers.insert(HOST, self.base.host_header());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        if self.config.accepts_compressed {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate"));
        }
        if let Some(credentials) = &self.config.credentials {
            headers.insert(AUTHORIZATION, credentials.header());
        }
        request
    }

    async fn receive(
        &self,
        response: Response<Incoming>,
        channel: Channel,
    ) -> Result<Answer, ClientError> {
        let (head, body) = response.into_parts();
        let coding = Coded::of(&head.headers);
        if !head.status.is_success() {
            let octets = collect_beginning(body, EXCERPT_OCTETS).await;
            return Err(ClientError::Status {
                status: head.status,
                retry_after: retry_after(&head.headers),
                excerpt: coding.excerpt(&octets),
            });
        }
        let limit = self.config.decode.limits.bytes;
        let collected = collect(body, limit, None).await;
        let (octets, _) = collected.map_err(|error| match error {
            BodyError::TooLarge | BodyError::NoRoom => ClientError::TooLarge { limit },
            BodyError::Broken(source) => self.broken(source),
        })?;
        // Only now is the connection at rest.
        let server = channel.peer().clone();
        self.keep(channel);
        let date = date(&head.headers, DATE);
        if octets.is_empty() {
            return Ok(Answer {
                reply: None,
                octets,
                signature: None,
                date,
            });
        }
        let octets = match coding {
            Coded::Plain => octets,
            Coded::By(coding) => match inflate(coding, &octets, limit) {
                Ok(plain) => Bytes::from(plain),
                Err(InflateError::TooLarge) => return Err(ClientError::TooLarge { limit }),
                Err(InflateError::Corrupt(source)) => return Err(ClientError::Corrupt { source }),
            },
            Coded::Strangely(coding) => return Err(ClientError::ContentCoding { coding }),
        };
        let unsealed = match &self.config.seal {
            Some(seal) => seal
                .unseal(&server, octets)
                .map_err(|source| ClientError::Unsealed { source })?,
            None => Unsealed::unsigned(octets),
        };
        match unsealed.decode(&self.config.decode) {
            Ok(reply) => Ok(Answer {
                reply: Some(reply),
                octets: unsealed.octets,
                signature: unsealed.signature,
                date,
            }),
            Err(error) => {
                let excerpt = excerpt(&unsealed.octets, EXCERPT);
                Err(ClientError::Undecodable { error, excerpt })
            }
        }
    }

    fn take_idle(&self) -> Option<Channel> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()?;
        let fresh = idle.since.elapsed() <= self.config.reuse_within;
        let good = idle.channel.is_good(self.config.tls.as_ref());
        (fresh && good).then_some(idle.channel)
    }

    /// Keeps one connection. A second one (of an exchange that overlapped) is closed.
    fn keep(&self, channel: Channel) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        *idle = Some(Idle {
            channel,
            since: Instant::now(),
        });
    }
}

/// The longest excerpt of a foreign text, in characters.
const EXCERPT: usize = 200;

/// How many bytes of an error's body are read for an excerpt.
const EXCERPT_OCTETS: usize = 8 * 1024;

/// How a reply's body is compressed.
enum Coded {
    Plain,
    By(Coding),
    /// In a way that was not asked for.
    Strangely(String),
}

impl Coded {
    fn of(headers: &HeaderMap<HeaderValue>) -> Self {
        let mut fields = headers.get_all(CONTENT_ENCODING).iter();
        let Some(field) = fields.next() else {
            return Self::Plain;
        };
        let name = field.as_bytes();
        match fields.next() {
            Some(_) => Self::Strangely("several".to_owned()),
            None if name.eq_ignore_ascii_case(b"identity") => Self::Plain,
            None if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") => {
                Self::By(Coding::Gzip)
            }
            None if name.eq_ignore_ascii_case(b"deflate") => Self::By(Coding::Deflate),
            None => Self::Strangely(excerpt(name, EXCERPT)),
        }
    }

    /// The beginning of a body, as text.
    fn excerpt(&self, octets: &[u8]) -> String {
        match self {
            Self::Plain | Self::Strangely(_) => excerpt(octets, EXCERPT),
            Self::By(coding) => {
                excerpt(&inflate_beginning(*coding, octets, EXCERPT_OCTETS), EXCERPT)
            }
        }
    }
}

/// `Retry-After` as a time to wait. A date is counted from the peer's own clock, so that the
/// difference between its clock and ours does not matter.
fn retry_after(headers: &HeaderMap<HeaderValue>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let wait = date(headers, RETRY_AFTER)? - date(headers, DATE)?;
    Some(wait.to_std().unwrap_or(Duration::ZERO))
}

/// A header's date (RFC 9110 §5.6.7, in the only form that may be sent).
fn date(headers: &HeaderMap<HeaderValue>, name: HeaderName) -> Option<DateTime<Utc>> {
    let text = headers.get(name)?.to_str().ok()?;
    Some(DateTime::parse_from_rfc2822(text).ok()?.to_utc())
}
