//! An application's handlers: asked within the request, told at least once, and harmless when they
//! are slow, fail, panic or say something else the second time.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::StatusCode;
use oadr::payload::{
    ExtensionInfo, Extensions, Info, Message, MessageKind, QueryRegistration, ResponseCode,
};
use oadr::value::{self, RequestId, ServiceName, SignalName, SignalType, Text, VenId};
use oadr::vtn::{Event, Interval, PollItem, RegistrationAnswer, Running, Vtn};
use oadr_core::vtn::Admission;
use oadr_http::{Client, ClientError};
use tokio::sync::mpsc;

use crate::folder::Folder;
use crate::served::{settings, within};
use crate::wire::{answer_event, client, create, leave, poll, register, registered, send, settle};

fn vtn(folder: &Folder) -> Vtn {
    Vtn::from_config(settings(folder.path(), Admission::Open))
}

fn level(ven: &str) -> Event {
    Event::new(SignalName::Simple, SignalType::Level)
        .ven(ven)
        .interval(Interval::lasting(value::Duration::hours(1), 1.0))
}

/// What a registration is answered: a code, or that the VTN asks for patience.
async fn registering(client: &Client, name: &str) -> Result<ResponseCode, Option<Duration>> {
    let request = create(name).into();
    match client.send(ServiceName::EiRegisterParty, &request).await {
        Ok(answer) => {
            let reply = answer.reply.unwrap().message;
            Ok(reply.ei_response().unwrap().response_code)
        }
        Err(ClientError::Status {
            status,
            retry_after,
            ..
        }) => {
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
            Err(retry_after)
        }
        Err(other) => panic!("{other}"),
    }
}

async fn event_of(message: Message) -> (String, u32) {
    let Message::DistributeEvent(distribute) = message else {
        panic!("{message:?}")
    };
    let about = &distribute.events[0].ei_event.descriptor;
    (about.event_id.to_string(), about.modification_number)
}

#[tokio::test]
async fn registrations_are_the_applications_to_decide_and_a_handler_in_trouble_harms_only_its_own()
{
    let folder = Folder::new();
    let vtn = vtn(&folder)
        .answer_within(Duration::from_millis(200))
        .on_create_party_registration(async |ven| match ven.ven_name() {
            "good" => Ok(RegistrationAnswer::accept_as("ven_id_123", "reg_id_123")?),
            "drawn" => Ok(RegistrationAnswer::accept()),
            "slow" => std::future::pending().await,
            "failing" => Err("the database is gone".into()),
            "panicking" => panic!("a slip of the application"),
            _ => Ok(RegistrationAnswer::Refuse),
        })
        .start()
        .await
        .unwrap();
    let client = client(&vtn.vtn_url());
    let slow = registering(&client, "slow");
    let others = async {
        for name in ["failing", "panicking"] {
            let patience = registering(&client, name).await.unwrap_err();
            assert!(patience.is_some(), "{name}: no Retry-After");
        }
        let refused = registering(&client, "stranger").await.unwrap();
        assert_eq!(refused, ResponseCode::NOT_REGISTERED);
        assert_eq!(register(&client, "good").await.as_str(), "ven_id_123");
        register(&client, "drawn").await
    };
    let (slow, drawn) = tokio::join!(slow, others);
    assert!(slow.unwrap_err().is_some());
    assert_ne!(drawn.as_str(), "ven_id_123");
    // Nobody else left a trace.
    let database = rusqlite::Connection::open(folder.path().join("vtn.db")).unwrap();
    let vens: u32 = database
        .query_row("SELECT count(*) FROM partitions", [], |row| row.get(0))
        .unwrap();
    assert_eq!(vens, 2);
    vtn.stop().await;
}

#[tokio::test]
async fn a_handler_that_says_something_else_when_asked_again_moves_the_ven() {
    let folder = Folder::new();
    let asked = Arc::new(AtomicU32::new(0));
    let vtn = vtn(&folder)
        .on_create_party_registration(move |_| {
            let n = asked.fetch_add(1, Ordering::Relaxed) / 2;
            async move { Ok(RegistrationAnswer::accept_as(format!("ven-{n}"), "reg")?) }
        })
        .start()
        .await
        .unwrap();
    let client = client(&vtn.vtn_url());
    let first = register(&client, "Pump1").await;
    assert_eq!(register(&client, "Pump1").await, first);
    let second = register(&client, "Pump1").await;
    assert_eq!((first.as_str(), second.as_str()), ("ven-0", "ven-1"));
    // The ID that it had is free again, and gone.
    let reply = poll(&client, &first).await;
    assert_eq!(
        reply.ei_response().unwrap().response_code,
        ResponseCode::NOT_REGISTERED
    );
    settle(&client, &second).await;
    // The ID of another VEN makes it that VEN.
    assert_eq!(register(&client, "Pump2").await, second);
    let reply = poll(&client, &second).await;
    assert_eq!(reply.kind(), MessageKind::RegisterReport);
    vtn.stop().await;
}

