//! The line between a VEN and its VTN: requests go out on it, and what the VTN says by itself comes in.
//!
//! Knows nothing of what is said, nor of when.

mod account;
mod address;
mod http;
mod listener;
mod pushes;
mod reception;
mod xmpp;

use std::net::SocketAddr;
use std::sync::Arc;

use oadr_core::codec::Decoded;
use oadr_core::payload::{Message, MessageKind};
use oadr_core::ven::{Failure, Input, Outgoing};
use oadr_core::{Jid, SignaturePolicy};
use oadr_http::Client;
use oadr_http::tls::{TlsClient, TlsServer};
use oadr_xmpp::Login;
use tokio::sync::{Notify, mpsc, watch};
use tracing::Span;

pub use account::Account;
pub use address::{VtnAddress, VtnAddressError};
use http::HttpLink;
use listener::Listening;
pub(super) use listener::Place;
pub(super) use pushes::Push;
use pushes::Pushes;
use reception::Reception;
use xmpp::XmppLink;

use super::builder::StartError;
use super::signatures::{Signatures, may_be_answered_by_nothing};
use crate::log_ration::LogRation;
use crate::logging;

/// How a VEN and its VTN can reach each other now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkStatus {
    /// The VEN asks its VTN over HTTP; there is nothing between two requests.
    Polling,
    /// The VTN can push over HTTP: the VEN listens on this address.
    Listening(SocketAddr),
    /// There is no XMPP session, or nobody has said yet where the VTN is.
    Down {
        /// Why, if it was tried.
        why: Option<String>,
    },
    /// There is an XMPP session under this JID, and the VTN's JIDs are known.
    Up {
        /// The session.
        jid: Jid,
    },
}

/// The line to the VTN.
#[derive(Debug)]
pub(super) struct Link {
    transport: Transport,
    signatures: SignaturePolicy,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one of it for each VEN")]
enum Transport {
    Http(HttpLink, Option<Listening>),
    Xmpp(XmppLink),
}

/// What a line is made of.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one of it for each VEN")]
pub(super) enum Plan {
    /// Requests to a URL, and perhaps a place for pushes.
    Http {
        client: Client,
        listener: Option<(Place, Option<TlsServer>)>,
    },
    /// A session with an XMPP server.
    Xmpp {
        domain: String,
        account: Account,
        login: Login,
        tls: Option<TlsClient>,
    },
}

/// A line, and what comes in on it.
pub(super) struct Open {
    pub(super) link: Arc<Link>,
    /// What is pushed. Without pushes there is no sender.
    pub(super) pushes: mpsc::Receiver<Push>,
    /// Hears of each new session.
    pub(super) connected: Arc<Notify>,
    pub(super) status: watch::Receiver<LinkStatus>,
    /// Counts what may be logged; it has to be [kept telling](LogRation::keep_telling).
    pub(super) ration: Arc<LogRation>,
}

impl Plan {
    /// Opens the line.
    ///
    /// # Errors
    /// The VEN cannot listen.
    pub(super) async fn open(
        self,
        signatures: SignaturePolicy,
        seal: Option<Arc<Signatures>>,
    ) -> Result<Open, StartError> {
        let (pushes, to_do) = Pushes::new();
        let ration = Arc::new(LogRation::default());
        let reception = Arc::new(Reception {
            pushes,
            seal,
            ration: Arc::clone(&ration),
            span: Span::current(),
        });
        let connected = Arc::new(Notify::new());
        let (tell, status) = watch::channel(LinkStatus::Polling);
        let transport = match self {
            Self::Http { client, listener } => {
                let listening = match listener {
                    None => None,
                    Some((place, tls)) => {
                        let listening = Listening::start(&place, tls, reception).await?;
                        tell.send_replace(LinkStatus::Listening(listening.address));
                        Some(listening)
                    }
                };
                let http = HttpLink { client, signatures };
                Transport::Http(http, listening)
            }
            Self::Xmpp {
                domain,
                account,
                login,
                tls,
            } => {
                tell.send_replace(LinkStatus::Down { why: None });
                let connected = Arc::clone(&connected);
                let xmpp =
                    XmppLink::start(&domain, &account, login, tls, reception, tell, connected);
                Transport::Xmpp(xmpp)
            }
        };
        Ok(Open {
            link: Arc::new(Link {
                transport,
                signatures,
            }),
            pushes: to_do,
            connected,
            status,
            ration,
        })
    }
}

impl Link {
    /// Sends a request; its outcome is the next input.
    pub(super) async fn send(&self, outgoing: Outgoing) -> Input {
        let Outgoing {
            exchange,
            service,
            message,
        } = outgoing;
        let kind = message.kind();
        let answered = match &self.transport {
            Transport::Http(http, _) => http.send(service, &message).await,
            Transport::Xmpp(xmpp) => xmpp.send(service, &message).await,
        };
        match answered.and_then(|reply| self.counting(kind, reply)) {
            Ok(reply) => {
                let message = reply.map(|decoded| read(kind, decoded));
                Input::Replied { exchange, message }
            }
            Err(failure) => Input::Failed { exchange, failure },
        }
    }

    /// A reply, if it counts: an empty one is signed by nobody.
    fn counting(
        &self,
        request: MessageKind,
        reply: Option<Decoded>,
    ) -> Result<Option<Decoded>, Failure> {
        if reply.is_none()
            && self.signatures == SignaturePolicy::Required
            && !may_be_answered_by_nothing(request)
        {
            tracing::warn!(
                %request,
                "an empty reply, which nobody signed, does not count: signatures are required"
            );
            // As if it had not come.
            return Err(Failure::Unreachable);
        }
        Ok(reply)
    }

    /// Ends what the VTN reaches the VEN by.
    pub(super) async fn close(self) {
        match self.transport {
            Transport::Http(_, Some(listening)) => listening.close().await,
            Transport::Http(_, None) => {}
            Transport::Xmpp(xmpp) => xmpp.close().await,
        }
    }
}

fn read(request: MessageKind, decoded: Decoded) -> Box<Message> {
    if !decoded.drifts.is_empty() {
        tracing::debug!(%request, drifts = ?decoded.drifts, "understood although bent");
    }
    if let Some((code, description)) = logging::refusal(&decoded.message) {
        tracing::warn!(%request, %code, description, "refused");
    }
    Box::new(decoded.message)
}
