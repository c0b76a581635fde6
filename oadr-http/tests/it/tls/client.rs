//! Whom the client believes, and what it says of those that it does not.

use std::sync::{Arc, Mutex};

use hyper::body::Bytes;
use oadr_core::payload::Message;
use oadr_core::value::ServiceName;
use oadr_core::{CertificateHash, CertificateId, Peer};
use oadr_http::tls::{TlsClient, TlsClientConfig, TlsError};
use oadr_http::{BaseUrl, Client, ClientConfig, ClientError, Seal, SealError, Unsealed};

use super::authority::{Authority, Order};
use super::{Caller, Secured, Usual, client_config, hash, server_config};
use crate::documents::{POLL, message};
use crate::scripted::Scripted;
use crate::served::answering;
use crate::wire::within;

/// A client of the usual CA named `house`, whose settings a test changes.
fn house(usual: &Usual, change: impl FnOnce(&mut TlsClientConfig)) -> TlsClientConfig {
    let mut config = usual.client_config(&Order::client("house"));
    change(&mut config);
    config
}

#[tokio::test]
async fn a_server_that_does_not_count_is_told_from_one_that_is_not_there() {
    let usual = Usual::new();
    let authority = &usual.authority;
    let stranger = Authority::new("another CA");
    let server = Order::server;
    for (identity, said) in [
        (
            stranger.issue(&server()),
            "the peer's certificate (CN=the server) does not count: it was issued by CN=another CA, \
             which is none of the CAs that are believed here, nor leads to one",
        ),
        (
            authority.issue(&server().years(2000, 2029)),
            "the peer's certificate (CN=the server) does not count: it expired at 2029-01-01T00:00:00Z",
        ),
        (
            authority.issue(&server().years(2031, 2100)),
            "the peer's certificate (CN=the server) does not count: it is not valid before \
             2031-01-01T00:00:00Z",
        ),
        (
            authority.issue(&Order::client("house")),
            "the peer's certificate (CN=house) does not count: it is not for the use as a server's \
             certificate (serverAuth): its extendedKeyUsage does not say so",
        ),
        (
            authority.issue(&Order::server_for(&["vtn.example", "192.0.2.1"])),
            "the peer's certificate (CN=the server) does not count: it is not for 127.0.0.1: it is for \
             vtn.example, 192.0.2.1",
        ),
        (
            authority.issue(&Order::server_for(&[])),
            "the peer's certificate (CN=the server) does not count: it is not for 127.0.0.1: it has no \
             subjectAltName (its common name the server is none that counts)",
        ),
    ] {
        let config = server_config(&usual.hand, vec![identity], &[authority]);
        let served = Secured::new(config).await;
        let caller = served.client(house(&usual, |_| {}));
        assert_eq!(caller.refusal().await, said);
        let notices = served.notices(1).await;
        assert!(
            notices[0].starts_with("handshake: the peer ended it: "),
            "{notices:?}"
        );
    }
}

