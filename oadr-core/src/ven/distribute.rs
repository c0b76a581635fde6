//! `oadrDistributeEvent`: what the VTN's list of events means to what is known, and the answers.
//!
//! Knows nothing of the events' lives afterwards.

use chrono::TimeDelta;

use super::decide::Turn;
use super::event::{self, same_substance};
use super::{
    Announced, Answer, Change, Contact, Effect, EndReason, KnownEvent, Numbering, OptPolicy,
    OptQuestion, Owed, Question, Run, Stance, run,
};
use super::{schedule, validate};
use crate::payload::{
    CreatedEvent, DistributeEvent, EiCreatedEvent, EiEvent, EiResponse, Event, EventResponse,
    EventResponses, QualifiedEventId, ResponseCode,
};
use crate::value::{EventId, EventStatus, OptType, RequestId, ResponseRequired, VenId};

/// How much two messages may have crossed on their ways.
const LATELY: TimeDelta = TimeDelta::seconds(60);
/// So many events that were cancelled lately are remembered; who cancels more at once may have to cancel
/// one again.
const MOST_GONE: usize = 256;

/// Why there is no list, if it is an error that came.
pub(super) fn error(message: &DistributeEvent) -> Option<ResponseCode> {
    let code = message.ei_response.as_ref()?.response_code;
    (!code.is_success()).then_some(code)
}

/// Owes an `oadrRequestEvent`, unless one is owed already.
pub(super) fn ask(turn: &mut Turn<'_>) {
    let is_owed = |owed: &Owed| matches!(owed, Owed::RequestEvent { .. });
    if !turn.state().owed.iter().any(is_owed) {
        let request_id = turn.request_id();
        turn.owe(Owed::RequestEvent { request_id });
    }
}

/// A list came, as the answer to a poll or to a request: it holds all events there are (rule 50).
pub(super) fn distributed(turn: &mut Turn<'_>, message: &DistributeEvent) -> Result<(), Question> {
    let origin = if turn.state().link.crossed {
        Origin::CrossedAnswer
    } else {
        Origin::Answer
    };
    listed(turn, message, origin)
}

/// A list was pushed.
pub(super) fn pushed(turn: &mut Turn<'_>, message: &DistributeEvent) -> Result<(), Question> {
    listed(turn, message, Origin::Push)
}

/// What can be made of a list: pushes and answers travel beside each other, and which was made first
/// nobody can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Nothing else came since it was asked for: a known event that is not in it is cancelled (rule 61).
    Answer,
    /// It was pushed. A known event that is not in it is cancelled, unless it became known lately: the
    /// list may have been made before the event. A new event in it that was cancelled lately is not
    /// taken, unless this version is newer: the list may have been made before that. The VTN is asked.
    Push,
    /// It was asked for, and another one was pushed since. The same is true of it; and any new event in
    /// it may be one that is no more, though it was never known: that is asked, too.
    CrossedAnswer,
}

fn listed(turn: &mut Turn<'_>, message: &DistributeEvent, origin: Origin) -> Result<(), Question> {
    let Some(registered) = turn.registered().cloned() else {
        return Ok(());
    };
    let ven_id = registered.ven_id;
    // IDs compare to the letter (rules 21, 512).
    if message.vtn_id != registered.vtn_id {
        let request_id = message.request_id.clone();
        let ei_response = EiResponse::new(ResponseCode::INVALID_ID, "unknown vtnID", request_id);
        overtake(turn, &[]);
        turn.owe(created_event(ei_response, None, ven_id));
        return Ok(());
    }
    let mut responses = Vec::new();
    for event in &message.events {
        let is_doubtful = match origin {
            Origin::Answer => false,
            Origin::Push => is_new(turn, event) && was_cancelled(turn, &event.ei_event),
            Origin::CrossedAnswer => is_new(turn, event),
        };
        if is_doubtful {
            ask(turn);
            continue;
        }
        let stance = received(turn, &ven_id, &message.request_id, event)?;
        // `always` means each time it comes, `never` never (rules 12, 62).
        match event.response_required {
            ResponseRequired::Always => {
                responses.push(response(&event.ei_event, &message.request_id, stance));
            }
            ResponseRequired::Never => {}
        }
    }
    take_away(turn, message, origin);
    overtake(turn, &responses);
    if !responses.is_empty() {
        // With event responses the root has no requestID (rule 42).
        let ei_response = EiResponse::ok(RequestId::default());
        turn.owe(created_event(ei_response, Some(responses), ven_id));
    }
    // After the answers (rule 206).
    super::opt::owe(turn);
    Ok(())
}

