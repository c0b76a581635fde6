//! VENs as an application holds them: several at once, looked at, commanded, stopped.

use chrono::{TimeDelta, Utc};
use hyper::Method;
use oadr::ven::{self, Command, CommandFailure, Event, OptType, StartError};
use oadr_core::value::EventId;
use oadr_core::ven::{CommandError, Registration};
use oadr_core::vtn::Admission;
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::life::{answered, create, event};
use crate::served::{Ven, call, start, until, ven_config, within};

#[tokio::test]
async fn vens_and_vtns_in_one_process_keep_to_themselves() {
    let folder = Folder::new();
    let begin = Utc::now() + TimeDelta::hours(1);
    let mut pairs = Vec::new();
    for (side, level) in [("north", 1), ("south", 2)] {
        let vtn = start(&folder.path().join(side), Admission::Open).await;
        // The same names and event IDs everywhere.
        let mut vens = Vec::new();
        for name in ["Pump1", "Pump2"] {
            let data = folder.path().join(format!("{side}-{name}"));
            let config = ven_config(&vtn.vtn_url(), name, &data, OptType::OptIn);
            let opt = match name {
                "Pump1" => OptType::OptIn,
                _ => OptType::OptOut,
            };
            let config = config.on_event(move |_| async move { opt });
            let mut ven = Ven::start(config).await;
            ven.next("registered").await;
            vens.push(ven);
        }
        let mut wanted = event("Event1", begin, 600);
        wanted["signals"][0]["intervals"] = json!([{"duration": "PT5M", "payload": level}]);
        create(&vtn.api_url(), &wanted).await;
        pairs.push((vtn, vens, level));
    }
    for (vtn, vens, level) in pairs {
        for ven in &vens {
            let known = ven.running.until(|state| {
                let mut events = state.events();
                events.any(|event| event.stance().acknowledged)
            });
            let state = within("the answer", known).await.unwrap();
            let values: Vec<_> = state
                .events()
                .map(Event::from)
                .map(|event| event.signals().next().unwrap().value_at(event.start()))
                .collect();
            assert_eq!(values, [Some(f64::from(level).into())]);
        }
        let show = || async {
            let path = "/api/v1/events/Event1";
            call(&vtn.api_url(), Method::GET, path, None).await.body
        };
        let opts = |event: &Value| -> Vec<(String, String)> {
            let vens = event["vens"].as_array().unwrap().iter();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let mut opts: Vec<_> = vens
                .map(|ven| (text(&ven["ven_name"]), text(&ven["opt"])))
                .collect();
            opts.sort();
            opts
        };
        let wanted = [("Pump1", "optIn"), ("Pump2", "optOut")];
        let wanted = wanted.map(|(name, opt)| (name.to_owned(), opt.to_owned()));
        until("both answers", show, |event| opts(event) == wanted).await;
        for ven in vens {
            ven.stop().await;
        }
        vtn.stop().await;
    }
}

