//! `oadrCancelReport`: an end to reports (rules 336, 345).
//!
//! Knows nothing of what was requested.

use crate::codec::sequence;
use crate::value::{ReportRequestId, RequestId, VenId};

sequence! {
    /// Both directions, EiReport; answered by `oadrCanceledReport`, unless it came in `oadrUpdatedReport`.
    pub struct CancelReport [SchemaVersion] {
        /// Ties the answer to it; may be empty.
        request_id: lax RequestId = Pyld "requestID";
        /// The requests to end.
        report_request_ids: some ReportRequestId = Ei "reportRequestID";
        /// Whether one last report is to follow.
        report_to_follow: one bool = Pyld "reportToFollow";
        /// The VEN; a VEN always sends it (rule 508).
        ven_id: opt VenId = Ei "venID";
    }
}
