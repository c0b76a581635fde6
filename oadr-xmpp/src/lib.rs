//! OpenADR 2.0b over XMPP: VTN and VEN as clients of an XMPP server (spec §5).
//!
//! Knows nothing of rules, stores or signatures: it moves documents between JIDs, and says who sent them.
//!
//! An [`Endpoint`] is one session of one account. It logs in, comes back by itself when the connection
//! breaks, answers discovery and pings, hands requests to its [`Handler`] and sends messages to others.

mod config;
mod connect;
mod discovery;
mod endpoint;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod handler;
mod keep;
mod link;
mod requests;
mod session;
mod stanza;
mod write;

pub use config::{Config, Login, Role, ServiceJids, TlsSource};
pub use endpoint::{Answer, Endpoint, SendError, Status};
pub use handler::{Forbidden, Handler, Notice, Refused, Reply, Request, Unsealed};
