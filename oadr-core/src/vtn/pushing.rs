//! What is pushed and when, and what follows from how it went.
//!
//! Knows nothing of what messages are about: what is pushed is what a poll would get, and a reply is
//! treated like one that was posted.

use chrono::TimeDelta;

use super::claim::ven_id_of;
use super::decide::{Case, Sender, admit, on_admitted};
use super::delivery::{Progress, later};
use super::push_link::{self, Link, UnderWay};
use super::signature::{self, Forbidden};
use super::{
    Change, CommandError, DeadLetter, Effect, FailedPush, Push, PushChange, PushFailure, PushFault,
    PushId, PushItem, PushOutcome, Reply, Vtn, poll,
};
use crate::machine::{Decision, Draft, Loaded, Random, Step};
use crate::payload::{Message, MessageKind, ResponseCode};
use crate::value::{DateTime, EventId, ResponseRequired, ServiceName, Text};
use crate::{Peer, Signature};

/// So long the reply to a registration has a start before the first push.
const HEAD_START: TimeDelta = TimeDelta::seconds(1);
/// So long passes after the first failure, twice as long after each further one.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(1);
/// Up to this.
const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(60);
/// A VEN is left alone as long as it wants to be, up to this.
const LONGEST_PATIENCE: TimeDelta = TimeDelta::hours(1);
/// A VEN that fetches by poll what could not be pushed has so long to fetch the rest.
const TIME_TO_FETCH: TimeDelta = TimeDelta::seconds(30);
/// So much of what a VEN says of a refusal is kept.
const LONGEST_DETAIL: usize = 200;

/// From when a VEN is pushed to that registers now.
pub(super) fn pushes_from(now: DateTime) -> DateTime {
    later(now, HEAD_START)
}

