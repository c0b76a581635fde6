//! `oadrCancelReport` with a poll or inside `oadrUpdatedReport`, and `oadrCanceledReport` (rules 328,
//! 335, 345).
//!
//! Knows nothing of who wants it.

use super::decide::{Case, Sender, acknowledgement, reply};
use super::delivery::{later, resend_at};
use super::push_link::NEVER;
use super::registration::PATIENCE;
use super::requested_report::GRACE;
use super::{Cancelling, Change, Effect, ReportChange, ReportProgress, RequestedReport, Vtn};
use crate::machine::{Decision, Draft};
use crate::payload::{CancelReport, CanceledReport};
use crate::value::{NonEmpty, ReportRequestId, RequestId};

/// The cancellation that a poll now brings, if any. Each goes by itself: one that the VEN does not
/// know would spoil the others (rule 336). The one goes that is due the longest, so that one that never
/// arrives takes turns with the others.
pub(super) fn poll(case: &Case<'_>, sender: Sender<'_>) -> Option<Decision<Vtn>> {
    let now = case.env.now;
    let due = cancellations(case).filter(|(_, cancelling)| cancelling.is_due(now));
    let (wanted, cancelling) = due.min_by_key(|(_, cancelling)| cancelling.resend_at)?;
    let times = cancelling.times.saturating_add(1);
    let request_id = case.request_id();
    let mut draft = case.draft();
    draft.change(progressed(
        wanted,
        ReportProgress::Cancelling(Cancelling {
            request_id: request_id.clone(),
            times,
            resend_at: Some(resend_at(times, case.context.resend_after, now)),
            ..cancelling.clone()
        }),
    ));
    Some(draft.decide(reply(CancelReport {
        request_id,
        report_request_ids: NonEmpty::one(wanted.report_request_id.clone()),
        report_to_follow: cancelling.report_to_follow,
        ven_id: Some(sender.ven_id.clone()),
    })))
}

/// `oadrCanceledReport`: whatever it says, the VEN heard it. Should reports go on, they are cancelled
/// again (rule 335).
pub(super) fn canceled(
    case: &Case<'_>,
    sender: Sender<'_>,
    canceled: &CanceledReport,
) -> Decision<Vtn> {
    let request_id = &canceled.ei_response.request_id;
    let code = canceled.ei_response.response_code;
    // One without the requestID answers the first that was sent (quirk Q14).
    let answered = cancellations(case).find(|(_, cancelling)| {
        !cancelling.request_id.is_empty()
            && (request_id.is_empty() || cancelling.request_id == *request_id)
    });
    let answer = acknowledgement(sender.ven_id, request_id.clone());
    let Some((wanted, cancelling)) = answered.filter(|_| code.get() / 100 != 5) else {
        return case.unchanged(answer);
    };
    let to_follow = u32::from(cancelling.report_to_follow && code.is_success());
    let mut draft = case.draft();
    over(case, &mut draft, wanted, to_follow);
    draft.decide(reply(answer))
}

/// It is cancelled, and so many reports are still to come.
pub(super) fn over(
    case: &Case<'_>,
    draft: &mut Draft<Vtn>,
    wanted: &RequestedReport,
    to_follow: u32,
) {
    draft.change(progressed(
        wanted,
        ReportProgress::Over {
            forget_at: later(case.env.now, GRACE),
            to_follow: Some(to_follow),
        },
    ));
    draft.effect(Effect::ReportCancelled {
        ven_id: draft.state.ven_id.clone().unwrap_or_default(),
        report_request_id: wanted.report_request_id.clone(),
    });
}

/// A report came for a request that is cancelled, or is being it: what follows, and whether the
/// cancellation goes with the answer (rule 328) and with one last report. If one goes already, others
/// go with it only if they say the same of a last report; else a poll brings them.
pub(super) fn reported(
    case: &Case<'_>,
    draft: &mut Draft<Vtn>,
    wanted: &RequestedReport,
    progress: &ReportProgress,
    riding: Option<bool>,
) -> Option<bool> {
    let now = case.env.now;
    let say_again = |times| Cancelling {
        report_to_follow: false,
        request_id: RequestId::default(),
        times,
        resend_at: Some(now),
        give_up_at: later(now, PATIENCE),
    };
    let next = match progress {
        // It went with the answer to the last report, and this is the one to follow.
        ReportProgress::Cancelling(c) if c.is_ridden() && c.report_to_follow => {
            over(case, draft, wanted, 0);
            return None;
        }
        // It went with the answer, and yet the reports go on: with a poll, too (rule 335, quirk Q17).
        ReportProgress::Cancelling(c) if c.is_ridden() => Cancelling {
            report_to_follow: c.report_to_follow,
            ..say_again(c.times.saturating_add(1))
        },
        // On its way with a poll, or with a push that was not given up.
        ReportProgress::Cancelling(c)
            if c.times > 0 && !c.is_due(now) && c.resend_at != Some(NEVER) =>
        {
            return None;
        }
        ReportProgress::Cancelling(c) => {
            // Two reports that do not come are the proof that it was heard.
            let rhythm = wanted.wanted.rhythm(now);
            let silence = rhythm.checked_add(&rhythm).unwrap_or(PATIENCE);
            Cancelling {
                times: c.times.saturating_add(1),
                resend_at: None,
                give_up_at: later(later(now, silence), case.context.resend_after),
                ..c.clone()
            }
        }
        ReportProgress::Over {
            forget_at,
            to_follow: Some(to_follow @ 1..),
        } => {
            draft.change(progressed(
                wanted,
                ReportProgress::Over {
                    forget_at: *forget_at,
                    to_follow: Some(to_follow.saturating_sub(1)),
                },
            ));
            return None;
        }
        ReportProgress::Over {
            to_follow: Some(0), ..
        } => say_again(1),
        ReportProgress::Over {
            to_follow: None, ..
        }
        | ReportProgress::Unoffered
        | ReportProgress::Waiting { .. }
        | ReportProgress::Sent { .. }
        | ReportProgress::Accepted
        | ReportProgress::Refused { .. } => return None,
    };
    let report_to_follow = next.report_to_follow;
    if riding.is_some_and(|riding| riding != report_to_follow) {
        return None;
    }
    draft.change(progressed(wanted, ReportProgress::Cancelling(next)));
    Some(report_to_follow)
}

/// The cancellation that goes with the answer to a report.
pub(super) fn riding(
    case: &Case<'_>,
    sender: Sender<'_>,
    cancelled: Vec<(ReportRequestId, bool)>,
) -> Option<CancelReport> {
    let report_to_follow = cancelled.first().map(|(_, to_follow)| *to_follow)?;
    let ids: Vec<_> = cancelled.into_iter().map(|(id, _)| id).collect();
    Some(CancelReport {
        request_id: case.request_id(),
        report_request_ids: NonEmpty::try_from(ids).ok()?,
        report_to_follow,
        ven_id: Some(sender.ven_id.clone()),
    })
}

fn cancellations<'a>(
    case: &Case<'a>,
) -> impl Iterator<Item = (&'a RequestedReport, &'a Cancelling)> {
    let reports = case.state().reports.iter();
    reports.filter_map(|wanted| wanted.cancelling().map(|cancelling| (wanted, cancelling)))
}

fn progressed(wanted: &RequestedReport, progress: ReportProgress) -> Change {
    Change::Report(ReportChange::Progressed {
        report_request_id: wanted.report_request_id.clone(),
        progress,
    })
}
