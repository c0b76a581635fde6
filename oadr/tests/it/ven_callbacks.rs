//! Callbacks: what they are told, in which order, and how often.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use hyper::Method;
use oadr::ven::{EndReason, HappeningId, OptType};
use oadr_core::vtn::Admission;
use serde_json::json;
use tokio::sync::mpsc;

use crate::folder::Folder;
use crate::life::{create, event};
use crate::served::{call, start, ven_config, within};

type Heard = mpsc::UnboundedReceiver<(HappeningId, String)>;

/// A VEN all of whose callbacks say what they heard.
fn listening(config: oadr::ven::Ven) -> (oadr::ven::Ven, Heard) {
    let (tell, heard) = mpsc::unbounded_channel();
    macro_rules! listen {
        ($config:expr, $($callback:ident: $words:expr),* $(,)?) => {{
            let config = $config;
            $(let config = {
                let tell = tell.clone();
                config.$callback(move |told| {
                    let _ = tell.send((told.id, $words(told)));
                    async {}
                })
            };)*
            config
        }};
    }
    use oadr::ven::{
        EventCancelled, EventEnded, EventModified, EventStarted, IntervalStarted, OptSent,
        Registered, RegistrationCancelled, RegistrationRefused,
    };
    let config = listen!(config,
        on_registered: |told: Registered| format!("registered, again: {}", told.again),
        on_registration_refused: |told: RegistrationRefused| {
            format!("refused {}", told.response_code)
        },
        on_registration_cancelled: |told: RegistrationCancelled| {
            assert!(!told.ven_id.is_empty());
            "unregistered".to_owned()
        },
        on_event_modified: |told: EventModified| {
            format!("modified {}/{}", told.event.event_id(), told.event.modification_number())
        },
        on_event_cancelled: |told: EventCancelled| {
            format!("cancelled {}/{}", told.event_id, told.modification_number)
        },
        on_opt_sent: |told: OptSent| {
            format!("sent {}/{} {}", told.event_id, told.modification_number, told.opt)
        },
        on_event_started: |told: EventStarted| {
            assert!(told.start <= told.time);
            format!("started {}", told.event_id)
        },
        on_interval_started: |told: IntervalStarted| {
            format!("{} {} is {}", told.signal_name, told.interval, told.payload)
        },
        on_event_ended: |told: EventEnded| format!("ended {} {:?}", told.event_id, told.reason),
    );
    (config, heard)
}

async fn next(heard: &mut Heard) -> String {
    within("a callback", heard.recv()).await.unwrap().1
}

#[tokio::test]
async fn each_callback_is_told_what_it_is_for_in_order() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Enrolled).await;
    let api = vtn.api_url();
    let data = folder.path().join("ven");
    let config = ven_config(&vtn.vtn_url(), "Pump1", &data, OptType::OptIn);
    let (config, mut heard) = listening(config);
    let ven = config.start().await.unwrap();
    assert!(next(&mut heard).await.starts_with("refused 4"));
    let new = json!({"ven_name": "Pump1"});
    call(&api, Method::POST, "/api/v1/vens", Some(&new)).await;
    let mut said = next(&mut heard).await;
    while said.starts_with("refused 4") {
        said = next(&mut heard).await;
    }
    assert_eq!(said, "registered, again: false");

    create(&api, &event("Later", Utc::now() + TimeDelta::hours(1), 600)).await;
    assert_eq!(next(&mut heard).await, "sent Later/0 optIn");
    let path = "/api/v1/events/Later";
    let patch = json!({"priority": 1});
    call(&api, Method::PATCH, path, Some(&patch)).await;
    assert_eq!(next(&mut heard).await, "modified Later/1");
    assert_eq!(next(&mut heard).await, "sent Later/1 optIn");
    call(&api, Method::DELETE, path, None).await;
    assert_eq!(next(&mut heard).await, "cancelled Later/2");

    create(&api, &event("Now", Utc::now() + TimeDelta::seconds(10), 1)).await;
    for words in [
        "sent Now/0 optIn",
        "started Now",
        "SIMPLE 0 is 1",
        "SIMPLE 1 is 2",
        "ended Now Completed",
    ] {
        assert_eq!(next(&mut heard).await, words);
    }
    create(&api, &event("Cut", Utc::now(), 600)).await;
    let mut begun = Vec::new();
    for _ in 0..3 {
        begun.push(next(&mut heard).await);
    }
    begun.sort();
    assert_eq!(begun, ["SIMPLE 0 is 1", "sent Cut/0 optIn", "started Cut"]);
    within("the end", ven.cancel_registration()).await.unwrap();
    assert_eq!(
        next(&mut heard).await,
        format!("ended Cut {:?}", EndReason::Unregistered)
    );
    assert_eq!(next(&mut heard).await, "unregistered");
    ven.stop().await;
    assert_eq!(heard.recv().await, None);
    vtn.stop().await;
}

