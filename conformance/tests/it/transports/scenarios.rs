//! What happens between a VTN and a VEN where nothing breaks.
//!
//! Knows nothing of transports.

use std::time::Duration;

use conformance::process::Mark;
use conformance::program::Vtn;
use conformance::wait;
use serde_json::{Value, json};

use super::rig::{Rig, Transport, Ven, over_each};
use crate::{operator, readings};

/// Long after the test.
const LATER: Duration = Duration::from_secs(3600);

/// Power, whenever it is asked for.
const METER: [&str; 2] = [
    "--report",
    "Power unit=powerReal:W min=PT1S source=command:echo 7",
];

#[test]
fn a_ven_registers_and_both_say_what_they_report() {
    over_each(&METER, |vtn, ven| {
        let view = ven.view(vtn);
        assert_eq!(view["status"], "registered", "{view:#}");
        assert_eq!(view["ven_id"], ven.name);
        let registered = ven.wait("registered", "ven_id", ven.name);
        let registration = &view["registration"]["registration_id"];
        assert_eq!(registered["registration_id"], *registration);
        assert_eq!(registered["again"], false);
        wait_for_offers(vtn, ven);

        let path = format!("/api/v1/vens/{}/metadata-request", ven.name);
        let request = vtn.call("POST", &path, None, &[202]).unwrap();
        let id = request["report_request_id"].as_str().unwrap();
        wait_for_progress(vtn, id, "over");
        wait_for_offers(vtn, ven);
        assert_eq!(
            ven.view(vtn)["registration"]["registration_id"],
            *registration
        );
    });
}

#[test]
fn an_event_is_answered_modified_and_cancelled() {
    over_each(&[], |vtn, ven| {
        let id = &ven.id("Event");
        operator::create(vtn, &operator::event(id, &[ven.name], LATER, &[1, 2]));
        ven.wait("event_received", "event_id", id);
        let answer = operator::wait_for_answer(vtn, id, ven.name, "optIn");
        assert_eq!(answer.modification_number, Some(0));
        assert_eq!(answer.response_code.as_deref(), Some("200"));

        operator::modify(vtn, id, &json!({"signals": operator::signals(&[3])}));
        let modified = ven.wait("event_modified", "event_id", id);
        assert_eq!(operator::payloads(&modified), [3.0]);
        wait_for_version(vtn, ven, id, 1);

        operator::cancel(vtn, id);
        let cancelled = ven.wait("event_cancelled", "event_id", id);
        assert_eq!(cancelled["implied"], false);
        wait_for_version(vtn, ven, id, 2);
        assert_eq!(operator::show(vtn, id)["status"], "cancelled");
        for happening in ["event_received", "event_modified", "event_cancelled"] {
            assert_eq!(ven.count(happening, "event_id", id), 1, "{happening}");
        }
    });
}

#[test]
fn an_event_runs_from_its_start_to_its_end() {
    over_each(&[], |vtn, ven| {
        let id = &ven.id("Short");
        let mut event = operator::event(id, &[ven.name], Duration::ZERO, &[2]);
        // Long enough not to be over before it has come to the VEN.
        event["signals"][0]["intervals"][0]["duration"] = json!("PT10S");
        operator::create(vtn, &event);
        ven.wait("event_received", "event_id", id);
        ven.wait("event_started", "event_id", id);
        let interval = ven.wait("interval_started", "event_id", id);
        assert_eq!(interval["payload"], 2.0);
        operator::wait_for_answer(vtn, id, ven.name, "optIn");
        let ended = ven.wait("event_ended", "event_id", id);
        assert_eq!(ended["reason"], "completed");
        assert_eq!(operator::show(vtn, id)["status"], "completed");
    });
}

#[test]
fn a_ven_opts_out_of_an_event_and_of_a_time() {
    over_each(&[], |vtn, ven| {
        let id = &ven.id("Unwanted");
        operator::create(vtn, &operator::event(id, &[ven.name], LATER, &[1]));
        operator::wait_for_answer(vtn, id, ven.name, "optIn");
        ven.opt(&["out", "--event", id]);
        operator::wait_for_answer(vtn, id, ven.name, "optOut");

        let away = &ven.id("Away");
        let times = ["--start", "+P1D", "--duration", "PT1H", "--id", away];
        ven.opt(&[&["out"], &times[..]].concat());
        ven.wait("opt_accepted", "opt_id", away);
        let schedules = schedules(vtn, ven);
        assert_eq!(schedules.len(), 1, "{schedules:?}");
        assert_eq!(schedules[0]["opt_id"], **away);
        assert_eq!(schedules[0]["opt"], "optOut");

        ven.opt(&["cancel", away]);
        ven.wait("opt_cancelled", "opt_id", away);
        assert_eq!(self::schedules(vtn, ven), Vec::<Value>::new());
    });
}

