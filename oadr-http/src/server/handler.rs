//! The border between the transport and whoever serves: what a handler gets and gives.
//! Does not know HTTP beyond the few outcomes a handler may choose.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use oadr_core::codec::Drifts;
use oadr_core::payload::Message;
use oadr_core::value::ServiceName;
use oadr_core::{Peer, Profile, Signature};

use crate::status::Failure;
use crate::tls::{CertificateDer, HandshakeError};
use crate::unsealed::Unsealed;

/// Whoever answers the messages: a VTN, or the push side of a VEN.
pub trait Handler: Send + Sync + 'static {
    /// Checks what a document was signed with, before anything of it is read, and says what is to be
    /// read: only octets that were checked, if they were. By default nothing is checked.
    ///
    /// # Errors
    /// [`Forbidden`]: the peer gets an empty 403, and nothing else happens. The handler says why in
    /// its log.
    fn unseal(
        &self,
        peer: &Peer,
        address: Option<SocketAddr>,
        document: Bytes,
    ) -> Result<Unsealed, Forbidden> {
        let _ = (peer, address);
        Ok(Unsealed::unsigned(document))
    }

    /// Answers one message.
    ///
    /// Runs in the task of its connection: one request of a connection after the other, those of
    /// different connections in parallel. Runs to its end even when the peer goes away in the
    /// meantime; only a shut-down that reaches its limit drops it half-way. There is no time-out
    /// on it here. A panic becomes a 500 and leaves the connection intact.
    fn handle(&self, request: Request) -> impl Future<Output = Reply> + Send;

    /// Hears what the handler does not see otherwise, for logs and counters. Must not block.
    fn notice(&self, notice: Notice<'_>) {
        let _ = notice;
    }
}

impl<H: Handler> Handler for Arc<H> {
    fn unseal(
        &self,
        peer: &Peer,
        address: Option<SocketAddr>,
        document: Bytes,
    ) -> Result<Unsealed, Forbidden> {
        H::unseal(self, peer, address, document)
    }

    fn handle(&self, request: Request) -> impl Future<Output = Reply> + Send {
        H::handle(self, request)
    }

    fn notice(&self, notice: Notice<'_>) {
        H::notice(self, notice);
    }
}

/// A peer, or its signature, is refused (rule 517): 403 without a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forbidden;

/// A message that arrived at the service it belongs to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Request {
    /// Who the transport proved the sender to be.
    pub peer: Peer,
    /// Where it comes from, if that is known. Behind a proxy it is what the proxy says, with port 0 if
    /// it says none: good for logs only.
    pub address: Option<SocketAddr>,
    /// The profile that the message came in.
    pub profile: Profile,
    /// The service that the path names; the message belongs to it.
    pub service: ServiceName,
    /// The message.
    pub message: Message,
    /// What its signature proves, if it was looked at.
    pub signature: Option<Signature>,
    /// What the codec tolerated in reading it.
    pub drifts: Drifts,
    /// The document as it was read: as it arrived, or the part of it that was verified.
    pub octets: Bytes,
}

/// What a handler makes of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// 200 with this message.
    Message(Box<Message>),
    /// 200 with this message as it is signed already.
    Signed {
        /// The message.
        message: Box<Message>,
        /// The document to send.
        document: Vec<u8>,
    },
    /// 200 without a body, for messages that have no reply.
    Empty,
    /// 403 without a body: the peer, or its signature, is refused (rule 517).
    Forbidden,
    /// 503: ask again after this time, which is rounded up to whole seconds.
    Unavailable {
        /// The value of `Retry-After`.
        retry_after: Duration,
    },
    /// 500: something went wrong that is not the peer's fault.
    Failed,
}

/// Something a log should know.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// A request was answered with something else than 200.
    Refused {
        /// Who sent it.
        peer: &'a Peer,
        /// Where it came from.
        address: Option<SocketAddr>,
        /// Why, and with which status.
        failure: &'a Failure,
    },
    /// A connection was closed at once, because its peer has as many as it may.
    TooMany {
        /// Who opened it.
        peer: &'a Peer,
        /// Where it came from.
        address: Option<SocketAddr>,
    },
    /// A TLS connection is there. Comes once for each, before its requests; and before a request for
    /// which a certificate was verified that a proxy handed on.
    Connected {
        /// Where it comes from.
        address: SocketAddr,
        /// Who it is: the hash of the certificate.
        peer: &'a Peer,
        /// The certificate that was proved.
        certificate: &'a CertificateDer<'static>,
    },
    /// A connection did not get as far as a request, because TLS failed (rule 517).
    Handshake {
        /// Where it came from.
        address: SocketAddr,
        /// Why; with the certificate, if one was shown.
        error: &'a HandshakeError,
    },
    /// A connection to the listener for proxies was closed at once, because it is not from one.
    NotAProxy {
        /// Where it came from.
        address: SocketAddr,
    },
    /// A connection could not be accepted. If the cause lies on this side (no more descriptors),
    /// the next attempt follows after a short pause.
    NotAccepted {
        /// What the operating system said.
        error: &'a io::Error,
    },
}
