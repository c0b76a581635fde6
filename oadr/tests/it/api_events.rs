//! `/api/v1/events`, without any VEN at work.

use std::time::Duration;

use hyper::{Method, StatusCode};
use oadr_core::vtn::Admission;
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::served::{call, send, start, until};

fn event() -> Value {
    json!({
        "market_context": "http://example.com/dr",
        "dtstart": "2100-01-01T00:00:00Z",
        "signals": [{
            "signal_name": "SIMPLE", "signal_type": "level",
            "intervals": [{"duration": "PT1M", "payload": 1}, {"duration": "PT1M", "payload": 2}],
        }],
    })
}

/// Everything that an event can have.
fn full_event() -> Value {
    let interval = json!({"duration": "PT2H", "payload": 0.1});
    let power = json!({
        "type": "powerReal", "units": "W", "scale": "k", "hertz": 60, "voltage": 220, "ac": true,
    });
    let money = json!({"type": "currencyPerKWh", "currency": "USD", "scale": "none"});
    json!({
        "event_id": "Full1",
        "vens": ["Pump1", "Pump2"],
        "market_context": "http://example.com/dr",
        "dtstart": "2100-01-01T00:00:00Z",
        "duration": "PT2H",
        "targets": {"resource_id": ["r1"], "group_id": ["g1"]},
        "response_required": "never",
        "priority": 3,
        "start_after": "PT5M",
        "notification": "PT1H",
        "ramp_up": "PT10M",
        "recovery": "-PT5M",
        "test_event": true,
        "vtn_comment": "a < b & c",
        "modification_reason": "none yet",
        "signals": [
            {
                "signal_name": "ELECTRICITY_PRICE", "signal_type": "price", "signal_id": "s1",
                "item_base": money, "intervals": [interval],
                "targets": {"end_device_asset": ["Thermostat"]},
            },
            {
                "signal_name": "LOAD_DISPATCH", "signal_type": "setpoint", "signal_id": "s2",
                "item_base": power, "intervals": [interval],
            },
        ],
        "baseline": {
            "baseline_name": "as usual", "baseline_id": "b1", "dtstart": "2099-12-31T00:00:00Z",
            "duration": "PT2H", "resource_id": ["r1"], "item_base": power, "intervals": [interval],
        },
    })
}

async fn enrol(api: &str, name: &str) {
    let ven = json!({"ven_name": name});
    let answer = call(api, Method::POST, "/api/v1/vens", Some(&ven)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
}

#[tokio::test]
async fn everything_that_is_set_is_shown_and_kept_over_a_restart() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Enrolled).await;
    let api = vtn.api_url();
    enrol(&api, "Pump1").await;
    enrol(&api, "Pump2").await;
    let wanted = full_event();
    let answer = call(&api, Method::POST, "/api/v1/events", Some(&wanted)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(answer.headers["location"], "/api/v1/events/Full1");
    vtn.stop().await;

    let vtn = start(folder.path(), Admission::Enrolled).await;
    let shown = call(&vtn.api_url(), Method::GET, "/api/v1/events/Full1", None).await;
    assert_eq!(shown.body, answer.body);
    for (name, value) in wanted.as_object().unwrap() {
        match name.as_str() {
            "vens" => assert_eq!(shown.body["audience"], *value),
            _ => assert_eq!(shown.body[name], *value, "{name}"),
        }
    }
    assert_eq!(shown.body["status"], "far");
    assert_eq!(shown.body["end"], "2100-01-01T02:00:00Z");
    let vens = shown.body["vens"].as_array().unwrap();
    assert_eq!(vens.len(), 2);
    assert_eq!(
        (&vens[0]["ven_name"], &vens[0]["delivery"], &vens[0]["opt"]),
        (&json!("Pump1"), &json!("pending"), &Value::Null)
    );
    vtn.stop().await;
}

#[tokio::test]
async fn without_a_start_an_event_starts_now() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let mut wanted = event();
    wanted.as_object_mut().unwrap().remove("dtstart");
    let answer = call(
        &vtn.api_url(),
        Method::POST,
        "/api/v1/events",
        Some(&wanted),
    )
    .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(answer.body["status"], "active");
    assert_eq!(answer.body["duration"], "PT2M");
    vtn.stop().await;
}

