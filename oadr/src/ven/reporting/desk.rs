//! Answers the machine's questions for readings: from the samples, or from the sources themselves.
//!
//! Knows nothing of reports, nor of what becomes of a gap.

use std::sync::Arc;

use chrono::TimeDelta;
use oadr_core::reading::Reading;
use oadr_core::value::{DateTime, RId, ReportSpecifierId};
use oadr_core::ven::{ReadingsQuestion, State, Window};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::buffer::Key;
use super::measurement::Measurement;
use super::offered::{Offered, OfferedPoint};
use super::point::Point;
use super::source::{Moment, Span};
use crate::clock;
use crate::sqlite::StoreError;

/// The most readings of a data point in one answer: what is more is taken for a mistake.
const MOST: u32 = 100_000;

/// Whom the machine's questions go to.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    pub(crate) offered: Arc<Offered>,
    /// What was to be sampled before this instant is written, or will not be.
    pub(crate) settled: watch::Receiver<DateTime>,
}

impl Desk {
    /// The readings that are there. What is not, nobody knows; the sources had their time.
    ///
    /// # Errors
    /// The database.
    pub(crate) async fn readings(
        &self,
        question: &ReadingsQuestion,
        state: Arc<State>,
    ) -> Result<Vec<Reading>, StoreError> {
        self.settle(question).await;
        let mut asked = JoinSet::new();
        for r_id in &question.r_ids {
            let key = key(question, r_id);
            let offered = Arc::clone(&self.offered);
            let (state, window) = (Arc::clone(&state), question.window);
            asked.spawn(async move {
                let Some(point) = offered.points.get(&key) else {
                    return Ok(Vec::new());
                };
                let values = values(&offered, &key, point, window, state).await?;
                let r_id = &key.r_id;
                let readings = values.into_iter().map(|value| reading(r_id, value));
                Ok::<_, StoreError>(readings.collect())
            });
        }
        let mut readings = Vec::new();
        while let Some(found) = asked.join_next().await {
            match found {
                Ok(found) => readings.extend::<Vec<_>>(found?),
                Err(error) => tracing::error!(%error, "readings are missing"),
            }
        }
        Ok(readings)
    }

    /// Puts right what was sampled; what is there on demand is its source's.
    ///
    /// # Errors
    /// The database.
    pub(crate) async fn correct(
        &self,
        specifier: &ReportSpecifierId,
        readings: &[Reading],
    ) -> Result<(), StoreError> {
        let sampled = readings.iter().filter_map(|reading| {
            let key = Key {
                specifier: specifier.clone(),
                r_id: reading.r_id.clone(),
            };
            let offered = self.offered.points.get(&key)?;
            let measurement = Measurement {
                payload: reading.payload.clone(),
                quality: reading.quality.clone(),
                confidence: reading.confidence,
                accuracy: reading.accuracy,
                duration: reading.duration,
            };
            let is_sampled = offered.point.sources.has_incremental();
            is_sampled.then_some((offered.stream, reading.start, measurement))
        });
        self.offered.store.correct(sampled.collect()).await
    }

    /// Waits until what belongs into a window is written, but not for ever.
    async fn settle(&self, question: &ReadingsQuestion) {
        let Some(last) = last_instant(question.window) else {
            return;
        };
        let is_sampled = |r_id: &RId| {
            let point = self.offered.points.get(&key(question, r_id));
            point.is_some_and(|offered| offered.point.sources.has_incremental())
        };
        if !question.r_ids.iter().any(is_sampled) {
            return;
        }
        let mut settled = self.settled.clone();
        let limit = self.offered.limit.saturating_mul(2);
        let written = settled.wait_for(|settled| last < *settled);
        if tokio::time::timeout(limit, written).await.is_err() {
            tracing::warn!(%last, "samples are late, and left out");
        }
    }
}

