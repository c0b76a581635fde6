//! When events come again, and how that ends.

use super::*;

fn never() -> EventDraft {
    EventDraft {
        response_required: ResponseRequired::Never,
        ..draft()
    }
}

fn fact<'a>(rig: &'a Rig, event_id: &str) -> &'a DeliveryFact {
    &rig.facts[&EventId::new(event_id).unwrap()]
}

/// Polls every second and says when, in seconds from now, events came.
fn sendings(rig: &mut Rig, seconds: i64) -> Vec<i64> {
    let mut came = Vec::new();
    for second in 0..seconds {
        if !rig.polls_in_vain() {
            came.push(second);
        }
        rig.advance(1);
    }
    came
}

#[test]
fn rule_12_an_unanswered_event_comes_again_ever_more_slowly_and_no_slower_than_every_five_minutes()
{
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    let came = sendings(&mut rig, 1_800);
    assert_eq!(came, [0, 5, 15, 35, 75, 155, 315, 615, 915, 1_215, 1_515]);
    assert_eq!(fact(&rig, "e").times_sent, 11);
    assert_eq!(fact(&rig, "e").sent, midnight());
}

#[test]
fn quirk_q21_a_reply_that_was_lost_comes_again_as_it_was() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    assert_eq!(rig.polled_events(), [seen_event("e", 0, EventStatus::Far)]);
    rig.advance(10);
    assert_eq!(rig.polled_events(), [seen_event("e", 0, EventStatus::Far)]);
    assert_eq!(rig.answer("e", 0, OptType::OptIn), 200);
    assert!(sendings(&mut rig, 1_800).is_empty());
}

#[test]
fn rule_62_an_event_that_nobody_answers_is_sent_three_times_and_then_only_listed() {
    let mut rig = Rig::registered();
    rig.announce("e", never());
    assert_eq!(sendings(&mut rig, 1_800), [0, 5, 15]);
    assert_eq!(
        seen(&rig.request_events(None)),
        [seen_event("e", 0, EventStatus::Far)]
    );
    assert_eq!(fact(&rig, "e").times_sent, 3);
    // A change begins anew; so does the cancellation.
    rig.modify("e", |draft| draft.priority = Some(1));
    assert_eq!(sendings(&mut rig, 60), [0, 5, 15]);
    rig.cancel("e");
    assert_eq!(sendings(&mut rig, 60), [0, 5, 15]);
    assert!(rig.request_events(None).events.is_empty());
    // It ends without an alarm.
    rig.now = midnight() + TimeDelta::hours(3);
    assert!(rig.deadline().effects.is_empty());
    assert_eq!(fact(&rig, "e").status, DeliveryStatus::Sent);
}

#[test]
fn an_event_that_ends_unanswered_is_an_alarm() {
    let mut rig = Rig::registered();
    rig.announce(
        "e",
        EventDraft {
            start_after: Some(Duration::minutes(30)),
            ..draft()
        },
    );
    rig.polled_events();
    let closes = midnight() + TimeDelta::minutes(210);
    assert_eq!(Vtn::next_deadline(rig.state()), Some(closes));
    rig.now = closes - TimeDelta::seconds(1);
    assert!(rig.deadline().changes.is_empty());
    assert_eq!(rig.polled_events().len(), 1, "until then it is worth a try");
    rig.now = closes;
    assert!(rig.polls_in_vain());
    let outcome = rig.deadline();
    assert_eq!(
        outcome.effects,
        [Effect::DeliveryGivenUp {
            ven_id: rig.ven_id(),
            event_id: EventId::new("e").unwrap()
        }]
    );
    assert_eq!(fact(&rig, "e").status, DeliveryStatus::GivenUp);
    assert_eq!(Vtn::next_deadline(rig.state()), None);
    assert!(rig.deadline().changes.is_empty());
}

