//! What was changed, stripped, swapped, repeated or made too large. None of it verifies.

use chrono::TimeDelta;
use oadr_core::codec::{DecodeOptions, decode, decode_signed_object};
use oadr_core::payload::arbitrary;
use oadr_sign::{
    Broken, Limit, Policy, Refusal, ReplayGuard, Role, SignedDocument, Which, is_signed, sign,
};
use proptest::prelude::*;

use crate::forge::{
    C14N, Forged, certificate, object_with, poll_of, reference, replay_protect, verify, verify_at,
    with_transforms,
};
use crate::keys::{at, house, mallory, poll, rsa};

fn refusal(document: &str) -> Refusal {
    verify(document).expect_err(document)
}

fn broken(document: &str) -> Broken {
    let refusal = refusal(document);
    let Refusal::Malformed { what, .. } = refusal else {
        panic!("{refusal}");
    };
    what
}

#[test]
fn rule_514_a_stripped_signature_is_none() {
    let document = Forged::default().document();
    let from = document.find("<ds:Signature ").unwrap();
    let to = document.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let stripped = document.replacen(&document[from..to], "", 1);
    assert!(!is_signed(stripped.as_bytes()));
    assert_eq!(refusal(&stripped), Refusal::Unsigned);
    // It stands somewhere else, or in another namespace: none for the codec either.
    let moved = stripped.replace("<ei:venID>", &format!("{}<ei:venID>", &document[from..to]));
    assert!(is_signed(moved.as_bytes()));
    assert_eq!(refusal(&moved), Refusal::Unsigned);
    assert!(decode(moved.as_bytes(), &DecodeOptions::default()).is_err());
    let other = document.replace("http://www.w3.org/2000/09/xmldsig#\"", "urn:other\"");
    assert_eq!(refusal(&other), Refusal::Unsigned);
    assert!(decode(other.as_bytes(), &DecodeOptions::default()).is_err());
    // Outside of a payload.
    let bare = document.replace("oadrPayload", "oadrPoll");
    assert_eq!(refusal(&bare), Refusal::NotAPayload);
}

#[test]
fn rule_514_a_signature_is_found_under_any_prefix() {
    let document = Forged::default().document();
    for (prefix, declared) in [
        ("x:", "xmlns:x"),
        ("", "xmlns"),
        ("Signature:", "xmlns:Signature"),
    ] {
        let other = document
            .replace("<ds:", &format!("<{prefix}"))
            .replace("</ds:", &format!("</{prefix}"))
            .replace("xmlns:ds=", &format!("{declared}="));
        assert!(is_signed(other.as_bytes()), "{prefix}");
        // SignedInfo's octets have other prefixes now.
        assert_eq!(refusal(&other), Refusal::Value);
    }
    for unsigned in [
        "",
        "<a>Signature</a>",
        "<oadr:oadrXmlSignature>true</oadr:oadrXmlSignature>",
    ] {
        assert!(!is_signed(unsigned.as_bytes()));
    }
    let text = "<oadr:oadrPayload xmlns:oadr=\"http://openadr.org/oadr-2.0b/2012/07\">\
                <oadr:oadrSignedObject>ds:Signature </oadr:oadrSignedObject></oadr:oadrPayload>";
    assert!(is_signed(text.as_bytes()));
    assert_eq!(refusal(text), Refusal::Unsigned);
}

#[test]
fn rule_514_a_swapped_certificate() {
    let swapped = Forged {
        key_info: certificate(mallory()),
        ..Forged::default()
    };
    let document = swapped.signed_by(|octets| mallory().sign(octets));
    assert_eq!(
        refusal(&document),
        Refusal::OtherSigner {
            claimed: mallory().certificate().hash(),
            expected: house().certificate().fingerprint(),
        }
    );
    // House's certificate with mallory's signature.
    let document = Forged::default().signed_by(|octets| mallory().sign(octets));
    assert_eq!(refusal(&document), Refusal::Value);
}

