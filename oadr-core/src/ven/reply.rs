//! What a VTN's answer means to the request that it answers, and what follows if there is none.
//!
//! Knows nothing of what the operations of a poll do.

use super::decide::Turn;
use super::registration::{self, Outcome};
use super::state::Query;
use super::{
    Change, Effect, Failure, Owed, Question, Request, correction, distribute, opt, poll, pushed,
    report, report_data, report_pending,
};
use crate::payload::{
    CreatedEvent, EiCreatedEvent, EventResponse, EventResponses, Message, ResponseCode,
};
use crate::value::ReportRequestId;

/// How often a VTN may refuse the same message before it is dropped: one that it cannot digest must
/// not keep everything after it from being said.
const MOST_REFUSALS: u32 = 5;

/// After so many failures in a row of a report, when the waits are about as long as those between polls,
/// a VEN that does not poll asks for something else, to see whether that gets through.
const DOUBTED_AFTER: u32 = 4;

/// A request was answered.
pub(super) fn taken(
    turn: &mut Turn<'_>,
    request: Request,
    message: Option<&Message>,
) -> Result<(), Question> {
    match request {
        Request::Query => registration::queried(turn, message),
        Request::Register => match registration::outcome(turn, message) {
            Some(Outcome::Registered(registered)) => registration::begin(turn, registered),
            Some(Outcome::Refused(code)) => {
                // What the query told may be what was refused.
                if let Query::Known(..) = turn.state().link.query {
                    turn.change(Change::Queried { known: None });
                }
                registration::refused(turn, code);
            }
            None => poll::back_off(turn, None),
        },
        Request::Poll => poll::answered(turn, message)?,
        Request::Owed => {
            if let Some(owed) = turn.state().owed.front().cloned() {
                settle(turn, &owed, message)?;
            }
        }
        Request::Report => report_data::answered(turn, message),
        Request::Abandoned => {}
    }
    Ok(())
}

/// A request failed.
pub(super) fn failed(turn: &mut Turn<'_>, request: Request, failure: Failure) {
    let retry_after = match failure {
        Failure::Busy { retry_after } => retry_after,
        Failure::Unreachable | Failure::Refused | Failure::Broken => None,
    };
    let failures = turn.state().link.failures;
    poll::back_off(turn, retry_after);
    let rejected = match failure {
        Failure::Unreachable | Failure::Busy { .. } => false,
        Failure::Refused | Failure::Broken => true,
    };
    match request {
        // A VTN without a mind for queries may still register.
        Request::Query if rejected => turn.change(Change::Queried { known: None }),
        Request::Owed if rejected => reject(turn),
        // Other things got through.
        Request::Report if rejected && failures == 0 => report_data::failed(turn),
        // To a VEN that polls, polls show whether they do.
        Request::Report if rejected && failures >= DOUBTED_AFTER => pushed::resynchronise(turn),
        Request::Query
        | Request::Owed
        | Request::Register
        | Request::Poll
        | Request::Report
        | Request::Abandoned => {}
    }
}

/// What was owed first was not taken; after a few times it is dropped.
fn reject(turn: &mut Turn<'_>) {
    let refusals = turn.state().link.refusals.saturating_add(1);
    if refusals < MOST_REFUSALS {
        turn.change(Change::Refused { refusals });
    } else {
        let owed = turn.state().owed.front().cloned();
        let link = &turn.state().link;
        let (failures, not_before) = (link.failures, link.not_before);
        turn.change(Change::Settled);
        // That it is dropped does not make the line a good one.
        if let Some(not_before) = not_before {
            turn.change(Change::Failed {
                failures,
                not_before,
            });
        }
        registration::left(turn);
        if let Some(owed) = &owed {
            opt::dropped(turn, owed);
        }
        if let Some(Owed::UpdateReport(sent)) = &owed {
            correction::refused(turn, sent, None);
        }
        if let Some(Owed::RegisterReport {
            report_request_id, ..
        }) = owed
        {
            offers_settled(turn, report_request_id.as_ref());
        }
    }
}

/// Offers were sent, or given up: those that were asked for once are done with.
fn offers_settled(turn: &mut Turn<'_>, by_request: Option<&ReportRequestId>) {
    if let Some(id) = by_request {
        report_pending::offers_sent(turn, id);
    }
}

