//! The readings that a VTN in memory keeps: each once, however often it comes.
//!
//! Knows nothing of reports beyond their IDs and the time of their making.

use std::collections::BTreeMap;

use crate::reading::Reading;
use crate::value::{DateTime, RId, ReportRequestId};
use crate::vtn::ReadingsFact;

/// Partition, request, data point, start and end: what makes a reading the same one.
type Key = (u64, ReportRequestId, RId, DateTime, Option<DateTime>);

/// The readings of all VENs.
#[derive(Debug, Default)]
pub(super) struct Readings {
    rows: BTreeMap<Key, KeptReading>,
}

/// A reading with what it was before.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptReading {
    /// When the VEN made the report that it came with.
    pub created: DateTime,
    /// The reading.
    pub reading: Reading,
    /// The different values that it had, each with the time of its report, in the order of these.
    pub earlier: Vec<(DateTime, Reading)>,
}

impl Readings {
    /// Keeps what is new and what was created later; the same again changes nothing.
    pub(super) fn upsert(&mut self, partition: u64, fact: &ReadingsFact) {
        for reading in &fact.readings {
            let end = reading.duration.map(|length| length.after(reading.start));
            let key = (
                partition,
                fact.report_request_id.clone(),
                reading.r_id.clone(),
                reading.start,
                end,
            );
            let new = || KeptReading {
                created: fact.created,
                reading: reading.clone(),
                earlier: Vec::new(),
            };
            let kept = self.rows.entry(key).or_insert_with(new);
            if kept.created < fact.created {
                let before = core::mem::replace(&mut kept.reading, reading.clone());
                let created = core::mem::replace(&mut kept.created, fact.created);
                if before != *reading {
                    kept.earlier.push((created, before));
                }
            }
        }
    }

    /// Those of this partition and request, by data point and time.
    pub(super) fn of<'a>(
        &'a self,
        partition: u64,
        request: &'a ReportRequestId,
    ) -> impl Iterator<Item = &'a KeptReading> {
        let rows = self.rows.iter();
        rows.filter(move |((of, id, ..), _)| *of == partition && id == request)
            .map(|(_, kept)| kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::ReadingPayload;
    use crate::value::{Duration, Float, ReportSpecifierId, VenId};

    fn fact(created: i64, value: f64, minutes: u32) -> ReadingsFact {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        ReadingsFact {
            ven_id: VenId::new("ven").unwrap(),
            report_request_id: ReportRequestId::new("r").unwrap(),
            report_specifier_id: ReportSpecifierId::new("usage").unwrap(),
            report_name: None,
            created: at(created),
            points: Vec::new(),
            readings: vec![Reading {
                r_id: RId::new("meter").unwrap(),
                start: at(0),
                duration: Some(Duration::minutes(minutes)),
                payload: ReadingPayload::Float(Float::from(value)),
                quality: None,
                confidence: None,
                accuracy: None,
            }],
        }
    }

    #[test]
    fn the_same_twice_is_kept_once_and_a_correction_wins_by_its_time() {
        let mut readings = Readings::default();
        for fact in [
            fact(10, 1.0, 60),
            fact(10, 1.0, 60),
            fact(30, 3.0, 60),
            // Late on its way, but older.
            fact(20, 2.0, 60),
            // Said again without a difference.
            fact(40, 3.0, 60),
            // Of another length, so another reading.
            fact(10, 9.0, 1),
        ] {
            readings.upsert(1, &fact);
        }
        let id = ReportRequestId::new("r").unwrap();
        let value = |reading: &Reading| match &reading.payload {
            ReadingPayload::Float(value) => value.get(),
            ReadingPayload::ResourceStatus(_) | ReadingPayload::GreenButton(_) => {
                panic!("no number")
            }
        };
        let kept: Vec<_> = readings
            .of(1, &id)
            .map(|kept| {
                let earlier: Vec<_> = kept.earlier.iter().map(|(_, r)| value(r)).collect();
                (kept.created.timestamp(), value(&kept.reading), earlier)
            })
            .collect();
        assert_eq!(kept, [(10, 9.0, vec![]), (40, 3.0, vec![1.0])]);
        assert_eq!(readings.of(2, &id).count(), 0);
    }
}
