//! `/api/v1/report-policies`.

use hyper::{Method, StatusCode};
use oadr_core::value::Duration;
use oadr_core::vtn::{Admission, ReportPolicy};
use serde_json::json;

use crate::folder::Folder;
use crate::process::{Process, run};
use crate::served::{call, settings, start};
use crate::token;

const POLICIES: &str = "/api/v1/report-policies";

fn at(name: &str) -> String {
    format!("{POLICIES}/{name}")
}

#[tokio::test]
async fn policies_are_made_replaced_and_removed_and_outlive_a_restart() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let api = vtn.api_url();
    let none = call(&api, Method::GET, POLICIES, None).await;
    assert_eq!(none.body, json!({"report_policies": []}));

    let least = json!({"granularity": "PT1M"});
    let made = call(&api, Method::PUT, &at("every%20one"), Some(&least)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(
        made.headers["location"],
        "/api/v1/report-policies/every%20one"
    );
    let expected = json!({
        "name": "every one", "origin": "api", "granularity": "PT1M", "report_back": "PT1M",
        "duration": "PT0S",
    });
    assert_eq!(made.body, expected);
    let most = json!({
        "vens": ["house"], "groups": ["north"], "report_name": "TELEMETRY_USAGE",
        "measurement": "powerReal", "resource": "pump", "granularity": "PT0S",
        "report_back": "PT15M", "duration": "P1D",
    });
    let made = call(&api, Method::PUT, &at("a"), Some(&most)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let again = call(&api, Method::PUT, &at("a"), Some(&most)).await;
    assert_eq!(again.status, StatusCode::OK, "{again:?}");
    vtn.stop().await;

    let vtn = start(folder.path(), Admission::Open).await;
    let api = vtn.api_url();
    let list = call(&api, Method::GET, POLICIES, None).await.body;
    let mut first = most;
    first["name"] = json!("a");
    first["origin"] = json!("api");
    assert_eq!(list, json!({"report_policies": [first, expected]}));
    let shown = call(&api, Method::GET, &at("a"), None).await;
    assert_eq!(shown.body, first);
    let removed = call(&api, Method::DELETE, &at("a"), None).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    for method in [Method::GET, Method::DELETE] {
        let gone = call(&api, method, &at("a"), None).await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND, "{gone:?}");
    }
    vtn.stop().await;

    let database = rusqlite::Connection::open(folder.path().join("vtn.db")).unwrap();
    let mut audit = database
        .prepare("SELECT what, subject FROM audit ORDER BY id")
        .unwrap();
    let lines: Vec<(String, String)> = audit
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let expected = [
        ("set_report_policy", "every one"),
        ("set_report_policy", "a"),
        ("set_report_policy", "a"),
        ("remove_report_policy", "a"),
    ];
    assert_eq!(
        lines,
        expected.map(|(what, of)| (what.to_owned(), of.to_owned()))
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_policy_is_told_and_nothing_is_kept_of_it() {
    let folder = Folder::new();
    let vtn = start(folder.path(), Admission::Open).await;
    let api = vtn.api_url();
    for (policy, field) in [
        (json!({}), "granularity"),
        (json!({"granularity": "1m"}), "granularity"),
        (json!({"granularity": "-PT1M"}), "granularity"),
        (
            json!({"granularity": "PT1M", "report_back": "PT1S"}),
            "report_back",
        ),
        (
            json!({"granularity": "PT1M", "report_name": "USAGE"}),
            "report_name",
        ),
        (
            json!({"granularity": "PT1M", "measurement": ""}),
            "measurement",
        ),
        (
            json!({"granularity": "PT1M", "groups": ["a", 1]}),
            "groups[1]",
        ),
        (json!({"granularity": "PT1M", "every": "PT1M"}), "every"),
    ] {
        let answer = call(&api, Method::PUT, &at("a"), Some(&policy)).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{answer:?}"
        );
        assert_eq!(answer.body["field"], field, "{policy}");
    }
    let none = call(&api, Method::GET, POLICIES, None).await;
    assert_eq!(none.body, json!({"report_policies": []}));
    vtn.stop().await;
}

#[tokio::test]
async fn a_policy_of_the_settings_is_shown_and_not_changed_through_the_api() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let toml = folder.path().join("vtn.toml");
    let text = format!(
        "data = {data:?}\ndev = true\nlisten = \"127.0.0.1:0\"\napi_listen = \"127.0.0.1:0\"\n\
         report_policies = [\"all:granularity=PT1M,back=PT15M\", \"b:group=north,granularity=PT0S\"]\n"
    );
    std::fs::write(&toml, text).unwrap();
    let mut vtn = Process::start(&["vtn", "--config", toml.to_str().unwrap()]);
    let listening = vtn.next("listening").await;
    let api = listening["api"].as_str().unwrap();
    token::learn(
        api,
        std::path::Path::new(listening["api_token_file"].as_str().unwrap()),
    );
    let shown = call(api, Method::GET, &at("all"), None).await;
    assert_eq!(shown.body["origin"], "settings");
    let policy = json!({"granularity": "PT1M"});
    for (method, body) in [(Method::PUT, Some(&policy)), (Method::DELETE, None)] {
        let answer = call(api, method, &at("all"), body).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{answer:?}");
    }
    let set = [
        "reports",
        "policies",
        "set",
        "mine:granularity=PT0S,back=PT5M",
        "--api",
        api,
    ];
    let set = run(&set).await;
    assert!(set.status.success(), "{set:?}");
    let list = run(&["reports", "policies", "list", "--api", api]).await;
    let expected = "\
POLICY  FROM      VENS  GROUPS  REPORT  MEASUREMENT  RESOURCE  GRANULARITY  BACK   DURATION
all     settings  -     -       -       -            -         PT1M         PT15M  open
b       settings  -     north   -       -            -         on change    once   open
mine    api       -     -       -       -            -         on change    PT5M   open
";
    assert_eq!(list.out, expected);
    assert!(vtn.terminate().await.success());
}

#[tokio::test]
async fn a_policy_that_cannot_be_stops_the_start() {
    let folder = Folder::new();
    let policy = |name: &str| ReportPolicy {
        name: name.parse().unwrap(),
        vens: Vec::new(),
        groups: Vec::new(),
        report_name: None,
        measurement: None,
        resource: None,
        granularity: Duration::minutes(1),
        report_back: Duration::seconds(1),
        duration: Duration::ZERO,
    };
    let config = oadr::vtn::Config {
        report_policies: vec![policy("hasty")],
        ..settings(folder.path(), Admission::Open)
    };
    let refused = oadr::vtn::start(config).await.unwrap_err().to_string();
    let expected = "the report policy hasty: report_back: must be as long as the granularity at \
                    least, or zero for one report";
    assert_eq!(refused, expected);
    let twice = [
        "--report-policy",
        "a:granularity=PT1M",
        "--report-policy",
        "a:granularity=PT1M",
    ];
    let data = folder.path().join("data");
    let vtn = [
        "vtn",
        "--listen",
        "127.0.0.1:0",
        "--api-listen",
        "127.0.0.1:0",
        "--data",
    ];
    let ended = run(&[&vtn[..], &[data.to_str().unwrap()], &twice[..]].concat()).await;
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(
        ended
            .err
            .contains("policy a: name: is another policy's as well"),
        "{ended:?}"
    );
    assert!(!data.exists(), "nothing was started");
}
