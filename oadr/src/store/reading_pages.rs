//! Reading readings back, a page at a time: VEN by VEN, each in the order of time.
//!
//! Knows nothing of who asks. A page costs a bounded amount of work, whatever it looks for; what is
//! stored meanwhile neither repeats nor hides what was there.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;
use oadr_core::payload::Confidence;
use oadr_core::value::{DateTime, Duration, Float};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _};

use super::readings::{MOMENT, ValueRow, micros};
use super::{Key, Store};
use crate::reading::{Description, Measured, Point, Sample};
use crate::sqlite::StoreError;

/// How many rows are looked at for a page, whether they are wanted or not.
const WORK: usize = 200_000;

/// A feed is as much work as so many bytes each are rows.
const ROW: usize = 64;

/// How much of the history of one reading is told: what is left out is the oldest.
const HISTORY: u32 = 100;

/// Which readings are wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// The VEN of this partition, and whatever a VEN of this ID has reported.
    pub(crate) ven: Option<WantedVen>,
    pub(crate) resource: Option<String>,
    pub(crate) measurement: Option<String>,
    pub(crate) report_request: Option<String>,
    pub(crate) r_id: Option<String>,
    /// Those that begin then or later.
    pub(crate) from: Option<DateTime>,
    /// Those that begin before.
    pub(crate) to: Option<DateTime>,
    /// Those after it.
    pub(crate) after: Option<Cursor>,
    /// How many at most.
    pub(crate) limit: usize,
    /// With the values that do not count any more.
    pub(crate) history: bool,
}

/// A VEN that may be gone.
#[derive(Debug, Clone)]
pub(crate) struct WantedVen {
    pub(crate) key: Option<Key>,
    pub(crate) ven_id: Option<String>,
}

/// A place in the list of all readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    partition: i64,
    start: i64,
    stream: i64,
    duration: i64,
}

/// Some readings, and where there are more.
#[derive(Debug)]
pub(crate) struct Page {
    points: HashMap<i64, Point>,
    pub(crate) rows: Vec<Row>,
    /// A page may be short, even empty, and not be the last one.
    pub(crate) next: Option<Cursor>,
}

/// A reading of a page.
#[derive(Debug)]
pub(crate) struct Row {
    point: i64,
    pub(crate) sample: Sample,
    /// Values that do not count any more, the latest first; `None` if nobody asked.
    pub(crate) superseded: Option<Vec<Measured>>,
}

impl Page {
    /// The readings with their points.
    pub(crate) fn readings(&self) -> impl Iterator<Item = (&Point, &Row)> {
        let known = |row| Some((self.points.get(&Row::point(row))?, row));
        self.rows.iter().filter_map(known)
    }
}

impl Row {
    fn point(&self) -> i64 {
        self.point
    }
}

impl Store {
    /// The readings after a place.
    pub(crate) async fn readings(&self, wanted: Wanted) -> Result<Page, StoreError> {
        self.read(move |c| page(c, &wanted, WORK)).await
    }

    /// Whether a VEN of this ID has ever reported something.
    pub(crate) async fn has_readings_of(&self, ven_id: String) -> Result<bool, StoreError> {
        self.read(move |c| {
            let found = c
                .prepare_cached("SELECT 1 FROM streams WHERE ven_id = ?1 LIMIT 1")?
                .query_row([ven_id], |_| Ok(()))
                .optional()?;
            Ok(found.is_some())
        })
        .await
    }
}

pub(super) const SELECT: &str =
    "SELECT start, stream, duration, point, created, value, status, quality, confidence, accuracy, feed FROM readings
     WHERE partition = ?1 AND (start, stream, duration) > (?2, ?3, ?4) AND start < ?5
     ORDER BY start, stream, duration";

