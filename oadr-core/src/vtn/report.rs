//! EiReport where a VEN asks us: all that we offer are metadata, which say that we have nothing to
//! report (rules 301 to 311, 327).
//!
//! Knows nothing of what we ask of VENs.

use super::decide::{Case, Sender, reply};
use super::delivery::later;
use super::refusal::Refusal;
use super::registration::PATIENCE;
use super::state::{Metadata, State};
use super::{Change, Vtn};
use crate::machine::Decision;
use crate::payload::{
    CancelReport, CanceledReport, CreateReport, CreatedReport, EiResponse, PendingReports,
    RegisteredReport, ReportRequest, ReportSpecifier, Response,
};
use crate::rhythm::Rhythm;
use crate::value::{DateTime, ReportRequestId};

/// So many requests for our metadata may be open.
const MOST_REQUESTS: usize = 16;

/// `oadrRegisteredReport`: the VEN knows what we offer. What it asks for with it counts as a request
/// of its own (rule 344).
pub(super) fn registered(
    case: &Case<'_>,
    sender: Sender<'_>,
    registered: &RegisteredReport,
) -> Decision<Vtn> {
    let request_id = registered.ei_response.request_id.clone();
    let state = case.state();
    let answered = state
        .metadata
        .iter()
        .find(|metadata| metadata.task.is_sent());
    let (wanted, refusal) = match new_requests(case, &registered.report_requests) {
        Ok(wanted) => (wanted, None),
        Err(refusal) => (Vec::new(), Some(refusal)),
    };
    let answer = Response {
        ei_response: match refusal {
            None => EiResponse::ok(request_id),
            Some(refusal) => refusal.response(request_id),
        },
        ven_id: Some(sender.ven_id.clone()),
    };
    if answered.is_none() && wanted.is_empty() {
        return case.unchanged(answer);
    }
    let mut draft = case.draft();
    if let Some(metadata) = answered {
        draft.change(settled(metadata, case.env.now));
    }
    for (report_request_id, rhythm) in wanted {
        draft.change(requested(report_request_id, rhythm, case.env.now));
    }
    draft.decide(reply(answer))
}

/// `oadrCreateReport`: METADATA is all that can be asked of us; it follows with a poll (rule 301),
/// and again and again if that is wanted (rules 324, 327).
pub(super) fn create(case: &Case<'_>, sender: Sender<'_>, create: &CreateReport) -> Decision<Vtn> {
    let request_id = create.request_id.clone();
    let answer = |state: &State, ei_response| CreatedReport {
        ei_response,
        pending_reports: pending(state),
        ven_id: Some(sender.ven_id.clone()),
    };
    match new_requests(case, &create.report_requests) {
        Err(refusal) => case.unchanged(answer(case.state(), refusal.response(request_id))),
        Ok(wanted) if wanted.is_empty() => {
            case.unchanged(answer(case.state(), EiResponse::ok(request_id)))
        }
        Ok(wanted) => {
            let mut draft = case.draft();
            for (report_request_id, rhythm) in wanted {
                draft.change(requested(report_request_id, rhythm, case.env.now));
            }
            let answer = answer(&draft.state, EiResponse::ok(request_id));
            draft.decide(reply(answer))
        }
    }
}

/// `oadrCancelReport`: requests for METADATA can be taken back; any unknown one spoils it (rule 336).
pub(super) fn cancel(case: &Case<'_>, sender: Sender<'_>, cancel: &CancelReport) -> Decision<Vtn> {
    let request_id = cancel.request_id.clone();
    let answer = |state: &State, ei_response| CanceledReport {
        ei_response,
        pending_reports: pending(state),
        ven_id: Some(sender.ven_id.clone()),
    };
    let open = pending(case.state()).report_request_ids;
    if cancel
        .report_request_ids
        .iter()
        .any(|id| !open.contains(id))
    {
        let unknown = Refusal::UNKNOWN_REPORT_REQUEST.response(request_id);
        return case.unchanged(answer(case.state(), unknown));
    }
    let now = case.env.now;
    let all = case.state().metadata.iter();
    let cancelled = all.filter_map(|metadata| {
        let id = metadata.answers.as_ref()?;
        let cancelled = cancel.report_request_ids.iter().any(|other| other == id);
        cancelled.then_some((id, metadata))
    });
    let changes: Vec<Change> = cancelled
        .filter_map(|(id, metadata)| match &metadata.rhythm {
            // One last report after the cancellation (rule 345): the one that is due anyway.
            None if cancel.report_to_follow => None,
            Some(rhythm) if cancel.report_to_follow => {
                Some(continued(id.clone(), rhythm.last(now), now))
            }
            Some(_) | None => Some(Change::MetadataEnded {
                answers: Some(id.clone()),
            }),
        })
        .collect();
    if changes.is_empty() {
        return case.unchanged(answer(case.state(), EiResponse::ok(request_id)));
    }
    let mut draft = case.draft();
    for change in changes {
        draft.change(change);
    }
    let answer = answer(&draft.state, EiResponse::ok(request_id));
    draft.decide(reply(answer))
}

