//! Several VENs before one VTN.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test names the message that it wants"
)]

mod reporting;

use super::*;
use crate::CertificateHash;
use crate::machine::Role as _;
use crate::payload::{
    ActivePeriod, CreatePartyRegistration, CreatedEvent, CreatedPartyRegistration, EiCreatedEvent,
    EiResponse, EventResponse, EventResponses, EventSignal, Interval, Payload, Poll,
    QualifiedEventId, ResponseCode, StreamPayload, Target,
};
use crate::value::{
    Float, GroupId, MarketContext, OptType, RequestId, ResponseRequired, SignalId, SignalName,
    SignalType, Text, VenId,
};
use crate::vtn::{CampaignState, DeliveryStatus, EventDraft};

/// A VTN, a clock, and entropy that never repeats.
struct World {
    host: VtnHost,
    now: DateTime,
    inputs: u8,
}

impl World {
    fn new(change: impl FnOnce(&mut VtnConfig)) -> Self {
        let mut config = VtnConfig::new(VtnId::new("Test-VTN").unwrap());
        change(&mut config);
        Self {
            host: VtnHost::new(config),
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
            inputs: 0,
        }
    }

    fn entropy(&mut self) -> [u8; 32] {
        self.inputs += 1;
        [self.inputs; 32]
    }

    fn send(&mut self, peer: &Peer, message: impl Into<Message>) -> Message {
        let entropy = self.entropy();
        let reply = self
            .host
            .handle(peer.clone(), Profile::B, message.into(), self.now, entropy);
        match reply {
            Reply::Message(message) => *message,
            Reply::Empty | Reply::Push(_) | Reply::Forbidden => panic!("no message"),
        }
    }

    fn create(&mut self, peer: &Peer, create: CreatePartyRegistration) -> CreatedPartyRegistration {
        match self.send(peer, create) {
            Message::CreatedPartyRegistration(created) => created,
            other => panic!("{other:?}"),
        }
    }

    /// Registers a VEN of this name and takes our metadata out of its way.
    fn register(&mut self, name: &str) -> VenId {
        let ven_id = self.create(&Peer::Unproven, create(name)).ven_id.unwrap();
        assert!(matches!(self.poll(&ven_id), Message::RegisterReport(_)));
        ven_id
    }

    fn poll(&mut self, ven_id: &VenId) -> Message {
        self.send(
            &Peer::Unproven,
            Poll {
                ven_id: ven_id.clone(),
            },
        )
    }

    /// The eventIDs that a poll brings.
    fn events(&mut self, ven_id: &VenId) -> Vec<String> {
        match self.poll(ven_id) {
            Message::DistributeEvent(distribute) => distribute
                .events
                .iter()
                .map(|event| event.ei_event.descriptor.event_id.as_str().to_owned())
                .collect(),
            Message::Response(response) => {
                assert_eq!(response.ei_response.response_code, ResponseCode::OK);
                Vec::new()
            }
            other => panic!("{other:?}"),
        }
    }

    fn announce(&mut self, event_id: &str, audience: Audience, target: Option<Target>) {
        let entropy = self.entropy();
        let event_id = EventId::new(event_id).ok();
        let body = body(self.now, target);
        self.host
            .create_event(event_id, audience, body, self.now, entropy)
            .unwrap();
    }

    fn key(&self, id_or_name: &str) -> u64 {
        self.host.ven(id_or_name).unwrap().0
    }
}

fn create(name: &str) -> CreatePartyRegistration {
    CreatePartyRegistration {
        request_id: RequestId::default(),
        registration_id: None,
        ven_id: None,
        profile_name: ProfileName::B,
        transport_name: TransportName::SimpleHttp,
        transport_address: None,
        report_only: false,
        xml_signature: false,
        ven_name: Text::new(name).ok(),
        http_pull_model: Some(true),
    }
}

