//! XMPP beside HTTP: one session through which VENs are served and pushed to.
//!
//! Knows nothing of decisions. The session is tried for as long as the VTN runs: that there is none is
//! said, and is no reason to stop.

mod config;
mod figures;
mod handler;
#[cfg(test)]
mod handler_tests;
mod push;
mod waiting;

use std::sync::Arc;

use oadr_core::Jid;
use oadr_http::tls::TlsClient;
use oadr_sign::Certificate;
use oadr_xmpp::{Endpoint, Login, Role, Status};

pub use self::config::{XmppConfig, XmppError};
use self::figures::Figures;
use self::handler::XmppHandler;
pub(super) use self::push::XmppPush;
use super::Config;
use super::host::Host;
use super::reception::Reception;
use crate::metrics::{Measured, Requests};

/// A session before it is started.
#[derive(Debug)]
pub(super) struct Prepared(oadr_xmpp::Config);

/// The session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) jid: Jid,
    endpoint: Endpoint,
    pub(crate) figures: Arc<Figures>,
}

impl Prepared {
    /// What the configuration comes to; `tls` is what the session is encrypted with, and `own` what it
    /// shows.
    ///
    /// # Errors
    /// See [`XmppError`].
    pub(super) fn open(
        config: &Config,
        tls: Option<TlsClient>,
        own: Option<&Certificate>,
    ) -> Result<Option<Self>, XmppError> {
        let Some(xmpp) = &config.xmpp else {
            return Ok(None);
        };
        let login = xmpp.login(config)?;
        let called = own.and_then(Certificate::common_name);
        let account = xmpp.jid.account().local();
        if let (Login::Certificate, Some(called)) = (&login, called)
            && !called.eq_ignore_ascii_case(account)
        {
            tracing::warn!(
                called,
                account,
                "the CN of the VTN's certificate is not the name of its XMPP account: the server will hardly let it in"
            );
        }
        let mut prepared = oadr_xmpp::Config::new(xmpp.jid.clone(), login, Role::Vtn);
        if let Some(server) = &xmpp.server {
            prepared.server.clone_from(server);
        }
        prepared.tls = match tls {
            // Asked anew with each connection: the files may have changed.
            Some(tls) => Some(Arc::new(move || tls.config())),
            None if xmpp.insecure_plain => None,
            None => return Err(XmppError::NoCa),
        };
        Ok(Some(Self(prepared)))
    }

    /// Starts the session in the background.
    pub(super) fn start(self, host: &Arc<Host>, requests: Arc<Requests>) -> Session {
        let jid = self.0.jid.clone();
        let figures = Arc::new(Figures::default());
        let reception = Reception::new(Arc::clone(host));
        let handler = XmppHandler::new(reception, jid.account().clone(), Arc::clone(&figures));
        let handler = Arc::new(Measured::new(handler, requests));
        Session {
            endpoint: Endpoint::start(self.0, handler),
            jid,
            figures,
        }
    }
}

impl Session {
    /// Whether it is there.
    pub(crate) fn is_up(&self) -> bool {
        matches!(*self.endpoint.status().borrow(), Status::Up { .. })
    }

    /// Why it is not, if it was tried.
    pub(crate) fn why_down(&self) -> Option<String> {
        match &*self.endpoint.status().borrow() {
            Status::Down { why } => why.clone(),
            Status::Up { .. } | Status::Closed | _ => None,
        }
    }

    /// What pushes through it.
    pub(super) fn pushes(&self) -> XmppPush {
        XmppPush(self.endpoint.clone())
    }

    /// Says that the VTN is unavailable, and ends it.
    pub(super) async fn close(&self) {
        self.endpoint.close().await;
    }
}
