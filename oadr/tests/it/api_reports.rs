//! `/api/v1/report-requests`, and what single VENs offer to report.

use hyper::{Method, StatusCode};
use oadr_core::value::VenId;
use oadr_core::vtn::Admission;
use oadr_http::Client;
use serde_json::json;

use crate::folder::Folder;
use crate::process::run;
use crate::report_wire::{offer, status, usage};
use crate::served::{call, start};
use crate::wire::{client, register, settle};

const REQUESTS: &str = "/api/v1/report-requests";

fn at(id: &str) -> String {
    format!("{REQUESTS}/{id}")
}

/// A registered VEN that is told nothing more, and has said what it offers.
async fn offering(url: &str) -> (Client, VenId) {
    let client = client(url);
    let ven_id = register(&client, "house").await;
    settle(&client, &ven_id).await;
    let points = [("p1", "pump"), ("p2", "pump"), ("p3", "boiler")];
    let requested = offer(&client, &ven_id, vec![usage(&points), status("s", "pump")]).await;
    assert_eq!(requested, []);
    (client, ven_id)
}

#[tokio::test]
async fn offers_are_shown_with_their_data_points() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let (_, ven_id) = offering(&vtn.vtn_url()).await;
    let shown = call(
        &vtn.api_url(),
        Method::GET,
        "/api/v1/vens/house/reports",
        None,
    )
    .await;
    let shown = shown.body;
    assert_eq!(shown["ven_id"], ven_id.as_str());
    assert_eq!(shown["requests"], json!([]));
    assert_eq!(shown["reports"][0]["report_name"], "TELEMETRY_USAGE");
    let expected = json!({
        "r_id": "p3", "report_type": "usage", "reading_type": "Direct Read",
        "measurement": "powerReal",
        "unit": {"type": "powerReal", "units": "W", "scale": "k", "hertz": 50, "voltage": 230,
            "ac": true},
        "source": {"resource_id": ["boiler"]}, "subject": {}, "market_context": null,
        "min_period": "PT1S", "max_period": "PT1H", "on_change": true,
    });
    assert_eq!(shown["reports"][0]["data_points"][2], expected);
    assert_eq!(
        shown["reports"][1]["data_points"][0]["measurement"],
        "status"
    );
    let table = run(&["reports", "offers", "house", "--api", &vtn.api_url()]).await;
    let line = "usage   TELEMETRY_USAGE   p3          powerReal:kW  boiler     PT1S  PT1H  yes";
    assert!(table.out.contains(line), "{}", table.out);
    let none = call(
        &vtn.api_url(),
        Method::GET,
        "/api/v1/vens/barn/reports",
        None,
    )
    .await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    vtn.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let api = vtn.api_url();
    let (_, _) = offering(&vtn.vtn_url()).await;
    for (wanted, field) in [
        (json!({"granularity": "PT1S"}), "ven"),
        (
            json!({"ven": "barn", "report_name": "TELEMETRY_USAGE", "granularity": "PT1S"}),
            "ven",
        ),
        (
            json!({"ven": "house", "report_name": "TELEMETRY_USAGE"}),
            "granularity",
        ),
        (
            json!({"ven": "house", "granularity": "PT1S"}),
            "report_specifier_id",
        ),
        (
            json!({"ven": "house", "granularity": "PT1S", "report_specifier_id": "none"}),
            "report_specifier_id",
        ),
        (
            json!({"ven": "house", "granularity": "PT1S", "report_specifier_id": "usage",
                "resource": "pump"}),
            "report_specifier_id",
        ),
        (
            json!({"ven": "house", "granularity": "PT1S", "report_specifier_id": "usage",
                "r_ids": ["p1", "p9"]}),
            "r_ids",
        ),
        (
            json!({"ven": "house", "granularity": "PT2H", "report_specifier_id": "usage"}),
            "granularity",
        ),
        (
            json!({"ven": "house", "granularity": "-PT1S", "report_specifier_id": "usage"}),
            "granularity",
        ),
        (
            json!({"ven": "house", "granularity": "PT1S", "report_name": "HISTORY_USAGE"}),
            "report_name",
        ),
        (
            json!({"ven": "house", "granularity": "PT1S", "measurement": "voltage"}),
            "measurement",
        ),
        // Both reports have something of it.
        (
            json!({"ven": "house", "granularity": "PT1S", "resource": "pump"}),
            "resource",
        ),
        (
            json!({"ven": "house", "granularity": "PT1S", "report_specifier_id": "usage",
                "report_request_id": ""}),
            "report_request_id",
        ),
        (
            json!({"ven": "house", "granularity": "PT1S", "report_specifier_id": "usage",
                "every": 1}),
            "every",
        ),
    ] {
        let answer = call(&api, Method::POST, REQUESTS, Some(&wanted)).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{answer:?}"
        );
        assert_eq!(answer.body["field"], field, "{wanted}: {answer:?}");
    }
    for (method, path) in [
        (Method::GET, at("none")),
        (Method::DELETE, at("none")),
        (Method::GET, format!("{REQUESTS}?ven=barn")),
        (
            Method::POST,
            "/api/v1/vens/barn/metadata-request".to_owned(),
        ),
    ] {
        let answer = call(&api, method, &path, None).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {answer:?}");
    }
    let answer = call(&api, Method::GET, &format!("{REQUESTS}?van=house"), None).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    // A VEN that is not registered cannot be asked.
    let new = json!({"ven_name": "barn"});
    call(&api, Method::POST, "/api/v1/vens", Some(&new)).await;
    let answer = call(
        &api,
        Method::POST,
        "/api/v1/vens/barn/metadata-request",
        None,
    )
    .await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{answer:?}");
    vtn.stop().await;
}
