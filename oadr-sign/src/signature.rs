//! The parts of a `ds:Signature` in an `oadrPayload`, each where it belongs and there once.
//!
//! Knows nothing of keys and of what time it is: what is read here is still to be verified.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::algorithm::{Hash, Kind, Method, SignatureMethod};
use crate::error::{Limit, Refusal, Role, Which, printable};
use crate::xml::{Document, ElementId, Space};

/// A signature has some 25 elements.
const MOST_ELEMENTS: usize = 100;
/// Bytes of a certificate, of a value and of a nonce.
const LONGEST_CERTIFICATE: usize = 16 << 10;
const LONGEST_VALUE: usize = 1 << 10;
const LONGEST_NONCE: usize = 1 << 10;

/// A signature taken apart.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) signed_info: ElementId,
    pub(crate) canonicalisation: Method,
    pub(crate) method: SignatureMethod,
    /// One to the signed object, one to what ReplayProtect is in, in whichever order they come.
    pub(crate) references: [Reference; 2],
    pub(crate) value: Vec<u8>,
    /// In DER.
    pub(crate) certificate: Vec<u8>,
    pub(crate) timestamp: String,
    pub(crate) nonce: String,
}

/// A digest, and of what.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) which: Which,
    pub(crate) element: ElementId,
    pub(crate) method: Method,
    pub(crate) hash: Hash,
    pub(crate) digest: Vec<u8>,
}

/// A reference that is not resolved yet.
struct Unresolved {
    uri: String,
    method: Method,
    hash: Hash,
    digest: Vec<u8>,
}

impl Parts {
    /// Finds them all.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub(crate) fn of(document: &Document<'_>) -> Result<Self, Refusal> {
        let root = Document::ROOT;
        if !document.is(root, Space::Oadr, "oadrPayload") {
            let mut all = document.within(root);
            return Err(if all.any(|id| document.is(id, Space::Ds, "Signature")) {
                Refusal::NotAPayload
            } else {
                Refusal::Unsigned
            });
        }
        let (signature, signed_object) = payload(document)?;
        let elements: Vec<ElementId> = document
            .within(signature)
            .take(MOST_ELEMENTS.saturating_add(1))
            .collect();
        if elements.len() > MOST_ELEMENTS {
            return Err(Refusal::TooMuch(Limit::SignatureElements(MOST_ELEMENTS)));
        }
        // The versions of canonical XML differ in what ancestors' `xml:` attributes do, and in nothing
        // else: without them there is nothing to differ in.
        let mut above = elements.iter().chain([&root]);
        if above.any(|id| document.has_xml_attribute(*id)) {
            return Err(Refusal::XmlAttribute);
        }
        let mut children = Children::of(document, signature, "Signature")?;
        let signed_info = children.one("SignedInfo")?;
        let signature_value = children.one("SignatureValue")?;
        let key_info = children.one("KeyInfo")?;
        let object = children.one("Object")?;
        children.end()?;
        let certificate = certificate(document, key_info)?;
        let replay_protect = replay_protect(document, object, &elements)?;

        let mut children = Children::of(document, signed_info, "SignedInfo")?;
        let canonicalisation = children.one("CanonicalizationMethod")?;
        let canonicalisation = method(document, canonicalisation, Role::Canonicalisation)?;
        let signature_method = children.one("SignatureMethod")?;
        let identifier = algorithm(document, signature_method, "SignatureMethod")?;
        let signature_method = SignatureMethod::of(identifier)
            .ok_or_else(|| not_accepted(Role::Signature, identifier))?;
        let references = children.all("Reference");
        children.end()?;
        let [first, second] = *references else {
            return Err(Refusal::References(references.len()));
        };
        let targets = Targets {
            signed_object,
            object,
            replay_protect,
        };
        let resolve = |id| targets.resolve(document, unresolved(document, id)?);
        let references = [resolve(first)?, resolve(second)?];
        let [first, second] = &references;
        if first.which == second.which {
            return Err(Refusal::ReferencedTwice(first.which));
        }
        let (timestamp, nonce) = timestamp_and_nonce(document, replay_protect)?;
        Ok(Self {
            signed_info,
            canonicalisation,
            method: signature_method,
            references,
            value: binary(document, signature_value, "SignatureValue", LONGEST_VALUE)?,
            certificate,
            timestamp,
            nonce,
        })
    }
}

/// The one signature and the one signed object of a payload.
fn payload(document: &Document<'_>) -> Result<(ElementId, ElementId), Refusal> {
    let children = match document.children(Document::ROOT, "oadrPayload") {
        Ok(children) => children,
        // What has no signature is for others to refuse.
        Err(refusal) => {
            let mut all = document.within(Document::ROOT);
            return Err(if all.any(|id| document.is(id, Space::Ds, "Signature")) {
                refusal
            } else {
                Refusal::Unsigned
            });
        }
    };
    let (mut signature, mut signed_object, mut stray) = (None, None, None);
    for child in children {
        if document.is(child, Space::Ds, "Signature") {
            if signature.replace(child).is_some() {
                return Err(Refusal::SeveralSignatures);
            }
        } else if document.is(child, Space::Oadr, "oadrSignedObject") {
            if signed_object.replace(child).is_some() {
                stray = Some(Refusal::SeveralSignedObjects);
            }
        } else {
            stray = Some(Refusal::Stray {
                parent: "oadrPayload",
                found: document.quote(child),
            });
        }
    }
    let signature = signature.ok_or(Refusal::Unsigned)?;
    match stray {
        Some(refusal) => Err(refusal),
        None => Ok((signature, signed_object.ok_or(Refusal::NoSignedObject)?)),
    }
}

