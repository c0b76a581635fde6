//! OadrPoll, back-off and what outlives the process: rules 500 to 502, spec §4.3.

use super::bench::*;
use crate::payload::{Message, MessageKind, ResponseCode};
use crate::value::Duration;
use crate::ven::{Change, Failure, Input};

fn waits(bench: &Bench) -> i64 {
    (bench.next.wake.unwrap() - bench.now).num_milliseconds()
}

#[test]
fn rule_500_polls_are_an_interval_apart_or_a_little_more() {
    let mut bench = Bench::registered();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let wait = waits(&bench);
        assert!((10_000..=11_000).contains(&wait), "{wait}");
        seen.insert(wait);
        bench.wait_for_poll();
        let Message::Poll(poll) = bench.message() else {
            panic!("not a poll");
        };
        assert_eq!(poll.ven_id.as_str(), "ven-1");
        bench.reply(ok());
    }
    assert!(seen.len() > 10, "drawn anew each time");
}

#[test]
fn rule_501_an_idle_poll_leaves_nothing_to_write() {
    let mut bench = Bench::registered();
    let version = bench.at.version;
    for _ in 0..10 {
        bench.wait_for_poll();
        bench.reply(ok());
    }
    assert_eq!(bench.at.version, version);
}

#[test]
fn quirk_q7_an_empty_reply_is_an_acknowledgement() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    bench.reply_empty();
    assert!(waits(&bench) >= 10_000);
    bench.wait_for_poll();
    bench.reply(list(vec![always(event("e1", 0, noon() + secs(3600)))]));
    assert_eq!(bench.sent(), MessageKind::CreatedEvent);
    bench.reply_empty();
    assert_eq!(
        words(&bench.take_effects()),
        ["received e1/0", "sent e1/0 optIn 200"]
    );
}

#[test]
fn rule_500_the_queue_is_drained_without_waiting() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    let start = bench.now;
    for n in 0..3 {
        bench.reply(list(vec![always(event("e1", n, noon() + secs(3600)))]));
        assert_eq!(bench.sent(), MessageKind::CreatedEvent);
        bench.reply(ok());
        assert_eq!(bench.sent(), MessageKind::Poll);
    }
    assert_eq!(bench.now, start);
    bench.reply(ok());
    assert!(waits(&bench) >= 10_000);
}

#[test]
fn a_vtn_that_repeats_itself_is_not_polled_without_end() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    let start = bench.now;
    let mut polls = 0;
    while bench.now == start {
        polls += 1;
        assert!(polls < 100, "this does not end");
        bench.reply(list(Vec::new()));
        if bench.next.send.is_none() {
            bench.wait();
        }
    }
    assert!(polls > 20, "{polls}");
    assert!(bench.now - start >= secs(10));
}

#[test]
fn a_vtn_that_wants_a_registration_with_every_poll_is_not_polled_without_end() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    let start = bench.now;
    let mut polls = 0;
    while bench.now == start {
        polls += 1;
        assert!(polls < 100, "this does not end");
        bench.reply(crate::payload::RequestReregistration {
            ven_id: "ven-1".parse().unwrap(),
        });
        bench.reply_empty();
        bench.reply(created(Some(("ven-1", "reg-1"))));
        if bench.next.send.is_none() {
            bench.wait();
        }
    }
}

#[test]
fn spec_4_3_failures_wait_longer_each_time_up_to_the_poll_interval() {
    for failure in [
        Failure::Unreachable,
        Failure::Refused,
        Failure::Broken,
        Failure::Busy { retry_after: None },
    ] {
        let mut bench = Bench::registered();
        bench.wait_for_poll();
        for expected in [1_000, 2_000, 4_000, 8_000, 10_000, 10_000] {
            bench.fail(failure);
            let wait = waits(&bench);
            assert!(
                (wait - expected).abs() <= expected / 10,
                "{wait} {expected}"
            );
            bench.wait();
            assert_eq!(bench.sent(), MessageKind::Poll);
        }
        bench.reply(ok());
        bench.wait_for_poll();
        bench.fail(failure);
        assert!(waits(&bench) <= 1_100, "success forgets the failures");
    }
}

#[test]
fn spec_4_2_retry_after_is_honoured_within_reason() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    bench.fail(Failure::Busy {
        retry_after: Some(secs(120)),
    });
    assert_eq!(waits(&bench), 120_000);
    bench.wait();
    bench.fail(Failure::Busy {
        retry_after: Some(secs(0)),
    });
    assert!(
        waits(&bench) >= 1_800,
        "shorter than the back-off is no reason to hurry"
    );
    bench.wait();
    bench.fail(Failure::Busy {
        retry_after: Some(chrono::TimeDelta::MAX),
    });
    assert_eq!(waits(&bench), 3_600_000);
}

#[test]
fn an_answer_that_is_none_is_a_failure() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    bench.reply(created(None));
    assert!(waits(&bench) <= 1_100);
    bench.wait();
    assert_eq!(bench.sent(), MessageKind::Poll);
}

