//! EiRegisterParty: how a registration comes about: rules 37, 46, 400 to 406, 517.

use super::bench::*;
use crate::payload::{
    CancelPartyRegistration, EiResponse, Message, MessageKind, RequestReregistration, ResponseCode,
};
use crate::value::{RequestId, VenId, VtnId};
use crate::ven::{Command, Failure, Input, Registration};

#[test]
fn rule_405_a_new_registration_is_followed_by_metadata_and_events() {
    let mut bench = Bench::new();
    // The order of messages is checked there.
    bench.register();
    assert_eq!(
        words(&bench.take_effects()),
        ["registered ven-1 again=false"]
    );
}

#[test]
fn rule_402_a_new_registration_has_no_registration_id() {
    let mut bench = Bench::new();
    bench.say(&Input::Started);
    assert_eq!(bench.sent(), MessageKind::QueryRegistration);
    bench.reply(created(None));
    assert_eq!(ids(&bench), none());
    let Message::CreatePartyRegistration(message) = bench.message() else {
        panic!("not a registration");
    };
    assert_eq!(message.http_pull_model, Some(true));
    assert_eq!(message.ven_name.as_ref().unwrap().as_str(), "bench");
    assert!(!message.report_only && !message.xml_signature);
}

#[test]
fn rule_402_a_pre_allocated_ven_id_is_presented() {
    let mut bench = Bench::new();
    bench.context.ven_id = Some(VenId::new("mine").unwrap());
    bench.say(&Input::Started);
    bench.reply(created(None));
    assert_eq!(ids(&bench), (Some("mine".to_owned()), None));
}

#[test]
fn rule_37_a_ven_pulls() {
    let bench = Bench::registered();
    assert!(bench.said.iter().any(|message| matches!(
        message,
        Message::CreatePartyRegistration(message) if message.http_pull_model == Some(true)
    )));
    assert_eq!(bench.said.last().unwrap().kind(), MessageKind::Poll);
}

#[test]
fn rule_46_an_empty_id_is_no_id() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    bench.reply(RequestReregistration {
        ven_id: VenId::default(),
    });
    bench.reply_empty();
    assert_eq!(ids(&bench), both());
    bench.reply(created(Some(("ven-1", "reg-1"))));
    bench.reply(CancelPartyRegistration {
        ven_id: Some(VenId::default()),
        ..cancel("reg-1")
    });
    assert_eq!(*bench.state().registration(), Registration::None);
}

#[test]
fn rule_404_what_the_vtn_knows_already_is_registered_again() {
    let mut bench = Bench::new();
    bench.say(&Input::Started);
    bench.reply(created(Some(("ven-1", "reg-1"))));
    assert_eq!(ids(&bench), both());
    // This VEN has forgotten everything, so it starts as after a new registration.
    bench.reply(created(Some(("ven-1", "reg-1"))));
    assert_eq!(
        words(&bench.take_effects()),
        ["registered ven-1 again=false"]
    );
    assert_eq!(bench.sent(), MessageKind::RegisterReport);
}

#[test]
fn what_the_vtn_told_and_then_refuses_is_not_presented_again() {
    let mut bench = Bench::new();
    bench.say(&Input::Started);
    bench.reply(created(Some(("ven-1", "reg-1"))));
    assert_eq!(ids(&bench), both());
    bench.reply(response(ResponseCode::INVALID_ID));
    bench.wait();
    assert_eq!(ids(&bench), none());
}

#[test]
fn a_vtn_without_a_mind_for_queries_may_still_register() {
    for failure in [Failure::Refused, Failure::Broken] {
        let mut bench = Bench::new();
        bench.say(&Input::Started);
        bench.fail(failure);
        bench.wait();
        assert_eq!(bench.sent(), MessageKind::CreatePartyRegistration);
    }
    let mut bench = Bench::new();
    bench.say(&Input::Started);
    bench.reply(response(ResponseCode::COMPLIANCE_ERROR));
    assert_eq!(bench.sent(), MessageKind::CreatePartyRegistration);
}

#[test]
fn quirk_q6_a_refusal_shows_in_the_missing_ids() {
    let mut bench = Bench::new();
    bench.say(&Input::Started);
    bench.reply(created(None));
    // 200, and an ID missing.
    for ids in [("", ""), ("ven-1", ""), ("", "reg-1")] {
        bench.reply(created(Some(ids)));
        assert_eq!(words(&bench.take_effects()), ["refused 463"]);
        assert_eq!(bench.next.send, None);
        bench.wait();
    }
    bench.reply(response(ResponseCode::DEPLOYMENT_ERROR));
    assert_eq!(words(&bench.take_effects()), ["refused 469"]);
    bench.wait();
    bench.reply(created(Some(("ven-1", "reg-1"))));
    assert_eq!(
        words(&bench.take_effects()),
        ["registered ven-1 again=false"]
    );
}

