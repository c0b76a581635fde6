//! The samples of a VEN, in its database: written together, read by time, and let go when there are
//! too many.
//!
//! Knows nothing of requests; it is told what somebody still needs.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use oadr_core::value::{DateTime, RId, ReportSpecifierId};
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::measurement::Measurement;
use crate::sqlite::StoreError;
use crate::ven::store::Store;

/// Of each stream so many samples are kept at least, whatever their age.
pub(crate) const FEWEST: u32 = 100;

/// A data point.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) specifier: ReportSpecifierId,
    pub(super) r_id: RId,
}

/// A data point in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stream(i64);

/// What may go of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rest {
    /// What is older is of no use to anybody.
    pub(super) since: DateTime,
    /// What is not older is still to be reported.
    pub(super) needed: Option<DateTime>,
    /// The most samples that are kept, even if more are of use.
    pub(super) most: u32,
}

/// What went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Gone {
    /// Samples that nobody waits for.
    pub(super) expired: u64,
    /// Samples that were still to be reported, had there been space.
    pub(super) dropped: u64,
}

impl Store {
    /// Finds or makes the streams of these data points, in their order. What others left behind goes:
    /// nobody can ask for it any more (rule 306).
    pub(super) async fn streams(&self, keys: Vec<Key>) -> Result<Vec<Stream>, StoreError> {
        let work = move |c: &Connection| {
            let mut known = BTreeMap::new();
            {
                let mut all = c.prepare_cached("SELECT specifier, r_id, id FROM stream")?;
                let mut rows = all.query([])?;
                while let Some(row) = rows.next()? {
                    let key: (String, String) = (row.get(0)?, row.get(1)?);
                    known.insert(key, row.get::<_, i64>(2)?);
                }
            }
            let mut streams = Vec::with_capacity(keys.len());
            for key in keys {
                let key = (key.specifier.to_string(), key.r_id.to_string());
                let id = match known.remove(&key) {
                    Some(id) => id,
                    None => c
                        .prepare_cached(
                            "INSERT INTO stream (specifier, r_id) VALUES (?1, ?2) RETURNING id",
                        )?
                        .query_row(key, |row| row.get(0))?,
                };
                streams.push(Stream(id));
            }
            for id in known.into_values() {
                c.execute("DELETE FROM stream WHERE id = ?1", [id])?;
            }
            Ok(streams)
        };
        self.writer().run(work).await
    }

    /// Writes the samples of one instant. What is there already stays as it is.
    pub(super) async fn keep(
        &self,
        time: DateTime,
        samples: Vec<(Stream, Measurement)>,
    ) -> Result<(), StoreError> {
        let time = ceil(time);
        let rows = samples.into_iter().map(|(stream, measurement)| {
            let (value, detail) = columns(&measurement)?;
            Ok((stream.0, value, detail))
        });
        let rows: Vec<_> = rows.collect::<Result<_, StoreError>>()?;
        let work = move |c: &Connection| {
            let mut insert = c.prepare_cached(
                "INSERT INTO sample (stream, time, value, detail) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT DO NOTHING",
            )?;
            for (stream, value, detail) in rows {
                insert.execute((stream, time, value, detail))?;
            }
            Ok(())
        };
        self.writer().run(work).await
    }

    /// Writes samples that are right, in place of those of the same instants.
    pub(super) async fn correct(
        &self,
        samples: Vec<(Stream, DateTime, Measurement)>,
    ) -> Result<(), StoreError> {
        let rows = samples.into_iter().map(|(stream, time, measurement)| {
            let (value, detail) = columns(&measurement)?;
            Ok((stream.0, ceil(time), value, detail))
        });
        let rows: Vec<_> = rows.collect::<Result<_, StoreError>>()?;
        let work = move |c: &Connection| {
            let mut insert = c.prepare_cached(
                "INSERT INTO sample (stream, time, value, detail) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT DO UPDATE SET value = excluded.value, detail = excluded.detail",
            )?;
            for row in rows {
                insert.execute(row)?;
            }
            Ok(())
        };
        self.writer().run(work).await
    }

