//! When which report is sent and what is in it: rules 300, 313 to 318, 325, 331, 334, 342, 346.

use chrono::TimeDelta;

use super::bench::*;
use super::offers::*;
use crate::payload::{Message, MessageKind};
use crate::reading::Reading;
use crate::value::{DataQuality, Duration, ReportName};
use crate::ven::{Context, Input, Window};

pub(super) fn all() -> Bench {
    offering(vec![usage(), status(), history()])
}

pub(super) fn told(expected: &[(i64, &str)]) -> Vec<(i64, String)> {
    let expected = expected.iter();
    expected.map(|(at, m)| (*at, (*m).to_owned())).collect()
}

/// Asked for before `start` (seconds after noon).
fn asked(request: crate::payload::ReportRequest, start: i64, duration: &str) -> Bench {
    let mut bench = all();
    bench.meter = Box::new(|question| match question.window {
        Window::OnChange { .. } => Vec::new(),
        Window::Now | Window::Sampled { .. } | Window::History { .. } => seconds(question),
    });
    let start = noon() + secs(start);
    let request = during(request, start, duration.parse().unwrap());
    assert_eq!(ask(&mut bench, vec![request]).0, 200);
    bench
}

#[test]
fn rule_313_a_data_report_says_what_it_is() {
    let mut bench = asked(each_minute("a"), 60, "PT1M");
    let sent = sent_until(&mut bench, 600);
    assert_eq!(sent.len(), 1);
    let report = report(&sent[0].1);
    assert_eq!(report.start, Some(noon() + minutes(1)));
    assert_eq!(report.report_name, Some(ReportName::TelemetryUsage));
    assert_eq!(report.report_specifier_id.as_str(), "usage");
    assert_eq!(report.report_request_id.as_str(), "a");
    assert_eq!(report.descriptions, []);
    assert_eq!(report.ei_report_id, None);
    assert_eq!(report.created, noon() + minutes(2));
    let Message::UpdateReport(message) = &sent[0].1 else {
        panic!("not data");
    };
    let octets = crate::codec::encode(&message.clone().into());
    assert!(crate::codec::decode(&octets, &Default::default()).is_ok());
}

#[test]
fn rule_313_names_of_ones_own_lose_their_prefix_too() {
    let own = |name: &str| {
        let mut offer = usage();
        offer.report_name = Some(name.parse().unwrap());
        let mut bench = offering(vec![offer]);
        ask(&mut bench, vec![each_minute("a")]);
        let name = sent_until(&mut bench, 60)
            .first()
            .and_then(|(_, message)| report(message).report_name.clone());
        name.unwrap().to_string()
    };
    assert_eq!(own("x-METADATA_voltage"), "x-voltage");
    assert_eq!(own("x-voltage"), "x-voltage");
}

#[test]
fn rule_317_interval_data_are_sent_when_their_time_is_over() {
    let mut bench = asked(each_minute("a"), 60, "PT3M");
    assert_eq!(
        reports_until(&mut bench, 600),
        told(&[
            (120, "a: +60 PT1M energy=60"),
            (180, "a: +120 PT1M energy=120"),
            (240, "a: +180 PT1M energy=180"),
        ])
    );
    assert_eq!(
        words(&bench.take_effects()),
        [
            "requested a of usage",
            "sent a: 1",
            "sent a: 1",
            "sent a: 1",
            "completed a"
        ]
    );
    assert_eq!(bench.state().pending_reports().count(), 0);
}

#[test]
fn rule_317_several_samples_make_several_intervals() {
    let request = wanted(
        "a",
        "usage",
        &["power", "energy"],
        Duration::seconds(20),
        Duration::minutes(1),
    );
    let mut bench = asked(request, 60, "PT2M");
    assert_eq!(
        reports_until(&mut bench, 600),
        told(&[
            (
                120,
                "a: +60 PT20S power=60 energy=60 | +80 PT20S power=80 energy=80 | \
                 +100 PT20S power=100 energy=100"
            ),
            (
                180,
                "a: +120 PT20S power=120 energy=120 | +140 PT20S power=140 energy=140 | \
                 +160 PT20S power=160 energy=160"
            ),
        ])
    );
}

