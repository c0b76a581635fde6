//! Readings from the VEN to the operator: over OpenADR, through restarts, by API and command.

use hyper::{Method, StatusCode};
use oadr_core::payload::{CanceledPartyRegistration, EiResponse, Message, ResponseCode};
use oadr_core::value::{ReportRequestId, ServiceName, VenId};
use oadr_core::vtn::Admission;
use oadr_http::Client;
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::process::run;
use crate::report_wire::{offer, take_on, update, usage};
use crate::served::{call, start};
use crate::wire::{client, poll, register, send, settle};

/// A VEN that was asked for kilowatts of its pump and its boiler, and has taken that on.
async fn reporting(url: &str, api: &str) -> (Client, VenId, ReportRequestId) {
    let client = client(url);
    let ven_id = register(&client, "house").await;
    settle(&client, &ven_id).await;
    let points = [("p1", "pump"), ("p2", "boiler")];
    offer(&client, &ven_id, vec![usage(&points)]).await;
    let wanted = json!({
        "ven": "house", "report_specifier_id": "usage", "granularity": "PT1S", "report_back": "PT2S",
    });
    let path = "/api/v1/report-requests";
    let made = call(api, Method::POST, path, Some(&wanted)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let Message::CreateReport(create) = poll(&client, &ven_id).await else {
        panic!("nothing was asked for");
    };
    let id = create.report_requests[0].report_request_id.clone();
    let pending = [id.clone()];
    take_on(
        &client,
        &ven_id,
        create.request_id,
        ResponseCode::OK,
        &pending,
    )
    .await;
    (client, ven_id, id)
}

async fn readings(api: &str, query: &str) -> Vec<Value> {
    let path = format!("/api/v1/readings{query}");
    let answer = call(api, Method::GET, &path, None).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.body["readings"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_is_acknowledged_is_found_and_once() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let (client_, ven_id, id) = reporting(&vtn.vtn_url(), &vtn.api_url()).await;
    let first = [("p1", 0, 1.5), ("p2", 0, -0.25), ("p1", 1, 1e-7)];
    let answer = update(&client_, &ven_id, &id, &first).await;
    assert_eq!(answer, ResponseCode::OK);
    vtn.stop().await;

    // The VEN did not hear that, and reports to the next process, which knows the request.
    let vtn = start(folder.path(), Admission::Open).await;
    let client_ = client(&vtn.vtn_url());
    for values in [&first[..], &[("p2", 1, 3.0)]] {
        let answer = update(&client_, &ven_id, &id, values).await;
        assert_eq!(answer, ResponseCode::OK);
    }
    let api = vtn.api_url();
    let all = readings(&api, "?ven=house").await;
    let in_short: Vec<_> = all
        .iter()
        .map(|r| (&r["r_id"], &r["start"], &r["value"]))
        .collect();
    let expected = [
        (json!("p1"), json!("2027-01-15T08:00:00Z"), json!(1.5)),
        (json!("p2"), json!("2027-01-15T08:00:00Z"), json!(-0.25)),
        (json!("p1"), json!("2027-01-15T08:00:01Z"), json!(1e-7)),
        (json!("p2"), json!("2027-01-15T08:00:01Z"), json!(3.0)),
    ];
    let expected: Vec<_> = expected.iter().map(|(a, b, c)| (a, b, c)).collect();
    assert_eq!(in_short, expected);
    let reading = &all[1];
    assert_eq!(reading["ven_id"], json!(ven_id));
    assert_eq!(reading["report_request_id"], json!(id));
    assert_eq!(reading["report_name"], "TELEMETRY_USAGE");
    assert_eq!(reading["measurement"], "powerReal");
    assert_eq!(reading["unit"]["scale"], "k");
    assert_eq!(reading["resources"], json!(["boiler"]));
    assert_eq!(reading["duration"], "PT1S");

    for (query, count) in [
        ("?resource=pump".to_owned(), 2),
        (format!("?report_request={id}&r_id=p2"), 2),
        (
            "?measurement=powerReal&from=2027-01-15T08:00:01Z".to_owned(),
            2,
        ),
        ("?ven=house&measurement=status".to_owned(), 0),
    ] {
        assert_eq!(readings(&api, &query).await.len(), count, "{query}");
    }

    let data = folder.path().to_str().unwrap();
    let line = [
        "readings", "--ven", "house", "--csv", "--api", &api, "--data", data,
    ];
    let csv = run(&line).await;
    assert!(csv.status.success(), "{csv:?}");
    let lines: Vec<_> = csv.out.lines().collect();
    assert_eq!(lines.len(), 5, "{}", csv.out);
    assert!(lines[2].contains(",boiler,,powerReal,kW,2027-01-15T08:00:00Z,PT1S,-0.25,"));
    vtn.stop().await;
}

#[tokio::test]
async fn readings_are_found_when_the_ven_is_gone() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let api = vtn.api_url();
    let (client, ven_id, id) = reporting(&vtn.vtn_url(), &api).await;
    update(&client, &ven_id, &id, &[("p1", 0, 1.5)]).await;
    call(&api, Method::DELETE, "/api/v1/vens/house", None).await;
    // It is told at its next poll, and cancels.
    let Message::CancelPartyRegistration(cancel) = poll(&client, &ven_id).await else {
        panic!("it is not told");
    };
    let gone = CanceledPartyRegistration {
        ei_response: EiResponse::ok(cancel.request_id),
        registration_id: Some(cancel.registration_id),
        ven_id: Some(ven_id.clone()),
    };
    send(&client, ServiceName::EiRegisterParty, gone).await;
    let vens = call(&api, Method::GET, "/api/v1/vens", None).await;
    assert_eq!(vens.body, json!({"vens": []}));
    assert_eq!(readings(&api, &format!("?ven={ven_id}")).await.len(), 1);
    vtn.stop().await;
}
