//! EiRegisterParty.

use super::*;

use crate::payload::{CancelPartyRegistration, QueryRegistration};
use crate::value::RegistrationId;

fn code(created: &CreatedPartyRegistration) -> u16 {
    created.ei_response.response_code.get()
}

fn query() -> QueryRegistration {
    QueryRegistration {
        request_id: RequestId::new("q").unwrap(),
    }
}

fn enrolled(ven_id: Option<&str>) -> Rig {
    let mut rig = Rig::new();
    rig.context.admission = Admission::Enrolled;
    rig.command(&Command::Enrol {
        ven_name: Text::new("house").unwrap(),
        ven_id: ven_id.map(|id| VenId::new(id).unwrap()),
        groups: Vec::new(),
        resources: Vec::new(),
        certificates: Vec::new(),
        signatures: None,
        jid: None,
    })
    .unwrap();
    rig
}

/// A create with the IDs that the VEN has.
fn create_again(rig: &Rig) -> CreatePartyRegistration {
    CreatePartyRegistration {
        registration_id: rig
            .state()
            .registration()
            .map(|r| r.registration_id.clone()),
        ven_id: rig.state().ven_id().cloned(),
        ..create("house")
    }
}

#[test]
fn rule_404_a_query_tells_what_is_on_offer_and_ids_only_to_whom_they_belong() {
    let certificate = Peer::Certificate(CertificateHash([1; 32]));
    let mut rig = Rig::new();
    rig.peer = certificate.clone();
    let ask = |rig: &mut Rig| match rig.send(query()) {
        Outcome {
            changes,
            reply: Reply::Message(message),
            ..
        } if changes.is_empty() => match *message {
            Message::CreatedPartyRegistration(created) => created,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let stranger = ask(&mut rig);
    assert_eq!(code(&stranger), 200);
    assert_eq!((stranger.ven_id, stranger.registration_id), (None, None));
    assert_eq!(stranger.profiles, rig.context.profiles);
    assert_eq!(
        stranger.requested_poll_frequency,
        Some(Duration::seconds(10))
    );
    assert_eq!(stranger.ei_response.request_id.as_str(), "q");

    let created = rig.register();
    let known = ask(&mut rig);
    assert_eq!(known.ven_id, created.ven_id);
    assert_eq!(known.registration_id, created.registration_id);

    rig.peer = Peer::Unproven;
    assert_eq!(ask(&mut rig).ven_id, None);
}

#[test]
fn rule_403_a_new_registration_gets_ids_and_a_poll_frequency() {
    let mut rig = Rig::new();
    let created = rig.register();
    assert_eq!(code(&created), 200);
    assert_eq!(created.ei_response.request_id.as_str(), "create-1");
    assert_eq!(created.vtn_id.as_str(), "Test-VTN");
    assert_eq!(
        created.requested_poll_frequency,
        Some(Duration::seconds(10))
    );
    let ven_id = created.ven_id.unwrap();
    assert!(ven_id.as_str().starts_with("ven-"), "quirk Q24: {ven_id}");
    let registration = rig.state().registration().unwrap();
    assert_eq!(
        Some(&registration.registration_id),
        created.registration_id.as_ref()
    );
    assert_eq!(registration.since, midnight());
    assert!(registration.pull);
    assert_eq!(rig.state().ven_name().unwrap().as_str(), "house");
    let registered = Effect::Registered {
        ven_id: ven_id.clone(),
        registration_id: created.registration_id.unwrap(),
        again: false,
    };
    assert_eq!(rig.effects, [registered]);
    // Rule 70: held for it alone.
    assert!(rig.claims.contains(&Claim::VenId(ven_id)));
}

#[test]
fn rule_405_registering_again_keeps_the_ids_and_all_that_goes_with_them() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.polled_events();
    rig.advance(60);
    let again = create_again(&rig);
    let created = rig.create(again.clone());
    assert_eq!(code(&created), 200);
    assert_eq!(created.registration_id, again.registration_id);
    assert_eq!(created.ven_id, again.ven_id);
    let registration = rig.state().registration().unwrap();
    assert_eq!(registration.since, midnight());
    assert_eq!(registration.renewed, rig.now);
    // Neither metadata nor events are exchanged anew; the event is repeated because it was unanswered.
    assert!(matches!(
        rig.effects.last(),
        Some(Effect::Registered { again: true, .. })
    ));
    assert_eq!(rig.polled_events(), [seen_event("e", 0, EventStatus::Far)]);
    assert_eq!(rig.facts[&EventId::new("e").unwrap()].times_sent, 2);
}

#[test]
fn rule_406_a_new_registration_of_a_registered_ven_starts_afresh() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.polled_events();
    assert_eq!(rig.answer("e", 0, OptType::OptIn), 200);
    let before = (
        rig.ven_id(),
        rig.state().registration().unwrap().registration_id.clone(),
    );
    let created = rig.register();
    assert_eq!(created.ven_id, Some(before.0), "the venID stays");
    assert_ne!(created.registration_id, Some(before.1));
    assert!(rig.state().offers().is_empty());
    // Metadata and events all over again; what it knew of the events before does not count.
    assert_eq!(rig.answer("e", 0, OptType::OptOut), 452);
    rig.exchange_metadata();
    assert_eq!(rig.polled_events(), [seen_event("e", 0, EventStatus::Far)]);
    assert_eq!(rig.answer("e", 0, OptType::OptIn), 200);
}

