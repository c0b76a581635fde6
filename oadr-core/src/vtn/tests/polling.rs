//! OadrPoll: what comes in which order, and that nothing comes for nothing.

use super::*;
use crate::payload::{CanceledPartyRegistration, MessageKind};

fn kind(rig: &mut Rig) -> MessageKind {
    rig.poll().kind()
}

#[test]
fn rule_500_one_operation_per_poll_the_most_pressing_first() {
    let mut rig = Rig::new();
    rig.register();
    rig.announce("e", draft());
    rig.announce("f", draft());
    rig.command(&Command::RequestReregistration).unwrap();
    // Annex C, scenario 3: the VEN polls on before it answers anything.
    let drained: Vec<_> = (0..4).map(|_| kind(&mut rig)).collect();
    assert_eq!(
        drained,
        [
            MessageKind::RequestReregistration,
            MessageKind::RegisterReport,
            MessageKind::DistributeEvent,
            MessageKind::Response,
        ]
    );
}

#[test]
fn rule_500_draining_never_repeats_what_was_just_sent() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    assert_eq!(rig.polled_events().len(), 1);
    for _ in 0..10 {
        assert!(rig.polls_in_vain());
    }
    rig.advance(4);
    assert!(rig.polls_in_vain());
    rig.advance(1);
    assert_eq!(rig.polled_events().len(), 1);
}

#[test]
fn rule_500_a_wrong_ven_id_is_answered_452_with_a_response() {
    let mut rig = Rig::registered();
    let outcome = rig.send(Poll {
        ven_id: VenId::new("VEN").unwrap(),
    });
    assert!(outcome.changes.is_empty());
    let answer = outcome.message();
    assert_eq!(
        (answer.kind(), code_of(&answer)),
        (MessageKind::Response, 452)
    );
}

#[test]
fn rule_512_ven_ids_are_case_sensitive() {
    let mut rig = Rig::registered();
    let upper = VenId::new(rig.ven_id().as_str().to_uppercase()).unwrap();
    assert_eq!(rig.send(Poll { ven_id: upper }).code(), 452);
}

#[test]
fn rule_501_an_idle_poll_leaves_no_trace() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.polled_events();
    rig.answer("e", 0, OptType::OptIn);
    let before = rig.at.clone();
    for _ in 0..100 {
        rig.advance(10);
        assert!(rig.polls_in_vain());
    }
    assert_eq!(rig.at, before);
}

#[test]
fn rule_502_an_event_that_changes_by_time_alone_is_no_news() {
    let mut rig = Rig::registered();
    rig.announce(
        "e",
        EventDraft {
            ramp_up: Some(Duration::minutes(10)),
            ..draft()
        },
    );
    rig.polled_events();
    rig.answer("e", 0, OptType::OptIn);
    // Far, near, active, the second interval.
    for minutes in [40, 15, 10, 60] {
        rig.advance(minutes * 60);
        assert!(rig.polls_in_vain());
    }
}

#[test]
fn rule_502_what_is_new_brings_the_full_list() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.polled_events();
    rig.answer("e", 0, OptType::OptIn);
    rig.announce("f", draft_at(90));
    let listed = rig.polled_events();
    assert_eq!(
        listed,
        [
            seen_event("e", 0, EventStatus::Far),
            seen_event("f", 0, EventStatus::Far)
        ]
    );
    // Only the new one is on its way; the other stays answered.
    assert_eq!(
        rig.facts[&EventId::new("e").unwrap()].status,
        DeliveryStatus::Answered
    );
    rig.answer("f", 0, OptType::OptIn);
    rig.advance(600);
    assert!(rig.polls_in_vain());
}

#[test]
fn rule_500_answers_may_come_in_any_order_and_unasked() {
    let mut rig = Rig::new();
    rig.register();
    rig.announce("e", draft());
    assert_eq!(kind(&mut rig), MessageKind::RegisterReport);
    assert_eq!(rig.polled_events().len(), 1);
    assert_eq!(rig.answer("e", 0, OptType::OptIn), 200);
    let registered = RegisteredReport {
        ei_response: ok("whatever"),
        report_requests: Vec::new(),
        ven_id: Some(rig.ven_id()),
    };
    assert_eq!(rig.send(registered.clone()).code(), 200);
    // Quirk Q25: and again, with nothing to answer.
    let unasked = rig.send(registered);
    assert!(unasked.changes.is_empty());
    assert_eq!(unasked.code(), 200);
    rig.advance(600);
    assert!(rig.polls_in_vain());
}

