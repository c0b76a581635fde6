//! The life of events by the clock: they start, their intervals change, they end.
//!
//! Knows nothing of messages. Each happening is told once, in the order of its time; what was missed
//! while the process was away is caught up.

use super::decide::Turn;
use super::event::{self, Happening};
use super::{Change, Effect, EndReason, KnownEvent};
use crate::value::{DateTime, EventId};

/// Tells everything that is due.
pub(super) fn catch_up(turn: &mut Turn<'_>) {
    while let Some(event_id) = first_due(turn) {
        if turn.state().stopping.contains_key(&event_id) {
            stop(turn, event_id, EndReason::Cancelled);
        } else if let Some(event) = turn.state().events.get(&event_id).cloned() {
            happen(turn, &event);
        }
    }
}

/// The event whose happening is due first, if one is.
fn first_due(turn: &Turn<'_>) -> Option<EventId> {
    let state = turn.state();
    let stopping = state
        .stopping
        .iter()
        .map(|(id, stopping)| (stopping.at, id));
    let running = state.events.iter();
    let running = running.filter_map(|(id, event)| Some((event.next_time()?, id)));
    let (at, event_id) = stopping.chain(running).min_by_key(|(at, _)| *at)?;
    (at <= turn.now).then(|| event_id.clone())
}

/// Tells the next happening of an event.
fn happen(turn: &mut Turn<'_>, event: &KnownEvent) {
    let Some((_, happening)) = event.next() else {
        return;
    };
    let event_id = event.event_id().clone();
    let modification_number = event.modification_number();
    match happening {
        Happening::Start(begun) => {
            turn.change(Change::EventStarted {
                event_id: event_id.clone(),
                begun,
            });
            turn.effect(Effect::EventStarted {
                event_id,
                modification_number,
                start: event.start(),
            });
        }
        Happening::Interval { signal, interval } => {
            turn.change(Change::IntervalStarted {
                event_id: event_id.clone(),
                signal: number(signal),
                begun: number(interval).saturating_add(1),
            });
            let Some(signal) = event.event.signals.signals.get(signal) else {
                return;
            };
            // Versions whose intervals carry no number are not taken part in.
            if let Some(payload) = signal
                .intervals
                .get(interval)
                .and_then(event::interval_value)
            {
                turn.effect(Effect::IntervalStarted {
                    event_id,
                    modification_number,
                    signal_id: signal.signal_id.clone(),
                    signal_name: signal.signal_name.clone(),
                    interval: number(interval),
                    payload,
                });
            }
        }
        Happening::End => {
            turn.change(Change::EventEnded {
                event_id: event_id.clone(),
            });
            turn.effect(Effect::EventEnded {
                event_id,
                modification_number,
                reason: EndReason::Completed,
            });
        }
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// A cancelled event that was still running out stops.
pub(super) fn stop(turn: &mut Turn<'_>, event_id: EventId, reason: EndReason) {
    let Some(stopping) = turn.state().stopping.get(&event_id) else {
        return;
    };
    let modification_number = stopping.modification_number;
    turn.change(Change::EventStopped {
        event_id: event_id.clone(),
    });
    turn.effect(Effect::EventEnded {
        event_id,
        modification_number,
        reason,
    });
}

/// When a running event that is cancelled now stops: at once, or after a random time if its start was
/// random too (rule 65), but not after its time.
pub(super) fn stops_at(turn: &mut Turn<'_>, event: &KnownEvent) -> DateTime {
    let delay = turn.random.up_to(u64::from(event::window(&event.event)));
    let delay = chrono::TimeDelta::seconds(i64::try_from(delay).unwrap_or(0));
    let stops = turn.later(delay);
    event.end().map_or(stops, |end| end.min(stops))
}
