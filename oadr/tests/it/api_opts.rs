//! `/api/v1/vens/{id}/opts` and `/api/v1/events/{id}/opts`.

use hyper::{Method, StatusCode};
use oadr_core::payload::{
    Availability, CancelOpt, CreateOpt, Properties, QualifiedEventId, ResponseCode, Target,
};
use oadr_core::value::{
    DateTime, Duration, EventId, OptId, OptReason, OptType, RequestId, ResourceId, ServiceName,
    VenId,
};
use oadr_core::vtn::Admission;
use oadr_http::Client;
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::served::{call, start};
use crate::wire::{answer_event, client, poll, register, send, settle};

fn at(text: &str) -> DateTime {
    text.parse().unwrap()
}

/// Out for some resources, without saying when or of what.
fn out(ven_id: &VenId, opt_id: &str, resources: &[&str]) -> CreateOpt {
    let resources = resources.iter().map(|id| ResourceId::new(id).unwrap());
    CreateOpt {
        opt_id: OptId::new(opt_id).unwrap(),
        opt_type: OptType::OptOut,
        opt_reason: OptReason::Economic,
        market_context: None,
        ven_id: ven_id.clone(),
        availability: None,
        created: at("2026-01-01T00:00:00Z"),
        request_id: RequestId::new("r1").unwrap(),
        qualified_event_id: None,
        target: Target {
            resource_ids: resources.collect(),
            ..Target::default()
        },
        device_class: None,
    }
}

/// From some time on, without end.
fn from(start: &str, opt: CreateOpt) -> CreateOpt {
    CreateOpt {
        availability: Some(Availability {
            available: vec![Properties::new(at(start), Duration::ZERO)],
        }),
        ..opt
    }
}

fn of_event(event_id: &str, opt: CreateOpt) -> CreateOpt {
    CreateOpt {
        qualified_event_id: Some(QualifiedEventId {
            event_id: EventId::new(event_id).unwrap(),
            modification_number: 0,
        }),
        ..opt
    }
}

async fn say(client: &Client, opt: CreateOpt) {
    let reply = send(client, ServiceName::EiOpt, opt).await;
    let response = reply.ei_response().unwrap();
    assert_eq!(response.response_code, ResponseCode::OK, "{reply:?}");
}

async fn cancel(client: &Client, ven_id: &VenId, opt_id: &str) {
    let cancel = CancelOpt {
        request_id: RequestId::new("r2").unwrap(),
        opt_id: OptId::new(opt_id).unwrap(),
        ven_id: ven_id.clone(),
    };
    let reply = send(client, ServiceName::EiOpt, cancel).await;
    assert_eq!(reply.ei_response().unwrap().response_code, ResponseCode::OK);
}

async fn get(api: &str, path: &str) -> Value {
    let answer = call(api, Method::GET, path, None).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
    answer.body
}

