//! `oadrCreatedPartyRegistration`: the VTN's answer to a query or a registration (rules 403, 404).
//!
//! Knows nothing of how the VTN decided.

use super::EiResponse;
use crate::codec::sequence;
use crate::value::{
    Duration, NonEmpty, ProfileName, RegistrationId, ServiceName, Text, TransportName, VenId, VtnId,
};

sequence! {
    /// VTN to VEN, EiRegisterParty, as a reply only.
    pub struct CreatedPartyRegistration [SchemaVersion] {
        /// Outcome.
        ei_response: one EiResponse = Ei "eiResponse";
        /// The registration; in the answer to a query only if the VEN is registered.
        registration_id: opt RegistrationId = Ei "registrationID";
        /// The VEN's ID; as for the registration.
        ven_id: opt VenId = Ei "venID";
        /// The VTN's ID.
        vtn_id: one VtnId = Ei "vtnID";
        /// Every profile and transport that the VTN supports.
        profiles: one NonEmpty<Profile> = Oadr "oadrProfiles";
        /// How often a pull VEN is to poll (rule 403).
        requested_poll_frequency: opt Duration = Oadr "oadrRequestedOadrPollFreq" / Xcal "duration";
        /// Information on single services.
        service_specific_info: opt ServiceSpecificInfo = Oadr "oadrServiceSpecificInfo";
        /// Extensions.
        extensions: opt Extensions = Oadr "oadrExtensions";
    }
}

sequence! {
    /// `oadrProfile`: a profile and its transports.
    pub struct Profile [None] {
        /// The profile.
        name: one ProfileName = Oadr "oadrProfileName";
        /// Its transports.
        transports: one NonEmpty<Transport> = Oadr "oadrTransports";
    }
}

sequence! {
    /// `oadrTransport`.
    pub struct Transport [None] {
        /// The transport.
        name: one TransportName = Oadr "oadrTransportName";
    }
}

sequence! {
    /// `oadrServiceSpecificInfo`.
    #[derive(Default)]
    pub struct ServiceSpecificInfo [None] {
        /// One entry per service.
        services: many ServiceInfo = Oadr "oadrService";
    }
}

sequence! {
    /// `oadrService`: keys and values for one service.
    pub struct ServiceInfo [None] {
        /// The service.
        name: one ServiceName = Oadr "oadrServiceName";
        /// At least one pair.
        info: some Info = Oadr "oadrInfo";
    }
}

sequence! {
    /// `oadrExtensions`.
    #[derive(Default)]
    pub struct Extensions [None] {
        /// The extensions.
        extensions: many ExtensionInfo = Oadr "oadrExtension";
    }
}

sequence! {
    /// `oadrExtension`: keys and values under a name.
    pub struct ExtensionInfo [None] {
        /// The extension's name.
        name: one Text = Oadr "oadrExtensionName";
        /// Pairs.
        info: many Info = Oadr "oadrInfo";
    }
}

sequence! {
    /// `oadrInfo`: a key and a value.
    pub struct Info [None] {
        /// Key.
        key: one Text = Oadr "oadrKey";
        /// Value.
        value: one Text = Oadr "oadrValue";
    }
}

super::list!(Profile, "oadr:oadrProfile", Oadr "oadrProfile");
super::list!(Transport, "oadr:oadrTransport", Oadr "oadrTransport");
