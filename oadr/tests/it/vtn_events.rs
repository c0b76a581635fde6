//! Events that an application adds, modifies and cancels, as its VENs see them.

use std::sync::{Arc, Mutex};

use oadr::payload::{Message, StreamPayload};
use oadr::value::{
    DateTime, Duration, EventId, EventStatus, MarketContext, SignalName, SignalType, VenId,
};
use oadr::vtn::{Event, EventsError, Handle, Interval, Running, TargetType, Vtn};
use oadr_core::payload;
use oadr_core::vtn::{Admission, Audience};
use oadr_http::Client;

use crate::folder::Folder;
use crate::served::{settings, start, within};
use crate::wire::{answer_event, client, poll, register, settle};

async fn with_ven(folder: &Folder) -> (Running, Client, VenId) {
    let vtn = start(folder.path(), Admission::Open).await;
    let client = client(&vtn.vtn_url());
    let ven_id = register(&client, "Pump1").await;
    settle(&client, &ven_id).await;
    (vtn, client, ven_id)
}

async fn event(client: &Client, ven_id: &VenId) -> payload::EiEvent {
    let reply = poll(client, ven_id).await;
    let Message::DistributeEvent(distribute) = reply else {
        panic!("{reply:?}")
    };
    distribute.events[0].ei_event.clone()
}

fn level() -> Event {
    Event::new(SignalName::Simple, SignalType::Level)
}

fn in_an_hour() -> DateTime {
    chrono::SubsecRound::trunc_subsecs(chrono::Utc::now(), 0) + chrono::TimeDelta::hours(1)
}

#[tokio::test]
async fn rule_103_intervals_by_start_go_out_with_durations_and_targets_as_they_were_given() {
    let folder = Folder::new();
    let (vtn, client, ven_id) = with_ven(&folder).await;
    let start = in_an_hour();
    let quarter = chrono::TimeDelta::minutes(15);
    let event_ = level()
        .ven(ven_id.as_str())
        .intervals([
            Interval::starting(start, 1.0),
            Interval::at(start + quarter, Duration::minutes(30), 2.0),
        ])
        .resource("Device001")
        .targets_by_type([
            (TargetType::ResourceId, vec!["Device002".to_owned()]),
            (TargetType::GroupId, vec!["north".to_owned()]),
        ]);
    vtn.add_event(event_).await.unwrap();
    let seen = event(&client, &ven_id).await;
    let period = &seen.active_period.0;
    assert_eq!(period.start, start);
    assert_eq!(period.duration.to_time_delta(), Some(quarter * 3));
    let intervals = &seen.signals.signals.first().intervals;
    let lengths: Vec<_> = intervals.iter().map(|i| i.duration.unwrap()).collect();
    assert_eq!(lengths.len(), 2);
    assert_eq!(lengths[0].to_time_delta(), Some(quarter));
    assert!(intervals.iter().all(|interval| interval.start.is_none()));
    assert!(matches!(
        intervals.first().payloads.first(),
        StreamPayload::Signal(_)
    ));
    let resources: Vec<_> = seen
        .target
        .resource_ids
        .iter()
        .map(|r| r.as_str())
        .collect();
    assert_eq!(resources, ["Device001", "Device002"]);
    assert_eq!(seen.target.group_ids[0].as_str(), "north");
    vtn.stop().await;
}

#[tokio::test]
async fn rule_22_without_targets_an_event_is_for_the_ven_that_gets_it() {
    let folder = Folder::new();
    let (vtn, client, ven_id) = with_ven(&folder).await;
    let lasting = Interval::lasting(Duration::minutes(5), 1.0);
    // Prepared for a VEN that may not even exist.
    vtn.add_event(level().ven("somebody else").interval(lasting))
        .await
        .unwrap();
    vtn.add_event(level().interval(lasting)).await.unwrap();
    let seen = event(&client, &ven_id).await;
    assert_eq!(seen.target.ven_ids, [ven_id]);
    vtn.stop().await;
}

