//! The certificates that prove a VEN: those that were seen by their hash, those that somebody told by
//! their fingerprint until they are seen.
//!
//! Knows nothing of how a certificate is checked.

use serde::{Deserialize, Serialize};

use super::{Assignment, Claim};
use crate::{CertificateHash, CertificateId};

/// Each certificate once. None: the transport proves nothing of this VEN.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Certificates(Vec<CertificateId>);

impl Certificates {
    /// Those that are named here.
    pub(super) fn of(ids: &[CertificateId]) -> Self {
        let mut certificates = Self::default();
        ids.iter().for_each(|id| certificates.add(id));
        certificates
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = CertificateId> {
        self.0.iter().copied()
    }

    /// Whether this one is among them.
    pub(super) fn have(&self, certificate: &CertificateHash) -> bool {
        self.0.iter().any(|id| id.names(certificate))
    }

    /// Whether this one is among them, but was only told.
    pub(super) fn have_only_heard_of(&self, certificate: &CertificateHash) -> bool {
        self.have(certificate) && !self.0.contains(&CertificateId::Hash(*certificate))
    }

    /// One comes in; what is known of it is made more exact.
    pub(super) fn add(&mut self, new: &CertificateId) {
        match self.0.iter_mut().find(|id| are_one(id, new)) {
            None => self.0.push(*new),
            Some(id) => match new {
                CertificateId::Hash(_) => *id = *new,
                CertificateId::Fingerprint(_) => {}
            },
        }
    }

    /// What an operator makes of them.
    pub(super) fn assigned(&self, assignment: &Assignment<CertificateId>) -> Self {
        match assignment {
            // Nothing is forgotten that was seen.
            Assignment::Exactly(ids) => {
                let mut certificates = Self::of(ids);
                let kept = self.ids().filter(|id| ids.iter().any(|i| are_one(id, i)));
                kept.for_each(|id| certificates.add(&id));
                certificates
            }
            Assignment::Change { add, remove } => {
                let mut certificates = self.clone();
                certificates
                    .0
                    .retain(|id| !remove.iter().any(|other| are_one(id, other)));
                add.iter().for_each(|id| certificates.add(id));
                certificates
            }
        }
    }

    /// What nobody else may have: a certificate that is known in full is found by its fingerprint, too,
    /// so that no other VEN can be enrolled with that.
    pub(super) fn claims(&self) -> impl Iterator<Item = Claim> {
        self.ids().flat_map(|id| claims_of_certificate(&id))
    }
}

/// What a certificate claims.
pub(super) fn claims_of_certificate(id: &CertificateId) -> impl Iterator<Item = Claim> + use<> {
    let whole = match id {
        CertificateId::Hash(hash) => Some(Claim::Certificate(*hash)),
        CertificateId::Fingerprint(_) => None,
    };
    whole
        .into_iter()
        .chain([Claim::Fingerprint(id.fingerprint())])
}

/// Whether both name the same certificate. Two with one fingerprint cannot be had side by side: it
/// would not say whose it is.
fn are_one(one: &CertificateId, other: &CertificateId) -> bool {
    one.fingerprint() == other.fingerprint()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u8) -> CertificateId {
        CertificateId::Hash(CertificateHash([n; 32]))
    }

    fn told(n: u8) -> CertificateId {
        CertificateId::Fingerprint(CertificateHash([n; 32]).fingerprint())
    }

    #[test]
    fn a_certificate_is_there_once_and_known_as_well_as_can_be() {
        let before = Certificates::of(&[told(1), hash(1), hash(2), told(2), told(3)]);
        assert_eq!(before.0, [hash(1), hash(2), told(3)]);
        let change = |add: &[_], remove: &[_]| Assignment::Change {
            add: add.to_vec(),
            remove: remove.to_vec(),
        };
        for (assignment, after) in [
            (change(&[], &[]), vec![hash(1), hash(2), told(3)]),
            (
                change(&[told(1), hash(3)], &[]),
                vec![hash(1), hash(2), hash(3)],
            ),
            (change(&[], &[told(1), hash(3), hash(9)]), vec![hash(2)]),
            (
                change(&[told(1)], &[told(1)]),
                vec![hash(2), told(3), told(1)],
            ),
            (Assignment::Exactly(vec![]), vec![]),
            (
                Assignment::Exactly(vec![told(2), told(4)]),
                vec![hash(2), told(4)],
            ),
        ] {
            assert_eq!(before.assigned(&assignment).0, after, "{assignment:?}");
        }
    }

    #[test]
    fn a_fingerprint_is_claimed_with_the_certificate_that_has_it() {
        let CertificateId::Fingerprint(fingerprint) = told(1) else {
            panic!("a fingerprint was told");
        };
        let whole = [
            Claim::Certificate(CertificateHash([1; 32])),
            Claim::Fingerprint(fingerprint),
        ];
        assert!(Certificates::of(&[hash(1)]).claims().eq(whole.clone()));
        let [_, part] = whole;
        assert!(Certificates::of(&[told(1)]).claims().eq([part]));
    }
}
