//! What goes into a report: the readings that were asked for, each data point complete (rules 300, 317,
//! 318, 324), and how the request goes on once the VTN has it.
//!
//! Knows nothing of messages, nor of whether and when the report is sent.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::reporting::{DataPoint, Lengths, PayloadKind};
use super::schedule::Periods;
use super::{MOST_READINGS, PendingReport, Schedule, Window};
use crate::payload::{GreenButton, ResourceStatus};
use crate::reading::{Reading, ReadingPayload};
use crate::value::{DataQuality, DateTime, Duration, Float};

/// A report in the making.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Contents {
    /// The time covered.
    pub(super) from: DateTime,
    pub(super) to: DateTime,
    /// None if there is nothing to be sent.
    pub(super) readings: Vec<Reading>,
    /// How the request goes on; `None` if it is over.
    pub(super) then: Option<Schedule>,
}

/// What the next report covers; `None` if no report of data is to come.
pub(super) fn window(pending: &PendingReport, now: DateTime) -> Option<Window> {
    let points = pending.points.len().max(1);
    let most = MOST_READINGS.checked_div(points).unwrap_or(1);
    let most = u32::try_from(most).unwrap_or(1);
    pending.schedule.window(now, most)
}

/// Makes the next report of what was measured.
pub(super) fn contents(
    pending: &PendingReport,
    window: Window,
    measured: &[Reading],
    now: DateTime,
) -> Contents {
    match (window, &pending.schedule) {
        (Window::Sampled { from, to, .. }, Schedule::Periodic(periods)) => {
            sampled(pending, periods, measured, from, to)
        }
        (Window::OnChange { from, to }, Schedule::Periodic(periods)) => {
            changed(pending, periods, measured, from, to)
        }
        (Window::History { from, to }, _) => kept(pending, measured, from, to),
        (Window::Now | Window::Sampled { .. } | Window::OnChange { .. }, _) => {
            present(pending, measured, now)
        }
    }
}

/// The present value of each data point.
fn present(pending: &PendingReport, measured: &[Reading], now: DateTime) -> Contents {
    let value = |point: &DataPoint| {
        let all = measured.iter().filter(|reading| reading.r_id == point.r_id);
        let latest = all.max_by_key(|reading| reading.start);
        let reading = latest.cloned();
        with_length(
            reading.unwrap_or_else(|| placeholder(point, measured, now)),
            pending,
        )
    };
    let readings: Vec<Reading> = pending.points.iter().map(value).collect();
    let starts = readings.iter().map(|reading| reading.start);
    Contents {
        from: starts.min().unwrap_or(now).min(now),
        to: now,
        readings,
        then: None,
    }
}

/// All that is kept of a time, as it is kept, in the order of time.
fn kept(pending: &PendingReport, measured: &[Reading], from: DateTime, to: DateTime) -> Contents {
    let mut by_start: BTreeMap<DateTime, Vec<Reading>> = BTreeMap::new();
    for reading in measured {
        let is_wanted = from <= reading.start && reading.start < to;
        if is_wanted && pending.points.iter().any(|p| p.r_id == reading.r_id) {
            let reading = with_length(reading.clone(), pending);
            by_start.entry(reading.start).or_default().push(reading);
        }
    }
    let rest = cut(&mut by_start);
    let mut readings: Vec<Reading> = by_start.into_values().flatten().collect();
    if readings.is_empty() {
        let placeholders = pending
            .points
            .iter()
            .map(|point| placeholder(point, measured, from));
        readings = placeholders.map(|r| with_length(r, pending)).collect();
    }
    Contents {
        from,
        to: rest.unwrap_or(to),
        readings,
        then: rest.map(|cursor| Schedule::History { cursor, to }),
    }
}

/// Keeps as many readings as fit into one report, at least those of one instant; says where the rest
/// begins.
fn cut(by_start: &mut BTreeMap<DateTime, Vec<Reading>>) -> Option<DateTime> {
    let mut count = 0_usize;
    let rest = by_start.iter().find_map(|(start, readings)| {
        let before = count;
        count = readings
            .iter()
            .map(weight)
            .fold(count, usize::saturating_add);
        (before > 0 && count > MOST_READINGS).then_some(*start)
    })?;
    by_start.split_off(&rest);
    Some(rest)
}

/// How much room a reading takes: a feed as much as its text, counting a KiB for each reading.
fn weight(reading: &Reading) -> usize {
    match &reading.payload {
        ReadingPayload::Float(_) | ReadingPayload::ResourceStatus(_) => 1,
        ReadingPayload::GreenButton(feed) => (feed.as_str().len() / 1024).saturating_add(1),
    }
}

