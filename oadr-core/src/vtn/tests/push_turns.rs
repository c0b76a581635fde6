//! Pushes that fail beside others that would not: whose turn it is, and when the next one comes.

use super::pusher::*;
use super::reporter::{ids, offers, once, wanted};
use super::reporting::{ask, asked};
use super::*;
use crate::payload::MessageKind;

const HOUR: TimeDelta = TimeDelta::hours(1);
/// As if the VEN were not there: it may be, and not like what it gets.
const AS_IF_AWAY: [PushFault; 7] = [
    PushFault::TimedOut,
    PushFault::Unreachable,
    PushFault::Offline,
    PushFault::Untrusted,
    PushFault::Redirected,
    PushFault::Busy,
    PushFault::NotRegistered,
];

fn kind(push: &Push) -> MessageKind {
    push.message.kind()
}

/// A VEN that waits for our metadata.
fn asks_for_metadata() -> Rig {
    let mut rig = Rig::new();
    rig.context.http_push = true;
    rig.create(push_create("house"));
    rig
}

/// A VEN that is to hear of a re-registration, our metadata, an event and a request for a report.
fn has_one_of_each_before_it() -> Rig {
    let mut rig = asks_for_metadata();
    rig.offer(offers());
    rig.announce("e1", draft_at(60 * 48));
    rig.want("r1", wanted("usage")).unwrap();
    rig.command(&Command::RequestReregistration).unwrap();
    rig
}

#[test]
fn what_a_ven_never_takes_lets_the_next_message_have_its_turn() {
    for fault in AS_IF_AWAY {
        let mut rig = asks_for_metadata();
        let metadata = rig.next_push().unwrap();
        assert_eq!(kind(&metadata), MessageKind::RegisterReport);
        let metadata = rig.keeps_failing(metadata, fault, 9);
        rig.announce("e1", draft_at(60 * 48));
        rig.ends(&metadata, failed(fault));
        let failed_at = rig.now;
        let events = rig.next_push().unwrap();
        assert_eq!(kind(&events), MessageKind::DistributeEvent, "{fault:?}");
        assert!(rig.now - failed_at < TimeDelta::seconds(67));
        // After that it is tried at once, and lets the next one go first again.
        let metadata = rig.arrives(&events).unwrap();
        assert_eq!(rig.answer("e1", 0, OptType::OptIn), 200);
        assert_eq!(kind(&metadata), MessageKind::RegisterReport);
        rig.announce("e2", draft_at(60 * 24));
        rig.ends(&metadata, failed(fault));
        let events = rig.next_push().unwrap();
        assert_eq!(kind(&events), MessageKind::DistributeEvent, "{fault:?}");
    }
}

#[test]
fn among_all_that_a_ven_does_not_take_everything_has_its_turn() {
    let mut rig = has_one_of_each_before_it();
    let mut push = rig.next_push().unwrap();
    let mut kinds = vec![kind(&push)];
    for _ in 0..19 {
        assert_eq!(rig.ends(&push, failed(PushFault::TimedOut)), None);
        push = rig.next_push().unwrap();
        kinds.push(kind(&push));
    }
    // The order is kept at first, and then in turn.
    let order = [
        MessageKind::RequestReregistration,
        MessageKind::RegisterReport,
        MessageKind::DistributeEvent,
        MessageKind::CreateReport,
    ];
    for (place, kinds) in kinds[..12].chunks(3).enumerate() {
        assert_eq!(kinds, [order[place]; 3]);
    }
    assert_eq!(kinds[12..16], order);
    assert_eq!(kinds[16..], order);
}

/// The requests that a push is about.
fn about(push: &Push) -> Vec<&str> {
    match &*push.message {
        Message::CreateReport(create) => ids(&create.report_requests),
        Message::CancelReport(cancel) => cancel
            .report_request_ids
            .iter()
            .map(AsRef::as_ref)
            .collect(),
        Message::RegisterReport(register) => register
            .report_request_id
            .iter()
            .map(AsRef::as_ref)
            .collect(),
        other => panic!("{other:?}"),
    }
}

