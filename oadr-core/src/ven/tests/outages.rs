//! Reports that do not get through, and requests that end: rules 328, 336, 345; no reading is lost.

use super::bench::*;
use super::offers::*;
use super::pushing::listening;
use crate::payload::{Message, MessageKind, ReportRequest, ResponseCode};
use crate::value::Duration;
use crate::ven::{Command, Context, Effect, Failure, Input, Window};

/// Asked for each minute's energy from 60 seconds after noon on, for ever.
fn reporting() -> Bench {
    let mut bench = offering(vec![usage(), status()]);
    assert_eq!(ask(&mut bench, vec![energy()]).0, 200);
    bench.take_effects();
    bench
}

fn energy() -> ReportRequest {
    during(each_minute("a"), noon() + minutes(1), Duration::ZERO)
}

/// The same of a VEN that is pushed to, with and without events.
fn reporting_by_push() -> [Bench; 2] {
    [false, true].map(|report_only| {
        let mut bench = Bench::registered_with(Context {
            reports: vec![usage(), status()],
            report_only,
            ..listening()
        });
        bench.meter = Box::new(seconds);
        bench.push(create(vec![energy()]));
        bench.take_effects();
        bench
    })
}

/// Waits until a report is sent; the polls before it are acknowledged.
fn wait_for_report(bench: &mut Bench) -> String {
    loop {
        match bench.next.send {
            Some(_) if bench.sent() == MessageKind::UpdateReport => {
                return brief(report(bench.message()));
            }
            Some(_) => acknowledge(bench),
            None => bench.wait(),
        }
    }
}

/// What is no report is answered.
fn acknowledge(bench: &mut Bench) {
    match bench.next.send.as_ref().map(|send| &*send.message) {
        Some(Message::RequestEvent(_)) => bench.reply(list(Vec::new())),
        Some(Message::CreatePartyRegistration(_)) => {
            bench.reply(created(Some(("ven-1", "reg-1"))));
        }
        _ => bench.reply(ok()),
    }
}

/// Everything fails in this way until then (seconds after noon).
fn fail_until(bench: &mut Bench, until: i64, failure: Failure) {
    while since_noon(bench.now) < until {
        match bench.next.send {
            Some(_) => bench.fail(failure),
            None => bench.wait(),
        }
    }
}

#[test]
fn nothing_is_missing_and_nothing_is_twice_after_any_outage() {
    for failure in [
        Failure::Unreachable,
        Failure::Busy { retry_after: None },
        Failure::Broken,
        Failure::Refused,
    ] {
        let benches = reporting_by_push().into_iter().chain([reporting()]);
        for mut bench in benches {
            let before = serde_json::to_string(bench.state()).unwrap().len();
            fail_until(&mut bench, 3_600, failure);
            // Nothing is stored meanwhile.
            let after = serde_json::to_string(bench.state()).unwrap().len();
            assert!(after < before + 500, "{before} {after}");
            let usage = "usage".parse().unwrap();
            let energy = "energy".parse().unwrap();
            let needed = bench.state().needed_since(&usage, &energy);
            assert_eq!(needed, Some(noon() + minutes(1)));
            while bench.next.send.is_some() && bench.sent() != MessageKind::UpdateReport {
                acknowledge(&mut bench);
            }
            let sent = reports_until(&mut bench, 3_720);
            let sent: Vec<&str> = sent
                .iter()
                .flat_map(|(_, report)| report.strip_prefix("a: ").unwrap().split(" | "))
                .collect();
            let expected: Vec<String> = (1..=61)
                .map(|n| format!("+{0} PT1M energy={0}", n * 60))
                .collect();
            assert_eq!(sent, expected, "{failure:?}");
        }
    }
}

#[test]
fn rule_346_what_was_missed_comes_as_it_would_have_or_in_longer_reports_if_it_is_much() {
    let counts = |minutes: i64| {
        let mut bench = reporting();
        fail_until(&mut bench, minutes * 60, Failure::Unreachable);
        let sent = sent_until(&mut bench, minutes * 60 + 50);
        let intervals = |message| report(message).intervals.as_ref().unwrap().len();
        let counts = sent.iter().map(|(_, message)| intervals(message));
        counts.collect::<Vec<usize>>()
    };
    assert_eq!(counts(8), [1; 7]);
    let counts = counts(60);
    assert_eq!(counts.iter().sum::<usize>(), 59);
    assert!(counts.len() <= 2, "{counts:?}");
}

