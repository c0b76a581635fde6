//! Figures of a process at work: counters and histograms that cost a few atomic additions, and their
//! text form.
//!
//! Knows nothing of who asks for them. A crate would count with a lock and a hash for each set of
//! labels, on the path of every poll; here every set has its place beforehand, because none of them
//! comes from a peer.

mod histogram;
mod process;
mod requests;
mod store;
mod text;
mod xmpp_requests;

pub(crate) use histogram::Histogram;
pub(crate) use process::{open_files, resident_memory};
pub(crate) use requests::{Measured, Requests};
pub(crate) use store::StoreFigures;
pub(crate) use text::{CONTENT_TYPE, Kind, Text};
