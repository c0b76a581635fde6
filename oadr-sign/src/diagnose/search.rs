//! Finds out what was signed where that is not what arrived.
//!
//! Knows nothing of what is accepted: nothing here is.

use crate::algorithm::{KeyFamily, Method};
use crate::signature::Reference;
use crate::verify::is_digest;
use crate::xml::{Form, Texts};
use crate::{Certificate, Finding, SignedDocument};

/// Every form that somebody may have taken for the canonical one, the likeliest first.
fn forms() -> impl Iterator<Item = Form> {
    [Texts::All, Texts::NoneBlank, Texts::OneLine]
        .into_iter()
        .flat_map(|texts| {
            [false, true].into_iter().flat_map(move |standalone| {
                Method::ALL.into_iter().map(move |method| Form {
                    method,
                    standalone,
                    texts,
                })
            })
        })
}

/// What a form that matches tells: in words, and what to do.
fn explained(form: Form, stated: Method) -> (String, &'static str) {
    let mut differences = Vec::new();
    if form.method != stated {
        differences.push(format!(
            "canonicalised by {} where {} is stated",
            form.method.identifier(),
            stated.identifier()
        ));
    }
    if form.standalone {
        differences.push("canonicalised as a document of its own, not where it stands".to_owned());
    }
    match form.texts {
        Texts::All => {}
        Texts::NoneBlank => differences.push("without the white space between tags".to_owned()),
        Texts::OneLine => differences.push("without line feeds".to_owned()),
    }
    let advice = match form {
        Form {
            texts: Texts::NoneBlank | Texts::OneLine,
            ..
        } => "the document was pretty-printed or wrapped after it was signed: send the very octets",
        Form {
            standalone: true, ..
        } => {
            "canonicalise the part within its final document: inclusive canonical XML takes in the \
             namespaces of all ancestors. Or declare on the part all that the ancestors declare"
        }
        Form { .. } => "state the canonicalisation that is used, or use the one that is stated",
    };
    (differences.join(", "), advice)
}

/// The form of a referenced part that has the digest which was signed.
pub(super) fn digest(signed: &SignedDocument<'_>, reference: &Reference) -> Option<Finding> {
    let which = reference.which;
    let found = forms().find(|form| {
        signed
            .octets(reference, *form)
            .is_ok_and(|octets| is_digest(reference, &octets))
    });
    if let Some(form) = found {
        let (difference, advice) = explained(form, reference.method);
        let text = format!("the digest is that of {which} {difference}");
        return Some(Finding::note("digest", text, Some(advice)));
    }
    let raw = signed.document.raw(reference.element);
    is_digest(reference, raw.as_bytes()).then(|| {
        Finding::note(
            "digest",
            format!("the digest is that of {which} as it is written, not canonicalised"),
            Some("canonicalise the part before the digest is taken"),
        )
    })
}

/// What the signature value is of, if it is of something similar.
pub(super) fn value(
    signed: &SignedDocument<'_>,
    claimed: &Certificate,
    signer: Option<&Certificate>,
) -> Option<Finding> {
    let parts = &signed.parts;
    let hash = parts.method.hash;
    let key = claimed.key()?;
    let digest = signed
        .signed_info_digest(parts.canonicalisation.into())
        .ok()?;
    if parts.method.family == KeyFamily::Ecdsa {
        let bare = raw_from_der(&parts.value, key.half());
        if bare.is_some_and(|bare| key.verifies(hash, &digest, &bare)) {
            return Some(Finding::note(
                "value",
                "the signature value is right, but in DER".to_owned(),
                Some("write r and s one after the other, each as long as the curve's order"),
            ));
        }
    }
    if let Some(other) = signer.and_then(Certificate::key)
        && other.verifies(hash, &digest, &parts.value)
    {
        return Some(Finding::note(
            "value",
            "the signature value is right for the expected signer's key, not for the certificate \
             that came along"
                .to_owned(),
            Some("put the certificate into KeyInfo that belongs to the key"),
        ));
    }
    let form = forms().find(|form| {
        let digest = signed.signed_info_digest(*form);
        digest.is_ok_and(|digest| key.verifies(hash, &digest, &parts.value))
    });
    Some(match form {
        Some(form) => {
            let (difference, advice) = explained(form, parts.canonicalisation);
            let text = format!("the signature value is that of SignedInfo {difference}");
            Finding::note("value", text, Some(advice))
        }
        None => Finding::note(
            "value",
            "no other form of SignedInfo has this signature value with this key".to_owned(),
            Some("another key signed it, or SignedInfo was changed afterwards"),
        ),
    })
}

/// r and s one after the other from a SEQUENCE of two INTEGERs.
fn raw_from_der(der: &[u8], half: usize) -> Option<Vec<u8>> {
    let (body, rest) = tagged(der, 0x30)?;
    let (r, after) = tagged(body, 0x02)?;
    let (s, end) = tagged(after, 0x02)?;
    if !rest.is_empty() || !end.is_empty() {
        return None;
    }
    let mut raw = Vec::with_capacity(half.saturating_mul(2));
    for number in [r, s] {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let number = number.get(zeros..)?;
        raw.resize(raw.len().saturating_add(half.checked_sub(number.len())?), 0);
        raw.extend_from_slice(number);
    }
    Some(raw)
}

/// The content of a value with this tag, shorter than 128 bytes, and what follows it.
fn tagged(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = der.split_first_chunk()?;
    (found == tag && length < 0x80).then_some(())?;
    rest.split_at_checked(usize::from(length))
}
