//! `/api/v1/dead-letters`: what could not be pushed to VENs, and trying it again.
//!
//! Knows nothing of how it is pushed.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use oadr_core::value::{DateTime, EventId, Text, VenId};
use oadr_core::vtn::{Command, DeadLetter, PushFault, PushStatus};
use serde::Serialize;

use super::Caller;
use super::problem::Problem;
use super::vens::{carry_out, find, unknown, view};
use crate::vtn::Host;

#[derive(Debug, Serialize)]
pub(super) struct List {
    dead_letters: Vec<Addressed>,
}

/// A dead letter, and whom it was for.
#[derive(Debug, Serialize)]
struct Addressed {
    ven_id: Option<VenId>,
    ven_name: Option<Text>,
    #[serde(flatten)]
    letter: LetterView,
}

/// A message that is not tried any more.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct LetterView {
    id: u64,
    message: String,
    event_ids: Vec<EventId>,
    since: DateTime,
    last: DateTime,
    attempts: u32,
    fault: PushFault,
    detail: Text,
}

/// How pushes to a VEN go.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct PushView {
    /// What is on its way.
    under_way: Option<UnderWay>,
    /// Failures in a row.
    failures: u32,
    /// Since when what failed is tried.
    failing_since: Option<DateTime>,
    /// Why the last one failed, in short and in words.
    fault: Option<PushFault>,
    detail: Option<Text>,
    /// Nothing is tried before.
    not_before: Option<DateTime>,
    /// Since when it polls although it is pushed to: pushes probably do not reach it.
    polls_since: Option<DateTime>,
    dead_letters: Vec<LetterView>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct UnderWay {
    message: String,
    since: DateTime,
}

impl LetterView {
    fn new(letter: &DeadLetter) -> Self {
        Self {
            id: letter.id,
            message: letter.kind.to_string(),
            event_ids: letter.event_ids.clone(),
            since: letter.since,
            last: letter.last,
            attempts: letter.attempts,
            fault: letter.failure.fault,
            detail: letter.failure.detail.clone(),
        }
    }
}

impl PushView {
    pub(super) fn new(status: &PushStatus<'_>) -> Self {
        let failure = status.last_failure;
        Self {
            under_way: status.under_way.map(|(kind, since)| UnderWay {
                message: kind.to_string(),
                since,
            }),
            failures: status.failures,
            failing_since: status.failing_since,
            fault: failure.map(|failure| failure.fault),
            detail: failure.map(|failure| failure.detail.clone()),
            not_before: status.not_before,
            polls_since: status.polls_since,
            dead_letters: status.dead_letters.iter().map(LetterView::new).collect(),
        }
    }
}

pub(super) async fn list(State(host): State<Arc<Host>>) -> Json<List> {
    let letters = host.dead_letters().into_iter();
    let letters = letters.map(|(member, letter)| Addressed {
        ven_id: member.ven_id,
        ven_name: member.ven_name,
        letter: LetterView::new(&letter),
    });
    Json(List {
        dead_letters: letters.collect(),
    })
}

pub(super) async fn retry(
    State(host): State<Arc<Host>>,
    caller: Caller,
    Path((ven, letter)): Path<(String, u64)>,
) -> Result<Response, Problem> {
    try_again(host, &caller, &ven, Some(letter)).await
}

pub(super) async fn retry_all(
    State(host): State<Arc<Host>>,
    caller: Caller,
    Path(ven): Path<String>,
) -> Result<Response, Problem> {
    try_again(host, &caller, &ven, None).await
}

async fn try_again(
    host: Arc<Host>,
    caller: &Caller,
    ven: &str,
    dead_letter: Option<u64>,
) -> Result<Response, Problem> {
    let slot = find(&host, ven)?;
    let detail = dead_letter.map(|letter| letter.to_string());
    let audit = caller.audit("retry push", ven, detail);
    let command = Command::RetryPush { dead_letter };
    carry_out(&host, Some(Arc::clone(&slot)), command, audit).await?;
    let view = view(&host, &slot).ok_or_else(|| unknown(ven))?;
    Ok((StatusCode::ACCEPTED, Json(view)).into_response())
}
