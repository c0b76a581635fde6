//! Signatures that are none: stripped, tampered with, by other means than a signer's key, or meant to do
//! harm while they are read. None has an effect.

use aws_lc_rs::hmac;

use super::forge::{C14N, Forged, between, reference, with, with_transforms};
use super::signed::{Court, Deed};

#[test]
fn rule_514_what_is_rightly_signed_has_its_effect() {
    let court = Court::new();
    let house = || court.shown("/api/v1/vens/house");
    let [renamed, refused, away, gone] = court.deeds();
    assert_eq!(house()["registration"]["report_only"], false);
    assert_eq!(court.say(&court.house, &renamed), "200");
    assert_eq!(house()["registration"]["report_only"], true);
    // The name is the operator's.
    assert_eq!(house()["ven_name"], "house");

    assert_eq!(court.say(&court.house, &refused), "200");
    crate::operator::wait_for_answer(&court.vtn, super::signed::EVENT, "house", "optOut");
    assert_eq!(court.say(&court.house, &away), "200");
    assert_eq!(court.in_force(), ["Evil"]);
    assert_eq!(court.say(&court.house, &gone), "200");
    assert_eq!(house()["status"], "known");
    assert_eq!(court.refusals(), serde_json::json!([]));
    // What is forged by hand in all the other tests counts if nothing is wrong with it.
    let poll = Forged::of(&court.plant.poll().message, &court.plant.signer);
    let poll = poll.signed_by(|octets| court.plant.signer.sign(octets));
    assert_eq!(court.send(&court.plant, "/OadrPoll", &poll).status, 200);
}

#[test]
fn rule_514_a_stripped_signature_is_none() {
    let court = Court::new();
    court.refuses("unsigned", "there is no signature", |deed| {
        let document = court.house.signer.signed(&deed.message);
        let signature = between(&document, "<ds:Signature ", "</ds:Signature>");
        with(&document, signature, "")
    });
    // In a namespace that only looks like the one of signatures.
    court.refuses("unsigned", "there is no signature", |deed| {
        let document = court.house.signer.signed(&deed.message);
        let declared = "xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"";
        with(
            &document,
            declared,
            "xmlns:ds=\"http://www.w3.org/2000/09/xmldsig\"",
        )
    });
}

#[test]
fn rule_514_a_tampered_message_is_not_the_one_that_was_signed() {
    let court = Court::new();
    let tampered = |deed: &Deed| {
        let document = court.house.signer.signed(&deed.message);
        let said = ["leave", "optOut", "register"];
        let word = said.iter().find(|word| document.contains(*word)).unwrap();
        let other = if *word == "optOut" { "optIn" } else { "other" };
        document.replace(word, other)
    };
    court.refuses(
        "digest",
        "the digest of oadrSignedObject does not match",
        tampered,
    );
}

#[test]
fn rule_514_a_tampered_digest_or_signed_info_has_another_value() {
    let court = Court::new();
    for (from, to) in [
        ("<ds:DigestValue>", "<ds:DigestValue>AAAA"),
        ("<ds:SignedInfo>", "<ds:SignedInfo Id=\"info\">"),
        ("</ds:SignedInfo>", "\n</ds:SignedInfo>"),
        ("URI=\"#prop\"", "URI=\"#replay\""),
    ] {
        court.refuses(
            "value",
            "the signature value does not match SignedInfo",
            |deed| with(&court.house.signer.signed(&deed.message), from, to),
        );
    }
}

#[test]
fn rule_514_a_tampered_timestamp_or_nonce_is_not_the_one_that_was_signed() {
    let court = Court::new();
    for (from, to) in [
        ("Z</dsp:timestamp>", "1Z</dsp:timestamp>"),
        ("<dsp:nonce>", "<dsp:nonce>x"),
    ] {
        court.refuses(
            "digest",
            "the digest of ReplayProtect does not match",
            |deed| with(&court.house.signer.signed(&deed.message), from, to),
        );
    }
}

#[test]
fn rule_514_document_types_and_entities_are_not_read() {
    let court = Court::new();
    let declared = "<!DOCTYPE a [<!ENTITY v SYSTEM \"file:///etc/hostname\">]>";
    court.refuses(
        "malformed",
        "document type declarations are refused",
        |deed| format!("{declared}{}", court.house.signer.signed(&deed.message)),
    );
    court.refuses("malformed", "an entity other than", |deed| {
        with(
            &court.house.signer.signed(&deed.message),
            ">house<",
            ">&v;<",
        )
    });
    // Nor is one that is declared inside, where it is no declaration.
    court.refuses("malformed", "broken markup", |deed| {
        let document = court.house.signer.signed(&deed.message);
        with(
            &document,
            "<oadr:oadrSignedObject ",
            "<!ENTITY v \"house\"><oadr:oadrSignedObject ",
        )
    });
}

