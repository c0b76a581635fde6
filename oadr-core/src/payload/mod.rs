//! The 23 messages of OpenADR 2.0b and what they are made of, as values.
//!
//! Knows nothing of XML text, transports or state. Names are the specification's nouns without the
//! `oadr` and `ei` prefixes. A value that exists is one that the schema allows, save that
//! the feeds of Green Button are checked as XML only.

#[cfg(any(test, feature = "arbitrary"))]
pub mod arbitrary;
mod cancel_opt;
mod cancel_party_registration;
mod cancel_report;
mod canceled_opt;
mod canceled_party_registration;
mod canceled_report;
mod create_opt;
mod create_party_registration;
mod create_report;
mod created_event;
mod created_opt;
mod created_party_registration;
mod created_report;
mod currency;
mod distribute_event;
mod ei_response;
mod event;
mod green_button;
mod interval;
mod item_base;
mod measurement;
mod message;
mod poll;
mod properties;
mod query_registration;
mod register_report;
mod registered_report;
mod report;
mod report_payload;
mod report_request;
mod request_event;
mod request_reregistration;
mod response;
mod signal;
mod target;
mod update_report;
mod updated_report;

pub use cancel_opt::CancelOpt;
pub use cancel_party_registration::CancelPartyRegistration;
pub use cancel_report::CancelReport;
pub use canceled_opt::CanceledOpt;
pub use canceled_party_registration::CanceledPartyRegistration;
pub use canceled_report::CanceledReport;
pub use create_opt::{Availability, CreateOpt};
pub use create_party_registration::CreatePartyRegistration;
pub use create_report::CreateReport;
pub use created_event::{
    CreatedEvent, EiCreatedEvent, EventResponse, EventResponses, QualifiedEventId,
};
pub use created_opt::CreatedOpt;
pub use created_party_registration::{
    CreatedPartyRegistration, ExtensionInfo, Extensions, Info, Profile, ServiceInfo,
    ServiceSpecificInfo, Transport,
};
pub use created_report::{CreatedReport, PendingReports};
pub use currency::CurrencyCode;
pub use distribute_event::{DistributeEvent, Event};
pub use ei_response::{EiResponse, ResponseCode};
pub use event::{ActivePeriod, EiEvent, EventDescriptor};
pub use green_button::GreenButton;
pub use interval::{Interval, StreamPayload};
pub use item_base::{
    Currency, CurrencyDescription, CustomUnit, ItemBase, Power, PowerAttributes, PowerReal,
    PowerUnit, Temperature, TemperatureUnit,
};
pub use measurement::measurement;
pub use message::{Message, MessageKind};
pub use poll::Poll;
pub use properties::{Properties, Tolerance};
pub use query_registration::QueryRegistration;
pub use register_report::RegisterReport;
pub use registered_report::RegisteredReport;
pub use report::{Report, ReportDescription, SamplingRate};
pub use report_payload::{
    Confidence, LoadControlState, LoadControlValues, Payload, ReportPayload, ResourceStatus,
};
pub use report_request::{ReportRequest, ReportSpecifier, SpecifierPayload};
pub use request_event::{EiRequestEvent, RequestEvent};
pub use request_reregistration::RequestReregistration;
pub use response::Response;
pub use signal::{EventBaseline, EventSignal, EventSignals};
pub use target::{FeatureCollection, Target, TransportInterface};
pub use update_report::UpdateReport;
pub use updated_report::UpdatedReport;

/// A list whose element holds nothing but elements of one name.
macro_rules! list {
    ($ty:ty, $name:literal, $ns:ident $el:literal) => {
        impl $crate::codec::Content for $crate::value::NonEmpty<$ty> {
            fn read(r: &mut $crate::codec::Reader<'_>) -> Result<Self, $crate::codec::Error> {
                r.open($crate::codec::Attributes::None)?;
                let mut list = Vec::new();
                while let Some(found) = r.child() {
                    if !found.is($crate::codec::Ns::$ns, $el) {
                        r.misplaced(&[$name])?;
                        if found.local != $el {
                            r.note($crate::codec::DriftKind::UnknownElement);
                            r.skip()?;
                            continue;
                        }
                        r.note($crate::codec::DriftKind::WrongNamespace);
                    }
                    list.push(<$ty as $crate::codec::Content>::read(r)?);
                }
                let list = Self::try_from(list).map_err(|_| r.missing($name))?;
                r.close()?;
                Ok(list)
            }

            fn write(&self, w: &mut $crate::codec::Writer<'_>) {
                for element in self {
                    w.raw(concat!("<", $crate::codec::prefix!($ns), ":", $el, ">"));
                    $crate::codec::Content::write(element, w);
                    w.raw(concat!("</", $crate::codec::prefix!($ns), ":", $el, ">"));
                }
            }
        }
    };
}
use list;
