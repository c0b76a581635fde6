//! The VTN machine: one VEN's registration, events, offers and queue.
//!
//! Knows nothing of the other VENs, of transports or of stores.

mod audience;
mod campaign;
mod claim;
mod command;
mod context;
mod event_body;
mod event_error;
mod fact;
mod input;
mod well_known;

pub use audience::{Audience, Member};
pub use campaign::{Campaign, CampaignError, CampaignState};
pub use claim::{Claim, claims_of};
pub use command::{Command, CommandError};
pub use context::{Admission, Context, UnregisteredPoll};
pub use event_body::{EventBody, EventDraft};
pub use event_error::{
    BaselineField, EventError, EventErrorKind, Field, IntervalField, SignalField,
};
pub use fact::{DeliveryFact, DeliveryStatus, Effect, Fact};
pub use input::{Answer, Input, Question, RegistrationAnswer, RegistrationRequest, Reply};

/// The VTN's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vtn {}
