//! Verifies a signed document and hands out the octets that were verified, and no others.
//!
//! Knows nothing of what the message means, nor of whom to believe.

use aws_lc_rs::digest::{Context, Digest, SHA256, digest};
use chrono::TimeDelta;
use memchr::memmem;
use oadr_core::value::DateTime;
use oadr_core::{CertificateHash, NonceHash, Signature};

use crate::algorithm::{Hash, Method};
use crate::error::{Role, Which};
use crate::public_key::PublicKey;
use crate::signature::{Parts, Reference};
use crate::xml::{Document, Form};
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

/// Whether there may be a `ds:Signature`: without verifying anything, and cheaply.
///
/// Where this is false, neither [`SignedDocument::parse`] nor the strict codec finds one. Where it is true
/// there is none all the same if a text looks like one; `parse` then says [`Refusal::Unsigned`].
#[must_use]
pub fn is_signed(document: &[u8]) -> bool {
    const NAME: &[u8] = b"Signature";
    // Whatever the prefix, an element's local name stands in the document letter by letter, after `<` or
    // a colon; names have no entities. `oadrXmlSignature` is in every registration.
    memmem::find_iter(document, NAME).any(|at| {
        let before = at.checked_sub(1).and_then(|at| document.get(at));
        let after = document.get(at.saturating_add(NAME.len()));
        matches!(before, Some(b'<' | b':'))
            && matches!(
                after,
                None | Some(b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'>')
            )
    })
}

/// A document with a signature, taken apart. Nothing in it is to be believed yet.
#[derive(Debug)]
pub struct SignedDocument<'d> {
    pub(crate) document: Document<'d>,
    pub(crate) parts: Parts,
    signer: CertificateHash,
}

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The canonical octets of the one `oadrSignedObject`, over which the digest was taken. They are
    /// a document of their own, and the only one to read:
    /// [`decode_signed_object`](oadr_core::codec::decode_signed_object) does.
    pub octets: Vec<u8>,
    /// What the signature proves.
    pub signature: Signature,
}

impl<'d> SignedDocument<'d> {
    /// Takes a document apart: one `oadrPayload` with one `ds:Signature` and one
    /// `oadrSignedObject`.
    ///
    /// # Errors
    /// See [`Refusal`]: whatever is wrong with its form. [`Refusal::Unsigned`] means that the strict codec
    /// finds no signature in it either.
    pub fn parse(document: &'d [u8]) -> Result<Self, Refusal> {
        let document = Document::parse(document)?;
        let parts = Parts::of(&document)?;
        let signer = CertificateHash(first_bytes(&digest(&SHA256, &parts.certificate)));
        Ok(Self {
            document,
            parts,
            signer,
        })
    }