#[test]
fn rule_514_a_bare_key_or_a_name_instead_of_a_certificate() {
    let key_value = "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQAB</ds:Modulus>\
                     <ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>";
    for key_info in [
        "",
        key_value,
        "<ds:KeyName>house</ds:KeyName>",
        "<ds:X509Data><ds:X509SubjectName>CN=house</ds:X509SubjectName></ds:X509Data>",
        "<ds:X509Data><ds:Other><ds:X509Certificate>AAAA</ds:X509Certificate></ds:Other></ds:X509Data>",
    ] {
        let forged = Forged {
            key_info: key_info.to_owned(),
            ..Forged::default()
        };
        assert_eq!(refusal(&forged.document()), Refusal::NoCertificate);
    }
    let several = Forged {
        key_info: certificate(house()) + &certificate(mallory()),
        ..Forged::default()
    };
    assert_eq!(refusal(&several.document()), Refusal::SeveralCertificates);
    // Beside the certificate, neither counts.
    let beside = Forged {
        key_info: format!("<ds:KeyName>evil</ds:KeyName>{key_value}") + &certificate(house()),
        ..Forged::default()
    };
    assert!(verify(&beside.document()).is_ok());
}

#[test]
fn rule_514_a_tampered_message_digest_timestamp_or_nonce() {
    let document = Forged::default().document();
    for (from, to, expected) in [
        ("ven-1", "ven-2", Refusal::Digest(Which::SignedObject)),
        ("2.0b\"", "2.0a\"", Refusal::Digest(Which::SignedObject)),
        (">nonce<", ">other<", Refusal::Digest(Which::ReplayProtect)),
        (
            "<dsp:timestamp>2026",
            "<dsp:timestamp>2027",
            Refusal::Digest(Which::ReplayProtect),
        ),
        (
            "Target=\"#t\"",
            "Target=\"#u\"",
            Refusal::Digest(Which::ReplayProtect),
        ),
        ("<ds:DigestValue>", "<ds:DigestValue> ", Refusal::Value),
        ("URI=\"#prop\"", "URI=\"#myid\"", Refusal::Value),
        (
            "<ds:SignedInfo>",
            "<ds:SignedInfo Id=\"i\">",
            Refusal::Value,
        ),
        ("</ds:SignedInfo>", "\n</ds:SignedInfo>", Refusal::Value),
    ] {
        assert!(document.contains(from), "{from}");
        assert_eq!(refusal(&document.replace(from, to)), expected, "{from}");
    }
    // Namespaces of the root are in scope of all parts.
    let declared = document.replace("<oadr:oadrPayload", "<oadr:oadrPayload xmlns:a=\"urn:a\"");
    assert_eq!(refusal(&declared), Refusal::Value);
}

#[test]
fn rule_514_a_replay() {
    let document = Forged::default().document();
    let mut guard = ReplayGuard::new(Policy::default().window);
    let first = verify(&document).unwrap();
    assert_eq!(guard.admit(&first.signature, at(1)), Ok(()));
    // Other white space around what is signed is still the same signature.
    let again = document.replace("</ds:SignatureValue>", "</ds:SignatureValue>\n");
    let second = verify(&again).unwrap();
    assert_eq!(
        guard.admit(&second.signature, at(2)),
        Err(Refusal::Replayed)
    );
    let other = Forged {
        object: object_with(&replay_protect(at(0), "another")),
        ..Forged::default()
    };
    let other = verify(&other.document()).unwrap();
    assert_eq!(guard.admit(&other.signature, at(2)), Ok(()));
}

#[test]
fn rule_514_a_replay_after_a_restart() {
    let document = Forged::default().document();
    let signed = SignedDocument::parse(document.as_bytes()).unwrap();
    let policy = |start| Policy {
        not_before: Some(at(start)),
        ..Policy::default()
    };
    let verify = |start| signed.verify(house().certificate(), &policy(start), at(10));
    assert_eq!(verify(1), Err(Refusal::BeforeStart));
    assert!(verify(0).is_ok());
}

