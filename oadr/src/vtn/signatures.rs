//! The signatures of messages: whether one is looked at, whose it has to be, and ours on the replies.
//!
//! Knows nothing of what messages mean, nor of sockets. Whether a message has to be signed at all is the
//! machine's to say; that one that is wrongly signed gets no further is said here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chrono::TimeDelta;
use hyper::body::Bytes;
use oadr_core::codec::encode;
use oadr_core::payload::Message;
use oadr_core::value::DateTime;
use oadr_core::vtn::{Admission, Claim};
use oadr_core::{BareJid, CertificateHash, Peer, Signature, SignaturePolicy};
use oadr_http::Unsealed;
use oadr_sign::{
    Carried, Certificate, KeyKind, Policy, Refusal, ReplayGuard, SignError, SignedDocument,
    SigningKey, is_signed, sign,
};

use super::peers::Peers;
use super::registry::{Registry, Slot};
use crate::entropy;

/// Who remembers signatures: each its share of them, so that connections do not wait for each other.
const GUARDS: usize = 16;

/// What there is to know for signatures.
#[derive(Debug)]
pub(crate) struct Signatures {
    /// For VENs of which nothing else is said, and for strangers.
    default: SignaturePolicy,
    accepted: Policy,
    /// Whether a stranger's signature is worth anything: somebody else says who may register.
    admits_strangers: bool,
    keys: RwLock<Arc<[Arc<SigningKey>]>>,
    guards: [Mutex<ReplayGuard>; GUARDS],
    verified: AtomicU64,
}

/// How signatures are treated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) default: SignaturePolicy,
    pub(super) window: TimeDelta,
    pub(super) sha1: bool,
    pub(super) admission: Admission,
}

/// Why a document is not read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum Denied {
    /// The signature does not count.
    #[error(transparent)]
    Signature(Refusal),
    /// Over plain HTTP nothing but the signature says who it is, and that is nobody.
    #[error("no VEN has the certificate {} that it is signed with", .0.fingerprint())]
    UnknownSigner(CertificateHash),
    /// An account proves no certificate; which ones its VEN signs with an operator says.
    #[error("the VEN of {account} has not the certificate {} that it signs with", claimed.fingerprint())]
    NotItsSigner {
        /// The account.
        account: BareJid,
        /// The certificate.
        claimed: CertificateHash,
    },
}

/// Why a reply was not signed.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotSigned {
    #[error("there is no key to sign with")]
    NoKey,
    #[error("no randomness: {0}")]
    Entropy(#[from] std::io::Error),
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self::Signature(refusal)
    }
}

impl Denied {
    /// For programs.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Signature(refusal) => refusal.code(),
            Self::UnknownSigner(_) => "unknown_signer",
            Self::NotItsSigner { .. } => "other_signer",
        }
    }
}

impl Signatures {
    /// That begins to remember what was signed now.
    pub(super) fn new(terms: Terms, keys: Vec<Arc<SigningKey>>, now: DateTime) -> Self {
        Self {
            default: terms.default,
            accepted: Policy {
                window: terms.window,
                not_before: Some(now),
                sha1: terms.sha1,
            },
            admits_strangers: match terms.admission {
                Admission::Open | Admission::Ask => true,
                Admission::Enrolled => false,
            },
            keys: RwLock::new(keys.into()),
            guards: std::array::from_fn(|_| Mutex::new(ReplayGuard::new(terms.window))),
            verified: AtomicU64::new(0),
        }
    }

    /// Signs with other keys from now on.
    pub(super) fn sign_with(&self, keys: Vec<Arc<SigningKey>>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.into();
    }

    /// How many signatures counted.
    pub(crate) fn verified(&self) -> u64 {
        self.verified.load(Ordering::Relaxed)
    }

