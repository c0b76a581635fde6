//! An operator requests a report, or cancels one.
//!
//! Knows nothing of how that reaches the VEN.

use super::decide::Case;
use super::delivery::later;
use super::registration::PATIENCE;
use super::reports::{MOST_OPEN, Reports};
use super::requested_report::GRACE;
use super::wanted_report::NotOffered;
use super::{
    Cancelling, Change, CommandError, Effect, Reply, ReportChange, ReportProgress, RequestOrigin,
    RequestedReport, Vtn, WantedReport,
};
use crate::machine::Decision;
use crate::value::{ReportRequestId, RequestId};

/// Requests a report.
pub(super) fn request(
    case: &Case<'_>,
    report_request_id: &ReportRequestId,
    wanted: &WantedReport,
) -> Result<Decision<Vtn>, CommandError> {
    let state = case.state();
    check_known(case)?;
    let Some((ven_id, _)) = state.registered() else {
        return Err(CommandError::NotRegistered);
    };
    if let Some(known) = state.reports.find(report_request_id) {
        let is_same = known.origin == RequestOrigin::Operator && known.wanted.is_like(wanted);
        return if is_same {
            Ok(Decision::unchanged(case.at.version, Reply::Empty))
        } else {
            Err(CommandError::ReportRequestExists)
        };
    }
    let points = wanted.points(&state.offers)?;
    wanted.check_pace(&state.offers)?;
    if Reports::open(&state.reports) >= MOST_OPEN {
        return Err(CommandError::TooManyReports);
    }
    let now = case.env.now;
    let mut draft = case.draft();
    draft.change(Change::Report(ReportChange::Wanted(Box::new(
        RequestedReport {
            report_request_id: report_request_id.clone(),
            wanted: wanted.clone().starting(&state.offers, now),
            origin: RequestOrigin::Operator,
            since: now,
            points,
            progress: ReportProgress::Waiting { alone: false },
            resumed: None,
            last: None,
        },
    ))));
    draft.effect(Effect::ReportRequested {
        ven_id: ven_id.clone(),
        report_request_id: report_request_id.clone(),
        report_specifier_id: wanted.report_specifier_id.clone(),
    });
    Ok(draft.decide(Reply::Empty))
}

/// Cancels a report, whoever requested it.
pub(super) fn cancel(
    case: &Case<'_>,
    report_request_id: &ReportRequestId,
    report_to_follow: bool,
) -> Result<Decision<Vtn>, CommandError> {
    check_known(case)?;
    let (state, now) = (case.state(), case.env.now);
    let known = state.reports.find(report_request_id);
    let known = known.ok_or(CommandError::UnknownReportRequest)?;
    let progress = match &known.progress {
        // The VEN knows nothing of it, or nothing any more.
        ReportProgress::Unoffered | ReportProgress::Waiting { .. } => ReportProgress::Over {
            forget_at: later(now, GRACE),
            to_follow: Some(0),
        },
        ReportProgress::Sent { .. } | ReportProgress::Accepted => {
            ReportProgress::Cancelling(Cancelling {
                report_to_follow,
                request_id: RequestId::default(),
                times: 0,
                resend_at: Some(now),
                give_up_at: later(now, PATIENCE),
            })
        }
        ReportProgress::Refused { .. }
        | ReportProgress::Cancelling(_)
        | ReportProgress::Over { .. } => {
            return Ok(Decision::unchanged(case.at.version, Reply::Empty));
        }
    };
    let is_over = matches!(progress, ReportProgress::Over { .. });
    let mut draft = case.draft();
    draft.change(Change::Report(ReportChange::Progressed {
        report_request_id: report_request_id.clone(),
        progress,
    }));
    if is_over {
        draft.effect(Effect::ReportCancelled {
            ven_id: state.ven_id.clone().unwrap_or_default(),
            report_request_id: report_request_id.clone(),
        });
    }
    Ok(draft.decide(Reply::Empty))
}

fn check_known(case: &Case<'_>) -> Result<(), CommandError> {
    if case.state().is_forgotten() {
        return Err(CommandError::Unknown);
    }
    if case.state().is_leaving() {
        return Err(CommandError::Leaving);
    }
    Ok(())
}

impl From<NotOffered> for CommandError {
    fn from(not_offered: NotOffered) -> Self {
        match not_offered {
            NotOffered::Report => Self::ReportNotOffered,
            NotOffered::Point => Self::PointNotOffered,
            NotOffered::Pace => Self::PaceNotOffered,
        }
    }
}
