//! Who the VENs say they are: a few certificates, told in part or whole, and signatures.
//!
//! Knows nothing of what they say besides.

use crate::payload::arbitrary::Draws;
use crate::value::DateTime;
use crate::vtn::State;
use crate::{BareJid, CertificateHash, CertificateId, NonceHash, Peer, Signature, SignaturePolicy};

const CERTIFICATES: [CertificateHash; 2] = [CertificateHash([1; 32]), CertificateHash([2; 32])];

/// What this VEN would prove to be itself.
pub(super) fn proof_of(ven: &State) -> Peer {
    let known = CERTIFICATES.iter().find(|hash| ven.has_certificate(hash));
    match (known, ven.jid()) {
        (Some(hash), _) => Peer::Certificate(*hash),
        (None, Some(account)) => session(account),
        (None, None) => Peer::Unproven,
    }
}

/// One of a few accounts.
pub(super) fn accounts(draws: &mut Draws<'_>) -> Option<BareJid> {
    let name = draws.pick(&["house@vtn.example", "villa@vtn.example"])?;
    name.parse().ok()
}

fn session(account: &BareJid) -> Peer {
    let session = account.with_resource("client");
    session.map_or(Peer::Unproven, Peer::Jid)
}

pub(super) fn peer(draws: &mut Draws<'_>) -> Peer {
    match draws.below(6) {
        2 => accounts(draws).map_or(Peer::Unproven, |account| session(&account)),
        0 => Peer::Certificate(CertificateHash([1; 32])),
        1 => Peer::Certificate(CertificateHash([2; 32])),
        _ => Peer::Unproven,
    }
}

/// A few only, so that they meet.
pub(super) fn certificates(draws: &mut Draws<'_>) -> Vec<CertificateId> {
    let mut ids = Vec::new();
    for hash in CERTIFICATES {
        match draws.below(6) {
            0 => ids.push(CertificateId::Hash(hash)),
            1 => ids.push(CertificateId::Fingerprint(hash.fingerprint())),
            _ => {}
        }
    }
    ids
}

pub(super) fn policy(draws: &mut Draws<'_>) -> Option<SignaturePolicy> {
    match draws.below(8) {
        0 => Some(SignaturePolicy::Off),
        1 => Some(SignaturePolicy::Optional),
        2 => Some(SignaturePolicy::Required),
        _ => None,
    }
}

/// Whoever has a certificate signs mostly; what is said again has the same signature again.
pub(super) fn signature(
    peer: &Peer,
    now: DateTime,
    inputs: u64,
    entropy: [u8; 32],
) -> Option<Signature> {
    let signer = match peer {
        Peer::Certificate(hash) if !inputs.is_multiple_of(5) => *hash,
        Peer::Certificate(_) | Peer::Jid(_) | Peer::Unproven => return None,
    };
    let mut nonce = [0; 16];
    for (to, from) in nonce.iter_mut().zip(entropy) {
        *to = from;
    }
    Some(Signature {
        signer,
        timestamp: now,
        nonce: NonceHash(nonce),
    })
}
