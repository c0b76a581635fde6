//! How many log lines peers may cause: so many a minute of each kind, then only their number.
//!
//! Knows nothing of what the lines say; the time comes as an argument.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What lines that a peer can cause are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A request that is no message for us: a status other than 200.
    Request,
    /// A message that was answered with another code than 200.
    Message,
    /// A message that has no answer.
    Unanswered,
    /// A connection that was not accepted, closed at once, or failed in TLS.
    Connection,
    /// A peer whose certificate or signature does not count.
    Peer,
    /// A push that failed.
    Push,
    /// What a VEN did: it registered, answered, and the like.
    Happening,
}

impl Subject {
    const ALL: [Self; 7] = [
        Self::Request,
        Self::Message,
        Self::Unanswered,
        Self::Connection,
        Self::Peer,
        Self::Push,
        Self::Happening,
    ];

    /// What a summary calls them.
    fn name(self) -> &'static str {
        match self {
            Self::Request => "requests refused",
            Self::Message => "messages refused",
            Self::Unanswered => "messages not answered",
            Self::Connection => "connections not accepted",
            Self::Peer => "peers refused",
            Self::Push => "pushes failed",
            Self::Happening => "what VENs did",
        }
    }

    /// Lines a minute: enough to see what goes on, and no more than some 50 MB a day.
    fn lines(self) -> u32 {
        match self {
            Self::Request
            | Self::Message
            | Self::Unanswered
            | Self::Connection
            | Self::Peer
            | Self::Push => 20,
            // What is left out when 10,000 VENs answer at once is in the database.
            Self::Happening => 200,
        }
    }
}

/// How long a count lasts.
const MINUTE: Duration = Duration::from_secs(60);

/// Counts the lines of each subject, and those that were left out.
#[derive(Debug, Default)]
pub(crate) struct LogRation {
    // Locked for lines that may be logged only, never by a request that is answered as usual.
    counts: Mutex<[Count; Subject::ALL.len()]>,
}

/// The minute that began with a line.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    since: Option<Instant>,
    said: u32,
    left_out: u64,
}

impl Count {
    fn is_over(&self, now: Instant) -> bool {
        self.since
            .is_some_and(|since| now.saturating_duration_since(since) >= MINUTE)
    }
}

impl LogRation {
    /// Whether a line may be written. If not, it is counted. Says what was left out before.
    pub(crate) fn admits(&self, subject: Subject, now: Instant) -> bool {
        self.tell(now);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = counts.get_mut(subject as usize) else {
            return false;
        };
        count.since.get_or_insert(now);
        if count.said < subject.lines() {
            count.said += 1;
            return true;
        }
        count.left_out = count.left_out.saturating_add(1);
        false
    }

    /// Says what was left out in the last minutes of a flood, too. Runs until it is dropped.
    pub(crate) async fn keep_telling(self: Arc<Self>) {
        loop {
            tokio::time::sleep(MINUTE).await;
            self.tell(Instant::now());
        }
    }

    /// Says what was left out in minutes that are over.
    fn tell(&self, now: Instant) {
        for (subject, lines) in self.end_minutes(now) {
            tracing::warn!(
                lines,
                of = subject.name(),
                "left out of this log in one minute"
            );
        }
    }

    /// Ends the minutes that are over, and returns what was left out in them.
    fn end_minutes(&self, now: Instant) -> Vec<(Subject, u64)> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let over = Subject::ALL.into_iter().zip(counts.iter_mut());
        over.filter(|(_, count)| count.is_over(now))
            .map(|(subject, count)| (subject, std::mem::take(count).left_out))
            .filter(|(_, left_out)| *left_out > 0)
            .collect()
    }
}

impl Drop for LogRation {
    fn drop(&mut self) {
        // The minutes at hand end with it.
        self.tell(Instant::now() + MINUTE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_few_lines_and_a_number_each_minute() {
        let ration = LogRation::default();
        let start = Instant::now();
        let mut told = Vec::new();
        let mut lines = 0;
        // One every 10 ms, for three minutes.
        for n in 0..18_000 {
            let now = start + Duration::from_millis(n * 10);
            told.extend(ration.end_minutes(now));
            lines += u32::from(ration.admits(Subject::Request, now));
        }
        assert_eq!(lines, 60);
        assert_eq!(told, [(Subject::Request, 5_980); 2]);
        assert_eq!(
            ration.end_minutes(start + 3 * MINUTE),
            [(Subject::Request, 5_980)]
        );
        assert_eq!(ration.end_minutes(start + 9 * MINUTE), []);
    }

    #[test]
    fn subjects_do_not_share() {
        let ration = LogRation::default();
        let now = Instant::now();
        while ration.admits(Subject::Message, now) {}
        assert!(ration.admits(Subject::Request, now));
        assert!(!ration.admits(Subject::Message, now));
        assert_eq!(ration.end_minutes(now + MINUTE), [(Subject::Message, 2)]);
    }

    #[test]
    fn what_was_all_said_is_not_summed_up() {
        let ration = LogRation::default();
        let now = Instant::now();
        assert!(ration.admits(Subject::Connection, now));
        assert_eq!(ration.end_minutes(now + MINUTE), []);
    }
}