    /// The certificate in its KeyInfo, in DER perhaps: a claim, which anybody can make.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.parts.certificate
    }

    /// The hash of that certificate.
    #[must_use]
    pub fn claimed_signer(&self) -> CertificateHash {
        self.signer
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
        self.verify_signer(signer, now)?;
        self.verify_value(signer, policy)?;
        let mut octets = Vec::new();
        for reference in &self.parts.references {
            let canonical = self.verify_reference(reference, policy)?;
            match reference.which {
                Which::SignedObject => octets = canonical,
                Which::ReplayProtect => {}
            }
        }
        let timestamp = self.verify_time(policy, now)?;
        Ok(Verified {
            octets,
            signature: Signature {
                signer: self.signer,
                timestamp,
                nonce: self.nonce(),
            },
        })
    }

    /// The signer's certificate came with it, and is valid (rule 516).
    pub(crate) fn verify_signer(&self, signer: &Certificate, now: DateTime) -> Result<(), Refusal> {
        if signer.der() != self.parts.certificate {
            return Err(Refusal::OtherSigner {
                claimed: self.signer,
                expected: signer.fingerprint(),
            });
        }
        if !signer.is_valid_at(now) {
            return Err(Refusal::Validity {
                not_before: signer.not_before(),
                not_after: signer.not_after(),
            });
        }
        Ok(())
    }

    /// The signature value is that of SignedInfo by this key.
    pub(crate) fn verify_value(
        &self,
        signer: &Certificate,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let key = signer.key().ok_or(Refusal::UnfitKey)?;
        let method = self.parts.method;
        allow(method.hash, policy, Role::Signature)?;
        if key.family() != method.family {
            return Err(Refusal::OtherKeyKind);
        }
        if self.is_value_of(key)? {
            Ok(())
        } else {
            Err(Refusal::Value)
        }
    }

    fn is_value_of(&self, key: &PublicKey) -> Result<bool, Refusal> {
        let hash = self.parts.method.hash;
        let digest = self.signed_info_digest(self.parts.canonicalisation.into())?;
        Ok(key.verifies(hash, &digest, &self.parts.value))
    }

    pub(crate) fn signed_info_digest(&self, form: Form) -> Result<Digest, Refusal> {
        let mut octets = Vec::with_capacity(2_048);
        self.document
            .canonical(self.parts.signed_info, form, &mut octets)?;
        Ok(digest(self.parts.method.hash.algorithm(), &octets))
    }

    /// The digest is that of what is referred to. Gives its octets.
    pub(crate) fn verify_reference(
        &self,
        reference: &Reference,
        policy: &Policy,
    ) -> Result<Vec<u8>, Refusal> {
        allow(reference.hash, policy, Role::Digest)?;
        // A reference by Id has no comments, whatever its transforms say (XML signatures, 4.4.3.3); some
        // signers keep them all the same. What is read of both is the same.
        let without = Method {
            comments: false,
            ..reference.method
        };
        let octets = self.octets(reference, without.into())?;
        if is_digest(reference, &octets) {
            return Ok(octets);
        }
        if reference.method.comments {
            let octets = self.octets(reference, reference.method.into())?;
            if is_digest(reference, &octets) {
                return Ok(octets);
            }
        }
        Err(Refusal::Digest(reference.which))
    }

    /// The octets of what is referred to, in this form.
    pub(crate) fn octets(&self, reference: &Reference, form: Form) -> Result<Vec<u8>, Refusal> {
        let mut octets = Vec::with_capacity(match reference.which {
            Which::SignedObject => self.document.len(),
            Which::ReplayProtect => 1_024,
        });
        self.document
            .canonical(reference.element, form, &mut octets)?;
        Ok(octets)
    }

    /// The timestamp is near enough to now, on both sides.
    pub(crate) fn verify_time(&self, policy: &Policy, now: DateTime) -> Result<DateTime, Refusal> {
        let timestamp = self.timestamp()?;
        let age = now.signed_duration_since(timestamp);
        if age > policy.window {
            return Err(Refusal::TooOld { by: age });
        }
        let ahead = timestamp.signed_duration_since(now);
        if ahead > policy.window {
            return Err(Refusal::TooNew { by: ahead });
        }
        if policy.not_before.is_some_and(|start| timestamp < start) {
            return Err(Refusal::BeforeStart);
        }
        Ok(timestamp)
    }

    pub(crate) fn timestamp(&self) -> Result<DateTime, Refusal> {
        let text = &self.parts.timestamp;
        // An `xs:dateTime` with a zone: the standard library of times reads blanks for `T`, too.
        if text.len() > 64 || text.as_bytes().get(10) != Some(&b'T') {
            return Err(Refusal::Timestamp);
        }
        chrono::DateTime::parse_from_rfc3339(text)
            .map(|timestamp| timestamp.to_utc())
            .map_err(|_| Refusal::Timestamp)
    }

    fn nonce(&self) -> NonceHash {
        let mut context = Context::new(&SHA256);
        context.update(self.parts.timestamp.as_bytes());
        context.update(b"\n");
        context.update(self.parts.nonce.as_bytes());
        NonceHash(first_bytes(&context.finish()))
    }
}

/// Whether these octets have the digest of a reference.
pub(crate) fn is_digest(reference: &Reference, octets: &[u8]) -> bool {
    digest(reference.hash.algorithm(), octets).as_ref() == reference.digest
}

fn allow(hash: Hash, policy: &Policy, role: Role) -> Result<(), Refusal> {
    if hash == Hash::Sha1 && !policy.sha1 {
        Err(Refusal::Sha1(role))
    } else {
        Ok(())
    }
}

fn first_bytes<const COUNT: usize>(digest: &Digest) -> [u8; COUNT] {
    let mut bytes = [0; COUNT];
    for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    bytes
}
