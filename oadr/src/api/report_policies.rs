//! `/api/v1/report-policies`: which reports are requested of every VEN that offers them.
//!
//! Knows nothing of what is on offer, nor of when policies are applied.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use oadr_core::value::Text;
use oadr_core::vtn::ReportPolicy;
use serde::Serialize;

use super::body::{self, read_as};
use super::problem::Problem;
use super::vens::segment;
use super::{Caller, to_the_end};
use crate::json::ReportPolicyForm;
use crate::vtn::{Host, PolicyFailure};

#[derive(Debug, Serialize)]
pub(super) struct List {
    report_policies: Vec<PolicyView>,
}

/// A policy.
#[derive(Debug, Serialize)]
pub(super) struct PolicyView {
    name: Text,
    origin: Origin,
    #[serde(flatten)]
    form: ReportPolicyForm,
}

/// Where a policy is from, and changed.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Origin {
    Settings,
    Api,
}

pub(super) async fn list(State(host): State<Arc<Host>>) -> Json<List> {
    Json(List {
        report_policies: all(&host).await,
    })
}

pub(super) async fn show(
    State(host): State<Arc<Host>>,
    Path(name): Path<String>,
) -> Result<Json<PolicyView>, Problem> {
    let mut all = all(&host).await.into_iter();
    let found = all.find(|policy| policy.name.as_str() == name);
    let unknown = || PolicyFailure::Unknown(crate::logging::cut(&name).to_owned());
    Ok(Json(found.ok_or_else(unknown)?))
}

pub(super) async fn put(
    State(host): State<Arc<Host>>,
    caller: Caller,
    Path(name): Path<String>,
    body::Json(body): body::Json,
) -> Result<Response, Problem> {
    let detail = body.to_string();
    let form: ReportPolicyForm = read_as(body)?;
    let name = Text::new(&name).map_err(|error| Problem::invalid("name", error.to_string()))?;
    let policy = form.into_policy(name.clone());
    let audit = caller.audit("set_report_policy", name.as_str(), Some(detail));
    let view = PolicyView::new(&policy, Origin::Api);
    let is_new =
        to_the_end(async move { Ok(host.set_report_policy(policy, audit).await?) }).await?;
    if !is_new {
        return Ok(Json(view).into_response());
    }
    let place = format!("/api/v1/report-policies/{}", segment(name.as_str()));
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(view)).into_response())
}

pub(super) async fn remove(
    State(host): State<Arc<Host>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let audit = caller.audit("remove_report_policy", &name, None);
    to_the_end(async move { Ok(host.remove_report_policy(&name, audit).await?) }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn all(host: &Host) -> Vec<PolicyView> {
    let (settings, made) = host.report_policies.all().await;
    let settings = settings
        .iter()
        .map(|policy| PolicyView::new(policy, Origin::Settings));
    let made = made
        .iter()
        .map(|policy| PolicyView::new(policy, Origin::Api));
    settings.chain(made).collect()
}

impl PolicyView {
    fn new(policy: &ReportPolicy, origin: Origin) -> Self {
        Self {
            name: policy.name.clone(),
            origin,
            form: policy.into(),
        }
    }
}

impl From<PolicyFailure> for Problem {
    fn from(failure: PolicyFailure) -> Self {
        match failure {
            PolicyFailure::Invalid(error) => Self::invalid(error.field, error.fault.to_string()),
            PolicyFailure::OfSettings(_) => Self::conflict(failure.to_string()),
            PolicyFailure::Unknown(_) => Self::not_found(failure.to_string()),
            PolicyFailure::Store(error) => error.into(),
        }
    }
}