#[test]
fn rule_514_too_old_and_too_far_in_the_future() {
    let document = Forged::default().document();
    for seconds in [-60, -1, 0, 1, 60] {
        assert!(verify_at(&document, at(seconds)).is_ok(), "{seconds}");
    }
    let by = TimeDelta::seconds(61);
    assert_eq!(verify_at(&document, at(61)), Err(Refusal::TooOld { by }));
    assert_eq!(verify_at(&document, at(-61)), Err(Refusal::TooNew { by }));
    for timestamp in [
        "",
        "yesterday",
        "2026-05-28T20:26:40",
        "2026-05-28 20:26:40Z",
        "1780000000",
    ] {
        let replay_protect = replay_protect(at(0), "nonce")
            .replace(&at(0).format("%Y-%m-%dT%H:%M:%SZ").to_string(), timestamp);
        let forged = Forged {
            object: object_with(&replay_protect),
            ..Forged::default()
        };
        assert_eq!(
            refusal(&forged.document()),
            Refusal::Timestamp,
            "{timestamp}"
        );
    }
    for nonce in ["", "  ", &"n".repeat(2_000)] {
        let forged = Forged {
            object: object_with(&replay_protect(at(0), nonce)),
            ..Forged::default()
        };
        assert_eq!(refusal(&forged.document()), Refusal::Nonce);
    }
}

#[test]
fn rule_516_a_certificate_that_is_not_valid_now() {
    let certificate = house().certificate();
    let late = certificate.not_after() + TimeDelta::seconds(1);
    let forged = Forged {
        object: object_with(&replay_protect(late, "nonce")),
        ..Forged::default()
    };
    assert_eq!(
        verify_at(&forged.document(), late),
        Err(Refusal::Validity {
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
        })
    );
}

#[test]
fn rule_514_comments_inside_ids_split_nothing() {
    // Added by somebody on the way: comments are not signed, and what is read has none.
    let document = Forged::default().document();
    let commented = document.replace("ven-1", "ven<!-- evil -->-1");
    let verified = verify(&commented).unwrap();
    assert!(!String::from_utf8_lossy(&verified.octets).contains("evil"));
    let decoded = decode_signed_object(&verified.octets, &DecodeOptions::default()).unwrap();
    assert_eq!(decoded.message, poll());
    // In the values of the signature itself, too.
    let commented = document.replace("#oadrSignedObject\">", "#oadrSignedObject\"><!-- -->");
    assert!(verify(&commented).is_ok());
    let cut = document.replace("ven-1", "ven-1<!---->x");
    assert_eq!(refusal(&cut), Refusal::Digest(Which::SignedObject));
}

#[test]
fn rule_514_entities_and_document_types() {
    let document = Forged::default().document();
    let doctype = format!("<!DOCTYPE a [<!ENTITY v \"ven-1\">]>{document}");
    assert_eq!(broken(&doctype), Broken::Doctype);
    for (from, to, what) in [
        ("ven-1", "&v;", Broken::Reference),
        ("ven-1", "&#0;", Broken::Reference),
        ("ven-1", "ven\u{1}1", Broken::Character),
        ("ven-1", "ven]]>1", Broken::Markup),
        (
            "<ei:venID>",
            "<?evil?><ei:venID>",
            Broken::ProcessingInstruction,
        ),
        ("</ei:venID>", "</ei:vtnID>", Broken::EndTag),
        ("<ei:venID>", "<un:venID>", Broken::Prefix),
        (
            "<ei:venID>",
            "<ei:venID a=\"1\" a=\"2\">",
            Broken::Attribute,
        ),
        (
            "<ei:venID>",
            "<ei:venID xmlns:e=\"http://docs.oasis-open.org/ns/energyinterop/201110\" \
             ei:a=\"1\" e:a=\"2\">",
            Broken::Attribute,
        ),
        (
            "</oadr:oadrPayload>",
            "</oadr:oadrPayload>x",
            Broken::Outside,
        ),
        (
            "</oadr:oadrPayload>",
            "</oadr:oadrPayload><a></a>",
            Broken::Outside,
        ),
        ("</oadr:oadrPayload>", "", Broken::Truncated),
    ] {
        assert_eq!(broken(&document.replace(from, to)), what, "{from} {to}");
    }
    // What means the same is the same.
    for (from, to) in [
        ("ven-1", "v&#101;n-1"),
        ("ven-1", "<![CDATA[ven-1]]>"),
        ("<ei:venID>", "<ei:venID\n>"),
        ("ei:schemaVersion=\"2.0b\"", "ei:schemaVersion='2.0&#x62;'"),
    ] {
        assert!(verify(&document.replace(from, to)).is_ok(), "{to}");
    }
    let latin = [document.as_bytes(), b"\xFF"].concat();
    assert!(matches!(
        SignedDocument::parse(&latin),
        Err(Refusal::Malformed {
            what: Broken::Encoding,
            ..
        })
    ));
}

