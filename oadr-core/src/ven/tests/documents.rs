//! What a VTN says: the documents that tests are made of.

use super::bench::noon;
use crate::payload::{
    ActivePeriod, CancelPartyRegistration, CreatedPartyRegistration, DistributeEvent, EiEvent,
    EiResponse, Event, EventDescriptor, EventSignal, EventSignals, Interval, Payload, Profile,
    Properties, RegisteredReport, RequestReregistration, Response, ResponseCode, StreamPayload,
    Target, Tolerance, Transport,
};
use crate::value::{
    DateTime, Duration, EventId, EventStatus, Float, NonEmpty, ProfileName, RequestId,
    ResponseRequired, SignalId, SignalName, SignalType, Text, TransportName, VenId, VtnId,
};

pub(super) fn request(text: &str) -> RequestId {
    RequestId::new(text).unwrap()
}

pub(super) fn ok() -> Response {
    response(ResponseCode::OK)
}

pub(super) fn response(code: ResponseCode) -> Response {
    Response {
        ei_response: EiResponse::new(code, "", RequestId::default()),
        ven_id: None,
    }
}

pub(super) fn created(ids: Option<(&str, &str)>) -> CreatedPartyRegistration {
    CreatedPartyRegistration {
        ei_response: EiResponse::ok(RequestId::default()),
        registration_id: ids.map(|(_, id)| id.parse().unwrap()),
        ven_id: ids.map(|(id, _)| id.parse().unwrap()),
        vtn_id: VtnId::new("VTN").unwrap(),
        profiles: NonEmpty::one(Profile {
            name: ProfileName::B,
            transports: NonEmpty::one(Transport {
                name: TransportName::SimpleHttp,
            }),
        }),
        requested_poll_frequency: Some(Duration::seconds(10)),
        service_specific_info: None,
        extensions: None,
    }
}

/// An end to a registration of `ven-1`.
pub(super) fn cancel(registration_id: &str) -> CancelPartyRegistration {
    CancelPartyRegistration {
        request_id: request("c1"),
        registration_id: registration_id.parse().unwrap(),
        ven_id: Some(VenId::new("ven-1").unwrap()),
    }
}

/// A request to `ven-1` to register again.
pub(super) fn reregister() -> RequestReregistration {
    RequestReregistration {
        ven_id: VenId::new("ven-1").unwrap(),
    }
}

pub(super) fn registered_report() -> RegisteredReport {
    RegisteredReport {
        ei_response: EiResponse::ok(RequestId::default()),
        report_requests: Vec::new(),
        ven_id: None,
    }
}

/// A list with the requestID `list`.
pub(super) fn list(events: Vec<Event>) -> DistributeEvent {
    DistributeEvent {
        ei_response: Some(EiResponse::ok(RequestId::default())),
        request_id: request("list"),
        vtn_id: VtnId::new("VTN").unwrap(),
        events,
    }
}

pub(super) fn always(ei_event: EiEvent) -> Event {
    Event {
        ei_event,
        response_required: ResponseRequired::Always,
    }
}

pub(super) fn never(ei_event: EiEvent) -> Event {
    Event {
        ei_event,
        response_required: ResponseRequired::Never,
    }
}

pub(super) fn event_id(text: &str) -> EventId {
    EventId::new(text).unwrap()
}

/// An event of SIMPLE levels 1 and 2, a minute each.
pub(super) fn event(id: &str, modification_number: u32, start: DateTime) -> EiEvent {
    EiEvent {
        descriptor: EventDescriptor {
            event_id: event_id(id),
            modification_number,
            modification_date_time: None,
            modification_reason: None,
            priority: None,
            market_context: "http://example.com/dr".parse().unwrap(),
            created: noon(),
            event_status: EventStatus::Far,
            test_event: None,
            vtn_comment: None,
        },
        active_period: ActivePeriod(Properties {
            notification: Some(Duration::ZERO),
            ..Properties::new(start, Duration::minutes(2))
        }),
        signals: EventSignals {
            signals: NonEmpty::one(signal("simple", &[(60, 1.0), (60, 2.0)])),
            baseline: None,
        },
        target: Target::default(),
    }
}

/// A SIMPLE signal of so many seconds and these values.
pub(super) fn signal(id: &str, intervals: &[(u32, f64)]) -> EventSignal {
    let intervals = intervals.iter().enumerate();
    let intervals: Vec<Interval> = intervals
        .map(|(uid, (seconds, value))| interval(&uid.to_string(), *seconds, *value))
        .collect();
    EventSignal {
        intervals: intervals.try_into().unwrap(),
        target: None,
        signal_name: SignalName::Simple,
        signal_type: SignalType::Level,
        signal_id: SignalId::new(id).unwrap(),
        item_base: None,
        current_value: None,
    }
}

pub(super) fn interval(uid: &str, seconds: u32, value: f64) -> Interval {
    Interval {
        start: None,
        duration: Some(Duration::seconds(seconds)),
        uid: Some(Text::new(uid).unwrap()),
        payloads: NonEmpty::one(StreamPayload::Signal(Payload::Float(Float::from(value)))),
    }
}

pub(super) fn cancelled(mut event: EiEvent) -> EiEvent {
    event.descriptor.event_status = EventStatus::Cancelled;
    event
}

pub(super) fn randomised(mut event: EiEvent, window: Duration) -> EiEvent {
    event.active_period.0.tolerance = Some(Tolerance {
        start_after: Some(window),
    });
    event
}