/// The last instant of a window that is sampled for it; of a window that others sample, none. Data that
/// stand for an instant are reported right after it, long before the end of their window, and other
/// grids go on meanwhile.
fn last_instant(window: Window) -> Option<DateTime> {
    match window {
        Window::Sampled { from, to, every } => {
            let (length, every) = (to - from, every.num_milliseconds().max(1));
            let before_end = length.num_milliseconds().saturating_sub(1).max(0);
            let whole = before_end.saturating_sub(before_end.checked_rem(every).unwrap_or(0));
            Some(from + TimeDelta::milliseconds(whole))
        }
        Window::OnChange { to, .. } => Some(to - TimeDelta::nanoseconds(1)),
        Window::Now | Window::History { .. } => None,
    }
}

fn key(question: &ReadingsQuestion, r_id: &RId) -> Key {
    Key {
        specifier: question.report_specifier_id.clone(),
        r_id: r_id.clone(),
    }
}

async fn values(
    offered: &Offered,
    key: &Key,
    point: &OfferedPoint,
    window: Window,
    state: Arc<State>,
) -> Result<Vec<(DateTime, Measurement)>, StoreError> {
    let sources = &point.point.sources;
    let series = async |from, to, every| {
        let span = Span { from, to, every };
        offered.series(key, span).await.unwrap_or_default()
    };
    let samples = |from, to, every| {
        let span = (from, to);
        offered.store.samples(point.stream, span, every, MOST)
    };
    match window {
        Window::Now if sources.has_incremental() => {
            let time = clock::now();
            let moment = Moment { time, state };
            let said = offered.sample(key, moment, offered.limit).await;
            Ok(said
                .map(|measurement| (time, measurement))
                .into_iter()
                .collect())
        }
        // The latest of what is recent.
        Window::Now => {
            let to = clock::now();
            let recent = Point::length(point.point.max_period).unwrap_or_default();
            let from = to.checked_sub_signed(recent).unwrap_or(to);
            let every = Point::length(point.point.min_period);
            let last = series(from, to, every).await;
            Ok(last
                .into_iter()
                .max_by_key(|(time, _)| *time)
                .into_iter()
                .collect())
        }
        Window::Sampled { from, to, every } if sources.has_incremental() => {
            samples(from, to, Some(every)).await
        }
        Window::Sampled { from, to, every } => Ok(series(from, to, Some(every)).await),
        Window::OnChange { from, to } if sources.has_incremental() => {
            let before = offered.store.last_sample(point.stream, from).await?;
            let mut all: Vec<_> = before.into_iter().collect();
            all.extend(samples(from, to, None).await?);
            Ok(all)
        }
        Window::History { from, to } if !sources.has_full() => {
            let mut all = samples(from, to, None).await?;
            for (_, measurement) in &mut all {
                measurement.duration = measurement.duration.or(point.point.own_period);
            }
            Ok(all)
        }
        // Nobody offered more than is kept (rule 312), and some sources have no beginning.
        Window::OnChange { from, to } | Window::History { from, to } => {
            let oldest = to.checked_sub_signed(point.kept).unwrap_or(from);
            Ok(series(from.max(oldest), to, None).await)
        }
    }
}

fn reading(r_id: &RId, (start, measurement): (DateTime, Measurement)) -> Reading {
    Reading {
        r_id: r_id.clone(),
        start,
        duration: measurement.duration,
        payload: measurement.payload,
        quality: measurement.quality,
        confidence: measurement.confidence,
        accuracy: measurement.accuracy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_complete_when_its_last_sample_is_there() {
        let from: DateTime = "2026-01-31T12:00:00Z".parse().unwrap();
        let after = |seconds| from + TimeDelta::seconds(seconds);
        for (seconds, every, last) in [(10, 10, 0), (10, 1, 9), (10, 4, 8), (1, 10, 0), (0, 1, 0)] {
            let window = Window::Sampled {
                from,
                to: after(seconds),
                every: TimeDelta::seconds(every),
            };
            assert_eq!(last_instant(window), Some(after(last)), "{window:?}");
        }
        let to = after(10);
        let changes = last_instant(Window::OnChange { from, to }).unwrap();
        assert!(changes < to && changes > after(9));
        assert_eq!(last_instant(Window::Now), None);
    }
}
