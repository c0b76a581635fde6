//! What is pushed and when, and what follows from how it went.
//!
//! Knows nothing of what messages are about: what is pushed is what a poll would get, and a reply is
//! treated like one that was posted.

use chrono::TimeDelta;

use super::decide::{Case, Sender, admit};
use super::delivery::{Progress, later, resend_at};
use super::push_failure::{self, LONGEST_PAUSE, is_about_message};
use super::push_link::{self, Link, UnderWay};
use super::{
    Change, CommandError, DeadLetter, Effect, Push, PushChange, PushFault, PushId, PushItem,
    PushOutcome, Reply, Vtn, poll, push_reply,
};
use crate::Peer;
use crate::machine::{Decision, Draft, Loaded, Random};
use crate::payload::{Message, MessageKind};
use crate::value::{DateTime, EventId, ResponseRequired, ServiceName};

/// So long the reply to a registration has a start before the first push.
const HEAD_START: TimeDelta = TimeDelta::seconds(1);
/// A VEN that fetches by poll what could not be pushed has so long to fetch the rest.
const TIME_TO_FETCH: TimeDelta = TimeDelta::seconds(30);
/// From when a VEN is pushed to that registers now.
pub(super) fn pushes_from(now: DateTime) -> DateTime {
    later(now, HEAD_START)
}

/// What is to be pushed now, if anything; a push whose outcome nobody told has failed.
pub(super) fn next(case: &Case<'_>) -> Option<Decision<Vtn>> {
    let (state, now) = (case.state(), case.env.now);
    let link = state.link.as_deref()?;
    if let Some(sent) = &link.under_way {
        return (sent.lease_until <= now).then(|| {
            if sent.is_outlived() {
                return followed(case, outlived(case), next);
            }
            let nobody_told =
                push_reply::failure(PushFault::TimedOut, "nobody told in time how it went");
            push_failure::failed(case, link, sent, nobody_told)
        });
    }
    if link.not_before.is_some_and(|at| now < at) {
        return None;
    }
    let to = state.push_address()?;
    let (ven_id, registration) = state.registered()?;
    let sender = Sender {
        ven_id,
        registration,
    };
    let Some(decision) = poll::pending(case, sender, link.turns(state)) else {
        // The state cannot know all that a message depends on: what it takes for due may be nothing.
        let is_due = push_link::next_due(state).is_some_and(|due| due <= now);
        return (is_due || link.not_before.is_some()).then(|| {
            let mut draft = case.draft();
            draft.change(Change::Push(PushChange::Looked {
                not_before: is_due.then(|| later(now, LONGEST_PAUSE)),
            }));
            draft.decide(Reply::Empty)
        });
    };
    let (mut draft, reply) = Draft::resume(case.at, decision);
    let message = match reply {
        Reply::Message(message) => message,
        Reply::Empty | Reply::Push(_) | Reply::Forbidden => return None,
    };
    let kind = message.kind();
    let changes = draft.changes().iter();
    let items = changes.filter_map(|change| PushItem::of(change, &draft.state));
    let items = items.collect();
    let id = PushId(Random::new(case.env.entropy).next());
    draft.change(Change::Push(PushChange::Started {
        id,
        kind,
        items,
        at: now,
        lease_until: later(now, case.context.push.lease),
    }));
    Some(draft.decide(Reply::Push(Box::new(Push {
        id,
        to,
        service: kind.service().unwrap_or(ServiceName::EiRegisterParty),
        message,
    }))))
}