#[tokio::test]
async fn the_same_creation_again_is_answered_as_at_first_and_another_is_a_conflict() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let api = vtn.api_url();
    let mut wanted = event();
    wanted["event_id"] = json!("Event1");
    let first = call(&api, Method::POST, "/api/v1/events", Some(&wanted)).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let cancelled = call(&api, Method::DELETE, "/api/v1/events/Event1", None).await;
    assert_eq!(cancelled.body["status"], "cancelled");
    vtn.stop().await;

    let vtn = start(folder.path(), Admission::Open).await;
    let api = vtn.api_url();
    let again = call(&api, Method::POST, "/api/v1/events", Some(&wanted)).await;
    assert_eq!(
        (again.status, again.body),
        (StatusCode::CREATED, first.body)
    );
    wanted["priority"] = json!(1);
    let other = call(&api, Method::POST, "/api/v1/events", Some(&wanted)).await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    assert_eq!(other.headers["content-type"], "application/problem+json");
    let list = call(&api, Method::GET, "/api/v1/events", None).await;
    assert_eq!(list.body["events"].as_array().unwrap().len(), 1);
    // Without an ID each is a new one.
    for _ in 0..2 {
        let answer = call(&api, Method::POST, "/api/v1/events", Some(&event())).await;
        assert_eq!(answer.status, StatusCode::CREATED);
    }
    let list = call(&api, Method::GET, "/api/v1/events", None).await;
    assert_eq!(list.body["events"].as_array().unwrap().len(), 3);
    vtn.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let api = vtn.api_url();
    let with = |path: &str, value: Value| {
        let mut event = event();
        *event.pointer_mut(path).unwrap() = value;
        event
    };
    let added = |name: &str, value: Value| {
        let mut event = event();
        event[name] = value;
        event
    };
    let without = |name: &str| {
        let mut event = event();
        event.as_object_mut().unwrap().remove(name);
        event
    };
    let first = "/signals/0/intervals/1/payload";
    for (body, field) in [
        (with(first, json!(9)), "signals[0].intervals[1].payload"),
        (with(first, json!("2")), "signals[0].intervals[1].payload"),
        (
            with("/signals/0/signal_type", json!("high")),
            "signals[0].signal_type",
        ),
        (
            with("/signals/0/signal_type", json!("delta")),
            "signals[0].signal_type",
        ),
        (
            with("/signals/0/intervals", json!([])),
            "signals[0].intervals",
        ),
        (with("/signals", json!([])), "signals"),
        (with("/dtstart", json!("tomorrow")), "dtstart"),
        (added("duration", json!("PT3M")), "signals[0].intervals"),
        (added("durration", json!("PT2M")), "durration"),
        (
            added("targets", json!({"ven_id": ["a", "b"]})),
            "targets.ven_id",
        ),
        (added("targets", json!({"venID": ["a"]})), "targets.venID"),
        (added("priority", json!(-1)), "priority"),
        (added("ramp_up", json!("1 h")), "ramp_up"),
        (added("vens", json!(["nobody"])), "vens[0]"),
        (added("vens", json!([])), "vens"),
        (added("vens", json!("Pump1")), "vens"),
        (added("event_id", json!("")), "event_id"),
        (added("event_id", json!(7)), "event_id"),
        (without("market_context"), "market_context"),
        (without("signals"), "signals"),
    ] {
        let answer = call(&api, Method::POST, "/api/v1/events", Some(&body)).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{field}: {answer:?}"
        );
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.body["field"], field, "{answer:?}");
        assert_eq!(answer.body["status"], 422);
        assert!(
            answer.body["detail"]
                .as_str()
                .is_some_and(|detail| !detail.is_empty())
        );
    }
    let list = call(&api, Method::GET, "/api/v1/events", None).await;
    assert_eq!(list.body, json!({"events": [], "next": null}));
    vtn.stop().await;
}

#[tokio::test]
async fn requests_that_are_none_are_refused_with_their_status() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let api = vtn.api_url();
    let json = "application/json";
    let events = "/api/v1/events";
    for (method, path, body, status) in [
        (Method::POST, events, Some((json, "{")), 400),
        (Method::POST, events, Some((json, "[]")), 422),
        (Method::POST, events, Some(("text/plain", "{}")), 415),
        (Method::POST, events, None, 415),
        (Method::PUT, events, Some((json, "{}")), 405),
        (Method::GET, "/api/v1/events/none", None, 404),
        (Method::DELETE, "/api/v1/events/none", None, 404),
        (
            Method::PATCH,
            "/api/v1/events/none",
            Some((json, "{}")),
            404,
        ),
        (Method::GET, "/api/v1/events?limit=0", None, 422),
        (Method::GET, "/api/v1/events?status=high", None, 400),
        (Method::GET, "/api/v1/events?page=1", None, 400),
        (Method::GET, "/api/v2/events", None, 404),
        (Method::GET, "/", None, 404),
    ] {
        let body = body.map(|(kind, text)| (kind, text.to_owned()));
        let answer = send(&api, method.clone(), path, body).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{method} {path}: {answer:?}"
        );
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.body["status"], status);
    }
    let long = format!("{{\"vtn_comment\": \"{}\"}}", "x".repeat(2 << 20));
    let answer = send(&api, Method::POST, events, Some((json, long))).await;
    assert_eq!(answer.status.as_u16(), 413);
    let answer = call(&api, Method::GET, "/api/v1/health", None).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["status"]),
        (200, &json!("ok"))
    );
    vtn.stop().await;
}