#[test]
fn rule_317_a_period_that_is_no_multiple_has_one_interval_more_or_less() {
    let request = wanted(
        "a",
        "usage",
        &["power"],
        Duration::seconds(25),
        Duration::minutes(1),
    );
    let mut bench = asked(request, 0, "PT2M");
    assert_eq!(
        reports_until(&mut bench, 600),
        told(&[
            (
                75,
                "a: +0 PT25S power=0 | +25 PT25S power=25 | +50 PT25S power=50"
            ),
            (125, "a: +75 PT25S power=75 | +100 PT25S power=100"),
        ])
    );
}

#[test]
fn rule_342_point_data_have_no_length_and_the_first_come_at_once() {
    let minute = Duration::minutes(1);
    let request = wanted("a", "status", &["state"], minute, minute);
    let mut bench = asked(request, 120, "PT3M");
    bench.meter = Box::new(|question| match question.window {
        Window::Sampled { from, to, .. } if from < to => vec![state(true, from)],
        Window::Sampled { .. } | Window::Now | Window::OnChange { .. } | Window::History { .. } => {
            Vec::new()
        }
    });
    assert_eq!(
        reports_until(&mut bench, 600),
        told(&[
            (120, "a: +120 state=online"),
            (180, "a: +180 state=online"),
            (240, "a: +240 state=online"),
        ])
    );
}

#[test]
fn rule_331_other_reports_have_lengths_by_what_they_measure() {
    for (report_type, expected) in [
        (crate::value::ReportType::Demand, "a: +60 PT1M energy=60"),
        (crate::value::ReportType::StoredEnergy, "a: +60 energy=60"),
    ] {
        let mut offer = usage();
        offer.report_name = Some("x-mine".parse().unwrap());
        for description in &mut offer.descriptions {
            description.report_type = report_type.clone();
        }
        let mut bench = offering(vec![offer]);
        let request = during(each_minute("a"), noon() + minutes(1), Duration::minutes(1));
        ask(&mut bench, vec![request]);
        let sent = reports_until(&mut bench, 600);
        assert_eq!(sent[0].1, expected);
    }
}

#[test]
fn rule_317_on_change_each_change_is_told_and_nothing_new_too() {
    let request = wanted(
        "a",
        "status",
        &["state"],
        Duration::ZERO,
        Duration::minutes(1),
    );
    let mut bench = asked(request, 120, "PT3M");
    // On at first, off from 145 to 175, of which only each tenth second is seen.
    bench.meter = Box::new(|question| {
        let Window::OnChange { from, to } = question.window else {
            return Vec::new();
        };
        let instants = (0..60).map(|n| noon() + secs(n * 10));
        let seen = instants.filter(|at| from - secs(10) <= *at && *at < to);
        seen.map(|at| state(!(145..175).contains(&since_noon(at)), at))
            .collect()
    });
    let repeated = "No New Value - Previous Value Used";
    let unchanged = format!("a: +240 state=online ({repeated})");
    let last = format!("a: +290 state=online ({repeated})");
    assert_eq!(
        reports_until(&mut bench, 600),
        told(&[
            // The first says how things stand, which is what they were before.
            (120, &format!("a: +120 state=online ({repeated})")),
            (180, "a: +150 state=offline | +180 state=online"),
            (240, &unchanged),
            (290, &last),
        ])
    );
}