    /// Checks what a document is signed with, as far as anybody wants to know, and says what is to be
    /// read of it: only what was verified, if it was.
    ///
    /// # Errors
    /// It is signed, but not as it should be; or a VEN that has to sign did not.
    pub(super) fn unseal(
        &self,
        registry: &Registry,
        peers: &Peers,
        peer: &Peer,
        document: Bytes,
        now: DateTime,
    ) -> Result<Unsealed, Denied> {
        // Who the transport says it is, and the VEN that this is.
        let ven = match peer {
            Peer::Certificate(hash) => Some(holder(registry, hash)),
            // A stranger's account proves nothing of whose certificate it signs with.
            Peer::Jid(jid) => registry
                .find(&[Claim::Jid(jid.account().clone())])
                .map(Some),
            Peer::Unproven | _ => None,
        };
        if let Some(ven) = ven {
            let policy = self.policy_of(ven.as_deref());
            if policy == SignaturePolicy::Off {
                return Ok(Unsealed::unsigned(document));
            }
            if !is_signed(&document) {
                return match policy {
                    SignaturePolicy::Required => Err(Refusal::Unsigned.into()),
                    SignaturePolicy::Optional | SignaturePolicy::Off => {
                        Ok(Unsealed::unsigned(document))
                    }
                };
            }
            let signed = match SignedDocument::parse(&document) {
                // A text in it looks like a signature, and there is none.
                Err(Refusal::Unsigned) if policy == SignaturePolicy::Optional => {
                    return Ok(Unsealed::unsigned(document));
                }
                parsed => parsed?,
            };
            let claimed = signed.claimed_signer();
            let ven = ven.and_then(|ven| ven.current());
            let its = ven.iter().flat_map(|ven| ven.state.certificates()).count();
            if matches!(peer, Peer::Jid(_)) && its == 0 && !self.admits_strangers {
                return match policy {
                    // Who it is its account proves; that it signed this, nobody can tell.
                    SignaturePolicy::Optional | SignaturePolicy::Off => {
                        Ok(Unsealed::unsigned(document))
                    }
                    SignaturePolicy::Required => Err(not_its(peer, claimed)),
                };
            }
            let is_its = match peer {
                Peer::Certificate(hash) => *hash == claimed,
                // Anyone may be a VEN, and sign with whatever it has.
                Peer::Jid(_) => its == 0,
                Peer::Unproven | _ => false,
            };
            if !is_its && !ven.is_some_and(|ven| ven.state.has_certificate(&claimed)) {
                return Err(not_its(peer, claimed));
            }
            return self.verify(peers, &signed, claimed, carried(peer), now);
        }
        // Whose it is only the message says, which was not read yet: the machine knows whether the
        // message had to be signed.
        if !is_signed(&document) {
            return Ok(Unsealed::unsigned(document));
        }
        let signed = match SignedDocument::parse(&document) {
            Ok(signed) => signed,
            // If it had to be signed, the machine says so.
            Err(Refusal::Unsigned) => return Ok(Unsealed::unsigned(document)),
            Err(_) if self.default == SignaturePolicy::Off => {
                return Ok(Unsealed::unsigned(document));
            }
            Err(refusal) => return Err(refusal.into()),
        };
        let claimed = signed.claimed_signer();
        let ven = holder(registry, &claimed);
        let policy = self.policy_of(ven.as_deref());
        if policy == SignaturePolicy::Off {
            return Ok(Unsealed::unsigned(document));
        }
        if ven.is_none() && !self.admits_strangers {
            return Err(Denied::UnknownSigner(claimed));
        }
        self.verify(peers, &signed, claimed, carried(peer), now)
    }

    /// The same for what a VEN replies to a push: `server` is whom the transport proved to be there.
    ///
    /// # Errors
    /// It is signed, but not as it should be or not by this VEN; or it is not, and has to be.
    pub(super) fn unseal_reply(
        &self,
        peers: &Peers,
        ven: &Slot,
        server: &Peer,
        document: Bytes,
        now: DateTime,
    ) -> Result<Unsealed, Denied> {
        let policy = self.policy_of(Some(ven));
        if policy == SignaturePolicy::Off {
            return Ok(Unsealed::unsigned(document));
        }
        let current = ven.current();
        let own = current.as_ref().map(|ven| &ven.state);
        let is_provable = own.is_some_and(|ven| ven.certificates().next().is_some());
        let signed = match SignedDocument::parse(&document) {
            Err(Refusal::Unsigned) if policy == SignaturePolicy::Optional => {
                return Ok(Unsealed::unsigned(document));
            }
            // Whoever signed it, it could not prove to be this VEN.
            Ok(_) if policy == SignaturePolicy::Optional && !is_provable => {
                return Ok(Unsealed::unsigned(document));
            }
            parsed => parsed?,
        };
        let claimed = signed.claimed_signer();
        // Who is there has the VEN's certificate, or one with the name that the VEN gave.
        let is_there = matches!(server, Peer::Certificate(hash) if *hash == claimed);
        if !is_there && !own.is_some_and(|ven| ven.has_certificate(&claimed)) {
            return Err(Denied::UnknownSigner(claimed));
        }
        self.verify(peers, &signed, claimed, carried(server), now)
    }

