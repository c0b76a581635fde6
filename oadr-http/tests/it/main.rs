//! The HTTP binding as a peer sees it: raw sockets against the server, a scripted server against
//! the client, and both against each other. Everything on 127.0.0.1, on ports the system picks.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a failed test may panic"
)]

mod both;
mod client;
mod documents;
mod hostile;
mod identities;
mod limits;
mod peers;
mod proxied;
mod pushed;
mod rules;
mod scripted;
mod served;
mod shutdown;
mod tls;
mod wire;