#[test]
fn rule_300_an_interval_of_changes_has_all_data_points() {
    let mut offer = status();
    let mut more = offer.descriptions.clone();
    for description in &mut more {
        description.r_id = "level".parse().unwrap();
        description.report_type = crate::value::ReportType::Level;
    }
    offer.descriptions.extend(more);
    let mut bench = offering(vec![offer]);
    bench.meter = Box::new(|question| {
        let Window::OnChange { from, to } = question.window else {
            return Vec::new();
        };
        let level =
            |s: i64, value: f64| Reading::number("level".parse().unwrap(), noon() + secs(s), value);
        let seen = vec![
            level(60, 1.0),
            level(70, 1.0),
            level(83, 2.0),
            level(87, 3.0),
            state(true, noon() + secs(90)),
        ];
        seen.into_iter()
            .filter(|r| from - secs(10) <= r.start && r.start < to)
            .collect()
    });
    let request = wanted(
        "a",
        "status",
        &["state", "level"],
        Duration::ZERO,
        Duration::minutes(1),
    );
    let request = during(request, noon() + minutes(1), Duration::minutes(2));
    ask(&mut bench, vec![request]);
    assert_eq!(
        reports_until(&mut bench, 120),
        told(&[
            (
                60,
                "a: +60 state=offline (Quality Bad - Non Specific) level=1"
            ),
            (
                120,
                "a: +80 state=offline (Quality Bad - Non Specific) level=3 | \
                 +90 state=online level=3 (No New Value - Previous Value Used)"
            ),
        ])
    );
}

#[test]
fn rule_317_who_cannot_tell_changes_sends_one_value_a_report() {
    // As captured in a certification run: granularity 0 of a VEN that says it cannot.
    let request = wanted(
        "a",
        "usage",
        &["power"],
        Duration::ZERO,
        Duration::minutes(1),
    );
    let mut bench = asked(request, 60, "PT2M");
    assert_eq!(
        reports_until(&mut bench, 600),
        told(&[
            (120, "a: +60 PT1M power=60"),
            (180, "a: +120 PT1M power=120"),
        ])
    );
    // But never more slowly than offered.
    let request = wanted("a", "usage", &["power"], Duration::ZERO, Duration::hours(3));
    let mut bench = asked(request, 60, "PT3H");
    sent_until(&mut bench, 30);
    bench.now = noon() + secs(60 + 3 * 3_600 - 1);
    bench.say(&Input::Wake);
    assert_eq!(
        reports_until(&mut bench, 12_000),
        told(&[(
            60 + 3 * 3_600,
            "a: +60 PT1H power=60 | +3660 PT1H power=3660 | +7260 PT1H power=7260"
        )])
    );
}

#[test]
fn rule_318_what_is_missing_is_bad() {
    let request = wanted(
        "a",
        "usage",
        &["power", "energy"],
        Duration::seconds(20),
        Duration::minutes(1),
    );
    let mut bench = asked(request, 60, "PT1M");
    bench.meter = Box::new(|question| {
        let mut readings = seconds(question);
        readings.remove(1);
        readings.retain(|reading| since_noon(reading.start) != 80);
        readings
    });
    let bad = "(Quality Bad - Non Specific)";
    let expected = format!(
        "a: +60 PT20S power=60 energy=0 {bad} | +80 PT20S power=0 {bad} energy=0 {bad} | \
         +100 PT20S power=100 energy=100"
    );
    assert_eq!(reports_until(&mut bench, 600), told(&[(120, &expected)]));
}

#[test]
fn rule_334_a_status_has_the_same_parts_in_every_interval() {
    let minute = Duration::minutes(1);
    let request = wanted("a", "status", &["state"], Duration::seconds(20), minute);
    let mut bench = asked(request, 60, "PT1M");
    bench.meter = Box::new(|question| {
        let Window::Sampled { from, .. } = question.window else {
            return Vec::new();
        };
        let mut reading = state(true, from + secs(20));
        if let crate::reading::ReadingPayload::ResourceStatus(status) = &mut reading.payload {
            status.load_control_state = Some(crate::payload::LoadControlState::default());
        }
        vec![reading]
    });
    let sent = sent_until(&mut bench, 200);
    let intervals = report(&sent[0].1).intervals.as_ref().unwrap();
    assert_eq!(intervals.len(), 3);
    for interval in intervals.iter() {
        let crate::payload::StreamPayload::Report(payload) = interval.payloads.first() else {
            panic!("not of a report");
        };
        let crate::payload::Payload::ResourceStatus(status) = &payload.payload else {
            panic!("not a status");
        };
        assert!(status.load_control_state.is_some());
        assert_eq!(status.online, payload.data_quality.is_none());
    }
}

