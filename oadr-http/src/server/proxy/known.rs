//! The certificates that proxies handed on lately and that were found good, so that the next poll with
//! the same header parses and verifies nothing.
//! Does not know headers; it knows their hashes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use oadr_core::CertificateHash;
use rustls_pki_types::UnixTime;

/// SHA-256 of a header: a shorter hash could be made to fit another's.
pub(super) type Digest = [u8; 32];

/// A certificate that was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Proved {
    pub(super) hash: CertificateHash,
    /// The moments between which nothing has to be verified anew.
    from: UnixTime,
    until: UnixTime,
}

/// How long it takes at most until a certificate is verified anew, in seconds: those of the CAs above it
/// expire too.
const FRESH: u64 = 3600;

/// As many as this are remembered at least, and twice as many at most.
const ROOM: usize = 8192;

#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Generations>);

/// When the young are so many as there is room for, they become the old, and the old are forgotten: those
/// that were not asked for since they became old.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Digest, Proved>,
    old: HashMap<Digest, Proved>,
}

impl Known {
    /// The certificate in a header that was verified lately, if it is valid now (rule 516).
    pub(super) fn find(&self, digest: &Digest, now: UnixTime) -> Option<CertificateHash> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let proved = known.find(digest)?;
        (proved.from <= now && now <= proved.until).then_some(proved.hash)
    }

    pub(super) fn learn(&self, digest: Digest, proved: Proved) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.learn(digest, proved);
    }
}

impl Generations {
    fn find(&mut self, digest: &Digest) -> Option<Proved> {
        if let Some(proved) = self.young.get(digest) {
            return Some(*proved);
        }
        let proved = self.old.remove(digest)?;
        self.learn(*digest, proved);
        Some(proved)
    }

    fn learn(&mut self, digest: Digest, proved: Proved) {
        if self.young.len() >= ROOM {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest, proved);
    }
}

impl Proved {
    /// What was verified just now, and expires in so long.
    pub(super) fn new(hash: CertificateHash, now: UnixTime, not_after: UnixTime) -> Self {
        let fresh = Duration::from_secs(now.as_secs().saturating_add(FRESH));
        Self {
            hash,
            from: now,
            until: not_after.min(UnixTime::since_unix_epoch(fresh)),
        }
    }
}

/// SHA-256.
pub(super) fn sha_256(octets: &[u8]) -> Digest {
    let mut hash = [0; 32];
    let digest = digest::digest(&digest::SHA256, octets);
    for (to, from) in hash.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    fn proved(now: u64, not_after: u64) -> Proved {
        Proved::new(CertificateHash([1; 32]), at(now), at(not_after))
    }

    #[test]
    fn rule_516_a_certificate_that_is_known_still_expires() {
        let known = Known::default();
        for (not_after, until) in [(200, 200), (1_000_000, 100 + FRESH)] {
            known.learn([0; 32], proved(100, not_after));
            for (now, is_known) in [(99, false), (100, true), (until, true), (until + 1, false)] {
                assert_eq!(known.find(&[0; 32], at(now)).is_some(), is_known, "{now}");
            }
        }
    }

    #[test]
    fn only_so_many_are_remembered_and_those_that_come_again_stay() {
        let known = Known::default();
        let digest = |number: usize| sha_256(&number.to_be_bytes());
        for number in 0..4 * ROOM {
            known.learn(digest(number), proved(0, 1000));
            assert!(known.find(&digest(0), at(1)).is_some(), "{number}");
        }
        let generations = known.0.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= 2 * ROOM);
        assert!(!generations.young.contains_key(&digest(1)));
    }
}
