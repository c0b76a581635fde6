//! `/api/v1/vens/{id}/opts` and `/api/v1/events/{id}/opts`: who is in, who is out, and why.
//!
//! Knows nothing of what counts: that is the machine's to say.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use oadr_core::opt::{OptSubject, OptTerms};
use oadr_core::value::{
    DateTime, Duration, EventId, MarketContext, OptId, OptReason, OptType, ResourceId, Text, VenId,
};
use oadr_core::vtn::{self, Campaign, EffectiveOpt, Opt, OptEnd, OptEndReason, OptFact, OptSource};
use serde::{Deserialize, Serialize};

use super::events;
use super::problem::Problem;
use super::vens;
use crate::clock;
use crate::store::Key;
use crate::vtn::Host;

/// How many past opts a list has if nothing else is asked for, and at most.
const PAGE: u32 = 1_000;
const LONGEST_PAGE: u32 = 10_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Selection {
    limit: Option<u32>,
    /// From the list before: go on with those that came earlier.
    before: Option<u64>,
}

/// The opts of a VEN.
#[derive(Debug, Serialize)]
pub(super) struct OptsOfVen {
    /// Those that count: schedules first, each kind in the order in which they came.
    in_force: Vec<OptView>,
    /// Everything that it has said, the latest first.
    history: Vec<PastOptView>,
    /// For `before`, if there is more history.
    next: Option<u64>,
}

/// The opts about an event.
#[derive(Debug, Serialize)]
pub(super) struct OptsOfEvent {
    event_id: EventId,
    /// What they come to for each VEN that the event is for, while it lasts.
    vens: Vec<VenOptsView>,
    /// What VENs said about this event in particular, VEN by VEN, the latest first.
    history: Vec<VenPastOptView>,
}

#[derive(Debug, Serialize)]
struct VenOptsView {
    ven_id: Option<VenId>,
    ven_name: Option<Text>,
    /// The VEN as a whole first, then its resources.
    opts: Vec<EffectiveOptView>,
}

#[derive(Debug, Serialize)]
struct EffectiveOptView {
    /// Absent for the VEN as a whole.
    resource: Option<ResourceId>,
    device_class: Option<Text>,
    /// Absent if nothing was said.
    opt: Option<OptType>,
    #[serde(flatten)]
    source: OptSource,
    since: Option<DateTime>,
}

/// What a VEN has said.
#[derive(Debug, Serialize)]
struct OptView {
    /// Names it for good among the VEN's.
    number: u64,
    opt_id: OptId,
    opt: OptType,
    reason: OptReason,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<EventId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    market_context: Option<MarketContext>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    periods: Vec<PeriodView>,
    /// None means all of them.
    resources: Vec<ResourceId>,
    /// None means all of them.
    device_classes: Vec<Text>,
    /// By the VEN's clock.
    created: DateTime,
    received: DateTime,
}

#[derive(Debug, Serialize)]
struct PeriodView {
    start: DateTime,
    duration: Duration,
    /// Absent if it is open-ended.
    end: Option<DateTime>,
}

#[derive(Debug, Serialize)]
struct PastOptView {
    #[serde(flatten)]
    opt: OptView,
    /// Absent if it was never taken back; a schedule may have run out.
    ended: Option<EndView>,
}

#[derive(Debug, Serialize)]
struct VenPastOptView {
    ven_id: VenId,
    /// Absent if it is gone.
    ven_name: Option<Text>,
    #[serde(flatten)]
    opt: PastOptView,
}

#[derive(Debug, Serialize)]
struct EndView {
    at: DateTime,
    reason: &'static str,
    /// The number of the opt that took its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<u64>,
}

pub(super) async fn of_ven(
    State(host): State<Arc<Host>>,
    Path(id): Path<String>,
    selection: Result<Query<Selection>, QueryRejection>,
) -> Result<Json<OptsOfVen>, Problem> {
    let Query(selection) = selection.map_err(|error| Problem::malformed(error.body_text()))?;
    let limit = selection.limit.unwrap_or(PAGE);
    if limit == 0 || limit > LONGEST_PAGE {
        let range = format!("must be between 1 and {LONGEST_PAGE}");
        return Err(Problem::invalid("limit", range));
    }
    let slot = vens::find(&host, &id)?;
    let current = slot.current();
    let in_force = current.iter().flat_map(|ven| ven.state.opts());
    let in_force = in_force.map(OptView::from).collect();
    // One more than wanted, to see whether there is more.
    let history = host
        .store
        .opts_of(slot.key, selection.before, limit.saturating_add(1));
    let mut history = history.await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = history.len() > wanted;
    history.truncate(wanted);
    Ok(Json(OptsOfVen {
        in_force,
        next: history.last().filter(|_| more).map(|fact| fact.opt.number),
        history: history.iter().map(PastOptView::from).collect(),
    }))
}

