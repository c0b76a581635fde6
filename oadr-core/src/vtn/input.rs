//! What reaches the machine, what it asks, and what it says.
//!
//! Knows nothing of how messages travel.

use crate::payload::{CreatePartyRegistration, Message};
use crate::value::{RegistrationId, VenId};
use crate::{Peer, Profile};

/// What happened.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every input is a message; a box would cost each"
)]
#[non_exhaustive]
pub enum Input {
    /// A message from a VEN.
    Message {
        /// Who sent it, as far as the transport proved it.
        peer: Peer,
        /// The profile it came in.
        profile: Profile,
        /// The message.
        message: Message,
    },
    /// A deadline of the partition has come.
    Deadline,
}

/// What goes back once the decision is committed.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// A message.
    Message(Box<Message>),
    /// An acknowledgement without a message: HTTP 200 without a body, an empty IQ result.
    Empty,
}

/// What the application is asked.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Question {
    /// Whether this VEN may register, and under which IDs.
    Register(Box<RegistrationRequest>),
}

/// A VEN that wants to register.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistrationRequest {
    /// Who it is, as far as the transport proved it.
    pub peer: Peer,
    /// Its message.
    pub message: CreatePartyRegistration,
}

/// The application's answer to a question of the same name.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// To [`Question::Register`].
    Register(RegistrationAnswer),
}

/// What becomes of a registration.
#[derive(Debug, Clone, PartialEq)]
pub enum RegistrationAnswer {
    /// Accepted; IDs left open are drawn, or stay what they were.
    Accept {
        /// The VEN's ID.
        ven_id: Option<VenId>,
        /// The registration's.
        registration_id: Option<RegistrationId>,
    },
    /// Refused: 463.
    Refuse,
}
