//! Which messages have to be signed, and which signatures were used already (rule 514, §6).
//!
//! Knows nothing of cryptography: a signature that gets here was verified.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::decide::Case;
use super::delivery::later;
use super::registration::settle_claims;
use super::state::State;
use super::{Change, Context, Input, Vtn};
use crate::machine::{Decision, Draft};
use crate::value::DateTime;
use crate::{NonceHash, Peer, Signature, SignaturePolicy};

/// So many are remembered one by one; they are in the partition's row, which is written as a whole.
const MOST: usize = 64;

/// So much longer than the window they are remembered: the host verified a signature a moment before
/// the machine decides, an application that was asked having taken its time.
const LONGER: TimeDelta = TimeDelta::minutes(1);

/// Whether nothing may follow from an input on this partition, whatever it says, because of a signature
/// that it lacks or has: [`decide`](super::decide) would say [`Forbidden`](super::Reply::Forbidden).
///
/// For a host that does something for a message before it is decided on.
#[must_use]
pub fn is_forbidden(state: &State, context: &Context, now: DateTime, input: &Input) -> bool {
    match input {
        Input::Message {
            peer, signature, ..
        } => admit(state, context, now, peer, signature.as_ref()).is_err(),
        Input::Pushed { .. } | Input::Deadline => false,
    }
}

/// Nothing follows from the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forbidden;

/// The signature that counts, if there is one and it does.
pub(super) fn admit<'a>(
    state: &State,
    context: &Context,
    now: DateTime,
    peer: &Peer,
    signature: Option<&'a Signature>,
) -> Result<Option<&'a Signature>, Forbidden> {
    let is_its_own = |signature: &Signature| is_of(state, peer, signature);
    check(state, context, now, is_its_own, signature)
}

/// The same of the reply to a push: whoever was reached, one of the VEN's certificates signed.
pub(super) fn admit_reply<'a>(
    state: &State,
    context: &Context,
    now: DateTime,
    signature: Option<&'a Signature>,
) -> Result<Option<&'a Signature>, Forbidden> {
    let is_its_own = |signature: &Signature| state.has_certificate(&signature.signer);
    check(state, context, now, is_its_own, signature)
}

fn check<'a>(
    state: &State,
    context: &Context,
    now: DateTime,
    is_its_own: impl Fn(&Signature) -> bool,
    signature: Option<&'a Signature>,
) -> Result<Option<&'a Signature>, Forbidden> {
    match (state.signatures.unwrap_or(context.signatures), signature) {
        (SignaturePolicy::Off, _) | (SignaturePolicy::Optional, None) => Ok(None),
        (SignaturePolicy::Required, None) => Err(Forbidden),
        (SignaturePolicy::Optional | SignaturePolicy::Required, Some(signature)) => {
            let latest = later(now, context.signature_window);
            if is_its_own(signature) && !state.used_signatures.have(signature, latest) {
                Ok(Some(signature))
            } else {
                Err(Forbidden)
            }
        }
    }
}

/// Whether the signer is who sent the message: with the certificate of the connection, or with another
/// one of the same VEN. Where the transport proves nothing the host takes the signer for the peer.
fn is_of(state: &State, peer: &Peer, signature: &Signature) -> bool {
    match peer {
        Peer::Certificate(hash) => {
            signature.signer == *hash || state.has_certificate(&signature.signer)
        }
        // Over XMPP any certificate of the VEN may sign.
        Peer::Jid(_) => state.has_certificate(&signature.signer),
        Peer::Unproven => false,
    }
}

/// Puts what the sender proved beside what is decided anyway: the signature, which cannot be used
/// again, and the whole of a certificate of which only the fingerprint was told. A message that changes
/// nothing leaves no trace.
pub(super) fn keep(
    case: &Case<'_>,
    peer: &Peer,
    signature: Option<&Signature>,
    decision: Decision<Vtn>,
) -> Decision<Vtn> {
    let seen = match peer {
        Peer::Certificate(hash) if case.state().certificates.have_only_heard_of(hash) => Some(hash),
        Peer::Certificate(_) | Peer::Jid(_) | Peer::Unproven => None,
    };
    if !decision.needs_commit() || (signature.is_none() && seen.is_none()) {
        return decision;
    }
    let (mut draft, reply) = Draft::resume(case.at, decision);
    // A VEN that is gone has nothing to remember.
    if !draft.state.is_forgotten() {
        if let Some(certificate) = seen {
            let held = draft.state.claims();
            draft.change(Change::CertificateSeen {
                certificate: *certificate,
            });
            settle_claims(&mut draft, held);
        }
        if let Some(signature) = signature {
            let kept_for = case.context.signature_window.checked_add(&LONGER);
            let kept_for = kept_for.unwrap_or(TimeDelta::MAX);
            draft.change(Change::SignatureUsed {
                nonce: signature.nonce,
                timestamp: signature.timestamp,
                forget_before: earlier(case.env.now, kept_for),
            });
        }
    }
    draft.decide(reply)
}

/// The signatures of the messages that changed something lately.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UsedSignatures {
    /// In the order of their use.
    each: Vec<UsedSignature>,
    /// Those made until then count as used, for not each of them is known any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    all_until: Option<DateTime>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct UsedSignature {
    nonce: NonceHash,
    timestamp: DateTime,
}

impl UsedSignatures {
    pub(super) fn is_empty(&self) -> bool {
        self.each.is_empty() && self.all_until.is_none()
    }

    /// Whether this one was used. No signature is later than `latest`; if it seems that there were, then
    /// our clock was wrong, and nobody is to be shut out until it is that late.
    fn have(&self, signature: &Signature, latest: DateTime) -> bool {
        let until = self.all_until.filter(|until| *until <= latest);
        until.is_some_and(|until| signature.timestamp <= until)
            || self.each.iter().any(|used| used.nonce == signature.nonce)
    }

    /// One more was used, and those made before that time are of no interest any more.
    pub(super) fn add(&mut self, nonce: NonceHash, timestamp: DateTime, forget_before: DateTime) {
        self.each.retain(|used| used.timestamp >= forget_before);
        self.all_until = self.all_until.filter(|until| *until >= forget_before);
        self.each.push(UsedSignature { nonce, timestamp });
        while self.each.len() > MOST {
            let first = self.each.iter().map(|used| used.timestamp).min();
            self.each.retain(|used| Some(used.timestamp) != first);
            self.all_until = self.all_until.max(first);
        }
    }
}

fn earlier(at: DateTime, by: TimeDelta) -> DateTime {
    at.checked_sub_signed(by).unwrap_or(DateTime::MIN_UTC)
}
