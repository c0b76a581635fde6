//! When which report of a request is due, and what time it covers: rules 317, 324, 325, 341, 346.
//!
//! Knows nothing of the data, nor of what else the VEN has to say.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::value::{DateTime, Duration};

/// When which report is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Schedule {
    /// The offers, now or again and again (rules 311, 327).
    Metadata(Metadata),
    /// The present values, once (rule 324).
    Now,
    /// What is kept of a time in the past, once (rules 324, 325).
    History {
        /// Up to here the VTN has it.
        cursor: DateTime,
        /// The end.
        to: DateTime,
    },
    /// What is sampled, again and again (rules 317, 325).
    Periodic(Periods),
}

/// Offers to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// When the first are due.
    pub(super) start: DateTime,
    /// How often; zero is once.
    pub(super) back: Duration,
    /// When no more are; `None` is never.
    pub(super) end: Option<DateTime>,
    /// When the next are; `None` if all there are to be are on their way.
    pub(super) next: Option<DateTime>,
}

/// Report periods, and the grid of samples in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Periods {
    /// The beginning of the first period and of the grid.
    pub(super) start: DateTime,
    /// The length of a period, by the calendar.
    pub(super) back: Duration,
    /// The grid; with reports on change how often changes are looked for.
    pub(super) step: TimeDelta,
    /// Whether only changes are reported (granularity 0, rule 317).
    pub(super) on_change: bool,
    /// When it is over; `None` is never (rule 325).
    pub(super) end: Option<DateTime>,
    /// The first instant of the grid after the request was granted: of the time before, only what is
    /// there is reported.
    pub(super) granted: DateTime,
    /// The first instant of the grid that the VTN has not acknowledged.
    pub(super) cursor: DateTime,
}

impl Schedule {
    /// Up to where the VTN has acknowledged the data; `None` if nothing has to be kept.
    #[must_use]
    pub fn cursor(&self) -> Option<DateTime> {
        match self {
            Self::Metadata(_) | Self::Now => None,
            Self::History { cursor, .. } => Some(*cursor),
            Self::Periodic(periods) => Some(periods.cursor),
        }
    }
}
