//! What an endpoint asks of others, and whose answers count.

use std::sync::Arc;
use std::time::Duration;

use oadr_core::value::ServiceName;
use oadr_xmpp::{Endpoint, Role, SendError};
use tokio::net::TcpStream;

use crate::peer::{Host, query, reregister, response, text};
use crate::server::{Server, VEN, VTN, Wire, attribute, down, id, iq, within};

async fn ven() -> (Server, Arc<Host>, Endpoint, Wire<TcpStream>) {
    let (server, host) = (Server::new().await, Host::new());
    let mut config = server.config(Role::Ven);
    config.longest_stanza = 20_000;
    let (endpoint, wire) = server.start(config, &host).await;
    (server, host, endpoint, wire)
}

/// Sends a query, and has the server answer with this content.
async fn told(
    endpoint: &Endpoint,
    wire: &mut Wire<TcpStream>,
    kind: &str,
    content: &str,
) -> Result<oadr_xmpp::Answer, SendError> {
    let (to, message) = (VTN.parse().unwrap(), query("r1"));
    let answer = async {
        let request = wire.answer().await;
        wire.say(&iq(kind, id(&request), VTN, content)).await;
    };
    within(async { tokio::join!(endpoint.send(&to, &message), answer).0 }).await
}

#[tokio::test]
async fn spec_5_4_the_result_is_the_answer() {
    let (_server, _host, endpoint, mut wire) = ven().await;
    let (to, message) = (VTN.parse().unwrap(), query("r1"));
    let (answer, ()) = tokio::join!(endpoint.send(&to, &message), async {
        let request = wire.answer().await;
        assert_eq!(attribute(&request, "type"), "set");
        assert_eq!(attribute(&request, "to"), VTN);
        assert!(request.ends_with(&format!("'>{}</iq>", text(&query("r1")))));
        wire.say(&iq("result", id(&request), VTN, &text(&response(3))))
            .await;
    });
    let answer = answer.unwrap();
    assert_eq!(answer.reply.unwrap().message, response(3));
    assert_eq!(answer.octets, text(&response(3)).as_bytes());

    let answer = told(&endpoint, &mut wire, "result", "").await.unwrap();
    assert!(answer.reply.is_none());
}

#[tokio::test]
async fn spec_5_4_only_who_was_asked_can_answer() {
    let (_server, _host, endpoint, mut wire) = ven().await;
    let (to, message) = (VTN.parse().unwrap(), query("r1"));
    let (answer, ()) = tokio::join!(endpoint.send(&to, &message), async {
        let request = wire.answer().await;
        let id = id(&request);
        // Others, and an ID that was not given.
        for from in [
            "vtn@d.example/other",
            "vtn@d.example",
            "ven2@d.example/EiEvent",
            "d.example",
        ] {
            wire.say(&iq("result", id, from, &text(&response(1)))).await;
            let no = "<error type='cancel'><item-not-found/></error>";
            wire.say(&iq("error", id, from, no)).await;
        }
        wire.say(&iq("result", "0-0", VTN, &text(&response(2))))
            .await;
        wire.say(&iq(
            "result",
            id,
            "VTN@D.example/EiEvent",
            &text(&response(3)),
        ))
        .await;
        // Once is enough.
        wire.say(&iq("result", id, VTN, &text(&response(4)))).await;
    });
    assert_eq!(answer.unwrap().reply.unwrap().message, response(3));
}

#[tokio::test]
async fn answers_find_their_requests_in_any_order() {
    let (_server, _host, endpoint, mut wire) = ven().await;
    let to = VTN.parse().unwrap();
    let (one, two) = (query("r1"), query("r2"));
    let (one, two, ()) = tokio::join!(endpoint.send(&to, &one), endpoint.send(&to, &two), async {
        let (one, two) = (wire.answer().await, wire.answer().await);
        assert!(one.contains("r1") && two.contains("r2"));
        wire.say(&iq("result", id(&two), VTN, &text(&response(2))))
            .await;
        wire.say(&iq("result", id(&one), VTN, &text(&response(1))))
            .await;
    });
    assert_eq!(one.unwrap().reply.unwrap().message, response(1));
    assert_eq!(two.unwrap().reply.unwrap().message, response(2));
}

