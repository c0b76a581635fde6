//! From an HTTP request to a message, and from a reply to an HTTP response.
//! Does not know sockets, time or what the messages mean.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, RETRY_AFTER,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode, Version};
use oadr_core::Peer;
use oadr_core::codec::{Decoded, encode};
use oadr_core::value::ServiceName;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::accounts::{Accounts, Tab};
use super::config::ServerConfig;
use super::handler::{Forbidden, Handler, Notice, Reply, Request};
use super::link::{Link, Phase};
use super::proxy::{ProxyTrust, forwarded_for};
use crate::body::{BodyError, Place, Room, collect};
use crate::coding::Accepts;
use crate::path::service_at;
use crate::status::{Failure, retry_seconds};
use crate::tls::{CertificateDer, UnixTime, Validity};
use crate::unsealed::Unsealed;

/// Who says whose the requests on a connection are.
pub(super) enum Voucher {
    /// Nobody.
    None,
    /// The handshake, as long as the certificate is valid that was shown in it.
    Handshake(Validity),
    /// A proxy, for each request by itself.
    Proxy(ProxyTrust),
}

/// One connection as the requests on it see it.
pub(super) struct Endpoint<H> {
    pub(super) handler: Arc<H>,
    pub(super) config: Arc<ServerConfig>,
    pub(super) link: Arc<Link>,
    pub(super) peer: Peer,
    pub(super) address: Option<SocketAddr>,
    pub(super) tab: Option<Tab>,
    pub(super) voucher: Voucher,
    pub(super) accounts: Arc<Accounts>,
    /// For the long bodies of all connections.
    pub(super) room: Arc<Room>,
    /// Who may decode a long document.
    pub(super) decoders: Arc<Semaphore>,
}

/// Who sent a request, and from where.
struct Sender {
    peer: Peer,
    address: Option<SocketAddr>,
}

/// How long a peer is asked to wait when it has too many requests at the same time behind a proxy.
const TOO_MANY_AT_ONCE: Duration = Duration::from_secs(1);

/// How long a peer is asked to wait when there is no room for its body.
const NO_ROOM: Duration = Duration::from_secs(5);

/// The longest document that is decoded between the requests of others, in bytes: a millisecond.
const SHORT_DOCUMENT: usize = 64 * 1024;

/// A body of 200, in XML if it is not empty.
type Success = Vec<u8>;