/// `oadrCreatedEvent`.
pub(super) fn created_event(
    ei_response: EiResponse,
    responses: Option<Vec<EventResponse>>,
    ven_id: VenId,
) -> Owed {
    Owed::CreatedEvent(CreatedEvent {
        created: EiCreatedEvent {
            ei_response,
            event_responses: responses.map(|responses| EventResponses { responses }),
            ven_id,
        },
    })
}

/// `eventResponse`, with the requestID of the distribution (rule 42).
pub(super) fn response(event: &EiEvent, request_id: &RequestId, stance: Stance) -> EventResponse {
    EventResponse {
        response_code: stance.response_code,
        response_description: stance.response_description,
        request_id: request_id.clone(),
        qualified_event_id: QualifiedEventId {
            event_id: event.descriptor.event_id.clone(),
            modification_number: event.descriptor.modification_number,
        },
        opt_type: stance.opt,
    }
}

/// One event of the list, and the answer to it.
fn received(
    turn: &mut Turn<'_>,
    ven_id: &VenId,
    request_id: &RequestId,
    event: &Event,
) -> Result<Stance, Question> {
    let descriptor = &event.ei_event.descriptor;
    let known = turn.state().events.get(&descriptor.event_id).cloned();
    // eventStatus says nothing that the clock does not, but for this (rule 114).
    let cancelled = descriptor.event_status == EventStatus::Cancelled;
    let stance = match known {
        Some(known) if is_older(&event.ei_event, &known) => {
            let code = ResponseCode::OUT_OF_SEQUENCE;
            Stance::new(
                OptType::OptOut,
                code,
                "a higher modificationNumber is known",
            )
        }
        known if cancelled => {
            // What is not known is cancelled already (rule 60); optIn: it will be (rule 36).
            match known {
                Some(known) => cancel(turn, &known, Some(descriptor.modification_number)),
                None => gone(turn, &descriptor.event_id, descriptor.modification_number),
            }
            Stance::new(OptType::OptIn, ResponseCode::OK, "OK")
        }
        Some(known) if is_same(&event.ei_event, &known) => {
            seen(turn, &known, request_id, event);
            known.stance
        }
        known => accept(turn, ven_id, request_id, event, known)?,
    };
    Ok(stance)
}

/// Whether an event is to be had that is not known (rule 56).
fn is_new(turn: &Turn<'_>, event: &Event) -> bool {
    let descriptor = &event.ei_event.descriptor;
    descriptor.event_status != EventStatus::Cancelled
        && !turn.state().events.contains_key(&descriptor.event_id)
}

/// Whether this version of an event, or a later one, was cancelled lately.
fn was_cancelled(turn: &Turn<'_>, event: &EiEvent) -> bool {
    let descriptor = &event.descriptor;
    let gone = turn.state().link.gone.get(&descriptor.event_id);
    gone.is_some_and(|gone| {
        descriptor.modification_number <= gone.modification_number
            && turn.now < schedule::later(gone.at, LATELY)
    })
}

/// Whether a version is one that was overtaken (rule 58).
fn is_older(event: &EiEvent, known: &KnownEvent) -> bool {
    match known.numbering {
        Numbering::Current => event.descriptor.modification_number < known.modification_number(),
        Numbering::Earlier => false,
    }
}

/// Whether a version is the one that is known.
fn is_same(event: &EiEvent, known: &KnownEvent) -> bool {
    match known.numbering {
        Numbering::Current => event.descriptor.modification_number == known.modification_number(),
        Numbering::Earlier => same_substance(event, &known.event),
    }
}

/// A known version came again: nobody is asked or told a second time.
fn seen(turn: &mut Turn<'_>, known: &KnownEvent, request_id: &RequestId, event: &Event) {
    let event_id = known.event_id().clone();
    let request_id = request_id.clone();
    let response_required = event.response_required;
    match known.numbering {
        Numbering::Current => {
            let same = known.response_required == response_required;
            if !same || known.request_id != request_id {
                turn.change(Change::EventSeen {
                    event_id,
                    request_id,
                    response_required,
                });
            }
        }
        Numbering::Earlier => turn.change(Change::EventRenumbered {
            event_id,
            modification_number: event.ei_event.descriptor.modification_number,
            request_id,
            response_required,
        }),
    }
}