#[tokio::test]
async fn spec_5_5_errors_are_told_apart() {
    let (_server, _host, endpoint, mut wire) = ven().await;
    for offline in ["service-unavailable", "recipient-unavailable"] {
        let error = format!(
            "<error type='cancel'><{offline} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        );
        let told = told(&endpoint, &mut wire, "error", &error).await;
        assert!(matches!(told, Err(SendError::Offline(jid)) if jid.to_string() == VTN));
    }
    let error = "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
                 <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>who are you?</text></error>";
    let told_error = told(&endpoint, &mut wire, "error", error)
        .await
        .unwrap_err();
    assert_eq!(
        told_error.to_string(),
        format!("{VTN} answered with the stanza error forbidden: who are you?")
    );
    for garbage in [
        "<x xmlns='y'/>",
        "<oadrPayload xmlns='http://openadr.org/oadr-2.0b/2012/07'/>",
    ] {
        let told = told(&endpoint, &mut wire, "result", garbage).await;
        assert!(matches!(told, Err(SendError::Undecodable(_))), "{told:?}");
    }
    let long = endpoint
        .send(&VTN.parse().unwrap(), &response(30_000))
        .await;
    assert!(matches!(
        long,
        Err(SendError::TooLong { limit: 20_000, .. })
    ));
}

/// It was dropped, and whoever had asked asked again, for ever.
#[tokio::test]
async fn an_answer_that_is_too_long_is_told_to_whoever_asked() {
    let (_server, _host, endpoint, mut wire) = ven().await;
    let long = text(&response(30_000));
    for kind in ["result", "error"] {
        let told = told(&endpoint, &mut wire, kind, &long).await;
        assert!(
            matches!(told, Err(SendError::AnswerTooLong { limit: 20_000 })),
            "{told:?}"
        );
    }
    // Nobody else can make it fail.
    let (to, message) = (VTN.parse().unwrap(), query("r1"));
    let (answer, ()) = tokio::join!(endpoint.send(&to, &message), async {
        let request = wire.answer().await;
        let id = id(&request);
        wire.say(&iq("result", id, "ven2@d.example/x", &long)).await;
        wire.say(&iq("result", id, VTN, &text(&response(1)))).await;
    });
    assert_eq!(answer.unwrap().reply.unwrap().message, response(1));
}

#[tokio::test]
async fn who_does_not_answer_is_not_waited_for() {
    let (server, host) = (Server::new().await, Host::new());
    let mut config = server.config(Role::Ven);
    // The test itself must answer a ping within it.
    config.answer_timeout = Duration::from_secs(2);
    let (endpoint, mut wire) = server.start(config, &host).await;
    let (to, message) = (VTN.parse().unwrap(), query("r1"));
    let sent = within(endpoint.send(&to, &message)).await;
    assert!(matches!(sent, Err(SendError::TimedOut { .. })));
    // The server is asked whether it is there; and a late answer is none.
    let request = wire.answer().await;
    let ping = wire.answer().await;
    assert!(ping.contains("urn:xmpp:ping"));
    wire.say(&iq("result", id(&ping), "d.example", "")).await;
    wire.say(&iq("result", id(&request), VTN, &text(&response(1))))
        .await;
    let answer = wire.ask("get", VTN, "<ping xmlns='urn:xmpp:ping'/>").await;
    assert_eq!(attribute(&answer, "type"), "result");
}

#[tokio::test]
async fn a_session_that_breaks_leaves_nobody_waiting() {
    let (_server, _host, endpoint, mut wire) = ven().await;
    let (to, message) = (VTN.parse().unwrap(), reregister());
    let (sent, ()) = tokio::join!(within(endpoint.send(&to, &message)), async {
        wire.answer().await;
        drop(wire);
    });
    assert!(matches!(sent, Err(SendError::NotConnected)));
    down(&endpoint).await;
    let sent = endpoint.send(&to, &message).await;
    assert!(matches!(sent, Err(SendError::NotConnected)));
}

#[tokio::test]
async fn spec_5_3_services_are_found_in_either_spelling() {
    let (_server, _host, endpoint, mut wire) = ven().await;
    let missing = "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    let (found, ()) = tokio::join!(endpoint.discover(None), async {
        let first = wire.answer().await;
        assert_eq!(attribute(&first, "to"), "d.example");
        assert!(first.contains("node='http://openadr.org/openadr2#services'"));
        wire.say(&iq("error", id(&first), "d.example", missing))
            .await;
        let second = wire.answer().await;
        assert!(second.contains("node='http://openadr.org/OpenADR2#services'"));
        let items = format!(
            "<query xmlns='http://jabber.org/protocol/disco#items'>\
             <item jid='{VTN}' node='http://openadr.org/openadr2/EIEVENT'/></query>"
        );
        wire.say(&iq("result", id(&second), "d.example", &items))
            .await;
    });
    assert_eq!(
        found.unwrap().0,
        [(ServiceName::EiEvent, VTN.parse().unwrap())]
    );

    let (found, ()) = tokio::join!(endpoint.discover(Some("xmpp.other.example")), async {
        for _ in 0..2 {
            let request = wire.answer().await;
            wire.say(&iq("result", id(&request), "xmpp.other.example", ""))
                .await;
        }
    });
    assert_eq!(found.unwrap().0, []);

    // Nobody else can say where the VTN is.
    let (found, ()) = tokio::join!(endpoint.discover(None), async {
        for _ in 0..2 {
            let request = wire.answer().await;
            let items = format!(
                "<query xmlns='http://jabber.org/protocol/disco#items'>\
                 <item jid='{VEN}' node='http://openadr.org/openadr2/EiEvent'/></query>"
            );
            wire.say(&iq("result", id(&request), "ven2@d.example/x", &items))
                .await;
            wire.say(&iq("error", id(&request), "d.example", missing))
                .await;
        }
    });
    assert!(
        matches!(found, Err(SendError::Stanza { condition, .. }) if condition == "item-not-found")
    );
}
