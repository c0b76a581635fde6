//! Who a JID is, where an XMPP VEN is pushed to, and VENs that change their transport.

use super::pusher::*;
use super::reporter::{offers, wanted};
use super::*;
use crate::opt::OptSubject;
use crate::payload::{CreateOpt, MessageKind};
use crate::value::{OptId, OptReason, RegistrationId, ServiceName};
use crate::{BareJid, CertificateId, Jid};

const OWN: CertificateHash = CertificateHash([1; 32]);

fn account(name: &str) -> BareJid {
    format!("{name}@vtn.example").parse().unwrap()
}

fn session(name: &str) -> Jid {
    account(name).with_resource("client").unwrap()
}

/// A VTN with all transports.
fn world() -> Rig {
    let mut rig = Rig::new();
    rig.context.http_push = true;
    let transports = [TransportName::SimpleHttp, TransportName::Xmpp];
    rig.context.profiles = NonEmpty::one(OfferedProfile {
        name: ProfileName::B,
        transports: NonEmpty::try_from(transports.map(|name| Transport { name }).to_vec()).unwrap(),
    });
    rig
}

fn enrol(certificates: &[CertificateHash], jid: Option<&str>) -> Command {
    Command::Enrol {
        ven_name: Text::new("house").unwrap(),
        ven_id: None,
        groups: Vec::new(),
        resources: Vec::new(),
        certificates: certificates
            .iter()
            .copied()
            .map(CertificateId::Hash)
            .collect(),
        signatures: None,
        jid: jid.map(account),
    }
}

fn assign(jid: JidChange) -> Command {
    Command::Assign {
        groups: Assignment::default(),
        resources: Assignment::default(),
        certificates: Assignment::default(),
        signatures: SignatureChange::Keep,
        jid,
    }
}

fn over_xmpp(address: Option<&str>) -> CreatePartyRegistration {
    CreatePartyRegistration {
        transport_name: TransportName::Xmpp,
        transport_address: address.map(|address| Text::new(address).unwrap()),
        http_pull_model: None,
        ..create("house")
    }
}

/// Under the IDs that it has.
fn again(rig: &Rig, create: CreatePartyRegistration) -> CreatePartyRegistration {
    CreatePartyRegistration {
        registration_id: rig
            .state()
            .registration()
            .map(|r| r.registration_id.clone()),
        ven_id: rig.state().ven_id().cloned(),
        ..create
    }
}

fn code(rig: &mut Rig, create: CreatePartyRegistration) -> u16 {
    rig.create(create).ei_response.response_code.get()
}

/// Who may be which VEN.
#[test]
fn rule_517_what_an_account_is_worth_beside_certificates() {
    let nobody = Peer::Unproven;
    let certificate = Peer::Certificate(OWN);
    let jid = Peer::Jid(session("house"));
    let other_session = Peer::Jid(account("house").with_resource("again").unwrap());
    let strangers = [
        Peer::Certificate(CertificateHash([9; 32])),
        Peer::Jid(session("villa")),
    ];
    for (certificates, account, mine) in [
        (&[][..], None, vec![&nobody]),
        (&[OWN], None, vec![&certificate]),
        (&[], Some("house"), vec![&jid, &other_session]),
        (
            &[OWN],
            Some("house"),
            vec![&certificate, &jid, &other_session],
        ),
    ] {
        let mut rig = world();
        rig.command(&enrol(certificates, account)).unwrap();
        rig.peer = (*mine.first().unwrap()).clone();
        let create = match rig.peer {
            Peer::Jid(_) => over_xmpp(None),
            Peer::Unproven | Peer::Certificate(_) => create("house"),
        };
        assert_eq!(code(&mut rig, create), 200);
        let all = [&nobody, &certificate, &jid, &other_session];
        for peer in all.into_iter().chain(&strangers) {
            let is_mine = mine.contains(&peer);
            let mut rig = rig.clone();
            rig.peer = peer.clone();
            let before = rig.at.clone();
            let events = rig.request_events(None);
            let said = events.ei_response.unwrap().response_code.get();
            assert_eq!(
                said,
                if is_mine { 200 } else { 463 },
                "{account:?} {peer:?}"
            );
            assert_eq!(rig.at, before);
            // Nor may anybody else register in its place.
            let create = match peer {
                Peer::Jid(_) => over_xmpp(None),
                Peer::Unproven | Peer::Certificate(_) => create_again(&rig),
            };
            assert_eq!(code(&mut rig, create), if is_mine { 200 } else { 463 });
        }
    }
}