#[test]
fn rule_514_other_transforms_and_algorithms() {
    let prop = reference("#prop", "{prop}");
    let transform =
        |identifier: &str| format!("<ds:Transform Algorithm=\"{identifier}\"></ds:Transform>");
    let canonical = transform(C14N);
    for identifier in [
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2002/06/xmldsig-filter2",
        "http://www.w3.org/2000/09/xmldsig#base64",
        "",
    ] {
        for transforms in [
            transform(identifier),
            canonical.clone() + &transform(identifier),
            transform(identifier) + &canonical,
        ] {
            let transforms = format!("<ds:Transforms>{transforms}</ds:Transforms>");
            let object = with_transforms("#oadrSignedObject", "{object}", &transforms);
            let forged = Forged {
                references: object + &prop,
                ..Forged::default()
            };
            assert_eq!(
                refusal(&forged.document()),
                Refusal::Algorithm {
                    role: Role::Transform,
                    identifier: identifier.into()
                }
            );
        }
    }
    for count in [0, 3, 1_000] {
        let transforms = format!("<ds:Transforms>{}</ds:Transforms>", canonical.repeat(count));
        let object = with_transforms("#oadrSignedObject", "{object}", &transforms);
        let forged = Forged {
            references: object + &prop,
            ..Forged::default()
        };
        let refusal = refusal(&forged.document());
        assert!(
            matches!(
                refusal,
                Refusal::Structure("Transforms") | Refusal::TooMuch(_)
            ),
            "{count}: {refusal}"
        );
    }
    // A prefix list would take namespaces out of what is signed.
    let listed = canonical.replace(
        "></ds:Transform>",
        "><ec:InclusiveNamespaces xmlns:ec=\"http://www.w3.org/2001/10/xml-exc-c14n#\" \
         PrefixList=\"ei\"></ec:InclusiveNamespaces></ds:Transform>",
    );
    let object = with_transforms(
        "#oadrSignedObject",
        "{object}",
        &format!("<ds:Transforms>{listed}</ds:Transforms>"),
    );
    let forged = Forged {
        references: object + &prop,
        ..Forged::default()
    };
    assert!(matches!(refusal(&forged.document()), Refusal::Stray { .. }));
}

#[test]
fn rule_514_hmac_with_the_public_key_as_its_secret() {
    for method in [
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
    ] {
        let forged = Forged {
            method: method.to_owned(),
            ..Forged::default()
        };
        let secret =
            aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, house().certificate().der());
        let document =
            forged.signed_by(|octets| aws_lc_rs::hmac::sign(&secret, octets).as_ref().to_vec());
        assert_eq!(
            refusal(&document),
            Refusal::Algorithm {
                role: Role::Signature,
                identifier: method.into()
            }
        );
    }
}

#[test]
fn rule_514_the_method_is_for_the_signers_kind_of_key() {
    let forged = Forged {
        method: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256".to_owned(),
        ..Forged::default()
    };
    assert_eq!(refusal(&forged.document()), Refusal::OtherKeyKind);
    let document = sign(&poll(), rsa(), at(0), [1; 16]).unwrap();
    let document = String::from_utf8(document).unwrap();
    let document = document.replace("#rsa-sha256", "#ecdsa-sha256");
    let signed = SignedDocument::parse(document.as_bytes()).unwrap();
    assert_eq!(
        signed.verify(rsa().certificate(), &Policy::default(), at(0)),
        Err(Refusal::OtherKeyKind)
    );
}

#[test]
fn rule_514_sha1_counts_only_where_it_is_allowed() {
    let method = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1";
    let forged = Forged {
        method: method.to_owned(),
        ..Forged::default()
    };
    let document = forged.signed_by(|octets| house().sign_sha1(octets));
    assert_eq!(refusal(&document), Refusal::Sha1(Role::Signature));
    let signed = SignedDocument::parse(document.as_bytes()).unwrap();
    let lax = Policy {
        sha1: true,
        ..Policy::default()
    };
    assert!(signed.verify(house().certificate(), &lax, at(0)).is_ok());
    let references = Forged::default().references.replace(
        "http://www.w3.org/2001/04/xmlenc#sha256",
        "http://www.w3.org/2000/09/xmldsig#sha1",
    );
    let forged = Forged {
        references,
        ..Forged::default()
    };
    assert_eq!(refusal(&forged.document()), Refusal::Sha1(Role::Digest));
}

