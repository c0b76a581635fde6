//! Why a signature does not count, in words for a log.
//!
//! Knows nothing of what becomes of the message.

use chrono::TimeDelta;
use oadr_core::{CertificateHash, Fingerprint};

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no signature.
    #[error("there is no signature")]
    Unsigned,
    /// It is not from whom it should be.
    #[error("signed with the certificate {} where {} was expected", claimed.fingerprint(), expected)]
    OtherSigner {
        /// The certificate that came with it.
        claimed: CertificateHash,
        /// The one that was wanted.
        expected: Fingerprint,
    },
    /// A digest does not match: the part was changed, or canonicalised in another way.
    #[error("the digest of {0} does not match")]
    Digest(Which),
    /// The signature value does not match SignedInfo and the key.
    #[error("the signature value does not match")]
    Value,
    /// The signer's certificate is not valid now (rule 516).
    #[error("the signer's certificate has expired or is not valid yet")]
    Validity,
    /// Signed too long ago.
    #[error("signed {} s ago, which is too long", by.num_seconds())]
    TooOld {
        /// How long ago.
        by: TimeDelta,
    },
    /// Signed too far in the future.
    #[error("signed {} s in the future", by.num_seconds())]
    TooNew {
        /// How far.
        by: TimeDelta,
    },
    /// Signed before this process started.
    #[error("signed before this process started, so that nobody knows whether it was seen")]
    BeforeStart,
    /// Seen before.
    #[error("the same signature was seen before")]
    Replayed,
}

/// A signed part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Which {
    /// `oadrSignedObject`.
    SignedObject,
    /// The `ds:Object` with ReplayProtect.
    ReplayProtect,
}

impl std::fmt::Display for Which {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SignedObject => "oadrSignedObject",
            Self::ReplayProtect => "ReplayProtect",
        })
    }
}
