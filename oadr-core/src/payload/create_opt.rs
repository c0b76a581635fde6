//! `oadrCreateOpt`: a VEN opts in or out, by schedule or of an event (rules 200 to 211).
//!
//! Knows nothing of how schedules combine.

use super::{Properties, QualifiedEventId, Target};
use crate::codec::sequence;
use crate::value::{DateTime, MarketContext, OptId, OptReason, OptType, RequestId, VenId};

sequence! {
    /// VEN to VTN, EiOpt; answered by `oadrCreatedOpt`.
    pub struct CreateOpt [SchemaVersion] {
        /// Names the opt, not necessarily uniquely (rule 204).
        opt_id: one OptId = Ei "optID";
        /// In or out.
        opt_type: one OptType = Ei "optType";
        /// Why.
        opt_reason: one OptReason = Ei "optReason";
        /// Limits a schedule to events of this context (rule 205); not with an event.
        market_context: opt MarketContext = Emix "marketContext";
        /// The VEN.
        ven_id: one VenId = Ei "venID";
        /// The schedule; required without an event, forbidden with one (rule 206).
        availability: opt Availability = Xcal "vavailability" / Xcal "components";
        /// When it was made.
        created: one DateTime = Ei "createdDateTime";
        /// Ties the answer to it; may be empty (rule 207).
        request_id: lax RequestId = Pyld "requestID";
        /// The event that it qualifies (rule 206).
        qualified_event_id: opt QualifiedEventId = Ei "qualifiedEventID";
        /// The resources; empty means all (rule 202).
        target: lax Target = Ei "eiTarget";
        /// Device classes (rule 209).
        device_class: opt Target = Oadr "oadrDeviceClass";
    }
}

sequence! {
    /// `vavailability`: the periods of a schedule.
    #[derive(Default)]
    pub struct Availability [None] {
        /// The periods; a duration of zero is open-ended (rule 210).
        available: many Properties = Xcal "available" / Xcal "properties";
    }
}