/// The VEN never takes what this request is in: the first push without it, after so many with it at most.
fn first_without(rig: &mut Rig, push: Push, poison: &str, fault: PushFault, most: usize) -> Push {
    let mut push = push;
    for _ in 0..most {
        if !about(&push).contains(&poison) {
            return push;
        }
        assert_eq!(rig.ends(&push, failed(fault)), None);
        push = rig.next_push().unwrap();
    }
    assert!(
        !about(&push).contains(&poison),
        "{fault:?} {:?}",
        about(&push)
    );
    push
}

#[test]
fn a_request_that_a_ven_never_takes_does_not_hold_up_the_others_of_its_kind() {
    for fault in AS_IF_AWAY {
        let mut rig = Rig::pushed_to();
        rig.offer(offers());
        rig.want("m", once("METADATA")).unwrap();
        let metadata = rig.push();
        let metadata = rig.keeps_failing(metadata, fault, 4);
        rig.want("r1", wanted("usage")).unwrap();
        let data = first_without(&mut rig, metadata, "m", fault, 1);
        assert_eq!(about(&data), ["r1"]);
        let metadata = rig.arrives(&data).unwrap();
        assert_eq!(*rig.progress("r1"), ReportProgress::Accepted);
        assert_eq!(about(&metadata), ["m"]);
    }
}

#[test]
fn a_cancellation_that_a_ven_never_takes_does_not_hold_up_the_others() {
    for fault in AS_IF_AWAY {
        let mut rig = Rig::pushed_to();
        rig.offer(offers());
        for (request, specifier) in [("a", "usage"), ("b", "status")] {
            rig.want(request, wanted(specifier)).unwrap();
            let push = rig.push();
            assert_eq!(rig.arrives(&push), None);
        }
        rig.want_no_more("a", false);
        rig.want_no_more("b", false);
        let push = rig.push();
        assert_eq!(about(&push), ["a"]);
        rig.advance(1);
        let other = first_without(&mut rig, push, "a", fault, 1);
        assert_eq!(about(&other), ["b"]);
        let push = rig.arrives(&other).unwrap();
        assert!(matches!(rig.progress("b"), ReportProgress::Over { .. }));
        assert_eq!(about(&push), ["a"]);
    }
}

#[test]
fn a_request_that_a_ven_never_takes_does_not_spoil_those_that_go_with_it() {
    for fault in AS_IF_AWAY.into_iter().chain([PushFault::Broken]) {
        let mut rig = Rig::pushed_to();
        rig.offer(offers());
        rig.want("r1", wanted("usage")).unwrap();
        rig.want("r2", wanted("status")).unwrap();
        let both = rig.push();
        assert_eq!(about(&both), ["r1", "r2"]);
        let other = first_without(&mut rig, both, "r1", fault, 4);
        assert_eq!(about(&other), ["r2"]);
        rig.arrives(&other);
        assert_eq!(*rig.progress("r2"), ReportProgress::Accepted);
        // One more that is wanted later.
        rig.want("r3", once("past")).unwrap();
        let push = rig.next_push().unwrap();
        let other = first_without(&mut rig, push, "r1", fault, 2);
        assert_eq!(about(&other), ["r3"]);
    }
}

#[test]
fn metadata_that_a_ven_never_takes_do_not_hold_up_others() {
    for fault in AS_IF_AWAY {
        let mut rig = Rig::pushed_to();
        ask(
            &mut rig,
            vec![asked("m", "METADATA"), asked("n", "METADATA")],
        );
        let push = rig.push();
        assert_eq!(about(&push), ["m"]);
        let other = first_without(&mut rig, push, "m", fault, 1);
        assert_eq!(about(&other), ["n"]);
    }
}