/// An hour at level 2 from now on.
fn body(start: DateTime, target: Option<Target>) -> EventBody {
    EventBody::new(EventDraft {
        market_context: MarketContext::new("http://example.com/dr").unwrap(),
        priority: None,
        test_event: None,
        vtn_comment: None,
        response_required: ResponseRequired::Always,
        start,
        duration: None,
        start_after: None,
        notification: None,
        ramp_up: None,
        recovery: None,
        signals: vec![EventSignal {
            intervals: NonEmpty::one(Interval {
                start: None,
                duration: Some(Duration::hours(1)),
                uid: None,
                payloads: NonEmpty::one(StreamPayload::Signal(Payload::Float(Float::from(2.0)))),
            }),
            target: None,
            signal_name: SignalName::Simple,
            signal_type: SignalType::Level,
            signal_id: SignalId::default(),
            item_base: None,
            current_value: None,
        }],
        baseline: None,
        target,
        modification_reason: None,
    })
    .unwrap()
}

fn opt_in(ven_id: &VenId, event_id: &str) -> CreatedEvent {
    CreatedEvent {
        created: EiCreatedEvent {
            ei_response: EiResponse::ok(RequestId::default()),
            event_responses: Some(EventResponses {
                responses: vec![EventResponse {
                    response_code: ResponseCode::OK,
                    response_description: None,
                    request_id: RequestId::default(),
                    qualified_event_id: QualifiedEventId {
                        event_id: EventId::new(event_id).unwrap(),
                        modification_number: 0,
                    },
                    opt_type: OptType::OptIn,
                }],
            }),
            ven_id: ven_id.clone(),
        },
    }
}

fn group(id: &str) -> Option<Target> {
    Some(Target {
        group_ids: vec![GroupId::new(id).unwrap()],
        ..Target::default()
    })
}

#[test]
fn rule_70_every_ven_has_an_id_of_its_own_and_keeps_it() {
    let mut world = World::new(|_| {});
    let (house, villa) = (world.register("house"), world.register("villa"));
    assert_ne!(house, villa);
    assert_eq!(
        world.register("house"),
        house,
        "the name is how it is known"
    );
    assert_eq!(world.host.vens().count(), 2);
}

#[test]
fn an_unknown_ven_leaves_nothing_behind() {
    let mut world = World::new(|_| {});
    let answer = world.poll(&VenId::new("nobody").unwrap());
    assert!(matches!(answer, Message::Response(response)
        if response.ei_response.response_code == ResponseCode::NOT_REGISTERED));
    assert_eq!(world.host.vens().count(), 0);
}

#[test]
fn a_name_that_another_ven_has_is_not_to_be_had() {
    let mut world = World::new(|_| {});
    let (house, _) = (world.register("house"), world.register("villa"));
    // The conflict leads to the owner of the name, whose venID is another.
    let created = world.create(
        &Peer::Unproven,
        CreatePartyRegistration {
            ven_id: Some(house.clone()),
            ..create("villa")
        },
    );
    assert_eq!(created.ei_response.response_code, ResponseCode::INVALID_ID);
    assert_eq!(world.host.ven("house").unwrap().1.ven_id(), Some(&house));
}

#[test]
fn a_ven_id_proven_by_a_certificate_is_not_to_be_had_without_it() {
    let mut world = World::new(|_| {});
    let proven = Peer::Certificate(CertificateHash([1; 32]));
    let ven_id = world.create(&proven, create("house")).ven_id.unwrap();
    for peer in [Peer::Unproven, Peer::Certificate(CertificateHash([2; 32]))] {
        let created = world.create(
            &peer,
            CreatePartyRegistration {
                ven_id: Some(ven_id.clone()),
                ..create("house")
            },
        );
        assert_eq!(
            created.ei_response.response_code,
            ResponseCode::NOT_REGISTERED
        );
    }
    // The name alone means nothing: this is another VEN.
    let other = world
        .create(&Peer::Unproven, create("house"))
        .ven_id
        .unwrap();
    assert_ne!(other, ven_id);
}

