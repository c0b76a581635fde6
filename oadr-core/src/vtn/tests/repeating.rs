//! METADATA that a VEN wants again and again: rules 324, 325, 327, 329, 345.

use super::reporting::{ask, asked, pending, registered};
use super::*;
use crate::payload::{CancelReport, Properties, ReportRequest};
use crate::value::ReportRequestId;

/// Every minute, from so many seconds after midnight on, for so many.
fn each_minute(id: &str, from: i64, lasts: u32) -> ReportRequest {
    let mut request = asked(id, "METADATA");
    let start = midnight() + TimeDelta::seconds(from);
    request.specifier.report_back = Duration::minutes(1);
    request.specifier.interval = Some(Properties::new(start, Duration::seconds(lasts)));
    request
}

/// The request that the next poll brings our metadata for, if it does; they are answered.
fn polled(rig: &mut Rig) -> Option<String> {
    match rig.poll() {
        Message::RegisterReport(register) => {
            assert!(register.reports.is_empty());
            let answer = registered(rig, Vec::new());
            assert_eq!(rig.send(answer).code(), 200);
            register.report_request_id.map(String::from)
        }
        Message::Response(_) => None,
        other => panic!("{other:?}"),
    }
}

/// What polls bring, one every 10 seconds.
fn polls(rig: &mut Rig, count: usize) -> Vec<Option<String>> {
    let mut brought = Vec::new();
    for _ in 0..count {
        brought.push(polled(rig));
        rig.advance(10);
    }
    brought
}

fn cancel(rig: &mut Rig, id: &str, report_to_follow: bool) -> (u16, Vec<String>) {
    let ven_id = Some(rig.ven_id());
    pending(rig.send(CancelReport {
        request_id: RequestId::new("ask").unwrap(),
        report_request_ids: NonEmpty::one(ReportRequestId::new(id).unwrap()),
        report_to_follow,
        ven_id,
    }))
}

fn places(brought: &[Option<String>]) -> Vec<usize> {
    let all = brought.iter().enumerate();
    all.filter_map(|(place, id)| id.as_ref().map(|_| place))
        .collect()
}

/// A registered VEN, and the seconds since midnight.
fn rig() -> (Rig, i64) {
    let rig = Rig::registered();
    let now = (rig.now - midnight()).num_seconds();
    (rig, now)
}

#[test]
fn rule_324_metadata_come_every_period_until_the_interval_ends() {
    let (mut rig, now) = rig();
    let outcome = ask(&mut rig, vec![each_minute("m", now, 150)]);
    assert_eq!(pending(outcome), (200, vec!["m".to_owned()]));
    let brought = polls(&mut rig, 30);
    assert_eq!(places(&brought), [0, 6, 12]);
    assert_eq!(cancel(&mut rig, "m", false), (452, Vec::new()));
}

#[test]
fn rule_325_metadata_come_for_ever_and_survive_a_restart() {
    let (mut rig, now) = rig();
    ask(&mut rig, vec![each_minute("m", now, 0)]);
    assert_eq!(places(&polls(&mut rig, 13)), [0, 6, 12]);
    let stored = serde_json::to_string(rig.state()).unwrap();
    assert_eq!(
        serde_json::from_str::<State>(&stored).unwrap(),
        *rig.state()
    );
    // Periods that nobody polled in are not made up for.
    rig.advance(3_600 * 48);
    rig.deadline();
    assert_eq!(places(&polls(&mut rig, 6)).len(), 1);
}

#[test]
fn rule_325_metadata_come_no_sooner_than_wanted() {
    let (mut rig, now) = rig();
    ask(&mut rig, vec![each_minute("m", now + 30, 60)]);
    assert_eq!(places(&polls(&mut rig, 20)), [3]);
}

#[test]
fn rule_327_without_an_interval_metadata_begin_at_once() {
    let (mut rig, _) = rig();
    let mut request = each_minute("m", 0, 0);
    request.specifier.interval = None;
    ask(&mut rig, vec![request]);
    assert_eq!(places(&polls(&mut rig, 7)), [0, 6]);
}

#[test]
fn rule_329_what_comes_again_is_pending_in_between() {
    let (mut rig, now) = rig();
    ask(&mut rig, vec![each_minute("m", now, 0)]);
    assert_eq!(polled(&mut rig).as_deref(), Some("m"));
    let outcome = ask(&mut rig, vec![asked("n", "METADATA")]);
    assert_eq!(
        pending(outcome),
        (200, vec!["m".to_owned(), "n".to_owned()])
    );
    assert_eq!(polled(&mut rig).as_deref(), Some("n"));
    assert_eq!(cancel(&mut rig, "m", false), (200, Vec::new()));
    rig.advance(600);
    assert!(rig.polls_in_vain());
}

#[test]
fn rule_345_one_more_and_no_more() {
    let (mut rig, now) = rig();
    ask(&mut rig, vec![each_minute("m", now, 0)]);
    assert_eq!(polled(&mut rig).as_deref(), Some("m"));
    assert!(rig.polls_in_vain());
    assert_eq!(cancel(&mut rig, "m", true), (200, vec!["m".to_owned()]));
    assert_eq!(places(&polls(&mut rig, 20)), [0]);
}

#[test]
fn metadata_that_nobody_answers_come_again_in_their_time() {
    let (mut rig, now) = rig();
    ask(&mut rig, vec![each_minute("m", now, 0)]);
    assert!(matches!(rig.poll(), Message::RegisterReport(_)));
    rig.advance(24 * 3_600);
    rig.deadline();
    rig.advance(60);
    assert_eq!(polled(&mut rig).as_deref(), Some("m"));
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let (mut rig, now) = rig();
    let mut negative = each_minute("m", now, 60);
    negative.specifier.report_back = "-PT1M".parse().unwrap();
    assert_eq!(pending(ask(&mut rig, vec![negative])), (454, Vec::new()));
    let over = each_minute("m", now - 60, 60);
    assert_eq!(pending(ask(&mut rig, vec![over])), (454, Vec::new()));
}
