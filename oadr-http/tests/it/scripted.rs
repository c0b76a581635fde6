//! A server that says what a test tells it to, byte by byte, and a client for it.

use std::time::Duration;

use oadr_core::value::ServiceName;
use oadr_http::{Answer, BaseUrl, Client, ClientConfig, ClientError};
use tokio::net::TcpListener;

use crate::documents::{POLL, message};
use crate::wire::{Wire, within};

/// A listener, and a client that knows its address.
pub(crate) struct Scripted {
    pub(crate) listener: TcpListener,
    pub(crate) client: Client,
}

impl Scripted {
    pub(crate) async fn new() -> Self {
        Self::with(ClientConfig::default()).await
    }

    pub(crate) async fn with(config: ClientConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self {
            listener,
            client: Client::new(BaseUrl::parse(&url).unwrap(), config),
        }
    }

    /// The next connection that the client opens.
    pub(crate) async fn accept(&self) -> Wire {
        Wire::over(within(self.listener.accept()).await.unwrap().0)
    }

    /// Sends a poll.
    pub(crate) async fn poll(&self) -> Result<Answer, ClientError> {
        within(self.client.send(ServiceName::OadrPoll, &message(POLL))).await
    }

    /// Sends a poll to a server that reads it, says `reply` and closes.
    pub(crate) async fn told(&self, reply: impl AsRef<[u8]>) -> Result<Answer, ClientError> {
        let server = async {
            let mut wire = self.accept().await;
            wire.request().await;
            wire.push(reply.as_ref()).await;
        };
        tokio::join!(self.poll(), server).0
    }
}

/// A response with this status line, these headers (each ending in CRLF) and this body.
pub(crate) fn reply(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Settings whose longest reply is `bytes` long.
pub(crate) fn at_most(bytes: usize) -> ClientConfig {
    let mut config = ClientConfig::default();
    config.decode.limits.bytes = bytes;
    config.reuse_within = Duration::from_secs(600);
    config
}
