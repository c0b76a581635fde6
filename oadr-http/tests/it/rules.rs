//! What the specification says about requests and replies, one header and one status at a time.

use std::io::Read as _;
use std::time::Duration;

use oadr_core::codec::encode;
use oadr_core::value::ServiceName;
use oadr_core::{Peer, Profile};
use oadr_http::{Prefix, Reply, ServerConfig};

use crate::documents::{POLL, REQUEST_EVENT, message, response};
use crate::served::{Fixed, answering, plain, served};
use crate::wire::{Head, OADR_POLL, Wire, post, post_with};

/// What a fresh server says to this.
async fn exchange(request: impl AsRef<[u8]>) -> Head {
    let (served, _) = answering().await;
    let mut wire = Wire::to(served.address).await;
    wire.send(request).await;
    wire.response().await
}

#[tokio::test]
async fn rule_53_a_reply_has_length_and_type() {
    let (served, handler) = answering().await;
    let mut wire = Wire::to(served.address).await;
    wire.send(post(OADR_POLL, POLL)).await;
    let reply = wire.response().await;
    assert_eq!(reply.line, "HTTP/1.1 200 OK");
    assert_eq!(reply.header("content-type"), Some("application/xml"));
    assert_eq!(reply.header("content-encoding"), None);
    assert_eq!(reply.header("connection"), None);
    assert!(reply.header("date").unwrap().ends_with(" GMT"));
    assert_eq!(reply.body, encode(&plain()));

    let requests = handler.requests();
    let [request] = requests.as_slice() else {
        panic!("{requests:?}")
    };
    assert_eq!(request.message, message(POLL));
    assert_eq!(request.service, ServiceName::OadrPoll);
    assert_eq!(request.profile, Profile::B);
    assert_eq!(request.peer, Peer::Unproven);
    assert_eq!(request.octets, POLL.as_bytes());
    assert!(request.address.unwrap().ip().is_loopback());
    assert!(handler.notices().is_empty());
}

#[tokio::test]
async fn rule_53_host_is_required_once() {
    let (served, handler) = answering().await;
    for hosts in ["", "Host: a\r\nHost: a\r\n"] {
        let mut wire = Wire::to(served.address).await;
        wire.send(post(OADR_POLL, POLL).replace("Host: vtn\r\n", hosts))
            .await;
        assert_eq!(wire.response().await.status(), 400, "{hosts:?}");
    }
    assert!(handler.requests().is_empty());
    // HTTP/1.0 knows no Host.
    let mut wire = Wire::to(served.address).await;
    let request = post(OADR_POLL, POLL)
        .replace("Host: vtn\r\n", "")
        .replace("/1.1", "/1.0");
    wire.send(request).await;
    assert_eq!(wire.response().await.status(), 200);
}

#[tokio::test]
async fn rule_53_content_type_is_xml_in_utf_8() {
    for (field, status) in [
        ("Content-Type: application/xml\r\n", 200),
        ("content-type: APPLICATION/XML\r\n", 200),
        ("Content-Type: application/xml; charset=utf-8\r\n", 200),
        ("Content-Type: application/xml;charset=\"UTF-8\"\r\n", 200),
        ("Content-Type: application/xml; charset=iso-8859-1\r\n", 406),
        ("Content-Type: text/xml\r\n", 406),
        ("Content-Type: application/x-www-form-urlencoded\r\n", 406),
        ("", 406),
        (
            "Content-Type: application/xml\r\nContent-Type: application/xml\r\n",
            406,
        ),
    ] {
        let request = post(OADR_POLL, POLL).replace("Content-Type: application/xml\r\n", field);
        assert_eq!(exchange(request).await.status(), status, "{field:?}");
    }
}

#[tokio::test]
async fn rule_511_only_the_services_have_paths() {
    for (path, status) in [
        ("/OpenADR2/Simple/2.0b/OadrPoll", 200),
        ("/OpenADR2/Simple/2%2e0b/%4fadrPoll", 200),
        ("/OpenADR2/x/../Simple/./2.0b/OadrPoll", 200),
        ("/OpenADR2/Simple/2.0b/OadrPoll?trace=1", 200),
        ("http://other/OpenADR2/Simple/2.0b/OadrPoll", 200),
        ("/", 404),
        ("*", 404),
        ("/OpenADR2/Simple/2.0b/EiQuote", 404),
        ("/OpenADR2/Simple/2.0b/OadrPoll/", 404),
        ("/OpenADR2/Simple/2.0b/oadrpoll", 404),
        ("/OpenADR2/Simple/EiEvent", 404),
        ("/prefix/OpenADR2/Simple/2.0b/OadrPoll", 404),
    ] {
        assert_eq!(exchange(post(path, POLL)).await.status(), status, "{path}");
    }
}

