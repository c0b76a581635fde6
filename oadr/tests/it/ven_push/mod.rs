//! A VEN that is pushed to, and a VTN that does only what the test says.

mod vtn;

use std::time::Duration;

use oadr::ven::{OptType, SignaturePolicy, StartError};
use oadr::vtn::{Admission, PushConfig};
use oadr_core::payload::{Message, MessageKind, ResponseCode};
use oadr_core::value::{EventId, ServiceName};
use oadr_http::ClientError;
use tokio::sync::mpsc;

use self::vtn::{Pusher, Vtn, event, message};
use crate::authority::{Authority, P256};
use crate::folder::Folder;
use crate::life::{self, answered, create};
use crate::port;
use crate::served::{Ven, settings, until, ven_config, within};

/// What the VTN is told; the tests know better where the VEN listens.
const URL: &str = "http://127.0.0.1:1/house/";

fn listening(vtn: &Vtn, folder: &Folder) -> oadr::ven::Ven {
    let data = folder.path().join("ven");
    ven_config(&vtn.url, "Pump1", &data, OptType::OptIn)
        .push_listener("127.0.0.1:0".parse().unwrap(), URL)
        .unwrap()
}

/// A VEN that is registered and has asked for all that there is.
async fn settled(config: oadr::ven::Ven, vtn: &mut Vtn) -> Ven {
    let mut ven = Ven::start(config).await;
    ven.next("registered").await;
    vtn.next(MessageKind::RequestEvent).await;
    ven
}

fn code(message: &Message) -> ResponseCode {
    message.ei_response().unwrap().response_code
}

#[tokio::test]
async fn spec_4_4_an_event_is_acknowledged_and_answered_by_itself() {
    let folder = Folder::new();
    let mut vtn = Vtn::start().await;
    let mut ven = Ven::start(listening(&vtn, &folder)).await;
    let Message::CreatePartyRegistration(create) =
        vtn.next(MessageKind::CreatePartyRegistration).await
    else {
        panic!("no oadrCreatePartyRegistration")
    };
    assert_eq!(create.http_pull_model, Some(false));
    let told = create.transport_address.unwrap();
    assert_eq!(told.as_str(), "http://127.0.0.1:1/house");
    ven.next("registered").await;
    vtn.next(MessageKind::RequestEvent).await;

    // Below the path that the URL has.
    let pusher = Pusher::to(&ven.running);
    assert_eq!(pusher.refused(event("Event1")).await, 404);
    let pusher = Pusher::below(&ven.running, "/house");
    let answer = pusher.push(event("Event1")).await.unwrap();
    assert!(answer.reply.is_none());
    // What was acknowledged is committed.
    let id = EventId::new("Event1").unwrap();
    assert!(ven.running.status().event(&id).is_some());
    let Message::CreatedEvent(created) = vtn.next(MessageKind::CreatedEvent).await else {
        panic!("no oadrCreatedEvent")
    };
    let responses = created.created.event_responses.unwrap().responses;
    let answered: Vec<_> = responses
        .iter()
        .map(|one| (one.qualified_event_id.event_id.as_str(), one.opt_type))
        .collect();
    assert_eq!(answered, [("Event1", OptType::OptIn)]);
    ven.next("opt_sent").await;
    ven.stop().await;
    assert!(!vtn.asked().contains(&MessageKind::Poll));
    vtn.stop().await;
}

