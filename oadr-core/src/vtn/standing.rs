//! How a VEN's deliveries stand, for figures.
//!
//! Knows nothing of what is shown of them; no decision needs it.

use super::delivery::Progress;
use super::distribute::entries;
use super::{Context, State};
use crate::value::DateTime;

/// How many events of a VEN stand where, of those that it is to know now (rule 50).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Standing {
    /// Not sent yet in their latest version.
    pub pending: usize,
    /// Sent and not answered.
    pub sent: usize,
    /// Answered, or sent often enough where no answer is wanted.
    pub settled: usize,
    /// Since when the oldest of the pending waits.
    pub oldest_pending: Option<DateTime>,
    /// When the oldest of the sent went out first.
    pub oldest_sent: Option<DateTime>,
}

/// How the deliveries of a VEN stand; one that is not registered or takes no events has none.
#[must_use]
pub fn standing(state: &State, context: &Context, now: DateTime) -> Standing {
    let mut standing = Standing::default();
    let takes_events = state.registration().is_some_and(|r| !r.report_only);
    if !takes_events || state.is_leaving() {
        return standing;
    }
    let earlier = |known: Option<DateTime>, at| Some(known.map_or(at, |known| known.min(at)));
    for entry in entries(state, context, now) {
        match (entry.is_new, entry.known) {
            (false, Some(known)) => match known.progress {
                Progress::Sent { .. } | Progress::Unsent => {
                    standing.sent = standing.sent.saturating_add(1);
                    standing.oldest_sent = earlier(standing.oldest_sent, known.sent);
                }
                Progress::Answered | Progress::Listed => {
                    standing.settled = standing.settled.saturating_add(1)
                }
            },
            (true, _) | (false, None) => {
                standing.pending = standing.pending.saturating_add(1);
                let since = entry.since().unwrap_or(now);
                standing.oldest_pending = earlier(standing.oldest_pending, since);
            }
        }
    }
    standing
}
