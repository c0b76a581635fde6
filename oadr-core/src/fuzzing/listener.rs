//! A VEN's application that takes the VEN at its word.
//!
//! Knows nothing of messages: only of what it is told, and in which order that makes sense.

use std::collections::BTreeSet;

use crate::value::EventId;
use crate::ven::Effect;

/// Nothing starts that was not received, nothing ends that did not start.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    known: BTreeSet<EventId>,
    running: BTreeSet<EventId>,
}

impl Listener {
    /// Takes note.
    pub(crate) fn hear(&mut self, effect: &Effect) {
        match effect {
            Effect::EventReceived { event, .. } => {
                self.known.insert(event.descriptor.event_id.clone());
            }
            Effect::EventModified { event, .. } => {
                let event_id = &event.descriptor.event_id;
                assert!(self.known.contains(event_id), "{effect:?}");
            }
            Effect::EventCancelled { event_id, .. } => {
                assert!(self.known.remove(event_id), "{effect:?}");
            }
            Effect::EventStarted { event_id, .. } => {
                assert!(self.known.contains(event_id), "{effect:?}");
                assert!(self.running.insert(event_id.clone()), "{effect:?}");
            }
            Effect::IntervalStarted { event_id, .. } => {
                assert!(self.running.contains(event_id), "{effect:?}");
            }
            Effect::EventEnded { event_id, .. } => {
                assert!(self.running.remove(event_id), "{effect:?}");
            }
            Effect::RegistrationCancelled { .. } => {
                assert!(self.running.is_empty(), "{effect:?}");
                self.known.clear();
            }
            Effect::Registered { .. }
            | Effect::RegistrationRefused { .. }
            | Effect::OptSent { .. }
            | Effect::ReportRequested { .. }
            | Effect::ReportSent { .. }
            | Effect::ReportRefused { .. }
            | Effect::ReportCancelled { .. }
            | Effect::ReportCompleted { .. }
            | Effect::OptAccepted { .. }
            | Effect::OptRefused { .. }
            | Effect::OptCancelled { .. } => {}
        }
    }

    /// The events that run as far as the application knows.
    pub(crate) fn running(&self) -> &BTreeSet<EventId> {
        &self.running
    }
}
