//! How a registration ends, on either side's wish: rules 400, 401, 405, 407.

use super::bench::*;
use crate::payload::{
    CancelPartyRegistration, CanceledPartyRegistration, EiResponse, Message, MessageKind,
    ResponseCode,
};
use crate::value::{RequestId, VenId};
use crate::ven::{Command, CommandError, Failure, Input, Registration};

#[test]
fn rule_407_a_cancelled_registration_leaves_nothing() {
    let mut bench = Bench::registered();
    bench.poll(list(vec![
        always(event("e1", 0, noon() - secs(10))),
        always(event("e2", 0, noon() + secs(3600))),
    ]));
    bench.take_effects();
    bench.wait_for_poll();
    bench.reply(cancel("reg-1"));
    assert_eq!(
        words(&bench.take_effects()),
        ["ended e1/0 Unregistered", "cancelled ven-1"]
    );
    let Message::CanceledPartyRegistration(message) = bench.message() else {
        panic!("not the answer");
    };
    assert_eq!(message.ei_response, EiResponse::ok(request("c1")));
    assert_eq!(message.registration_id.as_ref().unwrap().as_str(), "reg-1");
    assert_eq!(message.ven_id.as_ref().unwrap().as_str(), "ven-1");
    // It is owed even if the process dies, although nothing else is left.
    assert_eq!(bench.state().events().count(), 0);
    bench.fail(Failure::Unreachable);
    bench.wait();
    assert_eq!(bench.sent(), MessageKind::CanceledPartyRegistration);
    bench.reply(ok());
    assert_eq!((&bench.next.send, bench.next.wake), (&None, None));
    assert_eq!(*bench.state().registration(), Registration::None);

    // Rule 401: at its own pace.
    bench.command(&Command::Register).unwrap();
    assert_eq!(ids(&bench), none());
}

#[test]
fn rule_401_a_ven_that_is_powered_up_registers() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    bench.reply(cancel("reg-1"));
    bench.restart();
    assert_eq!(bench.sent(), MessageKind::CanceledPartyRegistration);
    bench.reply(ok());
    assert_eq!(bench.sent(), MessageKind::QueryRegistration);
}

#[test]
fn rule_400_a_wrong_registration_id_is_452_and_changes_nothing() {
    for message in [
        cancel("REG-1"),
        CancelPartyRegistration {
            ven_id: Some(VenId::new("ven-2").unwrap()),
            ..cancel("reg-1")
        },
    ] {
        let mut bench = Bench::registered();
        bench.wait_for_poll();
        bench.reply(message);
        let Message::CanceledPartyRegistration(message) = bench.message() else {
            panic!("not the answer");
        };
        assert_eq!(message.ei_response.response_code, ResponseCode::INVALID_ID);
        assert_eq!(message.registration_id.as_ref().unwrap().as_str(), "reg-1");
        bench.reply(ok());
        assert_eq!(bench.sent(), MessageKind::Poll);
        assert_eq!(words(&bench.take_effects()), [""; 0]);
    }
}

#[test]
fn rule_407_a_ven_that_leaves_forgets_and_says_so_until_it_is_heard() {
    let mut bench = Bench::registered();
    bench.poll(list(vec![always(event("e1", 0, noon() - secs(10)))]));
    bench.take_effects();
    bench.command(&Command::CancelRegistration).unwrap();
    assert_eq!(words(&bench.take_effects()), ["ended e1/0 Unregistered"]);
    let Message::CancelPartyRegistration(message) = bench.message() else {
        panic!("not the cancellation");
    };
    assert_eq!(message.registration_id.as_str(), "reg-1");
    assert_eq!(message.ven_id.as_ref().unwrap().as_str(), "ven-1");
    bench.fail(Failure::Unreachable);
    bench.restart();
    assert_eq!(bench.sent(), MessageKind::CancelPartyRegistration);
    assert_eq!(
        bench.command(&Command::Register),
        Err(CommandError::Leaving)
    );
    bench.reply(CanceledPartyRegistration {
        ei_response: EiResponse::ok(RequestId::default()),
        registration_id: None,
        ven_id: None,
    });
    assert_eq!(words(&bench.take_effects()), ["cancelled ven-1"]);
    assert_eq!((&bench.next.send, bench.next.wake), (&None, None));
    assert_eq!(
        bench.command(&Command::CancelRegistration),
        Err(CommandError::NotRegistered)
    );
}

