//! Real OpenLEADR VENs and `oadr vtn` without `--dev`: who was enrolled, and who belongs to what.

use std::path::Path;
use std::time::Duration;

use conformance::folder::Folder;
use conformance::peers::{Opt, Peers};
use conformance::process::{Mark, Process};
use conformance::program::Vtn;
use conformance::tap::Tap;
use serde_json::{Value, json};

use crate::{operator, wire};

fn start(data: &Path) -> Vtn {
    Vtn::start_enrolled(data).unwrap()
}

fn enrol(vtn: &Vtn, new: &Value) {
    vtn.call("POST", "/api/v1/vens", Some(new), &[201]).unwrap();
}

fn assign(vtn: &Vtn, ven: &str, patch: &Value) {
    let path = format!("/api/v1/vens/{ven}");
    vtn.call("PATCH", &path, Some(patch), &[200]).unwrap();
}

/// An event whose targets decide who gets it.
fn targeted(vtn: &Vtn, id: &str, targets: Value) {
    let start = Duration::from_secs(600);
    let mut event = operator::event(id, &[], start, &[1]);
    let body = event.as_object_mut().unwrap();
    body.remove("vens");
    body.insert("targets".to_owned(), targets);
    operator::create(vtn, &event);
}

/// What a VEN was first told so of an event: its number and its status.
fn next_event(ven: &Process, happening: &str, id: &str) -> (Value, Value) {
    let of_event = |line: &Value| line["event_id"] == id;
    let line = ven.wait_after(Mark::START, happening, of_event).unwrap();
    (line["modification_number"].clone(), line["status"].clone())
}

#[test]
fn only_enrolled_openleadr_vens_register_and_without_the_token_nobody_enrols() {
    let name = "only_enrolled_openleadr_vens_register_and_without_the_token_nobody_enrols";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let data = Folder::new("vtn").unwrap();
    let vtn = start(data.path());
    let tap = Tap::start(vtn.endpoint.address).unwrap();
    let stranger = peers
        .openleadr_ven(&tap.through(&vtn.url), "Stranger", Opt::In)
        .unwrap();
    let refused = |line: &Value| {
        line["message"] == "oadrCreatedPartyRegistration" && line["response_code"] == 463
    };
    stranger
        .wait_after(Mark::START, "received", refused)
        .unwrap();
    assert!(operator::vens(&vtn).is_empty(), "nothing is created");

    let mut without = vtn.api.clone();
    without.token = None;
    let new = json!({"ven_name": "Stranger"});
    let (status, _) = without.json("POST", "/api/v1/vens", Some(&new)).unwrap();
    assert_eq!(status, 401);
    assert!(operator::vens(&vtn).is_empty());

    enrol(&vtn, &json!({"ven_name": "Ven1", "ven_id": "Of-choice"}));
    let ven = peers
        .openleadr_ven(&tap.through(&vtn.url), "Ven1", Opt::In)
        .unwrap();
    assert_eq!(ven.wait_for("registered").unwrap()["ven_id"], "Of-choice");
    let known = operator::vens(&vtn);
    assert_eq!(known.len(), 1, "{known:?}");
    wire::require_valid(&peers, &tap.exchanges());
}

#[test]
fn a_group_and_a_resource_reach_exactly_their_openleadr_vens_as_they_join_and_leave() {
    let name = "a_group_and_a_resource_reach_exactly_their_openleadr_vens_as_they_join_and_leave";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let data = Folder::new("vtn").unwrap();
    let vtn = start(data.path());
    let tap = Tap::start(vtn.endpoint.address).unwrap();
    enrol(&vtn, &json!({"ven_name": "Ven1", "groups": ["north"]}));
    enrol(&vtn, &json!({"ven_name": "Ven2"}));
    let vens = ["Ven1", "Ven2"].map(|name| {
        let ven = peers.openleadr_ven(&tap.through(&vtn.url), name, Opt::In);
        let ven = ven.unwrap();
        ven.wait_for("reports_registered").unwrap();
        ven.wait_for("running").unwrap();
        ven
    });
    let [first, second] = &vens;
    // It comes with the reports that these VENs offer.
    for known in operator::vens(&vtn) {
        assert_eq!(known["learnt_resources"], json!(["Meter1"]), "{known}");
        assert_eq!(known["resources"], json!([]));
    }

    targeted(&vtn, "North", json!({"group_id": ["north"]}));
    let (new, cancelled) = (json!([0, "far"]), json!([1, "cancelled"]));
    let told = |ven: &Process, happening: &str, id: &str| {
        let (number, status) = next_event(ven, happening, id);
        json!([number, status])
    };
    assert_eq!(told(first, "event_received", "North"), new);
    // Everybody has such a meter. What the other VEN hears of first is this.
    targeted(&vtn, "Meter", json!({"resource_id": ["Meter1"]}));
    for ven in &vens {
        assert_eq!(told(ven, "event_received", "Meter"), new);
    }
    let heard = |ven: &Process, id: &str| {
        let lines = ven.happenings();
        lines.iter().any(|line| line["event_id"] == id)
    };
    assert!(!heard(second, "North"));

    assign(&vtn, "Ven2", &json!({"add_groups": ["north"]}));
    assert_eq!(told(second, "event_received", "North"), new);
    assign(&vtn, "Ven1", &json!({"remove_groups": ["north"]}));
    assert_eq!(told(first, "event_updated", "North"), cancelled);
    assign(&vtn, "Ven1", &json!({"groups": ["north"]}));
    let again = |line: &Value| line["event_id"] == "North" && line["modification_number"] == 2;
    let line = first
        .wait_after(Mark::START, "event_updated", again)
        .unwrap();
    assert_eq!(line["status"], "far");
    for ven in operator::vens(&vtn) {
        let id = ven["ven_id"].as_str().unwrap();
        operator::wait_for_answer(&vtn, "North", id, "optIn");
    }
    assert!(heard(second, "North"));
    wire::require_valid(&peers, &tap.exchanges());
}
