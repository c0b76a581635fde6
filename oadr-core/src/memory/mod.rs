//! Hosts that keep everything in memory and do everything at once: for embedders, examples and tests.
//!
//! They know nothing of sockets, threads or clocks: time and entropy are arguments here too. What they
//! hold is gone with them.

mod ven;
mod vtn;

pub use ven::VenHost;
pub use vtn::{EventsError, VtnConfig, VtnHost};

use crate::machine::Version;

/// Names an effect for good, within its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectId {
    /// The version that the commit made.
    pub version: Version,
    /// The effect's place in the decision.
    pub index: usize,
}
