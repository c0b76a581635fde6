//! What the VTN says by itself to a VEN that does not poll, and what is said to that at once.
//!
//! Knows nothing of what the operations do: they are those of a poll, answered directly (spec §1.4).

use chrono::TimeDelta;

use super::decide::Turn;
use super::{Change, Contact, Owed, Question, distribute, registration, report};
use crate::payload::{
    CancelPartyRegistration, CanceledPartyRegistration, CanceledReport, CreatedReport, EiResponse,
    Message, MessageKind, PendingReports, RegisteredReport, Response, ResponseCode, UpdatedReport,
};
use crate::value::{RequestId, VenId};

/// A VEN that is pushed to cannot tell a VTN that has nothing to say from one that does not know it any
/// more, or that has given up what did not get through. After so long without a word it asks (rule 500):
/// seldom enough to be no poll, soon enough that an hour is about the most that is missed.
const LONGEST_SILENCE: TimeDelta = TimeDelta::hours(1);
/// Up to so many milliseconds are added, a tenth, so that VENs which heard of their VTN together drift
/// apart.
const MOST_JITTER: u64 = 360_000;

/// A message was pushed. A VEN that polls, or that is not registered, listens to nobody (rule 405).
pub(super) fn taken(turn: &mut Turn<'_>, message: &Message) -> Result<(), Question> {
    turn.answer_directly();
    let listens = turn.registered().is_some() && !Contact::of(turn.context).is_pull();
    match message {
        Message::DistributeEvent(list) if listens => {
            if distribute::error(list).is_none() {
                crossed(turn);
                distribute::pushed(turn, list)?;
            }
        }
        Message::RegisterReport(message) if listens => report::offered(turn, message),
        Message::CreateReport(message) if listens => report::requested(turn, message),
        Message::CancelReport(message) if listens => report::cancelled(turn, message),
        Message::UpdateReport(message) if listens => report::updated(turn, message),
        Message::RequestReregistration(message) if listens => {
            registration::requested(turn, message);
        }
        Message::CancelPartyRegistration(message) if listens => {
            registration::cancelled(turn, message);
        }
        Message::CancelPartyRegistration(message) if is_repeated(turn, message) => {
            turn.answer(Owed::CanceledPartyRegistration(CanceledPartyRegistration {
                ei_response: EiResponse::ok(message.request_id.clone()),
                registration_id: Some(message.registration_id.clone()),
                ven_id: turn.state().ended.as_ref().map(|(id, _)| id.clone()),
            }));
        }
        // There is nothing to be said to an answer (quirk Q25).
        Message::Response(_) => {}
        Message::DistributeEvent(_)
        | Message::RegisterReport(_)
        | Message::CreateReport(_)
        | Message::CancelReport(_)
        | Message::UpdateReport(_)
        | Message::RequestReregistration(_)
        | Message::CancelPartyRegistration(_)
        | Message::QueryRegistration(_)
        | Message::CreatePartyRegistration(_)
        | Message::CreatedPartyRegistration(_)
        | Message::CanceledPartyRegistration(_)
        | Message::RequestEvent(_)
        | Message::CreatedEvent(_)
        | Message::CreateOpt(_)
        | Message::CreatedOpt(_)
        | Message::CancelOpt(_)
        | Message::CanceledOpt(_)
        | Message::RegisteredReport(_)
        | Message::CreatedReport(_)
        | Message::UpdatedReport(_)
        | Message::CanceledReport(_)
        | Message::Poll(_) => {
            let refusal = refusal(message, our_id(turn));
            turn.reply(refusal);
        }
    }
    if is_taken(turn, message) {
        heard(turn);
    }
    Ok(())
}

/// Whether a message that was pushed was for this VEN, and one for a VTN to say.
fn is_taken(turn: &Turn<'_>, message: &Message) -> bool {
    message.kind() != MessageKind::Response && !turn.refuses()
}

/// A list that VTN made for a request under way may be older than this one, or newer.
fn crossed(turn: &mut Turn<'_>) {
    let link = &turn.state().link;
    if link.under_way.is_some() && !link.crossed {
        turn.change(Change::Crossed);
    }
}

/// Whether the VTN did not hear that the VEN knows of the end of its registration.
fn is_repeated(turn: &Turn<'_>, message: &CancelPartyRegistration) -> bool {
    let ended = turn.state().ended.as_ref();
    ended.is_some_and(|(ven_id, registration_id)| {
        let theirs = message.ven_id.as_ref().filter(|id| !id.is_empty());
        message.registration_id == *registration_id && theirs.is_none_or(|id| id == ven_id)
    })
}

