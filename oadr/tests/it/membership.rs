//! Groups and resources of VENs, and the events that follow them.

use chrono::{TimeDelta, Utc};
use hyper::{Method, StatusCode};
use oadr::vtn;
use oadr_core::value::{OptType, ResourceId};
use oadr_core::vtn::Admission;
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::served::{Ven, call, start, until, ven_config};

async fn enrol(vtn: &vtn::Running, new: &Value) {
    let answer = call(&vtn.api_url(), Method::POST, "/api/v1/vens", Some(new)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
}

/// Changes the VEN and returns its groups and resources.
async fn modify(vtn: &vtn::Running, ven: &str, patch: &Value) -> (Value, Value) {
    let path = format!("/api/v1/vens/{ven}");
    let answer = call(&vtn.api_url(), Method::PATCH, &path, Some(patch)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    (
        answer.body["groups"].clone(),
        answer.body["resources"].clone(),
    )
}

async fn create(vtn: &vtn::Running, event_id: &str, targets: &Value) {
    let event = json!({
        "event_id": event_id,
        "dtstart": Utc::now() + TimeDelta::hours(1),
        "market_context": "http://example.com/dr",
        "targets": targets,
        "signals": [{
            "signal_name": "SIMPLE", "signal_type": "level",
            "intervals": [{"duration": "PT10M", "payload": 1}],
        }],
    });
    let answer = call(&vtn.api_url(), Method::POST, "/api/v1/events", Some(&event)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
}

#[tokio::test]
async fn an_event_of_a_group_comes_and_goes_with_membership() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Enrolled).await;
    let mut vens = Vec::new();
    for name in ["Pump1", "Pump2"] {
        enrol(&vtn, &json!({"ven_name": name})).await;
        let data = folder.path().join(name);
        let config = ven_config(&vtn.vtn_url(), name, &data, OptType::OptIn);
        let config = config.resources([ResourceId::new("boiler").unwrap()]);
        let mut ven = Ven::start(config).await;
        ven.next("registered").await;
        vens.push(ven);
    }
    let [joins, stays] = &mut vens[..] else {
        unreachable!("there are two")
    };
    create(&vtn, "North", &json!({"group_id": ["north"]})).await;
    create(&vtn, "Boiler", &json!({"resource_id": ["boiler"]})).await;

    let (groups, _) = modify(&vtn, "Pump1", &json!({"add_groups": ["north"]})).await;
    assert_eq!(groups, json!(["north"]));
    let received = joins.next("event_received").await;
    assert_eq!(received["event_id"], "North");
    joins.next("opt_sent").await;

    let patch = json!({"groups": ["south"], "add_resources": ["boiler", "car"]});
    assert_eq!(
        modify(&vtn, "Pump1", &patch).await,
        (json!(["south"]), json!(["boiler", "car"]))
    );
    assert_eq!(joins.next("event_cancelled").await["event_id"], "North");
    let path = "/api/v1/events/Boiler";
    let api = vtn.api_url();
    let show = || async { call(&api, Method::GET, path, None).await.body };
    let shown = until("the boiler's event is answered", show, |event| {
        event["vens"][0]["delivery"] == "answered"
    });
    let shown = shown.await;
    assert_eq!(shown["vens"].as_array().unwrap().len(), 1, "{shown}");
    assert_eq!(shown["vens"][0]["ven_name"], "Pump1");
    assert_eq!(shown["vens"][0]["opt"], "optIn");

    let patch = json!({"groups": [], "remove_resources": ["boiler"]});
    modify(&vtn, "Pump1", &patch).await;
    assert_eq!(joins.next("event_cancelled").await["event_id"], "Boiler");
    // The next event of the other one is the first that it hears of.
    modify(&vtn, "Pump2", &json!({"groups": ["north", "pilot"]})).await;
    assert_eq!(stays.next("event_received").await["event_id"], "North");

    let groups = call(&api, Method::GET, "/api/v1/groups", None).await.body;
    let pump2 = &groups["groups"][0]["vens"][0];
    assert_eq!(pump2["ven_name"], "Pump2");
    assert_eq!(
        groups,
        json!({"groups": [
            {"group_id": "north", "vens": [pump2]}, {"group_id": "pilot", "vens": [pump2]},
        ]})
    );
    // After a restart it is the same.
    vtn.stop().await;
    let vtn = start(&folder.path().join("vtn"), Admission::Enrolled).await;
    let again = call(&vtn.api_url(), Method::GET, "/api/v1/groups", None).await;
    assert_eq!(again.body, groups);
    for ven in vens {
        ven.stop().await;
    }
    vtn.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_change_of_a_ven_is_told() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Enrolled).await;
    enrol(
        &vtn,
        &json!({"ven_name": "Pump1", "groups": ["a", "b", "a"]}),
    )
    .await;
    let path = "/api/v1/vens/Pump1";
    for (patch, field) in [
        (json!({"group": ["a"]}), "group"),
        (json!({"groups": null}), "groups"),
        (json!({"groups": "a"}), "groups"),
        (json!({"resources": ["a", 1]}), "resources[1]"),
        (json!({"groups": ["a", ""]}), "groups[1]"),
        (json!({"add_resources": [""]}), "add_resources[0]"),
        (json!({"groups": ["a"], "add_groups": ["b"]}), "groups"),
        (
            json!({"resources": [], "remove_resources": ["b"]}),
            "resources",
        ),
        (json!({"ven_name": "Pump2"}), "ven_name"),
    ] {
        let answer = call(&vtn.api_url(), Method::PATCH, path, Some(&patch)).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{answer:?}"
        );
        assert_eq!(answer.body["field"], field, "{patch}");
    }
    let unchanged = modify(&vtn, "Pump1", &json!({})).await;
    assert_eq!(unchanged, (json!(["a", "b"]), json!([])));
    let none = "/api/v1/vens/none";
    let answer = call(&vtn.api_url(), Method::PATCH, none, Some(&json!({}))).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    vtn.stop().await;
}