#[tokio::test]
async fn spec_1_4_what_is_pushed_is_answered_directly() {
    let folder = Folder::new();
    let mut vtn = Vtn::start().await;
    let mut ven = settled(listening(&vtn, &folder), &mut vtn).await;
    let pusher = Pusher::below(&ven.running, "/house");
    for (body, kind) in [
        (
            r#"<oadrRegisterReport ei:schemaVersion="2.0b">
              <pyld:requestID>r1</pyld:requestID></oadrRegisterReport>"#,
            MessageKind::RegisteredReport,
        ),
        (
            r#"<oadrCreateReport ei:schemaVersion="2.0b"><pyld:requestID>r2</pyld:requestID>
              <oadrReportRequest><ei:reportRequestID>q1</ei:reportRequestID>
              <ei:reportSpecifier><ei:reportSpecifierID>METADATA</ei:reportSpecifierID>
              <xcal:granularity><xcal:duration>PT0S</xcal:duration></xcal:granularity>
              <ei:reportBackDuration><xcal:duration>PT0S</xcal:duration></ei:reportBackDuration>
              <ei:specifierPayload><ei:rID>none</ei:rID>
              <ei:readingType>x-notApplicable</ei:readingType></ei:specifierPayload>
              </ei:reportSpecifier></oadrReportRequest><ei:venID>Ven1</ei:venID>
              </oadrCreateReport>"#,
            MessageKind::CreatedReport,
        ),
        (
            r#"<oadrCancelReport ei:schemaVersion="2.0b"><pyld:requestID>r3</pyld:requestID>
              <ei:reportRequestID>q2</ei:reportRequestID>
              <pyld:reportToFollow>false</pyld:reportToFollow><ei:venID>Ven1</ei:venID>
              </oadrCancelReport>"#,
            MessageKind::CanceledReport,
        ),
        (
            r#"<oadrUpdateReport ei:schemaVersion="2.0b">
              <pyld:requestID>r4</pyld:requestID></oadrUpdateReport>"#,
            MessageKind::UpdatedReport,
        ),
        (
            r#"<oadrRequestReregistration ei:schemaVersion="2.0b">
              <ei:venID>Ven1</ei:venID></oadrRequestReregistration>"#,
            MessageKind::Response,
        ),
    ] {
        let said = pusher.said(message(body)).await;
        assert_eq!(said.kind(), kind);
    }
    // What it was asked for follows as a request.
    vtn.next(MessageKind::CreatePartyRegistration).await;

    // Nothing that a VEN says.
    let body = r#"<oadrQueryRegistration ei:schemaVersion="2.0b">
        <pyld:requestID>r5</pyld:requestID></oadrQueryRegistration>"#;
    assert_eq!(code(&pusher.said(message(body)).await).get(), 459);
    // Rule 500: there is nothing to poll.
    let poll = message(r#"<oadrPoll ei:schemaVersion="2.0b"><ei:venID>Ven1</ei:venID></oadrPoll>"#);
    assert_eq!(pusher.refused(poll).await, 404);

    let cancel = r#"<oadrCancelPartyRegistration ei:schemaVersion="2.0b">
        <pyld:requestID>r6</pyld:requestID><ei:registrationID>Registration1</ei:registrationID>
        <ei:venID>Ven1</ei:venID></oadrCancelPartyRegistration>"#;
    let said = pusher.said(message(cancel)).await;
    assert_eq!(
        (said.kind(), code(&said)),
        (MessageKind::CanceledPartyRegistration, ResponseCode::OK)
    );
    ven.next("registration_cancelled").await;
    ven.stop().await;
    vtn.stop().await;
}

#[tokio::test]
async fn a_push_does_not_wait_for_a_request_that_is_under_way() {
    let folder = Folder::new();
    let mut vtn = Vtn::start().await;
    let gate = vtn.hold();
    let mut ven = settled(listening(&vtn, &folder), &mut vtn).await;
    let pusher = Pusher::below(&ven.running, "/house");
    let answer = pusher.push(event("Event1")).await.unwrap();
    assert!(answer.reply.is_none());
    ven.next("event_received").await;
    // The VEN says one thing after the other.
    gate.add_permits(100);
    vtn.next(MessageKind::CreatedEvent).await;
    ven.stop().await;
    vtn.stop().await;
}

#[tokio::test]
async fn pushes_wait_while_the_application_is_asked() {
    let folder = Folder::new();
    let mut vtn = Vtn::start().await;
    let (ask, mut asked) = mpsc::unbounded_channel();
    let config = listening(&vtn, &folder)
        .answer_within(Duration::from_secs(3600))
        .on_event(move |event| {
            let (answer, answered) = tokio::sync::oneshot::channel();
            ask.send((event.event_id().clone(), answer)).unwrap();
            async move { answered.await.unwrap() }
        });
    let mut ven = settled(config, &mut vtn).await;
    let pusher = std::sync::Arc::new(Pusher::below(&ven.running, "/house"));
    let push = |id: &str| {
        let (pusher, event) = (std::sync::Arc::clone(&pusher), event(id));
        tokio::spawn(async move { pusher.push(event).await })
    };
    let first = push("Event1");
    let (id, answer) = within("the question", asked.recv()).await.unwrap();
    assert_eq!(id.as_str(), "Event1");
    let second = push("Event2");
    answer.send(OptType::OptOut).unwrap();
    assert!(first.await.unwrap().unwrap().reply.is_none());
    // A list has all events that there are: the first one is none any more.
    let (id, answer) = within("the question", asked.recv()).await.unwrap();
    assert_eq!(id.as_str(), "Event2");
    answer.send(OptType::OptIn).unwrap();
    second.await.unwrap().unwrap();
    ven.next("event_cancelled").await;
    ven.stop().await;
    vtn.stop().await;
}

#[tokio::test]
async fn a_push_that_is_not_worked_off_is_to_come_again() {
    let folder = Folder::new();
    let mut vtn = Vtn::start().await;
    let config = listening(&vtn, &folder);
    let config = config.push_listener(port::free(), URL).unwrap();
    let mut ven = settled(config.clone(), &mut vtn).await;
    let pusher = Pusher::below(&ven.running, "/house");
    pusher.push(event("Event0")).await.unwrap();
    vtn.next(MessageKind::CreatedEvent).await;
    ven.next("opt_sent").await;
    let path = folder.path().join("ven").join("ven.db");
    let database = rusqlite::Connection::open(path).unwrap();
    let outbox = || async {
        let pending = "SELECT count(*) FROM outbox";
        let count: i64 = database.query_row(pending, [], |row| row.get(0)).unwrap();
        count.into()
    };
    // The next one who writes is who takes the push, in this process or the next.
    until("everything is told", outbox, |pending| *pending == 0).await;
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(pusher.refused(event("Event1")).await, 503);
    database.execute_batch("ROLLBACK").unwrap();
    ven.stop().await;
    // Nobody listens any more, and the next process hears what is pushed then.
    assert!(matches!(
        pusher.push(event("Event1")).await,
        Err(ClientError::Connect { .. })
    ));
    let ven = Ven::start(config).await;
    vtn.next(MessageKind::RequestEvent).await;
    pusher.push(event("Event1")).await.unwrap();
    vtn.next(MessageKind::CreatedEvent).await;
    let id = EventId::new("Event1").unwrap();
    assert!(ven.running.status().event(&id).is_some());
    ven.stop().await;
    assert!(!vtn.asked().contains(&MessageKind::CreatePartyRegistration));
    vtn.stop().await;
}

#[tokio::test]
async fn rule_405_who_is_not_registered_says_so_and_nothing_else() {
    let folder = Folder::new();
    let mut vtn = Vtn::start().await;
    let mut ven = settled(listening(&vtn, &folder), &mut vtn).await;
    let pusher = Pusher::below(&ven.running, "/house");
    let left = ven.running.cancel_registration();
    within("the end", left).await.unwrap();
    let said = pusher.said(event("Event1")).await;
    assert_eq!(
        (said.kind(), code(&said)),
        (MessageKind::Response, ResponseCode::NOT_REGISTERED)
    );
    assert_eq!(ven.running.status().events().count(), 0);
    ven.next("registration_cancelled").await;
    ven.stop().await;
    vtn.stop().await;
}

/// A VEN that talks TLS with its VTN both ways.
fn secured(vtn: &Vtn, folder: &Folder, authority: &Authority) -> oadr::ven::Ven {
    let data = folder.path().join("ven");
    ven_config(&vtn.url, "Pump1", &data, OptType::OptIn)
        .tls(authority.files(&["house"]))
        .push_listener("127.0.0.1:0".parse().unwrap(), "https://127.0.0.1:1")
        .unwrap()
}

fn authority(folder: &Folder) -> Authority {
    let authority = Authority::new(&folder.path().join("pki"));
    authority.issue("vtn", P256);
    authority.issue("house", P256);
    authority.issue_for("plant", &["plant.example.com"], P256);
    authority
}

#[tokio::test]
async fn rule_517_only_the_vtn_is_heard() {
    let folder = Folder::new();
    let authority = authority(&folder);
    let strangers = Authority::new(&folder.path().join("strangers"));
    strangers.issue("vtn", P256);
    let mut vtn = Vtn::with_tls(&authority, "vtn").await;
    let config = secured(&vtn, &folder, &authority).signatures(SignaturePolicy::Off);
    let mut ven = settled(config, &mut vtn).await;
    // Another VEN of the same CA; somebody of another; nobody.
    for name in [Some("plant"), None] {
        let pusher = Pusher::with_tls(&ven.running, &authority, name);
        let refused = pusher.push(event("Event1")).await;
        assert!(
            matches!(refused, Err(ClientError::Tls { .. })),
            "{refused:?}"
        );
    }
    let mut pusher = Pusher::with_tls(&ven.running, &authority, Some("vtn"));
    pusher.push(event("Event1")).await.unwrap();
    ven.next("event_received").await;

    // What is named is all that counts.
    ven.stop().await;
    let other = authority.read("house").held[0].certificate.fingerprint();
    let other = oadr::ven::CertificateId::Fingerprint(other);
    let config = secured(&vtn, &folder, &authority).signatures(SignaturePolicy::Off);
    let ven = Ven::start(config.vtn_certificate(other)).await;
    pusher = Pusher::with_tls(&ven.running, &authority, Some("vtn"));
    let refused = pusher.push(event("Event1")).await;
    assert!(
        matches!(refused, Err(ClientError::Tls { .. })),
        "{refused:?}"
    );
    ven.stop().await;

    // So it may be one for another host.
    authority.issue_for("pushes", &["push.internal"], P256);
    let named = ["vtn", "pushes"].map(|name| authority.read(name).held[0].certificate.hash());
    let config = secured(&vtn, &folder, &authority).signatures(SignaturePolicy::Off);
    let config = (named.into_iter().map(oadr::ven::CertificateId::Hash))
        .fold(config, oadr::ven::Ven::vtn_certificate);
    let ven = Ven::start(config).await;
    for (name, counts) in [("pushes", true), ("plant", false)] {
        let pusher = Pusher::with_tls(&ven.running, &authority, Some(name));
        let pushed = pusher.push(event("Event2")).await;
        assert_eq!(pushed.is_ok(), counts, "{name}: {pushed:?}");
    }
    ven.stop().await;
    vtn.stop().await;
}

#[tokio::test]
async fn certificates_are_replaced_where_a_ven_listens() {
    let folder = Folder::new();
    let authority = authority(&folder);
    let mut vtn = Vtn::with_tls(&authority, "vtn").await;
    let config = secured(&vtn, &folder, &authority).signatures(SignaturePolicy::Off);
    let mut ven = settled(config, &mut vtn).await;
    let certificate = || authority.read("house").held[0].certificate.hash();
    let first = certificate();
    Pusher::believing(&ven.running, &authority, first)
        .push(event("Event1"))
        .await
        .unwrap();
    ven.next("event_received").await;

    authority.issue("house", P256);
    let second = certificate();
    assert_ne!(first, second);
    let shown = || async {
        let pusher = Pusher::believing(&ven.running, &authority, second);
        pusher.push(event("Event1")).await.is_ok().into()
    };
    until("it is in force", shown, |shown| shown == true).await;
    let pusher = Pusher::believing(&ven.running, &authority, first);
    let refused = pusher.push(event("Event1")).await;
    assert!(
        matches!(refused, Err(ClientError::Tls { .. })),
        "{refused:?}"
    );
    ven.stop().await;
    vtn.stop().await;
}

#[tokio::test]
async fn rule_514_unsigned_pushes_do_not_count_where_signatures_are_required() {
    let folder = Folder::new();
    let authority = authority(&folder);
    let mut vtn = Vtn::signing(&authority, "vtn").await;
    let config = secured(&vtn, &folder, &authority).signatures(SignaturePolicy::Required);
    let mut ven = settled(config, &mut vtn).await;
    let plain = Pusher::with_tls(&ven.running, &authority, Some("vtn"));
    assert_eq!(plain.refused(event("Event1")).await, 403);
    let stranger = Pusher::signing(&ven.running, &authority, "plant");
    assert_eq!(stranger.refused(event("Event1")).await, 403);
    let pusher = Pusher::signing(&ven.running, &authority, "vtn");
    pusher.push(event("Event1")).await.unwrap();
    ven.next("event_received").await;
    // A reply is signed, which the pusher looks at.
    let offer = r#"<oadrRegisterReport ei:schemaVersion="2.0b">
        <pyld:requestID>r1</pyld:requestID></oadrRegisterReport>"#;
    let said = pusher.said(message(offer)).await;
    assert_eq!(said.kind(), MessageKind::RegisteredReport);
    ven.stop().await;
    vtn.stop().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_anything_is_made() {
    let folder = Folder::new();
    let any = "0.0.0.0:0".parse().unwrap();
    let data = folder.path().join("ven");
    let ven = |vtn: &str| ven_config(vtn, "Pump1", &data, OptType::OptIn);
    let http = || ven("http://127.0.0.1:1").push_listener(any, "http://house.example.com");
    let refused = http().unwrap().start().await.unwrap_err();
    assert!(matches!(refused, StartError::PlainPush(_)), "{refused}");
    assert!(refused.to_string().contains("--insecure-plain-push"));
    let https = ven("https://127.0.0.1:1").push_listener(any, "http://house.example.com");
    let refused = https.unwrap().start().await.unwrap_err();
    assert!(
        matches!(refused, StartError::PublicUrlWithoutTls),
        "{refused}"
    );
    let xmpp = ven("xmpp:example.com");
    let refused = xmpp.clone().start().await.unwrap_err();
    assert!(matches!(refused, StartError::NoJid), "{refused}");
    let refused = xmpp.push_listener(any, URL).unwrap().start().await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, StartError::ListenOverXmpp), "{refused}");
    assert!(!data.exists());
}

