//! What is found out about signatures that do not verify.

use oadr_sign::{Finding, Policy, Severity, diagnose};

use crate::forge::{Forged, certificate, object_with, replay_protect};
use crate::keys::{at, house, mallory};

fn findings(document: &str) -> Vec<Finding> {
    diagnose(
        document.as_bytes(),
        Some(house().certificate()),
        &Policy::default(),
        at(1),
    )
}

fn codes(document: &str, severity: Severity) -> Vec<&'static str> {
    findings(document)
        .iter()
        .filter(|finding| finding.severity == severity)
        .map(|finding| finding.code)
        .collect()
}

fn says(document: &str, text: &str) {
    let findings = findings(document);
    assert!(
        findings.iter().any(|finding| finding.text.contains(text)),
        "{text}: {findings:#?}"
    );
}

#[test]
fn all_is_well() {
    let document = Forged::default().document();
    assert_eq!(
        codes(&document, Severity::Good),
        ["value", "digest", "digest", "time"]
    );
    assert_eq!(codes(&document, Severity::Bad), [""; 0]);
    assert_eq!(codes(&document, Severity::Note), ["certificate"]);
}

#[test]
fn a_document_without_a_signature() {
    assert_eq!(codes("<a></a>", Severity::Bad), ["unsigned"]);
    assert_eq!(codes("<a>", Severity::Bad), ["malformed"]);
}

#[test]
fn pretty_printed_after_it_was_signed() {
    let document = Forged::default().document();
    let pretty = document.replace("><", ">\n  <");
    assert_eq!(codes(&pretty, Severity::Bad), ["value", "digest", "digest"]);
    says(&pretty, "SignedInfo without the white space between tags");
    says(
        &pretty,
        "oadrSignedObject without the white space between tags",
    );
    says(
        &pretty,
        "ReplayProtect without the white space between tags",
    );
}

#[test]
fn canonicalised_on_its_own() {
    let forged = Forged::default();
    let document = forged.signed_by(|octets| {
        let octets = String::from_utf8(octets.to_vec()).unwrap();
        house().sign(
            octets
                .replace(crate::forge::NAMESPACES, "")
                .replace(crate::forge::DS, "")
                .as_bytes(),
        )
    });
    assert_eq!(codes(&document, Severity::Bad), ["value"]);
    says(
        &document,
        "SignedInfo canonicalised as a document of its own",
    );
    let document = forged.signed_by(|octets| {
        let octets = String::from_utf8(octets.to_vec()).unwrap();
        house().sign(octets.replace(crate::forge::NAMESPACES, "").as_bytes())
    });
    says(
        &document,
        "canonicalised by http://www.w3.org/2001/10/xml-exc-c14n# where",
    );
}

#[test]
fn the_value_is_in_der() {
    let document = Forged::default().signed_by(|octets| house().sign_der(octets));
    assert_eq!(codes(&document, Severity::Bad), ["value"]);
    says(&document, "is right, but in DER");
}

#[test]
fn another_key_or_certificate() {
    let document = Forged {
        key_info: certificate(mallory()),
        ..Forged::default()
    };
    let document = document.document();
    assert_eq!(codes(&document, Severity::Bad), ["other_signer", "value"]);
    says(&document, "right for the expected signer's key");
    says(
        &document,
        &mallory().certificate().fingerprint().to_string(),
    );
    says(&document, &house().certificate().fingerprint().to_string());
    let document = Forged::default().signed_by(|octets| mallory().sign(octets));
    says(&document, "no other form of SignedInfo");
}

#[test]
fn a_changed_message() {
    let document = Forged::default().document().replace("ven-1", "ven-2");
    assert_eq!(codes(&document, Severity::Bad), ["digest"]);
    says(&document, "no other form of oadrSignedObject");
}

#[test]
fn a_clock_that_is_off() {
    let document = Forged {
        object: object_with(&replay_protect(at(7_200), "nonce")),
        ..Forged::default()
    };
    let findings = findings(&document.document());
    let bad = findings
        .iter()
        .find(|f| f.severity == Severity::Bad)
        .unwrap();
    assert_eq!(bad.code, "too_new");
    assert!(bad.advice.unwrap().contains("time zone"));
}
