//! Whose certificate it is: 463, 452 and what one VEN may do that another may not.

use super::admitting::every_request;
use super::*;
use crate::CertificateId;
use crate::memory::{VtnConfig, VtnHost};
use crate::payload::QueryRegistration;

const FIRST: CertificateHash = CertificateHash([1; 32]);
const SECOND: CertificateHash = CertificateHash([2; 32]);
const STRANGE: CertificateHash = CertificateHash([9; 32]);

fn told(certificate: CertificateHash) -> CertificateId {
    CertificateId::Fingerprint(certificate.fingerprint())
}

fn whole(certificate: CertificateHash) -> CertificateId {
    CertificateId::Hash(certificate)
}

pub(super) fn enrol(name: &str, certificates: &[CertificateId]) -> Command {
    Command::Enrol {
        ven_name: Text::new(name).unwrap(),
        ven_id: None,
        groups: Vec::new(),
        resources: Vec::new(),
        certificates: certificates.to_vec(),
        signatures: None,
        jid: None,
    }
}

fn reassign(add: &[CertificateId], remove: &[CertificateId]) -> Command {
    Command::Assign {
        groups: Assignment::default(),
        resources: Assignment::default(),
        certificates: Assignment::Change {
            add: add.to_vec(),
            remove: remove.to_vec(),
        },
        signatures: SignatureChange::Keep,
        jid: JidChange::Keep,
    }
}

/// A VTN that only enrolled VENs may register with, and its operator.
struct World {
    host: VtnHost,
    inputs: u64,
}

impl World {
    fn new(admission: Admission) -> Self {
        let mut config = VtnConfig::new(VtnId::new("Test-VTN").unwrap());
        config.admission = admission;
        Self {
            host: VtnHost::new(config),
            inputs: 0,
        }
    }

    fn entropy(&mut self) -> [u8; 32] {
        self.inputs += 1;
        let mut entropy = [5; 32];
        entropy[..8].copy_from_slice(&self.inputs.to_be_bytes());
        entropy
    }

    fn command(&mut self, ven: Option<&str>, command: &Command) -> Result<(), CommandError> {
        let key = ven.map(|ven| self.host.ven(ven).unwrap().0);
        let entropy = self.entropy();
        let done = self.host.command(key, command, midnight(), entropy);
        self.host.check_claims();
        done
    }

    fn send(&mut self, peer: Peer, message: impl Into<Message>) -> Message {
        let entropy = self.entropy();
        let message = message.into();
        let reply = self
            .host
            .handle(peer, Profile::B, message, midnight(), entropy);
        self.host.check_claims();
        match reply {
            Reply::Message(message) => *message,
            other @ (Reply::Empty | Reply::Push(_) | Reply::Forbidden) => panic!("{other:?}"),
        }
    }

    fn register(&mut self, certificate: CertificateHash, name: &str) -> (u16, Option<VenId>) {
        match self.send(Peer::Certificate(certificate), create(name)) {
            Message::CreatedPartyRegistration(created) => {
                (created.ei_response.response_code.get(), created.ven_id)
            }
            other => panic!("{other:?}"),
        }
    }

    fn states(&self) -> Vec<State> {
        self.host.vens().map(|(_, state)| state.clone()).collect()
    }
}

/// Every kind of message from everybody, before and after the VEN has registered.
#[test]
fn rule_517_what_a_certificate_is_worth_for_every_kind_of_message() {
    for (registered, peer, as_self, as_other) in [
        (false, Peer::Certificate(FIRST), 463, 463),
        (false, Peer::Certificate(SECOND), 452, 200),
        (false, Peer::Certificate(STRANGE), 463, 463),
        (false, Peer::Unproven, 463, 463),
        (true, Peer::Certificate(FIRST), 200, 452),
        // Known, but not as the one whose venID it says.
        (true, Peer::Certificate(SECOND), 452, 200),
        (true, Peer::Certificate(STRANGE), 463, 463),
        (true, Peer::Unproven, 463, 463),
    ] {
        let mut world = World::new(Admission::Enrolled);
        let first = Command::Enrol {
            ven_name: Text::new("house").unwrap(),
            ven_id: VenId::new("ven-house").ok(),
            groups: Vec::new(),
            resources: Vec::new(),
            certificates: vec![whole(FIRST)],
            signatures: None,
            jid: None,
        };
        world.command(None, &first).unwrap();
        world
            .command(None, &enrol("plant", &[whole(SECOND)]))
            .unwrap();
        let (code, plant) = world.register(SECOND, "plant");
        assert_eq!(code, 200);
        let house = VenId::new("ven-house").unwrap();
        if registered {
            assert_eq!(world.register(FIRST, "house"), (200, Some(house.clone())));
        }
        for (ven_id, expected) in [(house, as_self), (plant.unwrap(), as_other)] {
            for (request, kind) in every_request(&ven_id) {
                if expected == 200 {
                    continue;
                }
                let before = world.states();
                let answer = world.send(peer.clone(), request);
                assert_eq!(
                    (answer.kind(), code_of(&answer)),
                    (kind, expected),
                    "{registered} {peer:?} as {ven_id}"
                );
                assert_eq!(world.states(), before);
            }
            if expected == 200 {
                let answer = world.send(peer.clone(), Poll { ven_id });
                assert!(matches!(answer, Message::RegisterReport(_)), "{answer:?}");
            }
        }
    }
}

