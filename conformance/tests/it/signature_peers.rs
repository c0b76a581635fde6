//! Signatures between us and xmlsec1, Python's signxml and OpenLEADR, in both directions, with RSA and
//! P-256; canonical forms against lxml's, octet by octet.

use std::fs;
use std::process::Command;

use conformance::authority::{Authority, Issued, KeyKind};
use conformance::folder::Folder;
use conformance::peers::Peers;
use conformance::seed;
use conformance::signxml::Signxml;
use oadr_core::codec::{DecodeOptions, decode_signed_object, encode};
use oadr_core::payload::arbitrary::Draws;
use oadr_core::payload::{Message, MessageKind, Poll};
use oadr_core::value::{DateTime, VenId};
use oadr_sign::{Certificate, Policy, SignedDocument, SigningKey, diagnose, sign};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;

const INCLUSIVE: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const KINDS: [(KeyKind, &str); 2] = [
    (KeyKind::Rsa, "rsa-sha256"),
    (KeyKind::P256, "ecdsa-sha256"),
];

fn now() -> DateTime {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    DateTime::UNIX_EPOCH + since
}

fn poll() -> Message {
    let ven_id = VenId::new("ven-1").unwrap();
    Message::from(Poll { ven_id })
}

/// A certificate of the test's authority, and the key to sign with.
fn identity(authority: &Authority, name: &str) -> (Issued, SigningKey) {
    let issued = authority.client(name).unwrap();
    let key = PrivateKeyDer::from_pem_file(&issued.key).unwrap();
    let certificate = Certificate::from_der(&issued.der).unwrap();
    (issued, SigningKey::new(&key, certificate).unwrap())
}

/// A message of every kind, drawn anew with each number.
fn messages(count: u64) -> impl Iterator<Item = Message> {
    let mut source = seed::Draws::announced_or("signatures", 1);
    let kinds = MessageKind::ALL.iter().cycle();
    kinds
        .take(usize::try_from(count).unwrap())
        .map(move |kind| {
            let length = source.below(400);
            let numbers: Vec<u64> = (0..length).map(|_| source.next_number()).collect();
            Message::arbitrary(*kind, &mut Draws::new(&numbers))
        })
}

fn signed(message: &Message, key: &SigningKey, number: u64) -> String {
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&number.to_be_bytes());
    String::from_utf8(sign(message, key, now(), nonce).unwrap()).unwrap()
}

/// What we say to a document that somebody else has signed.
fn accept(document: &str, signer: &Issued, message: &Message) {
    let signer = Certificate::from_der(&signer.der).unwrap();
    let policy = Policy::default();
    let verified = SignedDocument::parse(document.as_bytes())
        .and_then(|signed| signed.verify(&signer, &policy, now()));
    let verified = verified.unwrap_or_else(|refusal| {
        let findings = diagnose(document.as_bytes(), Some(&signer), &policy, now());
        panic!("{refusal}: {findings:#?}\n{document}")
    });
    let decoded = decode_signed_object(&verified.octets, &DecodeOptions::default()).unwrap();
    assert_eq!(decoded.message, *message);
}

fn xmlsec1_or_skip(test: &str) -> bool {
    let there = Command::new("xmlsec1").arg("--version").output().is_ok();
    if !there {
        conformance::peers::skipped(test, "xmlsec1 is not installed");
    }
    there
}

