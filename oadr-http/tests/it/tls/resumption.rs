//! Connections that take up where an earlier one ended, and those that must not.

use std::sync::Arc;

use oadr_http::tls::Identity;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::authority::{Authority, Order};
use super::{Hand, Secured, Usual, server_config};
use crate::documents::POLL;
use crate::wire::{OADR_POLL, post_with, within};

/// A client that remembers its sessions, and tells whether it used one.
struct Resuming(TlsConnector);

impl Resuming {
    fn new(
        hand: &Hand,
        authority: &Authority,
        identity: &Identity,
        version: &'static SupportedProtocolVersion,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der.clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_details(provider, Arc::new(hand.clock()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(identity.chain().to_vec(), identity.key().clone_key())
            .unwrap();
        Self(TlsConnector::from(Arc::new(config)))
    }

    /// Polls over a connection of its own. `None` if the server refuses it.
    async fn poll(&self, served: &Secured) -> Option<HandshakeKind> {
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TcpStream::connect(served.address).await.unwrap();
        let exchange = async {
            let mut stream = self.0.connect(name, stream).await.ok()?;
            let request = post_with(OADR_POLL, "Connection: close\r\n", POLL);
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut reply = Vec::new();
            stream.read_to_end(&mut reply).await.ok()?;
            assert!(reply.starts_with(b"HTTP/1.1 200 "), "{reply:?}");
            stream.get_ref().1.handshake_kind()
        };
        within(exchange).await
    }
}

#[tokio::test]
async fn a_session_is_resumed_and_is_the_same_peer() {
    for version in [&TLS12, &TLS13] {
        let usual = Usual::new();
        let served = usual.server().await;
        let identity = usual.authority.issue(&Order::client("house"));
        let client = Resuming::new(&usual.hand, &usual.authority, &identity, version);
        assert_eq!(client.poll(&served).await, Some(HandshakeKind::Full));
        assert_eq!(client.poll(&served).await, Some(HandshakeKind::Resumed));
        let requests = served.handler.requests();
        assert_eq!(requests[0].peer, requests[1].peer);
    }
}

#[tokio::test]
async fn a_removed_ca_is_not_resumed() {
    for version in [&TLS12, &TLS13] {
        let usual = Usual::new();
        let served = usual.server().await;
        let identity = usual.authority.issue(&Order::client("house"));
        let client = Resuming::new(&usual.hand, &usual.authority, &identity, version);
        client.poll(&served).await.unwrap();
        let server = usual.authority.issue(&Order::server());
        let other = Authority::new("another CA");
        let believes_other = server_config(&usual.hand, vec![server.duplicate()], &[&other]);
        served.tls.reload(believes_other).unwrap();
        assert_eq!(client.poll(&served).await, None);
        // Believed again, it has to prove itself again.
        let believes_both = server_config(&usual.hand, vec![server], &[&other, &usual.authority]);
        served.tls.reload(believes_both).unwrap();
        assert_eq!(client.poll(&served).await, Some(HandshakeKind::Full));
    }
}

#[tokio::test]
async fn rule_516_an_expired_certificate_is_not_resumed() {
    for version in [&TLS12, &TLS13] {
        let usual = Usual::new();
        let served = usual.server().await;
        let identity = usual
            .authority
            .issue(&Order::client("house").years(2000, 2031));
        // This client's clock stands still, so that it goes on using what it has.
        let client = Resuming::new(&Hand::new(), &usual.authority, &identity, version);
        client.poll(&served).await.unwrap();
        usual.hand.wind(2032);
        assert_eq!(client.poll(&served).await, None);
        let notices = served.notices(2).await;
        assert!(
            notices[1].ends_with("does not count: it expired at 2031-01-01T00:00:00Z"),
            "{notices:?}"
        );
    }
}
