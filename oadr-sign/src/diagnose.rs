//! Says in words what is right and what is wrong with a signed document.
//!
//! Knows nothing of who asks: what it finds out counts for nobody's messages.

mod advice;
mod search;

use chrono::TimeDelta;
use oadr_core::value::DateTime;

use crate::error::Which;
use crate::signature::Reference;
use crate::{Certificate, Policy, Refusal, SignedDocument};

/// Something that can be said of a signed document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, for programs: that of [`Refusal::code`](crate::Refusal::code) where it is the reason of
    /// a refusal; else `certificate`, `value`, `digest` or `time`.
    pub code: &'static str,
    /// What it is, for people: a sentence without its full stop.
    pub text: String,
    /// What to do about it, where that is known.
    pub advice: Option<&'static str>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// The signature does not count because of it.
    Bad,
}

/// Looks for all that is wrong with a signed document, where verifying stops at the first thing, and for
/// what became of it on its way.
///
/// Without `signer`, the certificate that came with the document counts, which is a claim that anybody can
/// make. There is at least one finding; if none is [`Severity::Bad`], the signature verifies. Costs more
/// than verifying, and is not for messages by the thousand.
#[must_use]
pub fn diagnose(
    document: &[u8],
    signer: Option<&Certificate>,
    policy: &Policy,
    now: DateTime,
) -> Vec<Finding> {
    let signed = match SignedDocument::parse(document) {
        Ok(signed) => signed,
        Err(refusal) => return vec![Finding::bad(&refusal)],
    };
    let mut findings = Vec::new();
    certificate(&signed, signer, policy, now, &mut findings);
    for reference in &signed.parts.references {
        digest(&signed, reference, policy, &mut findings);
    }
    time(&signed, policy, now, &mut findings);
    findings
}

impl Finding {
    fn good(code: &'static str, text: String) -> Self {
        Self {
            severity: Severity::Good,
            code,
            text,
            advice: None,
        }
    }

    fn note(code: &'static str, text: String, advice: Option<&'static str>) -> Self {
        Self {
            severity: Severity::Note,
            code,
            text,
            advice,
        }
    }

    fn bad(refusal: &Refusal) -> Self {
        Self {
            severity: Severity::Bad,
            code: refusal.code(),
            text: refusal.to_string(),
            advice: advice::of(refusal),
        }
    }
}

/// Whose it is, and whether the value is theirs.
fn certificate(
    signed: &SignedDocument<'_>,
    signer: Option<&Certificate>,
    policy: &Policy,
    now: DateTime,
    findings: &mut Vec<Finding>,
) {
    let Ok(claimed) = Certificate::from_der(signed.certificate()) else {
        findings.push(Finding {
            severity: Severity::Bad,
            code: Refusal::NoCertificate.code(),
            text: "what is in X509Certificate is no X.509 certificate".to_owned(),
            advice: Some(
                "put the signer's certificate there: DER in base64, without the PEM lines",
            ),
        });
        return;
    };
    findings.push(Finding::note(
        "certificate",
        format!(
            "signed with the certificate {} of {}, issued by {}, valid from {} to {}, {}",
            claimed.fingerprint(),
            claimed.subject(),
            claimed.issuer(),
            claimed.not_before(),
            claimed.not_after(),
            claimed.key_kind(),
        ),
        match signer {
            Some(_) => None,
            None => Some("compare the fingerprint with the one that its owner told you"),
        },
    ));
    // Whatever it should be: what is said of the value is said of who claims to have made it.
    for checked in [
        signed.verify_signer(signer.unwrap_or(&claimed), now),
        signed.verify_signer(&claimed, now),
    ] {
        let finding = checked.as_ref().err().map(Finding::bad);
        if let Some(finding) = finding.filter(|finding| !findings.contains(finding)) {
            findings.push(finding);
        }
    }
    match signed.verify_value(&claimed, policy) {
        Ok(()) => findings.push(Finding::good(
            "value",
            format!(
                "the signature value is right for the key of {}",
                claimed.fingerprint()
            ),
        )),
        Err(refusal) => {
            findings.push(Finding::bad(&refusal));
            if refusal == Refusal::Value {
                findings.extend(search::value(signed, &claimed, signer));
            }
        }
    }
}

fn digest(
    signed: &SignedDocument<'_>,
    reference: &Reference,
    policy: &Policy,
    findings: &mut Vec<Finding>,
) {
    match signed.verify_reference(reference, policy) {
        Ok(octets) => findings.push(Finding::good(
            "digest",
            format!(
                "the digest of {} matches ({} bytes)",
                reference.which,
                octets.len()
            ),
        )),
        Err(refusal) => {
            findings.push(Finding::bad(&refusal));
            if refusal == Refusal::Digest(reference.which) {
                findings.push(search::digest(signed, reference).unwrap_or_else(|| {
                    Finding::note(
                        "digest",
                        format!(
                            "no other form of {} has the digest that was signed",
                            reference.which
                        ),
                        Some(match reference.which {
                            Which::SignedObject => {
                                "something changed the message after it was signed: compare what \
                                 was sent with what arrived"
                            }
                            Which::ReplayProtect => {
                                "something changed ReplayProtect after it was signed: the \
                                 timestamp and the nonce belong there before the digest is taken"
                            }
                        }),
                    )
                }));
            }
        }
    }
}

fn time(signed: &SignedDocument<'_>, policy: &Policy, now: DateTime, findings: &mut Vec<Finding>) {
    match signed.verify_time(policy, now) {
        Ok(timestamp) => {
            let age = now.signed_duration_since(timestamp);
            let seconds = age.num_seconds();
            findings.push(Finding::good(
                "time",
                if age < TimeDelta::zero() {
                    format!("signed {} s in the future", seconds.saturating_neg())
                } else {
                    format!("signed {seconds} s ago")
                },
            ));
        }
        Err(refusal) => findings.push(Finding::bad(&refusal)),
    }
}
