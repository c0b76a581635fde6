//! Shutting down: what was accepted is finished, what is idle goes at once.

use std::sync::Arc;
use std::time::Duration;

use oadr_core::Peer;
use oadr_http::{Drained, ServerConfig, serve};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::documents::POLL;
use crate::served::{Fixed, answering, served};
use crate::wire::{OADR_POLL, Wire, post, within};

#[tokio::test]
async fn an_accepted_request_is_finished() {
    let handler = Fixed::held_back();
    let served = served(&handler, ServerConfig::default()).await;
    let mut idle = Wire::to(served.address).await;
    idle.send("GET / HTTP/1.1\r\nHost: vtn\r\n\r\n").await;
    assert_eq!(idle.response().await.status(), 501);
    let mut wire = Wire::to(served.address).await;
    wire.send(post(OADR_POLL, POLL)).await;
    within(handler.arrived.acquire()).await.unwrap().forget();

    let server = served.server.clone();
    let ending = tokio::spawn(async move { server.shut_down().await });
    // The shut-down has begun when the idle connection is closed.
    idle.closed().await;
    assert!(!ending.is_finished());
    handler.barrier.add_permits(1);
    let reply = wire.response().await;
    assert_eq!(
        (reply.status(), reply.header("connection")),
        (200, Some("close"))
    );
    wire.closed().await;
    assert_eq!(within(ending).await.unwrap(), Drained::Finished);
}

#[tokio::test]
async fn a_request_whose_body_is_on_its_way_is_finished() {
    let (served, _) = answering().await;
    let mut wire = Wire::to(served.address).await;
    let request = post(OADR_POLL, POLL).replace("Host", "Expect: 100-continue\r\nHost");
    let (head, body) = request.split_at(request.len() - POLL.len());
    wire.send(head).await;
    assert_eq!(wire.response().await.status(), 100);

    let server = served.server.clone();
    let ending = tokio::spawn(async move { server.shut_down().await });
    tokio::task::yield_now().await;
    wire.send(body).await;
    assert_eq!(wire.response().await.status(), 200);
    wire.closed().await;
    assert_eq!(within(ending).await.unwrap(), Drained::Finished);
}

#[tokio::test]
async fn idle_connections_are_closed_at_once() {
    let (served, _) = answering().await;
    let mut used = Wire::to(served.address).await;
    used.send(post(OADR_POLL, POLL)).await;
    assert_eq!(used.response().await.status(), 200);
    let fresh = Wire::to(served.address).await;
    within(async {
        while served.server.connections() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(within(served.server.shut_down()).await, Drained::Finished);
    assert_eq!(served.server.connections(), 0);
    used.closed().await;
    fresh.rest().await;
}

#[tokio::test]
async fn what_takes_too_long_is_cut_off() {
    let handler = Fixed::held_back();
    let mut config = ServerConfig::default();
    config.shutdown_limit = Duration::from_millis(50);
    let served = served(&handler, config).await;
    let mut wire = Wire::to(served.address).await;
    wire.send(post(OADR_POLL, POLL)).await;
    within(handler.arrived.acquire()).await.unwrap().forget();
    assert_eq!(within(served.server.shut_down()).await, Drained::Cut(1));
    wire.closed().await;
}

#[tokio::test]
async fn serve_ends_with_its_signal_and_stops_listening() {
    let handler = Fixed::held_back();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (quit, signal) = oneshot::channel::<()>();
    let serving = tokio::spawn(serve(
        listener,
        Arc::clone(&handler),
        ServerConfig::default(),
        async move { signal.await.unwrap() },
    ));
    let mut wire = Wire::to(address).await;
    wire.send(post(OADR_POLL, POLL)).await;
    within(handler.arrived.acquire()).await.unwrap().forget();
    quit.send(()).unwrap();
    within(async { while TcpStream::connect(address).await.is_ok() {} }).await;
    handler.barrier.add_permits(1);
    assert_eq!(wire.response().await.status(), 200);
    assert_eq!(within(serving).await.unwrap(), Drained::Finished);
}

#[tokio::test]
async fn a_stream_somebody_else_accepted_is_served_and_drained_alike() {
    let (served, handler) = answering().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut wire = Wire::to(address).await;
    let (stream, _) = listener.accept().await.unwrap();
    let server = served.server.clone();
    let serving =
        tokio::spawn(async move { server.serve_stream(stream, Peer::Unproven, None).await });
    wire.send(post(OADR_POLL, POLL)).await;
    assert_eq!(wire.response().await.status(), 200);
    assert_eq!(handler.requests()[0].address, None);
    assert_eq!(within(served.server.shut_down()).await, Drained::Finished);
    wire.closed().await;
    within(serving).await.unwrap();
}

#[tokio::test]
async fn a_server_may_accept_in_several_places_and_ends_in_all() {
    let (served, handler) = answering().await;
    let mut loops = Vec::new();
    let mut wires = Vec::new();
    for _ in 0..3 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        wires.push(Wire::to(listener.local_addr().unwrap()).await);
        let server = served.server.clone();
        loops.push(tokio::spawn(async move { server.accept(&listener).await }));
    }
    for wire in &mut wires {
        wire.send(post(OADR_POLL, POLL)).await;
        assert_eq!(wire.response().await.status(), 200);
    }
    assert_eq!(handler.requests().len(), 3);
    assert_eq!(within(served.server.shut_down()).await, Drained::Finished);
    for accepting in loops {
        within(accepting).await.unwrap();
    }
    for wire in wires {
        wire.closed().await;
    }
}
