//! Between `oadr-xmpp` and the reception: requests in, replies out, and what the session tells.
//!
//! Knows nothing of decisions, nor of stanzas.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use oadr_core::codec::encode;
use oadr_core::payload::Message;
use oadr_core::vtn::{Admission, Claim};
use oadr_core::{BareJid, Jid, Peer};
use oadr_xmpp::{Forbidden, Handler, Notice, Refused, Reply, Request, Unsealed};

use super::figures::Figures;
use super::waiting::push_what_waits;
use crate::clock;
use crate::log_ration::Subject;
use crate::logging::cut;
use crate::vtn::reception::{Arrived, Outcome, Reception};
use crate::vtn::registry::Slot;

/// Serves VENs over XMPP.
#[derive(Debug)]
pub(crate) struct XmppHandler {
    reception: Reception,
    /// Our own.
    account: BareJid,
    figures: Arc<Figures>,
}

impl XmppHandler {
    pub(super) fn new(reception: Reception, account: BareJid, figures: Arc<Figures>) -> Self {
        Self {
            reception,
            account,
            figures,
        }
    }

    /// The VEN that has this account.
    fn holder(&self, account: &BareJid) -> Option<Arc<Slot>> {
        let registry = &self.reception.host().registry;
        registry.find(&[Claim::Jid(account.clone())])
    }

    fn is_down(&self, why: &str, again_in: Duration) {
        // Often at first, then ever more rarely: the session is tried again for as long as it takes.
        let failures = self.figures.failed();
        if failures.is_power_of_two() {
            tracing::warn!(
                failures,
                why = cut(why),
                ?again_in,
                "no session with the XMPP server"
            );
        }
    }
}

impl Handler for XmppHandler {
    fn admits(&self, from: &Jid) -> bool {
        let account = from.account();
        if *account == self.account {
            return false;
        }
        let may_come = match self.reception.host().settings().admission {
            // Whoever our server let in; another server's word is worth nothing.
            Admission::Open | Admission::Ask => account.domain() == self.account.domain(),
            Admission::Enrolled => false,
        };
        may_come || self.holder(account).is_some()
    }

    fn unseal(&self, from: &Jid, document: Vec<u8>) -> Result<Unsealed, Forbidden> {
        let peer = Peer::Jid(from.clone());
        let unsealed = self.reception.unseal(&peer, None, document.into());
        let unsealed = unsealed.map_err(|_| Forbidden)?;
        Ok(Unsealed {
            octets: unsealed.octets.into(),
            signature: unsealed.signature,
        })
    }

    fn seal(&self, to: &Jid, message: &Message) -> Result<Vec<u8>, Arc<dyn Error + Send + Sync>> {
        let Some(ven) = self.holder(to.account()) else {
            return Ok(encode(message));
        };
        let trust = &self.reception.host().trust;
        let sealed = trust
            .signatures
            .seal_push(&trust.peers, &ven, message, clock::now());
        sealed.map_err(|error| Arc::new(error) as _)
    }

    async fn handle(&self, request: Request) -> Reply {
        let outcome = self.reception.receive(Arrived {
            peer: Peer::Jid(request.from),
            address: None,
            profile: request.profile,
            message: request.message,
            signature: request.signature,
            drifts: request.drifts,
        });
        match outcome.await {
            Outcome::Message(message) => Reply::Message(message),
            Outcome::Signed { message, document } => Reply::Signed { message, document },
            Outcome::Empty => Reply::Empty,
            Outcome::Forbidden => Reply::Forbidden,
            Outcome::Unavailable { retry_after } => Reply::Unavailable { retry_after },
            Outcome::Failed => Reply::Failed,
        }
    }

    fn notice(&self, notice: Notice<'_>) {
        match notice {
            Notice::Connected { jid } => {
                self.figures.connected();
                tracing::info!(%jid, "there is a session with the XMPP server");
                // What could not be pushed without it.
                tokio::spawn(push_what_waits(Arc::clone(self.reception.host())));
            }
            Notice::Disconnected { error, again_in } => {
                self.is_down(&error.to_string(), again_in);
            }
            Notice::LoginRefused { why, again_in } => {
                self.is_down(&format!("the login was refused: {why}"), again_in);
            }
            Notice::Replaced { again_in } => {
                self.figures.failed();
                tracing::warn!(
                    ?again_in,
                    "another session has taken the VTN's JID: does another VTN use it?"
                );
            }
            Notice::Refused { from, why } => {
                self.figures.refused(why);
                self.refused(from, why);
            }
            // What is new.
            _ => {}
        }
    }
}

impl XmppHandler {
    fn refused(&self, from: &str, why: &Refused) {
        match (why, from.parse::<Jid>()) {
            // Whoever refused it has said so.
            (Refused::Forbidden, _) => {}
            (Refused::Stranger, Ok(jid)) => {
                let peer = Peer::Jid(jid);
                self.reception.refuser(&peer, None).stranger(clock::now());
            }
            _ if self.reception.may_log(Subject::Request) => {
                let why = why.to_string();
                tracing::info!(jid = cut(from), why = cut(&why), "stanza refused");
            }
            _ => {}
        }
    }
}
