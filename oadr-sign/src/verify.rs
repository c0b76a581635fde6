//! Verifies a signed document and hands out the octets that were verified, and no others.
//!
//! Knows nothing of what the message means, nor of whom to believe.

use chrono::TimeDelta;
use oadr_core::value::DateTime;
use oadr_core::{CertificateHash, Signature};

use crate::{Certificate, Refusal};

/// What is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How far the timestamp may be from now, on either side. Usually 60 s.
    pub window: TimeDelta,
    /// Nothing that was signed before this moment: the start of the process, whose memory of nonces
    /// begins there.
    pub not_before: Option<DateTime>,
    /// Whether the SHA-1 methods count (rsa-sha1, ecdsa-sha1, sha1); for peers that have no others.
    pub sha1: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            window: TimeDelta::seconds(60),
            not_before: None,
            sha1: false,
        }
    }
}

/// Whether there is a `ds:Signature` where one may be: without verifying anything, and cheaply.
/// Where this is false, [`SignedDocument::parse`] finds none either.
#[must_use]
pub fn is_signed(document: &[u8]) -> bool {
    let _ = document;
    unimplemented!()
}

/// A document with a signature, taken apart. Nothing in it is to be believed yet.
#[derive(Debug)]
pub struct SignedDocument<'d> {
    document: &'d [u8],
}

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The canonical octets of the one `oadrSignedObject`, over which the digest was taken. They are
    /// a document of their own, and the only one to read.
    pub octets: Vec<u8>,
    /// What the signature proves.
    pub signature: Signature,
}

impl<'d> SignedDocument<'d> {
    /// Takes a document apart: one `oadrPayload` with one `ds:Signature` and one
    /// `oadrSignedObject`.
    ///
    /// # Errors
    /// See [`Refusal`]: whatever is wrong with its form.
    pub fn parse(document: &'d [u8]) -> Result<Self, Refusal> {
        Ok(Self { document })
    }

    /// The certificate in its KeyInfo, in DER: a claim, which anybody can make.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        self.document
    }

    /// The hash of that certificate.
    #[must_use]
    pub fn claimed_signer(&self) -> CertificateHash {
        unimplemented!()
    }

    /// Verifies it: `signer` made it, over what it came with, within the window. What is seen for the
    /// second time is for [`ReplayGuard`](crate::ReplayGuard) to know.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn verify(
        &self,
        signer: &Certificate,
        policy: &Policy,
        now: DateTime,
    ) -> Result<Verified, Refusal> {
        let _ = (signer, policy, now);
        unimplemented!()
    }
}