/// What is to be pushed now, if anything; a push whose outcome nobody told has failed.
pub(super) fn next(case: &Case<'_>) -> Option<Decision<Vtn>> {
    let (state, now) = (case.state(), case.env.now);
    let link = state.link.as_deref()?;
    if let Some(sent) = &link.under_way {
        return (sent.lease_until <= now).then(|| failed(case, link, sent, nobody_told()));
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
    let Some(decision) = poll::pending(case, sender) else {
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
    let decision = match judge(case, sent.kind, outcome) {
        Err(failure) => failed(case, link, sent, failure),
        Ok(reply) => {
            let arrived = arrived(case, sent);
            followed(case, arrived, |case| {
                let (message, signature) = reply?;
                replied(case, message, signature)
            })
        }
    };
    followed(case, decision, next)
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

/// The reply that counts, if there is one beside the acknowledgement.
type Counts<'a> = Option<(&'a Message, Option<&'a Signature>)>;

/// What the outcome of a push comes to.
fn judge<'a>(
    case: &Case<'_>,
    kind: MessageKind,
    outcome: &'a PushOutcome,
) -> Result<Counts<'a>, PushFailure> {
    let (message, signature) = match outcome {
        PushOutcome::Failed(failure) => return Err(failure.clone()),
        PushOutcome::Acknowledged => return Ok(None),
        PushOutcome::Replied {
            profile: _,
            message,
            signature,
        } => (&**message, signature.as_ref()),
    };
    let signature = signature::admit_reply(case.state(), case.context, case.env.now, signature)
        .map_err(|Forbidden| {
            failure(
                PushFault::Untrusted,
                "the reply is not signed as it has to be",
            )
        })?;
    let presented = ven_id_of(message).filter(|id| !id.is_empty());
    if presented.is_some_and(|id| case.state().ven_id() != Some(id)) {
        let why = "the reply has the venID of another VEN";
        return Err(failure(PushFault::Untrusted, why));
    }
    let code = message.ei_response().map(|response| response.response_code);
    match (message, kind) {
        // Its registration is what it is rid of.
        (Message::CanceledPartyRegistration(_), MessageKind::CancelPartyRegistration) => {}
        _ if code == Some(ResponseCode::NOT_REGISTERED) => {
            return Err(said(PushFault::NotRegistered, message));
        }
        (Message::Response(response), _) => {
            return match response.ei_response.response_code {
                code if code.is_success() => Ok(None),
                ResponseCode::INVALID_ID => Err(said(PushFault::NotRegistered, message)),
                _ => Err(said(PushFault::Refused, message)),
            };
        }
        (Message::RegisteredReport(_), MessageKind::RegisterReport)
        | (Message::CreatedReport(_), MessageKind::CreateReport)
        | (Message::CanceledReport(_), MessageKind::CancelReport)
        // It should come as a request of its own.
        | (Message::CreatedEvent(_), MessageKind::DistributeEvent) => {}
        _ => {
            let why = "the reply is none to what was pushed";
            return Err(failure(PushFault::Unreadable, why));
        }
    }
    Ok(Some((message, signature)))
}

/// A reply is treated like one that was posted, but that nobody waits for the answer to it.
fn replied(
    case: &Case<'_>,
    message: &Message,
    signature: Option<&Signature>,
) -> Option<Decision<Vtn>> {
    let (ven_id, registration) = case.state().registered()?;
    let sender = Sender {
        ven_id,
        registration,
    };
    match on_admitted(case, sender, message, &[]) {
        Step::Decided(decision) => {
            let decision = signature::keep(case, &Peer::Unproven, signature, decision);
            let (draft, _) = Draft::resume(case.at, decision);
            Some(draft.decide(Reply::Empty))
        }
        // No reply is a question to the application.
        Step::Ask(_) => None,
    }
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
    draft.change(Change::Push(PushChange::Arrived { heard }));
    // What was given up because the VEN could not be reached: it can.
    let hold = draft.state.link.as_ref().and_then(|link| link.not_before);
    revive(&mut draft, case.env.now, hold, |fault| {
        !is_about_message(fault)
    });
    draft.decide(Reply::Empty)
}

/// It is not, or not known to be.
fn failed(case: &Case<'_>, link: &Link, sent: &UnderWay, failure: PushFailure) -> Decision<Vtn> {
    let (state, now) = (case.state(), case.env.now);
    let mut random = Random::new(case.env.entropy);
    let open = sent.items.iter().filter(|item| item.is_open(state));
    let (mut given_up, mut since, mut attempts, mut most) = (Vec::new(), now, 0, 1);
    for item in open {
        let tried = link.tried(item);
        let first = tried.map_or(sent.at, |tried| tried.since);
        let times = tried.map_or(0, |tried| tried.attempts).saturating_add(1);
        let is_too_old = later(first, case.context.push.give_up_after) <= now;
        if is_too_old || failure.fault == PushFault::AddressRefused {
            given_up.push(item.clone());
            since = since.min(first);
            attempts = attempts.max(times);
        } else {
            most = most.max(times);
        }
    }
    let letter = (!given_up.is_empty()).then(|| DeadLetter {
        id: link.numbered.saturating_add(1),
        kind: sent.kind,
        event_ids: given_up.iter().filter_map(event_id).cloned().collect(),
        since,
        last: sent.at,
        attempts,
        failure: failure.clone(),
    });
    // Where the VEN is not there the next message has to wait as well. What it does not want is tried
    // again in its own time: others have their turn meanwhile.
    let (pause, again_in) = if is_about_message(failure.fault) {
        (FIRST_PAUSE, pause(most, &mut random))
    } else {
        let failures = link.failures.saturating_add(1);
        (pause(failures, &mut random), TimeDelta::zero())
    };
    let wanted = failure.retry_after.unwrap_or_default();
    let pause = pause.max(wanted.min(LONGEST_PATIENCE));
    let mut draft = case.draft();
    if let Some(letter) = &letter {
        draft.effect(Effect::PushGivenUp {
            ven_id: state.ven_id.clone().unwrap_or_default(),
            kind: letter.kind,
            attempts: letter.attempts,
            failure: failure.clone(),
        });
    }
    draft.change(Change::Push(PushChange::Failed(Box::new(FailedPush {
        failure,
        not_before: later(now, pause),
        again_at: later(now, again_in),
        letter,
        given_up,
    }))));
    draft.decide(Reply::Empty)
}

/// The VEN said something: what could not be pushed is tried at once. A poll does not show that it can be
/// reached.
pub(super) fn heard(
    case: &Case<'_>,
    peer: &Peer,
    message: &Message,
    decision: Decision<Vtn>,
) -> Decision<Vtn> {
    // Its address is what it was: nothing is known that would make that allowed.
    let lives_again = |fault| fault != PushFault::AddressRefused;
    let is_well = |link: &Link| {
        let mut faults = link.letters.iter().map(|letter| letter.failure.fault);
        link.failures == 0 && !faults.any(lives_again)
    };
    if case.state().link.as_deref().is_none_or(is_well)
        || matches!(message, Message::Poll(_))
        || admit(case, peer, message).is_err()
    {
        return decision;
    }
    let (mut draft, reply) = Draft::resume(case.at, decision);
    if draft
        .state
        .link
        .as_deref()
        .is_some_and(|link| !is_well(link))
    {
        if draft.changes().is_empty() {
            draft = case.draft();
        }
        revive(&mut draft, case.env.now, None, lives_again);
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

/// What failed is tried again, and what was given up for such a reason.
fn revive(
    draft: &mut Draft<Vtn>,
    at: DateTime,
    not_before: Option<DateTime>,
    lives_again: impl Fn(PushFault) -> bool,
) {
    let Some(link) = draft.state.link.as_deref() else {
        return;
    };
    let letters = link.letters.iter();
    let letters = letters.filter(|letter| lives_again(letter.failure.fault));
    let letters: Vec<u64> = letters.map(|letter| letter.id).collect();
    if letters.is_empty() && link.failures == 0 {
        return;
    }
    draft.change(Change::Push(PushChange::Revived {
        at,
        letters,
        failures: 0,
        not_before,
    }));
}

/// Whether the VEN is there and does not want this message, or not yet.
fn is_about_message(fault: PushFault) -> bool {
    match fault {
        PushFault::Refused | PushFault::Broken | PushFault::Unreadable => true,
        PushFault::AddressRefused
        | PushFault::Unreachable
        | PushFault::Offline
        | PushFault::TimedOut
        | PushFault::Untrusted
        | PushFault::Redirected
        | PushFault::Busy
        | PushFault::NotRegistered => false,
    }
}

/// How long to wait after so many failures: a tenth more or less, so that many VENs that went together do
/// not come back together.
fn pause(failures: u32, random: &mut Random) -> TimeDelta {
    // Six doublings of the first pause are past the longest.
    let factor = 1_i32 << failures.saturating_sub(1).min(6);
    let pause = FIRST_PAUSE.checked_mul(factor).unwrap_or(LONGEST_PAUSE);
    let tenth = pause.min(LONGEST_PAUSE) / 10;
    let spread = u64::try_from(tenth.num_milliseconds()).unwrap_or(0);
    let more = random.up_to(spread.saturating_mul(2));
    let more = TimeDelta::milliseconds(i64::try_from(more).unwrap_or(0));
    let least = pause.min(LONGEST_PAUSE).checked_sub(&tenth);
    let sum = least.and_then(|least| least.checked_add(&more));
    sum.unwrap_or(LONGEST_PAUSE)
}

fn nobody_told() -> PushFailure {
    failure(PushFault::TimedOut, "nobody told in time how it went")
}

fn failure(fault: PushFault, why: &str) -> PushFailure {
    PushFailure {
        fault,
        detail: Text::new(why).unwrap_or_default(),
        retry_after: None,
    }
}

/// As the VEN puts it.
fn said(fault: PushFault, message: &Message) -> PushFailure {
    let response = message.ei_response();
    let code = response.map_or(0, |response| response.response_code.get());
    let description = response.and_then(|response| response.response_description.as_ref());
    let description = description.map_or("", Text::as_str);
    let mut said = format!("{} {code}: {description}", message.kind());
    if let Some((end, _)) = said.char_indices().nth(LONGEST_DETAIL) {
        said.truncate(end);
    }
    failure(fault, said.trim_end_matches([':', ' ']))
}

fn event_id(item: &PushItem) -> Option<&EventId> {
    match item {
        PushItem::Event { event_id, .. } => Some(event_id),
        PushItem::Removal
        | PushItem::Reregistration
        | PushItem::Metadata { .. }
        | PushItem::Report { .. }
        | PushItem::Cancellation { .. } => None,
    }
}
