//! When to say that a certificate expires: 30, 14, 7 days and one day before, and when it has.
//!
//! Knows nothing of clocks; the time is an argument.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use oadr_core::CertificateHash;
use oadr_core::value::DateTime;

use super::Held;

/// The days before the end at which it is said.
const DAYS: [i64; 4] = [30, 14, 7, 1];

/// What was said of each certificate, so that it is said once.
#[derive(Debug, Default)]
pub(super) struct Warnings(BTreeMap<CertificateHash, Stage>);

/// How far a certificate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// It is not valid yet.
    Early,
    /// At most so many of [`DAYS`] are left: the index.
    Ending(usize),
    /// It has expired (rule 516).
    Over,
}

impl Warnings {
    /// Writes what there is to say of these now, and forgets the others.
    pub(super) fn tell(&mut self, held: &[Held], now: DateTime) {
        for (held, stage) in self.due(held, now) {
            let certificate = &held.certificate;
            let (what, file) = (held.kind, held.file.display());
            let (subject, until) = (certificate.subject(), certificate.not_after());
            match stage {
                Stage::Early => tracing::warn!(
                    %file, subject, from = %certificate.not_before(),
                    "{what} is not valid yet: is the clock right?"
                ),
                Stage::Ending(_) => {
                    let left = (until - now).num_days();
                    tracing::warn!(
                        %file, subject, %until, days = left,
                        "{what} expires soon: put a new one in its place"
                    );
                }
                Stage::Over => tracing::warn!(
                    %file, subject, %until,
                    "{what} has expired, and peers talk to nobody with it: put a new one in its place"
                ),
            }
        }
    }

    /// What is to be said, once each.
    fn due<'h>(&mut self, held: &'h [Held], now: DateTime) -> Vec<(&'h Held, Stage)> {
        self.0
            .retain(|known, _| held.iter().any(|held| held.certificate.hash() == *known));
        let mut due = Vec::new();
        for held in held {
            let certificate = &held.certificate;
            let stage = stage(certificate.not_before(), certificate.not_after(), now);
            let Some(stage) = stage else {
                continue;
            };
            if self.0.insert(certificate.hash(), stage) != Some(stage) {
                due.push((held, stage));
            }
        }
        due
    }
}

/// How far a certificate of this validity is, if there is something to say of it.
fn stage(not_before: DateTime, not_after: DateTime, now: DateTime) -> Option<Stage> {
    if not_after < now {
        return Some(Stage::Over);
    }
    if now < not_before {
        return Some(Stage::Early);
    }
    let left = not_after - now;
    let passed = DAYS.iter().filter(|days| left <= TimeDelta::days(**days));
    passed.count().checked_sub(1).map(Stage::Ending)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::credentials::load;
    use crate::credentials::made::Authority;
    use crate::temp_dir::TempDir;

    #[test]
    fn an_end_is_told_at_each_of_the_days_before_it() {
        let time = |text: &str| text.parse::<DateTime>().unwrap();
        let (from, until) = (time("2026-01-01T00:00:00Z"), time("2026-12-31T00:00:00Z"));
        for (now, expected) in [
            ("2025-12-31T23:59:59Z", Some(Stage::Early)),
            ("2026-01-01T00:00:00Z", None),
            ("2026-11-30T23:59:59Z", None),
            ("2026-12-01T00:00:00Z", Some(Stage::Ending(0))),
            ("2026-12-17T00:00:00Z", Some(Stage::Ending(1))),
            ("2026-12-24T00:00:00Z", Some(Stage::Ending(2))),
            ("2026-12-30T00:00:00Z", Some(Stage::Ending(3))),
            ("2026-12-31T00:00:00Z", Some(Stage::Ending(3))),
            ("2026-12-31T00:00:01Z", Some(Stage::Over)),
        ] {
            assert_eq!(stage(from, until, time(now)), expected, "{now}");
        }
    }

    #[test]
    fn a_stage_is_told_once_and_after_a_restart_again() {
        let temp = TempDir::new("expiry").unwrap();
        let ca = Authority::new(temp.path());
        let path = ca.issue("vtn", (1, 20), &["localhost"]);
        let held = load(&ca.files(&[&path])).unwrap().held;
        let now = clock::now();
        let mut warnings = Warnings::default();
        let told = |warnings: &mut Warnings, days| {
            let due = warnings.due(&held, now + TimeDelta::days(days));
            let told = due
                .into_iter()
                .map(|(held, stage)| (held.kind.name(), stage));
            told.collect::<Vec<_>>()
        };
        assert_eq!(told(&mut warnings, 0), [("own", Stage::Ending(0))]);
        assert_eq!(told(&mut warnings, 1), []);
        assert_eq!(told(&mut warnings, 7), [("own", Stage::Ending(1))]);
        // Not looked at for a while: only where it is now.
        assert_eq!(told(&mut warnings, 21), [("own", Stage::Over)]);
        assert_eq!(told(&mut warnings, 22), []);
        assert_eq!(
            told(&mut Warnings::default(), 22),
            [("own", Stage::Over)],
            "a restart"
        );
        assert_eq!(
            told(&mut warnings, 400),
            [("root", Stage::Over)],
            "the CA's, too"
        );
    }
}
