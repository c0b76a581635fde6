//! The VTN towards VENs that do only what the test says.

use std::time::Duration;

use hyper::Method;
use oadr_core::payload::{
    CancelPartyRegistration, CreatePartyRegistration, CreatedEvent, CreatedPartyRegistration,
    EiCreatedEvent, EiResponse, EventResponse, EventResponses, Message, MessageKind, Poll,
    QualifiedEventId, RegisteredReport, ResponseCode,
};
use oadr_core::value::{
    EventId, OptType, ProfileName, RegistrationId, RequestId, ServiceName, Text, TransportName,
    VenId,
};
use oadr_core::vtn::{Admission, Effect};
use oadr_http::{Client, ClientConfig, ClientError};
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::served::{call, start, until, within};

pub(crate) fn client(url: &str) -> Client {
    Client::new(url.parse().unwrap(), ClientConfig::default())
}

pub(crate) async fn send(
    client: &Client,
    service: ServiceName,
    message: impl Into<Message>,
) -> Message {
    let answer = client.send(service, &message.into()).await.unwrap();
    answer.reply.unwrap().message
}

pub(crate) fn create(name: &str) -> CreatePartyRegistration {
    CreatePartyRegistration {
        request_id: RequestId::new("r1").unwrap(),
        registration_id: None,
        ven_id: None,
        profile_name: ProfileName::B,
        transport_name: TransportName::SimpleHttp,
        transport_address: None,
        report_only: false,
        xml_signature: false,
        ven_name: Text::new(name).ok(),
        http_pull_model: Some(true),
    }
}

pub(crate) async fn register(client: &Client, name: &str) -> VenId {
    registered(client, name).await.ven_id.unwrap()
}

pub(crate) async fn registered(client: &Client, name: &str) -> CreatedPartyRegistration {
    let reply = send(client, ServiceName::EiRegisterParty, create(name)).await;
    let Message::CreatedPartyRegistration(created) = reply else {
        panic!("{reply:?}")
    };
    created
}

pub(crate) async fn poll(client: &Client, ven_id: &VenId) -> Message {
    let ven_id = ven_id.clone();
    send(client, ServiceName::OadrPoll, Poll { ven_id }).await
}

/// Takes what a new VEN is told after its registration.
pub(crate) async fn settle(client: &Client, ven_id: &VenId) {
    let Message::RegisterReport(offer) = poll(client, ven_id).await else {
        panic!("no oadrRegisterReport");
    };
    let answer = RegisteredReport {
        ei_response: EiResponse::ok(offer.request_id),
        report_requests: Vec::new(),
        ven_id: Some(ven_id.clone()),
    };
    send(client, ServiceName::EiReport, answer).await;
}

/// Opts in to an event that was not modified.
pub(crate) async fn answer_event(client: &Client, ven_id: &VenId, event_id: &str) {
    let response = EventResponse {
        response_code: ResponseCode::OK,
        response_description: None,
        request_id: RequestId::default(),
        qualified_event_id: QualifiedEventId {
            event_id: EventId::new(event_id).unwrap(),
            modification_number: 0,
        },
        opt_type: OptType::OptIn,
    };
    let created = CreatedEvent {
        created: EiCreatedEvent {
            ei_response: EiResponse::ok(RequestId::default()),
            event_responses: Some(EventResponses {
                responses: vec![response],
            }),
            ven_id: ven_id.clone(),
        },
    };
    let reply = send(client, ServiceName::EiEvent, created).await;
    assert_eq!(reply.ei_response().unwrap().response_code, ResponseCode::OK);
}

/// Cancels the registration of the VEN.
pub(crate) async fn leave(client: &Client, ven_id: &VenId, registration_id: RegistrationId) {
    let cancel = CancelPartyRegistration {
        request_id: RequestId::new("leave").unwrap(),
        registration_id,
        ven_id: Some(ven_id.clone()),
    };
    let reply = send(client, ServiceName::EiRegisterParty, cancel).await;
    assert_eq!(reply.ei_response().unwrap().response_code, ResponseCode::OK);
}

#[tokio::test]
async fn an_idle_poll_writes_nothing() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let client = client(&vtn.vtn_url());
    let ven_id = register(&client, "Pump1").await;
    settle(&client, &ven_id).await;
    let database = rusqlite::Connection::open(folder.path().join("vtn.db")).unwrap();
    // Goes up when another connection commits.
    let commits = || -> i64 {
        database
            .query_row("PRAGMA data_version", [], |row| row.get(0))
            .unwrap()
    };
    let outbox = || async {
        let pending = "SELECT count(*) FROM outbox";
        json!(
            database
                .query_row(pending, [], |row| row.get::<_, i64>(0))
                .unwrap()
        )
    };
    until("everything is told", outbox, |pending| *pending == 0).await;
    let before = commits();
    for _ in 0..100 {
        let reply = poll(&client, &ven_id).await;
        assert_eq!(reply.kind(), MessageKind::Response);
    }
    assert_eq!(commits(), before);
    vtn.stop().await;
}

