//! The opts that a VEN has made, as far as they count, and how they change.
//!
//! Knows nothing of rules: which opt replaces which is decided elsewhere.

use std::collections::VecDeque;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::delivery::later;
use crate::opt::OptTerms;
use crate::value::{DateTime, EventId, OptId, VenId};

/// How long a schedule is remembered once its last period is over: events that it had a say in may
/// still be looked at.
pub(super) const KEPT_AFTERWARDS: TimeDelta = TimeDelta::days(7);
/// So many optIDs are known of schedules that count no more: to cancel one of these is no error (rule
/// 211).
const PAST: usize = 64;

/// An opt that a VEN made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opt {
    /// Names it within the partition; later ones have greater numbers. Never given twice.
    pub number: u64,
    /// What the VEN calls it; not necessarily unique (rule 204).
    pub opt_id: OptId,
    /// What it says.
    pub terms: OptTerms,
    /// When it was made, by the VEN's clock.
    pub created: DateTime,
    /// When it came.
    pub received: DateTime,
}

/// What became of an opt, beside the partition's state; the key is the opt's number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptFact {
    /// The VEN's ID at the time.
    pub ven_id: VenId,
    /// The opt.
    pub opt: Opt,
    /// Why it counts no more, if it was ended. Schedules that run out and opts of events that are over
    /// are not.
    pub ended: Option<OptEnd>,
}

/// The end of an opt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptEnd {
    /// When.
    pub at: DateTime,
    /// Why.
    pub reason: OptEndReason,
}

/// Why an opt counts no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptEndReason {
    /// The VEN cancelled it.
    Cancelled,
    /// A later one says something else about all that it was about (rules 203, 206).
    Replaced {
        /// The later one's number.
        by: u64,
    },
    /// The registration ended, or began anew (rule 406).
    Unregistered,
}

/// The opts of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Opts {
    /// In the order in which they came.
    pub(super) schedules: Vec<Schedule>,
    /// In the order in which they came.
    pub(super) qualifications: Vec<Opt>,
    /// Of schedules that were forgotten, the latest last.
    pub(super) past: VecDeque<OptId>,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Schedule {
    pub(super) opt: Opt,
    /// Cancelled or run out: it says nothing any more, but what it has replaced in part does not come
    /// back (rule 203).
    pub(super) is_over: bool,
}

/// What can happen to opts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "opt_change", rename_all = "snake_case")]
#[non_exhaustive]
pub enum OptChange {
    /// The VEN made one.
    Created {
        /// It.
        opt: Box<Opt>,
    },
    /// Schedules were cancelled or have run out.
    Ended {
        /// Their numbers.
        numbers: Vec<u64>,
    },
    /// Opts have no effect any more, not even on each other.
    Forgotten {
        /// Their numbers.
        numbers: Vec<u64>,
    },
}

impl Opts {
    pub(super) fn is_empty(&self) -> bool {
        self.schedules.is_empty() && self.qualifications.is_empty() && self.past.is_empty()
    }

    /// The opts that count, schedules first.
    pub(super) fn in_force(&self) -> impl Iterator<Item = &Opt> {
        let schedules = self.schedules.iter().filter(|schedule| !schedule.is_over);
        schedules
            .map(|schedule| &schedule.opt)
            .chain(&self.qualifications)
    }

    /// All that is remembered, schedules first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Opt> {
        let schedules = self.schedules.iter().map(|schedule| &schedule.opt);
        schedules.chain(&self.qualifications)
    }

    /// When a schedule is to be forgotten next.
    pub(super) fn next_deadline(&self) -> Option<DateTime> {
        self.schedules.iter().filter_map(Schedule::leaves).min()
    }

    /// The event is over, and its opts with it.
    pub(super) fn forget_event(&mut self, event_id: &EventId) {
        self.qualifications
            .retain(|opt| opt.terms.event_id() != Some(event_id));
    }

    pub(super) fn apply(&mut self, change: &OptChange) {
        match change {
            OptChange::Created { opt } => match opt.terms.event_id() {
                Some(_) => self.qualifications.push((**opt).clone()),
                None => self.schedules.push(Schedule {
                    opt: (**opt).clone(),
                    is_over: false,
                }),
            },
            OptChange::Ended { numbers } => {
                for schedule in &mut self.schedules {
                    schedule.is_over |= numbers.contains(&schedule.opt.number);
                }
            }
            OptChange::Forgotten { numbers } => {
                let is_left = |opt: &Opt| numbers.contains(&opt.number);
                for schedule in self.schedules.iter().filter(|s| is_left(&s.opt)) {
                    let opt_id = &schedule.opt.opt_id;
                    self.past.retain(|known| known != opt_id);
                    self.past.push_back(opt_id.clone());
                }
                self.schedules.retain(|schedule| !is_left(&schedule.opt));
                self.qualifications.retain(|opt| !is_left(opt));
                let surplus = self.past.len().saturating_sub(PAST);
                self.past.drain(..surplus);
            }
        }
    }
}

impl Schedule {
    /// When it is over and past the time that it is remembered for.
    pub(super) fn leaves(&self) -> Option<DateTime> {
        let end = self.opt.terms.end().filter(|_| !self.is_over)?;
        Some(later(end, KEPT_AFTERWARDS))
    }
}