    /// The first samples of a stream from one instant to before another, in order; of a grid that
    /// begins with the first only its own, if there is one.
    pub(super) async fn samples(
        &self,
        stream: Stream,
        (from, to): (DateTime, DateTime),
        every: Option<TimeDelta>,
        most: u32,
    ) -> Result<Vec<(DateTime, Measurement)>, StoreError> {
        let every = every.and_then(|every| every.num_microseconds());
        let every = every.map(|every| every.max(1));
        let work = move |c: &Connection| {
            let mut select = c.prepare_cached(
                "SELECT time, value, detail FROM sample \
                 WHERE stream = ?1 AND time >= ?2 AND time < ?3 \
                 AND (?4 IS NULL OR (time - ?2) % ?4 = 0) ORDER BY time LIMIT ?5",
            )?;
            let mut rows = select.query((stream.0, ceil(from), ceil(to), every, most))?;
            let mut samples = Vec::new();
            while let Some(row) = rows.next()? {
                samples.push(sample(row)?);
            }
            Ok(samples)
        };
        self.writer().run(work).await
    }

    /// The last sample of a stream before an instant.
    pub(super) async fn last_sample(
        &self,
        stream: Stream,
        before: DateTime,
    ) -> Result<Option<(DateTime, Measurement)>, StoreError> {
        let work = move |c: &Connection| {
            let mut select = c.prepare_cached(
                "SELECT time, value, detail FROM sample \
                 WHERE stream = ?1 AND time < ?2 ORDER BY time DESC LIMIT 1",
            )?;
            let found = select.query_row((stream.0, ceil(before)), |row| Ok(sample(row)));
            found.optional()?.transpose()
        };
        self.writer().run(work).await
    }

    /// Lets go what is of no use, and of what is of use the oldest if it is too much.
    pub(super) async fn trim(&self, streams: Vec<(Stream, Rest)>) -> Result<Gone, StoreError> {
        let work = move |c: &Connection| {
            let mut gone = Gone::default();
            let mut expire = c.prepare_cached(
                "DELETE FROM sample WHERE stream = ?1 AND time < ?2 AND time < \
                 (SELECT time FROM sample WHERE stream = ?1 ORDER BY time DESC LIMIT 1 OFFSET ?3)",
            )?;
            let mut count = c.prepare_cached("SELECT count(*) FROM sample WHERE stream = ?1")?;
            let mut waited_for = c.prepare_cached(
                "SELECT count(*) FROM (SELECT time FROM sample WHERE stream = ?1 \
                 ORDER BY time LIMIT ?2) WHERE time >= ?3",
            )?;
            let mut shrink = c.prepare_cached(
                "DELETE FROM sample WHERE stream = ?1 AND time IN \
                 (SELECT time FROM sample WHERE stream = ?1 ORDER BY time LIMIT ?2)",
            )?;
            for (Stream(id), rest) in streams {
                let expired = expire.execute((id, ceil(rest.since), FEWEST - 1))?;
                gone.expired = gone.expired.saturating_add(expired as u64);
                let left: u32 = count.query_row([id], |row| row.get(0))?;
                let excess = left.saturating_sub(rest.most.max(FEWEST));
                if excess > 0 {
                    // The oldest go first, which are those that nobody waits for.
                    let dropped: u32 = match rest.needed {
                        Some(needed) => {
                            waited_for.query_row((id, excess, ceil(needed)), |row| row.get(0))?
                        }
                        None => 0,
                    };
                    shrink.execute((id, excess))?;
                    gone.dropped = gone.dropped.saturating_add(dropped.into());
                    let rest = excess.saturating_sub(dropped);
                    gone.expired = gone.expired.saturating_add(rest.into());
                }
            }
            Ok(gone)
        };
        self.writer().run(work).await
    }
}

/// The first microsecond that is not before an instant.
fn ceil(time: DateTime) -> i64 {
    let whole = time.timestamp_micros();
    let more = !time.timestamp_subsec_nanos().is_multiple_of(1000);
    whole.saturating_add(i64::from(more))
}

