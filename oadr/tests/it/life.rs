//! Events from their creation to their end, with a VTN and VENs that stop and start in between.

use chrono::{DateTime, SecondsFormat, SubsecRound as _, TimeDelta, Utc};
use hyper::{Method, StatusCode};
use oadr::ven::OnEvent;
use oadr_core::value::OptType;
use oadr_core::vtn::Admission;
use serde_json::{Value, json};
use std::time::Duration;

use crate::folder::Folder;
use crate::served::{Ven, call, start, until, ven_config};

pub(crate) fn event(id: &str, start: DateTime<Utc>, seconds: u32) -> Value {
    let interval = |payload| json!({"duration": format!("PT{seconds}S"), "payload": payload});
    json!({
        "event_id": id,
        "market_context": "http://example.com/dr",
        "dtstart": start.to_rfc3339_opts(SecondsFormat::Secs, true),
        "signals": [{
            "signal_name": "SIMPLE", "signal_type": "level",
            "intervals": [interval(1), interval(2)],
        }],
    })
}

pub(crate) async fn create(api: &str, event: &Value) {
    let answer = call(api, Method::POST, "/api/v1/events", Some(event)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
}

/// The event's only VEN, once it has answered the event as it is.
pub(crate) async fn answered(api: &str, id: &str) -> Value {
    let path = format!("/api/v1/events/{id}");
    let show = || async { call(api, Method::GET, &path, None).await.body };
    let fits = |event: &Value| event["vens"][0]["delivery"] == "answered";
    until("the event is answered", show, fits).await["vens"][0].clone()
}

#[tokio::test]
async fn an_event_is_received_modified_and_cancelled_over_restarts_of_both() {
    let folder = Folder::new();
    let (vtn_data, ven_data) = (folder.path().join("vtn"), folder.path().join("ven"));
    let vtn = start(&vtn_data, Admission::Open).await;
    let config = ven_config(&vtn.vtn_url(), "Pump1", &ven_data, OptType::OptIn);
    let mut ven = Ven::start(config).await;
    let registered = ven.next("registered").await;
    let mut wanted = event("Event1", Utc::now() + TimeDelta::hours(1), 600);
    wanted["start_after"] = json!("PT30M");
    create(&vtn.api_url(), &wanted).await;
    let received = ven.next("event_received").await;
    assert_eq!(received["modification_number"], 0);
    assert_eq!(
        received["signals"],
        json!([{
            "signal_name": "SIMPLE", "signal_type": "level", "signal_id": received["signals"][0]["signal_id"],
            "intervals": [{"duration": "PT600S", "payload": 1.0}, {"duration": "PT600S", "payload": 2.0}],
        }])
    );
    assert_eq!(ven.next("opt_sent").await["opt"], "optIn");
    let answer = answered(&vtn.api_url(), "Event1").await;
    assert_eq!(
        (&answer["opt"], &answer["response_code"]),
        (&json!("optIn"), &json!(200))
    );
    assert_eq!(ven.stop().await, Vec::<Value>::new());
    vtn.stop().await;

    // Both come back, the VTN at another address.
    let vtn = start(&vtn_data, Admission::Open).await;
    let config = ven_config(&vtn.vtn_url(), "Pump1", &ven_data, OptType::OptOut);
    let mut ven = Ven::start(config).await;
    let patch = json!({"vtn_comment": "changed"});
    let path = "/api/v1/events/Event1";
    call(&vtn.api_url(), Method::PATCH, path, Some(&patch)).await;
    // Nothing is told twice, nobody registers anew: this is the first thing to happen.
    let modified = ven.very_next().await;
    assert_eq!(modified["happening"], "event_modified");
    assert_eq!(
        (&modified["modification_number"], &modified["vtn_comment"]),
        (&json!(1), &json!("changed"))
    );
    assert_eq!(modified["random_offset"], received["random_offset"]);
    assert_eq!(modified["ven_id"], registered["ven_id"]);
    let sent = ven.next("opt_sent").await;
    assert_eq!(
        (&sent["opt"], &sent["modification_number"]),
        (&json!("optOut"), &json!(1))
    );
    assert_eq!(answered(&vtn.api_url(), "Event1").await["opt"], "optOut");

    // The VTN stops and starts while the VEN goes on.
    vtn.stop().await;
    assert!(ven.stop().await.is_empty());
    let vtn = start(&vtn_data, Admission::Open).await;
    let config = ven_config(&vtn.vtn_url(), "Pump1", &ven_data, OptType::OptOut);
    let mut ven = Ven::start(config).await;
    call(&vtn.api_url(), Method::DELETE, path, None).await;
    let cancelled = ven.very_next().await;
    assert_eq!(cancelled["happening"], "event_cancelled");
    let shown = call(&vtn.api_url(), Method::GET, path, None).await.body;
    assert_eq!(
        (&shown["status"], &shown["revision"]),
        (&json!("cancelled"), &json!(2))
    );
    answered(&vtn.api_url(), "Event1").await;
    ven.stop().await;
    vtn.stop().await;
}

#[tokio::test]
async fn an_event_runs_its_intervals_although_the_ven_restarts_and_the_vtn_is_gone() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let data = folder.path().join("ven");
    let config = ven_config(&vtn.vtn_url(), "Pump1", &data, OptType::OptIn);
    let mut ven = Ven::start(config.clone()).await;
    ven.next("registered").await;
    // Time for the answer before it begins, and for the VEN to stop within the first interval.
    let begin = Utc::now().trunc_subsecs(0) + TimeDelta::seconds(8);
    create(&vtn.api_url(), &event("Event1", begin, 5)).await;
    ven.next("opt_sent").await;
    vtn.stop().await;
    let time = |line: &Value| -> DateTime<Utc> { line["time"].as_str().unwrap().parse().unwrap() };
    let started = ven.next("event_started").await;
    assert!(time(&started) >= begin, "{started}");
    let first = ven.next("interval_started").await;
    assert_eq!(
        (&first["interval"], &first["payload"]),
        (&json!(0), &json!(1.0))
    );
    assert!(ven.stop().await.is_empty());

    // What began is not told again; what comes is.
    let mut ven = Ven::start(config).await;
    let second = ven.very_next().await;
    assert_eq!(
        (&second["happening"], &second["interval"]),
        (&json!("interval_started"), &json!(1))
    );
    let ended = ven.very_next().await;
    assert_eq!(
        (&ended["happening"], &ended["reason"]),
        (&json!("event_ended"), &json!("completed"))
    );
    assert!(time(&ended) >= begin + TimeDelta::seconds(10), "{ended}");
    ven.stop().await;
}

