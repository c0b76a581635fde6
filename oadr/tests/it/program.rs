//! The command line.

use std::path::Path;

use serde_json::{Value, json};

use crate::folder::Folder;
use crate::process::{Process, demo, run};
use crate::token;

async fn vtn(data: &str) -> (Process, String, String) {
    let mut vtn = Process::start(&[
        "vtn",
        "--dev",
        "--listen",
        "127.0.0.1:0",
        "--api",
        "127.0.0.1:0",
        "--poll-interval",
        "PT1S",
        "--data",
        data,
    ]);
    let listening = vtn.next("listening").await;
    assert_eq!(listening["vtn_id"], "OadrVTN");
    let text = |name: &str| listening[name].as_str().unwrap().to_owned();
    let (url, api) = (text("vtn"), text("api"));
    assert!(url.ends_with("/OpenADR2/Simple/2.0b"), "{url}");
    token::learn(&api, Path::new(&text("api_token_file")));
    (vtn, url, api)
}

#[tokio::test]
async fn vtn_ven_and_the_tools_work_together_and_survive_kill_9() {
    let folder = Folder::new();
    let (vtn_data, ven_data) = (folder.path().join("vtn"), folder.path().join("ven"));
    let (vtn_data, ven_data) = (vtn_data.to_str().unwrap(), ven_data.to_str().unwrap());
    let (vtn_process, url, api) = vtn(vtn_data).await;
    // Without the path, as the help says.
    let base = url.strip_suffix("/OpenADR2/Simple/2.0b").unwrap();
    let ven_args = ["ven", "--vtn", base, "--name", "Pump1", "--data", ven_data];
    let mut ven = Process::start(&ven_args);
    let registered = ven.next("registered").await;

    let created = run(&[
        "event",
        "--api",
        &api,
        "--json",
        "create",
        "--id",
        "Event1",
        "--market-context",
        "http://example.com/dr",
        "--ven",
        "Pump1",
        "--start",
        "+PT1H",
        "--interval",
        "PT10M=1",
        "--interval",
        "PT10M=2",
        "--start-after",
        "PT5M",
    ])
    .await;
    assert!(created.status.success(), "{created:?}");
    let event: Value = serde_json::from_str(&created.out).unwrap();
    assert_eq!(
        (&event["event_id"], &event["duration"]),
        (&json!("Event1"), &json!("PT20M"))
    );
    let received = ven.next("event_received").await;
    ven.next("opt_sent").await;
    ven.kill().await;
    vtn_process.kill().await;

    let (vtn_process, url, api) = vtn(vtn_data).await;
    let ven_args = ["ven", "--vtn", &url, "--name", "Pump1", "--data", ven_data];
    let mut ven = Process::start(&ven_args);
    let modified = run(&[
        "event",
        "modify",
        "Event1",
        "--interval",
        "PT30M=3",
        "--api",
        &api,
    ])
    .await;
    assert!(modified.status.success(), "{modified:?}");
    let again = ven.next("event_modified").await;
    assert_eq!(again["ven_id"], registered["ven_id"]);
    assert_eq!(again["random_offset"], received["random_offset"]);
    assert_eq!(again["duration"], "PT30M");

    let shown = run(&["event", "show", "Event1", "--api", &api]).await;
    assert!(
        shown.out.contains("Pump1") && shown.out.contains("PT30M"),
        "{}",
        shown.out
    );
    let list = run(&["event", "list", "--status", "far", "--api", &api]).await;
    assert!(list.out.contains("Event1"), "{}", list.out);
    let vens = run(&["vens", "list", "--api", &api]).await;
    assert!(
        vens.out.contains("Pump1") && vens.out.contains("registered"),
        "{}",
        vens.out
    );
    let health = run(&["health", "--api", &api]).await;
    assert_eq!(
        (health.out.as_str(), health.status.code()),
        ("ok\n", Some(0))
    );
    let ven_shown = run(&["vens", "show", "Pump1", "--json", "--api", &api]).await;
    let ven_shown: Value = serde_json::from_str(&ven_shown.out).unwrap();
    assert_eq!(ven_shown["ven_id"], registered["ven_id"]);
    let cancelled = run(&["event", "cancel", "Event1", "--api", &api]).await;
    assert!(cancelled.out.contains("cancelled"), "{cancelled:?}");
    ven.next("event_cancelled").await;
    assert!(ven.terminate().await.success());

    // To its end: until then it holds the data folder.
    let left = run(&[&ven_args[..], &["--cancel-registration"]].concat()).await;
    assert!(
        left.status.success() && left.out.contains("registration_cancelled"),
        "{left:?}"
    );
    let gone = run(&[&ven_args[..], &["--cancel-registration"]].concat()).await;
    assert!(
        !gone.status.success() && gone.err.contains("not registered"),
        "{gone:?}"
    );
    let vens = run(&["vens", "list", "--api", &api]).await;
    assert!(!vens.out.contains("registered"), "{}", vens.out);
    assert!(vtn_process.terminate().await.success());
}

