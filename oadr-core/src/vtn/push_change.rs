//! What can happen to the pushes to a VEN, and what is left of them when it registers, leaves or answers.
//!
//! Knows nothing of rules: these are in the decisions.

use serde::{Deserialize, Serialize};

use super::delivery::Progress;
use super::push_link::{Link, NEVER, Tried, UnderWay};
use super::state::{Registration, State};
use super::{DeadLetter, PushFailure, PushId, PushItem};
use crate::payload::MessageKind;
use crate::value::{DateTime, EventId};

/// What can happen to the pushes to a VEN, in the past tense.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "push", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PushChange {
    /// One was sent.
    Started {
        /// Its ID.
        id: PushId,
        /// The message.
        kind: MessageKind,
        /// What it is about.
        items: Vec<PushItem>,
        /// When.
        at: DateTime,
        /// Until when somebody will have told how it went.
        lease_until: DateTime,
    },
    /// It arrived.
    Arrived {
        /// Events that nobody has to answer: they need not be sent again.
        heard: Vec<EventId>,
        /// What waits for an answer does not come again before: it may have been on its way for long.
        again_at: DateTime,
    },
    /// It failed.
    Failed(Box<FailedPush>),
    /// Versions of events went out in a reply while an older list was on its way.
    Overtaken {
        /// The events: they come again, whether they were answered or not.
        events: Vec<EventId>,
        /// When.
        at: DateTime,
    },
    /// One came to an end that was sent to a registration, or to an address, that is gone.
    Outlived,
    /// There was nothing to push when the time had come.
    Looked {
        /// When to look again, if not only when something happens.
        not_before: Option<DateTime>,
    },
    /// What failed is tried at once: the VEN was heard of.
    Hurried {
        /// When.
        at: DateTime,
    },
    /// What failed and what was given up is tried again: something arrived, the VEN was heard of, or an
    /// operator wants it.
    Revived {
        /// When.
        at: DateTime,
        /// Which letters are none any more.
        letters: Vec<u64>,
        /// Failures in a row, from now on.
        failures: u32,
        /// Nothing is pushed before; `None` is at once.
        not_before: Option<DateTime>,
    },
    /// The VEN polls.
    Polled {
        /// When.
        at: DateTime,
    },
}

/// How a push failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailedPush {
    /// Why.
    pub failure: PushFailure,
    /// Nothing is pushed before.
    pub not_before: DateTime,
    /// From when the same is tried again.
    pub again_at: DateTime,
    /// What is not tried again.
    pub letter: Option<DeadLetter>,
    /// What that is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given_up: Vec<PushItem>,
}

/// Moves the pushes on.
pub(super) fn apply(state: &mut State, change: &PushChange) {
    let mut link = state.link.take().unwrap_or_default();
    match change {
        PushChange::Started {
            id,
            kind,
            items,
            at,
            lease_until,
        } => {
            link.not_before = None;
            link.under_way = Some(UnderWay {
                id: *id,
                kind: *kind,
                items: items.clone(),
                at: *at,
                lease_until: *lease_until,
            });
        }
        PushChange::Arrived { heard, again_at } => {
            let items = link.under_way.take().map(|sent| sent.items);
            let items = items.unwrap_or_default();
            for item in &items {
                if item.comes_again(state).is_some_and(|at| at < *again_at) {
                    item.come_again(state, *again_at);
                }
            }
            link.tried.retain(|tried| !items.contains(&tried.item));
            link.failures = 0;
            link.last_failure = None;
            link.hurried = None;
            for event_id in heard {
                if let Some(delivery) = state.events.get_mut(event_id) {
                    delivery.progress = Progress::Listed;
                }
            }
        }
        PushChange::Failed(failed) => link.failed(state, failed),
        PushChange::Overtaken { events, at } => {
            for event_id in events {
                if let Some(delivery) = state.events.get_mut(event_id) {
                    delivery.progress = Progress::Sent { resend_at: *at };
                }
            }
        }
        PushChange::Outlived => link.under_way = None,
        PushChange::Looked { not_before } => link.not_before = *not_before,
        PushChange::Hurried { at } => {
            link.revive(state, &[], *at);
            link.hurried = Some(*at);
            link.not_before = None;
        }
        PushChange::Revived {
            at,
            letters,
            failures,
            not_before,
        } => {
            link.revive(state, letters, *at);
            link.failures = *failures;
            link.not_before = *not_before;
        }
        PushChange::Polled { at } => link.polls_since = Some(*at),
    }
    state.link = Some(link);
}

