//! `oadrCreatePartyRegistration`: a VEN registers, anew or again (rule 402).
//!
//! Knows nothing of who may.

use crate::codec::sequence;
use crate::value::{ProfileName, RegistrationId, RequestId, Text, TransportName, VenId};

sequence! {
    /// VEN to VTN, EiRegisterParty; answered by `oadrCreatedPartyRegistration`.
    pub struct CreatePartyRegistration [SchemaVersion] {
        /// Ties the answer to it; may be empty.
        request_id: lax RequestId = Pyld "requestID";
        /// Only when registering again (rule 402).
        registration_id: opt RegistrationId = Ei "registrationID";
        /// When registering again, or pre-allocated.
        ven_id: opt VenId = Ei "venID";
        /// The profile the VEN wants to speak.
        profile_name: one ProfileName = Oadr "oadrProfileName";
        /// The transport it wants to use.
        transport_name: one TransportName = Oadr "oadrTransportName";
        /// Base URL for push, or the full JID for XMPP.
        transport_address: opt Text = Oadr "oadrTransportAddress";
        /// A VEN that has reports and no events.
        report_only: one bool = Oadr "oadrReportOnly";
        /// Whether the VEN can sign and verify.
        xml_signature: one bool = Oadr "oadrXmlSignature";
        /// A name for people and for enrolment.
        ven_name: opt Text = Oadr "oadrVenName";
        /// Pull (true) or push; required for simple HTTP (rule 402).
        http_pull_model: opt bool = Oadr "oadrHttpPullModel";
    }
}
