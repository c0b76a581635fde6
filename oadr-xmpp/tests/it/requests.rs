//! What peers ask of an endpoint, and what they are told (spec §5.4, §5.5).

use oadr_core::payload::{Message, MessageKind};
use oadr_xmpp::{Reply, Role};

use crate::peer::{Host, poll, query, reregister, response, text};
use crate::server::{Server, VEN, VTN, attribute, id, iq, within};

/// Whether an answer is this stanza error.
#[track_caller]
fn assert_error(answer: &str, kind: &str, condition: &str) {
    assert_eq!(attribute(answer, "type"), "error", "{answer}");
    let error =
        format!("<error type='{kind}'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>");
    assert!(answer.contains(&error), "{answer}");
}

#[tokio::test]
async fn spec_5_4_a_request_gets_a_result_with_the_reply() {
    let (server, host) = (Server::new().await, Host::new());
    let (_endpoint, mut wire) = server.start(server.config(Role::Vtn), &host).await;
    wire.say(&iq("set", "a17", VEN, &text(&query("r1")))).await;
    let (request, reply) = host.next().await;
    assert_eq!(request.from.to_string(), VEN);
    assert_eq!(request.message, query("r1"));
    assert!(request.drifts.is_empty());
    assert_eq!(request.octets, text(&query("r1")).as_bytes());
    reply.send(Reply::Message(Box::new(response(1)))).unwrap();
    let answer = wire.answer().await;
    assert_eq!(
        answer,
        format!(
            "<iq type='result' id='a17' to='{VEN}'>{}</iq>",
            text(&response(1))
        )
    );
}

#[tokio::test]
async fn spec_5_4_an_event_gets_an_empty_result_and_a_signed_reply_goes_out_as_it_is() {
    let (server, host) = (Server::new().await, Host::new());
    let (_endpoint, mut wire) = server.start(server.config(Role::Ven), &host).await;
    wire.say(&iq("set", "p5", VTN, &text(&reregister()))).await;
    host.next().await.1.send(Reply::Empty).unwrap();
    let answer = wire.answer().await;
    assert_eq!(answer, format!("<iq type='result' id='p5' to='{VTN}'/>"));

    wire.say(&iq("set", "p6", VTN, &text(&reregister()))).await;
    let signed = Reply::Signed {
        message: Box::new(response(1)),
        document: b"<signed/>".to_vec(),
    };
    host.next().await.1.send(signed).unwrap();
    assert!(wire.answer().await.ends_with("><signed/></iq>"));
}

#[tokio::test]
async fn quirk_q1_a_message_comes_with_fewer_wrappers() {
    let (server, host) = (Server::new().await, Host::new());
    let (_endpoint, mut wire) = server.start(server.config(Role::Vtn), &host).await;
    let document = text(&query("r1"));
    let (root, rest) = document.split_once("<oadr:oadrSignedObject>").unwrap();
    let (message, _) = rest.split_once("</oadr:oadrSignedObject>").unwrap();
    let namespaces = root
        .trim_start_matches("<oadr:oadrPayload")
        .trim_end_matches('>');
    let object = format!("<oadr:oadrSignedObject{namespaces}>{message}</oadr:oadrSignedObject>");
    let bare = message.replacen(' ', &format!("{namespaces} "), 1);
    // And a prefix may be declared outside of the document.
    let outside = format!("<iq type='set' id='1' from='{VEN}'{namespaces}>{message}</iq>");
    for stanza in [
        iq("set", "1", VEN, &object),
        iq("set", "1", VEN, &bare),
        outside,
    ] {
        wire.say(&stanza).await;
        let (request, reply) = host.next().await;
        assert_eq!(request.message, query("r1"));
        assert!(!request.drifts.is_empty());
        reply.send(Reply::Empty).unwrap();
        wire.answer().await;
    }
}