/// A page for which no more than so many rows are looked at, but for those of one VEN's points.
pub(super) fn page(c: &Connection, wanted: &Wanted, most: usize) -> Result<Page, StoreError> {
    // One moment for all of it.
    let c = c.unchecked_transaction()?;
    let mut page = Page {
        points: HashMap::new(),
        rows: Vec::new(),
        next: None,
    };
    let from = wanted.from.map_or(i64::MIN, micros);
    let to = wanted.to.map_or(i64::MAX, micros);
    let mut select = c.prepare_cached(SELECT)?;
    let mut earlier = c.prepare_cached(
        "SELECT created, value, status, quality, confidence, accuracy, feed FROM superseded
         WHERE partition = ?1 AND start = ?2 AND stream = ?3 AND duration = ?4
         ORDER BY created DESC, id DESC LIMIT ?5",
    )?;
    let mut vens = Vens::new(&c, wanted)?;
    let mut work = 0;
    while let Some(partition) = vens.next()? {
        let (points, seen) = points(&c, wanted, partition)?;
        work += 1 + seen;
        if !points.is_empty() {
            let begin = match wanted.after {
                Some(after) if after.partition == partition && after.start >= from => after,
                Some(_) | None => Cursor {
                    partition,
                    start: from,
                    stream: i64::MIN,
                    duration: i64::MIN,
                },
            };
            let mut rows =
                select.query((partition, begin.start, begin.stream, begin.duration, to))?;
            while let Some(row) = rows.next()? {
                let place = Cursor {
                    partition,
                    start: row.get(0)?,
                    stream: row.get(1)?,
                    duration: row.get(2)?,
                };
                work += 1;
                let point: i64 = row.get(3)?;
                if points.contains_key(&point) {
                    if page.rows.len() == wanted.limit {
                        page.next = vens.last;
                        page.points.extend(points);
                        return Ok(page);
                    }
                    let measured = measured(row.get(4)?, ValueRow::read(row, 5)?)?;
                    work += feed_rows(&measured);
                    let superseded = if wanted.history {
                        let before = superseded(&mut earlier, place)?;
                        work += before.iter().map(|old| 1 + feed_rows(old)).sum::<usize>();
                        Some(before)
                    } else {
                        None
                    };
                    page.rows.push(Row {
                        point,
                        sample: sample(place, measured),
                        superseded,
                    });
                }
                vens.last = Some(place);
                if work >= most {
                    page.next = vens.last;
                    page.points.extend(points);
                    return Ok(page);
                }
            }
        }
        page.points.extend(points);
        vens.last = Some(Cursor::after_all_of(partition));
        if work >= most {
            page.next = vens.last;
            return Ok(page);
        }
    }
    Ok(page)
}

/// For how many rows a value counts because of its feed.
fn feed_rows(measured: &Measured) -> usize {
    measured.green_button.as_ref().map_or(0, String::len) / ROW
}

/// The partitions that may have something, in their order.
struct Vens<'a> {
    /// If there are few, which.
    few: Option<BTreeSet<i64>>,
    following: CachedStatement<'a>,
    /// The partition that is looked at first.
    first: i64,
    /// The place that was looked at last.
    last: Option<Cursor>,
}

impl<'a> Vens<'a> {
    fn new(c: &'a Connection, wanted: &Wanted) -> Result<Self, StoreError> {
        let few = match &wanted.ven {
            None => None,
            Some(ven) => {
                let mut select =
                    c.prepare_cached("SELECT DISTINCT partition FROM streams WHERE ven_id = ?1")?;
                let mut few = BTreeSet::new();
                let mut rows = select.query([&ven.ven_id])?;
                while let Some(row) = rows.next()? {
                    few.insert(row.get(0)?);
                }
                few.extend(ven.key.map(|key| key.0));
                Some(few)
            }
        };
        Ok(Self {
            few,
            following: c
                .prepare_cached("SELECT min(partition) FROM streams WHERE partition >= ?1")?,
            first: wanted.after.map_or(i64::MIN, |after| after.partition),
            last: None,
        })
    }

    fn next(&mut self) -> Result<Option<i64>, StoreError> {
        let from = match self.last {
            None => self.first,
            Some(last) => last.partition.saturating_add(1),
        };
        match &self.few {
            Some(few) => Ok(few.range(from..).next().copied()),
            None => Ok(self.following.query_row([from], |row| row.get(0))?),
        }
    }
}

