//! When offers are due that are asked for with METADATA, once or again and again (rules 311, 324, 327), and
//! the periods of reports.
//!
//! Knows nothing of what is said then.

use serde::{Deserialize, Serialize};

use crate::payload::ReportSpecifier;
use crate::value::{DateTime, Duration};

/// When offers are due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rhythm {
    /// When the first are due.
    start: DateTime,
    /// How often; zero is once.
    back: Duration,
    /// When no more are; `None` is never.
    end: Option<DateTime>,
    /// When the next are; `None` if all there are to be are on their way.
    next: Option<DateTime>,
}

impl Rhythm {
    /// What a request for METADATA that came now comes to.
    pub(crate) fn requested(specifier: &ReportSpecifier, now: DateTime) -> Self {
        let back = specifier.report_back;
        let periodic = specifier.interval.as_ref().filter(|_| !back.is_zero());
        let start = periodic.map_or(now, |interval| interval.start);
        let lasts = periodic.map(|interval| interval.duration);
        let lasts = lasts.filter(|duration| !duration.is_zero());
        Self {
            start,
            back,
            end: lasts.map(|duration| duration.after(start)),
            next: Some(start.max(now)),
        }
    }

    /// When the next are due; `None` if all there are to be are on their way.
    pub(crate) fn next(&self) -> Option<DateTime> {
        self.next
    }

    /// Whether its time is over.
    pub(crate) fn is_over(&self, now: DateTime) -> bool {
        self.end.is_some_and(|end| end <= now)
    }

    /// Once more now, and no more.
    pub(crate) fn last(&self, now: DateTime) -> Self {
        Self {
            start: now,
            back: Duration::ZERO,
            end: None,
            next: Some(now),
        }
    }

    /// After those that are due now: those of the next period that is not over yet. What was missed
    /// meanwhile would say the same.
    pub(crate) fn after(&self, now: DateTime) -> Self {
        let next = (!self.back.is_zero())
            .then(|| next_period(&self.back, self.start, now))
            .flatten();
        Self {
            next: next.filter(|next| self.end.is_none_or(|end| *next < end)),
            ..self.clone()
        }
    }
}

/// The end of the period that an instant is in; `None` at the end of the calendar.
pub(crate) fn next_period(back: &Duration, start: DateTime, at: DateTime) -> Option<DateTime> {
    if at < start {
        return Some(start);
    }
    let end = back.times_after(periods_begun(back, start, at), start);
    (end > at).then_some(end)
}

/// The end of the last period that is over at an instant; `None` if none is.
pub(crate) fn last_period(back: &Duration, start: DateTime, at: DateTime) -> Option<DateTime> {
    let over = periods_begun(back, start, at).checked_sub(1)?;
    (at >= start).then(|| back.times_after(over, start))
}

/// How many periods have begun at an instant, following each other by the calendar and without drift.
fn periods_begun(back: &Duration, start: DateTime, at: DateTime) -> u32 {
    // Later and later, so the first one after can be searched for by halves.
    let (mut low, mut high) = (0, u32::MAX);
    while low < high {
        let middle = low.midpoint(high);
        if back.times_after(middle, start) > at {
            high = middle;
        } else {
            low = middle.saturating_add(1);
        }
    }
    low
}