/// A push has come to an end. What is of no push that is on its way changes nothing.
pub(super) fn pushed(case: &Case<'_>, id: PushId, outcome: &PushOutcome) -> Decision<Vtn> {
    let link = case.state().link.as_deref();
    let sent = link.and_then(|link| link.under_way.as_ref().map(|sent| (link, sent)));
    let Some((link, sent)) = sent.filter(|(_, sent)| sent.id == id) else {
        return Decision::unchanged(case.at.version, Reply::Empty);
    };
    if sent.is_outlived() {
        return followed(case, outlived(case), next);
    }
    let decision = match push_reply::judge(case, sent.kind, outcome) {
        Err(failure) => push_failure::failed(case, link, sent, failure),
        Ok(reply) => {
            let arrived = arrived(case, sent);
            followed(case, arrived, |case| {
                let (message, signature) = reply?;
                push_reply::replied(case, message, signature)
            })
        }
    };
    followed(case, decision, next)
}

/// Nobody waits for it any more, but the next one does.
fn outlived(case: &Case<'_>) -> Decision<Vtn> {
    let mut draft = case.draft();
    draft.change(Change::Push(PushChange::Outlived));
    draft.decide(Reply::Empty)
}

/// It is there. Events that nobody has to answer are heard by that.
fn arrived(case: &Case<'_>, sent: &UnderWay) -> Decision<Vtn> {
    let state = case.state();
    let heard = sent.items.iter().filter_map(|item| match item {
        PushItem::Event {
            event_id,
            modification_number,
        } => {
            let delivery = state.delivery(event_id)?;
            let is_heard = delivery.modification_number == *modification_number
                && delivery.outline.response_required == ResponseRequired::Never
                && matches!(delivery.progress, Progress::Sent { .. });
            is_heard.then(|| event_id.clone())
        }
        PushItem::Removal
        | PushItem::Reregistration
        | PushItem::Metadata { .. }
        | PushItem::Report { .. }
        | PushItem::Cancellation { .. } => None,
    });
    let heard = heard.collect();
    let mut draft = case.draft();
    draft.change(Change::Push(PushChange::Arrived {
        heard,
        again_at: resend_at(1, case.context.resend_after, case.env.now),
    }));
    overtaken(&mut draft, sent, case.env.now);
    // What was given up because the VEN could not be reached: it can.
    revive(&mut draft, case.env.now, |fault| !is_about_message(fault));
    draft.decide(Reply::Empty)
}

/// What went out in a reply while an older list was on its way: the VEN may have got that last, and taken
/// what it does not list for cancelled (rule 61), or what is cancelled for an event.
pub(super) fn overtaken(draft: &mut Draft<Vtn>, sent: &UnderWay, at: DateTime) {
    if sent.kind != MessageKind::DistributeEvent {
        return;
    }
    let known = draft.state.events.iter();
    let newer = known.filter(|(event_id, delivery)| {
        let item = PushItem::Event {
            event_id: (*event_id).clone(),
            modification_number: delivery.modification_number,
        };
        delivery.sent >= sent.at
            && delivery.progress != Progress::Unsent
            && !sent.items.contains(&item)
    });
    let events: Vec<EventId> = newer.map(|(event_id, _)| event_id.clone()).collect();
    if !events.is_empty() {
        draft.change(Change::Push(PushChange::Overtaken { events, at }));
    }
}