#[test]
fn the_application_is_asked_who_may_register() {
    let mut world = World::new(|config| config.admission = Admission::Ask);
    let refused = world.create(&Peer::Unproven, create("house"));
    assert_eq!(
        refused.ei_response.response_code,
        ResponseCode::NOT_REGISTERED
    );
    world.host.on_registration(|request| {
        match request.message.ven_name.as_ref().map(Text::as_str) {
            Some("house") => RegistrationAnswer::Accept {
                ven_id: VenId::new("ven-7").ok(),
                registration_id: None,
            },
            Some(_) | None => RegistrationAnswer::Refuse,
        }
    });
    let accepted = world.create(&Peer::Unproven, create("house"));
    assert_eq!(accepted.ven_id, VenId::new("ven-7").ok());
    let refused = world.create(&Peer::Unproven, create("villa"));
    assert_eq!(
        refused.ei_response.response_code,
        ResponseCode::NOT_REGISTERED
    );
}

#[test]
fn an_application_that_gives_two_vens_one_id_harms_nobody() {
    let mut world = World::new(|config| config.admission = Admission::Ask);
    world.host.on_registration(|_| RegistrationAnswer::Accept {
        ven_id: VenId::new("ven-7").ok(),
        registration_id: None,
    });
    let first = Peer::Certificate(CertificateHash([1; 32]));
    let second = Peer::Certificate(CertificateHash([2; 32]));
    assert_eq!(
        world.create(&first, create("house")).ven_id,
        VenId::new("ven-7").ok()
    );
    let refused = world.create(&second, create("villa"));
    assert_eq!(
        refused.ei_response.response_code,
        ResponseCode::NOT_REGISTERED
    );
    assert_eq!(world.host.vens().count(), 1);
}

#[test]
fn events_go_to_their_audience_and_follow_membership() {
    let mut world = World::new(|_| {});
    let entropy = world.entropy();
    let enrol = Command::Enrol {
        ven_name: Text::new("house").unwrap(),
        ven_id: None,
        groups: vec![GroupId::new("north").unwrap()],
        resources: Vec::new(),
        certificates: Vec::new(),
        signatures: None,
        jid: None,
    };
    world
        .host
        .command(None, &enrol, world.now, entropy)
        .unwrap();
    let (house, villa) = (world.register("house"), world.register("villa"));
    world.announce("all", Audience::by_target(), None);
    world.announce("north", Audience::by_target(), group("north"));
    world.announce("villa", Audience::of([Text::new("villa").unwrap()]), None);
    assert_eq!(world.events(&house), ["all", "north"]);
    assert_eq!(world.events(&villa), ["all", "villa"]);
    // A VEN that comes later finds what is open for it, without a row written for it beforehand.
    let late = world.register("late");
    assert_eq!(world.events(&late), ["all"]);
    assert_eq!(world.host.deliveries().count(), 5);
}

#[test]
fn the_same_event_again_is_the_first_one_and_another_is_a_conflict() {
    let mut world = World::new(|_| {});
    let event_id = EventId::new("e").unwrap();
    let mut make = |hours: i64, event_id: Option<EventId>| {
        let body = body(world.now + TimeDelta::hours(hours), None);
        let entropy = world.entropy();
        world
            .host
            .create_event(event_id, Audience::by_target(), body, world.now, entropy)
    };
    let first = make(1, Some(event_id.clone())).unwrap();
    assert_eq!(make(1, Some(event_id.clone())), Ok(first));
    assert_eq!(make(2, Some(event_id)), Err(EventsError::Exists));
    assert_ne!(
        make(1, None).unwrap().event_id,
        make(1, None).unwrap().event_id
    );
}

#[test]
fn events_are_modified_and_cancelled_by_their_id() {
    let mut world = World::new(|_| {});
    let event_id = EventId::new("e").unwrap();
    let later = body(world.now + TimeDelta::minutes(5), None);
    let unknown = world.host.modify_event(&event_id, later.clone(), world.now);
    assert_eq!(unknown, Err(EventsError::Unknown));
    world.announce("e", Audience::by_target(), None);
    let moved = world.host.modify_event(&event_id, later, world.now);
    // It began at once, so it cannot begin later any more.
    assert!(matches!(
        moved,
        Err(EventsError::Campaign(CampaignError::Event(_)))
    ));
    let cancelled = world.host.cancel_event(&event_id, world.now).unwrap();
    assert_eq!(cancelled.state, CampaignState::Cancelled { at: world.now });
    assert_eq!(world.host.cancel_event(&event_id, world.now), Ok(cancelled));
}