/// A VEN registered, or did so again: where it is pushed to may be somewhere else now.
pub(super) fn registered(state: &mut State, pushes_from: Option<DateTime>, has_moved: bool) {
    let Some(at) = state.registration.as_ref().map(|r| r.renewed) else {
        return;
    };
    if let Some(mut link) = state.link.take() {
        let letters: Vec<u64> = link.given_up.keys().copied().collect();
        link.revive(state, &letters, at);
        link.tried.clear();
        if let Some(sent) = link.under_way.as_mut().filter(|_| has_moved) {
            // Nobody waits for what was sent to where the VEN was.
            for item in core::mem::take(&mut sent.items) {
                item.come_again(state, at);
            }
        }
        state.link = Some(link);
    }
    if let Some(from) = pushes_from {
        let link = state.link.get_or_insert_default();
        link.not_before = Some(from);
        link.failures = 0;
        link.last_failure = None;
        link.hurried = None;
        link.polls_since = None;
    }
}

/// The registration is gone, and so is what was to be pushed. What is on its way still is.
pub(super) fn left(state: &mut State) {
    state.link = state.link.take().and_then(|link| {
        let under_way = UnderWay {
            items: Vec::new(),
            ..link.under_way?
        };
        Some(Box::new(Link {
            under_way: Some(under_way),
            numbered: link.numbered,
            ..Link::default()
        }))
    });
}

/// Forgets what was tried or given up and does not wait for an answer any more, and all of it once the
/// VEN is not pushed to.
pub(super) fn settle(state: &mut State) {
    let Some(mut link) = state.link.take() else {
        return;
    };
    link.tried.retain(|tried| tried.item.is_open(state));
    link.given_up.retain(|_, items| {
        items.retain(|item| item.comes_again(state) == Some(NEVER));
        !items.is_empty()
    });
    let given_up = &link.given_up;
    link.letters
        .retain(|letter| given_up.contains_key(&letter.id));
    let registration = state.registration.as_ref();
    if registration.is_some_and(Registration::wants_pushes) {
        state.link = Some(link);
    } else {
        state.link = Some(link);
        left(state);
    }
}

impl Link {
    fn failed(&mut self, state: &mut State, failed: &FailedPush) {
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some(failed.failure.clone());
        // One that registered meanwhile is left alone a little longer.
        self.not_before = self.not_before.max(Some(failed.not_before));
        let Some(sent) = self.under_way.take() else {
            return;
        };
        for item in sent.items {
            if failed.given_up.contains(&item) {
                item.come_again(state, NEVER);
                self.tried.retain(|tried| tried.item != item);
                continue;
            }
            item.come_again(state, failed.again_at);
            match self.tried.iter_mut().find(|tried| tried.item == item) {
                Some(tried) => tried.attempts = tried.attempts.saturating_add(1),
                None => self.tried.push(Tried {
                    item,
                    since: sent.at,
                    attempts: 1,
                }),
            }
        }
        if let Some(letter) = &failed.letter {
            self.numbered = letter.id;
            self.letters.push(letter.clone());
            self.given_up.insert(letter.id, failed.given_up.clone());
        }
    }

    /// These letters are none any more, and what waits for another try waits no longer. What is under way
    /// is being tried: it comes again when that fails.
    fn revive(&mut self, state: &mut State, letters: &[u64], at: DateTime) {
        let sent = self.under_way.as_ref();
        let sent = sent.map_or(&[][..], |sent| &sent.items);
        for tried in self.tried.iter().filter(|t| !sent.contains(&t.item)) {
            let again = tried.item.comes_again(state);
            if again.is_some_and(|again| again > at) {
                tried.item.come_again(state, at);
            }
        }
        for letter in letters {
            for item in self.given_up.remove(letter).into_iter().flatten() {
                item.come_again(state, at);
            }
        }
        self.letters.retain(|letter| !letters.contains(&letter.id));
    }
}
