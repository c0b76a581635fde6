//! Pushes that fail: when they come again, when they are given up, and when that ends.

use super::pusher::*;
use super::reporter::{offers, wanted};
use super::*;
use crate::payload::MessageKind;

const HOUR: TimeDelta = TimeDelta::hours(1);

/// A VEN with one event that is on its way.
fn sending() -> (Rig, Push) {
    let mut rig = Rig::pushed_to();
    rig.announce("e1", draft_at(60 * 48));
    let push = rig.push();
    (rig, push)
}

#[test]
fn failures_slow_down_to_one_a_minute() {
    for fault in [PushFault::Unreachable, PushFault::Broken] {
        let (mut rig, mut push) = sending();
        for expected in [
            1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000,
        ] {
            let failed_at = rig.now;
            assert_eq!(rig.ends(&push, failed(fault)), None);
            push = rig.next_push().unwrap();
            let pause = (rig.now - failed_at).num_milliseconds();
            let tenth = expected / 10;
            assert!(
                (expected - tenth..=expected + tenth).contains(&pause),
                "{fault:?} {pause} {expected}"
            );
        }
        assert_eq!(rig.push_status().failures, 9);
        assert_eq!(rig.arrives(&push), None);
        assert_eq!(rig.push_status().failures, 0);
    }
}

#[test]
fn pauses_are_not_the_same_for_every_ven() {
    let pauses: BTreeSet<TimeDelta> = (0..20)
        .map(|n| {
            let (mut rig, push) = sending();
            rig.inputs += n;
            rig.ends(&push, failed(PushFault::Unreachable));
            rig.push_status().not_before.unwrap() - rig.now
        })
        .collect();
    assert!(pauses.len() > 10, "{pauses:?}");
}

#[test]
fn a_ven_is_left_alone_as_long_as_it_says_but_not_for_ever() {
    for (wanted, expected) in [(-5, 1), (0, 1), (300, 300), (1_000_000, 3_600)] {
        let (mut rig, push) = sending();
        let failure = PushFailure {
            retry_after: Some(TimeDelta::seconds(wanted)),
            ..failure(PushFault::Busy)
        };
        rig.ends(&push, PushOutcome::Failed(failure));
        let pause = rig.push_status().not_before.unwrap() - rig.now;
        assert!((pause - TimeDelta::seconds(expected)).abs() < TimeDelta::milliseconds(101));
    }
}

#[test]
fn a_push_that_nobody_tells_of_has_failed() {
    let (mut rig, push) = sending();
    let lease = rig.context.push.lease;
    assert_eq!(Vtn::next_deadline(&rig.at.state), Some(rig.now + lease));
    // The process dies and another one reads what was written.
    rig.at.state = stored(&rig.at.state);
    rig.now += lease - TimeDelta::milliseconds(1);
    assert_eq!(rig.wake(), None);
    assert_eq!(rig.push_status().failures, 0);
    rig.now += TimeDelta::milliseconds(1);
    assert_eq!(rig.wake(), None);
    let status = rig.push_status();
    assert_eq!(status.failures, 1);
    assert_eq!(status.last_failure.unwrap().fault, PushFault::TimedOut);
    assert_eq!(status.under_way, None);
    // The first one is heard of after all.
    let before = rig.at.clone();
    assert_eq!(rig.ends(&push, PushOutcome::Acknowledged), None);
    assert_eq!(rig.at, before);
    let again = rig.next_push().unwrap();
    assert_ne!(again.id, push.id);
    assert_eq!(rig.arrives(&again), None);
}

