//! A report taken apart: its intervals as readings, each with its start (rules 313 to 316, 342).
//!
//! Knows nothing of the request behind it.

use crate::payload::{Interval, Report, ResponseCode, StreamPayload};
use crate::reading::Reading;
use crate::value::{DateTime, RId};

/// Why the intervals of a report cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum IntervalsError {
    /// Nothing says when an interval begins (rules 314, 315).
    #[error("nothing says when interval {0} begins")]
    NoStart(usize),
    /// Without starts the numbers give the order, and these do not (rule 316).
    #[error("the uids of the intervals do not count up")]
    OutOfSequence,
    /// A length of less than nothing.
    #[error("interval {0} has a negative duration")]
    Negative(usize),
    /// The value of a signal.
    #[error("interval {0} has a signalPayload")]
    SignalPayload(usize),
    /// A Green Button feed names no data point, and more than one was asked for.
    #[error("interval {0} has an oadrGBPayload, and the request has more than one rID")]
    GreenButton(usize),
}

impl IntervalsError {
    pub(super) fn code(self) -> ResponseCode {
        match self {
            Self::OutOfSequence => ResponseCode::OUT_OF_SEQUENCE,
            Self::NoStart(_) | Self::Negative(_) | Self::GreenButton(_) => {
                ResponseCode::INVALID_DATA
            }
            Self::SignalPayload(_) => ResponseCode::COMPLIANCE_ERROR,
        }
    }
}

/// The readings of a report, in the order of its intervals; none if it has no intervals, as peers send
/// it when they have nothing. A Green Button feed is of the `only` data point that was asked for.
pub(super) fn readings_of(
    report: &Report,
    only: Option<&RId>,
) -> Result<Vec<Reading>, IntervalsError> {
    let Some(intervals) = &report.intervals else {
        return Ok(Vec::new());
    };
    let mut intervals: Vec<&Interval> = intervals.iter().collect();
    // Rule 314: one start is as good as none, for the uid of those that have one may be anything.
    if intervals.iter().all(|interval| interval.start.is_none()) {
        order(&mut intervals)?;
    }
    let mut readings = Vec::with_capacity(intervals.len());
    let mut next = report.start;
    for (n, interval) in intervals.into_iter().enumerate() {
        let start = interval.start.or(next).ok_or(IntervalsError::NoStart(n))?;
        // Rule 315: without a duration it is a point in time. So it is with one of no length.
        let duration = interval.duration.filter(|length| !length.is_zero());
        if duration.is_some_and(|length| length.is_negative()) {
            return Err(IntervalsError::Negative(n));
        }
        next = duration.map(|length| length.after(start));
        for payload in &interval.payloads {
            match payload {
                StreamPayload::Report(payload) => readings.push(Reading {
                    r_id: payload.r_id.clone(),
                    start,
                    duration,
                    payload: payload.payload.clone().into(),
                    quality: payload.data_quality.clone(),
                    confidence: payload.confidence,
                    accuracy: payload.accuracy,
                }),
                StreamPayload::Signal(_) => return Err(IntervalsError::SignalPayload(n)),
                StreamPayload::GreenButton(feed) => {
                    let r_id = only.ok_or(IntervalsError::GreenButton(n))?;
                    readings.push(Reading {
                        duration,
                        ..Reading::new(r_id.clone(), start, feed.clone())
                    });
                }
            }
        }
    }
    Ok(readings)
}

/// Orders intervals without a start by their numbers (rule 316). Without numbers they are taken as they
/// come.
fn order(intervals: &mut [&Interval]) -> Result<(), IntervalsError> {
    if intervals.iter().all(|interval| interval.uid.is_none()) {
        return Ok(());
    }
    let number = |interval: &&Interval| -> Option<u32> {
        let uid = interval.uid.as_ref()?;
        uid.as_str().parse().ok()
    };
    if intervals.iter().any(|interval| number(interval).is_none()) {
        return Err(IntervalsError::OutOfSequence);
    }
    intervals.sort_by_key(number);
    let follows = |pair: &[&Interval]| match pair {
        [before, after] => number(before).and_then(|n| n.checked_add(1)) == number(after),
        _ => true,
    };
    if intervals.windows(2).all(follows) {
        Ok(())
    } else {
        Err(IntervalsError::OutOfSequence)
    }
}

/// Up to when there are readings.
pub(super) fn end(readings: &[Reading]) -> Option<DateTime> {
    let ends = readings.iter().map(|reading| match reading.duration {
        Some(length) => length.after(reading.start),
        None => reading.start,
    });
    ends.max()
}