/// The children of an element in XML signatures' namespace, taken one after the other.
struct Children<'a, 'd> {
    document: &'a Document<'d>,
    parent: &'static str,
    rest: std::iter::Peekable<std::vec::IntoIter<ElementId>>,
}

impl<'a, 'd> Children<'a, 'd> {
    fn of(
        document: &'a Document<'d>,
        id: ElementId,
        parent: &'static str,
    ) -> Result<Self, Refusal> {
        let rest = document.children(id, parent)?.into_iter().peekable();
        Ok(Self {
            document,
            parent,
            rest,
        })
    }

    fn optional(&mut self, name: &str) -> Option<ElementId> {
        let document = self.document;
        self.rest.next_if(|id| document.is(*id, Space::Ds, name))
    }

    fn one(&mut self, name: &'static str) -> Result<ElementId, Refusal> {
        self.optional(name).ok_or(Refusal::Structure(name))
    }

    fn all(&mut self, name: &str) -> Vec<ElementId> {
        std::iter::from_fn(|| self.optional(name)).collect()
    }

    fn end(mut self) -> Result<(), Refusal> {
        match self.rest.next() {
            None => Ok(()),
            Some(id) => Err(Refusal::Stray {
                parent: self.parent,
                found: self.document.quote(id),
            }),
        }
    }
}

fn not_accepted(role: Role, identifier: &str) -> Refusal {
    Refusal::Algorithm {
        role,
        identifier: printable(identifier),
    }
}

/// The identifier of an algorithm that has no parameters.
fn algorithm<'a>(
    document: &'a Document<'_>,
    id: ElementId,
    name: &'static str,
) -> Result<&'a str, Refusal> {
    Children::of(document, id, name)?.end()?;
    document
        .attribute(id, "Algorithm")
        .ok_or(Refusal::Structure(name))
}

fn method(document: &Document<'_>, id: ElementId, role: Role) -> Result<Method, Refusal> {
    let name = match role {
        Role::Canonicalisation => "CanonicalizationMethod",
        Role::Transform | Role::Digest | Role::Signature => "Transform",
    };
    // The identifier comes first: what is in an XPath or XSLT transform does not matter.
    let identifier = document.attribute(id, "Algorithm");
    let identifier = identifier.ok_or(Refusal::Structure(name))?;
    let method = Method::of(identifier).ok_or_else(|| not_accepted(role, identifier))?;
    Children::of(document, id, name)?.end()?;
    Ok(method)
}

/// Base64 with white space in it.
fn binary(
    document: &Document<'_>,
    id: ElementId,
    name: &'static str,
    longest: usize,
) -> Result<Vec<u8>, Refusal> {
    let text = document.text(id, name)?;
    // Twice as long, for the white space: some indent every line.
    if text.len() > longest.saturating_mul(2) {
        return Err(Refusal::Base64(name));
    }
    let is_white = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let decoded = if text.as_bytes().iter().any(is_white) {
        let dense: Vec<u8> = text.bytes().filter(|byte| !is_white(byte)).collect();
        STANDARD.decode(dense)
    } else {
        STANDARD.decode(text.as_bytes())
    };
    decoded.map_err(|_| Refusal::Base64(name))
}

/// The one certificate. What else is in KeyInfo, such as a name or a bare key, is not looked at.
fn certificate(document: &Document<'_>, key_info: ElementId) -> Result<Vec<u8>, Refusal> {
    let mut found = None;
    for data in document.children(key_info, "KeyInfo")? {
        if !document.is(data, Space::Ds, "X509Data") {
            continue;
        }
        for child in document.children(data, "X509Data")? {
            if document.is(child, Space::Ds, "X509Certificate") && found.replace(child).is_some() {
                return Err(Refusal::SeveralCertificates);
            }
        }
    }
    let found = found.ok_or(Refusal::NoCertificate)?;
    binary(document, found, "X509Certificate", LONGEST_CERTIFICATE)
}

