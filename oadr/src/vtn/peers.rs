//! The certificates of VENs that were seen since the start, each parsed once.
//!
//! Knows nothing of whose they are, nor whether anybody believes them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock};

use chrono::TimeDelta;
use oadr_core::value::DateTime;
use oadr_core::{CertificateHash, CertificateId};
use oadr_sign::Certificate;

/// So many are kept; with more, one of them makes room. A VEN whose certificate is not there costs some
/// microseconds more.
const MOST: usize = 32_768;

/// A VEN's certificate is spoken of when no more than this is left of it.
const SOON: TimeDelta = TimeDelta::days(30);

/// Certificates by their hash.
#[derive(Debug, Default)]
pub(crate) struct Peers(RwLock<HashMap<CertificateHash, Seen>>);

/// A certificate and when it was seen last.
#[derive(Debug)]
struct Seen {
    certificate: Certificate,
    /// In milliseconds since 1970.
    at: AtomicI64,
}

impl Peers {
    /// The certificate of this hash, if it was seen.
    pub(crate) fn get(&self, hash: &CertificateHash) -> Option<Certificate> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(hash).map(|seen| seen.certificate.clone())
    }

    /// Notes that a certificate was seen, and reads it if it is not known yet: `None` if it is, or if it
    /// is no certificate.
    pub(super) fn see(
        &self,
        hash: &CertificateHash,
        der: &[u8],
        now: DateTime,
    ) -> Option<Certificate> {
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(seen) = known.get(hash) {
                seen.at.store(now.timestamp_millis(), Ordering::Relaxed);
                return None;
            }
        }
        let certificate = Certificate::from_der(der).ok()?;
        self.keep(certificate.clone(), now);
        Some(certificate)
    }

    /// Keeps a certificate that somebody believes.
    pub(super) fn keep(&self, certificate: Certificate, now: DateTime) {
        let hash = certificate.hash();
        let seen = Seen {
            certificate,
            at: AtomicI64::new(now.timestamp_millis()),
        };
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST
            && let Some(one) = known.keys().next().copied()
        {
            known.remove(&one);
        }
        known.insert(hash, seen);
    }

    /// How many of them end soon, or have ended.
    pub(crate) fn ending(&self, now: DateTime) -> usize {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let seen = known.values();
        seen.filter(|seen| ends_soon(&seen.certificate, now))
            .count()
    }

    /// Of these certificates the one that was seen last.
    pub(crate) fn last_of(&self, ids: impl Iterator<Item = CertificateId>) -> Option<Certificate> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let seen = ids.filter_map(|id| match id {
            CertificateId::Hash(hash) => known.get(&hash),
            // Whose hash is not known has not been heard of since it was told.
            CertificateId::Fingerprint(_) => None,
        });
        let last = seen.max_by_key(|seen| seen.at.load(Ordering::Relaxed))?;
        Some(last.certificate.clone())
    }
}

/// Whether it is time to think of the next certificate.
pub(super) fn ends_soon(certificate: &Certificate, now: DateTime) -> bool {
    certificate.not_after() - now < SOON
}
