//! `oadrCreatedEvent`: a VEN's answers to events (rules 12, 35, 42).
//!
//! Knows nothing of how the VEN decided.

use super::EiResponse;
use crate::codec::sequence;
use crate::payload::ResponseCode;
use crate::value::{EventId, OptType, RequestId, Text, VenId};

sequence! {
    /// VEN to VTN, EiEvent; answered by `oadrResponse`.
    pub struct CreatedEvent [SchemaVersion] {
        /// The answers.
        created: one EiCreatedEvent = Pyld "eiCreatedEvent";
    }
}

sequence! {
    /// `eiCreatedEvent`.
    pub struct EiCreatedEvent [None] {
        /// Outcome of the distribution as a whole; its requestID is empty if there are event responses (rule 42).
        ei_response: one EiResponse = Ei "eiResponse";
        /// One response per event; required unless the outcome is an error (rule 35).
        event_responses: opt EventResponses = Ei "eventResponses";
        /// The VEN.
        ven_id: one VenId = Ei "venID";
    }
}

sequence! {
    /// `eventResponses`.
    #[derive(Default)]
    pub struct EventResponses [None] {
        /// The responses.
        responses: many EventResponse = Ei "eventResponse";
    }
}

sequence! {
    /// `eventResponse`: the answer to one event.
    pub struct EventResponse [None] {
        /// Outcome.
        response_code: one ResponseCode = Ei "responseCode";
        /// For people.
        response_description: opt Text = Ei "responseDescription";
        /// The requestID of the distribution it came in (rule 42).
        request_id: lax RequestId = Pyld "requestID";
        /// Which event, in which version.
        qualified_event_id: one QualifiedEventId = Ei "qualifiedEventID";
        /// Taking part or not.
        opt_type: one OptType = Ei "optType";
    }
}

sequence! {
    /// `qualifiedEventID`: an event in one of its versions.
    #[derive(Hash)]
    pub struct QualifiedEventId [None] {
        /// The event.
        event_id: one EventId = Ei "eventID";
        /// Its version.
        modification_number: one u32 = Ei "modificationNumber";
    }
}
