//! Writes a signed document as it was signed, after somebody on its way wrote it otherwise.
//!
//! Knows nothing of keys, and proves nothing: what it wrote is to be verified like what came.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oadr_core::codec::{self, DecodeOptions, decode_signed_object};
use oadr_core::value::DateTime;

use crate::algorithm::{Hash, Kind, Method, SignatureMethod};
use crate::error::Which;
use crate::sign::{self, Pieces};
use crate::{Certificate, Policy, Refusal, SignedDocument, Verified};

/// How a document came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// As it was sent, over HTTP: any other text was not signed.
    AsSent,
    /// Over XMPP, perhaps with other prefixes.
    Rewritten,
}

/// Writes a signed document in the form of [`sign`](crate::sign()), with the values of this one.
///
/// For documents that were passed on with other prefixes, as servers of XMPP do. Only what is verified of
/// the document that this writes counts, and only that is to be read: whoever signed it signed what is in
/// there. Whatever else the one that came may be taken for, two that come to the same are the same.
///
/// # Errors
/// [`Refusal::Rewritten`] if it was signed in another form, or its message cannot be read; otherwise
/// whatever is wrong with its form.
pub fn rebuild(document: &[u8]) -> Result<Vec<u8>, Refusal> {
    rebuilt(&SignedDocument::parse(document)?)
}

impl SignedDocument<'_> {
    /// Verifies a document as it came, or, if it may have been rewritten, what [`rebuild`] makes of it.
    ///
    /// # Errors
    /// See [`Refusal`]; [`Refusal::Rewritten`] if neither is what was signed, and nobody can tell whether
    /// that is for the way that it came.
    pub fn verify_carried(
        &self,
        carried: Carried,
        signer: &Certificate,
        policy: &Policy,
        now: DateTime,
    ) -> Result<Verified, Refusal> {
        match (self.verify(signer, policy, now), carried) {
            (Err(Refusal::Value | Refusal::Digest(_)), Carried::Rewritten) => {
                let document = rebuilt(self)?;
                SignedDocument::parse(&document)?.verify(signer, policy, now)
            }
            (verified, Carried::AsSent | Carried::Rewritten) => verified,
        }
    }
}

fn rebuilt(signed: &SignedDocument<'_>) -> Result<Vec<u8>, Refusal> {
    let parts = &signed.parts;
    let [object, properties] = &parts.references;
    if (object.which, properties.which) != (Which::SignedObject, Which::ReplayProtect) {
        return Err(Refusal::Rewritten("order of references"));
    }
    let plain = |method: Method| method == Method::DEFAULT;
    if !plain(parts.canonicalisation) || !plain(object.method) || !plain(properties.method) {
        return Err(Refusal::Rewritten("canonical form"));
    }
    let hashes = [parts.method.hash, object.hash, properties.hash];
    if hashes.iter().any(|hash| *hash != Hash::Sha256) {
        return Err(Refusal::Rewritten("choice of algorithms"));
    }
    // What we write there needs no escapes.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-:.+/=".contains(c);
    if !parts.timestamp.chars().all(is_plain) || !parts.nonce.chars().all(is_plain) {
        return Err(Refusal::Rewritten("ReplayProtect"));
    }
    let exclusive = Method {
        kind: Kind::Exclusive,
        comments: false,
    };
    let octets = signed.octets(object, exclusive.into())?;
    let decoded = decode_signed_object(&octets, &DecodeOptions::default())
        .map_err(|_| Refusal::Rewritten("message"))?;
    let message = codec::Parts(&decoded.message);
    let mut content = Vec::with_capacity(octets.len());
    message.content_into(&mut content);
    Ok(sign::document(&Pieces {
        root: message.root(),
        content: &content,
        signed_info: &sign::signed_info(
            SignatureMethod::ours(parts.method.family),
            &object.digest,
            &properties.digest,
        ),
        object: &sign::object(&parts.timestamp, &parts.nonce),
        value: &parts.value,
        certificate: &STANDARD.encode(&parts.certificate),
    }))
}
