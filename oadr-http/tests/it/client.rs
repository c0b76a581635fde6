//! The client against servers that are scripted, broken or gone.

use std::error::Error as _;
use std::io::Write as _;
use std::time::Duration;

use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use oadr_core::codec::encode;
use oadr_core::value::ServiceName;
use oadr_http::{BaseUrl, Client, ClientConfig, ClientError, Credentials};
use tokio::net::TcpListener;

use crate::documents::{POLL, REQUEST_EVENT, message, response};
use crate::scripted::{Scripted, at_most, reply};
use crate::wire::{Wire, within};

#[tokio::test]
async fn rule_53_a_request_has_exactly_the_headers_of_the_specification() {
    let scripted = Scripted::new().await;
    let server = async {
        let mut wire = scripted.accept().await;
        let request = wire.request().await;
        wire.send(reply("200 OK", "", "")).await;
        request
    };
    let (answer, mut request) = tokio::join!(scripted.poll(), server);
    answer.unwrap();
    assert_eq!(request.line, "POST /OpenADR2/Simple/2.0b/OadrPoll HTTP/1.1");
    let body = encode(&message(POLL));
    request.headers.sort();
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        headers,
        [
            ("accept-encoding", "gzip, deflate"),
            ("content-length", body.len().to_string().as_str()),
            ("content-type", "application/xml"),
            (
                "host",
                scripted.listener.local_addr().unwrap().to_string().as_str()
            ),
        ]
    );
    assert_eq!(request.body, body);
}

#[tokio::test]
async fn rule_511_each_service_is_asked_at_its_path_below_the_prefix() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/grid/OpenADR2/Simple/2.0b/",
        listener.local_addr().unwrap()
    );
    let client = Client::new(BaseUrl::parse(&url).unwrap(), ClientConfig::default());
    let server = async {
        let mut wire = Wire::over(within(listener.accept()).await.unwrap().0);
        let request = wire.request().await;
        wire.send(reply("200 OK", "", "")).await;
        request.line
    };
    let request = message(REQUEST_EVENT);
    let (answer, line) = tokio::join!(client.send(ServiceName::EiEvent, &request), server);
    answer.unwrap();
    assert_eq!(line, "POST /grid/OpenADR2/Simple/2.0b/EiEvent HTTP/1.1");
}

#[tokio::test]
async fn quirk_13_basic_credentials_are_sent_if_there_are_any() {
    let mut config = ClientConfig::default();
    config.credentials = Some(Credentials::new("ven", "secret").unwrap());
    let scripted = Scripted::with(config).await;
    let server = async {
        let mut wire = scripted.accept().await;
        let request = wire.request().await;
        wire.send(reply("200 OK", "", "")).await;
        request.header("authorization").map(str::to_owned)
    };
    let (answer, authorization) = tokio::join!(scripted.poll(), server);
    answer.unwrap();
    assert_eq!(authorization.unwrap(), "Basic dmVuOnNlY3JldA==");
}

#[tokio::test]
async fn a_reply_is_decoded_and_the_peers_clock_told() {
    let document = response("OK");
    let headers = "Content-Type: application/xml\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let answer = Scripted::new()
        .await
        .told(reply("200 OK", headers, &document))
        .await
        .unwrap();
    assert_eq!(answer.reply.unwrap().message, message(&document));
    assert_eq!(answer.octets, document);
    let date: DateTime<Utc> = "1994-11-06T08:49:37Z".parse().unwrap();
    assert_eq!(answer.date, Some(date));
}

#[tokio::test]
async fn a_clock_that_makes_no_sense_is_no_clock() {
    for headers in ["", "Date: yesterday\r\n"] {
        let answer = Scripted::new()
            .await
            .told(reply("200 OK", headers, ""))
            .await
            .unwrap();
        assert_eq!(answer.date, None, "{headers}");
    }
}

#[tokio::test]
async fn quirk_7_any_empty_success_is_an_acknowledgement() {
    let compressed = "Content-Encoding: gzip\r\n";
    for told in [
        reply("200 OK", "", ""),
        reply("202 Accepted", "", ""),
        reply("200 OK", compressed, ""),
        b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        b"HTTP/1.0 200 OK\r\n\r\n".to_vec(),
    ] {
        let answer = Scripted::new().await.told(told).await.unwrap();
        assert_eq!((answer.reply, answer.octets.len()), (None, 0));
    }
}

