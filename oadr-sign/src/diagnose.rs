//! Says in words what is right and what is wrong with a signed document.
//!
//! Knows nothing of who asks: what it finds out counts for nobody's messages.

use oadr_core::value::DateTime;

use crate::{Certificate, Policy};

/// Something that can be said of a signed document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, for programs: that of [`Refusal::code`](crate::Refusal::code) where it is the reason of
    /// a refusal.
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
/// make. There is at least one finding; if none is [`Severity::Bad`], the signature verifies.
#[must_use]
pub fn diagnose(
    document: &[u8],
    signer: Option<&Certificate>,
    policy: &Policy,
    now: DateTime,
) -> Vec<Finding> {
    let _ = (document, signer, policy, now);
    unimplemented!()
}
