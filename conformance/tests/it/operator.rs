//! What the tests do and read as the operator.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use conformance::program::Vtn;
use conformance::wait;
use serde_json::{Value, json};

/// The answer of one VEN to one event, as the operator API shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) delivery: String,
    pub(crate) opt: Option<String>,
    pub(crate) response_code: Option<String>,
    pub(crate) modification_number: Option<u64>,
}

/// An event for `vens` that starts in `start`, one minute each of the levels in `payloads`.
pub(crate) fn event(id: &str, vens: &[&str], start: Duration, payloads: &[u32]) -> Value {
    json!({
        "event_id": id,
        "vens": vens,
        "dtstart": in_time(start),
        "market_context": "http://example.com/dr",
        "signals": signals(payloads),
    })
}

/// The signals of `event`.
pub(crate) fn signals(payloads: &[u32]) -> Value {
    let interval = |payload| json!({"duration": "PT1M", "payload": payload});
    let intervals: Vec<Value> = payloads.iter().map(interval).collect();
    json!([{"signal_name": "SIMPLE", "signal_type": "level", "intervals": intervals}])
}

/// The payloads of an event that the API shows.
pub(crate) fn payloads(event: &Value) -> Vec<f64> {
    let intervals = event["signals"][0]["intervals"].as_array().unwrap();
    intervals
        .iter()
        .map(|interval| interval["payload"].as_f64().unwrap())
        .collect()
}

pub(crate) fn create(vtn: &Vtn, event: &Value) -> Value {
    vtn.call("POST", "/api/v1/events", Some(event), &[201])
        .unwrap()
}

pub(crate) fn modify(vtn: &Vtn, id: &str, change: &Value) -> Value {
    vtn.call(
        "PATCH",
        &format!("/api/v1/events/{id}"),
        Some(change),
        &[200],
    )
    .unwrap()
}

pub(crate) fn cancel(vtn: &Vtn, id: &str) {
    vtn.call(
        "DELETE",
        &format!("/api/v1/events/{id}"),
        None,
        &[200, 202, 204],
    )
    .unwrap();
}

pub(crate) fn show(vtn: &Vtn, id: &str) -> Value {
    vtn.call("GET", &format!("/api/v1/events/{id}"), None, &[200])
        .unwrap()
}

/// All VENs that the VTN knows.
pub(crate) fn vens(vtn: &Vtn) -> Vec<Value> {
    list(
        vtn.call("GET", "/api/v1/vens", None, &[200]).unwrap(),
        "vens",
    )
}

/// All events that the VTN knows.
pub(crate) fn events(vtn: &Vtn) -> Vec<Value> {
    list(
        vtn.call("GET", "/api/v1/events", None, &[200]).unwrap(),
        "events",
    )
}

/// What the API shows of this VEN's answer, if the event was meant for it.
pub(crate) fn answer(event: &Value, ven_id: &str) -> Option<Answer> {
    let vens = event["vens"].as_array().unwrap();
    let ven = vens.iter().find(|ven| ven["ven_id"] == ven_id)?;
    let text = |key: &str| ven[key].as_str().map(str::to_owned);
    Some(Answer {
        delivery: text("delivery").unwrap(),
        opt: text("opt"),
        response_code: (!ven["response_code"].is_null()).then(|| {
            ven["response_code"]
                .to_string()
                .trim_matches('"')
                .to_owned()
        }),
        modification_number: ven["modification_number"].as_u64(),
    })
}

/// Waits until this VEN has answered the event as it is now, and returns its answer.
pub(crate) fn wait_for_answer(vtn: &Vtn, id: &str, ven_id: &str, opt: &str) -> Answer {
    let what = format!("{opt} of {ven_id} to {id}");
    let found = wait::until(&what, wait::PATIENCE, || {
        let answer = answer(&show(vtn, id), ven_id)?;
        (answer.delivery == "answered" && answer.opt.as_deref() == Some(opt)).then_some(answer)
    });
    found.unwrap_or_else(|failure| panic!("{failure}\nthe API shows {:#}", show(vtn, id)))
}

/// A date-time of the wire, this far ahead.
pub(crate) fn in_time(ahead: Duration) -> String {
    DateTime::<Utc>::from(SystemTime::now() + ahead).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The same, this far back.
pub(crate) fn ago(back: Duration) -> String {
    DateTime::<Utc>::from(SystemTime::now() - back).to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn list(mut value: Value, name: &str) -> Vec<Value> {
    let list = if value.is_array() {
        value
    } else {
        value[name].take()
    };
    serde_json::from_value(list).unwrap_or_else(|error| panic!("no list of {name}: {error}"))
}
