//! The server: accepts connections and answers the requests on them through a [`Handler`].
//! Does not know what messages mean, nor how TLS proves who a peer is.

mod accounts;
mod config;
mod drive;
mod gate;
mod handler;
mod link;
mod proxy;
mod secure;
mod service;
mod stream;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use oadr_core::Peer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

pub use self::accounts::RequestRate;
use self::accounts::{Accounts, Tab};
pub use self::config::ServerConfig;
use self::drive::drive;
use self::gate::Gate;
pub use self::handler::{Forbidden, Handler, Notice, Reply, Request};
use self::link::Link;
pub use self::proxy::{
    HandedError, Network, NetworkError, ProxiedError, ProxyTrust, ProxyTrustConfig, ProxyTrustError,
};
use self::service::{Endpoint, Voucher};
use crate::body::Room;

/// Serves a listener until `shutdown` ends, then finishes what was accepted.
///
/// ```no_run
/// # use oadr_http::{Handler, ServerConfig, serve};
/// # async fn run(handler: impl Handler) -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// let quit = async { /* a signal */ };
/// serve(listener, handler, ServerConfig::default(), quit).await;
/// # Ok(())
/// # }
/// ```
pub async fn serve<H: Handler>(
    listener: TcpListener,
    handler: H,
    config: ServerConfig,
    shutdown: impl Future<Output = ()>,
) -> Drained {
    let server = Server::new(handler, config);
    tokio::select! {
        () = shutdown => {}
        () = server.accept(&listener) => {}
    }
    drop(listener);
    server.shut_down().await
}

/// How a shut-down ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every request that had been accepted got its reply.
    Finished,
    /// The limit was reached, and so many connections were cut off.
    Cut(u32),
}

/// A server: a handler, settings and the connections open now. Clones are the same server, so that
/// any number of accept loops can run on any number of runtimes.
#[derive(Debug)]
pub struct Server<H> {
    handler: Arc<H>,
    config: Arc<ServerConfig>,
    gate: Arc<Gate>,
    accounts: Arc<Accounts>,
    decoders: Arc<Semaphore>,
    room: Arc<Room>,
}

impl<H> Clone for Server<H> {
    fn clone(&self) -> Self {
        Self {
            handler: Arc::clone(&self.handler),
            config: Arc::clone(&self.config),
            gate: Arc::clone(&self.gate),
            accounts: Arc::clone(&self.accounts),
            decoders: Arc::clone(&self.decoders),
            room: Arc::clone(&self.room),
        }
    }
}

impl<H: Handler> Server<H> {
    /// A server without connections.
    pub fn new(handler: H, config: ServerConfig) -> Self {
        let gate = Arc::new(Gate::new(config.max_connections));
        let accounts = Arc::new(Accounts::new(&config));
        let room = Arc::new(Room::new(config.max_body_memory));
        Self {
            handler: Arc::new(handler),
            config: Arc::new(config),
            gate,
            accounts,
            // The other half of the processors is for short ones.
            decoders: Arc::new(Semaphore::new(processors().div_ceil(2))),
            room,
        }
    }

    /// Accepts plain connections, each served in a task of its own, until the server shuts down.
    /// The peers are unproven: plain HTTP proves nothing. Dropping this future stops the accepting
    /// and leaves the connections alone.
    pub async fn accept(&self, listener: &TcpListener) {
        while let Some((stream, address, place)) = self.next(listener).await {
            let Some(tab) = self.open(&Peer::Unproven, Some(address)) else {
                continue;
            };
            let server = self.clone();
            tokio::spawn(async move {
                server.run_tcp(stream, address, tab).await;
                drop(place);
            });
        }
    }

    /// Serves one stream that somebody else accepted (and deciphered), until it ends. It counts as
    /// a connection: while too many are open, this waits before it reads; and it returns at once if
    /// the peer has as many as it may.
    pub async fn serve_stream<S>(&self, stream: S, peer: Peer, address: Option<SocketAddr>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Some(tab) = self.open(&peer, address) else {
            return;
        };
        if let Some(place) = self.gate.enter().await {
            self.run(stream, peer, address, tab, Voucher::None).await;
            drop(place);
        }
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.gate.connections()
    }

    /// Stops accepting, closes the idle connections at once and the others after the request they
    /// are at; cuts off what is left when
    /// [`shutdown_limit`](ServerConfig::shutdown_limit) is over.
    pub async fn shut_down(&self) -> Drained {
        match self.gate.close(self.config.shutdown_limit).await {
            0 => Drained::Finished,
            open => Drained::Cut(open),
        }
    }

    /// The next connection, with the place that it takes. `None` when the server shuts down.
    async fn next(
        &self,
        listener: &TcpListener,
    ) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        loop {
            let place = self.gate.enter().await?;
            let accepted = tokio::select! {
                biased;
                () = self.gate.closing() => return None,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => return Some((stream, address, place)),
                Err(error) => {
                    self.handler.notice(Notice::NotAccepted { error: &error });
                    if !is_of_one_connection(&error) {
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        }
    }

    /// Enters a connection in its peer's account, if there is one. `None`: it has too many.
    fn open(&self, peer: &Peer, address: Option<SocketAddr>) -> Option<Option<Tab>> {
        let ip = address.map(|address| address.ip());
        let opened = self.accounts.open(peer, ip, Instant::now());
        if opened.is_err() {
            self.handler.notice(Notice::TooMany { peer, address });
        }
        opened.ok()
    }

    async fn run_tcp(&self, stream: TcpStream, address: SocketAddr, tab: Option<Tab>) {
        // Without it a reply may wait 40 ms for the peer's delayed acknowledgement. If the socket
        // does not take the option it is broken, and reading will show that.
        let _ = stream.set_nodelay(true);
        self.run(stream, Peer::Unproven, Some(address), tab, Voucher::None)
            .await;
    }

    async fn run<S>(
        &self,
        stream: S,
        peer: Peer,
        address: Option<SocketAddr>,
        tab: Option<Tab>,
        voucher: Voucher,
    ) where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let _open = self.gate.open();
        let link = Arc::new(Link::new());
        let endpoint = Arc::new(Endpoint {
            handler: Arc::clone(&self.handler),
            config: Arc::clone(&self.config),
            link: Arc::clone(&link),
            peer,
            address,
            tab,
            voucher,
            accounts: Arc::clone(&self.accounts),
            decoders: Arc::clone(&self.decoders),
            room: Arc::clone(&self.room),
        });
        let service = service_fn(|request| {
            let endpoint = Arc::clone(&endpoint);
            async move { Ok::<_, Infallible>(endpoint.answer(request).await) }
        });
        drive(stream, service, &link, &self.config, &self.gate).await;
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// How long accepting rests after the system refused a connection for a reason that lasts.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Errors of `accept` that tell of the connection in question only; the next may be fine.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
