//! The line to a VTN over XMPP: one session, the VTN's services on the other side of it, requests and pushes.
//!
//! Knows nothing of stanzas.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use oadr_core::codec::{Decoded, encode};
use oadr_core::payload::{Message, MessageKind};
use oadr_core::value::ServiceName;
use oadr_core::ven::Failure;
use oadr_core::{BareJid, Jid, Peer};
use oadr_http::Seal as _;
use oadr_http::tls::TlsClient;
use oadr_xmpp::{
    Config, Endpoint, Forbidden, Handler, Login, Notice, Refused, Reply, Request, Role, SendError,
    ServiceJids, Status, Unsealed,
};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::Instrument as _;

use super::LinkStatus;
use super::account::Account;
use super::reception::{Reception, Said};
use crate::log_ration::Subject;
use crate::logging;

/// How long a VTN is asked to wait if its message is not worked off.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How long a request waits for a session and for the VTN's JIDs before it counts as not sent.
const PATIENCE: Duration = Duration::from_secs(10);

/// How soon the VTN's JIDs are asked for again at first, and at most.
const ASK_AGAIN: Duration = Duration::from_secs(1);
const ASK_AGAIN_AT_MOST: Duration = Duration::from_secs(60);

/// How long what was found counts at least, although it is not there.
const FIND_AGAIN: Duration = Duration::from_secs(60);

/// The line to a VTN in an XMPP domain.
pub(super) struct XmppLink {
    endpoint: Endpoint,
    found: watch::Receiver<Found>,
    /// Told when the VTN is not where it was found.
    missed: Arc<Notify>,
    finding: JoinHandle<()>,
}

/// What is known of the VTN.
#[derive(Debug, Clone, Default)]
struct Found {
    /// Where its services are, as last heard.
    services: Vec<(ServiceName, Jid)>,
    /// Whether that was heard in the session that there is.
    is_up: bool,
}

impl Found {
    fn service(&self, service: ServiceName) -> Option<&Jid> {
        let mut services = self.services.iter();
        services
            .find(|(known, _)| *known == service)
            .map(|(_, jid)| jid)
    }

    /// Whether this is the VTN: it may speak from other sessions than its services' (spec §5.2).
    fn is_of(&self, account: &BareJid) -> bool {
        let mut services = self.services.iter();
        services.any(|(_, jid)| jid.account() == account)
    }
}

impl XmppLink {
    /// Begins a session, and looks for the VTN in its domain.
    pub(super) fn start(
        domain: &str,
        account: &Account,
        login: Login,
        tls: Option<TlsClient>,
        reception: Arc<Reception>,
        status: watch::Sender<LinkStatus>,
        connected: Arc<Notify>,
    ) -> Self {
        let mut config = Config::new(account.jid().clone(), login, Role::Ven);
        config.server = account.host_and_port();
        config.tls = tls.map(|tls| Arc::new(move || tls.config()) as _);
        // Whoever is named is believed from the beginning.
        let (tell, found) = watch::channel(Found {
            services: all_at(account.vtn.as_ref()),
            is_up: false,
        });
        let handler = PushHandler {
            reception,
            found: found.clone(),
        };
        let endpoint = Endpoint::start(config, Arc::new(handler));
        let missed = Arc::new(Notify::new());
        let finder = Finder {
            endpoint: endpoint.clone(),
            missed: Arc::clone(&missed),
            domain: domain.to_owned(),
            fallback: account.vtn.clone(),
            found: tell,
            status,
            connected,
        };
        Self {
            endpoint,
            found,
            missed,
            finding: tokio::spawn(finder.run().in_current_span()),
        }
    }

    /// Sends a message; the reply, if there is one.
    ///
    /// # Errors
    /// What the failure means; what it is is in the log.
    pub(super) async fn send(
        &self,
        service: ServiceName,
        message: &Message,
    ) -> Result<Option<Decoded>, Failure> {
        let request = message.kind();
        let jid = where_is(self.found.clone(), service, request).await;
        let jid = jid.inspect_err(|failure| {
            if *failure == Failure::Refused {
                self.missed.notify_one();
            }
        })?;
        match self.endpoint.send(&jid, message).await {
            Ok(answer) => Ok(answer.reply),
            Err(error) => {
                if let SendError::Offline(_) = error {
                    self.missed.notify_one();
                }
                let text = error.to_string();
                let error_text = logging::cut(&text);
                if is_refusal(&error) {
                    tracing::warn!(
                        %request, error = error_text,
                        "no answer: the VTN refuses the VEN's account or signature, or the lack of one"
                    );
                } else {
                    tracing::warn!(%request, error = error_text, "no answer");
                }
                Err(failure(&error))
            }
        }
    }

    /// Ends the session.
    pub(super) async fn close(self) {
        self.finding.abort();
        self.endpoint.close().await;
    }
}

