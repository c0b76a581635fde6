//! What a document's signature is worth, with reasons.
//!
//! Knows nothing of which peers there are: whose certificate to believe is said, or is left open.

use std::time::Duration;

use oadr_core::value::DateTime;
use oadr_core::{CertificateHash, Fingerprint};
use oadr_http::tls::Roots;
use oadr_sign::{
    Certificate, Finding, Policy, Refusal, Severity, SignedDocument, diagnose, is_signed,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use serde::Serialize;

/// What to judge a signature by.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    /// The certificate that it should be made with.
    pub(crate) signer: Option<Certificate>,
    /// Whose certificates count.
    pub(crate) roots: Option<Roots>,
    pub(crate) policy: Policy,
}

/// What it is worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// There is none.
    None,
    Valid(Valid),
    Wrong(Wrong),
}

/// A signature that verifies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Valid {
    pub(crate) signer: Signer,
    /// When it was made, as the signer says.
    pub(crate) timestamp: DateTime,
    pub(crate) findings: Vec<Said>,
}

/// One that does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Wrong {
    /// Of the reason, for programs.
    pub(crate) code: &'static str,
    pub(crate) reason: String,
    /// Whom it claims to be from, as far as that can be read.
    pub(crate) signer: Option<Signer>,
    /// When it would be valid, if time is all that is wrong with it.
    pub(crate) valid_at: Option<DateTime>,
    pub(crate) findings: Vec<Said>,
}

/// The certificate that came with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Signer {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) hash: CertificateHash,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) not_after: DateTime,
    /// Whether it is the one that was expected; nobody said which that is: `None`.
    pub(crate) expected: Option<bool>,
    /// Why it does not lead to the CA, or that it does; nobody named one: `None`.
    pub(crate) chain: Option<Chain>,
}

/// Whether a certificate leads to a CA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Chain {
    pub(crate) trusted: bool,
    pub(crate) reason: Option<String>,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Said {
    pub(crate) severity: &'static str,
    pub(crate) code: &'static str,
    pub(crate) text: String,
    pub(crate) advice: Option<&'static str>,
}

impl Verdict {
    /// Whether there is a signature that does not count.
    pub(crate) fn is_wrong(&self) -> bool {
        match self {
            Self::Wrong(_) => true,
            Self::None => false,
            Self::Valid(valid) => {
                let chain = valid.signer.chain.as_ref();
                chain.is_some_and(|chain| !chain.trusted)
            }
        }
    }
}

impl Judge {
    /// Judges the signature of a document as of a moment.
    pub(super) fn judge(&self, document: &[u8], now: DateTime) -> Verdict {
        if !is_signed(document) {
            return Verdict::None;
        }
        let found = diagnose(document, self.signer.as_ref(), &self.policy, now);
        let findings = found.into_iter().map(Said::from).collect();
        let signed = match SignedDocument::parse(document) {
            Ok(signed) => signed,
            Err(refusal) => return wrong(&refusal, None, None, findings),
        };
        let claimed = match Certificate::from_der(signed.certificate()) {
            Ok(claimed) => claimed,
            Err(_) => return wrong(&Refusal::UnfitKey, None, None, findings),
        };
        let signer = self.describe(&claimed, now);
        let by = self.signer.as_ref().unwrap_or(&claimed);
        match signed.verify(by, &self.policy, now) {
            Ok(verified) => Verdict::Valid(Valid {
                signer,
                timestamp: verified.signature.timestamp,
                findings,
            }),
            Err(refusal) => {
                let then = moment(&refusal, now)
                    .filter(|then| signed.verify(by, &self.policy, *then).is_ok());
                wrong(&refusal, Some(signer), then, findings)
            }
        }
    }

    fn describe(&self, claimed: &Certificate, now: DateTime) -> Signer {
        let expected = self.signer.as_ref();
        Signer {
            subject: claimed.subject().to_owned(),
            issuer: claimed.issuer().to_owned(),
            hash: claimed.hash(),
            fingerprint: claimed.fingerprint(),
            not_after: claimed.not_after(),
            expected: expected.map(|expected| expected.hash() == claimed.hash()),
            chain: self.roots.as_ref().map(|roots| {
                let der = CertificateDer::from(claimed.der());
                let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
                let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
                // Of a VEN or of a VTN.
                let verified = roots.verify_client(&der, &[], now);
                let verified = verified.or_else(|as_client| {
                    let as_server = roots.verify_server(&der, &[], None, now);
                    as_server.map_err(|_| as_client)
                });
                Chain {
                    trusted: verified.is_ok(),
                    reason: verified.err().map(|error| error.to_string()),
                }
            }),
        }
    }
}

/// The moment for which a signature was made that is refused for its time.
fn moment(refusal: &Refusal, now: DateTime) -> Option<DateTime> {
    if let Refusal::TooOld { by } = refusal {
        return now.checked_sub_signed(*by);
    }
    let Refusal::TooNew { by } = refusal else {
        return None;
    };
    now.checked_add_signed(*by)
}

fn wrong(
    refusal: &Refusal,
    signer: Option<Signer>,
    valid_at: Option<DateTime>,
    findings: Vec<Said>,
) -> Verdict {
    Verdict::Wrong(Wrong {
        code: refusal.code(),
        reason: refusal.to_string(),
        signer,
        valid_at,
        findings,
    })
}

impl From<Finding> for Said {
    fn from(finding: Finding) -> Self {
        let severity = match finding.severity {
            Severity::Good => "good",
            Severity::Note => "note",
            Severity::Bad => "bad",
        };
        Self {
            severity,
            code: finding.code,
            text: finding.text,
            advice: finding.advice,
        }
    }
}