impl<H: Handler> Endpoint<H> {
    pub(super) async fn answer(
        self: Arc<Self>,
        request: hyper::Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        self.link.enter(Phase::Body);
        let (head, body) = request.into_parts();
        let has_body = !body.is_end_stream();
        let mut sender = Sender {
            peer: self.peer.clone(),
            address: self.address,
        };
        let outcome = contain(pin!(self.serve(&head, body, &mut sender)))
            .await
            .unwrap_or(Err(Failure::Panicked));
        // A body that nobody read makes the rest of the connection unusable.
        let unread = has_body && self.link.phase() == Phase::Body;
        if unread {
            self.link.leave_unread();
        }
        let closes = unread || matches!(outcome, Err(Failure::Expired));
        self.link.enter(Phase::Reply);
        let mut response = match outcome {
            Ok(document) => self.success(document, head.headers),
            Err(failure) => self.failure(&failure, &sender, head.headers),
        };
        if closes {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn serve(
        &self,
        head: &Parts,
        body: Incoming,
        sender: &mut Sender,
    ) -> Result<Success, Failure> {
        // Kept until the request is answered, like the place below.
        let _tab = self.admit(&head.headers, sender)?;
        if head.method != Method::POST {
            return Err(Failure::Method);
        }
        let service = service_at(&self.config.prefix, head.uri.path())
            .filter(|service| self.config.serves_polls || *service != ServiceName::OadrPoll)
            .ok_or(Failure::Path)?;
        check_headers(head)?;
        let (octets, _place) = self.read(body).await?;
        self.link.enter(Phase::Handling);

        let unsealed = self.unseal(octets, sender).await?;
        let Decoded {
            message,
            drifts,
            profile,
        } = self.decode(&unsealed).await?;
        let kind = message.kind();
        if kind.service().is_some_and(|own| own != service) {
            return Err(Failure::WrongService {
                service,
                message: kind.name(),
            });
        }
        let request = Request {
            peer: sender.peer.clone(),
            address: sender.address,
            profile,
            service,
            message,
            signature: unsealed.signature,
            drifts,
            octets: unsealed.octets,
        };
        match self.handler.handle(request).await {
            Reply::Message(message) => Ok(encode(&message)),
            Reply::Signed { document, .. } => Ok(document),
            Reply::Empty => Ok(Vec::new()),
            Reply::Forbidden => Err(Failure::Forbidden),
            Reply::Unavailable { retry_after } => Err(Failure::Unavailable { retry_after }),
            Reply::Failed => Err(Failure::Failed),
        }
    }

    /// Has the peer pay for a request; finds out before who it is, if the connection does not tell.
    fn admit(&self, headers: &HeaderMap, sender: &mut Sender) -> Result<Option<Tab>, Failure> {
        let pay = |tab: &Tab| {
            tab.pay()
                .map_err(|retry_after| Failure::TooOften { retry_after })
        };
        let proxy = match &self.voucher {
            Voucher::Handshake(validity) if validity.is_over() => return Err(Failure::Expired),
            Voucher::None | Voucher::Handshake(_) => {
                self.tab.as_ref().map_or(Ok(()), pay)?;
                return Ok(None);
            }
            Voucher::Proxy(proxy) => proxy,
        };
        sender.address = forwarded_for(headers).or(sender.address);
        let learned = |peer: &Peer, certificate: &CertificateDer<'static>| {
            if let Some(address) = sender.address {
                self.handler.notice(Notice::Connected {
                    address,
                    peer,
                    certificate,
                });
            }
        };
        sender.peer = proxy.peer(headers, UnixTime::now(), learned)?;
        let opened = self.accounts.open(&sender.peer, None, Instant::now());
        let tab = opened.map_err(|_| Failure::TooOften {
            retry_after: TOO_MANY_AT_ONCE,
        })?;
        tab.as_ref().map_or(Ok(()), pay)?;
        Ok(tab)
    }

    /// Has a document checked: here or beside the others, like its reading.
    async fn unseal(&self, document: Bytes, sender: &Sender) -> Result<Unsealed, Failure> {
        let address = sender.address;
        let unsealed = if document.len() <= SHORT_DOCUMENT {
            self.handler.unseal(&sender.peer, address, document)
        } else {
            // Never closed.
            let _turn = self.decoders.acquire().await;
            let (handler, peer) = (Arc::clone(&self.handler), sender.peer.clone());
            tokio::task::spawn_blocking(move || handler.unseal(&peer, address, document))
                .await
                .map_err(|_| Failure::Panicked)?
        };
        unsealed.map_err(|Forbidden| Failure::Forbidden)
    }

    /// Reads a document: here if it is as short as nearly all are, or else beside the others. A long
    /// one takes so many milliseconds that a few on all the runtime's threads would hold up everybody.
    async fn decode(&self, unsealed: &Unsealed) -> Result<Decoded, Failure> {
        let decoded = if unsealed.octets.len() <= SHORT_DOCUMENT {
            unsealed.decode(&self.config.decode)
        } else {
            // Never closed.
            let _turn = self.decoders.acquire().await;
            let (unsealed, config) = (unsealed.clone(), Arc::clone(&self.config));
            tokio::task::spawn_blocking(move || unsealed.decode(&config.decode))
                .await
                .map_err(|_| Failure::Panicked)?
        };
        decoded.map_err(Failure::Undecodable)
    }

    async fn read(&self, body: Incoming) -> Result<(Bytes, Place<'_>), Failure> {
        let limit = self.config.decode.limits.bytes;
        let mut collecting = pin!(collect(body, limit, Some(&self.room)));
        poll_fn(|cx| {
            if self.link.body_expired() {
                return Poll::Ready(Err(Failure::BodyTimeout));
            }
            collecting.as_mut().poll(cx).map_err(|error| match error {
                BodyError::TooLarge => Failure::TooLarge { limit },
                BodyError::NoRoom => Failure::Unavailable {
                    retry_after: NO_ROOM,
                },
                BodyError::Broken(_) => Failure::BodyBroken,
            })
        })
        .await
    }

    /// `headers` are those of the request: their map is used again, so that a reply allocates none.
    fn success(
        &self,
        document: Success,
        mut headers: HeaderMap<HeaderValue>,
    ) -> Response<Full<Bytes>> {
        let accepts = if document.is_empty() {
            Accepts::Identity
        } else {
            Accepts::of(&headers)
        };
        headers.clear();
        if document.is_empty() {
            return response(StatusCode::OK, headers, Bytes::new());
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        let coding = match accepts {
            Accepts::Identity => None,
            Accepts::Either(coding) => {
                (document.len() >= self.config.compress_from).then_some(coding)
            }
            Accepts::Only(coding) => Some(coding),
        };
        // Compressing into memory cannot fail; if it did, the plain document would still be right.
        let compressed = coding.and_then(|coding| Some((coding, coding.compress(&document).ok()?)));
        match compressed {
            Some((coding, octets)) => {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
                response(StatusCode::OK, headers, Bytes::from(octets))
            }
            None => response(StatusCode::OK, headers, Bytes::from(document)),
        }
    }

    fn failure(
        &self,
        failure: &Failure,
        sender: &Sender,
        mut headers: HeaderMap<HeaderValue>,
    ) -> Response<Full<Bytes>> {
        headers.clear();
        let text = failure.text();
        if !text.is_empty() {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("text/plain; charset=utf-8"),
            );
        }
        if let Failure::Unavailable { retry_after } | Failure::TooOften { retry_after } = failure {
            headers.insert(RETRY_AFTER, HeaderValue::from(retry_seconds(*retry_after)));
        }
        self.handler.notice(Notice::Refused {
            peer: &sender.peer,
            address: sender.address,
            failure,
        });
        response(failure.status(), headers, Bytes::from(text))
    }
}

fn response(
    status: StatusCode,
    headers: HeaderMap<HeaderValue>,
    body: Bytes,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Rule 53, as far as hyper has not checked it: Host, Content-Type; and no content coding.
fn check_headers(head: &Parts) -> Result<(), Failure> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() || (host.is_none() && head.version == Version::HTTP_11) {
        return Err(Failure::Host);
    }
    let mut types = head.headers.get_all(CONTENT_TYPE).iter();
    match (types.next(), types.next()) {
        (Some(value), None) if is_xml_in_utf_8(value) => {}
        _ => return Err(Failure::ContentType),
    }
    let mut codings = head.headers.get_all(CONTENT_ENCODING).iter();
    if codings.any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Failure::ContentCoding);
    }
    Ok(())
}