#[test]
fn a_ven_that_was_away_gets_the_most_pressing_first_once_it_is_known_to_be_back() {
    for more in 0..4 {
        let mut rig = has_one_of_each_before_it();
        let mut push = rig.next_push().unwrap();
        push = rig.keeps_failing(push, PushFault::Unreachable, 60 + more);
        assert!(rig.now - midnight() > HOUR / 2);
        let mut expected = vec![
            MessageKind::RequestReregistration,
            MessageKind::RegisterReport,
            MessageKind::DistributeEvent,
            MessageKind::CreateReport,
        ];
        // Whatever is tried when it comes back tells that it does.
        let first = kind(&push);
        expected.retain(|kind| *kind != first);
        let mut rest = Vec::new();
        while let Some(next) = rig.arrives(&push) {
            rest.push(kind(&next));
            push = next;
        }
        assert_eq!(rest, expected);
    }
}

#[test]
fn what_is_under_way_when_the_ven_is_heard_of_is_not_sent_twice() {
    // By what the VEN says, by an operator, by another registration at the same address.
    let causes: [fn(&mut Rig); 3] = [
        |rig| assert_eq!(rig.offer_outcome(offers()).code(), 200),
        |rig| {
            let retry = Command::RetryPush { dead_letter: None };
            rig.command(&retry).unwrap();
        },
        |rig| {
            let registration = rig.state().registration();
            let registration_id = registration.map(|r| r.registration_id.clone());
            rig.create(CreatePartyRegistration {
                registration_id,
                ..push_create("house")
            });
            rig.advance(1);
        },
    ];
    for cause in causes {
        let mut rig = Rig::pushed_to();
        rig.announce("e1", draft_at(60 * 48));
        let push = rig.push();
        let push = rig.keeps_failing(push, PushFault::Unreachable, 2);
        cause(&mut rig);
        assert_eq!(rig.wake(), None);
        assert_eq!(rig.arrives(&push), None);
        assert_eq!(rig.wake(), None);
        // Nobody answers: it comes again as always.
        assert_eq!(
            kind(&rig.next_push().unwrap()),
            MessageKind::DistributeEvent
        );
    }
}

#[test]
fn section_4_2_a_ven_that_speaks_is_left_alone_all_the_same_if_it_wants_to_be() {
    let wants = PushFailure {
        retry_after: Some(TimeDelta::minutes(10)),
        ..failure(PushFault::Busy)
    };
    let often = PushFailure {
        retry_after: wants.retry_after,
        ..failure(PushFault::Unreachable)
    };
    let others = [PushFault::Busy, PushFault::Broken, PushFault::Refused];
    let others = others.into_iter().map(failure);
    for failure in [wants, often].into_iter().chain(others) {
        let mut rig = Rig::pushed_to();
        rig.announce("e1", draft_at(60 * 48));
        let push = rig.push();
        let push = rig.keeps_failing(push, failure.fault, 8);
        rig.ends(&push, PushOutcome::Failed(failure));
        let comes_again = |rig: &Rig| {
            let mut rig = rig.clone();
            rig.next_push().map(|_| rig.now)
        };
        let expected = comes_again(&rig);
        assert!(expected.unwrap() - rig.now > TimeDelta::seconds(50));
        for _ in 0..5 {
            rig.advance(1);
            rig.offer(offers());
            assert_eq!(rig.wake(), None);
            assert_eq!(comes_again(&rig), expected);
        }
        let again = rig.next_push().unwrap();
        assert_eq!(kind(&again), MessageKind::DistributeEvent);
        assert_eq!(rig.push_status().failures, 9);
    }
}

#[test]
fn section_4_3_a_ven_that_speaks_and_cannot_be_reached_is_not_tried_every_time() {
    for takes in [0, 9] {
        let mut rig = Rig::pushed_to();
        rig.announce("e1", draft_at(60 * 48));
        let mut push = rig.wake();
        let mut ends = rig.now + TimeDelta::seconds(takes);
        let mut tries = 0;
        // It posts readings all the time, from behind something that lets nobody in.
        for second in 1..=1_200 {
            rig.advance(1);
            if let Some(sent) = push.as_ref().filter(|_| ends <= rig.now) {
                tries += 1;
                push = rig.ends(&sent.clone(), failed(PushFault::Unreachable));
            }
            if second % 10 == 0 {
                rig.offer(offers());
            }
            if push.is_none() {
                push = rig.wake();
                ends = rig.now + TimeDelta::seconds(takes);
            }
        }
        // Two a minute, and not six: one that is heard of is worth a try, and then the pause counts.
        assert!((20..=48).contains(&tries), "{tries}");
        assert_eq!(rig.push_status().failures, tries);
        // One that arrives makes up for all.
        let push = push.or_else(|| rig.next_push()).unwrap();
        assert_eq!(rig.arrives(&push), None);
        assert_eq!(rig.push_status().failures, 0);
    }
}

