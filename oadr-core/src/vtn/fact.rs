//! What is written beside a partition's state, for people and other programs.
//!
//! Knows nothing of who reads it; no decision does.

use serde::{Deserialize, Serialize};

use super::{OptFact, PushFailure, ReadingsFact};
use crate::payload::{CreateOpt, MessageKind, ResponseCode};
use crate::value::{
    DateTime, EventId, OptId, OptType, RegistrationId, ReportRequestId, ReportSpecifierId, Text,
    VenId,
};

/// A row, upserted under its key within the partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Fact {
    /// How an event fares with this VEN; the key is the eventID.
    Delivery(DeliveryFact),
    /// The data of a report; each reading has a key of its own, see [`ReadingsFact`].
    Readings(Box<ReadingsFact>),
    /// An opt and what became of it; the key is the opt's number.
    Opt(OptFact),
}

/// How an event fares with a VEN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryFact {
    /// The event.
    pub event_id: EventId,
    /// The VEN's ID at the time.
    pub ven_id: VenId,
    /// The version last sent.
    pub modification_number: u32,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// How often this version was sent.
    pub times_sent: u32,
    /// When this version was first sent.
    pub sent: DateTime,
    /// The VEN's last answer, to whichever version.
    pub opt: Option<OptType>,
    /// The code of that answer.
    pub response_code: Option<ResponseCode>,
    /// The description of that answer.
    pub response_description: Option<Text>,
    /// When it came.
    pub answered: Option<DateTime>,
}

/// Where a delivery stands. Before there is a row it is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Sent, not answered yet, or no answer wanted.
    Sent,
    /// Answered.
    Answered,
    /// The event ended unanswered: an alarm.
    GivenUp,
}

/// A notification for handlers and webhooks, at least once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// A VEN registered, anew or again.
    Registered {
        /// Its ID.
        ven_id: VenId,
        /// Its registration.
        registration_id: RegistrationId,
        /// Whether it was registered before under the same IDs.
        again: bool,
    },
    /// A VEN's registration ended.
    RegistrationCancelled {
        /// Its ID.
        ven_id: VenId,
    },
    /// A VEN answered an event, or changed its answer.
    EventAnswered {
        /// Its ID.
        ven_id: VenId,
        /// The event.
        event_id: EventId,
        /// The version answered.
        modification_number: u32,
        /// In or out.
        opt: OptType,
        /// The code.
        response_code: ResponseCode,
    },
    /// An event ended without the answer it wanted: somebody should look.
    DeliveryGivenUp {
        /// The VEN.
        ven_id: VenId,
        /// The event.
        event_id: EventId,
    },
    /// A message could not be pushed and is not tried any more: somebody should look.
    PushGivenUp {
        /// The VEN.
        ven_id: VenId,
        /// Which message.
        kind: MessageKind,
        /// How often it was tried.
        attempts: u32,
        /// Why it failed the last time.
        failure: PushFailure,
    },
    /// A VEN polls although it is pushed to: its push path is probably blocked. Once a registration.
    PolledThoughPushed {
        /// The VEN.
        ven_id: VenId,
    },
    /// A VEN made its reports known.
    ReportsRegistered {
        /// The VEN.
        ven_id: VenId,
        /// How many it offers.
        reports: usize,
    },
    /// A report is wanted of a VEN; the request goes out as soon as it can.
    ReportRequested {
        /// The VEN.
        ven_id: VenId,
        /// The request.
        report_request_id: ReportRequestId,
        /// The offer.
        report_specifier_id: ReportSpecifierId,
    },
    /// A VEN does not take a request on.
    ReportRefused {
        /// The VEN.
        ven_id: VenId,
        /// The request.
        report_request_id: ReportRequestId,
        /// Why.
        response_code: ResponseCode,
    },
    /// Data came.
    ReportReceived {
        /// The VEN.
        ven_id: VenId,
        /// The request.
        report_request_id: ReportRequestId,
        /// How many readings.
        readings: u32,
        /// The readings, where [`Asks::updates`](super::Asks) says so.
        data: Option<Box<ReadingsFact>>,
    },
    /// A request was cancelled: by an operator, or because nobody wants it any more.
    ReportCancelled {
        /// The VEN.
        ven_id: VenId,
        /// The request.
        report_request_id: ReportRequestId,
    },
    /// A VEN opted in or out, by schedule or of an event.
    OptCreated {
        /// The VEN.
        ven_id: VenId,
        /// What it said.
        opt: Box<CreateOpt>,
    },
    /// A VEN cancelled its opt schedules of one optID.
    OptCancelled {
        /// The VEN.
        ven_id: VenId,
        /// What it calls them.
        opt_id: OptId,
    },
}
