//! `oadrCreatedReport`: the answer to requests for reports (rule 329).
//!
//! Knows nothing of the requests.

use super::EiResponse;
use crate::codec::sequence;
use crate::value::{ReportRequestId, VenId};

sequence! {
    /// Both directions, EiReport; posted on its own, it is answered by `oadrResponse`.
    pub struct CreatedReport [SchemaVersion] {
        /// Outcome.
        ei_response: one EiResponse = Ei "eiResponse";
        /// All reports still to come.
        pending_reports: one PendingReports = Oadr "oadrPendingReports";
        /// The VEN; a VEN always sends it (rule 508).
        ven_id: opt VenId = Ei "venID";
    }
}

sequence! {
    /// `oadrPendingReports`: the requests whose reports are still to come (rule 329).
    #[derive(Default)]
    pub struct PendingReports [None] {
        /// Their IDs.
        report_request_ids: many ReportRequestId = Ei "reportRequestID";
    }
}
