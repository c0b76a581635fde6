//! What was said once, said again: while the VTN remembers it, after it was killed, by many at once, and
//! as if it were another time. It has no effect twice.

use std::thread;

use chrono::TimeDelta;
use oadr_core::payload::{CancelOpt, CancelPartyRegistration, Message};
use oadr_core::value::{OptId, RegistrationId, RequestId, VenId};

use super::forge::{between, now, with};
use super::signed::{Court, Deed, code, registration};
use crate::wire;

/// House is there again.
fn back(court: &Court, opt_id: &str) {
    let cancel = CancelOpt {
        request_id: RequestId::new("back").unwrap(),
        opt_id: OptId::new(opt_id).unwrap(),
        ven_id: VenId::new("house").unwrap(),
    };
    assert_eq!(court.say(&court.house, &Deed::new("/EiOpt", cancel)), "200");
    assert!(court.in_force().is_empty());
}

#[test]
fn rule_514_what_was_said_before_has_no_effect() {
    let court = Court::new();
    let away = court.away("Away");
    let document = court.house.signer.signed(&away.message);
    assert_eq!(code(&court.send(&court.house, away.path, &document)), "200");
    back(&court, "Away");
    let value = between(&document, "<ds:SignatureValue>", "</ds:SignatureValue>");
    let again = [
        document.clone(),
        // Other octets of the same signature: what is not signed may differ.
        with(&document, "</ds:SignatureValue>", "\n</ds:SignatureValue>"),
        with(
            &document,
            "<ds:KeyInfo>",
            "<ds:KeyInfo><ds:KeyName>x</ds:KeyName>",
        ),
        with(&document, value, &negated(value)),
    ];
    let again = again.map(|document| (away.path, document));
    court.refuses_documents(
        &court.house,
        "replayed",
        "the same signature was seen before",
        &again,
    );
    // To another service, which would not take it anyway.
    let elsewhere = [("/OadrPoll", document)];
    court.refuses_documents(
        &court.house,
        "replayed",
        "the same signature was seen before",
        &elsewhere,
    );
}

/// The other value that is as right as this one: for s there is the order of P-256 less s.
fn negated(element: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63,
        0x25, 0x51,
    ];
    let text = element.replace("<ds:SignatureValue>", "");
    let mut value = STANDARD
        .decode(text.replace("</ds:SignatureValue>", ""))
        .unwrap();
    let mut borrowed = 0;
    for (digit, order) in value[32..].iter_mut().zip(ORDER).rev() {
        let less = i16::from(order) - i16::from(*digit) - borrowed;
        borrowed = i16::from(less < 0);
        *digit = u8::try_from(less.rem_euclid(256)).unwrap();
    }
    format!(
        "<ds:SignatureValue>{}</ds:SignatureValue>",
        STANDARD.encode(value)
    )
}

#[test]
fn rule_514_what_was_said_before_the_vtn_was_killed_has_no_effect() {
    let mut court = Court::new();
    // As if house's clock were ahead: the VTN that starts anew cannot tell it by its time.
    let away = court.away("Away");
    let ahead = now() + TimeDelta::seconds(50);
    let document = court.house.signer.signed_at(&away.message, ahead);
    let [renamed, refused, _, gone] = court.deeds();
    let mut said = vec![(away.path, document)];
    for deed in [refused, renamed, gone] {
        said.push((
            deed.path,
            court.house.signer.signed_at(&deed.message, ahead),
        ));
    }
    for (path, document) in &said {
        assert_eq!(code(&court.send(&court.house, path, document)), "200");
    }
    for _ in 0..2 {
        court.kill();
        court.refuses_documents(
            &court.house,
            "replayed",
            "the same signature was seen before",
            &said,
        );
    }
}