/// What was sampled: one reading of each data point for each instant of the grid.
fn sampled(
    pending: &PendingReport,
    periods: &Periods,
    measured: &[Reading],
    from: DateTime,
    to: DateTime,
) -> Contents {
    let mut slots: BTreeMap<(DateTime, usize), &Reading> = BTreeMap::new();
    for reading in measured {
        if from <= reading.start
            && reading.start < to
            && let Some(place) = pending.points.iter().position(|p| p.r_id == reading.r_id)
        {
            let slot = slots.entry((periods.grid_at(reading.start), place));
            slot.and_modify(|first| {
                if reading.start < first.start {
                    *first = reading;
                }
            })
            .or_insert(reading);
        }
    }
    let then = periods.acknowledged(to).map(Schedule::Periodic);
    // Of the time before the request only what is there is sent, and anything at all if that is all.
    let first = slots.keys().next().map(|(at, _)| *at);
    let all_over = then.is_none().then_some(from);
    let begin = if from >= periods.granted {
        Some(from)
    } else {
        first.or(all_over)
    };
    let mut readings = Vec::new();
    let mut at = begin;
    while let Some(instant) = at.filter(|at| *at < to) {
        for (place, point) in pending.points.iter().enumerate() {
            let reading = slots.get(&(instant, place)).map(|reading| Reading {
                start: instant,
                duration: None,
                ..(*reading).clone()
            });
            let reading = reading.unwrap_or_else(|| placeholder(point, measured, instant));
            readings.push(with_length(reading, pending));
        }
        at = periods.grid_after(instant);
    }
    Contents {
        from,
        to,
        readings,
        then,
    }
}

/// What changed: all data points at each instant at which one of them did, and at the end of the period
/// if none did (rule 317).
fn changed(
    pending: &PendingReport,
    periods: &Periods,
    all: &[Reading],
    from: DateTime,
    to: DateTime,
) -> Contents {
    let mut measured: Vec<&Reading> = all.iter().filter(|r| r.start < to).collect();
    measured.sort_by_key(|reading| reading.start);
    let is_past = from < periods.granted;
    let mut last: Vec<Option<&Reading>> = Vec::new();
    let mut changes: BTreeMap<DateTime, BTreeMap<usize, &Reading>> = BTreeMap::new();
    for (place, point) in pending.points.iter().enumerate() {
        let of_point = || measured.iter().filter(|reading| reading.r_id == point.r_id);
        let before = of_point().rfind(|reading| reading.start < from).copied();
        last.push(before);
        // Never faster than what was agreed: of one instant of the grid, the last word counts.
        let inside = of_point().filter(|reading| reading.start >= from);
        let slots: BTreeMap<DateTime, &Reading> = inside
            .map(|reading| (periods.grid_at(reading.start), *reading))
            .collect();
        let mut known = before;
        for (at, reading) in slots {
            if !known.is_some_and(|known| known.same_value(reading)) {
                changes.entry(at).or_default().insert(place, reading);
            }
            known = Some(reading);
        }
    }
    let mut instants: BTreeSet<DateTime> = changes.keys().copied().collect();
    let end = periods.grid_before(to);
    if instants.is_empty() && (!is_past || periods.acknowledged(to).is_none()) {
        instants.insert(end);
    }
    let mut by_start: BTreeMap<DateTime, Vec<Reading>> = BTreeMap::new();
    for at in instants {
        let mut readings = Vec::new();
        let changed = changes.get(&at);
        for ((place, point), last) in pending.points.iter().enumerate().zip(&mut last) {
            let reading = match (changed.and_then(|c| c.get(&place)), *last) {
                (Some(new), _) => {
                    *last = Some(new);
                    Reading {
                        start: at,
                        duration: None,
                        ..(**new).clone()
                    }
                }
                (None, Some(old)) => Reading {
                    start: at,
                    duration: None,
                    quality: Some(repeated(old.quality.as_ref())),
                    ..old.clone()
                },
                (None, None) => placeholder(point, all, at),
            };
            readings.push(with_length(reading, pending));
        }
        by_start.insert(at, readings);
    }
    let rest = cut(&mut by_start);
    let to = rest.unwrap_or(to);
    Contents {
        from,
        to,
        readings: by_start.into_values().flatten().collect(),
        then: periods.acknowledged(to).map(Schedule::Periodic),
    }
}

/// The quality of a value that is sent again: a bad one does not get better by that.
fn repeated(quality: Option<&DataQuality>) -> DataQuality {
    match quality {
        Some(bad) if bad.is_bad() => bad.clone(),
        Some(_) | None => DataQuality::PreviousValue,
    }
}

/// What stands in for a value that is missing (rule 318), an empty feed for feeds; a status has the parts that others of its data
/// point have (rule 334).
fn placeholder(point: &DataPoint, measured: &[Reading], start: DateTime) -> Reading {
    let payload = match point.kind {
        PayloadKind::Float => ReadingPayload::Float(Float::ZERO),
        PayloadKind::GreenButton => ReadingPayload::GreenButton(GreenButton::empty()),
        PayloadKind::ResourceStatus => {
            let others = measured.iter().filter(|reading| reading.r_id == point.r_id);
            let mut states = others.filter_map(|reading| match &reading.payload {
                ReadingPayload::ResourceStatus(status) => status.load_control_state.clone(),
                ReadingPayload::Float(_) | ReadingPayload::GreenButton(_) => None,
            });
            ReadingPayload::ResourceStatus(Box::new(ResourceStatus {
                online: false,
                manual_override: false,
                load_control_state: states.next(),
            }))
        }
    };
    Reading {
        quality: Some(DataQuality::Bad),
        ..Reading::new(point.r_id.clone(), start, payload)
    }
}

/// Interval data have a length each, point data none (rules 315, 342).
pub(super) fn with_length(mut reading: Reading, pending: &PendingReport) -> Reading {
    match pending.lengths {
        Lengths::None => reading.duration = None,
        Lengths::Usually(usual) => {
            let usual = TimeDelta::seconds(i64::from(usual));
            let usual = Duration::from_time_delta(usual);
            reading.duration.get_or_insert(usual);
        }
    }
    reading
}
