//! Which messages have to be signed, and that a signature is used once.

use proptest::prelude::*;

use super::identity::enrol;
use super::*;
use crate::CertificateId;
use crate::payload::MessageKind;
use crate::payload::arbitrary::Draws;

const OWN: CertificateHash = CertificateHash([1; 32]);
const OTHER: CertificateHash = CertificateHash([2; 32]);

fn sign(signatures: SignatureChange) -> Command {
    Command::Assign {
        groups: Assignment::default(),
        resources: Assignment::default(),
        certificates: Assignment::default(),
        signatures,
        jid: JidChange::Keep,
    }
}

/// A VEN with a certificate that nobody has told to sign, before a VTN that wants it.
fn enrolled() -> Rig {
    let mut rig = Rig::new();
    rig.context.admission = Admission::Enrolled;
    rig.context.signatures = SignaturePolicy::Required;
    rig.command(&enrol("house", &[CertificateId::Hash(OWN)]))
        .unwrap();
    rig.peer = Peer::Certificate(OWN);
    rig
}

fn registered() -> Rig {
    let mut rig = enrolled();
    rig.signer = Some(OWN);
    rig.register();
    rig.exchange_metadata();
    rig
}

fn is_forbidden(rig: &mut Rig, message: impl Into<Message>) -> bool {
    let input = rig.input(message.into());
    let at = rig.at.clone();
    let is_forbidden = super::is_forbidden(rig.state(), &rig.context, rig.now, &input);
    let outcome = match rig.step(&input, &[]) {
        // Nobody is asked about what has no effect.
        Step::Ask(_) => {
            assert!(!is_forbidden);
            return false;
        }
        Step::Decided(_) => rig.run(&input, &[]),
    };
    assert_eq!(is_forbidden, outcome.reply == Reply::Forbidden);
    if is_forbidden {
        assert_eq!(rig.at, at);
        assert!(outcome.changes.is_empty() && outcome.effects.is_empty());
    }
    is_forbidden
}

#[test]
fn rule_514_where_signatures_are_required_nothing_unsigned_has_an_effect() {
    let nobody = || {
        let mut rig = Rig::new();
        rig.context.signatures = SignaturePolicy::Required;
        rig
    };
    for rig in [nobody(), enrolled(), registered()] {
        for kind in MessageKind::ALL {
            for (peer, signer, expected) in [
                (Peer::Certificate(OWN), None, true),
                (Peer::Certificate(OWN), Some(OTHER), true),
                (Peer::Certificate(OTHER), Some(OWN), rig.at.version.0 == 0),
                (Peer::Unproven, None, true),
                (Peer::Unproven, Some(OWN), true),
                (Peer::Certificate(OWN), Some(OWN), false),
            ] {
                let mut rig = rig.clone();
                let mut message = Message::arbitrary(*kind, &mut Draws::new(&[]));
                if let Message::Poll(poll) = &mut message {
                    poll.ven_id = rig.ven_id();
                }
                rig.peer = peer.clone();
                rig.signer = signer;
                rig.context.asks.queries = true;
                assert_eq!(
                    is_forbidden(&mut rig, message),
                    expected,
                    "{kind} of {peer:?} signed by {signer:?}"
                );
            }
        }
    }
}

#[test]
fn rule_514_what_is_said_of_a_ven_counts_more_than_what_is_said_of_all() {
    use SignaturePolicy::{Off, Optional, Required};
    let unsigned = Message::from(create("house"));
    for (of_all, of_this, forbidden) in [
        (Off, None, false),
        (Optional, None, false),
        (Required, None, true),
        (Required, Some(Optional), false),
        (Required, Some(Off), false),
        (Off, Some(Required), true),
        (Optional, Some(Required), true),
    ] {
        let mut rig = enrolled();
        rig.context.signatures = of_all;
        if let Some(policy) = of_this {
            rig.command(&sign(SignatureChange::Own(policy))).unwrap();
        }
        assert_eq!(rig.state().signatures(), of_this);
        let said = (of_all, of_this);
        assert_eq!(
            is_forbidden(&mut rig, unsigned.clone()),
            forbidden,
            "{said:?}"
        );
        rig.command(&sign(SignatureChange::AsConfigured)).ok();
        assert_eq!(rig.state().signatures(), None);
        assert!(
            rig.command(&sign(SignatureChange::Keep))
                .unwrap()
                .changes
                .is_empty()
        );
    }
    // Where they are off, nobody minds whose they are or how old.
    let mut rig = enrolled();
    rig.context.signatures = Off;
    rig.signer = Some(OTHER);
    let outcome = rig.send(unsigned);
    assert!(!outcome.changes.iter().any(is_used));
    assert_eq!(outcome.code(), 200);
}

fn is_used(change: &Change) -> bool {
    matches!(change, Change::SignatureUsed { .. })
}

#[test]
fn spec_6_a_signature_that_changed_something_is_refused_from_then_on() {
    let mut rig = enrolled();
    rig.signer = Some(OWN);
    let register = rig.input(create("house").into());
    assert!(rig.run(&register, &[]).changes.iter().any(is_used));
    // As after a restart, or in another process on the same database.
    rig.at.state = stored(&rig.at.state);
    rig.advance(59);
    let again = rig.run(&register, &[]);
    assert_eq!(again.reply, Reply::Forbidden);
    assert!(again.changes.is_empty());
    // The same message signed anew is another one.
    assert_eq!(rig.send(create("house")).code(), 200);
}