/// The points of a partition that are wanted, and how many were looked at.
fn points(
    c: &Connection,
    wanted: &Wanted,
    partition: i64,
) -> Result<(HashMap<i64, Point>, usize), StoreError> {
    let mut select = c.prepare_cached(
        "SELECT points.id, ven_id, report_request, r_id, description
         FROM streams JOIN points ON points.stream = streams.id
         WHERE partition = ?1 AND (?2 IS NULL OR ven_id = ?2)
           AND (?3 IS NULL OR report_request = ?3) AND (?4 IS NULL OR r_id = ?4)",
    )?;
    // All that the VEN of a partition reported is its own, also under an ID that it had before.
    let ven_id = wanted.ven.as_ref().and_then(|ven| {
        let is_its_own = ven.key == Some(Key(partition));
        ven.ven_id.as_ref().filter(|_| !is_its_own)
    });
    let mut rows = select.query((partition, ven_id, &wanted.report_request, &wanted.r_id))?;
    let (mut points, mut seen) = (HashMap::new(), 0);
    while let Some(row) = rows.next()? {
        seen += 1;
        let description: String = row.get(4)?;
        let description: Description =
            serde_json::from_str(&description).map_err(StoreError::row("points"))?;
        let is_of = |resource: &String| {
            let resources = &description.resources;
            resources.iter().any(|id| id.as_str() == resource)
        };
        if wanted.resource.as_ref().is_none_or(is_of)
            && (wanted.measurement.is_none() || wanted.measurement == description.measurement)
        {
            let point = Point {
                ven_id: kept(row.get::<_, String>(1)?)?,
                report_request_id: kept(row.get::<_, String>(2)?)?,
                r_id: kept(row.get::<_, String>(3)?)?,
                description,
            };
            points.insert(row.get(0)?, point);
        }
    }
    Ok((points, seen))
}

/// A value that was legal when it was written.
fn kept<T: TryFrom<String>>(text: String) -> Result<T, StoreError>
where
    T::Error: fmt::Display,
{
    let not_legal = |error| <serde_json::Error as serde::de::Error>::custom(error);
    T::try_from(text).map_err(|error| StoreError::row("readings")(not_legal(error)))
}

fn superseded(select: &mut CachedStatement<'_>, of: Cursor) -> Result<Vec<Measured>, StoreError> {
    let mut rows = select.query((of.partition, of.start, of.stream, of.duration, HISTORY))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(measured(row.get(0)?, ValueRow::read(row, 1)?)?);
    }
    Ok(found)
}

fn measured(created: i64, row: ValueRow) -> Result<Measured, StoreError> {
    let status = row.status.as_deref().map(serde_json::from_str).transpose();
    let status = status.map_err(StoreError::row("readings"))?;
    let confidence = row.confidence.map(Confidence::new).transpose();
    Ok(Measured {
        value: match (&status, &row.feed) {
            (None, None) => Some(Float::from(row.value.unwrap_or(f64::NAN))),
            (Some(_), _) | (None, Some(_)) => None,
        },
        status,
        green_button: row.feed,
        quality: row.quality.map(kept).transpose()?,
        // Never more than 100 was written.
        confidence: confidence.unwrap_or_default(),
        accuracy: row.accuracy.map(Float::from),
        created: time(created),
    })
}

fn sample(place: Cursor, measured: Measured) -> Sample {
    let length = (place.duration != MOMENT).then_some(place.duration);
    Sample {
        start: time(place.start),
        duration: length.map(|length| {
            Duration::from_time_delta(TimeDelta::try_milliseconds(length).unwrap_or_default())
        }),
        measured,
    }
}

fn time(micros: i64) -> DateTime {
    DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::MIN_UTC)
}

impl Cursor {
    fn after_all_of(partition: i64) -> Self {
        Self {
            partition,
            start: i64::MAX,
            stream: i64::MAX,
            duration: i64::MAX,
        }
    }
}

/// Opaque to whoever gets it.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            partition,
            start,
            stream,
            duration,
        } = self;
        write!(f, "{partition:x}-{start:x}-{stream:x}-{duration:x}")
    }
}

/// It is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not what a page before said")]
pub(crate) struct NoCursor;

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let mut parts = text.split('-');
        let mut part = || {
            let digits = parts
                .next()
                .filter(|d| !d.starts_with('+'))
                .ok_or(NoCursor)?;
            let bits = u64::from_str_radix(digits, 16).map_err(|_| NoCursor)?;
            Ok(bits.cast_signed())
        };
        let cursor = Self {
            partition: part()?,
            start: part()?,
            stream: part()?,
            duration: part()?,
        };
        parts.next().map_or(Ok(cursor), |_| Err(NoCursor))
    }
}