/// A new event (rule 56) or a new version of a known one (rule 57).
fn accept(
    turn: &mut Turn<'_>,
    ven_id: &VenId,
    request_id: &RequestId,
    event: &Event,
    known: Option<KnownEvent>,
) -> Result<Stance, Question> {
    let ei_event = &event.ei_event;
    let random_offset = offset(turn, ei_event, known.as_ref());
    let before = known
        .as_ref()
        .map_or(Announced::No, |known| known.announced);
    let (stance, announced) = match validate::fault(ei_event, turn.context, ven_id) {
        Some((code, why)) => (Stance::new(OptType::OptOut, code, why), before),
        None => {
            let stance = opt(turn, event, random_offset, known.as_ref())?;
            (stance, Announced::Yes)
        }
    };
    let mut new = KnownEvent {
        event: ei_event.clone(),
        response_required: event.response_required,
        request_id: request_id.clone(),
        random_offset,
        stance: stance.clone(),
        since: turn.now,
        announced,
        numbering: Numbering::Current,
        run: Run::Waiting,
    };
    let ended = match &known {
        Some(old) => take_over(&mut new, old, turn),
        None => None,
    };
    // A cancelled event that is still running out is over now that it is back as a new one.
    run::stop(turn, new.event_id().clone(), EndReason::Cancelled);
    turn.change(Change::EventReceived {
        event: Box::new(new.clone()),
        context: turn.context.version,
    });
    match (before, new.announced) {
        (Announced::Yes, _) => turn.effect(Effect::EventModified {
            event: Box::new(ei_event.clone()),
            response_required: event.response_required,
            start: new.start(),
            end: new.end(),
            random_offset,
        }),
        (Announced::No, Announced::Yes) => turn.effect(Effect::EventReceived {
            event: Box::new(ei_event.clone()),
            response_required: event.response_required,
            start: new.start(),
            end: new.end(),
            random_offset,
        }),
        (Announced::No, Announced::No) => {}
    }
    if let Some(reason) = ended {
        turn.effect(Effect::EventEnded {
            event_id: new.event_id().clone(),
            modification_number: new.modification_number(),
            reason,
        });
    }
    Ok(stance)
}

/// The random offset: drawn once, and again only if the window is another one (rule 30).
fn offset(turn: &mut Turn<'_>, event: &EiEvent, known: Option<&KnownEvent>) -> u32 {
    let window = event::window(event);
    // Drawn in any case, so that what is drawn later does not depend on what is known.
    let drawn = turn.random.up_to(u64::from(window));
    match known {
        Some(known) if event::window(&known.event) == window => known.random_offset,
        Some(_) | None => u32::try_from(drawn).unwrap_or(window),
    }
}

/// Whether to take part: the configuration says so, or the application, once per version.
fn opt(
    turn: &Turn<'_>,
    event: &Event,
    random_offset: u32,
    known: Option<&KnownEvent>,
) -> Result<Stance, Question> {
    let ei_event = &event.ei_event;
    let (event_id, modification_number) = (
        &ei_event.descriptor.event_id,
        ei_event.descriptor.modification_number,
    );
    // Whoever has opted in or out of the whole event need not be asked, also once it is modified (rule
    // 206).
    if let Some(opt) = turn.state().opts.of_event(event_id) {
        return Ok(Stance::new(opt, ResponseCode::OK, "OK"));
    }
    match turn.context.opt {
        OptPolicy::Always(opt) => Ok(Stance::new(opt, ResponseCode::OK, "OK")),
        OptPolicy::Ask => {
            let answer = turn.answers.iter().find_map(|answer| match answer {
                Answer::Opt(answer) => (answer.event_id == *event_id
                    && answer.modification_number == modification_number)
                    .then_some(answer),
                Answer::Readings(_) => None,
            });
            let Some(answer) = answer else {
                let start = event::start(ei_event, random_offset);
                return Err(Question::Opt(Box::new(OptQuestion {
                    event: ei_event.clone(),
                    response_required: event.response_required,
                    start,
                    end: event::end(ei_event, start),
                    previous: known.map(|known| known.stance.opt),
                })));
            };
            let code = answer.response_code.unwrap_or(ResponseCode::OK);
            let description = if code == ResponseCode::OK { "OK" } else { "" };
            Ok(Stance::new(answer.opt, code, description))
        }
    }
}