#[test]
fn a_report_is_requested_delivered_and_cancelled() {
    over_each(&METER, |vtn, ven| {
        wait_for_offers(vtn, ven);
        let id = &ven.id("Wanted");
        let request = json!({
            "ven": ven.name,
            "report_request_id": id,
            "report_name": "TELEMETRY_USAGE",
            "granularity": "PT1S",
            "report_back": "PT1S",
        });
        vtn.call("POST", "/api/v1/report-requests", Some(&request), &[201])
            .unwrap();
        ven.wait("report_requested", "report_request_id", id);
        ven.wait("report_sent", "report_request_id", id);
        // The first interval may have begun before it was known.
        let is_measured = |row: &Value| row["r_id"] == "Power" && row["value"] == json!(7.0);
        wait::until("a reading", wait::PATIENCE, || {
            let rows = readings::rows(vtn, &format!("report_request={id}"));
            rows.iter().any(is_measured).then_some(())
        })
        .unwrap_or_else(|failure| panic!("{}", ven.process.failure(&failure.to_string())));
        wait_for_progress(vtn, id, "accepted");

        let path = format!("/api/v1/report-requests/{id}");
        vtn.call("DELETE", &path, None, &[202]).unwrap();
        ven.wait("report_cancelled", "report_request_id", id);
        wait_for_progress(vtn, id, "over");
        let mark = ven.process.mark();
        let rows = readings::rows(vtn, &format!("report_request={id}")).len();
        // Another exchange, after which there would have been another report.
        let event = &ven.id("After");
        operator::create(vtn, &operator::event(event, &[ven.name], LATER, &[1]));
        operator::wait_for_answer(vtn, event, ven.name, "optIn");
        assert!(ven.process.mark() != mark);
        assert_eq!(ven.count("report_requested", "report_request_id", id), 1);
        assert_eq!(
            readings::rows(vtn, &format!("report_request={id}")).len(),
            rows
        );
    });
}

#[test]
fn a_ven_registers_again_when_it_is_asked_to_and_stays_who_it_is() {
    over_each(&METER, |vtn, ven| {
        wait_for_offers(vtn, ven);
        let before = ven.view(vtn);
        let id = &ven.id("Kept");
        operator::create(vtn, &operator::event(id, &[ven.name], LATER, &[1]));
        operator::wait_for_answer(vtn, id, ven.name, "optIn");

        let path = format!("/api/v1/vens/{}/reregister", ven.name);
        vtn.call("POST", &path, None, &[202]).unwrap();
        let again = |line: &Value| line["again"] == true;
        let registered = ven.process.wait_after(Mark::START, "registered", again);
        assert_eq!(registered.unwrap()["ven_id"], ven.name);
        let view = wait::until("the renewal", wait::PATIENCE, || {
            let view = ven.view(vtn);
            (view["reregistration_requested"] == false).then_some(view)
        });
        let view = view.unwrap();
        for same in ["registration_id", "since", "transport", "transport_address"] {
            assert_eq!(view["registration"][same], before["registration"][same]);
        }
        assert_eq!(view["reports"], before["reports"]);
        operator::modify(vtn, id, &json!({"vtn_comment": "still"}));
        wait_for_version(vtn, ven, id, 1);
        assert_eq!(ven.count("event_received", "event_id", id), 1);
    });
}

#[test]
fn the_operator_cancels_a_registration() {
    over_each(&METER, |vtn, ven| {
        wait_for_offers(vtn, ven);
        let id = &ven.id("Lost");
        operator::create(vtn, &operator::event(id, &[ven.name], LATER, &[1]));
        operator::wait_for_answer(vtn, id, ven.name, "optIn");
        let path = format!("/api/v1/vens/{}", ven.name);
        vtn.call("DELETE", &path, None, &[202]).unwrap();
        ven.wait("registration_cancelled", "ven_id", ven.name);
        wait::until("its end at the VTN", wait::PATIENCE, || {
            let vens = operator::vens(vtn);
            let own = vens.iter().find(|known| known["ven_name"] == ven.name);
            own.is_none_or(|known| known["registration"].is_null())
                .then_some(())
        })
        .unwrap();
    });
}