#[test]
fn a_ven_that_is_heard_of_is_tried_at_once_with_every_outage() {
    let mut rig = Rig::pushed_to();
    for n in 0..3 {
        let event_id = format!("e{n}");
        rig.announce(&event_id, draft_at(60 * 48));
        let push = rig.push();
        let push = rig.keeps_failing(push, PushFault::TimedOut, 8);
        rig.ends(&push, failed(PushFault::TimedOut));
        rig.advance(1);
        rig.offer(offers());
        let push = rig.push();
        assert_eq!(rig.arrives(&push), None);
        assert_eq!(rig.answer(&event_id, 0, OptType::OptIn), 200);
    }
}

/// The VEN registers again, at this address.
fn register_at(rig: &mut Rig, address: &str) {
    let registration = rig.state().registration();
    let registration_id = registration.map(|r| r.registration_id.clone());
    rig.create(CreatePartyRegistration {
        registration_id,
        transport_address: Text::new(address).ok(),
        ..push_create("house")
    });
}

#[test]
fn how_a_push_to_an_old_address_went_says_nothing_of_the_new_one() {
    let of_a_proxy = PushFailure {
        retry_after: Some(HOUR),
        ..failure(PushFault::Busy)
    };
    let outcomes = [
        PushOutcome::Failed(of_a_proxy),
        failed(PushFault::AddressRefused),
        failed(PushFault::Refused),
        PushOutcome::Acknowledged,
    ];
    for outcome in outcomes.map(Some).into_iter().chain([None]) {
        for is_told_at_once in [true, false] {
            let mut rig = Rig::pushed_to();
            rig.announce("e1", draft_at(60 * 48));
            let push = rig.push();
            register_at(&mut rig, "https://house.example:9443");
            let start = rig.push_status().not_before;
            let next = match &outcome {
                Some(outcome) => {
                    rig.advance(if is_told_at_once { 0 } else { 5 });
                    rig.ends(&push, outcome.clone())
                }
                // Nobody tells.
                None => {
                    rig.now += rig.context.push.lease;
                    rig.wake()
                }
            };
            let status = rig.push_status();
            assert_eq!((status.failures, status.last_failure), (0, None));
            assert_eq!(status.dead_letters, []);
            if let Some(next) = &next {
                assert!(start.unwrap() <= rig.now);
                assert_eq!(
                    rig.push_status().under_way.map(|(kind, _)| kind),
                    Some(kind(next))
                );
            } else {
                assert_eq!(rig.push_status().under_way, None);
                assert_eq!(rig.push_status().not_before, start);
            }
            let events = next.or_else(|| rig.next_push()).unwrap();
            let address = Text::new("https://house.example:9443").unwrap();
            assert_eq!(events.to, PushAddress::Http(address));
            assert_eq!(
                pushed_events(&events),
                [seen_event("e1", 0, EventStatus::Far)]
            );
        }
    }
}

#[test]
fn a_reply_from_an_old_address_is_none_of_the_ven_at_the_new_one() {
    let mut rig = Rig::pushed_to();
    rig.offer(offers());
    rig.want("r1", wanted("usage")).unwrap();
    let push = rig.push();
    register_at(&mut rig, "https://house.example:9443");
    rig.advance(1);
    let again = rig.arrives(&push).unwrap();
    assert_ne!(*rig.progress("r1"), ReportProgress::Accepted);
    assert_eq!(kind(&again), MessageKind::CreateReport);
    assert_eq!(rig.arrives(&again), None);
    assert_eq!(*rig.progress("r1"), ReportProgress::Accepted);
}