#[tokio::test]
async fn an_empty_poll_is_the_applications_to_fill() {
    let folder = Folder::new();
    let say: Arc<Mutex<Option<PollItem>>> = Arc::default();
    let answer = Arc::clone(&say);
    let vtn = vtn(&folder)
        .on_poll(move |_| {
            let item = answer.lock().unwrap().clone();
            async move { Ok(item) }
        })
        .start()
        .await
        .unwrap();
    let client = client(&vtn.vtn_url());
    let ven_id = register(&client, "Pump1").await;
    let set = |item| *say.lock().unwrap() = item;
    set(Some(PollItem::RequestReregistration));
    // What waits already goes before, and then nobody is asked.
    settle(&client, &ven_id).await;
    let reply = poll(&client, &ven_id).await;
    assert_eq!(reply.kind(), MessageKind::RequestReregistration);
    assert_eq!(register(&client, "Pump1").await, ven_id);
    settle(&client, &ven_id).await;

    let event = level("somebody else").event_id("e1");
    set(Some(PollItem::Event(event.clone().into())));
    let first = event_of(poll(&client, &ven_id).await).await;
    assert_eq!(first, ("e1".to_owned(), 0));
    // Said again it is the same event, which waits for its answer.
    assert_eq!(poll(&client, &ven_id).await.kind(), MessageKind::Response);
    set(Some(PollItem::Event(event.priority(1).into())));
    let second = event_of(poll(&client, &ven_id).await).await;
    assert_eq!(second, ("e1".to_owned(), 1));
    // An event that cannot be is not the VEN's fault.
    let none = Event::new(SignalName::Simple, SignalType::Level);
    set(Some(PollItem::Event(none.into())));
    assert_eq!(poll(&client, &ven_id).await.kind(), MessageKind::Response);
    set(Some(PollItem::CancelPartyRegistration));
    let reply = poll(&client, &ven_id).await;
    assert_eq!(reply.kind(), MessageKind::CancelPartyRegistration);
    vtn.stop().await;
}

#[tokio::test]
async fn the_answer_to_a_query_carries_the_applications_extensions() {
    let folder = Folder::new();
    let extensions = Extensions {
        extensions: vec![ExtensionInfo {
            name: Text::new("tariff").unwrap(),
            info: vec![Info {
                key: Text::new("zone").unwrap(),
                value: Text::new("7").unwrap(),
            }],
        }],
    };
    let added = extensions.clone();
    let vtn = vtn(&folder)
        .on_query_registration(move |_| {
            let added = added.clone();
            async move { Ok(Some(added)) }
        })
        .start()
        .await
        .unwrap();
    let query = QueryRegistration {
        request_id: RequestId::new("q").unwrap(),
    };
    let reply = send(&client(&vtn.vtn_url()), ServiceName::EiRegisterParty, query).await;
    let Message::CreatedPartyRegistration(created) = reply else {
        panic!("{reply:?}")
    };
    assert_eq!(created.extensions, Some(extensions));
    vtn.stop().await;
}

/// A VTN whose application fails to take what it is told, until it is told to.
async fn forgetful(folder: &Folder, works: bool) -> (Running, mpsc::UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded_channel();
    let (events, cancelled) = (tell.clone(), tell);
    let vtn = vtn(folder)
        .on_created_event(move |answered| {
            let tell = events.clone();
            async move {
                tell.send(format!(
                    "{} {} {}",
                    answered.event_id, answered.ven_id, answered.opt
                ))?;
                if works { Ok(()) } else { Err("not now".into()) }
            }
        })
        .on_cancel_party_registration(move |ven_id: VenId| {
            let _ = cancelled.send(format!("cancelled {ven_id}"));
            async { Ok(()) }
        })
        .start()
        .await
        .unwrap();
    (vtn, told)
}

#[tokio::test]
async fn what_a_handler_did_not_take_is_told_again_also_after_a_restart() {
    let folder = Folder::new();
    let (vtn, mut told) = forgetful(&folder, false).await;
    let client_ = client(&vtn.vtn_url());
    let registration = registered(&client_, "Pump1").await;
    let ven_id = registration.ven_id.unwrap();
    settle(&client_, &ven_id).await;
    let added = vtn
        .add_event(level(ven_id.as_str()).event_id("e1"))
        .await
        .unwrap();
    event_of(poll(&client_, &ven_id).await).await;
    answer_event(&client_, &ven_id, "e1").await;
    let line = format!("e1 {ven_id} optIn");
    for _ in 0..2 {
        assert_eq!(within("told", told.recv()).await, Some(line.clone()));
    }
    // An awaited answer is not disturbed by that.
    let outcome = within("the outcome", added.outcome()).await.unwrap();
    assert_eq!(outcome.ven_id, ven_id);
    vtn.stop().await;
    assert!(added.outcome().await.is_err());

    let (vtn, mut told) = forgetful(&folder, true).await;
    assert_eq!(within("told again", told.recv()).await, Some(line));
    let client_ = client(&vtn.vtn_url());
    // The durable answer is there for whoever asks later.
    let event = vtn.handle().event(added.event_id().clone());
    assert_eq!(event.outcome().await.unwrap(), outcome);
    leave(&client_, &ven_id, registration.registration_id.unwrap()).await;
    let gone = format!("cancelled {ven_id}");
    assert_eq!(within("told", told.recv()).await, Some(gone));
    vtn.stop().await;
    // Nothing else is told.
    assert_eq!(told.recv().await, None);
}

#[tokio::test]
async fn handlers_that_hang_hold_up_no_ven() {
    let folder = Folder::new();
    let vtn = vtn(&folder)
        .answer_within(Duration::from_millis(500))
        .on_happening(|_| std::future::pending())
        .start()
        .await
        .unwrap();
    let client = client(&vtn.vtn_url());
    let all = async {
        // More than wait in the queue and in the lanes.
        for n in 0..1_500 {
            register(&client, &format!("ven{}", n % 10)).await;
        }
    };
    within("all registrations", all).await;
    vtn.stop().await;
}
