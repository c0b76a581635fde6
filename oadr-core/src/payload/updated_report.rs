//! `oadrUpdatedReport`: the answer to report data, perhaps with a cancellation (rule 328).
//!
//! Knows nothing of the data.

use super::{CancelReport, EiResponse};
use crate::codec::sequence;
use crate::value::VenId;

sequence! {
    /// Both directions, EiReport; posted on its own, it is answered by `oadrResponse`.
    pub struct UpdatedReport [SchemaVersion] {
        /// Outcome.
        ei_response: one EiResponse = Ei "eiResponse";
        /// Ends reports among those just received.
        cancel_report: opt CancelReport = Oadr "oadrCancelReport";
        /// The VEN; a VEN always sends it (rule 508).
        ven_id: opt VenId = Ei "venID";
    }
}
