//! What happens without anybody asking: deadlines, and writing down who was heard.
//!
//! Knows nothing of what a deadline is for.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use oadr_core::vtn::{Input, Push};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::host::Host;
use crate::clock;
use crate::store::Key;

/// How many partitions are woken at the same time: enough to share commits.
const AT_ONCE: usize = 256;

/// The longest sleep: the wall clock may be set meanwhile.
const NAP: Duration = Duration::from_secs(30);

/// How long a partition is left alone that failed, or did nothing about its deadline.
const PAUSE: TimeDelta = TimeDelta::seconds(5);

/// How often it is written down who was heard.
const WRITE_SEEN: Duration = Duration::from_secs(30);

/// How many VENs are written down at a time.
const PIECE: usize = 500;

/// Wakes partitions when their deadlines come. Runs until it is dropped.
pub(crate) async fn wake_partitions(host: Arc<Host>) {
    loop {
        let now = clock::now();
        let (due, next) = host.registry.due(now, AT_ONCE);
        if due.is_empty() {
            let nap = next.map_or(NAP, |next| {
                (next - now).to_std().unwrap_or_default().min(NAP)
            });
            tokio::select! {
                () = tokio::time::sleep_until(Instant::now() + nap) => {}
                () = host.registry.earlier.notified() => {}
            }
            continue;
        }
        let mut tasks = JoinSet::new();
        for key in due {
            let at = host.registry.slot(key).and_then(|slot| slot.current());
            if at.is_some_and(|at| at.state.is_pushed_to()) {
                // It is woken there, as soon as what follows can be pushed; until then nobody else is to.
                host.registry.schedule(key, None);
                host.pushes.look_at(key);
                continue;
            }
            let host = Arc::clone(&host);
            tasks.spawn(async move { wake(&host, key).await });
        }
        while tasks.join_next().await.is_some() {}
    }
}

/// Wakes a partition. The answer is what is to be pushed now.
pub(super) async fn wake(host: &Host, key: Key) -> Option<Box<Push>> {
    let woken = host.hear(key, &Input::Deadline).await;
    let now = clock::now();
    let push = match woken {
        Ok(push) => push,
        Err(error) => {
            tracing::warn!(partition = key.0, %error, "a deadline could not be worked off");
            host.registry.schedule(key, Some(now + PAUSE));
            return None;
        }
    };
    if host.registry.scheduled(key).is_some_and(|at| at <= now) {
        tracing::error!(partition = key.0, "nothing was done about a deadline");
        host.registry.schedule(key, Some(now + PAUSE));
    }
    push
}

/// Writes down now and then who was heard. Runs until it is dropped.
pub(crate) async fn write_seen(host: Arc<Host>) {
    let mut ticks = tokio::time::interval(WRITE_SEEN);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        flush_seen(&host).await;
    }
}

/// Writes down who was heard since the last time.
pub(crate) async fn flush_seen(host: &Host) {
    let heard = host.registry.take_heard();
    if heard.is_empty() {
        return;
    }
    // In pieces, so that what VENs wait for gets its turn in between.
    for piece in heard.chunks(PIECE) {
        if let Err(error) = host.store.seen(piece.to_vec()).await {
            tracing::warn!(%error, "it is not written down who was heard");
        }
    }
}
