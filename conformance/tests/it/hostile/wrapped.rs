//! Signature wrapping: the signature is house's and over something that house said, but what would be
//! done is something else. Nothing is done.

use super::forge::{END, Forged, START, between, content, reference, with};
use super::signed::{Court, Deed};

/// What a forger has: a document that house signed, its signed object, and one of its own.
struct Stolen {
    document: String,
    signed: String,
    evil: String,
}

impl Stolen {
    fn of(court: &Court, deed: &Deed) -> Self {
        // With the deed's namespaces, so that all of it can stand in the document: house said the same
        // earlier, but for the ID of one that does not matter.
        let document = court.house.signer.signed(&court.away("Said").message);
        Self {
            signed: between(&document, START, END).to_owned(),
            evil: declared(&content(&deed.message)),
            document,
        }
    }

    /// The document with something else where the signed object was.
    fn instead(&self, of: &str) -> String {
        with(&self.document, &self.signed, of)
    }

    fn object(&self, attributes: &str, more: &str) -> String {
        format!(
            "<oadr:oadrSignedObject{attributes}>{more}{}{END}",
            self.evil
        )
    }
}

/// An element that declares its prefixes itself, so that it can stand in any document.
fn declared(element: &str) -> String {
    let end = element.find([' ', '>']).unwrap();
    let (name, rest) = element.split_at(end);
    format!(
        "{name} xmlns:ei=\"http://docs.oasis-open.org/ns/energyinterop/201110\" \
         xmlns:pyld=\"http://docs.oasis-open.org/ns/energyinterop/201110/payloads\" \
         xmlns:xcal=\"urn:ietf:params:xml:ns:icalendar-2.0\" \
         xmlns:emix=\"http://docs.oasis-open.org/ns/emix/2011/06\"{rest}"
    )
}

#[test]
fn rule_514_a_signed_object_that_was_moved_away_covers_no_other() {
    let court = Court::new();
    // Into the signature, into a wrapper beside the one in its place, and with the other one's Id gone.
    court.refuses("stray", "Signature holds ds:Object", |deed| {
        let stolen = Stolen::of(&court, deed);
        let parked = format!("<ds:Object>{}</ds:Object></ds:Signature>", stolen.signed);
        let other = stolen.instead(&stolen.object(" oadr:Id=\"other\"", ""));
        with(&other, "</ds:Signature>", &parked)
    });
    court.refuses("stray", "oadrPayload holds oadr:wrapper", |deed| {
        let stolen = Stolen::of(&court, deed);
        let other = stolen.object("", "");
        stolen.instead(&format!(
            "{other}<oadr:wrapper>{}</oadr:wrapper>",
            stolen.signed
        ))
    });
}

#[test]
fn rule_514_a_signed_object_within_another_covers_not_the_outer_one() {
    let court = Court::new();
    court.refuses("target", "is neither oadrSignedObject nor", |deed| {
        let stolen = Stolen::of(&court, deed);
        stolen.instead(&stolen.object("", &stolen.signed))
    });
    court.refuses("target", "is neither oadrSignedObject nor", |deed| {
        let stolen = Stolen::of(&court, deed);
        let other = stolen.instead(&stolen.object("", ""));
        let within = format!("</dsp:ReplayProtect>{}", stolen.signed);
        with(&other, "</dsp:ReplayProtect>", &within)
    });
}

#[test]
fn rule_514_an_id_that_two_elements_have_names_neither() {
    let court = Court::new();
    court.refuses("ambiguous_id", "several elements have the Id", |deed| {
        let stolen = Stolen::of(&court, deed);
        stolen.instead(&stolen.object(" oadr:Id=\"oadrSignedObject\"", &stolen.signed))
    });
}

#[test]
fn rule_514_ids_that_differ_in_their_namespace_are_the_same_or_none() {
    let court = Court::new();
    for attribute in ["Id", "ei:Id", "xml:id", "ID"] {
        court.refuses("ambiguous_id", "several elements have the Id", |deed| {
            let stolen = Stolen::of(&court, deed);
            let other = stolen.object(
                &format!(" {attribute}=\"oadrSignedObject\""),
                &stolen.signed,
            );
            stolen.instead(&other)
        });
    }
    // The only one is in a namespace that does not count.
    court.refuses("target", "is neither oadrSignedObject nor", |deed| {
        let document = court.house.signer.signed(&deed.message);
        with(&document, START, &START.replace("oadr:Id", "ei:Id"))
    });
}

#[test]
fn rule_514_of_two_signed_objects_none_counts() {
    let court = Court::new();
    for attributes in ["", " oadr:Id=\"other\""] {
        court.refuses(
            "several_signed_objects",
            "more than one oadrSignedObject",
            |deed| {
                let stolen = Stolen::of(&court, deed);
                let evil = stolen.object(attributes, "");
                stolen.instead(&format!("{evil}{}", stolen.signed))
            },
        );
        court.refuses(
            "several_signed_objects",
            "more than one oadrSignedObject",
            |deed| {
                let stolen = Stolen::of(&court, deed);
                let evil = stolen.object(attributes, "");
                stolen.instead(&format!("{}{evil}", stolen.signed))
            },
        );
    }
}

#[test]
fn rule_514_of_two_signatures_none_counts() {
    let court = Court::new();
    court.refuses("several_signatures", "more than one signature", |deed| {
        let document = court.house.signer.signed(&deed.message);
        let signature = between(&document, "<ds:Signature ", "</ds:Signature>");
        with(&document, signature, &signature.repeat(2))
    });
}

#[test]
fn rule_514_two_references_to_one_part_leave_the_other_unsigned() {
    let court = Court::new();
    for (uri, digest, words) in [
        (
            "#oadrSignedObject",
            "{object}",
            "both references lead to oadrSignedObject",
        ),
        ("#prop", "{prop}", "both references lead to ReplayProtect"),
    ] {
        court.refuses("referenced_twice", words, |deed| {
            let mut forged = Forged::of(&deed.message, &court.house.signer);
            forged.references = reference(uri, digest).repeat(2);
            forged.signed_by(|octets| court.house.signer.sign(octets))
        });
    }
    court.refuses(
        "references",
        "there are 1 references instead of two",
        |deed| {
            let mut forged = Forged::of(&deed.message, &court.house.signer);
            forged.references = reference("#prop", "{prop}");
            forged.signed_by(|octets| court.house.signer.sign(octets))
        },
    );
}

#[test]
fn rule_514_a_reference_to_an_ancestor_or_elsewhere_is_none() {
    let court = Court::new();
    let referring = |deed: &Deed, uri: &str| {
        let mut forged = Forged::of(&deed.message, &court.house.signer);
        forged.references = reference(uri, "{object}") + &reference("#prop", "{prop}");
        forged.signed_by(|octets| court.house.signer.sign(octets))
    };
    for uri in [
        "",
        "#xpointer(/)",
        "http://localhost/#oadrSignedObject",
        "#nowhere",
    ] {
        court.refuses("uri", "names no element by its Id", |deed| {
            referring(deed, uri)
        });
    }
    court.refuses("target", "leads to oadr:oadrPayload", |deed| {
        let document = referring(deed, "#all");
        with(
            &document,
            "<oadr:oadrPayload",
            "<oadr:oadrPayload Id=\"all\"",
        )
    });
}
