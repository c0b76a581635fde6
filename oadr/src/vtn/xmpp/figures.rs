//! How the session fares, counted since the start.
//!
//! Knows nothing of who is at its ends.

use std::sync::atomic::{AtomicU64, Ordering};

use oadr_xmpp::Refused;

/// Why stanzas are refused, as the metrics name it.
const REASONS: [&str; 8] = [
    "stranger",
    "unreadable",
    "too_long",
    "not_for_us",
    "too_many",
    "forbidden",
    "reply_too_long",
    "other",
];

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    sessions: AtomicU64,
    /// Attempts in a row that came to nothing.
    failures: AtomicU64,
    refusals: [AtomicU64; REASONS.len()],
}

impl Figures {
    pub(super) fn connected(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.sessions.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a session that ended or did not come about, and says how many that makes in a row.
    pub(super) fn failed(&self) -> u64 {
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        before.saturating_add(1)
    }

    pub(super) fn refused(&self, why: &Refused) {
        let name = name(why);
        let place = REASONS.iter().position(|reason| *reason == name);
        if let Some(count) = place.and_then(|place| self.refusals.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many sessions there were.
    pub(crate) fn sessions(&self) -> u64 {
        self.sessions.load(Ordering::Relaxed)
    }

    /// How many stanzas were refused, by why.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.refusals.iter();
        let counts = counts.map(|count| count.load(Ordering::Relaxed));
        REASONS.into_iter().zip(counts)
    }
}

fn name(why: &Refused) -> &'static str {
    match why {
        Refused::Stranger => "stranger",
        Refused::Unreadable(_) => "unreadable",
        Refused::TooLong { .. } => "too_long",
        Refused::NotForUs(_) => "not_for_us",
        Refused::TooMany => "too_many",
        Refused::Forbidden => "forbidden",
        Refused::ReplyTooLong { .. } => "reply_too_long",
        // What the endpoint may come to tell apart some day.
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_why() {
        let figures = Figures::default();
        figures.refused(&Refused::Stranger);
        figures.refused(&Refused::TooMany);
        figures.refused(&Refused::TooMany);
        let counts = figures.refusals().filter(|(_, count)| *count > 0);
        assert_eq!(
            counts.collect::<Vec<_>>(),
            [("stranger", 1), ("too_many", 2)]
        );
    }

    #[test]
    fn failures_are_counted_until_there_is_a_session() {
        let figures = Figures::default();
        assert_eq!((figures.failed(), figures.failed()), (1, 2));
        figures.connected();
        assert_eq!((figures.failed(), figures.sessions()), (1, 1));
    }
}
