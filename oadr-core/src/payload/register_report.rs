//! `oadrRegisterReport`: what reports a party offers (rules 301, 305, 306).
//!
//! Knows nothing of what is wanted of them.

use super::Report;
use crate::codec::sequence;
use crate::value::{ReportRequestId, RequestId, VenId};

sequence! {
    /// Both directions, EiReport; answered by `oadrRegisteredReport`.
    pub struct RegisterReport [SchemaVersion] {
        /// Ties the answer to it; may be empty.
        request_id: lax RequestId = Pyld "requestID";
        /// The offers; none if there is nothing to offer.
        reports: many Report = Oadr "oadrReport";
        /// The VEN; a VEN always sends it (rule 508).
        ven_id: opt VenId = Ei "venID";
        /// The request that this answers, if one asked for METADATA (rule 311).
        report_request_id: opt ReportRequestId = Ei "reportRequestID";
    }
}
