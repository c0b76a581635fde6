//! What is sent once, or of a time before the request: rules 318, 324, 325, 337, 341.

use super::bench::*;
use super::offers::*;
use super::sending::{all, told};
use crate::payload::{GreenButton, ItemBase, Message, StreamPayload};
use crate::reading::Reading;
use crate::value::{Duration, ReportName};
use crate::ven::Window;

#[test]
fn rule_337_one_shot_usage_says_of_how_long() {
    for (own, expected) in [(None, "PT10S"), (Some(Duration::minutes(5)), "PT5M")] {
        let mut bench = all();
        bench.meter = Box::new(move |question| {
            let mut readings = seconds(question);
            for reading in &mut readings {
                reading.duration = own;
            }
            readings
        });
        let request = wanted("a", "usage", &["power"], Duration::ZERO, Duration::ZERO);
        ask(&mut bench, vec![request]);
        let sent = reports_until(&mut bench, 60);
        assert_eq!(sent[0].1, format!("a: +0 {expected} power=0"));
    }
}

#[test]
fn rule_324_one_shot_telemetry_is_sent_at_once_whatever_the_granularity() {
    let mut bench = all();
    let request = wanted(
        "a",
        "usage",
        &["energy", "power"],
        Duration::minutes(1),
        Duration::ZERO,
    );
    // The interval says nothing either.
    let request = during(request, noon() + minutes(30), Duration::hours(1));
    assert_eq!(ask(&mut bench, vec![request]).1, ["a"]);
    let asked_at = since_noon(bench.now);
    assert_eq!(
        reports_until(&mut bench, 3_600),
        told(&[(asked_at, "a: +0 PT10S energy=0 power=0")])
    );
    assert_eq!(
        words(&bench.take_effects()),
        ["requested a of usage", "sent a: 2", "completed a"]
    );
}

#[test]
fn rule_324_a_one_shot_status_is_one_point() {
    let mut bench = all();
    bench.meter = Box::new(|_| {
        let at = |s| noon() + secs(s);
        vec![
            state(true, at(-20)),
            state(false, at(-10)),
            state(true, at(-30)),
        ]
    });
    ask(
        &mut bench,
        vec![wanted(
            "a",
            "status",
            &["state"],
            Duration::ZERO,
            Duration::ZERO,
        )],
    );
    let sent = reports_until(&mut bench, 3_600);
    let sent: Vec<&str> = sent.iter().map(|(_, report)| report.as_str()).collect();
    assert_eq!(sent, ["a: -10 state=offline"]);
}

#[test]
fn rule_341_what_is_kept_of_the_past_is_sent_first() {
    let mut bench = all();
    let request = during(each_minute("a"), noon() - minutes(3), Duration::ZERO);
    ask(&mut bench, vec![request]);
    let asked_at = since_noon(bench.now);
    assert_eq!(
        reports_until(&mut bench, 60),
        told(&[
            (
                asked_at,
                "a: -180 PT1M energy=-180 | -120 PT1M energy=-120 | -60 PT1M energy=-60"
            ),
            (60, "a: +0 PT1M energy=0"),
        ])
    );
    // No more of it than was offered.
    let mut bench = all();
    let request = during(each_minute("a"), noon() - minutes(600), Duration::ZERO);
    ask(&mut bench, vec![request]);
    let sent = reports_until(&mut bench, 60);
    assert!(sent[0].1.starts_with("a: -7140 PT1M"), "{}", sent[0].1);
}

#[test]
fn rule_341_what_was_never_sampled_is_not_made_up() {
    let mut bench = all();
    bench.meter = Box::new(|question| {
        let mut readings = seconds(question);
        readings.retain(|reading| since_noon(reading.start) >= -60);
        readings
    });
    let request = during(each_minute("a"), noon() - minutes(3), Duration::ZERO);
    ask(&mut bench, vec![request]);
    let sent = reports_until(&mut bench, 60);
    assert_eq!(sent[0].1, "a: -60 PT1M energy=-60");
    // Nothing at all is not sent, unless it is all that will ever be.
    bench.meter = Box::new(|_| Vec::new());
    let past = |id, length| during(each_minute(id), noon() - minutes(30), length);
    let none = past("b", Duration::ZERO);
    let all = past("c", Duration::minutes(10));
    let later = past("d", Duration::minutes(40));
    bench.poll(create(vec![none, all, later]));
    let told = words(&bench.take_effects());
    let told: Vec<_> = told.iter().filter(|word| !word.contains(" a")).collect();
    assert_eq!(
        told,
        [
            "requested b of usage",
            "requested c of usage",
            "requested d of usage",
            // All of it bad (rule 318).
            "sent c: 10",
            "completed c"
        ]
    );
}

#[test]
fn rule_325_history_is_sent_as_it_is_kept() {
    let mut bench = all();
    let request = wanted("a", "history", &["energy"], Duration::ZERO, Duration::ZERO);
    let request = during(request, noon() - minutes(60), Duration::minutes(30));
    ask(&mut bench, vec![request]);
    let sent = reports_until(&mut bench, 60);
    // Nobody says how long: neither the reading nor the offer.
    assert_eq!(
        sent[0].1,
        "a: -3600 PT1M energy=-3600 | -2700 PT1M energy=-2700"
    );
    assert_eq!(sent.len(), 1);
    assert_eq!(
        bench.measured[0].window,
        Window::History {
            from: noon() - minutes(60),
            to: noon() - minutes(30)
        }
    );
}

#[test]
fn rule_318_history_that_is_not_there_is_one_bad_value() {
    let mut bench = all();
    bench.meter = Box::new(|_| Vec::new());
    let request = wanted("a", "history", &["energy"], Duration::ZERO, Duration::ZERO);
    let request = during(request, noon() - minutes(60), Duration::ZERO);
    ask(&mut bench, vec![request]);
    let sent = reports_until(&mut bench, 60);
    assert_eq!(sent.len(), 1);
    assert_eq!(
        sent[0].1,
        "a: -3600 PT1M energy=0 (Quality Bad - Non Specific)"
    );
}