#[test]
fn rule_314_readings_count_for_the_instant_of_the_grid_before_them() {
    let mut bench = asked(each_minute("a"), 60, "PT1M");
    bench.meter = Box::new(|question| {
        let energy = question.r_ids[0].clone();
        let at = |s: i64, value: f64| Reading::number(energy.clone(), noon() + secs(s), value);
        let other = Reading::number("other".parse().unwrap(), noon() + secs(60), 9.0);
        // Before, twice inside, after, and what nobody asked for.
        vec![at(59, 1.0), at(75, 3.0), at(61, 2.0), at(120, 4.0), other]
    });
    assert_eq!(
        reports_until(&mut bench, 600),
        told(&[(120, "a: +60 PT1M energy=2")])
    );
}

#[test]
fn quality_confidence_and_accuracy_are_passed_on() {
    let mut bench = asked(each_minute("a"), 60, "PT1M");
    bench.meter = Box::new(|question| {
        let mut readings = seconds(question);
        for reading in &mut readings {
            reading.quality = Some(DataQuality::UncertainSubNormal);
            reading.confidence = Some(crate::payload::Confidence::new(90).unwrap());
            reading.accuracy = Some(crate::value::Float::from(0.5));
        }
        readings
    });
    let sent = sent_until(&mut bench, 600);
    let intervals = report(&sent[0].1).intervals.as_ref().unwrap();
    let crate::payload::StreamPayload::Report(payload) = intervals[0].payloads.first() else {
        panic!("not of a report");
    };
    assert_eq!(payload.data_quality, Some(DataQuality::UncertainSubNormal));
    assert_eq!(payload.confidence.unwrap().get(), 90);
    assert_eq!(payload.accuracy.unwrap().get(), 0.5);
}

#[test]
fn rule_325_without_an_interval_it_begins_now_on_a_round_grid_and_never_ends() {
    let mut bench = all();
    ask(&mut bench, vec![each_minute("a")]);
    let sent = reports_until(&mut bench, 1_795);
    assert_eq!(sent.len(), 29);
    assert_eq!(sent[0], (60, "a: +0 PT1M energy=0".to_owned()));
    assert_eq!(sent[28], (1_740, "a: +1680 PT1M energy=1680".to_owned()));
    // A length of zero is for ever, too.
    let mut bench = asked(each_minute("a"), 60, "PT0S");
    assert_eq!(reports_until(&mut bench, 605).len(), 9);
}

#[test]
fn rule_325_months_are_counted_from_the_start() {
    let mut bench = all();
    let start = "2026-01-31T00:00:00Z".parse().unwrap();
    let request = wanted(
        "a",
        "usage",
        &["power"],
        Duration::hours(1),
        "P1M".parse().unwrap(),
    );
    let request = during(request, start, "P3M".parse().unwrap());
    assert_eq!(ask(&mut bench, vec![request]).0, 200);
    sent_until(&mut bench, 30);
    let mut ends = Vec::new();
    // In long steps: who polls all the time takes too long.
    for half in 1..2 * 150 {
        bench.now = noon() + TimeDelta::hours(half * 12);
        bench.say(&Input::Wake);
        for (at, message) in sent_until(&mut bench, half * 12 * 3_600) {
            let report = report(&message);
            let first = report.start.unwrap();
            let count = report.intervals.as_ref().unwrap().len();
            ends.push((noon() + secs(at), first, count));
        }
    }
    let at = |text: &str| text.parse().unwrap();
    assert_eq!(
        ends,
        [
            (at("2026-02-28T00:00:00Z"), start, 28 * 24),
            (
                at("2026-03-31T00:00:00Z"),
                at("2026-02-28T00:00:00Z"),
                31 * 24
            ),
            (
                at("2026-04-30T00:00:00Z"),
                at("2026-03-31T00:00:00Z"),
                30 * 24
            ),
        ]
    );
}

