//! Where a VTN pushes over HTTP: the VEN's own server (spec §4.4), with one client.
//!
//! Knows nothing of what is pushed.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use oadr_core::Peer;
use oadr_http::tls::TlsServer;
use oadr_http::{
    BaseUrl, Failure, Forbidden, Handler, Notice, Reply, Request, Server, ServerConfig, Unsealed,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::address::is_this_machine;
use super::reception::{Reception, Said};
use crate::log_ration::Subject;
use crate::logging;
use crate::ven::builder::StartError;

/// How long a VTN is asked to wait if its message is not worked off.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The most connections, together: there is one client, and whoever else comes is refused in the handshake.
const MOST_CONNECTIONS: u32 = 64;

/// The most of one host: a VTN has one push under way, and nobody takes the places of all.
const MOST_OF_ONE: u32 = 8;

/// How long a handshake may take, a request's header, and how long a connection may be silent.
const HANDSHAKE: Duration = Duration::from_secs(5);
const HEADER: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(30);

/// For long messages, together, in bytes.
const MOST_MEMORY: usize = 16 << 20;

/// How long the last replies have at the end.
const LAST_REPLIES: Duration = Duration::from_secs(2);

/// Where a VEN listens, and how its VTN is to find it there.
#[derive(Debug, Clone)]
pub(in crate::ven) struct Place {
    pub(in crate::ven) address: SocketAddr,
    /// What the VTN is told.
    pub(in crate::ven) url: BaseUrl,
}

/// A VEN that listens.
#[derive(Debug)]
pub(super) struct Listening {
    pub(super) address: SocketAddr,
    server: Server<PushHandler>,
    accepting: JoinHandle<()>,
}

impl Place {
    /// Looks whether it makes sense. `is_tls`: whether the VEN listens with TLS; `is_insecure`: whether it
    /// need not.
    ///
    /// # Errors
    /// It makes none.
    pub(in crate::ven) fn check(&self, is_tls: bool, is_insecure: bool) -> Result<(), StartError> {
        if !is_tls && !is_insecure && !self.address.ip().is_loopback() {
            return Err(StartError::PlainPush(self.address));
        }
        if is_tls && !self.url.is_https() {
            return Err(StartError::PublicUrlWithoutTls);
        }
        if is_this_machine(self.url.host()) {
            tracing::warn!(
                url = %self.url.root(),
                "the URL that the VTN is to push to names this machine only: a VTN elsewhere cannot \
                 reach it, and most refuse to try"
            );
        }
        Ok(())
    }

    /// How a VEN's server treats its connections.
    fn bounds(&self) -> ServerConfig {
        let mut config = ServerConfig::default();
        config.prefix = self.url.prefix().clone();
        config.serves_polls = false;
        config.max_connections = MOST_CONNECTIONS;
        config.max_connections_per_peer = MOST_OF_ONE;
        config.max_body_memory = MOST_MEMORY;
        config.handshake_timeout = HANDSHAKE;
        config.header_timeout = HEADER;
        config.idle_timeout = SILENCE;
        config.shutdown_limit = LAST_REPLIES;
        config
    }
}

impl Listening {
    /// Begins to listen.
    ///
    /// # Errors
    /// The address is not to be had.
    pub(super) async fn start(
        place: &Place,
        tls: Option<TlsServer>,
        reception: Arc<Reception>,
    ) -> Result<Self, StartError> {
        let address = place.address;
        let listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let server = Server::new(PushHandler(reception), place.bounds());
        let (url, is_tls) = (place.url.root(), tls.is_some());
        tracing::info!(%address, %url, tls = is_tls, "listening for what the VTN pushes");
        let accepting = tokio::spawn({
            let server = server.clone();
            async move {
                match tls {
                    Some(tls) => server.accept_tls(&listener, &tls).await,
                    None => server.accept(&listener).await,
                }
            }
        });
        Ok(Self {
            address,
            server,
            accepting,
        })
    }

    /// Ends it; what is being answered has a moment.
    pub(super) async fn close(mut self) {
        self.server.shut_down().await;
        let _ = (&mut self.accepting).await;
    }
}

/// A host that ends without closing would leave the port taken.
impl Drop for Listening {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Takes what is pushed over HTTP.
#[derive(Debug)]
struct PushHandler(Arc<Reception>);

impl Handler for PushHandler {
    fn unseal(
        &self,
        peer: &Peer,
        _address: Option<SocketAddr>,
        document: Bytes,
    ) -> Result<Unsealed, Forbidden> {
        self.0.unseal(peer, document).map_err(|_| Forbidden)
    }

    async fn handle(&self, request: Request) -> Reply {
        let from = From(request.address);
        match self.0.answer(&from, request.message, &request.drifts).await {
            Said::Message(message) => Reply::Message(message),
            Said::Signed(message, document) => Reply::Signed { message, document },
            Said::Empty => Reply::Empty,
            Said::NotNow => Reply::Unavailable {
                retry_after: RETRY_AFTER,
            },
            Said::Failed => Reply::Failed,
        }
    }

    fn notice(&self, notice: Notice<'_>) {
        let _entered = self.0.span.enter();
        match notice {
            // Whoever refused it has said so.
            Notice::Refused {
                failure: Failure::Forbidden,
                ..
            } => {}
            Notice::Refused {
                peer: _,
                address,
                failure,
            } if self.0.may_log(Subject::Request) => {
                let failure = failure.to_string();
                let from = From(address).to_string();
                tracing::info!(from, failure = logging::cut(&failure), "push refused");
            }
            Notice::TooMany { peer: _, address } if self.0.may_log(Subject::Connection) => {
                let from = From(address).to_string();
                tracing::info!(from, "too many connections: closed");
            }
            Notice::Handshake { address, error } if self.0.may_log(Subject::Connection) => {
                tracing::info!(%address, %error, "not believed to be the VTN: connection closed");
            }
            Notice::NotAccepted { error } if self.0.may_log(Subject::Connection) => {
                tracing::warn!(%error, "connection not accepted");
            }
            // Those for which there are too many lines, what nobody needs to know, and what is new.
            Notice::Refused { .. }
            | Notice::TooMany { .. }
            | Notice::Handshake { .. }
            | Notice::NotAccepted { .. }
            | Notice::Connected { .. }
            | Notice::NotAProxy { .. }
            | _ => {}
        }
    }
}

/// Where something comes from, for logs.
struct From(Option<SocketAddr>);

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("somewhere"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_does_not_take_all_places() {
        let place = Place {
            address: "127.0.0.1:0".parse().unwrap(),
            url: "http://127.0.0.1:8080/house".parse().unwrap(),
        };
        let bounds = place.bounds();
        assert!(bounds.max_connections_per_peer <= bounds.max_connections / 8);
        assert_eq!(&bounds.prefix, place.url.prefix());
    }

    #[tokio::test]
    async fn a_listener_that_is_dropped_gives_its_port_back() {
        let place = Place {
            address: "127.0.0.1:0".parse().unwrap(),
            url: "http://127.0.0.1:8080".parse().unwrap(),
        };
        let listening = Listening::start(&place, None, Reception::of_nothing()).await;
        let listening = listening.unwrap();
        let address = listening.address;
        drop(listening);
        let refused = async {
            while tokio::net::TcpStream::connect(address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        let refused = tokio::time::timeout(Duration::from_secs(20), refused).await;
        assert!(refused.is_ok(), "it listens");
    }
}
