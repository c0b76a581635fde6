//! Signed documents made by hand, with whatever signature, structure and algorithm a forger may want.
//!
//! Knows nothing of what is accepted.
//!
//! What the encoder writes is canonical already, so that digests can be taken over the text as it stands.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use aws_lc_rs::digest::{self, Digest, SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use conformance::authority::Issued;
use oadr_core::codec::Parts;
use oadr_core::payload::Message;
use oadr_core::value::DateTime;
use oadr_sign::{Certificate, SigningKey};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;

pub(super) const C14N: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
const DS: &str = " xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"";
pub(super) const START: &str = "<oadr:oadrSignedObject oadr:Id=\"oadrSignedObject\">";
pub(super) const END: &str = "</oadr:oadrSignedObject>";

/// A key on P-256 and its certificate.
#[derive(Debug)]
pub(super) struct Signer {
    signing: SigningKey,
    pkcs8: Vec<u8>,
}

impl Signer {
    pub(super) fn of(issued: &Issued) -> Self {
        let key = PrivateKeyDer::from_pem_file(&issued.key).unwrap();
        Self::new(&issued.der, &key)
    }

    pub(super) fn new(certificate: &[u8], key: &PrivateKeyDer<'_>) -> Self {
        let certificate = Certificate::from_der(certificate).unwrap();
        Self {
            signing: SigningKey::new(key, certificate).unwrap(),
            pkcs8: key.secret_der().to_vec(),
        }
    }

    /// The message as it should be signed: now.
    pub(super) fn signed(&self, message: &Message) -> String {
        self.signed_at(message, now())
    }

    /// The same as if it were another time.
    pub(super) fn signed_at(&self, message: &Message, at: DateTime) -> String {
        self.signed_with(message, at, u128::from(next()).to_be_bytes())
    }

    pub(super) fn signed_with(&self, message: &Message, at: DateTime, nonce: [u8; 16]) -> String {
        let document = oadr_sign::sign(message, &self.signing, at, nonce).unwrap();
        String::from_utf8(document).unwrap()
    }

    /// The signature of any octets, r and s one after the other.
    pub(super) fn sign(&self, octets: &[u8]) -> Vec<u8> {
        let signature = self.pair().sign(&SystemRandom::new(), octets);
        signature.unwrap().as_ref().to_vec()
    }

    /// The signature of their SHA-1 digest: as a number, that is one of 32 bytes with zeros in front.
    pub(super) fn sign_sha1(&self, octets: &[u8]) -> Vec<u8> {
        let short = digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, octets);
        let number = [&[0; 12], short.as_ref()].concat();
        let number = Digest::import_less_safe(&number, &SHA256).unwrap();
        let signature = self.pair().sign_digest(&number);
        signature.unwrap().as_ref().to_vec()
    }

    pub(super) fn certificate(&self) -> &Certificate {
        self.signing.certificate()
    }

    /// What everybody knows of the key.
    pub(super) fn public_key(&self) -> Vec<u8> {
        self.pair().public_key().as_ref().to_vec()
    }

    /// What KeyInfo holds.
    pub(super) fn key_info(&self) -> String {
        let der = STANDARD.encode(self.certificate().der());
        format!("<ds:X509Data><ds:X509Certificate>{der}</ds:X509Certificate></ds:X509Data>")
    }

    fn pair(&self) -> EcdsaKeyPair {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.pkcs8).unwrap()
    }
}

/// A signed message, whose parts can be changed before it is signed.
#[derive(Debug, Clone)]
pub(super) struct Forged {
    namespaces: &'static str,
    /// From the end of the start tag's name on: attributes, content, end tag.
    pub(super) signed_object: String,
    /// The same of the signature's Object.
    object: String,
    /// The references, with `{object}` and `{prop}` for the digests.
    pub(super) references: String,
    pub(super) method: &'static str,
    pub(super) key_info: String,
}

