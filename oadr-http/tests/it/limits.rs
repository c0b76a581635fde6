//! The server against peers that send too much, too slowly, or nothing at all.

use std::sync::Arc;
use std::time::Duration;

use oadr_core::Peer;
use oadr_http::{Reply, Server, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::documents::{POLL, message, response};
use crate::served::{Fixed, Served, plain, served};
use crate::wire::{OADR_POLL, Wire, post, post_with, within};

/// Long enough that no test run is that slow, for what a test does not wait for.
const LONG: Duration = Duration::from_secs(600);
/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(100);

/// A server on which nothing times out, but for what the test changes.
async fn patient(change: impl FnOnce(&mut ServerConfig)) -> Served {
    let mut config = ServerConfig::default();
    config.header_timeout = LONG;
    config.body_timeout = LONG;
    config.reply_timeout = LONG;
    config.idle_timeout = LONG;
    change(&mut config);
    served(&Fixed::replying(Reply::Message(Box::new(plain()))), config).await
}

#[tokio::test]
async fn a_body_said_to_be_too_long_is_413_before_it_is_read() {
    let served = patient(|config| config.decode.limits.bytes = 1000).await;
    let mut wire = Wire::to(served.address).await;
    let long = " ".repeat(1001);
    wire.send(post(OADR_POLL, &long).replace(&long, "")).await;
    let reply = wire.response().await;
    assert_eq!(
        (reply.status(), reply.header("connection")),
        (413, Some("close"))
    );
    assert_eq!(reply.text(), "the body is longer than 1000 bytes\n");
}

#[tokio::test]
async fn a_body_that_becomes_too_long_is_413() {
    let served = patient(|config| config.decode.limits.bytes = 1000).await;
    let mut wire = Wire::to(served.address).await;
    wire.send(format!(
        "POST {OADR_POLL} HTTP/1.1\r\nHost: vtn\r\nContent-Type: application/xml\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    ))
    .await;
    for _ in 0..11 {
        wire.send(format!("64\r\n{}\r\n", " ".repeat(100))).await;
    }
    assert_eq!(wire.response().await.status(), 413);
}

#[tokio::test]
async fn a_body_at_the_limit_is_read() {
    let served = patient(|config| config.decode.limits.bytes = POLL.len()).await;
    let mut wire = Wire::to(served.address).await;
    wire.send(post(OADR_POLL, POLL)).await;
    assert_eq!(wire.response().await.status(), 200);
}

#[tokio::test]
async fn a_long_document_is_understood_like_a_short_one() {
    let served = patient(|_| {}).await;
    let mut wire = Wire::to(served.address).await;
    let blanks = " ".repeat(200_000);
    for (document, status) in [(format!("{POLL}{blanks}"), 200), (blanks, 406)] {
        wire.send(post(OADR_POLL, &document)).await;
        assert_eq!(wire.response().await.status(), status);
    }
}

#[tokio::test]
async fn a_refused_peer_that_goes_on_sending_sees_no_reset() {
    let served = patient(|config| config.decode.limits.bytes = 1000).await;
    let mut wire = Wire::to(served.address).await;
    let long = " ".repeat(1_000_000);
    let request = post(OADR_POLL, &long);
    let (beginning, rest) = request.split_at(request.len() - 500_000);
    wire.send(beginning).await;
    assert_eq!(wire.response().await.status(), 413);
    // Without lingering the first of these would be answered with a reset, and the second fail.
    let (first, second) = rest.split_at(1);
    wire.send(first).await;
    wire.send(second).await;
    wire.half_close().await;
    wire.closed().await;
}

#[tokio::test]
async fn a_peer_that_sends_for_ever_is_cut_off() {
    let served = patient(|config| config.decode.limits.bytes = 1000).await;
    let mut wire = Wire::to(served.address).await;
    let long = " ".repeat(1001);
    wire.send(post(OADR_POLL, &long).replace(&long, " ")).await;
    assert_eq!(wire.response().await.status(), 413);
    // It neither sends the rest nor closes.
    wire.closed().await;
}

#[tokio::test]
async fn a_slow_header_is_cut_off() {
    let served = patient(|config| config.header_timeout = SHORT).await;
    let mut wire = Wire::to(served.address).await;
    wire.send(format!("POST {OADR_POLL} HTTP/1.1\r\nHost: v"))
        .await;
    wire.closed().await;
}

#[tokio::test]
async fn a_slow_header_is_cut_off_on_a_kept_connection_too() {
    let served = patient(|config| config.header_timeout = SHORT).await;
    let mut wire = Wire::to(served.address).await;
    wire.send(post(OADR_POLL, POLL)).await;
    assert_eq!(wire.response().await.status(), 200);
    wire.send("POST").await;
    wire.closed().await;
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let served = patient(|config| config.idle_timeout = SHORT).await;
    Wire::to(served.address).await.closed().await;
}

#[tokio::test]
async fn a_connection_that_fell_silent_is_closed() {
    let served = patient(|config| config.idle_timeout = SHORT).await;
    let mut wire = Wire::to(served.address).await;
    wire.send(post(OADR_POLL, POLL)).await;
    assert_eq!(wire.response().await.status(), 200);
    wire.closed().await;
}

#[tokio::test]
async fn a_slow_body_is_408() {
    let served = patient(|config| config.body_timeout = SHORT).await;
    let mut wire = Wire::to(served.address).await;
    let request = post(OADR_POLL, POLL);
    wire.send(&request[..request.len() - 1]).await;
    let reply = wire.response().await;
    assert_eq!(
        (reply.status(), reply.header("connection")),
        (408, Some("close"))
    );
    wire.half_close().await;
    wire.closed().await;
}

#[tokio::test]
async fn a_peer_that_takes_no_reply_is_cut_off() {
    // Far more than the stream holds.
    let long = message(&response(&"x".repeat(50_000)));
    let handler = Fixed::replying(Reply::Message(Box::new(long)));
    let mut config = ServerConfig::default();
    config.reply_timeout = SHORT;
    config.idle_timeout = LONG;
    let server = Server::new(Arc::clone(&handler), config);
    let (mut peer, stream) = tokio::io::duplex(1024);
    peer.write_all(post(OADR_POLL, POLL).as_bytes())
        .await
        .unwrap();
    within(server.serve_stream(stream, Peer::Unproven, None)).await;
    assert_eq!(handler.requests().len(), 1);
    let mut reply = Vec::new();
    peer.read_to_end(&mut reply).await.unwrap();
    assert!(
        reply.starts_with(b"HTTP/1.1 200 OK") && reply.len() <= 1024,
        "{}",
        reply.len()
    );
}

#[tokio::test]
async fn the_handler_has_all_the_time_it_wants() {
    let handler = Fixed::held_back();
    let mut config = ServerConfig::default();
    (config.header_timeout, config.body_timeout) = (SHORT, SHORT);
    (config.reply_timeout, config.idle_timeout) = (SHORT, SHORT);
    let served = served(&handler, config).await;
    let mut wire = Wire::to(served.address).await;
    // Another connection tells when every limit has passed.
    wire.send(post(OADR_POLL, POLL)).await;
    within(handler.arrived.acquire()).await.unwrap().forget();
    Wire::to(served.address).await.closed().await;
    handler.barrier.add_permits(1);
    assert_eq!(wire.response().await.status(), 200);
}

#[tokio::test]
async fn a_header_that_is_too_long_is_431() {
    let served = patient(|config| config.max_header = 1000).await;
    let mut wire = Wire::to(served.address).await;
    wire.send(post_with(
        OADR_POLL,
        &format!("X: {}\r\n", "x".repeat(2000)),
        POLL,
    ))
    .await;
    assert_eq!(wire.response().await.status(), 431);
    wire.half_close().await;
    wire.closed().await;
}

#[tokio::test]
async fn what_is_not_http_is_400() {
    for nonsense in [
        "\u{16}\u{3}\u{1}\r\n\r\n",
        "POST\r\n\r\n",
        "POST / HTTP/1.1\r\nno colon\r\n\r\n",
        "POST / HTTP/3.0\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
    ] {
        let served = patient(|_| {}).await;
        let mut wire = Wire::to(served.address).await;
        wire.send(nonsense).await;
        assert_eq!(wire.response().await.status(), 400, "{nonsense:?}");
        wire.half_close().await;
        wire.closed().await;
    }
}

#[tokio::test]
async fn two_lengths_at_once_cost_the_connection() {
    let served = patient(|_| {}).await;
    let mut wire = Wire::to(served.address).await;
    let field = "Transfer-Encoding: chunked\r\n";
    let chunked = format!("{:x}\r\n{POLL}\r\n0\r\n\r\n", POLL.len());
    let request = post_with(OADR_POLL, field, "x").replace("\r\n\r\nx", "\r\n\r\n");
    // What follows a request of two meanings is not read as another one.
    wire.send([request, chunked, post(OADR_POLL, POLL)].concat())
        .await;
    let reply = wire.response().await;
    assert_eq!(
        (reply.status(), reply.header("connection")),
        (200, Some("close"))
    );
    wire.closed().await;
}

#[tokio::test]
async fn a_full_server_lets_the_next_wait_for_a_place() {
    let served = patient(|config| config.max_connections = 1).await;
    let mut first = Wire::to(served.address).await;
    first.send(post(OADR_POLL, POLL)).await;
    assert_eq!(first.response().await.status(), 200);

    let mut second = Wire::to(served.address).await;
    second.send(post(OADR_POLL, POLL)).await;
    // The first is still served, and the second not until it leaves.
    first
        .send(post_with(OADR_POLL, "Connection: close\r\n", POLL))
        .await;
    assert_eq!(first.response().await.status(), 200);
    first.closed().await;
    assert_eq!(second.response().await.status(), 200);
}

#[tokio::test]
async fn a_peer_that_closed_its_write_side_still_gets_its_reply() {
    let served = patient(|_| {}).await;
    let mut wire = Wire::to(served.address).await;
    wire.send(post(OADR_POLL, POLL)).await;
    wire.half_close().await;
    assert_eq!(wire.response().await.status(), 200);
    wire.closed().await;
}

#[tokio::test]
async fn a_request_is_handled_to_its_end_when_its_sender_has_gone() {
    let handler = Fixed::held_back();
    let served = served(&handler, ServerConfig::default()).await;
    let mut wire = Wire::to(served.address).await;
    wire.send(post(OADR_POLL, POLL)).await;
    within(handler.arrived.acquire()).await.unwrap().forget();
    wire.reset();
    // Another connection shows that the server has had its turn since the reset.
    let mut other = Wire::to(served.address).await;
    other.send("GET / HTTP/1.1\r\nHost: vtn\r\n\r\n").await;
    assert_eq!(other.response().await.status(), 501);
    handler.barrier.add_permits(1);
    within(handler.finished.acquire()).await.unwrap().forget();
}

#[tokio::test]
async fn a_body_cut_short_reaches_no_handler() {
    let handler = Fixed::replying(Reply::Message(Box::new(plain())));
    let served = served(&handler, ServerConfig::default()).await;
    let mut wire = Wire::to(served.address).await;
    let request = post(OADR_POLL, POLL);
    wire.send(&request[..request.len() - 1]).await;
    wire.half_close().await;
    wire.rest().await;
    assert!(handler.requests().is_empty());
    assert_eq!(
        handler.notices(),
        ["400: the body ended before it was complete"]
    );
}
