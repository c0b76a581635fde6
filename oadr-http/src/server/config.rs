//! The server's settings. Knows units and defaults only.

use std::time::Duration;

use oadr_core::codec::DecodeOptions;

use crate::path::Prefix;

/// How a [`Server`](super::Server) treats its connections. Start from [`Default`] and change fields.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The path before `/OpenADR2/Simple/2.0b/…`. Default: none.
    pub prefix: Prefix,
    /// How messages are decoded. `limits.bytes` is also the longest body that is read (413).
    pub decode: DecodeOptions,
    /// The most connections open at the same time. While so many are open no more are accepted:
    /// new ones wait in the listener's queue, where their sender's connect time-out bounds the
    /// wait. The process needs a descriptor for each. Default: 10,000.
    pub max_connections: u32,
    /// The longest request header, start line included, in bytes (431). Default: 16,384.
    pub max_header: usize,
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

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            prefix: Prefix::default(),
            decode: DecodeOptions::default(),
            max_connections: 10_000,
            max_header: 16 * 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            reply_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(75),
            shutdown_limit: Duration::from_secs(10),
            compress_from: 1200,
        }
    }
}
