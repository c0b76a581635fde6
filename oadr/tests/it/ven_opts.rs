//! `oadr opt`: a running VEN opts in and out, and the command says what the VTN said.

use std::path::Path;
use std::time::Duration;

use oadr::ven::{
    Command, OptDraft, OptPeriod, OptReason, OptSubject, OptTerms, OptType, ResponseCode,
};
use oadr::vtn::{OptDecision, Vtn};
use oadr_core::vtn::Admission;
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use crate::folder::Folder;
use crate::process::{Ended, Process, run};
use crate::served::{settings, ven_config, within};
use crate::token;

/// A VTN and a VEN with the resources r1 and r2, in a folder.
struct Pair {
    vtn: Process,
    ven: Process,
    api: String,
    folder: Folder,
}

async fn start_vtn(data: &Path) -> (Process, String, String) {
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
        data.to_str().unwrap(),
    ]);
    let listening = vtn.next("listening").await;
    let text = |name: &str| listening[name].as_str().unwrap().to_owned();
    let api = text("api");
    token::learn(&api, Path::new(&text("api_token_file")));
    (vtn, text("vtn"), api)
}

impl Pair {
    async fn start() -> Self {
        let folder = Folder::new();
        let (vtn, url, api) = start_vtn(&folder.path().join("vtn")).await;
        let mut ven = start_ven(&folder, "ven", &url, &[]);
        ven.next("registered").await;
        reachable(&folder.path().join("ven/control.sock")).await;
        Self {
            vtn,
            ven,
            api,
            folder,
        }
    }

    async fn opt(&self, args: &str) -> Ended {
        opt(&self.folder, args).await
    }

    /// The opts as the VEN lists them: ID, what it says, where it stands.
    async fn listed(&self) -> Vec<(String, String, Value)> {
        let ended = self.opt("list --json").await;
        assert!(ended.status.success(), "{ended:?}");
        let opts: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        opts.iter()
            .map(|opt| {
                let says = text(&opt["terms"]["opt_type"]);
                (text(&opt["opt_id"]), says, opt["standing"].clone())
            })
            .collect()
    }

    async fn announce(&mut self, event_id: &str) {
        let created = run(&[
            "event",
            "create",
            "--id",
            event_id,
            "--market-context",
            "http://example.com/dr",
            "--start",
            "+PT1H",
            "--interval",
            "PT10M=1",
            "--api",
            &self.api,
        ])
        .await;
        assert!(created.status.success(), "{created:?}");
        self.ven.next("opt_sent").await;
    }
}