#[tokio::test]
async fn an_application_changes_its_mind_and_leaves() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let data = folder.path().join("ven");
    let config = ven_config(&vtn.vtn_url(), "Pump1", &data, OptType::OptIn);
    let ven = config.clone().start().await.unwrap();
    let registered = ven.until(|state| state.registered().is_some());
    let state = within("registered", registered).await.unwrap();
    assert_eq!(state.registration(), ven.status().registration());
    let begin = Utc::now() + TimeDelta::hours(1);
    create(&vtn.api_url(), &event("Event1", begin, 600)).await;
    assert_eq!(answered(&vtn.api_url(), "Event1").await["opt"], "optIn");

    let change = |id: &str, opt| Command::ChangeOpt {
        event_id: EventId::new(id).unwrap(),
        opt,
    };
    ven.command(change("Event1", OptType::OptOut))
        .await
        .unwrap();
    let known = EventId::new("Event1").unwrap();
    let stance = |ven: &ven::Running| ven.status().event(&known).unwrap().stance().opt;
    assert_eq!(stance(&ven), OptType::OptOut);
    let show = || answered_opt(vtn.api_url());
    until("the other opt", show, |opt| opt == "optOut").await;
    let refused = ven.command(change("None", OptType::OptIn)).await;
    let reason = CommandError::UnknownEvent;
    assert!(
        matches!(&refused, Err(CommandFailure::Refused(why)) if *why == reason),
        "{refused:?}"
    );

    // It is known after a restart, and nobody else may have the folder meanwhile.
    ven.stop().await;
    let ven = config.clone().start().await.unwrap();
    assert_eq!(stance(&ven), OptType::OptOut);
    let second = config.clone().start().await.unwrap_err();
    assert!(second.to_string().contains("ven is in use"), "{second}");

    within("the end", ven.cancel_registration()).await.unwrap();
    assert_eq!(*ven.status().registration(), Registration::None);
    assert_eq!(ven.status().events().count(), 0);
    let again = ven.cancel_registration().await;
    let reason = CommandError::NotRegistered;
    assert!(
        matches!(&again, Err(CommandFailure::Refused(why)) if *why == reason),
        "{again:?}"
    );
    ven.command(Command::Register).await.unwrap();
    let registered = ven.until(|state| state.registered().is_some());
    within("registered", registered).await.unwrap();
    ven.stop().await;

    // Once more, by a VEN that is started for nothing else.
    let ven = config.clone().start_leaving().await.unwrap();
    within("the end", ven.unregistered()).await.unwrap();
    ven.stop().await;
    let refused = config.start_leaving().await.unwrap_err();
    assert!(matches!(refused, StartError::NotRegistered), "{refused}");
    vtn.stop().await;
}

async fn answered_opt(api: String) -> Value {
    answered(&api, "Event1").await["opt"].clone()
}

#[tokio::test]
async fn a_ven_in_memory_leaves_nothing_behind_and_knows_nothing_of_before() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let config = || ven::Ven::in_memory("Pump1", &vtn.vtn_url()).unwrap();
    let mut ven = Ven::start(config()).await;
    let first = ven.next("registered").await;
    let begin = Utc::now() + TimeDelta::hours(1);
    create(&vtn.api_url(), &event("Event1", begin, 600)).await;
    ven.next("opt_sent").await;
    ven.stop().await;
    let mut ven = Ven::start(config()).await;
    let second = ven.next("registered").await;
    assert_eq!(ven.next("event_received").await["event_id"], "Event1");
    // The same VEN to its VTN, which knows it by its name.
    assert_eq!(first["ven_id"], second["ven_id"]);
    ven.stop().await;
    vtn.stop().await;
    assert!(!std::path::Path::new(":memory:").exists());
}

#[tokio::test]
async fn what_keeps_a_ven_from_starting_is_named() {
    let folder = Folder::new();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let url = "http://127.0.0.1:8080";
    for (name, vtn, said) in [
        ("", url, "name must not be empty"),
        (
            "a\u{1}b",
            url,
            "the VEN's name \"a\\u{1}b\" has a character",
        ),
        ("Pump1", "ftp://example.com", "\"ftp://example.com\": "),
        ("Pump1", "127.0.0.1:8080", "begins with http://"),
    ] {
        let error = ven::Ven::new(name, vtn, &file).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
    let ven = ven::Ven::new("Pump1", "https://example.com", folder.path().join("none")).unwrap();
    let error = ven.start().await.unwrap_err();
    assert!(error.to_string().contains("--tls-ca"), "{error}");
    assert!(!folder.path().join("none").exists());
    let ven = ven::Ven::new("Pump1", url, &file).unwrap();
    let error = ven.start().await.unwrap_err();
    let path = file.to_str().unwrap();
    assert!(error.to_string().contains(path), "{error}");
    let database = folder.path().join("ven.db");
    std::fs::write(
        &database,
        "no database, though as long as the header of one would be",
    )
    .unwrap();
    let ven = ven::Ven::new("Pump1", url, folder.path()).unwrap();
    let error = ven.start().await.unwrap_err();
    assert!(matches!(error, StartError::Store(_)), "{error}");
}
