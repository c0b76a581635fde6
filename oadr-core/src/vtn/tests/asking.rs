//! Questions to the application besides registrations: when they come, and what answers do.

use super::*;
use crate::payload::{
    ExtensionInfo, Extensions, Info, MessageKind, QueryRegistration, RequestReregistration,
};

fn asking() -> Rig {
    let mut rig = Rig::registered();
    rig.context.asks = Asks {
        queries: true,
        polls: true,
        ..Asks::default()
    };
    rig
}

fn poll(rig: &Rig) -> Input {
    let ven_id = rig.ven_id();
    rig.input(Poll { ven_id }.into())
}

#[test]
fn a_poll_asks_only_when_there_is_nothing_to_send() {
    let mut rig = asking();
    rig.announce("e", draft());
    assert_eq!(rig.polled_events().len(), 1);
    match rig.step(&poll(&rig), &[]) {
        Step::Ask(Question::Poll(ven_id)) => assert_eq!(ven_id, rig.ven_id()),
        other => panic!("{other:?}"),
    }
    let nothing = rig.run(&poll(&rig), &[Answer::Poll(PollAnswer::Nothing)]);
    assert!(nothing.changes.is_empty());
    assert_eq!(nothing.message().kind(), MessageKind::Response);
}

#[test]
fn an_event_that_the_application_gave_comes_with_the_same_poll() {
    let mut rig = asking();
    let input = poll(&rig);
    assert!(matches!(rig.step(&input, &[]), Step::Ask(_)));
    // The host puts it among the campaigns and decides again.
    rig.announce("given", draft());
    let outcome = rig.run(&input, &[Answer::Poll(PollAnswer::Nothing)]);
    assert_eq!(outcome.message().kind(), MessageKind::DistributeEvent);
    assert!(rig.state().events.contains_key("given"));
}

#[test]
fn what_a_poll_was_answered_is_queued_and_goes_out_with_it() {
    for (answer, kind) in [
        (
            PollAnswer::RequestReregistration,
            MessageKind::RequestReregistration,
        ),
        (PollAnswer::Remove, MessageKind::CancelPartyRegistration),
    ] {
        let mut rig = asking();
        let answers = [Answer::Poll(answer)];
        let first = rig.run(&poll(&rig), &answers);
        assert_eq!(first.message().kind(), kind);
        // It is under way: nobody is asked, however the application would answer.
        for answers in [&[][..], &answers] {
            let idle = rig.run(&poll(&rig), answers);
            assert!(idle.changes.is_empty());
            assert_eq!(idle.message().kind(), MessageKind::Response);
        }
        // Unanswered it comes again, like everything else.
        rig.advance(5);
        assert_eq!(rig.poll().kind(), kind);
    }
}

#[test]
fn an_operator_who_was_faster_goes_before_the_application() {
    let mut rig = asking();
    let input = poll(&rig);
    assert!(matches!(rig.step(&input, &[]), Step::Ask(_)));
    rig.command(&Command::RequestReregistration).unwrap();
    let outcome = rig.run(&input, &[Answer::Poll(PollAnswer::Remove)]);
    assert_eq!(
        outcome.message(),
        RequestReregistration {
            ven_id: rig.ven_id()
        }
        .into()
    );
    assert!(!rig.state().is_leaving());
}

#[test]
fn strangers_are_refused_without_a_question() {
    let mut rig = Rig::new();
    rig.context.asks.polls = true;
    let ven_id = VenId::new("stranger").unwrap();
    assert_eq!(rig.send(Poll { ven_id }).code(), 463);
}

#[test]
fn rule_404_the_answer_to_a_query_carries_what_the_application_adds() {
    let mut rig = asking();
    let request_id = RequestId::new("q").unwrap();
    let query = QueryRegistration { request_id };
    let input = rig.input(query.clone().into());
    match rig.step(&input, &[]) {
        Step::Ask(Question::Query(asked)) => assert_eq!(asked.message, query),
        other => panic!("{other:?}"),
    }
    let extensions = Extensions {
        extensions: vec![ExtensionInfo {
            name: Text::new("tariff").unwrap(),
            info: vec![Info {
                key: Text::new("zone").unwrap(),
                value: Text::new("7").unwrap(),
            }],
        }],
    };
    for added in [Some(extensions), None] {
        let outcome = rig.run(&input, &[Answer::Query(added.clone())]);
        assert!(outcome.changes.is_empty());
        match outcome.message() {
            Message::CreatedPartyRegistration(created) => {
                assert_eq!(created.extensions, added);
                assert_eq!(created.ven_id, Some(rig.ven_id()));
            }
            other => panic!("{other:?}"),
        }
    }
}