#[tokio::test]
async fn an_event_is_modified_but_never_its_past_and_cancelled_once() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let api = vtn.api_url();
    let mut wanted = event();
    wanted["event_id"] = json!("Event 1/2");
    wanted["priority"] = json!(2);
    let path = "/api/v1/events/Event%201%2F2";
    let created = call(&api, Method::POST, "/api/v1/events", Some(&wanted)).await;
    assert_eq!(created.headers["location"], path);

    let signals = json!([{
        "signal_name": "SIMPLE", "signal_type": "level",
        "intervals": [{"duration": "PT5M", "payload": 3}],
    }]);
    let patch = json!({"signals": signals, "priority": null, "vtn_comment": "shorter"});
    let modified = call(&api, Method::PATCH, path, Some(&patch)).await;
    assert_eq!(modified.status, StatusCode::OK, "{modified:?}");
    assert_eq!(modified.body["revision"], 1);
    assert_eq!(modified.body["duration"], "PT5M");
    assert_eq!(modified.body["vtn_comment"], "shorter");
    assert_eq!(modified.body["priority"], Value::Null);
    assert_eq!(modified.body["dtstart"], "2100-01-01T00:00:00Z");
    // The same again changes nothing.
    let again = call(&api, Method::PATCH, path, Some(&patch)).await;
    assert_eq!(again.body["revision"], 1);

    for (patch, field) in [
        (json!({"dtstart": "2000-01-01T00:00:00Z"}), "dtstart"),
        (json!({"event_id": "Event2"}), "event_id"),
        (json!({"vens": ["Pump1"]}), "vens"),
        (json!({"market_context": null}), "market_context"),
    ] {
        let answer = call(&api, Method::PATCH, path, Some(&patch)).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{answer:?}"
        );
        assert_eq!(answer.body["field"], field);
    }

    for _ in 0..2 {
        let cancelled = call(&api, Method::DELETE, path, None).await;
        assert_eq!(cancelled.status, StatusCode::OK);
        assert_eq!(
            (&cancelled.body["status"], &cancelled.body["revision"]),
            (&json!("cancelled"), &json!(2))
        );
    }
    let late = call(&api, Method::PATCH, path, Some(&patch)).await;
    assert_eq!(late.status, StatusCode::CONFLICT, "{late:?}");
    vtn.stop().await;
}

#[tokio::test]
async fn what_a_client_that_hangs_up_has_created_is_known_to_all_or_to_nobody() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let api = vtn.api_url();
    for number in 0..60_u64 {
        hang_up_after(
            &api,
            &event().to_string(),
            Duration::from_micros(100 * number),
        )
        .await;
    }
    // One after the other: when this one is done, so are those that came before.
    call(&api, Method::POST, "/api/v1/events", Some(&event())).await;
    let ask = || async {
        let on_disk = call(&api, Method::GET, "/api/v1/events", None).await.body;
        let in_memory = call(&api, Method::GET, "/api/v1/health", None).await.body;
        json!([
            on_disk["events"].as_array().unwrap().len(),
            in_memory["events"]
        ])
    };
    let counts = until("the disk and the memory agree", ask, |counts| {
        counts[0] == counts[1]
    })
    .await;
    assert!(counts[0].as_u64().unwrap() >= 1);
    vtn.stop().await;
}

/// Posts an event and closes the connection a moment later.
async fn hang_up_after(api: &str, body: &str, moment: Duration) {
    use tokio::io::AsyncWriteExt as _;
    let authority = api.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(authority).await.unwrap();
    let request = format!(
        "POST /api/v1/events HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    tokio::time::sleep(moment).await;
}

#[tokio::test]
async fn the_list_is_paged_and_filtered_by_status() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let api = vtn.api_url();
    for number in 1..=5 {
        let mut event = event();
        event["event_id"] = json!(format!("Event{number}"));
        call(&api, Method::POST, "/api/v1/events", Some(&event)).await;
    }
    call(&api, Method::DELETE, "/api/v1/events/Event2", None).await;
    let ids = |list: &Value| -> Vec<String> {
        let events = list["events"].as_array().unwrap().iter();
        events
            .map(|event| event["event_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut path = "/api/v1/events?limit=2".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = call(&api, Method::GET, &path, None).await.body;
        pages.push(ids(&page));
        let Some(next) = page["next"].as_i64() else {
            break;
        };
        path = format!("/api/v1/events?limit=2&after={next}");
    }
    assert_eq!(
        pages,
        [
            vec!["Event5", "Event4"],
            vec!["Event3", "Event2"],
            vec!["Event1"]
        ]
    );
    let far = call(&api, Method::GET, "/api/v1/events?status=far&limit=4", None).await;
    assert_eq!(ids(&far.body), ["Event5", "Event4", "Event3", "Event1"]);
    assert_eq!(far.body["next"], Value::Null);
    let cancelled = call(&api, Method::GET, "/api/v1/events?status=cancelled", None).await;
    assert_eq!(ids(&cancelled.body), ["Event2"]);
    vtn.stop().await;
}
