//! Documents of our own, good and bad, and what is said of them.

use chrono::TimeDelta;
use oadr_core::codec::encode;
use oadr_core::payload::arbitrary::Draws;
use oadr_core::payload::{Message, MessageKind, Poll};
use oadr_http::tls::{CertificateDer, Roots};
use oadr_sign::{Certificate, SigningKey, sign};
use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
use rustls_pki_types::PrivateKeyDer;

use super::*;

const EVENT: &str = include_str!("tests/event.xml");

fn now() -> DateTime {
    "2026-01-31T15:00:00Z".parse().unwrap()
}

fn look(document: &str) -> Inspection {
    inspect(document.as_bytes(), &Judge::default(), now())
}

fn poll() -> Message {
    Poll {
        ven_id: "house".parse().unwrap(),
    }
    .into()
}

/// A CA, and a certificate of it with its key.
fn signing_key() -> (CertificateDer<'static>, SigningKey) {
    let mut params = CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(params, ca_key);
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "house");
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, &issuer).unwrap();
    let certificate = Certificate::from_der(leaf.der()).unwrap();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    (
        ca.der().clone(),
        SigningKey::new(&key, certificate).unwrap(),
    )
}

#[test]
fn an_event_is_told_with_its_times() {
    let found = look(EVENT);
    assert!(found.is_good(), "{}", found.to_text());
    let text = found.to_text();
    for part in [
        "oadrDistributeEvent (EiEvent), ",
        "Event event-1, modification 0: far",
        "  2026-01-31T16:00:00Z (in 1 h) to 2026-01-31T17:00:00Z (in 2 h)",
        "  SIMPLE level:",
        "    2026-01-31T16:00:00Z for PT30M: 1",
        "    2026-01-31T16:30:00Z for PT30M: 2",
        "eiResponse: responseCode 200, responseDescription OK, requestID request-1",
        "eiActivePeriod: dtstart 2026-01-31T16:00:00Z (in 1 h), duration PT1H",
        "interval: duration PT30M, uid 0, signalPayload 1",
        "Signature: none",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    let json = found.to_json();
    assert_eq!(json["good"], true);
    assert_eq!(json["message"]["kind"], "oadrDistributeEvent");
    assert_eq!(json["message"]["service"], "EiEvent");
    let body = &json["message"]["body"];
    let event = &body["oadrEvent"][0]["eiEvent"];
    assert_eq!(event["eventDescriptor"]["eventID"], "event-1");
    let interval = &event["eiEventSignals"]["eiEventSignal"][0]["intervals"]["interval"][1];
    assert_eq!(interval["signalPayload"][0], "2");
    assert_eq!(json["signature"]["verdict"], "none");
}

#[test]
fn every_kind_of_message_is_told() {
    for kind in MessageKind::ALL {
        for seed in 1..20_u64 {
            let numbers: Vec<u64> = (1..400)
                .map(|i| seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_mul(i))
                .collect();
            let message = Message::arbitrary(*kind, &mut Draws::new(&numbers));
            let document = encode(&message);
            let found = inspect(&document, &Judge::default(), now());
            assert!(
                matches!(found.reading, Reading::Strict(_)),
                "{}",
                found.to_text()
            );
            let text = found.to_text();
            assert!(text.contains(kind.name()), "{text}");
            assert_eq!(found.to_json()["message"]["kind"], kind.name());
        }
    }
}

#[test]
fn what_is_no_message_is_told_with_its_place() {
    let broken = EVENT.replace("<ei:modificationNumber>0<", "<ei:modificationNumber>many<");
    let found = look(&broken);
    assert!(!found.is_good());
    let text = found.to_text();
    for part in [
        "Not a valid OpenADR 2.0b message\n  the value is not a number\n  line 10, column ",
        "in oadr:oadrPayload/oadr:oadrSignedObject/oadr:oadrDistributeEvent/oadr:oadrEvent/ei:eiEvent/\
         ei:eventDescriptor",
        "^\n",
        "A lenient reader makes nothing of it, either.",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    let json = found.to_json();
    assert_eq!(json["error"]["place"]["line"], 10);
    assert_eq!(json["message"], Value::Null);
}

#[test]
fn a_lenient_reader_says_what_it_bent() {
    let more = EVENT.replace("<ei:priority>", "<ei:colour>red</ei:colour><ei:priority>");
    let found = look(&more);
    assert!(!found.is_good());
    let text = found.to_text();
    for part in [
        "unexpected element ei:colour",
        "A lenient reader",
        "Event event-1",
        "an element that is not in the schema was skipped",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    assert_eq!(found.to_json()["error"]["lenient_reader_understands"], true);
}

#[test]
fn a_documented_drift_is_told_and_no_fault() {
    let found = look(&EVENT.replace("PT1H<", " PT1H<"));
    assert!(found.is_good(), "{}", found.to_text());
    let text = found.to_text();
    assert!(
        text.contains("not to the letter of the schema (1)"),
        "{text}"
    );
    assert!(text.contains("there are blanks around a value"), "{text}");
}

#[test]
fn rule_102_intervals_that_do_not_add_up_are_told() {
    let found = look(&EVENT.replace("PT1H<", "PT2H<"));
    assert!(!found.is_good());
    let text = found.to_text();
    let expected =
        "Event event-1 contradicts itself: durations of intervals do not add up; a VEN answers 454";
    assert!(text.contains(expected), "{text}");
    assert_eq!(found.to_json()["faults"][0]["code"], 454);
}

#[test]
fn the_place_in_an_http_message_is_that_in_the_file() {
    let http = format!("HTTP/1.1 200 OK\r\nA: b\r\n\r\n{}", "<a>\n</b>");
    let found = look(&http);
    let json = found.to_json();
    assert_eq!(json["http"], "HTTP/1.1 200 OK");
    assert!(
        json["error"]["place"]["line"].as_u64().unwrap() >= 4,
        "{json}"
    );
    let found = look("POST / HTTP/1.1\r\n\r\n");
    assert!(
        found.to_text().contains("there is no document"),
        "{}",
        found.to_text()
    );
}

#[test]
fn what_a_peer_wrote_cannot_steer_the_terminal() {
    let bad = EVENT.replace("a comment", "\u{9b}31m\u{202e}");
    let text = look(&bad).to_text();
    assert!(!text.contains(['\u{9b}', '\u{202e}', '\u{1b}']), "{text}");
}

#[test]
fn a_signature_is_told_with_its_signer() {
    let (ca, key) = signing_key();
    let document = sign(&poll(), &key, now(), [7; 16]).unwrap();
    let certificate = || Certificate::from_der(key.certificate().der()).unwrap();
    let fingerprint = key.certificate().fingerprint().to_string();

    let open = inspect(&document, &Judge::default(), now());
    assert!(open.is_good(), "{}", open.to_text());
    let text = open.to_text();
    for part in [
        "Signature: valid",
        "CN=house",
        &fingerprint,
        "does not prove who that is",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }

    let judge = Judge {
        signer: Some(certificate()),
        roots: Some(Roots::new(vec![ca]).unwrap()),
        ..Judge::default()
    };
    let named = inspect(&document, &judge, now());
    assert!(named.is_good(), "{}", named.to_text());
    let text = named.to_text();
    for part in ["certificate that was expected", "It leads to the CA"] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    assert_eq!(named.to_json()["signature"]["verdict"], "valid");

    let (other_ca, other) = signing_key();
    let judge = Judge {
        signer: Some(Certificate::from_der(other.certificate().der()).unwrap()),
        ..Judge::default()
    };
    let wrong = inspect(&document, &judge, now());
    assert!(!wrong.is_good());
    let json = wrong.to_json();
    assert_eq!(json["signature"]["verdict"], "wrong");
    assert_eq!(json["signature"]["code"], "other_signer");
    assert_eq!(json["signature"]["signer"]["fingerprint"], fingerprint);

    let judge = Judge {
        roots: Some(Roots::new(vec![other_ca]).unwrap()),
        ..Judge::default()
    };
    let stranger = inspect(&document, &judge, now());
    assert!(!stranger.is_good());
    let text = stranger.to_text();
    assert!(text.contains("It does not lead to the CA"), "{text}");
}

#[test]
fn a_signature_of_yesterday_is_told_from_a_wrong_one() {
    let (_, key) = signing_key();
    let document = sign(&poll(), &key, now(), [7; 16]).unwrap();
    let later = now() + TimeDelta::hours(5);
    let old = inspect(&document, &Judge::default(), later);
    assert!(!old.is_good());
    let text = old.to_text();
    for part in [
        "Signature: wrong (too_old)",
        "Nothing else is wrong with it",
        "valid with --at 2026-01-31T15:00:00Z",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }

    let text = String::from_utf8(document).unwrap();
    let changed = text.replace(">house<", ">mouse<");
    assert_ne!(changed, text);
    let wrong = inspect(changed.as_bytes(), &Judge::default(), now());
    assert!(!wrong.is_good());
    assert_eq!(wrong.to_json()["signature"]["code"], "digest");
    let both = inspect(changed.as_bytes(), &Judge::default(), later);
    assert_eq!(both.to_json()["signature"]["valid_at"], Value::Null);
}
