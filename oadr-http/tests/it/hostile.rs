//! Damaged requests and replies: whatever comes, it is answered or refused, and both ends go on.

use std::sync::Arc;

use oadr_core::Peer;
use oadr_core::value::ServiceName;
use oadr_http::{BaseUrl, Client, Reply, Server, ServerConfig};
use proptest::prelude::*;
use proptest::sample::Index;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::documents::{POLL, message, response};
use crate::scripted::{at_most, reply};
use crate::served::{Fixed, plain};
use crate::wire::{OADR_POLL, Wire, post, post_with, within};

/// Where to cut into a text, how much to take out and what to put there.
type Damage = (Index, usize, Vec<u8>);

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let octets = proptest::collection::vec(any::<u8>(), 0..6);
    proptest::collection::vec((any::<Index>(), 0_usize..12, octets), 0..4)
}

fn damaged(text: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut text = text.to_vec();
    for (at, gone, put) in damages {
        let from = at.index(text.len().max(1)).min(text.len());
        let to = (from + gone).min(text.len());
        text.splice(from..to, put.iter().copied());
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_damaged_request_does_no_damage(damages in damages()) {
        let requests = [
            post_with(OADR_POLL, "Accept-Encoding: gzip;q=0.5, deflate\r\n", POLL),
            post("/OpenADR2/Simple/./2%2E0b/OadrPoll", POLL),
        ];
        let octets = damaged(requests.concat().as_bytes(), &damages);
        let handler = Fixed::replying(Reply::Message(Box::new(plain())));
        let server = Server::new(Arc::clone(&handler), ServerConfig::default());
        let replies = Runtime::new().unwrap().block_on(within(async {
            let (mut peer, stream) = tokio::io::duplex(64 * 1024);
            let sending = async {
                let _ = peer.write_all(&octets).await;
                let _ = peer.shutdown().await;
                let mut replies = Vec::new();
                let _ = peer.read_to_end(&mut replies).await;
                replies
            };
            tokio::join!(sending, server.serve_stream(stream, Peer::Unproven, None)).0
        }));
        let notices = handler.notices();
        prop_assert!(!notices.iter().any(|notice| notice.starts_with("500")), "{notices:?}");
        prop_assert!(replies.is_empty() || replies.starts_with(b"HTTP/1."));
        if damages.is_empty() {
            prop_assert_eq!(handler.requests().len(), 2);
        }
    }

    #[test]
    fn a_damaged_reply_does_no_damage(damages in damages()) {
        let document = response("OK");
        let octets = damaged(&reply("200 OK", "Content-Type: application/xml\r\n", &document), &damages);
        let answer = Runtime::new().unwrap().block_on(within(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let client = Client::new(BaseUrl::parse(&url).unwrap(), at_most(10_000));
            let server = async {
                let mut wire = Wire::over(listener.accept().await.unwrap().0);
                wire.request().await;
                wire.push(&octets).await;
            };
            let poll = message(POLL);
            tokio::join!(client.send(ServiceName::OadrPoll, &poll), server).0
        }));
        // Told apart or understood; an answer never has more in it than was allowed.
        if let Ok(answer) = &answer {
            prop_assert!(answer.octets.len() <= 10_000);
        }
        prop_assert!(answer.is_ok() || !damages.is_empty(), "{:?}", answer.err());
    }
}
