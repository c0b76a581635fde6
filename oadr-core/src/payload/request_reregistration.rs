//! `oadrRequestReregistration`: a VTN asks a VEN to register again.
//!
//! Knows nothing of why.

use crate::codec::sequence;
use crate::value::VenId;

sequence! {
    /// VTN to VEN, EiRegisterParty; answered by `oadrResponse`, then by `oadrCreatePartyRegistration`.
    pub struct RequestReregistration [SchemaVersion] {
        /// The VEN.
        ven_id: one VenId = Ei "venID";
    }
}
