//! What must be unique across VENs, and how the VEN behind a message is found.
//!
//! Knows nothing of state: a claim is taken or it is not.

use serde::{Deserialize, Serialize};

use super::Input;
use crate::payload::Message;
use crate::value::{Text, VenId};
use crate::{BareJid, CertificateHash, Fingerprint, Peer};

/// A unique name that one partition holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Claim {
    /// The venID (rule 70).
    VenId(VenId),
    /// The venName: what a VEN is known by where the transport proves nothing.
    VenName(Text),
    /// The client certificate.
    Certificate(CertificateHash),
    /// The end of a client certificate's hash, which may be all that was told of it.
    Fingerprint(Fingerprint),
    /// The XMPP account.
    Jid(BareJid),
}

/// The claims to look up for an input, most telling first: the partition is that of the first one
/// that somebody holds. None held: there is no such VEN, and the machine decides on an absent one.
#[must_use]
pub fn claims_of(input: &Input) -> Vec<Claim> {
    let Input::Message { peer, message, .. } = input else {
        return Vec::new();
    };
    // Where the transport proved who it is, nothing else counts.
    if let Peer::Certificate(hash) = peer {
        return vec![
            Claim::Certificate(*hash),
            Claim::Fingerprint(hash.fingerprint()),
        ];
    }
    if let Peer::Jid(jid) = peer {
        let mut claims = vec![Claim::Jid(jid.account().clone())];
        // A VEN that nothing proves yet may register again over XMPP, and is proved from then on.
        if let Message::CreatePartyRegistration(create) = message
            && let Some(ven_id) = create.ven_id.as_ref().filter(|id| !id.is_empty())
            && create
                .registration_id
                .as_ref()
                .is_some_and(|id| !id.is_empty())
        {
            claims.push(Claim::VenId(ven_id.clone()));
        }
        return claims;
    }
    let mut claims = Vec::new();
    if let Some(ven_id) = ven_id_of(message).filter(|id| !id.is_empty()) {
        claims.push(Claim::VenId(ven_id.clone()));
    }
    if let Message::CreatePartyRegistration(create) = message
        && let Some(name) = create.ven_name.as_ref().filter(|name| !name.is_empty())
    {
        claims.push(Claim::VenName(name.clone()));
    }
    claims
}

/// The venID that a message carries.
#[must_use]
pub(crate) fn ven_id_of(message: &Message) -> Option<&VenId> {
    match message {
        Message::QueryRegistration(_)
        | Message::CreatedOpt(_)
        | Message::CanceledOpt(_)
        | Message::DistributeEvent(_) => None,
        Message::CreatePartyRegistration(m) => m.ven_id.as_ref(),
        Message::CreatedPartyRegistration(m) => m.ven_id.as_ref(),
        Message::CancelPartyRegistration(m) => m.ven_id.as_ref(),
        Message::CanceledPartyRegistration(m) => m.ven_id.as_ref(),
        Message::RequestReregistration(m) => Some(&m.ven_id),
        Message::Response(m) => m.ven_id.as_ref(),
        Message::RequestEvent(m) => Some(&m.request.ven_id),
        Message::CreatedEvent(m) => Some(&m.created.ven_id),
        Message::CreateOpt(m) => Some(&m.ven_id),
        Message::CancelOpt(m) => Some(&m.ven_id),
        Message::RegisterReport(m) => m.ven_id.as_ref(),
        Message::RegisteredReport(m) => m.ven_id.as_ref(),
        Message::CreateReport(m) => m.ven_id.as_ref(),
        Message::CreatedReport(m) => m.ven_id.as_ref(),
        Message::UpdateReport(m) => m.ven_id.as_ref(),
        Message::UpdatedReport(m) => m.ven_id.as_ref(),
        Message::CancelReport(m) => m.ven_id.as_ref(),
        Message::CanceledReport(m) => m.ven_id.as_ref(),
        Message::Poll(m) => Some(&m.ven_id),
    }
}
