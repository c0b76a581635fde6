//! `oadrPoll`: a pull VEN asks what there is for it (rule 500).
//!
//! Knows nothing of queues.

use crate::codec::sequence;
use crate::value::VenId;

sequence! {
    /// VEN to VTN, OadrPoll; answered by whatever is next, or by `oadrResponse`.
    pub struct Poll [SchemaVersion] {
        /// The VEN.
        ven_id: one VenId = Ei "venID";
    }
}
