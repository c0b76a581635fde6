//! A connection to the peer, with what TLS proved on it.
//! Does not know what is sent over it.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use oadr_core::Peer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::connect::{Unconnected, connect};
use super::{BaseUrl, ClientConfig, ClientError};
use crate::tls::{HandshakeError, Means, Proved, TlsClient};

/// A connection.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) sender: SendRequest<Full<Bytes>>,
    secured: Option<Secured>,
}

/// What TLS made of it.
#[derive(Debug)]
struct Secured {
    proved: Proved,
    means: Means,
}

/// The longest header of a reply, in bytes.
const MAX_HEADER: usize = 64 * 1024;

impl Channel {
    /// Connects, in time and where that is allowed, with TLS if the URL wants it.
    pub(super) async fn open(base: &BaseUrl, config: &ClientConfig) -> Result<Self, ClientError> {
        let limit = config.connect_timeout;
        let end = Instant::now() + limit;
        let authority = || base.authority().to_owned();
        let refused = |source| ClientError::Tls {
            authority: authority(),
            source: Box::new(source),
        };
        let tls = match (base.is_https(), &config.tls) {
            (false, _) => None,
            (true, Some(tls)) => Some(tls),
            (true, None) => return Err(refused(HandshakeError::NotSetUp)),
        };
        let reach = config.reach.as_ref();
        let stream = connect(base.host(), base.port(), limit, reach)
            .await
            .map_err(|why| match why {
                Unconnected::Failed(source) => ClientError::Connect {
                    authority: authority(),
                    source,
                },
                Unconnected::NotAllowed(address) => ClientError::NotAllowed {
                    host: base.host().to_owned(),
                    address,
                },
            })?;
        let Some(tls) = tls else {
            return Self::over(stream, None).await;
        };
        let (stream, proved, means) =
            timeout_at(end, tls.connect(base.host(), &config.peers, stream))
                .await
                .unwrap_or(Err(HandshakeError::TimedOut))
                .map_err(refused)?;
        Self::over(stream, Some(Secured { proved, means })).await
    }

    async fn over<S>(stream: S, secured: Option<Secured>) -> Result<Self, ClientError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = Builder::new()
            .max_header_size(MAX_HEADER)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|source| ClientError::Broken { source })?;
        // It ends when the sender is dropped or the peer closes, and the sender tells its errors.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self { sender, secured })
    }

    /// Whether it may carry another exchange: it is open, the server's certificate has not expired since
    /// (rule 516), and TLS is set up as it was.
    pub(super) fn is_good(&self, tls: Option<&TlsClient>) -> bool {
        let is_secure = self.secured.as_ref().is_none_or(|secured| {
            !secured.proved.is_over() && tls.is_some_and(|tls| tls.is(&secured.means))
        });
        is_secure && !self.sender.is_closed()
    }

    /// Whom the peer proved to be.
    pub(super) fn peer(&self) -> &Peer {
        match &self.secured {
            Some(secured) => &secured.proved.peer,
            None => &Peer::Unproven,
        }
    }
}
