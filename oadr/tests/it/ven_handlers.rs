//! Handlers that are asked about events: in time, too late, failing, panicking, changing their mind.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use hyper::Method;
use oadr::ven::{Event, OptType, ResponseCode};
use oadr_core::vtn::Admission;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::folder::Folder;
use crate::life::{answered, create, event};
use crate::served::{Ven, call, start, ven_config, within};

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_handler_reads_the_event_and_is_asked_again_when_it_is_modified() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&asked);
    let data = folder.path().join("ven");
    let config = ven_config(&vtn.vtn_url(), "Pump1", &data, OptType::OptIn);
    let config = config.on_event(move |event| {
        let answer = match event.previous_opt() {
            None => (OptType::OptOut, ResponseCode::DEPLOYMENT_ERROR),
            Some(_) => (OptType::OptIn, ResponseCode::OK),
        };
        list.lock().unwrap().push(event);
        async move { answer }
    });
    let mut ven = Ven::start(config).await;
    ven.next("registered").await;
    let mut wanted = event("Event1", Utc::now() + TimeDelta::hours(1), 600);
    wanted["start_after"] = json!("PT30M");
    wanted["priority"] = json!(2);
    create(&vtn.api_url(), &wanted).await;
    let received = ven.next("event_received").await;
    assert_eq!(received["response_required"], "always");
    let answer = answered(&vtn.api_url(), "Event1").await;
    assert_eq!(
        (&answer["opt"], &answer["response_code"]),
        (&json!("optOut"), &json!(469))
    );
    let (path, patch) = ("/api/v1/events/Event1", json!({"priority": 1}));
    call(&vtn.api_url(), Method::PATCH, path, Some(&patch)).await;
    ven.next("event_modified").await;
    assert_eq!(answered(&vtn.api_url(), "Event1").await["opt"], "optIn");
    ven.stop().await;
    vtn.stop().await;

    let asked = asked.lock().unwrap();
    let (first, second) = match &asked[..] {
        [first, second] => (first, second),
        other => panic!("asked {} times", other.len()),
    };
    let said = |event: &Event| (event.modification_number(), event.priority());
    assert_eq!((said(first), said(second)), ((0, 2), (1, 1)));
    assert_eq!(second.previous_opt(), Some(OptType::OptOut));
    let offset = TimeDelta::seconds(received["random_offset"].as_i64().unwrap());
    let period = &first.payload().active_period.0;
    assert_eq!(first.start(), period.start + offset);
    assert_eq!(first.end(), Some(first.start() + TimeDelta::minutes(20)));
    assert_eq!(second.start(), first.start(), "the offset is drawn once");
    let signal = first.signals().next().unwrap();
    let intervals: Vec<_> = signal
        .intervals()
        .map(|i| (i.start, i.value.get()))
        .collect();
    let turn = first.start() + TimeDelta::minutes(10);
    assert_eq!(intervals, [(first.start(), 1.0), (turn, 2.0)]);
}

#[tokio::test]
async fn a_handler_without_an_answer_leaves_it_to_the_default() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let data = folder.path().join("ven");
    let config = ven_config(&vtn.vtn_url(), "Pump1", &data, OptType::OptOut);
    let config = config.answer_within(Duration::from_secs(2));
    let config = config.on_event(async |event| match event.event_id().as_str() {
        "Slow" => std::future::pending().await,
        "Panicking" => panic!("on purpose"),
        "Failing" => Err("no valve answers"),
        _ => Ok(OptType::OptIn),
    });
    let mut ven = Ven::start(config).await;
    ven.next("registered").await;
    let begin = Utc::now() + TimeDelta::hours(1);
    for (id, opt) in [
        ("Slow", "optOut"),
        ("Panicking", "optOut"),
        ("Failing", "optOut"),
        ("Easy", "optIn"),
    ] {
        create(&vtn.api_url(), &event(id, begin, 600)).await;
        let sent = ven.next("opt_sent").await;
        assert_eq!((&sent["event_id"], &sent["opt"]), (&json!(id), &json!(opt)));
        assert_eq!(sent["response_code"], 200);
    }
    ven.stop().await;
    vtn.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_blocks_its_thread_is_left_to_itself() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let data = folder.path().join("ven");
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = Mutex::new(blocked);
    let config = ven_config(&vtn.vtn_url(), "Pump1", &data, OptType::OptOut);
    let config = config.answer_within(Duration::from_millis(500));
    let config = config.on_event(move |event| {
        if event.event_id().as_str() == "Blocking" {
            let _ = blocked.lock().unwrap().recv();
        }
        async { OptType::OptIn }
    });
    let mut ven = Ven::start(config).await;
    ven.next("registered").await;
    let begin = Utc::now() + TimeDelta::hours(1);
    for (id, opt) in [("Blocking", "optOut"), ("Easy", "optIn")] {
        create(&vtn.api_url(), &event(id, begin, 600)).await;
        let sent = ven.next("opt_sent").await;
        assert_eq!((&sent["event_id"], &sent["opt"]), (&json!(id), &json!(opt)));
    }
    drop(release);
    ven.stop().await;
    vtn.stop().await;
}

