//! `/api/v1/vens`.

use hyper::{Method, StatusCode};
use oadr_core::value::OptType;
use oadr_core::vtn::Admission;
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::served::{Ven, call, start, until, ven_config};

#[tokio::test]
async fn only_a_ven_that_was_made_known_may_register() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Enrolled).await;
    let api = vtn.api_url();
    let config = ven_config(
        &vtn.vtn_url(),
        "Pump1",
        &folder.path().join("ven"),
        OptType::OptIn,
    );
    let mut ven = Ven::start(config).await;
    let refused = ven.next("registration_refused").await;
    assert_eq!(refused["response_code"], 463);
    let known = call(&api, Method::GET, "/api/v1/vens", None).await;
    assert_eq!(known.body, json!({"vens": []}));
    let database = rusqlite::Connection::open(folder.path().join("vtn/vtn.db")).unwrap();
    for table in ["partitions", "claims", "seen", "outbox"] {
        let count = format!("SELECT count(*) FROM {table}");
        let rows: i64 = database.query_row(&count, [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{table}");
    }

    let new =
        json!({"ven_name": "Pump1", "ven_id": "Of-choice", "groups": ["g1"], "resources": ["r1"]});
    let made = call(&api, Method::POST, "/api/v1/vens", Some(&new)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(made.headers["location"], "/api/v1/vens/Pump1");
    assert_eq!(
        (&made.body["status"], &made.body["known_by"]),
        (&json!("known"), &json!("operator"))
    );
    let registered = ven.next("registered").await;
    assert_eq!(registered["ven_id"], "Of-choice");

    for id in ["Of-choice", "Pump1"] {
        let shown = call(&api, Method::GET, &format!("/api/v1/vens/{id}"), None).await;
        assert_eq!(shown.body["status"], "registered");
        assert_eq!(
            shown.body["registration"]["registration_id"],
            registered["registration_id"]
        );
        assert_eq!(
            (&shown.body["groups"], &shown.body["resources"]),
            (&json!(["g1"]), &json!(["r1"]))
        );
        assert!(shown.body["last_seen"].is_string());
    }
    ven.stop().await;
    vtn.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_ven_is_told() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Enrolled).await;
    let api = vtn.api_url();
    for (new, field) in [
        (json!({"ven_name": ""}), "ven_name"),
        (json!({"ven_id": "a"}), "ven_name"),
        (json!({"ven_name": "a", "ven_id": ""}), "ven_id"),
        (json!({"ven_name": "a", "group": ["g"]}), "group"),
        (json!({"ven_name": "a", "groups": ["g", 1]}), "groups[1]"),
    ] {
        let answer = call(&api, Method::POST, "/api/v1/vens", Some(&new)).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{answer:?}"
        );
        assert_eq!(answer.body["field"], field);
    }
    let new = json!({"ven_name": "Pump1", "ven_id": "Pump-ID"});
    let made = call(&api, Method::POST, "/api/v1/vens", Some(&new)).await;
    assert_eq!(made.status, StatusCode::CREATED);
    for taken in [
        json!({"ven_name": "Pump1"}),
        json!({"ven_name": "Pump2", "ven_id": "Pump-ID"}),
    ] {
        let answer = call(&api, Method::POST, "/api/v1/vens", Some(&taken)).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{answer:?}");
    }
    for (method, path) in [
        (Method::GET, "/api/v1/vens/none"),
        (Method::DELETE, "/api/v1/vens/none"),
        (Method::POST, "/api/v1/vens/none/reregister"),
    ] {
        let answer = call(&api, method, path, None).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer:?}");
    }
    let early = call(&api, Method::POST, "/api/v1/vens/Pump1/reregister", None).await;
    assert_eq!(early.status, StatusCode::CONFLICT, "{early:?}");
    let removed = call(&api, Method::DELETE, "/api/v1/vens/Pump1", None).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    let list = call(&api, Method::GET, "/api/v1/vens", None).await;
    assert_eq!(list.body, json!({"vens": []}));
    vtn.stop().await;
}

#[tokio::test]
async fn a_ven_registers_again_when_asked_and_goes_when_removed() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let api = vtn.api_url();
    let config = ven_config(
        &vtn.vtn_url(),
        "Pump1",
        &folder.path().join("ven"),
        OptType::OptIn,
    );
    let mut ven = Ven::start(config).await;
    let first = ven.next("registered").await;

    let asked = call(&api, Method::POST, "/api/v1/vens/Pump1/reregister", None).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED);
    assert_eq!(asked.body["reregistration_requested"], true);
    let again = ven.next("registered").await;
    assert_eq!(
        (&again["again"], &again["ven_id"]),
        (&json!(true), &first["ven_id"])
    );
    assert_eq!(again["registration_id"], first["registration_id"]);

    let removed = call(&api, Method::DELETE, "/api/v1/vens/Pump1", None).await;
    assert_eq!(
        (removed.status, &removed.body["status"]),
        (StatusCode::ACCEPTED, &json!("leaving"))
    );
    ven.next("registration_cancelled").await;
    let list = || async { call(&api, Method::GET, "/api/v1/vens", None).await.body };
    until("the VEN is forgotten", list, |list: &Value| {
        list["vens"] == json!([])
    })
    .await;
    ven.stop().await;
    vtn.stop().await;
}

#[tokio::test]
async fn a_ven_that_was_enrolled_and_never_heard_of_was_not_seen() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Enrolled).await;
    let api = vtn.api_url();
    let new = json!({"ven_name": "Pump1"});
    let made = call(&api, Method::POST, "/api/v1/vens", Some(&new)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(made.body["last_seen"], Value::Null);
    let asked = call(&api, Method::POST, "/api/v1/vens/Pump1/reregister", None).await;
    assert_eq!(asked.status, StatusCode::CONFLICT);
    let path = "/api/v1/vens/Pump1";
    let shown = || async { call(&api, Method::GET, path, None).await.body };
    assert_eq!(shown().await["last_seen"], Value::Null);
    let data = folder.path().join("ven");
    let config = ven_config(&vtn.vtn_url(), "Pump1", &data, OptType::OptIn);
    let mut ven = Ven::start(config).await;
    ven.next("registered").await;
    assert!(shown().await["last_seen"].is_string());
    ven.stop().await;
    vtn.stop().await;
}
