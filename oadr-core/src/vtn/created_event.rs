//! `oadrCreatedEvent`: the VEN's answers to events, the first ones and later changes of mind.
//!
//! Knows nothing of why a VEN takes part or does not.

use super::decide::{Case, Sender, acknowledgement, reply};
use super::delivery::{Delivery, EventAnswer, Progress};
use super::refusal::Refusal;
use super::{Change, DeliveryStatus, Effect, Fact, Vtn};
use crate::machine::{Decision, Draft};
use crate::payload::{CreatedEvent, EventResponse, Response};
use crate::value::{DateTime, ResponseRequired};

/// `oadrCreatedEvent`, answered by `oadrResponse`.
///
/// Answers count by eventID and modificationNumber; a requestID proves nothing (rules 42, 43).
pub(super) fn created_event(
    case: &Case<'_>,
    sender: Sender<'_>,
    created: &CreatedEvent,
) -> Decision<Vtn> {
    let created = &created.created;
    let request_id = &created.ei_response.request_id;
    // Rule 25: the VEN could make nothing of the whole; no single answer counts.
    if !created.ei_response.response_code.is_success() {
        return case.unchanged(acknowledgement(sender.ven_id, request_id.clone()));
    }
    let refuse = |refusal: Refusal| Response {
        ei_response: refusal.response(request_id.clone()),
        ven_id: Some(sender.ven_id.clone()),
    };
    // Rules 33 and 35.
    let responses = match &created.event_responses {
        Some(responses) if !responses.responses.is_empty() => &responses.responses,
        Some(_) | None => return case.unchanged(refuse(Refusal::NO_EVENT_RESPONSES)),
    };
    // Rules 25 and 48: one by one; a wrong one does not spoil the others.
    let mut draft: Option<Draft<Vtn>> = None;
    let mut refusal = None;
    for response in responses {
        let state = draft.as_ref().map_or(case.state(), |draft| &draft.state);
        let known = state.delivery(&response.qualified_event_id.event_id);
        match judge(known, response, case.env.now) {
            Ok(None) => {}
            Ok(Some(answer)) => {
                let draft = draft.get_or_insert_with(|| case.draft());
                take(draft, sender, response, answer);
            }
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    let answer = match refusal {
        None => acknowledgement(sender.ven_id, request_id.clone()),
        Some(refusal) => refuse(refusal),
    };
    match draft {
        None => case.unchanged(answer),
        Some(draft) => draft.decide(reply(answer)),
    }
}

/// The answer to be kept; `None` if there is nothing to keep.
fn judge(
    known: Option<&Delivery>,
    response: &EventResponse,
    now: DateTime,
) -> Result<Option<EventAnswer>, Refusal> {
    // To a registration that is gone an event may have been sent, to this one it was not.
    let known = known.filter(|known| known.progress != Progress::Unsent);
    let known = known.ok_or(Refusal::UNKNOWN_EVENT)?;
    let number = response.qualified_event_id.modification_number;
    if number != known.modification_number {
        return Err(Refusal::WRONG_MODIFICATION_NUMBER);
    }
    // Nobody asked (quirk Q18).
    if known.outline.response_required == ResponseRequired::Never {
        return Ok(None);
    }
    let answer = EventAnswer {
        modification_number: number,
        opt: response.opt_type,
        response_code: response.response_code,
        response_description: response.response_description.clone(),
        at: now,
    };
    // A VEN answers each time it receives the event (rule 12): mostly it says the same again. What was
    // answered may have had to be pushed once more, and waits for that.
    let is_waited_for = matches!(known.progress, Progress::Sent { .. });
    Ok((is_waited_for || tells_more(known, &answer)).then_some(answer))
}

/// Whether it differs from the last one in more than its time.
fn tells_more(known: &Delivery, answer: &EventAnswer) -> bool {
    known.answer.as_ref().is_none_or(|last| {
        EventAnswer {
            at: last.at,
            ..answer.clone()
        } != *last
    })
}

fn take(draft: &mut Draft<Vtn>, sender: Sender<'_>, response: &EventResponse, answer: EventAnswer) {
    let event_id = &response.qualified_event_id.event_id;
    let effect = Effect::EventAnswered {
        ven_id: sender.ven_id.clone(),
        event_id: event_id.clone(),
        modification_number: answer.modification_number,
        opt: answer.opt,
        response_code: answer.response_code,
    };
    draft.change(Change::EventAnswered {
        event_id: event_id.clone(),
        answer,
    });
    if let Some(delivery) = draft.state.events.get(event_id) {
        let fact = delivery.fact(event_id, sender.ven_id, DeliveryStatus::Answered);
        draft.fact(Fact::Delivery(fact));
    }
    draft.effect(effect);
}