#[test]
fn what_is_too_much_for_one_report_comes_in_several() {
    let mut bench = all();
    let request = wanted(
        "a",
        "usage",
        &["power", "energy"],
        Duration::seconds(10),
        Duration::hours(2),
    );
    let request = during(request, noon() + minutes(1), Duration::hours(2));
    ask(&mut bench, vec![request]);
    let sent = sent_until(&mut bench, 7_300);
    let sizes: Vec<_> = sent
        .iter()
        .map(|(at, m)| (*at, report(m).intervals.as_ref().unwrap().len()))
        .collect();
    assert_eq!(sizes, [(7_260, 500), (7_260, 220)]);

    let mut bench = all();
    bench.meter = Box::new(|question| {
        let Window::History { from, to } = question.window else {
            return Vec::new();
        };
        let energy = &question.r_ids[0];
        let all = (0..2_500).map(|n| noon() - secs(3_000 - n));
        all.filter(|at| from <= *at && *at < to)
            .map(|at| Reading::number(energy.clone(), at, 1.0))
            .collect()
    });
    let request = wanted("h", "history", &["energy"], Duration::ZERO, Duration::ZERO);
    let request = during(request, noon() - minutes(60), Duration::ZERO);
    ask(&mut bench, vec![request]);
    let sent = sent_until(&mut bench, 60);
    let mut starts = Vec::new();
    for (_, message) in &sent {
        let intervals = report(message).intervals.as_ref().unwrap();
        assert!(intervals.len() <= 1_000);
        starts.extend(intervals.iter().map(|i| since_noon(i.start.unwrap())));
    }
    assert_eq!(sent.len(), 3);
    assert_eq!(starts, (-3_000..-500).collect::<Vec<_>>());
}

/// Feeds of 2 hours.
fn feeds(r_ids: &[&str]) -> Bench {
    let mut feeds = offer("feeds", ReportName::MetadataHistoryGreenButton, r_ids);
    for description in &mut feeds.descriptions {
        description.item_base = Some(ItemBase::GreenButton(GreenButton::empty()));
        description.sampling_rate = None;
    }
    offering(vec![feeds])
}

fn only_payload(sent: &[(i64, Message)]) -> &StreamPayload {
    let [(_, message)] = sent else {
        panic!("{sent:?}");
    };
    let intervals = report(message).intervals.as_ref().unwrap();
    assert_eq!(intervals.len(), 1);
    assert_eq!(intervals[0].payloads.len(), 1);
    &intervals[0].payloads[0]
}

#[test]
fn feeds_are_sent_as_the_payloads_of_a_history() {
    let text = r#"<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:uuid:1</id></feed>"#;
    let feed = GreenButton::new(text).unwrap();
    let request = || wanted("a", "feeds", &["meter"], Duration::ZERO, Duration::ZERO);
    let mut bench = feeds(&["meter"]);
    let kept = feed.clone();
    bench.meter = Box::new(move |question| {
        let r_id = question.r_ids[0].clone();
        vec![Reading::new(r_id, noon() - minutes(30), kept.clone())]
    });
    assert_eq!(ask(&mut bench, vec![request()]).1, ["a"]);
    let sent = sent_until(&mut bench, 60);
    assert_eq!(only_payload(&sent), &StreamPayload::GreenButton(feed));
    let name = report(&sent[0].1).report_name.clone();
    assert_eq!(name, Some(ReportName::HistoryGreenButton));

    let mut bench = feeds(&["meter"]);
    bench.meter = Box::new(|_| Vec::new());
    ask(&mut bench, vec![request()]);
    let empty = StreamPayload::GreenButton(GreenButton::empty());
    assert_eq!(only_payload(&sent_until(&mut bench, 60)), &empty);
}

#[test]
fn large_feeds_go_into_reports_of_their_own() {
    let long = "x".repeat(60_000);
    let entries = format!("<title>{long}</title>").repeat(12);
    let text = format!(r#"<feed xmlns="http://www.w3.org/2005/Atom">{entries}</feed>"#);
    let feed = GreenButton::new(&text).unwrap();
    let mut bench = feeds(&["meter"]);
    bench.meter = Box::new(move |question| {
        let r_id = &question.r_ids[0];
        let at = |n| Reading::new(r_id.clone(), noon() - minutes(n), feed.clone());
        vec![at(30), at(20), at(10)]
    });
    let request = wanted("a", "feeds", &["meter"], Duration::ZERO, Duration::ZERO);
    ask(&mut bench, vec![request]);
    let sent = sent_until(&mut bench, 60);
    let starts = sent.iter().map(|(_, message)| {
        let intervals = report(message).intervals.as_ref().unwrap();
        let starts = intervals.iter().map(|i| since_noon(i.start.unwrap()) / 60);
        starts.collect::<Vec<_>>()
    });
    assert_eq!(starts.collect::<Vec<_>>(), [[-30], [-20], [-10]]);
}

#[test]
fn feeds_of_two_data_points_cannot_be_asked_for_at_once() {
    let mut bench = feeds(&["one", "two"]);
    let both = wanted(
        "a",
        "feeds",
        &["one", "two"],
        Duration::ZERO,
        Duration::ZERO,
    );
    let (code, pending) = ask(&mut bench, vec![both]);
    assert_eq!((code, pending.len()), (461, 0));
    let one = wanted("b", "feeds", &["two"], Duration::ZERO, Duration::ZERO);
    assert_eq!(ask(&mut bench, vec![one]).1, ["b"]);
}
