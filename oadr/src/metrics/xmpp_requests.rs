//! The requests of VENs over XMPP, counted like those over HTTP.
//!
//! Knows nothing of how they are answered: it stands before the handler that does.

use std::error::Error;
use std::sync::Arc;

use oadr_core::Jid;
use oadr_core::payload::Message;
use oadr_core::value::ServiceName;
use oadr_xmpp::{Forbidden, Handler, Notice, Reply, Request, Unsealed};

use super::Measured;
use super::requests::{FAILED, FORBIDDEN, OK, UNAVAILABLE, result_of};

impl<H: Handler> Handler for Measured<H> {
    fn admits(&self, from: &Jid) -> bool {
        self.handler.admits(from)
    }

    fn unseal(&self, from: &Jid, document: Vec<u8>) -> Result<Unsealed, Forbidden> {
        self.handler.unseal(from, document)
    }

    fn seal(&self, to: &Jid, message: &Message) -> Result<Vec<u8>, Arc<dyn Error + Send + Sync>> {
        self.handler.seal(to, message)
    }

    async fn handle(&self, request: Request) -> Reply {
        let kind = request.message.kind();
        // One JID has all services; the one message of no service of its own is about registering.
        let service = kind.service().unwrap_or(ServiceName::EiRegisterParty);
        let begun = self.requests.begin(service);
        let reply = self.handler.handle(request).await;
        let took = begun.map(|begun| begun.elapsed());
        self.requests.answered(service, kind, result(&reply), took);
        reply
    }

    fn notice(&self, notice: Notice<'_>) {
        self.handler.notice(notice);
    }
}

fn result(reply: &Reply) -> usize {
    match reply {
        Reply::Message(message) | Reply::Signed { message, .. } => result_of(message),
        Reply::Empty => OK,
        Reply::Forbidden => FORBIDDEN,
        Reply::Failed => FAILED,
        Reply::Unavailable { .. } => UNAVAILABLE,
    }
}
