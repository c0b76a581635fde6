//! Decoding and encoding against quick-xml's bare namespace-resolving scan, as ratios from one run.
//!
//! `cargo bench -p conformance --bench codec`. The rounds of the contestants alternate and the best
//! of each counts, so that a noisy machine disturbs all of them alike.

#![expect(
    clippy::expect_used,
    reason = "a benchmark of broken input has no result"
)]

mod event;

use std::hint::black_box;
use std::time::{Duration, Instant};

use event::{at, distribute_event, id};
use oadr_core::codec::{DecodeOptions, decode, encode, encode_into};
use oadr_core::payload::{
    Interval, Message, Payload, Report, ReportPayload, StreamPayload, UpdateReport,
};
use oadr_core::value::{DataQuality, Float, NonEmpty, ReportName};
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
