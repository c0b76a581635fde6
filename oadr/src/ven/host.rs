//! The VEN's host: one input after the other is decided and committed, then told and sent.
//!
//! Knows nothing of OpenADR's rules; those are the machine's.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use oadr_core::machine::{Decision, Env, Loaded, Step};
use oadr_core::value::{DateTime, OptType};
use oadr_core::ven::{
    self, Answer, Command, CommandError, Context, Input, Next, OptQuestion, Question,
    ReadingsQuestion, State, Ven,
};
use tokio::sync::{Notify, mpsc, watch};

use super::event::Event;
use super::handlers::Handlers;
use super::happening::Happening;
use super::link::{Link, Push};
use super::reporting::Desk;
use super::running::{CommandFailure, Order};
use super::store::Store;
use crate::clock;
use crate::contained::Mishap;
use crate::logging::{self, Kind};
use crate::sqlite::StoreError;

/// The longest sleep: the wall clock may be set meanwhile.
const NAP: Duration = Duration::from_secs(30);

/// How long a failed store is left alone.
const PAUSE: Duration = Duration::from_secs(5);

/// How long a request that is under way is waited for when it is time to stop.
const LAST_REPLY: Duration = Duration::from_secs(2);

/// A VEN at work.
pub(super) struct Host {
    pub(super) store: Arc<Store>,
    pub(super) link: Arc<Link>,
    /// What the VTN says by itself.
    pub(super) pushes: mpsc::Receiver<Push>,
    /// Hears of each new session with the VTN.
    pub(super) connected: Arc<Notify>,
    pub(super) context: Context,
    pub(super) handlers: Handlers,
    /// Where readings are asked for.
    pub(super) desk: Desk,
    /// The answer where nobody is asked, or nobody answers.
    pub(super) opt: OptType,
    pub(super) at: Loaded<Ven>,
    pub(super) orders: mpsc::Receiver<Order>,
    /// What was committed last, for whoever wants to know.
    pub(super) status: watch::Sender<Arc<State>>,
    /// That there is more in the outbox.
    pub(super) more: watch::Sender<()>,
    pub(super) stopping: watch::Receiver<bool>,
}

/// Why an input was not worked off.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Trouble {
    #[error("it is time to stop")]
    Stopped,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no randomness: {0}")]
    Entropy(Arc<std::io::Error>),
}

/// What the loop waits for.
enum Heard {
    Reply(Input),
    Deadline,
    Order(Order),
    Push(Push),
    Connected,
    Stop,
}

type Flight = Pin<Box<dyn Future<Output = Input> + Send>>;

impl Host {
    /// Lives until it is time to stop.
    pub(super) async fn run(&mut self, first: Option<&Command>) {
        let mut flight: Option<Flight> = None;
        let mut wake = self.begin(first, &mut flight).await;
        loop {
            let done = match self.listen(&mut flight, wake).await {
                Heard::Reply(input) => {
                    flight = None;
                    self.step(&input).await.map(Some)
                }
                Heard::Deadline => self.step(&Input::Wake).await.map(Some),
                Heard::Order(order) => self.carry_out(order).await,
                Heard::Push(push) => self.take(push).await.map(Some),
                Heard::Connected => self.step(&Input::Connected).await.map(Some),
                Heard::Stop => break,
            };
            match done {
                Ok(Some(next)) => wake = self.go_on(next, &mut flight),
                Ok(None) => {}
                Err(Trouble::Stopped) => break,
                Err(trouble) => {
                    // The reply, if it was one, is as good as lost: begin anew from what is safe.
                    self.pause(&trouble).await;
                    flight = None;
                    wake = self.begin(None, &mut flight).await;
                }
            }
        }
        self.last_reply(flight).await;
    }

    /// Begins, or begins anew, from what was committed.
    async fn begin(
        &mut self,
        first: Option<&Command>,
        flight: &mut Option<Flight>,
    ) -> Option<DateTime> {
        loop {
            let begun = async {
                self.at = self.store.load().await?;
                self.publish();
                let mut next = self.step(&Input::Started).await?;
                if let Some(command) = first {
                    let send = next.send.take();
                    match self.command(command).await? {
                        Ok(after) => next = after,
                        Err(refused) => tracing::warn!(%refused, "not carried out"),
                    }
                    next.send = next.send.or(send);
                }
                Ok::<_, Trouble>(next)
            };
            match begun.await {
                Ok(next) => return self.go_on(next, flight),
                Err(Trouble::Stopped) => return None,
                Err(trouble) => self.pause(&trouble).await,
            }
            if *self.stopping.borrow() {
                return None;
            }
        }
    }

