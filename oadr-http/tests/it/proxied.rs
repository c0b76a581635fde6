//! The server behind a proxy that ends TLS: whom it believes, and what it makes of the header.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use oadr_core::Peer;
use oadr_http::tls::Roots;
use oadr_http::{ProxyTrust, ProxyTrustConfig, Reply, RequestRate, Server, ServerConfig};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio::net::{TcpListener, TcpSocket};

use crate::documents::POLL;
use crate::served::{Fixed, answering, plain};
use crate::wire::{OADR_POLL, Wire, post_with, within};

/// Percent-encoded PEM, as nginx writes it.
fn header(pem: &str) -> String {
    let escaped = pem.replace('+', "%2B").replace('/', "%2F");
    let escaped = escaped.replace('=', "%3D").replace(' ', "%20");
    format!("X-SSL-Client-Cert: {}\r\n", escaped.replace('\n', "%0A"))
}

struct Behind {
    handler: Arc<Fixed>,
    address: SocketAddr,
    /// Headers with the certificates of two VENs and with one that has expired.
    house: String,
    plant: String,
    expired: String,
}

/// A listener for proxies at these addresses.
async fn behind(networks: &[&str], change: impl FnOnce(&mut ServerConfig)) -> Behind {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap().der().clone();
    let issuer = Issuer::new(params, key);
    let leaf = |until| {
        let mut params = CertificateParams::default();
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        header(&params.signed_by(&key, &issuer).unwrap().pem())
    };

    let roots = Roots::new(vec![ca]).unwrap();
    let mut trust = ProxyTrustConfig::new(Some(roots));
    trust.networks = networks.iter().map(|text| text.parse().unwrap()).collect();
    let trust = ProxyTrust::new(trust).unwrap();
    let handler = Fixed::replying(Reply::Message(Box::new(plain())));
    let mut config = ServerConfig::default();
    change(&mut config);
    let server = Server::new(Arc::clone(&handler), config);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { server.accept_proxied(&listener, &trust).await });
    Behind {
        handler,
        address,
        house: leaf(4000),
        plant: leaf(4000),
        expired: leaf(2001),
    }
}

async fn status(wire: &mut Wire, headers: &str) -> u16 {
    wire.send(post_with(OADR_POLL, headers, POLL)).await;
    wire.response().await.status()
}

/// Who sent the requests so far.
fn peers(handler: &Fixed) -> Vec<Peer> {
    let requests = handler.requests().into_iter();
    requests.map(|request| request.peer).collect()
}

#[tokio::test]
async fn one_connection_carries_the_requests_of_many_peers() {
    let behind = behind(&["127.0.0.0/8"], |_| {}).await;
    let mut wire = Wire::to(behind.address).await;
    for headers in [&behind.house, &behind.plant, &behind.house] {
        assert_eq!(status(&mut wire, headers).await, 200);
    }
    let peers = peers(&behind.handler);
    assert!(
        peers
            .iter()
            .all(|peer| matches!(peer, Peer::Certificate(_)))
    );
    assert!(peers[0] == peers[2] && peers[0] != peers[1], "{peers:?}");
    // For the log: where the peer is, as the proxy says.
    let forwarded = format!("{}X-Forwarded-For: 192.0.2.7\r\n", behind.house);
    assert_eq!(status(&mut wire, &forwarded).await, 200);
    let requests = behind.handler.requests();
    let addresses = [&requests[0], &requests[3]].map(|r| r.address.unwrap().ip().to_string());
    assert_eq!(addresses, ["127.0.0.1", "192.0.2.7"]);
}

