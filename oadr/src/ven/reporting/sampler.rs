//! Samples what the VTN asked for, by the clock, and writes what is sampled at one instant together.
//!
//! Knows nothing of reports; what is to be sampled follows from the VEN's state.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use oadr_core::value::DateTime;
use oadr_core::ven::{Context, State};
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};

use super::buffer::{Key, Rest};
use super::offered::Offered;
use super::point::Point;
use super::schedule::{Grid, Round, Schedule};
use super::source::Moment;
use crate::clock;

/// The longest sleep: the wall clock may be set meanwhile.
const NAP: Duration = Duration::from_secs(30);

/// How often old samples are let go.
const TRIM: TimeDelta = TimeDelta::minutes(5);

/// How long what is being sampled is waited for when it is time to stop.
const LAST_SAMPLES: Duration = Duration::from_secs(2);

/// Samples by the clock.
pub(crate) struct Sampler {
    offered: Arc<Offered>,
    context: Context,
    status: watch::Receiver<Arc<State>>,
    /// What was to be sampled before this instant is written, or will not be.
    settled: watch::Sender<DateTime>,
    schedule: Schedule,
    work: Work,
    trimmed: DateTime,
}

/// What is being sampled, and for which instants.
#[derive(Default)]
struct Work {
    tasks: JoinSet<()>,
    instants: Vec<(Id, DateTime)>,
}

impl Sampler {
    pub(crate) fn new(
        offered: Arc<Offered>,
        context: Context,
        status: watch::Receiver<Arc<State>>,
        settled: watch::Sender<DateTime>,
    ) -> Self {
        Self {
            offered,
            context,
            status,
            settled,
            schedule: Schedule::default(),
            work: Work::default(),
            trimmed: DateTime::UNIX_EPOCH,
        }
    }

    /// Samples until nobody is left who could want it.
    pub(crate) async fn run(mut self) {
        loop {
            let next = self.turn(clock::now());
            let closed = tokio::select! {
                changed = self.status.changed() => changed.is_err(),
                true = self.work.done() => false,
                () = nap(next) => false,
            };
            if closed {
                break;
            }
        }
        let rest = async { while self.work.done().await {} };
        let _ = tokio::time::timeout(LAST_SAMPLES, rest).await;
    }

    /// Waits until all that is under way is done.
    #[cfg(test)]
    pub(super) async fn rest(&mut self) {
        while self.work.done().await {}
    }

    /// Begins what is due; says when something is due next.
    pub(super) fn turn(&mut self, now: DateTime) -> Option<DateTime> {
        let state = Arc::clone(&self.status.borrow_and_update());
        let grids = self.grids(&state);
        let due = self.schedule.due(&grids, now);
        if due.missed > 0 {
            tracing::warn!(samples = due.missed, "not sampled in time");
            let missed = &self.offered.counters.missed;
            missed.fetch_add(due.missed, Ordering::Relaxed);
        }
        for (time, round) in due.rounds {
            // A slow source of a long period does not hold up the others.
            for (every, keys) in by_period(round) {
                let offered = Arc::clone(&self.offered);
                let state = Arc::clone(&state);
                let moment = Moment { time, state };
                let limit = every.to_std().unwrap_or_default().min(offered.limit);
                self.work.spawn(time, take(offered, keys, moment, limit));
            }
        }
        let is_due = now - self.trimmed >= TRIM || now < self.trimmed;
        if is_due && !self.offered.points.is_empty() {
            self.trimmed = now;
            let trimmed = trim(Arc::clone(&self.offered), state, now);
            // Nobody has to wait for it.
            self.work.spawn(DateTime::MAX_UTC, trimmed);
        }
        let next = self.schedule.next(&grids);
        let first = self.work.instants.iter().map(|(_, time)| *time).min();
        let settled = next.into_iter().chain(first).min();
        let settled = settled.unwrap_or(DateTime::MAX_UTC);
        self.settled.send_if_modified(|known| {
            let is_new = *known != settled;
            *known = settled;
            is_new
        });
        next
    }

