//! How deliveries stand, as figures tell it.

use super::*;

fn standing_of(rig: &Rig) -> (usize, usize, usize) {
    let standing = standing(rig.state(), &rig.context, rig.now);
    (standing.pending, standing.sent, standing.settled)
}

#[test]
fn a_delivery_is_pending_then_sent_then_settled() {
    let mut rig = Rig::registered();
    assert_eq!(standing_of(&rig), (0, 0, 0));
    rig.announce("e", draft());
    rig.announce("f", draft());
    rig.advance(30);
    assert_eq!(standing_of(&rig), (2, 0, 0));
    let waiting = standing(rig.state(), &rig.context, rig.now);
    assert_eq!(waiting.oldest_pending, Some(midnight()));
    assert_eq!(waiting.oldest_sent, None);

    rig.polled_events();
    rig.advance(30);
    assert_eq!(standing_of(&rig), (0, 2, 0));
    let sent = standing(rig.state(), &rig.context, rig.now);
    assert_eq!(sent.oldest_pending, None);
    assert_eq!(sent.oldest_sent, Some(midnight() + TimeDelta::seconds(30)));

    rig.answer("e", 0, OptType::OptIn);
    assert_eq!(standing_of(&rig), (0, 1, 1));
    // A new version is one that the VEN does not have.
    rig.modify("e", |draft| draft.priority = Some(1));
    assert_eq!(standing_of(&rig), (1, 1, 0));
}

#[test]
fn an_event_that_is_over_or_for_somebody_else_is_no_delivery() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.polled_events();
    rig.now = midnight() + TimeDelta::days(1);
    assert_eq!(standing_of(&rig), (0, 0, 0));
    // Without a registration there is nobody to deliver to.
    let mut rig = Rig::new();
    rig.announce("e", draft());
    assert_eq!(standing_of(&rig), (0, 0, 0));
}
