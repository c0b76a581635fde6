//! Whose signature it is: another VEN's, nobody's, or one that only looks like house's. Nobody acts in
//! house's name but house.

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::forge::{Forged, Signer, between, with};
use super::signed::{Court, Deed, code, registration};
use crate::wire;

/// Whoever may call himself house: the subject is the same.
fn impostor() -> Signer {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "house");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.self_signed(&key).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Signer::new(certificate.der(), &key)
}

#[test]
fn rule_514_another_vens_signature_is_not_houses() {
    let court = Court::new();
    let fingerprint = court.house.signer.certificate().fingerprint();
    court.refuses(
        "other_signer",
        &format!("where {fingerprint} was expected"),
        |deed| court.plant.signer.signed(&deed.message),
    );
    // Nor is house's worth anything on another's connection.
    let fingerprint = court.plant.signer.certificate().fingerprint();
    let words = format!("where {fingerprint} was expected");
    court.refuses_over(&court.plant, "other_signer", &words, |deed| {
        court.house.signer.signed(&deed.message)
    });
}

#[test]
fn rule_514_a_certificate_of_the_same_subject_is_not_the_same() {
    let court = Court::new();
    let impostor = impostor();
    let claimed = impostor.certificate().fingerprint();
    court.refuses(
        "other_signer",
        &format!("signed with the certificate {claimed}"),
        |deed| impostor.signed(&deed.message),
    );
    // The same of the same authority, which nobody enrolled.
    let second = Signer::of(&court.authority.client("house").unwrap());
    court.refuses("other_signer", "signed with the certificate", |deed| {
        second.signed(&deed.message)
    });
}

#[test]
fn rule_514_a_certificate_alone_signs_nothing() {
    let court = Court::new();
    court.refuses(
        "value",
        "the signature value does not match SignedInfo",
        |deed| {
            let forged = Forged::of(&deed.message, &court.house.signer);
            forged.signed_by(|octets| court.plant.signer.sign(octets))
        },
    );
    // Put in later, where another was.
    court.refuses(
        "value",
        "the signature value does not match SignedInfo",
        |deed| {
            let document = court.plant.signer.signed(&deed.message);
            let key_info = between(&document, "<ds:X509Data>", "</ds:X509Data>");
            with(&document, key_info, &court.house.signer.key_info())
        },
    );
}

#[test]
fn rule_514_a_bare_key_or_a_name_proves_nothing() {
    let court = Court::new();
    for key_info in [
        "",
        "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQAB</ds:Modulus><ds:Exponent>AQAB</ds:Exponent>\
         </ds:RSAKeyValue></ds:KeyValue>",
        "<ds:KeyName>house</ds:KeyName>",
        "<ds:X509Data><ds:X509SubjectName>CN=house</ds:X509SubjectName></ds:X509Data>",
    ] {
        court.refuses("no_certificate", "KeyInfo has no X509Certificate", |deed| {
            let mut forged = Forged::of(&deed.message, &court.house.signer);
            forged.key_info = key_info.to_owned();
            forged.signed_by(|octets| court.house.signer.sign(octets))
        });
    }
}

#[test]
fn rule_514_two_certificates_are_one_too_many() {
    let court = Court::new();
    court.refuses(
        "several_certificates",
        "more than one X509Certificate",
        |deed| {
            let mut forged = Forged::of(&deed.message, &court.house.signer);
            forged.key_info += &court.plant.signer.key_info();
            forged.signed_by(|octets| court.plant.signer.sign(octets))
        },
    );
}

#[test]
fn rule_516_a_ven_says_nothing_in_the_name_of_another() {
    let court = Court::new();
    let before = court.known_of_house();
    // Plant may sign, and does so rightly; but it is not house.
    for deed in court.deeds() {
        let document = court.plant.signer.signed(&deed.message);
        let answer = court.send(&court.plant, deed.path, &document);
        let code = code(&answer);
        assert!(["452", "463"].contains(&&*code), "{code} to {deed:?}");
        let refused = &court.refusals()[0];
        assert_eq!(
            (&refused["stage"], &refused["code"], &refused["ven"]),
            (&"request".into(), &code.into(), &"plant".into())
        );
    }
    assert_eq!(court.known_of_house(), before);
}

#[test]
fn rule_517_a_stranger_who_signs_is_still_a_stranger() {
    let court = Court::new();
    let before = court.known();
    let stranger = court.stranger();
    let query = "<oadr:oadrQueryRegistration xmlns:oadr=\"http://openadr.org/oadr-2.0b/2012/07\" \
        xmlns:ei=\"http://docs.oasis-open.org/ns/energyinterop/201110\" \
        xmlns:pyld=\"http://docs.oasis-open.org/ns/energyinterop/201110/payloads\" \
        ei:schemaVersion=\"2.0b\"><pyld:requestID>q</pyld:requestID></oadr:oadrQueryRegistration>";
    let query = oadr_core::codec::decode(
        query.as_bytes(),
        &oadr_core::codec::DecodeOptions::default(),
    );
    let query = Deed::new("/EiRegisterParty", query.unwrap().message);
    let create = Deed::new("/EiRegisterParty", registration("house"));
    // Whoever asks may know what the VTN offers, and whose IDs are whose only if they are his.
    let answer = court.send(
        &stranger,
        query.path,
        &stranger.signer.signed(&query.message),
    );
    assert_eq!(code(&answer), "200");
    for id in ["venID", "registrationID"] {
        assert!(wire::texts(&answer.body, id).concat().is_empty(), "{id}");
    }
    for deed in court.deeds().iter().chain([&create]) {
        let answer = court.send(&stranger, deed.path, &stranger.signer.signed(&deed.message));
        assert_eq!(code(&answer), "463", "{deed:?}");
        // Without a signature, not even that.
        let unsigned = String::from_utf8(oadr_core::codec::encode(&deed.message)).unwrap();
        let answer = court.send(&stranger, deed.path, &unsigned);
        assert_eq!((answer.status, answer.body.len()), (403, 0), "{deed:?}");
    }
    let refusals = court.refusals();
    let unknown = refusals.as_array().unwrap().iter();
    let mut unknown = unknown.filter(|one| one["stage"] == "certificate");
    let reason = unknown.next().unwrap()["reason"].as_str().unwrap();
    assert!(reason.contains("no VEN has this certificate"), "{reason}");
    assert_eq!(court.known(), before);
}