fn asking(config: oadr::ven::Ven, command: String) -> oadr::ven::Ven {
    let on_event = OnEvent { command };
    config.on_event(move |event| {
        let on_event = on_event.clone();
        async move { on_event.ask(&event).await }
    })
}

#[tokio::test]
async fn a_command_decides_and_is_asked_once_for_each_version() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let asked = folder.path().join("asked");
    let data = folder.path().join("ven");
    let config = ven_config(&vtn.vtn_url(), "Pump1", &data, OptType::OptIn);
    let command = format!("cat >> {}; echo optOut 469", asked.display());
    let config = asking(config, command).answer_within(Duration::from_secs(20));
    let mut ven = Ven::start(config).await;
    ven.next("registered").await;
    let start = Utc::now() + TimeDelta::hours(1);
    create(&vtn.api_url(), &event("Event1", start, 600)).await;
    let sent = ven.next("opt_sent").await;
    assert_eq!(
        (&sent["opt"], &sent["response_code"]),
        (&json!("optOut"), &json!(469))
    );
    let answer = answered(&vtn.api_url(), "Event1").await;
    assert_eq!(
        (&answer["opt"], &answer["response_code"]),
        (&json!("optOut"), &json!(469))
    );
    // Another event has the whole list sent again: the first is not asked about again.
    create(&vtn.api_url(), &event("Event2", start, 600)).await;
    assert_eq!(ven.next("event_received").await["event_id"], "Event2");
    answered(&vtn.api_url(), "Event2").await;
    let patch = json!({"priority": 1});
    call(
        &vtn.api_url(),
        Method::PATCH,
        "/api/v1/events/Event1",
        Some(&patch),
    )
    .await;
    ven.next("event_modified").await;
    answered(&vtn.api_url(), "Event1").await;
    ven.stop().await;
    vtn.stop().await;

    let questions = std::fs::read_to_string(&asked).unwrap();
    let questions: Vec<Value> = questions
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let versions: Vec<_> = questions
        .iter()
        .map(|q| {
            (
                q["event_id"].as_str().unwrap(),
                q["modification_number"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(versions, [("Event1", 0), ("Event2", 0), ("Event1", 1)]);
    assert_eq!(questions[0]["previous_opt"], Value::Null);
    assert_eq!(questions[2]["previous_opt"], "optOut");
}

#[tokio::test]
async fn when_the_command_fails_the_configured_opt_is_used() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let data = folder.path().join("ven");
    let config = ven_config(&vtn.vtn_url(), "Pump1", &data, OptType::OptOut);
    let config = asking(config, "sleep 1000".to_owned()).answer_within(Duration::from_millis(200));
    let mut ven = Ven::start(config).await;
    ven.next("registered").await;
    let start = Utc::now() + TimeDelta::hours(1);
    create(&vtn.api_url(), &event("Event1", start, 600)).await;
    assert_eq!(ven.next("opt_sent").await["opt"], "optOut");
    ven.stop().await;
    vtn.stop().await;
}

#[tokio::test]
async fn an_event_reaches_whom_its_targets_name() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Enrolled).await;
    let api = vtn.api_url();
    let mut vens = Vec::new();
    for (name, group) in [("Pump1", "north"), ("Pump2", "south")] {
        let new = json!({"ven_name": name, "groups": [group]});
        call(&api, Method::POST, "/api/v1/vens", Some(&new)).await;
        let data = folder.path().join(name);
        let mut ven = Ven::start(ven_config(&vtn.vtn_url(), name, &data, OptType::OptIn)).await;
        ven.next("registered").await;
        vens.push(ven);
    }
    let start = Utc::now() + TimeDelta::hours(1);
    let mut north = event("North", start, 600);
    north["targets"] = json!({"group_id": ["north"]});
    create(&api, &north).await;
    create(&api, &event("All", start, 600)).await;
    let answer = answered(&api, "North").await;
    assert_eq!(answer["ven_name"], "Pump1");
    let shown = call(&api, Method::GET, "/api/v1/events/North", None)
        .await
        .body;
    assert_eq!(shown["vens"].as_array().unwrap().len(), 1);
    // The other one's first event is the one for all.
    assert_eq!(vens[1].next("event_received").await["event_id"], "All");
    for ven in vens {
        ven.stop().await;
    }
    vtn.stop().await;
}
