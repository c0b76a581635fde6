//! The rules that make an event legal, field by field.
//!
//! Knows nothing of time passing: what is legal once stays so.

use chrono::Datelike as _;

use super::EventDraft;
use super::event_error::{
    BaselineField, EventError, EventErrorKind as Kind, Field, IntervalField, SignalField,
};
use super::timeline::number_of;
use crate::payload::{EventBaseline, EventSignal, Interval, Target};
use crate::value::{DateTime, Duration, Float, NonEmpty, SignalId, Text};
use crate::well_known;

pub(super) fn sum_of_first(
    start: DateTime,
    signals: &NonEmpty<EventSignal>,
) -> Result<Duration, EventError> {
    let intervals = &signals.first().intervals;
    let mut end = start;
    for (n, interval) in intervals.iter().enumerate() {
        let Some(duration) = interval.duration else {
            let field = SignalField::Interval(n, IntervalField::Duration);
            return Err(Kind::Missing.at(Field::Signal(0, field)));
        };
        end = duration.after(end);
    }
    // A single interval's duration is kept as it is written.
    Ok(match &**intervals {
        [only] => only.duration.unwrap_or(Duration::ZERO),
        _ => Duration::from_time_delta(end.signed_duration_since(start)),
    })
}

pub(super) fn check_period(draft: &EventDraft, duration: Duration) -> Result<(), EventError> {
    for (length, field) in [
        (Some(duration), Field::Duration),
        (draft.start_after, Field::StartAfter),
        (draft.notification, Field::Notification),
    ] {
        if length.is_some_and(|length| length.is_negative()) {
            return Err(Kind::Negative.at(field));
        }
    }
    let end = duration.after(draft.start);
    for (at, field) in [
        (draft.start, Field::Start),
        (end, Field::Duration),
        (
            draft.start_after.map_or(end, |d| d.after(end)),
            Field::StartAfter,
        ),
        (
            draft.recovery.map_or(end, |d| d.after(end)),
            Field::Recovery,
        ),
        (
            draft.ramp_up.map_or(end, |d| d.before(draft.start)),
            Field::RampUp,
        ),
    ] {
        if !(1..=9999).contains(&at.year()) {
            return Err(Kind::BeyondCalendar.at(field));
        }
    }
    Ok(())
}

/// Gives an ID to every signal that has none, and sees to it that no two have the same (rule 107).
pub(super) fn complete_ids(signals: &mut NonEmpty<EventSignal>) -> Result<(), EventError> {
    let mut taken = std::collections::BTreeSet::new();
    for (n, signal) in signals.iter().enumerate() {
        if !signal.signal_id.is_empty() && !taken.insert(signal.signal_id.clone()) {
            return Err(Kind::NotUnique.at(Field::Signal(n, SignalField::Id)));
        }
    }
    let mut drawn = (0..).filter_map(|n: u64| SignalId::new(format!("signal-{n}")).ok());
    for signal in signals
        .iter_mut()
        .filter(|signal| signal.signal_id.is_empty())
    {
        if let Some(free) = drawn.by_ref().find(|id| !taken.contains(id)) {
            signal.signal_id = free;
        }
    }
    Ok(())
}

pub(super) fn check_signal(
    signal: &mut EventSignal,
    start: DateTime,
    duration: Duration,
) -> Result<(), (SignalField, Kind)> {
    if signal.current_value.is_some() {
        return Err((SignalField::CurrentValue, Kind::Forbidden));
    }
    // Rule 104, and with it 9 and 116.
    let (unit, values) = well_known::look_up(&signal.signal_name, signal.signal_type)
        .ok_or((SignalField::Type, Kind::NotItsType))?;
    if !unit.accepts(signal.item_base.as_ref()) {
        return Err((SignalField::ItemBase, Kind::NotItsUnit));
    }
    // Rule 111.
    signal.target = signal.target.take().filter(|target| !target.is_empty());
    if let Some(target) = &signal.target {
        let classes = Target {
            end_device_assets: target.end_device_assets.clone(),
            ..Target::default()
        };
        let known = |class: &Text| well_known::is_device_class(class.as_str());
        if classes != *target || !classes.end_device_assets.iter().all(known) {
            return Err((SignalField::Targets, Kind::NotADeviceClass));
        }
    }
    check_intervals(&mut signal.intervals, start, duration, values).map_err(|refusal| match refusal
    {
        IntervalRefusal::Sum => (SignalField::Intervals, Kind::WrongSum),
        IntervalRefusal::At(n, field, kind) => (SignalField::Interval(n, field), kind),
    })
}

pub(super) fn check_baseline(baseline: &mut EventBaseline) -> Result<(), (BaselineField, Kind)> {
    if baseline.duration.is_negative() {
        return Err((BaselineField::Duration, Kind::Negative));
    }
    let (start, duration) = (baseline.start, baseline.duration);
    if !(1..=9999).contains(&duration.after(start).year()) {
        return Err((BaselineField::Duration, Kind::BeyondCalendar));
    }
    let any = well_known::Values::Any;
    check_intervals(&mut baseline.intervals, start, duration, any).map_err(
        |refusal| match refusal {
            IntervalRefusal::Sum => (BaselineField::Intervals, Kind::WrongSum),
            IntervalRefusal::At(n, field, kind) => (BaselineField::Interval(n, field), kind),
        },
    )
}

enum IntervalRefusal {
    Sum,
    At(usize, IntervalField, Kind),
}

/// Rules 2, 8 and 100 to 103; absent uids are filled in.
fn check_intervals(
    intervals: &mut NonEmpty<Interval>,
    start: DateTime,
    duration: Duration,
    values: well_known::Values,
) -> Result<(), IntervalRefusal> {
    let mut end = start;
    for (n, interval) in intervals.iter_mut().enumerate() {
        let refuse = |field, kind| Err(IntervalRefusal::At(n, field, kind));
        if interval.start.is_some() {
            return refuse(IntervalField::Start, Kind::Forbidden);
        }
        let Some(length) = interval.duration else {
            return refuse(IntervalField::Duration, Kind::Missing);
        };
        if length.is_negative() {
            return refuse(IntervalField::Duration, Kind::Negative);
        }
        end = length.after(end);
        let place = n.to_string();
        match interval.uid.as_ref().filter(|uid| !uid.is_empty()) {
            None => interval.uid = Text::new(place).ok(),
            Some(uid) if uid.as_str() == place => {}
            Some(_) => return refuse(IntervalField::Uid, Kind::NotCounting),
        }
        match number_of(interval).map(Float::get) {
            None => return refuse(IntervalField::Payload, Kind::NotOneNumber),
            Some(number) if !number.is_finite() => {
                return refuse(IntervalField::Payload, Kind::NotFinite);
            }
            Some(number) if !values.accept(number) => {
                return refuse(IntervalField::Payload, Kind::NotAValue);
            }
            Some(_) => {}
        }
    }
    // For an open-ended event both are zero (rule 47).
    if end == duration.after(start) {
        Ok(())
    } else {
        Err(IntervalRefusal::Sum)
    }
}
