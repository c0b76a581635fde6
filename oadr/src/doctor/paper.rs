//! What is wrong with a certificate by itself: its form, its dates, its key, its usages.
//!
//! Knows nothing of chains and of who shows it.

use chrono::TimeDelta;
use oadr_core::value::DateTime;

use super::finding::Finding;
use super::x509::{Paper, PublicKeyKind};

/// A certificate that ends within this time is worth a word.
const SOON: TimeDelta = TimeDelta::days(30);

/// What it is shown for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Server,
    Client,
    /// A server's that is believed for its fingerprint.
    Pinned,
    /// Nobody said.
    Any,
}

/// Whose it is: how to speak of it, and how its owner gets another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whose<'a> {
    /// The beginning of the sentence.
    pub(super) name: &'a str,
    /// Whether it is in our hands.
    pub(super) ours: bool,
}

impl Whose<'_> {
    fn renew(&self, why: &str) -> String {
        if self.ours {
            format!("Get another one from its CA{why} (`oadr pki` makes such).")
        } else {
            format!("The peer's operator has to get another one from its CA{why}.")
        }
    }
}

/// Everything that is wrong with it; nothing if it is well.
pub(super) fn examine(paper: &Paper, whose: Whose<'_>, used: Use, now: DateTime) -> Vec<Finding> {
    let mut found = Vec::new();
    let name = whose.name;
    if paper.version < 3 {
        found.push(Finding::problem(
            "x509_v1",
            format!(
                "{name}: X.509 version {}, where OpenADR wants 3",
                paper.version
            ),
            whose.renew(
                ", with extensions: `openssl x509 -req` writes version 1 unless it gets -extfile",
            ),
        ));
    }
    found.extend(dates(paper, whose, now));
    found.extend(key(paper, whose));
    if let Some(algorithm) = paper.weak_signature.filter(|_| !paper.is_self_issued()) {
        found.push(Finding::problem(
            "weak_signature",
            format!(
                "{name}: signed by its issuer with {algorithm}, which nobody believes any more"
            ),
            whose.renew(", signed with SHA-256"),
        ));
    }
    // Version 1 has no extensions, and that was said.
    if paper.version == 3 && !paper.is_ca {
        found.extend(usages(paper, whose, used));
    }
    if paper.is_ca && matches!(used, Use::Server | Use::Client) {
        found.push(Finding::problem(
            "leaf_is_ca",
            format!("{name}: a certificate of a CA, which must not be shown as one's own"),
            whose.renew(", without the CA flag"),
        ));
    }
    found
}

/// The dates of its validity (rule 516).
fn dates(paper: &Paper, whose: Whose<'_>, now: DateTime) -> Option<Finding> {
    let name = whose.name;
    if now > paper.not_after {
        return Some(Finding::problem(
            "certificate_expired",
            format!(
                "{name}: expired {} ({})",
                day(paper.not_after),
                ago(now - paper.not_after)
            ),
            format!(
                "{} If that date is in the future, the clock of this machine is wrong.",
                whose.renew("")
            ),
        ));
    }
    if now < paper.not_before {
        return Some(Finding::problem(
            "certificate_not_yet_valid",
            format!("{name}: valid only from {}", day(paper.not_before)),
            format!(
                "The clock of this machine says {}. If that is right, wait or get another certificate; if \
                 not, set the clock (NTP).",
                day(now)
            ),
        ));
    }
    (paper.not_after - now < SOON).then(|| {
        Finding::hint(
            "certificate_expires_soon",
            format!(
                "{name}: expires {}, in {}",
                day(paper.not_after),
                span(paper.not_after - now)
            ),
            whose.renew(" before then"),
        )
    })
}

/// Rule 68: RSA with 2,048 bits, ECDSA with 224. P-224 is one that no library takes.
fn key(paper: &Paper, whose: Whose<'_>) -> Option<Finding> {
    let name = whose.name;
    let wanted = ", with RSA of 2,048 bits or more, P-256 or P-384";
    match &paper.key {
        PublicKeyKind::Rsa(bits) if *bits < 2048 => Some(Finding::problem(
            "key_too_small",
            format!(
                "{name}: its RSA key has {bits} bits; fewer than 2,048 are not believed (rule 68)"
            ),
            whose.renew(wanted),
        )),
        PublicKeyKind::Rsa(_) | PublicKeyKind::Ec("P-256" | "P-384" | "P-521", _) => None,
        PublicKeyKind::Ec(_, bits) if *bits < 224 => Some(Finding::problem(
            "key_too_small",
            format!("{name}: its key, {}, is too small (rule 68)", paper.key),
            whose.renew(wanted),
        )),
        PublicKeyKind::Ec(..) | PublicKeyKind::Other(_) => Some(Finding::problem(
            "key_kind",
            format!(
                "{name}: its key, {}, is of a kind that is not taken here",
                paper.key
            ),
            whose.renew(wanted),
        )),
    }
}

fn usages(paper: &Paper, whose: Whose<'_>, used: Use) -> Vec<Finding> {
    let mut found = Vec::new();
    let name = whose.name;
    let (server, client) = match paper.usages {
        Some(usages) => (usages.server, usages.client),
        None => (true, true),
    };
    match used {
        Use::Server if !server => found.push(Finding::problem(
            "not_for_servers",
            format!("{name}: its extended key usage does not allow servers (serverAuth)"),
            whose.renew(", with serverAuth"),
        )),
        Use::Client if !client => found.push(Finding::problem(
            "not_for_clients",
            format!("{name}: its extended key usage does not allow clients (clientAuth)"),
            whose.renew(", with clientAuth"),
        )),
        Use::Server | Use::Client | Use::Pinned | Use::Any => {}
    }
    let nameless = paper.dns_names.is_empty() && paper.addresses.is_empty();
    let for_servers =
        used == Use::Server || (used == Use::Any && paper.usages.is_some_and(|u| u.server));
    if nameless && for_servers {
        found.push(Finding::problem(
            "no_subject_alt_name",
            format!(
                "{name}: names no host in its subjectAltName; the common name ({}) does not count",
                paper.called()
            ),
            whose.renew(" with the host's name in subjectAltName"),
        ));
    }
    found
}

/// `2026-01-31 16:00 UTC`
pub(super) fn day(at: DateTime) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// A length of time to the unit that matters.
pub(super) fn span(time: TimeDelta) -> String {
    let seconds = time.num_seconds().abs();
    let (count, unit) = match seconds {
        0..120 => (seconds, "s"),
        120..7_200 => (seconds / 60, "min"),
        7_200..172_800 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit}")
}

fn ago(time: TimeDelta) -> String {
    format!("{} ago", span(time))
}