#[test]
fn rule_514_huge_and_deep_signatures() {
    let document = Forged::default().document();
    let key_info =
        |inside: String| document.replace("<ds:KeyInfo>", &format!("<ds:KeyInfo>{inside}"));
    assert_eq!(
        refusal(&key_info("<a>".repeat(1_000_000))),
        Refusal::TooMuch(Limit::Depth(32))
    );
    assert_eq!(
        refusal(&key_info("<a></a>".repeat(200))),
        Refusal::TooMuch(Limit::SignatureElements(100))
    );
    assert_eq!(
        refusal(&key_info("<a/>".repeat(300_000))),
        Refusal::TooMuch(Limit::Elements(200_000))
    );
    assert_eq!(
        refusal(&key_info(" ".repeat(5 << 20))),
        Refusal::TooMuch(Limit::Bytes(4 << 20))
    );
    let attributes: String = (0..200).map(|n| format!(" a{n}=\"\"")).collect();
    assert_eq!(
        refusal(&key_info(format!("<a{attributes}/>"))),
        Refusal::TooMuch(Limit::Attributes(160))
    );
    let declared: String = (0..150).map(|n| format!(" xmlns:a{n}=\"urn:a\"")).collect();
    assert_eq!(
        refusal(&key_info(format!("<a{declared}/>"))),
        Refusal::TooMuch(Limit::Namespaces(128))
    );
    let value = document.replace(
        "<ds:SignatureValue>",
        &format!("<ds:SignatureValue>{}", "A".repeat(1 << 20)),
    );
    assert_eq!(refusal(&value), Refusal::Base64("SignatureValue"));
    let value = document.replace("<ds:SignatureValue>", "<ds:SignatureValue>*");
    assert_eq!(refusal(&value), Refusal::Base64("SignatureValue"));
    let huge = document.replace(
        "<ds:X509Certificate>",
        &format!("<ds:X509Certificate>{}", "A".repeat(1 << 20)),
    );
    assert_eq!(refusal(&huge), Refusal::Base64("X509Certificate"));
}

#[test]
fn rule_514_canonical_forms_do_not_explode() {
    // Every element of the exclusive form declares the long namespace anew.
    let uri = "u".repeat(100_000);
    let content = format!(
        "<ei:a xmlns:l=\"{uri}\">{}</ei:a>",
        "<l:b></l:b>".repeat(1_000)
    );
    let document = Forged::default().document();
    let document = document.replace(&poll_of("ven-1"), &content).replacen(
        C14N,
        "http://www.w3.org/2001/10/xml-exc-c14n#",
        9,
    );
    // The value comes first, so that only a signer could get this far.
    assert_eq!(refusal(&document), Refusal::Value);
    let findings = oadr_sign::diagnose(document.as_bytes(), None, &Policy::default(), at(0));
    assert!(
        findings.iter().any(|finding| finding.code == "too_much"),
        "{findings:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn rule_514_no_flipped_bit_changes_what_is_verified(
        numbers in prop::collection::vec(any::<u64>(), 0..40),
        place: prop::sample::Index,
        bit in 0..8_u8,
    ) {
        let message = arbitrary::message(&numbers);
        let mut document = sign(&message, house(), at(0), [1; 16]).unwrap();
        let place = place.index(document.len());
        document[place] ^= 1 << bit;
        let verified = SignedDocument::parse(&document)
            .and_then(|signed| signed.verify(house().certificate(), &Policy::default(), at(0)));
        if let Ok(verified) = verified {
            let decoded = decode_signed_object(&verified.octets, &DecodeOptions::default()).unwrap();
            prop_assert_eq!(decoded.message, message);
        }
    }

    #[test]
    fn rule_514_any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(SignedDocument::parse(&bytes).is_err());
    }

    #[test]
    fn rule_514_where_no_signature_is_suspected_the_codec_finds_none(
        numbers in prop::collection::vec(any::<u64>(), 0..40),
    ) {
        let document = oadr_core::codec::encode(&arbitrary::message(&numbers));
        if is_signed(&document) {
            prop_assert_eq!(SignedDocument::parse(&document).err(), Some(Refusal::Unsigned));
        }
    }
}
