//! What follows from committed decisions: each effect becomes a log line, a happening for whoever
//! subscribed and a call of the application's handlers, and then leaves the outbox.
//!
//! Knows nothing of decisions. Effects of one VEN are told one after the other. One whose handler
//! failed comes again later, after a crash too, under the same ID.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use oadr_core::value::EventId;
use oadr_core::vtn::Effect;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::Instant;

use super::application::{Application, Handler};
use super::happening::{EventAnswered, Happening};
use super::host::Host;
use crate::log_ration::{LogRation, Subject};
use crate::store::{EffectId, Pending};

/// How many happenings a slow subscriber may be behind before it misses some.
const BACKLOG: usize = 1024;

/// The most effects that are taken out of the outbox in one go.
const GROUP: usize = 256;

/// How many handlers run at a time: those of different VENs.
const LANES: u64 = 16;

/// How many effects wait for a lane's handlers.
const LANE: usize = 64;

/// After a handler failed, how long until what it did not take comes again: doubled each time, up to
/// the last, and back to the first when it takes something.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(300);

/// The most effects that are read from the store in one go.
const PAGE: usize = 1024;

/// How long handlers are waited for when the VTN stops; what they did not get comes again.
const LAST_CALL: Duration = Duration::from_secs(5);

/// Where happenings are told.
#[derive(Debug)]
pub(crate) struct Teller {
    subscribers: broadcast::Sender<Arc<Happening>>,
    ration: Arc<LogRation>,
}

impl Teller {
    pub(crate) fn new(ration: Arc<LogRation>) -> Self {
        Self {
            subscribers: broadcast::Sender::new(BACKLOG),
            ration,
        }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Happening>> {
        self.subscribers.subscribe()
    }

    fn tell(&self, happening: &Arc<Happening>) {
        self.log(&happening.effect);
        // Nobody may be listening.
        let _ = self.subscribers.send(Arc::clone(happening));
    }

    fn log(&self, effect: &Effect) {
        // What somebody should look at is no peer's to multiply: an operator made the event. A VEN can give
        // addresses in vain as often as it likes.
        let is_alarm = matches!(effect, Effect::DeliveryGivenUp { .. });
        if is_alarm || self.ration.admits(Subject::Happening, Instant::now()) {
            log(effect);
        }
    }
}

/// The callbacks of single events; they end with the process.
#[derive(Default)]
pub(crate) struct Callbacks(Mutex<HashMap<EventId, Handler<EventAnswered, ()>>>);

impl Callbacks {
    /// Keeps a callback; `is_open` says which events can still be answered.
    pub(super) fn keep(
        &self,
        event_id: EventId,
        callback: Handler<EventAnswered, ()>,
        is_open: impl Fn(&EventId) -> bool,
    ) {
        let mut callbacks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Now and then, so that it costs little.
        if callbacks.len().is_power_of_two() {
            callbacks.retain(|event_id, _| is_open(event_id));
        }
        callbacks.insert(event_id, callback);
    }

    fn of(&self, event_id: &EventId) -> Option<Handler<EventAnswered, ()>> {
        let callbacks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        callbacks.get(event_id).cloned()
    }

    async fn call(&self, application: &Application, happening: &Happening) {
        let Some(answered) = happening.event_answered() else {
            return;
        };
        let Some(callback) = self.of(&answered.event_id) else {
            return;
        };
        if let Err(error) = application.ask("on_answer", &callback, answered).await {
            tracing::error!(%error, happening = happening.id, "an answer was not taken");
        }
    }
}

impl fmt::Debug for Callbacks {
    /// Without the closures, which have nothing to show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callbacks").finish_non_exhaustive()
    }
}

/// The way to the handlers, for one VEN after the other.
struct Lane {
    queue: mpsc::Sender<(EffectId, Arc<Happening>)>,
    /// Whether something of it had to stay in the store.
    is_behind: bool,
}

