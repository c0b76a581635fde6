//! How a session begins, is looked after, breaks, comes back and ends.

use std::time::Duration;

use oadr_xmpp::{Endpoint, Role, SendError, Status};

use crate::peer::{Host, query, response};
use crate::server::{Server, VEN, VTN, attribute, down, id, iq, up, within};

#[tokio::test]
async fn spec_5_6_a_session_is_bound_present_and_says_good_bye() {
    let (server, host) = (Server::new().await, Host::new());
    let endpoint = Endpoint::start(server.config(Role::Ven), host.clone());
    assert_eq!(*endpoint.status().borrow(), Status::Down { why: None });
    let mut wire = server.accept().await;
    wire.let_in().await;
    wire.until("'>").await;
    wire.say(
        "<stream:stream version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'><stream:features/>",
    )
    .await;
    let request = wire.answer().await;
    assert!(request.contains("<resource>client</resource>"), "{request}");
    let bound = format!("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>{VEN}</jid></bind>");
    wire.say(&format!(
        "<iq type='result' id='{}'>{bound}</iq>",
        id(&request)
    ))
    .await;
    wire.until("<presence/>").await;
    up(&endpoint).await;
    host.noticed("Connected").await;
    let jid = VEN.parse().unwrap();
    assert_eq!(*endpoint.status().borrow(), Status::Up { jid });

    let ((), ()) = tokio::join!(within(endpoint.close()), async {
        let last = wire.until("</stream:stream>").await;
        assert_eq!(last, "<presence type='unavailable'/></stream:stream>");
        wire.say("</stream:stream>").await;
        wire.closed().await;
    });
    assert_eq!(*endpoint.status().borrow(), Status::Closed);
    let sent = endpoint.send(&VTN.parse().unwrap(), &query("r1")).await;
    assert!(matches!(sent, Err(SendError::NotConnected)));
    within(endpoint.close()).await;
}

/// It was said to be up a moment before anything could be sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_up_can_be_sent_to() {
    let (server, host) = (Server::new().await, Host::new());
    for _ in 0..50 {
        let endpoint = Endpoint::start(server.config(Role::Ven), host.clone());
        let serve = async {
            let mut wire = server.session(VEN).await;
            let request = wire.answer().await;
            wire.say(&iq("result", id(&request), VTN, "")).await;
            wire
        };
        let (to, message) = (VTN.parse().unwrap(), query("r1"));
        let send = async {
            up(&endpoint).await;
            endpoint.send(&to, &message).await
        };
        let (_wire, sent) = tokio::join!(serve, send);
        assert!(sent.is_ok(), "{sent:?}");
        // Before its connection, so that it does not connect again.
        drop(endpoint);
    }
}

#[tokio::test]
async fn a_session_that_nobody_holds_ends() {
    let (server, host) = (Server::new().await, Host::new());
    let (endpoint, mut wire) = server.start(server.config(Role::Ven), &host).await;
    let other = endpoint.clone();
    drop(endpoint);
    assert_eq!(
        attribute(
            &wire.ask("get", VTN, "<ping xmlns='urn:xmpp:ping'/>").await,
            "type"
        ),
        "result"
    );
    drop(other);
    wire.until("<presence type='unavailable'/></stream:stream>")
        .await;
    wire.closed().await;

    // Also while there is no session.
    let endpoint = Endpoint::start(server.config(Role::Ven), host);
    let mut wire = server.accept().await;
    wire.until("'>").await;
    let mut status = endpoint.status();
    drop(endpoint);
    within(status.wait_for(|status| *status == Status::Closed))
        .await
        .unwrap();
    wire.closed().await;
}

#[tokio::test]
async fn a_session_that_breaks_comes_back() {
    let (server, host) = (Server::new().await, Host::new());
    let (endpoint, mut wire) = server.start(server.config(Role::Ven), &host).await;
    for (last, why) in [
        ("", "closed the connection"),
        ("</stream:stream>", "closed the stream"),
        (
            "<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
            "system-shutdown",
        ),
        ("<iq type='set' id='1'><a></b></iq>", "not well-formed"),
        ("<!-- -->", "no XML stream"),
    ] {
        wire.say(last).await;
        drop(wire);
        let notice = host.noticed("Disconnected").await;
        assert!(notice.contains(why), "{notice}");
        wire = server.session(VEN).await;
        up(&endpoint).await;
    }
}

