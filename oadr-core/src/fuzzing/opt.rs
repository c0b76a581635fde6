//! Opts as a VEN might make them, legal or nearly so.
//!
//! Knows nothing of who hears them.

use super::draft::{EVENT_IDS, around, span};
use crate::opt::{OptPeriod, OptSubject, OptTerms};
use crate::payload::arbitrary::{Arbitrary, Draws};
use crate::payload::{Availability, CreateOpt, Properties, QualifiedEventId, Target};
use crate::value::{
    DateTime, EventId, MarketContext, OptId, OptReason, OptType, RequestId, ResourceId, Text, VenId,
};

/// The resources that VENs have here.
pub(super) const RESOURCES: &[&str] = &["r1", "r2"];

/// One of a few, so that some meet.
pub(super) fn opt_id(draws: &mut Draws<'_>) -> OptId {
    OptId::new(draws.pick(&["", "o", "p", "q"]).unwrap_or_default()).unwrap_or_default()
}

/// What an opt says: of an event of one of few IDs, or of periods around now.
pub(super) fn terms(now: DateTime, draws: &mut Draws<'_>) -> OptTerms {
    let subject = if draws.below(3) == 0 {
        let event_id = draws.pick(EVENT_IDS).unwrap_or_default();
        OptSubject::Event {
            event_id: EventId::new(event_id).unwrap_or_default(),
        }
    } else {
        let periods = (0..draws.below(4)).map(|_| OptPeriod {
            start: around(now, draws),
            duration: span(draws),
        });
        OptSubject::Schedule {
            periods: periods.collect(),
            market_context: match draws.below(4) {
                0 => Some(MarketContext::arbitrary(draws)),
                1 => MarketContext::new("http://example.com/dr").ok(),
                _ => None,
            },
        }
    };
    let resources = (0..draws.below(3)).filter_map(|_| draws.pick(RESOURCES));
    let resources = resources
        .filter_map(|id| ResourceId::new(id).ok())
        .collect();
    OptTerms {
        opt_type: OptType::arbitrary(draws),
        reason: OptReason::Economic,
        subject,
        resources,
        device_classes: match draws.below(4) {
            0 => vec![Text::arbitrary(draws)],
            1 => Text::new("Sauna").into_iter().collect(),
            _ => Vec::new(),
        },
    }
}

/// The message of a VEN that has the event it may be about in this version.
pub(super) fn create_opt(
    now: DateTime,
    ven_id: VenId,
    number_of: impl Fn(&EventId) -> u32,
    draws: &mut Draws<'_>,
) -> CreateOpt {
    let terms = terms(now, draws);
    let periods = terms.periods().iter();
    let periods: Vec<_> = periods
        .map(|period| Properties::new(period.start, period.duration))
        .collect();
    let (market_context, event_id) = match terms.subject {
        OptSubject::Schedule { market_context, .. } => (market_context, None),
        OptSubject::Event { event_id } => (None, Some(event_id)),
    };
    CreateOpt {
        opt_id: opt_id(draws),
        opt_type: terms.opt_type,
        opt_reason: terms.reason,
        market_context,
        availability: (!periods.is_empty()).then_some(Availability { available: periods }),
        created: now,
        request_id: RequestId::default(),
        qualified_event_id: event_id.map(|event_id| QualifiedEventId {
            modification_number: number_of(&event_id),
            event_id,
        }),
        target: Target {
            resource_ids: terms.resources,
            ven_ids: vec![ven_id.clone()],
            ..Target::default()
        },
        device_class: (!terms.device_classes.is_empty()).then(|| Target {
            end_device_assets: terms.device_classes,
            ..Target::default()
        }),
        ven_id,
    }
}
