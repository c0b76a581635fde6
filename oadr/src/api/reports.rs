//! `/api/v1/report-requests`, and what single VENs offer to report.
//!
//! Knows nothing of how a request reaches a VEN, nor of the data that come of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use oadr_core::payload::{Report, ReportDescription};
use oadr_core::value::{
    DateTime, Duration, RId, ReportName, ReportRequestId, ReportSpecifierId, ResourceId, Text,
};
use oadr_core::vtn::{self, Member, ReportProgress, WantedReport};
use serde::{Deserialize, Serialize};

use super::body::{self, read_as};
use super::problem::Problem;
use super::report_views::{ReportsView, RequestView};
use super::vens::{find, segment, unknown};
use super::{Caller, to_the_end};
use crate::store::Audit;
use crate::vtn::{Host, Slot};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Selection {
    ven: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct List {
    report_requests: Vec<RequestView>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cancellation {
    #[serde(default)]
    report_to_follow: bool,
}

/// A report that an operator wants of a VEN: by its specifier, or by what it is about.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRequest {
    ven: String,
    report_request_id: Option<ReportRequestId>,
    report_specifier_id: Option<ReportSpecifierId>,
    report_name: Option<ReportName>,
    measurement: Option<Text>,
    resource: Option<ResourceId>,
    #[serde(default)]
    r_ids: Vec<RId>,
    granularity: Duration,
    report_back: Option<Duration>,
    dtstart: Option<DateTime>,
    duration: Option<Duration>,
}

/// What a VEN offers, and what is requested of it.
pub(super) async fn of_ven(
    State(host): State<Arc<Host>>,
    Path(id): Path<String>,
) -> Result<Json<ReportsView>, Problem> {
    let ven = find(&host, &id)?.current().ok_or_else(|| unknown(&id))?;
    Ok(Json(ReportsView::new(&ven.state)))
}

pub(super) async fn list(
    State(host): State<Arc<Host>>,
    selection: Result<Query<Selection>, QueryRejection>,
) -> Result<Json<List>, Problem> {
    let Query(selection) = selection.map_err(|error| Problem::malformed(error.body_text()))?;
    let slots = match &selection.ven {
        Some(ven) => vec![find(&host, ven)?],
        None => host.registry.all(),
    };
    let vens = slots.iter().filter_map(|slot| slot.current());
    Ok(Json(List {
        report_requests: vens
            .flat_map(|ven| RequestView::all(&ven.state).collect::<Vec<_>>())
            .collect(),
    }))
}

pub(super) async fn show(
    State(host): State<Arc<Host>>,
    Path(id): Path<String>,
) -> Result<Json<RequestView>, Problem> {
    let (slot, id) = find_request(&host, &id)?;
    view(&slot, &id).map(Json).ok_or_else(|| no_request(&id))
}

pub(super) async fn create(
    State(host): State<Arc<Host>>,
    caller: Caller,
    body::Json(body): body::Json,
) -> Result<Response, Problem> {
    let detail = body.to_string();
    let new: NewRequest = read_as(body)?;
    let slot =
        find(&host, &new.ven).map_err(|_| Problem::invalid("ven", "no VEN has this ID or name"))?;
    let chosen = new.report_request_id.clone();
    if chosen.as_ref().is_some_and(|id| id.is_empty()) {
        return Err(Problem::invalid("report_request_id", "must not be empty"));
    }
    let known = chosen.as_ref().and_then(|id| host.report_request(id));
    if let Some((other, _)) = &known
        && other.key != slot.key
    {
        let another = "another VEN has a report request of this ID";
        return Err(Problem::conflict(another));
    }
    let ven = slot.current().ok_or_else(|| unknown(&new.ven))?;
    let audit = caller.audit("request_report", &new.ven, Some(detail));
    let wanted = new.wanted(&ven.state)?;
    let id = request(&host, &slot, chosen, wanted, audit).await?;
    let view = view(&slot, &id).ok_or_else(|| no_request(&id))?;
    if known.is_some() {
        return Ok(Json(view).into_response());
    }
    let place = format!("/api/v1/report-requests/{}", segment(id.as_str()));
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(view)).into_response())
}