#[test]
fn rule_58_a_new_registration_does_not_make_an_event_count_backwards() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.polled_events();
    rig.modify("e", |draft| draft.priority = Some(2));
    assert_eq!(rig.polled_events(), [seen_event("e", 1, EventStatus::Far)]);
    rig.register();
    rig.exchange_metadata();
    assert_eq!(rig.polled_events(), [seen_event("e", 1, EventStatus::Far)]);
    assert_eq!(rig.answer("e", 1, OptType::OptIn), 200);
    // Cancelled while it was away, it has nothing to be cancelled.
    rig.register();
    rig.exchange_metadata();
    rig.cancel("e");
    assert!(rig.polls_in_vain());
}

#[test]
fn rule_400_wrong_ids_are_refused_and_change_nothing() {
    let mut rig = Rig::registered();
    let wrong_registration = CreatePartyRegistration {
        registration_id: RegistrationId::new("wrong").ok(),
        ..create_again(&rig)
    };
    let wrong_ven = CreatePartyRegistration {
        ven_id: VenId::new("wrong").ok(),
        ..create_again(&rig)
    };
    let wrong_ven_alone = CreatePartyRegistration {
        registration_id: None,
        ..wrong_ven.clone()
    };
    for create in [wrong_registration, wrong_ven, wrong_ven_alone] {
        let outcome = rig.send(create);
        assert!(outcome.changes.is_empty());
        assert_eq!(outcome.code(), 452);
    }
    let outcome = rig.send(CancelPartyRegistration {
        request_id: RequestId::new("c").unwrap(),
        registration_id: RegistrationId::new("wrong").unwrap(),
        ven_id: rig.state().ven_id().cloned(),
    });
    assert!(outcome.changes.is_empty());
    match outcome.message() {
        Message::CanceledPartyRegistration(canceled) => {
            assert_eq!(canceled.ei_response.response_code, ResponseCode::INVALID_ID);
            let own = rig.state().registration().unwrap().registration_id.clone();
            assert_eq!(
                canceled.registration_id,
                Some(own),
                "the answer has the right one"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rule_407_a_ven_cancels_and_everything_goes_but_its_name() {
    let mut rig = Rig::registered();
    let ven_id = rig.ven_id();
    let cancel = CancelPartyRegistration {
        request_id: RequestId::new("c").unwrap(),
        registration_id: rig.state().registration().unwrap().registration_id.clone(),
        ven_id: Some(ven_id.clone()),
    };
    let outcome = rig.send(cancel.clone());
    assert_eq!(
        outcome.effects,
        [Effect::RegistrationCancelled {
            ven_id: ven_id.clone()
        }]
    );
    match outcome.message() {
        Message::CanceledPartyRegistration(canceled) => {
            assert_eq!(canceled.ei_response.response_code, ResponseCode::OK);
            assert_eq!(
                canceled.registration_id,
                Some(cancel.registration_id.clone())
            );
            assert_eq!(canceled.ven_id, Some(ven_id.clone()));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(rig.state().registration(), None);
    assert!(rig.state().offers().is_empty());
    // Sent again because the answer was lost: there is nothing left to cancel.
    assert_eq!(rig.send(cancel).code(), 463);
    // It may come back, and is who it was.
    assert_eq!(rig.register().ven_id, Some(ven_id));
}

#[test]
fn rule_402_a_pre_allocated_ven_id_is_validated() {
    let with_id = |id: &str| CreatePartyRegistration {
        ven_id: VenId::new(id).ok(),
        ..create("house")
    };
    let mut rig = enrolled(Some("ven-7"));
    assert_eq!(code(&rig.create(with_id("ven-8"))), 452);
    let created = rig.create(with_id("ven-7"));
    assert_eq!(
        (code(&created), created.ven_id),
        (200, VenId::new("ven-7").ok())
    );
    // One that it need not present.
    let mut rig = enrolled(Some("ven-7"));
    assert_eq!(rig.register().ven_id, VenId::new("ven-7").ok());
    // One that nobody allocated.
    assert_eq!(code(&enrolled(None).create(with_id("ven-7"))), 452);
    // Where anyone may register there is nobody to allocate it.
    assert_eq!(
        Rig::new().create(with_id("ven-7")).ven_id,
        VenId::new("ven-7").ok()
    );
}

#[test]
fn rule_46_empty_ids_are_as_good_as_none() {
    let mut rig = Rig::new();
    let created = rig.create(CreatePartyRegistration {
        registration_id: Some(RegistrationId::default()),
        ven_id: Some(VenId::default()),
        ven_name: Some(Text::default()),
        ..create("house")
    });
    assert_eq!(code(&created), 200);
    assert!(!created.ven_id.unwrap().is_empty());
    assert_eq!(rig.state().ven_name(), None);
}

#[test]
fn rule_517_only_enrolled_vens_register_where_the_operator_says_so() {
    let mut rig = Rig::new();
    rig.context.admission = Admission::Enrolled;
    let outcome = rig.send(create("house"));
    assert!(outcome.changes.is_empty());
    assert_eq!(outcome.code(), 463);
    // Nor does one that registered when anyone might.
    let mut rig = Rig::registered();
    rig.context.admission = Admission::Enrolled;
    assert_eq!(code(&rig.register()), 463);
    let mut rig = enrolled(None);
    assert_eq!(code(&rig.register()), 200);
    assert_eq!(code(&rig.register()), 200);
}

#[test]
fn the_application_is_asked_and_decides_on_the_ids() {
    let mut rig = Rig::new();
    rig.context.admission = Admission::Ask;
    let input = rig.input(create("house").into());
    match rig.step(&input, &[]) {
        Step::Ask(Question::Register(request)) => assert_eq!(request.message, create("house")),
        other => panic!("{other:?}"),
    }
    let refused = rig.run(&input, &[Answer::Register(RegistrationAnswer::Refuse)]);
    assert!(refused.changes.is_empty());
    assert_eq!(refused.code(), 463);

    let accept = |ven_id: Option<&str>, registration_id: Option<&str>| {
        [Answer::Register(RegistrationAnswer::Accept {
            ven_id: ven_id.map(|id| VenId::new(id).unwrap()),
            registration_id: registration_id.map(|id| RegistrationId::new(id).unwrap()),
        })]
    };
    rig.run(&input, &accept(Some("ven-7"), Some("r-1")));
    assert_eq!(rig.ven_id().as_str(), "ven-7");
    assert_eq!(
        rig.state().registration().unwrap().registration_id.as_str(),
        "r-1"
    );

    // Asked again when it registers again; IDs left open stay what they were.
    let again = rig.input(create_again(&rig).into());
    assert!(matches!(rig.step(&again, &[]), Step::Ask(_)));
    rig.run(&again, &accept(None, None));
    assert_eq!(
        rig.state().registration().unwrap().registration_id.as_str(),
        "r-1"
    );
    assert!(matches!(
        rig.effects.last(),
        Some(Effect::Registered { again: true, .. })
    ));
    // Other IDs make it another registration; the claims follow.
    rig.run(&again, &accept(Some("ven-8"), Some("r-2")));
    assert_eq!(rig.ven_id().as_str(), "ven-8");
    assert!(matches!(
        rig.effects.last(),
        Some(Effect::Registered { again: false, .. })
    ));
}

#[test]
fn a_certificate_finds_its_ven_and_nobody_else_does() {
    let certificate = Peer::Certificate(CertificateHash([1; 32]));
    let mut rig = Rig::new();
    rig.peer = certificate.clone();
    rig.register();
    assert!(
        rig.claims
            .contains(&Claim::Certificate(CertificateHash([1; 32])))
    );
    assert!(
        !rig.claims
            .iter()
            .any(|claim| matches!(claim, Claim::VenName(_)))
    );
    rig.exchange_metadata();
    for peer in [Peer::Unproven, Peer::Certificate(CertificateHash([2; 32]))] {
        rig.peer = peer;
        let ven_id = rig.ven_id();
        assert_eq!(rig.send(Poll { ven_id }).code(), 463);
        assert_eq!(code(&rig.register()), 463);
    }
    rig.peer = certificate;
    assert!(rig.polls_in_vain());
}

#[test]
fn a_new_name_takes_the_place_of_the_old_one() {
    let mut rig = Rig::registered();
    let named = |name| Claim::VenName(Text::new(name).unwrap());
    assert!(rig.claims.contains(&named("house")));
    let again = CreatePartyRegistration {
        ven_name: Text::new("villa").ok(),
        ..create_again(&rig)
    };
    rig.create(again);
    assert!(rig.claims.contains(&named("villa")) && !rig.claims.contains(&named("house")));
    let nameless = CreatePartyRegistration {
        ven_name: None,
        ..create_again(&rig)
    };
    rig.create(nameless);
    assert!(
        rig.claims.contains(&named("villa")),
        "no name is no other name"
    );
}

#[test]
fn what_is_not_on_offer_is_refused() {
    let mut rig = Rig::new();
    for create in [
        CreatePartyRegistration {
            profile_name: ProfileName::A,
            ..create("house")
        },
        CreatePartyRegistration {
            transport_name: TransportName::Xmpp,
            ..create("house")
        },
        CreatePartyRegistration {
            http_pull_model: Some(false),
            ..create("house")
        },
    ] {
        assert_eq!(code(&rig.create(create)), 469);
    }
    let silent = CreatePartyRegistration {
        http_pull_model: None,
        ..create("house")
    };
    assert_eq!(code(&rig.create(silent)), 200);
}

#[test]
fn quirk_q23_a_known_ven_that_only_polls_is_asked_to_register_again() {
    let mut rig = Rig::registered();
    let lost = create_again(&rig);
    let cancel = CancelPartyRegistration {
        request_id: RequestId::default(),
        registration_id: lost.registration_id.clone().unwrap(),
        ven_id: lost.ven_id.clone(),
    };
    rig.send(cancel);
    assert_eq!(rig.poll_outcome().code(), 463);
    assert_eq!(code(&rig.create(lost.clone())), 452);

    rig.context.unregistered_poll = UnregisteredPoll::RequestReregistration;
    let outcome = rig.poll_outcome();
    assert!(outcome.changes.is_empty());
    assert!(matches!(
        outcome.message(),
        Message::RequestReregistration(_)
    ));
    // It names the registration that it lost, and gets a new one.
    let created = rig.create(lost.clone());
    assert_eq!((code(&created), &created.ven_id), (200, &lost.ven_id));
    assert_ne!(created.registration_id, lost.registration_id);
    // Nor is somebody else asked in its stead, or a registered VEN with a wrong ID.
    let wrong = Poll {
        ven_id: VenId::new("wrong").unwrap(),
    };
    assert_eq!(rig.send(wrong).code(), 452);
    let mut proven = rig.clone();
    proven.peer = Peer::Certificate(CertificateHash([1; 32]));
    assert_eq!(proven.poll_outcome().code(), 463);
    // A VEN that nobody knows is none that could register again.
    let mut stranger = Rig::new();
    stranger.context.unregistered_poll = UnregisteredPoll::RequestReregistration;
    assert_eq!(stranger.poll_outcome().code(), 463);
}

#[test]
fn rule_401_a_ven_whose_registration_was_cancelled_may_register_again() {
    let mut rig = Rig::registered();
    rig.command(&Command::Remove).unwrap();
    let registration_id = match rig.poll() {
        Message::CancelPartyRegistration(cancel) => cancel.registration_id,
        other => panic!("{other:?}"),
    };
    let canceled = crate::payload::CanceledPartyRegistration {
        ei_response: ok(""),
        registration_id: Some(registration_id.clone()),
        ven_id: Some(rig.ven_id()),
    };
    assert_eq!(rig.send(canceled).code(), 200);
    let created = rig.register();
    assert_eq!(code(&created), 200);
    assert_ne!(created.registration_id, Some(registration_id));
}