#[test]
fn a_ven_that_was_away_for_an_hour_gets_its_events_in_order() {
    let (mut rig, mut push) = sending();
    let back = rig.now + HOUR;
    let mut made = 1;
    let mut tries = 0;
    while rig.now < back {
        tries += 1;
        assert_eq!(rig.ends(&push, failed(PushFault::Unreachable)), None);
        if rig.now > midnight() + TimeDelta::minutes(10 * made) && made < 4 {
            made += 1;
            // The later it is made the sooner it begins.
            rig.announce(&format!("e{made}"), draft_at(60 * 48 - 60 * made));
            assert_eq!(rig.wake(), None);
        }
        push = rig.next_push().unwrap();
    }
    assert!((60..80).contains(&tries), "{tries}");
    let ids: Vec<_> = pushed_events(&push)
        .into_iter()
        .map(|e| e.event_id)
        .collect();
    assert_eq!(ids, ["e4", "e3", "e2", "e1"]);
    assert_eq!(rig.arrives(&push), None);
    for id in ids {
        assert_eq!(rig.answer(&id, 0, OptType::OptIn), 200);
    }
    assert_eq!(rig.wake(), None);
    assert!(
        rig.effects
            .iter()
            .all(|effect| matches!(effect, Effect::EventAnswered { .. })),
        "{:?}",
        rig.effects
    );
}

#[test]
fn a_ven_that_says_something_is_served_at_once() {
    let (mut rig, push) = sending();
    let push = rig.keeps_failing(push, PushFault::Offline, 12);
    rig.ends(&push, failed(PushFault::Offline));
    rig.advance(2);
    assert_eq!(rig.wake(), None);
    // A poll does not show that it can be reached.
    let poll = rig.poll_outcome();
    assert_eq!(rig.push_status().failures, 13);
    assert!(matches!(poll.message(), Message::DistributeEvent(_)));
    assert_eq!(rig.wake(), None);
    // Nor does what somebody else says.
    rig.peer = Peer::Certificate(CertificateHash([9; 32]));
    rig.request_events(None);
    assert_eq!(rig.push_status().failures, 13);
    rig.peer = Peer::Unproven;
    let outcome = rig.offer_outcome(offers());
    assert_eq!(outcome.code(), 200);
    // Whether it can be reached is to be seen.
    assert_eq!(rig.push_status().failures, 13);
    assert_eq!(rig.push_status().not_before, None);
    assert_eq!(rig.push().message.kind(), MessageKind::DistributeEvent);
    // While that is tried what it says leaves no more traces than with any other VEN.
    let outcome = rig.created(200, "unknown", &[]);
    assert!(outcome.changes.is_empty());
}

#[test]
fn a_ven_that_is_heard_of_while_a_push_is_under_way_does_not_wait_for_a_minute() {
    let (mut rig, push) = sending();
    let push = rig.keeps_failing(push, PushFault::TimedOut, 12);
    rig.advance(1);
    rig.offer(offers());
    assert_eq!(rig.wake(), None);
    rig.ends(&push, failed(PushFault::TimedOut));
    assert!(rig.push_status().not_before.unwrap() - rig.now < TimeDelta::seconds(2));
}

#[test]
fn what_a_ven_does_not_want_keeps_nothing_else_from_it() {
    let mut rig = Rig::pushed_to();
    rig.offer(offers());
    rig.want("r1", wanted("usage")).unwrap();
    let unwanted = rig.push();
    let unwanted = rig.keeps_failing(unwanted, PushFault::Broken, 6);
    rig.ends(&unwanted, failed(PushFault::Broken));
    rig.advance(1);
    rig.announce("e1", draft());
    let events = rig.push();
    assert_eq!(events.message.kind(), MessageKind::DistributeEvent);
    assert_eq!(rig.arrives(&events), None);
    rig.answer("e1", 0, OptType::OptIn);
    // It is tried again in its own time.
    let failed_at = rig.now;
    let again = rig.next_push().unwrap();
    assert_eq!(again.message.kind(), MessageKind::CreateReport);
    assert!(rig.now - failed_at > TimeDelta::seconds(40));
}

