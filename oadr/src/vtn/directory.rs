//! The VENs as an application knows them, in the place of the built-in enrolment.
//!
//! Knows nothing of messages. What was found is remembered for a while, so that a poll does not cost
//! a look-up.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use oadr_core::payload::Message;
use oadr_core::value::{GroupId, RegistrationId, ResourceId, Text, VenId};
use oadr_core::vtn::Claim;
use oadr_core::{BareJid, CertificateHash, CertificateId, Peer, SignaturePolicy};
use tokio::time::Instant;

use super::HandlerError;
use super::application::{NoAnswer, within};

/// The VENs that an application knows: whoever is not in it is answered 463 and leaves no trace.
///
/// It is asked when a VEN registers, and then with its messages, at most once in
/// [`remember`](Self::remember) each.
pub trait Directory: Send + Sync + 'static {
    /// The VEN of this venID or, when it registers and has none, of this venName.
    ///
    /// # Errors
    /// It cannot be looked up now: the VEN is asked to come back (503).
    fn ven_lookup(
        &self,
        ven: &str,
    ) -> impl Future<Output = Result<Option<Listed>, HandlerError>> + Send;

    /// The VEN of this certificate; where the transport proves one, nothing else counts.
    ///
    /// # Errors
    /// It cannot be looked up now: the VEN is asked to come back (503).
    fn fingerprint_lookup(
        &self,
        certificate: CertificateHash,
    ) -> impl Future<Output = Result<Option<Listed>, HandlerError>> + Send {
        let _ = certificate;
        async { Ok(None) }
    }

    /// The VEN of this XMPP account; where XMPP proves one, nothing else counts.
    ///
    /// # Errors
    /// It cannot be looked up now: the VEN is asked to come back.
    fn jid_lookup(
        &self,
        account: &BareJid,
    ) -> impl Future<Output = Result<Option<Listed>, HandlerError>> + Send {
        let _ = account;
        async { Ok(None) }
    }

    /// How long an answer counts: so long a VEN that was taken out is still served. A minute unless
    /// you say otherwise.
    fn remember(&self) -> Duration {
        Duration::from_secs(60)
    }
}

/// A VEN in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its ID.
    pub ven_id: VenId,
    /// Its name; one that registers under another is refused.
    pub ven_name: Option<Text>,
    /// Its certificates, whole or by their fingerprints; if there are any, nobody is this VEN without
    /// one of them. Several while one takes the place of another.
    pub certificates: Vec<CertificateId>,
    /// Its XMPP account; if there is one, nobody is this VEN without it or one of the certificates.
    pub jid: Option<BareJid>,
    /// What becomes of XML signatures between it and us; if absent, what is said of all VENs or by an
    /// operator of this one.
    pub signatures: Option<SignaturePolicy>,
    /// The ID of its registration; drawn if absent.
    pub registration_id: Option<RegistrationId>,
    /// The groups that it belongs to: these, whatever an operator says.
    pub groups: Vec<GroupId>,
    /// Its resources, beside those that it makes known itself.
    pub resources: Vec<ResourceId>,
}

impl Listed {
    /// A VEN of this ID, with everything else left open.
    #[must_use]
    pub fn new(ven_id: VenId) -> Self {
        Self {
            ven_id,
            ven_name: None,
            certificates: Vec::new(),
            jid: None,
            signatures: None,
            registration_id: None,
            groups: Vec::new(),
            resources: Vec::new(),
        }
    }

    /// Whether whoever sent this can be it.
    fn is(&self, peer: &Peer, message: &Message) -> bool {
        // A VEN with a certificate or an account is not to be had without it.
        let is_proved = match peer {
            Peer::Certificate(hash) if !self.certificates.is_empty() => {
                self.certificates.iter().any(|id| id.names(hash))
            }
            Peer::Jid(jid) if self.jid.is_some() => self.jid.as_ref() == Some(jid.account()),
            Peer::Unproven | Peer::Certificate(_) | Peer::Jid(_) | _ => {
                self.certificates.is_empty() && self.jid.is_none()
            }
        };
        let said = if let Message::CreatePartyRegistration(create) = message {
            create.ven_name.as_ref().filter(|name| !name.is_empty())
        } else {
            None
        };
        let is_named = said.is_none() || self.ven_name.is_none() || said == self.ven_name.as_ref();
        is_proved && is_named
    }
}