pub(super) async fn cancel(
    State(host): State<Arc<Host>>,
    caller: Caller,
    Path(id): Path<String>,
    how: Result<Query<Cancellation>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(how) = how.map_err(|error| Problem::malformed(error.body_text()))?;
    let (slot, id) = find_request(&host, &id)?;
    let audit = caller.audit("cancel_report", id.as_str(), None);
    let (cancelled, of) = (id.clone(), Arc::clone(&slot));
    to_the_end(async move {
        let to_follow = how.report_to_follow;
        Ok(host.cancel_report(of, cancelled, to_follow, audit).await?)
    })
    .await?;
    Ok(match view(&slot, &id) {
        // The VEN is told at its next poll or by a push.
        Some(view) if !view.is_over() => (StatusCode::ACCEPTED, Json(view)).into_response(),
        Some(_) | None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// Asks a VEN for what it offers (rule 327), unless it is about to hear that already. One that has heard
/// and says nothing can be asked again.
pub(super) async fn ask_for_metadata(
    State(host): State<Arc<Host>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let slot = find(&host, &id)?;
    let ven = slot.current().ok_or_else(|| unknown(&id))?;
    let mut requests = ven.state.report_requests();
    let asked = requests.find(|request| {
        let is_under_way = match request.progress {
            ReportProgress::Unoffered
            | ReportProgress::Waiting { .. }
            | ReportProgress::Sent { .. } => true,
            ReportProgress::Accepted
            | ReportProgress::Refused { .. }
            | ReportProgress::Cancelling(_)
            | ReportProgress::Over { .. } => false,
        };
        is_under_way && request.wanted.is_metadata() && request.wanted.is_once()
    });
    let request_id = match asked {
        Some(request) => request.report_request_id.clone(),
        None => {
            let audit = caller.audit("request_metadata", &id, None);
            let wanted = WantedReport {
                report_specifier_id: ReportSpecifierId::metadata(),
                r_ids: Vec::new(),
                granularity: Duration::ZERO,
                report_back: Duration::ZERO,
                start: None,
                duration: Duration::ZERO,
            };
            request(&host, &slot, None, wanted, audit).await?
        }
    };
    let view = view(&slot, &request_id).ok_or_else(|| no_request(&request_id))?;
    Ok((StatusCode::ACCEPTED, Json(view)).into_response())
}

async fn request(
    host: &Arc<Host>,
    slot: &Arc<Slot>,
    chosen: Option<ReportRequestId>,
    wanted: WantedReport,
    audit: Audit,
) -> Result<ReportRequestId, Problem> {
    let (host, slot) = (Arc::clone(host), Arc::clone(slot));
    to_the_end(async move { Ok(host.request_report(slot, chosen, wanted, audit).await?) }).await
}

impl NewRequest {
    /// What is wanted of what this VEN offers.
    fn wanted(self, ven: &vtn::State) -> Result<WantedReport, Problem> {
        let mut wanted = WantedReport {
            report_specifier_id: ReportSpecifierId::default(),
            r_ids: Vec::new(),
            granularity: self.granularity,
            report_back: self.report_back.unwrap_or(self.granularity),
            start: self.dtstart,
            duration: self.duration.unwrap_or(Duration::ZERO),
        };
        for (field, duration) in [
            ("granularity", wanted.granularity),
            ("report_back", wanted.report_back),
            ("duration", wanted.duration),
        ] {
            if duration.is_negative() {
                return Err(Problem::invalid(field, "must not be negative"));
            }
        }
        let by_content =
            self.report_name.is_some() || self.measurement.is_some() || self.resource.is_some();
        wanted.report_specifier_id = match &self.report_specifier_id {
            Some(id) if by_content => {
                let both = format!("says which report already: it is {id}");
                let field = "report_name, measurement and resource";
                return Err(Problem::invalid(
                    "report_specifier_id",
                    format!("{both}; {field} do so without it"),
                ));
            }
            Some(id) => {
                wanted.r_ids = self.r_ids;
                id.clone()
            }
            None if by_content => {
                let (id, r_ids) = self.found(ven)?;
                wanted.r_ids = r_ids;
                id
            }
            None => {
                let needed = "which report? Its ID, or report_name, measurement or resource";
                return Err(Problem::invalid("report_specifier_id", needed));
            }
        };
        Ok(wanted)
    }

    /// The one report that has such data points, and these.
    fn found(&self, ven: &vtn::State) -> Result<(ReportSpecifierId, Vec<RId>), Problem> {
        let member = ven.member();
        let is_of_name = |offer: &&Report| {
            let name = offer.report_name.as_ref().map(ReportName::of_data);
            self.report_name.is_none() || self.report_name == name
        };
        let mut found: Vec<(ReportSpecifierId, Vec<RId>)> = Vec::new();
        for offer in ven.offers().iter().filter(is_of_name) {
            let points = offer
                .descriptions
                .iter()
                .filter(|point| self.is_about(point, &member));
            let r_ids: Vec<_> = points.map(|point| point.r_id.clone()).collect();
            if !r_ids.is_empty() {
                found.push((offer.report_specifier_id.clone(), r_ids));
            }
        }
        let field = match (&self.report_name, &self.measurement) {
            (Some(_), _) => "report_name",
            (None, Some(_)) => "measurement",
            (None, None) => "resource",
        };
        match <[_; 1]>::try_from(found) {
            Ok([found]) => Ok(found),
            Err(none) if none.is_empty() => {
                Err(Problem::invalid(field, "the VEN offers no such report"))
            }
            Err(several) => {
                let ids: Vec<_> = several.iter().map(|(id, _)| id.as_str()).collect();
                let ids = ids.join(", ");
                let ids = crate::logging::cut(&ids);
                let which = format!(
                    "several reports fit: say which with report_specifier_id, out of {ids}"
                );
                Err(Problem::invalid(field, which))
            }
        }
    }

    fn is_about(&self, point: &ReportDescription, member: &Member) -> bool {
        let is_measured = self
            .measurement
            .as_ref()
            .is_none_or(|measurement| point.measurement() == Some(measurement.as_str()));
        let is_there = self
            .resource
            .as_ref()
            .is_none_or(|resource| member.point_is_about(point, resource));
        is_measured && is_there && (self.r_ids.is_empty() || self.r_ids.contains(&point.r_id))
    }
}

fn view(slot: &Slot, id: &ReportRequestId) -> Option<RequestView> {
    let ven = slot.current()?;
    let request = ven.state.report_request(id)?;
    Some(RequestView::new(&ven.state, request))
}

fn find_request(host: &Host, id: &str) -> Result<(Arc<Slot>, ReportRequestId), Problem> {
    let id = ReportRequestId::new(id).map_err(|_| no_request(id))?;
    let (slot, _) = host.report_request(&id).ok_or_else(|| no_request(&id))?;
    Ok((slot, id))
}

fn no_request(id: impl AsRef<str>) -> Problem {
    let id = crate::logging::cut(id.as_ref());
    Problem::not_found(format!("there is no report request with the ID {id}"))
}
