//! When what is to be sampled: the instants of each grid, once each, and none that is long past.
//!
//! Knows nothing of clocks and sources; the time is an argument.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use oadr_core::value::DateTime;

use super::buffer::Key;

/// A sample may be this much late, but never more than half its period: what is measured later is
/// not the value of that instant.
const LATEST: TimeDelta = TimeDelta::seconds(5);

/// A data point that is sampled at `from`, and every period after it until the end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Grid {
    pub(super) key: Key,
    pub(super) from: DateTime,
    pub(super) every: TimeDelta,
    /// No sample is taken then or later.
    pub(super) until: Option<DateTime>,
}

/// The points that are to be sampled for one instant, with the shortest period of each.
pub(super) type Round = BTreeMap<Key, TimeDelta>;

/// What is due.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) rounds: BTreeMap<DateTime, Round>,
    /// How many samples were not taken in time.
    pub(super) missed: u64,
}

/// What was due already.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// The last instant of each grid that is done with.
    done: BTreeMap<(Key, DateTime, TimeDelta), DateTime>,
}

impl Schedule {
    /// What is due now and was not before.
    pub(super) fn due(&mut self, grids: &[Grid], now: DateTime) -> Due {
        let mut due = Due::default();
        let mut done = BTreeMap::new();
        for grid in grids {
            let id = grid.id();
            // A clock that was set back a little has no instant again; after a leap it begins anew.
            let before = self.done.get(&id).copied();
            let before = before.filter(|before| *before - now <= LATEST);
            let last = grid.last(now);
            if let Some(after) = last.max(before) {
                done.insert(id, after);
            }
            let Some(last) = last.filter(|last| before.is_none_or(|before| before < *last)) else {
                continue;
            };
            let in_time = now - last <= (grid.every / 2).min(LATEST);
            if in_time {
                let round = due.rounds.entry(last).or_default();
                let every = round.entry(grid.key.clone()).or_insert(grid.every);
                *every = grid.every.min(*every);
            }
            // What was before this process, or before the request, is nobody's fault.
            if let Some(before) = before {
                let since = grid.count(last).saturating_sub(grid.count(before));
                let missed = since.saturating_sub(i64::from(in_time));
                due.missed = due.missed.saturating_add(missed.unsigned_abs());
            }
        }
        // Grids that nobody wants any more are forgotten.
        self.done = done;
        due
    }

    /// When something is due next, if ever.
    pub(super) fn next(&self, grids: &[Grid]) -> Option<DateTime> {
        let next = grids.iter().filter_map(|grid| {
            let next = match self.done.get(&grid.id()) {
                Some(done) => grid.at(grid.count(*done).saturating_add(1))?,
                None => grid.from,
            };
            grid.until.is_none_or(|until| next < until).then_some(next)
        });
        next.min()
    }
}

impl Grid {
    fn id(&self) -> (Key, DateTime, TimeDelta) {
        (self.key.clone(), self.from, self.every)
    }

    /// Its last instant that is not in the future, if there is one.
    fn last(&self, now: DateTime) -> Option<DateTime> {
        if now < self.from {
            return None;
        }
        let last = self.at(self.count(now))?;
        match self.until {
            // The last one before the end.
            Some(until) if last >= until => {
                let end = until - TimeDelta::microseconds(1);
                (end >= self.from).then(|| self.at(self.count(end)))?
            }
            Some(_) | None => Some(last),
        }
    }

    /// How many periods have passed since its beginning.
    pub(super) fn count(&self, at: DateTime) -> i64 {
        let passed = (at - self.from).num_microseconds().unwrap_or(i64::MAX);
        passed.checked_div_euclid(self.micros()).unwrap_or(0)
    }

    /// So many periods after its beginning.
    pub(super) fn at(&self, count: i64) -> Option<DateTime> {
        let passed = TimeDelta::microseconds(count.checked_mul(self.micros())?);
        self.from.checked_add_signed(passed)
    }

