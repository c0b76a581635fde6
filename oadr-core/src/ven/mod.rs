//! The VEN machine: a registration, the events known, the answers owed and what is said next.
//!
//! Knows nothing of transports, of stores or of the loads it is for.

mod context;
mod effect;
mod input;

pub use context::{Context, MarketContexts, OptPolicy};
pub use effect::{Effect, EndReason};
pub use input::{
    Answer, Command, Exchange, Failure, Input, Next, OptAnswer, OptQuestion, Outgoing, Question,
};

/// The VEN's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ven {}
