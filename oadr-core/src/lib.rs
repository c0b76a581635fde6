//! OpenADR 2.0b without I/O: payloads, an XML codec, a VTN machine and a VEN machine.
//!
//! Knows nothing of sockets, files, clocks, randomness or threads: time and entropy are arguments,
//! and what must be stored is returned, not stored. [`embedding`] explains how that is meant, for
//! whoever brings a store and a transport of their own; [`memory`] does without either.

// Nothing that a peer sends may panic, so nothing here may: tests excepted, and the few places that
// say why they cannot.
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

pub mod codec;
pub mod embedding;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod jid;
pub mod machine;
pub mod memory;
pub mod opt;
pub mod payload;
mod peer;
pub mod reading;
mod rhythm;
pub mod value;
pub mod ven;
pub mod vtn;
mod well_known;

pub use jid::{BareJid, Jid, JidError};
pub use peer::{
    CertificateHash, CertificateId, CertificateIdError, Fingerprint, NonceHash, Peer, Profile,
    Signature, SignaturePolicy,
};