fn create_again(rig: &Rig) -> CreatePartyRegistration {
    CreatePartyRegistration {
        ven_id: rig.state().ven_id().cloned(),
        ..create("house")
    }
}

#[test]
fn an_account_is_claimed_and_a_name_beside_it_is_not() {
    let mut rig = world();
    rig.command(&enrol(&[], Some("house"))).unwrap();
    let claimed: Vec<_> = rig.claims.iter().cloned().collect();
    assert_eq!(claimed, [Claim::Jid(account("house"))]);
    rig.command(&assign(JidChange::Is(account("villa"))))
        .unwrap();
    assert_eq!(rig.state().jid(), Some(&account("villa")));
    assert!(rig.claims.contains(&Claim::Jid(account("villa"))));
    let same = rig
        .command(&assign(JidChange::Is(account("villa"))))
        .unwrap();
    assert!(same.changes.is_empty());
    rig.command(&assign(JidChange::Remove)).unwrap();
    let claimed: Vec<_> = rig.claims.iter().cloned().collect();
    assert_eq!(claimed, [Claim::VenName(Text::new("house").unwrap())]);
}

#[test]
fn a_message_over_xmpp_leads_to_the_account_s_ven() {
    let jid = Peer::Jid(session("house"));
    let input = |message: Message| Input::Message {
        peer: jid.clone(),
        profile: Profile::B,
        message,
        signature: None,
    };
    let ven_id = VenId::new("ven-1").unwrap();
    let poll = Message::from(Poll {
        ven_id: ven_id.clone(),
    });
    let own = Claim::Jid(account("house"));
    for message in [poll, over_xmpp(None).into()] {
        let claims = claims_of(&input(message));
        assert!(claims.iter().eq([&own]), "{claims:?}");
    }
    let again = CreatePartyRegistration {
        ven_id: Some(ven_id.clone()),
        registration_id: RegistrationId::new("reg").ok(),
        ..over_xmpp(None)
    };
    assert_eq!(claims_of(&input(again.into())), [own, Claim::VenId(ven_id)]);
}

#[test]
fn rule_402_an_address_is_needed_to_be_pushed_to() {
    let at = |address: Option<&str>| CreatePartyRegistration {
        transport_address: address.map(|address| Text::new(address).unwrap()),
        ..push_create("house")
    };
    for (http_push, address, expected) in [
        (true, Some("https://house.example"), 200),
        (true, Some("  "), 454),
        (true, None, 454),
        (false, Some("https://house.example"), 469),
    ] {
        let mut rig = world();
        rig.context.http_push = http_push;
        assert_eq!(code(&mut rig, at(address)), expected);
        assert_eq!(rig.state().is_pushed_to(), expected == 200);
    }
    // It is needed for nothing else.
    let mut rig = world();
    assert_eq!(code(&mut rig, create("house")), 200);
}

#[test]
fn rule_402_an_xmpp_ven_is_pushed_to_where_it_says_or_where_it_is() {
    for (address, expected) in [
        (
            Some("house@vtn.example/push"),
            Some("house@vtn.example/push"),
        ),
        (
            Some("xmpp:house@vtn.example/push"),
            Some("house@vtn.example/push"),
        ),
        (
            Some("HOUSE@VTN.example/Push"),
            Some("house@vtn.example/Push"),
        ),
        (Some("house@vtn.example"), Some("house@vtn.example/client")),
        (Some("None"), Some("house@vtn.example/client")),
        (Some(""), Some("house@vtn.example/client")),
        (None, Some("house@vtn.example/client")),
        (Some("villa@vtn.example/client"), None),
        (Some("house@other.example/client"), None),
        (Some("villa@vtn.example"), None),
    ] {
        let mut rig = world();
        rig.peer = Peer::Jid(session("house"));
        let said = code(&mut rig, over_xmpp(address));
        assert_eq!(
            said,
            if expected.is_some() { 200 } else { 454 },
            "{address:?}"
        );
        let to = expected.map(|jid| PushAddress::Xmpp(jid.parse().unwrap()));
        assert_eq!(rig.state().push_address(), to, "{address:?}");
    }
}

