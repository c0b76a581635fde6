//! What peers do otherwise than we and what counts all the same.

use oadr_core::codec::{DecodeOptions, decode_signed_object};

use crate::forge::{C14N, DS, Forged, NAMESPACES, poll_of, reference, verify, with_transforms};
use crate::keys::poll;

fn accepted(document: &str) {
    let verified = match verify(document) {
        Ok(verified) => verified,
        Err(refusal) => panic!("{refusal}: {document}"),
    };
    let decoded = decode_signed_object(&verified.octets, &DecodeOptions::default()).unwrap();
    assert_eq!(decoded.message, poll());
}

#[test]
fn rule_514_the_signature_is_first_or_last() {
    accepted(&Forged::default().document());
    let document = Forged::default().document();
    let from = document.find("<ds:Signature ").unwrap();
    let to = document.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let signature = document[from..to].to_owned();
    accepted(&document.replace(&signature, "").replace(
        "</oadr:oadrPayload>",
        &format!("{signature}</oadr:oadrPayload>"),
    ));
}

#[test]
fn rule_514_references_come_in_any_order_and_to_any_part_with_replay_protect() {
    let object = reference("#oadrSignedObject", "{object}");
    let forged = Forged {
        references: reference("#prop", "{prop}") + &object,
        ..Forged::default()
    };
    accepted(&forged.document());
}

#[test]
fn rule_514_the_signed_objects_id_has_a_namespace_or_none() {
    for attribute in ["oadr:Id", "Id", "ID"] {
        let forged = Forged {
            signed_object: format!(
                " {attribute}=\"a-1\">{}</oadr:oadrSignedObject>",
                poll_of("ven-1")
            ),
            references: reference("#a-1", "{object}") + &reference("#prop", "{prop}"),
            ..Forged::default()
        };
        let document = forged.document();
        if attribute == "ID" {
            // Verified, but no attribute of the schema.
            let octets = verify(&document).unwrap().octets;
            assert!(decode_signed_object(&octets, &DecodeOptions::default()).is_err());
        } else {
            accepted(&document);
        }
    }
}

#[test]
fn rule_514_transforms_may_be_missing_or_two() {
    let transform = format!("<ds:Transform Algorithm=\"{C14N}\"></ds:Transform>");
    let commented = transform.replace(C14N, &format!("{C14N}#WithComments"));
    for transforms in [
        String::new(),
        format!("<ds:Transforms>{}</ds:Transforms>", transform.repeat(2)),
        format!("<ds:Transforms>{commented}</ds:Transforms>"),
        format!("<ds:Transforms>{transform}{commented}</ds:Transforms>"),
    ] {
        let forged = Forged {
            references: with_transforms("#oadrSignedObject", "{object}", &transforms)
                + &with_transforms("#prop", "{prop}", &transforms),
            ..Forged::default()
        };
        accepted(&forged.document());
    }
}

#[test]
fn rule_514_comments_are_signed_by_some() {
    let commented = format!("{C14N}#WithComments");
    let transforms = format!(
        "<ds:Transforms><ds:Transform Algorithm=\"{commented}\"></ds:Transform></ds:Transforms>"
    );
    let forged = Forged {
        signed_object: Forged::default()
            .signed_object
            .replace("ven-1", "ven<!-- c -->-1"),
        references: with_transforms("#oadrSignedObject", "{object}", &transforms)
            + &reference("#prop", "{prop}"),
        canonicalisation: Forged::default().canonicalisation.replace(C14N, &commented),
        ..Forged::default()
    };
    accepted(&forged.document());
}

#[test]
fn rule_514_exclusive_forms_are_read_too() {
    // Signed as exclusive XML has it: with the namespaces that are used, where they are used.
    let exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
    let digest = |octets: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(aws_lc_rs::digest::digest(
            &aws_lc_rs::digest::SHA256,
            octets.as_bytes(),
        ))
    };
    let oadr = " xmlns:oadr=\"http://openadr.org/oadr-2.0b/2012/07\"";
    let ei = " xmlns:ei=\"http://docs.oasis-open.org/ns/energyinterop/201110\"";
    let signed = format!(
        "<oadr:oadrSignedObject{oadr} oadr:Id=\"oadrSignedObject\">{}</oadr:oadrSignedObject>",
        poll_of("ven-1").replace("<oadr:oadrPoll", &format!("<oadr:oadrPoll{ei}"))
    );
    let object = format!("<ds:Object{DS}{}", Forged::default().object);
    let transforms = format!(
        "<ds:Transforms><ds:Transform Algorithm=\"{exclusive}\"></ds:Transform></ds:Transforms>"
    );
    let forged = Forged {
        references: with_transforms("#oadrSignedObject", &digest(&signed), &transforms)
            + &with_transforms("#prop", &digest(&object), &transforms),
        canonicalisation: Forged::default().canonicalisation.replace(C14N, exclusive),
        ..Forged::default()
    };
    let document = forged.signed_by(|octets| {
        let octets = String::from_utf8(octets.to_vec()).unwrap();
        crate::keys::house().sign(octets.replace(NAMESPACES, "").as_bytes())
    });
    accepted(&document);
    assert_eq!(verify(&document).unwrap().octets, signed.as_bytes());
}

#[test]
fn rule_514_base64_has_white_space_in_it() {
    let document = Forged::default().document();
    let from = document.find("<ds:X509Certificate>").unwrap() + "<ds:X509Certificate>".len();
    let to = document.find("</ds:X509Certificate>").unwrap();
    let lines: Vec<String> = document.as_bytes()[from..to]
        .chunks(64)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    accepted(&document.replace(
        &document[from..to],
        &format!("\n  {}\n", lines.join("\n  ")),
    ));
}

#[test]
fn rule_514_a_declaration_and_a_byte_order_mark_are_not_signed() {
    let document = Forged::default().document();
    for before in [
        "\u{FEFF}",
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n",
        "<?xml version='1.0'?><!-- a -->",
    ] {
        accepted(&format!("{before}{document}\n<!-- b -->\n"));
    }
}