/// A decision, and the one after it if there is one; both are committed as one.
pub(super) fn followed(
    case: &Case<'_>,
    decision: Decision<Vtn>,
    next: impl FnOnce(&Case<'_>) -> Option<Decision<Vtn>>,
) -> Decision<Vtn> {
    let at = Loaded {
        version: decision.base(),
        state: decision.next(case.at).state,
    };
    match next(&Case { at: &at, ..*case }) {
        Some(next) => decision.and_then(next),
        None => decision,
    }
}

/// The VEN said something: what was given up is tried again, and if it seemed to be away, all that failed,
/// at once. The failures count on until something arrives: that it speaks does not show that it can be
/// reached, and a poll shows nothing.
pub(super) fn heard(
    case: &Case<'_>,
    peer: &Peer,
    message: &Message,
    decision: Decision<Vtn>,
) -> Decision<Vtn> {
    let now = case.env.now;
    // Its address is what it was: nothing is known that would make that allowed.
    let lives_again = |fault| fault != PushFault::AddressRefused;
    let is_news = |link: &Link| {
        let mut faults = link.letters.iter().map(|letter| letter.failure.fault);
        faults.any(lives_again) || link.can_be_hurried(now)
    };
    let link = case.state().link.as_deref();
    if !link.is_some_and(is_news)
        || matches!(message, Message::Poll(_))
        || admit(case, peer, message).is_err()
    {
        return decision;
    }
    let (mut draft, reply) = Draft::resume(case.at, decision);
    let link = draft.state.link.as_deref().filter(|link| is_news(link));
    if let Some(is_hurried) = link.map(|link| link.can_be_hurried(now)) {
        if draft.changes().is_empty() {
            draft = case.draft();
        }
        revive(&mut draft, now, lives_again);
        if is_hurried {
            draft.change(Change::Push(PushChange::Hurried { at: now }));
        }
    }
    draft.decide(reply)
}

/// A VEN polls that is pushed to: that is told once, and it gets by this poll and the next ones what
/// could not be pushed.
pub(super) fn polled(case: &Case<'_>, sender: Sender<'_>) -> Option<Decision<Vtn>> {
    let link = case.state().link.as_deref()?;
    let now = case.env.now;
    let is_news = link.polls_since.is_none();
    if !case.state().is_pushed_to() || !is_news && link.letters.is_empty() {
        return None;
    }
    let mut draft = case.draft();
    if is_news {
        draft.change(Change::Push(PushChange::Polled { at: now }));
        draft.effect(Effect::PolledThoughPushed {
            ven_id: sender.ven_id.clone(),
        });
    }
    if !link.letters.is_empty() {
        let rest = later(now, TIME_TO_FETCH);
        draft.change(Change::Push(PushChange::Revived {
            at: now,
            letters: link.letters.iter().map(|letter| letter.id).collect(),
            failures: link.failures,
            not_before: link.not_before.max(Some(rest)),
        }));
    }
    Some(draft.decide(Reply::Empty))
}

/// An operator wants a dead letter to be tried, or all that failed.
pub(super) fn retry(
    case: &Case<'_>,
    dead_letter: Option<u64>,
) -> Result<Decision<Vtn>, CommandError> {
    let state = case.state();
    if state.is_forgotten() {
        return Err(CommandError::Unknown);
    }
    let Some(link) = state.link.as_deref().filter(|_| state.is_pushed_to()) else {
        return Err(CommandError::NotPushedTo);
    };
    let wanted = |letter: &&DeadLetter| dead_letter.is_none_or(|id| letter.id == id);
    let letters: Vec<u64> = link.letters.iter().filter(wanted).map(|l| l.id).collect();
    if letters.is_empty() && dead_letter.is_some() {
        return Err(CommandError::UnknownDeadLetter);
    }
    if letters.is_empty() && link.failures == 0 {
        return Ok(Decision::unchanged(case.at.version, Reply::Empty));
    }
    let mut draft = case.draft();
    draft.change(Change::Push(PushChange::Revived {
        at: case.env.now,
        letters,
        failures: 0,
        not_before: None,
    }));
    Ok(draft.decide(Reply::Empty))
}

/// What was given up for such a reason is tried again, once something is.
fn revive(draft: &mut Draft<Vtn>, at: DateTime, lives_again: impl Fn(PushFault) -> bool) {
    let Some(link) = draft.state.link.as_deref() else {
        return;
    };
    let letters = link.letters.iter();
    let letters = letters.filter(|letter| lives_again(letter.failure.fault));
    let letters: Vec<u64> = letters.map(|letter| letter.id).collect();
    if letters.is_empty() {
        return;
    }
    let change = PushChange::Revived {
        at,
        letters,
        failures: link.failures,
        not_before: link.not_before,
    };
    draft.change(Change::Push(change));
}
