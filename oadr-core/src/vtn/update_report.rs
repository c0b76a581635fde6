//! `oadrUpdateReport`: data, as facts (rules 304, 313 to 318, 328, 346).
//!
//! Knows nothing of where they are kept. What is wrong with one report of a message is said, and takes
//! nothing from the others.

use std::collections::BTreeSet;
use std::fmt;

use super::cancel_report::{reported, riding};
use super::decide::{Case, Sender, reply};
use super::delivery::later;
use super::report_intervals::{IntervalsError, end, readings_of};
use super::requested_report::GRACE;
use super::{
    Change, Effect, Fact, LastReport, ReadingsFact, ReportChange, ReportProgress, RequestedReport,
    Vtn,
};
use crate::machine::{Decision, Draft};
use crate::payload::{EiResponse, Report, ResponseCode, UpdateReport, UpdatedReport};
use crate::reading::Reading;
use crate::value::{RId, ReportRequestId};

/// What is wrong with a report.
#[derive(Debug)]
enum Wrong<'a> {
    /// Nobody asked for it, or that is too long ago.
    Request(&'a ReportRequestId),
    /// It is not of the offer that was asked for.
    Specifier(&'a Report),
    /// Nobody asked for this data point; the others are taken.
    Point(&'a Report, RId),
    /// Its intervals make no sense.
    Intervals(&'a Report, IntervalsError),
}

/// `oadrUpdateReport`.
pub(super) fn update(case: &Case<'_>, sender: Sender<'_>, update: &UpdateReport) -> Decision<Vtn> {
    let request_id = update.request_id.clone();
    let mut draft = None;
    let mut wrong = Vec::new();
    let mut cancelled: Vec<(ReportRequestId, bool)> = Vec::new();
    for report in &update.reports {
        match accept(case, report) {
            Ok((wanted, readings, unknown)) => {
                let draft = draft.get_or_insert_with(|| case.draft());
                let is_new = cancelled
                    .iter()
                    .all(|(id, _)| *id != report.report_request_id);
                let before = cancelled.first().map(|(_, to_follow)| *to_follow);
                let progress = take(case, sender, draft, wanted, report, readings);
                if let Some(progress) = progress.filter(|_| is_new)
                    && let Some(to_follow) = reported(case, draft, wanted, &progress, before)
                {
                    cancelled.push((report.report_request_id.clone(), to_follow));
                }
                wrong.extend(unknown.map(|r_id| Wrong::Point(report, r_id)));
            }
            Err(error) => wrong.push(error),
        }
    }
    let answer = UpdatedReport {
        ei_response: match wrong.first() {
            None => EiResponse::ok(request_id),
            Some(first) => {
                let why = describe(first, wrong.len(), draft.is_some());
                EiResponse::new(first.code(), &why, request_id)
            }
        },
        cancel_report: riding(case, sender, cancelled),
        ven_id: Some(sender.ven_id.clone()),
    };
    match draft {
        Some(draft) => draft.decide(reply(answer)),
        None => case.unchanged(answer),
    }
}

/// Whose data these are, those that are wanted, and the first data point that is not (rule 304).
fn accept<'a>(
    case: &Case<'a>,
    report: &'a Report,
) -> Result<(&'a RequestedReport, Vec<Reading>, Option<RId>), Wrong<'a>> {
    let id = &report.report_request_id;
    let wanted = case.state().reports.find(id);
    // Metadata come otherwise.
    let wanted = wanted.filter(|wanted| !wanted.wanted.is_metadata());
    let wanted = wanted.ok_or(Wrong::Request(id))?;
    if report.report_specifier_id != wanted.wanted.report_specifier_id {
        return Err(Wrong::Specifier(report));
    }
    let only = match &wanted.points[..] {
        [point] => Some(&point.r_id),
        _ => None,
    };
    let readings = readings_of(report, only).map_err(|error| Wrong::Intervals(report, error))?;
    let r_ids: BTreeSet<&RId> = wanted.points.iter().map(|point| &point.r_id).collect();
    let is_wanted = |reading: &Reading| r_ids.contains(&reading.r_id);
    let (readings, others): (Vec<_>, Vec<_>) = readings.into_iter().partition(is_wanted);
    let unknown = others.into_iter().next().map(|reading| reading.r_id);
    Ok((wanted, readings, unknown))
}

/// Takes the data. What is left to do for the request, if it is not complete with them: how far it has
/// come.
fn take(
    case: &Case<'_>,
    sender: Sender<'_>,
    draft: &mut Draft<Vtn>,
    wanted: &RequestedReport,
    report: &Report,
    readings: Vec<Reading>,
) -> Option<ReportProgress> {
    let now = case.env.now;
    let report_request_id = &report.report_request_id;
    let known = draft.state.reports.find(report_request_id)?;
    let progress = known.progress.clone();
    let until = known.last.and_then(|last| last.until).max(end(&readings));
    draft.change(Change::Report(ReportChange::Received {
        report_request_id: report_request_id.clone(),
        last: LastReport {
            received: now,
            until,
        },
    }));
    let next = match &progress {
        // Whoever sends data has heard the request, whatever became of the answer.
        ReportProgress::Sent { .. } if !wanted.wanted.is_once() => Some(ReportProgress::Accepted),
        // One report was all (rule 324).
        ReportProgress::Unoffered
        | ReportProgress::Waiting { .. }
        | ReportProgress::Sent { .. }
        | ReportProgress::Accepted
        | ReportProgress::Cancelling(_)
            if wanted.wanted.is_once() =>
        {
            Some(ReportProgress::Over {
                forget_at: later(now, GRACE),
                to_follow: None,
            })
        }
        ReportProgress::Unoffered
        | ReportProgress::Waiting { .. }
        | ReportProgress::Sent { .. }
        | ReportProgress::Accepted
        | ReportProgress::Refused { .. }
        | ReportProgress::Cancelling(_)
        | ReportProgress::Over { .. } => None,
    };
    let is_cancelled = wanted.cancelling().is_some() && next.is_some();
    if let Some(progress) = &next {
        draft.change(Change::Report(ReportChange::Progressed {
            report_request_id: report_request_id.clone(),
            progress: progress.clone(),
        }));
    }
    if is_cancelled {
        draft.effect(Effect::ReportCancelled {
            ven_id: sender.ven_id.clone(),
            report_request_id: report_request_id.clone(),
        });
    }
    tell(case, sender, draft, wanted, report, readings);
    next.is_none().then_some(progress)
}

/// The readings for whoever keeps them, and for whoever waits for them.
fn tell(
    case: &Case<'_>,
    sender: Sender<'_>,
    draft: &mut Draft<Vtn>,
    wanted: &RequestedReport,
    report: &Report,
    readings: Vec<Reading>,
) {
    let count = u32::try_from(readings.len()).unwrap_or(u32::MAX);
    let r_ids: BTreeSet<&RId> = readings.iter().map(|reading| &reading.r_id).collect();
    let points = wanted
        .points
        .iter()
        .filter(|point| r_ids.contains(&point.r_id));
    let points = points.cloned().collect();
    let fact = Box::new(ReadingsFact {
        ven_id: sender.ven_id.clone(),
        report_request_id: report.report_request_id.clone(),
        report_specifier_id: report.report_specifier_id.clone(),
        report_name: report.report_name.clone(),
        created: report.created,
        points,
        readings,
    });
    draft.effect(Effect::ReportReceived {
        ven_id: sender.ven_id.clone(),
        report_request_id: report.report_request_id.clone(),
        readings: count,
        data: case.context.asks.updates.then(|| fact.clone()),
    });
    if count > 0 {
        draft.fact(Fact::Readings(fact));
    }
}

impl Wrong<'_> {
    fn code(&self) -> ResponseCode {
        match self {
            Self::Request(_) | Self::Specifier(_) | Self::Point(..) => ResponseCode::INVALID_ID,
            Self::Intervals(_, error) => error.code(),
        }
    }
}

impl fmt::Display for Wrong<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(id) => write!(f, "the reportRequestID {id} is not known"),
            Self::Specifier(report) => write!(
                f,
                "the reportSpecifierID {} is not the one of the request {}",
                report.report_specifier_id, report.report_request_id
            ),
            Self::Point(report, r_id) => write!(
                f,
                "the rID {r_id} is not of the request {}",
                report.report_request_id
            ),
            Self::Intervals(report, error) => {
                write!(f, "{error}, in the report for {}", report.report_request_id)
            }
        }
    }
}

/// The first of all that is wrong, how much more there is, and that what is right was taken.
fn describe(first: &Wrong<'_>, wrong: usize, is_anything_right: bool) -> String {
    let mut text = first.to_string();
    let more = wrong.saturating_sub(1);
    if more > 0 {
        text.push_str(&format!(", and {more} more"));
    }
    if is_anything_right {
        text.push_str("; all else was taken");
    }
    text
}
