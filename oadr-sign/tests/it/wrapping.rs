//! Signature wrapping: what is signed is not what would be executed. None of it verifies.

use oadr_sign::{Refusal, Which};

use crate::forge::{Forged, object_with, poll_of, reference, replay_protect, verify};
use crate::keys::at;

const START: &str = "<oadr:oadrSignedObject oadr:Id=\"oadrSignedObject\">";
const END: &str = "</oadr:oadrSignedObject>";

fn evil(attributes: &str) -> String {
    format!(
        "<oadr:oadrSignedObject{attributes}>{}{END}",
        poll_of("evil")
    )
}

/// The document with this before its signed object, and this behind.
fn around(before: &str, after: &str) -> String {
    let document = Forged::default().document();
    document
        .replace(START, &format!("{before}{START}"))
        .replace(END, &format!("{END}{after}"))
}

fn refusal(document: &str) -> Refusal {
    verify(document).expect_err(document)
}

#[test]
fn rule_514_the_untouched_document_verifies() {
    let verified = verify(&Forged::default().document()).unwrap();
    assert!(
        String::from_utf8(verified.octets)
            .unwrap()
            .contains("ven-1")
    );
}

#[test]
fn rule_514_wrapping_by_a_second_signed_object() {
    for attributes in ["", " oadr:Id=\"other\""] {
        let evil = evil(attributes);
        for document in [around(&evil, ""), around("", &evil)] {
            assert_eq!(refusal(&document), Refusal::SeveralSignedObjects);
        }
    }
}

#[test]
fn rule_514_wrapping_by_a_moved_signed_object() {
    let document = Forged::default().document();
    let signed = format!("{START}{}{END}", poll_of("ven-1"));
    assert!(document.contains(&signed));
    // Into the signature's Object, into a wrapper beside it, into the evil object itself.
    let moved = document
        .replace(&signed, &evil(" oadr:Id=\"other\""))
        .replace(
            "</ds:Signature>",
            &format!("<ds:Object>{signed}</ds:Object></ds:Signature>"),
        );
    assert!(matches!(refusal(&moved), Refusal::Stray { .. }));
    let beside = document.replace(
        &signed,
        &format!("{}<oadr:wrapper>{signed}</oadr:wrapper>", evil("")),
    );
    assert!(matches!(refusal(&beside), Refusal::Stray { .. }));
    let inside = format!("<oadr:oadrSignedObject>{signed}{}{END}", poll_of("evil"));
    let inside = document.replace(&signed, &inside);
    assert!(matches!(refusal(&inside), Refusal::Target { .. }));
    let within_the_object = document.replace(&signed, &evil("")).replace(
        "</dsp:ReplayProtect>",
        &format!("</dsp:ReplayProtect>{signed}"),
    );
    assert!(matches!(
        refusal(&within_the_object),
        Refusal::Target { .. }
    ));
}

#[test]
fn rule_514_wrapping_by_a_duplicate_id() {
    for attribute in ["oadr:Id", "Id", "ID", "id", "ei:Id", "xml:id"] {
        let document = Forged::default().document();
        let second = format!("<ei:venID {attribute}=\"oadrSignedObject\">");
        let document = document.replace("<ei:venID>", &second);
        assert_eq!(
            refusal(&document),
            Refusal::AmbiguousId {
                id: "oadrSignedObject".into()
            },
            "{attribute}"
        );
        let document = Forged::default().document();
        let second = format!("<ds:KeyInfo {attribute}=\"prop\">");
        let document = document.replace("<ds:KeyInfo>", &second);
        let refusal = refusal(&document);
        assert!(
            refusal == Refusal::AmbiguousId { id: "prop".into() }
                || refusal == Refusal::XmlAttribute,
            "{attribute}: {refusal}"
        );
    }
}

#[test]
fn rule_514_wrapping_by_an_id_in_another_namespace() {
    // The signed object has the Id in a namespace that does not count.
    for attribute in ["ei:Id", "ds:Id", "xml:id"] {
        let document = Forged::default().document().replace(
            START,
            &format!(
                "<oadr:oadrSignedObject xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" \
                 {attribute}=\"oadrSignedObject\">"
            ),
        );
        assert!(
            matches!(refusal(&document), Refusal::Target { .. }),
            "{attribute}"
        );
    }
    // One has it with a namespace, the other without.
    let document = Forged::default().document();
    let document = document.replace(
        "<ds:SignatureProperties>",
        "<ds:SignatureProperties Id=\"oadrSignedObject\">",
    );
    assert!(matches!(refusal(&document), Refusal::AmbiguousId { .. }));
    // An entity in the Id does not hide it.
    let document = Forged::default().document();
    let document = document.replace("<ds:KeyInfo>", "<ds:KeyInfo Id=\"&#x6F;adrSignedObject\">");
    assert!(matches!(refusal(&document), Refusal::AmbiguousId { .. }));
}

