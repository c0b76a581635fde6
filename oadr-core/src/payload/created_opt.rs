//! `oadrCreatedOpt`: the answer to an opt.
//!
//! Knows nothing of how it was decided.

use super::EiResponse;
use crate::codec::sequence;
use crate::value::OptId;

sequence! {
    /// VTN to VEN, EiOpt, as a reply only.
    pub struct CreatedOpt [SchemaVersion] {
        /// Outcome.
        ei_response: one EiResponse = Ei "eiResponse";
        /// The opt.
        opt_id: one OptId = Ei "optID";
    }
}
