//! The client against the server.

use std::collections::BTreeSet;
use std::sync::Arc;

use oadr_core::value::ServiceName;
use oadr_http::{BaseUrl, Client, ClientConfig, ClientError, Prefix, Reply, ServerConfig};

use crate::documents::{POLL, REQUEST_EVENT, message, response};
use crate::served::{Fixed, answering, plain, served};
use crate::wire::within;

fn client(url: &str) -> Client {
    Client::new(BaseUrl::parse(url).unwrap(), ClientConfig::default())
}

#[tokio::test]
async fn a_message_goes_there_and_its_reply_comes_back() {
    let long = message(&response(&"curtail ".repeat(400)));
    let handler = Fixed::replying(Reply::Message(Box::new(long.clone())));
    let mut config = ServerConfig::default();
    config.prefix = Prefix::new("grid").unwrap();
    let served = served(&handler, config).await;
    let client = client(&format!("http://{}/grid", served.address));
    for _ in 0..3 {
        let answer = within(client.send(ServiceName::OadrPoll, &message(POLL)))
            .await
            .unwrap();
        assert_eq!(answer.reply.unwrap().message, long);
        assert!(answer.date.is_some());
    }
    let requests = handler.requests();
    assert_eq!(requests.len(), 3);
    // All over one connection.
    assert!(
        requests
            .iter()
            .all(|request| request.address == requests[0].address)
    );
    assert!(
        requests
            .iter()
            .all(|request| request.message == message(POLL))
    );
}

#[tokio::test]
async fn a_refusal_explains_itself() {
    let (served, _) = answering().await;
    let client = client(&format!("http://{}", served.address));
    match within(client.send(ServiceName::EiOpt, &message(REQUEST_EVENT)))
        .await
        .unwrap_err()
    {
        ClientError::Status {
            status, excerpt, ..
        } => {
            assert_eq!(status.as_u16(), 404);
            assert_eq!(excerpt, "oadrRequestEvent does not belong to EiOpt");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_restarted_server_is_found_again() {
    let handler = Fixed::replying(Reply::Message(Box::new(plain())));
    let first = served(&handler, ServerConfig::default()).await;
    let client = client(&format!("http://{}", first.address));
    within(client.send(ServiceName::OadrPoll, &message(POLL)))
        .await
        .unwrap();
    within(first.server.shut_down()).await;
    let listener = within(async {
        loop {
            // The old listener goes when its task has seen the end.
            match tokio::net::TcpListener::bind(first.address).await {
                Ok(listener) => break listener,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    let second = oadr_http::Server::new(Arc::clone(&handler), ServerConfig::default());
    tokio::spawn(async move { second.accept(&listener).await });
    within(client.send(ServiceName::OadrPoll, &message(POLL)))
        .await
        .unwrap();
    assert_eq!(handler.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_at_once_all_get_their_answers() {
    let (served, handler) = answering().await;
    let url = format!("http://{}", served.address);
    let clients = (0..50).map(|_| {
        let client = client(&url);
        tokio::spawn(async move {
            for _ in 0..20 {
                client
                    .send(ServiceName::OadrPoll, &message(POLL))
                    .await
                    .unwrap();
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        within(client).await.unwrap();
    }
    let requests = handler.requests();
    assert_eq!(requests.len(), 1000);
    // Nobody needed a second connection.
    let connections: BTreeSet<_> = requests.iter().map(|request| request.address).collect();
    assert_eq!(connections.len(), 50);
}