#[tokio::test]
async fn a_callback_that_is_slow_or_panics_keeps_nobody_from_anything() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let data = folder.path().join("ven");
    let config = ven_config(&vtn.vtn_url(), "Pump1", &data, OptType::OptIn)
        .callback_limit(Duration::from_millis(50))
        .on_registered(async |_| panic!("on purpose"))
        .on_opt_sent(async |_| std::future::pending().await);
    let (config, mut heard) = listening(config);
    let ven = config.start().await.unwrap();
    assert_eq!(next(&mut heard).await, "registered, again: false");
    // Long enough not to be over before it has come to the VEN.
    create(&vtn.api_url(), &event("Now", Utc::now(), 5)).await;
    let mut told = Vec::new();
    while told.last().is_none_or(|last| last != "ended Now Completed") {
        told.push(next(&mut heard).await);
    }
    assert!(told.contains(&"sent Now/0 optIn".to_owned()), "{told:?}");
    ven.stop().await;
    vtn.stop().await;
}

#[tokio::test]
async fn what_was_not_told_to_its_end_is_told_again_with_the_same_id_and_what_was_is_not() {
    let folder = Folder::new();
    let vtn = start(&folder.path().join("vtn"), Admission::Open).await;
    let data = folder.path().join("ven");
    let config = || ven_config(&vtn.vtn_url(), "Pump1", &data, OptType::OptIn);
    let (config_of_first, mut heard) = listening(config());
    let dropped = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&dropped);
    let config_of_first = config_of_first.on_registered(move |_| {
        let ended = SetOnDrop(Arc::clone(&ended));
        async move {
            let _ended = ended;
            std::future::pending().await
        }
    });
    let ven = config_of_first.start().await.unwrap();
    let first = within("the callback", heard.recv()).await.unwrap();
    assert_eq!(first.1, "registered, again: false");
    let begin = Utc::now() + TimeDelta::hours(1);
    create(&vtn.api_url(), &event("Event1", begin, 600)).await;
    let knows = ven.until(|state| {
        let mut events = state.events();
        events.any(|event| event.stance().acknowledged)
    });
    within("the answer", knows).await.unwrap();
    ven.stop().await;
    assert!(
        dropped.load(Ordering::SeqCst),
        "a callback outlived its VEN"
    );
    assert_eq!(heard.recv().await, None);

    // The same again, and what waited behind it.
    let (config_of_second, mut heard) = listening(config());
    let ven = config_of_second.start().await.unwrap();
    assert_eq!(within("the callback", heard.recv()).await.unwrap(), first);
    let (id, words) = within("the callback", heard.recv()).await.unwrap();
    assert_eq!(words, "sent Event1/0 optIn");
    assert!(id > first.0, "{id} {}", first.0);
    ven.stop().await;

    let (config_of_third, mut heard) = listening(config());
    let ven = config_of_third.start().await.unwrap();
    within("the end", ven.cancel_registration()).await.unwrap();
    assert_eq!(next(&mut heard).await, "unregistered");
    ven.stop().await;
    vtn.stop().await;
}

struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
