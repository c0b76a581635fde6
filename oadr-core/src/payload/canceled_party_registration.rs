//! `oadrCanceledPartyRegistration`: the answer to the end of a registration.
//!
//! Knows nothing of what is forgotten with it.

use super::EiResponse;
use crate::codec::sequence;
use crate::value::{RegistrationId, VenId};

sequence! {
    /// Both directions, EiRegisterParty; posted on its own, it is answered by `oadrResponse`.
    pub struct CanceledPartyRegistration [SchemaVersion] {
        /// Outcome.
        ei_response: one EiResponse = Ei "eiResponse";
        /// The registration that ended.
        registration_id: opt RegistrationId = Ei "registrationID";
        /// The VEN; a VEN always sends it (rule 508).
        ven_id: opt VenId = Ei "venID";
    }
}
