//! `oadrQueryRegistration`: a VEN asks what a VTN supports.
//!
//! Knows nothing of the answer.

use crate::codec::sequence;
use crate::value::RequestId;

sequence! {
    /// VEN to VTN, EiRegisterParty; answered by `oadrCreatedPartyRegistration`.
    pub struct QueryRegistration [SchemaVersion] {
        /// Ties the answer to it; may be empty.
        request_id: lax RequestId = Pyld "requestID";
    }
}
