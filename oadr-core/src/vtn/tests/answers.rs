//! `oadrCreatedEvent`: what a VEN says to events.

use super::*;

fn fact(rig: &Rig) -> &DeliveryFact {
    &rig.facts[&EventId::new("e").unwrap()]
}

/// A VEN that has received the event `e`.
fn informed() -> Rig {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.polled_events();
    rig
}

#[test]
fn an_answer_is_kept_and_told() {
    let mut rig = informed();
    rig.advance(3);
    let outcome = rig.answer_outcome("e", 0, OptType::OptIn);
    assert_eq!(
        outcome.effects,
        [Effect::EventAnswered {
            ven_id: rig.ven_id(),
            event_id: EventId::new("e").unwrap(),
            modification_number: 0,
            opt: OptType::OptIn,
            response_code: ResponseCode::OK,
        }]
    );
    match outcome.message() {
        Message::Response(response) => {
            assert_eq!(response.ei_response, ok(""), "rule 42: nothing to echo");
            assert_eq!(response.ven_id, Some(rig.ven_id()));
        }
        other => panic!("{other:?}"),
    }
    let fact = fact(&rig);
    assert_eq!(fact.status, DeliveryStatus::Answered);
    assert_eq!(
        (fact.opt, fact.response_code),
        (Some(OptType::OptIn), Some(ResponseCode::OK))
    );
    assert_eq!((fact.sent, fact.answered), (midnight(), Some(rig.now)));
}

#[test]
fn rule_12_the_same_answer_again_is_no_news() {
    let mut rig = informed();
    rig.answer("e", 0, OptType::OptIn);
    rig.announce("f", draft());
    // The full list made the VEN answer both.
    rig.polled_events();
    let ven_id = rig.ven_id();
    let both = created_event(
        ven_id,
        vec![
            event_response("e", 0, OptType::OptIn),
            event_response("f", 0, OptType::OptIn),
        ],
    );
    assert_eq!(rig.send(both.clone()).effects.len(), 1);
    let again = rig.send(both);
    assert!(again.changes.is_empty());
    assert_eq!(again.code(), 200);
}

#[test]
fn rule_16_a_ven_may_change_its_mind() {
    let mut rig = informed();
    for opt in [OptType::OptIn, OptType::OptOut, OptType::OptIn] {
        rig.advance(60);
        let outcome = rig.answer_outcome("e", 0, opt);
        assert_eq!(outcome.effects.len(), 1);
        assert_eq!(outcome.code(), 200);
        assert_eq!(
            (fact(&rig).opt, fact(&rig).answered),
            (Some(opt), Some(rig.now))
        );
    }
}

#[test]
fn rule_17_a_late_opt_out_counts_also_while_the_event_runs() {
    let mut rig = informed();
    rig.answer("e", 0, OptType::OptIn);
    rig.now = midnight() + TimeDelta::minutes(90);
    assert_eq!(rig.answer("e", 0, OptType::OptOut), 200);
    assert_eq!(fact(&rig).opt, Some(OptType::OptOut));
}

#[test]
fn an_answer_outlives_the_version_that_it_was_to() {
    let mut rig = informed();
    rig.answer("e", 0, OptType::OptOut);
    rig.modify("e", |draft| draft.priority = Some(1));
    rig.polled_events();
    assert_eq!(fact(&rig).status, DeliveryStatus::Sent);
    assert_eq!(
        (fact(&rig).modification_number, fact(&rig).opt),
        (1, Some(OptType::OptOut))
    );
    // The same opt to another version is news.
    assert_eq!(rig.answer_outcome("e", 1, OptType::OptOut).effects.len(), 1);
}

#[test]
fn rule_25_a_failure_as_a_whole_makes_single_answers_void() {
    let mut rig = informed();
    let mut created = created_event(rig.ven_id(), vec![event_response("e", 0, OptType::OptIn)]);
    created.created.ei_response.response_code = ResponseCode::INVALID_ID;
    let outcome = rig.send(created);
    assert!(outcome.changes.is_empty());
    assert_eq!(outcome.code(), 200);
    rig.advance(5);
    assert_eq!(rig.polled_events().len(), 1);
}

#[test]
fn rule_35_answers_must_be_there() {
    let mut rig = informed();
    let mut created = created_event(rig.ven_id(), Vec::new());
    assert_eq!(rig.send(created.clone()).code(), 459);
    created.created.event_responses = None;
    assert_eq!(rig.send(created).code(), 459);
}

