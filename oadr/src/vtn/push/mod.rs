//! Pushes: what the machine wants pushed goes to a transport, and what became of it back to the machine.
//!
//! Knows nothing of what is pushed or why, nor of how a transport works. One VEN's pushes go one after
//! the other, because the machine has no second one under way; those of different VENs do not wait for
//! each other, unless there are too many at once.

mod failure;
mod figures;
mod http;
mod letters;
mod seal;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use oadr_core::payload::MessageKind;
use oadr_core::vtn::{Push, PushAddress, PushFault, PushOutcome};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

pub(super) use self::failure::failed;
pub(crate) use self::figures::Figures;
pub(super) use self::http::HttpPush;
pub use self::http::PushConfig;
pub use self::letters::PushError;
use super::host::{Failure, Host};
use super::registry::Slot;
use super::timer;
use super::xmpp::XmppPush;
use crate::log_ration::Subject;
use crate::logging;
use crate::store::Key;

/// How many pushes may be under way at once.
const AT_ONCE: usize = 2048;

/// How long pushes under way are waited for when the VTN stops; what is not done by then is tried again
/// after the next start.
const GRACE: Duration = Duration::from_secs(2);

/// How often connections are looked at that nobody uses any more.
const SWEEP: Duration = Duration::from_secs(15);

/// How often an outcome is told again while too much waits to be written, and how long that is put off.
const TELLINGS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// What carries pushes.
#[derive(Debug, Default)]
pub(super) struct Transports {
    pub(super) http: Option<HttpPush>,
    pub(super) xmpp: Option<XmppPush>,
}

impl Transports {
    async fn send(&self, host: &Arc<Host>, slot: &Arc<Slot>, push: &Push) -> PushOutcome {
        match &push.to {
            PushAddress::Http(address) => match &self.http {
                Some(http) => http.send(host, slot, address, push).await,
                None => failed(
                    PushFault::Unreachable,
                    "pushes over HTTP are switched off (--no-push)",
                ),
            },
            PushAddress::Xmpp(jid) => match &self.xmpp {
                Some(xmpp) => xmpp.send(jid, push).await,
                None => failed(
                    PushFault::Unreachable,
                    "XMPP is switched off (no --xmpp-jid)",
                ),
            },
        }
    }
}

/// The VENs for which there may be something to push.
#[derive(Debug)]
pub(crate) struct Pushes {
    queue: mpsc::UnboundedSender<Key>,
    /// Those in the queue: each once, so that it has as many places as there are VENs.
    waiting: Mutex<HashSet<Key>>,
    pub(crate) figures: Figures,
}

impl Pushes {
    /// With the end of the queue for [`run`].
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Key>) {
        let (queue, waiting) = mpsc::unbounded_channel();
        let pushes = Self {
            queue,
            waiting: Mutex::default(),
            figures: Figures::default(),
        };
        (pushes, waiting)
    }

    /// Has a VEN looked at, as soon as there is a place.
    pub(super) fn look_at(&self, key: Key) {
        if self.waiting_mut().insert(key) {
            // Closed only when the VTN stops.
            let _ = self.queue.send(key);
        }
    }

    /// That it is looked at: what changes from now on is to be looked at again.
    fn taken(&self, key: Key) {
        self.waiting_mut().remove(&key);
    }

    fn waiting_mut(&self) -> std::sync::MutexGuard<'_, HashSet<Key>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries pushes until the VTN stops; then those under way may take a moment more.
pub(super) async fn run(
    host: Arc<Host>,
    transports: Transports,
    mut queue: mpsc::UnboundedReceiver<Key>,
    mut stopping: watch::Receiver<bool>,
) {
    let transports = Arc::new(transports);
    let mut under_way = JoinSet::new();
    let mut sweeps = interval(SWEEP);
    sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = stopping.wait_for(|is_stopping| *is_stopping) => break,
            Some(done) = under_way.join_next() => tell(done),
            _ = sweeps.tick() => {
                if let Some(http) = &transports.http {
                    http.sweep();
                }
            }
            Some(key) = queue.recv(), if under_way.len() < AT_ONCE => {
                host.pushes.taken(key);
                under_way.spawn(carry(Arc::clone(&host), Arc::clone(&transports), key));
            }
        }
    }
    let rest = async {
        while let Some(done) = under_way.join_next().await {
            tell(done);
        }
    };
    if timeout(GRACE, rest).await.is_err() {
        tracing::info!(pushes = under_way.len(), "pushes were cut off");
    }
}

fn tell(done: Result<(), tokio::task::JoinError>) {
    if let Err(error) = done {
        tracing::error!(%error, "a push failed within");
    }
}

/// Pushes to one VEN until there is nothing left to push.
async fn carry(host: Arc<Host>, transports: Arc<Transports>, key: Key) {
    let mut next = timer::wake(&host, key).await;
    while let Some(push) = next {
        let Some(slot) = host.registry.slot(key) else {
            return;
        };
        let outcome = {
            let _counted = host.pushes.figures.start();
            transports.send(&host, &slot, &push).await
        };
        host.pushes.figures.count(&outcome);
        let kind = push.message.kind();
        log(&host, &slot, kind, &outcome);
        next = report(&host, key, &push, outcome).await;
    }
}

fn log(host: &Host, slot: &Slot, kind: MessageKind, outcome: &PushOutcome) {
    let key = slot.key;
    match outcome {
        PushOutcome::Replied { message, .. } => {
            tracing::trace!(partition = key.0, push = %kind, reply = %message.kind(), "pushed");
        }
        PushOutcome::Acknowledged => {
            tracing::trace!(partition = key.0, push = %kind, "pushed");
        }
        PushOutcome::Failed(failure) => {
            if !host.ration.admits(Subject::Push, Instant::now()) {
                return;
            }
            let at = slot.current();
            let ven_id = at.as_ref().and_then(|ven| ven.state.ven_id());
            let ven_id = ven_id.map_or("", |id| id.as_str());
            let (fault, detail) = (failure.fault, logging::cut(failure.detail.as_str()));
            tracing::info!(ven_id, push = %kind, ?fault, detail, "not pushed");
        }
    }
}

/// Tells the machine what became of a push, and gets the next one from it.
async fn report(host: &Host, key: Key, push: &Push, outcome: PushOutcome) -> Option<Box<Push>> {
    let input = oadr_core::vtn::Input::Pushed {
        push: push.id,
        outcome,
    };
    for _ in 0..TELLINGS {
        match host.hear(key, &input).await {
            Ok(next) => return next,
            Err(Failure::Busy | Failure::Contended) => sleep(PAUSE).await,
            Err(error) => {
                tracing::warn!(partition = key.0, %error, "what became of a push is lost");
                return None;
            }
        }
    }
    tracing::warn!(
        partition = key.0,
        "what became of a push could not be written"
    );
    None
}
