//! `/api/v1/readings`.

use std::path::Path;

use hyper::{Method, StatusCode};
use oadr_core::vtn::Admission;
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::served::{call, start};

/// 2027-01-15T08:00:00Z in microseconds.
const BEGIN: i64 = 1_800_000_000_000_000;

/// What a VEN that is gone has left: ten minutes of two data points, and one correction.
fn fill(data: &Path) {
    let database = rusqlite::Connection::open(data.join("vtn.db")).unwrap();
    let description = json!({
        "report_specifier_id": "usage", "report_name": "TELEMETRY_USAGE", "report_type": "usage",
        "reading_type": "Direct Read", "measurement": "powerReal",
        "unit": {"type": "powerReal", "units": "W", "scale": "k", "hertz": 50, "voltage": 230,
                 "ac": true},
        "resources": ["boiler"], "market_context": null,
    });
    let status = json!({
        "report_specifier_id": "status", "report_name": "TELEMETRY_STATUS",
        "report_type": "x-resourceStatus", "reading_type": "x-notApplicable",
        "measurement": "status", "unit": null, "resources": ["boiler"], "market_context": null,
    });
    let online = json!({"online": true, "manual_override": false, "load_control_state": null});
    database
        .execute_batch(&format!(
            "INSERT INTO streams VALUES (1, 77, 'Gone', 'req, \"1\"', 'power'), (2, 77, 'Gone', 'req-2', 'state');
             INSERT INTO points VALUES (1, 1, '{description}'), (2, 2, '{status}');
             WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9)
             INSERT INTO readings SELECT 77, {BEGIN} + i * 60000000, 1, 60000, 1,
                 {BEGIN} + 900000000, i + 0.5, NULL, 'Quality Good - Non Specific', 95, 0.25, NULL FROM n;
             INSERT INTO readings VALUES (77, {BEGIN} + 123456, 2, -1, 2, {BEGIN}, NULL, '{online}', NULL, NULL, NULL, NULL);
             INSERT INTO superseded SELECT NULL, partition, start, stream, duration, point, {BEGIN}, 42,
                 NULL, NULL, NULL, NULL, NULL FROM readings WHERE start = {BEGIN};"
        ))
        .unwrap();
}

async fn get(api: &str, query: &str) -> Value {
    let path = format!("/api/v1/readings{query}");
    let answer = call(api, Method::GET, &path, None).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {answer:?}");
    answer.body
}

fn starts(list: &Value) -> Vec<&str> {
    let readings = list["readings"].as_array().unwrap().iter();
    readings.map(|r| r["start"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn readings_are_listed_with_all_that_belongs_to_them() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Enrolled).await;
    let api = vtn.api_url();
    assert_eq!(get(&api, "").await, json!({"readings": [], "next": null}));
    fill(folder.path());
    let list = get(&api, "?ven=Gone&history=true").await;
    assert_eq!(starts(&list).len(), 11);
    let power = json!({
        "ven_id": "Gone", "report_request_id": "req, \"1\"", "r_id": "power",
        "report_specifier_id": "usage", "report_name": "TELEMETRY_USAGE", "report_type": "usage",
        "reading_type": "Direct Read", "measurement": "powerReal",
        "unit": {"type": "powerReal", "units": "W", "scale": "k", "hertz": 50, "voltage": 230,
                 "ac": true},
        "resources": ["boiler"], "market_context": null,
        "start": "2027-01-15T08:00:00Z", "duration": "PT1M", "value": 0.5,
        "quality": "Quality Good - Non Specific", "confidence": 95, "accuracy": 0.25,
        "created": "2027-01-15T08:15:00Z",
        "superseded": [{"value": 42.0, "quality": null, "confidence": null, "accuracy": null,
                        "created": "2027-01-15T08:00:00Z"}],
    });
    assert_eq!(list["readings"][0], power);
    let state = &list["readings"][1];
    assert_eq!(state["start"], "2027-01-15T08:00:00.123456Z");
    assert_eq!(state["status"]["online"], true);
    assert_eq!(
        (&state["value"], &state["duration"]),
        (&Value::Null, &Value::Null)
    );
    let plain = get(&api, "?ven=Gone").await;
    assert!(plain["readings"][0].get("superseded").is_none());
    vtn.stop().await;
}

#[tokio::test]
async fn readings_are_found_by_what_they_are_and_when() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Enrolled).await;
    let api = vtn.api_url();
    fill(folder.path());
    for (query, count) in [
        ("?resource=boiler", 11),
        ("?resource=pump", 0),
        ("?measurement=status", 1),
        ("?report_request=req,%20%221%22", 10),
        (
            "?r_id=power&from=2027-01-15T08:01:00Z&to=2027-01-15T08:03:00Z",
            2,
        ),
        ("?from=2027-01-15T09:01:00%2B01:00", 9),
        ("?to=2027-01-15T08:00:00.123457Z", 2),
        ("?to=2027-01-15T08:00:00.123456Z", 1),
    ] {
        assert_eq!(starts(&get(&api, query).await).len(), count, "{query}");
    }
    let made = json!({"ven_name": "barn"});
    call(&api, Method::POST, "/api/v1/vens", Some(&made)).await;
    assert_eq!(starts(&get(&api, "?ven=barn").await).len(), 0);
    vtn.stop().await;
}