fn ids(list: &Value) -> Vec<&str> {
    let opts = list.as_array().unwrap().iter();
    opts.map(|opt| opt["opt_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_opts_of_a_ven_are_those_that_count_and_all_that_it_has_said() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let client_ = client(&vtn.vtn_url());
    let ven_id = register(&client_, "Pump1").await;
    settle(&client_, &ven_id).await;
    for (opt_id, resources) in [
        ("one", &["boiler"][..]),
        ("two", &["pump"]),
        ("three", &["pump"]),
    ] {
        say(
            &client_,
            from("2199-01-01T00:00:00Z", out(&ven_id, opt_id, resources)),
        )
        .await;
    }
    cancel(&client_, &ven_id, "one").await;
    // It is all on the disk.
    vtn.stop().await;
    let vtn = start(folder.path(), Admission::Open).await;
    let api = vtn.api_url();
    let opts = get(&api, "/api/v1/vens/Pump1/opts").await;
    assert_eq!(ids(&opts["in_force"]), ["three"]);
    assert_eq!(ids(&opts["history"]), ["three", "two", "one"]);
    let three = &opts["in_force"][0];
    assert_eq!(three["opt"], "optOut");
    assert_eq!(three["reason"], "economic");
    assert_eq!(three["resources"], json!(["pump"]));
    assert_eq!(
        three["periods"],
        json!([{"start": "2199-01-01T00:00:00Z", "duration": "PT0S", "end": null}])
    );
    let ended = |index: usize| &opts["history"][index]["ended"];
    assert_eq!(*ended(0), Value::Null);
    assert_eq!(ended(1)["reason"], "replaced");
    assert_eq!(ended(1)["by"], three["number"]);
    assert_eq!(ended(2)["reason"], "cancelled");

    let page = get(&api, "/api/v1/vens/Pump1/opts?limit=2").await;
    assert_eq!(ids(&page["history"]), ["three", "two"]);
    let path = format!("/api/v1/vens/Pump1/opts?limit=2&before={}", page["next"]);
    let page = get(&api, &path).await;
    assert_eq!(
        (ids(&page["history"]), &page["next"]),
        (vec!["one"], &Value::Null)
    );

    for (path, status) in [
        ("/api/v1/vens/Pump2/opts", StatusCode::NOT_FOUND),
        ("/api/v1/events/none/opts", StatusCode::NOT_FOUND),
        (
            "/api/v1/vens/Pump1/opts?limit=0",
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        ("/api/v1/vens/Pump1/opts?before=x", StatusCode::BAD_REQUEST),
    ] {
        let answer = call(&api, Method::GET, path, None).await;
        assert_eq!(answer.status, status, "{path}");
    }
    vtn.stop().await;
}

#[tokio::test]
async fn an_event_has_what_opts_come_to_for_each_resource_and_what_was_said_about_it() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let api = vtn.api_url();
    let client = client(&vtn.vtn_url());
    let ven_id = register(&client, "Pump1").await;
    settle(&client, &ven_id).await;
    let resources = json!({"resources": ["boiler", "pump"]});
    call(&api, Method::PATCH, "/api/v1/vens/Pump1", Some(&resources)).await;
    let event = json!({
        "event_id": "Event1", "market_context": "http://example.com/dr", "vens": ["Pump1"],
        "dtstart": "2199-06-01T00:00:00Z",
        "signals": [{
            "signal_name": "SIMPLE", "signal_type": "level",
            "intervals": [{"duration": "PT1H", "payload": 1}],
        }],
    });
    call(&api, Method::POST, "/api/v1/events", Some(&event)).await;
    let show =
        async || get(&api, "/api/v1/events/Event1").await["vens"][0]["effective_opt"].clone();
    assert_eq!(show().await, Value::Null);

    poll(&client, &ven_id).await;
    answer_event(&client, &ven_id, "Event1").await;
    assert_eq!(show().await, "optIn");
    say(
        &client,
        of_event("Event1", out(&ven_id, "hot", &["boiler"])),
    )
    .await;
    assert_eq!(show().await, "mixed");
    // An answer does not take back what was said about a resource (rule 206).
    answer_event(&client, &ven_id, "Event1").await;
    let opts = get(&api, "/api/v1/events/Event1/opts").await;
    assert_eq!(opts["event_id"], "Event1");
    let ven = &opts["vens"][0];
    assert_eq!(
        (&ven["ven_name"], &ven["ven_id"]),
        (&json!("Pump1"), &json!(ven_id))
    );
    let of = |index: usize| {
        let opt = &ven["opts"][index];
        [&opt["resource"], &opt["opt"], &opt["by"]].map(Value::clone)
    };
    assert_eq!(of(0), [Value::Null, json!("optIn"), json!("answer")]);
    assert_eq!(
        of(1),
        [json!("boiler"), json!("optOut"), json!("qualification")]
    );
    assert_eq!(of(2), [json!("pump"), json!("optIn"), json!("answer")]);
    assert_eq!(ids(&opts["history"]), ["hot"]);
    assert_eq!(opts["history"][0]["ven_name"], "Pump1");

    say(&client, of_event("Event1", out(&ven_id, "all", &[]))).await;
    assert_eq!(show().await, "optOut");
    let opts = get(&api, "/api/v1/events/Event1/opts").await;
    assert_eq!(ids(&opts["history"]), ["all", "hot"]);
    assert_eq!(opts["history"][1]["ended"]["reason"], "replaced");
    vtn.stop().await;
}