    fn verify(
        &self,
        peers: &Peers,
        signed: &SignedDocument<'_>,
        signer: CertificateHash,
        carried: Carried,
        now: DateTime,
    ) -> Result<Unsealed, Denied> {
        let known = peers.get(&signer);
        let is_new = known.is_none();
        let certificate = match known {
            Some(certificate) => certificate,
            None => {
                let read = Certificate::from_der(signed.certificate());
                read.map_err(|_| Refusal::NoCertificate)?
            }
        };
        let verified = signed.verify_carried(carried, &certificate, &self.accepted, now)?;
        self.admit(&verified.signature, now)?;
        self.verified.fetch_add(1, Ordering::Relaxed);
        if is_new {
            peers.keep(certificate, now);
        }
        Ok(Unsealed {
            octets: verified.octets.into(),
            signature: Some(verified.signature),
        })
    }

    fn admit(&self, signature: &Signature, now: DateTime) -> Result<(), Refusal> {
        let place = usize::from(signature.nonce.0[0]) % GUARDS;
        let Some(guard) = self.guards.get(place) else {
            return Err(Refusal::Replayed);
        };
        let mut guard = guard.lock().unwrap_or_else(PoisonError::into_inner);
        guard.admit(signature, now)
    }

    /// Writes a reply to a message of this signer, signed now with a key of the same kind as its own.
    ///
    /// # Errors
    /// See [`NotSigned`].
    pub(super) fn seal(
        &self,
        peers: &Peers,
        signer: &CertificateHash,
        message: &Message,
        now: DateTime,
    ) -> Result<Vec<u8>, NotSigned> {
        self.seal_for(peers.get(signer), message, now)
    }

    /// Writes what is pushed to a VEN: signed if it has to be, or if the VEN says that it can be.
    ///
    /// # Errors
    /// See [`NotSigned`].
    pub(super) fn seal_push(
        &self,
        peers: &Peers,
        ven: &Slot,
        message: &Message,
        now: DateTime,
    ) -> Result<Vec<u8>, NotSigned> {
        let current = ven.current();
        let own = current.as_ref().map(|ven| &ven.state);
        let registration = own.and_then(|ven| ven.registration());
        let is_signed = match self.policy_of(Some(ven)) {
            SignaturePolicy::Off => false,
            SignaturePolicy::Optional => registration.is_some_and(|ven| ven.xml_signature),
            SignaturePolicy::Required => true,
        };
        if !is_signed {
            return Ok(encode(message));
        }
        let certificate = own.and_then(|ven| peers.last_of(ven.certificates()));
        self.seal_for(certificate, message, now)
    }

    /// For whoever has this certificate.
    fn seal_for(
        &self,
        signer: Option<Certificate>,
        message: &Message,
        now: DateTime,
    ) -> Result<Vec<u8>, NotSigned> {
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        let is_rsa = |kind: &KeyKind| matches!(kind, KeyKind::Rsa(_));
        let alike = signer.and_then(|signer| {
            let wanted = is_rsa(signer.key_kind());
            keys.iter()
                .find(|key| is_rsa(key.certificate().key_kind()) == wanted)
        });
        let key = alike.or(keys.first()).ok_or(NotSigned::NoKey)?;
        let drawn = entropy::draw()?;
        let mut nonce = [0; 16];
        for (to, from) in nonce.iter_mut().zip(drawn) {
            *to = from;
        }
        Ok(sign(message, key, now, nonce)?)
    }

    fn policy_of(&self, ven: Option<&Slot>) -> SignaturePolicy {
        let own = ven.and_then(Slot::current);
        own.and_then(|ven| ven.state.signatures())
            .unwrap_or(self.default)
    }
}

/// That a peer may not sign with this certificate.
fn not_its(peer: &Peer, claimed: CertificateHash) -> Denied {
    match peer {
        Peer::Certificate(hash) => Denied::Signature(Refusal::OtherSigner {
            claimed,
            expected: hash.fingerprint(),
        }),
        Peer::Jid(jid) => Denied::NotItsSigner {
            account: jid.account().clone(),
            claimed,
        },
        Peer::Unproven | _ => Denied::UnknownSigner(claimed),
    }
}

/// How the document of a peer came: servers of XMPP write what they pass on anew.
fn carried(peer: &Peer) -> Carried {
    match peer {
        Peer::Jid(_) => Carried::Rewritten,
        Peer::Certificate(_) | Peer::Unproven | _ => Carried::AsSent,
    }
}

/// The VEN that a certificate belongs to.
fn holder(registry: &Registry, certificate: &CertificateHash) -> Option<Arc<Slot>> {
    registry.find(&[
        Claim::Certificate(*certificate),
        Claim::Fingerprint(certificate.fingerprint()),
    ])
}