#[tokio::test]
async fn rule_511_a_prefix_moves_the_services() {
    let handler = Fixed::replying(Reply::Message(Box::new(plain())));
    let mut config = ServerConfig::default();
    config.prefix = Prefix::new("/grid/north/").unwrap();
    let served = served(&handler, config).await;
    for (path, status) in [
        ("/grid/north/OpenADR2/Simple/2.0b/OadrPoll", 200),
        ("/grid/%6Eorth/OpenADR2/Simple/2.0b/OadrPoll", 200),
        ("/OpenADR2/Simple/2.0b/OadrPoll", 404),
        ("/grid/northOpenADR2/Simple/2.0b/OadrPoll", 404),
    ] {
        let mut wire = Wire::to(served.address).await;
        wire.send(post(path, POLL)).await;
        assert_eq!(wire.response().await.status(), status, "{path}");
    }
}

#[tokio::test]
async fn rule_500_who_is_pushed_to_has_no_service_for_polls() {
    let handler = Fixed::replying(Reply::Message(Box::new(plain())));
    let mut config = ServerConfig::default();
    config.serves_polls = false;
    let served = served(&handler, config).await;
    for (path, body, status) in [
        ("/OpenADR2/Simple/2.0b/OadrPoll", POLL, 404),
        ("/OpenADR2/Simple/2.0b/EiEvent", POLL, 404),
        ("/OpenADR2/Simple/2.0b/EiEvent", REQUEST_EVENT, 200),
    ] {
        let mut wire = Wire::to(served.address).await;
        wire.send(post(path, body)).await;
        assert_eq!(wire.response().await.status(), status, "{path}");
    }
}

#[tokio::test]
async fn spec_4_2_a_message_at_another_service_is_404() {
    let (served, handler) = answering().await;
    let mut wire = Wire::to(served.address).await;
    wire.send(post("/OpenADR2/Simple/2.0b/EiReport", REQUEST_EVENT))
        .await;
    let reply = wire.response().await;
    assert_eq!(reply.status(), 404);
    assert_eq!(
        reply.text(),
        "oadrRequestEvent does not belong to EiReport\n"
    );
    assert_eq!(
        handler.notices(),
        ["404: oadrRequestEvent does not belong to EiReport"]
    );
    assert!(handler.requests().is_empty());
    // The request was read whole, so the connection goes on.
    wire.send(post("/OpenADR2/Simple/2.0b/EiEvent", REQUEST_EVENT))
        .await;
    assert_eq!(wire.response().await.status(), 200);
}

#[tokio::test]
async fn quirk_25_an_oadr_response_may_go_to_any_service() {
    for service in [
        "EiEvent",
        "EiReport",
        "EiRegisterParty",
        "EiOpt",
        "OadrPoll",
    ] {
        let path = format!("/OpenADR2/Simple/2.0b/{service}");
        assert_eq!(
            exchange(post(&path, &response("OK"))).await.status(),
            200,
            "{service}"
        );
    }
}

