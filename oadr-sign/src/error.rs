//! Why a signature does not count, in words for a log.
//!
//! Knows nothing of what becomes of the message.

use std::fmt;

use chrono::TimeDelta;
use oadr_core::value::DateTime;
use oadr_core::{CertificateHash, Fingerprint};

/// Why a signature does not count.
///
/// Texts of the peer in it are short, and without control characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no signature.
    #[error("there is no signature")]
    Unsigned,
    /// It is not from whom it should be.
    #[error("signed with the certificate {} where {expected} was expected", claimed.fingerprint())]
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
    #[error("the signature value does not match SignedInfo and the signer's key")]
    Value,
    /// The signer's certificate is not valid now (rule 516).
    #[error("the signer's certificate is valid from {not_before} to {not_after}, and not now")]
    Validity {
        /// The first moment of its validity.
        not_before: DateTime,
        /// The last.
        not_after: DateTime,
    },
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
    /// Not well-formed, or with what has no place in a message.
    #[error("{what} (byte {at})")]
    Malformed {
        /// What is wrong.
        what: Broken,
        /// Where, in bytes.
        at: usize,
    },
    /// More than is looked at.
    #[error("more than {0}")]
    TooMuch(Limit),
    /// The root is no `oadrPayload`, where alone a signature has its place.
    #[error("the root is no oadrPayload")]
    NotAPayload,
    /// Something that has no place where it stands.
    #[error("{parent} holds {found}, which has no place there")]
    Stray {
        /// What it stands in.
        parent: &'static str,
        /// The element, or `text`.
        found: Box<str>,
    },
    /// Nothing is signed.
    #[error("there is no oadrSignedObject in oadrPayload")]
    NoSignedObject,
    /// Which of them is signed?
    #[error("there is more than one oadrSignedObject")]
    SeveralSignedObjects,
    /// Which of them counts?
    #[error("there is more than one signature")]
    SeveralSignatures,
    /// A part of the signature is missing, there twice, or not where it belongs.
    #[error("the signature's {0} is missing, there more than once, or not where it belongs")]
    Structure(&'static str),
    /// A value of the signature that is not base64, or far too long.
    #[error("{0} is not base64, or too long")]
    Base64(&'static str),
    /// An algorithm that is not accepted, such as HMAC, whose key anybody could have.
    #[error("{identifier:?} is no {role} that is accepted")]
    Algorithm {
        /// What it is used as.
        role: Role,
        /// Its identifier.
        identifier: Box<str>,
    },
    /// SHA-1, where the policy does not allow it.
    #[error("the {0} uses SHA-1, which is not allowed")]
    Sha1(Role),
    /// Other than two references.
    #[error("there are {0} references instead of two")]
    References(usize),
    /// A reference to something else than an element of this document by its Id.
    #[error("the reference {uri:?} names no element by its Id")]
    Uri {
        /// What it names.
        uri: Box<str>,
    },
    /// An Id that several elements have.
    #[error("several elements have the Id {id:?}")]
    AmbiguousId {
        /// The Id.
        id: Box<str>,
    },
    /// A reference to an element that is not to be signed, such as the root.
    #[error(
        "the reference to {id:?} leads to {found}, which is neither oadrSignedObject nor the signature's Object"
    )]
    Target {
        /// The Id.
        id: Box<str>,
        /// The element that has it.
        found: Box<str>,
    },
    /// Two references to the same part.
    #[error("both references lead to {0}")]
    ReferencedTwice(Which),
    /// No certificate in KeyInfo, but a bare key or a name perhaps: those prove nothing.
    #[error("KeyInfo has no X509Certificate")]
    NoCertificate,
    /// More than one.
    #[error("KeyInfo has more than one X509Certificate")]
    SeveralCertificates,
    /// The signer's certificate has a key that signs nothing here (rule 68).
    #[error(
        "the signer's certificate has neither an RSA key with 2,048 bits or more, nor one on P-256 or P-384"
    )]
    UnfitKey,
    /// RSA with an ECDSA key, or the other way round.
    #[error("the signature method is not for the kind of key that the signer's certificate has")]
    OtherKeyKind,
    /// No ReplayProtect within the part that is signed.
    #[error("there is no ReplayProtect in the signature's Object")]
    NoReplayProtect,
    /// More than one.
    #[error("there is more than one ReplayProtect")]
    SeveralReplayProtects,
    /// ReplayProtect's timestamp is no date-time in UTC.
    #[error("ReplayProtect's timestamp is no date-time")]
    Timestamp,
    /// ReplayProtect has no nonce.
    #[error("ReplayProtect's nonce is missing, empty or too long")]
    Nonce,
    /// The document was rewritten on its way, and is not in the form that [`rebuild`](crate::rebuild) could
    /// restore.
    #[error(
        "the document was rewritten on its way, and its {0} cannot be restored to what was signed"
    )]
    Rewritten(&'static str),
    /// An `xml:` attribute above or in the signature: the versions of canonical XML disagree on it.
    #[error("an xml: attribute stands above a signed part")]
    XmlAttribute,
}

