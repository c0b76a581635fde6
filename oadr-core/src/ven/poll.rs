//! OadrPoll: what its answers mean, when to poll next, and how long to wait after a failure.
//!
//! Knows nothing of what the operations do.

use chrono::TimeDelta;

use super::decide::Turn;
use super::{Change, Question, distribute, registration, report};
use crate::payload::Message;
use crate::value::{DateTime, Duration};

/// The shortest and the longest poll interval that a VEN lets itself be talked into.
const POLL_INTERVAL_BOUNDS: (TimeDelta, TimeDelta) =
    (TimeDelta::milliseconds(100), TimeDelta::days(1));
/// Polls in a row that may be answered with an operation before the VEN takes a breath: a VTN with
/// more than that to say at once is more likely one that repeats itself.
const MOST_DRAINED: u32 = 32;
/// The first back-off (spec §4.3).
const FIRST_BACK_OFF: TimeDelta = TimeDelta::seconds(1);
/// Back-off is capped at the poll interval, but not below this.
const LEAST_CAP: TimeDelta = TimeDelta::seconds(4);
/// A VTN that wants to be left alone for longer is asked again after this.
const LONGEST_RETRY_AFTER: TimeDelta = TimeDelta::hours(1);

/// A poll was answered.
pub(super) fn answered(turn: &mut Turn<'_>, message: Option<&Message>) -> Result<(), Question> {
    match message {
        None => next_in_time(turn),
        Some(Message::Response(response)) => {
            if !registration::disputed(turn, response.ei_response.response_code) {
                next_in_time(turn);
            }
        }
        Some(Message::DistributeEvent(message)) => match distribute::error(message) {
            Some(code) if registration::disputed(turn, code) => {}
            Some(_) => next_in_time(turn),
            None => {
                distribute::distributed(turn, message)?;
                drain(turn);
            }
        },
        Some(Message::RegisterReport(message)) => {
            report::offered(turn, message);
            drain(turn);
        }
        Some(Message::CreateReport(message)) => {
            report::requested(turn, message);
            drain(turn);
        }
        Some(Message::CancelReport(message)) => {
            report::cancelled(turn, message);
            drain(turn);
        }
        Some(Message::UpdateReport(message)) => {
            report::updated(turn, message);
            drain(turn);
        }
        Some(Message::RequestReregistration(message)) => {
            drain(turn);
            registration::requested(turn, message);
        }
        Some(Message::CancelPartyRegistration(message)) => {
            drain(turn);
            registration::cancelled(turn, message);
        }
        Some(
            Message::QueryRegistration(_)
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
            | Message::Poll(_),
        ) => back_off(turn, None),
    }
    Ok(())
}

/// The queue is empty: the next poll is an interval away, never sooner (rule 500). Up to a tenth is
/// added, so that VENs which were started together drift apart.
fn next_in_time(turn: &mut Turn<'_>) {
    let interval = turn.poll_interval();
    let jitter = turn.random.up_to(100);
    let next = turn.later(per_mille(interval, jitter.saturating_add(1_000)));
    turn.change(Change::Polled { next, drained: 0 });
}

/// There may be more: the next poll follows at once (rule 500).
fn drain(turn: &mut Turn<'_>) {
    let drained = turn.state().link.drained.saturating_add(1);
    if drained > MOST_DRAINED {
        next_in_time(turn);
    } else {
        let next = turn.now;
        turn.change(Change::Polled { next, drained });
    }
}

/// Notes a failure and waits: a second, then twice as long each time, give or take a tenth, up to the
/// poll interval (spec §4.3), or as long as the VTN wants.
pub(super) fn back_off(turn: &mut Turn<'_>, retry_after: Option<TimeDelta>) {
    let failures = turn.state().link.failures;
    let own = after_failures(turn, failures);
    let wanted = retry_after.map(|wait| turn.later(wait.min(LONGEST_RETRY_AFTER)));
    let not_before = wanted.map_or(own, |wanted| wanted.max(own));
    turn.change(Change::Failed {
        failures: failures.saturating_add(1),
        not_before,
    });
}

/// When to try again after so many failures before this one.
pub(super) fn after_failures(turn: &mut Turn<'_>, failures: u32) -> DateTime {
    let cap = turn.poll_interval().max(LEAST_CAP);
    let doubled = FIRST_BACK_OFF
        .checked_mul(1 << failures.min(20))
        .unwrap_or(cap);
    let jitter = turn.random.up_to(200);
    turn.later(per_mille(doubled.min(cap), jitter.saturating_add(900)))
}

fn per_mille(span: TimeDelta, share: u64) -> TimeDelta {
    let share = i64::try_from(share).unwrap_or(1_000);
    TimeDelta::milliseconds(span.num_milliseconds().saturating_mul(share) / 1_000)
}

/// The interval that the VTN asks for, or else our own.
pub(super) fn interval(wanted: Option<Duration>, own: TimeDelta, now: DateTime) -> TimeDelta {
    let wanted = wanted.map(|wanted| wanted.span_from(now));
    bounded(wanted.filter(|w| *w > TimeDelta::zero()).unwrap_or(own))
}

/// An interval within what is sensible.
pub(super) fn bounded(interval: TimeDelta) -> TimeDelta {
    interval.clamp(POLL_INTERVAL_BOUNDS.0, POLL_INTERVAL_BOUNDS.1)
}