#[tokio::test]
async fn spec_5_5_what_is_refused_says_why() {
    let (server, host) = (Server::new().await, Host::new());
    let (_endpoint, mut wire) = server.start(server.config(Role::Vtn), &host).await;
    let query = text(&query("r1"));
    let forged = format!("{query}<TLS xmlns='x' validate='true' cn='ven1'/>");
    let illegal = query.replace("requestID", "requestId");
    let a = "<oadrPoll xmlns='http://openadr.org/oadr-2.0a/2012/07'/>";
    for (kind, from, content, error, condition, notice) in [
        (
            "set",
            "stranger@d.example/x",
            query.as_str(),
            "auth",
            "forbidden",
            "none of ours",
        ),
        (
            "get",
            "stranger@d.example/x",
            "<ping xmlns='urn:xmpp:ping'/>",
            "auth",
            "forbidden",
            "none of ours",
        ),
        (
            "set",
            "other.example",
            query.as_str(),
            "auth",
            "forbidden",
            "none of ours",
        ),
        (
            "set",
            VEN,
            illegal.as_str(),
            "modify",
            "bad-request",
            "cannot be read",
        ),
        ("set", VEN, a, "modify", "bad-request", "2.0a"),
        (
            "set",
            VEN,
            forged.as_str(),
            "modify",
            "bad-request",
            "exactly one",
        ),
        ("set", VEN, "", "modify", "bad-request", "exactly one"),
        (
            "set",
            VEN,
            &text(&poll()),
            "cancel",
            "not-allowed",
            "oadrPoll is not for us",
        ),
        (
            "set",
            VEN,
            &text(&reregister()),
            "cancel",
            "not-allowed",
            "not for us",
        ),
    ] {
        let answer = wire.ask(kind, from, content).await;
        assert_error(&answer, error, condition);
        assert_eq!(attribute(&answer, "to"), from);
        let said = host.noticed("refused").await;
        assert!(said.contains(from) && said.contains(notice), "{said}");
    }
    for (kind, content) in [
        ("set", "<query xmlns='jabber:iq:roster'/>"),
        ("get", "<query xmlns='jabber:iq:version'/>"),
        ("get", query.as_str()),
    ] {
        let answer = wire.ask(kind, VEN, content).await;
        assert_error(&answer, "cancel", "service-unavailable");
    }
    assert!(host.is_idle().await);
}

#[tokio::test]
async fn rule_507_nobody_polls_over_xmpp() {
    let (server, host) = (Server::new().await, Host::new());
    for role in [Role::Vtn, Role::Ven] {
        let (endpoint, mut wire) = server.start(server.config(role), &host).await;
        let answer = wire
            .ask("set", "ven1@d.example/client", &text(&poll()))
            .await;
        assert_error(&answer, "cancel", "not-allowed");
        drop(endpoint);
    }
    assert!(host.is_idle().await);
}

#[tokio::test]
async fn rule_517_a_wrong_signature_is_forbidden() {
    let (server, host) = (Server::new().await, Host::new());
    let (endpoint, mut wire) = server.start(server.config(Role::Vtn), &host).await;
    *host.forbidden.lock().unwrap() = Some("oadrQueryRegistration");
    let answer = wire.ask("set", VEN, &text(&query("r1"))).await;
    assert_error(&answer, "auth", "forbidden");
    assert!(host.is_idle().await);
    // Of an answer, too.
    let to = VEN.parse().unwrap();
    let message = reregister();
    let (sent, ()) = tokio::join!(endpoint.send(&to, &message), async {
        let request = wire.answer().await;
        wire.say(&iq("result", id(&request), VEN, &text(&query("r1"))))
            .await;
    });
    assert!(matches!(sent, Err(oadr_xmpp::SendError::Forbidden)));
}

#[tokio::test]
async fn what_the_handler_says_becomes_a_stanza_error() {
    let (server, host) = (Server::new().await, Host::new());
    let (_endpoint, mut wire) = server.start(server.config(Role::Vtn), &host).await;
    let retry_after = std::time::Duration::from_secs(7);
    for (reply, kind, condition) in [
        (Some(Reply::Forbidden), "auth", "forbidden"),
        (Some(Reply::Failed), "wait", "internal-server-error"),
        (
            Some(Reply::Unavailable { retry_after }),
            "wait",
            "resource-constraint",
        ),
        // It panics.
        (None, "wait", "internal-server-error"),
    ] {
        wire.say(&iq("set", "1", VEN, &text(&query("r1")))).await;
        let (_, answer) = host.next().await;
        if let Some(reply) = reply {
            answer.send(reply).unwrap();
        } else {
            drop(answer);
        }
        assert_error(&wire.answer().await, kind, condition);
    }
}