#[test]
fn changes_that_were_missed_come_in_one_report() {
    let mut bench = offering(vec![status()]);
    bench.meter = Box::new(|question| {
        let Window::OnChange { from, to } = question.window else {
            return Vec::new();
        };
        let seen = (0..7_200).step_by(10).map(|n| noon() + secs(n));
        let seen = seen.filter(|at| from - secs(10) <= *at && *at < to);
        // Off in the first minute of each quarter of an hour.
        seen.map(|at| state(since_noon(at) % 900 >= 60, at))
            .collect()
    });
    let minute = Duration::minutes(1);
    let request = wanted("a", "status", &["state"], Duration::ZERO, minute);
    let request = during(request, noon() + minutes(1), Duration::ZERO);
    ask(&mut bench, vec![request]);
    sent_until(&mut bench, 65);
    fail_until(&mut bench, 3_600, Failure::Unreachable);
    let sent = reports_until(&mut bench, 3_650);
    let changes = [
        (900, "off"),
        (960, "on"),
        (1_800, "off"),
        (1_860, "on"),
        (2_700, "off"),
        (2_760, "on"),
    ];
    let changes: Vec<String> = changes
        .iter()
        .map(|(at, word)| format!("+{at} state={word}line"))
        .collect();
    assert_eq!(sent[0].1, format!("a: {}", changes.join(" | ")));
    assert_eq!(sent[1].1, "a: +3600 state=offline");
    assert_eq!(sent.len(), 2);
}

#[test]
fn a_report_of_which_the_answer_was_lost_is_sent_again_the_same() {
    let mut bench = reporting();
    let sent = wait_for_report(&mut bench);
    bench.restart();
    assert_eq!(wait_for_report(&mut bench), sent);
    bench.fail(Failure::Unreachable);
    assert_eq!(wait_for_report(&mut bench), sent);
    bench.reply(updated(ResponseCode::OK));
    bench.restart();
    assert_eq!(wait_for_report(&mut bench), "a: +120 PT1M energy=120");
    assert_eq!(words(&bench.take_effects()), ["sent a: 1"]);
}

#[test]
fn an_acknowledgement_may_be_empty_or_of_any_kind() {
    let mut bench = reporting();
    wait_for_report(&mut bench);
    bench.reply_empty();
    assert_eq!(wait_for_report(&mut bench), "a: +120 PT1M energy=120");
    // Quirk Q6.
    bench.reply(ok());
    assert_eq!(wait_for_report(&mut bench), "a: +180 PT1M energy=180");
    // This is none.
    bench.reply(registered_report());
    assert_eq!(wait_for_report(&mut bench), "a: +180 PT1M energy=180");
}

#[test]
fn the_application_is_told_what_the_vtn_has() {
    let mut bench = reporting();
    wait_for_report(&mut bench);
    bench.reply(updated(ResponseCode::OK));
    assert_eq!(
        bench.take_effects(),
        [Effect::ReportSent {
            report_request_id: "a".parse().unwrap(),
            from: noon() + minutes(1),
            to: noon() + minutes(2),
            readings: 1,
        }]
    );
}

#[test]
fn a_report_that_the_vtn_refuses_is_given_up_after_a_while_and_the_next_goes_on() {
    let mut bench = reporting();
    for _ in 0..5 {
        assert_eq!(wait_for_report(&mut bench), "a: +60 PT1M energy=60");
        assert_eq!(bench.take_effects(), []);
        bench.reply(updated(ResponseCode::COMPLIANCE_ERROR));
    }
    assert_eq!(
        bench.take_effects(),
        [Effect::ReportRefused {
            report_request_id: "a".parse().unwrap(),
            from: noon() + minutes(1),
            to: noon() + minutes(2),
            response_code: Some(ResponseCode::COMPLIANCE_ERROR),
        }]
    );
    assert_eq!(wait_for_report(&mut bench), "a: +120 PT1M energy=120");
    // The count begins anew.
    bench.reply(updated(ResponseCode::COMPLIANCE_ERROR));
    assert_eq!(bench.take_effects(), []);
}

