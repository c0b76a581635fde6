//! Cancellations where data come meanwhile: with the answer to them, with a poll, or with both.

use super::pusher::failed;
use super::reporter::{id, offers, wanted};
use super::updating::{data, minute, requested, span};
use super::*;
use crate::payload::{CancelReport, MessageKind, UpdatedReport};

fn cancelled(updated: &UpdatedReport) -> Option<(Vec<&str>, bool)> {
    updated.cancel_report.as_ref().map(|cancel: &CancelReport| {
        let ids = cancel.report_request_ids.iter().map(|id| id.as_str());
        (ids.collect(), cancel.report_to_follow)
    })
}

#[test]
fn rule_328_a_cancellation_goes_with_the_answer_to_data() {
    let mut rig = requested();
    rig.accepted("s", wanted("status"));
    rig.want_no_more("r", false);
    rig.want_no_more("s", false);
    // Of those that the message has data for, and no others.
    let updated = rig.update(vec![minute("r")]);
    assert_eq!(cancelled(&updated), Some((vec!["r"], false)));
    // The other with a poll; this one not, for the VEN heard it, unless its reports go on.
    assert_eq!(rig.polled_cancellation().0, "s");
    rig.canceled(200, &[]);
    assert!(rig.polls_in_vain());
    rig.advance(4 * 60 + 5);
    let outcome = rig.deadline();
    assert_eq!(
        outcome.effects,
        [Effect::ReportCancelled {
            ven_id: rig.ven_id(),
            report_request_id: id("r"),
        }]
    );
}

#[test]
fn rule_328_a_cancellation_that_cannot_be_pushed_goes_with_the_answer_to_data() {
    let mut rig = Rig::pushed_to();
    rig.offer(offers());
    rig.want("r", wanted("usage")).unwrap();
    let push = rig.push();
    assert_eq!(rig.arrives(&push), None);
    rig.want_no_more("r", false);
    let push = rig.push();
    assert_eq!(push.message.kind(), MessageKind::CancelReport);
    // While it is on its way it is not said twice.
    assert_eq!(cancelled(&rig.update(vec![minute("r")])), None);
    assert_eq!(rig.ends(&push, failed(PushFault::AddressRefused)), None);
    assert_eq!(rig.push_status().dead_letters.len(), 1);
    rig.advance(120);
    assert_eq!(rig.wake(), None);
    let updated = rig.update(vec![minute("r")]);
    assert_eq!(cancelled(&updated), Some((vec!["r"], false)));
    // It is said, and nobody has to care for a letter any more.
    assert_eq!(rig.push_status().dead_letters, []);
    assert_eq!(rig.wake(), None);
}

#[test]
fn rule_335_a_cancellation_that_is_not_heard_comes_with_a_poll_too() {
    // Quirk Q17: OpenLEADR never sees one in oadrUpdatedReport.
    let mut rig = requested();
    rig.want_no_more("r", false);
    assert!(cancelled(&rig.update(vec![minute("r")])).is_some());
    assert!(rig.polls_in_vain());
    rig.advance(120);
    assert!(cancelled(&rig.update(vec![minute("r")])).is_some());
    assert_eq!(rig.polled_cancellation(), ("r".to_owned(), false));
    // Data that crossed it are taken, and nothing is said twice.
    let updated = rig.update(vec![minute("r")]);
    assert_eq!(cancelled(&updated), None);
    rig.canceled(200, &[]);
    assert_eq!(rig.readings.len(), 3);
    // They go on all the same.
    rig.advance(120);
    let updated = rig.update(vec![minute("r")]);
    assert_eq!(cancelled(&updated), Some((vec!["r"], false)));
    assert_eq!(updated.ei_response.response_code.get(), 200);
    assert_eq!(rig.poll().kind(), MessageKind::CancelReport);
    assert_eq!(rig.readings.len(), 4, "nothing is lost meanwhile");
}

#[test]
fn quirk_q17_a_cancellation_in_an_answer_that_nobody_reads_is_queued_for_a_poll() {
    let mut rig = requested();
    rig.want_no_more("r", false);
    for _ in 0..2 {
        rig.update(vec![minute("r")]);
        rig.advance(120);
    }
    assert_eq!(rig.polled_cancellation().0, "r");
}

#[test]
fn rule_345_the_report_that_follows_a_cancellation_is_the_last() {
    let mut rig = requested();
    rig.accepted("s", wanted("status"));
    // In the answer to data.
    rig.want_no_more("r", true);
    let updated = rig.update(vec![minute("r")]);
    assert_eq!(cancelled(&updated), Some((vec!["r"], true)));
    let outcome = rig.update_outcome(vec![minute("r")]);
    assert_eq!(outcome.effects.len(), 2, "received and cancelled");
    match outcome.message() {
        Message::UpdatedReport(updated) => assert_eq!(cancelled(&updated), None),
        other => panic!("{other:?}"),
    }
    // With a poll.
    rig.want_no_more("s", true);
    rig.poll();
    rig.canceled(200, &["s"]);
    let last = || {
        data(
            "s",
            "status",
            vec![span(Some(0), None, None, &[("s", 1.0)])],
        )
    };
    assert_eq!(cancelled(&rig.update(vec![last()])), None);
    // One more was none that was to follow.
    let updated = rig.update(vec![last()]);
    assert_eq!(cancelled(&updated), Some((vec!["s"], false)));
}

#[test]
fn cancellations_that_differ_do_not_share_an_answer() {
    let mut rig = requested();
    rig.accepted("s", wanted("status"));
    rig.want_no_more("r", false);
    rig.want_no_more("s", true);
    let status = data(
        "s",
        "status",
        vec![span(Some(0), None, None, &[("s", 1.0)])],
    );
    let updated = rig.update(vec![minute("r"), status]);
    assert_eq!(cancelled(&updated), Some((vec!["r"], false)));
    assert_eq!(rig.polled_cancellation(), ("s".to_owned(), true));
}