    async fn pause(&mut self, trouble: &Trouble) {
        tracing::error!(%trouble, "cannot go on; trying again soon");
        let pushes = &mut self.pushes;
        let turned_away = async {
            // Whoever pushes meanwhile is not kept waiting: without an answer he is to come back.
            while let Some(push) = pushes.recv().await {
                drop(push);
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = told_to_stop(&mut self.stopping) => {}
            () = tokio::time::sleep(PAUSE) => {}
            () = turned_away => {}
        }
    }

    /// Sends what is to be sent; says when to wake.
    fn go_on(&self, next: Next, flight: &mut Option<Flight>) -> Option<DateTime> {
        if let Some(outgoing) = next.send {
            let link = Arc::clone(&self.link);
            *flight = Some(Box::pin(async move { link.send(outgoing).await }));
        }
        next.wake
    }

    async fn listen(&mut self, flight: &mut Option<Flight>, wake: Option<DateTime>) -> Heard {
        let reply = async {
            match flight {
                Some(flight) => flight.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = told_to_stop(&mut self.stopping) => Heard::Stop,
            () = sleep_until(wake) => Heard::Deadline,
            Some(order) = self.orders.recv() => Heard::Order(order),
            // Before the reply: what came first nobody can tell, and so the machine knows of both.
            Some(push) = self.pushes.recv() => Heard::Push(push),
            input = reply => Heard::Reply(input),
            () = self.connected.notified() => Heard::Connected,
        }
    }

    /// Takes one more reply if it comes soon, so that less is said twice after the next start.
    async fn last_reply(&mut self, flight: Option<Flight>) {
        if let Some(flight) = flight
            && let Ok(input) = tokio::time::timeout(LAST_REPLY, flight).await
            && let Err(trouble) = self.step(&input).await
        {
            tracing::debug!(%trouble, "the last reply was not worked off");
        }
    }

    /// Works off one input: decided, committed, told.
    async fn step(&mut self, input: &Input) -> Result<Next, Trouble> {
        let mut env = env()?;
        let mut answers = Vec::new();
        loop {
            match ven::decide(&self.at, &self.context, env, input, &answers) {
                Step::Ask(Question::Opt(question)) => {
                    let answer = self.ask(&question).await?;
                    answers.push(answer);
                    // It is known from now on: a list that came meanwhile may have been made before it.
                    env.now = clock::now();
                }
                Step::Ask(Question::Readings(question)) => {
                    let answer = self.read(&question).await?;
                    // The time stays: what was asked for depends on it.
                    answers.push(answer);
                }
                Step::Ask(question) => {
                    tracing::error!(?question, "asked what nobody can answer");
                    return Err(Trouble::Stopped);
                }
                Step::Decided(decision) => {
                    return self.settle(Kind(input).to_string(), decision, env).await;
                }
            }
        }
    }

    /// Works off what was pushed. Whoever pushed it hears what is said to it once that is committed, and is
    /// to come back if it could not be: then nobody answers.
    async fn take(&mut self, push: Push) -> Result<Next, Trouble> {
        let Push { message, reply } = push;
        let mut next = self.step(&Input::Pushed { message }).await?;
        if let Some(said) = next.reply.take() {
            // Whoever pushed it may have gone away.
            let _ = reply.send(said);
        }
        Ok(next)
    }

    /// Does what the application wants; nothing is next if it makes no sense.
    async fn carry_out(&mut self, order: Order) -> Result<Option<Next>, Trouble> {
        let (outcome, done) = match self.command(&order.command).await {
            Ok(Ok(next)) => (Ok(()), Ok(Some(next))),
            Ok(Err(refused)) => (Err(refused.into()), Ok(None)),
            Err(trouble) => (Err(trouble.clone().into()), Err(trouble)),
        };
        // Whoever wanted it may have gone away.
        let _ = order.done.send(outcome);
        done
    }

    async fn command(&mut self, command: &Command) -> Result<Result<Next, CommandError>, Trouble> {
        let env = env()?;
        let decision = match ven::command(&self.at, &self.context, env, command) {
            Ok(decision) => decision,
            Err(refused) => return Ok(Err(refused)),
        };
        // What the VTN does not have yet is to be right when it is asked for. Done twice, if the rest
        // fails, it is the same.
        if let Command::CorrectReadings {
            report_specifier_id,
            readings,
        } = command
        {
            self.desk.correct(report_specifier_id, readings).await?;
        }
        let input = Kind(command).to_string();
        self.settle(input, decision, env).await.map(Ok)
    }

    async fn settle(
        &mut self,
        input: String,
        decision: Decision<Ven>,
        env: Env,
    ) -> Result<Next, Trouble> {
        let next = decision.next(&self.at);
        if tracing::enabled!(tracing::Level::DEBUG) {
            let changes = logging::kinds(decision.changes());
            let version = next.version.0;
            tracing::debug!(input, version, changes, "decided");
        }
        if !decision.needs_commit() {
            self.at = next;
            return decision
                .release_unwritten()
                .map_err(|_| Trouble::Store(StoreError::Conflict));
        }
        let happenings = self.happenings(&decision, &next, env.now);
        let proof = self
            .store
            .commit(decision.base(), &next, &happenings)
            .await?;
        self.at = next;
        self.publish();
        if !happenings.is_empty() {
            self.more.send_replace(());
        }
        Ok(decision.release(proof))
    }

    fn publish(&self) {
        self.status.send_replace(Arc::new(self.at.state.clone()));
    }

    fn happenings(
        &self,
        decision: &Decision<Ven>,
        next: &Loaded<Ven>,
        now: DateTime,
    ) -> Vec<Happening> {
        let registered = next.state.registered().or(self.at.state.registered());
        let ven_id = registered.map(|registered| registered.ven_id.clone());
        let effects = decision.effects().iter().zip(0..);
        effects
            .map(|(effect, position)| Happening {
                version: next.version.0,
                position,
                time: now,
                ven_id: ven_id.clone(),
                effect: effect.clone(),
            })
            .collect()
    }

    /// Asks the application, if it wants to be. Meanwhile what is due happens.
    async fn ask(&mut self, question: &OptQuestion) -> Result<Answer, Trouble> {
        let event_id = &question.event.descriptor.event_id;
        let handlers = self.handlers.clone();
        let asked = handlers.ask(Event::from(question.clone()));
        let (opt, code) = match self.meanwhile(asked).await? {
            Some(Ok((opt, code))) => {
                tracing::info!(%event_id, %opt, "the application has answered");
                (opt, code)
            }
            Some(Err(Mishap::Stopped)) => return Err(Trouble::Stopped),
            Some(Err(mishap)) => {
                let opt = self.opt;
                tracing::warn!(%event_id, %mishap, %opt, "the configured opt is used");
                (opt, None)
            }
            None => (self.opt, None),
        };
        Ok(question.answer(opt, code))
    }

    /// Collects the readings for a report. Meanwhile what is due happens.
    async fn read(&mut self, question: &ReadingsQuestion) -> Result<Answer, Trouble> {
        let desk = self.desk.clone();
        let state = Arc::new(self.at.state.clone());
        let readings = self.meanwhile(desk.readings(question, state)).await??;
        Ok(question.answer(readings))
    }

    /// Waits for an answer, and lets happen what is due.
    async fn meanwhile<T>(&mut self, asked: impl Future<Output = T>) -> Result<T, Trouble> {
        let mut asked = std::pin::pin!(asked);
        let mut stopping = self.stopping.clone();
        loop {
            let wake = self.at.state.next_happening();
            tokio::select! {
                biased;
                said = &mut asked => return Ok(said),
                () = told_to_stop(&mut stopping) => return Err(Trouble::Stopped),
                () = sleep_until(wake) => self.catch_up().await?,
            }
        }
    }

    /// Lets happen what is due, while the answer to another input is waited for.
    async fn catch_up(&mut self) -> Result<(), Trouble> {
        let env = env()?;
        let input = Input::Meanwhile;
        match ven::decide(&self.at, &self.context, env, &input, &[]) {
            Step::Ask(_) => Ok(()),
            Step::Decided(decision) => {
                let next = self.settle(Kind(&input).to_string(), decision, env).await?;
                if next.send.is_some() {
                    tracing::error!("a second request was wanted while one was under way");
                }
                Ok(())
            }
        }
    }
}

fn env() -> Result<Env, Trouble> {
    clock::env().map_err(|error| Trouble::Entropy(Arc::new(error)))
}

impl From<Trouble> for CommandFailure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Stopped => Self::Stopped,
            Trouble::Store(error) => Self::Store(error),
            Trouble::Entropy(error) => Self::Entropy(error),
        }
    }
}

/// Until the wall clock says so, however it is set meanwhile; for ever, if there is no time.
async fn sleep_until(at: Option<DateTime>) {
    loop {
        let left = match at {
            Some(at) => (at - clock::now()).to_std().unwrap_or_default(),
            None => NAP,
        };
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(NAP)).await;
    }
}

/// Ends when it is time to stop. Nobody left to say so means the same.
async fn told_to_stop(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}
