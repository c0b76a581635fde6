//! OadrPoll: one operation per answer, the most pressing first (rules 500 to 502).
//!
//! Knows nothing of what the operations are about. A VEN that polls again before it answered gets the
//! next one; its answers may come in any order.

use super::decide::{Case, Sender, acknowledgement, reply};
use super::delivery::resend_at;
use super::state::Task;
use super::{Change, Vtn, distribute};
use crate::machine::Decision;
use crate::payload::{CancelPartyRegistration, RegisterReport, RequestReregistration};
use crate::value::{DateTime, RequestId};

/// `oadrPoll`.
pub(super) fn poll(case: &Case<'_>, sender: Sender<'_>) -> Decision<Vtn> {
    let (state, now) = (case.state(), case.env.now);
    if let Some(task) = &state.removal {
        return if task.is_due(now) {
            let mut draft = case.draft();
            draft.change(Change::RemovalSent {
                resend_at: next_time(case, task),
            });
            draft.decide(reply(CancelPartyRegistration {
                request_id: case.request_id(),
                registration_id: sender.registration.registration_id.clone(),
                ven_id: Some(sender.ven_id.clone()),
            }))
        } else {
            // A VEN that was removed gets nothing else.
            nothing(case, sender)
        };
    }
    if let Some(task) = state
        .reregistration
        .as_ref()
        .filter(|task| task.is_due(now))
    {
        let mut draft = case.draft();
        draft.change(Change::ReregistrationSent {
            resend_at: next_time(case, task),
        });
        return draft.decide(reply(RequestReregistration {
            ven_id: sender.ven_id.clone(),
        }));
    }
    // Rules 301 and 309: we have nothing to report, and say so.
    if let Some(metadata) = state
        .metadata
        .iter()
        .find(|metadata| metadata.task.is_due(now))
    {
        let mut draft = case.draft();
        draft.change(Change::MetadataSent {
            answers: metadata.answers.clone(),
            resend_at: next_time(case, &metadata.task),
        });
        return draft.decide(reply(RegisterReport {
            request_id: case.request_id(),
            reports: Vec::new(),
            ven_id: Some(sender.ven_id.clone()),
            report_request_id: metadata.answers.clone(),
        }));
    }
    if distribute::is_due(case, sender) {
        return distribute::poll(case, sender);
    }
    nothing(case, sender)
}

fn nothing(case: &Case<'_>, sender: Sender<'_>) -> Decision<Vtn> {
    case.unchanged(acknowledgement(sender.ven_id, RequestId::default()))
}

fn next_time(case: &Case<'_>, task: &Task) -> DateTime {
    let times = task.times_sent().saturating_add(1);
    resend_at(times, case.context.resend_after, case.env.now)
}