/// What became of an effect in its lane.
enum Outcome {
    Told(EffectId),
    Failed(EffectId),
}

/// The effects on their way.
struct Outbox {
    host: Arc<Host>,
    lanes: Vec<Lane>,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
    /// What is in a lane, so that it is not read from the store meanwhile.
    under_way: HashSet<EffectId>,
    /// When what failed comes again, and how long the pause after that would be.
    again: Option<Instant>,
    pause: Duration,
}

/// Tells what a former process did not, then what comes, until it is told to finish: then what is
/// queued still.
pub(super) async fn run(
    host: Arc<Host>,
    mut queue: mpsc::Receiver<Vec<Pending>>,
    mut finish: oneshot::Receiver<()>,
) {
    let (tell, outcomes) = mpsc::unbounded_channel();
    let mut outbox = Outbox {
        lanes: (0..LANES).map(|_| lane(&host, tell.clone())).collect(),
        host,
        outcomes,
        under_way: HashSet::new(),
        again: None,
        pause: FIRST_PAUSE,
    };
    // Only the lanes are to hold it.
    drop(tell);
    outbox.catch_up().await;
    loop {
        let again = outbox.again;
        tokio::select! {
            batch = queue.recv() => match batch {
                Some(batch) => outbox.dispatch(batch),
                None => break,
            },
            Some(outcome) = outbox.outcomes.recv() => outbox.settle(outcome).await,
            () = until(again) => {
                outbox.again = None;
                outbox.catch_up().await;
            }
            _ = &mut finish, if !queue.is_closed() => queue.close(),
        }
        if queue.is_empty() && outbox.host.is_behind.swap(false, Ordering::AcqRel) {
            outbox.catch_up().await;
        }
    }
    if tokio::time::timeout(LAST_CALL, outbox.finish())
        .await
        .is_err()
    {
        tracing::warn!("handlers did not finish in time; what they did not take comes again");
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

impl Outbox {
    /// Tells effects and hands them to the lane of their VEN. One that finds no room there stays in the
    /// store, and so does what comes after it, for the order's sake.
    fn dispatch(&mut self, batch: Vec<Pending>) {
        for pending in batch {
            let id = pending.id;
            let lane = id.partition.0.unsigned_abs() % LANES;
            let lane = usize::try_from(lane).ok();
            let Some(lane) = lane.and_then(|n| self.lanes.get_mut(n)) else {
                continue;
            };
            if lane.is_behind || self.under_way.contains(&id) {
                continue;
            }
            let Ok(place) = lane.queue.try_reserve() else {
                lane.is_behind = true;
                self.again = Some(Instant::now() + FIRST_PAUSE);
                continue;
            };
            let happening = Arc::new(Happening {
                id: format!("{}-{}-{}", id.partition.0, id.version, id.position),
                at: pending.at,
                effect: pending.effect,
            });
            self.host.teller.tell(&happening);
            self.under_way.insert(id);
            place.send((id, happening));
        }
    }

    /// Takes what is told out of the store, together with what else is told by now.
    async fn settle(&mut self, first: Outcome) {
        let mut told = Vec::new();
        let mut next = Some(first);
        while let Some(outcome) = next {
            match outcome {
                Outcome::Told(id) => told.push(id),
                Outcome::Failed(id) => {
                    self.under_way.remove(&id);
                    if self.again.is_none() {
                        self.again = Some(Instant::now() + self.pause);
                        self.pause = LAST_PAUSE.min(self.pause * 2);
                    }
                }
            }
            next = if told.len() < GROUP {
                self.outcomes.try_recv().ok()
            } else {
                None
            };
        }
        if told.is_empty() {
            return;
        }
        if self.again.is_none() {
            self.pause = FIRST_PAUSE;
        }
        if let Err(error) = self.host.store.told(told.clone()).await {
            // They are told again at the next start.
            tracing::warn!(%error, "the outbox keeps what was told");
            return;
        }
        for id in told {
            self.under_way.remove(&id);
        }
    }

    /// Reads from the store what was not taken, or found no room.
    async fn catch_up(&mut self) {
        match self.host.store.outbox(PAGE).await {
            Ok(pending) => {
                let is_all = pending.len() < PAGE;
                self.set_behind(false);
                self.dispatch(pending);
                if !is_all {
                    self.set_behind(true);
                    self.again = Some(Instant::now() + FIRST_PAUSE);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "what happened is told later");
                self.set_behind(true);
                self.again = Some(Instant::now() + self.pause);
            }
        }
    }

    fn set_behind(&mut self, is_behind: bool) {
        for lane in &mut self.lanes {
            lane.is_behind = is_behind;
        }
    }

    async fn finish(mut self) {
        self.lanes.clear();
        while let Some(outcome) = self.outcomes.recv().await {
            self.settle(outcome).await;
        }
    }
}

/// Calls handlers, one happening after the other.
fn lane(host: &Host, tell: mpsc::UnboundedSender<Outcome>) -> Lane {
    let (queue, mut receive) = mpsc::channel::<(EffectId, Arc<Happening>)>(LANE);
    let application = Arc::clone(&host.application);
    let callbacks = Arc::clone(&host.callbacks);
    let point_callbacks = Arc::clone(&host.point_callbacks);
    tokio::spawn(async move {
        while let Some((id, happening)) = receive.recv().await {
            callbacks.call(&application, &happening).await;
            point_callbacks.call(&application, &happening).await;
            let _ = tell.send(if call(&application, &happening).await {
                Outcome::Told(id)
            } else {
                Outcome::Failed(id)
            });
        }
    });
    Lane {
        queue,
        is_behind: false,
    }
}

/// Calls every handler that wants to know; whether all of them took it.
async fn call(application: &Application, happening: &Arc<Happening>) -> bool {
    let mut all = true;
    for (name, handler) in &application.happenings {
        let about = Arc::clone(happening);
        if let Err(error) = application.ask(name, handler, about).await {
            tracing::error!(%error, happening = happening.id, "not taken; it comes again");
            all = false;
        }
    }
    all
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
        Effect::PushGivenUp {
            ven_id,
            kind,
            attempts,
            failure,
        } => {
            let detail = failure.detail.as_str();
            tracing::warn!(%ven_id, %kind, attempts, detail, "a push was given up");
        }
        Effect::PolledThoughPushed { ven_id } => {
            tracing::warn!(%ven_id, "a VEN that is pushed to polls: pushes probably do not reach it");
        }
        Effect::ReportsRegistered { ven_id, reports } => {
            tracing::info!(%ven_id, reports, "reports registered");
        }
        Effect::ReportRequested {
            ven_id,
            report_request_id,
            report_specifier_id,
        } => {
            tracing::info!(%ven_id, %report_request_id, %report_specifier_id, "report requested");
        }
        Effect::ReportRefused {
            ven_id,
            report_request_id,
            response_code,
        } => {
            tracing::warn!(%ven_id, %report_request_id, %response_code, "report refused");
        }
        Effect::ReportReceived {
            ven_id,
            report_request_id,
            readings,
            data: _,
        } => {
            tracing::debug!(%ven_id, %report_request_id, readings, "report received");
        }
        Effect::ReportCancelled {
            ven_id,
            report_request_id,
        } => {
            tracing::info!(%ven_id, %report_request_id, "report cancelled");
        }
        Effect::OptCreated { ven_id, opt } => {
            let (opt_id, opt_type) = (&opt.opt_id, opt.opt_type);
            tracing::info!(%ven_id, %opt_id, opt = %opt_type, "opt created");
        }
        Effect::OptCancelled { ven_id, opt_id } => {
            tracing::info!(%ven_id, %opt_id, "opt cancelled");
        }
        other => tracing::info!(effect = ?other, "happened"),
    }
}
