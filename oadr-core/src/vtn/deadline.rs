//! What time alone brings: events and reports end, operations that nobody answered are given up, and it
//! is time to push.
//!
//! Knows nothing of messages.

use super::cancel_report;
use super::decide::Case;
use super::delivery::later;
use super::registration::forget;
use super::requested_report::GRACE;
use super::state::Task;
use super::{
    Change, DeliveryStatus, Effect, Fact, Reply, ReportChange, ReportProgress, Vtn, opt, pushing,
    report,
};
use crate::machine::Decision;
use crate::value::{DateTime, VenId};

/// A deadline of the partition has come, or there may be something to push; if neither is so, nothing
/// follows.
pub(super) fn decide(case: &Case<'_>) -> Decision<Vtn> {
    if case
        .state()
        .next_end()
        .is_some_and(|end| end <= case.env.now)
    {
        return pushing::followed(case, end(case), pushing::next);
    }
    let unchanged = || Decision::unchanged(case.at.version, Reply::Empty);
    pushing::next(case).unwrap_or_else(unchanged)
}

/// Something ends.
fn end(case: &Case<'_>) -> Decision<Vtn> {
    let (state, now) = (case.state(), case.env.now);
    let mut draft = case.draft();
    let ven_id = state.ven_id.clone().unwrap_or_default();
    end_events(case, &mut draft, &ven_id);
    opt::run_out(&mut draft, now);
    if state
        .reregistration
        .as_ref()
        .is_some_and(|task| is_over(task, now))
    {
        draft.change(Change::ReregistrationGivenUp);
    }
    for metadata in state.metadata.iter().filter(|m| is_over(&m.task, now)) {
        draft.change(report::settled(metadata, now));
    }
    end_reports(case, &mut draft);
    // Last, for nothing is left after it.
    if state
        .removal
        .as_ref()
        .is_some_and(|task| is_over(task, now))
    {
        forget(&mut draft);
        draft.effect(Effect::RegistrationCancelled { ven_id });
    }
    draft.decide(Reply::Empty)
}

fn is_over(task: &Task, now: DateTime) -> bool {
    task.give_up_at <= now
}

fn end_events(case: &Case<'_>, draft: &mut crate::machine::Draft<Vtn>, ven_id: &VenId) {
    let now = case.env.now;
    for (event_id, delivery) in &case.state().events {
        if delivery.closes().is_none_or(|closes| now < closes) {
            continue;
        }
        // The VEN may have an old version of an event that goes on.
        let campaign = case
            .context
            .campaigns
            .iter()
            .find(|c| c.event_id == *event_id);
        let goes_on = campaign
            .map(|campaign| campaign.closes())
            .filter(|closes| closes.is_none_or(|closes| now < closes));
        if let (Some(closes), super::delivery::Content::Event) = (goes_on, delivery.content) {
            draft.change(Change::EventProlonged {
                event_id: event_id.clone(),
                closes,
            });
            continue;
        }
        if delivery.is_given_up() {
            let fact = delivery.fact(event_id, ven_id, DeliveryStatus::GivenUp);
            draft.fact(Fact::Delivery(fact));
            draft.effect(Effect::DeliveryGivenUp {
                ven_id: ven_id.clone(),
                event_id: event_id.clone(),
            });
        }
        draft.change(Change::EventEnded {
            event_id: event_id.clone(),
        });
    }
}

/// Requests whose time is over, cancellations that nobody answers, finished requests that need not be
/// known any longer.
fn end_reports(case: &Case<'_>, draft: &mut crate::machine::Draft<Vtn>) {
    let now = case.env.now;
    let due = |at: Option<DateTime>| at.is_some_and(|at| at <= now);
    for wanted in case.state().reports.iter().filter(|r| due(r.deadline())) {
        let report_request_id = wanted.report_request_id.clone();
        match &wanted.progress {
            ReportProgress::Unoffered
            | ReportProgress::Waiting { .. }
            | ReportProgress::Sent { .. }
            | ReportProgress::Accepted => draft.change(Change::Report(ReportChange::Progressed {
                report_request_id,
                progress: ReportProgress::Over {
                    forget_at: later(now, GRACE),
                    to_follow: None,
                },
            })),
            ReportProgress::Cancelling(_) => cancel_report::over(case, draft, wanted, 0),
            ReportProgress::Refused { .. } | ReportProgress::Over { .. } => {
                draft.change(Change::Report(ReportChange::Forgotten {
                    report_request_id,
                }));
            }
        }
    }
}
