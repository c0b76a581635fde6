//! The VTN machine: one VEN's registration, events, offers and queue.
//!
//! Knows nothing of the other VENs, of transports or of stores.

mod claim;
mod command;
mod fact;
mod input;

pub use claim::{Claim, claims_of};
pub use command::{Command, CommandError};
pub use fact::{DeliveryFact, DeliveryStatus, Effect, Fact};
pub use input::{Answer, Input, Question, RegistrationAnswer, RegistrationRequest, Reply};

/// The VTN's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vtn {}
