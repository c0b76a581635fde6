//! EiRegisterParty: rules 400 to 407, 508, 512, 517.

use super::bench::*;
use crate::payload::{Message, MessageKind};

#[test]
fn rule_405_a_new_registration_is_followed_by_metadata_and_events() {
    let mut bench = Bench::new();
    bench.register();
    assert_eq!(
        words(&bench.take_effects()),
        ["registered ven-1 again=false"]
    );
    let wait = bench.next.wake.unwrap() - bench.now;
    assert!(wait >= secs(10) && wait <= secs(11), "{wait}");
}

#[test]
fn an_event_is_received_and_answered() {
    let mut bench = Bench::registered();
    let posted = bench.poll(list(vec![always(event("e1", 0, noon() + secs(3600)))]));
    assert_eq!(posted.len(), 1);
    assert_eq!(
        words(&bench.take_effects()),
        ["received e1/0", "sent e1/0 optIn 200"]
    );
    let _ = (MessageKind::Poll, |m: Message| m);
}
