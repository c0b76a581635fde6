//! Corrected data: rule 346.

use super::bench::*;
use super::offers::*;
use super::sending::{all, told};
use crate::payload::{MessageKind, Payload, ReportRequest, ResponseCode};
use crate::reading::Reading;
use crate::value::{DateTime, Duration, Float};
use crate::ven::{Command, CommandError, Failure, Input, MOST_READINGS, Owed};

/// A VEN that was asked for these at noon and has reported for so many seconds.
fn reporting(requests: Vec<ReportRequest>, seconds: i64) -> Bench {
    let mut bench = all();
    assert_eq!(ask(&mut bench, requests).0, 200);
    assert!(!reports_until(&mut bench, seconds).is_empty());
    bench.take_effects();
    bench
}

fn energy(seconds: i64, value: f64) -> Reading {
    Reading::number("energy".parse().unwrap(), noon() + secs(seconds), value)
}

fn correct(bench: &mut Bench, readings: Vec<Reading>) -> Result<(), CommandError> {
    bench.command(&Command::CorrectReadings {
        report_specifier_id: "usage".parse().unwrap(),
        readings,
    })
}

/// Until a report is on its way.
fn wait_for_report(bench: &mut Bench) {
    while bench.next.send.is_none() || bench.sent() != MessageKind::UpdateReport {
        match bench.next.send {
            Some(_) => bench.reply(ok()),
            None => bench.wait(),
        }
    }
}

fn from_noon(id: &str) -> ReportRequest {
    during(each_minute(id), noon(), Duration::ZERO)
}

#[test]
fn rule_346_what_the_vtn_has_is_reported_once_more() {
    let mut bench = reporting(vec![from_noon("a")], 310);
    correct(&mut bench, vec![energy(120, 7.0), energy(60, 5.0)]).unwrap();
    let posted = reports_until(&mut bench, 310);
    let at = since_noon(bench.now);
    assert_eq!(
        posted,
        told(&[(at, "a: +60 PT1M energy=5 | +120 PT1M energy=7")])
    );
    assert_eq!(words(&bench.take_effects()), ["sent a: 2"]);
    // The rhythm goes on as if nothing had been.
    assert_eq!(
        reports_until(&mut bench, 360),
        told(&[(360, "a: +300 PT1M energy=300")])
    );
}

#[test]
fn rule_346_a_correction_is_newer_than_what_it_corrects() {
    let mut bench = all();
    ask(&mut bench, vec![from_noon("a")]);
    let first = sent_until(&mut bench, 65);
    bench.now += secs(1);
    correct(&mut bench, vec![energy(0, 1.0)]).unwrap();
    let correction = report(bench.message());
    assert!(correction.created > report(&first[0].1).created);
    assert_eq!(correction.start, Some(noon()));
    assert_eq!(
        correction.report_name,
        Some(crate::value::ReportName::TelemetryUsage)
    );
}

#[test]
fn rule_346_each_request_gets_what_it_has() {
    let seconds_20 = Duration::seconds(20);
    let often = wanted(
        "b",
        "usage",
        &["power", "energy"],
        seconds_20,
        Duration::minutes(2),
    );
    let often = during(often, noon(), Duration::ZERO);
    let other = wanted(
        "c",
        "usage",
        &["power"],
        Duration::minutes(1),
        Duration::minutes(1),
    );
    let mut bench = reporting(vec![from_noon("a"), often, other], 190);
    // 20 is nothing to a, whose readings are a minute apart; b has nothing yet of 120 on.
    correct(
        &mut bench,
        vec![energy(20, 2.0), energy(60, 6.0), energy(120, 12.0)],
    )
    .unwrap();
    let at = since_noon(bench.now);
    assert_eq!(
        reports_until(&mut bench, 190),
        told(&[
            (at, "a: +60 PT1M energy=6 | +120 PT1M energy=12"),
            (at, "b: +20 PT20S energy=2 | +60 PT20S energy=6"),
        ])
    );
}

#[test]
fn rule_346_what_was_not_sent_yet_goes_in_its_time() {
    let mut bench = reporting(vec![from_noon("a")], 70);
    bench.now = noon() + secs(100);
    correct(&mut bench, vec![energy(60, 9.0)]).unwrap();
    assert_eq!(bench.state().owed().count(), 0);
}

#[test]
fn rule_346_a_report_on_its_way_is_corrected_after_it() {
    let mut bench = all();
    let last = during(each_minute("a"), noon(), Duration::minutes(1));
    ask(&mut bench, vec![last]);
    wait_for_report(&mut bench);
    correct(&mut bench, vec![energy(0, 4.0)]).unwrap();
    assert_eq!(bench.next.send, None, "one request at a time");
    // That was the last report; its correction goes out all the same.
    bench.reply(updated(ResponseCode::OK));
    assert_eq!(bench.state().pending_reports().count(), 0);
    assert_eq!(brief(report(bench.message())), "a: +0 PT1M energy=4");
    bench.reply(updated(ResponseCode::OK));
    assert_eq!(bench.state().owed().count(), 0);
}

#[test]
fn rule_346_corrections_survive_outages_and_restarts() {
    let mut bench = reporting(vec![from_noon("a")], 130);
    correct(&mut bench, vec![energy(60, 5.0)]).unwrap();
    for _ in 0..20 {
        bench.fail(Failure::Unreachable);
        bench.wait();
    }
    bench.restart();
    assert_eq!(brief(report(bench.message())), "a: +60 PT1M energy=5");
    bench.reply(updated(ResponseCode::OK));
    assert!(
        bench
            .state()
            .owed()
            .all(|owed| !matches!(owed, Owed::UpdateReport(_)))
    );
}

