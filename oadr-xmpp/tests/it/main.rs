//! An endpoint as a server sees it: a scripted XMPP server on 127.0.0.1, byte by byte.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a failed test may panic"
)]

mod asking;
mod login;
mod peer;
mod requests;
mod server;
mod sessions;
