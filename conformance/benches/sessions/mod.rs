//! Many VENs over XMPP: a session of each at one server.
//!
//! Knows nothing of what is measured.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use conformance::authority::{Authority, Issued};
use conformance::prosody;
use oadr_core::Jid;
use oadr_core::value::{TransportName, VenId};
use oadr_xmpp::{Config, Endpoint, Handler, Login, Reply, Request, Role, Status};
use tokio::task::JoinSet;

use crate::arrivals::{Arrivals, Outcome, registration, require_success};
use crate::listeners::client_config;

/// How many log in at the same time.
const AT_ONCE: usize = 16;

/// One of the VENs.
struct Ven {
    number: usize,
    id: VenId,
    vtn: Jid,
    endpoint: OnceLock<Endpoint>,
    arrivals: Arc<Arrivals>,
}

impl Handler for Ven {
    fn admits(&self, from: &Jid) -> bool {
        from.account() == self.vtn.account()
    }

    async fn handle(&self, request: Request) -> Reply {
        let said = self.arrivals.came(self.number, &self.id, request.message);
        if let (Some(later), Some(endpoint)) = (said.later, self.endpoint.get()) {
            let (endpoint, vtn, number) = (endpoint.clone(), self.vtn.clone(), self.number);
            let arrivals = Arc::clone(&self.arrivals);
            tokio::spawn(async move {
                let reply = endpoint.send(&vtn, &later).await;
                arrivals.replied(number, reply.map(drop).map_err(Into::into));
            });
        }
        match said.reply {
            Some(reply) => Reply::Message(Box::new(reply)),
            None => Reply::Empty,
        }
    }
}

/// Logs a VEN in for each of these names and certificates, and registers it; they stay for as long as
/// what is returned.
pub(crate) async fn start(
    vens: &[(String, Issued)],
    server: SocketAddr,
    authority: &Authority,
    arrivals: &Arc<Arrivals>,
) -> Outcome<Vec<Endpoint>> {
    let vtn: Jid = prosody::VTN.parse()?;
    let mut starting = JoinSet::new();
    let mut endpoints = Vec::new();
    for (number, (name, issued)) in vens.iter().enumerate() {
        let jid: Jid = prosody::jid(name, "client").parse()?;
        let tls = client_config(issued, authority)?;
        let mut config = Config::new(jid.clone(), Login::Certificate, Role::Ven);
        config.server = (server.ip().to_string(), server.port());
        config.tls = Some(Arc::new(move || Arc::clone(&tls)));
        let ven = Arc::new(Ven {
            number,
            id: VenId::new(name)?,
            vtn: vtn.clone(),
            endpoint: OnceLock::new(),
            arrivals: Arc::clone(arrivals),
        });
        let register = registration(name, TransportName::Xmpp, &jid.to_string())?;
        if starting.len() >= AT_ONCE
            && let Some(started) = starting.join_next().await
        {
            endpoints.push(started??);
        }
        starting.spawn(async move {
            let endpoint = Endpoint::start(config, Arc::clone(&ven));
            let mut status = endpoint.status();
            status
                .wait_for(|status| matches!(status, Status::Up { .. }))
                .await?;
            let _ = ven.endpoint.set(endpoint.clone());
            let answer = endpoint.send(&ven.vtn, &register).await?;
            require_success(answer.reply.as_ref().map(|reply| &reply.message))?;
            Outcome::Ok(endpoint)
        });
    }
    while let Some(started) = starting.join_next().await {
        endpoints.push(started??);
    }
    Ok(endpoints)
}