/// What is owed first was answered.
fn settle(turn: &mut Turn<'_>, owed: &Owed, message: Option<&Message>) -> Result<(), Question> {
    // A VTN that wants the VEN to register again may say so to anything (quirk Q23).
    if let Some(Message::RequestReregistration(request)) = message
        && turn.registered().is_some()
    {
        registration::denied(turn);
        if turn.state().link.denials >= MOST_REFUSALS {
            turn.change(Change::Settled);
        }
        registration::requested(turn, request);
        return Ok(());
    }
    if let Owed::Reregistration { .. } = owed {
        match registration::outcome(turn, message) {
            Some(outcome) => renewed(turn, outcome),
            None => unusable(turn),
        }
        return Ok(());
    }
    if !is_answer(owed, message) {
        unusable(turn);
        return Ok(());
    }
    if code(message) == Some(ResponseCode::NOT_REGISTERED) && turn.registered().is_some() {
        registration::lost(turn);
        return Ok(());
    }
    turn.change(Change::Settled);
    match owed {
        Owed::RegisterReport {
            report_request_id, ..
        } => {
            offers_settled(turn, report_request_id.as_ref());
            if let Some(Message::RegisteredReport(message)) = message {
                report::registered(turn, message);
            }
        }
        Owed::RequestEvent { .. } => match (message, code(message)) {
            (Some(Message::DistributeEvent(list)), _) if distribute::error(list).is_none() => {
                distribute::distributed(turn, list)?;
                registration::confirmed(turn);
            }
            (_, Some(code)) => {
                registration::disputed(turn, code);
            }
            (_, None) => {}
        },
        Owed::CreatedEvent(created) => events_answered(turn, created, code(message)),
        Owed::CancelPartyRegistration(_) => registration::left(turn),
        Owed::UpdateReport(sent) => correction::answered(turn, sent, message),
        Owed::CreateOpt { number, .. } => opt::created(turn, *number, code(message)),
        Owed::CancelOpt { opt_id, .. } => opt::cancelled(turn, opt_id, code(message)),
        Owed::Reregistration { .. }
        | Owed::CanceledPartyRegistration(_)
        | Owed::Response(_)
        | Owed::RegisteredReport(_)
        | Owed::CreatedReport(_)
        | Owed::CanceledReport(_)
        | Owed::UpdatedReport(_) => {}
    }
    Ok(())
}

/// An answer came that means nothing to what was asked.
fn unusable(turn: &mut Turn<'_>) {
    poll::back_off(turn, None);
    reject(turn);
}

/// Whether a message answers what is owed: an `oadrResponse` and an empty reply answer anything
/// (quirks Q6, Q7), and a VTN that wants a registration knows that there is none.
fn is_answer(owed: &Owed, message: Option<&Message>) -> bool {
    match (message, owed) {
        (None | Some(Message::Response(_)), _)
        | (Some(Message::RegisteredReport(_)), Owed::RegisterReport { .. })
        | (Some(Message::DistributeEvent(_)), Owed::RequestEvent { .. })
        | (Some(Message::UpdatedReport(_)), Owed::UpdateReport(_))
        | (Some(Message::CreatedOpt(_)), Owed::CreateOpt { .. })
        | (Some(Message::CanceledOpt(_)), Owed::CancelOpt { .. })
        | (Some(Message::CanceledPartyRegistration(_)), Owed::CancelPartyRegistration(_))
        | (
            Some(Message::RequestReregistration(_)),
            Owed::CancelPartyRegistration(_) | Owed::CanceledPartyRegistration(_),
        ) => true,
        (Some(_), _) => false,
    }
}

/// The response code of an answer, if it has one.
fn code(message: Option<&Message>) -> Option<ResponseCode> {
    message?.ei_response().map(|outcome| outcome.response_code)
}

/// A registration under IDs that the VEN had was answered.
fn renewed(turn: &mut Turn<'_>, outcome: Outcome) {
    match outcome {
        Outcome::Registered(registered) => {
            let same = turn.registered().is_some_and(|old| {
                old.ven_id == registered.ven_id && old.registration_id == registered.registration_id
            });
            if same {
                turn.change(Change::Settled);
                registration::renew(turn, registered);
            } else {
                registration::begin(turn, registered);
            }
        }
        // The IDs are worth nothing: without them, then.
        Outcome::Refused(ResponseCode::NOT_REGISTERED | ResponseCode::INVALID_ID) => {
            registration::lost(turn);
        }
        Outcome::Refused(code) => {
            registration::refused(turn, code);
            reject(turn);
        }
    }
}

/// Events were answered, and the VTN has it, or refuses it.
fn events_answered(turn: &mut Turn<'_>, created: &CreatedEvent, code: Option<ResponseCode>) {
    let responses = created.created.event_responses.as_ref();
    let responses = responses.map_or(&[][..], |responses| &responses.responses);
    if code.is_none_or(ResponseCode::is_success) {
        for response in responses {
            acknowledged(turn, response);
        }
    } else if responses.len() > 1 {
        // One of them is wrong, and nobody says which: each on its own (rule 48).
        for response in responses.iter().rev() {
            let created = EiCreatedEvent {
                event_responses: Some(EventResponses {
                    responses: vec![response.clone()],
                }),
                ..created.created.clone()
            };
            turn.change(Change::OwedFirst(Owed::CreatedEvent(CreatedEvent {
                created,
            })));
        }
    }
}

/// The VTN has the answer to an event. It is told once, however often the event comes again.
fn acknowledged(turn: &mut Turn<'_>, response: &EventResponse) {
    let id = &response.qualified_event_id;
    let Some(event) = turn.state().events.get(&id.event_id) else {
        return;
    };
    let stance = &event.stance;
    if event.modification_number() == id.modification_number
        && stance.same_as(response.opt_type, response.response_code)
        && !stance.acknowledged
    {
        turn.change(Change::OptAcknowledged {
            event_id: id.event_id.clone(),
        });
        turn.effect(Effect::OptSent {
            event_id: id.event_id.clone(),
            modification_number: id.modification_number,
            opt: response.opt_type,
            response_code: response.response_code,
        });
    }
}
