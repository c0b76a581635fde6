//! The peers that were refused lately, for whoever wonders why a VEN does not get through.
//!
//! Knows nothing of why; a few lines of memory, which a restart empties.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use oadr_core::value::{DateTime, Text};
use oadr_core::{BareJid, CertificateHash};
use serde::Serialize;

/// So many are kept, the latest.
const MOST: usize = 200;

/// Where a peer was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// There is no connection.
    Tls,
    /// Nobody knows whose certificate it is.
    Certificate,
    /// Nobody knows whose XMPP account it is.
    Account,
    /// The signature is missing or wrong.
    Signature,
    /// What is asked for is another's.
    Request,
}

/// A peer that was refused.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Refused {
    /// When, the last time.
    pub(crate) at: DateTime,
    /// Where from.
    pub(crate) address: Option<SocketAddr>,
    /// Where it ended.
    pub(crate) stage: Stage,
    /// Why, for programs.
    pub(crate) code: &'static str,
    /// Why, for people, and what to do.
    pub(crate) reason: String,
    /// Its certificate, as far as there is one.
    pub(crate) certificate: Option<CertificateHash>,
    /// Whom the certificate names.
    pub(crate) subject: Option<String>,
    /// Its XMPP account, if it came by XMPP.
    pub(crate) jid: Option<BareJid>,
    /// The VEN that it is, or says it is.
    pub(crate) ven: Option<Text>,
    /// How often, one after the other.
    pub(crate) times: u64,
}

/// The latest refusals, and how many there were.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    latest: VecDeque<Refused>,
    // As many as there are codes, none of which a peer makes up.
    counts: BTreeMap<(Stage, &'static str), u64>,
}

impl Refusals {
    /// Keeps one. The same of the same peer as before takes its place.
    pub(crate) fn add(&self, mut refused: Refused) {
        let mut kept = self.kept();
        let count = kept
            .counts
            .entry((refused.stage, refused.code))
            .or_default();
        *count = count.saturating_add(1);
        let before = kept
            .latest
            .iter()
            .position(|known| is_same(known, &refused));
        if let Some(before) = before.and_then(|place| kept.latest.remove(place)) {
            refused.times = refused.times.saturating_add(before.times);
        }
        if kept.latest.len() >= MOST {
            kept.latest.pop_front();
        }
        kept.latest.push_back(refused);
    }

    /// The latest, those that came last first.
    pub(crate) fn latest(&self) -> Vec<Refused> {
        self.kept().latest.iter().rev().cloned().collect()
    }

    /// How many of a stage there were since the start, by their code.
    pub(crate) fn counts(&self, stage: Stage) -> Vec<(&'static str, u64)> {
        let kept = self.kept();
        let counts = kept.counts.iter().filter(|((of, _), _)| *of == stage);
        counts.map(|((_, code), count)| (*code, *count)).collect()
    }

    // Held for what is refused only, and for operators.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether they differ only in when, and in the port.
fn is_same(one: &Refused, other: &Refused) -> bool {
    same(one) == same(other)
}

/// What the same peer has with the same fault. Who has a certificate or an account can say of itself what
/// it likes, and still has one place only.
fn same(refused: &Refused) -> impl PartialEq + '_ {
    let ip = refused.address.map(|address| address.ip());
    let certificate = refused.certificate.as_ref();
    let jid = refused.jid.as_ref();
    let is_proved = certificate.is_some() || jid.is_some();
    let said = refused.ven.as_ref().filter(|_| !is_proved);
    (refused.stage, refused.code, ip, certificate, jid, said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(port: u16, certificate: u8) -> Refused {
        Refused {
            at: DateTime::UNIX_EPOCH,
            address: Some(SocketAddr::from(([127, 0, 0, 1], port))),
            stage: Stage::Certificate,
            code: "unknown",
            reason: String::new(),
            certificate: Some(CertificateHash([certificate; 32])),
            subject: None,
            jid: None,
            ven: None,
            times: 1,
        }
    }

    #[test]
    fn one_peer_that_comes_again_and_again_is_one_line() {
        let refusals = Refusals::default();
        refusals.add(refused(1, 1));
        refusals.add(refused(2, 2));
        refusals.add(refused(3, 1));
        let latest = refusals.latest();
        let told: Vec<_> = latest
            .iter()
            .map(|refused| (refused.certificate, refused.times))
            .collect();
        let hash = |n| Some(CertificateHash([n; 32]));
        assert_eq!(told, [(hash(1), 2), (hash(2), 1)]);
        assert_eq!(refusals.counts(Stage::Certificate), [("unknown", 3)]);
        assert_eq!(refusals.counts(Stage::Tls), []);
    }

    #[test]
    fn one_peer_under_many_names_is_one_line() {
        let refusals = Refusals::default();
        for name in ["one", "two"] {
            refusals.add(Refused {
                ven: Text::new(name).ok(),
                ..refused(1, 1)
            });
        }
        let latest = refusals.latest();
        let [only] = &*latest else {
            panic!("{latest:?}");
        };
        assert_eq!(only.times, 2);
        assert_eq!(only.ven, Text::new("two").ok());
    }

    #[test]
    fn a_flood_of_peers_has_an_end() {
        let refusals = Refusals::default();
        for n in 0..=255 {
            refusals.add(refused(1, n));
        }
        let latest = refusals.latest();
        assert_eq!(latest.len(), MOST);
        let first = latest.first().and_then(|refused| refused.certificate);
        assert_eq!(first, Some(CertificateHash([255; 32])));
    }
}