#[test]
fn a_response_of_the_ven_is_acknowledged_without_another() {
    let mut rig = Rig::registered();
    let outcome = rig.send(response(&rig.ven_id()));
    assert!(outcome.changes.is_empty());
    assert_eq!(outcome.reply, Reply::Empty);
}

#[test]
fn a_removed_ven_gets_its_cancellation_and_nothing_else() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.command(&Command::Remove).unwrap();
    let cancel = match rig.poll() {
        Message::CancelPartyRegistration(cancel) => cancel,
        other => panic!("{other:?}"),
    };
    let registration = rig.state().registration().unwrap();
    assert_eq!(cancel.registration_id, registration.registration_id);
    assert!(rig.polls_in_vain());
    rig.advance(5);
    assert_eq!(kind(&mut rig), MessageKind::CancelPartyRegistration);
    let ven_id = rig.ven_id();
    let canceled = CanceledPartyRegistration {
        ei_response: ok(""),
        registration_id: Some(cancel.registration_id),
        ven_id: Some(ven_id.clone()),
    };
    let wrong = CanceledPartyRegistration {
        registration_id: crate::value::RegistrationId::new("wrong").ok(),
        ..canceled.clone()
    };
    assert_eq!(rig.send(wrong).code(), 452);
    let outcome = rig.send(canceled);
    assert_eq!(
        outcome.effects,
        [Effect::RegistrationCancelled {
            ven_id: ven_id.clone()
        }]
    );
    assert_eq!(outcome.code(), 200);
    assert!(rig.state().is_forgotten());
    assert!(rig.claims.is_empty());
    assert_eq!(rig.send(Poll { ven_id }).code(), 463);
}

#[test]
fn an_answer_to_a_removal_that_was_not_sent_yet_answers_nothing() {
    let mut rig = Rig::registered();
    rig.command(&Command::Remove).unwrap();
    let canceled = CanceledPartyRegistration {
        ei_response: ok(""),
        registration_id: None,
        ven_id: Some(rig.ven_id()),
    };
    let outcome = rig.send(canceled);
    assert!(outcome.changes.is_empty());
    assert_eq!(outcome.code(), 200);
    assert_eq!(kind(&mut rig), MessageKind::CancelPartyRegistration);
}

#[test]
fn a_removed_ven_that_never_answers_is_forgotten_after_a_day() {
    let mut rig = Rig::registered();
    rig.command(&Command::Remove).unwrap();
    assert_eq!(
        Vtn::next_deadline(rig.state()),
        Some(rig.now + TimeDelta::hours(24))
    );
    rig.poll();
    rig.advance(24 * 3_600 - 1);
    assert!(rig.deadline().changes.is_empty());
    rig.advance(1);
    let outcome = rig.deadline();
    assert!(matches!(
        outcome.effects[..],
        [Effect::RegistrationCancelled { .. }]
    ));
    assert!(rig.state().is_forgotten());
    assert!(rig.claims.is_empty());
}

#[test]
fn a_reregistration_is_asked_for_until_the_ven_registers_again() {
    let mut rig = Rig::registered();
    rig.command(&Command::RequestReregistration).unwrap();
    assert!(rig.state().is_to_reregister());
    assert_eq!(kind(&mut rig), MessageKind::RequestReregistration);
    assert_eq!(rig.send(response(&rig.ven_id())).reply, Reply::Empty);
    rig.advance(5);
    assert_eq!(kind(&mut rig), MessageKind::RequestReregistration);
    let again = CreatePartyRegistration {
        registration_id: rig
            .state()
            .registration()
            .map(|r| r.registration_id.clone()),
        ven_id: rig.state().ven_id().cloned(),
        ..create("house")
    };
    assert_eq!(
        rig.create(again).ei_response.response_code,
        ResponseCode::OK
    );
    assert!(!rig.state().is_to_reregister());
    rig.advance(600);
    assert!(rig.polls_in_vain());
}

#[test]
fn a_new_registration_is_as_good_as_registering_again() {
    let mut rig = Rig::registered();
    rig.command(&Command::RequestReregistration).unwrap();
    rig.register();
    assert!(!rig.state().is_to_reregister());
    rig.exchange_metadata();
    assert!(rig.polls_in_vain());
}

#[test]
fn a_reregistration_that_nobody_answers_is_given_up_after_a_day() {
    let mut rig = Rig::registered();
    rig.command(&Command::RequestReregistration).unwrap();
    rig.poll();
    rig.advance(24 * 3_600);
    rig.deadline();
    assert!(!rig.state().is_to_reregister());
    assert!(rig.polls_in_vain());
    assert!(rig.state().registration().is_some());
}