#[tokio::test]
async fn a_slow_handler_holds_up_neither_what_runs_nor_other_vens_nor_the_end() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let api = vtn.api_url();
    let data = folder.path().join("slow");
    let (ask, mut asked) = mpsc::unbounded_channel();
    let slow = ven_config(&vtn.vtn_url(), "Slow", &data, OptType::OptIn);
    let config = slow.clone().answer_within(NEVER).on_event(move |event| {
        let ask = ask.clone();
        async move {
            if event.event_id().as_str() == "Hard" {
                let _ = ask.send(event.modification_number());
                std::future::pending::<()>().await;
            }
            OptType::OptIn
        }
    });
    let mut ven = Ven::start(config).await;
    ven.next("registered").await;
    let quick = folder.path().join("quick");
    let quick = ven_config(&vtn.vtn_url(), "Quick", &quick, OptType::OptIn);
    let mut quick = Ven::start(quick).await;
    quick.next("registered").await;

    create(&api, &event("Soon", Utc::now() + TimeDelta::seconds(10), 1)).await;
    ven.next("opt_sent").await;
    create(&api, &event("Hard", Utc::now() + TimeDelta::hours(1), 600)).await;
    within("the question", asked.recv()).await;
    // While it is being asked: another VEN answers, and what it knows starts and ends in time.
    while quick.next("opt_sent").await["event_id"] != "Hard" {}
    ven.next("event_started").await;
    ven.next("event_ended").await;
    // It does not keep the VEN from stopping, which forgets the question.
    assert_eq!(ven.stop().await, Vec::<Value>::new());
    assert_eq!(
        asked.recv().await,
        None,
        "the handler has gone with the VEN"
    );

    // The next process is asked again, and says what it wants.
    let config = slow.on_event(async |event| {
        assert_eq!(event.previous_opt(), None);
        OptType::OptOut
    });
    let mut ven = Ven::start(config).await;
    let received = ven.next("event_received").await;
    assert_eq!(received["event_id"], "Hard");
    let sent = ven.next("opt_sent").await;
    assert_eq!(
        (&sent["event_id"], &sent["opt"]),
        (&json!("Hard"), &json!("optOut"))
    );
    ven.stop().await;
    quick.stop().await;
    vtn.stop().await;
}

#[tokio::test]
async fn a_handler_that_changes_its_mind_after_a_conflict_is_told_once() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let data = folder.path().join("ven");
    let database = data.join("ven.db");
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let config = ven_config(&vtn.vtn_url(), "Pump1", &data, OptType::OptIn);
    let config = config.on_event(move |_| {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        let database = database.clone();
        async move {
            if first {
                // Somebody else writes meanwhile, so that this answer cannot be.
                let other = rusqlite::Connection::open(database)?;
                other.execute("UPDATE ven SET version = version + 1", ())?;
                return Ok(OptType::OptOut);
            }
            Ok::<_, rusqlite::Error>(OptType::OptIn)
        }
    });
    let mut ven = Ven::start(config).await;
    ven.next("registered").await;
    let begin = Utc::now() + TimeDelta::hours(1);
    create(&vtn.api_url(), &event("Event1", begin, 600)).await;
    let received = ven.very_next().await;
    assert_eq!(received["happening"], "event_received");
    let sent = ven.very_next().await;
    assert_eq!(
        (&sent["happening"], &sent["opt"]),
        (&json!("opt_sent"), &json!("optIn"))
    );
    assert_eq!(answered(&vtn.api_url(), "Event1").await["opt"], "optIn");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert_eq!(ven.stop().await, Vec::<Value>::new());
    vtn.stop().await;
}