/// The first event is given up, and the rig is where that happened.
fn given_up() -> Rig {
    let (mut rig, mut push) = sending();
    rig.context.push.give_up_after = HOUR;
    let since = rig.now;
    for attempt in 1.. {
        let at = rig.now;
        assert_eq!(rig.ends(&push, failed(PushFault::Unreachable)), None);
        let [letter] = rig.push_status().dead_letters else {
            push = rig.next_push().unwrap();
            continue;
        };
        let expected = DeadLetter {
            id: 1,
            kind: MessageKind::DistributeEvent,
            event_ids: vec![EventId::new("e1").unwrap()],
            since,
            last: at,
            attempts: attempt,
            failure: failure(PushFault::Unreachable),
        };
        assert_eq!(*letter, expected);
        assert!(at - since >= HOUR && at - since < HOUR + TimeDelta::minutes(2));
        assert_eq!(
            rig.effects,
            [Effect::PushGivenUp {
                ven_id: rig.ven_id(),
                kind: MessageKind::DistributeEvent,
                attempts: attempt,
                failure: failure(PushFault::Unreachable),
            }]
        );
        break;
    }
    rig.effects.clear();
    rig
}

#[test]
fn what_is_too_old_is_a_dead_letter_and_the_next_message_has_its_turn() {
    let mut rig = given_up();
    rig.advance(3_600);
    assert_eq!(rig.wake(), None);
    assert_eq!(rig.push_status().dead_letters.len(), 1);
    rig.at.state = stored(&rig.at.state);
    rig.command(&Command::RequestReregistration).unwrap();
    let next = rig.push();
    assert_eq!(next.message.kind(), MessageKind::RequestReregistration);
    // Once that arrives the VEN is there, and the dead letter lives again.
    let events = rig.arrives(&next).unwrap();
    assert_eq!(
        pushed_events(&events),
        [seen_event("e1", 0, EventStatus::Far)]
    );
    assert_eq!(rig.push_status().dead_letters, []);
}

#[test]
fn a_dead_letter_lives_again_with_any_message_of_the_ven() {
    let mut rig = given_up();
    rig.advance(100);
    rig.offer(offers());
    assert_eq!(rig.push_status().dead_letters, []);
    let push = rig.push();
    assert_eq!(
        pushed_events(&push),
        [seen_event("e1", 0, EventStatus::Far)]
    );
    // Its age counts from anew.
    rig.ends(&push, failed(PushFault::Unreachable));
    assert_eq!(rig.push_status().dead_letters, []);
}

#[test]
fn an_operator_retries_a_dead_letter() {
    let rig = given_up();
    for (dead_letter, is_known) in [(Some(1), true), (None, true), (Some(2), false)] {
        let mut rig = rig.clone();
        let done = rig.command(&Command::RetryPush { dead_letter });
        if !is_known {
            assert_eq!(done.unwrap_err(), CommandError::UnknownDeadLetter);
            continue;
        }
        let push = rig.push();
        assert_eq!(rig.push_status().dead_letters, []);
        rig.arrives(&push);
        rig.answer("e1", 0, OptType::OptIn);
        // With nothing to retry there is nothing to do.
        let done = rig.command(&Command::RetryPush { dead_letter: None });
        assert!(done.unwrap().changes.is_empty());
    }
}

#[test]
fn a_dead_letter_is_gone_with_what_it_was_about() {
    let mut rig = given_up();
    rig.modify("e1", |draft| draft.priority = Some(1));
    let push = rig.next_push().or_else(|| rig.wake()).unwrap();
    assert_eq!(
        pushed_events(&push),
        [seen_event("e1", 1, EventStatus::Far)]
    );
    assert_eq!(rig.push_status().dead_letters, []);

    let mut rig = given_up();
    assert_eq!(rig.answer("e1", 0, OptType::OptIn), 200);
    assert_eq!(rig.push_status().dead_letters, []);

    let mut rig = given_up();
    rig.now = midnight() + TimeDelta::days(10);
    rig.deadline();
    assert!(rig.state().events.is_empty());
    assert_eq!(rig.push_status().dead_letters, []);
}

