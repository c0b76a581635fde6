//! Signed documents made by hand: any canonicalisation that is written down, any structure.
//!
//! Knows nothing of what is accepted.
//!
//! The documents are written canonically (no empty-element tags, every namespace on the root), so that the
//! digests can be taken over the text as it stands.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oadr_core::value::DateTime;
use oadr_sign::{Policy, Refusal, SignedDocument, SigningKey, Verified};

use crate::keys::{at, house};

/// The namespaces on the root of an oadrPoll, in canonical order.
pub(crate) const NAMESPACES: &str = " xmlns:ei=\"http://docs.oasis-open.org/ns/energyinterop/201110\" \
     xmlns:oadr=\"http://openadr.org/oadr-2.0b/2012/07\"";
pub(crate) const DS: &str = " xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"";
pub(crate) const C14N: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";

/// A signed poll, whose parts can be changed before and after it is signed.
#[derive(Clone)]
pub(crate) struct Forged {
    /// From the end of the start tag's name on: attributes, content, end tag.
    pub(crate) signed_object: String,
    pub(crate) object: String,
    /// The references, with `{object}` and `{prop}` for the digests.
    pub(crate) references: String,
    pub(crate) canonicalisation: String,
    pub(crate) method: String,
    pub(crate) key_info: String,
    /// Behind the signature within oadrPayload, where the signed object is `{object}`.
    pub(crate) payload: String,
}

pub(crate) fn reference(uri: &str, digest: &str) -> String {
    let transform = format!("<ds:Transform Algorithm=\"{C14N}\"></ds:Transform>");
    with_transforms(
        uri,
        digest,
        &format!("<ds:Transforms>{transform}</ds:Transforms>"),
    )
}

pub(crate) fn with_transforms(uri: &str, digest: &str, transforms: &str) -> String {
    format!(
        "<ds:Reference URI=\"{uri}\">{transforms}\
         <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>\
         <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
    )
}

pub(crate) fn certificate(key: &SigningKey) -> String {
    let der = STANDARD.encode(key.certificate().der());
    format!("<ds:X509Data><ds:X509Certificate>{der}</ds:X509Certificate></ds:X509Data>")
}

pub(crate) fn poll_of(ven: &str) -> String {
    format!("<oadr:oadrPoll ei:schemaVersion=\"2.0b\"><ei:venID>{ven}</ei:venID></oadr:oadrPoll>")
}

pub(crate) fn replay_protect(time: DateTime, nonce: &str) -> String {
    let time = time.format("%Y-%m-%dT%H:%M:%SZ");
    format!(
        "<dsp:ReplayProtect xmlns:dsp=\"http://openadr.org/oadr-2.0b/2012/07/xmldsig-properties\">\
         <dsp:timestamp>{time}</dsp:timestamp><dsp:nonce>{nonce}</dsp:nonce></dsp:ReplayProtect>"
    )
}

pub(crate) fn object_with(inside: &str) -> String {
    format!(
        " Id=\"prop\"><ds:SignatureProperties><ds:SignatureProperty Id=\"myid\" Target=\"#t\">{inside}\
         </ds:SignatureProperty></ds:SignatureProperties></ds:Object>"
    )
}

impl Default for Forged {
    fn default() -> Self {
        Self {
            signed_object: format!(
                " oadr:Id=\"oadrSignedObject\">{}</oadr:oadrSignedObject>",
                poll_of("ven-1")
            ),
            object: object_with(&replay_protect(at(0), "nonce")),
            references: reference("#oadrSignedObject", "{object}") + &reference("#prop", "{prop}"),
            canonicalisation: format!(
                "<ds:CanonicalizationMethod Algorithm=\"{C14N}\"></ds:CanonicalizationMethod>"
            ),
            method: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256".to_owned(),
            key_info: certificate(house()),
            payload: "{object}".to_owned(),
        }
    }
}

impl Forged {
    /// The document, signed by house.
    pub(crate) fn document(&self) -> String {
        self.signed_by(|octets| house().sign(octets))
    }

    /// The document with what makes a signature value of SignedInfo's octets.
    pub(crate) fn signed_by(&self, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
        let object = format!("<oadr:oadrSignedObject{NAMESPACES}{}", self.signed_object);
        let prop = format!("<ds:Object{DS}{NAMESPACES}{}", self.object);
        let references = self
            .references
            .replace("{object}", &base64_digest(&object))
            .replace("{prop}", &base64_digest(&prop));
        let info = format!(
            ">{}<ds:SignatureMethod Algorithm=\"{}\"></ds:SignatureMethod>{references}\
             </ds:SignedInfo>",
            self.canonicalisation, self.method
        );
        let octets = format!("<ds:SignedInfo{DS}{NAMESPACES}{info}");
        let value = STANDARD.encode(sign(octets.as_bytes()));
        let payload = self.payload.replace(
            "{object}",
            &format!("<oadr:oadrSignedObject{}", self.signed_object),
        );
        format!(
            "<oadr:oadrPayload{NAMESPACES}><ds:Signature{DS}><ds:SignedInfo{info}\
             <ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo>{}</ds:KeyInfo>\
             <ds:Object{}</ds:Signature>{payload}</oadr:oadrPayload>",
            self.key_info, self.object
        )
    }
}

fn base64_digest(octets: &str) -> String {
    STANDARD.encode(digest(&SHA256, octets.as_bytes()))
}

/// What becomes of a document that is said to be from house.
pub(crate) fn verify(document: &str) -> Result<Verified, Refusal> {
    verify_at(document, at(1))
}

pub(crate) fn verify_at(document: &str, now: DateTime) -> Result<Verified, Refusal> {
    SignedDocument::parse(document.as_bytes())?.verify(
        house().certificate(),
        &Policy::default(),
        now,
    )
}
