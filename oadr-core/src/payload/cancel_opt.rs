//! `oadrCancelOpt`: a VEN withdraws an opt schedule (rule 211).
//!
//! Knows nothing of the schedule.

use crate::codec::sequence;
use crate::value::{OptId, RequestId, VenId};

sequence! {
    /// VEN to VTN, EiOpt; answered by `oadrCanceledOpt`.
    pub struct CancelOpt [SchemaVersion] {
        /// Ties the answer to it; may be empty.
        request_id: lax RequestId = Pyld "requestID";
        /// All opts of this ID (rule 204).
        opt_id: one OptId = Ei "optID";
        /// The VEN.
        ven_id: one VenId = Ei "venID";
    }
}
