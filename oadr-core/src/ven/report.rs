//! EiReport: what a VEN says to requests for reports, to their end and to the VTN's own offers.
//!
//! Knows nothing of what a request comes to, nor of the data.

use super::decide::Turn;
use super::report_request::Fault;
use super::{Change, Effect, Owed, PendingReport, ReportChange, report_pending, report_request};
use crate::payload::{
    CancelReport, CanceledReport, CreateReport, CreatedReport, EiResponse, PendingReports,
    RegisterReport, RegisteredReport, ReportRequest, ResponseCode, UpdateReport, UpdatedReport,
};
use crate::value::{RequestId, VenId};

/// A VTN that asks for more reports than this at a time is refused: each costs memory.
const MOST_PENDING: usize = 100;

/// `oadrRegisterReport`: the VTN's offers, of which nothing is wanted.
pub(super) fn offered(turn: &mut Turn<'_>, message: &RegisterReport) {
    let Some(ven_id) = our_id(turn) else {
        return;
    };
    let ei_response = checked(&ven_id, message.ven_id.as_ref(), &message.request_id);
    turn.answer(Owed::RegisteredReport(RegisteredReport {
        ei_response,
        report_requests: Vec::new(),
        ven_id: Some(ven_id),
    }));
}

/// `oadrCreateReport`.
pub(super) fn requested(turn: &mut Turn<'_>, message: &CreateReport) {
    let Some(ven_id) = our_id(turn) else {
        return;
    };
    let ei_response = checked(&ven_id, message.ven_id.as_ref(), &message.request_id);
    if ei_response.response_code.is_success() {
        answer_requests(turn, ven_id, &message.report_requests, &message.request_id);
    } else {
        refuse(turn, ven_id, ei_response);
    }
}

/// `oadrRegisteredReport`: the VTN has our offers and may want some of them at once; the answer is
/// tied to this exchange (rule 344).
pub(super) fn registered(turn: &mut Turn<'_>, message: &RegisteredReport) {
    if message.report_requests.is_empty() {
        return;
    }
    if let Some(ven_id) = our_id(turn) {
        let request_id = &message.ei_response.request_id;
        answer_requests(turn, ven_id, &message.report_requests, request_id);
    }
}

/// All of the requests are granted or none: the answer has one code.
fn answer_requests(
    turn: &mut Turn<'_>,
    ven_id: VenId,
    requests: &[ReportRequest],
    request_id: &RequestId,
) {
    let granted = match grant_all(turn, requests) {
        Ok(granted) => granted,
        Err((code, why)) => {
            let ei_response = EiResponse::new(code, why, request_id.clone());
            return refuse(turn, ven_id, ei_response);
        }
    };
    // Offers that are about to be made end what was asked for before them (rule 306).
    if granted.iter().any(|report| report.offers_due(turn.now)) {
        report_pending::replace(turn);
    }
    let mut offers = Vec::new();
    for mut report in granted {
        let report_request_id = report.report_request_id().clone();
        if report.offers_due(turn.now) {
            report.pass_offers(turn.now);
            offers.push(report_request_id.clone());
        }
        let report_specifier_id = report.report_specifier_id().clone();
        turn.change(Change::Report(ReportChange::Requested(Box::new(report))));
        turn.effect(Effect::ReportRequested {
            report_request_id,
            report_specifier_id,
        });
    }
    let pending_reports = pending_reports(turn);
    turn.answer(Owed::CreatedReport(CreatedReport {
        ei_response: EiResponse::ok(request_id.clone()),
        pending_reports,
        ven_id: Some(ven_id),
    }));
    for id in offers {
        report_pending::owe_offers_once(turn, id);
    }
}