    /// What is to be sampled: what the VTN asked for, and what is always.
    fn grids(&self, state: &State) -> Vec<Grid> {
        let asked = state.samplings(&self.context).into_iter();
        let asked = asked.map(|sampling| Grid {
            key: Key {
                specifier: sampling.report_specifier_id,
                r_id: sampling.r_id,
            },
            from: sampling.from,
            every: sampling.every,
            until: sampling.until,
        });
        let is_sampled = |grid: &Grid| {
            let offered = self.offered.points.get(&grid.key);
            offered.is_some_and(|offered| offered.point.sources.has_incremental())
        };
        let own = self.offered.points.iter().filter_map(|(key, offered)| {
            let every = Point::length(offered.point.own_period?)?;
            Some(Grid {
                key: key.clone(),
                from: DateTime::UNIX_EPOCH,
                every,
                until: None,
            })
        });
        asked.chain(own).filter(is_sampled).collect()
    }
}

impl Work {
    fn spawn(&mut self, time: DateTime, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.instants.push((id, time));
    }

    /// Waits until something is done; not if nothing is under way.
    async fn done(&mut self) -> bool {
        let id = match self.tasks.join_next_with_id().await {
            None => return false,
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => {
                tracing::error!(%error, "what was sampled is lost");
                error.id()
            }
        };
        self.instants.retain(|(other, _)| *other != id);
        true
    }
}

fn by_period(round: Round) -> BTreeMap<TimeDelta, Vec<Key>> {
    let mut periods = BTreeMap::<_, Vec<_>>::new();
    for (key, every) in round {
        periods.entry(every).or_default().push(key);
    }
    periods
}

/// Takes and writes the samples of one instant.
async fn take(offered: Arc<Offered>, keys: Vec<Key>, moment: Moment, limit: Duration) {
    let time = moment.time;
    let mut asked = JoinSet::new();
    for key in keys {
        let (offered, moment) = (Arc::clone(&offered), moment.clone());
        asked.spawn(async move {
            let measurement = offered.sample(&key, moment, limit).await?;
            Some((offered.points.get(&key)?.stream, measurement))
        });
    }
    let samples: Vec<_> = asked.join_all().await.into_iter().flatten().collect();
    let count = samples.len() as u64;
    if count == 0 {
        return;
    }
    let counter = match offered.store.keep(time, samples).await {
        Ok(()) => &offered.counters.taken,
        Err(error) => {
            tracing::error!(%error, samples = count, "cannot write what was sampled");
            &offered.counters.failed
        }
    };
    counter.fetch_add(count, Ordering::Relaxed);
}

/// Lets go what is old and nobody needs, and more if there is no space.
async fn trim(offered: Arc<Offered>, state: Arc<State>, now: DateTime) {
    let rests = offered.points.iter().map(|(key, point)| {
        let kept = now.checked_sub_signed(point.kept);
        // With the last sample before, which reports on change begin from.
        let slack = Point::length(point.point.max_period).unwrap_or_default();
        let needed = state.needed_since(&key.specifier, &key.r_id);
        let before = needed.and_then(|needed| needed.checked_sub_signed(slack));
        let since = kept.into_iter().chain(before).min();
        let rest = Rest {
            since: since.unwrap_or(DateTime::UNIX_EPOCH),
            needed,
            most: offered.most,
        };
        (point.stream, rest)
    });
    match offered.store.trim(rests.collect()).await {
        Ok(gone) => {
            tracing::debug!(samples = gone.expired, "old samples are let go");
            if gone.dropped > 0 {
                tracing::warn!(
                    samples = gone.dropped,
                    "samples are dropped, as there is no space for more"
                );
                let dropped = &offered.counters.dropped;
                dropped.fetch_add(gone.dropped, Ordering::Relaxed);
            }
        }
        Err(error) => tracing::warn!(%error, "cannot let go old samples; trying again later"),
    }
}

/// Until then by the wall clock, or not as long.
async fn nap(until: Option<DateTime>) {
    let left = match until {
        Some(until) => (until - clock::now()).to_std().unwrap_or_default(),
        None => NAP,
    };
    tokio::time::sleep(left.min(NAP)).await;
}
