//! `oadrResponse`: an acknowledgement.
//!
//! Knows nothing of what it acknowledges.

use super::EiResponse;
use crate::codec::sequence;
use crate::value::VenId;

sequence! {
    /// Both directions, any service.
    pub struct Response [SchemaVersion] {
        /// Outcome.
        ei_response: one EiResponse = Ei "eiResponse";
        /// The VEN; a VEN always sends it (rule 508).
        ven_id: opt VenId = Ei "venID";
    }
}
