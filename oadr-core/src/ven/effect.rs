//! What a VEN's application is told, at least once.
//!
//! Knows nothing of who listens.

use serde::{Deserialize, Serialize};

use crate::payload::{EiEvent, ResponseCode};
use crate::value::{
    DateTime, EventId, OptId, OptType, RegistrationId, ReportRequestId, ReportSpecifierId,
    ResponseRequired, VenId, VtnId,
};

/// A notification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "happening", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// Registered, anew or again.
    Registered {
        /// The VEN's ID.
        ven_id: VenId,
        /// The registration.
        registration_id: RegistrationId,
        /// The VTN.
        vtn_id: VtnId,
        /// Whether the IDs are those it had before.
        again: bool,
    },
    /// The registration was refused.
    RegistrationRefused {
        /// The code.
        response_code: ResponseCode,
    },
    /// The registration ended, on either side's wish.
    RegistrationCancelled {
        /// The VEN's ID.
        ven_id: VenId,
    },
    /// An event not known before.
    EventReceived {
        /// The event.
        event: Box<EiEvent>,
        /// Whether the VTN wants an answer (rule 12).
        response_required: ResponseRequired,
        /// When it starts for this VEN, the random offset included.
        start: DateTime,
        /// When it ends; `None` if it is open-ended.
        end: Option<DateTime>,
        /// The random offset (rule 30), in seconds.
        random_offset: u32,
    },
    /// A new version of a known event.
    EventModified {
        /// The event.
        event: Box<EiEvent>,
        /// Whether the VTN wants an answer (rule 12).
        response_required: ResponseRequired,
        /// When it starts for this VEN, the random offset included.
        start: DateTime,
        /// When it ends; `None` if it is open-ended.
        end: Option<DateTime>,
        /// The random offset (rule 30), in seconds.
        random_offset: u32,
    },
    /// A known event was cancelled, in words or by its absence (rules 59, 61).
    EventCancelled {
        /// The event.
        event_id: EventId,
        /// The version that cancels it, or the one that went missing.
        modification_number: u32,
        /// Whether it was cancelled by absence (rule 61).
        implied: bool,
    },
    /// The VTN has the answer to an event.
    OptSent {
        /// The event.
        event_id: EventId,
        /// The version answered.
        modification_number: u32,
        /// In or out.
        opt: OptType,
        /// The code.
        response_code: ResponseCode,
    },
    /// The VTN has an opt.
    OptAccepted {
        /// The opt's ID.
        opt_id: OptId,
    },
    /// The VTN refused an opt, or to let it be cancelled.
    OptRefused {
        /// The opt's ID.
        opt_id: OptId,
        /// The code; `None` if the refusal was none of OpenADR's.
        response_code: Option<ResponseCode>,
    },
    /// The VTN knows that the schedules of an optID are cancelled.
    OptCancelled {
        /// The opts' ID.
        opt_id: OptId,
    },
    /// An event that the VEN takes part in began.
    EventStarted {
        /// The event.
        event_id: EventId,
        /// Its version.
        modification_number: u32,
        /// When it began for this VEN.
        start: DateTime,
    },
    /// An interval of a signal began.
    IntervalStarted {
        /// The event.
        event_id: EventId,
        /// Its version.
        modification_number: u32,
        /// The signal.
        signal_id: crate::value::SignalId,
        /// The signal's name, as the wire has it.
        signal_name: crate::value::SignalName,
        /// Which interval, from 0.
        interval: u32,
        /// Its value.
        payload: crate::value::Float,
    },
    /// An event that had begun ended.
    EventEnded {
        /// The event.
        event_id: EventId,
        /// Its version.
        modification_number: u32,
        /// Why.
        reason: EndReason,
    },
    /// A report was asked for and granted.
    ReportRequested {
        /// The request.
        report_request_id: ReportRequestId,
        /// The offer that it is about, or `METADATA`.
        report_specifier_id: ReportSpecifierId,
    },
    /// The VTN has a report.
    ReportSent {
        /// The request.
        report_request_id: ReportRequestId,
        /// The beginning of the time that it covers.
        from: DateTime,
        /// The end of that, itself not included.
        to: DateTime,
        /// How many readings are in it, placeholders included.
        readings: u32,
    },
    /// The VTN would not take a report, however often it was sent: that one is given up.
    ReportRefused {
        /// The request.
        report_request_id: ReportRequestId,
        /// The beginning of the time that it covers.
        from: DateTime,
        /// The end of that, itself not included.
        to: DateTime,
        /// The code; `None` if it was refused below OpenADR.
        response_code: Option<ResponseCode>,
    },
    /// A request for reports is over before its time: cancelled, replaced by new offers (rule 306),
    /// unknown to the VTN or gone with the registration.
    ReportCancelled {
        /// The request.
        report_request_id: ReportRequestId,
    },
    /// All reports of a request were sent or given up.
    ReportCompleted {
        /// The request.
        report_request_id: ReportRequestId,
    },
}

/// Why an event ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its time was over.
    Completed,
    /// It was cancelled.
    Cancelled,
    /// The VEN opted out while it ran, or cannot take part in its new version.
    OptedOut,
    /// Its new version begins later.
    Rescheduled,
    /// The registration ended.
    Unregistered,
}