#[test]
fn a_report_that_is_refused_below_openadr_is_given_up_only_if_other_things_get_through() {
    for failure in [Failure::Refused, Failure::Broken] {
        // A VEN that is pushed to finds out by asking, no more often than one that polls.
        for mut bench in reporting_by_push().into_iter().chain([reporting()]) {
            let mut tries = 0;
            let said = bench.said.len();
            // With those that are due meanwhile it becomes a longer one.
            while wait_for_report(&mut bench).starts_with("a: +60 PT1M energy=60") {
                bench.fail(failure);
                tries += 1;
                assert!(tries < 1_000);
            }
            assert!(tries >= 30, "{tries}");
            let given_up = since_noon(bench.now) / 60;
            assert!((5..=15).contains(&given_up), "{given_up} minutes");
            let others = bench.said.len() - said - tries;
            assert!(others <= 100, "{others}");
            let mut told = words(&bench.take_effects());
            told.retain(|word| *word != "registered ven-1 again=true");
            assert_eq!(told, ["refused a: None"]);
        }
    }
}

#[test]
fn what_the_vtn_has_trouble_with_does_not_hold_up_the_rest() {
    let mut bench = reporting();
    let other = during(each_minute("b"), noon() + minutes(1), Duration::ZERO);
    if bench.next.send.is_some() {
        bench.reply(ok());
    }
    ask(&mut bench, vec![other]);
    assert!(wait_for_report(&mut bench).starts_with("a: +60 "));
    bench.reply(updated(ResponseCode::COMPLIANCE_ERROR));
    assert!(wait_for_report(&mut bench).starts_with("b: +60 "));
    bench.reply(updated(ResponseCode::OK));
    assert!(wait_for_report(&mut bench).starts_with("a: +60 "));
}

#[test]
fn a_request_that_the_vtn_does_not_know_is_over() {
    let mut bench = reporting();
    wait_for_report(&mut bench);
    bench.reply(updated(ResponseCode::INVALID_ID));
    assert_eq!(
        words(&bench.take_effects()),
        ["refused a: Some(ResponseCode(452))", "cancelled a"]
    );
    assert_eq!(bench.state().pending_reports().count(), 0);
    assert_eq!(reports_until(&mut bench, 600), []);
}

#[test]
fn a_vtn_that_has_no_registration_gets_no_data() {
    let mut bench = reporting();
    wait_for_report(&mut bench);
    bench.reply(updated(ResponseCode::NOT_REGISTERED));
    assert_eq!(words(&bench.take_effects()), ["cancelled a"]);
    assert_eq!(bench.sent(), MessageKind::CreatePartyRegistration);

    // Quirk Q23.
    let mut bench = reporting();
    wait_for_report(&mut bench);
    bench.reply(reregister());
    assert_eq!(bench.sent(), MessageKind::Response);
    bench.reply_empty();
    assert_eq!(bench.sent(), MessageKind::CreatePartyRegistration);
    bench.reply(created(Some(("ven-1", "reg-1"))));
    assert_eq!(wait_for_report(&mut bench), "a: +60 PT1M energy=60");
}

#[test]
fn rule_336_a_cancelled_request_is_over_and_an_unknown_one_spoils_it() {
    let mut bench = reporting();
    assert_eq!(
        cancel_reports(&mut bench, &["a", "b"], false),
        (452, vec!["a".to_owned()])
    );
    assert_eq!(bench.take_effects(), []);
    let none: Vec<String> = Vec::new();
    assert_eq!(cancel_reports(&mut bench, &["a"], false), (200, none));
    assert_eq!(words(&bench.take_effects()), ["cancelled a"]);
    assert_eq!(reports_until(&mut bench, 600), []);
}

#[test]
fn rule_345_one_last_report_follows_with_what_there_is() {
    let mut bench = reporting();
    sent_until(&mut bench, 150);
    bench.now = noon() + secs(150);
    assert_eq!(
        cancel_reports(&mut bench, &["a"], true),
        (200, vec!["a".to_owned()])
    );
    // The VTN has the minute before, and that which runs is not over.
    let sent = reports_until(&mut bench, 600);
    let sent: Vec<&str> = sent.iter().map(|(_, report)| report.as_str()).collect();
    assert_eq!(sent, ["a: +0 PT1M energy=0"]);
    assert_eq!(words(&bench.take_effects()).last().unwrap(), "completed a");
    assert_eq!(bench.state().pending_reports().count(), 0);
}

