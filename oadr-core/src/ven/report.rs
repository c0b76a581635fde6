//! EiReport: what a VEN offers and what it says to requests. Data reports are not among it yet.
//!
//! Knows nothing of where the offers come from.

use super::decide::Turn;
use super::{Change, Owed};
use crate::payload::{
    CancelReport, CanceledReport, CreateReport, CreatedReport, EiResponse, PendingReports,
    RegisterReport, RegisteredReport, ReportRequest, ResponseCode, UpdateReport, UpdatedReport,
};
use crate::value::{ReportRequestId, RequestId, VenId};

/// The specifier that asks for the offers themselves (rule 327).
const METADATA: &str = "METADATA";

/// `oadrRegisterReport`: the VTN's offers, of which nothing is wanted.
pub(super) fn offered(turn: &mut Turn<'_>, message: &RegisterReport) {
    let Some(ven_id) = our_id(turn) else {
        return;
    };
    let ei_response = checked(&ven_id, message.ven_id.as_ref(), &message.request_id);
    turn.owe(Owed::RegisteredReport(RegisteredReport {
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
    if let Some((code, why)) = requests.iter().find_map(|request| fault(turn, request)) {
        let ei_response = EiResponse::new(code, why, request_id.clone());
        return refuse(turn, ven_id, ei_response);
    }
    let mut pending = pending(turn);
    pending.extend(
        requests
            .iter()
            .map(|request| request.report_request_id.clone()),
    );
    turn.owe(Owed::CreatedReport(CreatedReport {
        ei_response: EiResponse::ok(request_id.clone()),
        pending_reports: PendingReports {
            report_request_ids: pending,
        },
        ven_id: Some(ven_id),
    }));
    for request in requests {
        let request_id = turn.request_id();
        turn.owe(Owed::RegisterReport {
            request_id,
            report_request_id: Some(request.report_request_id.clone()),
        });
    }
}

/// Why a request cannot be granted (rule 304); only METADATA can for now.
fn fault(turn: &Turn<'_>, request: &ReportRequest) -> Option<(ResponseCode, &'static str)> {
    let specifier = &request.specifier;
    if specifier.report_specifier_id.as_str() == METADATA {
        return None;
    }
    let mut offers = turn.context.reports.iter();
    let offer = offers.find(|o| o.report_specifier_id == specifier.report_specifier_id);
    let Some(offer) = offer else {
        return Some((ResponseCode::INVALID_ID, "unknown reportSpecifierID"));
    };
    let known = |r_id| offer.descriptions.iter().any(|d| d.r_id == r_id);
    if specifier.payloads.iter().all(|p| known(p.r_id.clone())) {
        Some((ResponseCode::REPORT_NOT_SUPPORTED, "report not supported"))
    } else {
        Some((ResponseCode::INVALID_ID, "unknown rID"))
    }
}

fn refuse(turn: &mut Turn<'_>, ven_id: VenId, ei_response: EiResponse) {
    let pending_reports = PendingReports {
        report_request_ids: pending(turn),
    };
    turn.owe(Owed::CreatedReport(CreatedReport {
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
    let pending = pending(turn);
    if ei_response.response_code.is_success() {
        if message
            .report_request_ids
            .iter()
            .all(|id| pending.contains(id))
        {
            withdraw(turn, &message.report_request_ids);
        } else {
            ei_response = EiResponse::new(
                ResponseCode::INVALID_ID,
                "unknown reportRequestID",
                message.request_id.clone(),
            );
        }
    }
    let pending_reports = PendingReports {
        report_request_ids: self::pending(turn),
    };
    turn.owe(Owed::CanceledReport(CanceledReport {
        ei_response,
        pending_reports,
        ven_id: Some(ven_id),
    }));
}

/// Offers that were asked for and not sent yet are not sent any more.
fn withdraw(turn: &mut Turn<'_>, report_request_ids: &[ReportRequestId]) {
    let mut place = 0;
    while let Some(owed) = turn.state().owed.get(place as usize) {
        match asked_for(owed) {
            Some(id) if report_request_ids.contains(id) => {
                turn.change(Change::Overtaken { place });
            }
            Some(_) | None => place = place.saturating_add(1),
        }
    }
}

/// `oadrUpdateReport`: nothing was asked for.
pub(super) fn updated(turn: &mut Turn<'_>, message: &UpdateReport) {
    let Some(ven_id) = our_id(turn) else {
        return;
    };
    turn.owe(Owed::UpdatedReport(UpdatedReport {
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
fn pending(turn: &Turn<'_>) -> Vec<ReportRequestId> {
    turn.state()
        .owed
        .iter()
        .filter_map(asked_for)
        .cloned()
        .collect()
}

fn asked_for(owed: &Owed) -> Option<&ReportRequestId> {
    match owed {
        Owed::RegisterReport {
            report_request_id, ..
        } => report_request_id.as_ref(),
        Owed::Reregistration { .. }
        | Owed::RequestEvent { .. }
        | Owed::CancelPartyRegistration(_)
        | Owed::CanceledPartyRegistration(_)
        | Owed::CreatedEvent(_)
        | Owed::Response(_)
        | Owed::RegisteredReport(_)
        | Owed::CreatedReport(_)
        | Owed::CanceledReport(_)
        | Owed::UpdatedReport(_)
        | Owed::CreateOpt { .. }
        | Owed::CancelOpt { .. } => None,
    }
}
