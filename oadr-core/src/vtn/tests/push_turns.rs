//! Pushes that fail beside others that would not: whose turn it is, and when the next one comes.

use super::pusher::*;
use super::reporter::{offers, wanted};
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
    let mut rig = asks_for_metadata();
    rig.offer(offers());
    rig.announce("e1", draft_at(60 * 48));
    rig.want("r1", wanted("usage")).unwrap();
    rig.command(&Command::RequestReregistration).unwrap();
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

#[test]
fn a_ven_that_was_away_gets_the_most_pressing_first_once_it_is_known_to_be_back() {
    for more in 0..4 {
        let mut rig = asks_for_metadata();
        rig.offer(offers());
        rig.announce("e1", draft_at(60 * 48));
        rig.want("r1", wanted("usage")).unwrap();
        rig.command(&Command::RequestReregistration).unwrap();
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