#[tokio::test]
async fn a_name_goes_with_the_certificate_and_so_does_an_address() {
    let usual = Usual::new();
    let served = usual.server().await;
    let port = served.address.port();
    for host in ["localhost", "LOCALHOST", "127.0.0.1"] {
        let url = format!("https://{host}:{port}");
        Caller::new(&url, house(&usual, |_| {}))
            .poll()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn the_hosts_name_may_not_matter_but_the_rest_does() {
    let usual = Usual::new();
    for (order, is_good) in [
        (Order::server_for(&["vtn.example"]), true),
        (Order::server_for(&[]), true),
        (Order::server().years(2000, 2029), false),
        (Order::client("house"), false),
    ] {
        let identity = usual.authority.issue(&order);
        let config = server_config(&usual.hand, vec![identity], &[&usual.authority]);
        let served = Secured::new(config).await;
        let config = house(&usual, |config| config.verify_host = false);
        assert_eq!(served.client(config).poll().await.is_ok(), is_good);
    }
}

#[tokio::test]
async fn a_pinned_server_is_the_only_one() {
    let usual = Usual::new();
    let identity = usual.authority.issue(&Order::server());
    let own = hash(&identity);
    let config = server_config(&usual.hand, vec![identity], &[&usual.authority]);
    let served = Secured::new(config).await;
    let other = CertificateHash([7; 32]);
    let pinned = |servers: &[CertificateId]| {
        served.client(house(&usual, |config| config.servers = servers.to_vec()))
    };
    let fingerprint = CertificateId::Fingerprint(own.fingerprint());
    for servers in [
        &[CertificateId::Hash(own)][..],
        &[fingerprint],
        &[CertificateId::Hash(other), fingerprint],
    ] {
        pinned(servers).poll().await.unwrap();
    }
    let expected = CertificateId::Fingerprint(other.fingerprint());
    assert_eq!(
        pinned(&[expected]).refusal().await,
        format!(
            "the peer's certificate (CN=the server) does not count: it is {own} (fingerprint {}), and \
             07:07:07:07:07:07:07:07:07:07 is expected",
            own.fingerprint()
        )
    );
    // It is not enough to be pinned, if there are CAs and none of them issued it.
    let stranger = Authority::new("another CA");
    let caller = served.client(house(&usual, |config| {
        config.roots = vec![stranger.der.clone()];
        config.servers = vec![fingerprint];
    }));
    assert!(caller.refusal().await.contains("was issued by CN=CA"));
}

#[tokio::test]
async fn a_peer_is_believed_by_its_own_certificate_or_by_its_hosts_name() {
    let usual = Usual::new();
    let stranger = Authority::new("another CA");
    let other = CertificateHash([7; 32]);
    let elsewhere = Order::server_for(&["ven.example"]);
    for (authority, order, is_known, is_good) in [
        // Issued as a client's, and bearing no name.
        (&usual.authority, Order::client("house"), true, true),
        (&usual.authority, elsewhere, true, true),
        (&usual.authority, Order::server(), false, true),
        (&usual.authority, Order::client("house"), false, false),
        (
            &usual.authority,
            Order::server_for(&["ven.example"]),
            false,
            false,
        ),
        (
            &usual.authority,
            Order::client("house").years(2000, 2029),
            true,
            false,
        ),
        (&stranger, Order::client("house"), true, false),
    ] {
        let identity = authority.issue(&order);
        let known = if is_known { hash(&identity) } else { other };
        let config = server_config(&usual.hand, vec![identity], &[&usual.authority]);
        let served = Secured::new(config).await;
        for id in [
            CertificateId::Hash(known),
            CertificateId::Fingerprint(known.fingerprint()),
        ] {
            let mut config = ClientConfig::default();
            config.tls = Some(TlsClient::new(house(&usual, |_| {})).unwrap());
            config.peers = vec![CertificateId::Hash(other), id];
            let url = BaseUrl::parse(&format!("https://{}", served.address)).unwrap();
            let client = Client::new(url, config);
            let answer = within(client.send(ServiceName::OadrPoll, &message(POLL))).await;
            assert_eq!(answer.is_ok(), is_good, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn rule_516_without_a_ca_a_pinned_server_counts_while_it_is_valid() {
    let usual = Usual::new();
    let stranger = Authority::new("nobody knows it");
    let identity = stranger.issue(&Order::server().years(2000, 2031));
    let servers = vec![CertificateId::Hash(hash(&identity))];
    let config = server_config(&usual.hand, vec![identity], &[&usual.authority]);
    let served = Secured::new(config).await;
    let pinned = || {
        served.client(house(&usual, |config| {
            config.roots = Vec::new();
            config.servers = servers.clone();
            config.verify_host = false;
        }))
    };
    pinned().poll().await.unwrap();
    usual.hand.wind(2032);
    assert!(pinned().refusal().await.contains("it expired at 2031"));
}

#[tokio::test]
async fn rule_516_a_server_that_expires_while_connected_gets_no_other_message() {
    let usual = Usual::new();
    let identity = usual.authority.issue(&Order::server().years(2000, 2031));
    let config = server_config(&usual.hand, vec![identity], &[&usual.authority]);
    let served = Secured::new(config).await;
    let caller = served.client(house(&usual, |_| {}));
    caller.poll().await.unwrap();
    usual.hand.wind(2032);
    assert!(caller.refusal().await.contains("it expired at 2031"));
    assert_eq!(served.handler.requests().len(), 1);
}

#[tokio::test]
async fn what_was_replaced_is_shown_at_once() {
    let usual = Usual::new();
    let served = usual.server().await;
    let caller = served.client(house(&usual, |_| {}));
    caller.poll().await.unwrap();
    let plant = usual.authority.issue(&Order::client("plant").rsa());
    let peer = Peer::Certificate(hash(&plant));
    let config = client_config(&usual.hand, Some(plant), &[&usual.authority]);
    caller.tls.reload(config).unwrap();
    caller.poll().await.unwrap();
    assert_eq!(served.handler.requests()[1].peer, peer);
    // Settings that are none replace nothing.
    let nobody = TlsClientConfig::new(Vec::new());
    assert!(matches!(caller.tls.reload(nobody), Err(TlsError::NoRoots)));
    caller.poll().await.unwrap();
}

#[tokio::test]
async fn https_without_tls_and_tls_without_https() {
    let usual = Usual::new();
    let served = usual.server().await;
    let url = BaseUrl::parse(&format!("https://{}", served.address)).unwrap();
    let client = Client::new(url, ClientConfig::default());
    let error = within(client.send(ServiceName::OadrPoll, &message(POLL))).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        format!(
            "no TLS with {}: the URL begins with https://, but nothing is set up for TLS: say which CA \
             to believe",
            served.address
        )
    );
    // A client that could do TLS does none for http.
    let (plain, _) = answering().await;
    let caller = Caller::new(&format!("http://{}", plain.address), house(&usual, |_| {}));
    caller.poll().await.unwrap();
    // And a server that does none is no server for https.
    let caller = Caller::new(&format!("https://{}", plain.address), house(&usual, |_| {}));
    assert_eq!(caller.refusal().await, "the peer does not speak TLS");
}

#[tokio::test]
async fn nobody_there_is_no_matter_of_tls() {
    let scripted = Scripted::new().await;
    let url = format!("https://{}", scripted.listener.local_addr().unwrap());
    drop(scripted);
    let caller = Caller::new(&url, house(&Usual::new(), |_| {}));
    assert!(matches!(
        caller.poll().await,
        Err(ClientError::Connect { .. })
    ));
}

#[test]
fn a_client_needs_somebody_to_believe() {
    let refused = TlsClient::new(TlsClientConfig::new(Vec::new()));
    assert!(matches!(refused, Err(TlsError::NoRoots)));
    let rubbish = TlsClientConfig::new(vec![vec![1, 2, 3].into()]);
    assert!(matches!(
        TlsClient::new(rubbish),
        Err(TlsError::Root { place: 1, .. })
    ));
}

/// Notes who sent the replies.
#[derive(Debug, Default)]
struct Noting(Mutex<Vec<Peer>>);

impl Seal for Noting {
    fn seal(&self, message: &Message) -> Result<Vec<u8>, SealError> {
        Ok(oadr_core::codec::encode(message))
    }

    fn unseal(&self, server: &Peer, document: Bytes) -> Result<Unsealed, SealError> {
        self.0.lock().unwrap().push(server.clone());
        Ok(Unsealed::unsigned(document))
    }
}

#[tokio::test]
async fn a_reply_comes_from_the_server_that_was_proved() {
    let usual = Usual::new();
    let identity = usual.authority.issue(&Order::server());
    let peer = Peer::Certificate(hash(&identity));
    let tls = server_config(&usual.hand, vec![identity], &[&usual.authority]);
    let served = Secured::new(tls).await;
    let noting = Arc::new(Noting::default());
    let mut config = ClientConfig::default();
    config.tls = Some(TlsClient::new(house(&usual, |_| {})).unwrap());
    config.seal = Some(Arc::clone(&noting) as _);
    let url = BaseUrl::parse(&format!("https://{}", served.address)).unwrap();
    let client = Client::new(url, config);
    for _ in 0..2 {
        within(client.send(ServiceName::OadrPoll, &message(POLL)))
            .await
            .unwrap();
    }
    assert_eq!(*noting.0.lock().unwrap(), [peer.clone(), peer]);
}