/// A directory and what it said lately.
pub(super) struct Lookup {
    directory: Arc<dyn Ask>,
    remember: Duration,
    known: Mutex<HashMap<Claim, (Instant, Arc<Listed>)>>,
}

impl Lookup {
    pub(super) fn new(directory: impl Directory) -> Self {
        Self {
            remember: directory.remember(),
            directory: Arc::new(directory),
            known: Mutex::new(HashMap::new()),
        }
    }

    /// The VEN that a message is from, if the directory has it. A VEN that registers is looked up each
    /// time. Only one that is there is remembered: strangers cost a look-up each, and no memory.
    pub(super) async fn sender(
        &self,
        peer: &Peer,
        message: &Message,
        claims: &[Claim],
        limit: Duration,
    ) -> Result<Option<Arc<Listed>>, NoAnswer> {
        let registers = matches!(message, Message::CreatePartyRegistration(_));
        for claim in claims {
            if !registers
                && let Some((asked, listed)) = self.known().get(claim)
                && asked.elapsed() < self.remember
            {
                return Ok(Some(Arc::clone(listed)));
            }
            let found = self.ask(claim.clone(), limit).await?;
            let Some(listed) = found.filter(|listed| listed.is(peer, message)) else {
                self.known().remove(claim);
                continue;
            };
            let listed = Arc::new(listed);
            self.known()
                .insert(claim.clone(), (Instant::now(), Arc::clone(&listed)));
            return Ok(Some(listed));
        }
        Ok(None)
    }

    async fn ask(&self, claim: Claim, limit: Duration) -> Result<Option<Listed>, NoAnswer> {
        let directory = Arc::clone(&self.directory);
        match claim {
            Claim::Certificate(hash) => {
                let look = async move { directory.by_certificate(hash).await };
                within(limit, "fingerprint_lookup", look).await
            }
            // Looked up by the whole of it before.
            Claim::Fingerprint(_) => Ok(None),
            Claim::Jid(account) => {
                let look = async move { directory.by_account(&account).await };
                within(limit, "jid_lookup", look).await
            }
            Claim::VenId(id) => {
                let look = async move { directory.by_name(id.as_str()).await };
                within(limit, "ven_lookup", look).await
            }
            Claim::VenName(name) => {
                let look = async move { directory.by_name(name.as_str()).await };
                within(limit, "ven_lookup", look).await
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Claim, (Instant, Arc<Listed>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Lookup {
    /// Without the directory, which need not be printable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup")
            .field("remember", &self.remember)
            .finish_non_exhaustive()
    }
}

type Looking<'a> = Pin<Box<dyn Future<Output = Result<Option<Listed>, HandlerError>> + Send + 'a>>;

/// A [`Directory`] behind a pointer.
trait Ask: Send + Sync {
    fn by_name<'a>(&'a self, ven: &'a str) -> Looking<'a>;
    fn by_certificate(&self, certificate: CertificateHash) -> Looking<'_>;
    fn by_account<'a>(&'a self, account: &'a BareJid) -> Looking<'a>;
}

impl<D: Directory> Ask for D {
    fn by_name<'a>(&'a self, ven: &'a str) -> Looking<'a> {
        Box::pin(self.ven_lookup(ven))
    }

    fn by_certificate(&self, certificate: CertificateHash) -> Looking<'_> {
        Box::pin(self.fingerprint_lookup(certificate))
    }

    fn by_account<'a>(&'a self, account: &'a BareJid) -> Looking<'a> {
        Box::pin(self.jid_lookup(account))
    }
}