#[tokio::test]
async fn what_is_wrong_is_said_in_one_line_with_a_status() {
    let folder = Folder::new();
    let data = folder.path().join("vtn");
    let data = data.to_str().unwrap();
    let (vtn_process, _, api) = vtn(data).await;
    for (args, said) in [
        (
            vec!["vtn", "--dev", "--data", data, "--listen", "127.0.0.1:0"],
            "in use by another process",
        ),
        (
            vec!["vtn", "--listen", "0.0.0.0:0", "--data", "none"],
            "--insecure-plain-http",
        ),
        (
            vec![
                "vtn",
                "--dev",
                "--listen",
                "0.0.0.0:0",
                "--insecure-plain-http",
                "--data",
                "none",
            ],
            "loopback",
        ),
        (
            vec!["vtn", "--api", "0.0.0.0:0", "--data", "none"],
            "--insecure-plain-api",
        ),
        (vec!["vtn", "--config", "/no/such/file"], "/no/such/file"),
        (
            vec!["vtn", "--poll-interval", "P1M", "--data", "none"],
            "poll interval",
        ),
        (vec!["event", "show", "none", "--api", &api], "no event"),
        (
            vec![
                "event",
                "create",
                "--market-context",
                "http://example.com/dr",
                "--interval",
                "PT1M=9",
                "--api",
                &api,
            ],
            "signals[0].intervals[0].payload",
        ),
        (vec!["event", "create", "--api", &api], "--interval"),
        (
            vec!["event", "create", "--interval", "PT1M=1", "--api", &api],
            "--market-context",
        ),
        (
            vec!["event", "modify", "none", "--api", &api],
            "nothing to change",
        ),
        (
            vec!["vens", "list", "--api", "http://127.0.0.1:9"],
            "oadr vtn",
        ),
        (vec!["health", "--api", "http://127.0.0.1:9"], "oadr vtn"),
        (
            vec!["backup", "--data", "none", "--to", "none.db"],
            "no data of a VTN or a VEN",
        ),
        (
            vec!["restore", "none.db", "--data", "none"],
            "no database of a VTN or a VEN",
        ),
        (vec!["--log", "a=b=c", "vens", "list"], "--log"),
        (
            vec![
                "ven",
                "--vtn",
                "https://127.0.0.1:1",
                "--name",
                "Pump1",
                "--data",
                "none",
            ],
            "--tls-ca",
        ),
    ] {
        let ended = run(&args).await;
        assert!(!ended.status.success(), "{args:?}: {ended:?}");
        assert!(ended.err.contains(said), "{args:?}: {ended:?}");
        assert!(ended.out.is_empty(), "{args:?}: {ended:?}");
    }
    for args in [
        vec!["ven", "--vtn", "nonsense::", "--name", "Pump1"],
        vec!["event", "create", "--interval", "PT1M"],
        vec!["event"],
    ] {
        let ended = run(&args).await;
        assert_eq!(ended.status.code(), Some(2), "{args:?}: {ended:?}");
    }
    assert!(vtn_process.terminate().await.success());
    assert!(!Path::new("none").exists());
}

#[tokio::test]
async fn every_command_explains_itself() {
    for command in [
        &[][..],
        &["vtn"],
        &["ven"],
        &["event"],
        &["event", "create"],
        &["opt"],
        &["opt", "out"],
        &["vens"],
        &["health"],
        &["backup"],
        &["restore"],
        &["demo"],
    ] {
        let ended = run(&[command, &["--help"]].concat()).await;
        assert!(ended.status.success(), "{ended:?}");
        assert!(ended.out.contains("Usage: oadr"), "{}", ended.out);
    }
    let vtn = run(&["vtn", "--help"]).await;
    assert!(
        vtn.out.contains("loopback") && vtn.out.contains("Examples:"),
        "{}",
        vtn.out
    );
}

#[tokio::test]
async fn the_demo_shows_every_step() {
    let ended = demo().await;
    assert!(ended.status.success(), "{ended:?}");
    for step in [
        "registered",
        "received",
        "opted in",
        "opted out",
        "started",
        "SIMPLE is 2 now",
        "Heater1 takes ",
        "Pump2 takes ",
        "less than before",
        "completed",
        "every step was seen",
    ] {
        assert!(ended.out.contains(step), "{step}: {}", ended.out);
    }
}
