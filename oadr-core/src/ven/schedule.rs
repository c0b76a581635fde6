//! When which report of a request is due, and what time it covers: rules 317, 324, 325, 341, 346.
//!
//! Knows nothing of the data, nor of what else the VEN has to say.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::Window;
use crate::rhythm::{Rhythm, last_period, next_period};
use crate::value::{DateTime, Duration};

/// More periods than this that were missed are made up for by fewer and longer reports (rule 346).
const MANY: i64 = 10;

/// When which report is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Schedule {
    /// The offers, now or again and again (rules 311, 327).
    Metadata(Rhythm),
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

/// Report periods, and the grid of samples in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Periods {
    /// The beginning of the first period and of the grid.
    pub(super) start: DateTime,
    /// The length of a period, by the calendar.
    pub(super) back: Duration,
    /// The grid, in whole seconds; with reports on change how often changes are looked for.
    pub(super) step: TimeDelta,
    /// Whether only changes are reported (granularity 0, rule 317).
    pub(super) on_change: bool,
    /// When it is over; `None` is never (rule 325).
    pub(super) end: Option<DateTime>,
    /// The last instant of the grid when the request was granted, or the first if it lay ahead: of the
    /// time before, only what is there is reported.
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

    /// When the next report of data is due, if one is to come.
    pub(super) fn due(&self, has_lengths: bool) -> Option<DateTime> {
        match self {
            Self::Metadata(_) => None,
            Self::Now | Self::History { .. } => Some(DateTime::MIN_UTC),
            Self::Periodic(periods) => periods.due(has_lengths),
        }
    }

    /// What the next report of data covers, with at most so many samples of each data point.
    pub(super) fn window(&self, now: DateTime, most: u32) -> Option<Window> {
        match self {
            Self::Metadata(_) => None,
            Self::Now => Some(Window::Now),
            Self::History { cursor, to } => Some(Window::History {
                from: *cursor,
                to: *to,
            }),
            Self::Periodic(periods) => periods.window(now, most),
        }
    }
}

impl Periods {
    /// When the next report is due: as soon as its last sample was taken (point data), or the stretch
    /// of time that it stands for is over (interval data). So the first report of point data comes at
    /// once if there is one sample in a period, and later if there are several.
    fn due(&self, has_lengths: bool) -> Option<DateTime> {
        let last = self.grid_before(self.period_end()?);
        Some(if has_lengths {
            later(last, self.step)
        } else {
            last
        })
    }

    /// What the next report covers: a period, or all that are over if they are many.
    fn window(&self, now: DateTime, most: u32) -> Option<Window> {
        let (from, period_end) = (self.cursor, self.period_end()?);
        let period = period_end.signed_duration_since(from);
        let to = if earlier(now, times(period, MANY)) > period_end {
            self.over_before(now).max(period_end)
        } else {
            period_end
        };
        Some(if self.on_change {
            Window::OnChange { from, to }
        } else {
            let longest = times(self.step, i64::from(most.max(1)));
            Window::Sampled {
                from,
                to: to.min(later(from, longest)),
                every: self.step,
            }
        })
    }

    /// The end of the period that the cursor is in; `None` if all is over.
    pub(super) fn period_end(&self) -> Option<DateTime> {
        let period_end = if self.cursor < self.granted {
            self.granted
        } else if self.on_change {
            // The first report says how things stand at the beginning, and each further one what
            // changed since the one before, up to and including its own time.
            let before = earlier(self.cursor, self.step);
            let end = if before < self.start {
                self.start
            } else {
                next_period(&self.back, self.start, before)?
            };
            later(end, self.step)
        } else {
            next_period(&self.back, self.start, self.cursor)?
        };
        let end = self.end.map_or(period_end, |end| end.min(period_end));
        (end > self.cursor).then_some(end)
    }

    /// The end of the last period that is over.
    fn over_before(&self, now: DateTime) -> DateTime {
        let over = earlier(now, self.step);
        let end = last_period(&self.back, self.start, over).unwrap_or(self.start);
        let end = if self.on_change {
            later(end, self.step)
        } else {
            end
        };
        self.end.map_or(end, |last| last.min(end))
    }

    /// The same, once the VTN has everything before an instant; `None` if that is all.
    pub(super) fn acknowledged(&self, to: DateTime) -> Option<Self> {
        let cursor = self.grid_from(to);
        let next = Self {
            cursor,
            ..self.clone()
        };
        (cursor > self.cursor && next.period_end().is_some()).then_some(next)
    }

    /// The same, ending with what there is now; `None` if the VTN has that already.
    pub(super) fn until(&self, now: DateTime, has_lengths: bool) -> Option<Self> {
        let begun = self.grid_at(now);
        let end = if has_lengths {
            begun
        } else {
            later(begun, self.step)
        };
        let over = self.end.is_some_and(|over| over < end);
        let next = Self {
            end: if over { self.end } else { Some(end) },
            ..self.clone()
        };
        (now >= self.start && next.period_end().is_some()).then_some(next)
    }

    /// The last instant of the grid at or before this one, or the first of all.
    pub(super) fn grid_at(&self, at: DateTime) -> DateTime {
        grid_at(self.start, self.step, at)
    }

    /// The last instant of the grid before this one, or the first of all.
    pub(super) fn grid_before(&self, at: DateTime) -> DateTime {
        let last = self.grid_at(at);
        if last < at {
            last
        } else {
            self.start.max(earlier(last, self.step))
        }
    }

    /// The next instant of the grid; `None` at the end of the calendar.
    pub(super) fn grid_after(&self, at: DateTime) -> Option<DateTime> {
        Some(later(at, self.step)).filter(|next| *next > at)
    }

    /// The first instant of the grid at or after this one.
    pub(super) fn grid_from(&self, at: DateTime) -> DateTime {
        let last = self.grid_at(at);
        if last < at {
            later(last, self.step)
        } else {
            last
        }
    }
}

/// The last instant at or before this one of those that are so far apart, or the first of all.
pub(super) fn grid_at(start: DateTime, step: TimeDelta, at: DateTime) -> DateTime {
    let whole = at.signed_duration_since(start).num_seconds().max(0);
    let count = whole.checked_div(step.num_seconds().max(1)).unwrap_or(0);
    later(start, times(step, count))
}

/// So many seconds so many times.
fn times(step: TimeDelta, count: i64) -> TimeDelta {
    let seconds = step.num_seconds().saturating_mul(count);
    TimeDelta::try_seconds(seconds).unwrap_or(TimeDelta::MAX)
}

/// This much later, within the calendar.
pub(super) fn later(at: DateTime, span: TimeDelta) -> DateTime {
    at.checked_add_signed(span).unwrap_or(DateTime::MAX_UTC)
}

/// This much earlier, within the calendar.
pub(super) fn earlier(at: DateTime, span: TimeDelta) -> DateTime {
    at.checked_sub_signed(span).unwrap_or(DateTime::MIN_UTC)
}