#[test]
fn spec_6_a_message_that_changes_nothing_leaves_no_nonce() {
    let mut rig = registered();
    assert!(rig.polls_in_vain());
    let poll = rig.input(Message::from(Poll {
        ven_id: rig.ven_id(),
    }));
    for _ in 0..2 {
        let outcome = rig.run(&poll, &[]);
        assert!(outcome.changes.is_empty());
        assert_eq!(outcome.code(), 200);
    }
    rig.announce("e", draft());
    let outcome = rig.run(&poll, &[]);
    assert!(outcome.changes.iter().any(is_used));
    assert_eq!(rig.run(&poll, &[]).reply, Reply::Forbidden);
}

#[test]
fn spec_6_nonces_are_forgotten_when_the_host_would_refuse_them_as_too_old() {
    let mut rig = registered();
    rig.create(create("house"));
    let row = |rig: &Rig| serde_json::to_string(&rig.state().used_signatures).unwrap();
    let many = row(&rig).len();
    rig.advance(3 * 60);
    rig.create(create("house"));
    assert!(row(&rig).len() < many, "{}", row(&rig));
}

#[test]
fn spec_6_however_many_signatures_are_used_the_row_stays_small_and_none_counts_twice() {
    let mut rig = registered();
    let mut first = None;
    for n in 0..200 {
        if n % 5 == 0 {
            rig.advance(1);
        }
        let message = rig.input(create("house").into());
        assert!(rig.run(&message, &[]).changes.iter().any(is_used), "{n}");
        first.get_or_insert(message);
    }
    let row = serde_json::to_string(&rig.state().used_signatures).unwrap();
    assert!(row.len() < 10_000, "{}", row.len());
    // It is not known any more, but it is from before the oldest one that is.
    assert_eq!(rig.run(&first.unwrap(), &[]).reply, Reply::Forbidden);
    // Our clock was far ahead: nobody is shut out once it is right.
    rig.now -= TimeDelta::days(400);
    assert_eq!(rig.send(create("house")).code(), 200);
}

#[test]
fn a_ven_signs_with_any_of_its_certificates_over_any_of_its_connections() {
    let mut rig = Rig::new();
    rig.context.signatures = SignaturePolicy::Required;
    let both = [
        CertificateId::Hash(OWN),
        CertificateId::Fingerprint(OTHER.fingerprint()),
    ];
    rig.command(&enrol("house", &both)).unwrap();
    rig.peer = Peer::Certificate(OWN);
    rig.signer = Some(OTHER);
    assert_eq!(rig.send(create("house")).code(), 200);
}

#[test]
fn a_ven_that_leaves_takes_its_nonces_with_it() {
    let mut rig = registered();
    rig.command(&Command::Remove).unwrap();
    rig.poll();
    let canceled = crate::payload::CanceledPartyRegistration {
        ei_response: ok(""),
        registration_id: None,
        ven_id: None,
    };
    let outcome = rig.send(canceled);
    assert!(!outcome.changes.iter().any(is_used));
    assert_eq!(*rig.state(), State::default());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn rule_514_no_message_without_a_valid_signature_changes_the_state(
        numbers in proptest::collection::vec(any::<u64>(), 0..400),
    ) {
        let mut draws = Draws::new(&numbers);
        let mut rig = match draws.below(3) {
            0 => Rig::new(),
            1 => enrolled(),
            _ => registered(),
        };
        rig.context.signatures = SignaturePolicy::Required;
        rig.context.admission = [Admission::Open, Admission::Enrolled, Admission::Ask][draws.below(3)];
        rig.context.asks.polls = draws.flip();
        rig.announce("e", draft());
        // What was said before in due form is no good a second time.
        rig.peer = Peer::Certificate(OWN);
        rig.signer = Some(OWN);
        let register = rig.input(create("house").into());
        let accepted = [Answer::Register(RegistrationAnswer::accept())];
        let has_changed = !rig.run(&register, &accepted).changes.is_empty();
        let replayed = match &register {
            Input::Message { signature, .. } => signature.filter(|_| has_changed),
            Input::Pushed { .. } | Input::Deadline => None,
        };
        for _ in 0..8 {
            let message = match draws.below(4) {
                0 => create("house").into(),
                1 => Poll { ven_id: rig.ven_id() }.into(),
                _ => Message::arbitrary(draws.pick(MessageKind::ALL).unwrap(), &mut draws),
            };
            let peer = [Peer::Unproven, Peer::Certificate(OWN), Peer::Certificate(OTHER)];
            let peer = peer[draws.below(3)].clone();
            let signature = match (draws.below(3), &peer) {
                (0, Peer::Certificate(OTHER)) | (1, _) => None,
                (0, _) => replayed,
                // Somebody else's, however fresh.
                (_, Peer::Certificate(OTHER)) => Some(rig.signature(CertificateHash([9; 32]))),
                _ => Some(rig.signature(OTHER)),
            };
            let before = rig.at.clone();
            let input = Input::Message { peer, profile: Profile::B, message, signature };
            let outcome = rig.run(&input, &[]);
            prop_assert_eq!(outcome.reply, Reply::Forbidden);
            prop_assert_eq!(&rig.at, &before);
        }
    }
}
