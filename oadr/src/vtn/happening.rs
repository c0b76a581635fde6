//! What happens at a VTN, as its application hears it.
//!
//! Knows nothing of how it is told.

use oadr_core::payload::ResponseCode;
use oadr_core::value::{DateTime, EventId, OptId, OptType, VenId};
use oadr_core::vtn::Effect;

/// Something that happened at the VTN, told at least once.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Happening {
    /// Names it for good: the same one may be told twice, after a crash or a handler's failure.
    pub id: String,
    /// When it happened.
    pub at: DateTime,
    /// What it is.
    pub effect: Effect,
}

/// A VEN answered an event, or changed its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventAnswered {
    /// The happening's.
    pub id: String,
    /// When the answer came.
    pub at: DateTime,
    /// The VEN.
    pub ven_id: VenId,
    /// The event.
    pub event_id: EventId,
    /// The version that was answered.
    pub modification_number: u32,
    /// In or out.
    pub opt: OptType,
    /// How the VEN took the event: 200, or why it cannot take part.
    pub response_code: ResponseCode,
}

/// A VEN cancelled its opts of one optID.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptCancelled {
    /// The happening's.
    pub id: String,
    /// When.
    pub at: DateTime,
    /// The VEN.
    pub ven_id: VenId,
    /// What the VEN calls them.
    pub opt_id: OptId,
}

impl Happening {
    /// The end of a VEN's opts of one optID, if it is that.
    #[must_use]
    pub fn opt_cancelled(&self) -> Option<OptCancelled> {
        let Effect::OptCancelled { ven_id, opt_id } = &self.effect else {
            return None;
        };
        Some(OptCancelled {
            id: self.id.clone(),
            at: self.at,
            ven_id: ven_id.clone(),
            opt_id: opt_id.clone(),
        })
    }

    /// The answer to an event, if it is one.
    #[must_use]
    pub fn event_answered(&self) -> Option<EventAnswered> {
        let Effect::EventAnswered {
            ven_id,
            event_id,
            modification_number,
            opt,
            response_code,
        } = &self.effect
        else {
            return None;
        };
        Some(EventAnswered {
            id: self.id.clone(),
            at: self.at,
            ven_id: ven_id.clone(),
            event_id: event_id.clone(),
            modification_number: *modification_number,
            opt: *opt,
            response_code: *response_code,
        })
    }
}
