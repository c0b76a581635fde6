//! What a distribution says of the events in it.

use super::*;
use crate::payload::{Event, EventBaseline, Target};
use crate::value::{BaselineId, GroupId};

fn open_ended(value: f64) -> EventDraft {
    EventDraft {
        signals: vec![simple(&[(Duration::ZERO, value)])],
        ..draft()
    }
}

/// The events of a full list, asked for.
fn listed(rig: &mut Rig) -> Vec<Event> {
    rig.request_events(None).events
}

fn ids(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event.ei_event.descriptor.event_id.as_str())
        .collect()
}

fn current(event: &Event) -> Vec<Option<f64>> {
    let signals = event.ei_event.signals.signals.iter();
    signals
        .map(|signal| signal.current_value.map(Float::get))
        .collect()
}

#[test]
fn rule_40_the_answer_to_a_request_has_a_response_that_echoes_it() {
    let mut rig = Rig::registered();
    let distribute = rig.request_events(None);
    assert_eq!(distribute.ei_response, Some(ok("asked")));
    assert!(distribute.events.is_empty());
    assert_eq!(distribute.vtn_id.as_str(), "Test-VTN");
}

#[test]
fn rule_41_every_distribution_has_a_request_id() {
    let mut rig = Rig::registered();
    let (first, second) = (rig.request_events(None), rig.request_events(None));
    assert!(!first.request_id.is_empty());
    assert_ne!(first.request_id, second.request_id);
    // Also one that says no.
    rig.peer = Peer::Certificate(crate::CertificateHash([1; 32]));
    let refused = rig.request_events(None);
    assert_eq!(code_of(&refused.clone().into()), 463);
    assert!(!refused.request_id.is_empty());
}

#[test]
fn rule_4_a_new_event_has_modification_number_0() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    // Changed before this VEN ever heard of it: to the VEN it is new.
    rig.modify("e", |draft| draft.priority = Some(3));
    assert_eq!(rig.campaign("e").revision, 1);
    let events = listed(&mut rig);
    let descriptor = &events[0].ei_event.descriptor;
    assert_eq!(
        (descriptor.modification_number, descriptor.priority),
        (0, Some(3))
    );
    assert_eq!(descriptor.modification_date_time, None);
}

#[test]
fn rule_5_every_version_sent_counts_one_more() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    assert_eq!(rig.polled_events(), [seen_event("e", 0, EventStatus::Far)]);
    // Two changes between two polls are one to the VEN.
    rig.modify("e", |draft| draft.priority = Some(1));
    rig.advance(3);
    let changed = rig.now;
    rig.modify("e", |draft| {
        draft.priority = Some(2);
        draft.modification_reason = Text::new("weather").ok();
    });
    rig.advance(3);
    assert_eq!(rig.polled_events(), [seen_event("e", 1, EventStatus::Far)]);
    let events = listed(&mut rig);
    let descriptor = &events[0].ei_event.descriptor;
    assert_eq!(descriptor.modification_date_time, Some(changed));
    assert_eq!(descriptor.modification_reason, Text::new("weather").ok());
    rig.cancel("e");
    assert_eq!(
        rig.polled_events(),
        [seen_event("e", 2, EventStatus::Cancelled)]
    );
}

#[test]
fn rule_10_a_cancelled_event_is_sent_once_more_as_cancelled() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.polled_events();
    rig.answer("e", 0, OptType::OptIn);
    rig.cancel("e");
    assert_eq!(
        rig.polled_events(),
        [seen_event("e", 1, EventStatus::Cancelled)]
    );
    // It is the event that it was in everything else.
    let event = listed(&mut rig).remove(0).ei_event;
    assert_eq!(event.signals.signals.first().intervals.len(), 2);
    assert_eq!(event.active_period.0.start, draft().start);
}

