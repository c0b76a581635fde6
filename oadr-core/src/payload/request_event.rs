//! `oadrRequestEvent`: a VEN asks for all its events (rule 23).
//!
//! Knows nothing of which events there are.

use crate::codec::sequence;
use crate::value::{RequestId, VenId};

sequence! {
    /// VEN to VTN, EiEvent; answered by `oadrDistributeEvent`.
    pub struct RequestEvent [SchemaVersion] {
        /// The request itself.
        request: one EiRequestEvent = Pyld "eiRequestEvent";
    }
}

sequence! {
    /// `eiRequestEvent`.
    pub struct EiRequestEvent [None] {
        /// Ties the answer to it; may be empty.
        request_id: lax RequestId = Pyld "requestID";
        /// The VEN.
        ven_id: one VenId = Ei "venID";
        /// At most so many events (rule 27).
        reply_limit: opt u32 = Pyld "replyLimit";
    }
}
