//! The server against a peer that wants more than its share: others do not notice.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use oadr_core::{CertificateHash, Peer};
use oadr_http::{Reply, RequestRate, Server, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::documents::POLL;
use crate::served::{Fixed, plain, served};
use crate::wire::{OADR_POLL, Wire, post, within};

fn config(change: impl FnOnce(&mut ServerConfig)) -> ServerConfig {
    let mut config = ServerConfig::default();
    config.bound_loopback = true;
    change(&mut config);
    config
}

fn rate(per_second: u32, burst: u32) -> Option<RequestRate> {
    Some(RequestRate {
        per_second: NonZeroU32::new(per_second).unwrap(),
        burst: NonZeroU32::new(burst).unwrap(),
    })
}

fn answering() -> Arc<Fixed> {
    Fixed::replying(Reply::Message(Box::new(plain())))
}

/// Sends polls on a connection of its own, and returns what came back until it was closed.
async fn exchange(server: &Server<Arc<Fixed>>, peer: &Peer, polls: usize) -> String {
    let (mut near, far) = tokio::io::duplex(1 << 20);
    let request = post(OADR_POLL, POLL);
    let sending = async {
        for _ in 0..polls {
            // A server that has closed takes no more.
            let _ = near.write_all(request.as_bytes()).await;
        }
        let _ = near.shutdown().await;
        let mut replies = Vec::new();
        near.read_to_end(&mut replies).await.unwrap();
        replies
    };
    let serving = server.serve_stream(far, peer.clone(), None);
    String::from_utf8(tokio::join!(sending, serving).0).unwrap()
}

fn count(replies: &str, status: &str) -> usize {
    replies.matches(&format!("HTTP/1.1 {status}")).count()
}

#[tokio::test]
async fn one_peer_has_only_so_many_connections() {
    let handler = answering();
    let config = config(|config| config.max_connections_per_peer = 2);
    let served = served(&handler, config).await;
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut wire = Wire::to(served.address).await;
        wire.send(post(OADR_POLL, POLL)).await;
        assert_eq!(wire.response().await.status(), 200);
        kept.push(wire);
    }
    Wire::to(served.address).await.closed().await;
    assert_eq!(handler.notices(), ["too many connections of Unproven"]);
    // Those it has go on, and one that ends makes room.
    let mut last = kept.pop().unwrap();
    last.send(post(OADR_POLL, POLL).replace("Host", "Connection: close\r\nHost"))
        .await;
    assert_eq!(last.response().await.status(), 200);
    last.closed().await;
    let mut served_again = false;
    while !served_again {
        // The server hears of the end a moment after the peer.
        let mut wire = Wire::to(served.address).await;
        wire.push(post(OADR_POLL, POLL).as_bytes()).await;
        wire.half_close().await;
        served_again = !wire.rest().await.is_empty();
    }
}

#[tokio::test]
async fn a_proven_peer_is_counted_wherever_it_comes_from() {
    let handler = answering();
    let server = Server::new(
        Arc::clone(&handler),
        config(|config| config.max_connections_per_peer = 0),
    );
    let peer = Peer::Certificate(CertificateHash([7; 32]));
    assert_eq!(within(exchange(&server, &peer, 1)).await, "");
    assert_eq!(handler.notices().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_are_503_until_time_has_passed() {
    let handler = answering();
    let server = Server::new(
        Arc::clone(&handler),
        config(|config| config.request_rate = rate(2, 3)),
    );
    let [one, other] = [1, 2].map(|n| Peer::Certificate(CertificateHash([n; 32])));
    let replies = exchange(&server, &one, 5).await;
    assert_eq!(count(&replies, "200"), 3);
    let refusal = replies.rsplit_once("HTTP/1.1").unwrap().1;
    assert!(refusal.starts_with(" 503 "), "{replies}");
    assert!(refusal.contains("retry-after: 1\r\n"), "{refusal}");
    // Its body was not read, so the connection cannot go on.
    assert!(refusal.contains("connection: close\r\n"), "{refusal}");
    assert!(refusal.ends_with("\r\ntoo many requests\n"), "{refusal}");
    assert_eq!(handler.notices(), ["503: too many requests"]);

    // Another connection is the same peer; another peer is none of its business.
    assert_eq!(count(&exchange(&server, &one, 1).await, "503"), 1);
    assert_eq!(count(&exchange(&server, &other, 3).await, "200"), 3);
    tokio::time::advance(Duration::from_secs(1)).await;
    let replies = exchange(&server, &one, 3).await;
    assert_eq!((count(&replies, "200"), count(&replies, "503")), (2, 1));
}

#[tokio::test]
async fn a_long_body_that_finds_no_room_is_503_and_a_short_one_needs_none() {
    let handler = Fixed::held_back();
    let config = config(|config| config.max_body_memory = 100 * 1024);
    let served = served(&handler, config).await;
    let long = post(OADR_POLL, &format!("{POLL}{}", " ".repeat(80 * 1024)));
    let mut first = Wire::to(served.address).await;
    first.send(&long).await;
    within(handler.arrived.acquire()).await.unwrap().forget();
    let mut second = Wire::to(served.address).await;
    second.send(&long).await;
    let refusal = second.response().await;
    assert_eq!(
        (refusal.status(), refusal.header("retry-after")),
        (503, Some("5"))
    );
    handler.barrier.add_permits(3);
    let mut third = Wire::to(served.address).await;
    third.send(post(OADR_POLL, POLL)).await;
    assert_eq!(third.response().await.status(), 200);
    assert_eq!(first.response().await.status(), 200);
    // Its room is free again.
    first.send(&long).await;
    assert_eq!(first.response().await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn rule_500_draining_a_queue_keeps_to_the_default_rate() {
    let handler = answering();
    let server = Server::new(handler, ServerConfig::default());
    let peer = Peer::Certificate(CertificateHash([1; 32]));
    // The clock stands still: a VEN faster than any, with a queue longer than any.
    for _ in 0..10 {
        let replies = exchange(&server, &peer, 500).await;
        assert_eq!(count(&replies, "200"), 500);
    }
}
