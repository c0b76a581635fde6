//! A reading: one value of one data point, as a VEN measures and a VTN stores it.
//!
//! Knows nothing of who asked for it, nor of how often.

use serde::{Deserialize, Serialize};

use crate::payload::{
    Confidence, GreenButton, Interval, Payload, ReportPayload, ResourceStatus, StreamPayload,
};
use crate::value::{DataQuality, DateTime, Duration, Float, NonEmpty, RId, Text};

/// One value of one data point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The data point.
    pub r_id: RId,
    /// When it was measured (UTC), or when the stretch of time that it stands for began.
    pub start: DateTime,
    /// How long that stretch is; `None` for point data (rule 315).
    pub duration: Option<Duration>,
    /// The value.
    pub payload: ReadingPayload,
    /// Its quality, if anybody said.
    pub quality: Option<DataQuality>,
    /// In percent.
    pub confidence: Option<Confidence>,
    /// In the unit of the value; not for resource status (rule 319).
    pub accuracy: Option<Float>,
}

/// The value of a reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadingPayload {
    /// A number in the unit of the data point.
    Float(Float),
    /// The status of a resource.
    ResourceStatus(Box<ResourceStatus>),
    /// A Green Button feed, of which neither data point nor quality are said on the wire: its report has
    /// one data point.
    GreenButton(GreenButton),
}

impl From<Payload> for ReadingPayload {
    fn from(payload: Payload) -> Self {
        match payload {
            Payload::Float(number) => Self::Float(number),
            Payload::ResourceStatus(status) => Self::ResourceStatus(status),
        }
    }
}

impl From<GreenButton> for ReadingPayload {
    fn from(feed: GreenButton) -> Self {
        Self::GreenButton(feed)
    }
}

impl Reading {
    /// A number at an instant, and nothing else.
    #[must_use]
    pub fn number(r_id: RId, start: DateTime, value: impl Into<Float>) -> Self {
        Self::new(r_id, start, ReadingPayload::Float(value.into()))
    }

    /// A value at an instant, and nothing else.
    #[must_use]
    pub fn new(r_id: RId, start: DateTime, payload: impl Into<ReadingPayload>) -> Self {
        Self {
            r_id,
            start,
            duration: None,
            payload: payload.into(),
            quality: None,
            confidence: None,
            accuracy: None,
        }
    }

    /// Whether it says the same as another of its data point, whenever that was.
    #[must_use]
    pub fn same_value(&self, other: &Self) -> bool {
        self.payload == other.payload
            && self.quality == other.quality
            && self.confidence == other.confidence
            && self.accuracy == other.accuracy
    }

    fn into_payload(self) -> StreamPayload {
        let (payload, accuracy) = match self.payload {
            ReadingPayload::Float(number) => (Payload::Float(number), self.accuracy),
            ReadingPayload::ResourceStatus(status) => (Payload::ResourceStatus(status), None),
            ReadingPayload::GreenButton(feed) => return StreamPayload::GreenButton(feed),
        };
        StreamPayload::Report(ReportPayload {
            r_id: self.r_id,
            confidence: self.confidence,
            accuracy,
            payload,
            data_quality: self.quality,
        })
    }
}

/// The readings as the intervals of a report, in the order of time, those of one start and one length
/// in one interval, in the order in which they came; `None` if there are none. Each interval has its
/// start (rule 314) and its number (rule 316), and a length if its readings have (rule 315).
#[must_use]
pub fn intervals(mut readings: Vec<Reading>) -> Option<NonEmpty<Interval>> {
    // The order is stable: data points stay as they came.
    readings.sort_by_key(|reading| (reading.start, end(reading)));
    let mut intervals: Vec<Interval> = Vec::new();
    for reading in readings {
        let (start, duration) = (Some(reading.start), reading.duration);
        let payload = reading.into_payload();
        match intervals.last_mut() {
            Some(last) if last.start == start && last.duration == duration => {
                last.payloads.push(payload);
            }
            Some(_) | None => {
                let uid = Text::new(intervals.len().to_string()).ok();
                intervals.push(Interval {
                    start,
                    duration,
                    uid,
                    payloads: NonEmpty::one(payload),
                });
            }
        }
    }
    intervals.try_into().ok()
}