/// `application/xml` in any case, with no parameter or `charset=utf-8` (quotes allowed).
fn is_xml_in_utf_8(value: &HeaderValue) -> bool {
    // What nearly everybody sends.
    if value.as_bytes() == b"application/xml" {
        return true;
    }
    let Ok(text) = value.to_str() else {
        return false;
    };
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/xml")
        && parts.filter(|part| !part.is_empty()).all(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("charset")
                    && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
        })
}

/// A panic somewhere below.
struct Panicked;

/// Ends with what the future ends with, or with the news that it panicked.
async fn contain<F: Future>(mut future: Pin<&mut F>) -> Result<F::Output, Panicked> {
    poll_fn(|cx| {
        // Unwind safe: after a panic the future is only dropped. What it shares with others are
        // the handler, which has to expect that as any task does, and the link's atomics.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_53_only_xml_in_utf_8() {
        for (text, fits) in [
            ("application/xml", true),
            ("Application/XML", true),
            ("application/xml; charset=utf-8", true),
            ("application/xml;charset=\"UTF-8\"", true),
            ("application/xml ; charset=utf-8 ;", true),
            ("application/xml; charset=utf-16", false),
            ("application/xml; charset", false),
            ("application/xml; version=1", false),
            ("application/xhtml+xml", false),
            ("text/xml", false),
            ("", false),
        ] {
            assert_eq!(
                is_xml_in_utf_8(&HeaderValue::from_static(text)),
                fits,
                "{text}"
            );
        }
    }
}
