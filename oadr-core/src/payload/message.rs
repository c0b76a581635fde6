//! A message of any of the 23 kinds.
//!
//! Knows nothing of what follows from it.

use super::{
    CancelOpt, CancelPartyRegistration, CancelReport, CanceledOpt, CanceledPartyRegistration,
    CanceledReport, CreateOpt, CreatePartyRegistration, CreateReport, CreatedEvent, CreatedOpt,
    CreatedPartyRegistration, CreatedReport, DistributeEvent, EiResponse, Poll, QueryRegistration,
    RegisterReport, RegisteredReport, RequestEvent, RequestReregistration, Response, UpdateReport,
    UpdatedReport,
};
use crate::codec::{Content, DecodeErrorKind, Error, Ns, Reader, Writer};
use crate::value::ServiceName;

macro_rules! messages {
    ($($name:ident = $wire:literal @ $service:expr;)*) => {
        /// What one document says.
        #[expect(clippy::large_enum_variant, reason = "a message is built once and moved seldom; a box would cost every poll")]
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Message {
            $(#[doc = concat!("`", $wire, "`.")] $name($name),)*
        }

        /// Which of the 23 messages.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum MessageKind {
            $(#[doc = concat!("`", $wire, "`.")] $name,)*
        }

        impl Message {
            /// Its kind.
            #[must_use]
            pub fn kind(&self) -> MessageKind {
                match self {
                    $(Self::$name(_) => MessageKind::$name,)*
                }
            }

            /// Reads the message element stood on.
            pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
                match r.child() {
                    $(Some(name) if name.is(Ns::Oadr, $wire) => $name::read(r).map(Self::$name),)*
                    Some(_) | None => Err(not_a_message(r)),
                }
            }

            /// Writes the message element.
            pub(crate) fn write(&self, w: &mut Writer<'_>) {
                match self {
                    $(Self::$name(message) => {
                        w.raw(concat!("<oadr:", $wire, " ei:schemaVersion=\"2.0b\">"));
                        message.write(w);
                        w.raw(concat!("</oadr:", $wire, ">"));
                    })*
                }
            }
        }

        impl MessageKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The element's local name, such as `oadrPoll`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $wire,)*
                }
            }

            /// The service that it belongs to; `oadrResponse` goes to any.
            #[must_use]
            pub fn service(self) -> Option<ServiceName> {
                match self {
                    $(Self::$name => $service,)*
                }
            }
        }

        $(impl From<$name> for Message {
            fn from(message: $name) -> Self {
                Self::$name(message)
            }
        })*

        #[cfg(any(test, feature = "arbitrary"))]
        impl Message {
            /// Any value of this kind.
            pub fn arbitrary(kind: MessageKind, draws: &mut super::arbitrary::Draws<'_>) -> Self {
                use super::arbitrary::Arbitrary as _;
                match kind {
                    $(MessageKind::$name => Self::$name($name::arbitrary(draws)),)*
                }
            }
        }
    };
}

messages! {
    QueryRegistration = "oadrQueryRegistration" @ Some(ServiceName::EiRegisterParty);
    CreatePartyRegistration = "oadrCreatePartyRegistration" @ Some(ServiceName::EiRegisterParty);
    CreatedPartyRegistration = "oadrCreatedPartyRegistration" @ Some(ServiceName::EiRegisterParty);
    CancelPartyRegistration = "oadrCancelPartyRegistration" @ Some(ServiceName::EiRegisterParty);
    CanceledPartyRegistration = "oadrCanceledPartyRegistration" @ Some(ServiceName::EiRegisterParty);
    RequestReregistration = "oadrRequestReregistration" @ Some(ServiceName::EiRegisterParty);
    Response = "oadrResponse" @ None;
    RequestEvent = "oadrRequestEvent" @ Some(ServiceName::EiEvent);
    DistributeEvent = "oadrDistributeEvent" @ Some(ServiceName::EiEvent);
    CreatedEvent = "oadrCreatedEvent" @ Some(ServiceName::EiEvent);
    CreateOpt = "oadrCreateOpt" @ Some(ServiceName::EiOpt);
    CreatedOpt = "oadrCreatedOpt" @ Some(ServiceName::EiOpt);
    CancelOpt = "oadrCancelOpt" @ Some(ServiceName::EiOpt);
    CanceledOpt = "oadrCanceledOpt" @ Some(ServiceName::EiOpt);
    RegisterReport = "oadrRegisterReport" @ Some(ServiceName::EiReport);
    RegisteredReport = "oadrRegisteredReport" @ Some(ServiceName::EiReport);
    CreateReport = "oadrCreateReport" @ Some(ServiceName::EiReport);
    CreatedReport = "oadrCreatedReport" @ Some(ServiceName::EiReport);
    UpdateReport = "oadrUpdateReport" @ Some(ServiceName::EiReport);
    UpdatedReport = "oadrUpdatedReport" @ Some(ServiceName::EiReport);
    CancelReport = "oadrCancelReport" @ Some(ServiceName::EiReport);
    CanceledReport = "oadrCanceledReport" @ Some(ServiceName::EiReport);
    Poll = "oadrPoll" @ Some(ServiceName::OadrPoll);
}

#[cold]
fn not_a_message(r: &Reader<'_>) -> Error {
    r.refuse(DecodeErrorKind::NotAMessage { found: r.quote() })
}

impl Message {
    /// The outcome that it carries; requests carry none, and a pushed `oadrDistributeEvent` either.
    #[must_use]
    pub fn ei_response(&self) -> Option<&EiResponse> {
        match self {
            Self::Response(m) => Some(&m.ei_response),
            Self::CreatedPartyRegistration(m) => Some(&m.ei_response),
            Self::CanceledPartyRegistration(m) => Some(&m.ei_response),
            Self::DistributeEvent(m) => m.ei_response.as_ref(),
            Self::CreatedEvent(m) => Some(&m.created.ei_response),
            Self::CreatedOpt(m) => Some(&m.ei_response),
            Self::CanceledOpt(m) => Some(&m.ei_response),
            Self::RegisteredReport(m) => Some(&m.ei_response),
            Self::CreatedReport(m) => Some(&m.ei_response),
            Self::UpdatedReport(m) => Some(&m.ei_response),
            Self::CanceledReport(m) => Some(&m.ei_response),
            Self::QueryRegistration(_)
            | Self::CreatePartyRegistration(_)
            | Self::CancelPartyRegistration(_)
            | Self::RequestReregistration(_)
            | Self::RequestEvent(_)
            | Self::CreateOpt(_)
            | Self::CancelOpt(_)
            | Self::RegisterReport(_)
            | Self::CreateReport(_)
            | Self::UpdateReport(_)
            | Self::CancelReport(_)
            | Self::Poll(_) => None,
        }
    }
}

impl core::fmt::Display for MessageKind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}
