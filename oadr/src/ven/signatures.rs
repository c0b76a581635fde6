//! Signs what a VEN sends, and says which of its VTN's replies count (rule 514).
//!
//! Knows nothing of what the messages mean, nor of when one is sent again.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use hyper::body::Bytes;
use oadr_core::codec::encode;
use oadr_core::payload::{Message, MessageKind};
use oadr_core::value::DateTime;
use oadr_core::{BareJid, CertificateId, Fingerprint, Peer, SignaturePolicy};
use oadr_http::tls::{CertificateDer, Roots, UnixTime, VerifyError};
use oadr_http::{Seal, SealError, Unsealed};
use oadr_sign::{
    Carried, Certificate, CertificateError, Policy, Refusal, ReplayGuard, SignError,
    SignedDocument, SigningKey, is_signed, sign,
};

use crate::{clock, entropy};

/// Signs requests with the VEN's key, and reads of replies what the VTN signed.
pub(super) struct Signatures {
    policy: SignaturePolicy,
    verifying: Policy,
    /// Whose signatures count, if no others do.
    pinned: Vec<CertificateId>,
    /// The name that must be in the VTN's certificate; `None` for any.
    name: Option<VtnName>,
    means: RwLock<Means>,
    seen: Mutex<ReplayGuard>,
    /// The signer of the last reply: it signs the next one too, and its key is ready.
    signer: Mutex<Option<Arc<Certificate>>>,
}

/// The name that a VTN's certificate has to bear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum VtnName {
    /// The host of its URL.
    Host(String),
    /// Over XMPP: the name of its account as the common name (rule 515). The account's domain does not do:
    /// the XMPP server has a certificate for that, and must not be able to speak for the VTN.
    Account,
}

/// What is replaced when files change.
#[derive(Debug)]
pub(super) struct Means {
    /// What requests are signed with; without it they are not.
    pub(super) key: Option<Arc<SigningKey>>,
    /// Who may issue the VTN's certificates.
    pub(super) roots: Roots,
}

/// Why a message of the VTN does not count.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotUnsealed {
    #[error("{0}")]
    Signature(#[from] Refusal),
    #[error("the signer's certificate is {0}")]
    NotACertificate(#[from] CertificateError),
    #[error(
        "it is signed with {subject} ({fingerprint}), which is not the certificate named with --vtn-certificate"
    )]
    NotPinned {
        subject: String,
        fingerprint: Fingerprint,
    },
    #[error(
        "it is signed with {subject} ({fingerprint}), which is neither the certificate that the VTN shows nor one of its CA: {source}"
    )]
    Stranger {
        subject: String,
        fingerprint: Fingerprint,
        source: VerifyError,
    },
    #[error(
        "it is signed with {subject} ({fingerprint}), whose common name is not {}, the VTN's account; if it is the VTN's all the same, name it with --vtn-certificate",
        account.local()
    )]
    NotTheAccount {
        subject: String,
        fingerprint: Fingerprint,
        account: BareJid,
    },
}

/// Why a request is not signed.
#[derive(Debug, thiserror::Error)]
enum Unsigned {
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error("no randomness: {0}")]
    Entropy(#[from] io::Error),
}

impl Signatures {
    /// With this policy and this window around now. Nothing counts that was signed before `start`.
    pub(super) fn new(
        policy: SignaturePolicy,
        window: chrono::TimeDelta,
        start: DateTime,
        pinned: Vec<CertificateId>,
        name: Option<VtnName>,
        means: Means,
    ) -> Self {
        let verifying = Policy {
            window,
            not_before: Some(start),
            ..Policy::default()
        };
        Self {
            policy,
            verifying,
            pinned,
            name,
            means: RwLock::new(means),
            seen: Mutex::new(ReplayGuard::new(window)),
            signer: Mutex::default(),
        }
    }

    /// From now on with these.
    pub(super) fn replace(&self, means: Means) {
        *self.means.write().unwrap_or_else(PoisonError::into_inner) = means;
    }

    fn seal_at(&self, message: &Message, now: DateTime) -> Result<Vec<u8>, Unsigned> {
        let key = {
            let means = self.means.read().unwrap_or_else(PoisonError::into_inner);
            means.key.clone()
        };
        match (self.policy, key) {
            (SignaturePolicy::Off, _) | (_, None) => Ok(encode(message)),
            (SignaturePolicy::Optional | SignaturePolicy::Required, Some(key)) => {
                let drawn = entropy::draw()?;
                let mut nonce = [0; 16];
                for (to, from) in nonce.iter_mut().zip(drawn) {
                    *to = from;
                }
                Ok(sign(message, &key, now, nonce)?)
            }
        }
    }