#[test]
fn an_event_that_ends_answered_leaves_the_state_in_silence() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.polled_events();
    rig.answer("e", 0, OptType::OptOut);
    rig.now = midnight() + TimeDelta::hours(3);
    let outcome = rig.deadline();
    assert!(outcome.effects.is_empty());
    assert_eq!(
        outcome.changes[1..],
        [Change::EventEnded {
            event_id: EventId::new("e").unwrap()
        }]
    );
    assert_eq!(fact(&rig, "e").status, DeliveryStatus::Answered);
}

#[test]
fn rule_52_a_cancellation_is_repeated_until_acknowledged_or_the_event_would_have_ended() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.polled_events();
    rig.answer("e", 0, OptType::OptIn);
    rig.cancel("e");
    assert_eq!(sendings(&mut rig, 60), [0, 5, 15, 35]);
    rig.now = midnight() + TimeDelta::hours(3);
    assert!(rig.polls_in_vain());
    let outcome = rig.deadline();
    assert!(matches!(
        outcome.effects[..],
        [Effect::DeliveryGivenUp { .. }]
    ));
}

#[test]
fn rule_52_a_cancelled_open_ended_event_is_given_up_after_a_day() {
    let mut rig = Rig::registered();
    rig.announce(
        "e",
        EventDraft {
            signals: vec![simple(&[(Duration::ZERO, 2.0)])],
            ..draft()
        },
    );
    rig.polled_events();
    assert_eq!(Vtn::next_deadline(rig.state()), None);
    rig.cancel("e");
    rig.polled_events();
    assert_eq!(
        Vtn::next_deadline(rig.state()),
        Some(rig.now + TimeDelta::hours(24))
    );
    rig.advance(24 * 3_600);
    rig.withdraw("e");
    assert!(rig.polls_in_vain());
    assert!(matches!(
        rig.deadline().effects[..],
        [Effect::DeliveryGivenUp { .. }]
    ));
    assert!(rig.state().events.is_empty());
}

#[test]
fn a_ven_that_leaves_the_audience_gets_a_cancellation() {
    let mut rig = Rig::registered();
    rig.announce(
        "e",
        EventDraft {
            start_after: Some(Duration::minutes(5)),
            ..draft()
        },
    );
    rig.polled_events();
    rig.answer("e", 0, OptType::OptIn);
    rig.withdraw("e");
    rig.advance(7);
    assert_eq!(
        rig.polled_events(),
        [seen_event("e", 1, EventStatus::Cancelled)]
    );
    let first = rig.request_events(None).events.remove(0).ei_event;
    rig.advance(60);
    let again = rig.request_events(None).events.remove(0).ei_event;
    // Rule 5: the same version, so the same but for the time it was made.
    assert_ne!(first.descriptor.created, again.descriptor.created);
    let descriptor = crate::payload::EventDescriptor {
        created: again.descriptor.created,
        ..first.descriptor.clone()
    };
    assert_eq!(descriptor, again.descriptor);
    assert_eq!(first.active_period, again.active_period);
    assert_eq!(first.active_period.0.start, draft().start);
    assert_eq!(
        first.active_period.0.start_after(),
        Some(Duration::minutes(5))
    );
    assert_eq!(first.target.ven_ids, [rig.ven_id()]);
    assert_eq!(rig.answer("e", 1, OptType::OptIn), 200);
    assert!(sendings(&mut rig, 600).is_empty());
    assert!(rig.request_events(None).events.is_empty());
}

#[test]
fn a_ven_that_joins_again_gets_the_event_again_under_a_higher_number() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.polled_events();
    let campaign = rig.withdraw("e");
    rig.polled_events();
    rig.answer("e", 1, OptType::OptIn);
    rig.context.campaigns.push(campaign);
    assert_eq!(rig.polled_events(), [seen_event("e", 2, EventStatus::Far)]);
    assert_eq!(rig.answer("e", 2, OptType::OptIn), 200);
}

#[test]
fn a_ven_that_leaves_before_it_heard_of_the_event_never_hears_of_it() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.withdraw("e");
    assert!(rig.polls_in_vain());
}