fn end(reading: &Reading) -> DateTime {
    let duration = reading.duration;
    duration.map_or(reading.start, |duration| duration.after(reading.start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime {
        "2026-01-05T12:00:00Z".parse().unwrap()
    }

    fn reading(r_id: &str, minute: i64, value: f64) -> Reading {
        let start = noon() + chrono::TimeDelta::minutes(minute);
        Reading::number(r_id.parse().unwrap(), start, value)
    }

    fn lasting(mut reading: Reading, minutes: u32) -> Reading {
        reading.duration = Some(Duration::minutes(minutes));
        reading
    }

    fn of_report(payload: &StreamPayload) -> &ReportPayload {
        let StreamPayload::Report(payload) = payload else {
            panic!("not of a report");
        };
        payload
    }

    fn r_ids(interval: &Interval) -> Vec<&str> {
        let payloads = interval.payloads.iter();
        payloads
            .map(|payload| of_report(payload).r_id.as_str())
            .collect()
    }

    #[test]
    fn no_readings_make_no_intervals() {
        assert_eq!(intervals(Vec::new()), None);
    }

    #[test]
    fn rule_314_intervals_ascend_and_all_have_their_start() {
        let late_first = vec![
            reading("b", 1, 3.0),
            reading("a", 0, 1.0),
            reading("b", 0, 2.0),
        ];
        let intervals = intervals(late_first).unwrap();
        let starts: Vec<_> = intervals.iter().map(|i| i.start.unwrap()).collect();
        assert_eq!(starts, [noon(), noon() + chrono::TimeDelta::minutes(1)]);
        assert_eq!(r_ids(&intervals[0]), ["a", "b"]);
        assert_eq!(r_ids(&intervals[1]), ["b"]);
    }

    #[test]
    fn rule_315_lengths_are_kept_and_told_apart() {
        let readings = vec![
            lasting(reading("a", 0, 1.0), 2),
            lasting(reading("b", 0, 1.0), 1),
            lasting(reading("c", 0, 1.0), 1),
        ];
        let intervals = intervals(readings).unwrap();
        let lengths: Vec<_> = intervals.iter().map(|i| i.duration.unwrap()).collect();
        assert_eq!(lengths, [Duration::minutes(1), Duration::minutes(2)]);
        assert_eq!(r_ids(&intervals[0]), ["b", "c"]);
    }

    #[test]
    fn rule_316_intervals_are_numbered() {
        let readings = (0..12).map(|n| reading("a", n, 0.0)).collect();
        let intervals = intervals(readings).unwrap();
        let uids: Vec<_> = intervals.iter().map(|i| i.uid.clone().unwrap()).collect();
        assert_eq!(uids[11].as_str(), "11");
        assert_eq!(uids.len(), 12);
    }

    #[test]
    fn a_feed_is_an_interval_of_its_own_kind() {
        let feed = GreenButton::empty();
        let reading = Reading::new("gb".parse().unwrap(), noon(), feed.clone());
        let intervals = intervals(vec![lasting(reading, 60)]).unwrap();
        let [interval] = &intervals[..] else {
            panic!("{intervals:?}");
        };
        assert_eq!(interval.start, Some(noon()));
        assert_eq!(interval.duration, Some(Duration::minutes(60)));
        assert_eq!(interval.payloads[..], [StreamPayload::GreenButton(feed)]);
    }

    #[test]
    fn rule_319_a_status_has_no_accuracy() {
        let status = crate::payload::ResourceStatus {
            online: true,
            manual_override: false,
            load_control_state: None,
        };
        let status = Payload::ResourceStatus(Box::new(status));
        let mut readings = vec![
            Reading::new("s".parse().unwrap(), noon(), status),
            reading("n", 0, 1.0),
        ];
        for reading in &mut readings {
            reading.accuracy = Some(Float::from(0.5));
        }
        let intervals = intervals(readings).unwrap();
        let accuracies: Vec<_> = intervals[0]
            .payloads
            .iter()
            .map(|payload| of_report(payload).accuracy)
            .collect();
        assert_eq!(accuracies, [None, Some(Float::from(0.5))]);
    }
}