    fn unseal_at(
        &self,
        server: &Peer,
        document: Bytes,
        now: DateTime,
    ) -> Result<Unsealed, NotUnsealed> {
        match self.policy {
            SignaturePolicy::Off => return Ok(Unsealed::unsigned(document)),
            SignaturePolicy::Optional if !is_signed(&document) => {
                return Ok(Unsealed::unsigned(document));
            }
            SignaturePolicy::Required if !is_signed(&document) => {
                return Err(Refusal::Unsigned.into());
            }
            SignaturePolicy::Optional | SignaturePolicy::Required => {}
        }
        let signed = match SignedDocument::parse(&document) {
            // A text in it looks like a signature, and there is none.
            Err(Refusal::Unsigned) if self.policy == SignaturePolicy::Optional => {
                return Ok(Unsealed::unsigned(document));
            }
            parsed => parsed?,
        };
        let signer = self.signer(server, &signed, now)?;
        // Servers of XMPP write what they pass on anew.
        let carried = match server {
            Peer::Jid(_) => Carried::Rewritten,
            Peer::Certificate(_) | Peer::Unproven | _ => Carried::AsSent,
        };
        let verified = signed.verify_carried(carried, &signer, &self.verifying, now)?;
        lock(&self.seen).admit(&verified.signature, now)?;
        *lock(&self.signer) = Some(signer);
        Ok(Unsealed {
            octets: verified.octets.into(),
            signature: Some(verified.signature),
        })
    }

    /// The certificate that came with a signature, if it is one of the VTN's: one that was named, or else
    /// the one of the connection or another of the same CA for the same host, as a VTN has keys of
    /// several kinds and shows one of them.
    fn signer(
        &self,
        server: &Peer,
        signed: &SignedDocument<'_>,
        now: DateTime,
    ) -> Result<Arc<Certificate>, NotUnsealed> {
        let claimed = signed.claimed_signer();
        let known = lock(&self.signer).clone();
        let certificate = match known.filter(|known| known.hash() == claimed) {
            Some(known) => known,
            None => Arc::new(Certificate::from_der(signed.certificate())?),
        };
        if !self.pinned.is_empty() {
            if self.pinned.iter().any(|pinned| pinned.names(&claimed)) {
                return Ok(certificate);
            }
            return Err(NotUnsealed::NotPinned {
                subject: certificate.subject().to_owned(),
                fingerprint: claimed.fingerprint(),
            });
        }
        if *server == Peer::Certificate(claimed) {
            return Ok(certificate);
        }
        let means = self.means.read().unwrap_or_else(PoisonError::into_inner);
        let leaf = CertificateDer::from(certificate.der());
        let host = match (&self.name, server) {
            (None, _) => None,
            (Some(VtnName::Host(host)), _) => Some(host.as_str()),
            (Some(VtnName::Account), Peer::Jid(jid)) => {
                let account = jid.account();
                let is_its_name = |name: &str| name.to_lowercase() == account.local();
                if !certificate.common_name().is_some_and(is_its_name) {
                    return Err(NotUnsealed::NotTheAccount {
                        subject: certificate.subject().to_owned(),
                        fingerprint: claimed.fingerprint(),
                        account: account.clone(),
                    });
                }
                None
            }
            // Nobody speaks otherwise over XMPP.
            (Some(VtnName::Account), Peer::Certificate(_) | Peer::Unproven | _) => Some(""),
        };
        match means.roots.verify_server(&leaf, &[], host, unix_time(now)) {
            Ok(()) => Ok(certificate),
            Err(source) => Err(NotUnsealed::Stranger {
                subject: certificate.subject().to_owned(),
                fingerprint: claimed.fingerprint(),
                source,
            }),
        }
    }
}

impl Seal for Signatures {
    fn seal(&self, message: &Message) -> Result<Vec<u8>, SealError> {
        self.seal_at(message, clock::now()).map_err(SealError::new)
    }

    fn unseal(&self, server: &Peer, document: Bytes) -> Result<Unsealed, SealError> {
        self.unseal_at(server, document, clock::now())
            .map_err(SealError::new)
    }
}

impl fmt::Debug for Signatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signatures")
            .field("policy", &self.policy)
            .field("verifying", &self.verifying)
            .finish_non_exhaustive()
    }
}

/// Whether an empty reply to this message may count where signatures are required, although nobody can
/// sign it: it says no more than that the message arrived, and nothing is asked in it.
pub(super) fn may_be_answered_by_nothing(kind: MessageKind) -> bool {
    match kind {
        MessageKind::Response
        | MessageKind::RegisteredReport
        | MessageKind::CreatedReport
        | MessageKind::UpdatedReport
        | MessageKind::CanceledReport
        | MessageKind::CanceledPartyRegistration => true,
        MessageKind::Poll
        | MessageKind::RequestEvent
        | MessageKind::DistributeEvent
        | MessageKind::CreatedEvent
        | MessageKind::QueryRegistration
        | MessageKind::CreatePartyRegistration
        | MessageKind::CreatedPartyRegistration
        | MessageKind::CancelPartyRegistration
        | MessageKind::RequestReregistration
        | MessageKind::RegisterReport
        | MessageKind::CreateReport
        | MessageKind::UpdateReport
        | MessageKind::CancelReport
        | MessageKind::CreateOpt
        | MessageKind::CreatedOpt
        | MessageKind::CancelOpt
        | MessageKind::CanceledOpt => false,
    }
}

fn unix_time(at: DateTime) -> UnixTime {
    let seconds = u64::try_from(at.timestamp()).unwrap_or_default();
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
