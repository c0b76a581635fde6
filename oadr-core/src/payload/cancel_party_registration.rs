//! `oadrCancelPartyRegistration`: either side ends a registration (rule 407).
//!
//! Knows nothing of what is forgotten with it.

use crate::codec::sequence;
use crate::value::{RegistrationId, RequestId, VenId};

sequence! {
    /// Both directions, EiRegisterParty; answered by `oadrCanceledPartyRegistration`.
    pub struct CancelPartyRegistration [SchemaVersion] {
        /// Ties the answer to it; may be empty.
        request_id: lax RequestId = Pyld "requestID";
        /// The registration to end.
        registration_id: one RegistrationId = Ei "registrationID";
        /// The VEN; a VEN always sends it (rule 508).
        ven_id: opt VenId = Ei "venID";
    }
}
