//! The message that most benchmarks are about: two events with two signals each.
//!
//! Knows nothing of what is measured.

#![expect(clippy::expect_used, reason = "these values are legal")]

use oadr_core::payload::{
    ActivePeriod, DistributeEvent, EiEvent, EiResponse, Event, EventDescriptor, EventSignal,
    EventSignals, Interval, ItemBase, Message, Payload, PowerAttributes, PowerReal, PowerUnit,
    Properties, StreamPayload, Target, Tolerance,
};
use oadr_core::value::{
    DateTime, Decimal, EventStatus, Float, MarketContext, NonEmpty, ResponseRequired, SiScaleCode,
    SignalName, SignalType, Text,
};

pub(crate) fn at(seconds: i64) -> DateTime {
    DateTime::from_timestamp(1_780_000_000 + seconds, 0).expect("a time of our days")
}

pub(crate) fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a legal ID")
}

pub(crate) fn distribute_event() -> Message {
    let interval = |n: u32| Interval {
        start: None,
        duration: Some("PT15M".parse().expect("a duration")),
        uid: Text::new(n.to_string()).ok(),
        payloads: NonEmpty::one(StreamPayload::Signal(Payload::Float(Float::from(
            1_250.5 + f64::from(n),
        )))),
    };
    let signal = |n: u32| EventSignal {
        intervals: NonEmpty::try_from((0..5).map(interval).collect::<Vec<_>>()).expect("five"),
        target: None,
        signal_name: SignalName::LoadDispatch,
        signal_type: SignalType::Setpoint,
        signal_id: id(&format!("signal-{n}")),
        item_base: Some(ItemBase::PowerReal(PowerReal {
            units: PowerUnit::Watt,
            scale: SiScaleCode::Kilo,
            attributes: PowerAttributes {
                hertz: Decimal::from(60),
                voltage: Decimal::from(220),
                ac: true,
            },
        })),
        current_value: Some(Float::from(0.0)),
    };
    let event = |n: u32| Event {
        ei_event: EiEvent {
            descriptor: EventDescriptor {
                event_id: id(&format!("event-2026-11-21-{n}")),
                modification_number: n,
                modification_date_time: Some(at(0)),
                modification_reason: None,
                priority: Some(1),
                market_context: MarketContext::new("http://example.com/programmes/dr")
                    .expect("a URI"),
                created: at(60),
                event_status: EventStatus::Far,
                test_event: Text::new("false").ok(),
                vtn_comment: Text::new("peak load expected & announced").ok(),
            },
            active_period: ActivePeriod(Properties {
                tolerance: Some(Tolerance {
                    start_after: Some("PT5M".parse().expect("a duration")),
                }),
                notification: Some("PT1H".parse().expect("a duration")),
                ramp_up: Some("PT10M".parse().expect("a duration")),
                recovery: Some("PT10M".parse().expect("a duration")),
                ..Properties::new(at(7_200), "PT75M".parse().expect("a duration"))
            }),
            signals: EventSignals {
                signals: NonEmpty::try_from((0..2).map(signal).collect::<Vec<_>>()).expect("two"),
                baseline: None,
            },
            target: Target {
                ven_ids: vec![id("ven-0123456789abcdef")],
                resource_ids: vec![id("resource-1"), id("resource-2")],
                ..Target::default()
            },
        },
        response_required: ResponseRequired::Always,
    };
    Message::from(DistributeEvent {
        ei_response: Some(EiResponse::ok(id("poll-17"))),
        request_id: id("request-0123456789abcdef"),
        vtn_id: id("TheVTN"),
        events: (0..2).map(event).collect(),
    })
}
