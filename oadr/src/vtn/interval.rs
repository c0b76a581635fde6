//! Intervals as an application writes them: by how long they last, or by when they start.
//!
//! Knows nothing of events. On the wire an interval has a duration and no start (rules 102, 103), so
//! starts are turned into durations, and a gap between two is refused.

use oadr_core::payload::{self, Payload, StreamPayload};
use oadr_core::value::{DateTime, Duration, NonEmpty};

/// A value over a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    start: Option<DateTime>,
    duration: Option<Duration>,
    payload: f64,
}

/// Why intervals do not make a signal. `[0]` is the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntervalError {
    /// There are none.
    #[error(": at least one is needed")]
    None,
    /// Neither a duration nor the start of the next says how long it lasts.
    #[error("[{0}] has no duration, and the next one, if there is one, no start")]
    Length(usize),
    /// It does not start when the one before ends.
    #[error("[{index}] starts at {start}, but the one before ends at {end}")]
    Gap {
        /// Which.
        index: usize,
        /// When it starts.
        start: DateTime,
        /// When the one before ends.
        end: DateTime,
    },
    /// It starts before the one before, or with it.
    #[error("[{index}] starts at {start}, not after the one before")]
    Order {
        /// Which.
        index: usize,
        /// When it starts.
        start: DateTime,
    },
    /// A start can only be compared with a start before it.
    #[error("[{0}] has a start, but the first one has none")]
    NoFirst(usize),
}

impl Interval {
    /// So long, from the end of the one before or the start of the event.
    #[must_use]
    pub fn lasting(duration: Duration, payload: f64) -> Self {
        Self {
            start: None,
            duration: Some(duration),
            payload,
        }
    }

    /// From this time to the start of the next one.
    #[must_use]
    pub fn starting(start: DateTime, payload: f64) -> Self {
        Self {
            start: Some(start),
            duration: None,
            payload,
        }
    }

    /// From this time, so long.
    #[must_use]
    pub fn at(start: DateTime, duration: Duration, payload: f64) -> Self {
        Self {
            start: Some(start),
            duration: Some(duration),
            payload,
        }
    }

    /// Until the event is cancelled; as the only one (rule 47).
    #[must_use]
    pub fn open_ended(payload: f64) -> Self {
        Self::lasting(Duration::ZERO, payload)
    }
}

/// When the first one starts, if it says so, and the intervals as they are sent.
pub(super) fn contiguous(
    intervals: &[Interval],
) -> Result<(Option<DateTime>, NonEmpty<payload::Interval>), IntervalError> {
    let first = intervals.first().ok_or(IntervalError::None)?.start;
    let mut sent = Vec::with_capacity(intervals.len());
    // Where the intervals so far end, if the first one says where they begin.
    let mut end = first;
    for (index, interval) in intervals.iter().enumerate() {
        match (interval.start, end) {
            (Some(start), Some(end)) if start != end => {
                return Err(IntervalError::Gap { index, start, end });
            }
            (Some(_), None) => return Err(IntervalError::NoFirst(index)),
            (Some(_) | None, Some(_)) | (None, None) => {}
        }
        let next = intervals.get(index.saturating_add(1));
        let next = next.and_then(|next| next.start);
        let duration = match (interval.duration, end, next) {
            (Some(duration), _, _) => duration,
            (None, Some(start), Some(next)) if next > start => {
                Duration::from_time_delta(next - start)
            }
            (None, Some(_), Some(start)) => {
                let index = index.saturating_add(1);
                return Err(IntervalError::Order { index, start });
            }
            (None, _, _) => return Err(IntervalError::Length(index)),
        };
        end = end.map(|start| duration.after(start));
        let value = Payload::Float(interval.payload.into());
        sent.push(payload::Interval {
            start: None,
            duration: Some(duration),
            uid: None,
            payloads: NonEmpty::one(StreamPayload::Signal(value)),
        });
    }
    let sent = NonEmpty::try_from(sent).map_err(|_| IntervalError::None)?;
    Ok((first, sent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> DateTime {
        format!("2026-01-01T{time}Z").parse().unwrap()
    }

    fn lengths(intervals: &[Interval]) -> Result<Vec<String>, IntervalError> {
        let (_, sent) = contiguous(intervals)?;
        assert!(sent.iter().all(|interval| interval.start.is_none()));
        let lengths = sent.iter().map(|interval| interval.duration.unwrap());
        Ok(lengths.map(|length| length.to_string()).collect())
    }

    #[test]
    fn rule_103_starts_become_durations() {
        let quarter = Duration::minutes(15);
        let by_start = [
            Interval::starting(at("12:00:00"), 1.0),
            Interval::starting(at("12:15:00"), 2.0),
            Interval::at(at("13:00:00"), quarter, 0.0),
        ];
        assert_eq!(lengths(&by_start).unwrap(), ["PT15M", "PT45M", "PT15M"]);
        assert_eq!(contiguous(&by_start).unwrap().0, Some(at("12:00:00")));
        // Given both ways they have to agree.
        let mixed = [
            Interval::at(at("12:00:00"), quarter, 1.0),
            Interval::lasting(quarter, 2.0),
            Interval::at(at("12:30:00"), quarter, 3.0),
        ];
        assert_eq!(lengths(&mixed).unwrap(), ["PT15M"; 3]);
        let by_duration = [Interval::lasting(quarter, 1.0); 2];
        assert_eq!(contiguous(&by_duration).unwrap().0, None);
        assert_eq!(lengths(&[Interval::open_ended(1.0)]).unwrap(), ["PT0S"]);
    }

    #[test]
    fn gaps_and_missing_lengths_are_told_with_the_interval() {
        let quarter = Duration::minutes(15);
        let noon = at("12:00:00");
        for (intervals, told) in [
            (vec![], ": at least one is needed"),
            (
                vec![Interval::starting(noon, 1.0)],
                "[0] has no duration, and the next one, if there is one, no start",
            ),
            (
                vec![
                    Interval::at(noon, quarter, 1.0),
                    Interval::at(at("12:20:00"), quarter, 1.0),
                ],
                "[1] starts at 2026-01-01 12:20:00 UTC, but the one before ends at 2026-01-01 12:15:00 UTC",
            ),
            (
                vec![
                    Interval::starting(noon, 1.0),
                    Interval::at(at("11:00:00"), quarter, 1.0),
                ],
                "[1] starts at 2026-01-01 11:00:00 UTC, not after the one before",
            ),
            (
                vec![
                    Interval::lasting(quarter, 1.0),
                    Interval::at(noon, quarter, 1.0),
                ],
                "[1] has a start, but the first one has none",
            ),
        ] {
            assert_eq!(lengths(&intervals).unwrap_err().to_string(), told);
        }
    }
}
