//! How pushes to one VEN go, as state: what is on its way, what failed and when it is tried again, what
//! was given up.
//!
//! Knows nothing of rules: these are in the decisions. What waits to be sent is what a poll would get,
//! and stays where it is; a push that fails makes it due again, and one that is given up makes it due
//! [`NEVER`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::delivery::{Progress, later};
use super::poll::Turn;
use super::push_failure::{is_away, pause_about};
use super::state::{Outgoing, State, Task};
use super::{DeadLetter, PushFailure, PushId, PushItem, PushStatus, ReportProgress};
use crate::payload::MessageKind;
use crate::rhythm::Rhythm;
use crate::value::DateTime;

/// When something comes again that was given up: not before somebody says so.
pub(super) const NEVER: DateTime = DateTime::MAX_UTC;

/// What was tried so often in vain may be why nothing arrives.
const ATTEMPTS_BEFORE_OTHERS: u32 = 3;

/// The pushes to one VEN. There is one as long as the VEN is pushed to, or something is on its way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Link {
    pub(super) under_way: Option<UnderWay>,
    /// Nothing is pushed before. Once it has come it is looked whether there is something.
    pub(super) not_before: Option<DateTime>,
    /// Failures in a row.
    pub(super) failures: u32,
    pub(super) last_failure: Option<PushFailure>,
    /// When what failed was last tried at once because the VEN was heard of; not since something arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hurried: Option<DateTime>,
    /// What failed and is tried again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tried: Vec<Tried>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) letters: Vec<DeadLetter>,
    /// What each of the letters is about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) given_up: BTreeMap<u64, Vec<PushItem>>,
    /// How many letters there ever were.
    #[serde(default)]
    pub(super) numbered: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) polls_since: Option<DateTime>,
}

/// A push that is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UnderWay {
    pub(super) id: PushId,
    pub(super) kind: MessageKind,
    /// What it is about; nothing once the registration is gone that it was sent to, or the address.
    pub(super) items: Vec<PushItem>,
    pub(super) at: DateTime,
    /// Whoever sent it will not tell any more how it went.
    pub(super) lease_until: DateTime,
}

impl UnderWay {
    /// Whether nobody waits for it any more: how it went says nothing of the VEN where it is now.
    pub(super) fn is_outlived(&self) -> bool {
        self.items.is_empty()
    }
}

/// What failed and is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tried {
    pub(super) item: PushItem,
    pub(super) since: DateTime,
    pub(super) attempts: u32,
}

impl Tried {
    /// Whether this may be why nothing arrives.
    fn is_often(&self) -> bool {
        self.attempts >= ATTEMPTS_BEFORE_OTHERS
    }
}

/// When something wants attention: how a push went, whether there is one.
pub(super) fn next_deadline(state: &State) -> Option<DateTime> {
    let link = state.link.as_ref()?;
    if let Some(sent) = &link.under_way {
        return Some(sent.lease_until);
    }
    if !state.is_pushed_to() {
        return None;
    }
    link.not_before.or_else(|| next_due(state))
}

/// When the next of what a poll would get is due, as far as the state says: what is new of campaigns it
/// cannot know.
pub(super) fn next_due(state: &State) -> Option<DateTime> {
    // What waits has waited since the last decision at the latest.
    let since = state
        .decided
        .map_or(DateTime::MIN_UTC, |decided| decided.at);
    let task = |task: &Task| match task.outgoing {
        Outgoing::Waiting => since,
        Outgoing::Sent { resend_at, .. } => resend_at,
    };
    if let Some(removal) = &state.removal {
        return Some(task(removal)).filter(|at| *at != NEVER);
    }
    let metadata = state.metadata.iter().map(|metadata| {
        let next = metadata.rhythm.as_ref().and_then(Rhythm::next);
        task(&metadata.task).max(next.unwrap_or(since))
    });
    let has_events = state.registration.as_ref().is_some_and(|r| !r.report_only);
    let events = state.events.values().filter(|_| has_events);
    let events = events.filter_map(|delivery| match delivery.progress {
        Progress::Sent { resend_at } => Some(resend_at),
        Progress::Unsent | Progress::Answered | Progress::Listed => None,
    });
    let reports = state
        .reports
        .iter()
        .filter_map(|wanted| match &wanted.progress {
            ReportProgress::Waiting { .. } => Some(since),
            ReportProgress::Sent { resend_at, .. } => Some(*resend_at),
            ReportProgress::Cancelling(cancelling) => cancelling.resend_at,
            ReportProgress::Unoffered
            | ReportProgress::Accepted
            | ReportProgress::Refused { .. }
            | ReportProgress::Over { .. } => None,
        });
    let reregistration = state.reregistration.iter().map(task);
    let all = reregistration.chain(metadata).chain(events).chain(reports);
    all.filter(|at| *at != NEVER).min()
}

impl Link {
    /// What there is to show of it.
    pub(super) fn status(&self) -> PushStatus<'_> {
        let sent = self.under_way.as_ref();
        PushStatus {
            under_way: sent.map(|sent| (sent.kind, sent.at)),
            failures: self.failures,
            failing_since: self.tried.iter().map(|tried| tried.since).min(),
            last_failure: self.last_failure.as_ref(),
            not_before: self.not_before,
            polls_since: self.polls_since,
            dead_letters: &self.letters,
        }
    }

    /// Since when this is tried, and how often it was.
    pub(super) fn tried(&self, item: &PushItem) -> Option<&Tried> {
        self.tried.iter().find(|tried| tried.item == *item)
    }

    /// Whether what failed is tried at once when the VEN is heard of, and not after the pause: where it may
    /// have been away, and once in so much time as a pause takes by now. One that speaks all the time and
    /// cannot be reached is tried twice as often as one that does not, and not every time. What is under
    /// way may come too early for it, so that counts like a pause.
    pub(super) fn can_be_hurried(&self, now: DateTime) -> bool {
        let waits = self.under_way.is_some() || self.not_before.is_some_and(|at| now < at);
        let pause = pause_about(self.failures);
        waits
            && self.failures > 0
            && self.last_failure.as_ref().is_some_and(is_away)
            && self.hurried.is_none_or(|at| later(at, pause) <= now)
    }

    /// The order in which what is due is pushed. A VEN that is just away gets the most pressing first. But
    /// it may be there and not take this one kind of message, and the fault does not tell: so while nothing
    /// arrives the others go before what was tried often enough, and of that goes first what was tried
    /// the longest ago. Once something has arrived it is the most pressing again.
    pub(super) fn turns(&self, state: &State) -> [Turn; 5] {
        let mut turns = Turn::ALL;
        if self.failures > 0 {
            // The sort is stable, and `None` comes first.
            turns.sort_by_key(|turn| self.often_tried(*turn, state));
        }
        turns
    }

    /// Whether others of its kind go before this, and none with it: as with kinds, while nothing arrives.
    pub(super) fn gives_way(&self, item: &PushItem) -> bool {
        self.failures > 0 && self.tried(item).is_some_and(Tried::is_often)
    }

    /// When this kind of message was last tried, if that was often: since then it is due.
    fn often_tried(&self, turn: Turn, state: &State) -> Option<DateTime> {
        let often = self.tried.iter().filter(|tried| tried.is_often());
        let items = often.map(|tried| &tried.item);
        let items = items.filter(|item| item.turn() == Some(turn));
        items.filter_map(|item| item.comes_again(state)).max()
    }
}
