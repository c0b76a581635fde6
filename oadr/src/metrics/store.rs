//! What a store's writing thread did.
//!
//! Knows nothing of what was written.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use oadr_core::vtn::DeliveryStatus;

use super::Histogram;
use crate::sqlite::StoreError;
use crate::store::Written;

/// Figures of one store, since it was opened.
#[derive(Debug)]
pub(crate) struct StoreFigures {
    /// How long a commit took, its work and its sync included.
    pub(crate) commits: Histogram,
    /// How many pieces of work shared one.
    pub(crate) groups: Histogram,
    /// Pieces of work that were refused because too many waited.
    pub(crate) busy: AtomicU64,
    /// Pieces of work and queries that failed; a lost race is no failure.
    pub(crate) failed: AtomicU64,
    deliveries: [AtomicU64; 3],
    /// Readings that were not known.
    pub(crate) stored: AtomicU64,
    /// Readings that were known with another value.
    pub(crate) corrected: AtomicU64,
    /// Readings that were known.
    pub(crate) repeated: AtomicU64,
    /// Readings that were forgotten because they are old.
    pub(crate) forgotten: AtomicU64,
}

/// Up to the most that a commit takes.
const GROUPS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256];

/// All, in the order of their places.
const STATUSES: [DeliveryStatus; 3] = [
    DeliveryStatus::Sent,
    DeliveryStatus::Answered,
    DeliveryStatus::GivenUp,
];

impl Default for StoreFigures {
    fn default() -> Self {
        Self {
            commits: Histogram::of_durations(),
            groups: Histogram::of_numbers(GROUPS),
            busy: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            deliveries: Default::default(),
            stored: AtomicU64::new(0),
            corrected: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
            forgotten: AtomicU64::new(0),
        }
    }
}

impl StoreFigures {
    /// A group of work is on the disk.
    pub(crate) fn committed(&self, group: usize, took: Duration) {
        self.commits.observe_duration(took);
        self.groups
            .observe(u64::try_from(group).unwrap_or(u64::MAX));
    }

    /// Something was not done.
    pub(crate) fn not_done(&self, error: &StoreError) {
        match error {
            StoreError::Conflict => {}
            StoreError::Busy => {
                self.busy.fetch_add(1, Ordering::Relaxed);
            }
            StoreError::Open { .. }
            | StoreError::NewerSchema { .. }
            | StoreError::Closed
            | StoreError::Row { .. }
            | StoreError::UnknownFact
            | StoreError::Sqlite(_)
            | StoreError::Thread(_) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Readings are on the disk.
    pub(crate) fn wrote_readings(&self, written: &Written) {
        let Written {
            stored,
            corrected,
            repeated,
        } = *written;
        self.stored.fetch_add(stored, Ordering::Relaxed);
        self.corrected.fetch_add(corrected, Ordering::Relaxed);
        self.repeated.fetch_add(repeated, Ordering::Relaxed);
    }

    /// Old readings are gone.
    pub(crate) fn forgot_readings(&self, count: u64) {
        self.forgotten.fetch_add(count, Ordering::Relaxed);
    }

    /// A delivery came to be so.
    pub(crate) fn delivery(&self, status: DeliveryStatus) {
        for (known, count) in STATUSES.iter().zip(&self.deliveries) {
            if *known == status {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How often a delivery came to be what.
    pub(crate) fn deliveries(&self) -> impl Iterator<Item = (DeliveryStatus, u64)> {
        let counts = self.deliveries.iter();
        let counts = counts.map(|count| count.load(Ordering::Relaxed));
        STATUSES.into_iter().zip(counts)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::sqlite::Writer;

    #[tokio::test]
    async fn commits_and_failures_are_counted_and_lost_races_are_not() {
        let writer = Writer::start(Connection::open_in_memory().unwrap()).unwrap();
        writer.run(|_| Ok(())).await.unwrap();
        let lost = writer.run(|_| Err::<(), _>(StoreError::Conflict)).await;
        assert!(lost.is_err());
        let failed = writer.run(|c| Ok(c.execute_batch("no SQL at all")?)).await;
        assert!(failed.is_err());

        let figures = writer.figures();
        let (pieces, sum) = figures.groups.read();
        // One after the other, each in a commit of its own.
        assert_eq!((pieces[0], sum), ((1.0, 3), 3.0));
        assert_eq!(figures.commits.read().0.last().unwrap().1, 3);
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        assert_eq!((count(&figures.failed), count(&figures.busy)), (1, 0));
        assert_eq!(writer.waiting(), 0);
    }

    #[test]
    fn a_delivery_counts_under_its_status() {
        let figures = StoreFigures::default();
        figures.delivery(DeliveryStatus::GivenUp);
        let given_up = |(status, count)| u64::from(status == DeliveryStatus::GivenUp) == count;
        assert!(figures.deliveries().all(given_up));
    }
}
