//! A VEN that is pushed to and hears nothing for long asks what it may have missed: rules 37, 500, 507.

use std::collections::BTreeSet;

use super::bench::*;
use super::offers::*;
use super::pushing::{in_an_hour, listening, pushed_to};
use crate::payload::{Message, MessageKind, RegisterReport, ResponseCode};
use crate::value::{Duration, TransportName};
use crate::ven::{Command, Context, Failure, Input, Registration};

/// The longest silence, and the most that is added to it.
const HOUR: i64 = 3_600;
const TENTH: i64 = 360;

fn over_xmpp() -> Context {
    Context {
        transport: TransportName::Xmpp,
        transport_address: None,
        ..context()
    }
}

fn report_only() -> Context {
    Context {
        report_only: true,
        ..listening()
    }
}

/// The VTN's offers.
fn offers_of_none() -> RegisterReport {
    RegisterReport {
        request_id: request("r1"),
        reports: Vec::new(),
        ven_id: None,
        report_request_id: None,
    }
}

/// The seconds until the VEN wants to be woken.
fn wait_of(bench: &Bench) -> i64 {
    let wake = bench.next.wake.expect("it does not sleep for ever");
    (wake - bench.now).num_seconds()
}

fn is_an_hour(seconds: i64) -> bool {
    (HOUR..=HOUR + TENTH).contains(&seconds)
}

#[test]
fn a_vtn_that_forgot_a_ven_is_noticed_within_little_more_than_an_hour() {
    for context in [listening(), over_xmpp()] {
        let mut bench = Bench::registered_with(context);
        assert!(is_an_hour(wait_of(&bench)));
        bench.wait();
        assert_eq!(bench.sent(), MessageKind::RequestEvent);
        bench.reply(response(ResponseCode::NOT_REGISTERED));
        assert_eq!(bench.sent(), MessageKind::CreatePartyRegistration);
        assert_eq!(ids(&bench), none());
        bench.reply(created(Some(("ven-2", "reg-2"))));
        bench.drain();
        assert_eq!(bench.state().registered().unwrap().ven_id.as_str(), "ven-2");
        assert!(is_an_hour(wait_of(&bench)));
    }

    // One without events registers again, first under the IDs that it has.
    let mut bench = Bench::registered_with(report_only());
    assert!(is_an_hour(wait_of(&bench)));
    bench.wait();
    assert_eq!(ids(&bench), both());
    bench.reply(response(ResponseCode::NOT_REGISTERED));
    assert_eq!(ids(&bench), none());
    bench.reply(created(Some(("ven-2", "reg-2"))));
    bench.drain();
    assert!(is_an_hour(wait_of(&bench)));
}

#[test]
fn what_the_vtn_gave_up_pushing_is_heard_of_within_little_more_than_an_hour() {
    let mut bench = pushed_to();
    bench.wait();
    let start = bench.now + secs(HOUR);
    bench.reply(list(vec![always(event("e1", 0, start))]));
    assert_eq!(bench.sent(), MessageKind::CreatedEvent);
    bench.reply(ok());
    assert_eq!(
        words(&bench.take_effects()),
        ["received e1/0", "sent e1/0 optIn 200"]
    );
}

#[test]
fn a_ven_that_hears_of_its_vtn_all_the_time_asks_nothing() {
    // By pushes, whether they are answered by a message, by a request or by nothing.
    let mut bench = pushed_to();
    let said = bench.said.len();
    for n in 0..48 {
        bench.pass(secs(1_800));
        match n % 3 {
            0 => drop(bench.push(offers_of_none())),
            1 => drop(bench.push(list(vec![never(in_an_hour("e1"))]))),
            _ => drop(bench.push(list(vec![always(in_an_hour("e1"))]))),
        }
        bench.drain();
    }
    let kinds: BTreeSet<_> = bench.said[said..].iter().map(Message::kind).collect();
    assert_eq!(kinds, BTreeSet::from([MessageKind::CreatedEvent]));

    // By its own reports, also if they come as rarely as once an hour.
    for minutes_each in [10, 60] {
        let mut bench = Bench::registered_with(Context {
            reports: vec![usage()],
            ..listening()
        });
        bench.meter = Box::new(seconds);
        let span = Duration::minutes(minutes_each);
        bench.push(create(vec![wanted("a", "usage", &["energy"], span, span)]));
        let said = bench.said.len();
        for _ in 0..50 {
            bench.wait();
            bench.reply(updated(ResponseCode::OK));
        }
        let kinds: BTreeSet<_> = bench.said[said..].iter().map(Message::kind).collect();
        assert_eq!(kinds, BTreeSet::from([MessageKind::UpdateReport]));
    }
}