#[tokio::test]
async fn errors_and_results_that_nobody_waits_for_are_not_answered() {
    let (server, host) = (Server::new().await, Host::new());
    let (_endpoint, mut wire) = server.start(server.config(Role::Vtn), &host).await;
    wire.say(&iq(
        "error",
        "1",
        VEN,
        "<error type='cancel'><gone/></error>",
    ))
    .await;
    wire.say(&iq("result", "2", VEN, &text(&query("r1")))).await;
    wire.say(&format!("<iq type='set' from='{VEN}'><no-id/></iq>"))
        .await;
    // Quirk Q2, and what a server says of others.
    wire.say(&format!(
        "<message from='{VEN}' type='chat'><body>{}</body></message>",
        "hello"
    ))
    .await;
    wire.say(&format!("<presence from='{VEN}'/> \n")).await;
    // What is answered next is what was asked last.
    let answer = wire.ask("get", VEN, "<ping xmlns='urn:xmpp:ping'/>").await;
    assert_eq!(answer, format!("<iq type='result' id='q1' to='{VEN}'/>"));
    assert!(host.is_idle().await);
}

#[tokio::test]
async fn a_stanza_that_is_too_long_is_refused_and_the_session_goes_on() {
    let (server, host) = (Server::new().await, Host::new());
    let mut config = server.config(Role::Vtn);
    config.longest_stanza = 20_000;
    let (_endpoint, mut wire) = server.start(config, &host).await;
    for padding in [
        format!("<a>{}</a>", "x".repeat(50_000)),
        format!("<a b='{}'/>", "x".repeat(50_000)),
    ] {
        let answer = wire.ask("set", VEN, &padding).await;
        assert_error(&answer, "modify", "policy-violation");
        assert!(
            host.noticed("refused")
                .await
                .contains("longer than 20000 bytes")
        );
        let answer = wire.ask("set", "stranger@d.example/x", &padding).await;
        assert_error(&answer, "auth", "forbidden");
        host.noticed("refused stranger").await;
    }
    // An attribute of 10 kB is none of ours, but no reason to end.
    let long = text(&query("r1")).replacen(
        "<oadr:",
        &format!("<oadr:x y='{}'/><oadr:", "x".repeat(10_000)),
        1,
    );
    assert_error(&wire.ask("set", VEN, &long).await, "modify", "bad-request");
    wire.say(&iq("set", "1", VEN, &text(&query("r1")))).await;
    // A reply that is too long would end it for all.
    let reply = Reply::Message(Box::new(response(30_000)));
    host.next().await.1.send(reply).unwrap();
    assert_error(&wire.answer().await, "wait", "internal-server-error");
}

#[tokio::test]
async fn one_account_is_served_in_order_and_others_beside_it() {
    let (server, host) = (Server::new().await, Host::new());
    let (_endpoint, mut wire) = server.start(server.config(Role::Vtn), &host).await;
    let other = "ven2@d.example/client";
    for (id, from) in [
        ("1", VEN),
        ("2", "ven1@d.example/other"),
        ("3", VEN),
        ("4", other),
    ] {
        wire.say(&iq("set", id, from, &text(&query(id)))).await;
    }
    // The first of either, whichever is first.
    let mut first = [host.next().await, host.next().await];
    first.sort_by_key(|(request, _)| request.from.to_string());
    let [(one, reply_one), (four, reply_four)] = first;
    assert_eq!((one.message, four.message), (query("1"), query("4")));
    assert!(host.is_idle().await);
    reply_four.send(Reply::Empty).unwrap();
    assert_eq!(id(&wire.answer().await), "4");
    reply_one.send(Reply::Empty).unwrap();
    for expected in ["2", "3"] {
        let (request, reply) = host.next().await;
        assert_eq!(request.message, query(expected));
        reply.send(Reply::Empty).unwrap();
    }
    for expected in ["1", "2", "3"] {
        assert_eq!(id(&wire.answer().await), expected);
    }
}