#[test]
fn rule_346_a_correction_that_is_refused_is_given_up() {
    let mut bench = reporting(vec![from_noon("a")], 130);
    correct(&mut bench, vec![energy(60, 5.0)]).unwrap();
    bench.reply(updated(ResponseCode::INVALID_DATA));
    assert_eq!(
        words(&bench.take_effects()),
        ["refused a: Some(ResponseCode(454))"]
    );
    assert_eq!(bench.state().owed().count(), 0);
    // The request goes on.
    assert_eq!(bench.state().pending_reports().count(), 1);
    correct(&mut bench, vec![energy(60, 5.0)]).unwrap();
    for _ in 0..5 {
        if bench.next.send.is_none() {
            bench.wait();
        }
        assert_eq!(bench.sent(), MessageKind::UpdateReport);
        bench.fail(Failure::Refused);
    }
    assert_eq!(words(&bench.take_effects()), ["refused a: None"]);
    assert_eq!(bench.state().owed().count(), 0);
}

#[test]
fn rule_328_the_answer_to_a_correction_may_cancel() {
    let mut bench = reporting(vec![from_noon("a")], 130);
    correct(&mut bench, vec![energy(60, 5.0)]).unwrap();
    bench.reply(updated_cancelling(&["a"], false));
    assert_eq!(bench.state().pending_reports().count(), 0);
    assert_eq!(words(&bench.take_effects()), ["sent a: 1", "cancelled a"]);
}

#[test]
fn what_is_cancelled_is_not_corrected_any_more() {
    let mut bench = reporting(vec![from_noon("a")], 130);
    bench.wait_for_poll();
    correct(&mut bench, vec![energy(60, 5.0)]).unwrap();
    assert_eq!(bench.state().owed().count(), 1);
    // New offers end everything (rule 306).
    bench.context.reports[0].duration = Some(Duration::hours(3));
    bench.context.version += 1;
    bench.reply(ok());
    let offers = |owed: &Owed| matches!(owed, Owed::RegisterReport { .. });
    assert!(bench.state().owed().all(offers));
    assert_eq!(bench.sent(), MessageKind::RegisterReport);
}

#[test]
fn a_correction_under_way_is_not_taken_back() {
    let mut bench = reporting(vec![from_noon("a")], 130);
    correct(&mut bench, vec![energy(60, 5.0)]).unwrap();
    assert_eq!(bench.sent(), MessageKind::UpdateReport);
    bench.context.reports[0].duration = Some(Duration::hours(3));
    bench.context.version += 1;
    bench.command(&Command::RequestEvents).unwrap();
    // Its answer settles it and nothing else.
    bench.reply(updated(ResponseCode::OK));
    let owed: Vec<&Owed> = bench.state().owed().collect();
    assert!(matches!(
        owed[..],
        [Owed::RequestEvent { .. }, Owed::RegisterReport { .. }]
            | [Owed::RegisterReport { .. }, Owed::RequestEvent { .. }]
    ));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut bench = reporting(vec![from_noon("a")], 130);
    let mut short = energy(60, 5.0);
    short.duration = Some("-PT1M".parse().unwrap());
    let online = |at: DateTime| Reading {
        r_id: "energy".parse().unwrap(),
        ..state(true, at)
    };
    let voltage = Reading::number("voltage".parse().unwrap(), noon(), 1.0);
    for (readings, error) in [
        (vec![], CommandError::NoReadings),
        (vec![voltage], CommandError::UnknownPoint),
        (vec![online(noon())], CommandError::WrongKind),
        (vec![short], CommandError::NegativeLength),
        (vec![energy(7_200, 0.0)], CommandError::FutureReading),
        (
            vec![energy(60, 0.0); MOST_READINGS + 1],
            CommandError::TooManyReadings,
        ),
    ] {
        assert_eq!(correct(&mut bench, readings), Err(error));
    }
    let unknown = bench.command(&Command::CorrectReadings {
        report_specifier_id: "else".parse().unwrap(),
        readings: vec![energy(60, 5.0)],
    });
    assert_eq!(unknown, Err(CommandError::UnknownReport));
    assert_eq!(bench.state().owed().count(), 0);
}

#[test]
fn corrections_that_wait_are_bounded() {
    let every = wanted(
        "a",
        "usage",
        &["energy"],
        Duration::seconds(10),
        Duration::minutes(1),
    );
    let start = noon() - minutes(115);
    let mut bench = reporting(vec![during(every, start, Duration::ZERO)], 70);
    let readings: Vec<Reading> = (0..600).map(|n| energy(-6_000 + n * 10, 1.0)).collect();
    let mut accepted = 0;
    while correct(&mut bench, readings.clone()).is_ok() {
        accepted += 1;
        assert!(accepted < 100, "bounded");
    }
    assert_eq!(accepted, 6);
    assert_eq!(
        correct(&mut bench, readings),
        Err(CommandError::TooManyCorrections)
    );
    bench.say(&Input::Meanwhile);
}

#[test]
fn history_is_corrected_as_it_is_kept() {
    let mut bench = all();
    let whole = wanted("h", "history", &["energy"], Duration::ZERO, Duration::ZERO);
    let whole = during(whole, noon() - minutes(60), Duration::hours(1));
    ask(&mut bench, vec![whole]);
    wait_for_report(&mut bench);
    let wrong = Reading {
        duration: Some(Duration::minutes(15)),
        payload: Payload::Float(Float::from(3.0)).into(),
        ..energy(-1_800, 0.0)
    };
    bench
        .command(&Command::CorrectReadings {
            report_specifier_id: "history".parse().unwrap(),
            readings: vec![wrong, energy(-7_200, 1.0)],
        })
        .unwrap();
    bench.reply(updated(ResponseCode::OK));
    assert_eq!(brief(report(bench.message())), "h: -1800 PT15M energy=3");
}
