//! The harness proves itself: two peers that are not ours, through the tap, under the schema.

use std::time::Duration;

use conformance::http::Base;
use conformance::peers::{Opt, Peers};
use conformance::process::Mark;
use conformance::schema::{Validator, Verdict};
use conformance::tap::Tap;
use serde_json::{Value, json};

use crate::busy_ven::BusyVen;
use crate::wire;

#[test]
fn two_openleadr_peers_talk_through_the_tap() {
    let Some(peers) = Peers::or_skip("two_openleadr_peers_talk_through_the_tap") else {
        return;
    };
    let mut vtn = peers.openleadr_vtn().unwrap();
    let listening = vtn.wait_for("listening").unwrap();
    let url = listening["vtn"].as_str().unwrap();
    let tap = Tap::start(Base::parse(url).unwrap().address).unwrap();
    let mut ven = peers
        .openleadr_ven(&tap.through(url), "Ven1", Opt::In)
        .unwrap();

    let registered = vtn.wait_for("registered").unwrap();
    assert_eq!(registered["ven_name"], "Ven1");
    let ven_id = &registered["ven_id"];
    assert_eq!(ven.wait_for("registered").unwrap()["ven_id"], *ven_id);
    ven.wait_for("running").unwrap();

    vtn.send(&json!({
        "command": "add_event", "ven_id": ven_id, "event_id": "Event1", "start_in": 60,
        "intervals": [{"seconds": 60, "payload": 1}, {"seconds": 60, "payload": 2}],
    }))
    .unwrap();
    let event = ven.wait_for("event_received").unwrap();
    assert_eq!(event["event_id"], "Event1");
    assert_eq!(event["signals"][0]["intervals"][1]["payload"], 2.0);
    assert_eq!(vtn.wait_for("opt").unwrap()["opt"], "optIn");

    vtn.send(&json!({"command": "cancel_event", "ven_id": ven_id, "event_id": "Event1"}))
        .unwrap();
    let cancelled = ven.wait_for("event_updated").unwrap();
    assert_eq!(
        (&cancelled["status"], &cancelled["modification_number"]),
        (&json!("cancelled"), &json!(1))
    );

    let before = vtn.mark();
    vtn.send(&json!({"command": "request_reregistration", "ven_id": ven_id}))
        .unwrap();
    let again = vtn.wait_after(before, "registered", |_| true).unwrap();
    assert_eq!(
        again["presented_registration_id"],
        registered["registration_id"]
    );

    ven.send(&json!({"command": "cancel_registration"}))
        .unwrap();
    assert_eq!(
        ven.wait_for("cancellation_answered").unwrap()["registered"],
        false
    );
    assert_eq!(
        vtn.wait_for("registration_cancelled").unwrap()["known"],
        true
    );

    wire::require_valid(&peers, &tap.exchanges());
}

#[test]
fn an_openleadr_vtn_can_cancel_a_registration() {
    let Some(peers) = Peers::or_skip("an_openleadr_vtn_can_cancel_a_registration") else {
        return;
    };
    let mut vtn = peers.openleadr_vtn().unwrap();
    let listening = vtn.wait_for("listening").unwrap();
    let url = listening["vtn"].as_str().unwrap();
    let tap = Tap::start(Base::parse(url).unwrap().address).unwrap();
    let ven = peers
        .openleadr_ven(&tap.through(url), "Ven1", Opt::In)
        .unwrap();
    let ven_id = ven.wait_for("registered").unwrap()["ven_id"].clone();
    ven.wait_for("running").unwrap();

    vtn.send(&json!({"command": "cancel_registration", "ven_id": ven_id}))
        .unwrap();
    vtn.wait_for("cancellation_sent").unwrap();
    let posted = |line: &Value| line["message"] == "oadrCanceledPartyRegistration";
    vtn.wait_after(Mark::START, "received", posted).unwrap();
    wire::require_valid(&peers, &tap.exchanges());
}

#[test]
fn the_busy_ven_is_understood_by_openleadr() {
    let Some(peers) = Peers::or_skip("the_busy_ven_is_understood_by_openleadr") else {
        return;
    };
    let mut vtn = peers.openleadr_vtn().unwrap();
    let listening = vtn.wait_for("listening").unwrap();
    let base = Base::parse(listening["vtn"].as_str().unwrap()).unwrap();
    let tap = Tap::start(base.address).unwrap();
    let base = Base {
        address: tap.address(),
        ..base
    };
    let ven = BusyVen::start(&base, "Busy1", "optOut", Duration::from_millis(3));

    vtn.send(&json!({
        "command": "add_event", "ven_id": ven.ven_id, "event_id": "Event1", "start_in": 60,
        "intervals": [{"seconds": 60, "payload": 1}],
    }))
    .unwrap();
    let opt = vtn.wait_for("opt").unwrap();
    assert_eq!(
        (&opt["event_id"], &opt["opt"]),
        (&json!("Event1"), &json!("optOut"))
    );
    assert_eq!(ven.stop(), 1);
    wire::require_valid(&peers, &tap.exchanges());
}

#[test]
fn the_schema_check_can_say_no() {
    let Some(peers) = Peers::or_skip("the_schema_check_can_say_no") else {
        return;
    };
    let validator = Validator::start(&peers).unwrap();
    let poll = |inner: &str| {
        format!(
            r#"<o:oadrPayload xmlns:o="http://openadr.org/oadr-2.0b/2012/07"
                xmlns:e="http://docs.oasis-open.org/ns/energyinterop/201110"><o:oadrSignedObject>
                <o:oadrPoll e:schemaVersion="2.0b">{inner}</o:oadrPoll>
                </o:oadrSignedObject></o:oadrPayload>"#
        )
    };
    let verdict = |document: &str| validator.validate(document.as_bytes()).unwrap();
    assert_eq!(verdict(&poll("<e:venID>V1</e:venID>")), Verdict::Valid);
    for document in [
        "",
        "<a>",
        &poll(""),
        &poll("<e:venID>V1</e:venID><e:venID/>"),
    ] {
        assert!(
            matches!(verdict(document), Verdict::Invalid(_)),
            "{document}"
        );
    }
}
