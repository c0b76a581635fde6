//! Whom the server believes, and what those hear whom it does not.

use std::time::Duration;

use oadr_core::{CertificateId, Peer};
use oadr_http::tls::{Identity, TlsError, TlsServer};
use oadr_http::{Drained, ServerConfig};

use super::authority::{Authority, Order};
use super::{Secured, Usual, client_config, hash, server_config};
use crate::documents::POLL;
use crate::wire::{OADR_POLL, Wire, post, within};

/// Long enough that no test run is that slow, for what a test does not wait for.
const LONG: Duration = Duration::from_secs(600);
/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_peer_is_the_certificate_that_it_proves_to_have() {
    for order in [Order::client("house"), Order::client("house").rsa()] {
        let usual = Usual::new();
        let served = usual.server().await;
        let identity = usual.authority.issue(&order);
        let peer = Peer::Certificate(hash(&identity));
        let config = client_config(&usual.hand, Some(identity), &[&usual.authority]);
        let caller = served.client(config);
        for _ in 0..2 {
            caller.poll().await.unwrap();
        }
        let requests = served.handler.requests();
        assert!(requests.iter().all(|request| request.peer == peer));
        // Both over one connection, which was noticed once.
        assert_eq!(requests[0].address, requests[1].address);
        assert_eq!(served.notices(1).await, [format!("connected: {peer:?}")]);
    }
}

#[tokio::test]
async fn rule_517_who_does_not_count_hears_why_and_so_does_the_log() {
    let usual = Usual::new();
    let (stranger, authority) = (Authority::new("another CA"), &usual.authority);
    let below = authority.below(&Order::client("old CA").for_all().years(2000, 2030));
    let expired = Order::client("house").years(2000, 2030);
    let early = Order::client("house").years(2031, 2100);
    let house = Order::client("house");
    for (identity, heard, logged) in [
        (
            None,
            "the peer ended it: it wants a certificate, and none was shown to it",
            "the peer showed no certificate",
        ),
        (
            Some(stranger.issue(&house)),
            "the peer ended it: it does not believe the CA of the certificate that was shown to it",
            "the peer's certificate (CN=house) does not count: it was issued by CN=another CA, which is \
             none of the CAs that are believed here, nor leads to one",
        ),
        (
            Some(Authority::new("CA").issue(&house)),
            "the peer ended it: it does not believe the CA of the certificate that was shown to it",
            "the peer's certificate (CN=house) does not count: its signature is not by the CA that it \
             names: perhaps by another CA of that name, or with an RSA key of less than 2048 bits",
        ),
        (
            Some(authority.issue(&expired)),
            "the peer ended it: it says that the certificate that was shown to it has expired (or is \
             not valid yet)",
            "the peer's certificate (CN=house) does not count: it expired at 2030-01-01T00:00:00Z",
        ),
        (
            Some(authority.issue(&early)),
            "the peer ended it: it says that the certificate that was shown to it has expired (or is \
             not valid yet)",
            "the peer's certificate (CN=house) does not count: it is not valid before \
             2031-01-01T00:00:00Z",
        ),
        (
            Some(below.issue_chain(&house)),
            "the peer ended it: it says that the certificate that was shown to it has expired (or is \
             not valid yet)",
            "the peer's certificate (CN=house) does not count: the certificate of a CA above it \
             expired at 2030-01-01T00:00:00Z",
        ),
        (
            Some(authority.issue(&Order::server())),
            "the peer ended it: it says that the certificate that was shown to it is for another use, \
             or of a kind that it does not know",
            "the peer's certificate (CN=the server) does not count: it is not for the use as a \
             client's certificate (clientAuth): its extendedKeyUsage does not say so",
        ),
        (
            Some(authority.issue(&house.clone().ca())),
            "the peer ended it: it says that the certificate that was shown to it is for another use, \
             or of a kind that it does not know",
            "the peer's certificate (CN=house) does not count: it is the certificate of a CA \
             (basicConstraints says CA:TRUE), which is for issuing others",
        ),
    ] {
        let served = usual.server().await;
        // A second after the end of those that end.
        usual
            .hand
            .0
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let caller = served.client(client_config(&usual.hand, identity, &[authority]));
        assert_eq!(caller.refusal().await, heard, "{logged}");
        assert_eq!(served.notices(1).await, [format!("handshake: {logged}")]);
        assert!(served.handler.requests().is_empty());
    }
}

