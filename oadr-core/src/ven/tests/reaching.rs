//! How a VTN reaches a VEN: one that is pushed to never polls, says that it is back, and registers again
//! when it is to be reached otherwise.

use super::bench::*;
use super::pushing::{in_an_hour, listening, pushed_to};
use crate::payload::{Message, MessageKind, ResponseCode};
use crate::value::{Text, TransportName};
use crate::ven::{Command, Contact, Context, Failure, Input, State};

fn address(text: &str) -> Option<Text> {
    Some(Text::new(text).unwrap())
}

fn over_xmpp() -> Context {
    Context {
        transport: TransportName::Xmpp,
        transport_address: address("ven1@vtn.example/client"),
        ..context()
    }
}

#[test]
fn rules_37_500_507_a_ven_that_is_pushed_to_never_polls() {
    for context in [
        listening(),
        over_xmpp(),
        Context {
            transport_address: None,
            ..over_xmpp()
        },
    ] {
        let mut bench = Bench::registered_with(context);
        // It hears what is pushed, and asks if that is nothing for an hour.
        assert!(
            bench
                .next
                .wake
                .is_some_and(|wake| wake >= noon() + secs(3_600))
        );
        bench.restart();
        assert_eq!(bench.drain().len(), 1);
        bench.command(&Command::RequestEvents).unwrap();
        bench.fail(Failure::Unreachable);
        bench.pass(secs(100_000));
        bench.drain();
        bench.push(list(vec![always(in_an_hour("e1"))]));
        bench.drain();
        bench.pass(secs(100_000));
        let polled = |message: &Message| message.kind() == MessageKind::Poll;
        assert!(!bench.said.iter().any(polled));
    }
}

#[test]
fn a_ven_that_is_back_asks_for_its_events_once() {
    let mut bench = pushed_to();
    bench.say(&Input::Connected);
    assert_eq!(bench.sent(), MessageKind::RequestEvent);
    bench.say(&Input::Connected);
    assert_eq!(bench.next.send, None);
    bench.fail(Failure::Unreachable);
    // The connection is what was waited for.
    assert!(bench.next.wake.is_some());
    bench.say(&Input::Connected);
    assert_eq!(bench.sent(), MessageKind::RequestEvent);
    bench.reply(list(Vec::new()));
    assert_eq!(bench.next.send, None);
    bench.restart();
    assert_eq!(bench.sent(), MessageKind::RequestEvent);
    bench.say(&Input::Started);
    assert_eq!(bench.sent(), MessageKind::RequestEvent);
    assert_eq!(bench.state().owed().count(), 1);

    // One that knows nothing of events says that it is back by registering again.
    let mut bench = Bench::registered_with(Context {
        report_only: true,
        ..listening()
    });
    bench.say(&Input::Connected);
    assert_eq!(ids(&bench), both());

    // One that polls need not, and one that is not registered goes on trying to be.
    let mut bench = Bench::registered();
    let before = bench.at.clone();
    bench.say(&Input::Connected);
    assert_eq!(bench.at, before);
    let mut bench = Bench::new();
    bench.context = listening();
    bench.say(&Input::Started);
    bench.fail(Failure::Unreachable);
    bench.say(&Input::Connected);
    assert_eq!(bench.sent(), MessageKind::QueryRegistration);
}

#[test]
fn rules_402_405_a_ven_that_is_reached_otherwise_registers_again_and_keeps_what_it_has() {
    let mut bench = Bench::registered();
    bench.poll(list(vec![always(in_an_hour("e1"))]));
    bench.take_effects();
    let transports = [
        (listening(), Some(false)),
        (
            Context {
                transport_address: address("https://other.example"),
                ..listening()
            },
            Some(false),
        ),
        (over_xmpp(), None),
        (context(), Some(true)),
    ];
    let version = bench.context.version;
    for (context, pull) in transports {
        bench.context = Context {
            version: bench.context.version + 1,
            ..context
        };
        bench.restart();
        assert_eq!(ids(&bench), both());
        let Message::CreatePartyRegistration(create) = bench.message() else {
            unreachable!();
        };
        assert_eq!(create.http_pull_model, pull);
        assert_eq!(create.transport_name, bench.context.transport);
        assert_eq!(create.transport_address, bench.context.transport_address);
        // Until the VTN has it, it is said again.
        bench.fail(Failure::Unreachable);
        bench.wait();
        assert_eq!(ids(&bench), both());
        bench.reply(created(Some(("ven-1", "reg-1"))));
        assert_eq!(
            words(&bench.take_effects()),
            ["registered ven-1 again=true"]
        );
        assert_eq!(
            bench.state().registered().unwrap().contact,
            Contact::of(&bench.context)
        );
        let posted = bench.drain();
        assert_eq!(posted.len(), usize::from(pull != Some(true)), "{posted:?}");
        assert!(bench.state().event(&event_id("e1")).is_some());
        assert_eq!(
            bench
                .next
                .wake
                .is_some_and(|wake| wake < noon() + secs(3_600)),
            pull == Some(true)
        );
    }
    assert_eq!(bench.context.version, version + 4);
}

#[test]
fn a_configuration_that_changes_while_the_ven_registers_is_told_afterwards() {
    let mut bench = Bench::new();
    bench.say(&Input::Started);
    bench.reply(created(None));
    bench.context = Context {
        version: 2,
        ..listening()
    };
    bench.reply(created(Some(("ven-1", "reg-1"))));
    assert_eq!(bench.sent(), MessageKind::CreatePartyRegistration);
    assert_eq!(ids(&bench), both());
}

#[test]
fn a_state_from_before_there_were_pushes_is_read_as_that_of_a_ven_that_polls() {
    let mut bench = Bench::registered();
    let mut json = serde_json::to_value(&bench.at.state).unwrap();
    for field in ["contact", "crossed", "resynchronise_at"] {
        json["link"].as_object_mut().unwrap().remove(field).unwrap();
    }
    let registered = json["registration"]["Registered"].as_object_mut().unwrap();
    registered.remove("contact").unwrap();
    let before: State = serde_json::from_value(json).unwrap();
    assert_eq!(before, bench.at.state);
    bench.at.state = before;
    bench.restart();
    assert_eq!(bench.sent(), MessageKind::Poll);
}

#[test]
fn denials_of_long_ago_do_not_count() {
    let mut bench = pushed_to();
    for _ in 0..10 {
        bench.command(&Command::RequestEvents).unwrap();
        bench.reply(response(ResponseCode::NOT_REGISTERED));
        // At once, every time.
        assert_eq!(bench.sent(), MessageKind::CreatePartyRegistration);
        bench.reply(created(Some(("ven-1", "reg-1"))));
        bench.reply(registered_report());
        assert_eq!(bench.sent(), MessageKind::RequestEvent);
        bench.reply(list(Vec::new()));
        assert_eq!(bench.next.send, None);
    }
}