#[tokio::test]
async fn rule_515_a_server_that_answers_no_ping_is_left() {
    let (server, host) = (Server::new().await, Host::new());
    let mut config = server.config(Role::Ven);
    config.ping_every = Duration::from_millis(10);
    // The test itself must answer three pings within it.
    config.answer_timeout = Duration::from_secs(2);
    let (_endpoint, mut wire) = server.start(config, &host).await;
    for answer in [
        iq("result", "ID", "d.example", ""),
        // It need not know what a ping is.
        iq(
            "error",
            "ID",
            "d.example",
            "<error type='cancel'><service-unavailable/></error>",
        ),
        "<iq type='result' id='ID'/>".to_owned(),
    ] {
        let ping = wire.answer().await;
        assert_eq!(attribute(&ping, "to"), "d.example");
        assert!(ping.contains("<ping xmlns='urn:xmpp:ping'/>"), "{ping}");
        wire.say(&answer.replace("ID", id(&ping))).await;
    }
    // Nobody else can answer for it.
    let ping = wire.answer().await;
    wire.say(&iq("result", id(&ping), "ven2@d.example/x", ""))
        .await;
    assert!(
        host.noticed("Disconnected")
            .await
            .contains("does not answer pings")
    );
    server.session(VEN).await;
}

#[tokio::test]
async fn a_server_that_takes_nothing_is_left() {
    let (server, host) = (Server::new().await, Host::new());
    let mut config = server.config(Role::Vtn);
    config.answer_timeout = Duration::from_millis(200);
    let (endpoint, _wire) = server.start(config, &host).await;
    // More than a connection on this machine holds.
    let all: Vec<_> = (0..250)
        .map(|_| {
            let (endpoint, to) = (endpoint.clone(), VEN.parse().unwrap());
            tokio::spawn(async move { endpoint.send(&to, &response(60_000)).await })
        })
        .collect();
    for sent in all {
        let sent = within(sent).await.unwrap();
        assert!(matches!(
            sent,
            Err(SendError::TimedOut { .. } | SendError::NotConnected)
        ));
    }
    host.noticed("Disconnected").await;
    server.session(VTN).await;
}

#[tokio::test]
async fn who_took_the_jid_has_it() {
    let (server, host) = (Server::new().await, Host::new());
    let mut config = server.config(Role::Ven);
    config.back_off.1 = Duration::from_secs(3600);
    let (endpoint, mut wire) = server.start(config, &host).await;
    wire.say(
        "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Replaced</text></stream:error></stream:stream>",
    )
    .await;
    assert_eq!(down(&endpoint).await, "another session has taken the JID");
    let notice = host.noticed("Replaced").await;
    let (_, seconds) = notice.split_once("again_in: ").unwrap();
    let seconds: f64 = seconds.split_once('s').unwrap().0.parse().unwrap();
    assert!(seconds >= 1800.0, "{notice}");
    // That long is not waited for when it is to end.
    within(endpoint.close()).await;
}

#[tokio::test]
async fn rule_515_another_jid_than_the_one_wanted_is_none() {
    let (server, host) = (Server::new().await, Host::new());
    let endpoint = Endpoint::start(server.config(Role::Ven), host.clone());
    let mut wire = server.accept().await;
    wire.let_in().await;
    wire.bind("ven1@d.example/client-2").await;
    assert!(
        down(&endpoint)
            .await
            .contains("instead of ven1@d.example/client")
    );
    let mut wire = server.accept().await;
    wire.let_in().await;
    wire.open("").await;
    let request = wire.answer().await;
    wire.say(&format!(
        "<iq type='error' id='{}'><error type='cancel'>\
         <not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
        id(&request)
    ))
    .await;
    assert!(
        host.noticed("Disconnected: the server binds")
            .await
            .contains("not-allowed")
    );
}

#[tokio::test]
async fn xep_0478_no_more_is_sent_than_the_server_takes() {
    let (server, host) = (Server::new().await, Host::new());
    let endpoint = Endpoint::start(server.config(Role::Ven), host);
    let mut wire = server.accept().await;
    wire.let_in().await;
    wire.open("<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>10000</max-bytes></limits>")
        .await;
    let request = wire.answer().await;
    wire.say(&format!(
        "<iq type='result' id='{}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>{VEN}</jid></bind></iq>",
        id(&request)
    ))
    .await;
    up(&endpoint).await;
    let sent = endpoint
        .send(&VTN.parse().unwrap(), &response(12_000))
        .await;
    assert!(matches!(
        sent,
        Err(SendError::TooLong { limit: 10_000, .. })
    ));
}
