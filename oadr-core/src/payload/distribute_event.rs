//! `oadrDistributeEvent`: all events of a VEN (rule 50).
//!
//! Knows nothing of their order or state.

use super::{EiEvent, EiResponse};
use crate::codec::sequence;
use crate::value::{RequestId, ResponseRequired, VtnId};

sequence! {
    /// VTN to VEN, EiEvent; answered by an empty reply, then by `oadrCreatedEvent` if an event wants it.
    pub struct DistributeEvent [SchemaVersion] {
        /// Outcome; in answers to a request or a poll (rule 40), absent in push.
        ei_response: opt EiResponse = Ei "eiResponse";
        /// Echoed by the VEN in every event response (rules 41, 42).
        request_id: lax RequestId = Pyld "requestID";
        /// The VTN.
        vtn_id: one VtnId = Ei "vtnID";
        /// The events.
        events: many Event = Oadr "oadrEvent";
    }
}

sequence! {
    /// `oadrEvent`: an event and whether to answer it.
    pub struct Event [None] {
        /// The event.
        ei_event: one EiEvent = Ei "eiEvent";
        /// Whether the VEN answers it (rule 12).
        response_required: one ResponseRequired = Oadr "oadrResponseRequired";
    }
}
