//! What a VEN has against an event: rules 9, 22, 33, 48, 100 to 109 and 512.
//!
//! Knows nothing of what was known of the event before, nor of the time: an event that is over is as
//! good as any (its answer is wanted all the same).

use super::event::interval_value;
use super::{Context, MarketContexts};
use crate::payload::{EiEvent, EventSignal, Interval, ResponseCode, Target};
use crate::value::{DateTime, Duration, SignalName, VenId};
use crate::well_known::{self, Unit};

/// A response code, and what it means here.
pub type Fault = (ResponseCode, &'static str);

/// What keeps this VEN from taking part in an event, if anything does.
pub(super) fn fault(event: &EiEvent, context: &Context, ven_id: &VenId) -> Option<Fault> {
    let supported = |signal| is_supported(signal, context);
    if !event.signals.signals.iter().all(supported) {
        return Some((ResponseCode::SIGNAL_NOT_SUPPORTED, "signal not supported"));
    }
    if !takes_part(event, context) {
        return Some((ResponseCode::TARGET_MISMATCH, "market context not known"));
    }
    if !is_meant(&event.target, context, ven_id) {
        return Some((ResponseCode::TARGET_MISMATCH, "target does not match"));
    }
    illogical(event)
}

/// Market contexts are compared as URIs are (rule 512).
fn takes_part(event: &EiEvent, context: &Context) -> bool {
    match &context.market_contexts {
        MarketContexts::Any => true,
        MarketContexts::Only(list) => {
            let theirs = &event.descriptor.market_context;
            list.iter().any(|ours| ours.same_as(theirs))
        }
    }
}

/// Whether a target means this VEN: nothing named, the VEN or one of its resources (rule 22). Of
/// groups, parties and places only the VTN knows whom they mean, and it has sent the event here.
fn is_meant(target: &Target, context: &Context, ven_id: &VenId) -> bool {
    let resolved = Target {
        ven_ids: target.ven_ids.clone(),
        resource_ids: target.resource_ids.clone(),
        ..Target::default()
    };
    *target != resolved
        || target.is_empty()
        || target.ven_ids.contains(ven_id)
        || target
            .resource_ids
            .iter()
            .any(|id| context.resources.contains(id))
}

/// Whether the VEN can act on a signal: name, type and unit (rules 104, 109, 116). A unit that is
/// missing or beside the point says nothing, a wrong one does.
fn is_supported(signal: &EventSignal, context: &Context) -> bool {
    let name = &signal.signal_name;
    let wanted = if context.signals.is_empty() {
        !matches!(name, SignalName::Extension(_))
    } else {
        let same = |ours: &SignalName| ours == name || (ours.is_simple() && name.is_simple());
        context.signals.iter().any(same)
    };
    wanted
        && match well_known::look_up(name, signal.signal_type) {
            None => false,
            Some((Unit::Absent, _)) => true,
            Some((unit, _)) => {
                signal.item_base.is_none() || unit.accepts(signal.item_base.as_ref())
            }
        }
}

/// What makes no sense in an event, whoever the VEN is (rule 33): the code that a VEN answers with, and why.
#[must_use]
pub fn illogical(event: &EiEvent) -> Option<Fault> {
    let period = &event.active_period.0;
    if period.duration.is_negative() {
        return Some((ResponseCode::INVALID_DATA, "negative duration"));
    }
    let signals = &event.signals.signals;
    for (i, signal) in (1..).zip(signals.iter()) {
        let of_sequence = sequence(&signal.intervals, period.start, period.duration);
        if let Some(fault) = of_sequence.or_else(|| values(signal)) {
            return Some(fault);
        }
        let same_id = |other: &EventSignal| other.signal_id == signal.signal_id;
        if signals.iter().skip(i).any(same_id) {
            return Some((ResponseCode::INVALID_ID, "two signals of one signalID"));
        }
    }
    let baseline = event.signals.baseline.as_ref()?;
    sequence(&baseline.intervals, baseline.start, baseline.duration)
}

/// Intervals: 0, 1, 2, … (rules 2, 101), one number each (rule 100), and together as long as what
/// they fill (rules 8, 102). The order says as much as uids that were left out.
fn sequence(intervals: &[Interval], start: DateTime, duration: Duration) -> Option<Fault> {
    let mut end = start;
    for (i, interval) in intervals.iter().enumerate() {
        let Some(length) = interval.duration else {
            return Some((ResponseCode::COMPLIANCE_ERROR, "interval without duration"));
        };
        if length.is_negative() {
            return Some((ResponseCode::INVALID_DATA, "negative duration"));
        }
        let uid = interval.uid.as_ref().filter(|uid| !uid.is_empty());
        if uid.is_some_and(|uid| uid.as_str().trim() != i.to_string()) {
            return Some((ResponseCode::OUT_OF_SEQUENCE, "uids are not 0, 1, 2, …"));
        }
        if interval.payloads.len() != 1 || interval_value(interval).is_none() {
            return Some((ResponseCode::COMPLIANCE_ERROR, "not one payloadFloat"));
        }
        end = length.after(end);
    }
    (end != duration.after(start)).then_some((
        ResponseCode::INVALID_DATA,
        "durations of intervals do not add up",
    ))
}

/// The values that a well-known signal may have (rules 9, 104).
fn values(signal: &EventSignal) -> Option<Fault> {
    let (_, values) = well_known::look_up(&signal.signal_name, signal.signal_type)?;
    let legal =
        |interval: &Interval| interval_value(interval).is_none_or(|v| values.accept(v.get()));
    let all = signal.intervals.iter().all(legal);
    (!all).then_some((ResponseCode::INVALID_DATA, "not a value of this signal"))
}
