//! `oadrRegisteredReport`: the answer to offers, perhaps with requests (rule 344).
//!
//! Knows nothing of the offers.

use super::{EiResponse, ReportRequest};
use crate::codec::sequence;
use crate::value::VenId;

sequence! {
    /// Both directions, EiReport; posted on its own, it is answered by `oadrResponse`.
    pub struct RegisteredReport [SchemaVersion] {
        /// Outcome.
        ei_response: one EiResponse = Ei "eiResponse";
        /// What is wanted of the offers.
        report_requests: many ReportRequest = Oadr "oadrReportRequest";
        /// The VEN; a VEN always sends it (rule 508).
        ven_id: opt VenId = Ei "venID";
    }
}