/// The one ReplayProtect in all of the signature, where it belongs.
fn replay_protect(
    document: &Document<'_>,
    object: ElementId,
    elements: &[ElementId],
) -> Result<ElementId, Refusal> {
    let is_one = |id: &&ElementId| document.is(**id, Space::Dsp, "ReplayProtect");
    let mut all = elements.iter().filter(is_one);
    let one = *all.next().ok_or(Refusal::NoReplayProtect)?;
    if all.next().is_some() {
        return Err(Refusal::SeveralReplayProtects);
    }
    let mut children = Children::of(document, object, "Object")?;
    let properties = children.one("SignatureProperties")?;
    children.end()?;
    let mut children = Children::of(document, properties, "SignatureProperties")?;
    let properties = children.all("SignatureProperty");
    children.end()?;
    for property in properties {
        if document.is_within(one, property) {
            let direct = document.children(property, "SignatureProperty")?;
            if direct.contains(&one) {
                return Ok(one);
            }
        }
    }
    Err(Refusal::NoReplayProtect)
}

fn timestamp_and_nonce(
    document: &Document<'_>,
    replay_protect: ElementId,
) -> Result<(String, String), Refusal> {
    let (mut timestamp, mut nonce) = (None, None);
    for child in document.children(replay_protect, "ReplayProtect")? {
        let place = if document.is(child, Space::Dsp, "timestamp") {
            &mut timestamp
        } else if document.is(child, Space::Dsp, "nonce") {
            &mut nonce
        } else {
            return Err(Refusal::Stray {
                parent: "ReplayProtect",
                found: document.quote(child),
            });
        };
        if place.replace(child).is_some() {
            return Err(Refusal::Structure("ReplayProtect"));
        }
    }
    let text = |id: Option<ElementId>, name, missing: Refusal| {
        let text = document.text(id.ok_or(missing)?, name)?;
        Ok::<_, Refusal>(text.trim_matches([' ', '\t', '\n', '\r']).to_owned())
    };
    let timestamp = text(timestamp, "timestamp", Refusal::Timestamp)?;
    let nonce = text(nonce, "nonce", Refusal::Nonce)?;
    if nonce.is_empty() || nonce.len() > LONGEST_NONCE {
        return Err(Refusal::Nonce);
    }
    Ok((timestamp, nonce))
}

fn unresolved(document: &Document<'_>, id: ElementId) -> Result<Unresolved, Refusal> {
    let uri = document.attribute(id, "URI").unwrap_or_default().to_owned();
    let mut children = Children::of(document, id, "Reference")?;
    let method = match children.optional("Transforms") {
        Some(transforms) => transform(document, transforms)?,
        // What a reference to an element of the same document is without any (XML signatures, 4.4.3.2).
        None => Method::DEFAULT,
    };
    let digest_method = children.one("DigestMethod")?;
    let value = children.one("DigestValue")?;
    children.end()?;
    let identifier = algorithm(document, digest_method, "DigestMethod")?;
    Ok(Unresolved {
        uri,
        method,
        hash: Hash::of(identifier).ok_or_else(|| not_accepted(Role::Digest, identifier))?,
        digest: binary(document, value, "DigestValue", 64)?,
    })
}

/// What one or two canonicalisations in a row come to: what is exclusive remains so, and comments that
/// one has left out do not come back.
fn transform(document: &Document<'_>, transforms: ElementId) -> Result<Method, Refusal> {
    let mut children = Children::of(document, transforms, "Transforms")?;
    let all = children.all("Transform");
    children.end()?;
    let mut methods = Vec::with_capacity(2);
    for id in all.iter().take(3) {
        methods.push(method(document, *id, Role::Transform)?);
    }
    match *methods {
        [only] => Ok(only),
        [one, other] => Ok(Method {
            kind: if one.kind == Kind::Exclusive {
                one.kind
            } else {
                other.kind
            },
            comments: one.comments && other.comments,
        }),
        _ => Err(Refusal::Structure("Transforms")),
    }
}

/// What may be referred to.
struct Targets {
    signed_object: ElementId,
    object: ElementId,
    replay_protect: ElementId,
}

impl Targets {
    /// Finds the one element that a reference is to.
    fn resolve(
        &self,
        document: &Document<'_>,
        reference: Unresolved,
    ) -> Result<Reference, Refusal> {
        let uri = || Refusal::Uri {
            uri: printable(&reference.uri),
        };
        let id = reference.uri.strip_prefix('#').ok_or_else(uri)?;
        if id.is_empty() || id.contains(['(', ')', '\'', '"']) {
            return Err(uri());
        }
        let (element, space) = match *document.with_id(id) {
            [] => return Err(uri()),
            [only] => only,
            [_, _, ..] => return Err(Refusal::AmbiguousId { id: printable(id) }),
        };
        // The other names of Ids, and other namespaces, make an element ambiguous but do not name it.
        let is_named = matches!(space, Space::None | Space::Oadr);
        let which = if !is_named {
            None
        } else if element == self.signed_object {
            Some(Which::SignedObject)
        } else if document.is_within(element, self.object)
            && document.is_within(self.replay_protect, element)
        {
            Some(Which::ReplayProtect)
        } else {
            None
        };
        Ok(Reference {
            which: which.ok_or_else(|| Refusal::Target {
                id: printable(id),
                found: document.quote(element),
            })?,
            element,
            method: reference.method,
            hash: reference.hash,
            digest: reference.digest,
        })
    }
}
