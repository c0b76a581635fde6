//! `oadr ven` and a real OpenLEADR VTN.

use conformance::folder::Folder;
use conformance::http::Base;
use conformance::peers::Peers;
use conformance::process::Mark;
use conformance::tap::Tap;
use conformance::{program, wait};
use serde_json::{Value, json};

use crate::wire;

#[test]
fn oadr_ven_lives_with_an_openleadr_vtn() {
    let Some(peers) = Peers::or_skip("oadr_ven_lives_with_an_openleadr_vtn") else {
        return;
    };
    let mut vtn = peers.openleadr_vtn().unwrap();
    let listening = vtn.wait_for("listening").unwrap();
    let url = listening["vtn"].as_str().unwrap();
    let tap = Tap::start(Base::parse(url).unwrap().address).unwrap();
    let url = tap.through(url);
    let data = Folder::new("ven").unwrap();
    let mut ven = program::ven(&url, "Pump1", data.path(), &["--opt", "in"]).unwrap();

    let registered = vtn.wait_for("registered").unwrap();
    assert_eq!(registered["ven_name"], "Pump1");
    let ven_id = registered["ven_id"].clone();
    assert_eq!(ven.wait_for("registered").unwrap()["ven_id"], ven_id);
    vtn.wait_after(Mark::START, "received", |line| {
        line["message"] == "oadrRegisterReport"
    })
    .unwrap();
    vtn.wait_after(Mark::START, "received", |line| {
        line["message"] == "oadrRequestEvent"
    })
    .unwrap();

    let intervals = json!([{"seconds": 60, "payload": 1}, {"seconds": 60, "payload": 2}]);
    vtn.send(&json!({
        "command": "add_event", "ven_id": ven_id, "event_id": "Event1", "start_in": 600,
        "intervals": intervals,
    }))
    .unwrap();
    let event = ven.wait_for("event_received").unwrap();
    assert_eq!(
        (&event["event_id"], &event["modification_number"]),
        (&json!("Event1"), &json!(0))
    );
    let sent = ven.wait_for("opt_sent").unwrap();
    assert_eq!(
        (&sent["event_id"], &sent["opt"]),
        (&json!("Event1"), &json!("optIn"))
    );
    let opt = vtn.wait_for("opt").unwrap();
    assert_eq!(
        (&opt["event_id"], &opt["opt"]),
        (&json!("Event1"), &json!("optIn"))
    );

    vtn.send(&json!({"command": "cancel_event", "ven_id": ven_id, "event_id": "Event1"}))
        .unwrap();
    let cancelled = ven.wait_for("event_cancelled").unwrap();
    assert_eq!(cancelled["event_id"], "Event1");
    vtn.wait_after(Mark::START, "received", |line| {
        line["message"] == "oadrCreatedEvent"
            && line["event_responses"][0]["modification_number"] == 1
    })
    .unwrap();

    let mark = vtn.mark();
    vtn.send(&json!({"command": "request_reregistration", "ven_id": ven_id}))
        .unwrap();
    let again = vtn.wait_after(mark, "registered", |_| true).unwrap();
    assert_eq!(again["presented_ven_id"], ven_id);
    assert_eq!(
        again["presented_registration_id"],
        registered["registration_id"]
    );

    // The event that really happens, with its intervals, in the same life of the VEN.
    let mark = ven.mark();
    vtn.send(&json!({
        "command": "add_event", "ven_id": ven_id, "event_id": "Event2", "start_in": 10,
        "intervals": [{"seconds": 1, "payload": 1}, {"seconds": 1, "payload": 3}],
    }))
    .unwrap();
    let second = |line: &Value| line["event_id"] == "Event2";
    let mut happened = Vec::new();
    for happening in [
        "event_received",
        "opt_sent",
        "event_started",
        "interval_started",
        "event_ended",
    ] {
        happened.push(ven.wait_after(mark, happening, second).unwrap());
    }
    let times: Vec<_> = happened
        .iter()
        .map(|line| line["time"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "{happened:#?}");

    assert!(
        ven.terminate().unwrap().success(),
        "{}",
        ven.failure("SIGTERM")
    );
    let mut ven = program::ven(&url, "Pump1", data.path(), &["--cancel-registration"]).unwrap();
    ven.wait_for("registration_cancelled").unwrap();
    assert!(ven.wait_exit(wait::PATIENCE).unwrap().success());
    let gone = vtn.wait_for("registration_cancelled").unwrap();
    assert_eq!((&gone["ven_id"], &gone["known"]), (&ven_id, &json!(true)));
    assert_eq!(gone["registration_id"], registered["registration_id"]);

    // Once at the start and once when asked: a restart is no reason to register.
    assert_eq!(
        wire::requests(&tap.exchanges(), "oadrCreatePartyRegistration"),
        2
    );
    wire::require_valid(&peers, &tap.exchanges());
}

#[test]
fn oadr_ven_stops_when_an_openleadr_vtn_cancels_its_registration() {
    let name = "oadr_ven_stops_when_an_openleadr_vtn_cancels_its_registration";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let mut vtn = peers.openleadr_vtn().unwrap();
    let listening = vtn.wait_for("listening").unwrap();
    let url = listening["vtn"].as_str().unwrap();
    let tap = Tap::start(Base::parse(url).unwrap().address).unwrap();
    let data = Folder::new("ven").unwrap();
    let ven = program::ven(&tap.through(url), "Pump1", data.path(), &["--opt", "in"]).unwrap();
    let ven_id = vtn.wait_for("registered").unwrap()["ven_id"].clone();
    ven.wait_for("registered").unwrap();

    vtn.send(&json!({"command": "cancel_registration", "ven_id": ven_id}))
        .unwrap();
    vtn.wait_for("cancellation_sent").unwrap();
    ven.wait_for("registration_cancelled").unwrap();
    wait::until("oadrCanceledPartyRegistration", wait::PATIENCE, || {
        (wire::requests(&tap.exchanges(), "oadrCanceledPartyRegistration") == 1).then_some(())
    })
    .unwrap();
    wire::require_valid(&peers, &tap.exchanges());
}