#[test]
fn a_cancellation_goes_on_under_its_number_whoever_it_came_from() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.polled_events();
    let mut campaign = (*rig.withdraw("e")).clone();
    assert_eq!(
        rig.polled_events(),
        [seen_event("e", 1, EventStatus::Cancelled)]
    );
    // Now the VEN is back in the audience, and the event cancelled for all.
    campaign = campaign.cancel(rig.now).unwrap();
    rig.context.campaigns.push(Arc::new(campaign));
    rig.advance(60);
    assert_eq!(
        rig.polled_events(),
        [seen_event("e", 1, EventStatus::Cancelled)]
    );
    assert_eq!(rig.answer("e", 1, OptType::OptIn), 200);
    assert!(sendings(&mut rig, 600).is_empty());
}

#[test]
fn an_event_made_longer_does_not_end_with_the_version_that_the_ven_has() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.polled_events();
    let first_end = midnight() + TimeDelta::hours(3);
    rig.now = first_end - TimeDelta::minutes(1);
    rig.modify("e", |draft| {
        draft.duration = None;
        draft.signals[0]
            .intervals
            .push(interval(Duration::hours(1), 3.0));
    });
    rig.now = first_end;
    let outcome = rig.deadline();
    assert!(outcome.effects.is_empty());
    assert_eq!(
        Vtn::next_deadline(rig.state()),
        Some(first_end + TimeDelta::hours(1))
    );
    assert_eq!(
        rig.polled_events(),
        [seen_event("e", 1, EventStatus::Active)]
    );
}

#[test]
fn an_event_that_ended_earlier_than_the_ven_knows_is_cancelled() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.polled_events();
    rig.answer("e", 0, OptType::OptIn);
    rig.now = midnight() + TimeDelta::minutes(90);
    rig.modify("e", |draft| {
        draft.duration = None;
        draft.signals[0] = EventSignal {
            intervals: NonEmpty::one(interval(Duration::minutes(31), 1.0)),
            ..draft.signals[0].clone()
        };
    });
    // Nobody polled while the shorter version would have run, and its campaign is over.
    rig.now = midnight() + TimeDelta::minutes(100);
    rig.withdraw("e");
    assert_eq!(
        rig.polled_events(),
        [seen_event("e", 1, EventStatus::Cancelled)]
    );
}

#[test]
fn a_reply_that_is_built_but_never_committed_delivers_nothing() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    let ven_id = rig.ven_id();
    let input = rig.input(Poll { ven_id }.into());
    assert!(matches!(rig.step(&input, &[]), Step::Decided(decision) if decision.needs_commit()));
    assert_eq!(Vtn::next_deadline(rig.state()), None);
    assert_eq!(rig.polled_events(), [seen_event("e", 0, EventStatus::Far)]);
}

#[test]
fn while_nobody_is_registered_events_end_without_an_alarm() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.polled_events();
    let cancel = crate::payload::CancelPartyRegistration {
        request_id: RequestId::default(),
        registration_id: rig.state().registration().unwrap().registration_id.clone(),
        ven_id: Some(rig.ven_id()),
    };
    assert_eq!(rig.send(cancel).code(), 200);
    rig.now = midnight() + TimeDelta::hours(3);
    assert!(rig.deadline().effects.is_empty());
    assert!(rig.state().events.is_empty());
}

#[test]
fn an_open_ended_event_that_ended_while_nobody_was_registered_leaves_the_state() {
    let mut rig = Rig::registered();
    rig.announce(
        "e",
        EventDraft {
            signals: vec![simple(&[(Duration::ZERO, 2.0)])],
            ..draft()
        },
    );
    rig.polled_events();
    rig.register();
    rig.exchange_metadata();
    assert_eq!(rig.state().events.len(), 1);
    rig.withdraw("e");
    assert!(rig.polls_in_vain());
    assert!(rig.request_events(None).events.is_empty());
    assert!(rig.state().events.is_empty());
}
