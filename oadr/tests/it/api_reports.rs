//! `/api/v1/report-requests`, and what single VENs offer to report.

use hyper::{Method, StatusCode};
use oadr_core::payload::{
    CanceledReport, CreateReport, EiResponse, Message, MessageKind, PendingReports, ResponseCode,
};
use oadr_core::value::{ReportRequestId, RequestId, ServiceName, VenId};
use oadr_core::vtn::Admission;
use oadr_http::Client;
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::process::run;
use crate::report_wire::{offer, status, take_on, update, usage};
use crate::served::{call, start};
use crate::wire::{client, poll, register, send, settle};

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

async fn asked_to_report(client: &Client, ven_id: &VenId) -> CreateReport {
    let reply = poll(client, ven_id).await;
    let Message::CreateReport(create) = reply else {
        panic!("{reply:?}")
    };
    create
}

fn ids(create: &CreateReport) -> Vec<ReportRequestId> {
    let requests = create.report_requests.iter();
    requests.map(|r| r.report_request_id.clone()).collect()
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
async fn rule_343_a_report_of_a_resource_has_the_points_of_all_resources() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let (client, ven_id) = offering(&vtn.vtn_url()).await;
    let mut report = usage(&[("p1", "pump"), ("p2", "boiler"), ("all", "pump")]);
    report.descriptions[2].data_source = None;
    offer(&client, &ven_id, vec![report]).await;
    let wanted = json!({"ven": "house", "resource": "pump", "granularity": "PT1S"});
    let made = call(&vtn.api_url(), Method::POST, REQUESTS, Some(&wanted)).await;
    assert_eq!(made.body["r_ids"], json!(["p1", "all"]), "{made:?}");
    vtn.stop().await;
}

#[tokio::test]
async fn a_report_is_requested_taken_on_received_and_cancelled() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let api = vtn.api_url();
    let (client, ven_id) = offering(&vtn.vtn_url()).await;
    let wanted = json!({
        "ven": "house", "report_request_id": "mine", "report_name": "TELEMETRY_USAGE",
        "resource": "pump", "granularity": "PT1S", "report_back": "PT2S",
    });
    let made = call(&api, Method::POST, REQUESTS, Some(&wanted)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(made.headers["location"], "/api/v1/report-requests/mine");
    assert_eq!(made.body["r_ids"], json!(["p1", "p2"]));
    assert_eq!(
        (&made.body["progress"], &made.body["origin"]),
        (&json!("waiting"), &json!("operator"))
    );
    // Said again it is the same; another under its ID is refused.
    let again = call(&api, Method::POST, REQUESTS, Some(&wanted)).await;
    assert_eq!((again.status, &again.body), (StatusCode::OK, &made.body));
    let mut other = wanted.clone();
    other["granularity"] = json!("PT2S");
    let refused = call(&api, Method::POST, REQUESTS, Some(&other)).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");

    let create = asked_to_report(&client, &ven_id).await;
    let [request] = &create.report_requests[..] else {
        panic!("{create:?}")
    };
    assert_eq!(request.report_request_id.as_str(), "mine");
    assert_eq!(request.specifier.granularity.to_string(), "PT1S");
    let show = || async { call(&api, Method::GET, &at("mine"), None).await.body };
    assert_eq!(show().await["progress"], "sent");
    let mine = ids(&create);
    let code = ResponseCode::OK;
    take_on(&client, &ven_id, create.request_id, code, &mine).await;
    assert_eq!(show().await["progress"], "accepted");
    assert_eq!(show().await["last_report"], Value::Null);
    let values = [
        ("p1", 0, 1.0),
        ("p2", 0, 2.0),
        ("p1", 1, 1.5),
        ("p2", 1, 2.5),
    ];
    let code = update(&client, &ven_id, &mine[0], &values).await;
    assert_eq!(code, ResponseCode::OK);
    let shown = show().await;
    assert!(shown["last_report"].is_string(), "{shown}");
    assert_eq!(shown["data_until"], json!("2027-01-15T08:00:02Z"));

    let list = run(&["reports", "list", "house", "--api", &api]).await;
    assert!(
        list.out.contains("mine") && list.out.contains("accepted"),
        "{}",
        list.out
    );
    let cancelled = run(&["reports", "cancel", "mine", "--api", &api]).await;
    let told = "mine: to be cancelled; the VEN is told at its next poll or by a push\n";
    assert_eq!(cancelled.out, told);
    let Message::CancelReport(cancel) = poll(&client, &ven_id).await else {
        panic!("no oadrCancelReport")
    };
    assert_eq!(cancel.report_request_ids.to_vec(), mine);
    assert_eq!(show().await["progress"], "cancelling");
    let answer = CanceledReport {
        ei_response: EiResponse::ok(cancel.request_id),
        pending_reports: PendingReports::default(),
        ven_id: Some(ven_id.clone()),
    };
    send(&client, ServiceName::EiReport, answer).await;
    assert_eq!(show().await["progress"], "over");
    vtn.stop().await;
}

