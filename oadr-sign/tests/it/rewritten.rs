//! Documents that a server of XMPP wrote anew: what was signed is restored, and what was not is not.

use std::fmt::Write as _;

use oadr_core::codec::{DecodeOptions, decode_signed_object};
use oadr_core::payload::{Message, MessageKind, arbitrary, arbitrary::Draws};
use oadr_sign::{Carried, Policy, Refusal, SignedDocument, Verified, is_signed, rebuild, sign};
use proptest::prelude::*;
use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

use crate::forge::{C14N, Forged};
use crate::keys::{Key, at, house, p384, poll, rsa};

/// Writes a document with other prefixes. Prosody declares the namespace of every element that is not in
/// its parent's as the default, and a prefix for every attribute that has one: that is a 0 wherever it
/// draws; other servers may do otherwise.
fn rewritten(document: &[u8], mut draw: impl FnMut() -> u8) -> Vec<u8> {
    let mut reader = NsReader::from_str(std::str::from_utf8(document).unwrap());
    let mut out = String::new();
    // The default namespace of each open element, and how it is written.
    let mut open: Vec<(String, String)> = vec![(String::new(), String::new())];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                element(&reader, &start, &mut open, &mut draw, &mut out);
                out.push('>');
            }
            Event::End(_) => {
                let (_, name) = open.pop().unwrap();
                if out.ends_with('>')
                    && out.ends_with(&format!("<{name}>"))
                    && draw().is_multiple_of(2)
                {
                    out.pop();
                    out.push_str("/>");
                } else {
                    write!(out, "</{name}>").unwrap();
                }
            }
            Event::Text(text) => {
                out.push_str(&escaped(&text, &mut draw));
            }
            Event::GeneralRef(reference) => {
                write!(out, "&{};", &*reference).unwrap();
            }
            Event::Eof => return out.into_bytes(),
            event @ (Event::Empty(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)) => panic!("we write no {event:?}"),
        }
    }
}

/// `>` is mostly not escaped by us; others do.
fn escaped(text: &str, draw: &mut impl FnMut() -> u8) -> String {
    if draw().is_multiple_of(2) {
        text.replace('\'', "&apos;")
    } else {
        text.replace('"', "&#x22;")
    }
}

fn element(
    reader: &NsReader<&[u8]>,
    start: &BytesStart<'_>,
    open: &mut Vec<(String, String)>,
    draw: &mut impl FnMut() -> u8,
    out: &mut String,
) {
    let resolver = reader.resolver();
    let (space, local) = resolver.resolve_element(start.name());
    let space = text(space);
    let local = local.as_ref().to_owned();
    let (default, _) = open.last().unwrap().clone();
    let prefix = (draw() % 4 == 1).then(|| format!("p{}", draw() % 3));
    let mut declarations = String::new();
    let (name, default) = match prefix {
        Some(prefix) => {
            write!(declarations, " xmlns:{prefix}='{space}'").unwrap();
            (format!("{prefix}:{local}"), default)
        }
        None if space == default => (local, default),
        None => {
            write!(declarations, " xmlns='{space}'").unwrap();
            (local, space)
        }
    };
    write!(out, "<{name}{declarations}").unwrap();
    for (number, attribute) in (1..).zip(start.attributes()) {
        let attribute = attribute.unwrap();
        let key = attribute.key.as_ref();
        if key == "xmlns" || key.starts_with("xmlns:") {
            continue;
        }
        let (space, local) = resolver.resolve_attribute(attribute.key);
        let local: &str = local.as_ref();
        let value = attribute.value.replace('\'', "&apos;");
        match space {
            ResolveResult::Bound(_) if key.starts_with("xml:") => {
                write!(out, " {key}='{value}'").unwrap();
            }
            ResolveResult::Bound(space) => {
                let space = space.0;
                write!(
                    out,
                    " xmlns:ns{number}='{space}' ns{number}:{local}='{value}'"
                )
                .unwrap();
            }
            ResolveResult::Unbound => write!(out, " {local}='{value}'").unwrap(),
            ResolveResult::Unknown(_) => panic!("no namespace"),
        }
    }
    open.push((default, name));
}

fn text(space: ResolveResult<'_>) -> String {
    match space {
        ResolveResult::Bound(space) => space.0.to_owned(),
        ResolveResult::Unbound => String::new(),
        ResolveResult::Unknown(_) => panic!("no namespace"),
    }
}

fn as_prosody_does(document: &[u8]) -> Vec<u8> {
    rewritten(document, || 0)
}

fn verify(document: &[u8], key: &Key) -> Result<Verified, Refusal> {
    SignedDocument::parse(document)?.verify(key.certificate(), &Policy::default(), at(0))
}