#[test]
fn a_refused_ven_tries_again_less_and_less_often() {
    let mut bench = Bench::new();
    bench.say(&Input::Started);
    bench.reply(created(None));
    let mut waits = Vec::new();
    for _ in 0..6 {
        bench.reply(response(ResponseCode::NOT_REGISTERED));
        waits.push((bench.next.wake.unwrap() - bench.now).num_milliseconds());
        bench.wait();
        assert_eq!(bench.sent(), MessageKind::CreatePartyRegistration);
    }
    for (wait, expected) in waits
        .iter()
        .zip([1_000, 2_000, 4_000, 8_000, 10_000, 10_000])
    {
        assert!((wait - expected).abs() <= expected / 10, "{waits:?}");
    }
}

#[test]
fn rule_400_another_vtn_than_the_configured_one_is_not_registered_with() {
    let mut bench = Bench::new();
    bench.context.vtn_id = Some(VtnId::new("vtn").unwrap());
    bench.say(&Input::Started);
    bench.reply(created(None));
    bench.reply(created(Some(("ven-1", "reg-1"))));
    assert_eq!(words(&bench.take_effects()), ["refused 452"]);
    assert_eq!(bench.state().registered(), None);
}

#[test]
fn rule_405_registering_again_is_followed_by_nothing() {
    let mut bench = Bench::registered();
    bench.command(&Command::Register).unwrap();
    assert_eq!(ids(&bench), both());
    bench.reply(created(Some(("ven-1", "reg-1"))));
    assert_eq!(
        words(&bench.take_effects()),
        ["registered ven-1 again=true"]
    );
    assert_eq!(bench.next.send, None);
}

#[test]
fn ids_that_come_back_are_adopted_and_all_starts_afresh() {
    let mut bench = Bench::registered();
    bench.command(&Command::Register).unwrap();
    bench.reply(created(Some(("ven-2", "reg-2"))));
    assert_eq!(
        words(&bench.take_effects()),
        ["registered ven-2 again=false"]
    );
    assert_eq!(bench.sent(), MessageKind::RegisterReport);
    let Message::RegisterReport(message) = bench.message() else {
        panic!("not metadata");
    };
    assert_eq!(message.ven_id, Some(VenId::new("ven-2").unwrap()));
}

#[test]
fn rule_401_a_request_to_register_again_is_acknowledged_then_obeyed() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    bench.reply(reregister());
    let Message::Response(message) = bench.message() else {
        panic!("not an acknowledgement: {:?}", bench.message());
    };
    assert_eq!(message.ei_response.response_code, ResponseCode::OK);
    // Rule 508.
    assert_eq!(message.ven_id, Some(VenId::new("ven-1").unwrap()));
    bench.reply_empty();
    assert_eq!(ids(&bench), both());
    bench.reply(created(Some(("ven-1", "reg-1"))));
    assert_eq!(
        words(&bench.take_effects()),
        ["registered ven-1 again=true"]
    );
    // Rule 500: there may be more.
    assert_eq!(bench.sent(), MessageKind::Poll);
}

#[test]
fn rule_400_a_request_to_another_ven_to_register_again_is_452() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    bench.reply(RequestReregistration {
        ven_id: VenId::new("VEN-1").unwrap(),
    });
    let Message::Response(message) = bench.message() else {
        panic!("not an answer");
    };
    assert_eq!(message.ei_response.response_code, ResponseCode::INVALID_ID);
    bench.reply_empty();
    assert_eq!(bench.sent(), MessageKind::Poll);
}

#[test]
fn a_registration_that_is_owed_survives_the_process() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    bench.reply(reregister());
    bench.restart();
    assert_eq!(bench.sent(), MessageKind::Response);
    bench.reply_empty();
    bench.restart();
    assert_eq!(ids(&bench), both());
    bench.reply(created(Some(("ven-1", "reg-1"))));
    bench.restart();
    assert_eq!(bench.sent(), MessageKind::Poll);
}

#[test]
fn rule_517_a_lost_registration_is_made_anew_at_once_and_events_stay() {
    let mut bench = Bench::registered();
    bench.poll(list(vec![always(event("e1", 0, noon() + secs(3600)))]));
    bench.take_effects();
    bench.wait_for_poll();
    bench.reply(response(ResponseCode::NOT_REGISTERED));
    assert_eq!(ids(&bench), none());
    bench.reply(created(Some(("ven-2", "reg-2"))));
    assert_eq!(
        words(&bench.take_effects()),
        ["registered ven-2 again=false"]
    );
    assert!(bench.state().event(&event_id("e1")).is_some());
    bench.reply(registered_report());
    // The list of the new registration decides.
    bench.reply(list(Vec::new()));
    assert_eq!(
        words(&bench.take_effects()),
        ["event cancelled e1/0 implied=true"]
    );
}

#[test]
fn a_vtn_that_registers_and_denies_it_is_not_run_over() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    let start = bench.now;
    for _ in 0..8 {
        bench.reply(response(ResponseCode::NOT_REGISTERED));
        if bench.next.send.is_none() {
            bench.wait();
        }
        assert_eq!(bench.sent(), MessageKind::CreatePartyRegistration);
        bench.reply(created(Some(("ven-1", "reg-1"))));
        bench.reply(registered_report());
        bench.reply(list(Vec::new()));
        assert_eq!(bench.sent(), MessageKind::Poll);
    }
    assert!(bench.now - start > secs(30), "{}", bench.now - start);
    // A poll that goes well makes good for all of it.
    bench.reply(ok());
    bench.wait_for_poll();
    bench.reply(response(ResponseCode::NOT_REGISTERED));
    assert_eq!(bench.sent(), MessageKind::CreatePartyRegistration);
}

