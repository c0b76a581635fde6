//! What VENs measured: as it went over the wire, and not read with the code under test.
//!
//! Knows neither who took the readings nor where they are kept.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use conformance::program::Vtn;
use conformance::tap::{Exchange, Fate};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

use crate::wire;

/// Readings on a page of the API: few, so that there are several.
const PAGE: usize = 100;

/// Which value of which data point: the request it was sent for, its rID, and its time in
/// milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) request: String,
    pub(crate) r_id: String,
    pub(crate) start: i64,
}

impl Key {
    fn new(request: &str, r_id: String, start: i64) -> Self {
        Self {
            request: request.to_owned(),
            r_id,
            start,
        }
    }
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
    /// What stands for a value that there is not (rule 318).
    pub(crate) placeholders: BTreeSet<Key>,
    /// The rIDs in reports without an acknowledgement.
    pub(crate) cut: BTreeSet<String>,
    /// The numbers of values in one message, as they occurred, by rID.
    pub(crate) sizes: BTreeMap<String, BTreeSet<usize>>,
}

impl Sent {
    /// Reads everything in `exchanges`. The same key with another value fails: nobody here corrects
    /// what was sent before.
    pub(crate) fn read(exchanges: &[Exchange]) -> Self {
        let mut sent = Self::default();
        for exchange in exchanges {
            if wire::message(&exchange.request) == "oadrUpdateReport" {
                sent.add(&of_update(&exchange.request), is_acknowledged(exchange));
            }
        }
        sent
    }

    fn add(&mut self, readings: &[Reading], acknowledged: bool) {
        let mut sizes = BTreeMap::new();
        for Reading { key, value, is_bad } in readings {
            let known = self.all.entry(key.clone()).or_insert(*value);
            assert_eq!(known, value, "sent with two values: {key:?}");
            if *is_bad {
                self.placeholders.insert(key.clone());
            }
            if acknowledged {
                self.acknowledged.insert(key.clone(), *value);
            } else {
                self.cut.insert(key.r_id.clone());
            }
            *sizes.entry(&key.r_id).or_insert(0) += 1;
        }
        for (r_id, size) in sizes {
            self.sizes.entry(r_id.clone()).or_default().insert(size);
        }
    }

    /// Fails unless `stored` holds everything that was acknowledged, and nothing that was not sent.
    pub(crate) fn require_kept(&self, stored: &Readings) {
        for (key, value) in &self.acknowledged {
            let kept = stored.get(key);
            assert_eq!(kept, Some(value), "acknowledged, and not kept: {key:?}");
        }
        for (key, value) in stored {
            let sent = self.all.get(key);
            assert_eq!(sent, Some(value), "kept, and never sent: {key:?}");
        }
    }
}

/// One payload of one interval.
#[derive(Debug, Clone, PartialEq)]
struct Reading {
    key: Key,
    value: Option<f64>,
    is_bad: bool,
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
fn of_update(document: &[u8]) -> Vec<Reading> {
    let mut reader = Reader::from_str(std::str::from_utf8(document).expect("UTF-8"));
    let (mut found, mut report) = (Vec::new(), Vec::new());
    let mut path: Vec<String> = Vec::new();
    let (mut start, mut r_id, mut value, mut is_bad) = (None, String::new(), None, false);
    loop {
        match reader.read_event().expect("a document that a peer sent") {
            Event::Start(tag) => {
                let name = tag.local_name().as_ref().to_owned();
                match name.as_str() {
                    "interval" => start = None,
                    "oadrReportPayload" => (value, is_bad) = (None, false),
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
                    Some("oadrDataQuality") => is_bad = text.starts_with("Quality Bad"),
                    Some("reportRequestID") => {
                        let named = report
                            .drain(..)
                            .map(|(r_id, start, value, is_bad)| Reading {
                                key: Key::new(&text, r_id, start),
                                value,
                                is_bad,
                            });
                        found.extend(named);
                    }
                    _ => {}
                }
            }
            Event::End(tag) => {
                path.pop();
                if tag.local_name().as_ref() == "oadrReportPayload" {
                    let start = start.expect("an interval with a time of its own");
                    report.push((r_id.clone(), start, value, is_bad));
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

/// All that the operator API shows for a query such as `ven=Ven1`, or without one, page by page. The same reading
/// twice fails.
pub(crate) fn stored(vtn: &Vtn, query: &str) -> Readings {
    let mut stored = Readings::new();
    for reading in rows(vtn, query) {
        let text = |name: &str| reading[name].as_str().unwrap();
        let start = milliseconds(text("start"));
        let key = Key::new(text("report_request_id"), text("r_id").to_owned(), start);
        let before = stored.insert(key, reading["value"].as_f64());
        assert_eq!(before, None, "shown twice: {reading}");
    }
    stored
}

/// The same as the API shows it.
pub(crate) fn rows(vtn: &Vtn, query: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/readings?{query}&limit={PAGE}{cursor}");
        let page = vtn.call("GET", &path, None, &[200]).unwrap();
        rows.extend(page["readings"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}

/// A date-time of the wire or the API, in milliseconds since 1970.
pub(crate) fn milliseconds(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .timestamp_millis()
}

/// Seconds since 1970, as Python tells them, in milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "a time of our days")]
pub(crate) fn from_seconds(seconds: &Value) -> i64 {
    (seconds.as_f64().unwrap() * 1000.0).round() as i64
}

#[test]
fn every_payload_of_every_interval_is_read() {
    let document = br#"<a:oadrPayload><a:oadrSignedObject><a:oadrUpdateReport><requestID>1</requestID>
        <a:oadrReport><b:dtstart><b:date-time>2026-01-01T00:00:00Z</b:date-time></b:dtstart><b:intervals>
        <e:interval><b:dtstart><b:date-time>2026-01-01T00:00:01.5Z</b:date-time></b:dtstart>
        <a:oadrReportPayload><e:rID>R1</e:rID><e:payloadFloat><e:value>1.5</e:value></e:payloadFloat>
        </a:oadrReportPayload>
        <a:oadrReportPayload><e:rID>R2</e:rID><a:oadrPayloadResourceStatus/>
        <a:oadrDataQuality>Quality Bad - Not Connected</a:oadrDataQuality></a:oadrReportPayload>
        </e:interval></b:intervals><e:reportRequestID>Q1</e:reportRequestID></a:oadrReport>
        <a:oadrReport><e:interval><date-time>1970-01-01T00:00:00Z</date-time>
        <a:oadrReportPayload><e:rID>R1</e:rID><e:value>-2e1</e:value></a:oadrReportPayload>
        </e:interval><e:reportRequestID>Q2</e:reportRequestID></a:oadrReport></a:oadrUpdateReport>
        </a:oadrSignedObject></a:oadrPayload>"#;
    let reading = |request: &str, r_id: &str, start, value, is_bad| Reading {
        key: Key::new(request, r_id.to_owned(), start),
        value,
        is_bad,
    };
    assert_eq!(
        of_update(document),
        [
            reading("Q1", "R1", 1_767_225_601_500, Some(1.5), false),
            reading("Q1", "R2", 1_767_225_601_500, None, true),
            reading("Q2", "R1", 0, Some(-20.0), false),
        ]
    );
}
