//! Opts on their way: told until the VTN has them, refused, withdrawn, replaced, and over registrations.

use super::bench::*;
use super::opting::{
    bench, canceled_opt, create_opt, created_opt, opt, period, qualification, resource, schedule,
    standings, told, with_periods, withdraw,
};
use crate::payload::{Message, MessageKind, ResponseCode};
use crate::value::{OptId, OptType};
use crate::ven::{Command, CommandError, Effect, Failure, OptStanding};

#[test]
fn opts_are_told_until_they_are_acknowledged_also_by_the_next_process() {
    let mut bench = bench();
    opt(&mut bench, schedule("s1")).unwrap();
    let first = create_opt(&bench);
    bench.fail(Failure::Unreachable);
    bench.wait();
    assert_eq!(create_opt(&bench), first);
    bench.restart();
    bench.drain();
    assert!(bench.said.contains(&first.into()));
    assert_eq!(standings(&bench), [("s1", OptStanding::Accepted)]);
    assert!(bench.effects.contains(&Effect::OptAccepted {
        opt_id: OptId::new("s1").unwrap()
    }));
}

#[test]
fn an_opt_that_the_vtn_refuses_counts_for_nothing_and_can_be_looked_up() {
    let mut bench = bench();
    told(&mut bench);
    opt(&mut bench, qualification("q1", &[])).unwrap();
    bench.reply(created_opt("q1", 451));
    let response_code = Some(ResponseCode::NOT_ALLOWED);
    assert_eq!(
        standings(&bench),
        [("q1", OptStanding::Refused { response_code })]
    );
    assert_eq!(words(&bench.take_effects()), ["opt refused q1 451"]);
    // The answer is what counts again.
    let change = Command::ChangeOpt {
        event_id: event_id("e1"),
        opt: OptType::OptIn,
    };
    bench.command(&change).unwrap();
    assert_eq!(bench.sent(), MessageKind::CreatedEvent);
    bench.reply(ok());

    for n in 0..20 {
        opt(&mut bench, schedule(&format!("s{n}"))).unwrap();
        bench.reply(created_opt("", 469));
    }
    // Bounded, and a refused one is simply forgotten when it is withdrawn.
    assert_eq!(standings(&bench).len(), 16);
    withdraw(&mut bench, "s19").unwrap();
    assert_eq!(bench.next.send, None);
    assert_eq!(standings(&bench).len(), 15);
}

#[test]
fn a_vtn_without_opts_does_not_keep_the_rest_from_being_said() {
    let mut bench = bench();
    opt(&mut bench, schedule("s1")).unwrap();
    while bench.sent() == MessageKind::CreateOpt {
        bench.fail(Failure::Refused);
        while bench.next.send.is_none() {
            bench.wait();
        }
    }
    assert_eq!(bench.sent(), MessageKind::Poll);
    let response_code = None;
    assert_eq!(
        standings(&bench),
        [("s1", OptStanding::Refused { response_code })]
    );
    assert_eq!(words(&bench.take_effects()), ["opt refused s1"]);
}

#[test]
fn a_cancellation_that_is_refused_leaves_the_schedule_in_force() {
    let mut bench = bench();
    opt(&mut bench, schedule("s1")).unwrap();
    bench.reply(created_opt("s1", 200));
    withdraw(&mut bench, "s1").unwrap();
    assert_eq!(standings(&bench), [("s1", OptStanding::Cancelling)]);
    bench.reply(canceled_opt("s1", 469));
    let response_code = Some(ResponseCode::DEPLOYMENT_ERROR);
    assert_eq!(
        standings(&bench),
        [("s1", OptStanding::Kept { response_code })]
    );
    // What the VTN does not know (rule 208) is not in force.
    withdraw(&mut bench, "s1").unwrap();
    bench.reply(canceled_opt("s1", 452));
    assert_eq!(standings(&bench), []);
    assert_eq!(
        words(&bench.take_effects()),
        ["accepted s1", "opt refused s1 469", "opt cancelled s1"]
    );
}

