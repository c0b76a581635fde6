//! Signed documents of other implementations, where there are any.
//!
//! They are not part of this repository: see `OADR_SIGNED_CORPUS`, a folder of XML files.

use std::path::PathBuf;

use chrono::TimeDelta;
use oadr_core::codec::{DecodeOptions, decode_signed_object};
use oadr_core::value::DateTime;
use oadr_sign::{Certificate, Policy, SignedDocument};

#[test]
fn rule_514_what_others_signed_verifies() {
    let Some(folder) = std::env::var_os("OADR_SIGNED_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: OADR_SIGNED_CORPUS names no folder with signed documents");
        return;
    };
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "xml") {
            continue;
        }
        let document = std::fs::read(&path).unwrap();
        let signed = SignedDocument::parse(&document).unwrap();
        let signer = Certificate::from_der(signed.certificate()).unwrap();
        // Signed long ago, at some moment of the certificate's validity.
        let now = signer.not_before();
        let policy = Policy {
            window: TimeDelta::days(36_500),
            ..Policy::default()
        };
        let verified = signed.verify(&signer, &policy, now.max(DateTime::UNIX_EPOCH));
        let verified = verified.unwrap_or_else(|refusal| panic!("{}: {refusal}", path.display()));
        let decoded = decode_signed_object(&verified.octets, &DecodeOptions::default());
        assert!(decoded.is_ok(), "{}: {decoded:?}", path.display());
        seen += 1;
    }
    eprintln!("{seen} documents");
}
