//! Tells the application what happened: the outbox is the queue, and what was told leaves it.
//!
//! Knows nothing of decisions. What a process did not get to tell, the next one does.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::handlers::Handlers;
use super::happening::HappeningId;
use super::store::Store;
use crate::sqlite::StoreError;

/// How long a failed store is left alone.
const PAUSE: Duration = Duration::from_secs(5);

/// Tells what is in the outbox, and again when there is `more`; when nobody can say so any more, it
/// ends with an empty outbox.
pub(super) async fn run(store: Arc<Store>, handlers: Handlers, mut more: watch::Receiver<()>) {
    let mut told = None;
    loop {
        more.mark_unchanged();
        let failed = tell_all(&store, &handlers, &mut told).await.is_err();
        let closed = tokio::select! {
            changed = more.changed() => changed.is_err(),
            () = tokio::time::sleep(PAUSE), if failed => false,
        };
        if closed {
            // The last commits came before the end of whoever made them.
            let _ = tell_all(&store, &handlers, &mut told).await;
            return;
        }
    }
}

/// Tells what was not told, one happening after the other.
async fn tell_all(
    store: &Store,
    handlers: &Handlers,
    told: &mut Option<HappeningId>,
) -> Result<(), StoreError> {
    loop {
        let pending = store.outbox(*told).await.inspect_err(|error| {
            tracing::error!(%error, "cannot read what is to be told; trying again soon");
        })?;
        if pending.is_empty() {
            return Ok(());
        }
        for happening in pending {
            let happening = Arc::new(happening);
            handlers.tell(&happening).await;
            *told = Some(happening.id());
            if let Err(error) = store.told(happening.id()).await {
                tracing::warn!(%error, "the outbox keeps what was told");
            }
        }
    }
}
