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
    if let Some(decision) = pending(case, sender, Turn::ALL) {
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

/// What a message can be about that waits for a VEN which stays registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Reregistration,
    Metadata,
    Events,
    Cancellations,
    Reports,
}

impl Turn {
    /// The most pressing first.
    pub(super) const ALL: [Self; 5] = [
        Self::Reregistration,
        Self::Metadata,
        Self::Events,
        Self::Cancellations,
        Self::Reports,
    ];

    fn pending(self, case: &Case<'_>, sender: Sender<'_>) -> Option<Decision<Vtn>> {
        match self {
            Self::Reregistration => {
                let task = case.state().reregistration.as_ref();
                task.filter(|task| task.is_due(case.env.now))
                    .map(|_| request_reregistration(case, sender, case.draft()))
            }
            Self::Metadata => metadata(case, sender),
            Self::Events => {
                distribute::is_due(case, sender).then(|| distribute::poll(case, sender))
            }
            Self::Cancellations => cancel_report::poll(case, sender),
            Self::Reports => create_report::poll(case, sender),
        }
    }
}

/// What waits for this VEN and is due, in the order of the turns: a poll gets it, or a push.
pub(super) fn pending(
    case: &Case<'_>,
    sender: Sender<'_>,
    turns: [Turn; 5],
) -> Option<Decision<Vtn>> {
    if let Some(task) = &case.state().removal {
        // A VEN that was removed gets nothing else.
        let is_due = task.is_due(case.env.now);
        return is_due.then(|| remove(case, sender, case.draft()));
    }
    let mut turns = turns.into_iter();
    turns.find_map(|turn| turn.pending(case, sender))
}

/// Rules 301 and 309: we have nothing to report, and say so. What was sent before goes after the rest.
fn metadata(case: &Case<'_>, sender: Sender<'_>) -> Option<Decision<Vtn>> {
    let all = case.state().metadata.iter();
    let due = all.filter(|metadata| metadata.is_due(case.env.now));
    let metadata = due.min_by_key(|metadata| metadata.task.comes_again())?;
    let mut draft = case.draft();
    draft.change(Change::MetadataSent {
        answers: metadata.answers.clone(),
        resend_at: next_time(case, Some(&metadata.task)),
    });
    Some(draft.decide(reply(RegisterReport {
        request_id: case.request_id(),
        reports: Vec::new(),
        ven_id: Some(sender.ven_id.clone()),
        report_request_id: metadata.answers.clone(),
    })))
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
