//! What can go wrong with an exchange, told apart by what the caller can do about it.
//! Does not know when to try again.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use hyper::StatusCode;
use oadr_core::codec::DecodeError;

use super::seal::SealError;
use crate::tls::HandshakeError;

/// Why a message got no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No connection: the name does not resolve, nobody listens there, or the time for connecting
    /// is over.
    #[error("cannot connect to {authority}: {source}")]
    Connect {
        /// The host and port that were tried.
        authority: String,
        /// What the last attempt failed with.
        source: io::Error,
    },
    /// None of the host's addresses may be connected to ([`ClientConfig::reach`](super::ClientConfig)):
    /// nothing was sent to anybody.
    #[error("{host} is {address}, and it is not allowed to connect to that")]
    NotAllowed {
        /// The host's name or address.
        host: String,
        /// What it resolved to; the first, if there are several.
        address: IpAddr,
    },
    /// There is a connection but no TLS on it: one side does not believe the other, or they have no
    /// version or suite in common. With TLS 1.3 a server may say so only after the handshake.
    #[error("no TLS with {authority}: {source}")]
    Tls {
        /// The host and port that were tried.
        authority: String,
        /// Why.
        source: Box<HandshakeError>,
    },
    /// The whole exchange took longer than allowed.
    #[error("no answer within {} s", after.as_secs_f32())]
    TimedOut {
        /// The limit.
        after: Duration,
    },
    /// The connection broke before the reply was complete, or what came is not HTTP.
    #[error("the connection broke: {source}")]
    Broken {
        /// What hyper says.
        source: hyper::Error,
    },
    /// The peer answered with a status outside 200 to 299. Redirects (300 to 399) are not followed.
    #[error("the peer answered {status}: {excerpt}")]
    Status {
        /// The status.
        status: StatusCode,
        /// How long to wait before asking again, if the peer said so.
        retry_after: Option<Duration>,
        /// The beginning of the body: at most 200 characters, on one line, without control
        /// characters.
        excerpt: String,
    },
    /// The peer answered with success, but the body is no OpenADR message.
    #[error("the reply is no OpenADR message: {error} (it begins: {excerpt})")]
    Undecodable {
        /// What the codec says.
        error: DecodeError,
        /// The beginning of the body, as in [`Status`](Self::Status).
        excerpt: String,
    },
    /// The reply is longer than the limit, as it came or inflated.
    #[error("the reply is longer than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The reply is compressed in a way that was not asked for.
    #[error("the reply has the content coding {coding:?}, which nobody asked for")]
    ContentCoding {
        /// Its `Content-Encoding`, cut to 200 characters.
        coding: String,
    },
    /// The reply's compressed stream is damaged.
    #[error("the reply cannot be inflated: {source}")]
    Corrupt {
        /// What the decoder says.
        source: io::Error,
    },
    /// The message could not be signed; nothing was sent.
    #[error("the message could not be signed: {source}")]
    Unsigned {
        /// Why.
        source: SealError,
    },
    /// The reply is not signed as it should be; nothing of it counts.
    #[error("the reply does not count: {source}")]
    Unsealed {
        /// Why.
        source: SealError,
    },
}
