//! Hosts that keep everything in memory and do everything at once: for embedders, examples and tests.
//!
//! They know nothing of sockets, threads or clocks: time and entropy are arguments here too. What they
//! hold is gone with them.
//!
//! ```
//! use oadr_core::memory::{VtnConfig, VtnHost};
//! use oadr_core::payload::{Message, QueryRegistration};
//! use oadr_core::value::{DateTime, RequestId, VtnId};
//! use oadr_core::vtn::Reply;
//! use oadr_core::{Peer, Profile};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut vtn = VtnHost::new(VtnConfig::new(VtnId::new("My-VTN")?));
//! let query = QueryRegistration { request_id: RequestId::new("q1")? };
//! let (now, entropy) = (DateTime::UNIX_EPOCH, [7; 32]);
//! let reply = vtn.handle(Peer::Unproven, Profile::B, query.into(), now, entropy);
//! let Reply::Message(message) = reply else { panic!("a query is answered") };
//! assert!(matches!(*message, Message::CreatedPartyRegistration(_)));
//! # Ok(())
//! # }
//! ```

mod readings;
mod ven;
mod vtn;

pub use readings::KeptReading;
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
