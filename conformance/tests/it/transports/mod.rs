//! The same scenarios over HTTP pull, HTTP push and XMPP, against the same expectations: what the
//! operator sees, and what happens at the VEN.
//!
//! No scenario knows which transport it runs over. One process of the VTN serves all of them at once.

mod faults;
mod outages;
mod rig;
mod scenarios;