/// Whoever looks for the VTN holds the session, too: without this, that would outlive a host that ends
/// without closing.
impl Drop for XmppLink {
    fn drop(&mut self) {
        self.finding.abort();
    }
}

impl fmt::Debug for XmppLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XmppLink")
            .field("found", &*self.found.borrow())
            .finish_non_exhaustive()
    }
}

/// Where a service of the VTN is, once there is a session and the VTN has been found.
///
/// # Errors
/// There is no session, or the VTN has not been found in it: that may come. Or it has been found, and this
/// service is not there: nothing else may wait for that.
async fn where_is(
    mut found: watch::Receiver<Found>,
    service: ServiceName,
    request: MessageKind,
) -> Result<Jid, Failure> {
    let found = timeout(PATIENCE, found.wait_for(|found| found.is_up)).await;
    let Ok(Ok(found)) = found else {
        tracing::warn!(%request, "not sent: there is no XMPP session with the VTN");
        return Err(Failure::Unreachable);
    };
    let Some(jid) = found.service(service) else {
        tracing::warn!(
            %request,
            "not sent: the domain does not tell where the VTN's {service} is (--xmpp-vtn-jid names it)"
        );
        return Err(Failure::Refused);
    };
    Ok(jid.clone())
}

/// All services under one JID. There is none for polls (rule 507).
fn all_at(jid: Option<&Jid>) -> Vec<(ServiceName, Jid)> {
    let services = [
        ServiceName::EiRegisterParty,
        ServiceName::EiEvent,
        ServiceName::EiReport,
        ServiceName::EiOpt,
    ];
    let places = jid.into_iter().flat_map(|jid| {
        services
            .into_iter()
            .map(move |service| (service, jid.clone()))
    });
    places.collect()
}

/// Finds the VTN anew in each session, and where it is missed.
struct Finder {
    endpoint: Endpoint,
    missed: Arc<Notify>,
    domain: String,
    /// Where the VTN is where nobody tells.
    fallback: Option<Jid>,
    found: watch::Sender<Found>,
    status: watch::Sender<LinkStatus>,
    connected: Arc<Notify>,
}

impl Finder {
    async fn run(self) {
        let mut session = self.endpoint.status();
        loop {
            let now = session.borrow_and_update().clone();
            match now {
                Status::Up { jid } => {
                    // A session that has ended needs no answer.
                    tokio::select! {
                        biased;
                        changed = session.changed() => match changed {
                            Ok(()) => continue,
                            Err(_) => return,
                        },
                        () = self.keep_finding(jid) => {}
                    }
                }
                Status::Down { why } => self.down(why),
                Status::Closed => return self.down(None),
                _ => {}
            }
            if session.changed().await.is_err() {
                return;
            }
        }
    }

    /// For as long as there is the session. What was found counts until something else is.
    async fn keep_finding(&self, jid: Jid) {
        self.up(jid, self.find().await);
        loop {
            self.missed.notified().await;
            let services = self.find().await;
            let is_new = self.found.send_if_modified(|found| {
                let is_new = found.services != services;
                found.services = services;
                is_new
            });
            if is_new {
                self.connected.notify_one();
            }
            tokio::time::sleep(FIND_AGAIN).await;
        }
    }

    fn up(&self, jid: Jid, services: Vec<(ServiceName, Jid)>) {
        self.found.send_replace(Found {
            services,
            is_up: true,
        });
        self.status.send_replace(LinkStatus::Up { jid });
        self.connected.notify_one();
    }

    fn down(&self, why: Option<String>) {
        self.found.send_modify(|found| found.is_up = false);
        self.status.send_replace(LinkStatus::Down { why });
    }

    /// Asks until it is told, or takes the JID that was named.
    async fn find(&self) -> Vec<(ServiceName, Jid)> {
        let mut pause = ASK_AGAIN;
        loop {
            let why = match self.endpoint.discover(Some(&self.domain)).await {
                Ok(ServiceJids(services)) if !services.is_empty() => {
                    return self.completed(services);
                }
                Ok(_) => "it names no services".to_owned(),
                Err(error) => error.to_string(),
            };
            let (domain, why) = (&self.domain, logging::cut(&why));
            if let Some(vtn) = &self.fallback {
                tracing::info!(%domain, why, %vtn, "the domain does not tell where its VTN is: the JID that was named counts");
                return all_at(Some(vtn));
            }
            tracing::warn!(
                %domain, why,
                "the domain does not tell where its VTN is: asking again (--xmpp-vtn-jid names it)"
            );
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(ASK_AGAIN_AT_MOST);
        }
    }

    /// With what was named of the services that are missing.
    fn completed(&self, mut services: Vec<(ServiceName, Jid)>) -> Vec<(ServiceName, Jid)> {
        for (service, jid) in all_at(self.fallback.as_ref()) {
            if services.iter().all(|(known, _)| *known != service) {
                services.push((service, jid));
            }
        }
        let vtn = services.first().map(|(_, jid)| jid.account().to_string());
        tracing::info!(vtn, "found the VTN");
        services
    }
}