fn xmlsec1(arguments: &[&str], file: &str) -> String {
    let output = Command::new("xmlsec1")
        .args(arguments)
        .args([
            "--id-attr:Id",
            "http://openadr.org/oadr-2.0b/2012/07:oadrSignedObject",
        ])
        .args(["--id-attr:Id", "http://www.w3.org/2000/09/xmldsig#:Object"])
        .arg(file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{file}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn rule_514_xmlsec1_verifies_what_we_sign() {
    if !xmlsec1_or_skip("rule_514_xmlsec1_verifies_what_we_sign") {
        return;
    }
    let folder = Folder::new("xmlsec1-verifies").unwrap();
    for (kind, _) in KINDS {
        let authority = Authority::new(kind).unwrap();
        let (_, key) = identity(&authority, "house");
        let authority = authority.certificate();
        for (number, message) in (0..).zip(messages(23)) {
            let file = folder.path().join(format!("{number}.xml"));
            fs::write(&file, signed(&message, &key, number)).unwrap();
            let trusted = authority.to_str().unwrap();
            xmlsec1(
                &["--verify", "--trusted-pem", trusted],
                file.to_str().unwrap(),
            );
        }
    }
}

#[test]
fn rule_514_openleadr_verifies_what_we_sign() {
    let Some(peers) = Peers::or_skip("rule_514_openleadr_verifies_what_we_sign") else {
        return;
    };
    let signxml = Signxml::start(&peers).unwrap();
    for (kind, _) in KINDS {
        let authority = Authority::new(kind).unwrap();
        let (_, key) = identity(&authority, "house");
        for (number, message) in (0..).zip(messages(46)) {
            let document = signed(&message, &key, number);
            let verdict = signxml.ask(&json!({"do": "verify", "document": document}));
            verdict.unwrap_or_else(|failure| panic!("{failure}\n{document}"));
            // It is not that it lets everything pass.
            let tampered =
                document.replace("ei:schemaVersion=\"2.0b\"", "ei:schemaVersion=\"2.0c\"");
            let verdict = signxml.ask(&json!({"do": "verify", "document": tampered}));
            let failure = verdict.unwrap_err().to_string();
            assert!(failure.contains("Digest"), "{failure}");
        }
    }
}

#[test]
fn rule_514_we_verify_what_openleadr_signs() {
    let Some(peers) = Peers::or_skip("rule_514_we_verify_what_openleadr_signs") else {
        return;
    };
    let signxml = Signxml::start(&peers).unwrap();
    for (kind, method) in KINDS {
        let authority = Authority::new(kind).unwrap();
        let (issued, _) = identity(&authority, "house");
        let certificate = fs::read_to_string(&issued.certificate).unwrap();
        let key = fs::read_to_string(&issued.key).unwrap();
        let task = json!({"do": "sign", "certificate": certificate, "key": key});
        accept(&signxml.text(&task, "document").unwrap(), &issued, &poll());
        // By the library that it uses, in other forms and with our namespaces.
        for c14n in [INCLUSIVE, EXCLUSIVE] {
            let document = String::from_utf8(encode(&poll())).unwrap();
            let document = document.replace(
                "<oadr:oadrSignedObject>",
                "<oadr:oadrSignedObject Id=\"oadrSignedObject\">",
            );
            let task = json!({
                "do": "sign_as", "document": document, "certificate": certificate, "key": key,
                "c14n": c14n, "method": method,
            });
            accept(&signxml.text(&task, "document").unwrap(), &issued, &poll());
        }
    }
}

/// A payload with a signature that is still to be filled in.
fn template(message: &Message, c14n: &str, method: &str) -> String {
    let transforms = format!("<ds:Transforms><ds:Transform Algorithm=\"{c14n}\"/></ds:Transforms>");
    let reference = |id: &str| {
        format!(
            "<ds:Reference URI=\"#{id}\">{transforms}<ds:DigestMethod \
             Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue/>\
             </ds:Reference>"
        )
    };
    let signature = format!(
        "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\n  <ds:SignedInfo>\n    \
         <ds:CanonicalizationMethod Algorithm=\"{c14n}\"/>\n    <ds:SignatureMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#{method}\"/>{}{}</ds:SignedInfo>\n\
         <ds:SignatureValue/><ds:KeyInfo><ds:X509Data/></ds:KeyInfo><ds:Object Id=\"prop\">\
         <ds:SignatureProperties><ds:SignatureProperty Target=\"#t\"><dsp:ReplayProtect \
         xmlns:dsp=\"http://openadr.org/oadr-2.0b/2012/07/xmldsig-properties\"><dsp:timestamp>{}\
         </dsp:timestamp><dsp:nonce>n</dsp:nonce></dsp:ReplayProtect></ds:SignatureProperty>\
         </ds:SignatureProperties></ds:Object></ds:Signature>",
        reference("signed"),
        reference("prop"),
        now().format("%Y-%m-%dT%H:%M:%SZ"),
    );
    String::from_utf8(encode(message)).unwrap().replace(
        "<oadr:oadrSignedObject>",
        &format!("{signature}\n<oadr:oadrSignedObject oadr:Id='signed'>\n<!-- what is signed -->"),
    )
}

#[test]
fn rule_514_we_verify_what_xmlsec1_signs() {
    if !xmlsec1_or_skip("rule_514_we_verify_what_xmlsec1_signs") {
        return;
    }
    let folder = Folder::new("xmlsec1-signs").unwrap();
    for (kind, method) in KINDS {
        let authority = Authority::new(kind).unwrap();
        let (issued, _) = identity(&authority, "house");
        let key = format!("{},{}", issued.key.display(), issued.certificate.display());
        for (number, message) in messages(23).enumerate() {
            let c14n = [INCLUSIVE, EXCLUSIVE][number % 2];
            let comments = ["", "WithComments", "#WithComments"];
            let comments = comments[usize::from(number % 3 == 0) * (2 - number % 2)];
            let file = folder.path().join(format!("{number}.xml"));
            let template = template(&message, &format!("{c14n}{comments}"), method);
            fs::write(&file, template).unwrap();
            let signed = xmlsec1(&["--sign", "--privkey-pem", &key], file.to_str().unwrap());
            accept(&signed, &issued, &message);
        }
    }
}

#[test]
fn rule_514_canonical_forms_are_those_of_lxml() {
    let Some(peers) = Peers::or_skip("rule_514_canonical_forms_are_those_of_lxml") else {
        return;
    };
    let signxml = Signxml::start(&peers).unwrap();
    let authority = Authority::new(KeyKind::P256).unwrap();
    let (_, key) = identity(&authority, "house");
    for (number, message) in (0..).zip(messages(230)) {
        let document = signed(&message, &key, number);
        let verified = SignedDocument::parse(document.as_bytes())
            .and_then(|signed| signed.verify(key.certificate(), &Policy::default(), now()))
            .unwrap();
        let task = json!({
            "do": "canonical", "document": document, "exclusive": false, "comments": false
        });
        let theirs = signxml.text(&task, "octets").unwrap();
        assert_eq!(String::from_utf8(verified.octets).unwrap(), theirs);
    }
}
