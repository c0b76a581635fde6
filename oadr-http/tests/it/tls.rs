//! TLS over real sockets, both roles. The certificates come from CAs of the tests; the time is what a
//! test says it is, never the machine's.

mod authority;
mod client;
mod openssl;
mod reload;
mod resumption;
mod server;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use oadr_core::CertificateHash;
use oadr_core::value::ServiceName;
use oadr_http::tls::{
    CertificateDer, Clock, Identity, TlsClient, TlsClientConfig, TlsServer, TlsServerConfig,
    UnixTime,
};
use oadr_http::{Answer, BaseUrl, Client, ClientConfig, ClientError, Reply, Server, ServerConfig};
use tokio::net::TcpListener;

use self::authority::{Authority, NOW, Order};
use crate::documents::{POLL, message};
use crate::served::{Fixed, plain};
use crate::wire::within;

/// A clock that a test winds, in years. It begins at [`NOW`].
#[derive(Clone)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(authority::seconds(NOW))))
    }

    fn wind(&self, year: i32) {
        self.0.store(authority::seconds(year), Ordering::Relaxed);
    }

    fn clock(&self) -> Clock {
        let Self(seconds) = self.clone();
        Clock::new(move || {
            UnixTime::since_unix_epoch(Duration::from_secs(seconds.load(Ordering::Relaxed)))
        })
    }
}

/// The settings of a server that shows these and believes those.
fn server_config(
    hand: &Hand,
    identities: Vec<Identity>,
    believes: &[&Authority],
) -> TlsServerConfig {
    let mut config = TlsServerConfig::new(identities, roots(believes));
    config.clock = hand.clock();
    config
}

/// The settings of a client that shows this and believes those.
fn client_config(
    hand: &Hand,
    identity: Option<Identity>,
    believes: &[&Authority],
) -> TlsClientConfig {
    let mut config = TlsClientConfig::new(roots(believes));
    config.identity = identity;
    config.clock = hand.clock();
    config
}

fn roots(authorities: &[&Authority]) -> Vec<CertificateDer<'static>> {
    authorities.iter().map(|one| one.der.clone()).collect()
}

/// A TLS server at work.
struct Secured {
    address: SocketAddr,
    handler: Arc<Fixed>,
    server: Server<Arc<Fixed>>,
    tls: TlsServer,
}

impl Secured {
    async fn new(tls: TlsServerConfig) -> Self {
        Self::with(tls, ServerConfig::default()).await
    }

    async fn with(tls: TlsServerConfig, config: ServerConfig) -> Self {
        let handler = Fixed::replying(Reply::Message(Box::new(plain())));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::new(Arc::clone(&handler), config);
        let tls = TlsServer::new(tls).unwrap();
        tokio::spawn({
            let (server, tls) = (server.clone(), tls.clone());
            async move { server.accept_tls(&listener, &tls).await }
        });
        Self {
            address,
            handler,
            server,
            tls,
        }
    }

    /// A client of it.
    fn client(&self, config: TlsClientConfig) -> Caller {
        Caller::new(&format!("https://{}", self.address), config)
    }

    /// Waits for so many notices.
    async fn notices(&self, count: u32) -> Vec<String> {
        let noticed = within(self.handler.noticed.acquire_many(count)).await;
        noticed.unwrap().forget();
        self.handler.notices()
    }
}

/// A client with its TLS.
struct Caller {
    client: Client,
    tls: TlsClient,
}

impl Caller {
    fn new(url: &str, tls: TlsClientConfig) -> Self {
        Self::keeping(url, tls, Duration::from_secs(600))
    }

    /// One that keeps a connection for so long. It may resume one that it has not kept.
    fn keeping(url: &str, tls: TlsClientConfig, time: Duration) -> Self {
        let tls = TlsClient::new(tls).unwrap();
        let mut config = ClientConfig::default();
        config.tls = Some(tls.clone());
        config.reuse_within = time;
        Self {
            client: Client::new(BaseUrl::parse(url).unwrap(), config),
            tls,
        }
    }

    async fn poll(&self) -> Result<Answer, ClientError> {
        within(self.client.send(ServiceName::OadrPoll, &message(POLL))).await
    }

    /// Why there is no TLS, without the authority.
    async fn refusal(&self) -> String {
        match self.poll().await {
            Err(ClientError::Tls { source, .. }) => source.to_string(),
            other => panic!("{other:?}"),
        }
    }
}

/// The usual ones: a CA, the server's identity from it, and a client's.
struct Usual {
    hand: Hand,
    authority: Authority,
}

impl Usual {
    fn new() -> Self {
        Self {
            hand: Hand::new(),
            authority: Authority::new("CA"),
        }
    }

    fn server_config(&self) -> TlsServerConfig {
        let identity = self.authority.issue(&Order::server());
        server_config(&self.hand, vec![identity], &[&self.authority])
    }

    fn client_config(&self, order: &Order) -> TlsClientConfig {
        let identity = self.authority.issue(order);
        client_config(&self.hand, Some(identity), &[&self.authority])
    }

    async fn server(&self) -> Secured {
        Secured::new(self.server_config()).await
    }
}

fn hash(identity: &Identity) -> CertificateHash {
    use aws_lc_rs::digest::{SHA256, digest};
    let digest = digest(&SHA256, &identity.chain()[0]);
    CertificateHash(digest.as_ref().try_into().unwrap())
}
