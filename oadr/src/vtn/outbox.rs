//! What follows from committed decisions: each effect becomes a log line and a happening for
//! whoever subscribed, and then leaves the outbox.
//!
//! Knows nothing of decisions. After a crash an effect can be told again; its ID is the same.

use std::sync::Arc;

use oadr_core::value::DateTime;
use oadr_core::vtn::Effect;
use tokio::sync::{broadcast, mpsc, oneshot};

use super::host::Host;
use crate::store::{EffectId, Pending, Store};

/// How many happenings a slow subscriber may be behind before it misses some.
const BACKLOG: usize = 1024;

/// The most effects that are taken out of the outbox in one go.
const GROUP: usize = 256;

/// Something that happened at the VTN, told at least once.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Happening {
    /// Names it for good: the same one may be told twice after a crash.
    pub id: String,
    /// When it happened.
    pub at: DateTime,
    /// What it is.
    pub effect: Effect,
}

/// Where happenings are told.
#[derive(Debug, Clone)]
pub(crate) struct Teller(broadcast::Sender<Arc<Happening>>);

impl Teller {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Happening>> {
        self.0.subscribe()
    }

    fn tell(&self, pending: Pending) -> EffectId {
        log(&pending.effect);
        let id = pending.id;
        // Nobody may be listening.
        let _ = self.0.send(Arc::new(Happening {
            id: format!("{}-{}-{}", id.partition.0, id.version, id.position),
            at: pending.at,
            effect: pending.effect,
        }));
        id
    }
}

/// Tells what a former process did not, then what comes, until it is told to finish: then what is
/// queued still.
pub(crate) async fn run(
    left_over: Vec<Pending>,
    mut queue: mpsc::Receiver<Vec<Pending>>,
    teller: Teller,
    host: Arc<Host>,
    mut finish: oneshot::Receiver<()>,
) {
    let told: Vec<_> = left_over.into_iter().map(|p| teller.tell(p)).collect();
    forget(&host.store, told).await;
    loop {
        let batch = tokio::select! {
            batch = queue.recv() => batch,
            _ = &mut finish, if !queue.is_closed() => {
                queue.close();
                continue;
            }
        };
        let Some(mut batch) = batch else {
            return;
        };
        while batch.len() < GROUP
            && let Ok(more) = queue.try_recv()
        {
            batch.extend(more);
        }
        let told: Vec<_> = batch.into_iter().map(|p| teller.tell(p)).collect();
        forget(&host.store, told).await;
    }
}

async fn forget(store: &Store, told: Vec<EffectId>) {
    if told.is_empty() {
        return;
    }
    if let Err(error) = store.told(told).await {
        // They are told again at the next start.
        tracing::warn!(%error, "the outbox keeps what was told");
    }
}

fn log(effect: &Effect) {
    match effect {
        Effect::Registered {
            ven_id,
            registration_id,
            again,
        } => {
            tracing::info!(%ven_id, %registration_id, again, "registered");
        }
        Effect::RegistrationCancelled { ven_id } => {
            tracing::info!(%ven_id, "registration cancelled");
        }
        Effect::EventAnswered {
            ven_id,
            event_id,
            modification_number,
            opt,
            response_code,
        } => {
            tracing::info!(%ven_id, %event_id, modification_number, %opt, %response_code, "event answered");
        }
        Effect::DeliveryGivenUp { ven_id, event_id } => {
            tracing::warn!(%ven_id, %event_id, "the event ended unanswered");
        }
        Effect::ReportsRegistered { ven_id, reports } => {
            tracing::info!(%ven_id, reports, "reports registered");
        }
        other => tracing::info!(effect = ?other, "happened"),
    }
}