#[test]
fn a_ven_that_changes_its_transport_keeps_its_events_and_opts() {
    let Some(rig) = Rig::or_skip() else {
        return;
    };
    let vtn = &rig.vtn;
    let mut ven = rig.ven(Transport::HttpPull, &METER);
    wait_for_offers(vtn, &ven);
    let id = &ven.id("Kept");
    operator::create(vtn, &operator::event(id, &[ven.name], LATER, &[1]));
    operator::wait_for_answer(vtn, id, ven.name, "optIn");
    let times = ["--start", "+P1D", "--duration", "PT1H", "--id", "Away"];
    ven.opt(&[&["out"], &times[..]].concat());
    let before = ven.view(vtn)["registration"]["registration_id"].clone();
    for (number, transport) in [Transport::HttpPush, Transport::Xmpp, Transport::HttpPull]
        .into_iter()
        .enumerate()
    {
        assert!(ven.process.terminate().unwrap().success());
        rig.restart_ven(&mut ven, transport, &METER);
        ven.process.wait_for("registered").unwrap();
        operator::modify(vtn, id, &json!({"vtn_comment": format!("{transport:?}")}));
        let modified = ven.wait("event_modified", "event_id", id);
        assert_eq!(modified["vtn_comment"], format!("{transport:?}"));
        wait_for_version(vtn, &ven, id, number as u64 + 1);
        assert_eq!(ven.count("event_received", "event_id", id), 0);
        assert_eq!(schedules(vtn, &ven).len(), 1);
        wait_for_offers(vtn, &ven);
        let registration = ven.view(vtn)["registration"].clone();
        assert_eq!(registration["registration_id"], before);
        let how = (
            transport == Transport::HttpPull,
            transport == Transport::Xmpp,
        );
        let is_xmpp = registration["transport"] == "xmpp";
        assert_eq!((registration["pull"] == true, is_xmpp), how);
    }
    assert_eq!(operator::vens(vtn).len(), 1);
}

/// Waits until the VTN knows what the VEN offers.
pub(super) fn wait_for_offers(vtn: &Vtn, ven: &Ven) {
    let path = format!("/api/v1/vens/{}/reports", ven.name);
    let offered = wait::until("what it offers", wait::PATIENCE, || {
        let view = vtn.call("GET", &path, None, &[200]).unwrap();
        let reports = view["reports"].as_array().unwrap();
        let mut names: Vec<_> = reports
            .iter()
            .map(|report| {
                report["report_name"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect();
        names.sort();
        (!names.is_empty()).then_some(names)
    });
    let offered =
        offered.unwrap_or_else(|failure| panic!("{}", ven.process.failure(&failure.to_string())));
    assert_eq!(offered, ["TELEMETRY_STATUS", "TELEMETRY_USAGE"]);
}

fn wait_for_progress(vtn: &Vtn, id: &str, progress: &str) {
    let path = format!("/api/v1/report-requests/{id}");
    let what = format!("{id} to be {progress}");
    wait::until(&what, wait::PATIENCE, || {
        let (status, view) = vtn.api.json("GET", &path, None).unwrap();
        // One that is over may be forgotten.
        let is_over = progress == "over" && status == 404;
        (is_over || view["progress"] == progress).then_some(())
    })
    .unwrap_or_else(|failure| panic!("{}", vtn.process.failure(&failure.to_string())));
}

/// Waits until the VEN has answered this version of the event.
pub(super) fn wait_for_version(vtn: &Vtn, ven: &Ven, id: &str, number: u64) {
    let what = format!("the answer of {} to {id}, version {number}", ven.name);
    wait::until(&what, wait::PATIENCE, || {
        let answer = operator::answer(&operator::show(vtn, id), ven.name)?;
        let is_answered = answer.delivery == "answered";
        (is_answered && answer.modification_number == Some(number)).then_some(())
    })
    .unwrap_or_else(|failure| panic!("{}", ven.process.failure(&failure.to_string())));
}

fn schedules(vtn: &Vtn, ven: &Ven) -> Vec<Value> {
    let path = format!("/api/v1/vens/{}/opts", ven.name);
    let opts = vtn.call("GET", &path, None, &[200]).unwrap();
    let in_force = opts["in_force"].as_array().unwrap();
    let is_schedule = |opt: &&Value| opt["periods"].is_array();
    in_force.iter().filter(is_schedule).cloned().collect()
}