#[test]
fn rule_42_the_root_request_id_is_empty_beside_event_responses_and_echoed_if_not() {
    let mut rig = informed();
    let mut created = created_event(rig.ven_id(), vec![event_response("e", 0, OptType::OptIn)]);
    match rig.send(created.clone()).message() {
        Message::Response(response) => assert_eq!(response.ei_response, ok("")),
        other => panic!("{other:?}"),
    }
    // Quirk Q14.
    created.created.ei_response.request_id = RequestId::new("r").unwrap();
    match rig.send(created).message() {
        Message::Response(response) => assert_eq!(response.ei_response, ok("r")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn rule_43_the_request_id_of_an_answer_proves_nothing() {
    let mut rig = informed();
    let mut response = event_response("e", 0, OptType::OptIn);
    response.request_id = RequestId::new("from another day").unwrap();
    let created = created_event(rig.ven_id(), vec![response]);
    assert_eq!(rig.send(created).code(), 200);
    assert_eq!(fact(&rig).status, DeliveryStatus::Answered);
}

#[test]
fn rule_48_an_unknown_event_is_452_and_a_wrong_number_450() {
    let mut rig = informed();
    rig.announce("unsent", draft());
    for (event_id, number, code) in [
        ("nope", 0, 452),
        ("unsent", 0, 452),
        ("E", 0, 452),
        ("e", 1, 450),
    ] {
        let outcome = rig.answer_outcome(event_id, number, OptType::OptIn);
        assert!(outcome.changes.is_empty());
        assert_eq!(outcome.code(), code, "{event_id} {number}");
    }
    rig.modify("e", |draft| draft.priority = Some(1));
    // Not sent yet, so the old number is the right one; and then it is not.
    assert_eq!(rig.answer("e", 0, OptType::OptIn), 200);
    rig.polled_events();
    assert_eq!(rig.answer("e", 0, OptType::OptIn), 450);
    assert_eq!(rig.answer("e", 1, OptType::OptIn), 200);
}

#[test]
fn rule_48_a_wrong_answer_does_not_spoil_the_others() {
    let mut rig = informed();
    let created = created_event(
        rig.ven_id(),
        vec![
            event_response("nope", 0, OptType::OptIn),
            event_response("e", 0, OptType::OptOut),
            event_response("e", 9, OptType::OptIn),
        ],
    );
    let code = rig.send(created).code();
    assert!((400..500).contains(&code));
    assert_eq!(fact(&rig).opt, Some(OptType::OptOut));
}

#[test]
fn rule_48_an_event_refused_by_the_ven_is_answered() {
    let mut rig = informed();
    let mut refusal = event_response("e", 0, OptType::OptOut);
    refusal.response_code = ResponseCode::SIGNAL_NOT_SUPPORTED;
    refusal.response_description = Text::new("no such signal").ok();
    let created = created_event(rig.ven_id(), vec![refusal]);
    assert_eq!(rig.send(created).code(), 200);
    assert_eq!(fact(&rig).status, DeliveryStatus::Answered);
    assert_eq!(
        fact(&rig).response_code,
        Some(ResponseCode::SIGNAL_NOT_SUPPORTED)
    );
    assert_eq!(
        fact(&rig).response_description,
        Text::new("no such signal").ok()
    );
    rig.advance(600);
    assert!(rig.polls_in_vain(), "it would only be refused again");
}

#[test]
fn rule_36_either_answer_acknowledges_a_cancellation() {
    for opt in [OptType::OptIn, OptType::OptOut] {
        let mut rig = informed();
        rig.cancel("e");
        rig.polled_events();
        assert_eq!(
            rig.answer("e", 0, opt),
            450,
            "that was to the event, not to its end"
        );
        assert_eq!(rig.answer("e", 1, opt), 200);
        rig.advance(600);
        assert!(rig.polls_in_vain());
    }
}

#[test]
fn quirk_q18_an_answer_that_nobody_asked_for_is_ignored() {
    let mut rig = Rig::registered();
    rig.announce(
        "e",
        EventDraft {
            response_required: ResponseRequired::Never,
            ..draft()
        },
    );
    rig.polled_events();
    let outcome = rig.answer_outcome("e", 0, OptType::OptOut);
    assert!(outcome.changes.is_empty());
    assert_eq!(outcome.code(), 200);
}

#[test]
fn the_last_of_two_answers_to_one_event_counts() {
    let mut rig = informed();
    let created = created_event(
        rig.ven_id(),
        vec![
            event_response("e", 0, OptType::OptIn),
            event_response("e", 0, OptType::OptOut),
        ],
    );
    assert_eq!(rig.send(created).code(), 200);
    assert_eq!(fact(&rig).opt, Some(OptType::OptOut));
}

#[test]
fn an_answer_after_the_end_is_to_an_event_that_is_gone() {
    let mut rig = informed();
    rig.now = midnight() + TimeDelta::hours(3);
    // Until the end is noticed the answer still counts, and there is no alarm.
    let mut early = rig.clone();
    assert_eq!(early.answer("e", 0, OptType::OptIn), 200);
    assert!(early.deadline().effects.is_empty());
    rig.deadline();
    assert_eq!(rig.answer("e", 0, OptType::OptIn), 452);
}