#[test]
fn who_registers_over_http_for_xmpp_says_where_its_account_is() {
    for (jid, address, expected) in [
        (Some("house"), Some("house@vtn.example/client"), 200),
        (Some("house"), Some("villa@vtn.example/client"), 454),
        (Some("house"), Some("house@vtn.example"), 454),
        (Some("house"), None, 454),
        (None, Some("house@vtn.example/client"), 469),
    ] {
        let mut rig = world();
        rig.command(&enrol(&[OWN], jid)).unwrap();
        rig.peer = Peer::Certificate(OWN);
        assert_eq!(code(&mut rig, over_xmpp(address)), expected);
    }
}

#[test]
fn who_registers_over_xmpp_for_http_has_to_be_known_there() {
    for (certificates, expected) in [(&[][..], 469), (&[OWN], 200)] {
        let mut rig = world();
        rig.command(&enrol(certificates, Some("house"))).unwrap();
        rig.peer = Peer::Jid(session("house"));
        assert_eq!(code(&mut rig, push_create("house")), expected);
    }
}

#[test]
fn rule_507_xmpp_is_never_polled() {
    let mut rig = world();
    rig.peer = Peer::Jid(session("house"));
    // Neither before it is registered nor after it.
    assert_eq!(code_of(&rig.poll()), 459);
    assert_eq!(code(&mut rig, over_xmpp(None)), 200);
    let before = rig.at.clone();
    assert_eq!(code_of(&rig.poll()), 459);
    assert_eq!(rig.at, before);
    assert_eq!(rig.state().push_status().unwrap().polls_since, None);
    // All that a poll would bring is pushed.
    rig.announce("e1", draft());
    rig.advance(1);
    let metadata = rig.push();
    assert_eq!(metadata.to, PushAddress::Xmpp(session("house")));
    let events = rig.arrives(&metadata).unwrap();
    assert_eq!(events.service, ServiceName::EiEvent);
    assert_eq!(rig.arrives(&events), None);
    assert_eq!(rig.answer("e1", 0, OptType::OptIn), 200);
    assert_eq!(rig.wake(), None);
}

#[test]
fn an_account_that_is_taken_away_is_not_pushed_to() {
    for change in [JidChange::Remove, JidChange::Is(account("villa"))] {
        let mut rig = world();
        rig.peer = Peer::Jid(session("house"));
        assert_eq!(code(&mut rig, over_xmpp(None)), 200);
        rig.announce("e1", draft());
        rig.command(&assign(change)).unwrap();
        assert!(!rig.state().is_pushed_to());
        rig.advance(5);
        assert_eq!(rig.wake(), None);
        // It comes back.
        rig.command(&assign(JidChange::Is(account("house"))))
            .unwrap();
        assert!(rig.next_push().is_some());
    }
}

/// Where anyone may register a VEN that nothing proves may move to XMPP.
#[test]
fn a_ven_that_nothing_proves_is_adopted_with_its_account() {
    for (admission, with_ven_id, with_registration, is_adopted) in [
        (Admission::Open, true, true, true),
        (Admission::Open, false, true, false),
        (Admission::Open, true, false, false),
        (Admission::Enrolled, true, true, false),
    ] {
        let mut rig = world();
        rig.command(&enrol(&[], None)).unwrap();
        assert_eq!(code(&mut rig, create("house")), 200);
        rig.exchange_metadata();
        rig.context.admission = admission;
        rig.peer = Peer::Jid(session("house"));
        let mut create = again(&rig, over_xmpp(None));
        create.ven_id = create.ven_id.filter(|_| with_ven_id);
        create.registration_id = create.registration_id.filter(|_| with_registration);
        let said = code(&mut rig, create);
        assert_eq!(said == 200, is_adopted, "{admission:?} {said}");
        assert_eq!(
            rig.state().jid(),
            is_adopted.then(|| account("house")).as_ref()
        );
        // From then on nothing else will do.
        rig.peer = Peer::Unproven;
        let said = rig.request_events(None).ei_response.unwrap().response_code;
        assert_eq!(said.get() == 463, is_adopted);
    }
}

