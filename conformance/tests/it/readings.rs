//! What VENs measured: as it went over the wire, and not read with the code under test.
//!
//! Knows neither who took the readings nor where they are kept.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use conformance::tap::{Exchange, Fate};
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::wire;

/// Which value of which data point: the request it was sent for, its rID, and its time in
/// milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) request: String,
    pub(crate) r_id: String,
    pub(crate) start: i64,
}

/// Values by their keys; `None` is the status of a resource.
pub(crate) type Readings = BTreeMap<Key, Option<f64>>;

/// What went over the wire in `oadrUpdateReport`.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Everything, whatever became of it.
    pub(crate) all: Readings,
    /// What the VTN acknowledged, and the VEN has read so.
    pub(crate) acknowledged: Readings,
    /// Reports without an acknowledgement.
    pub(crate) cut: usize,
    /// The numbers of readings in a report, as they occurred.
    pub(crate) sizes: BTreeSet<usize>,
}

impl Sent {
    /// Reads everything in `exchanges`. The same key with another value fails: nobody here corrects
    /// what was sent before.
    pub(crate) fn read(exchanges: &[Exchange]) -> Self {
        let mut sent = Self::default();
        for exchange in exchanges {
            if wire::message(&exchange.request) != "oadrUpdateReport" {
                continue;
            }
            let readings = of_update(&exchange.request);
            sent.sizes.insert(readings.len());
            if is_acknowledged(exchange) {
                add(&mut sent.acknowledged, &readings);
            } else {
                sent.cut += 1;
            }
            add(&mut sent.all, &readings);
        }
        sent
    }
}

fn add(all: &mut Readings, readings: &[(Key, Option<f64>)]) {
    for (key, value) in readings {
        let known = all.entry(key.clone()).or_insert(*value);
        assert_eq!(known, value, "sent with two values: {key:?}");
    }
}

fn is_acknowledged(exchange: &Exchange) -> bool {
    exchange.reply.as_ref().is_some_and(|reply| {
        reply.status == 200
            && reply.fate == Fate::Delivered
            && wire::message(&reply.body) == "oadrUpdatedReport"
            && wire::texts(&reply.body, "responseCode") == ["200"]
    })
}

/// Every payload of every interval, in the order of the document.
fn of_update(document: &[u8]) -> Vec<(Key, Option<f64>)> {
    let mut reader = Reader::from_str(std::str::from_utf8(document).expect("UTF-8"));
    let (mut found, mut report) = (Vec::new(), Vec::new());
    let mut path: Vec<String> = Vec::new();
    let (mut start, mut r_id, mut value) = (None, String::new(), None);
    loop {
        match reader.read_event().expect("a document that a peer sent") {
            Event::Start(tag) => {
                let name = tag.local_name().as_ref().to_owned();
                match name.as_str() {
                    "interval" => start = None,
                    "oadrReportPayload" => value = None,
                    _ => {}
                }
                path.push(name);
            }
            Event::Text(text) => {
                let text = text.as_ref().trim().to_owned();
                let inside = |name: &str| path.iter().any(|element| element == name);
                match path.last().map(String::as_str) {
                    Some("date-time") if inside("interval") => start = Some(milliseconds(&text)),
                    Some("rID") => r_id = text,
                    Some("value") => value = Some(text.parse().expect("a number")),
                    Some("reportRequestID") => {
                        found.extend(report.drain(..).map(|(r_id, start, value)| {
                            let request = text.clone();
                            let key = Key {
                                request,
                                r_id,
                                start,
                            };
                            (key, value)
                        }));
                    }
                    _ => {}
                }
            }
            Event::End(tag) => {
                path.pop();
                if tag.local_name().as_ref() == "oadrReportPayload" {
                    let start = start.expect("an interval with a time of its own");
                    report.push((r_id.clone(), start, value));
                }
            }
            Event::Eof => return found,
            Event::Empty(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
}

/// A date-time of the wire or the API, in milliseconds since 1970.
pub(crate) fn milliseconds(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .timestamp_millis()
}

#[test]
fn every_payload_of_every_interval_is_read() {
    let document = br#"<a:oadrPayload><a:oadrSignedObject><a:oadrUpdateReport><requestID>1</requestID>
        <a:oadrReport><b:dtstart><b:date-time>2026-01-01T00:00:00Z</b:date-time></b:dtstart><b:intervals>
        <e:interval><b:dtstart><b:date-time>2026-01-01T00:00:01.5Z</b:date-time></b:dtstart>
        <a:oadrReportPayload><e:rID>R1</e:rID><e:payloadFloat><e:value>1.5</e:value></e:payloadFloat>
        </a:oadrReportPayload>
        <a:oadrReportPayload><e:rID>R2</e:rID><a:oadrPayloadResourceStatus/></a:oadrReportPayload>
        </e:interval></b:intervals><e:reportRequestID>Q1</e:reportRequestID></a:oadrReport>
        <a:oadrReport><e:interval><date-time>1970-01-01T00:00:00Z</date-time>
        <a:oadrReportPayload><e:rID>R1</e:rID><e:value>-2e1</e:value></a:oadrReportPayload>
        </e:interval><e:reportRequestID>Q2</e:reportRequestID></a:oadrReport></a:oadrUpdateReport>
        </a:oadrSignedObject></a:oadrPayload>"#;
    let key = |request: &str, r_id: &str, start| Key {
        request: request.to_owned(),
        r_id: r_id.to_owned(),
        start,
    };
    assert_eq!(
        of_update(document),
        [
            (key("Q1", "R1", 1_767_225_601_500), Some(1.5)),
            (key("Q1", "R2", 1_767_225_601_500), None),
            (key("Q2", "R1", 0), Some(-20.0)),
        ]
    );
}