#[tokio::test]
async fn a_ven_that_never_answers_is_given_up_when_the_event_has_ended() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let client_ = client(&vtn.vtn_url());
    let ven_id = register(&client_, "Pump1").await;
    settle(&client_, &ven_id).await;
    let event = json!({
        "event_id": "Event1", "market_context": "http://example.com/dr",
        "signals": [{
            "signal_name": "SIMPLE", "signal_type": "level",
            "intervals": [{"duration": "PT5S", "payload": 1}],
        }],
    });
    call(&vtn.api_url(), Method::POST, "/api/v1/events", Some(&event)).await;
    let told = poll(&client_, &ven_id).await;
    assert_eq!(told.kind(), MessageKind::DistributeEvent);
    let path = "/api/v1/events/Event1";
    let sent = call(&vtn.api_url(), Method::GET, path, None).await.body;
    assert_eq!(
        (&sent["vens"][0]["delivery"], &sent["vens"][0]["times_sent"]),
        (&json!("sent"), &json!(1))
    );
    // The deadline is found again after a restart.
    vtn.stop().await;
    let vtn = start(folder.path(), Admission::Open).await;
    let mut happenings = vtn.happenings();
    let given_up = within("the event is given up", async {
        loop {
            let happening = happenings.recv().await.unwrap();
            if let Effect::DeliveryGivenUp { event_id, .. } = &happening.effect {
                return event_id.clone();
            }
        }
    });
    assert_eq!(given_up.await.as_str(), "Event1");
    let api = vtn.api_url();
    let show = || async { call(&api, Method::GET, path, None).await.body };
    let shown = until("the operator sees it", show, |event: &Value| {
        event["vens"][0]["delivery"] == "given_up"
    });
    assert_eq!(shown.await["status"], "completed");
    let list = call(&api, Method::GET, "/api/v1/events", None).await.body;
    assert_eq!(
        list["events"][0]["deliveries"],
        json!({"sent": 0, "answered": 0, "given_up": 1})
    );
    vtn.stop().await;
}

#[tokio::test]
async fn vens_of_one_name_that_register_at_once_are_one_ven() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let client = client(&vtn.vtn_url());
        tasks.spawn(async move { register(&client, "Pump1").await });
    }
    let mut ids = std::collections::BTreeSet::new();
    while let Some(id) = tasks.join_next().await {
        ids.insert(id.unwrap());
    }
    assert_eq!(ids.len(), 1, "{ids:?}");
    let list = call(&vtn.api_url(), Method::GET, "/api/v1/vens", None)
        .await
        .body;
    assert_eq!(list["vens"].as_array().unwrap().len(), 1);
    vtn.stop().await;
}

#[tokio::test]
async fn what_a_killed_process_did_not_tell_is_told_at_the_next_start() {
    let folder = Folder::new();
    start(folder.path(), Admission::Open).await.stop().await;
    let database = rusqlite::Connection::open(folder.path().join("vtn.db")).unwrap();
    database
        .execute(
            "INSERT INTO outbox (partition, version, position, at, effect) VALUES (1, 1, 0, 0, ?1)",
            [json!({"effect": "registration_cancelled", "ven_id": "Ven1"}).to_string()],
        )
        .unwrap();
    let vtn = start(folder.path(), Admission::Open).await;
    let left = || async {
        let count = "SELECT count(*) FROM outbox";
        json!(
            database
                .query_row(count, [], |row| row.get::<_, i64>(0))
                .unwrap()
        )
    };
    until("the outbox is empty", left, |left| *left == 0).await;
    vtn.stop().await;
}

#[tokio::test]
async fn while_the_database_is_taken_vens_are_asked_to_come_back() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let client = client(&vtn.vtn_url());
    let ven_id = register(&client, "Pump1").await;
    let database = rusqlite::Connection::open(folder.path().join("vtn.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let poll_now = || async {
        let ven_id = ven_id.clone();
        client
            .send(ServiceName::OadrPoll, &Message::from(Poll { ven_id }))
            .await
    };
    // This one has something to write.
    let refused = poll_now().await;
    let Err(ClientError::Status {
        status,
        retry_after,
        ..
    }) = refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (status.as_u16(), retry_after),
        (503, Some(Duration::from_secs(5)))
    );
    let event = json!({"market_context": "http://example.com/dr", "signals": [{
        "signal_name": "SIMPLE", "signal_type": "level",
        "intervals": [{"duration": "PT1H", "payload": 1}],
    }]});
    let answer = call(&vtn.api_url(), Method::POST, "/api/v1/events", Some(&event)).await;
    assert_eq!(answer.status.as_u16(), 503);
    assert_eq!(answer.headers["retry-after"], "5");
    database.execute_batch("ROLLBACK").unwrap();
    settle(&client, &ven_id).await;
    let list = call(&vtn.api_url(), Method::GET, "/api/v1/events", None)
        .await
        .body;
    assert_eq!(list["events"], json!([]));
    vtn.stop().await;
}