/// Carries over how far a running event has run; says why it ends if it does not run on.
fn take_over(new: &mut KnownEvent, old: &KnownEvent, turn: &Turn<'_>) -> Option<EndReason> {
    match (&old.run, new.stance.opt) {
        (Run::Waiting | Run::Over, OptType::OptIn | OptType::OptOut) => None,
        (Run::Running(_), OptType::OptOut) => Some(EndReason::OptedOut),
        (Run::Running(_), OptType::OptIn) if new.start() > turn.now => Some(EndReason::Rescheduled),
        (Run::Running(_), OptType::OptIn) => {
            new.run = Run::Running(new.begun_as_in(old, turn.now));
            None
        }
    }
}

/// Answers that were not sent yet need not be, if these say more: so the queue cannot grow while lists
/// are pushed and nothing can be said to them. That a version is out of sequence says less than the
/// answer to the newer one. What is owed before an opt stays before it (rule 206).
fn overtake(turn: &mut Turn<'_>, responses: &[EventResponse]) {
    let owed = || turn.state().owed.iter();
    let opt = owed().rposition(|owed| matches!(owed, Owed::CreateOpt { .. }));
    let from = opt.map_or(usize::from(turn.state().is_waiting()), |opt| {
        opt.saturating_add(1)
    });
    let says_more = |new: &EventResponse, old: &EventResponse| {
        let (of, than) = (&new.qualified_event_id, &old.qualified_event_id);
        of.event_id == than.event_id
            && (of.modification_number >= than.modification_number
                || old.response_code == ResponseCode::OUT_OF_SEQUENCE)
    };
    let answered = |old: &EventResponse| responses.iter().any(|new| says_more(new, old));
    let is_overtaken =
        |owed: &Owed| matches!(owed, Owed::CreatedEvent(_)) && owed.event_responses().all(answered);
    let places: Vec<usize> = owed()
        .enumerate()
        .skip(from)
        .filter_map(|(place, owed)| is_overtaken(owed).then_some(place))
        .collect();
    for place in places.into_iter().rev() {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        turn.change(Change::Overtaken { place });
    }
}

/// Known events that the list does not have are cancelled (rule 61), unless their time was over
/// anyway: then they run out if they started late, and are forgotten.
fn take_away(turn: &mut Turn<'_>, message: &DistributeEvent, origin: Origin) {
    let listed = |id: &EventId| {
        let mut events = message.events.iter();
        events.any(|event| event.ei_event.descriptor.event_id == *id)
    };
    let events = turn.state().events.values();
    let absent: Vec<KnownEvent> = events.filter(|e| !listed(e.event_id())).cloned().collect();
    for event in absent {
        let is_over = |end: Option<_>| end.is_some_and(|end| end <= turn.now);
        if is_over(event.end()) {
            turn.change(Change::EventForgotten {
                event_id: event.event_id().clone(),
            });
        } else if !is_over(event::end(&event.event, event.event.active_period.0.start)) {
            let is_young = turn.now < schedule::later(event.since, LATELY);
            match origin {
                Origin::Push | Origin::CrossedAnswer if is_young => ask(turn),
                Origin::Answer | Origin::Push | Origin::CrossedAnswer => {
                    cancel(turn, &event, None);
                }
            }
        }
    }
}

/// An event is cancelled, by a version of it or by its absence (rules 59, 61).
fn cancel(turn: &mut Turn<'_>, event: &KnownEvent, by: Option<u32>) {
    let event_id = event.event_id().clone();
    let modification_number = by.unwrap_or_else(|| event.modification_number());
    gone(turn, &event_id, modification_number);
    let stops = match event.run {
        Run::Running(_) => Some(run::stops_at(turn, event)),
        Run::Waiting | Run::Over => None,
    };
    turn.change(Change::EventCancelled {
        event_id: event_id.clone(),
        modification_number,
        stops,
    });
    match event.announced {
        Announced::Yes => turn.effect(Effect::EventCancelled {
            event_id,
            modification_number,
            implied: by.is_none(),
        }),
        Announced::No => {}
    }
}

/// Remembers for a while that an event was cancelled. To a VEN that polls everything comes in its order.
fn gone(turn: &mut Turn<'_>, event_id: &EventId, modification_number: u32) {
    if Contact::of(turn.context).is_pull() {
        return;
    }
    let forgotten = turn.later(-LATELY);
    let gone = &turn.state().link.gone;
    let young = gone.values().filter(|gone| gone.at > forgotten).count();
    if young < MOST_GONE || gone.contains_key(event_id) {
        turn.change(Change::Gone {
            event_id: event_id.clone(),
            modification_number,
            at: turn.now,
            forgotten,
        });
    }
}