#[test]
fn rule_514_what_a_server_wrote_anew_is_restored_to_the_letter() {
    for key in [house(), p384(), rsa()] {
        for kind in MessageKind::ALL {
            let message = Message::arbitrary(*kind, &mut Draws::new(&[3; 200]));
            let document = sign(&message, key, at(0), [7; 16]).unwrap();
            let other = as_prosody_does(&document);
            assert!(is_signed(&other));
            assert!(
                verify(&other, key).is_err(),
                "{kind}: the text is another one"
            );
            let restored = rebuild(&other).unwrap();
            assert_eq!(
                String::from_utf8(restored).unwrap(),
                String::from_utf8(document.clone()).unwrap()
            );
            let signed = SignedDocument::parse(&other).unwrap();
            let verify = |carried, now| {
                signed.verify_carried(carried, key.certificate(), &Policy::default(), now)
            };
            assert!(verify(Carried::AsSent, at(0)).is_err());
            assert!(verify(Carried::Rewritten, at(0)).is_ok());
            assert!(verify(Carried::Rewritten, at(100)).is_err());
            // What was left alone is the same.
            assert_eq!(rebuild(&document).unwrap(), document);
        }
    }
}

#[test]
fn rule_514_other_forms_are_not_restored() {
    let what = |document: &[u8]| match rebuild(document) {
        Err(Refusal::Rewritten(what)) => what,
        other => panic!("{other:?}"),
    };
    let mut exclusive = Forged::default();
    let c14n = &exclusive.canonicalisation;
    exclusive.canonicalisation = c14n.replace(C14N, "http://www.w3.org/2001/10/xml-exc-c14n#");
    assert_eq!(what(exclusive.document().as_bytes()), "canonical form");
    let mut swapped = Forged::default();
    let half = swapped.references.find("</ds:Reference>").unwrap() + "</ds:Reference>".len();
    let (first, second) = swapped.references.split_at(half);
    swapped.references = format!("{second}{first}");
    assert_eq!(what(swapped.document().as_bytes()), "order of references");

    let document = sign(&poll(), house(), at(0), [7; 16]).unwrap();
    let document = String::from_utf8(document).unwrap();
    let nonce = document.replace("<dsp:nonce>", "<dsp:nonce>&lt;dsp:nonce>");
    assert_eq!(what(nonce.as_bytes()), "ReplayProtect");
    let unreadable = document.replace("oadrPoll", "oadrPull");
    assert_eq!(what(unreadable.as_bytes()), "message");
    let hash = document.replace("xmlenc#sha256", "xmlenc#sha512");
    assert_eq!(what(hash.as_bytes()), "choice of algorithms");
    assert_eq!(rebuild(b"<a/>"), Err(Refusal::Unsigned));
    // What is restored of documents in yet another form is not what was signed.
    let forged = Forged::default().document();
    assert!(verify(forged.as_bytes(), house()).is_ok());
    let restored = rebuild(forged.as_bytes()).unwrap();
    assert!(verify(&restored, house()).is_err());
}

#[test]
fn rule_514_what_is_hidden_in_a_rewritten_document_is_not_read() {
    let document = sign(&poll(), house(), at(0), [7; 16]).unwrap();
    let other = String::from_utf8(as_prosody_does(&document)).unwrap();
    let second = "<oadrSignedObject><oadrPoll/></oadrSignedObject>";
    for forged in [
        other.replace("</oadrPayload>", &format!("{second}</oadrPayload>")),
        other.replace("<Signature ", &format!("{second}<Signature ")),
        other.replace("</Object>", &format!("{second}</Object>")),
        other.replace("</KeyInfo>", "<Id Id='oadrSignedObject'/></KeyInfo>"),
    ] {
        assert_ne!(forged, other);
        match rebuild(forged.as_bytes()) {
            Err(_) => {}
            // What has no place in what we write is not written.
            Ok(restored) => assert_eq!(restored, document),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn rule_514_what_was_signed_verifies_however_its_prefixes_were_written(
        numbers in prop::collection::vec(any::<u64>(), 0..200),
        draws in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let message = arbitrary::message(&numbers);
        let document = sign(&message, house(), at(0), [1; 16]).unwrap();
        // What is passed through as it is has prefixes of its own, which nobody knows afterwards.
        let text = String::from_utf8(document).unwrap();
        prop_assume!(!text.contains("http://www.w3.org/2005/Atom"));
        let mut draws = draws.iter().cycle();
        let other = rewritten(text.as_bytes(), || *draws.next().unwrap());
        let restored = rebuild(&other).unwrap();
        prop_assert_eq!(String::from_utf8_lossy(&restored), text);
        let verified = verify(&restored, house()).unwrap();
        let decoded = decode_signed_object(&verified.octets, &DecodeOptions::default()).unwrap();
        prop_assert_eq!(decoded.message, message);
    }

    #[test]
    fn rule_514_what_is_tampered_with_says_what_was_signed_or_nothing(
        numbers in prop::collection::vec(any::<u64>(), 0..40),
        place: prop::sample::Index,
        byte: u8,
    ) {
        let message = arbitrary::message(&numbers);
        let document = sign(&message, house(), at(0), [1; 16]).unwrap();
        let mut other = as_prosody_does(&document);
        let place = place.index(other.len());
        other[place] = byte;
        if let Ok(restored) = rebuild(&other)
            && let Ok(verified) = verify(&restored, house())
        {
            let options = DecodeOptions::default();
            let decoded = decode_signed_object(&verified.octets, &options).unwrap();
            prop_assert_eq!(decoded.message, message);
        }
    }
}
