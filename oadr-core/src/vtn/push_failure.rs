//! Pushes that fail: when they come again, and when they do not any more.
//!
//! Knows nothing of why they fail but what the transport and the VEN say of it.

use chrono::TimeDelta;

use super::decide::Case;
use super::delivery::later;
use super::push_link::{Link, UnderWay};
use super::pushing::overtaken;
use super::{
    Change, DeadLetter, Effect, FailedPush, PushChange, PushFailure, PushFault, PushItem, Reply,
    Vtn,
};
use crate::machine::{Decision, Random};
use crate::value::EventId;

/// So long passes after the first failure, twice as long after each further one.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(1);
/// Up to this.
pub(super) const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(60);
/// A VEN is left alone as long as it wants to be, up to this.
const LONGEST_PATIENCE: TimeDelta = TimeDelta::hours(1);

/// It is not, or not known to be.
pub(super) fn failed(
    case: &Case<'_>,
    link: &Link,
    sent: &UnderWay,
    failure: PushFailure,
) -> Decision<Vtn> {
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
        // The VEN was heard of while this was under way: it may have come back too late for it.
        let is_back = link.hurried.is_some_and(|at| sent.at < at) && is_away(&failure);
        let failures = if is_back {
            1
        } else {
            link.failures.saturating_add(1)
        };
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
    let may_have_arrived = failure.fault != PushFault::AddressRefused;
    draft.change(Change::Push(PushChange::Failed(Box::new(FailedPush {
        failure,
        not_before: later(now, pause),
        again_at: later(now, again_in),
        letter,
        given_up,
    }))));
    if may_have_arrived {
        overtaken(&mut draft, sent, now);
    }
    draft.decide(Reply::Empty)
}

/// Whether the VEN is there and does not want this message, or not yet.
pub(super) fn is_about_message(fault: PushFault) -> bool {
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

/// Whether it may be that the VEN was not there, and is once it is heard of. Where it was there, and wants
/// to be left alone or does not want this message, it is no news that it says something.
pub(super) fn is_away(failure: &PushFailure) -> bool {
    failure.retry_after.is_none()
        && match failure.fault {
            PushFault::Unreachable
            | PushFault::Offline
            | PushFault::TimedOut
            | PushFault::Untrusted
            | PushFault::Redirected
            | PushFault::NotRegistered => true,
            // An address is what it was.
            PushFault::AddressRefused
            | PushFault::Busy
            | PushFault::Refused
            | PushFault::Broken
            | PushFault::Unreadable => false,
        }
}

/// How long to wait after so many failures: a tenth more or less, so that many VENs that went together do
/// not come back together.
fn pause(failures: u32, random: &mut Random) -> TimeDelta {
    let pause = pause_about(failures);
    let tenth = pause.checked_div(10).unwrap_or_default();
    let spread = u64::try_from(tenth.num_milliseconds()).unwrap_or(0);
    let more = random.up_to(spread.saturating_mul(2));
    let more = TimeDelta::milliseconds(i64::try_from(more).unwrap_or(0));
    let least = pause.checked_sub(&tenth);
    let sum = least.and_then(|least| least.checked_add(&more));
    sum.unwrap_or(LONGEST_PAUSE)
}

/// Without that tenth.
pub(super) fn pause_about(failures: u32) -> TimeDelta {
    // Six doublings of the first pause are past the longest.
    let factor = 1_i32 << failures.saturating_sub(1).min(6);
    let pause = FIRST_PAUSE.checked_mul(factor).unwrap_or(LONGEST_PAUSE);
    pause.min(LONGEST_PAUSE)
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
