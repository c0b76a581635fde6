//! The signature of the VTN's answer: whose it is, and everything that is wrong with it.
//!
//! Knows nothing of what the answer says.

use oadr_core::SignaturePolicy;
use oadr_core::value::DateTime;
use oadr_sign::{Certificate, Policy, Severity, SignedDocument, diagnose, is_signed};

use super::finding::{Finding, Level};
use super::handshake::Seen;
use super::judge;
use super::own::Trust;
use super::x509::Paper;

/// Judges the signature of a document as `oadr ven` would.
pub(super) fn examine(
    document: &[u8],
    seen: Option<&Seen>,
    host: &str,
    trust: &Trust,
    wanted: SignaturePolicy,
    policy: &Policy,
    now: DateTime,
) -> Vec<Finding> {
    if wanted == SignaturePolicy::Off {
        return Vec::new();
    }
    if !is_signed(document) {
        return match wanted {
            SignaturePolicy::Required => vec![Finding::problem(
                "unsigned",
                "the answer is not signed, and --signatures required was given",
                "Have signatures switched on in the VTN (oadr vtn --signatures required), or give \
                 --signatures optional.",
            )],
            SignaturePolicy::Optional | SignaturePolicy::Off => {
                vec![Finding::ok("unsigned", "the answer is not signed")]
            }
        };
    }
    let mut found = Vec::new();
    // Whose it is gets judged below; what diagnosing says of a stranger's certificate would be too much.
    let signed = SignedDocument::parse(document).ok();
    let claimed = signed.as_ref().map(SignedDocument::certificate);
    let certificate = claimed.and_then(|der| Certificate::from_der(der).ok());
    for said in diagnose(document, certificate.as_ref(), policy, now) {
        let what = format!("the signature of the answer: {}", said.text);
        let advice = said.advice.map_or_else(
            || "Show the answer to the VTN's operator: oadr inspect.".to_owned(),
            sentence,
        );
        match said.severity {
            Severity::Good => {}
            Severity::Note => found.push(Finding::hint(said.code, what, advice)),
            Severity::Bad => found.push(Finding::problem(said.code, what, advice)),
        }
    }
    let signer = claimed.and_then(Paper::read);
    if let Some(signer) = signer {
        found.extend(whose(&signer, seen, host, trust, now));
        if found.iter().all(|found| found.level != Level::Problem) {
            let what = format!(
                "the answer is signed by {}, and the signature is right",
                signer.called()
            );
            found.insert(0, Finding::ok("signature", what));
        }
    }
    found
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), chars.as_str()),
        None => String::new(),
    }
}

/// A signature counts if it is by the server's certificate, by one that was named, or by one for the
/// same host from a CA that is believed: a VTN may have keys of two kinds.
fn whose(
    signer: &Paper,
    seen: Option<&Seen>,
    host: &str,
    trust: &Trust,
    now: DateTime,
) -> Option<Finding> {
    let server = seen.and_then(|seen| seen.chain.first());
    if server.is_some_and(|server| *server == signer.der) {
        return None;
    }
    let judged = judge::examine(std::slice::from_ref(signer), host, trust, now);
    if judged.iter().all(|found| found.level != Level::Problem) {
        return None;
    }
    let expected = match server.and_then(|server| Paper::read(server)) {
        Some(server) => format!("the server's certificate is {}", server.hash.fingerprint()),
        None if trust.pins.is_empty() => {
            "it is from no CA that is believed for this host".to_owned()
        }
        None => {
            let pins: Vec<_> = trust.pins.iter().map(ToString::to_string).collect();
            format!("--vtn-certificate wants {}", pins.join(" or "))
        }
    };
    Some(Finding::problem(
        "other_signer",
        format!(
            "the answer is signed with the certificate {} ({}), and {expected}",
            signer.hash.fingerprint(),
            signer.called()
        ),
        "If the VTN has this certificate too, give its fingerprint with --vtn-certificate; if not, somebody \
         else signed.",
    ))
}