#[tokio::test]
async fn a_ca_may_have_others_do_its_work() {
    let usual = Usual::new();
    let below = usual
        .authority
        .below(&Order::client("regional CA").for_all());
    let served = usual.server().await;
    let identity = below.issue_chain(&Order::client("house"));
    let caller = served.client(client_config(
        &usual.hand,
        Some(identity),
        &[&usual.authority],
    ));
    caller.poll().await.unwrap();
}

#[tokio::test]
async fn rule_516_an_expired_ca_vouches_for_nobody() {
    let usual = Usual::new();
    let old = Authority::of(&Order::client("old CA").for_all().years(2000, 2029));
    let identity = usual.authority.issue(&Order::server());
    let served = Secured::new(server_config(&usual.hand, vec![identity], &[&old])).await;
    let identity = old.issue(&Order::client("house"));
    let caller = served.client(client_config(
        &usual.hand,
        Some(identity),
        &[&usual.authority],
    ));
    caller.refusal().await;
    assert_eq!(
        served.notices(1).await,
        [
            "handshake: the peer's certificate (CN=house) does not count: the certificate of a CA above \
          it expired at 2029-01-01T00:00:00Z"
        ]
    );
}

#[tokio::test]
async fn rule_516_a_certificate_that_expires_while_connected_gets_403_and_no_more() {
    let usual = Usual::new();
    let served = usual.server().await;
    let order = Order::client("house").years(2000, 2031);
    let caller = served.client(usual.client_config(&order));
    caller.poll().await.unwrap();
    usual.hand.wind(2032);
    // The client would not use its own connection either, had its server's certificate expired; it has
    // not, and what the client shows is the server's business.
    let error = caller.poll().await.unwrap_err();
    assert_eq!(error.to_string(), "the peer answered 403 Forbidden: ");
    assert_eq!(served.handler.requests().len(), 1);
    // The connection is closed: the next attempt is a new one.
    assert!(caller.refusal().await.contains("has expired"));
    let notices = served.notices(3).await;
    assert_eq!(notices[1], "403: the peer's certificate has expired");
}

#[tokio::test]
async fn rule_68_a_short_rsa_key_does_not_count() {
    use oadr_http::tls::{Roots, VerifyError};
    let usual = Usual::new();
    let roots = Roots::new(vec![usual.authority.der.clone()]).unwrap();
    let order = Order::server().for_all();
    let now = {
        use oadr_http::tls::UnixTime;
        UnixTime::since_unix_epoch(Duration::from_secs(super::authority::seconds(2030)))
    };
    let short = usual.authority.issue_short(&order);
    assert_eq!(
        roots.verify_client(&short, &[], now),
        Err(VerifyError::ShortKey { bits: 1024 })
    );
    for identity in [
        usual.authority.issue(&order),
        usual.authority.issue(&order.clone().rsa()),
    ] {
        let leaf = &identity.chain()[0];
        assert_eq!(roots.verify_client(leaf, &[], now), Ok(()));
        assert_eq!(
            roots.verify_server(leaf, &[], Some("localhost"), now),
            Ok(())
        );
        assert_eq!(
            roots.verify_server(leaf, &[], Some("127.0.0.1"), now),
            Ok(())
        );
        assert!(
            roots
                .verify_server(leaf, &[], Some("127.0.0.2"), now)
                .is_err()
        );
    }
    let nobody = Roots::new(Vec::new()).unwrap();
    let leaf = usual.authority.issue(&order);
    assert!(matches!(
        nobody.verify_client(&leaf.chain()[0], &[], now),
        Err(VerifyError::UnknownIssuer { .. })
    ));
}

