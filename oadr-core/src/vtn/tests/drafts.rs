//! Events as the tests announce them.

use super::*;

pub(super) fn interval(duration: Duration, value: f64) -> Interval {
    Interval {
        start: None,
        duration: Some(duration),
        uid: None,
        payloads: NonEmpty::one(StreamPayload::Signal(Payload::Float(Float::from(value)))),
    }
}

pub(super) fn signal(
    name: SignalName,
    signal_type: SignalType,
    intervals: Vec<Interval>,
) -> EventSignal {
    EventSignal {
        intervals: NonEmpty::try_from(intervals).unwrap(),
        target: None,
        signal_name: name,
        signal_type,
        signal_id: SignalId::default(),
        item_base: None,
        current_value: None,
    }
}

pub(super) fn simple(values: &[(Duration, f64)]) -> EventSignal {
    let intervals = values
        .iter()
        .map(|(duration, value)| interval(*duration, *value))
        .collect();
    signal(SignalName::Simple, SignalType::Level, intervals)
}

/// An hour at level 1 and an hour at level 2, an hour after midnight.
pub(super) fn draft() -> EventDraft {
    EventDraft {
        market_context: MarketContext::new("http://example.com/dr").unwrap(),
        priority: None,
        test_event: None,
        vtn_comment: None,
        response_required: ResponseRequired::Always,
        start: midnight() + TimeDelta::hours(1),
        duration: None,
        start_after: None,
        notification: None,
        ramp_up: None,
        recovery: None,
        signals: vec![simple(&[
            (Duration::hours(1), 1.0),
            (Duration::hours(1), 2.0),
        ])],
        baseline: None,
        target: None,
        modification_reason: None,
    }
}

/// The same, starting so many minutes after midnight.
pub(super) fn draft_at(minutes: i64) -> EventDraft {
    EventDraft {
        start: midnight() + TimeDelta::minutes(minutes),
        ..draft()
    }
}