#[test]
fn rule_517_only_who_has_an_enrolled_certificate_registers() {
    let mut world = World::new(Admission::Enrolled);
    world
        .command(None, &enrol("house", &[whole(FIRST)]))
        .unwrap();
    world.command(None, &enrol("hut", &[])).unwrap();
    let before = world.states();
    // A name proves nothing where the transport proves something, nor can it stand in for that.
    for (peer, name) in [
        (Peer::Certificate(STRANGE), "house"),
        (Peer::Certificate(STRANGE), "hut"),
        (Peer::Unproven, "house"),
    ] {
        let answer = world.send(peer.clone(), create(name));
        assert!(matches!(answer, Message::CreatedPartyRegistration(_)));
        assert_eq!(code_of(&answer), 463, "{peer:?} {name}");
    }
    assert_eq!(world.states(), before);
    assert_eq!(world.register(FIRST, "house").0, 200);
    let stays = world.host.ven("house").unwrap().1;
    assert_eq!(stays.registration().map(|r| r.since), Some(midnight()));
}

#[test]
fn rule_404_a_query_shows_the_ids_to_whom_the_certificate_is_worth_them() {
    let mut world = World::new(Admission::Enrolled);
    world
        .command(None, &enrol("house", &[whole(FIRST)]))
        .unwrap();
    let (_, house) = world.register(FIRST, "house");
    for (peer, shown) in [
        (Peer::Certificate(FIRST), house),
        (Peer::Certificate(STRANGE), None),
        (Peer::Unproven, None),
    ] {
        let query = QueryRegistration {
            request_id: RequestId::default(),
        };
        match world.send(peer, query) {
            Message::CreatedPartyRegistration(created) => assert_eq!(created.ven_id, shown),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_name_that_an_operator_gave_to_a_certificate_stays() {
    let mut world = World::new(Admission::Enrolled);
    world
        .command(None, &enrol("house", &[whole(FIRST)]))
        .unwrap();
    world
        .command(None, &enrol("plant", &[whole(SECOND)]))
        .unwrap();
    // Or else it would get the other's events.
    assert_eq!(world.register(FIRST, "plant").0, 200);
    let named = |certificate| {
        let mut vens = world.host.vens();
        let ven = vens.find(|(_, ven)| ven.has_certificate(&certificate));
        ven.unwrap().1.ven_name().unwrap().to_string()
    };
    assert_eq!(
        (named(FIRST), named(SECOND)),
        ("house".to_owned(), "plant".to_owned())
    );
}

#[test]
fn a_new_certificate_works_beside_the_old_one_until_that_is_removed() {
    let mut world = World::new(Admission::Enrolled);
    world
        .command(None, &enrol("house", &[whole(FIRST)]))
        .unwrap();
    let (_, ven_id) = world.register(FIRST, "house");
    let ven_id = ven_id.unwrap();
    let code = |world: &mut World, certificate| {
        let poll = Poll {
            ven_id: ven_id.clone(),
        };
        match world.send(Peer::Certificate(certificate), poll) {
            Message::Response(response) => response.ei_response.response_code.get(),
            _ => 200,
        }
    };
    assert_eq!(
        (code(&mut world, FIRST), code(&mut world, SECOND)),
        (200, 463)
    );
    let house = Some("house");
    world
        .command(house, &reassign(&[whole(SECOND)], &[]))
        .unwrap();
    assert_eq!(
        (code(&mut world, FIRST), code(&mut world, SECOND)),
        (200, 200)
    );
    world
        .command(house, &reassign(&[], &[told(FIRST)]))
        .unwrap();
    assert_eq!(
        (code(&mut world, FIRST), code(&mut world, SECOND)),
        (463, 200)
    );
    // It is the same registration all the time, and it can be renewed.
    assert_eq!(world.register(SECOND, "house"), (200, Some(ven_id.clone())));
    // Without any it can no longer be proved to be this VEN.
    world
        .command(house, &reassign(&[], &[whole(SECOND)]))
        .unwrap();
    assert_eq!(
        (code(&mut world, FIRST), code(&mut world, SECOND)),
        (463, 463)
    );
    let vens: Vec<_> = world.host.vens().collect();
    assert_eq!(vens.len(), 1);
    assert_eq!(vens[0].1.certificates().count(), 0);
}

#[test]
fn two_vens_cannot_have_one_certificate() {
    for (theirs, wanted) in [
        (whole(FIRST), whole(FIRST)),
        (whole(FIRST), told(FIRST)),
        (told(FIRST), whole(FIRST)),
        (told(FIRST), told(FIRST)),
    ] {
        let mut world = World::new(Admission::Enrolled);
        world.command(None, &enrol("house", &[theirs])).unwrap();
        world
            .command(None, &enrol("plant", &[whole(SECOND)]))
            .unwrap();
        let before = world.states();
        let error = CommandError::CertificateTaken(FIRST.fingerprint());
        let taken = Err(error);
        assert_eq!(
            world.command(None, &enrol("hut", &[whole(STRANGE), wanted])),
            taken
        );
        assert_eq!(
            world.command(Some("plant"), &reassign(&[wanted], &[])),
            taken
        );
        assert_eq!(world.states(), before);
        let taken = error.to_string();
        assert!(taken.contains(&FIRST.fingerprint().to_string()), "{taken}");
        // What another VEN gave back is free.
        world
            .command(Some("house"), &reassign(&[], &[wanted]))
            .unwrap();
        world
            .command(Some("plant"), &reassign(&[wanted], &[]))
            .unwrap();
    }
}

#[test]
fn a_certificate_known_by_its_fingerprint_is_recorded_when_it_is_seen() {
    let mut world = World::new(Admission::Enrolled);
    world
        .command(None, &enrol("house", &[told(FIRST), told(SECOND)]))
        .unwrap();
    let certificates =
        |world: &World| -> Vec<_> { world.host.ven("house").unwrap().1.certificates().collect() };
    let (code, ven_id) = world.register(FIRST, "house");
    assert_eq!(code, 200);
    assert_eq!(certificates(&world), [whole(FIRST), told(SECOND)]);
    // A poll that finds nothing is no occasion; one that does is.
    let poll = Poll {
        ven_id: ven_id.unwrap(),
    };
    let first = world.send(Peer::Certificate(FIRST), poll.clone());
    assert!(matches!(first, Message::RegisterReport(_)), "{first:?}");
    let idle = world.send(Peer::Certificate(SECOND), poll);
    assert!(matches!(idle, Message::Response(_)), "{idle:?}");
    assert_eq!(certificates(&world), [whole(FIRST), told(SECOND)]);
    assert_eq!(world.register(SECOND, "house").0, 200);
    assert_eq!(certificates(&world), [whole(FIRST), whole(SECOND)]);
    // Another one with the same end would have to be made by trial and error; it is not the same.
    let mut forged = STRANGE;
    forged.0[22..].copy_from_slice(&FIRST.0[22..]);
    assert_eq!(forged.fingerprint(), FIRST.fingerprint());
    assert_eq!(world.register(forged, "house").0, 463);
}

#[test]
fn a_certificate_that_only_signs_and_polls_is_recorded_with_what_the_poll_brings() {
    let mut rig = Rig::new();
    rig.context.admission = Admission::Enrolled;
    rig.command(&enrol("house", &[told(FIRST)])).unwrap();
    rig.peer = Peer::Certificate(FIRST);
    rig.register();
    rig.command(&reassign(&[told(SECOND)], &[])).unwrap();
    rig.peer = Peer::Certificate(SECOND);
    let outcome = rig.poll_outcome();
    let seen = Change::CertificateSeen {
        certificate: SECOND,
    };
    assert!(outcome.changes.contains(&seen), "{:?}", outcome.changes);
    assert!(rig.claims.contains(&Claim::Certificate(SECOND)));
    assert!(!rig.poll_outcome().changes.contains(&seen));
}

#[test]
fn where_anyone_may_register_the_registration_binds_the_certificate() {
    let mut world = World::new(Admission::Open);
    let (code, house) = world.register(FIRST, "house");
    assert_eq!(code, 200);
    let (_, other) = world.register(SECOND, "house");
    assert_ne!(house, other);
    let stolen = CreatePartyRegistration {
        ven_id: house,
        ..create("thief")
    };
    let answer = world.send(Peer::Certificate(STRANGE), stolen);
    assert_eq!(code_of(&answer), 463);
    assert_eq!(world.states().len(), 2);
}

#[test]
fn the_application_sees_the_certificate_and_decides() {
    let mut world = World::new(Admission::Ask);
    world.host.on_registration(|request| match request.peer {
        Peer::Certificate(hash) if hash.fingerprint() == FIRST.fingerprint() => {
            RegistrationAnswer::accept()
        }
        Peer::Certificate(_) | Peer::Jid(_) | Peer::Unproven => RegistrationAnswer::Refuse,
    });
    assert_eq!(world.register(FIRST, "house").0, 200);
    assert_eq!(world.register(SECOND, "house").0, 463);
}
