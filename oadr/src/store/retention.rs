//! Forgetting old readings, a little at a time.
//!
//! Knows nothing of how long they are wanted.

use oadr_core::value::DateTime;
use rusqlite::{Connection, OptionalExtension as _};

use super::Store;
use super::readings::micros;
use crate::sqlite::StoreError;

/// How many go with one piece of work: few enough that nobody waits long behind it.
const BATCH: u32 = 1_000;

impl Store {
    /// Forgets the readings that began before an instant, with their history, and says how many there
    /// were. Whatever else is to be written gets its turn in between.
    pub(crate) async fn forget_readings(&self, before: DateTime) -> Result<u64, StoreError> {
        self.forget_readings_by(before, BATCH).await
    }

    pub(super) async fn forget_readings_by(
        &self,
        before: DateTime,
        batch: u32,
    ) -> Result<u64, StoreError> {
        let before = micros(before);
        let mut forgotten = 0;
        let mut reached = i64::MIN;
        while let Some(partition) = self.read(move |c| following(c, reached)).await? {
            let work = self
                .writer
                .run(move |c| forget(c, partition, before, batch));
            let (count, is_done) = work.await?;
            self.figures().forgot_readings(count);
            forgotten += count;
            if is_done {
                reached = partition.saturating_add(1);
            }
        }
        Ok(forgotten)
    }
}

/// The first partition from this one on that has readings.
fn following(c: &Connection, from: i64) -> Result<Option<i64>, StoreError> {
    let mut select =
        c.prepare_cached("SELECT min(partition) FROM readings WHERE partition >= ?1")?;
    Ok(select.query_row([from], |row| row.get(0))?)
}

/// Forgets some; says how many, and whether they were the last ones of the partition.
fn forget(
    c: &Connection,
    partition: i64,
    before: i64,
    batch: u32,
) -> Result<(u64, bool), StoreError> {
    let more: Option<i64> = c
        .prepare_cached(
            "SELECT start FROM readings WHERE partition = ?1 AND start < ?2 ORDER BY start LIMIT 1 OFFSET ?3",
        )?
        .query_row((partition, before, batch), |row| row.get(0))
        .optional()?;
    // Those that began at the same moment go together: one for each data point at most.
    let end = more.map_or(before, |start| start.saturating_add(1));
    c.prepare_cached("DELETE FROM superseded WHERE partition = ?1 AND start < ?2")?
        .execute((partition, end))?;
    let count = c
        .prepare_cached("DELETE FROM readings WHERE partition = ?1 AND start < ?2")?
        .execute((partition, end))?;
    Ok((u64::try_from(count).unwrap_or(u64::MAX), more.is_none()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::super::reading_tests::{
        Rig, all, at, fill, minute, page, report, values, write, written,
    };

    #[tokio::test]
    async fn old_readings_go_little_by_little_with_their_history() {
        let rig = Rig::new();
        fill(&rig.store).await;
        let corrected = report(1_000, vec![minute("a", 0, 1.0), minute("a", 540, 2.0)]);
        assert_eq!(write(&rig.store, 1, &corrected).await, written(0, 2, 0));
        let count = async |table: &'static str| {
            let count = rig.store.read(move |c| {
                let sql = format!("SELECT count(*) FROM {table}");
                Ok(c.query_row(&sql, [], |row| row.get::<_, i64>(0))?)
            });
            count.await.unwrap()
        };
        assert_eq!(
            (count("readings").await, count("superseded").await),
            (40, 2)
        );
        let work = || rig.store.figures().commits.read().0.last().unwrap().1;
        let before = work();
        let forgotten = rig.store.forget_readings_by(at(540), 3).await.unwrap();
        assert_eq!(forgotten, 36);
        // Two VENs, of each two readings a minute.
        assert_eq!(work() - before, 10);
        assert_eq!((count("readings").await, count("superseded").await), (4, 1));
        let left = values(&page(&rig.store, &all()).await);
        assert!(left.iter().all(|(start, ..)| *start == 540), "{left:?}");
        assert_eq!(rig.store.forget_readings(at(540)).await.unwrap(), 0);
        let counted = rig.store.figures().forgotten.load(Ordering::Relaxed);
        assert_eq!(counted, 36);
    }
}