/// Takes what is pushed over XMPP.
struct PushHandler {
    reception: Arc<Reception>,
    found: watch::Receiver<Found>,
}

impl Handler for PushHandler {
    fn admits(&self, from: &Jid) -> bool {
        self.found.borrow().is_of(from.account())
    }

    fn unseal(&self, from: &Jid, document: Vec<u8>) -> Result<Unsealed, Forbidden> {
        let peer = Peer::Jid(from.clone());
        let unsealed = self.reception.unseal(&peer, Bytes::from(document));
        let unsealed = unsealed.map_err(|_| Forbidden)?;
        Ok(Unsealed {
            octets: unsealed.octets.into(),
            signature: unsealed.signature,
        })
    }

    fn seal(&self, _to: &Jid, message: &Message) -> Result<Vec<u8>, Arc<dyn Error + Send + Sync>> {
        match &self.reception.seal {
            Some(seal) => seal.seal(message).map_err(|error| error.0),
            None => Ok(encode(message)),
        }
    }

    async fn handle(&self, request: Request) -> Reply {
        let Request {
            from,
            message,
            drifts,
            ..
        } = request;
        match self.reception.answer(&from, message, &drifts).await {
            Said::Message(message) => Reply::Message(message),
            Said::Signed(message, document) => Reply::Signed { message, document },
            Said::Empty => Reply::Empty,
            Said::NotNow => Reply::Unavailable {
                retry_after: RETRY_AFTER,
            },
            Said::Failed => Reply::Failed,
        }
    }

    fn notice(&self, notice: Notice<'_>) {
        let _entered = self.reception.span.enter();
        match notice {
            Notice::Connected { jid } => tracing::info!(%jid, "logged in to the XMPP server"),
            Notice::Disconnected { error, again_in } if self.may_log(Subject::Connection) => {
                let text = error.to_string();
                tracing::warn!(error = logging::cut(&text), ?again_in, "no XMPP session");
            }
            Notice::LoginRefused { why, again_in } if self.may_log(Subject::Connection) => {
                tracing::warn!(
                    why = logging::cut(why),
                    ?again_in,
                    "the XMPP server does not let the VEN's account in"
                );
            }
            Notice::Replaced { again_in } if self.may_log(Subject::Connection) => {
                tracing::warn!(?again_in, "another session has taken the VEN's JID");
            }
            // Whoever refused it has said so.
            Notice::Refused {
                from: _,
                why: Refused::Forbidden,
            } => {}
            Notice::Refused { from, why } if self.may_log(Subject::Request) => {
                let why = why.to_string();
                let (from, why) = (logging::cut(from), logging::cut(&why));
                tracing::info!(from, why, "stanza refused");
            }
            // Those for which there are too many lines, and what is new.
            Notice::Disconnected { .. }
            | Notice::LoginRefused { .. }
            | Notice::Replaced { .. }
            | Notice::Refused { .. }
            | _ => {}
        }
    }
}

impl PushHandler {
    fn may_log(&self, subject: Subject) -> bool {
        self.reception.may_log(subject)
    }
}

/// Whether the VTN refuses the VEN, and not what it says (rule 517).
fn is_refusal(error: &SendError) -> bool {
    matches!(error, SendError::Stanza { condition, .. } if condition == "forbidden")
}

/// What a failure means for the machine.
fn failure(error: &SendError) -> Failure {
    match error {
        // What does not count has not come: what was said is said again, and nothing is dropped.
        SendError::NotConnected
        | SendError::Offline(_)
        | SendError::TimedOut { .. }
        | SendError::Forbidden
        | SendError::Unsigned(_) => Failure::Unreachable,
        SendError::Stanza {
            condition, kind, ..
        } => refused(condition, kind),
        // What is sent again is answered at the same length again.
        SendError::TooLong { .. } | SendError::AnswerTooLong { .. } => Failure::Refused,
        SendError::Undecodable(_) | _ => Failure::Broken,
    }
}

/// What a stanza error means (spec §5.5).
fn refused(condition: &str, kind: &str) -> Failure {
    match condition {
        // Rule 517: the VEN is refused and not what it says. Nothing is dropped over that.
        "forbidden" | "not-authorized" | "not-allowed" | "registration-required" => {
            Failure::Unreachable
        }
        "service-unavailable"
        | "recipient-unavailable"
        | "remote-server-not-found"
        | "remote-server-timeout"
        | "item-not-found"
        | "gone" => Failure::Unreachable,
        "resource-constraint" => Failure::Busy { retry_after: None },
        "internal-server-error" | "undefined-condition" => Failure::Broken,
        _ if kind == "wait" => Failure::Busy { retry_after: None },
        _ => Failure::Refused,
    }
}

#[cfg(test)]
mod tests;
