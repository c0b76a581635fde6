//! What an opt says: in or out, when or of which event, for which resources and devices.
//!
//! Knows nothing of who says it to whom, or of what becomes of it.

use serde::{Deserialize, Serialize};

use crate::payload::{CreateOpt, Properties};
use crate::value::{
    DateTime, Duration, EventId, MarketContext, OptReason, OptType, ResourceId, Text,
};

/// What an opt says, the same in both roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptTerms {
    /// In or out.
    pub opt_type: OptType,
    /// Why.
    pub reason: OptReason,
    /// When, or of which event.
    pub subject: OptSubject,
    /// The resources; empty means all of them (rules 202, 206).
    pub resources: Vec<ResourceId>,
    /// The device classes; empty means all of them. Both this and the resources limit it (rule 209).
    pub device_classes: Vec<Text>,
}

/// When somebody is in or out, or of which event: one excludes the other (rule 206).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptSubject {
    /// In certain periods.
    Schedule {
        /// Limits it to events of this context (rule 205).
        market_context: Option<MarketContext>,
        /// When.
        periods: Vec<OptPeriod>,
    },
    /// Of an event that the VEN was told of.
    Event {
        /// The event.
        event_id: EventId,
    },
}

/// A period of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptPeriod {
    /// When it starts.
    pub start: DateTime,
    /// How long it lasts; zero is open-ended (rule 210).
    pub duration: Duration,
}

impl OptPeriod {
    /// When it ends, exclusive; `None` if it is open-ended.
    #[must_use]
    pub fn end(&self) -> Option<DateTime> {
        (!self.duration.is_zero()).then(|| self.duration.after(self.start))
    }

    /// Whether it has an instant in common with another period; adjacent ones have none (rule 18).
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.end().is_none_or(|end| other.start < end)
            && other.end().is_none_or(|end| self.start < end)
    }

    /// Whether the other period is in it from beginning to end.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.start <= other.start
            && match (self.end(), other.end()) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(end), Some(others)) => others <= end,
            }
    }
}

impl From<&Properties> for OptPeriod {
    /// What rule 200 forbids is left out.
    fn from(properties: &Properties) -> Self {
        Self {
            start: properties.start,
            duration: properties.duration,
        }
    }
}

impl OptTerms {
    /// The event that it qualifies, if it does.
    #[must_use]
    pub fn event_id(&self) -> Option<&EventId> {
        match &self.subject {
            OptSubject::Event { event_id } => Some(event_id),
            OptSubject::Schedule { .. } => None,
        }
    }

    /// The periods of a schedule; an opt of an event has none.
    #[must_use]
    pub fn periods(&self) -> &[OptPeriod] {
        match &self.subject {
            OptSubject::Schedule { periods, .. } => periods,
            OptSubject::Event { .. } => &[],
        }
    }

    /// Whether it is of all resources and devices.
    #[must_use]
    pub fn is_of_all(&self) -> bool {
        self.resources.is_empty() && self.device_classes.is_empty()
    }

    /// When the last of its periods ends; `None` for open-ended schedules and opts of events.
    #[must_use]
    pub fn end(&self) -> Option<DateTime> {
        let ends = self.periods().iter().map(OptPeriod::end);
        ends.reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b)))
            .flatten()
    }

    /// Whether nothing is left of an earlier opt: of a schedule if this one is of the same type and for
    /// the same resources at least (rule 203), of a qualification if this one is of the same event
    /// whatever it says (rule 206). Contexts and device classes narrow both alike.
    #[must_use]
    pub fn replaces(&self, earlier: &Self) -> bool {
        let same_subject = match (&self.subject, &earlier.subject) {
            (OptSubject::Event { event_id: new }, OptSubject::Event { event_id: old }) => {
                new == old
            }
            (
                OptSubject::Schedule {
                    market_context: new,
                    ..
                },
                OptSubject::Schedule {
                    market_context: old,
                    ..
                },
            ) => {
                self.opt_type == earlier.opt_type
                    && match (new, old) {
                        (None, _) => true,
                        (Some(_), None) => false,
                        (Some(new), Some(old)) => new.same_as(old),
                    }
            }
            (OptSubject::Event { .. }, OptSubject::Schedule { .. })
            | (OptSubject::Schedule { .. }, OptSubject::Event { .. }) => false,
        };
        same_subject
            && covers(&self.resources, &earlier.resources)
            && covers(&self.device_classes, &earlier.device_classes)
    }

    /// Whether it has a say in events of this context.
    pub(crate) fn is_of_context(&self, context: &MarketContext) -> bool {
        match &self.subject {
            OptSubject::Schedule { market_context, .. } => market_context
                .as_ref()
                .is_none_or(|limit| limit.same_as(context)),
            OptSubject::Event { .. } => true,
        }
    }

    /// How many periods, resources and device classes it names: what it costs to remember.
    pub(crate) fn size(&self) -> usize {
        self.periods()
            .len()
            .saturating_add(self.resources.len())
            .saturating_add(self.device_classes.len())
    }
}

/// Whether all that a list names is in another one; an empty list is all there is.
fn covers<T: PartialEq>(list: &[T], other: &[T]) -> bool {
    list.is_empty() || (!other.is_empty() && other.iter().all(|item| list.contains(item)))
}

/// The periods of a message; an empty schedule is as good as none (rule 46).
pub(crate) fn periods_of(message: &CreateOpt) -> Vec<OptPeriod> {
    let periods = message.availability.iter().flat_map(|a| &a.available);
    periods.map(OptPeriod::from).collect()
}
