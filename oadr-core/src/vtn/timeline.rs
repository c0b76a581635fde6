//! The intervals of a signal, put into time.
//!
//! Knows nothing of events beyond their start. Only for intervals that were checked.

use crate::payload::{EventSignal, Interval, Payload, StreamPayload};
use crate::value::{DateTime, Duration, Float, NonEmpty};

/// The value of a signal at an instant of the period that begins at `start`; `None` outside of it.
pub(super) fn value_at(signal: &EventSignal, start: DateTime, now: DateTime) -> Option<Float> {
    let mut steps = steps(start, &signal.intervals);
    steps.find(|step| step.covers(now)).map(|step| step.value)
}

/// An interval, put into time.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    start: DateTime,
    /// `None` for the last of an open-ended event.
    end: Option<DateTime>,
    value: Float,
}

impl Step {
    fn covers(&self, at: DateTime) -> bool {
        self.start <= at && self.end.is_none_or(|end| at < end)
    }
}

/// Only for checked intervals: those without a duration or a number would not come out right.
fn steps(start: DateTime, intervals: &NonEmpty<Interval>) -> impl Iterator<Item = Step> + '_ {
    let open_ended = intervals
        .iter()
        .all(|interval| interval.duration.is_none_or(|d| d.is_zero()));
    let last = intervals.len().saturating_sub(1);
    let mut at = start;
    intervals.iter().enumerate().map(move |(n, interval)| {
        let start = at;
        at = interval.duration.unwrap_or(Duration::ZERO).after(start);
        Step {
            start,
            end: (!open_ended || n < last).then_some(at),
            value: number_of(interval).unwrap_or_default(),
        }
    })
}

/// Whether two series of intervals say the same from `start` until `now`, however they cut it.
pub(super) fn same_values(
    start: DateTime,
    now: DateTime,
    old: &NonEmpty<Interval>,
    new: &NonEmpty<Interval>,
) -> bool {
    // Both only change where an interval of either begins.
    let value = |intervals, at| {
        steps(start, intervals)
            .find(|step| step.covers(at))
            .map(|s| s.value)
    };
    let begins = steps(start, old).chain(steps(start, new));
    begins
        .map(|step| step.start)
        .filter(|at| *at < now || *at == start)
        .all(|at| value(old, at) == value(new, at))
}

pub(super) fn number_of(interval: &Interval) -> Option<Float> {
    match &*interval.payloads {
        [StreamPayload::Signal(Payload::Float(number))] => Some(*number),
        _ => None,
    }
}
