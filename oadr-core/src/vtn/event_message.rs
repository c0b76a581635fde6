//! An event as it goes out to one VEN at one time.
//!
//! Knows nothing of whether it should.

use super::delivery::Outline;
use super::timeline::value_at;
use super::{Campaign, EventBody};
use crate::payload::{
    ActivePeriod, EiEvent, Event, EventDescriptor, EventSignal, EventSignals, Interval, Payload,
    Properties, StreamPayload, Target, Tolerance,
};
use crate::value::{
    DateTime, Duration, EventId, EventStatus, Float, NonEmpty, SignalId, SignalName, SignalType,
    Text, VenId,
};

/// The event of a campaign in the version of this number.
pub(super) fn of(
    campaign: &Campaign,
    modification_number: u32,
    ven_id: &VenId,
    now: DateTime,
) -> Event {
    let body = &campaign.body;
    let status = campaign.status(now);
    // Its first version was not modified, as this VEN sees it.
    let is_modified = modification_number > 0;
    Event {
        ei_event: EiEvent {
            descriptor: EventDescriptor {
                event_id: campaign.event_id.clone(),
                modification_number,
                modification_date_time: is_modified.then_some(campaign.modified),
                modification_reason: body.modification_reason().filter(|_| is_modified).cloned(),
                priority: body.priority(),
                market_context: body.market_context().clone(),
                created: now,
                event_status: status,
                test_event: body.test_event().cloned(),
                vtn_comment: body.vtn_comment().cloned(),
            },
            active_period: ActivePeriod(Properties {
                start: body.start(),
                duration: body.duration(),
                tolerance: tolerance(body.start_after()),
                notification: Some(body.notification()),
                ramp_up: body.ramp_up(),
                recovery: body.recovery(),
            }),
            signals: signals(body, status, now),
            target: body.target().cloned().unwrap_or_else(|| only(ven_id)),
        },
        response_required: body.response_required(),
    }
}

/// The cancellation of an event whose campaign the VEN left: what identifies it and its period, with
/// the signal that every VEN understands (rule 510) at normal.
pub(super) fn cancelled(
    event_id: &EventId,
    outline: &Outline,
    modification_number: u32,
    ven_id: &VenId,
    since: DateTime,
    now: DateTime,
) -> Event {
    Event {
        ei_event: EiEvent {
            descriptor: EventDescriptor {
                event_id: event_id.clone(),
                modification_number,
                modification_date_time: Some(since),
                modification_reason: None,
                priority: outline.priority,
                market_context: outline.market_context.clone(),
                created: now,
                event_status: EventStatus::Cancelled,
                test_event: None,
                vtn_comment: None,
            },
            active_period: ActivePeriod(Properties {
                start: outline.start,
                duration: outline.duration,
                tolerance: tolerance(outline.start_after),
                notification: Some(Duration::ZERO),
                ramp_up: None,
                recovery: None,
            }),
            signals: EventSignals {
                signals: NonEmpty::one(EventSignal {
                    intervals: NonEmpty::one(Interval {
                        start: None,
                        duration: Some(outline.duration),
                        uid: Text::new("0").ok(),
                        payloads: NonEmpty::one(StreamPayload::Signal(Payload::Float(NORMAL))),
                    }),
                    target: None,
                    signal_name: SignalName::Simple,
                    signal_type: SignalType::Level,
                    signal_id: SignalId::new("signal-0").unwrap_or_default(),
                    item_base: None,
                    current_value: Some(NORMAL),
                }),
                baseline: None,
            },
            target: only(ven_id),
        },
        response_required: outline.response_required,
    }
}

const NORMAL: Float = Float::ZERO;

fn signals(body: &EventBody, status: EventStatus, now: DateTime) -> EventSignals {
    let is_active = status == EventStatus::Active;
    let mut signals = body.signals().clone();
    for signal in signals.iter_mut() {
        signal.current_value = if is_active {
            // Rule 29.
            value_at(signal, body.start(), now)
        } else {
            // Rule 14; of other signals an idle event has no value (rule 110).
            signal.signal_name.is_simple().then_some(NORMAL)
        };
    }
    EventSignals {
        signals,
        baseline: body.baseline().cloned(),
    }
}

fn tolerance(start_after: Option<Duration>) -> Option<Tolerance> {
    start_after.map(|start_after| Tolerance {
        start_after: Some(start_after),
    })
}

/// Nobody but the receiver.
fn only(ven_id: &VenId) -> Target {
    Target {
        ven_ids: vec![ven_id.clone()],
        ..Target::default()
    }
}
