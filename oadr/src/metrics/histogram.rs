//! How often a value was how large.
//!
//! Knows nothing of what is measured.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts of values by size, in buckets whose upper bounds are fixed. To count is two additions.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [u64],
    /// How many of the unit in which values are counted make one of the unit in which they are shown.
    scale: u64,
    /// One more than bounds: for what is beyond the last.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// From a quarter of a millisecond to ten seconds, in microseconds.
const DURATIONS: &[u64] = &[
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

impl Histogram {
    /// Of durations, shown in seconds.
    pub(crate) fn of_durations() -> Self {
        Self::new(DURATIONS, 1_000_000)
    }

    /// Of numbers, shown as they are.
    pub(crate) fn of_numbers(bounds: &'static [u64]) -> Self {
        Self::new(bounds, 1)
    }

    fn new(bounds: &'static [u64], scale: u64) -> Self {
        let counts = bounds.iter().map(|_| AtomicU64::new(0));
        Self {
            bounds,
            scale,
            counts: counts.chain([AtomicU64::new(0)]).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Counts a duration.
    pub(crate) fn observe_duration(&self, duration: Duration) {
        self.observe(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts a value.
    pub(crate) fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// How many values there were up to each bound, infinity being the last, and their sum.
    pub(crate) fn read(&self) -> (Vec<(f64, u64)>, f64) {
        let bounds = self.bounds.iter().map(|bound| self.shown(*bound));
        let mut all = 0_u64;
        let counts = self.counts.iter().map(|count| {
            all = all.wrapping_add(count.load(Ordering::Relaxed));
            all
        });
        let up_to = bounds.chain([f64::INFINITY]).zip(counts).collect();
        (up_to, self.shown(self.sum.load(Ordering::Relaxed)))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a sum beyond 2^53 microseconds may lose its last digit"
    )]
    fn shown(&self, value: u64) -> f64 {
        value as f64 / self.scale as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_in_its_bucket_and_in_all_larger_ones() {
        let histogram = Histogram::of_numbers(&[1, 10]);
        for value in [0, 1, 2, 10, 11, 1_000] {
            histogram.observe(value);
        }
        let (up_to, sum) = histogram.read();
        assert_eq!(up_to, [(1.0, 2), (10.0, 4), (f64::INFINITY, 6)]);
        assert_eq!(sum, 1_024.0);
    }

    #[test]
    fn durations_are_shown_in_seconds() {
        let histogram = Histogram::of_durations();
        histogram.observe_duration(Duration::from_micros(2_500));
        histogram.observe_duration(Duration::from_secs(60));
        let (up_to, sum) = histogram.read();
        assert_eq!(up_to[2..4], [(0.001, 0), (0.0025, 1)]);
        assert_eq!(up_to.last().unwrap(), &(f64::INFINITY, 2));
        assert_eq!(sum, 60.0025);
    }
}