#[test]
fn rule_13_the_status_goes_by_the_clock_of_the_message() {
    let mut rig = Rig::registered();
    rig.announce(
        "e",
        EventDraft {
            ramp_up: Some(Duration::minutes(10)),
            start_after: Some(Duration::minutes(5)),
            ..draft()
        },
    );
    let status = |rig: &mut Rig| listed(rig)[0].ei_event.descriptor.event_status;
    for (minutes, expected) in [
        (49, EventStatus::Far),
        (1, EventStatus::Near),
        (10, EventStatus::Active),
        (120, EventStatus::Completed),
    ] {
        rig.advance(minutes * 60);
        assert_eq!(status(&mut rig), expected);
    }
}

#[test]
fn rule_14_simple_is_0_while_the_event_is_not_active() {
    let mut rig = Rig::registered();
    let mut draft = draft();
    draft.signals.push(signal(
        SignalName::LoadDispatch,
        SignalType::Multiplier,
        vec![interval(Duration::hours(2), 0.5)],
    ));
    rig.announce("e", draft);
    assert_eq!(current(&listed(&mut rig)[0]), [Some(0.0), None]);
    // Rule 29: the payload of the running interval.
    rig.advance(3_600);
    assert_eq!(current(&listed(&mut rig)[0]), [Some(1.0), Some(0.5)]);
    rig.advance(3_599);
    assert_eq!(current(&listed(&mut rig)[0]), [Some(1.0), Some(0.5)]);
    rig.advance(1);
    assert_eq!(current(&listed(&mut rig)[0]), [Some(2.0), Some(0.5)]);
    rig.cancel("e");
    assert_eq!(current(&listed(&mut rig)[0]), [Some(0.0), None]);
}

#[test]
fn rule_110_of_other_signals_an_idle_event_has_no_current_value() {
    let mut rig = Rig::registered();
    let multiplier = signal(
        SignalName::LoadDispatch,
        SignalType::Multiplier,
        vec![interval(Duration::hours(2), 0.5)],
    );
    rig.announce(
        "e",
        EventDraft {
            signals: vec![multiplier],
            ..draft()
        },
    );
    assert_eq!(current(&listed(&mut rig)[0]), [None]);
}

#[test]
fn rule_29_an_open_ended_event_has_its_value_for_good() {
    let mut rig = Rig::registered();
    rig.announce("e", open_ended(3.0));
    rig.advance(365 * 86_400);
    let events = listed(&mut rig);
    assert_eq!(current(&events[0]), [Some(3.0)]);
    assert_eq!(
        events[0].ei_event.descriptor.event_status,
        EventStatus::Active
    );
    assert!(events[0].ei_event.active_period.0.duration.is_zero());
}

#[test]
fn rule_15_running_events_first_by_priority_then_those_to_come_by_start() {
    let mut rig = Rig::registered();
    let event = |minutes, priority| EventDraft {
        priority,
        ..draft_at(minutes)
    };
    rig.announce("late", event(300, Some(1)));
    rig.announce("soon", event(200, None));
    rig.announce("none", event(30, None));
    rig.announce("zero", event(20, Some(0)));
    rig.announce("low", event(10, Some(9)));
    rig.announce("high", event(50, Some(1)));
    rig.announce("higher", event(40, Some(1)));
    rig.advance(60 * 60);
    let order = ["higher", "high", "low", "zero", "none", "soon", "late"];
    assert_eq!(ids(&listed(&mut rig)), order);
    // A cancelled one keeps the place that it had, also when others begin.
    rig.cancel("soon");
    rig.cancel("high");
    assert_eq!(ids(&listed(&mut rig)), order);
    rig.advance(65 * 60);
    assert_eq!(ids(&listed(&mut rig)), order);
}

#[test]
fn rule_3_the_lower_number_is_more_important_and_0_is_none() {
    let mut rig = Rig::registered();
    for (id, priority) in [
        ("a", None),
        ("b", Some(0)),
        ("c", Some(u32::MAX - 1)),
        ("d", Some(1)),
    ] {
        rig.announce(
            id,
            EventDraft {
                priority,
                ..draft()
            },
        );
    }
    rig.advance(3_600);
    assert_eq!(ids(&listed(&mut rig)), ["d", "c", "a", "b"]);
}