/// What was asked for, but for what was granted before: a request that comes again goes on as it was,
/// another one of the same ID takes its place (rule 322).
fn grant_all(turn: &mut Turn<'_>, requests: &[ReportRequest]) -> Result<Vec<PendingReport>, Fault> {
    let mut granted: Vec<PendingReport> = Vec::new();
    for request in requests {
        let id = &request.report_request_id;
        let known = turn.state().reporting.pending(id);
        if known.is_some_and(|known| known.request() == request) {
            continue;
        }
        let report = report_request::grant(turn, request)?;
        granted.retain(|other| other.report_request_id() != id);
        granted.push(report);
    }
    let others = turn.state().pending_reports().filter(|known| {
        let id = known.report_request_id();
        granted.iter().all(|new| new.report_request_id() != id)
    });
    if others.count().saturating_add(granted.len()) > MOST_PENDING {
        return Err((ResponseCode::DEPLOYMENT_ERROR, "too many reports"));
    }
    Ok(granted)
}

fn refuse(turn: &mut Turn<'_>, ven_id: VenId, ei_response: EiResponse) {
    let pending_reports = pending_reports(turn);
    turn.answer(Owed::CreatedReport(CreatedReport {
        ei_response,
        pending_reports,
        ven_id: Some(ven_id),
    }));
}

/// `oadrCancelReport`: all that is cancelled must be pending (rule 336).
pub(super) fn cancelled(turn: &mut Turn<'_>, message: &CancelReport) {
    let Some(ven_id) = our_id(turn) else {
        return;
    };
    let mut ei_response = checked(&ven_id, message.ven_id.as_ref(), &message.request_id);
    if ei_response.response_code.is_success() {
        let reporting = &turn.state().reporting;
        let mut ids = message.report_request_ids.iter();
        if ids.all(|id| reporting.pending(id).is_some() || reporting.withdrawn.contains(id)) {
            withdraw(turn, message);
        } else {
            ei_response = EiResponse::new(
                ResponseCode::INVALID_ID,
                "unknown reportRequestID",
                message.request_id.clone(),
            );
        }
    }
    let pending_reports = pending_reports(turn);
    turn.answer(Owed::CanceledReport(CanceledReport {
        ei_response,
        pending_reports,
        ven_id: Some(ven_id),
    }));
}

/// Withdraws what a message cancels, once: a VTN that pushed it and did not hear the answer pushes it
/// again.
fn withdraw(turn: &mut Turn<'_>, message: &CancelReport) {
    let to_follow = message.report_to_follow;
    for id in message.report_request_ids.iter() {
        if !(to_follow && turn.state().reporting.withdrawn.contains(id)) {
            report_pending::withdraw(turn, id, to_follow);
        }
    }
    if turn.is_pushed() && turn.state().reporting.withdrawn != *message.report_request_ids {
        let report_request_ids = message.report_request_ids.to_vec();
        turn.change(Change::Report(ReportChange::Withdrawn {
            report_request_ids,
        }));
    }
}

/// `oadrUpdateReport`: nothing was asked for.
pub(super) fn updated(turn: &mut Turn<'_>, message: &UpdateReport) {
    let Some(ven_id) = our_id(turn) else {
        return;
    };
    turn.answer(Owed::UpdatedReport(UpdatedReport {
        ei_response: EiResponse::new(
            ResponseCode::INVALID_ID,
            "unknown reportRequestID",
            message.request_id.clone(),
        ),
        cancel_report: None,
        ven_id: Some(ven_id),
    }));
}

fn our_id(turn: &Turn<'_>) -> Option<VenId> {
    turn.registered()
        .map(|registered| registered.ven_id.clone())
}

/// Success, unless the message is for another VEN (rule 304).
fn checked(ours: &VenId, theirs: Option<&VenId>, request_id: &RequestId) -> EiResponse {
    match theirs.filter(|id| !id.is_empty()) {
        Some(id) if id != ours => EiResponse::new(
            ResponseCode::INVALID_ID,
            "another VEN's venID",
            request_id.clone(),
        ),
        Some(_) | None => EiResponse::ok(request_id.clone()),
    }
}

/// The reports still to come (rule 329).
fn pending_reports(turn: &Turn<'_>) -> PendingReports {
    let pending = turn.state().pending_reports();
    PendingReports {
        report_request_ids: pending.map(|p| p.report_request_id().clone()).collect(),
    }
}