#[test]
fn a_ven_that_polls_gets_what_was_given_up() {
    let mut rig = given_up();
    assert_eq!(rig.polled_events(), [seen_event("e1", 0, EventStatus::Far)]);
    assert_eq!(rig.push_status().dead_letters, []);
    // Whether it can be reached is as unknown as before.
    assert!(rig.push_status().failures > 60);
    assert!(rig.polls_in_vain());
}

#[test]
fn an_address_that_must_not_be_used_is_not_tried_again() {
    let (mut rig, push) = sending();
    assert_eq!(rig.ends(&push, failed(PushFault::AddressRefused)), None);
    let [letter] = rig.push_status().dead_letters else {
        panic!("it is given up");
    };
    assert_eq!(
        (letter.attempts, letter.failure.fault),
        (1, PushFault::AddressRefused)
    );
    rig.advance(60);
    assert_eq!(rig.wake(), None);
    // That the VEN says something makes its address no better.
    rig.offer(offers());
    rig.advance(60);
    rig.deadline();
    assert_eq!(rig.push_status().dead_letters.len(), 1);
    rig.effects.clear();
    // What comes anew is tried once.
    rig.want("r1", wanted("usage")).unwrap();
    let push = rig.push();
    rig.ends(&push, failed(PushFault::AddressRefused));
    assert_eq!(rig.push_status().dead_letters.len(), 2);
    let given_up = |effect: &&Effect| matches!(effect, Effect::PushGivenUp { .. });
    assert_eq!(rig.effects.iter().filter(given_up).count(), 1);
    // Another address is another matter.
    let registration_id = rig
        .state()
        .registration()
        .map(|r| r.registration_id.clone());
    rig.create(CreatePartyRegistration {
        registration_id,
        transport_address: Text::new("https://house.example:9443").ok(),
        ..push_create("house")
    });
    assert_eq!(rig.push_status().dead_letters, []);
    rig.advance(1);
    let push = rig.push();
    assert_eq!(
        push.to,
        PushAddress::Http(Text::new("https://house.example:9443").unwrap())
    );
    assert_eq!(
        pushed_events(&push),
        [seen_event("e1", 0, EventStatus::Far)]
    );
    let reports = rig.arrives(&push).unwrap();
    assert_eq!(reports.message.kind(), MessageKind::CreateReport);
}

#[test]
fn a_registration_anew_does_not_wait_for_what_was_sent_before_it() {
    let (mut rig, push) = sending();
    rig.create(push_create("house"));
    rig.advance(5);
    // Never two at once, not even to two registrations.
    assert_eq!(rig.wake(), None);
    let metadata = rig.ends(&push, failed(PushFault::AddressRefused)).unwrap();
    assert_eq!(rig.push_status().dead_letters, []);
    assert_eq!(metadata.message.kind(), MessageKind::RegisterReport);
    let events = rig.arrives(&metadata).unwrap();
    assert_eq!(
        pushed_events(&events),
        [seen_event("e1", 0, EventStatus::Far)]
    );
}

#[test]
fn a_ven_that_leaves_is_not_pushed_to_any_more() {
    let (mut rig, push) = sending();
    let cancel = crate::payload::CancelPartyRegistration {
        request_id: RequestId::new("leave").unwrap(),
        registration_id: rig.state().registration().unwrap().registration_id.clone(),
        ven_id: Some(rig.ven_id()),
    };
    assert_eq!(rig.send(cancel).code(), 200);
    assert_eq!(rig.state().push_status(), None);
    assert_eq!(rig.ends(&push, failed(PushFault::Unreachable)), None);
    assert_eq!(rig.state().link, None);
    assert_eq!(rig.next_push(), None);
}

#[test]
fn rows_of_before_there_were_pushes_are_read() {
    let rig = Rig::registered();
    let row = serde_json::to_value(&rig.at.state).unwrap();
    let fields = row.as_object().unwrap();
    assert!(!fields.contains_key("link") && !fields.contains_key("jid"));
    let read: State = serde_json::from_value(row).unwrap();
    assert_eq!(read, rig.at.state);
}
