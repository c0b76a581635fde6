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

const HASH: &str = "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:\
10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F";
const FINGERPRINT: &str = "16:17:18:19:1A:1B:1C:1D:1E:1F";
const OTHER: &str = "A9:F8:93:E8:84:32:55:D1:4E:D6";

#[tokio::test]
async fn a_ven_is_enrolled_and_found_by_its_certificates() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Enrolled).await;
    let api = vtn.api_url();
    let vens = "/api/v1/vens";
    let new = json!({"ven_name": "Pump1", "certificates": [HASH], "signatures": "required"});
    let made = call(&api, Method::POST, vens, Some(&new)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(made.headers["location"], "/api/v1/vens/Pump1");
    assert_eq!(made.body["certificates"], json!([HASH]));
    assert_eq!(made.body["signatures"], "required");
    // It has no venID yet, and claims no name.
    for id in ["Pump1", HASH, FINGERPRINT, "161718191a1b1c1d1e1f"] {
        let shown = call(&api, Method::GET, &format!("{vens}/{id}"), None).await;
        assert_eq!(shown.body, made.body, "{id}");
    }

    for (taken, said) in [
        (
            json!({"ven_name": "Pump1", "certificates": [OTHER]}),
            "already known",
        ),
        (json!({"ven_name": "Pump1"}), "already known"),
        (
            json!({"ven_name": "Pump2", "certificates": [HASH]}),
            FINGERPRINT,
        ),
        (
            json!({"ven_name": "Pump2", "certificates": [OTHER, FINGERPRINT]}),
            FINGERPRINT,
        ),
    ] {
        let answer = call(&api, Method::POST, vens, Some(&taken)).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{answer:?}");
        assert!(
            answer.body["detail"].as_str().unwrap().contains(said),
            "{answer:?}"
        );
    }
    let second = json!({"ven_name": "Pump2"});
    let second = call(&api, Method::POST, vens, Some(&second)).await;
    assert_eq!(second.status, StatusCode::CREATED, "{second:?}");
    assert_eq!(
        (&second.body["certificates"], &second.body["signatures"]),
        (&json!([]), &Value::Null)
    );
    let steal = json!({"add_certificates": [FINGERPRINT]});
    let answer = call(&api, Method::PATCH, &format!("{vens}/Pump2"), Some(&steal)).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{answer:?}");
    vtn.stop().await;

    // As it was before the restart.
    let vtn = start(folder.path(), Admission::Enrolled).await;
    let shown = call(
        &vtn.api_url(),
        Method::GET,
        &format!("{vens}/{FINGERPRINT}"),
        None,
    )
    .await;
    assert_eq!(shown.body, made.body);
    vtn.stop().await;
}

#[tokio::test]
async fn a_ven_is_enrolled_and_found_by_its_account() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Enrolled).await;
    let api = vtn.api_url();
    let vens = "/api/v1/vens";
    let new = json!({"ven_name": "Pump1", "jid": "Pump1@XMPP.example"});
    let made = call(&api, Method::POST, vens, Some(&new)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(made.body["jid"], "pump1@xmpp.example");
    let found = call(
        &api,
        Method::GET,
        &format!("{vens}/pump1@xmpp.example"),
        None,
    )
    .await;
    assert_eq!(found.body, made.body);

    let taken = json!({"ven_name": "Pump2", "jid": "pump1@xmpp.example"});
    let answer = call(&api, Method::POST, vens, Some(&taken)).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{answer:?}");
    let bad = json!({"ven_name": "Pump2", "jid": "pump1"});
    let answer = call(&api, Method::POST, vens, Some(&bad)).await;
    assert!(answer.status.is_client_error(), "{answer:?}");

    let modify = async |change: Value| {
        let path = format!("{vens}/Pump1");
        call(&api, Method::PATCH, &path, Some(&change)).await.body["jid"].clone()
    };
    let other = json!("pump@xmpp.example");
    assert_eq!(modify(json!({"jid": other})).await, other);
    assert_eq!(modify(json!({"add_groups": ["g1"]})).await, other);
    assert_eq!(modify(json!({"jid": null})).await, Value::Null);
    let made = call(&api, Method::POST, vens, Some(&taken)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    vtn.stop().await;

    // As it was before the restart.
    let vtn = start(folder.path(), Admission::Enrolled).await;
    let path = format!("{vens}/pump1@xmpp.example");
    let shown = call(&vtn.api_url(), Method::GET, &path, None).await;
    assert_eq!(shown.body, made.body);
    vtn.stop().await;
}

#[tokio::test]
async fn the_certificates_of_a_ven_are_changed_and_that_is_recorded() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Enrolled).await;
    let api = vtn.api_url();
    let new = json!({"ven_name": "Pump1", "certificates": [HASH]});
    call(&api, Method::POST, "/api/v1/vens", Some(&new)).await;
    let pump = "/api/v1/vens/Pump1";
    for (change, certificates, signatures) in [
        (
            json!({"add_certificates": [OTHER]}),
            json!([HASH, OTHER]),
            Value::Null,
        ),
        // What is known in whole stays so.
        (
            json!({"certificates": [FINGERPRINT, OTHER]}),
            json!([HASH, OTHER]),
            Value::Null,
        ),
        (
            json!({"remove_certificates": [FINGERPRINT], "signatures": "optional"}),
            json!([OTHER]),
            json!("optional"),
        ),
        (json!({"groups": ["g"]}), json!([OTHER]), json!("optional")),
        (json!({"signatures": null}), json!([OTHER]), Value::Null),
        (json!({"certificates": []}), json!([]), Value::Null),
    ] {
        let answer = call(&api, Method::PATCH, pump, Some(&change)).await;
        assert_eq!(answer.status, StatusCode::OK, "{change} {answer:?}");
        assert_eq!(answer.body["certificates"], certificates, "{change}");
        assert_eq!(answer.body["signatures"], signatures, "{change}");
    }
    for (change, field) in [
        (json!({"certificates": [HASH, "A9:F8"]}), "certificates[1]"),
        (json!({"add_certificates": [1]}), "add_certificates[0]"),
        (json!({"certificates": null}), "certificates"),
        (
            json!({"certificates": [], "add_certificates": [HASH]}),
            "certificates",
        ),
        (json!({"signatures": "sometimes"}), "signatures"),
    ] {
        let answer = call(&api, Method::PATCH, pump, Some(&change)).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{answer:?}"
        );
        assert_eq!(answer.body["field"], field, "{answer:?}");
    }
    vtn.stop().await;
    let database = rusqlite::Connection::open(folder.path().join("vtn.db")).unwrap();
    let count = |text: &str| -> i64 {
        let sql = "SELECT count(*) FROM audit WHERE detail LIKE '%' || ?1 || '%'";
        database.query_row(sql, [text], |row| row.get(0)).unwrap()
    };
    assert_eq!(
        (count("add_certificates"), count("\"signatures\":null")),
        (1, 1)
    );
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
