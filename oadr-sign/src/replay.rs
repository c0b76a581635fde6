//! Remembers which signatures were seen, for as long as they could come again.
//!
//! Knows nothing of what is on a disk.

use std::collections::HashSet;

use chrono::TimeDelta;
use oadr_core::value::DateTime;
use oadr_core::{CertificateHash, NonceHash, Signature};

use crate::Refusal;

/// What was seen within the window. Bounded by what can be signed in it by those who may sign.
///
/// Two generations, so that forgetting costs nothing: what comes goes into the younger; when that is two
/// windows old, the elder is forgotten and the younger becomes the elder. A signature is accepted from one
/// window before its timestamp to one after it, so that what is forgotten is too old by then.
#[derive(Debug)]
pub struct ReplayGuard {
    window: TimeDelta,
    young: Generation,
    old: Generation,
    /// When the younger generation began.
    since: Option<DateTime>,
    /// The latest timestamp that was forgotten: whatever the clock does, nothing up to there is new.
    forgotten: Option<DateTime>,
}

#[derive(Debug, Default)]
struct Generation {
    seen: HashSet<(CertificateHash, NonceHash)>,
    latest: Option<DateTime>,
}

impl ReplayGuard {
    /// One that has seen nothing, for a [`Policy`](crate::Policy) with this window.
    #[must_use]
    pub fn new(window: TimeDelta) -> Self {
        Self {
            window,
            young: Generation::default(),
            old: Generation::default(),
            since: None,
            forgotten: None,
        }
    }

    /// Takes a verified signature that was not seen before.
    ///
    /// # Errors
    /// [`Refusal::Replayed`]; [`Refusal::TooOld`] where the clock was set back so far that nobody knows.
    pub fn admit(&mut self, signature: &Signature, now: DateTime) -> Result<(), Refusal> {
        self.forget(now);
        let timestamp = signature.timestamp;
        if self.forgotten.is_some_and(|until| timestamp <= until) {
            return Err(Refusal::TooOld {
                by: now.signed_duration_since(timestamp),
            });
        }
        let key = (signature.signer, signature.nonce);
        if self.old.seen.contains(&key) || !self.young.seen.insert(key) {
            return Err(Refusal::Replayed);
        }
        self.young.latest = self.young.latest.max(Some(timestamp));
        Ok(())
    }

    fn forget(&mut self, now: DateTime) {
        let since = *self.since.get_or_insert(now);
        let age = now.signed_duration_since(since);
        if age < self.window.checked_mul(2).unwrap_or(TimeDelta::MAX) {
            return;
        }
        let forgotten = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
        self.forgotten = self.forgotten.max(forgotten.latest);
        self.since = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    fn signature(signer: u8, nonce: u8, seconds: i64) -> Signature {
        Signature {
            signer: CertificateHash([signer; 32]),
            timestamp: at(seconds),
            nonce: NonceHash([nonce; 16]),
        }
    }

    fn guard() -> ReplayGuard {
        ReplayGuard::new(TimeDelta::seconds(60))
    }

    #[test]
    fn rule_514_a_signature_counts_once() {
        let mut guard = guard();
        assert_eq!(guard.admit(&signature(1, 1, 0), at(0)), Ok(()));
        for seconds in [0, 1, 59, 60] {
            assert_eq!(
                guard.admit(&signature(1, 1, 0), at(seconds)),
                Err(Refusal::Replayed)
            );
        }
        assert_eq!(guard.admit(&signature(1, 2, 0), at(0)), Ok(()));
        assert_eq!(guard.admit(&signature(2, 1, 0), at(0)), Ok(()));
    }

    #[test]
    fn rule_514_a_signature_from_the_future_is_remembered_until_it_is_too_old() {
        for began in 0..240 {
            let mut guard = guard();
            assert_eq!(guard.admit(&signature(9, 9, 0), at(0)), Ok(()));
            assert_eq!(guard.admit(&signature(1, 1, began + 60), at(began)), Ok(()));
            for seconds in 0..=120 {
                let other = signature(2, u8::try_from(seconds).unwrap(), began + seconds);
                assert_eq!(guard.admit(&other, at(began + seconds)), Ok(()));
                assert_eq!(
                    guard.admit(&signature(1, 1, began + 60), at(began + seconds)),
                    Err(Refusal::Replayed),
                    "{began} {seconds}"
                );
            }
        }
    }

    #[test]
    fn rule_514_no_more_is_remembered_than_four_windows_bring() {
        let mut guard = guard();
        for (seconds, nonce) in (0..10_000).zip((0..=255).cycle()) {
            let _ = guard.admit(
                &signature(u8::try_from(seconds / 256).unwrap(), nonce, seconds),
                at(seconds),
            );
            assert!(guard.young.seen.len() + guard.old.seen.len() <= 240);
        }
    }

    #[test]
    fn rule_514_a_clock_set_back_lets_nothing_in_again() {
        let mut guard = guard();
        assert_eq!(guard.admit(&signature(1, 1, 0), at(0)), Ok(()));
        for hours in 1..4 {
            let later = i64::from(hours) * 3_600;
            assert_eq!(guard.admit(&signature(2, hours, later), at(later)), Ok(()));
        }
        assert!(guard.admit(&signature(1, 1, 0), at(10)).is_err());
    }
}