#[tokio::test]
async fn an_event_is_modified_and_cancelled_and_its_answers_are_heard() {
    let folder = Folder::new();
    let (vtn, client, ven_id) = with_ven(&folder).await;
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let hear = Arc::clone(&heard);
    let added = vtn
        .add_event(
            level()
                .ven("Pump1")
                .event_id("e1")
                .interval(Interval::at(in_an_hour(), Duration::minutes(5), 1.0))
                .on_answer(move |answer| {
                    let line = format!("{} {} {}", answer.ven_id, answer.event_id, answer.opt);
                    hear.lock().unwrap().push(line);
                    async { Ok(()) }
                }),
        )
        .await
        .unwrap();
    let waiting = tokio::spawn({
        let added = added.clone();
        async move { added.outcome().await }
    });
    assert_eq!(
        event(&client, &ven_id).await.descriptor.modification_number,
        0
    );
    answer_event(&client, &ven_id, "e1").await;
    let outcome = within("the outcome", waiting).await.unwrap().unwrap();
    assert_eq!(outcome.opt.unwrap().to_string(), "optIn");
    let handle = vtn.handle();
    let id = added.event_id();
    handle
        .modify_event(id, |event| event.priority = Some(1))
        .await
        .unwrap();
    let seen = event(&client, &ven_id).await.descriptor;
    assert_eq!((seen.modification_number, seen.priority), (1, Some(1)));
    handle.cancel_event(id).await.unwrap();
    let seen = event(&client, &ven_id).await.descriptor;
    assert_eq!(seen.event_status, EventStatus::Cancelled);
    vtn.stop().await;
    assert_eq!(*heard.lock().unwrap(), [format!("{ven_id} e1 optIn")]);
    let late = handle.cancel_event(id).await;
    assert!(matches!(late, Err(EventsError::NotRunning)), "{late:?}");
}

#[tokio::test]
async fn a_raw_event_has_everything_and_what_is_wrong_with_an_event_is_told() {
    let folder = Folder::new();
    let (vtn, client, ven_id) = with_ven(&folder).await;
    let handle = vtn.handle();
    let wrong = |event: Event| {
        let handle = handle.clone();
        async move { handle.add_event(event).await.unwrap_err().to_string() }
    };
    let lasting = Interval::lasting(Duration::minutes(5), 1.0);
    for (event, told) in [
        (level(), "intervals: at least one is needed"),
        (
            level().interval(Interval::lasting(Duration::minutes(5), 7.0)),
            "signals[0].intervals[0].payload: is not a value of this signal",
        ),
        (
            level().interval(lasting).resource("\n"),
            "resourceID: has a character that is not allowed here",
        ),
        (
            Event::new(SignalName::ElectricityPrice, SignalType::Level).interval(lasting),
            "signals[0].signal_type: is not a type of this signal",
        ),
    ] {
        assert_eq!(wrong(event).await, told);
    }
    let add = |event: Event| {
        let handle = handle.clone();
        async move { handle.add_event(event.event_id("e1")).await }
    };
    let first = add(level().interval(lasting)).await.unwrap();
    add(level().interval(lasting)).await.unwrap();
    let other = add(level().interval(lasting).priority(1)).await;
    assert!(matches!(other, Err(EventsError::Exists(_))), "{other:?}");
    handle.cancel_event(first.event_id()).await.unwrap();
    let unknown = handle.cancel_event(&EventId::new("e2").unwrap()).await;
    assert!(
        matches!(unknown, Err(EventsError::Unknown(_))),
        "{unknown:?}"
    );

    // The whole event, taken from one that is there, with a second signal.
    let mut draft = draft(&handle).await;
    let mut second = draft.signals[0].clone();
    second.signal_id = oadr::value::SignalId::new("second").unwrap();
    draft.signals.push(second);
    draft.market_context = MarketContext::new("http://example.com/dr").unwrap();
    handle
        .add_raw_event(None, Audience::by_target(), draft)
        .await
        .unwrap();
    let seen = event(&client, &ven_id).await;
    assert_eq!(seen.signals.signals.len(), 2);
    vtn.stop().await;
}

/// An event in full, of which nobody hears.
async fn draft(handle: &Handle) -> oadr_core::vtn::EventDraft {
    let hidden = level()
        .ven("nobody")
        .interval(Interval::lasting(Duration::minutes(5), 1.0));
    let added = handle.add_event(hidden).await.unwrap();
    let mut found = None;
    let look = |event: &mut oadr_core::vtn::EventDraft| found = Some(event.clone());
    handle.modify_event(added.event_id(), look).await.unwrap();
    found.unwrap()
}

#[tokio::test]
async fn several_vtns_live_in_one_process() {
    let folders = [Folder::new(), Folder::new()];
    let mut running = Vec::new();
    for folder in &folders {
        let vtn = Vtn::from_config(settings(folder.path(), Admission::Open));
        running.push(vtn.start().await.unwrap());
    }
    let clients: Vec<_> = running.iter().map(|vtn| client(&vtn.vtn_url())).collect();
    let first = register(&clients[0], "Pump1").await;
    let second = register(&clients[1], "Pump1").await;
    assert_ne!(first, second);
    let lasting = Interval::lasting(Duration::minutes(5), 1.0);
    running[1]
        .add_event(level().interval(lasting))
        .await
        .unwrap();
    settle(&clients[0], &first).await;
    settle(&clients[1], &second).await;
    assert!(matches!(
        poll(&clients[0], &first).await,
        Message::Response(_)
    ));
    assert_eq!(event(&clients[1], &second).await.target.ven_ids, [second]);
    for vtn in running {
        vtn.stop().await;
    }
}
