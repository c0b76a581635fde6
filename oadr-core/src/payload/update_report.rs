//! `oadrUpdateReport`: report data (rules 313 to 318).
//!
//! Knows nothing of the request behind it.

use super::Report;
use crate::codec::sequence;
use crate::value::{RequestId, VenId};

sequence! {
    /// Both directions, EiReport; answered by `oadrUpdatedReport`.
    pub struct UpdateReport [SchemaVersion] {
        /// Ties the answer to it; may be empty.
        request_id: lax RequestId = Pyld "requestID";
        /// The reports.
        reports: many Report = Oadr "oadrReport";
        /// The VEN; a VEN always sends it (rule 508).
        ven_id: opt VenId = Ei "venID";
    }
}
