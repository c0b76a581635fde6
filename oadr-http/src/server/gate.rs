//! Counts the open connections and tells them when to end. Does not know what they carry.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::futures::OwnedNotified;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Whether connections may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// All is well.
    Open,
    /// Finish the request at hand, take no other.
    Draining,
    /// End at once.
    Cut,
}

#[derive(Debug)]
pub(super) struct Gate {
    stage: AtomicU8,
    changed: Arc<Notify>,
    places: Arc<Semaphore>,
    size: u32,
    /// Connections that are served; a place is taken before there is one.
    open: AtomicU32,
}

/// A connection that is served, until this is dropped.
#[derive(Debug)]
pub(super) struct Open<'a>(&'a AtomicU32);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    pub(super) fn new(size: u32) -> Self {
        // A semaphore holds at least 2^29 places on the smallest targets.
        let size = size.min(1 << 29);
        Self {
            stage: AtomicU8::new(Stage::Open as u8),
            changed: Arc::new(Notify::new()),
            places: Arc::new(Semaphore::new(usize::try_from(size).unwrap_or_default())),
            size,
            open: AtomicU32::new(0),
        }
    }

    pub(super) fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Acquire) {
            0 => Stage::Open,
            1 => Stage::Draining,
            _ => Stage::Cut,
        }
    }

    /// Ends with the next change of stage. Take it before looking at the stage, and no change is
    /// missed.
    pub(super) fn changed(&self) -> OwnedNotified {
        Arc::clone(&self.changed).notified_owned()
    }

    /// Ends when the stage is not open any more.
    pub(super) async fn closing(&self) {
        loop {
            let changed = self.changed();
            if self.stage() > Stage::Open {
                return;
            }
            changed.await;
        }
    }

    /// A place for one connection, given back by dropping it. `None` when the gate closes.
    pub(super) async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = self.closing() => None,
            place = Arc::clone(&self.places).acquire_owned() => place.ok(),
        }
    }

    /// Counts a connection.
    pub(super) fn open(&self) -> Open<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(&self.open)
    }

    /// How many connections are served.
    pub(super) fn connections(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// Closes the gate, waits until everybody has left or `limit` is over, then cuts the rest off
    /// and returns how many they were.
    pub(super) async fn close(&self, limit: Duration) -> u32 {
        self.advance(Stage::Draining);
        if tokio::time::timeout(limit, self.places.acquire_many(self.size))
            .await
            .is_ok()
        {
            return 0;
        }
        let free = u32::try_from(self.places.available_permits()).unwrap_or(self.size);
        self.advance(Stage::Cut);
        self.size.saturating_sub(free)
    }

    fn advance(&self, stage: Stage) {
        self.stage.fetch_max(stage as u8, Ordering::AcqRel);
        self.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_gate_lets_nobody_in() {
        let gate = Gate::new(2);
        let inside = gate.enter().await.unwrap();
        let waiting = gate.closing();
        assert_eq!(gate.close(Duration::ZERO).await, 1);
        waiting.await;
        assert_eq!(gate.stage(), Stage::Cut);
        assert!(gate.enter().await.is_none());
        drop(inside);
        assert_eq!(gate.close(Duration::ZERO).await, 0);
    }

    #[tokio::test]
    async fn a_full_gate_lets_the_next_in_when_one_leaves() {
        let gate = Arc::new(Gate::new(1));
        let first = gate.enter().await.unwrap();
        let second = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.enter().await.is_some() }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        assert!(second.await.unwrap());
    }
}