#[test]
fn what_is_pushed_for_others_is_no_word_from_the_vtn() {
    let mut bench = pushed_to();
    let wake = bench.next.wake;
    bench.now += secs(1_800);
    bench.push(cancel("reg-2"));
    bench.push(ok());
    bench.push(registered_report());
    assert_eq!(bench.next.wake, wake);
}

#[test]
fn a_silent_ven_wakes_once_an_hour_and_drifts_away_from_the_others() {
    for context in [listening(), report_only()] {
        let mut bench = Bench::registered_with(context);
        let version = bench.at.version;
        let mut waits = BTreeSet::new();
        for _ in 0..50 {
            let wait = wait_of(&bench);
            assert!(is_an_hour(wait), "{wait}");
            waits.insert(wait);
            bench.wait();
            if bench.context.report_only {
                assert_eq!(ids(&bench), both());
                bench.reply(created(Some(("ven-1", "reg-1"))));
            } else {
                assert_eq!(bench.sent(), MessageKind::RequestEvent);
                bench.reply(list(Vec::new()));
            }
            assert_eq!(bench.next.send, None);
        }
        assert!(waits.len() > 25, "drawn anew each time");
        assert!(bench.at.version.0 - version.0 <= 100, "asked and settled");
    }
}

#[test]
fn a_question_that_fails_waits_as_any_request_and_one_that_is_refused_for_another_hour() {
    let mut bench = pushed_to();
    bench.wait();
    for expected in [1, 2, 4, 8, 10, 10] {
        bench.fail(Failure::Unreachable);
        assert!((wait_of(&bench) - expected).abs() <= 1);
        bench.wait();
        assert_eq!(bench.sent(), MessageKind::RequestEvent);
    }
    // A VTN that does not want to hear the question is not to be run over with it.
    let begun = bench.now;
    let mut tries = 1;
    while bench.now < begun + secs(10 * HOUR) {
        match bench.next.send {
            Some(_) => bench.fail(Failure::Refused),
            None => {
                bench.wait();
                tries += usize::from(bench.next.send.is_some());
            }
        }
    }
    assert!((40..=60).contains(&tries), "{tries}");
}

#[test]
fn rule_37_a_ven_that_polls_or_is_not_registered_asks_nothing() {
    let mut bench = Bench::registered();
    let said = bench.said.len();
    for _ in 0..1_000 {
        bench.wait_for_poll();
        bench.reply(ok());
    }
    assert!(bench.now - noon() > secs(2 * HOUR));
    let polls = |message: &Message| message.kind() == MessageKind::Poll;
    assert!(bench.said[said..].iter().all(polls));
    assert_eq!(bench.state().link.resynchronise_at, None);

    let mut bench = pushed_to();
    bench.command(&Command::CancelRegistration).unwrap();
    bench.reply(ok());
    assert_eq!(*bench.state().registration(), Registration::None);
    assert_eq!(bench.next.wake, None);
}

#[test]
fn a_ven_that_is_not_reached_by_polls_any_more_asks_in_an_hour() {
    let mut bench = Bench::registered();
    bench.context = Context {
        version: 2,
        ..listening()
    };
    bench.say(&Input::Wake);
    assert_eq!(ids(&bench), both());
    bench.reply(created(Some(("ven-1", "reg-1"))));
    assert!(is_an_hour(wait_of(&bench)));
    bench.context = Context {
        version: 3,
        ..context()
    };
    bench.now += secs(2 * HOUR);
    bench.say(&Input::Wake);
    assert_eq!(ids(&bench), both());
    bench.reply(created(Some(("ven-1", "reg-1"))));
    assert_eq!(bench.sent(), MessageKind::Poll);
}
