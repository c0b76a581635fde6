//! `/api/v1/events`.
//!
//! Knows nothing of how an event reaches a VEN.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use oadr_core::value::{EventId, EventStatus, Text};
use oadr_core::vtn::{Audience, Campaign, EventBody};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::body::{self, read_as, read_member};
use super::opts;
use super::problem::Problem;
use super::vens::segment;
use super::views::{DeliveryView, EventView};
use super::{Caller, to_the_end};
use crate::clock;
use crate::json::EventForm;
use crate::sqlite::StoreError;
use crate::store::{FirstAnswer, Key, Place};
use crate::vtn::Host;

/// How many events a list has if nothing else is asked for, and at most.
const PAGE: u32 = 1_000;
const LONGEST_PAGE: u32 = 10_000;

/// How many events are read at a time while looking for those of a status.
const BATCH: u32 = 500;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Selection {
    status: Option<EventStatus>,
    limit: Option<u32>,
    /// From the list before: go on after it.
    after: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(super) struct List {
    events: Vec<EventView>,
    /// For `after`, if there is more.
    next: Option<i64>,
}

pub(super) async fn list(
    State(host): State<Arc<Host>>,
    selection: Result<Query<Selection>, QueryRejection>,
) -> Result<Json<List>, Problem> {
    let Query(selection) = selection.map_err(|error| Problem::malformed(error.body_text()))?;
    let limit = selection.limit.unwrap_or(PAGE);
    if limit == 0 || limit > LONGEST_PAGE {
        let range = format!("must be between 1 and {LONGEST_PAGE}");
        return Err(Problem::invalid("limit", range));
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let now = clock::now();
    let mut found: Vec<(Place, Campaign)> = Vec::new();
    let mut last = selection.after.map(Place);
    // One more than wanted, to see whether there is more.
    while found.len() <= limit {
        let batch = host.store.campaigns_before(last, BATCH).await?;
        let Some((place, _)) = batch.last() else {
            break;
        };
        last = Some(*place);
        let wanted = |campaign: &Campaign| {
            selection
                .status
                .is_none_or(|status| campaign.status(now) == status)
        };
        found.extend(batch.into_iter().filter(|(_, campaign)| wanted(campaign)));
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let ids = found.iter().map(|(_, campaign)| campaign.event_id.clone());
    let mut tallies = host.store.tallies(ids.collect()).await?;
    Ok(Json(List {
        next: found.last().filter(|_| more).map(|(place, _)| place.0),
        events: found
            .iter()
            .map(|(_, campaign)| {
                let tally = tallies.remove(&campaign.event_id).unwrap_or_default();
                EventView::in_list(campaign, tally, now)
            })
            .collect(),
    }))
}

pub(super) async fn show(
    State(host): State<Arc<Host>>,
    Path(id): Path<String>,
) -> Result<Json<EventView>, Problem> {
    let (_, campaign) = find(&host, &id).await?;
    Ok(Json(view(&host, &campaign).await?))
}

pub(super) async fn create(
    State(host): State<Arc<Host>>,
    caller: Caller,
    body::Json(body): body::Json,
) -> Result<Response, Problem> {
    to_the_end(create_now(host, caller, body)).await
}

async fn create_now(host: Arc<Host>, caller: Caller, body: Value) -> Result<Response, Problem> {
    // Sorted members and no blanks: the same body is the same text.
    let request = body.to_string();
    let (event_id, vens, form) = read_creation(body)?;
    let _turn = host.campaigns.turn.lock().await;
    if let Some(id) = &event_id
        && let Some(first) = host.store.first_answer(id.clone()).await?
    {
        return if first.request == request {
            Ok(created(id, first.response))
        } else {
            Err(another_event(id))
        };
    }
    let env = clock::env().map_err(|error| StoreError::Thread(error.into()))?;
    // An event of the default start begins with a whole second, as people write times.
    let start = chrono::SubsecRound::trunc_subsecs(env.now, 0);
    let audience = audience(&host, vens)?;
    let draft = form
        .into_draft(start)
        .map_err(|empty| Problem::invalid(empty.field, "at least one is needed"))?;
    let body = EventBody::new(draft).map_err(oadr_core::vtn::CampaignError::from)?;
    let chosen = event_id.is_some();
    let campaign = Campaign::create(event_id, audience, body, env)?;
    let id = campaign.event_id.clone();
    let view = EventView::in_full(&campaign, deliveries(&host, &campaign, Vec::new()), env.now);
    let response = serde_json::to_string(&view).map_err(StoreError::row("idempotency"))?;
    let first_answer = chosen.then(|| FirstAnswer {
        request: request.clone(),
        response: response.clone(),
    });
    let audit = caller.audit("create", id.as_str(), Some(request));
    host.put_campaign(campaign, first_answer, audit, env.now)
        .await?;
    Ok(created(&id, response))
}

pub(super) async fn modify(
    State(host): State<Arc<Host>>,
    caller: Caller,
    Path(id): Path<String>,
    body::Json(patch): body::Json,
) -> Result<Json<EventView>, Problem> {
    to_the_end(modify_now(host, caller, id, patch)).await
}

async fn modify_now(
    host: Arc<Host>,
    caller: Caller,
    id: String,
    patch: Value,
) -> Result<Json<EventView>, Problem> {
    let detail = patch.to_string();
    let _turn = host.campaigns.turn.lock().await;
    let (place, before) = find(&host, &id).await?;
    let now = clock::now();
    let form = patched(&before, patch)?;
    let draft = form
        .into_draft(before.body.start())
        .map_err(|empty| Problem::invalid(empty.field, "at least one is needed"))?;
    let body = EventBody::new(draft).map_err(oadr_core::vtn::CampaignError::from)?;
    let after = before.modify(body, now)?;
    let audit = caller.audit("modify", &id, Some(detail));
    host.change_campaign(place, &before, after.clone(), audit, now)
        .await?;
    Ok(Json(view(&host, &after).await?))
}

pub(super) async fn cancel(
    State(host): State<Arc<Host>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<EventView>, Problem> {
    to_the_end(cancel_now(host, caller, id)).await
}

async fn cancel_now(
    host: Arc<Host>,
    caller: Caller,
    id: String,
) -> Result<Json<EventView>, Problem> {
    let _turn = host.campaigns.turn.lock().await;
    let (place, before) = find(&host, &id).await?;
    let now = clock::now();
    let after = before.cancel(now)?;
    let audit = caller.audit("cancel", &id, None);
    host.change_campaign(place, &before, after.clone(), audit, now)
        .await?;
    Ok(Json(view(&host, &after).await?))
}

/// What `POST` takes: what an event is, and beside it its ID and whom it is for.
type Creation = (Option<EventId>, Option<Vec<Text>>, EventForm);

fn read_creation(body: Value) -> Result<Creation, Problem> {
    let Value::Object(mut body) = body else {
        return Err(Problem::invalid("", "the body must be an object"));
    };
    let event_id = body.remove("event_id").unwrap_or_default();
    let vens = body.remove("vens").unwrap_or_default();
    Ok((
        read_member("event_id", event_id)?,
        read_member("vens", vens)?,
        read_as(Value::Object(body))?,
    ))
}

/// The event as it would be: members given take the place of those that are there, `null` takes
/// them away (RFC 7396, on the outer level).
fn patched(before: &Campaign, patch: Value) -> Result<EventForm, Problem> {
    let Value::Object(patch) = patch else {
        return Err(Problem::invalid("", "the body must be an object"));
    };
    let form = EventForm::from(&before.body);
    let value = serde_json::to_value(form).map_err(StoreError::row("campaigns"))?;
    let Value::Object(mut members) = value else {
        return Err(Problem::invalid("", "the event is no object"));
    };
    // Other intervals add up to another duration, unless the event is open-ended or it is said.
    if patch.contains_key("signals")
        && !patch.contains_key("duration")
        && !before.body.duration().is_zero()
    {
        members.remove("duration");
    }
    for (name, value) in patch {
        if value.is_null() {
            members.remove(&name);
        } else {
            members.insert(name, value);
        }
    }
    read_as(Value::Object(members))
}

/// Whom an event is for. A name that nobody has is taken for a slip of the pen.
fn audience(host: &Host, vens: Option<Vec<Text>>) -> Result<Audience, Problem> {
    let Some(vens) = vens else {
        return Ok(Audience::by_target());
    };
    if vens.is_empty() {
        let hint = "leave it out to reach every VEN that the targets match";
        return Err(Problem::invalid(
            "vens",
            format!("must not be empty; {hint}"),
        ));
    }
    let known = host.registry.all();
    let known: Vec<_> = known.iter().filter_map(|slot| slot.current()).collect();
    for (index, ven) in vens.iter().enumerate() {
        let is_known = known.iter().any(|known| {
            known.state.ven_name() == Some(ven)
                || known
                    .state
                    .ven_id()
                    .is_some_and(|id| id.as_str() == ven.as_str())
        });
        if !is_known {
            let field = format!("vens[{index}]");
            return Err(Problem::invalid(field, "no VEN has this ID or name"));
        }
    }
    Ok(Audience::of(vens))
}

pub(super) async fn find(host: &Host, id: &str) -> Result<(Place, Campaign), Problem> {
    let unknown = || {
        let id = crate::logging::cut(id);
        Problem::not_found(format!("there is no event with the ID {id}"))
    };
    let id = EventId::new(id).map_err(|_| unknown())?;
    host.store.campaign(id.clone()).await?.ok_or_else(unknown)
}

async fn view(host: &Host, campaign: &Campaign) -> Result<EventView, Problem> {
    let sent = host.store.deliveries(campaign.event_id.clone()).await?;
    let vens = deliveries(host, campaign, sent);
    Ok(EventView::in_full(campaign, vens, clock::now()))
}

/// The VENs that an event was sent to, and those that it is for.
fn deliveries(
    host: &Host,
    campaign: &Campaign,
    sent: Vec<crate::store::Delivery>,
) -> Vec<DeliveryView> {
    let mut sent: HashMap<Key, _> = sent.into_iter().map(|d| (d.partition, d.fact)).collect();
    let mut views = Vec::new();
    let over = campaign
        .closes()
        .is_some_and(|closes| closes <= clock::now());
    let cancelled = campaign.status(clock::now()) == EventStatus::Cancelled;
    for slot in host.registry.all() {
        let Some(ven) = slot.current() else {
            continue;
        };
        if let Some(fact) = sent.remove(&slot.key) {
            let name = ven.state.ven_name().cloned();
            let opt = opts::in_short(host, &ven.state, campaign);
            views.push(DeliveryView::sent(fact, name, campaign).with_opt(opt));
        } else if !over && !cancelled {
            let member = ven.state.member();
            if campaign.matches(&member) {
                let opt = opts::in_short(host, &ven.state, campaign);
                views.push(DeliveryView::pending(member).with_opt(opt));
            }
        }
    }
    // VENs that are gone.
    let mut gone: Vec<_> = sent.into_iter().collect();
    gone.sort_by_key(|(key, _)| *key);
    views.extend(
        gone.into_iter()
            .map(|(_, fact)| DeliveryView::sent(fact, None, campaign)),
    );
    views
}

fn created(id: &EventId, response: String) -> Response {
    let place = format!("/api/v1/events/{}", segment(id.as_str()));
    let headers = [
        (header::LOCATION, place),
        (header::CONTENT_TYPE, "application/json".to_owned()),
    ];
    (StatusCode::CREATED, headers, response).into_response()
}

fn another_event(id: &EventId) -> Problem {
    Problem::conflict(format!("there is another event with the ID {id}"))
}
