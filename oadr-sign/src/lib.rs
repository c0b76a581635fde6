//! XML signatures of OpenADR 2.0b ("High" security, rule 514, §10.6), with ReplayProtect, and what
//! X.509 certificates say.
//!
//! Knows nothing of transports, clocks, randomness or peers: the time and nonces are arguments, and
//! whose certificate is to be believed its caller says.
//!
//! # Documents that are rewritten on their way
//!
//! A signature is over a text, and servers of XMPP write the documents that they pass on anew: with other
//! prefixes, and declarations of namespaces elsewhere. [`rebuild`] writes such a document as [`sign`]
//! would have, and what it wrote is verified like any other
//! ([`SignedDocument::verify_carried`]). So this crate understands itself over XMPP.
//! A peer that signs in another form (exclusive canonical XML, other prefixes, the signature after the
//! message) it does not, unless the servers between leave the text alone; that peer has the same trouble
//! with everybody. The same holds of Green Button data with prefixes of their own, which are passed through
//! as they are: they are to declare their namespaces as the default.

// Nothing that a peer sends may panic, so nothing here may: tests excepted.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

mod algorithm;
mod certificate;
mod diagnose;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod key;
mod public_key;
mod rebuilt;
mod replay;
mod sign;
mod signature;
#[cfg(test)]
mod testing;
mod verify;
mod xml;

pub use certificate::{Certificate, CertificateError, KeyKind};
pub use diagnose::{Finding, Severity, diagnose};
pub use error::{Broken, Limit, Refusal, Role, Which};
pub use key::{KeyError, SigningKey};
pub use rebuilt::{Carried, rebuild};
pub use replay::ReplayGuard;
pub use sign::{SignError, sign};
pub use verify::{Policy, SignedDocument, Verified, is_signed};