#[test]
fn rule_517_463_to_anything_ends_the_registration() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    bench.reply(list(vec![always(event("e1", 0, noon() + secs(3600)))]));
    assert_eq!(bench.sent(), MessageKind::CreatedEvent);
    bench.reply(response(ResponseCode::NOT_REGISTERED));
    assert_eq!(bench.sent(), MessageKind::CreatePartyRegistration);

    let mut bench = Bench::registered();
    bench.command(&Command::RequestEvents).unwrap();
    let mut refusal = list(Vec::new());
    refusal.ei_response = Some(EiResponse::new(
        ResponseCode::NOT_REGISTERED,
        "",
        RequestId::default(),
    ));
    bench.reply(refusal.clone());
    assert_eq!(ids(&bench), none());

    let mut bench = Bench::registered();
    bench.wait_for_poll();
    bench.reply(refusal);
    assert_eq!(ids(&bench), none());
}

#[test]
fn a_disputed_ven_id_is_registered_again_and_then_anew() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    bench.reply(response(ResponseCode::INVALID_ID));
    assert_eq!(ids(&bench), both());
    bench.reply(response(ResponseCode::INVALID_ID));
    bench.wait();
    assert_eq!(ids(&bench), none());
}

#[test]
fn an_error_instead_of_a_list_cancels_nothing() {
    let mut bench = Bench::registered();
    bench.poll(list(vec![always(event("e1", 0, noon() + secs(3600)))]));
    bench.take_effects();
    let mut error = list(Vec::new());
    error.ei_response = Some(EiResponse::new(
        ResponseCode::DEPLOYMENT_ERROR,
        "",
        RequestId::default(),
    ));
    bench.poll(error.clone());
    bench.command(&Command::RequestEvents).unwrap();
    bench.reply(error);
    // Quirk Q6: no events, said with an oadrResponse.
    bench.command(&Command::RequestEvents).unwrap();
    bench.reply(ok());
    assert_eq!(words(&bench.take_effects()), [""; 0]);
    assert!(bench.state().event(&event_id("e1")).is_some());
}

#[test]
fn a_registration_that_is_owed_already_is_not_owed_twice() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    bench.command(&Command::Register).unwrap();
    bench.reply(reregister());
    bench.reply_empty();
    assert_eq!(ids(&bench), both());
    bench.reply(created(Some(("ven-1", "reg-1"))));
    assert_eq!(bench.sent(), MessageKind::Poll);
}

#[test]
fn quirk_q23_a_vtn_may_ask_for_a_registration_with_any_answer() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    bench.reply(list(vec![always(event("e1", 0, noon() + secs(3600)))]));
    assert_eq!(bench.sent(), MessageKind::CreatedEvent);
    bench.reply(reregister());
    assert_eq!(bench.sent(), MessageKind::Response);
    bench.reply_empty();
    assert_eq!(ids(&bench), both());
    bench.reply(created(Some(("ven-1", "reg-1"))));
    // What was owed is owed still.
    assert_eq!(bench.sent(), MessageKind::CreatedEvent);

    // Round and round: it slows down, and the answer is dropped.
    let mut rounds = 0;
    while bench.sent() == MessageKind::CreatedEvent {
        rounds += 1;
        bench.reply(reregister());
        for expected in [MessageKind::Response, MessageKind::CreatePartyRegistration] {
            if bench.next.send.is_none() {
                bench.wait();
            }
            assert_eq!(bench.sent(), expected);
            if expected == MessageKind::Response {
                bench.reply_empty();
            } else {
                bench.reply(created(Some(("ven-1", "reg-1"))));
            }
        }
        assert!(rounds < 10, "this does not end");
    }
    assert_eq!(bench.sent(), MessageKind::Poll);
    assert!(bench.now > noon() + secs(12), "{}", bench.now);
}

#[test]
fn a_push_ven_never_polls() {
    let mut bench = Bench::new();
    bench.context.transport_address = Some("http://127.0.0.1:1/".parse().unwrap());
    bench.say(&Input::Started);
    bench.reply(created(None));
    let Message::CreatePartyRegistration(message) = bench.message() else {
        panic!("not a registration");
    };
    assert_eq!(message.http_pull_model, Some(false));
    bench.reply(created(Some(("ven-1", "reg-1"))));
    bench.reply(registered_report());
    bench.reply(list(Vec::new()));
    assert_eq!(bench.next.send, None);
    // A poll would come sooner.
    assert!(bench.next.wake >= Some(noon() + secs(3_600)));
}

#[test]
fn a_report_only_ven_asks_for_no_events() {
    let bench = Bench::registered_with(crate::ven::Context {
        report_only: true,
        ..context()
    });
    assert!(bench.state().registered().is_some());
}
