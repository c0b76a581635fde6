//! What an operator can do to one VEN.
//!
//! Knows nothing of events: those go to many VENs, as campaigns.

use crate::value::{GroupId, ResourceId, Text, VenId};

/// An operator's command on one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Makes a VEN known before it registers. On an absent partition only.
    Enrol {
        /// How it will introduce itself.
        ven_name: Text,
        /// Its ID, if it is to be a certain one; otherwise drawn at registration.
        ven_id: Option<VenId>,
        /// The groups that it belongs to.
        groups: Vec<GroupId>,
        /// Its resources.
        resources: Vec<ResourceId>,
    },
    /// Cancels its registration (`oadrCancelPartyRegistration` at its next poll) and forgets it.
    Remove,
    /// Asks it to register again (`oadrRequestReregistration` at its next poll).
    RequestReregistration,
}

/// Why a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The VEN is known already.
    #[error("the VEN is already known")]
    AlreadyKnown,
    /// There is no such VEN.
    #[error("there is no such VEN")]
    Unknown,
    /// The VEN has to be registered for this.
    #[error("the VEN is not registered")]
    NotRegistered,
}