#[test]
fn rule_18_events_may_overlap() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.announce("f", draft());
    assert_eq!(rig.polled_events().len(), 2);
}

#[test]
fn rule_15_ties_stay_in_the_same_order() {
    let mut rig = Rig::registered();
    for id in ["b", "c", "a"] {
        rig.announce(id, draft());
    }
    assert_eq!(ids(&listed(&mut rig)), ["a", "b", "c"]);
    rig.context.campaigns.reverse();
    assert_eq!(ids(&listed(&mut rig)), ["a", "b", "c"]);
}

#[test]
fn rule_27_the_reply_limit_cuts_the_list() {
    let mut rig = Rig::registered();
    for (id, minutes) in [("a", 80), ("b", 70), ("c", 60)] {
        rig.announce(id, draft_at(minutes));
    }
    assert_eq!(ids(&rig.request_events(Some(2)).events), ["c", "b"]);
    assert_eq!(ids(&rig.request_events(Some(2)).events), ["c", "b"]);
    assert_eq!(ids(&rig.request_events(Some(9)).events), ["c", "b", "a"]);
    assert_eq!(ids(&rig.request_events(Some(0)).events), [""; 0]);
}

#[test]
fn what_the_reply_limit_cut_off_still_comes_with_a_poll() {
    let mut rig = Rig::registered();
    for (id, minutes) in [("a", 80), ("b", 70)] {
        rig.announce(id, draft_at(minutes));
    }
    rig.request_events(Some(1));
    assert_eq!(rig.polled_events().len(), 2);
    assert!(rig.polls_in_vain());
}

#[test]
fn rule_22_without_a_target_the_receiver_is_the_target() {
    let mut rig = Rig::registered();
    rig.announce("mine", draft());
    let target = Target {
        group_ids: vec![GroupId::new("north").unwrap()],
        ..Target::default()
    };
    rig.announce(
        "north",
        EventDraft {
            target: Some(target.clone()),
            ..draft()
        },
    );
    let events = listed(&mut rig);
    assert_eq!(events[0].ei_event.target.ven_ids, [rig.ven_id()]);
    assert_eq!(events[1].ei_event.target, target);
}

#[test]
fn rule_50_all_events_are_listed_until_they_are_over() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.announce("f", draft_at(120));
    rig.polled_events();
    rig.advance(2 * 3_600);
    assert_eq!(ids(&listed(&mut rig)), ["e", "f"]);
    rig.advance(3_600);
    assert_eq!(ids(&listed(&mut rig)), ["f"]);
    rig.advance(3_600);
    assert_eq!(ids(&listed(&mut rig)), [""; 0]);
}

#[test]
fn rule_50_a_cancelled_event_is_listed_until_acknowledged_and_never_after() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.polled_events();
    rig.cancel("e");
    assert_eq!(ids(&listed(&mut rig)), ["e"]);
    assert_eq!(ids(&listed(&mut rig)), ["e"]);
    assert_eq!(rig.answer("e", 1, OptType::OptOut), 200);
    assert_eq!(ids(&listed(&mut rig)), [""; 0]);
    rig.advance(600);
    assert!(rig.polls_in_vain());
}

#[test]
fn rule_21_an_event_that_was_never_sent_need_not_be_cancelled() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.cancel("e");
    assert!(rig.polls_in_vain());
    assert_eq!(ids(&listed(&mut rig)), [""; 0]);
}

