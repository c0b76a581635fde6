//! One HTTP request and what came back, header and all.
//!
//! Knows nothing of what it means.

use std::error::Error as _;
use std::io;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use oadr_core::value::DateTime;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::handshake::{Broken, tls_error};
use super::vtn::Limits;
use crate::clock;

/// The longest body that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// By our clock.
    pub(super) sent: DateTime,
    pub(super) received: DateTime,
}

impl Reply {
    /// A header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why nothing came back.
#[derive(Debug)]
pub(super) enum Failure {
    /// Something that is not HTTP did.
    NotHttp,
    /// The connection broke.
    Broken(Broken),
}

/// Posts a document.
pub(super) async fn post<S>(
    stream: S,
    authority: &str,
    path: &str,
    document: Bytes,
    authorization: Option<&HeaderValue>,
    limits: Limits,
) -> Result<Reply, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut request = Request::new(Full::new(document));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path.parse().unwrap_or_default();
    let headers = request.headers_mut();
    if let Ok(authority) = HeaderValue::from_str(authority) {
        headers.insert(HOST, authority);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    if let Some(authorization) = authorization {
        headers.insert(AUTHORIZATION, authorization.clone());
    }
    let exchange = async {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends when the sender is dropped; the sender tells its errors.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        let sent = clock::now();
        let response = sender.send_request(request).await?;
        Ok((response, sent, clock::now()))
    };
    let done: Result<Result<_, hyper::Error>, _> = timeout(limits.answer, exchange).await;
    let (response, sent, received) = match done {
        Err(_) => return Err(Failure::Broken(Broken::Silent)),
        Ok(Err(error)) => return Err(failure(&error)),
        Ok(Ok(done)) => done,
    };
    let (status, version) = (response.status(), response.version());
    let headers = response.headers().clone();
    let body = body(response, limits).await;
    Ok(Reply {
        status,
        version,
        headers,
        body,
        sent,
        received,
    })
}

/// The body as far as it comes: what is missing shows when it is read.
async fn body(response: Response<Incoming>, limits: Limits) -> Bytes {
    let body = Limited::new(response.into_body(), LONGEST).collect();
    match timeout(limits.answer, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) | Err(_) => Bytes::new(),
    }
}

fn failure(error: &hyper::Error) -> Failure {
    if error.is_parse() {
        return Failure::NotHttp;
    }
    let broken = match tls_error(error) {
        Some(rustls::Error::AlertReceived(alert)) => Broken::Alert(*alert),
        Some(other) => Broken::Tls(other.clone()),
        None => {
            let text = error
                .source()
                .map_or_else(|| error.to_string(), ToString::to_string);
            Broken::Closed(io::Error::other(text))
        }
    };
    Failure::Broken(broken)
}