#[test]
fn rule_405_a_ven_that_changes_its_transport_keeps_all_else() {
    let mut rig = world();
    rig.command(&enrol(&[OWN], Some("house"))).unwrap();
    let certificate = Peer::Certificate(OWN);
    rig.peer = certificate.clone();
    assert_eq!(code(&mut rig, create("house")), 200);
    rig.exchange_metadata();
    rig.offer(offers());
    rig.accepted("r1", wanted("usage"));
    rig.announce("e1", draft_at(24 * 60));
    rig.polled_events();
    rig.answer("e1", 0, OptType::OptIn);
    let out = CreateOpt {
        opt_id: OptId::new("o1").unwrap(),
        opt_type: OptType::OptOut,
        opt_reason: OptReason::NotParticipating,
        market_context: None,
        ven_id: rig.ven_id(),
        availability: None,
        created: rig.now,
        request_id: RequestId::new("opt").unwrap(),
        qualified_event_id: Some(QualifiedEventId {
            event_id: EventId::new("e1").unwrap(),
            modification_number: 0,
        }),
        target: crate::payload::Target::default(),
        device_class: None,
    };
    assert_eq!(rig.send(out).code(), 200);
    let ids = |rig: &Rig| {
        let registration = rig.state().registration().unwrap();
        (
            registration.registration_id.clone(),
            registration.since,
            rig.ven_id(),
        )
    };
    let kept = |rig: &Rig| {
        let state = rig.state();
        (
            state.offers.clone(),
            state.events.clone(),
            state.opts.clone(),
            state.reports.clone(),
        )
    };
    let (before, registered) = (kept(&rig), ids(&rig));
    let xmpp = Peer::Jid(session("house"));
    for (peer, create, pushed_to) in [
        (&certificate, push_create("house"), true),
        (&xmpp, over_xmpp(None), true),
        (&certificate, create("house"), false),
        (&xmpp, over_xmpp(None), true),
        (&certificate, push_create("house"), true),
        (&certificate, create("house"), false),
    ] {
        rig.advance(10);
        rig.peer = peer.clone();
        let create = again(&rig, create);
        assert_eq!(code(&mut rig, create), 200);
        assert_eq!(rig.state().is_pushed_to(), pushed_to);
        assert_eq!(rig.state().link.is_some(), pushed_to);
        assert_eq!(
            (kept(&rig), ids(&rig)),
            (before.clone(), registered.clone())
        );
        // Nothing is said twice for it.
        rig.advance(2);
        assert_eq!(rig.wake(), None);
    }
    assert!(rig.polls_in_vain());
    let opt = rig.state().opts().next().unwrap();
    assert!(
        matches!(opt.terms.subject, OptSubject::Event { .. }),
        "{opt:?}"
    );
}

#[test]
fn what_was_on_its_way_over_one_transport_goes_over_the_other() {
    let mut rig = world();
    rig.command(&enrol(&[OWN], Some("house"))).unwrap();
    let (certificate, xmpp) = (Peer::Certificate(OWN), Peer::Jid(session("house")));
    rig.peer = xmpp.clone();
    assert_eq!(code(&mut rig, over_xmpp(None)), 200);
    rig.advance(1);
    let metadata = rig.push();
    rig.arrives(&metadata);
    rig.announce("e1", draft());
    let lost = rig.push();
    // To polls.
    let mut polling = rig.clone();
    polling.peer = certificate.clone();
    let create_again = again(&polling, create("house"));
    assert_eq!(code(&mut polling, create_again), 200);
    assert_eq!(
        polling.polled_events(),
        [seen_event("e1", 0, EventStatus::Far)]
    );
    assert_eq!(polling.ends(&lost, PushOutcome::Acknowledged), None);
    assert_eq!(polling.state().link, None);
    // To pushes over HTTP.
    rig.peer = certificate;
    let create_again = again(&rig, push_create("house"));
    assert_eq!(code(&mut rig, create_again), 200);
    assert_eq!(rig.ends(&lost, failed(PushFault::Offline)), None);
    let push = rig.next_push().unwrap();
    assert!(matches!(push.to, PushAddress::Http(_)));
    assert_eq!(push.message.kind(), MessageKind::DistributeEvent);
    assert!(rig.now - midnight() < TimeDelta::seconds(5));
}