impl Refusal {
    /// Its name, for programs. It does not change from version to version.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::OtherSigner { .. } => "other_signer",
            Self::Digest(_) => "digest",
            Self::Value => "value",
            Self::Validity { .. } => "validity",
            Self::TooOld { .. } => "too_old",
            Self::TooNew { .. } => "too_new",
            Self::BeforeStart => "before_start",
            Self::Replayed => "replayed",
            Self::Malformed { .. } => "malformed",
            Self::TooMuch(_) => "too_much",
            Self::NotAPayload => "not_a_payload",
            Self::Stray { .. } => "stray",
            Self::NoSignedObject => "no_signed_object",
            Self::SeveralSignedObjects => "several_signed_objects",
            Self::SeveralSignatures => "several_signatures",
            Self::Structure(_) => "structure",
            Self::Base64(_) => "base64",
            Self::Algorithm { .. } => "algorithm",
            Self::Sha1(_) => "sha1",
            Self::References(_) => "references",
            Self::Uri { .. } => "uri",
            Self::AmbiguousId { .. } => "ambiguous_id",
            Self::Target { .. } => "target",
            Self::ReferencedTwice(_) => "referenced_twice",
            Self::NoCertificate => "no_certificate",
            Self::SeveralCertificates => "several_certificates",
            Self::UnfitKey => "unfit_key",
            Self::OtherKeyKind => "other_key_kind",
            Self::NoReplayProtect => "no_replay_protect",
            Self::SeveralReplayProtects => "several_replay_protects",
            Self::Timestamp => "timestamp",
            Self::Nonce => "nonce",
            Self::Rewritten(_) => "rewritten",
            Self::XmlAttribute => "xml_attribute",
        }
    }
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

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SignedObject => "oadrSignedObject",
            Self::ReplayProtect => "ReplayProtect",
        })
    }
}

/// What an algorithm is used as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// How SignedInfo becomes octets.
    Canonicalisation,
    /// How a referenced part becomes octets.
    Transform,
    /// What is taken over octets.
    Digest,
    /// What signs.
    Signature,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Canonicalisation => "canonicalisation",
            Self::Transform => "transform",
            Self::Digest => "digest method",
            Self::Signature => "signature method",
        })
    }
}

/// What is wrong with XML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broken {
    /// Not UTF-8, or declared to be something else.
    Encoding,
    /// A document type declaration: never accepted.
    Doctype,
    /// A processing instruction.
    ProcessingInstruction,
    /// An entity that is none of the five, or a reference to a character that XML does not allow.
    Reference,
    /// A character that XML does not allow.
    Character,
    /// What is no markup, or does not end.
    Markup,
    /// An end tag that does not match its start tag.
    EndTag,
    /// The document ends before its elements do.
    Truncated,
    /// Content before or after the root.
    Outside,
    /// A broken or repeated attribute.
    Attribute,
    /// A name whose prefix is not declared, or a bad namespace declaration.
    Prefix,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encoding => "the document is not UTF-8",
            Self::Doctype => "document type declarations are refused",
            Self::ProcessingInstruction => "processing instructions are refused",
            Self::Reference => "an entity other than lt, gt, amp, quot and apos",
            Self::Character => "a character that XML does not allow",
            Self::Markup => "broken markup",
            Self::EndTag => "an end tag does not match its start tag",
            Self::Truncated => "the document ends before its elements do",
            Self::Outside => "there is content outside of the root element",
            Self::Attribute => "a broken or repeated attribute",
            Self::Prefix => "a name whose prefix is not declared, or a bad namespace declaration",
        })
    }
}

/// What there was too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// Bytes of the document.
    Bytes(usize),
    /// Elements within each other.
    Depth(usize),
    /// Elements.
    Elements(usize),
    /// Elements within the signature.
    SignatureElements(usize),
    /// Attributes of an element.
    Attributes(usize),
    /// Namespaces declared at a time.
    Namespaces(usize),
    /// Bytes of a canonical form.
    Octets(usize),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, what) = match self {
            Self::Bytes(count) => (count, "bytes"),
            Self::Depth(count) => (count, "elements within each other"),
            Self::Elements(count) => (count, "elements"),
            Self::SignatureElements(count) => (count, "elements in the signature"),
            Self::Attributes(count) => (count, "attributes of an element"),
            Self::Namespaces(count) => (count, "namespaces declared at a time"),
            Self::Octets(count) => (count, "bytes of canonical XML"),
        };
        write!(f, "{count} {what}")
    }
}

/// A text of the peer for a message: not too long, and without control characters.
pub(crate) fn printable(text: &str) -> Box<str> {
    let short = text.chars().take(128);
    let plain = |c: char| {
        if c.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    short.map(plain).collect::<String>().into()
}
