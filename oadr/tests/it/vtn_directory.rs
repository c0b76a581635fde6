//! An application's own directory in the place of the built-in enrolment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oadr::payload::{Message, MessageKind, ResponseCode};
use oadr::value::{EventStatus, GroupId, SignalName, SignalType, Text, VenId};
use oadr::vtn::{Directory, Event, HandlerError, Interval, Listed, RegistrationAnswer, Vtn};
use oadr_core::vtn::Admission;
use oadr_http::ClientError;

use crate::folder::Folder;
use crate::served::settings;
use crate::wire::{client, create, poll, register, registered, send, settle};

/// VENs by ID and by name, how often anybody was looked up, and whether it can be asked at all.
#[derive(Debug, Clone, Default)]
struct Book(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
struct Pages {
    vens: BTreeMap<String, Listed>,
    asked: u32,
    is_closed: bool,
}

impl Book {
    fn with(names: &[&str]) -> Self {
        let book = Self::default();
        for name in names {
            let mut listed = Listed::new(VenId::new(format!("id-of-{name}")).unwrap());
            listed.ven_name = Text::new(name).ok();
            let id = listed.ven_id.to_string();
            let vens = &mut book.0.lock().unwrap().vens;
            vens.insert((*name).to_owned(), listed.clone());
            vens.insert(id, listed);
        }
        book
    }

    fn asked(&self) -> u32 {
        self.0.lock().unwrap().asked
    }
}

impl Directory for Book {
    async fn ven_lookup(&self, ven: &str) -> Result<Option<Listed>, HandlerError> {
        let mut pages = self.0.lock().unwrap();
        pages.asked += 1;
        if pages.is_closed {
            return Err("the book is closed".into());
        }
        Ok(pages.vens.get(ven).cloned())
    }

    fn remember(&self) -> Duration {
        match self.0.lock().unwrap().vens.contains_key("for a moment") {
            true => Duration::ZERO,
            false => Duration::from_secs(3600),
        }
    }
}

fn vtn(folder: &Folder, book: &Book) -> Vtn {
    Vtn::from_config(settings(folder.path(), Admission::Enrolled)).directory(book.clone())
}

#[tokio::test]
async fn only_vens_in_the_directory_register_and_a_poll_costs_no_look_up() {
    let folder = Folder::new();
    let book = Book::with(&["Pump1"]);
    let vtn = vtn(&folder, &book).start().await.unwrap();
    let client = client(&vtn.vtn_url());
    let stranger = registered(&client, "Pump2").await;
    assert_eq!(
        stranger.ei_response.response_code,
        ResponseCode::NOT_REGISTERED
    );
    assert_eq!(stranger.ven_id, None);
    let ven_id = register(&client, "Pump1").await;
    assert_eq!(ven_id.as_str(), "id-of-Pump1");
    settle(&client, &ven_id).await;
    let asked = book.asked();
    for _ in 0..10 {
        assert_eq!(poll(&client, &ven_id).await.kind(), MessageKind::Response);
    }
    assert_eq!(book.asked(), asked);
    // Whom it knows by another name is not whom it knows.
    let mut other = create("Pump2");
    other.ven_id = Some(ven_id);
    let reply = send(&client, oadr::value::ServiceName::EiRegisterParty, other).await;
    let code = reply.ei_response().unwrap().response_code;
    assert_eq!(code, ResponseCode::NOT_REGISTERED);
    vtn.stop().await;
}

#[tokio::test]
async fn a_ven_that_was_taken_out_is_nobody_and_one_that_cannot_be_looked_up_waits() {
    let folder = Folder::new();
    let book = Book::with(&["Pump1", "for a moment"]);
    let vtn = vtn(&folder, &book).start().await.unwrap();
    let client = client(&vtn.vtn_url());
    let ven_id = register(&client, "Pump1").await;
    settle(&client, &ven_id).await;
    book.0.lock().unwrap().is_closed = true;
    let request = oadr::payload::Poll {
        ven_id: ven_id.clone(),
    };
    let service = oadr::value::ServiceName::OadrPoll;
    let waits = client.send(service, &request.into()).await.unwrap_err();
    assert!(
        matches!(&waits, ClientError::Status { status, retry_after: Some(_), .. } if status.as_u16() == 503),
        "{waits}"
    );
    let out = {
        let mut pages = book.0.lock().unwrap();
        pages.is_closed = false;
        std::mem::take(&mut pages.vens)
    };
    let reply = poll(&client, &ven_id).await;
    let code = reply.ei_response().unwrap().response_code;
    assert_eq!(code, ResponseCode::NOT_REGISTERED);
    // It comes back as it was.
    book.0.lock().unwrap().vens = out;
    let reply = poll(&client, &ven_id).await;
    assert_eq!(reply.ei_response().unwrap().response_code, ResponseCode::OK);
    vtn.stop().await;
}

#[tokio::test]
async fn a_handler_beside_the_directory_has_to_agree_and_may_leave_the_ids_to_it() {
    let folder = Folder::new();
    let book = Book::with(&["Pump1", "Pump2"]);
    let vtn = vtn(&folder, &book)
        .on_create_party_registration(async |ven| {
            Ok(match ven.ven_name() {
                "Pump1" => RegistrationAnswer::accept(),
                _ => RegistrationAnswer::Refuse,
            })
        })
        .start()
        .await
        .unwrap();
    let client = client(&vtn.vtn_url());
    assert_eq!(register(&client, "Pump1").await.as_str(), "id-of-Pump1");
    assert_eq!(registered(&client, "Pump2").await.ven_id, None);
    assert_eq!(registered(&client, "Pump3").await.ven_id, None);
    vtn.stop().await;
}

#[tokio::test]
async fn membership_is_as_the_directory_has_it() {
    let folder = Folder::new();
    let book = Book::with(&["Pump1", "for a moment"]);
    let vtn = vtn(&folder, &book).start().await.unwrap();
    let client = client(&vtn.vtn_url());
    let ven_id = register(&client, "Pump1").await;
    settle(&client, &ven_id).await;
    let event = Event::new(SignalName::Simple, SignalType::Level)
        .group("north")
        .interval(Interval::lasting(oadr::value::Duration::minutes(5), 1.0));
    vtn.add_event(event).await.unwrap();
    assert_eq!(poll(&client, &ven_id).await.kind(), MessageKind::Response);
    let north = || GroupId::new("north").unwrap();
    // It joins, and the event comes with the next poll; it leaves, and the cancellation does.
    for groups in [vec![north(), north()], vec![]] {
        for listed in book.0.lock().unwrap().vens.values_mut() {
            listed.groups.clone_from(&groups);
        }
        let reply = poll(&client, &ven_id).await;
        let Message::DistributeEvent(distribute) = reply else {
            panic!("{reply:?}")
        };
        let status = distribute.events[0].ei_event.descriptor.event_status;
        assert_eq!(status == EventStatus::Cancelled, groups.is_empty());
        assert_eq!(poll(&client, &ven_id).await.kind(), MessageKind::Response);
    }
    vtn.stop().await;
}
