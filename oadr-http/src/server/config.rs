//! The server's settings. Knows units and defaults only.

use std::num::NonZeroU32;
use std::time::Duration;

use oadr_core::codec::DecodeOptions;

use super::accounts::RequestRate;
use crate::path::Prefix;

/// How a [`Server`](super::Server) treats its connections. Start from [`Default`] and change fields.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The path before `/OpenADR2/Simple/2.0b/…`. Default: none.
    pub prefix: Prefix,
    /// Whether there is the service OadrPoll, as a VTN has it; a VEN that is pushed to has not, and its
    /// path is none there (404). Default: yes.
    pub serves_polls: bool,
    /// How messages are decoded. `limits.bytes` is also the longest body that is read (413).
    pub decode: DecodeOptions,
    /// The most connections open at the same time. While so many are open no more are accepted:
    /// new ones wait in the listener's queue, where their sender's connect time-out bounds the
    /// wait. The process needs a descriptor for each. Default: 10,000.
    pub max_connections: u32,
    /// The most connections that one peer may have open at the same time; more are closed at once.
    /// Default: 1,000, because a company or a mobile network may show one address.
    pub max_connections_per_peer: u32,
    /// How many requests one peer may send (503), over all its connections. Default: 500 a second,
    /// 5,000 at once. 5,000 VENs behind one address that poll every ten seconds keep to it, and so
    /// does one that polls without a pause until its queue is empty (rule 500).
    pub request_rate: Option<RequestRate>,
    /// Whether the two bounds per peer hold for the addresses of this machine too. Default: no,
    /// because a proxy there stands for many peers.
    pub bound_loopback: bool,
    /// The longest request header, start line included, in bytes (431). Default: 16,384.
    pub max_header: usize,
    /// For the bodies of all connections that are longer than 64 KiB, together, in bytes; one that
    /// finds no room is refused (503) and may come again. Without this bound 1,000 connections with
    /// bodies just below the limit would be 4 GiB. Default: 256 MiB.
    pub max_body_memory: usize,
    /// From the beginning of a TLS connection to the end of its handshake; then it is closed. Default:
    /// 10 s.
    pub handshake_timeout: Duration,
    /// From a header's first byte to its last; then the connection is closed. Default: 10 s.
    pub header_timeout: Duration,
    /// From a header's end to the end of the body (408). Default: 60 s: a long report over a slow
    /// mobile link takes that long.
    pub body_timeout: Duration,
    /// From the reply's first byte to the last one the peer takes; then the connection is closed.
    /// Default: 60 s.
    pub reply_timeout: Duration,
    /// How long a connection may be silent between two requests (or before the first one) before
    /// it is closed. Default: 75 s.
    pub idle_timeout: Duration,
    /// How long [`Server::shut_down`](super::Server::shut_down) waits for the requests that were
    /// accepted. Default: 10 s.
    pub shutdown_limit: Duration,
    /// Replies shorter than this many bytes are not compressed, unless the peer accepts nothing
    /// else. Default: 1,200, which fits one packet together with the header, so that compressing
    /// would cost time and gain nothing. To the letter of the specification every reply is
    /// compressed for a peer that accepts it: that is 0.
    pub compress_from: usize,
}

const DEFAULT_RATE: RequestRate = RequestRate {
    per_second: NonZeroU32::new(500).expect("not zero"),
    burst: NonZeroU32::new(5_000).expect("not zero"),
};

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            prefix: Prefix::default(),
            serves_polls: true,
            decode: DecodeOptions::default(),
            max_connections: 10_000,
            max_connections_per_peer: 1_000,
            request_rate: Some(DEFAULT_RATE),
            bound_loopback: false,
            max_header: 16 * 1024,
            max_body_memory: 256 << 20,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            reply_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(75),
            shutdown_limit: Duration::from_secs(10),
            compress_from: 1200,
        }
    }
}