/// A bare number, or everything that is said.
fn columns(measurement: &Measurement) -> Result<(Option<f64>, Option<String>), StoreError> {
    if let Some(value) = measurement.plain() {
        return Ok((Some(value), None));
    }
    let text = serde_json::to_string(measurement);
    Ok((None, Some(text.map_err(StoreError::row("sample"))?)))
}

fn sample(row: &Row<'_>) -> Result<(DateTime, Measurement), StoreError> {
    let time = DateTime::from_timestamp_micros(row.get(0)?).unwrap_or(DateTime::MAX_UTC);
    let detail: Option<String> = row.get(2)?;
    let measurement = match detail {
        Some(text) => serde_json::from_str(&text).map_err(StoreError::row("sample"))?,
        None => Measurement::new(row.get::<_, f64>(1)?),
    };
    Ok((time, measurement))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use oadr_core::value::DataQuality;

    use super::*;
    use crate::temp_dir::TempDir;

    fn key(r_id: &str) -> Key {
        Key {
            specifier: "usage".parse().unwrap(),
            r_id: r_id.parse().unwrap(),
        }
    }

    fn at(seconds: i64) -> DateTime {
        let noon: DateTime = "2026-01-31T12:00:00Z".parse().unwrap();
        noon + TimeDelta::seconds(seconds)
    }

    async fn fill(store: &Store, stream: Stream, seconds: std::ops::Range<i64>) {
        for second in seconds {
            let value = vec![(stream, Measurement::new(f64::from(second as i32)))];
            store.keep(at(second), value).await.unwrap();
        }
    }

    async fn times(store: &Store, stream: Stream) -> Vec<i64> {
        let all = (DateTime::UNIX_EPOCH, at(1_000_000));
        let samples = store.samples(stream, all, None, u32::MAX).await.unwrap();
        let seconds = samples
            .iter()
            .map(|(time, _)| (*time - at(0)).num_seconds());
        seconds.collect()
    }

    #[tokio::test]
    async fn samples_are_there_after_a_restart_as_they_were() {
        let temp = TempDir::new("buffer").unwrap();
        let path = temp.path().join("ven.db");
        let bad = Measurement::new(f64::NAN).quality(DataQuality::BadSensorFailure);
        let store = Store::open(&path).unwrap();
        let streams = store.streams(vec![key("a"), key("b")]).await.unwrap();
        let [a, b] = streams[..] else {
            panic!("{streams:?}");
        };
        let first = vec![(a, Measurement::new(1.25)), (b, bad.clone())];
        store.keep(at(0), first).await.unwrap();
        // The same instant again says nothing new.
        let again = vec![(a, Measurement::new(7.0))];
        store.keep(at(0), again).await.unwrap();
        drop(store);

        let store = Store::open(&path).unwrap();
        let again = store.streams(vec![key("b"), key("a")]).await.unwrap();
        assert_eq!(again, [b, a]);
        let span = (at(0), at(1));
        assert_eq!(
            store.samples(a, span, None, 10).await.unwrap(),
            [(at(0), Measurement::new(1.25))]
        );
        assert_eq!(
            store.samples(b, span, None, 10).await.unwrap(),
            [(at(0), bad)]
        );
        let before = (at(-1), at(0));
        assert_eq!(store.samples(a, before, None, 10).await.unwrap(), []);
        let last = store.last_sample(a, at(1)).await.unwrap();
        assert_eq!(last, Some((at(0), Measurement::new(1.25))));
        assert_eq!(store.last_sample(a, at(0)).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_correction_takes_the_place_of_a_sample_or_of_none() {
        let store = Store::open(Path::new(":memory:")).unwrap();
        let stream = store.streams(vec![key("a")]).await.unwrap()[0];
        let good = |value: f64| Measurement::new(value).quality(DataQuality::Good);
        store.keep(at(1), vec![(stream, good(1.0))]).await.unwrap();
        fill(&store, stream, 2..3).await;
        let right = vec![
            (stream, at(0), Measurement::new(9.0)),
            (stream, at(1), Measurement::new(8.0)),
            (stream, at(2), good(7.0)),
            (stream, at(2), good(6.0)),
        ];
        store.correct(right).await.unwrap();
        // What is sampled late does not undo it.
        fill(&store, stream, 0..1).await;
        let all = store.samples(stream, (at(0), at(9)), None, 10).await;
        assert_eq!(
            all.unwrap(),
            [
                (at(0), Measurement::new(9.0)),
                (at(1), Measurement::new(8.0)),
                (at(2), good(6.0)),
            ]
        );
    }

    #[tokio::test]
    async fn rule_306_samples_of_what_is_offered_no_more_go() {
        let store = Store::open(Path::new(":memory:")).unwrap();
        let streams = store.streams(vec![key("a"), key("b")]).await.unwrap();
        for stream in &streams {
            fill(&store, *stream, 0..3).await;
        }
        let kept = store.streams(vec![key("b")]).await.unwrap();
        assert_eq!(kept, streams[1..]);
        assert_eq!(times(&store, streams[1]).await, [0, 1, 2]);
        assert_eq!(times(&store, streams[0]).await, Vec::<i64>::new());
    }

    #[tokio::test]
    async fn a_grid_has_its_own_samples_and_not_those_between() {
        let store = Store::open(Path::new(":memory:")).unwrap();
        let stream = store.streams(vec![key("a")]).await.unwrap()[0];
        fill(&store, stream, 0..10).await;
        let grid = Some(TimeDelta::seconds(3));
        let found = store
            .samples(stream, (at(1), at(9)), grid, 10)
            .await
            .unwrap();
        let times: Vec<_> = found.iter().map(|(time, _)| *time).collect();
        assert_eq!(times, [at(1), at(4), at(7)]);
        // Not even the digits that the database has no place for keep an instant from its grid.
        let odd = |seconds| at(seconds) + TimeDelta::nanoseconds(1500);
        let value = vec![(stream, Measurement::new(4.5))];
        store.keep(odd(4), value).await.unwrap();
        let found = store
            .samples(stream, (odd(1), odd(9)), grid, 10)
            .await
            .unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].1, Measurement::new(4.5));
    }

    #[tokio::test]
    async fn old_samples_go_but_for_the_last_hundred() {
        let store = Store::open(Path::new(":memory:")).unwrap();
        let stream = store.streams(vec![key("a")]).await.unwrap()[0];
        fill(&store, stream, 0..150).await;
        let rest = |since| Rest {
            since: at(since),
            needed: None,
            most: 1000,
        };
        let gone = store.trim(vec![(stream, rest(20))]).await.unwrap();
        assert_eq!((gone.expired, gone.dropped), (20, 0));
        // Nobody needs any of them.
        let gone = store.trim(vec![(stream, rest(500))]).await.unwrap();
        assert_eq!((gone.expired, gone.dropped), (30, 0));
        assert_eq!(times(&store, stream).await, (50..150).collect::<Vec<_>>());
        let gone = store.trim(vec![(stream, rest(500))]).await.unwrap();
        assert_eq!(gone, Gone::default());
    }

    #[tokio::test]
    async fn what_is_too_much_is_dropped_from_its_beginning_and_counted() {
        let store = Store::open(Path::new(":memory:")).unwrap();
        let stream = store.streams(vec![key("a")]).await.unwrap()[0];
        fill(&store, stream, 0..150).await;
        let rest = |most| Rest {
            since: DateTime::UNIX_EPOCH,
            needed: Some(at(10)),
            most,
        };
        let gone = store.trim(vec![(stream, rest(120))]).await.unwrap();
        // Those that nobody waits for first.
        assert_eq!((gone.expired, gone.dropped), (10, 20));
        let first = times(&store, stream).await.first().copied();
        assert_eq!(first, Some(30));
        // Never fewer than a hundred.
        let gone = store.trim(vec![(stream, rest(1))]).await.unwrap();
        assert_eq!(gone.dropped, 20);
        assert_eq!(times(&store, stream).await.len(), 100);
    }
}