#[test]
fn rule_66_a_randomised_event_is_listed_as_completed_until_the_last_start() {
    let mut rig = Rig::registered();
    rig.announce(
        "e",
        EventDraft {
            start_after: Some(Duration::minutes(30)),
            ..draft()
        },
    );
    rig.polled_events();
    rig.answer("e", 0, OptType::OptIn);
    rig.advance(3 * 3_600);
    let events = listed(&mut rig);
    assert_eq!(
        events[0].ei_event.descriptor.event_status,
        EventStatus::Completed
    );
    let tolerance = events[0].ei_event.active_period.0.start_after();
    assert_eq!(tolerance, Some(Duration::minutes(30)));
    rig.advance(30 * 60 - 1);
    assert_eq!(ids(&listed(&mut rig)), ["e"]);
    rig.advance(1);
    assert_eq!(ids(&listed(&mut rig)), [""; 0]);
    // One that registers anew by then need not hear of it again.
    let mut anew = rig.clone();
    anew.now = midnight() + TimeDelta::hours(3);
    anew.register();
    anew.exchange_metadata();
    assert!(anew.polls_in_vain());
    assert_eq!(ids(&listed(&mut anew)), [""; 0]);
    // A VEN that did not hear of it in time hears nothing of it.
    let mut late = Rig::registered();
    late.announce(
        "e",
        EventDraft {
            start_after: Some(Duration::minutes(30)),
            ..draft()
        },
    );
    late.advance(3 * 3_600);
    assert!(late.polls_in_vain());
}

#[test]
fn rule_115_one_creation_time_for_all_events_of_a_message() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.advance(60);
    rig.announce("f", draft());
    rig.advance(60);
    let events = listed(&mut rig);
    assert!(
        events
            .iter()
            .all(|event| event.ei_event.descriptor.created == rig.now)
    );
}

#[test]
fn everything_an_operator_said_reaches_the_ven() {
    let mut rig = Rig::registered();
    let baseline = EventBaseline {
        start: midnight(),
        duration: Duration::hours(1),
        intervals: NonEmpty::one(interval(Duration::hours(1), 9.5)),
        baseline_id: BaselineId::new("b1").unwrap(),
        resource_ids: Vec::new(),
        baseline_name: Text::new("usual").unwrap(),
        item_base: None,
    };
    let draft = EventDraft {
        priority: Some(4),
        test_event: Text::new("true").ok(),
        vtn_comment: Text::new("a & b").ok(),
        response_required: ResponseRequired::Never,
        start_after: Some(Duration::minutes(5)),
        notification: Some(Duration::hours(1)),
        ramp_up: Some(Duration::minutes(10)),
        recovery: Some("-PT10M".parse().unwrap()),
        baseline: Some(baseline),
        ..draft()
    };
    rig.announce("e", draft.clone());
    let event = listed(&mut rig).remove(0);
    assert_eq!(event.response_required, ResponseRequired::Never);
    let descriptor = &event.ei_event.descriptor;
    assert_eq!(descriptor.priority, draft.priority);
    assert!(descriptor.is_test());
    assert_eq!(descriptor.vtn_comment, draft.vtn_comment);
    assert_eq!(descriptor.market_context, draft.market_context);
    let period = &event.ei_event.active_period.0;
    assert_eq!(period.start_after(), draft.start_after);
    assert_eq!(period.notification, draft.notification);
    assert_eq!(period.ramp_up, draft.ramp_up);
    assert_eq!(period.recovery, draft.recovery);
    let mut baseline = event.ei_event.signals.baseline.unwrap();
    assert_eq!(baseline.intervals.first().uid, Text::new("0").ok());
    baseline.intervals.iter_mut().next().unwrap().uid = None;
    assert_eq!(Some(baseline), draft.baseline);
}

#[test]
fn a_report_only_ven_has_no_events() {
    let mut rig = Rig::new();
    rig.create(CreatePartyRegistration {
        report_only: true,
        ..create("house")
    });
    rig.exchange_metadata();
    rig.announce("e", draft());
    assert!(rig.polls_in_vain());
    assert_eq!(ids(&listed(&mut rig)), [""; 0]);
}
