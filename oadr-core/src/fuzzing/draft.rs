//! Events as an operator might write them, legal or nearly so.
//!
//! Knows nothing of who gets them.

use chrono::TimeDelta;

use crate::payload::arbitrary::{Arbitrary, Draws};
use crate::payload::{EventSignal, Interval, Payload, StreamPayload, Target};
use crate::value::{
    DateTime, Duration, Float, GroupId, MarketContext, NonEmpty, ResponseRequired, SignalId,
    SignalName, SignalType, Text, VenId,
};
use crate::vtn::EventDraft;

/// The IDs that events have here.
pub(super) const EVENT_IDS: &[&str] = &["a", "b", "c"];

/// A span of up to some hours, often none.
pub(super) fn span(draws: &mut Draws<'_>) -> Duration {
    let count = u32::try_from(draws.below(120)).unwrap_or_default();
    match draws.below(6) {
        0 => Duration::ZERO,
        1 => Duration::seconds(count),
        2 | 3 => Duration::minutes(count),
        4 => Duration::hours(count),
        _ => Duration::arbitrary(draws),
    }
}

/// A time around this one.
pub(super) fn around(now: DateTime, draws: &mut Draws<'_>) -> DateTime {
    let minutes = i64::try_from(draws.below(240)).unwrap_or_default();
    now + TimeDelta::minutes(minutes - 30)
}

fn signal(draws: &mut Draws<'_>) -> EventSignal {
    let mut intervals = NonEmpty::one(interval(draws));
    for _ in 0..draws.below(4) {
        intervals.push(interval(draws));
    }
    let signal_name = match draws.below(4) {
        0 => SignalName::arbitrary(draws),
        _ => SignalName::Simple,
    };
    EventSignal {
        intervals,
        target: None,
        signal_name,
        signal_type: match draws.below(4) {
            0 => SignalType::arbitrary(draws),
            _ => SignalType::Level,
        },
        signal_id: SignalId::new(draws.pick(&["", "s", "t"]).unwrap_or_default())
            .unwrap_or_default(),
        item_base: None,
        current_value: None,
    }
}

fn interval(draws: &mut Draws<'_>) -> Interval {
    let value = match draws.below(8) {
        0 => Float::arbitrary(draws),
        level => Float::from(f64::from(u32::try_from(level % 4).unwrap_or_default())),
    };
    Interval {
        start: None,
        duration: Some(span(draws)),
        uid: None,
        payloads: NonEmpty::one(StreamPayload::Signal(Payload::Float(value))),
    }
}

/// Whom an event is for: everyone, a VEN, a group, or anything.
pub(super) fn target(draws: &mut Draws<'_>) -> Option<Target> {
    match draws.below(6) {
        0 => Some(Target {
            ven_ids: vec![VenId::new("ven-1").unwrap_or_default()],
            ..Target::default()
        }),
        1 => Some(Target {
            group_ids: vec![GroupId::new("g").unwrap_or_default()],
            ..Target::default()
        }),
        2 => Some(Target::arbitrary(draws)),
        _ => None,
    }
}

/// An event that starts around now.
pub(super) fn draft(now: DateTime, draws: &mut Draws<'_>) -> EventDraft {
    let mut signals = vec![signal(draws)];
    for _ in 0..draws.below(3) {
        signals.push(signal(draws));
    }
    EventDraft {
        market_context: MarketContext::new("http://example.com/dr").unwrap_or_default(),
        priority: Option::<u32>::arbitrary(draws),
        test_event: Option::<Text>::arbitrary(draws),
        vtn_comment: Option::<Text>::arbitrary(draws),
        response_required: ResponseRequired::arbitrary(draws),
        start: around(now, draws),
        duration: draws.flip().then(|| span(draws)),
        start_after: draws.flip().then(|| span(draws)),
        notification: draws.flip().then(|| span(draws)),
        ramp_up: draws.flip().then(|| span(draws)),
        recovery: draws.flip().then(|| span(draws)),
        signals,
        baseline: None,
        target: target(draws),
        modification_reason: None,
    }
}
