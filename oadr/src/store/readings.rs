//! Writing readings: each once, however often it is reported.
//!
//! Knows nothing of what is measured. A reading is known by its VEN, report request, data point, start
//! and length. Of several values the one of the report made last counts; the others are kept beside it.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use oadr_core::payload::measurement;
use oadr_core::reading::{Reading, ReadingPayload};
use oadr_core::value::{DateTime, Duration, RId};
use oadr_core::vtn::{PointFact, ReadingsFact};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, ToSql, params};

use super::Key;
use crate::reading::Description;
use crate::sqlite::StoreError;

/// The length of a value of one moment: no length at all.
pub(super) const MOMENT: i64 = -1;

/// The readings of a report made ready for the disk.
#[derive(Debug)]
pub(super) struct ReadingRows {
    ven_id: String,
    report_request: String,
    created: i64,
    streams: Vec<StreamRow>,
    rows: Vec<ReadingRow>,
}

/// A data point, and how it is described now.
#[derive(Debug)]
struct StreamRow {
    r_id: String,
    description: String,
}

#[derive(Debug)]
struct ReadingRow {
    /// The place in the list of streams.
    stream: usize,
    start: i64,
    duration: i64,
    value: ValueRow,
}

/// What is compared to tell a repetition from a correction.
#[derive(Debug, PartialEq)]
pub(super) struct ValueRow {
    pub(super) value: Option<f64>,
    pub(super) status: Option<String>,
    pub(super) quality: Option<String>,
    pub(super) confidence: Option<u32>,
    pub(super) accuracy: Option<f64>,
    pub(super) feed: Option<String>,
}

/// What became of readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Written {
    /// They were not known.
    pub(crate) stored: u64,
    /// They were known with another value: one of the two is kept as history.
    pub(crate) corrected: u64,
    /// They were known.
    pub(crate) repeated: u64,
}

impl AddAssign for Written {
    fn add_assign(&mut self, other: Self) {
        self.stored += other.stored;
        self.corrected += other.corrected;
        self.repeated += other.repeated;
    }
}

/// Where a stream and its description are found.
#[derive(Debug, Clone, Copy)]
struct Place {
    stream: i64,
    point: i64,
}

impl ReadingRows {
    pub(super) fn new(fact: &ReadingsFact) -> Result<Self, StoreError> {
        let mut places: BTreeMap<&RId, usize> = BTreeMap::new();
        let mut streams = Vec::new();
        let mut rows = Vec::with_capacity(fact.readings.len());
        for reading in &fact.readings {
            let stream = match places.get(&reading.r_id) {
                Some(place) => *place,
                None => {
                    let point = fact.points.iter().find(|point| point.r_id == reading.r_id);
                    let description = describe(fact, point);
                    let description = serde_json::to_string(&description);
                    streams.push(StreamRow {
                        r_id: reading.r_id.to_string(),
                        description: description.map_err(StoreError::row("points"))?,
                    });
                    let place = streams.len() - 1;
                    places.insert(&reading.r_id, place);
                    place
                }
            };
            rows.push(ReadingRow {
                stream,
                start: micros(reading.start),
                duration: length(reading.duration, reading.start),
                value: ValueRow::new(reading)?,
            });
        }
        Ok(Self {
            ven_id: fact.ven_id.to_string(),
            report_request: fact.report_request_id.to_string(),
            created: micros(fact.created),
            streams,
            rows,
        })
    }

    pub(super) fn write(&self, c: &Connection, key: Key) -> Result<Written, StoreError> {
        let places: Vec<Place> = self
            .streams
            .iter()
            .map(|stream| self.place(c, key, stream))
            .collect::<Result<_, _>>()?;
        let mut insert = c.prepare_cached(
            "INSERT INTO readings (partition, start, stream, duration, point, created, value, status, quality, confidence, accuracy, feed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (partition, start, stream, duration) DO NOTHING",
        )?;
        let mut written = Written::default();
        for row in &self.rows {
            let Some(place) = places.get(row.stream) else {
                continue;
            };
            let row = Row {
                key,
                place: *place,
                created: self.created,
                row,
            };
            if row.execute(&mut insert)? > 0 {
                written.stored += 1;
            } else if row.settle(c)? {
                written.corrected += 1;
            } else {
                written.repeated += 1;
            }
        }
        Ok(written)
    }

    /// Finds or makes a stream with this description.
    fn place(&self, c: &Connection, key: Key, of: &StreamRow) -> Result<Place, StoreError> {
        let found: Option<(i64, Option<i64>)> = c
            .prepare_cached(
                "SELECT streams.id, points.id FROM streams
                 LEFT JOIN points ON points.stream = streams.id AND points.description = ?5
                 WHERE partition = ?1 AND ven_id = ?2 AND report_request = ?3 AND r_id = ?4",
            )?
            .query_row(
                (
                    key.0,
                    &self.ven_id,
                    &self.report_request,
                    &of.r_id,
                    &of.description,
                ),
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let stream = match found {
            Some((stream, Some(point))) => return Ok(Place { stream, point }),
            Some((stream, None)) => stream,
            None => {
                c.prepare_cached(
                    "INSERT INTO streams (partition, ven_id, report_request, r_id) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((key.0, &self.ven_id, &self.report_request, &of.r_id))?;
                c.last_insert_rowid()
            }
        };
        c.prepare_cached("INSERT INTO points (stream, description) VALUES (?1, ?2)")?
            .execute((stream, &of.description))?;
        Ok(Place {
            stream,
            point: c.last_insert_rowid(),
        })
    }
}

/// A reading with all that its row has.
struct Row<'a> {
    key: Key,
    place: Place,
    created: i64,
    row: &'a ReadingRow,
}

impl Row<'_> {
    fn execute(&self, statement: &mut CachedStatement<'_>) -> Result<usize, StoreError> {
        let ReadingRow {
            start,
            duration,
            value,
            ..
        } = self.row;
        let columns: [&dyn ToSql; 12] = [
            &self.key.0,
            start,
            &self.place.stream,
            duration,
            &self.place.point,
            &self.created,
            &value.value,
            &value.status,
            &value.quality,
            &value.confidence,
            &value.accuracy,
            &value.feed,
        ];
        Ok(statement.execute(columns)?)
    }