#[test]
fn a_vtn_that_knows_nothing_of_the_registration_ends_it_too() {
    for code in [ResponseCode::NOT_REGISTERED, ResponseCode::INVALID_ID] {
        let mut bench = Bench::registered();
        bench.command(&Command::CancelRegistration).unwrap();
        bench.reply(response(code));
        assert_eq!(words(&bench.take_effects()), ["cancelled ven-1"]);
        assert_eq!(bench.next.wake, None);
    }
    // OpenLEADR's way to say so.
    let mut bench = Bench::registered();
    bench.command(&Command::CancelRegistration).unwrap();
    bench.reply(reregister());
    assert_eq!(words(&bench.take_effects()), ["cancelled ven-1"]);
    assert_eq!(*bench.state().registration(), Registration::None);
    // One that never says anything sensible is given up.
    let mut bench = Bench::registered();
    bench.command(&Command::CancelRegistration).unwrap();
    for _ in 0..4 {
        bench.fail(Failure::Refused);
        bench.wait();
        assert_eq!(bench.sent(), MessageKind::CancelPartyRegistration);
    }
    bench.fail(Failure::Refused);
    assert_eq!(words(&bench.take_effects()), ["cancelled ven-1"]);
}

#[test]
fn rule_405_what_comes_when_the_ven_has_left_is_ignored() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    let poll = bench.exchange();
    bench.command(&Command::CancelRegistration).unwrap();
    assert_eq!(bench.next.send, None, "one request at a time");
    bench.say(&Input::Replied {
        exchange: poll,
        message: Some(Box::new(
            list(vec![always(event("e1", 0, noon() + secs(3600)))]).into(),
        )),
    });
    assert_eq!(words(&bench.take_effects()), [""; 0]);
    assert_eq!(bench.state().events().count(), 0);
    assert_eq!(bench.sent(), MessageKind::CancelPartyRegistration);
}

#[test]
fn an_answer_from_before_the_ven_left_is_not_taken_for_one_to_its_leaving() {
    // 463 to a poll does not bring the VEN back.
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    bench.command(&Command::CancelRegistration).unwrap();
    bench.reply(response(ResponseCode::NOT_REGISTERED));
    assert_eq!(bench.sent(), MessageKind::CancelPartyRegistration);
    // Nor does the acknowledgement of what was owed before end it.
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    bench.reply(list(vec![always(event("e1", 0, noon() + secs(3600)))]));
    bench.command(&Command::CancelRegistration).unwrap();
    bench.take_effects();
    bench.reply(ok());
    assert_eq!(words(&bench.take_effects()), [""; 0]);
    assert_eq!(bench.sent(), MessageKind::CancelPartyRegistration);
}

#[test]
fn a_ven_that_was_not_registered_yet_stops_trying() {
    let mut bench = Bench::new();
    bench.say(&Input::Started);
    bench.fail(Failure::Unreachable);
    bench.command(&Command::CancelRegistration).unwrap();
    assert_eq!((&bench.next.send, bench.next.wake), (&None, None));
}

#[test]
fn what_ran_on_without_a_registration_ends_when_the_ven_gives_up() {
    let mut bench = Bench::registered();
    bench.poll(list(vec![always(event("e1", 0, noon() - secs(10)))]));
    bench.wait_for_poll();
    bench.reply(response(ResponseCode::NOT_REGISTERED));
    bench.fail(Failure::Unreachable);
    bench.take_effects();
    bench.command(&Command::CancelRegistration).unwrap();
    assert_eq!(words(&bench.take_effects()), ["ended e1/0 Unregistered"]);
}
