//! EiReport: metadata in both directions, and no for everything else.

use super::*;
use crate::payload::{
    CancelReport, CreateReport, CreatedReport, RegisterReport, Report, ReportRequest,
    ReportSpecifier, SpecifierPayload, UpdateReport,
};
use crate::value::{RId, ReadingType, ReportName, ReportRequestId, ReportSpecifierId};

fn report(specifier: &str) -> Report {
    Report {
        start: None,
        duration: Some(Duration::hours(1)),
        intervals: None,
        ei_report_id: None,
        descriptions: Vec::new(),
        report_request_id: ReportRequestId::new("0").unwrap(),
        report_specifier_id: ReportSpecifierId::new(specifier).unwrap(),
        report_name: Some(ReportName::MetadataTelemetryUsage),
        created: midnight(),
    }
}

fn register(rig: &Rig, reports: Vec<Report>) -> RegisterReport {
    RegisterReport {
        request_id: RequestId::new("reg").unwrap(),
        reports,
        ven_id: Some(rig.ven_id()),
        report_request_id: None,
    }
}

pub(super) fn asked(id: &str, specifier: &str) -> ReportRequest {
    ReportRequest {
        report_request_id: ReportRequestId::new(id).unwrap(),
        specifier: ReportSpecifier {
            report_specifier_id: ReportSpecifierId::new(specifier).unwrap(),
            granularity: Duration::ZERO,
            report_back: Duration::ZERO,
            interval: None,
            payloads: NonEmpty::one(SpecifierPayload {
                r_id: RId::new("0").unwrap(),
                item_base: None,
                reading_type: ReadingType::NotApplicable,
            }),
        },
    }
}

pub(super) fn ask(rig: &mut Rig, requests: Vec<ReportRequest>) -> Outcome {
    let ven_id = Some(rig.ven_id());
    rig.send(CreateReport {
        request_id: RequestId::new("ask").unwrap(),
        report_requests: NonEmpty::try_from(requests).unwrap(),
        ven_id,
    })
}

/// Code and pending reports.
pub(super) fn pending(outcome: Outcome) -> (u16, Vec<String>) {
    let (ei_response, pending) = match outcome.message() {
        Message::CreatedReport(m) => (m.ei_response, m.pending_reports),
        Message::CanceledReport(m) => (m.ei_response, m.pending_reports),
        other => panic!("{other:?}"),
    };
    assert_eq!(ei_response.request_id.as_str(), "ask", "rule 303");
    let ids = pending
        .report_request_ids
        .into_iter()
        .map(String::from)
        .collect();
    (ei_response.response_code.get(), ids)
}

pub(super) fn registered(rig: &Rig, report_requests: Vec<ReportRequest>) -> RegisteredReport {
    RegisteredReport {
        ei_response: ok(""),
        report_requests,
        ven_id: Some(rig.ven_id()),
    }
}

