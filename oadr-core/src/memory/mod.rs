//! Hosts that keep everything in memory and do everything at once: for embedders, examples and tests.
//!
//! They know nothing of sockets, threads or clocks: time and entropy are arguments here too. What they
//! hold is gone with them.

mod ven;
mod vtn;

pub use ven::{EffectId, VenHost};
pub use vtn::{CommitId, EventsError, VtnConfig, VtnHost};