#[test]
fn an_opt_that_is_withdrawn_before_it_is_told_is_told_and_withdrawn() {
    let mut bench = bench();
    bench.wait_for_poll();
    opt(&mut bench, schedule("s1")).unwrap();
    withdraw(&mut bench, "s1").unwrap();
    bench.reply(ok());
    assert_eq!(bench.sent(), MessageKind::CreateOpt);
    bench.reply(created_opt("s1", 200));
    assert_eq!(bench.sent(), MessageKind::CancelOpt);
    assert_eq!(standings(&bench), [("s1", OptStanding::Cancelling)]);
    bench.reply(canceled_opt("s1", 200));
    assert_eq!(standings(&bench), []);
}

#[test]
fn rule_203_what_a_new_schedule_replaces_is_forgotten_once_the_vtn_has_it() {
    let mut bench = bench();
    for (id, resources) in [("s1", vec![]), ("s2", vec![resource("r1")]), ("s3", vec![])] {
        let mut draft = schedule(id);
        draft.terms.resources = resources;
        opt(&mut bench, draft).unwrap();
        bench.reply(created_opt(id, 200));
        if id == "s2" {
            assert_eq!(standings(&bench).len(), 2);
        }
    }
    assert_eq!(standings(&bench), [("s3", OptStanding::Accepted)]);
    // It has not run out yet when the next one is made, then it has.
    bench.pass(secs(7_200));
    bench.drain();
    let mut draft = with_periods(vec![period(8_000, 60)]);
    draft.terms.opt_type = OptType::OptIn;
    opt(&mut bench, draft).unwrap();
    assert_eq!(standings(&bench), [("s1", OptStanding::Owed)]);
}

#[test]
fn rule_406_a_new_registration_is_told_the_opts_again() {
    let mut bench = bench();
    told(&mut bench);
    opt(&mut bench, schedule("s1")).unwrap();
    bench.reply(created_opt("s1", 200));
    opt(&mut bench, qualification("q1", &["r1"])).unwrap();
    bench.reply(created_opt("q1", 200));
    bench.wait_for_poll();
    bench.reply(response(ResponseCode::NOT_REGISTERED));
    while bench.next.send.is_none() {
        bench.wait();
    }
    assert_eq!(bench.sent(), MessageKind::CreatePartyRegistration);
    bench.reply(created(Some(("ven-2", "reg-2"))));
    assert_eq!(bench.sent(), MessageKind::RegisterReport);
    bench.reply(registered_report());
    assert_eq!(bench.sent(), MessageKind::RequestEvent);
    bench.reply(list(vec![always(event("e1", 0, noon() + secs(3_600)))]));
    // The opt of the event waits for the answer to it (rule 206).
    let mut told = Vec::new();
    while bench.next.send.is_some() && bench.sent() != MessageKind::Poll {
        told.push(if let Message::CreateOpt(message) = bench.message() {
            assert_eq!(message.ven_id.as_str(), "ven-2");
            message.opt_id.to_string()
        } else {
            bench.sent().to_string()
        });
        bench.reply(ok());
    }
    assert_eq!(told, ["s1", "oadrCreatedEvent", "q1"]);
    assert_eq!(
        standings(&bench),
        [("s1", OptStanding::Accepted), ("q1", OptStanding::Accepted)]
    );
}

#[test]
fn rule_407_opts_go_with_the_registration() {
    let mut bench = bench();
    opt(&mut bench, schedule("s1")).unwrap();
    bench.reply(created_opt("s1", 200));
    bench.command(&Command::CancelRegistration).unwrap();
    assert_eq!(standings(&bench), []);
}

#[test]
fn opts_are_bounded_while_the_vtn_is_away() {
    let mut bench = bench();
    bench.wait_for_poll();
    let mut made = 0;
    let refused = loop {
        match opt(&mut bench, schedule(&format!("s{made}"))) {
            Ok(()) => made += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((made, refused), (64, CommandError::TooManyOpts));
    assert_eq!(bench.state().owed().count(), 64);
}