#[test]
fn late_and_foreign_outcomes_change_nothing() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    let poll = bench.exchange();
    bench.reply(ok());
    let before = bench.state().clone();
    bench.say(&Input::Replied {
        exchange: poll,
        message: Some(Box::new(list(Vec::new()).into())),
    });
    bench.say(&Input::Failed {
        exchange: poll,
        failure: Failure::Broken,
    });
    assert_eq!(*bench.state(), before);
    assert_eq!(bench.changes, []);
}

#[test]
fn answers_owed_are_written_before_they_are_sent_and_sent_until_heard() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    bench.reply(list(vec![always(event("e1", 0, noon() + secs(3600)))]));
    let sent = bench.message().clone();
    assert_eq!(sent.kind(), MessageKind::CreatedEvent);
    assert!(
        bench.changes.iter().any(|c| matches!(c, Change::Owed(_))),
        "{:?}",
        bench.changes
    );
    // Neither a failure nor the end of the process loses it.
    bench.fail(Failure::Unreachable);
    bench.wait();
    assert_eq!(*bench.message(), sent);
    bench.restart();
    assert_eq!(*bench.message(), sent);
    assert_eq!(words(&bench.take_effects()), ["received e1/0"]);
    bench.reply(ok());
    assert_eq!(words(&bench.take_effects()), ["sent e1/0 optIn 200"]);
    bench.restart();
    assert_eq!(bench.sent(), MessageKind::Poll);
    assert_eq!(words(&bench.take_effects()), [""; 0]);
}

#[test]
fn an_answer_that_the_vtn_cannot_digest_does_not_stand_in_the_way() {
    for failure in [Failure::Refused, Failure::Broken] {
        let mut bench = Bench::registered();
        bench.wait_for_poll();
        bench.reply(list(vec![always(event("e1", 0, noon() + secs(3600)))]));
        for _ in 0..5 {
            assert_eq!(bench.sent(), MessageKind::CreatedEvent);
            bench.fail(failure);
            bench.wait();
        }
        assert_eq!(bench.sent(), MessageKind::Poll);
        assert_eq!(words(&bench.take_effects()), ["received e1/0"]);
    }
    // A VTN that is away is another matter.
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    bench.reply(list(vec![always(event("e1", 0, noon() + secs(36_000)))]));
    for _ in 0..50 {
        assert_eq!(bench.sent(), MessageKind::CreatedEvent);
        bench.fail(Failure::Unreachable);
        bench.wait();
    }
    bench.reply(ok());
    assert_eq!(
        words(&bench.take_effects()),
        ["received e1/0", "sent e1/0 optIn 200"]
    );
}

#[test]
fn rule_48_a_refused_answer_to_several_events_is_repeated_one_by_one() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    let later = noon() + secs(3600);
    bench.reply(list(vec![
        always(event("e1", 0, later)),
        always(event("e2", 0, later)),
    ]));
    assert_eq!(answers(bench.message()).len(), 2);
    bench.reply(response(ResponseCode::INVALID_ID));
    assert_eq!(
        answers(bench.message()),
        [("e1".to_owned(), 0, crate::value::OptType::OptIn, 200)]
    );
    bench.reply(response(ResponseCode::INVALID_ID));
    assert_eq!(answers(bench.message())[0].0, "e2");
    bench.reply(ok());
    assert_eq!(
        words(&bench.take_effects()),
        ["received e1/0", "received e2/0", "sent e2/0 optIn 200"]
    );
    // What was refused on its own is not repeated.
    assert_eq!(bench.sent(), MessageKind::Poll);
}

#[test]
fn a_poll_interval_that_makes_no_sense_is_not_followed() {
    for (wanted, expected) in [
        (None, 10),
        (Some(Duration::ZERO), 10),
        (Some("-PT5S".parse().unwrap()), 10),
        (Some(Duration::seconds(1)), 1),
        (Some("P1Y".parse().unwrap()), 86_400),
    ] {
        let mut bench = Bench::registered();
        bench.command(&crate::ven::Command::Register).unwrap();
        let mut answer = created(Some(("ven-1", "reg-1")));
        answer.requested_poll_frequency = wanted;
        bench.reply(answer);
        let agreed = bench.state().registered().unwrap().poll_interval;
        assert_eq!(agreed, Some(secs(expected)));
    }
}

#[test]
fn rule_500_only_one_request_is_under_way_and_events_do_not_wait_for_it() {
    let mut bench = Bench::registered();
    let start = noon() + secs(24);
    bench.poll(list(vec![always(event("e1", 0, start))]));
    bench.take_effects();
    bench.wait_for_poll();
    assert_eq!(bench.next.wake, Some(start));
    bench.wait();
    assert_eq!(bench.next.send, None);
    assert_eq!(
        words(&bench.take_effects()),
        ["started e1/0", "interval e1 simple[0]=1"]
    );
}