/// The data folder of a VEN is called as it is.
fn ven_data(folder: &Folder, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

fn start_ven(folder: &Folder, name: &str, url: &str, more: &[&str]) -> Process {
    let data = ven_data(folder, name);
    let args = [
        "ven",
        "--vtn",
        url,
        "--name",
        name,
        "--data",
        &data,
        "--resource",
        "r1",
        "--resource",
        "r2",
    ];
    Process::start(&[&args, more].concat())
}

/// Until the VEN listens, which it does not say.
async fn reachable(socket: &Path) {
    let connect = async {
        while UnixStream::connect(socket).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within("the control socket", connect).await;
}

async fn opt(folder: &Folder, args: &str) -> Ended {
    let data = ven_data(folder, "ven");
    let args: Vec<&str> = args.split(' ').collect();
    run(&[&["opt", "--data", &data], &args[..]].concat()).await
}

#[tokio::test]
async fn schedules_are_made_listed_and_withdrawn() {
    let mut pair = Pair::start().await;
    assert_eq!(pair.opt("list").await.out, "no opts\n");
    let made = pair
        .opt("out --start +P1D --duration PT4H --resource r1 --device-class Pool_Pump --id o1")
        .await;
    assert_eq!(
        (made.status.code(), made.out.as_str()),
        (Some(0), "o1: the VTN knows\n"),
        "{made:?}"
    );
    let accepted = pair.ven.next("opt_accepted").await;
    assert_eq!(accepted["opt_id"], "o1");
    let drawn = pair.opt("in --start now --duration PT0S --json").await;
    let drawn: Value = serde_json::from_str(&drawn.out).unwrap();
    assert_eq!(drawn["standing"], "accepted");
    let drawn = drawn["opt_id"].as_str().unwrap().to_owned();
    let known = json!("accepted");
    assert_eq!(
        pair.listed().await,
        [
            ("o1".to_owned(), "optOut".to_owned(), known.clone()),
            (drawn.clone(), "optIn".to_owned(), known.clone()),
        ]
    );
    let list = pair.opt("list").await.out;
    assert!(
        list.contains("Pool_Pump") && list.contains("PT4H"),
        "{list}"
    );

    let gone = pair.opt("cancel o1").await;
    assert_eq!(
        (gone.status.code(), gone.out.as_str()),
        (Some(0), "o1: cancelled, and the VTN knows\n"),
        "{gone:?}"
    );
    pair.ven.next("opt_cancelled").await;
    assert_eq!(pair.listed().await, [(drawn, "optIn".to_owned(), known)]);
    for (args, said) in [
        ("cancel o1", "there is no opt of this ID"),
        ("out --event none", "there is no such event"),
        (
            "out --start now --duration PT1H --resource r3",
            "the VEN has no such resource",
        ),
        (
            "out --start 2020-01-01T00:00:00Z --duration PT1H",
            "all of them are over",
        ),
    ] {
        let ended = pair.opt(args).await;
        assert_eq!(ended.status.code(), Some(1), "{args}: {ended:?}");
        assert!(ended.err.contains(said), "{args}: {ended:?}");
        assert!(ended.out.is_empty(), "{args}: {ended:?}");
    }
    let socket = pair.folder.path().join("ven/control.sock");
    assert!(socket.exists());
    assert!(pair.ven.terminate().await.success());
    assert!(!socket.exists());
    let ended = opt(&pair.folder, "list").await;
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.err.contains("no VEN runs there"), "{ended:?}");
}

#[tokio::test]
async fn an_event_is_answered_otherwise_and_a_resource_opted_out_of_it() {
    let mut pair = Pair::start().await;
    pair.announce("e1").await;
    let changed = pair.opt("out --event e1").await;
    assert_eq!(
        (changed.status.code(), changed.out.as_str()),
        (Some(0), "e1: optOut, and the VTN knows\n"),
        "{changed:?}"
    );
    let shown = run(&["event", "show", "e1", "--api", &pair.api]).await;
    assert!(shown.out.contains("optOut"), "{}", shown.out);
    let opted = pair.opt("in --event e1 --resource r2 --id o1").await;
    assert!(opted.status.success(), "{opted:?}");
    assert_eq!(
        pair.listed().await,
        [("o1".to_owned(), "optIn".to_owned(), json!("accepted"))]
    );
    // What both come to, as the VTN's operator sees it.
    let told = run(&["event", "opts", "e1", "--json", "--api", &pair.api]).await;
    let told: Value = serde_json::from_str(&told.out).unwrap();
    let effective = told["vens"][0]["opts"].as_array().unwrap();
    let effective: Vec<_> = effective
        .iter()
        .map(|of| (&of["resource"], &of["opt"], &of["by"]))
        .collect();
    assert_eq!(
        effective,
        [
            (&json!(null), &json!("optOut"), &json!("answer")),
            (&json!("r1"), &json!("optOut"), &json!("answer")),
            (&json!("r2"), &json!("optIn"), &json!("qualification")),
        ]
    );
    // Rule 211.
    let cancelled = pair.opt("cancel o1").await;
    assert!(
        cancelled.err.contains("cannot be cancelled"),
        "{cancelled:?}"
    );
    assert_eq!(cancelled.status.code(), Some(1));
}

#[tokio::test]
async fn what_a_vtn_that_is_away_has_not_confirmed_is_no_success_and_is_told_later() {
    let Pair {
        vtn, ven, folder, ..
    } = Pair::start().await;
    vtn.kill().await;
    let ended = opt(&folder, "out --start +P1D --duration PT4H --id o1 --wait 1").await;
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.err.contains("has not confirmed it yet"), "{ended:?}");
    // Nobody waits: it is for the VEN to tell.
    let ended = opt(&folder, "out --start +P2D --duration PT4H --id o2 --wait 0").await;
    assert_eq!(
        (ended.status.code(), ended.out.as_str()),
        (Some(0), "o2: the VTN does not know yet\n"),
        "{ended:?}"
    );
    ven.kill().await;
    // What a killed VEN left of its socket is no obstacle for the next one.
    assert!(folder.path().join("ven/control.sock").exists());
    let (_vtn, url, _) = start_vtn(&folder.path().join("vtn")).await;
    let mut ven = start_ven(&folder, "ven", &url, &[]);
    for opt_id in ["o1", "o2"] {
        assert_eq!(ven.next("opt_accepted").await["opt_id"], opt_id);
    }
    let shown = opt(&folder, "list").await.out;
    assert!(!shown.contains("does not know yet"), "{shown}");
}

