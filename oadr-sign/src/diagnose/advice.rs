//! What to do about a refusal.
//!
//! Knows nothing of the document.

use chrono::TimeDelta;

use crate::Refusal;
use crate::error::Role;

/// What to do about it, where that is known.
pub(super) fn of(refusal: &Refusal) -> Option<&'static str> {
    const CLOCKS: &str = "compare the clocks of both machines (NTP), or allow a wider window; a \
                          message is signed when it is sent, each time anew";
    Some(match refusal {
        Refusal::Unsigned => "turn on signatures at the sender, or do not require them of it",
        Refusal::OtherSigner { .. } => {
            "if the sender has a new certificate, enrol it; if not, somebody else signed this"
        }
        Refusal::Validity { .. } => "renew the certificate, and see that the clock is right",
        Refusal::TooOld { by } | Refusal::TooNew { by } if is_zone(*by) => {
            "the difference is that of a time zone: the timestamp is local time marked as UTC, or \
             one of the clocks is set to local time"
        }
        Refusal::TooOld { .. } | Refusal::TooNew { .. } => CLOCKS,
        Refusal::BeforeStart => "nothing: the sender signs its next message anew",
        Refusal::Replayed => {
            "nothing if a network resent it; a sender must sign each message anew, with another nonce"
        }
        Refusal::Malformed { .. } => "send well-formed XML in UTF-8, without a document type",
        Refusal::NotAPayload => "put the signature and the signed object into an oadrPayload",
        Refusal::Stray { .. }
        | Refusal::NoSignedObject
        | Refusal::SeveralSignedObjects
        | Refusal::SeveralSignatures => {
            "a signed document is one oadrPayload with one Signature and one oadrSignedObject, and \
             nothing else"
        }
        Refusal::Structure(_) => {
            "a signature has SignedInfo, SignatureValue, KeyInfo and one Object, in this order"
        }
        Refusal::Algorithm { role, .. } => match role {
            Role::Canonicalisation | Role::Transform => {
                "use canonical XML 1.0, inclusive or exclusive, and no other transform"
            }
            Role::Digest => "use SHA-256",
            Role::Signature => "use rsa-sha256 or ecdsa-sha256",
        },
        Refusal::Sha1(_) => "use SHA-256; or allow SHA-1 for this peer, which is weak",
        Refusal::References(_) | Refusal::ReferencedTwice(_) => {
            "one reference is to oadrSignedObject, the other to the Object with ReplayProtect"
        }
        Refusal::Uri { .. } | Refusal::Target { .. } => {
            "a reference is `#` and the Id of oadrSignedObject (oadr:Id) or of the signature's Object \
             (Id); the whole document cannot be signed"
        }
        Refusal::AmbiguousId { .. } => "every Id is there once",
        Refusal::NoCertificate => "put the signer's certificate into KeyInfo, as X509Certificate",
        Refusal::SeveralCertificates => "put the signer's certificate alone into KeyInfo",
        Refusal::UnfitKey => "use RSA with 2,048 bits or more, P-256 or P-384",
        Refusal::OtherKeyKind => "an RSA key signs with rsa-sha256, an EC key with ecdsa-sha256",
        Refusal::NoReplayProtect | Refusal::SeveralReplayProtects => {
            "put one ReplayProtect into the signature's Object: SignatureProperties, \
             SignatureProperty, ReplayProtect with timestamp and nonce"
        }
        Refusal::Timestamp => "write the timestamp as 2026-11-22T10:00:00Z",
        Refusal::Nonce => "draw a nonce of 16 bytes for every message",
        Refusal::XmlAttribute => "leave xml: attributes out of oadrPayload and of the signature",
        Refusal::Base64(_) => "write binary values in base64, with padding",
        Refusal::Rewritten(_) => {
            "sign in the form that this program signs in, or use a transport that leaves the text alone"
        }
        Refusal::Digest(_) | Refusal::Value | Refusal::TooMuch(_) => return None,
    })
}

/// Whether a time is off by half hours, as zones are: within 30 s.
fn is_zone(by: TimeDelta) -> bool {
    let seconds = by.num_seconds();
    let off = seconds.saturating_add(30) % 1_800;
    (1_770..=14 * 3_600 + 30).contains(&seconds) && off <= 60
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_hours_are_zones() {
        for (seconds, zone) in [
            (0, false),
            (3_600, true),
            (3_590, true),
            (3_625, true),
            (3_500, false),
            (19_800, true),
            (100 * 3_600, false),
        ] {
            assert_eq!(is_zone(TimeDelta::seconds(seconds)), zone, "{seconds}");
        }
    }
}
