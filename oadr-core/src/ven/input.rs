//! What reaches the VEN machine, what it asks, and what it wants sent.
//!
//! Knows nothing of how messages travel. A pull VEN has at most one request under way.

use chrono::TimeDelta;

use super::{OptDraft, ReadingsAnswer, ReadingsQuestion};
use crate::payload::{EiEvent, Message, ResponseCode};
use crate::reading::Reading;
use crate::value::{
    DateTime, EventId, OptId, OptType, ReportSpecifierId, ResponseRequired, ServiceName,
};

/// What happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Input {
    /// The process began: no request is under way any more, whatever the state says.
    Started,
    /// A deadline has come, or somebody wants to know what is next.
    Wake,
    /// Time passes while a question about another input is open: events happen, nothing is sent. See
    /// [`State::next_happening`](super::State::next_happening).
    Meanwhile,
    /// There is a connection to the VTN again: over XMPP, or to whom a push VEN listens.
    Connected,
    /// The VTN says something by itself: a push VEN only. What is said to it is in [`Next::reply`].
    Pushed {
        /// The message.
        message: Box<Message>,
    },
    /// A request was answered.
    Replied {
        /// Which one.
        exchange: Exchange,
        /// With what; `None` for an acknowledgement without a message.
        message: Option<Box<Message>>,
    },
    /// A request failed, or its answer was not understood.
    Failed {
        /// Which one.
        exchange: Exchange,
        /// How.
        failure: Failure,
    },
}

/// Names a request while it is under way.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Exchange(pub u64);

/// How a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nobody could be reached, the connection broke, or the time ran out: it may have arrived or not.
    Unreachable,
    /// The VTN is overloaded and says how long to wait, if it does.
    Busy {
        /// How long.
        retry_after: Option<TimeDelta>,
    },
    /// The VTN refused it below OpenADR (HTTP 4xx): sending it again as it is will not help soon.
    Refused,
    /// The VTN failed (HTTP 5xx), or its answer could not be read.
    Broken,
}

/// What an operator or the application can want of a VEN: see [`command`](super::command).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Command {
    /// Change the answer to an event that was answered before (rule 16).
    ChangeOpt {
        /// The event.
        event_id: EventId,
        /// The new answer.
        opt: OptType,
    },
    /// End the registration, and stay unregistered until told otherwise.
    CancelRegistration,
    /// Register: again if registered, anew if not.
    Register,
    /// Ask for all events (`oadrRequestEvent`).
    RequestEvents,
    /// Opt in or out, by schedule or of an event (`oadrCreateOpt`).
    CreateOpt(Box<OptDraft>),
    /// Withdraw all schedules of an optID (`oadrCancelOpt`, rules 204, 211).
    CancelOpt {
        /// The ID.
        opt_id: OptId,
    },
    /// Report readings once more that were wrong, or supply such as were missing (rule 346), by every
    /// request for them under which the VTN has their time. Only those that start where readings were
    /// reported count. Of a time that the VTN does not have yet nothing is sent: the answers to
    /// [`Question::Readings`] are to be right.
    CorrectReadings {
        /// The offer.
        report_specifier_id: ReportSpecifierId,
        /// The right readings, at most [`MOST_READINGS`](super::MOST_READINGS). Of two for the same data
        /// point and instant the later one in the list counts.
        readings: Vec<Reading>,
    },
}

/// What a decision makes known once it is committed.
#[derive(Debug, Clone, PartialEq)]
pub struct Next {
    /// What is said to the message of [`Input::Pushed`]; nothing to any other input.
    pub reply: Option<PushReply>,
    /// A request to be sent now, if there is one; its outcome is the next input.
    pub send: Option<Outgoing>,
    /// When to say [`Input::Wake`] if nothing happens before. While a request is under way only events
    /// have deadlines: its outcome is what the rest waits for.
    pub wake: Option<DateTime>,
}

/// What is said to a message that was pushed.
#[derive(Debug, Clone, PartialEq)]
pub enum PushReply {
    /// A message (spec §1.4).
    Message(Box<Message>),
    /// An acknowledgement without a message: HTTP 200 without a body, an empty IQ result.
    Empty,
}

/// A request to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// Names it.
    pub exchange: Exchange,
    /// Where to.
    pub service: ServiceName,
    /// The message.
    pub message: Box<Message>,
}

/// What the application is asked.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Question {
    /// Whether to take part in an event.
    Opt(Box<OptQuestion>),
    /// What a report is made of.
    Readings(Box<ReadingsQuestion>),
}

/// A new event, or a new version of one.
#[derive(Debug, Clone, PartialEq)]
pub struct OptQuestion {
    /// The event as received.
    pub event: EiEvent,
    /// Whether the VTN wants to hear the answer (rule 12).
    pub response_required: ResponseRequired,
    /// When it starts for this VEN, its random offset included.
    pub start: DateTime,
    /// When it ends; `None` if it is open-ended.
    pub end: Option<DateTime>,
    /// The answer to the version before, if there was one.
    pub previous: Option<OptType>,
}

impl OptQuestion {
    /// The answer to this question; `None` is 200.
    #[must_use]
    pub fn answer(&self, opt: OptType, response_code: Option<ResponseCode>) -> Answer {
        let descriptor = &self.event.descriptor;
        Answer::Opt(OptAnswer {
            event_id: descriptor.event_id.clone(),
            modification_number: descriptor.modification_number,
            opt,
            response_code,
        })
    }
}

/// The application's answer to a question.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// To [`Question::Opt`].
    Opt(OptAnswer),
    /// To [`Question::Readings`].
    Readings(ReadingsAnswer),
}

/// Whether to take part in an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptAnswer {
    /// The event asked about.
    pub event_id: EventId,
    /// Its version.
    pub modification_number: u32,
    /// In or out.
    pub opt: OptType,
    /// The response code; `None` is 200.
    pub response_code: Option<ResponseCode>,
}