#[test]
fn rule_514_comments_and_entities_in_ids_make_no_other_ids() {
    let court = Court::new();
    // What was signed happens, and nothing else.
    for (opt_id, written) in [
        ("Away1", "Away<!-- -->1"),
        ("Away2", "&#65;way2"),
        ("Away3", "<![CDATA[Away]]>3"),
    ] {
        let away = court.away(opt_id);
        let document = court.house.signer.signed(&away.message);
        let document = document.replace(opt_id, written);
        assert!(document.contains(written));
        let answer = court.send(&court.house, away.path, &document);
        assert_eq!(super::signed::code(&answer), "200", "{document}");
        // The latest schedule takes the place of those before it.
        assert_eq!(court.in_force(), [opt_id]);
    }
    // What would be another ID was not signed.
    court.refuses(
        "digest",
        "the digest of oadrSignedObject does not match",
        |deed| {
            with(
                &court.house.signer.signed(&deed.message),
                ">house<",
                ">house<!-- -->1<",
            )
        },
    );
    // Plant signs an ID that is house's up to the comment; it is read as a whole, and is nobody's.
    let before = court.known_of_house();
    let mut forged = Forged::of(&court.away("Evil").message, &court.plant.signer);
    forged.signed_object = with(&forged.signed_object, ">house<", ">house1<");
    let document = forged.signed_by(|octets| court.plant.signer.sign(octets));
    let document = with(&document, ">house1<", ">house<!-- -->1<");
    let answer = court.send(&court.plant, "/EiOpt", &document);
    assert!(
        ["452", "463"].contains(&&*super::signed::code(&answer)),
        "{answer:?}"
    );
    assert_eq!(court.known_of_house(), before);
}

#[test]
fn rule_514_a_transform_that_could_leave_something_out_is_none() {
    let court = Court::new();
    for identifier in [
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
        "http://www.w3.org/2000/09/xmldsig#base64",
    ] {
        court.refuses(
            "algorithm",
            &format!("{identifier:?} is no transform"),
            |deed| {
                let mut forged = Forged::of(&deed.message, &court.house.signer);
                let transforms = [identifier, C14N];
                forged.references = with_transforms("#oadrSignedObject", "{object}", &transforms)
                    + &reference("#prop", "{prop}");
                forged.signed_by(|octets| court.house.signer.sign(octets))
            },
        );
    }
}

#[test]
fn rule_514_hmac_with_what_everybody_knows_as_its_secret_is_no_signature() {
    let court = Court::new();
    let signer = &court.house.signer;
    for method in [
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
    ] {
        court.refuses(
            "algorithm",
            &format!("{method:?} is no signature method"),
            |deed| {
                let mut forged = Forged::of(&deed.message, signer);
                forged.method = method;
                let secret = hmac::Key::new(hmac::HMAC_SHA256, &signer.public_key());
                forged.signed_by(|octets| hmac::sign(&secret, octets).as_ref().to_vec())
            },
        );
    }
}

#[test]
fn rule_514_sha1_counts_only_where_the_operator_allows_it() {
    let court = Court::new();
    let signer = &court.house.signer;
    let by_sha1 = |deed: &Deed| {
        let mut forged = Forged::of(&deed.message, signer);
        forged.method = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1";
        forged.signed_by(|octets| signer.sign_sha1(octets))
    };
    court.refuses("sha1", "the signature method uses SHA-1", by_sha1);
    court.refuses("sha1", "the digest method uses SHA-1", |deed| {
        let mut forged = Forged::of(&deed.message, signer);
        let sha256 = "http://www.w3.org/2001/04/xmlenc#sha256";
        let sha1 = "http://www.w3.org/2000/09/xmldsig#sha1";
        forged.references = forged.references.replace(sha256, sha1);
        forged.signed_by(|octets| signer.sign(octets))
    });
    let lax = Court::with(&["--signature-sha1"]);
    let mut forged = Forged::of(&lax.away("Old").message, &lax.house.signer);
    forged.method = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1";
    let document = forged.signed_by(|octets| lax.house.signer.sign_sha1(octets));
    assert_eq!(lax.send(&lax.house, "/EiOpt", &document).status, 200);
    assert_eq!(lax.in_force(), ["Old"]);
}

#[test]
fn rule_514_a_huge_signature_is_not_read_to_its_end() {
    let court = Court::new();
    for (before, words) in [
        (
            "<ds:SignatureValue>",
            "SignatureValue is not base64, or too long",
        ),
        (
            "<ds:X509Certificate>",
            "X509Certificate is not base64, or too long",
        ),
        ("<ds:DigestValue>", "DigestValue is not base64, or too long"),
    ] {
        court.refuses("base64", words, |deed| {
            let document = court.house.signer.signed(&deed.message);
            with(
                &document,
                before,
                &format!("{before}{}", "A".repeat(1 << 20)),
            )
        });
    }
    court.refuses(
        "too_much",
        "more than 100 elements in the signature",
        |deed| {
            let document = court.house.signer.signed(&deed.message);
            let names = "<ds:KeyName></ds:KeyName>".repeat(40_000);
            with(&document, "<ds:KeyInfo>", &format!("<ds:KeyInfo>{names}"))
        },
    );
}

#[test]
fn rule_514_a_deep_signature_is_not_read_to_its_end() {
    let court = Court::new();
    court.refuses("too_much", "elements within each other", |deed| {
        let document = court.house.signer.signed(&deed.message);
        let deep = "<ds:Object>".repeat(50_000) + &"</ds:Object>".repeat(50_000);
        with(&document, "<ds:KeyInfo>", &format!("<ds:KeyInfo>{deep}"))
    });
}