#[tokio::test]
async fn rule_517_who_shows_no_good_certificate_gets_an_empty_403() {
    let behind = behind(&["127.0.0.1"], |_| {}).await;
    let twice = behind.house.repeat(2);
    let aside = behind.house.replace('-', "_");
    let broken = "X-SSL-Client-Cert: %\r\n";
    for headers in ["", &behind.expired, &twice, &aside, broken] {
        let mut wire = Wire::to(behind.address).await;
        wire.send(post_with(OADR_POLL, headers, POLL)).await;
        let reply = wire.response().await;
        assert_eq!((reply.status(), reply.text()), (403, ""), "{headers}");
    }
    assert!(behind.handler.requests().is_empty());
    let missing = "403: the proxy handed on no client certificate in x-ssl-client-cert";
    let notices = behind.handler.notices();
    assert!(notices[1].contains("expired"), "{}", notices[1]);
    assert_eq!(
        [&notices[0], &notices[2], &notices[3], &notices[4]],
        [
            missing,
            "403: x-ssl-client-cert came several times: the proxy must replace it, not add to it",
            missing,
            "403: x-ssl-client-cert cannot be read: its percent-encoding is broken",
        ]
    );
}

#[tokio::test]
async fn a_folded_header_is_no_header() {
    let behind = behind(&["127.0.0.1"], |_| {}).await;
    let mut wire = Wire::to(behind.address).await;
    // nginx's older $ssl_client_cert.
    let folded = behind.house.replace("%0A", "\r\n\t");
    assert_eq!(status(&mut wire, &folded).await, 400);
    assert!(behind.handler.requests().is_empty());
}

#[tokio::test]
async fn other_addresses_are_closed_at_once() {
    let behind = behind(&["127.0.0.1", "192.0.2.0/24"], |_| {}).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let stream = within(socket.connect(behind.address)).await.unwrap();
    let mut wire = Wire::over(stream);
    wire.push(post_with(OADR_POLL, &behind.house, POLL).as_bytes())
        .await;
    wire.closed().await;
    assert!(behind.handler.requests().is_empty());
    assert_eq!(behind.handler.notices(), ["127.0.0.2 is no proxy"]);
    // The listed one goes on.
    let mut wire = Wire::to(behind.address).await;
    assert_eq!(status(&mut wire, &behind.house).await, 200);
}

#[tokio::test]
async fn the_header_means_nothing_on_the_ordinary_listener() {
    let (served, handler) = answering().await;
    let behind = behind(&["127.0.0.1"], |_| {}).await;
    let mut wire = Wire::to(served.address).await;
    let headers = format!("{}X-Forwarded-For: 192.0.2.7\r\n", behind.house);
    assert_eq!(status(&mut wire, &headers).await, 200);
    assert_eq!(status(&mut wire, &behind.expired).await, 200);
    assert_eq!(peers(&handler), [Peer::Unproven, Peer::Unproven]);
    let address = handler.requests()[0].address.unwrap();
    assert_eq!(address.ip().to_string(), "127.0.0.1");
}

#[tokio::test]
async fn each_peer_pays_for_itself_however_many_share_a_connection() {
    let behind = behind(&["127.0.0.1"], |config| {
        config.request_rate = Some(RequestRate {
            per_second: NonZeroU32::MIN,
            burst: NonZeroU32::MIN,
        });
    })
    .await;
    let mut seen = 200;
    while seen == 200 {
        // A refusal before the body was read ends the connection.
        let mut wire = Wire::to(behind.address).await;
        seen = status(&mut wire, &behind.house).await;
    }
    assert_eq!(seen, 503);
    let mut wire = Wire::to(behind.address).await;
    assert_eq!(status(&mut wire, &behind.plant).await, 200);
}

#[tokio::test]
async fn a_peer_has_only_so_many_requests_at_the_same_time() {
    let behind = behind(&["127.0.0.1"], |config| config.max_connections_per_peer = 1).await;
    let mut idle = Wire::to(behind.address).await;
    assert_eq!(status(&mut idle, &behind.house).await, 200);
    // A connection that has nothing to do is nobody's.
    let mut first = Wire::to(behind.address).await;
    let request = post_with(OADR_POLL, &behind.house, POLL);
    let (beginning, end) = request.split_at(request.len() - 1);
    first.send(beginning).await;
    let mut seen = 200;
    while seen == 200 {
        // The server hears of the first a moment later.
        let mut second = Wire::to(behind.address).await;
        seen = status(&mut second, &behind.house).await;
    }
    assert_eq!(seen, 503);
    assert_eq!(status(&mut idle, &behind.plant).await, 200);
    first.send(end).await;
    assert_eq!(first.response().await.status(), 200);
}