impl Forged {
    /// A message as its signer would sign it.
    pub(super) fn of(message: &Message, signer: &Signer) -> Self {
        let time = now().format("%Y-%m-%dT%H:%M:%S%.6fZ");
        let nonce = format!("forged{}", next());
        Self {
            namespaces: Parts(message).namespaces(),
            signed_object: format!(" oadr:Id=\"oadrSignedObject\">{}{END}", content(message)),
            object: format!(
                " Id=\"prop\"><ds:SignatureProperties><ds:SignatureProperty Id=\"replay\" Target=\"#t\">\
                 <dsp:ReplayProtect \
                 xmlns:dsp=\"http://openadr.org/oadr-2.0b/2012/07/xmldsig-properties\">\
                 <dsp:timestamp>{time}</dsp:timestamp><dsp:nonce>{nonce}</dsp:nonce>\
                 </dsp:ReplayProtect></ds:SignatureProperty></ds:SignatureProperties></ds:Object>"
            ),
            references: reference("#oadrSignedObject", "{object}") + &reference("#prop", "{prop}"),
            method: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            key_info: signer.key_info(),
        }
    }

    /// The document, with what makes a signature value of SignedInfo's octets.
    pub(super) fn signed_by(&self, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
        let namespaces = self.namespaces;
        let object = format!("<oadr:oadrSignedObject{namespaces}{}", self.signed_object);
        let prop = format!("<ds:Object{DS}{namespaces}{}", self.object);
        let references = self
            .references
            .replace("{object}", &base64_digest(&object))
            .replace("{prop}", &base64_digest(&prop));
        let info = format!(
            "><ds:CanonicalizationMethod Algorithm=\"{C14N}\"></ds:CanonicalizationMethod>\
             <ds:SignatureMethod Algorithm=\"{}\"></ds:SignatureMethod>{references}</ds:SignedInfo>",
            self.method
        );
        let octets = format!("<ds:SignedInfo{DS}{namespaces}{info}");
        let value = STANDARD.encode(sign(octets.as_bytes()));
        format!(
            "<oadr:oadrPayload{namespaces}><ds:Signature{DS}><ds:SignedInfo{info}\
             <ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo>{}</ds:KeyInfo>\
             <ds:Object{}</ds:Signature><oadr:oadrSignedObject{}</oadr:oadrPayload>",
            self.key_info, self.object, self.signed_object
        )
    }
}

/// A reference by canonical XML and SHA-256.
pub(super) fn reference(uri: &str, digest: &str) -> String {
    with_transforms(uri, digest, &[C14N])
}

/// The same with other transforms.
pub(super) fn with_transforms(uri: &str, digest: &str, transforms: &[&str]) -> String {
    let each = |identifier| format!("<ds:Transform Algorithm=\"{identifier}\"></ds:Transform>");
    let transforms: String = transforms.iter().map(each).collect();
    format!(
        "<ds:Reference URI=\"{uri}\"><ds:Transforms>{transforms}</ds:Transforms>\
         <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>\
         <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
    )
}

/// The element of a message, as it stands in a signed object.
pub(super) fn content(message: &Message) -> String {
    let mut octets = Vec::new();
    Parts(message).content_into(&mut octets);
    String::from_utf8(octets).unwrap()
}

/// The document with something else in the place of what this matches, which it holds.
pub(super) fn with(document: &str, from: &str, to: &str) -> String {
    assert!(document.contains(from), "no {from} in {document}");
    document.replacen(from, to, 1)
}

/// What stands in a document from here to there, both included.
pub(super) fn between<'a>(document: &'a str, from: &str, to: &str) -> &'a str {
    let start = document.find(from).unwrap();
    let rest = &document[start..];
    &rest[..rest.find(to).unwrap() + to.len()]
}

fn base64_digest(octets: &str) -> String {
    STANDARD.encode(digest(&SHA256, octets.as_bytes()))
}

pub(super) fn now() -> DateTime {
    DateTime::from(SystemTime::now())
}

/// A number that nobody had before.
fn next() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