#[tokio::test]
async fn over_plain_http_services_are_where_they_belong() {
    let folder = Folder::new();
    let mut vtn = Vtn::start().await;
    let ven = settled(listening(&vtn, &folder), &mut vtn).await;
    let pusher = Pusher::below(&ven.running, "/house");
    let event = event("Event1");
    let answer = pusher.0.send(ServiceName::EiReport, &event);
    match within("an answer", answer).await {
        Err(ClientError::Status { status, .. }) => assert_eq!(status.as_u16(), 404),
        other => panic!("{other:?}"),
    }
    ven.stop().await;
    vtn.stop().await;
}

#[tokio::test]
async fn an_event_is_pushed_by_our_own_vtn_and_by_a_poll_when_the_ven_changes_over() {
    let folder = Folder::new();
    let mut config = settings(&folder.path().join("vtn"), Admission::Open);
    let mut push = PushConfig::default();
    push.networks = vec!["127.0.0.0/8".parse().unwrap()];
    push.plain_http = true;
    config.push = Some(push);
    let server = oadr::vtn::start(config).await.unwrap();
    let api = server.api_url();
    crate::token::learn(&api, &server.api_token_file());
    let data = folder.path().join("ven");
    let polling = ven_config(&server.vtn_url(), "Pump1", &data, OptType::OptIn);
    let place = port::free();
    let url = format!("http://{place}");
    let pushed = polling.clone().push_listener(place, &url).unwrap();
    let begin = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    let mut ven_ids = Vec::new();
    for (turn, config) in [pushed.clone(), polling, pushed].into_iter().enumerate() {
        // Where it is reached is another place now: it registers again.
        let mut ven = Ven::start(config).await;
        ven_ids.push(ven.next("registered").await["ven_id"].clone());
        let id = format!("Event{turn}");
        create(&api, &life::event(&id, begin, 600)).await;
        assert_eq!(answered(&api, &id).await["opt"], "optIn");
        ven.next("opt_sent").await;
        ven.stop().await;
    }
    assert_eq!(ven_ids[0], ven_ids[1]);
    assert_eq!(ven_ids[0], ven_ids[2]);
    server.stop().await;
}