pub(super) async fn of_event(
    State(host): State<Arc<Host>>,
    Path(id): Path<String>,
) -> Result<Json<OptsOfEvent>, Problem> {
    let (_, campaign) = events::find(&host, &id).await?;
    let event_id = campaign.event_id.clone();
    let sent = host.store.deliveries(event_id.clone()).await?;
    let sent: HashSet<Key> = sent
        .into_iter()
        .map(|delivery| delivery.partition)
        .collect();
    let kept = host
        .store
        .opts_about(event_id.clone(), LONGEST_PAGE)
        .await?;
    let (mut vens, mut names) = (Vec::new(), HashMap::new());
    for slot in host.registry.all() {
        let Some(ven) = slot.current() else {
            continue;
        };
        let member = ven.state.member();
        if sent.contains(&slot.key) || campaign.matches(&member) {
            let opts = effective(&host, &ven.state, &campaign);
            if !opts.is_empty() {
                vens.push(VenOptsView {
                    ven_id: member.ven_id.clone(),
                    ven_name: member.ven_name.clone(),
                    opts: opts.into_iter().map(EffectiveOptView::from).collect(),
                });
            }
        }
        names.insert(slot.key, member.ven_name);
    }
    let history = kept.iter().map(|kept| VenPastOptView {
        ven_id: kept.fact.ven_id.clone(),
        ven_name: names.get(&kept.partition).cloned().flatten(),
        opt: PastOptView::from(&kept.fact),
    });
    Ok(Json(OptsOfEvent {
        event_id,
        history: history.collect(),
        vens,
    }))
}

/// What the VEN's opts come to for an event; nothing once it is over, for then nobody remembers.
fn effective(host: &Host, ven: &vtn::State, campaign: &Campaign) -> Vec<EffectiveOpt> {
    let now = clock::now();
    if campaign.closes().is_some_and(|closes| closes <= now) {
        return Vec::new();
    }
    let precedence = host.settings().opt_precedence;
    vtn::effective_opts(ven, &campaign.event_id, &campaign.body, precedence)
}

/// Whether a VEN takes part in an event, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum OptInShort {
    #[serde(rename = "optIn")]
    In,
    #[serde(rename = "optOut")]
    Out,
    /// Some of its resources do and others do not, or nothing was said about them.
    #[serde(rename = "mixed")]
    Mixed,
}

/// Whether a VEN takes part in an event; `None` if nothing was said, or it is over.
pub(super) fn in_short(host: &Host, ven: &vtn::State, campaign: &Campaign) -> Option<OptInShort> {
    let opts = effective(host, ven, campaign);
    let first = opts.first()?.opt;
    if opts.iter().any(|effective| effective.opt != first) {
        return Some(OptInShort::Mixed);
    }
    first.map(|opt| match opt {
        OptType::OptIn => OptInShort::In,
        OptType::OptOut => OptInShort::Out,
    })
}

impl From<EffectiveOpt> for EffectiveOptView {
    fn from(effective: EffectiveOpt) -> Self {
        let EffectiveOpt {
            resource,
            device_class,
            opt,
            source,
            since,
        } = effective;
        Self {
            resource,
            device_class,
            opt,
            source,
            since,
        }
    }
}

impl From<&Opt> for OptView {
    fn from(opt: &Opt) -> Self {
        let OptTerms {
            opt_type,
            reason,
            subject,
            resources,
            device_classes,
        } = &opt.terms;
        let (event_id, market_context) = match subject {
            OptSubject::Event { event_id } => (Some(event_id), None),
            OptSubject::Schedule { market_context, .. } => (None, market_context.as_ref()),
        };
        let periods = opt.terms.periods().iter().map(|period| PeriodView {
            start: period.start,
            duration: period.duration,
            end: period.end(),
        });
        Self {
            number: opt.number,
            opt_id: opt.opt_id.clone(),
            opt: *opt_type,
            reason: reason.clone(),
            event_id: event_id.cloned(),
            market_context: market_context.cloned(),
            periods: periods.collect(),
            resources: resources.clone(),
            device_classes: device_classes.clone(),
            created: opt.created,
            received: opt.received,
        }
    }
}

impl From<&OptFact> for PastOptView {
    fn from(fact: &OptFact) -> Self {
        Self {
            opt: OptView::from(&fact.opt),
            ended: fact.ended.as_ref().map(EndView::from),
        }
    }
}

impl From<&OptEnd> for EndView {
    fn from(end: &OptEnd) -> Self {
        let (reason, by) = match end.reason {
            OptEndReason::Cancelled => ("cancelled", None),
            OptEndReason::Replaced { by } => ("replaced", Some(by)),
            OptEndReason::Unregistered => ("unregistered", None),
        };
        Self {
            at: end.at,
            reason,
            by,
        }
    }
}
