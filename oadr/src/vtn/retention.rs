//! Forgetting readings that nobody wants any more.
//!
//! Knows nothing of how that is done.

use std::sync::Arc;
use std::time::Duration;

use oadr_core::value;
use tokio::time::MissedTickBehavior;

use super::host::Host;
use crate::clock;

/// How often old readings are looked for.
const EVERY: Duration = Duration::from_secs(10 * 60);

/// Forgets the readings that are older than this, now and then. Runs until it is dropped.
pub(crate) async fn forget_readings(host: Arc<Host>, retention: value::Duration) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let before = retention.before(clock::now());
        match host.store.forget_readings(before).await {
            Ok(0) => {}
            Ok(readings) => tracing::info!(readings, %before, "forgot old readings"),
            Err(error) => tracing::warn!(%error, "old readings could not be forgotten"),
        }
    }
}
