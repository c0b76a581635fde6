//! What an application is asked about opts and told of them, and what it sets about them.

use std::time::Duration;

use hyper::{Method, StatusCode};
use oadr::payload::{
    Availability, CancelOpt, CreateOpt, Message, MessageKind, Properties, ResponseCode, Target,
};
use oadr::value::{
    self, OptId, OptReason, OptType, RequestId, ServiceName, SignalName, SignalType, VenId,
};
use oadr::vtn::{Event, Interval, OptDecision, Running, Vtn};
use oadr_core::vtn::Admission;
use oadr_http::{Client, ClientError};
use tokio::sync::mpsc;

use crate::folder::Folder;
use crate::report_wire::at;
use crate::served::{call, settings, within};
use crate::token;
use crate::wire::{client, register, send, settle};

async fn ven(vtn: &Running) -> (Client, VenId) {
    let client = client(&vtn.vtn_url());
    let ven_id = register(&client, "house").await;
    settle(&client, &ven_id).await;
    (client, ven_id)
}

/// Out for an hour.
fn out(ven_id: &VenId, opt_id: &str) -> CreateOpt {
    CreateOpt {
        opt_id: OptId::new(opt_id).unwrap(),
        opt_type: OptType::OptOut,
        opt_reason: OptReason::Schedule,
        market_context: None,
        ven_id: ven_id.clone(),
        availability: Some(Availability {
            available: vec![Properties::new(at(0), value::Duration::hours(1))],
        }),
        created: at(0),
        request_id: RequestId::new("opt").unwrap(),
        qualified_event_id: None,
        target: Target::default(),
        device_class: None,
    }
}

async fn said(client: &Client, opt: CreateOpt) -> ResponseCode {
    let reply = send(client, ServiceName::EiOpt, opt).await;
    assert_eq!(reply.kind(), MessageKind::CreatedOpt);
    reply.ei_response().unwrap().response_code
}

#[tokio::test]
async fn an_opt_is_the_applications_to_take_and_a_handler_in_trouble_changes_nothing() {
    let folder = Folder::new();
    let (tell, mut heard) = mpsc::unbounded_channel();
    let vtn = Vtn::from_config(settings(folder.path(), Admission::Open))
        .answer_within(Duration::from_millis(200))
        .on_create_opt(async |opt| match opt.opt_id.as_str() {
            "refused" => Ok(OptDecision::Refuse(ResponseCode::NOT_ALLOWED)),
            "odd" => Ok(OptDecision::Refuse(ResponseCode::OK)),
            "slow" => std::future::pending().await,
            "failing" => Err("the database is gone".into()),
            "panicking" => panic!("a slip of the application"),
            _ => Ok(OptDecision::Accept),
        })
        .on_cancel_opt(move |cancelled| {
            let sent = tell.send(format!("{} {}", cancelled.ven_id, cancelled.opt_id));
            async move { Ok(sent?) }
        })
        .start()
        .await
        .unwrap();
    let (client, ven_id) = ven(&vtn).await;
    let refused = said(&client, out(&ven_id, "refused")).await;
    assert_eq!(refused, ResponseCode::NOT_ALLOWED);
    // A refusal is one, whatever code goes with it.
    let odd = said(&client, out(&ven_id, "odd")).await;
    assert_eq!(odd, ResponseCode::DEPLOYMENT_ERROR);
    for trouble in ["slow", "failing", "panicking"] {
        let opt = Message::from(out(&ven_id, trouble));
        let answer = client.send(ServiceName::EiOpt, &opt).await;
        let Err(ClientError::Status {
            status,
            retry_after,
            ..
        }) = answer
        else {
            panic!("{trouble}: {answer:?}")
        };
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{trouble}");
        assert!(retry_after.is_some(), "{trouble}: no Retry-After");
    }
    let taken = said(&client, out(&ven_id, "taken")).await;
    assert_eq!(taken, ResponseCode::OK);
    let cancel = async |opt_id: &str| {
        let cancel = CancelOpt {
            request_id: RequestId::new("cancel").unwrap(),
            opt_id: OptId::new(opt_id).unwrap(),
            ven_id: ven_id.clone(),
        };
        let reply = send(&client, ServiceName::EiOpt, cancel).await;
        reply.ei_response().unwrap().response_code
    };
    // Of what was not taken nothing is known.
    for unknown in ["refused", "odd", "slow", "failing", "panicking"] {
        assert_eq!(cancel(unknown).await, ResponseCode::INVALID_ID, "{unknown}");
    }
    assert_eq!(cancel("taken").await, ResponseCode::OK);
    let line = within("the cancellation", heard.recv()).await;
    assert_eq!(line, Some(format!("{ven_id} taken")));
    vtn.stop().await;
    assert_eq!(heard.recv().await, None, "nothing else was told");
}

#[tokio::test]
async fn where_schedules_say_both_the_setting_decides() {
    for (precedence, effective) in [(OptType::OptOut, "optOut"), (OptType::OptIn, "optIn")] {
        let folder = Folder::new();
        let vtn = Vtn::from_config(settings(folder.path(), Admission::Open))
            .opt_precedence(precedence)
            .start()
            .await
            .unwrap();
        let api = vtn.api_url();
        token::learn(&api, &vtn.api_token_file());
        let (client, ven_id) = ven(&vtn).await;
        let hour = Availability {
            available: vec![Properties::new(later(), value::Duration::hours(1))],
        };
        for (opt_id, opt_type) in [("out", OptType::OptOut), ("in", OptType::OptIn)] {
            let opt = CreateOpt {
                opt_type,
                availability: Some(hour.clone()),
                ..out(&ven_id, opt_id)
            };
            assert_eq!(said(&client, opt).await, ResponseCode::OK);
        }
        let event = Event::new(SignalName::Simple, SignalType::Level)
            .ven("house")
            .event_id("e1")
            .start(later())
            .interval(Interval::lasting(value::Duration::hours(1), 1.0));
        vtn.add_event(event).await.unwrap();
        let event = call(&api, Method::GET, "/api/v1/events/e1", None)
            .await
            .body;
        assert_eq!(event["vens"][0]["effective_opt"], effective, "{event}");
        vtn.stop().await;
    }
}

fn later() -> value::DateTime {
    "2199-01-01T00:00:00Z".parse().unwrap()
}
