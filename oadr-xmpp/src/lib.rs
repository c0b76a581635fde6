//! OpenADR 2.0b over XMPP: VTN and VEN as clients of an XMPP server (spec §5).
//!
//! Knows nothing of rules, stores or signatures: it moves documents between JIDs, and says who sent them.
//!
//! An [`Endpoint`] is one session of one account. It logs in, comes back by itself when the connection
//! breaks, answers discovery and pings, hands requests to its [`Handler`] and sends messages to others.
//! Nothing is sent twice: what was not answered, whoever sent it sends again or does not.
//!
//! # Who somebody is
//!
//! A peer is the JID that the server says. That proves a certificate only if the server lets an account
//! in with nothing but a certificate of its name (rule 515), and stanzas with a `from` of others not at
//! all: `prosody/` has files for one that does. Whoever is not admitted by [`Handler::admits`] hears
//! `forbidden` and nothing else.
//!
//! # What a request gets
//!
//! | case | answer |
//! |---|---|
//! | the sender is not admitted | `forbidden`, type `auth` |
//! | the stanza is longer than [`Config::longest_stanza`]; the rest of it is skipped | `policy-violation`, type `modify` |
//! | there is not exactly one element in the IQ | `bad-request`, type `modify` |
//! | it is a ping, or asks what there is to discover | a result |
//! | it is none of ours: another element, another `get` | `service-unavailable`, type `cancel` |
//! | too many requests wait, of all or of this account | `resource-constraint`, type `wait` |
//! | its signature, if the handler looks at it, is wrong | `forbidden`, type `auth` |
//! | it cannot be decoded; the text names the element and the byte | `bad-request`, type `modify` |
//! | it is `oadrPoll` (rule 507), or a message for the other side | `not-allowed`, type `cancel` |
//! | the handler refuses it, is overloaded, fails or panics | `forbidden`, `resource-constraint`, `internal-server-error` |
//! | the reply is longer than a stanza may be | `internal-server-error`, type `wait` |
//! | the handler has an answer | a result with it, or an empty one |
//!
//! Requests of one account are worked off one after the other, those of many at once. A payload is an
//! `oadrPayload`, or what is in it (quirk Q1). Messages, presence, and answers that nobody waits for are
//! ignored.
//!
//! # What is sent
//!
//! [`Endpoint::send`] has the answer that comes from the JID that was asked, under the ID that it was
//! asked with, in time; [`SendError`] tells apart what a caller treats differently. Replies that come as
//! a request of their own are requests like others.
//!
//! # Sessions
//!
//! TCP without delay, to the first of the server's addresses that answers; STARTTLS wherever there is
//! [`Config::tls`], and without it a server on this machine only. Until the login, elements of more than
//! 16 KiB or 16 levels end the attempt: anybody may have sent them. SASL EXTERNAL, or SCRAM with a server
//! that proves that it knows the password; never a password as such. The JID that is bound is the one
//! that was wanted. The server is pinged (XEP-0199) now and then, and when an answer does not come; if it
//! is silent, or takes nothing any more, the session is given up. Attempts to come back get rarer up to
//! the longest back-off, which is also what a refused login and a session that replaced ours cost.

mod bounded;
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
mod reach;
mod requests;
mod session;
mod stanza;
mod write;

pub use config::{Config, Login, Role, ServiceJids, TlsSource};
pub use endpoint::{Answer, Endpoint, SendError, Status};
pub use handler::{Forbidden, Handler, Notice, Refused, Reply, Request, Unsealed};