    /// Decides between this and the one that is there; says whether they differ, and the one that does
    /// not count is new as well.
    fn settle(&self, c: &Connection) -> Result<bool, StoreError> {
        let ReadingRow {
            start, duration, ..
        } = self.row;
        let there = params![self.key.0, start, self.place.stream, duration];
        let (created, point, value) = c
            .prepare_cached(
                "SELECT created, point, value, status, quality, confidence, accuracy, feed FROM readings
                 WHERE partition = ?1 AND start = ?2 AND stream = ?3 AND duration = ?4",
            )?
            .query_row(there, |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, i64>(1)?,
                    ValueRow::read(row, 2)?,
                ))
            })?;
        let is_later = created < self.created;
        if point == self.place.point && value == self.row.value {
            if is_later {
                // Said again: what was said in between does not count any more.
                c.prepare_cached(
                    "UPDATE readings SET created = ?5
                     WHERE partition = ?1 AND start = ?2 AND stream = ?3 AND duration = ?4",
                )?
                .execute(params![
                    self.key.0,
                    start,
                    self.place.stream,
                    duration,
                    self.created
                ])?;
            }
            return Ok(false);
        }
        if is_later {
            c.prepare_cached(
                "INSERT INTO superseded (partition, start, stream, duration, point, created, value, status, quality, confidence, accuracy, feed)
                 SELECT partition, start, stream, duration, point, created, value, status, quality, confidence, accuracy, feed FROM readings
                 WHERE partition = ?1 AND start = ?2 AND stream = ?3 AND duration = ?4",
            )?
            .execute(there)?;
            self.execute(&mut c.prepare_cached(
                "UPDATE readings SET point = ?5, created = ?6, value = ?7, status = ?8, quality = ?9, confidence = ?10, accuracy = ?11, feed = ?12
                 WHERE partition = ?1 AND start = ?2 AND stream = ?3 AND duration = ?4",
            )?)?;
            return Ok(true);
        }
        // It comes late, or names no later time: then the first one counts, so that a repetition of
        // both changes nothing.
        let kept = self.execute(&mut c.prepare_cached(
            "INSERT INTO superseded (partition, start, stream, duration, point, created, value, status, quality, confidence, accuracy, feed)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12
             WHERE NOT EXISTS (SELECT 1 FROM superseded
                 WHERE partition = ?1 AND start = ?2 AND stream = ?3 AND duration = ?4 AND created = ?6
                 AND point = ?5 AND value IS ?7 AND status IS ?8 AND quality IS ?9
                 AND confidence IS ?10 AND accuracy IS ?11 AND feed IS ?12)",
        )?)?;
        Ok(kept > 0)
    }
}

impl ValueRow {
    fn new(reading: &Reading) -> Result<Self, StoreError> {
        let (value, status, feed) = match &reading.payload {
            // SQLite has no NaN: it becomes NULL.
            ReadingPayload::Float(value) => (
                Some(value.get()).filter(|value| !value.is_nan()),
                None,
                None,
            ),
            ReadingPayload::ResourceStatus(status) => {
                let document = serde_json::to_string(status);
                let document = document.map_err(StoreError::row("readings"))?;
                (None, Some(document), None)
            }
            ReadingPayload::GreenButton(feed) => (None, None, Some(feed.as_str().to_owned())),
        };
        let accuracy = reading.accuracy.map(|accuracy| accuracy.get());
        Ok(Self {
            value,
            status,
            quality: reading.quality.as_ref().map(ToString::to_string),
            confidence: reading.confidence.map(u32::from),
            accuracy: accuracy.filter(|accuracy| !accuracy.is_nan()),
            feed,
        })
    }

    /// Reads the six columns from this one on.
    pub(super) fn read(row: &rusqlite::Row<'_>, from: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            value: row.get(from)?,
            status: row.get(from + 1)?,
            quality: row.get(from + 2)?,
            confidence: row.get(from + 3)?,
            accuracy: row.get(from + 4)?,
            feed: row.get(from + 5)?,
        })
    }
}

fn describe(fact: &ReadingsFact, point: Option<&PointFact>) -> Description {
    let unit = point.and_then(|point| point.unit.as_ref());
    let measured = point.and_then(|point| measurement(&point.report_type, unit));
    Description {
        report_specifier_id: fact.report_specifier_id.clone(),
        report_name: fact.report_name.clone(),
        report_type: point.map(|point| point.report_type.clone()),
        reading_type: point.map(|point| point.reading_type.clone()),
        measurement: measured.map(str::to_owned),
        unit: unit.map(Into::into),
        resources: point.map_or_else(Vec::new, |point| point.resource_ids.clone()),
        market_context: point.and_then(|point| point.market_context.clone()),
    }
}

pub(super) fn micros(at: DateTime) -> i64 {
    at.timestamp_micros()
}

/// In milliseconds: two ways to write a length are one length.
fn length(duration: Option<Duration>, start: DateTime) -> i64 {
    duration.map_or(MOMENT, |duration| {
        duration.span_from(start).num_milliseconds()
    })
}