#[tokio::test]
async fn rule_517_a_server_with_one_client_refuses_others_of_the_same_ca() {
    let usual = Usual::new();
    let authority = &usual.authority;
    let vtn = || authority.issue(&Order::server_for(&["vtn.example.com"]).for_all());
    let (pinned, other) = (vtn(), vtn());
    let house = || authority.issue(&Order::client("house"));
    let fingerprint = CertificateId::Fingerprint(hash(&pinned).fingerprint());
    for (host, pins, counts, others) in [
        (
            Some("vtn.example.com"),
            vec![],
            vec![pinned.clone(), other.clone()],
            vec![house()],
        ),
        (
            None,
            vec![fingerprint],
            vec![pinned.clone()],
            vec![other.clone(), house()],
        ),
    ] {
        let mut config = usual.server_config();
        config.client_host = host.map(str::to_owned);
        config.clients = pins;
        let served = Secured::new(config).await;
        let caller = |identity: Identity| {
            let config = client_config(&usual.hand, Some(identity), &[authority]);
            served.client(config)
        };
        for identity in counts {
            let caller = caller(identity);
            caller.poll().await.unwrap();
            served.notices(1).await;
        }
        for identity in others {
            let heard = caller(identity).refusal().await;
            assert!(heard.starts_with("the peer ended it"), "{heard}");
            let said = served.notices(1).await.pop().unwrap();
            let why = if host.is_some() {
                "it is not for vtn.example.com"
            } else {
                "expected"
            };
            assert!(said.contains(why), "{said}");
        }
    }
}

#[tokio::test]
async fn plain_http_is_told_what_is_spoken_here() {
    let served = Usual::new().server().await;
    let mut wire = Wire::to(served.address).await;
    wire.send(post(OADR_POLL, POLL)).await;
    let reply = wire.response().await;
    assert_eq!(
        (reply.status(), reply.header("connection")),
        (400, Some("close"))
    );
    assert_eq!(
        reply.text(),
        "this port speaks TLS: the URL has to begin with https:// here\n"
    );
    wire.half_close().await;
    wire.closed().await;
    assert_eq!(
        served.notices(1).await,
        ["handshake: the peer spoke plain HTTP to a TLS port: its URL has to begin with https://"]
    );
}

#[tokio::test]
async fn what_is_neither_tls_nor_http_is_closed() {
    let served = Usual::new().server().await;
    for (nonsense, said) in [
        ("\0\u{1}\u{2}", "the peer does not speak TLS"),
        (
            "\u{16}\u{3}",
            "the peer closed the connection during the handshake",
        ),
    ] {
        let mut wire = Wire::to(served.address).await;
        wire.send(nonsense).await;
        wire.half_close().await;
        wire.rest().await;
        let notices = served.notices(1).await;
        assert_eq!(notices.last(), Some(&format!("handshake: {said}")));
    }
    // Who only looks whether the port is open is no news.
    let mut wire = Wire::to(served.address).await;
    wire.half_close().await;
    wire.closed().await;
    assert_eq!(served.handler.notices().len(), 2);
}

#[tokio::test]
async fn a_slow_handshake_is_cut_off() {
    let usual = Usual::new();
    let mut config = ServerConfig::default();
    config.handshake_timeout = SHORT;
    let served = Secured::with(usual.server_config(), config).await;
    let mut slow = Wire::to(served.address).await;
    slow.send("\u{16}").await;
    slow.closed().await;
    assert_eq!(
        served.notices(1).await,
        ["handshake: the peer did not finish the handshake in time"]
    );
}

#[tokio::test]
async fn a_slow_handshake_holds_up_nobody() {
    let usual = Usual::new();
    let mut config = ServerConfig::default();
    config.handshake_timeout = LONG;
    let served = Secured::with(usual.server_config(), config).await;
    let mut slow = Wire::to(served.address).await;
    slow.send("\u{16}").await;
    let caller = served.client(usual.client_config(&Order::client("house")));
    caller.poll().await.unwrap();
}

