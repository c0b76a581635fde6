//! What callbacks are told, a type for each kind of happening.
//!
//! Knows nothing of who listens. The fields are those of the machine's effects; one that went missing
//! there would not compile here.

use oadr_core::payload::ResponseCode;
use oadr_core::value::{
    DateTime, EventId, Float, OptId, OptType, RegistrationId, ReportRequestId, ReportSpecifierId,
    SignalId, SignalName, VenId, VtnId,
};
use oadr_core::ven::{Effect, EndReason};

use super::event::Event;
use super::happening::{Happening, HappeningId};

macro_rules! occasions {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            /// The same again, if it is told again.
            pub id: HappeningId,
            /// When it happened.
            pub time: DateTime,
            $($(#[$field_doc])* pub $field: $ty,)*
        }

        impl $name {
            pub(super) fn of(happening: &Happening) -> Option<Self> {
                let Effect::$name { $($field,)* } = &happening.effect else {
                    return None;
                };
                Some(Self {
                    id: happening.id(),
                    time: happening.time,
                    $($field: $field.clone(),)*
                })
            }
        }
    )*};
}

occasions! {
    /// The VEN is registered, anew or again.
    Registered {
        /// The VEN's ID.
        ven_id: VenId,
        /// The registration.
        registration_id: RegistrationId,
        /// The VTN.
        vtn_id: VtnId,
        /// Whether the IDs are those it had before.
        again: bool,
    }
    /// The VTN refused to register the VEN, which will try again.
    RegistrationRefused {
        /// The code.
        response_code: ResponseCode,
    }
    /// The registration ended, on either side's wish, and with it all events.
    RegistrationCancelled {
        /// The VEN's ID.
        ven_id: VenId,
    }
    /// A known event was cancelled, in words or by its absence (rules 59, 61). If it was running,
    /// [`EventEnded`] follows.
    EventCancelled {
        /// The event.
        event_id: EventId,
        /// The version that cancels it, or the one that went missing.
        modification_number: u32,
        /// Whether it was cancelled by absence (rule 61).
        implied: bool,
    }
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
    }
    /// The VTN has an opt that the VEN made.
    OptAccepted {
        /// The opt's ID.
        opt_id: OptId,
    }
    /// The VTN refused an opt, or to let it be cancelled.
    OptRefused {
        /// The opt's ID.
        opt_id: OptId,
        /// The code; `None` if the refusal was none of OpenADR's.
        response_code: Option<ResponseCode>,
    }
    /// The VTN knows that the schedules of an optID are cancelled.
    OptCancelled {
        /// The opts' ID.
        opt_id: OptId,
    }
    /// An event that the VEN takes part in began.
    EventStarted {
        /// The event.
        event_id: EventId,
        /// Its version.
        modification_number: u32,
        /// When it began for this VEN.
        start: DateTime,
    }
    /// An interval of a signal began: its value holds from now on.
    IntervalStarted {
        /// The event.
        event_id: EventId,
        /// Its version.
        modification_number: u32,
        /// The signal.
        signal_id: SignalId,
        /// The signal's name.
        signal_name: SignalName,
        /// Which interval, from 0.
        interval: u32,
        /// Its value.
        payload: Float,
    }
    /// An event that had begun ended.
    EventEnded {
        /// The event.
        event_id: EventId,
        /// Its version.
        modification_number: u32,
        /// Why.
        reason: EndReason,
    }
    /// The VTN asked for a report, and will get it.
    ReportRequested {
        /// The request.
        report_request_id: ReportRequestId,
        /// The offer that it is about, or `METADATA`.
        report_specifier_id: ReportSpecifierId,
    }
    /// The VTN has a report.
    ReportSent {
        /// The request.
        report_request_id: ReportRequestId,
        /// The beginning of the time that it covers.
        from: DateTime,
        /// The end of that, itself not included.
        to: DateTime,
        /// How many readings are in it, with those that are missing and of bad quality.
        readings: u32,
    }
    /// The VTN would not take a report, however often it was sent. Those after it are sent as if
    /// nothing had happened.
    ReportRefused {
        /// The request.
        report_request_id: ReportRequestId,
        /// The beginning of the time that it covers.
        from: DateTime,
        /// The end of that, itself not included.
        to: DateTime,
        /// The code; `None` if it was refused below OpenADR.
        response_code: Option<ResponseCode>,
    }
    /// A request for reports is over before its time: cancelled by the VTN, replaced by new offers
    /// (rule 306), or gone with the registration.
    ReportCancelled {
        /// The request.
        report_request_id: ReportRequestId,
    }
    /// The last report of a request was sent.
    ReportCompleted {
        /// The request.
        report_request_id: ReportRequestId,
    }
}

/// The VTN sent a new version of a known event. By now it is answered, by whoever is asked about
/// events.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EventModified {
    /// The same again, if it is told again.
    pub id: HappeningId,
    /// When it happened.
    pub time: DateTime,
    /// The new version.
    pub event: Event,
}

impl EventModified {
    pub(super) fn of(happening: &Happening) -> Option<Self> {
        let Effect::EventModified {
            event,
            response_required,
            start,
            end,
            random_offset: _,
        } = &happening.effect
        else {
            return None;
        };
        Some(Self {
            id: happening.id(),
            time: happening.time,
            event: Event::new(event.clone(), *response_required, (*start, *end)),
        })
    }
}