/// What follows once our metadata were answered, or given up: they come again if that is wanted.
pub(super) fn settled(metadata: &Metadata, now: DateTime) -> Change {
    let next = metadata.rhythm.as_ref().map(|rhythm| rhythm.after(now));
    match (&metadata.answers, next) {
        (Some(id), Some(rhythm)) if rhythm.next().is_some() => continued(id.clone(), rhythm, now),
        (answers, _) => Change::MetadataEnded {
            answers: answers.clone(),
        },
    }
}

/// The requests that are not open yet, if all of them are for METADATA (rule 327).
fn new_requests(
    case: &Case<'_>,
    requests: &[ReportRequest],
) -> Result<Vec<(ReportRequestId, Option<Rhythm>)>, Refusal> {
    if requests
        .iter()
        .any(|r| !r.specifier.report_specifier_id.is_metadata())
    {
        return Err(Refusal::UNKNOWN_REPORT);
    }
    let open = pending(case.state()).report_request_ids;
    let mut wanted: Vec<(ReportRequestId, Option<Rhythm>)> = Vec::new();
    for request in requests {
        let id = &request.report_request_id;
        if !open.contains(id) && wanted.iter().all(|(other, _)| other != id) {
            wanted.push((id.clone(), rhythm(&request.specifier, case.env.now)?));
        }
    }
    if open.len().saturating_add(wanted.len()) > MOST_REQUESTS {
        return Err(Refusal::TOO_MANY_REQUESTS);
    }
    Ok(wanted)
}

/// When our metadata are wanted: now, or again and again (rules 324, 325).
fn rhythm(specifier: &ReportSpecifier, now: DateTime) -> Result<Option<Rhythm>, Refusal> {
    let interval = specifier.interval.as_ref();
    let lasts = interval.map(|interval| interval.duration);
    if specifier.report_back.is_negative() || lasts.is_some_and(|lasts| lasts.is_negative()) {
        return Err(Refusal::NEGATIVE_DURATION);
    }
    if specifier.report_back.is_zero() {
        return Ok(None);
    }
    let rhythm = Rhythm::requested(specifier, now);
    if rhythm.is_over(now) {
        return Err(Refusal::REQUEST_OVER);
    }
    Ok(Some(rhythm))
}

fn requested(report_request_id: ReportRequestId, rhythm: Option<Rhythm>, now: DateTime) -> Change {
    let give_up_at = give_up_at(rhythm.as_ref(), now);
    Change::MetadataRequested {
        report_request_id,
        rhythm,
        give_up_at,
    }
}

fn continued(answers: ReportRequestId, rhythm: Rhythm, now: DateTime) -> Change {
    let give_up_at = give_up_at(Some(&rhythm), now);
    Change::MetadataContinued {
        answers,
        rhythm,
        give_up_at,
    }
}

fn give_up_at(rhythm: Option<&Rhythm>, now: DateTime) -> DateTime {
    let next = rhythm.and_then(Rhythm::next);
    later(next.unwrap_or(now), PATIENCE)
}

/// All reports still to come (rule 329).
fn pending(state: &State) -> PendingReports {
    PendingReports {
        report_request_ids: state
            .metadata
            .iter()
            .filter_map(|m| m.answers.clone())
            .collect(),
    }
}