#[test]
fn rule_514_two_references_to_the_same_part() {
    for (references, which) in [
        (
            reference("#oadrSignedObject", "{object}").repeat(2),
            Which::SignedObject,
        ),
        (reference("#prop", "{prop}").repeat(2), Which::ReplayProtect),
        (
            reference("#prop", "{prop}") + &reference("#myid", "{prop}"),
            Which::ReplayProtect,
        ),
    ] {
        let forged = Forged {
            references,
            ..Forged::default()
        };
        assert_eq!(refusal(&forged.document()), Refusal::ReferencedTwice(which));
    }
}

#[test]
fn rule_514_one_or_three_references() {
    let object = reference("#oadrSignedObject", "{object}");
    let prop = reference("#prop", "{prop}");
    for (references, count) in [
        (String::new(), 0),
        (object.clone(), 1),
        (prop.clone(), 1),
        (format!("{object}{prop}{prop}"), 3),
        (format!("{object}{object}{prop}"), 3),
    ] {
        let forged = Forged {
            references,
            ..Forged::default()
        };
        assert_eq!(refusal(&forged.document()), Refusal::References(count));
    }
}

#[test]
fn rule_514_references_to_an_ancestor_or_nothing_or_elsewhere() {
    let prop = reference("#prop", "{prop}");
    for uri in [
        "",
        "#",
        "#nowhere",
        "oadrSignedObject",
        "#xpointer(/)",
        "#xpointer(id('oadrSignedObject'))",
        "http://example.com/#oadrSignedObject",
        "file:///etc/passwd",
    ] {
        let forged = Forged {
            references: reference(uri, "{object}") + &prop,
            ..Forged::default()
        };
        let refusal = refusal(&forged.document());
        assert_eq!(refusal, Refusal::Uri { uri: uri.into() });
    }
    // The root, the signature, SignedInfo, a part of the signed object, KeyInfo.
    for element in [
        "<oadr:oadrPayload",
        "<ds:Signature",
        "<ds:SignedInfo",
        "<oadr:oadrPoll",
        "<ds:KeyInfo",
    ] {
        let forged = Forged {
            references: reference("#target", "{object}") + &prop,
            ..Forged::default()
        };
        let document = forged.document();
        let document = document.replacen(element, &format!("{element} Id=\"target\""), 1);
        assert!(
            matches!(refusal(&document), Refusal::Target { .. }),
            "{element}"
        );
    }
    // No URI at all.
    let forged = Forged {
        references: reference("#oadrSignedObject", "{object}")
            .replace(" URI=\"#oadrSignedObject\"", "")
            + &prop,
        ..Forged::default()
    };
    assert!(matches!(refusal(&forged.document()), Refusal::Uri { .. }));
}

#[test]
fn rule_514_replay_protect_outside_of_what_is_signed() {
    // The reference is to a property beside the one with ReplayProtect.
    let two = format!(
        " Id=\"prop\"><ds:SignatureProperties><ds:SignatureProperty Id=\"a\" Target=\"#t\">\
         </ds:SignatureProperty><ds:SignatureProperty Id=\"b\" Target=\"#t\">{}</ds:SignatureProperty>\
         </ds:SignatureProperties></ds:Object>",
        replay_protect(at(0), "nonce")
    );
    let forged = Forged {
        object: two,
        references: reference("#oadrSignedObject", "{object}") + &reference("#a", "{prop}"),
        ..Forged::default()
    };
    assert!(matches!(
        refusal(&forged.document()),
        Refusal::Target { .. }
    ));
    let second = replay_protect(at(0), "nonce").repeat(2);
    let document = Forged {
        object: object_with(&second),
        ..Forged::default()
    };
    assert_eq!(
        refusal(&document.document()),
        Refusal::SeveralReplayProtects
    );
    let elsewhere = Forged {
        key_info: Forged::default().key_info + &replay_protect(at(0), "nonce"),
        object: object_with(""),
        ..Forged::default()
    };
    assert_eq!(refusal(&elsewhere.document()), Refusal::NoReplayProtect);
    let deeper = Forged {
        object: object_with(&format!(
            "<ds:Object>{}</ds:Object>",
            replay_protect(at(0), "nonce")
        )),
        ..Forged::default()
    };
    assert_eq!(refusal(&deeper.document()), Refusal::NoReplayProtect);
    let none = Forged {
        object: object_with(""),
        ..Forged::default()
    };
    assert_eq!(refusal(&none.document()), Refusal::NoReplayProtect);
}

#[test]
fn rule_514_two_signatures() {
    let document = Forged::default().document();
    let from = document.find("<ds:Signature ").unwrap();
    let to = document.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let twice = document.replacen(&document[from..to], &document[from..to].repeat(2), 1);
    assert_eq!(refusal(&twice), Refusal::SeveralSignatures);
}
