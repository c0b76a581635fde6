//! The body of the fuzz target `verify`: any bytes, or a signed document with edits.
//!
//! Knows nothing of who makes the bytes. Behind the feature `fuzzing`, and no public API: anything here
//! may change with any version. Its key is for this and nothing else.

use std::sync::OnceLock;

use oadr_core::codec::{DecodeOptions, decode, decode_signed_object};
use oadr_core::payload::{Message, MessageKind, arbitrary::Draws};
use oadr_core::value::DateTime;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;

use crate::algorithm::Method;
use crate::xml::Document;
use crate::{
    Certificate, Policy, Refusal, SignedDocument, SigningKey, diagnose, is_signed, rebuild, sign,
};

/// Within the validity of the certificate.
const NOW: i64 = 1_800_000_000;

/// Verifies the bytes, or, if the first of them is odd, a signed document with edits: a place (two bytes),
/// how much goes, how much comes (a byte each), and what comes.
///
/// # Panics
/// Something verifies that was not signed, a canonical form is not canonical, or a signature was not
/// suspected where there is one.
pub fn verify(bytes: &[u8]) {
    let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    if first & 1 == 0 {
        check(rest);
    } else {
        check(&edited(&signed().document, rest));
    }
}

struct Signed {
    key: SigningKey,
    message: Message,
    document: Vec<u8>,
}

fn now() -> DateTime {
    DateTime::from_timestamp(NOW, 0).unwrap_or_default()
}

#[expect(clippy::expect_used, reason = "no fuzzing without a signed document")]
fn signed() -> &'static Signed {
    static SIGNED: OnceLock<Signed> = OnceLock::new();
    SIGNED.get_or_init(|| {
        let certificate = include_bytes!("fuzzing/certificate.pem");
        let certificate = Certificate::from_pem(certificate).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("fuzzing/key.pem"));
        let key = SigningKey::new(&key.expect("a key"), certificate).expect("its key");
        let message = Message::arbitrary(MessageKind::CreatedEvent, &mut Draws::new(&[1; 40]));
        let document = sign(&message, &key, now(), [7; 16]).expect("a signature");
        Signed {
            key,
            message,
            document,
        }
    })
}

fn edited(document: &[u8], mut edits: &[u8]) -> Vec<u8> {
    let mut document = document.to_vec();
    while let Some((&[high, low, gone, come], rest)) = edits.split_first_chunk() {
        let from = usize::from(u16::from_be_bytes([high, low])).min(document.len());
        let to = from.saturating_add(gone.into()).min(document.len());
        let (come, rest) = rest.split_at_checked(come.into()).unwrap_or((rest, &[]));
        document.splice(from..to, come.iter().copied());
        edits = rest;
    }
    document
}

fn check(bytes: &[u8]) {
    let Signed { key, message, .. } = signed();
    canonical(bytes);
    let parsed = SignedDocument::parse(bytes);
    assert!(is_signed(bytes) || parsed.is_err(), "it was not suspected");
    if matches!(parsed, Err(Refusal::Unsigned))
        && let Ok(decoded) = decode(bytes, &DecodeOptions::default())
    {
        let stripped = oadr_core::codec::encode(&decoded.message);
        assert!(!is_signed(&stripped) || SignedDocument::parse(&stripped).is_err());
    }
    let policy = Policy::default();
    let verified = parsed.and_then(|signed| signed.verify(key.certificate(), &policy, now()));
    let findings = diagnose(bytes, Some(key.certificate()), &policy, now());
    let good = findings
        .iter()
        .all(|finding| finding.severity != crate::Severity::Bad);
    assert_eq!(good, verified.is_ok(), "{findings:?}");
    let rebuilt = rebuild(bytes).and_then(|document| {
        SignedDocument::parse(&document)?.verify(key.certificate(), &policy, now())
    });
    for verified in verified.into_iter().chain(rebuilt) {
        let decoded = decode_signed_object(&verified.octets, &DecodeOptions::default());
        let same = decoded.is_ok_and(|decoded| decoded.message == *message);
        assert!(same, "something else was verified");
    }
}

/// The canonical form of what is canonical is itself.
fn canonical(bytes: &[u8]) {
    let Ok(document) = Document::parse(bytes) else {
        return;
    };
    for method in Method::ALL {
        let (mut once, mut twice) = (Vec::new(), Vec::new());
        if document
            .canonical(Document::ROOT, method.into(), &mut once)
            .is_err()
        {
            continue;
        }
        let again = Document::parse(&once);
        let again =
            again.and_then(|again| again.canonical(Document::ROOT, method.into(), &mut twice));
        // Escapes may have made it too long.
        assert!(
            matches!(again, Ok(()) | Err(Refusal::TooMuch(_))),
            "{again:?}: {}",
            String::from_utf8_lossy(&once)
        );
        assert!(
            again.is_err() || once == twice,
            "{}",
            String::from_utf8_lossy(&once)
        );
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_corpus_holds() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/verify");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        assert!(files.len() >= 10, "verify has lost its corpus");
        for file in files {
            println!("{}", file.display());
            verify(&std::fs::read(&file).unwrap());
        }
    }

    #[test]
    fn edits_are_made() {
        assert_eq!(
            edited(b"abcdef", &[0, 1, 2, 1, b'x', 0, 9, 9, 3, b'y']),
            b"axdefy"
        );
        verify(&[1]);
    }
}