#[test]
fn time_ends_events_and_raises_the_alarm_for_those_unanswered() {
    let mut world = World::new(|_| {});
    let (house, villa) = (world.register("house"), world.register("villa"));
    world.announce("e", Audience::by_target(), None);
    world.events(&house);
    world.events(&villa);
    world.send(&Peer::Unproven, opt_in(&house, "e"));
    world.host.take_effects();
    let end = world.now + TimeDelta::hours(1);
    assert_eq!(world.host.next_deadline(), Some(end));
    assert!(
        world
            .host
            .wake(end - TimeDelta::seconds(1), [1; 32])
            .is_empty()
    );
    assert_eq!(world.host.campaigns().count(), 1);
    assert!(world.host.wake(end, [2; 32]).is_empty());
    assert_eq!(world.host.campaigns().count(), 0);
    let told: Vec<_> = world
        .host
        .take_effects()
        .into_iter()
        .map(|(_, _, effect)| effect)
        .collect();
    let event_id = EventId::new("e").unwrap();
    assert_eq!(
        told,
        [Effect::DeliveryGivenUp {
            ven_id: villa,
            event_id: event_id.clone()
        }]
    );
    let status = |name| {
        world
            .host
            .delivery(world.key(name), &event_id)
            .unwrap()
            .status
    };
    assert_eq!(status("house"), DeliveryStatus::Answered);
    assert_eq!(status("villa"), DeliveryStatus::GivenUp);
    let states = world
        .host
        .vens()
        .map(|(_, state)| Vtn::next_deadline(state));
    // What is left to wait for is the metadata that nobody answered.
    assert!(states.flatten().all(|deadline| deadline > end));
}

#[test]
fn every_effect_has_an_id_of_its_own() {
    let mut world = World::new(|_| {});
    let house = world.register("house");
    world.register("villa");
    world.announce("e", Audience::by_target(), None);
    world.events(&house);
    world.send(&Peer::Unproven, opt_in(&house, "e"));
    let effects = world.host.take_effects();
    let ids: std::collections::BTreeSet<_> = effects
        .iter()
        .map(|(partition, id, _)| (*partition, *id))
        .collect();
    assert_eq!((effects.len(), ids.len()), (3, 3));
    assert!(world.host.take_effects().is_empty());
}

#[test]
fn a_name_is_enrolled_once() {
    let mut world = World::new(|_| {});
    world.register("house");
    let entropy = world.entropy();
    let enrol = Command::Enrol {
        ven_name: Text::new("house").unwrap(),
        ven_id: None,
        groups: Vec::new(),
        resources: Vec::new(),
        certificates: Vec::new(),
        signatures: None,
        jid: None,
    };
    let refused = world.host.command(None, &enrol, world.now, entropy);
    assert_eq!(refused, Err(CommandError::AlreadyKnown));
}

#[test]
fn a_removed_ven_gives_its_name_back() {
    let mut world = World::new(|_| {});
    let house = world.register("house");
    let key = world.key("house");
    let entropy = world.entropy();
    world
        .host
        .command(Some(key), &Command::Remove, world.now, entropy)
        .unwrap();
    let cancel = match world.poll(&house) {
        Message::CancelPartyRegistration(cancel) => cancel,
        other => panic!("{other:?}"),
    };
    world.send(
        &Peer::Unproven,
        crate::payload::CanceledPartyRegistration {
            ei_response: EiResponse::ok(cancel.request_id),
            registration_id: Some(cancel.registration_id),
            ven_id: Some(house.clone()),
        },
    );
    assert_eq!(world.host.vens().count(), 0);
    assert_ne!(world.register("house"), house);
}

#[test]
fn an_active_period_is_what_the_operator_said() {
    let mut world = World::new(|_| {});
    let house = world.register("house");
    world.announce("e", Audience::by_target(), None);
    let ActivePeriod(period) = match world.poll(&house) {
        Message::DistributeEvent(mut distribute) => {
            distribute.events.remove(0).ei_event.active_period
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(
        (period.start, period.duration),
        (world.now, Duration::hours(1))
    );
}