#[test]
fn sending_is_put_off_at_random_and_sampling_is_not() {
    let mut offsets = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let mut bench = Bench::registered_with(Context {
            reports: vec![usage()],
            report_jitter: 50,
            ..context()
        });
        bench.meter = Box::new(seconds);
        bench.seed = seed * 1_000;
        let request = during(each_minute("a"), noon() + minutes(1), Duration::ZERO);
        ask(&mut bench, vec![request]);
        let sent = reports_until(&mut bench, 340);
        let offset = sent[0].0 - 120;
        assert!((0..=30).contains(&offset), "{offset}");
        offsets.insert(offset);
        // The same for each report of the request, give or take a request under way.
        assert_eq!(sent[3].0, 300 + offset);
        assert_eq!(sent[3].1, "a: +240 PT1M energy=240");
        assert_eq!(
            bench.state().samplings(&bench.context)[0].from,
            noon() + minutes(1)
        );
    }
    assert!(offsets.len() > 8, "{offsets:?}");
}

#[test]
fn a_ven_that_does_not_poll_reports_all_the_same() {
    let mut bench = Bench::new();
    bench.context = Context {
        transport_address: Some(crate::value::Text::new("https://ven.example").unwrap()),
        reports: vec![usage()],
        ..context()
    };
    bench.meter = Box::new(seconds);
    bench.say(&Input::Started);
    bench.reply(created(None));
    bench.reply(created(Some(("ven-1", "reg-1"))));
    let start = noon() + minutes(1);
    bench.reply(crate::payload::RegisteredReport {
        report_requests: vec![during(each_minute("a"), start, Duration::minutes(2))],
        ..registered_report()
    });
    assert_eq!(bench.sent(), MessageKind::RequestEvent);
    bench.reply(list(Vec::new()));
    assert_eq!(bench.sent(), MessageKind::CreatedReport);
    bench.reply(ok());
    assert_eq!(bench.next.wake, Some(noon() + minutes(2)));
    assert_eq!(
        reports_until(&mut bench, 600),
        told(&[
            (120, "a: +60 PT1M energy=60"),
            (180, "a: +120 PT1M energy=120"),
        ])
    );
    assert!(
        bench
            .next
            .wake
            .is_some_and(|wake| wake >= noon() + secs(3_600))
    );
}

#[test]
fn rule_346_polls_that_are_due_go_before_data() {
    let mut bench = all();
    let request = |id| during(each_minute(id), noon() + minutes(1), Duration::ZERO);
    ask(&mut bench, vec![request("a"), request("b"), request("c")]);
    // Nobody listens for some minutes.
    let until = noon() + minutes(9);
    while bench.now < until {
        match bench.next.send {
            Some(_) => bench.fail(crate::ven::Failure::Unreachable),
            None => bench.wait(),
        }
    }
    while bench.next.send.is_none() {
        bench.wait();
    }
    let mut kinds = Vec::new();
    for _ in 0..20 {
        kinds.push(bench.sent());
        // Each request takes five seconds.
        bench.now += secs(5);
        bench.reply(ok());
        while bench.next.send.is_none() {
            bench.wait();
        }
    }
    let polls: Vec<usize> = (0..20).filter(|n| kinds[*n] == MessageKind::Poll).collect();
    assert_eq!(polls[0], 0);
    assert!(polls.len() >= 5, "{kinds:?}");
    assert!(polls.windows(2).all(|w| w[1] - w[0] > 1), "{kinds:?}");
}
