//! `oadrCanceledReport`: the answer to an end of reports (rule 329).
//!
//! Knows nothing of what was requested.

use super::{EiResponse, PendingReports};
use crate::codec::sequence;
use crate::value::VenId;

sequence! {
    /// Both directions, EiReport; posted on its own, it is answered by `oadrResponse`.
    pub struct CanceledReport [SchemaVersion] {
        /// Outcome.
        ei_response: one EiResponse = Ei "eiResponse";
        /// All reports still to come.
        pending_reports: one PendingReports = Oadr "oadrPendingReports";
        /// The VEN; a VEN always sends it (rule 508).
        ven_id: opt VenId = Ei "venID";
    }
}