    fn micros(&self) -> i64 {
        self.every.num_microseconds().unwrap_or(i64::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> DateTime {
        let noon: DateTime = "2026-01-31T12:00:00Z".parse().unwrap();
        noon + TimeDelta::milliseconds(millis)
    }

    fn key(r_id: &str) -> Key {
        Key {
            specifier: "usage".parse().unwrap(),
            r_id: r_id.parse().unwrap(),
        }
    }

    fn grid(r_id: &str, from: i64, every: i64, until: Option<i64>) -> Grid {
        Grid {
            key: key(r_id),
            from: at(from),
            every: TimeDelta::milliseconds(every),
            until: until.map(at),
        }
    }

    fn rounds(due: &Due) -> Vec<(i64, Vec<&str>)> {
        let rounds = due.rounds.iter();
        let rounds = rounds.map(|(time, round)| {
            let points = round.keys().map(|key| key.r_id.as_str());
            ((*time - at(0)).num_milliseconds(), points.collect())
        });
        rounds.collect()
    }

    #[test]
    fn the_grid_does_not_drift_however_late_each_sample_is() {
        let grids = [grid("a", 0, 1000, None)];
        let mut schedule = Schedule::default();
        let mut now = at(0);
        let mut times = Vec::new();
        for late in [3, 250, 499, 10, 0, 400] {
            let next = schedule.next(&grids).unwrap();
            now = next.max(now) + TimeDelta::milliseconds(late);
            let due = schedule.due(&grids, now);
            assert_eq!(due.missed, 0);
            times.extend(rounds(&due).iter().map(|(time, _)| *time));
        }
        assert_eq!(times, [0, 1000, 2000, 3000, 4000, 5000]);
    }

    #[test]
    fn an_instant_that_two_requests_want_is_sampled_once() {
        let grids = [
            grid("a", 0, 1000, None),
            grid("a", 0, 2000, None),
            grid("b", 500, 500, None),
        ];
        let mut schedule = Schedule::default();
        let first = schedule.due(&grids, at(0));
        assert_eq!(rounds(&first), [(0, vec!["a"])]);
        // The limit of a source is that of its shortest period.
        assert_eq!(first.rounds[&at(0)][&key("a")], TimeDelta::seconds(1));
        assert_eq!(rounds(&schedule.due(&grids, at(0))), []);
        assert_eq!(schedule.next(&grids), Some(at(500)));
        assert_eq!(rounds(&schedule.due(&grids, at(501))), [(500, vec!["b"])]);
        let both = schedule.due(&grids, at(1001));
        assert_eq!(rounds(&both), [(1000, vec!["a", "b"])]);
    }

    #[test]
    fn what_is_too_late_is_missed_and_not_made_up() {
        let grids = [grid("a", 0, 1000, None)];
        let mut schedule = Schedule::default();
        assert_eq!(rounds(&schedule.due(&grids, at(0))), [(0, vec!["a"])]);
        // 1000 to 3000 are over, and 4000 is as well.
        let due = schedule.due(&grids, at(4600));
        assert_eq!((rounds(&due), due.missed), (vec![], 4));
        let due = schedule.due(&grids, at(7200));
        assert_eq!((rounds(&due), due.missed), (vec![(7000, vec!["a"])], 2));
        // Of a long period only a few seconds are not too late.
        let grids = [grid("b", 0, 3_600_000, None)];
        assert_eq!(rounds(&schedule.due(&grids, at(5000))), [(0, vec!["b"])]);
        let mut schedule = Schedule::default();
        let due = schedule.due(&grids, at(5001));
        assert_eq!((rounds(&due), due.missed), (vec![], 0));
        assert_eq!(schedule.next(&grids), Some(at(3_600_000)));
    }

    #[test]
    fn a_grid_begins_and_ends_when_it_says() {
        let grids = [grid("a", 2000, 1000, Some(4000))];
        let mut schedule = Schedule::default();
        assert_eq!(rounds(&schedule.due(&grids, at(0))), []);
        assert_eq!(schedule.next(&grids), Some(at(2000)));
        assert_eq!(rounds(&schedule.due(&grids, at(2000))), [(2000, vec!["a"])]);
        assert_eq!(rounds(&schedule.due(&grids, at(3000))), [(3000, vec!["a"])]);
        assert_eq!(schedule.next(&grids), None);
        assert_eq!(rounds(&schedule.due(&grids, at(4000))), []);
        // The last one, late but not too late.
        let mut schedule = Schedule::default();
        let due = schedule.due(&[grid("a", 2000, 1000, Some(3100))], at(3400));
        assert_eq!(rounds(&due), [(3000, vec!["a"])]);
    }

    #[test]
    fn a_clock_that_is_set_back_gives_no_instant_twice() {
        let grids = [grid("a", 0, 1000, None)];
        let mut schedule = Schedule::default();
        assert_eq!(
            rounds(&schedule.due(&grids, at(50_000))),
            [(50_000, vec!["a"])]
        );
        assert_eq!(rounds(&schedule.due(&grids, at(48_000))), []);
        assert_eq!(schedule.next(&grids), Some(at(51_000)));
        assert_eq!(
            rounds(&schedule.due(&grids, at(51_000))),
            [(51_000, vec!["a"])]
        );
        // By more than seconds: nobody waits until the old time comes again.
        let due = schedule.due(&grids, at(20_000));
        assert_eq!((rounds(&due), due.missed), (vec![(20_000, vec!["a"])], 0));
        assert_eq!(schedule.next(&grids), Some(at(21_000)));
    }
}
