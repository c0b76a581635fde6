//! `oadrCreateReport`: requests for reports (rules 317 to 327).
//!
//! Knows nothing of what is offered.

use super::ReportRequest;
use crate::codec::sequence;
use crate::value::{RequestId, VenId};

sequence! {
    /// Both directions, EiReport; answered by `oadrCreatedReport`.
    pub struct CreateReport [SchemaVersion] {
        /// Ties the answer to it; may be empty.
        request_id: lax RequestId = Pyld "requestID";
        /// The requests.
        report_requests: some ReportRequest = Oadr "oadrReportRequest";
        /// The VEN; a VEN always sends it (rule 508).
        ven_id: opt VenId = Ei "venID";
    }
}