#[test]
fn rule_345_what_was_not_sent_yet_is_the_last_report() {
    let mut bench = offering(vec![usage(), status()]);
    let request = wanted(
        "a",
        "usage",
        &["energy"],
        Duration::seconds(10),
        Duration::minutes(5),
    );
    let request = during(request, noon() + minutes(1), Duration::ZERO);
    ask(&mut bench, vec![request]);
    sent_until(&mut bench, 80);
    let (_, pending) = cancel_reports(&mut bench, &["a"], true);
    assert_eq!(pending, ["a"]);
    let sent = reports_until(&mut bench, 600);
    assert_eq!(sent.len(), 1);
    assert!(
        sent[0].1.starts_with("a: +60 PT10S energy=60 | +70 PT10S"),
        "{sent:?}"
    );
    assert!(sent[0].0 < 100, "{sent:?}");
}

#[test]
fn rule_328_a_cancellation_may_ride_on_the_acknowledgement() {
    let mut bench = reporting();
    let other = during(each_minute("b"), noon() + minutes(30), Duration::ZERO);
    if bench.next.send.is_some() {
        bench.reply(ok());
    }
    ask(&mut bench, vec![other]);
    bench.take_effects();
    wait_for_report(&mut bench);
    // Only of what the acknowledgement is for.
    bench.reply(updated_cancelling(&["b"], false));
    assert_eq!(words(&bench.take_effects()), ["sent a: 1"]);
    wait_for_report(&mut bench);
    bench.reply(updated_cancelling(&["a"], false));
    assert_eq!(words(&bench.take_effects()), ["sent a: 1", "cancelled a"]);
    // Nobody is told of it.
    let kinds: Vec<_> = sent_until(&mut bench, 900);
    assert_eq!(kinds, []);
}

#[test]
fn rule_345_a_last_report_may_be_wanted_along_the_way() {
    let mut bench = reporting();
    wait_for_report(&mut bench);
    bench.reply(updated_cancelling(&["a"], true));
    let sent = reports_until(&mut bench, 900);
    assert_eq!(sent.len(), 1);
    assert_eq!(
        words(&bench.take_effects()),
        ["sent a: 1", "sent a: 1", "completed a"]
    );
}

#[test]
fn rule_345_the_last_offers_of_a_periodic_request_follow() {
    let mut bench = offering(vec![usage()]);
    let later = during(
        for_metadata("m", Duration::hours(1)),
        noon() + minutes(30),
        Duration::ZERO,
    );
    ask(&mut bench, vec![later]);
    assert_eq!(
        cancel_reports(&mut bench, &["m"], true),
        (200, vec!["m".to_owned()])
    );
    assert_eq!(bench.sent(), MessageKind::RegisterReport);
    bench.reply(registered_report());
    assert_eq!(bench.state().pending_reports().count(), 0);
}

#[test]
fn a_command_does_not_ask_and_the_report_is_sent_at_the_next_wake() {
    let mut bench = reporting();
    sent_until(&mut bench, 100);
    // An hour passes in which nobody looks, and a poll is answered.
    bench.now = noon() + minutes(60);
    bench.say(&Input::Wake);
    assert_eq!(bench.sent(), MessageKind::Poll);
    bench.measured.clear();
    bench.fail(Failure::Unreachable);
    bench.now += secs(5);
    bench.say(&Input::Wake);
    bench.reply(ok());
    assert_eq!(bench.sent(), MessageKind::UpdateReport);
    bench.fail(Failure::Unreachable);
    bench.now += secs(2);
    let asked = bench.measured.len();
    bench.command(&Command::RequestEvents).unwrap();
    assert_eq!(bench.sent(), MessageKind::RequestEvent);
    bench.reply(list(Vec::new()));
    assert_eq!(bench.sent(), MessageKind::UpdateReport);
    assert_eq!(bench.measured.len(), asked + 1);
}

#[test]
fn meanwhile_events_happen_and_nothing_is_sent() {
    let mut bench = reporting();
    bench.reply(list(vec![always(event("e1", 0, noon() + secs(90)))]));
    sent_until(&mut bench, 80);
    bench.take_effects();
    bench.now = noon() + secs(125);
    assert!(bench.state().next_happening().unwrap() <= bench.now);
    bench.say(&Input::Meanwhile);
    assert_eq!(bench.next.send, None);
    assert_eq!(bench.next.wake, Some(noon() + secs(150)));
    assert_eq!(
        words(&bench.take_effects()),
        ["started e1/0", "interval e1 simple[0]=1"]
    );
    bench.say(&Input::Wake);
    assert_ne!(bench.next.send, None);
}