/// Who the VEN is, or would be (rule 508).
fn our_id(turn: &Turn<'_>) -> Option<VenId> {
    let registered = turn.registered().map(|registered| &registered.ven_id);
    registered.or(turn.context.ven_id.as_ref()).cloned()
}

/// 463 in what answers the message, or 459 if no VTN says such a thing by itself (rules 33, 51).
fn refusal(message: &Message, ven_id: Option<VenId>) -> Message {
    let unregistered = |request_id: &RequestId| {
        let code = ResponseCode::NOT_REGISTERED;
        EiResponse::new(code, "not registered for this", request_id.clone())
    };
    match message {
        Message::RegisterReport(message) => RegisteredReport {
            ei_response: unregistered(&message.request_id),
            report_requests: Vec::new(),
            ven_id,
        }
        .into(),
        Message::CreateReport(message) => CreatedReport {
            ei_response: unregistered(&message.request_id),
            pending_reports: PendingReports::default(),
            ven_id,
        }
        .into(),
        Message::CancelReport(message) => CanceledReport {
            ei_response: unregistered(&message.request_id),
            pending_reports: PendingReports::default(),
            ven_id,
        }
        .into(),
        Message::UpdateReport(message) => UpdatedReport {
            ei_response: unregistered(&message.request_id),
            cancel_report: None,
            ven_id,
        }
        .into(),
        Message::CancelPartyRegistration(message) => CanceledPartyRegistration {
            ei_response: unregistered(&message.request_id),
            registration_id: Some(message.registration_id.clone()),
            ven_id,
        }
        .into(),
        // The answer to events is none; what is said instead is an oadrResponse.
        Message::DistributeEvent(message) => Response {
            ei_response: unregistered(&message.request_id),
            ven_id,
        }
        .into(),
        Message::RequestReregistration(_) => Response {
            ei_response: unregistered(&RequestId::default()),
            ven_id,
        }
        .into(),
        Message::QueryRegistration(_)
        | Message::CreatePartyRegistration(_)
        | Message::CreatedPartyRegistration(_)
        | Message::CanceledPartyRegistration(_)
        | Message::Response(_)
        | Message::RequestEvent(_)
        | Message::CreatedEvent(_)
        | Message::CreateOpt(_)
        | Message::CreatedOpt(_)
        | Message::CancelOpt(_)
        | Message::CanceledOpt(_)
        | Message::RegisteredReport(_)
        | Message::CreatedReport(_)
        | Message::UpdatedReport(_)
        | Message::CanceledReport(_)
        | Message::Poll(_) => Response {
            ei_response: EiResponse::new(
                ResponseCode::COMPLIANCE_ERROR,
                "not for a VTN to say",
                RequestId::default(),
            ),
            ven_id,
        }
        .into(),
    }
}

/// The process began, there is a connection again, nothing was exchanged for long, or reports do not get
/// through: the VEN asks for what it may have missed, which tells the VTN that it is there. What is pushed
/// meanwhile is none the worse for it.
pub(super) fn resynchronise(turn: &mut Turn<'_>) {
    if turn.registered().is_none() || Contact::of(turn.context).is_pull() {
        return;
    }
    // If the VTN will not digest that, silence is no reason to ask again before another hour is over.
    put_off(turn);
    if turn.context.report_only {
        // There is nothing else to ask for.
        registration::reregister_first(turn);
    } else {
        distribute::ask(turn);
    }
}

/// Whether nothing was exchanged for so long that a VEN which owes nothing has to ask.
pub(super) fn is_quiet(turn: &Turn<'_>) -> bool {
    let state = turn.state();
    let next = state
        .registered()
        .and_then(|registered| state.next_resynchronisation(registered));
    next.is_some_and(|at| at <= turn.now) && !Contact::of(turn.context).is_pull()
}

/// The VTN answered a request, or had a push taken.
pub(super) fn heard(turn: &mut Turn<'_>) {
    if turn.registered().is_some_and(|r| r.poll_interval.is_none()) {
        put_off(turn);
    }
}

/// Nothing has to be asked for a while.
fn put_off(turn: &mut Turn<'_>) {
    let jitter = i64::try_from(turn.random.up_to(MOST_JITTER)).unwrap_or_default();
    let silence = LONGEST_SILENCE.checked_add(&TimeDelta::milliseconds(jitter));
    let resynchronise_at = turn.later(silence.unwrap_or(LONGEST_SILENCE));
    turn.change(Change::Heard { resynchronise_at });
}

/// There is a connection to the VTN again.
pub(super) fn connected(turn: &mut Turn<'_>) {
    if turn.state().link.not_before.is_some() {
        turn.change(Change::Connected);
    }
    resynchronise(turn);
}
