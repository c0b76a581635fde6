//! The data points that a VEN offers, each with its stream of samples, and asking their sources.
//!
//! Knows nothing of when they are to be asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use oadr_core::value::DateTime;

use super::buffer::{Key, Stream};
use super::measurement::Measurement;
use super::point::Point;
use super::report::Report;
use super::source::{Moment, Span};
use crate::contained::Mishap;
use crate::sqlite::StoreError;
use crate::ven::store::Store;

/// How many samples were taken, and how many were not.
///
/// Counted since the VEN was started. What is missing the VTN hears as bad quality (rule 318).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SampleCounts {
    /// Taken and written.
    pub taken: u64,
    /// Not taken in time, as the machine slept or had no time.
    pub missed: u64,
    /// Not taken, as a source failed, or not written.
    pub failed: u64,
    /// Taken, written, and dropped before the VTN had them, as there was no space.
    pub dropped: u64,
}

/// What happened to samples.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(super) taken: AtomicU64,
    pub(super) missed: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) dropped: AtomicU64,
}

/// All data points on offer.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(super) points: BTreeMap<Key, OfferedPoint>,
    pub(super) store: Arc<Store>,
    /// How long a source may take.
    pub(super) limit: Duration,
    /// The most samples of a stream.
    pub(super) most: u32,
    pub(super) counters: Counters,
    /// The points whose source failed when it was last asked.
    failing: Mutex<BTreeSet<Key>>,
}

/// A data point on offer.
#[derive(Debug)]
pub(super) struct OfferedPoint {
    pub(super) point: Point,
    pub(super) kept: TimeDelta,
    pub(super) stream: Stream,
}

impl Offered {
    /// Finds or makes the streams of all points.
    ///
    /// # Errors
    /// The database.
    pub(crate) async fn new(
        reports: Vec<Report>,
        store: Arc<Store>,
        limit: Duration,
        most: u32,
    ) -> Result<Self, StoreError> {
        let points: Vec<_> = reports
            .into_iter()
            .flat_map(|report| {
                let kept = Point::length(report.kept).unwrap_or_default();
                let specifier = report.specifier;
                report.points.into_iter().map(move |point| {
                    let key = Key {
                        specifier: specifier.clone(),
                        r_id: point.r_id.clone(),
                    };
                    (key, point, kept)
                })
            })
            .collect();
        let keys = points.iter().map(|(key, ..)| key.clone()).collect();
        let streams = store.streams(keys).await?;
        let points = points.into_iter().zip(streams);
        let points = points.map(|((key, point, kept), stream)| {
            let offered = OfferedPoint {
                point,
                kept,
                stream,
            };
            (key, offered)
        });
        Ok(Self {
            points: points.collect(),
            store,
            limit,
            most,
            counters: Counters::default(),
            failing: Mutex::default(),
        })
    }

    /// Asks a source for the value of a moment; `None` if it has none that fits.
    pub(super) async fn sample(
        &self,
        key: &Key,
        moment: Moment,
        limit: Duration,
    ) -> Option<Measurement> {
        let point = &self.points.get(key)?.point;
        let said = point.sources.sample(moment, limit).await?;
        let fits = said.and_then(|measurement| match point.misfit(&measurement) {
            None => Ok(measurement),
            Some(why) => Err(Mishap::Failed(why.to_owned())),
        });
        self.heard(key, fits)
    }

    /// Asks a source for the values of a span, of which those within it that fit count; `None` if it
    /// has none.
    pub(super) async fn series(
        &self,
        key: &Key,
        span: Span,
    ) -> Option<Vec<(DateTime, Measurement)>> {
        let point = &self.points.get(key)?.point;
        let said = point.sources.series(span, self.limit).await?;
        let fits = said.and_then(|mut list| {
            list.retain(|(time, _)| span.from <= *time && *time < span.to);
            let misfit = list.iter().find_map(|(_, value)| point.misfit(value));
            match misfit {
                None => Ok(list),
                Some(why) => Err(Mishap::Failed(why.to_owned())),
            }
        });
        self.heard(key, fits)
    }

    /// What a source said. That it begins or ceases to fail is logged, not each time.
    fn heard<T>(&self, key: &Key, said: Result<T, Mishap>) -> Option<T> {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let Key { specifier, r_id } = key;
        match said {
            Ok(value) => {
                if failing.remove(key) {
                    tracing::info!(%specifier, %r_id, "the source works again");
                }
                Some(value)
            }
            Err(mishap) => {
                self.counters.failed.fetch_add(1, Ordering::Relaxed);
                if failing.insert(key.clone()) {
                    tracing::warn!(%specifier, %r_id, %mishap, "no value; this is said once");
                } else {
                    tracing::debug!(%specifier, %r_id, %mishap, "no value");
                }
                None
            }
        }
    }

    /// How it went so far.
    pub(crate) fn counts(&self) -> SampleCounts {
        let counters = &self.counters;
        SampleCounts {
            taken: counters.taken.load(Ordering::Relaxed),
            missed: counters.missed.load(Ordering::Relaxed),
            failed: counters.failed.load(Ordering::Relaxed),
            dropped: counters.dropped.load(Ordering::Relaxed),
        }
    }
}
