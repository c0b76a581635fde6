//! What reaches the machine, what it asks, and what it says.
//!
//! Knows nothing of how messages travel.

use super::{Push, PushId, PushOutcome, WantedReport};
use crate::payload::{
    CreateOpt, CreatePartyRegistration, Extensions, Message, QueryRegistration, Report,
    ResponseCode,
};
use crate::value::{RegistrationId, ValueError, VenId};
use crate::{Peer, Profile, Signature};

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
        /// What a verified XML signature proved of the message; `None` if it has none, or if nobody
        /// looked at it. A message with one that is wrong does not get here.
        signature: Option<Signature>,
    },
    /// A deadline of the partition has come, or there may be something to push: a campaign was made or
    /// changed, or the partition was.
    Deadline,
    /// A push has come to an end, well or not.
    Pushed {
        /// Which one.
        push: PushId,
        /// How it went.
        outcome: PushOutcome,
    },
}

/// What goes back once the decision is committed.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// A message.
    Message(Box<Message>),
    /// An acknowledgement without a message: HTTP 200 without a body, an empty IQ result.
    Empty,
    /// A message to be pushed; its outcome is the next input. Never a reply to a message.
    Push(Box<Push>),
    /// Nothing at all, for nothing happened: HTTP 403 without a body. The message was to be signed and
    /// is not, or its signature has been used (rule 514, §6).
    Forbidden,
}

/// What the application is asked before the machine decides.
///
/// The same question may come again, after a conflict or a crash, so what is answered must do no
/// harm when it is answered twice.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Question {
    /// Whether this VEN may register, and under which IDs; where [`Admission::Ask`](super::Admission)
    /// says so.
    Register(Box<RegistrationRequest>),
    /// What to add to the answer to this query; where [`Asks::queries`](super::Asks) says so.
    Query(Box<RegistrationQuery>),
    /// Whether there is anything for this VEN, which polls and has an empty queue; where
    /// [`Asks::polls`](super::Asks) says so.
    Poll(VenId),
    /// Which of these reports are wanted, beside what policies want; where
    /// [`Asks::reports`](super::Asks) says so.
    Reports(Box<OfferedReports>),
    /// Whether to take this opt, with which nothing else is wrong; where [`Asks::opts`](super::Asks)
    /// says so.
    CreateOpt(Box<CreateOpt>),
}

/// A VEN that wants to register.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistrationRequest {
    /// Who it is, as far as the transport proved it.
    pub peer: Peer,
    /// Its message.
    pub message: CreatePartyRegistration,
}

/// A VEN that wants to know what is on offer.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistrationQuery {
    /// Who it is, as far as the transport proved it.
    pub peer: Peer,
    /// Its message.
    pub message: QueryRegistration,
}

/// A VEN that says what it offers.
#[derive(Debug, Clone, PartialEq)]
pub struct OfferedReports {
    /// Its ID.
    pub ven_id: VenId,
    /// All that it offers.
    pub reports: Vec<Report>,
}

/// The application's answer to a question of the same name.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// To [`Question::Register`].
    Register(RegistrationAnswer),
    /// To [`Question::Query`]: `oadrExtensions`, if there are any.
    Query(Option<Extensions>),
    /// To [`Question::Poll`].
    Poll(PollAnswer),
    /// To [`Question::Reports`]: all that the application wants of this VEN from now on. A pace that
    /// is not on offer becomes the nearest that is (rule 340); what else is not on offer is left out.
    Reports(Vec<WantedReport>),
    /// To [`Question::CreateOpt`].
    CreateOpt(OptDecision),
}

/// What becomes of an opt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptDecision {
    /// It counts.
    Accept,
    /// It does not, for this reason (rule 206): a 4xx, or else
    /// [`DEPLOYMENT_ERROR`](ResponseCode::DEPLOYMENT_ERROR) is said.
    Refuse(ResponseCode),
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

impl RegistrationAnswer {
    /// Accepted, under the IDs that the VEN has or that are drawn.
    #[must_use]
    pub fn accept() -> Self {
        Self::Accept {
            ven_id: None,
            registration_id: None,
        }
    }

    /// Accepted under these IDs.
    ///
    /// # Errors
    /// One of them is not an ID.
    pub fn accept_as(
        ven_id: impl AsRef<str>,
        registration_id: impl AsRef<str>,
    ) -> Result<Self, ValueError> {
        Ok(Self::Accept {
            ven_id: Some(VenId::new(ven_id)?),
            registration_id: Some(RegistrationId::new(registration_id)?),
        })
    }
}

/// What there is for a VEN that polls.
///
/// An event is not among it: events are campaigns, and a host that was given one puts it into the
/// [`Context`](super::Context) before it decides again, with [`Nothing`](Self::Nothing) as the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollAnswer {
    /// Nothing else.
    Nothing,
    /// `oadrRequestReregistration`.
    RequestReregistration,
    /// `oadrCancelPartyRegistration`.
    Remove,
}
