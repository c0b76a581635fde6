//! Signs a message as it is written.
//!
//! Knows nothing of time and randomness, but for what ECDSA draws for itself.
//!
//! What the encoder writes is canonical already, so that nothing is canonicalised here: each part is put
//! together twice, for the digest with the namespaces that are in scope where it will stand, and for the
//! document without them.

use aws_lc_rs::digest::{Context, Digest, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{Datelike as _, Timelike as _};
use oadr_core::codec::Parts;
use oadr_core::payload::Message;
use oadr_core::value::DateTime;

use crate::SigningKey;

/// The declaration of the prefix `ds`, which sorts before those of OpenADR's documents.
const DS: &str = " xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"";

/// Why a message was not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The library of cryptography failed, for want of randomness perhaps.
    #[error("the signature could not be computed")]
    Failed,
}

/// Writes a message as a signed document: the form of §6.2, which others verify too.
///
/// `timestamp` is the time of sending, and `nonce` is never used twice.
///
/// # Errors
/// See [`SignError`].
pub fn sign(
    message: &Message,
    key: &SigningKey,
    timestamp: DateTime,
    nonce: [u8; 16],
) -> Result<Vec<u8>, SignError> {
    let parts = Parts(message);
    let namespaces = parts.namespaces();
    // Room for what nearly every message needs.
    let mut content = Vec::with_capacity(16 << 10);
    parts.content_into(&mut content);
    let signed_object = digest_of(&[
        b"<oadr:oadrSignedObject",
        namespaces.as_bytes(),
        b" oadr:Id=\"oadrSignedObject\">",
        &content,
        b"</oadr:oadrSignedObject>",
    ]);
    // Not hexadecimal: there are peers that take for a number what looks like one.
    let object = object(&written(timestamp), &STANDARD.encode(nonce));
    let properties = digest_of(&[
        b"<ds:Object",
        DS.as_bytes(),
        namespaces.as_bytes(),
        object.as_bytes(),
    ]);
    let signed_info = signed_info(key.method(), signed_object.as_ref(), properties.as_ref());
    let value = key
        .sign(&digest_of(&[
            b"<ds:SignedInfo",
            DS.as_bytes(),
            namespaces.as_bytes(),
            signed_info.as_bytes(),
        ]))
        .ok_or(SignError::Failed)?;

    Ok(document(&Pieces {
        root: parts.root(),
        content: &content,
        signed_info: &signed_info,
        object: &object,
        value: &value,
        certificate: key.certificate_in_base64(),
    }))
}

/// What a signed document is put together from.
pub(crate) struct Pieces<'a> {
    /// The start tag of the root.
    pub(crate) root: &'a str,
    /// The message's element.
    pub(crate) content: &'a [u8],
    /// See [`signed_info`].
    pub(crate) signed_info: &'a str,
    /// See [`object`].
    pub(crate) object: &'a str,
    /// The signature value.
    pub(crate) value: &'a [u8],
    /// In base64.
    pub(crate) certificate: &'a str,
}

/// The document.
pub(crate) fn document(pieces: &Pieces<'_>) -> Vec<u8> {
    let length = [
        pieces.content.len(),
        pieces.root.len(),
        pieces.signed_info.len(),
        pieces.object.len(),
        pieces.certificate.len(),
        pieces.value.len().saturating_mul(2),
        512,
    ];
    let mut out = String::with_capacity(length.iter().fold(0, |sum, n| sum.saturating_add(*n)));
    for piece in [
        pieces.root,
        "<ds:Signature",
        DS,
        "><ds:SignedInfo",
        pieces.signed_info,
        "<ds:SignatureValue>",
    ] {
        out.push_str(piece);
    }
    STANDARD.encode_string(pieces.value, &mut out);
    for piece in [
        "</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>",
        pieces.certificate,
        "</ds:X509Certificate></ds:X509Data></ds:KeyInfo><ds:Object",
        pieces.object,
        "</ds:Signature><oadr:oadrSignedObject oadr:Id=\"oadrSignedObject\">",
    ] {
        out.push_str(piece);
    }
    let mut out = out.into_bytes();
    out.extend_from_slice(pieces.content);
    out.extend_from_slice(b"</oadr:oadrSignedObject></oadr:oadrPayload>");
    out
}

fn digest_of(pieces: &[&[u8]]) -> Digest {
    let mut context = Context::new(&SHA256);
    for piece in pieces {
        context.update(piece);
    }
    context.finish()
}

/// ReplayProtect's timestamp, as it is written.
fn written(timestamp: DateTime) -> String {
    // By hand: a format that is parsed takes as long as all of the other texts together.
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        timestamp.year(),
        timestamp.month(),
        timestamp.day(),
        timestamp.hour(),
        timestamp.minute(),
        timestamp.second(),
        timestamp.timestamp_subsec_micros().min(999_999),
    )
}

/// The Object with ReplayProtect, from the attributes of its start tag on.
pub(crate) fn object(timestamp: &str, nonce: &str) -> String {
    format!(
        " Id=\"prop\"><ds:SignatureProperties><ds:SignatureProperty Id=\"replay\" \
         Target=\"#oadrSignedObject\"><dsp:ReplayProtect \
         xmlns:dsp=\"http://openadr.org/oadr-2.0b/2012/07/xmldsig-properties\"><dsp:timestamp>\
         {timestamp}</dsp:timestamp><dsp:nonce>{nonce}</dsp:nonce></dsp:ReplayProtect>\
         </ds:SignatureProperty></ds:SignatureProperties></ds:Object>"
    )
}

/// SignedInfo, from the end of its start tag on.
pub(crate) fn signed_info(method: &str, signed_object: &[u8], properties: &[u8]) -> String {
    let mut info = String::with_capacity(1_280);
    info.push_str(
        "><ds:CanonicalizationMethod \
         Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\">\
         </ds:CanonicalizationMethod><ds:SignatureMethod Algorithm=\"",
    );
    info.push_str(method);
    info.push_str("\"></ds:SignatureMethod>");
    for (uri, digest) in [("#oadrSignedObject", signed_object), ("#prop", properties)] {
        info.push_str("<ds:Reference URI=\"");
        info.push_str(uri);
        info.push_str(
            "\"><ds:Transforms><ds:Transform \
             Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"></ds:Transform>\
             </ds:Transforms><ds:DigestMethod \
             Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>\
             <ds:DigestValue>",
        );
        STANDARD.encode_string(digest, &mut info);
        info.push_str("</ds:DigestValue></ds:Reference>");
    }
    info.push_str("</ds:SignedInfo>");
    info
}