#[test]
fn rule_306_offers_replace_those_before() {
    let mut rig = Rig::registered();
    let first = register(&rig, vec![report("a"), report("b")]);
    let outcome = rig.send(first.clone());
    assert_eq!(
        outcome.effects,
        [Effect::ReportsRegistered {
            ven_id: rig.ven_id(),
            reports: 2
        }]
    );
    match outcome.message() {
        Message::RegisteredReport(answer) => {
            assert_eq!(answer.ei_response, ok("reg"));
            assert!(answer.report_requests.is_empty());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(rig.state().offers(), [report("a"), report("b")]);
    // The same again, because the answer was lost.
    assert!(rig.send(first).changes.is_empty());
    let second = register(&rig, vec![report("c")]);
    rig.send(second);
    assert_eq!(rig.state().offers(), [report("c")]);
    let none = register(&rig, Vec::new());
    rig.send(none);
    assert!(rig.state().offers().is_empty());
}

#[test]
fn rule_301_the_first_poll_after_a_new_registration_brings_our_metadata() {
    let mut rig = Rig::new();
    rig.register();
    match rig.poll() {
        Message::RegisterReport(register) => {
            assert!(register.reports.is_empty(), "we have nothing to report");
            assert!(!register.request_id.is_empty());
            assert_eq!(register.report_request_id, None, "rule 311");
            assert_eq!(register.ven_id, Some(rig.ven_id()));
        }
        other => panic!("{other:?}"),
    }
    // Not answered: again when it is due, until it is.
    assert!(rig.polls_in_vain());
    rig.advance(5);
    rig.exchange_metadata();
    rig.advance(600);
    assert!(rig.polls_in_vain());
}

#[test]
fn rule_309_metadata_come_before_events() {
    let mut rig = Rig::new();
    rig.announce("e", draft());
    rig.register();
    assert!(matches!(rig.poll(), Message::RegisterReport(_)));
    // But for those that the VEN asks for.
    assert_eq!(
        seen(&rig.request_events(None)),
        [seen_event("e", 0, EventStatus::Far)]
    );
}

#[test]
fn metadata_that_nobody_answers_are_given_up_after_a_day() {
    let mut rig = Rig::new();
    rig.register();
    rig.poll();
    rig.advance(24 * 3_600);
    rig.deadline();
    assert!(rig.polls_in_vain());
}

#[test]
fn rule_327_a_request_for_metadata_is_answered_with_the_next_poll() {
    let mut rig = Rig::registered();
    let outcome = ask(
        &mut rig,
        vec![asked("m1", "METADATA"), asked("m2", "METADATA")],
    );
    // Rule 329: all that is still to come.
    assert_eq!(
        pending(outcome),
        (200, vec!["m1".to_owned(), "m2".to_owned()])
    );
    for id in ["m1", "m2"] {
        match rig.poll() {
            Message::RegisterReport(register) => {
                // Rule 311.
                assert_eq!(register.report_request_id.unwrap().as_str(), id);
            }
            other => panic!("{other:?}"),
        }
    }
    // Asked again while it is open, it is the same request.
    let outcome = ask(&mut rig, vec![asked("m1", "METADATA")]);
    assert!(outcome.changes.is_empty());
    for _ in 0..2 {
        let answer = registered(&rig, Vec::new());
        assert_eq!(rig.send(answer).code(), 200);
    }
    rig.advance(600);
    assert!(rig.polls_in_vain());
}

#[test]
fn rule_304_reports_that_we_do_not_have_are_refused() {
    let mut rig = Rig::registered();
    let outcome = ask(
        &mut rig,
        vec![asked("m1", "METADATA"), asked("u1", "usage")],
    );
    assert!(outcome.changes.is_empty());
    assert_eq!(pending(outcome), (452, Vec::new()));
    let update = UpdateReport {
        request_id: RequestId::new("u").unwrap(),
        reports: vec![report("a")],
        ven_id: Some(rig.ven_id()),
    };
    assert_eq!(rig.send(update.clone()).code(), 452);
    let empty = UpdateReport {
        reports: Vec::new(),
        ..update
    };
    assert_eq!(rig.send(empty).code(), 200);
}

#[test]
fn rule_336_an_unknown_request_spoils_a_cancellation() {
    let mut rig = Rig::registered();
    ask(
        &mut rig,
        vec![asked("m1", "METADATA"), asked("m2", "METADATA")],
    );
    let mut cancel = |ids: &[&str], report_to_follow| {
        let ids: Vec<_> = ids
            .iter()
            .map(|id| ReportRequestId::new(id).unwrap())
            .collect();
        let ven_id = Some(rig.ven_id());
        pending(rig.send(CancelReport {
            request_id: RequestId::new("ask").unwrap(),
            report_request_ids: NonEmpty::try_from(ids).unwrap(),
            report_to_follow,
            ven_id,
        }))
    };
    let both = vec!["m1".to_owned(), "m2".to_owned()];
    assert_eq!(cancel(&["m1", "nope"], false), (452, both.clone()));
    // Rule 345: one more report is the one to come.
    assert_eq!(cancel(&["m1"], true), (200, both));
    assert_eq!(cancel(&["m1"], false), (200, vec!["m2".to_owned()]));
    assert_eq!(cancel(&["m1"], false), (452, vec!["m2".to_owned()]));
}

#[test]
fn rule_344_requests_may_ride_on_the_answer_to_our_metadata() {
    let mut rig = Rig::new();
    rig.register();
    rig.poll();
    let answer = registered(&rig, vec![asked("m1", "METADATA")]);
    assert_eq!(rig.send(answer).code(), 200);
    match rig.poll() {
        Message::RegisterReport(register) => {
            assert_eq!(register.report_request_id.unwrap().as_str(), "m1");
        }
        other => panic!("{other:?}"),
    }
    // One that we cannot fulfil is told so; our metadata are answered all the same.
    let answer = registered(&rig, vec![asked("u1", "usage")]);
    assert_eq!(rig.send(answer).code(), 452);
    rig.advance(600);
    assert!(rig.polls_in_vain());
}

#[test]
fn requests_for_metadata_are_bounded() {
    let mut rig = Rig::registered();
    let many = (0..16)
        .map(|n| asked(&format!("m{n}"), "METADATA"))
        .collect();
    assert_eq!(ask(&mut rig, many).code(), 200);
    assert_eq!(ask(&mut rig, vec![asked("more", "METADATA")]).code(), 469);
}

#[test]
fn answers_to_what_nobody_asked_are_accepted() {
    let mut rig = Rig::registered();
    let answer = CreatedReport {
        ei_response: ok("x"),
        pending_reports: crate::payload::PendingReports::default(),
        ven_id: None,
    };
    let outcome = rig.send(answer);
    assert!(outcome.changes.is_empty());
    assert_eq!(outcome.code(), 200);
}