#[tokio::test]
async fn a_handshake_that_has_not_ended_does_not_hold_up_the_end() {
    let usual = Usual::new();
    let mut config = ServerConfig::default();
    config.handshake_timeout = LONG;
    config.shutdown_limit = LONG;
    let served = Secured::with(usual.server_config(), config).await;
    let mut slow = Wire::to(served.address).await;
    slow.send("\u{16}").await;
    let caller = served.client(usual.client_config(&Order::client("house")));
    caller.poll().await.unwrap();
    assert_eq!(within(served.server.shut_down()).await, Drained::Finished);
    slow.closed().await;
}

/// A ClientHello of the years before TLS 1.2.
const OLD_HELLO: &[u8] = &[
    // A record with a handshake in TLS 1.1, 47 bytes; a ClientHello, 43; TLS 1.1.
    22, 3, 2, 0, 47, 1, 0, 0, 43, 3, 2, //
    // Anything, 32 bytes of it.
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
    26, 27, 28, 29, 30, 31, //
    // No session; ECDHE_ECDSA_WITH_AES_128_CBC_SHA and RSA_WITH_AES_128_CBC_SHA; no compression.
    0, 0, 4, 0xc0, 0x09, 0, 0x2f, 1, 0,
];

/// The beginning of one as it was before that: length, ClientHello, TLS 1.0.
const OLDER_HELLO: &[u8] = &[0x80, 46, 1, 3, 1, 0, 21, 0, 0, 0, 16, 0, 0, 57];

#[tokio::test]
async fn rule_67_tls_1_1_is_refused() {
    for hello in [OLD_HELLO, OLDER_HELLO] {
        let served = Usual::new().server().await;
        refuses_version(&served, hello).await;
    }
}

async fn refuses_version(served: &Secured, hello: &[u8]) {
    let mut wire = Wire::to(served.address).await;
    wire.send(hello).await;
    wire.half_close().await;
    // A fatal alert: protocol_version.
    let rest = wire.rest().await;
    assert_eq!(
        (rest.first(), &rest[rest.len() - 2..]),
        (Some(&21), &[2, 70][..])
    );
    assert_eq!(
        served.notices(1).await,
        ["handshake: the peer speaks neither TLS 1.2 nor TLS 1.3"]
    );
}

#[tokio::test]
async fn connections_count_by_certificate_once_it_is_proved() {
    let usual = Usual::new();
    let mut config = ServerConfig::default();
    config.max_connections_per_peer = 1;
    config.bound_loopback = true;
    let served = Secured::with(usual.server_config(), config).await;
    let house = usual.authority.issue(&Order::client("house"));
    let client = |identity| {
        served.client(client_config(
            &usual.hand,
            Some(identity),
            &[&usual.authority],
        ))
    };
    let (first, second) = (client(house.duplicate()), client(house));
    let other = client(usual.authority.issue(&Order::client("plant")));
    first.poll().await.unwrap();
    // The address has given its place back, so that another certificate finds one.
    other.poll().await.unwrap();
    assert!(second.poll().await.is_err());
    let notices = served.notices(3).await;
    assert!(
        notices[2].starts_with("too many connections"),
        "{notices:?}"
    );
    drop(first);
    within(async {
        while second.poll().await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[test]
fn a_server_needs_a_certificate_and_a_ca() {
    let usual = Usual::new();
    let identity = usual.authority.issue(&Order::server());
    let refused = |config| TlsServer::new(config).unwrap_err();
    let nobody = server_config(&usual.hand, vec![identity], &[]);
    assert!(matches!(refused(nobody), TlsError::NoRoots));
    let nothing = server_config(&usual.hand, Vec::new(), &[&usual.authority]);
    assert!(matches!(refused(nothing), TlsError::NoIdentity));
}