#[tokio::test]
async fn a_refused_request_shows_its_code_and_one_that_waits_is_cancelled_at_once() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let api = vtn.api_url();
    let (client, ven_id) = offering(&vtn.vtn_url()).await;
    let request = ["reports", "request", "house", "--api", &api, "--json"];
    let request = async |more: &[&str]| {
        let made = run(&[&request[..], more].concat()).await;
        assert!(made.status.success(), "{made:?}");
        let made: Value = serde_json::from_str(&made.out).unwrap();
        made["report_request_id"].as_str().unwrap().to_owned()
    };
    let refused = request(&["--report", "usage", "--granularity", "PT1M"]).await;
    let create = asked_to_report(&client, &ven_id).await;
    let code = ResponseCode::INVALID_DATA;
    take_on(&client, &ven_id, create.request_id, code, &[]).await;
    let shown = call(&api, Method::GET, &at(&refused), None).await.body;
    assert_eq!(
        (&shown["progress"], &shown["response_code"]),
        (&json!("refused"), &json!(454))
    );
    let waiting = request(&["--measurement", "status", "--once"]).await;
    let cancelled = call(&api, Method::DELETE, &at(&waiting), None).await;
    assert_eq!(cancelled.status, StatusCode::NO_CONTENT);
    assert_eq!(poll(&client, &ven_id).await.kind(), MessageKind::Response);
    let all = call(&api, Method::GET, "/api/v1/report-requests?ven=house", None).await;
    let all = all.body["report_requests"].as_array().unwrap().clone();
    let progress: Vec<_> = all
        .iter()
        .map(|r| r["progress"].as_str().unwrap())
        .collect();
    assert_eq!(progress, ["refused", "over"]);
    vtn.stop().await;
}

#[tokio::test]
async fn a_policy_requests_when_a_ven_says_what_it_offers_and_changes_when_it_says_so_again() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let api = vtn.api_url();
    let (client, ven_id) = offering(&vtn.vtn_url()).await;
    let policy = json!({"report_name": "TELEMETRY_USAGE", "granularity": "PT1S"});
    let path = "/api/v1/report-policies/meters";
    call(&api, Method::PUT, path, Some(&policy)).await;
    // Nothing changes by itself.
    assert_eq!(poll(&client, &ven_id).await.kind(), MessageKind::Response);
    let refresh = "/api/v1/vens/house/metadata-request";
    let asked = call(&api, Method::POST, refresh, None).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
    let again = call(&api, Method::POST, refresh, None).await;
    assert_eq!(
        again.body["report_request_id"],
        asked.body["report_request_id"]
    );
    let create = asked_to_report(&client, &ven_id).await;
    let specifier = &create.report_requests[0].specifier;
    assert_eq!(specifier.report_specifier_id.as_str(), "METADATA");
    let asked = ids(&create);
    take_on(
        &client,
        &ven_id,
        create.request_id,
        ResponseCode::OK,
        &asked,
    )
    .await;
    // It knows, and says nothing yet: it can be asked again.
    let again = call(&api, Method::POST, refresh, None).await;
    assert_ne!(again.body["report_request_id"], asked[0].as_str());
    let offers = || vec![usage(&[("p1", "pump"), ("p2", "pump")])];
    let requested = offer(&client, &ven_id, offers()).await;
    let [first] = &requested[..] else {
        panic!("{requested:?}")
    };
    assert_eq!(first.specifier.granularity.to_string(), "PT1S");
    let shown = call(
        &api,
        Method::GET,
        &at(first.report_request_id.as_str()),
        None,
    )
    .await;
    assert_eq!(
        (&shown.body["origin"], &shown.body["policy"]),
        (&json!("policy"), &json!("meters"))
    );
    let pending = [first.report_request_id.clone()];
    let request_id = RequestId::new("offer").unwrap();
    take_on(&client, &ven_id, request_id, ResponseCode::OK, &pending).await;

    call(&api, Method::DELETE, path, None).await;
    assert_eq!(offer(&client, &ven_id, offers()).await, []);
    let shown = call(
        &api,
        Method::GET,
        &at(first.report_request_id.as_str()),
        None,
    )
    .await;
    assert_eq!(shown.body["progress"], "over");
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