#[tokio::test]
async fn a_reply_may_be_chunked_or_end_with_the_connection() {
    let document = response("OK");
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{document}\r\n0\r\n\r\n",
        document.len()
    );
    for told in [chunked, format!("HTTP/1.0 200 OK\r\n\r\n{document}")] {
        let answer = Scripted::new().await.told(told).await.unwrap();
        assert_eq!(answer.reply.unwrap().message, message(&document));
    }
}

#[tokio::test]
async fn quirk_13_a_refusal_tells_its_status_and_the_beginning_of_its_body() {
    let page = format!(
        "<html>\n<body>No\u{7} entry{}</body>",
        " for you".repeat(100)
    );
    let headers = "WWW-Authenticate: Basic realm=\"x\"\r\nContent-Type: text/html\r\n";
    let told = reply("401 Unauthorized", headers, page);
    match Scripted::new().await.told(told).await.unwrap_err() {
        ClientError::Status {
            status,
            retry_after,
            excerpt,
        } => {
            assert_eq!((status.as_u16(), retry_after), (401, None));
            assert!(
                excerpt.starts_with("<html> <body>No entry for you for"),
                "{excerpt}"
            );
            assert_eq!(excerpt.chars().count(), 201);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn retry_after_may_be_seconds_or_a_date_by_the_peers_clock() {
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    for (headers, expected) in [
        ("Retry-After: 120\r\n".to_owned(), Some(120)),
        (
            format!("{date}Retry-After: Sun, 06 Nov 1994 08:50:00 GMT\r\n"),
            Some(23),
        ),
        (
            format!("{date}Retry-After: Sun, 06 Nov 1994 08:00:00 GMT\r\n"),
            Some(0),
        ),
        ("Retry-After: soon\r\n".to_owned(), None),
        (String::new(), None),
    ] {
        let told = reply("503 Service Unavailable", &headers, "busy");
        match Scripted::new().await.told(told).await.unwrap_err() {
            ClientError::Status {
                status,
                retry_after,
                excerpt,
            } => {
                assert_eq!(status.as_u16(), 503);
                assert_eq!(retry_after, expected.map(Duration::from_secs), "{headers}");
                assert_eq!(excerpt, "busy");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let told = reply(
        "301 Moved Permanently",
        "Location: http://127.0.0.1:1/\r\n",
        "",
    );
    let error = Scripted::new().await.told(told).await.unwrap_err();
    assert!(matches!(error, ClientError::Status { status, .. } if status.as_u16() == 301));
}

#[tokio::test]
async fn quirk_13_a_page_instead_of_a_message_is_shown() {
    let told = reply(
        "200 OK",
        "Content-Type: text/html\r\n",
        "<html><body>Sign in",
    );
    match Scripted::new().await.told(told).await.unwrap_err() {
        ClientError::Undecodable { excerpt, error } => {
            assert_eq!(excerpt, "<html><body>Sign in");
            assert!(!error.to_string().is_empty());
        }
        other => panic!("{other:?}"),
    }
}

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn spec_4_1_compressed_replies_are_inflated() {
    let document = response(&"curtail ".repeat(400));
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(document.as_bytes()).unwrap();
    let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
    bare.write_all(document.as_bytes()).unwrap();
    for (coding, body) in [
        ("gzip", gzip(document.as_bytes())),
        ("GZip", gzip(document.as_bytes())),
        ("deflate", zlib.finish().unwrap()),
        ("deflate", bare.finish().unwrap()),
        ("identity", document.clone().into_bytes()),
    ] {
        let headers = format!("Content-Encoding: {coding}\r\n");
        let answer = Scripted::new()
            .await
            .told(reply("200 OK", &headers, body))
            .await
            .unwrap();
        assert_eq!(answer.octets, document, "{coding}");
        assert_eq!(
            answer.reply.unwrap().message,
            message(&document),
            "{coding}"
        );
    }
}

#[tokio::test]
async fn an_error_page_is_readable_compressed_too() {
    let told = reply(
        "500 Oops",
        "Content-Encoding: gzip\r\n",
        gzip(b"out of order"),
    );
    match Scripted::new().await.told(told).await.unwrap_err() {
        ClientError::Status { excerpt, .. } => assert_eq!(excerpt, "out of order"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_coding_nobody_asked_for_is_named() {
    for (headers, named) in [
        ("Content-Encoding: br\r\n", "br"),
        ("Content-Encoding: gzip, gzip\r\n", "gzip, gzip"),
        (
            "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n",
            "several",
        ),
    ] {
        match Scripted::new()
            .await
            .told(reply("200 OK", headers, "x"))
            .await
            .unwrap_err()
        {
            ClientError::ContentCoding { coding } => assert_eq!(coding, named),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_damaged_stream_is_corrupt() {
    let mut body = gzip(response("OK").as_bytes());
    body.truncate(body.len() - 5);
    let told = reply("200 OK", "Content-Encoding: gzip\r\n", body);
    let error = Scripted::new().await.told(told).await.unwrap_err();
    assert!(matches!(error, ClientError::Corrupt { .. }), "{error:?}");
}

#[tokio::test]
async fn a_reply_that_is_too_long_is_refused() {
    let body = " ".repeat(1001);
    let chunked =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{body}\r\n0\r\n\r\n");
    for told in [reply("200 OK", "", &body), chunked.into_bytes()] {
        let error = Scripted::with(at_most(1000))
            .await
            .told(told)
            .await
            .unwrap_err();
        assert!(
            matches!(error, ClientError::TooLarge { limit: 1000 }),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_gzip_bomb_does_not_go_off() {
    let bomb = gzip(&vec![b' '; 20_000_000]);
    assert!(bomb.len() < 100_000);
    let told = reply("200 OK", "Content-Encoding: gzip\r\n", bomb);
    let error = Scripted::with(at_most(100_000))
        .await
        .told(told)
        .await
        .unwrap_err();
    assert!(
        matches!(error, ClientError::TooLarge { limit: 100_000 }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_reply_cut_short_is_a_broken_connection() {
    let whole = reply("200 OK", "", response("OK"));
    for length in [0, 5, 20, whole.len() - 1] {
        let error = Scripted::new()
            .await
            .told(&whole[..length])
            .await
            .unwrap_err();
        assert!(
            matches!(error, ClientError::Broken { .. }),
            "{length}: {error:?}"
        );
        assert!(error.source().is_some());
    }
}

#[tokio::test]
async fn what_is_not_http_is_a_broken_connection() {
    let error = Scripted::new()
        .await
        .told("SSH-2.0-OpenSSH_9.2\r\n")
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Broken { .. }), "{error:?}");
}

#[tokio::test]
async fn where_nobody_listens_is_no_connection() {
    let Scripted { listener, client } = Scripted::new().await;
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = within(client.send(ServiceName::OadrPoll, &message(POLL)))
        .await
        .unwrap_err();
    match error {
        ClientError::Connect { authority, source } => {
            assert_eq!(authority, address);
            assert_eq!(source.kind(), std::io::ErrorKind::ConnectionRefused);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn spec_4_3_a_peer_that_never_answers_is_given_up_on() {
    let scripted = Scripted::new().await;
    let server = async {
        let mut wire = scripted.accept().await;
        wire.request().await;
        // From here on nothing happens but time passing.
        tokio::time::pause();
        wire
    };
    let before = tokio::time::Instant::now();
    let poll = message(POLL);
    let (answer, wire) = tokio::join!(scripted.client.send(ServiceName::OadrPoll, &poll), server);
    match answer.unwrap_err() {
        ClientError::TimedOut { after } => assert_eq!(after, Duration::from_secs(10)),
        other => panic!("{other:?}"),
    }
    assert!(before.elapsed() >= Duration::from_secs(10));
    tokio::time::resume();
    // The connection is of no use any more, and is closed.
    wire.closed().await;
}

#[tokio::test]
async fn one_connection_carries_one_exchange_after_the_other() {
    let scripted = Scripted::new().await;
    let server = async {
        let mut wire = scripted.accept().await;
        for _ in 0..5 {
            wire.request().await;
            wire.send(reply("200 OK", "", response("OK"))).await;
        }
        wire
    };
    let client = async {
        for _ in 0..5 {
            scripted.poll().await.unwrap();
        }
    };
    let (_wire, ()) = tokio::join!(server, client);
}

#[tokio::test]
async fn a_connection_closed_between_exchanges_is_replaced() {
    let scripted = Scripted::new().await;
    scripted.told(reply("200 OK", "", "")).await.unwrap();
    scripted.told(reply("200 OK", "", "")).await.unwrap();
}

#[tokio::test]
async fn a_kept_connection_that_closes_on_the_next_request_is_replaced() {
    let scripted = Scripted::new().await;
    let server = async {
        let mut first = scripted.accept().await;
        first.request().await;
        first.send(reply("200 OK", "", "")).await;
        // The server decides to close just when the next request arrives.
        first.request().await;
        drop(first);
        let mut second = scripted.accept().await;
        let request = second.request().await;
        second.send(reply("200 OK", "", response("again"))).await;
        request
    };
    let client = async {
        scripted.poll().await.unwrap();
        scripted.poll().await.unwrap()
    };
    let (request, answer) = tokio::join!(server, client);
    assert_eq!(request.body, encode(&message(POLL)));
    assert_eq!(answer.octets, response("again"));
}

#[tokio::test]
async fn a_farewell_on_an_idle_connection_is_no_reply() {
    let scripted = Scripted::new().await;
    let server = async {
        let mut first = scripted.accept().await;
        first.request().await;
        // Some servers say this before they close an idle connection.
        let farewell = reply("408 Request Timeout", "", "");
        first
            .send([reply("200 OK", "", ""), farewell].concat())
            .await;
        drop(first);
        let mut second = scripted.accept().await;
        second.request().await;
        second.send(reply("200 OK", "", response("again"))).await;
    };
    let client = async {
        scripted.poll().await.unwrap();
        scripted.poll().await.unwrap()
    };
    let ((), answer) = tokio::join!(server, client);
    assert_eq!(answer.octets, response("again"));
}

#[tokio::test]
async fn a_message_is_sent_again_only_once() {
    let scripted = Scripted::new().await;
    let server = async {
        let mut first = scripted.accept().await;
        first.request().await;
        first.send(reply("200 OK", "", "")).await;
        first.request().await;
        drop(first);
        let mut second = scripted.accept().await;
        second.request().await;
    };
    let client = async {
        scripted.poll().await.unwrap();
        scripted.poll().await.unwrap_err()
    };
    let ((), error) = tokio::join!(server, client);
    assert!(matches!(error, ClientError::Broken { .. }), "{error:?}");
}

#[tokio::test]
async fn a_connection_silent_for_too_long_is_not_used_again() {
    let mut config = ClientConfig::default();
    config.reuse_within = Duration::ZERO;
    let scripted = Scripted::with(config).await;
    let server = async {
        let mut first = scripted.accept().await;
        first.request().await;
        first.send(reply("200 OK", "", "")).await;
        let mut second = scripted.accept().await;
        second.request().await;
        second.send(reply("200 OK", "", "")).await;
        first.closed().await;
    };
    let client = async {
        scripted.poll().await.unwrap();
        scripted.poll().await.unwrap();
    };
    tokio::join!(server, client);
}

#[tokio::test]
async fn exchanges_may_overlap() {
    let scripted = Scripted::new().await;
    let server = async {
        let mut first = scripted.accept().await;
        let mut second = scripted.accept().await;
        first.request().await;
        second.request().await;
        second.send(reply("200 OK", "", "")).await;
        first.send(reply("200 OK", "", "")).await;
    };
    let (one, two, ()) = tokio::join!(scripted.poll(), scripted.poll(), server);
    one.unwrap();
    two.unwrap();
}

#[tokio::test]
async fn dropping_the_client_closes_its_connection() {
    let scripted = Scripted::new().await;
    let server = async {
        let mut wire = scripted.accept().await;
        wire.request().await;
        wire.send(reply("200 OK", "", "")).await;
        wire
    };
    let (answer, wire) = tokio::join!(scripted.poll(), server);
    answer.unwrap();
    drop(scripted.client);
    wire.closed().await;
}
