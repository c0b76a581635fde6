//! Whether the VTN works: its store answers.
//!
//! Knows nothing of single VENs or events.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::problem::Problem;
use crate::clock;
use crate::vtn::Host;

#[derive(Debug, Serialize)]
pub(super) struct Health {
    status: &'static str,
    version: &'static str,
    vtn_id: String,
    vens: usize,
    events: usize,
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
    }))
}
