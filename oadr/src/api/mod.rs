//! The operator API: events, VENs, report policies and readings as JSON over HTTP.
//!
//! Knows nothing of OpenADR's messages. Errors are RFC 9457 problem details that name the field.

mod body;
mod dead_letters;
mod events;
mod groups;
mod guard;
mod health;
mod metrics;
mod opts;
mod problem;
mod readings;
mod report_policies;
mod report_views;
mod reports;
mod security;
mod serve;
pub(crate) mod token;
mod unblocked;
mod vens;
mod views;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::routing::{get, post};

use crate::clock;
use crate::store::Audit;
pub(crate) use guard::Gate;
pub(crate) use metrics::Metrics;
use problem::Problem;
pub(crate) use serve::{Bounds, serve};
pub(crate) use vens::segment;

/// The header in which a client says on whose behalf it calls, for the audit.
pub(crate) const USER_HEADER: &str = "x-oadr-user";

/// The longest name in [`USER_HEADER`], in bytes.
const LONGEST_USER: usize = 100;

/// The API of this VTN, for those whom the gate lets in.
pub(crate) fn router(metrics: Metrics, gate: Gate) -> Router {
    let host = Arc::clone(&metrics.host);
    Router::new()
        .route("/api/v1/health", get(health::health))
        .route("/api/v1/events", get(events::list).post(events::create))
        .route(
            "/api/v1/events/{id}",
            get(events::show)
                .patch(events::modify)
                .delete(events::cancel),
        )
        .route("/api/v1/events/{id}/opts", get(opts::of_event))
        .route("/api/v1/vens", get(vens::list).post(vens::enrol))
        .route(
            "/api/v1/vens/{id}",
            get(vens::show).patch(vens::modify).delete(vens::remove),
        )
        .route("/api/v1/vens/{id}/opts", get(opts::of_ven))
        .route("/api/v1/vens/{id}/reregister", post(vens::reregister))
        .route("/api/v1/vens/{id}/reports", get(reports::of_ven))
        .route(
            "/api/v1/vens/{id}/metadata-request",
            post(reports::ask_for_metadata),
        )
        .route("/api/v1/dead-letters", get(dead_letters::list))
        .route(
            "/api/v1/vens/{id}/dead-letters/retry",
            post(dead_letters::retry_all),
        )
        .route(
            "/api/v1/vens/{id}/dead-letters/{letter}/retry",
            post(dead_letters::retry),
        )
        .route("/api/v1/groups", get(groups::list))
        .route("/api/v1/certificates", get(security::certificates))
        .route("/api/v1/refusals", get(security::refusals))
        .route("/api/v1/readings", get(readings::list))
        .route(
            "/api/v1/report-requests",
            get(reports::list).post(reports::create),
        )
        .route(
            "/api/v1/report-requests/{id}",
            get(reports::show).delete(reports::cancel),
        )
        .route("/api/v1/report-policies", get(report_policies::list))
        .route(
            "/api/v1/report-policies/{name}",
            get(report_policies::show)
                .put(report_policies::put)
                .delete(report_policies::remove),
        )
        .merge(metrics::router(metrics))
        .fallback(async || Problem::not_found("there is nothing at this path"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        // For metrics too: who may read them is decided there and nowhere else.
        .layer(axum::middleware::from_fn_with_state(
            Arc::new(gate),
            guard::guard,
        ))
        .with_state(host)
}

/// Does work to its end although the client may go away half-way, which drops its handler: what is on
/// the disk must also come to be known in memory.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|error| Err(Problem::failed(&error)))
}

/// Who calls, for the audit.
#[derive(Debug)]
pub(crate) struct Caller(String);

impl Caller {
    fn audit(&self, what: &'static str, subject: &str, detail: Option<String>) -> Audit {
        Audit {
            at: clock::now(),
            who: self.0.clone(),
            what,
            subject: subject.to_owned(),
            detail,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let address = address.map_or_else(|| "unknown".to_owned(), |c| c.0.ip().to_string());
        let user = parts.headers.get(USER_HEADER);
        let user = user
            .and_then(|value| value.to_str().ok())
            .filter(|user| !user.is_empty() && user.len() <= LONGEST_USER);
        Ok(Self(match user {
            Some(user) => format!("{user} at {address}"),
            None => address,
        }))
    }
}