#[tokio::test]
async fn the_control_socket_is_where_the_operator_wants_it_or_nowhere() {
    let folder = Folder::new();
    let (_vtn, url, _) = start_vtn(&folder.path().join("vtn")).await;
    let socket = folder.path().join("elsewhere.sock");
    let socket = socket.to_str().unwrap();
    let ven = start_ven(&folder, "ven", &url, &["--control-socket", socket]);
    reachable(Path::new(socket)).await;
    let ended = run(&["opt", "--control-socket", socket, "list"]).await;
    assert_eq!(
        (ended.status.code(), ended.out.as_str()),
        (Some(0), "no opts\n"),
        "{ended:?}"
    );
    assert!(ven.terminate().await.success());

    let mut ven = start_ven(&folder, "other", &url, &["--control-socket", "none"]);
    ven.next("registered").await;
    let files = std::fs::read_dir(folder.path().join("other")).unwrap();
    let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert!(!names.contains(&"control.sock".into()), "{names:?}");
    assert!(ven.terminate().await.success());
}

#[tokio::test]
async fn callbacks_are_told_what_the_vtn_says() {
    let folder = Folder::new();
    let vtn = Vtn::from_config(settings(&folder.path().join("vtn"), Admission::Open))
        .on_create_opt(async |opt| {
            Ok(match opt.opt_id.as_str() {
                "unwelcome" => OptDecision::Refuse(ResponseCode::NOT_ALLOWED),
                _ => OptDecision::Accept,
            })
        })
        .start()
        .await
        .unwrap();
    let (tell, mut heard) = mpsc::unbounded_channel();
    let (accepted, refused, cancelled) = (tell.clone(), tell.clone(), tell);
    let data = folder.path().join("ven");
    let ven = ven_config(&vtn.vtn_url(), "Pump1", &data, OptType::OptIn)
        .on_opt_accepted(move |told| {
            let _ = accepted.send(format!("accepted {}", told.opt_id));
            async {}
        })
        .on_opt_refused(move |told| {
            let code = told.response_code.unwrap();
            let _ = refused.send(format!("refused {} {code}", told.opt_id));
            async {}
        })
        .on_opt_cancelled(move |told| {
            let _ = cancelled.send(format!("cancelled {}", told.opt_id));
            async {}
        })
        .start()
        .await
        .unwrap();
    let registered = ven.until(|state| state.registered().is_some());
    within("registered", registered).await.unwrap();
    let out = |id: &str| {
        let period = OptPeriod {
            start: chrono::Utc::now(),
            duration: "PT1H".parse().unwrap(),
        };
        Command::CreateOpt(Box::new(OptDraft {
            opt_id: id.parse().ok(),
            terms: OptTerms {
                opt_type: OptType::OptOut,
                reason: OptReason::Economic,
                subject: OptSubject::Schedule {
                    market_context: None,
                    periods: vec![period],
                },
                resources: Vec::new(),
                device_classes: Vec::new(),
            },
        }))
    };
    ven.command(out("welcome")).await.unwrap();
    ven.command(out("unwelcome")).await.unwrap();
    let opt_id = "welcome".parse().unwrap();
    ven.command(Command::CancelOpt { opt_id }).await.unwrap();
    for words in [
        "accepted welcome",
        "refused unwelcome 451",
        "cancelled welcome",
    ] {
        assert_eq!(within(words, heard.recv()).await.unwrap(), words);
    }
    ven.stop().await;
    vtn.stop().await;
}