#[tokio::test]
async fn pages_follow_each_other_in_the_body_and_in_the_header() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Enrolled).await;
    let api = vtn.api_url();
    fill(folder.path());
    let whole = get(&api, "").await;
    assert_eq!(whole["next"], Value::Null);
    let mut query = "?ven=Gone&limit=4".to_owned();
    let mut found = Vec::new();
    loop {
        let answer = call(&api, Method::GET, &format!("/api/v1/readings{query}"), None).await;
        found.extend(answer.body["readings"].as_array().unwrap().clone());
        let Some(next) = answer.body["next"].as_str() else {
            assert!(!answer.headers.contains_key("link"));
            break;
        };
        query = format!("?ven=Gone&limit=4&cursor={next}");
        let link = format!("</api/v1/readings{query}>; rel=\"next\"");
        assert_eq!(answer.headers["link"], link);
    }
    assert_eq!(Value::from(found), whole["readings"]);
    vtn.stop().await;
}

#[tokio::test]
async fn csv_has_a_header_and_a_line_for_each() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Enrolled).await;
    let api = vtn.api_url();
    fill(folder.path());
    let path = "/api/v1/readings?format=csv&limit=2&history=true";
    let answer = call(&api, Method::GET, path, None).await;
    let kind = "text/csv; charset=utf-8; header=present";
    assert_eq!(answer.headers["content-type"], kind);
    assert!(answer.headers.contains_key("link"));
    let body = answer.text;
    let lines: Vec<_> = body.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 4, "{body}");
    assert!(lines[0].starts_with("ven_id,report_request_id,"), "{body}");
    let about = "Gone,\"req, \"\"1\"\"\",usage,TELEMETRY_USAGE,power,usage,Direct Read,boiler,,powerReal,kW,\
                 2027-01-15T08:00:00Z,PT1M,";
    let now = format!("{about}0.5,Quality Good - Non Specific,95,0.25,2027-01-15T08:15:00Z,,,");
    let before = format!("{about}42,,,,2027-01-15T08:00:00Z,,,");
    assert!(
        lines[1].starts_with(&now) && lines[1].ends_with(",false"),
        "{body}"
    );
    assert!(
        lines[2].starts_with(&before) && lines[2].ends_with(",true"),
        "{body}"
    );
    assert!(
        lines[3].contains(",2027-01-15T08:00:00.123456Z,,,"),
        "{body}"
    );
    assert!(lines[3].contains(",true,false,"), "{body}");
    vtn.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_parameter_is_told() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Enrolled).await;
    let api = vtn.api_url();
    for (query, field) in [
        ("ven=Gone", "ven"),
        ("limit=0", "limit"),
        ("limit=10001", "limit"),
        ("limit=many", "limit"),
        ("from=yesterday", "from"),
        ("to=2027-01-15", "to"),
        ("from=2027-01-15T08:00:00Z&to=2027-01-14T08:00:00Z", "to"),
        ("cursor=x", "cursor"),
        ("format=xml", "format"),
        ("history=perhaps", "history"),
        ("r_id=a&r_id=b", "r_id"),
        ("rid=a", "rid"),
    ] {
        let path = format!("/api/v1/readings?{query}");
        let answer = call(&api, Method::GET, &path, None).await;
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        assert_eq!(
            (answer.status, &answer.body["field"]),
            (status, &json!(field)),
            "{query}"
        );
    }
    vtn.stop().await;
}
