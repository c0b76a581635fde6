//! `oadrCreateReport` with a poll, and `oadrCreatedReport` (rules 317 to 329, 340, 344).
//!
//! Knows nothing of who wants the reports, nor of requests that go with `oadrRegisteredReport` but
//! that they are answered in the same way.

use super::decide::{Case, Sender, acknowledgement, reply};
use super::delivery::{later, resend_at};
use super::requested_report::GRACE;
use super::{Change, Effect, PushItem, ReportChange, ReportProgress, RequestedReport, Vtn};
use crate::machine::Decision;
use crate::payload::{CreateReport, CreatedReport, ReportRequest, ResponseCode};
use crate::value::{DateTime, NonEmpty, RequestId};

/// The requests that a poll now brings, if any: those that wait go together, but for METADATA, which
/// end all others (rule 306), for those that were refused in company, and for those that were pushed too
/// often in vain: these give way to all others, and then go one by one, in turn.
pub(super) fn poll(case: &Case<'_>, sender: Sender<'_>) -> Option<Decision<Vtn>> {
    let due = due(case);
    let requests: Vec<ReportRequest> = due.iter().map(|wanted| wanted.request()).collect();
    let report_requests = NonEmpty::try_from(requests).ok()?;
    let request_id = case.request_id();
    let mut draft = case.draft();
    for wanted in &due {
        draft.change(sent(case, wanted, &request_id, due.len()));
    }
    Some(draft.decide(reply(CreateReport {
        request_id,
        report_requests,
        ven_id: Some(sender.ven_id.clone()),
    })))
}

fn due<'a>(case: &Case<'a>) -> Vec<&'a RequestedReport> {
    let now = case.env.now;
    let state = case.state();
    let link = state.link.as_deref();
    let item = |wanted: &RequestedReport| PushItem::Report {
        report_request_id: wanted.report_request_id.clone(),
    };
    let due = state.reports.iter().filter(|r| r.is_due(now));
    let (often_tried, others): (Vec<_>, Vec<_>) =
        due.partition(|wanted| link.is_some_and(|link| link.gives_way(&item(wanted))));
    if others.is_empty() {
        let longest_ago = often_tried.into_iter();
        let longest_ago = longest_ago.min_by_key(|wanted| item(wanted).comes_again(state));
        return longest_ago.into_iter().collect();
    }
    let alone = others
        .iter()
        .find(|r| r.wanted.is_metadata() || r.progress == ReportProgress::Waiting { alone: true });
    match alone {
        Some(alone) => vec![alone],
        None => others,
    }
}

/// The request went out in this message, with so many in it.
pub(super) fn sent(
    case: &Case<'_>,
    wanted: &RequestedReport,
    request_id: &RequestId,
    company: usize,
) -> Change {
    let before = match wanted.progress {
        ReportProgress::Sent { times, .. } => times,
        ReportProgress::Unoffered
        | ReportProgress::Waiting { .. }
        | ReportProgress::Accepted
        | ReportProgress::Refused { .. }
        | ReportProgress::Cancelling(_)
        | ReportProgress::Over { .. } => 0,
    };
    let times = before.saturating_add(1);
    Change::Report(ReportChange::Progressed {
        report_request_id: wanted.report_request_id.clone(),
        progress: ReportProgress::Sent {
            request_id: request_id.clone(),
            company: u32::try_from(company).unwrap_or(u32::MAX),
            times,
            resend_at: resend_at(times, case.context.resend_after, case.env.now),
        },
    })
}

/// `oadrCreatedReport`: what becomes of the requests that it answers. It names the message that it
/// answers, and all reports that are still to come (rule 329); peers get either wrong, so both count.
pub(super) fn created(
    case: &Case<'_>,
    sender: Sender<'_>,
    created: &CreatedReport,
) -> Decision<Vtn> {
    let request_id = &created.ei_response.request_id;
    let code = created.ei_response.response_code;
    let pending = &created.pending_reports.report_request_ids;
    let waits = waiting(case);
    let message = message_answered(&waits, request_id);
    let mut outcomes = Vec::new();
    for (wanted, sent_in, company) in &waits {
        let is_pending = pending.contains(&wanted.report_request_id);
        let is_answered = message == Some(*sent_in);
        if is_pending || (is_answered && code.is_success()) {
            outcomes.push((*wanted, ReportProgress::Accepted));
        } else if is_answered && is_refusal(code) {
            let progress = match *company {
                0 | 1 => refused(code, case.env.now),
                // It may be the others that the VEN does not take on.
                _ => ReportProgress::Waiting { alone: true },
            };
            outcomes.push((*wanted, progress));
        }
    }
    let answer = acknowledgement(sender.ven_id, request_id.clone());
    if outcomes.is_empty() {
        return case.unchanged(answer);
    }
    let mut draft = case.draft();
    for (wanted, progress) in outcomes {
        let report_request_id = wanted.report_request_id.clone();
        if let ReportProgress::Refused { response_code, .. } = &progress {
            draft.effect(Effect::ReportRefused {
                ven_id: sender.ven_id.clone(),
                report_request_id: report_request_id.clone(),
                response_code: *response_code,
            });
        }
        draft.change(Change::Report(ReportChange::Progressed {
            report_request_id,
            progress,
        }));
    }
    draft.decide(reply(answer))
}

/// What was sent and not answered, the message that it was sent in, and how many were in that.
fn waiting<'a>(case: &Case<'a>) -> Vec<(&'a RequestedReport, &'a RequestId, u32)> {
    let reports = case.state().reports.iter();
    reports
        .filter_map(|wanted| match &wanted.progress {
            ReportProgress::Sent {
                request_id,
                company,
                ..
            } => Some((wanted, request_id, *company)),
            ReportProgress::Unoffered
            | ReportProgress::Waiting { .. }
            | ReportProgress::Accepted
            | ReportProgress::Refused { .. }
            | ReportProgress::Cancelling(_)
            | ReportProgress::Over { .. } => None,
        })
        .collect()
}

/// Which of our messages is answered: the one named, or the first if none is (quirk Q14).
fn message_answered<'a>(
    waits: &[(&'a RequestedReport, &'a RequestId, u32)],
    named: &RequestId,
) -> Option<&'a RequestId> {
    let mut sent_in = waits.iter().map(|(_, sent_in, _)| *sent_in);
    if named.is_empty() {
        sent_in.next()
    } else {
        sent_in.find(|sent_in| *sent_in == named)
    }
}

/// An error of ours, for which there is no use in trying again; of the digits only the first counts
/// (rule 48).
fn is_refusal(code: ResponseCode) -> bool {
    code.get() / 100 == 4
}

fn refused(response_code: ResponseCode, now: DateTime) -> ReportProgress {
    ReportProgress::Refused {
        response_code,
        forget_at: later(now, GRACE),
    }
}
