//! XML signatures of OpenADR 2.0b ("High" security, rule 514, §10.6), with ReplayProtect, and what
//! X.509 certificates say.
//!
//! Knows nothing of transports, clocks, randomness or peers: the time and nonces are arguments, and
//! whose certificate is to be believed its caller says.

mod algorithm;
mod certificate;
mod diagnose;
mod error;
mod key;
mod public_key;
mod replay;
mod sign;
#[cfg(test)]
mod testing;
mod verify;

pub use certificate::{Certificate, CertificateError, KeyKind};
pub use diagnose::{Finding, Severity, diagnose};
pub use error::{Broken, Limit, Refusal, Role, Which};
pub use key::{KeyError, SigningKey};
pub use replay::ReplayGuard;
pub use sign::{SignError, sign};
pub use verify::{Policy, SignedDocument, Verified, is_signed};
