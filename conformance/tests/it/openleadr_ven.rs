//! A real OpenLEADR VEN and `oadr vtn --dev`.

use std::time::Duration;

use conformance::folder::Folder;
use conformance::peers::{Opt, Peers};
use conformance::program::Vtn;
use conformance::tap::Tap;
use conformance::wait;
use serde_json::json;

use crate::{operator, wire};

#[test]
fn an_openleadr_ven_sees_an_event_its_modification_and_its_cancellation() {
    let name = "an_openleadr_ven_sees_an_event_its_modification_and_its_cancellation";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let data = Folder::new("vtn").unwrap();
    let vtn = Vtn::start(data.path()).unwrap();
    let tap = Tap::start(vtn.endpoint.address).unwrap();
    let mut ven = peers
        .openleadr_ven(&tap.through(&vtn.url), "Ven1", Opt::In)
        .unwrap();

    let registered = ven.wait_for("registered").unwrap();
    assert_eq!(registered["poll_frequency"], 1.0);
    let ven_id = registered["ven_id"].as_str().unwrap();
    ven.wait_for("reports_registered").unwrap();
    ven.wait_for("running").unwrap();
    let known = operator::vens(&vtn);
    assert_eq!(known.len(), 1, "{known:?}");
    assert_eq!(
        (&known[0]["ven_id"], &known[0]["ven_name"]),
        (&json!(ven_id), &json!("Ven1"))
    );
    wire::wait_for_exchange(&tap, "oadrPoll > oadrRegisterReport");
    wire::wait_for_exchange(&tap, "oadrRegisteredReport > oadrResponse");

    let start = Duration::from_secs(600);
    let created = operator::create(&vtn, &operator::event("Event1", &["Ven1"], start, &[1, 2]));
    assert_eq!(created["event_id"], "Event1");
    let event = ven.wait_for("event_received").unwrap();
    assert_eq!(event["event_id"], "Event1");
    assert_eq!(event["modification_number"], 0);
    assert_eq!(event["status"], "far");
    assert_eq!(event["market_context"], "http://example.com/dr");
    assert_eq!(event["duration"], 120.0);
    assert_eq!(event["targets"], json!([{"ven_id": ven_id}]));
    let signal = &event["signals"][0];
    assert_eq!(
        (&signal["signal_name"], &signal["signal_type"]),
        (&json!("SIMPLE"), &json!("level"))
    );
    assert_eq!(
        signal["intervals"],
        json!([{"duration": 60.0, "uid": 0, "payload": 1.0}, {"duration": 60.0, "uid": 1, "payload": 2.0}])
    );
    let answer = operator::wait_for_answer(&vtn, "Event1", ven_id, "optIn");
    assert_eq!(answer.response_code.as_deref(), Some("200"));

    ven.send(&json!({"command": "opt", "opt": "optOut"}))
        .unwrap();
    let mark = ven.mark();
    operator::modify(
        &vtn,
        "Event1",
        &json!({"signals": operator::signals(&[1, 3])}),
    );
    let modified = ven.wait_after(mark, "event_updated", |_| true).unwrap();
    assert_eq!(
        (&modified["event_id"], &modified["modification_number"]),
        (&json!("Event1"), &json!(1))
    );
    assert_eq!(modified["signals"][0]["intervals"][1]["payload"], 3.0);
    operator::wait_for_answer(&vtn, "Event1", ven_id, "optOut");

    ven.send(&json!({"command": "opt", "opt": "optIn"}))
        .unwrap();
    let mark = ven.mark();
    operator::cancel(&vtn, "Event1");
    let cancelled = ven.wait_after(mark, "event_updated", |_| true).unwrap();
    assert_eq!(
        (&cancelled["status"], &cancelled["modification_number"]),
        (&json!("cancelled"), &json!(2))
    );
    operator::wait_for_answer(&vtn, "Event1", ven_id, "optIn");
    assert_eq!(operator::show(&vtn, "Event1")["status"], "cancelled");

    wire::require_valid(&peers, &tap.exchanges());
    all_succeeded(&tap);
}

#[test]
fn an_openleadr_ven_registers_again_when_asked_and_stops_when_cancelled() {
    let name = "an_openleadr_ven_registers_again_when_asked_and_stops_when_cancelled";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let data = Folder::new("vtn").unwrap();
    let vtn = Vtn::start(data.path()).unwrap();
    let tap = Tap::start(vtn.endpoint.address).unwrap();
    let ven = peers
        .openleadr_ven(&tap.through(&vtn.url), "Ven1", Opt::In)
        .unwrap();
    let first = ven.wait_for("registered").unwrap();
    ven.wait_for("running").unwrap();
    let ven_id = first["ven_id"].as_str().unwrap();

    let mark = ven.mark();
    let path = format!("/api/v1/vens/{ven_id}");
    vtn.call(
        "POST",
        &format!("{path}/reregister"),
        None,
        &[200, 202, 204],
    )
    .unwrap();
    let again = ven.wait_after(mark, "registered", |_| true).unwrap();
    assert_eq!(again["ven_id"], first["ven_id"]);
    assert_eq!(again["registration_id"], first["registration_id"]);

    vtn.call("DELETE", &path, None, &[200, 202, 204]).unwrap();
    wire::wait_for_exchange(&tap, "oadrPoll > oadrCancelPartyRegistration");
    wire::wait_for_exchange(&tap, "oadrCanceledPartyRegistration > oadrResponse");

    wire::require_valid(&peers, &tap.exchanges());
    all_succeeded(&tap);
}

/// Without the tap: then replies are compressed, as this VEN asks for it.
#[test]
fn an_openleadr_ven_reads_what_the_vtn_compresses() {
    let name = "an_openleadr_ven_reads_what_the_vtn_compresses";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let data = Folder::new("vtn").unwrap();
    let vtn = Vtn::start(data.path()).unwrap();
    let ven = peers.openleadr_ven(&vtn.url, "Ven1", Opt::Out).unwrap();
    let registered = ven.wait_for("registered").unwrap();
    let ven_id = registered["ven_id"].as_str().unwrap();
    let start = Duration::from_secs(600);
    operator::create(&vtn, &operator::event("Event1", &[ven_id], start, &[1; 24]));
    let event = ven.wait_for("event_received").unwrap();
    assert_eq!(
        event["signals"][0]["intervals"].as_array().unwrap().len(),
        24
    );
    operator::wait_for_answer(&vtn, "Event1", ven_id, "optOut");
}

fn all_succeeded(tap: &Tap) {
    let count = tap.count();
    // The VEN goes on polling: one poll may be on its way.
    let exchanges = wait::until("every reply", wait::PATIENCE, || {
        let exchanges = tap.exchanges();
        let mut begun = exchanges.iter().take(count);
        begun
            .all(|exchange| exchange.reply.is_some())
            .then_some(exchanges)
    });
    for exchange in exchanges.unwrap().iter().take(count) {
        let status = exchange.reply.as_ref().map(|reply| reply.status);
        assert_eq!(
            status,
            Some(200),
            "{} was refused",
            wire::message(&exchange.request)
        );
    }
}