#[tokio::test]
async fn spec_4_2_what_is_no_message_is_406_and_explained() {
    let (served, handler) = answering().await;
    let mut wire = Wire::to(served.address).await;
    let unknown = POLL.replace("oadrPoll", "oadrPool");
    for document in [
        unknown.as_str(),
        "",
        "nonsense",
        "\u{1}",
        "<html><body>Hi</body></html>",
    ] {
        wire.send(post(OADR_POLL, document)).await;
        let reply = wire.response().await;
        assert_eq!(reply.status(), 406, "{document}");
        assert_eq!(
            reply.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert!(
            reply.text().ends_with('\n') && reply.text().len() > 10,
            "{reply:?}"
        );
        assert_eq!(reply.text().lines().count(), 1, "{reply:?}");
    }
    // It says what, where in the tree and where in the bytes.
    let notices = handler.notices();
    assert_eq!(notices.len(), 5);
    for part in [
        "406: ",
        "oadr:oadrPool",
        "oadr:oadrPayload/oadr:oadrSignedObject",
        "byte 1",
    ] {
        assert!(notices[0].contains(part), "{}", notices[0]);
    }
    assert!(handler.requests().is_empty());
}

#[tokio::test]
async fn spec_4_2_other_methods_are_501() {
    let (served, handler) = answering().await;
    let mut wire = Wire::to(served.address).await;
    for method in [
        "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW",
    ] {
        // On one connection: without a body there is nothing left to read.
        wire.send(format!(
            "{method} {OADR_POLL} HTTP/1.1\r\nHost: vtn\r\n\r\n"
        ))
        .await;
        let reply = wire.response_to(method).await;
        assert_eq!(reply.status(), 501, "{method}");
        assert_eq!(reply.header("connection"), None, "{method}");
    }
    // Also where there is no such path.
    wire.send("GET / HTTP/1.1\r\nHost: vtn\r\n\r\n").await;
    assert_eq!(wire.response().await.status(), 501);
    assert!(handler.requests().is_empty());
}

#[tokio::test]
async fn a_compressed_request_is_415() {
    let (served, handler) = answering().await;
    for (coding, status) in [
        ("gzip", 415),
        ("deflate", 415),
        ("br", 415),
        ("identity", 200),
    ] {
        let mut wire = Wire::to(served.address).await;
        let field = format!("Content-Encoding: {coding}\r\n");
        wire.send(post_with(OADR_POLL, &field, POLL)).await;
        assert_eq!(wire.response().await.status(), status, "{coding}");
    }
    assert_eq!(handler.requests().len(), 1);
}

#[tokio::test]
async fn spec_4_2_an_unavailable_handler_is_503_with_retry_after() {
    let retry_after = Duration::from_millis(2500);
    let handler = Fixed::replying(Reply::Unavailable { retry_after });
    let served = served(&handler, ServerConfig::default()).await;
    let mut wire = Wire::to(served.address).await;
    for _ in 0..2 {
        wire.send(post(OADR_POLL, POLL)).await;
        let reply = wire.response().await;
        assert_eq!(reply.status(), 503);
        assert_eq!(reply.header("retry-after"), Some("3"));
    }
}

#[tokio::test]
async fn spec_4_2_a_failed_handler_is_500() {
    let handler = Fixed::replying(Reply::Failed);
    let served = served(&handler, ServerConfig::default()).await;
    let mut wire = Wire::to(served.address).await;
    for _ in 0..2 {
        wire.send(post(OADR_POLL, POLL)).await;
        assert_eq!(wire.response().await.status(), 500);
    }
}

#[tokio::test]
async fn a_panic_in_the_handler_is_500_for_its_request_only() {
    let handler = Fixed::panicking();
    let served = served(&handler, ServerConfig::default()).await;
    let mut wire = Wire::to(served.address).await;
    for _ in 0..2 {
        wire.send(post(OADR_POLL, POLL)).await;
        let reply = wire.response().await;
        assert_eq!(reply.status(), 500);
        assert_eq!(reply.text(), "internal error\n");
    }
    assert_eq!(handler.notices().len(), 2);
}

#[tokio::test]
async fn rule_517_a_refused_peer_is_403_without_a_word() {
    let handler = Fixed::replying(Reply::Forbidden);
    let served = served(&handler, ServerConfig::default()).await;
    let mut wire = Wire::to(served.address).await;
    wire.send(post(OADR_POLL, POLL)).await;
    let reply = wire.response().await;
    assert_eq!((reply.status(), reply.text()), (403, ""));
    assert_eq!(reply.header("content-length"), Some("0"));
    assert_eq!(reply.header("content-type"), None);
}

#[tokio::test]
async fn spec_4_2_no_reply_is_200_with_an_empty_body() {
    let handler = Fixed::replying(Reply::Empty);
    let served = served(&handler, ServerConfig::default()).await;
    let mut wire = Wire::to(served.address).await;
    wire.send(post_with(
        OADR_POLL,
        "Accept-Encoding: gzip, identity;q=0\r\n",
        POLL,
    ))
    .await;
    let reply = wire.response().await;
    assert_eq!((reply.status(), reply.text()), (200, ""));
    assert_eq!(reply.header("content-length"), Some("0"));
    assert_eq!(reply.header("content-encoding"), None);
}

#[tokio::test]
async fn spec_4_1_a_long_reply_is_compressed_for_who_accepts_it() {
    let long = message(&response(&"curtail ".repeat(400)));
    let document = encode(&long);
    let handler = Fixed::replying(Reply::Message(Box::new(long)));
    let served = served(&handler, ServerConfig::default()).await;
    let mut wire = Wire::to(served.address).await;
    for (accept, coding) in [
        ("gzip, deflate", Some("gzip")),
        ("deflate", Some("deflate")),
        ("gzip;q=0.1, deflate;q=0.2", Some("deflate")),
        ("gzip;q=0", None),
        ("br", None),
        ("identity", None),
    ] {
        let field = format!("Accept-Encoding: {accept}\r\n");
        wire.send(post_with(OADR_POLL, &field, POLL)).await;
        let reply = wire.response().await;
        assert_eq!(reply.header("content-encoding"), coding, "{accept}");
        assert_eq!(reply.header("content-type"), Some("application/xml"));
        let mut plain = Vec::new();
        match coding {
            Some("gzip") => {
                flate2::read::GzDecoder::new(&*reply.body)
                    .read_to_end(&mut plain)
                    .unwrap();
            }
            Some(_) => {
                flate2::read::ZlibDecoder::new(&*reply.body)
                    .read_to_end(&mut plain)
                    .unwrap();
            }
            None => plain = reply.body.clone(),
        }
        assert_eq!(plain, document, "{accept}");
        assert!(
            coding.is_none() || reply.body.len() < document.len() / 3,
            "{accept}"
        );
    }
}

#[tokio::test]
async fn spec_4_1_a_short_reply_is_compressed_only_when_nothing_else_will_do() {
    let (served, _) = answering().await;
    let mut wire = Wire::to(served.address).await;
    for (accept, coding) in [
        ("gzip, deflate", None),
        ("deflate, identity;q=0", Some("deflate")),
    ] {
        let field = format!("Accept-Encoding: {accept}\r\n");
        wire.send(post_with(OADR_POLL, &field, POLL)).await;
        assert_eq!(
            wire.response().await.header("content-encoding"),
            coding,
            "{accept}"
        );
    }
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let (served, handler) = answering().await;
    let mut wire = Wire::to(served.address).await;
    for _ in 0..20 {
        wire.send(post(OADR_POLL, POLL)).await;
        assert_eq!(wire.response().await.status(), 200);
    }
    assert_eq!(handler.requests().len(), 20);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (served, _) = answering().await;
    let mut wire = Wire::to(served.address).await;
    let requests = [
        post(OADR_POLL, POLL),
        post("/OpenADR2/Simple/2.0b/EiOpt", POLL),
        post(OADR_POLL, "nonsense"),
        post(OADR_POLL, POLL),
    ];
    wire.send(requests.concat()).await;
    for status in [200, 404, 406, 200] {
        assert_eq!(wire.response().await.status(), status);
    }
}

#[tokio::test]
async fn the_sender_may_ask_to_close() {
    let (served, _) = answering().await;
    let mut wire = Wire::to(served.address).await;
    wire.send(post_with(OADR_POLL, "Connection: close\r\n", POLL))
        .await;
    let reply = wire.response().await;
    assert_eq!(
        (reply.status(), reply.header("connection")),
        (200, Some("close"))
    );
    wire.closed().await;
}

#[tokio::test]
async fn http_1_0_closes_unless_it_asks_to_be_kept() {
    let (served, _) = answering().await;
    let request = post(OADR_POLL, POLL).replace("HTTP/1.1", "HTTP/1.0");
    let mut wire = Wire::to(served.address).await;
    wire.send(&request).await;
    assert_eq!(wire.response().await.status(), 200);
    wire.closed().await;

    let mut wire = Wire::to(served.address).await;
    let request = request.replace("Host", "Connection: keep-alive\r\nHost");
    for _ in 0..2 {
        wire.send(&request).await;
        let reply = wire.response().await;
        assert_eq!(
            (reply.status(), reply.header("connection")),
            (200, Some("keep-alive"))
        );
    }
}

#[tokio::test]
async fn expect_100_continue_is_honoured() {
    let (served, _) = answering().await;
    let mut wire = Wire::to(served.address).await;
    for _ in 0..2 {
        let request = post_with(OADR_POLL, "Expect: 100-continue\r\n", POLL);
        let (head, body) = request.split_at(request.len() - POLL.len());
        wire.send(head).await;
        assert_eq!(wire.response().await.line, "HTTP/1.1 100 Continue");
        wire.send(body).await;
        assert_eq!(wire.response().await.status(), 200);
    }
}

#[tokio::test]
async fn expect_100_continue_is_refused_without_asking_for_the_body() {
    let (served, _) = answering().await;
    let mut wire = Wire::to(served.address).await;
    let head = post_with("/elsewhere", "Expect: 100-continue\r\n", POLL).replace(POLL, "");
    wire.send(head).await;
    let reply = wire.response().await;
    assert_eq!(
        (reply.status(), reply.header("connection")),
        (404, Some("close"))
    );
}

#[tokio::test]
async fn a_chunked_request_is_tolerated() {
    let request = format!(
        "POST {OADR_POLL} HTTP/1.1\r\nHost: vtn\r\nContent-Type: application/xml\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n{:x};ext=1\r\n{}\r\n0\r\nTrailer: x\r\n\r\n",
        100,
        &POLL[..100],
        POLL.len() - 100,
        &POLL[100..]
    );
    assert_eq!(exchange(request).await.status(), 200);
}

#[tokio::test]
async fn a_request_may_come_in_single_bytes() {
    let (served, handler) = answering().await;
    let mut wire = Wire::to(served.address).await;
    for octet in post(OADR_POLL, POLL).bytes() {
        wire.send([octet]).await;
    }
    assert_eq!(wire.response().await.status(), 200);
    assert_eq!(handler.requests()[0].octets, POLL.as_bytes());
}
