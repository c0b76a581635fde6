//! OadrPoll: one operation per answer, the most pressing first (rules 500 to 502).
//!
//! Knows nothing of what the operations are about. A VEN that polls again before it answered gets the
//! next one; its answers may come in any order.

use super::decide::{Case, Sender, acknowledgement, reply};
use super::delivery::{later, resend_at};
use super::input::{Answer, PollAnswer, Question};
use super::registration::PATIENCE;
use super::state::Task;
use super::{Change, Vtn, cancel_report, create_report, distribute, pushing};
use crate::machine::{Decision, Draft, Loaded, Step};
use crate::payload::{CancelPartyRegistration, RegisterReport, RequestReregistration};
use crate::value::{DateTime, RequestId};

/// `oadrPoll`. A VEN that is pushed to is served like any other.
pub(super) fn poll(case: &Case<'_>, sender: Sender<'_>, answers: &[Answer]) -> Step<Vtn> {
    let Some(decision) = pushing::polled(case, sender) else {
        return answer(case, sender, answers);
    };
    let at = Loaded {
        version: decision.base(),
        state: decision.next(case.at).state,
    };
    match answer(&Case { at: &at, ..*case }, sender, answers) {
        Step::Ask(question) => Step::Ask(question),
        Step::Decided(next) => Step::Decided(decision.and_then(next)),
    }
}

fn answer(case: &Case<'_>, sender: Sender<'_>, answers: &[Answer]) -> Step<Vtn> {
    if let Some(decision) = pending(case, sender) {
        return Step::Decided(decision);
    }
    let said = answers.iter().find_map(|answer| match answer {
        Answer::Poll(said) => Some(*said),
        Answer::Register(_) | Answer::Query(_) | Answer::Reports(_) | Answer::CreateOpt(_) => None,
    });
    // What was asked for already is under way.
    let state = case.state();
    let is_free = state.removal.is_none() && state.reregistration.is_none();
    let give_up_at = later(case.env.now, PATIENCE);
    Step::Decided(match said {
        None if case.context.asks.polls && is_free => {
            return Step::Ask(Question::Poll(sender.ven_id.clone()));
        }
        Some(PollAnswer::RequestReregistration) if is_free => {
            let mut draft = case.draft();
            draft.change(Change::ReregistrationRequested { give_up_at });
            request_reregistration(case, sender, draft)
        }
        Some(PollAnswer::Remove) if is_free => {
            let mut draft = case.draft();
            draft.change(Change::RemovalRequested { give_up_at });
            remove(case, sender, draft)
        }
        Some(PollAnswer::Nothing | PollAnswer::RequestReregistration | PollAnswer::Remove)
        | None => nothing(case, sender),
    })
}

/// What waits for this VEN and is due, the most pressing first: a poll gets it, or a push.
pub(super) fn pending(case: &Case<'_>, sender: Sender<'_>) -> Option<Decision<Vtn>> {
    let (state, now) = (case.state(), case.env.now);
    if let Some(task) = &state.removal {
        // A VEN that was removed gets nothing else.
        return task.is_due(now).then(|| remove(case, sender, case.draft()));
    }
    if state
        .reregistration
        .as_ref()
        .is_some_and(|task| task.is_due(now))
    {
        return Some(request_reregistration(case, sender, case.draft()));
    }
    // Rules 301 and 309: we have nothing to report, and say so.
    if let Some(metadata) = state.metadata.iter().find(|metadata| metadata.is_due(now)) {
        let mut draft = case.draft();
        draft.change(Change::MetadataSent {
            answers: metadata.answers.clone(),
            resend_at: next_time(case, Some(&metadata.task)),
        });
        return Some(draft.decide(reply(RegisterReport {
            request_id: case.request_id(),
            reports: Vec::new(),
            ven_id: Some(sender.ven_id.clone()),
            report_request_id: metadata.answers.clone(),
        })));
    }
    if distribute::is_due(case, sender) {
        return Some(distribute::poll(case, sender));
    }
    cancel_report::poll(case, sender).or_else(|| create_report::poll(case, sender))
}

fn remove(case: &Case<'_>, sender: Sender<'_>, mut draft: Draft<Vtn>) -> Decision<Vtn> {
    draft.change(Change::RemovalSent {
        resend_at: next_time(case, draft.state.removal.as_ref()),
    });
    draft.decide(reply(CancelPartyRegistration {
        request_id: case.request_id(),
        registration_id: sender.registration.registration_id.clone(),
        ven_id: Some(sender.ven_id.clone()),
    }))
}

fn request_reregistration(
    case: &Case<'_>,
    sender: Sender<'_>,
    mut draft: Draft<Vtn>,
) -> Decision<Vtn> {
    draft.change(Change::ReregistrationSent {
        resend_at: next_time(case, draft.state.reregistration.as_ref()),
    });
    draft.decide(reply(RequestReregistration {
        ven_id: sender.ven_id.clone(),
    }))
}

fn nothing(case: &Case<'_>, sender: Sender<'_>) -> Decision<Vtn> {
    case.unchanged(acknowledgement(sender.ven_id, RequestId::default()))
}

fn next_time(case: &Case<'_>, task: Option<&Task>) -> DateTime {
    let times = task.map_or(0, Task::times_sent).saturating_add(1);
    resend_at(times, case.context.resend_after, case.env.now)
}