#[tokio::test]
async fn too_many_requests_are_put_off_and_one_account_takes_not_all_places() {
    let (server, host) = (Server::new().await, Host::new());
    let mut config = server.config(Role::Vtn);
    config.most_at_once = 17;
    let (_endpoint, mut wire) = server.start(config, &host).await;
    // One is worked off, fifteen wait.
    for id in 0..16 {
        wire.say(&iq("set", &id.to_string(), VEN, &text(&query("r1"))))
            .await;
    }
    let answer = wire.ask("set", VEN, &text(&query("r1"))).await;
    assert_error(&answer, "wait", "resource-constraint");
    wire.say(&iq("set", "2", "ven2@d.example/c", &text(&query("r2"))))
        .await;
    let first = [host.next().await, host.next().await];
    let answer = wire
        .ask("set", "ven3@d.example/c", &text(&query("r3")))
        .await;
    assert_error(&answer, "wait", "resource-constraint");
    for (_, reply) in first {
        reply.send(Reply::Empty).unwrap();
    }
    for _ in 0..15 {
        host.next().await.1.send(Reply::Empty).unwrap();
    }
    for _ in 0..17 {
        assert_eq!(attribute(&wire.answer().await, "type"), "result");
    }
    // There is room again.
    wire.say(&iq("set", "5", VEN, &text(&query("r1")))).await;
    host.next().await.1.send(Reply::Empty).unwrap();
    assert_eq!(id(&wire.answer().await), "5");
}

#[tokio::test]
async fn spec_5_4_a_logical_reply_may_come_by_itself() {
    let (server, host) = (Server::new().await, Host::new());
    for (role, from) in [(Role::Vtn, VEN), (Role::Ven, VTN)] {
        let (_endpoint, mut wire) = server.start(server.config(role), &host).await;
        wire.say(&iq("set", "1", from, &text(&response(1)))).await;
        let (request, reply) = host.next().await;
        assert_eq!(Message::kind(&request.message), MessageKind::Response);
        reply.send(Reply::Empty).unwrap();
        wire.answer().await;
    }
}

#[tokio::test]
async fn spec_5_3_discovery_is_answered() {
    let (server, host) = (Server::new().await, Host::new());
    let (_endpoint, mut wire) = server.start(server.config(Role::Vtn), &host).await;
    let info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let answer = wire.ask("get", VEN, info).await;
    assert!(
        answer.contains("<feature var='http://openadr.org/openadr2'/>"),
        "{answer}"
    );
    let items = "<query xmlns='http://jabber.org/protocol/disco#items' \
                 node='http://openadr.org/OpenADR2#services'/>";
    let answer = wire.ask("get", VEN, items).await;
    let item = format!("<item jid='{VTN}' node='http://openadr.org/OpenADR2/EiRegisterParty'/>");
    assert!(answer.contains(&item), "{answer}");
    // Our own server asks, too, and may leave out who it is.
    wire.say("<iq type='get' id='9'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await;
    assert_eq!(wire.answer().await, "<iq type='result' id='9'/>");
}

#[tokio::test]
async fn what_was_asked_is_answered_before_the_session_closes() {
    let (server, host) = (Server::new().await, Host::new());
    let (endpoint, mut wire) = server.start(server.config(Role::Vtn), &host).await;
    wire.say(&iq("set", "1", VEN, &text(&query("r1")))).await;
    let (_, answer) = host.next().await;
    let closing = tokio::spawn({
        let endpoint = endpoint.clone();
        async move { endpoint.close().await }
    });
    // Nothing new is taken; when that shows, it is being closed.
    let refused = loop {
        let late = iq("set", "2", "ven2@d.example/c", &text(&query("r2")));
        wire.say(&late).await;
        tokio::select! {
            (_, answer) = host.next() => {
                answer.send(Reply::Empty).unwrap();
                assert_eq!(attribute(&wire.answer().await, "type"), "result");
            }
            refused = wire.answer() => break refused,
        }
    };
    assert_error(&refused, "wait", "resource-constraint");
    answer.send(Reply::Empty).unwrap();
    let last = wire.until("</stream:stream>").await;
    assert!(last.contains("id='1'"), "{last}");
    wire.say("</stream:stream>").await;
    wire.closed().await;
    within(closing).await.unwrap();
}

/// Its handler would hold a host that nobody knows of any more.
#[tokio::test]
async fn nothing_goes_on_when_a_session_has_been_closed() {
    let (server, host) = (Server::new().await, Host::new());
    let (endpoint, mut wire) = server.start(server.config(Role::Vtn), &host).await;
    wire.say(&iq("set", "1", VEN, &text(&query("r1")))).await;
    let (_, mut answer) = host.next().await;
    tokio::time::pause();
    endpoint.close().await;
    tokio::time::resume();
    within(answer.closed()).await;
}
