//! `oadrCanceledOpt`: the answer to the withdrawal of an opt schedule.
//!
//! Knows nothing of how it was decided.

use super::EiResponse;
use crate::codec::sequence;
use crate::value::OptId;

sequence! {
    /// VTN to VEN, EiOpt, as a reply only.
    pub struct CanceledOpt [SchemaVersion] {
        /// Outcome.
        ei_response: one EiResponse = Ei "eiResponse";
        /// The opt.
        opt_id: opt OptId = Ei "optID";
    }
}
