//! Decoding and encoding against quick-xml's bare namespace-resolving scan, as ratios from one run.
//!
//! `cargo bench -p conformance --bench codec`. The rounds of the contestants alternate and the best
//! of each counts, so that a noisy machine disturbs all of them alike.

#![expect(
    clippy::expect_used,
    reason = "a benchmark of broken input has no result"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use oadr_core::codec::{DecodeOptions, decode, encode, encode_into};
use oadr_core::payload::{
    ActivePeriod, DistributeEvent, EiEvent, EiResponse, Event, EventDescriptor, EventSignal,
    EventSignals, Interval, ItemBase, Message, Payload, PowerAttributes, PowerReal, PowerUnit,
    Properties, Report, ReportPayload, StreamPayload, Target, Tolerance, UpdateReport,
};
use oadr_core::value::{
    DataQuality, DateTime, Decimal, EventStatus, Float, MarketContext, NonEmpty, ReportName,
    ResponseRequired, SiScaleCode, SignalName, SignalType, Text,
};
use quick_xml::NsReader;
use quick_xml::events::Event as XmlEvent;

const ROUNDS: usize = 60;

fn main() {
    println!(
        "{:<28} {:>9} {:>11} {:>11} {:>11} {:>12} {:>13}",
        "message", "bytes", "scan µs", "decode µs", "encode µs", "decode/scan", "encode/decode"
    );
    for (name, message) in [
        ("oadrDistributeEvent", distribute_event()),
        ("oadrUpdateReport, 1,000", update_report()),
    ] {
        compare(name, &message);
    }
}

fn compare(name: &str, message: &Message) {
    let document = encode(message);
    let text = std::str::from_utf8(&document).expect("we write UTF-8");
    let options = DecodeOptions::default();
    assert_eq!(
        decode(&document, &options).expect("our own").message,
        *message
    );
    let times = (2_000_000 / document.len()).max(1);
    let mut out = Vec::with_capacity(document.len());
    let (mut scanned, mut decoded, mut encoded) = (Duration::MAX, Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        scanned = scanned.min(time(times, || scan(black_box(text))));
        decoded = decoded.min(time(times, || {
            black_box(decode(black_box(&document), &options).is_ok());
        }));
        encoded = encoded.min(time(times, || {
            out.clear();
            encode_into(black_box(message), &mut out);
            black_box(out.len());
        }));
    }
    let micros = |d: Duration| d.as_secs_f64() * 1e6;
    println!(
        "{name:<28} {:>9} {:>11.2} {:>11.2} {:>11.2} {:>12.2} {:>13.2}",
        document.len(),
        micros(scanned),
        micros(decoded),
        micros(encoded),
        scanned.as_secs_f64() / decoded.as_secs_f64(),
        decoded.as_secs_f64() / encoded.as_secs_f64(),
    );
}

fn time(times: usize, mut work: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..times {
        work();
    }
    start.elapsed() / u32::try_from(times).unwrap_or(1)
}

/// The floor: every event borrowed, every name resolved, end tags checked, nothing built.
fn scan(text: &str) {
    let mut reader = NsReader::from_str(text);
    loop {
        match reader.read_resolved_event() {
            Ok((_, XmlEvent::Eof)) => break,
            Ok(event) => {
                black_box(event);
            }
            Err(error) => unreachable!("our own document: {error}"),
        }
    }
}

fn at(seconds: i64) -> DateTime {
    DateTime::from_timestamp(1_780_000_000 + seconds, 0).expect("a time of our days")
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a legal ID")
}

fn distribute_event() -> Message {
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

fn update_report() -> Message {
    let interval = |n: i64| Interval {
        start: Some(at(n * 60)),
        duration: Some("PT1M".parse().expect("a duration")),
        uid: None,
        payloads: NonEmpty::one(StreamPayload::Report(ReportPayload {
            r_id: id("meter-1-power"),
            confidence: None,
            accuracy: None,
            payload: Payload::Float(Float::from(
                1_000.0 + f64::from(i32::try_from(n).unwrap_or(0)) / 7.0,
            )),
            data_quality: Some(DataQuality::Good),
        })),
    };
    let intervals: Vec<_> = (0..1_000).map(interval).collect();
    Message::from(UpdateReport {
        request_id: id("request-1"),
        reports: vec![Report {
            start: Some(at(0)),
            duration: Some("PT1000M".parse().expect("a duration")),
            intervals: NonEmpty::try_from(intervals).ok(),
            ei_report_id: None,
            descriptions: Vec::new(),
            report_request_id: id("report-request-1"),
            report_specifier_id: id("telemetry-usage"),
            report_name: Some(ReportName::TelemetryUsage),
            created: at(60_000),
        }],
        ven_id: Some(id("ven-0123456789abcdef")),
    })
}
