//! Whether the VTN works: its store answers. That there is no session with the XMPP server is said, too:
//! the VTN works without.
//!
//! Knows nothing of single VENs or events.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::problem::Problem;
use crate::clock;
use crate::vtn::{Host, Session};

#[derive(Debug, Serialize)]
pub(super) struct Health {
    status: &'static str,
    version: &'static str,
    vtn_id: String,
    vens: usize,
    events: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    xmpp: Option<XmppView>,
}

/// The session with the XMPP server.
#[derive(Debug, Serialize)]
struct XmppView {
    jid: String,
    is_up: bool,
    /// Why it is not, if it was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

pub(super) async fn health(State(host): State<Arc<Host>>) -> Result<Json<Health>, Problem> {
    // Says an error if the disk has gone.
    host.store.meta("vtn_id").await?;
    Ok(Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        vtn_id: host.settings().vtn_id.to_string(),
        vens: host.registry.all().len(),
        events: host.campaigns.current().open_at(clock::now()),
        xmpp: host.xmpp().map(|session| XmppView::new(&session)),
    }))
}

impl XmppView {
    fn new(session: &Session) -> Self {
        Self {
            jid: session.jid.to_string(),
            is_up: session.is_up(),
            why: session.why_down(),
        }
    }
}
