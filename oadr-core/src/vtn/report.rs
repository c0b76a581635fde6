//! EiReport where a VEN asks us: all that we offer are metadata, which say that we have nothing to
//! report (rules 301 to 311, 327).
//!
//! Knows nothing of what we ask of VENs.

use super::decide::{Case, Sender, reply};
use super::delivery::later;
use super::refusal::Refusal;
use super::registration::PATIENCE;
use super::state::State;
use super::{Change, Vtn};
use crate::machine::Decision;
use crate::payload::{
    CancelReport, CanceledReport, CreateReport, CreatedReport, EiResponse, PendingReports,
    RegisteredReport, ReportRequest, Response,
};
use crate::value::ReportRequestId;

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
    let (wanted, refusal) = match new_requests(state, &registered.report_requests) {
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
        draft.change(Change::MetadataEnded {
            answers: metadata.answers.clone(),
        });
    }
    for report_request_id in wanted {
        draft.change(requested(case, report_request_id));
    }
    draft.decide(reply(answer))
}

/// `oadrCreateReport`: METADATA is all that can be asked of us; it follows with a poll (rule 301).
pub(super) fn create(case: &Case<'_>, sender: Sender<'_>, create: &CreateReport) -> Decision<Vtn> {
    let request_id = create.request_id.clone();
    let answer = |state: &State, ei_response| CreatedReport {
        ei_response,
        pending_reports: pending(state),
        ven_id: Some(sender.ven_id.clone()),
    };
    match new_requests(case.state(), &create.report_requests) {
        Err(refusal) => case.unchanged(answer(case.state(), refusal.response(request_id))),
        Ok(wanted) if wanted.is_empty() => {
            case.unchanged(answer(case.state(), EiResponse::ok(request_id)))
        }
        Ok(wanted) => {
            let mut draft = case.draft();
            for report_request_id in wanted {
                draft.change(requested(case, report_request_id));
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
    // One last report after the cancellation (rule 345) is the one that is due anyway.
    if cancel.report_to_follow {
        return case.unchanged(answer(case.state(), EiResponse::ok(request_id)));
    }
    let mut draft = case.draft();
    for report_request_id in &cancel.report_request_ids {
        draft.change(Change::MetadataEnded {
            answers: Some(report_request_id.clone()),
        });
    }
    let answer = answer(&draft.state, EiResponse::ok(request_id));
    draft.decide(reply(answer))
}

/// The requests that are not open yet, if all of them are for METADATA (rule 327).
fn new_requests(
    state: &State,
    requests: &[ReportRequest],
) -> Result<Vec<ReportRequestId>, Refusal> {
    if requests
        .iter()
        .any(|r| r.specifier.report_specifier_id.as_str() != "METADATA")
    {
        return Err(Refusal::UNKNOWN_REPORT);
    }
    let open = pending(state).report_request_ids;
    let mut wanted: Vec<ReportRequestId> = Vec::new();
    for request in requests {
        let id = &request.report_request_id;
        if !open.contains(id) && !wanted.contains(id) {
            wanted.push(id.clone());
        }
    }
    if open.len().saturating_add(wanted.len()) > MOST_REQUESTS {
        return Err(Refusal::TOO_MANY_REQUESTS);
    }
    Ok(wanted)
}

fn requested(case: &Case<'_>, report_request_id: ReportRequestId) -> Change {
    Change::MetadataRequested {
        report_request_id,
        give_up_at: later(case.env.now, PATIENCE),
    }
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