#[test]
fn rule_514_what_was_signed_before_the_vtn_started_has_no_effect() {
    let mut court = Court::new();
    let signed = court
        .deeds()
        .map(|deed| (deed.path, court.house.signer.signed(&deed.message)));
    // None of them was sent; but who knows.
    court.kill();
    court.refuses_documents(
        &court.house,
        "before_start",
        "signed before this process started",
        &signed,
    );
}

#[test]
fn rule_514_what_is_said_by_many_at_once_has_its_effect_once() {
    let court = Court::new();
    for round in 0..3 {
        let away = court.away(&format!("Away{round}"));
        let document = court.house.signer.signed(&away.message);
        let answers = thread::scope(|scope| {
            let many = [(); 8]
                .map(|()| scope.spawn(|| code(&court.send(&court.house, away.path, &document))));
            many.map(|one| one.join().unwrap())
        });
        let counted = answers.iter().filter(|code| **code == "200").count();
        let refused = answers.iter().filter(|code| **code == "403").count();
        assert_eq!((counted, refused), (1, 7), "{answers:?}");
        assert_eq!(court.in_force(), [format!("Away{round}")]);
    }
}

#[test]
fn rule_514_a_nonce_counts_once_for_each_ven_whatever_is_said_with_it() {
    let court = Court::new();
    let at = now();
    let signed = |message: &Message| court.house.signer.signed_with(message, at, [7; 16]);
    let away = court.away("Away");
    // Who took it first does not take it from anybody else.
    let of_plant = court.plant.away("Plant");
    let of_plant_signed = court
        .plant
        .signer
        .signed_with(&of_plant.message, at, [7; 16]);
    let answer = court.send(&court.plant, of_plant.path, &of_plant_signed);
    assert_eq!(code(&answer), "200");
    let answer = court.send(&court.house, away.path, &signed(&away.message));
    assert_eq!(code(&answer), "200");
    court.refuses("replayed", "the same signature was seen before", |deed| {
        signed(&deed.message)
    });
}

#[test]
fn rule_514_what_was_signed_too_long_ago_has_no_effect() {
    let court = Court::new();
    for (seconds, words) in [
        (75, "s ago, which is too long"),
        (86_400 * 365, "s ago, which is too long"),
    ] {
        let then = now() - TimeDelta::seconds(seconds);
        court.refuses("too_old", words, |deed| {
            court.house.signer.signed_at(&deed.message, then)
        });
    }
}

#[test]
fn rule_514_what_is_signed_too_far_in_the_future_has_no_effect() {
    let court = Court::new();
    for seconds in [90, 86_400 * 365] {
        let then = now() + TimeDelta::seconds(seconds);
        court.refuses("too_new", "s in the future", |deed| {
            court.house.signer.signed_at(&deed.message, then)
        });
    }
}

#[test]
fn rule_514_who_is_gone_does_not_come_back_by_what_was_said_before() {
    // Whoever has a certificate may register, and leave without a trace.
    let mut court = Court::with(&["--dev"]);
    let guest = court.stranger();
    let ahead = now() + TimeDelta::seconds(50);
    let create = Message::from(registration("guest"));
    let create = guest.signer.signed_at(&create, ahead);
    let answer = court.send(&guest, "/EiRegisterParty", &create);
    assert_eq!(code(&answer), "200");
    let (ven_id, registration_id) = (
        wire::texts(&answer.body, "venID").concat(),
        wire::texts(&answer.body, "registrationID").concat(),
    );
    let gone = Message::from(CancelPartyRegistration {
        request_id: RequestId::new("leave").unwrap(),
        registration_id: RegistrationId::new(&*registration_id).unwrap(),
        ven_id: VenId::new(&*ven_id).ok(),
    });
    let gone = guest.signer.signed_at(&gone, ahead);
    assert_eq!(code(&court.send(&guest, "/EiRegisterParty", &gone)), "200");
    let said = [("/EiRegisterParty", create), ("/EiRegisterParty", gone)];
    court.kill();
    court.meet(&guest);
    for (path, document) in &said {
        assert_eq!(code(&court.send(&guest, path, document)), "403");
    }
}
