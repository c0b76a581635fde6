//! What a VEN says of itself when it registers.
//!
//! Knows nothing of who is admitted.

use oadr_core::payload::CreatePartyRegistration;
use oadr_core::value::{RegistrationId, VenId};
use oadr_core::vtn::RegistrationRequest;
use oadr_core::{CertificateHash, Fingerprint, Jid, Peer};

/// A VEN that wants to register: what it says, and what the transport proved.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistrationInfo(pub(super) Box<RegistrationRequest>);

impl RegistrationInfo {
    /// Its name; empty if it gave none.
    #[must_use]
    pub fn ven_name(&self) -> &str {
        let name = self.0.message.ven_name.as_ref();
        name.map_or("", |name| name.as_str())
    }

    /// The ID that it has already, or claims to have.
    #[must_use]
    pub fn ven_id(&self) -> Option<&VenId> {
        self.0.message.ven_id.as_ref().filter(|id| !id.is_empty())
    }

    /// The registration that it has already, or claims to have (rule 402).
    #[must_use]
    pub fn registration_id(&self) -> Option<&RegistrationId> {
        let id = self.0.message.registration_id.as_ref();
        id.filter(|id| !id.is_empty())
    }

    /// Its certificate, where the transport proved one. Compare it, or its
    /// [`fingerprint`](Self::fingerprint), with what you were told outside of OpenADR: a name alone
    /// proves nothing.
    #[must_use]
    pub fn certificate(&self) -> Option<CertificateHash> {
        match self.0.peer {
            Peer::Certificate(hash) => Some(hash),
            Peer::Unproven | _ => None,
        }
    }

    /// The fingerprint of its certificate, which is what people tell each other: the last ten bytes of
    /// the hash.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.certificate().map(|hash| hash.fingerprint())
    }

    /// Its XMPP session, where it came by XMPP. Through a server that lets an account in with nothing but
    /// a certificate of its name it proves that certificate's name (rule 515).
    #[must_use]
    pub fn jid(&self) -> Option<&Jid> {
        match &self.0.peer {
            Peer::Jid(jid) => Some(jid),
            Peer::Unproven | Peer::Certificate(_) | _ => None,
        }
    }

    /// The whole message: profile, transport, push or pull, report only, signatures.
    #[must_use]
    pub fn message(&self) -> &CreatePartyRegistration {
        &self.0.message
    }
}
