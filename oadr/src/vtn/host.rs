//! The VTN's host: load, decide, commit, release, for messages, deadlines and operators.
//!
//! Knows nothing of HTTP, and no rule of OpenADR: those are the machine's.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use oadr_core::machine::{Decision, Env, Loaded, Role as _, Step};
use oadr_core::value::DateTime;
use oadr_core::vtn::{self, Command, CommandError, Context, Input, Push, Reply, Vtn};
use tokio::sync::mpsc;

use super::application::{Application, NoAnswer};
use super::ask::Asked;
use super::campaigns::{Campaigns, Open};
use super::outbox::{Callbacks, Teller};
use super::push::Pushes;
use super::register_report::PointCallbacks;
use super::registry::{Gathered, Registry, Slot};
use super::report_policies::ReportPolicies;
use super::security::Trust;
use super::xmpp::Session;
use crate::clock;
use crate::log_ration::LogRation;
use crate::logging::{self, Kind};
use crate::sqlite::StoreError;
use crate::store::{Audit, Commit, EffectId, Key, Pending, Store};

/// How often an input is decided again because something changed meanwhile. Inputs of one VEN go
/// one after the other, so only two new VENs of one name can get into each other's way.
const TRIES: usize = 10;

/// The VTN but for its transports.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) campaigns: Campaigns,
    pub(crate) report_policies: ReportPolicies,
    /// Certificates and signatures.
    pub(crate) trust: Trust,
    /// What decisions know of the configuration; without campaigns and report policies.
    base: Context,
    pub(super) application: Arc<Application>,
    pub(super) callbacks: Arc<Callbacks>,
    pub(super) point_callbacks: Arc<PointCallbacks>,
    pub(super) teller: Teller,
    /// How many lines of each kind peers may cause.
    pub(super) ration: Arc<LogRation>,
    /// The VENs that may have to be pushed to.
    pub(crate) pushes: Pushes,
    /// The session with the XMPP server, if there is to be one.
    xmpp: RwLock<Option<Arc<Session>>>,
    outbox: mpsc::Sender<Vec<Pending>>,
    /// Whether there was no room in the outbox's queue, so that it has to look into the store.
    pub(super) is_behind: AtomicBool,
}

/// What the store held at the start.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) registry: Registry,
    pub(super) campaigns: Campaigns,
    pub(super) report_policies: ReportPolicies,
}

/// Why there is no reply.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    /// Too much is waiting to be written.
    #[error("too much is waiting to be written")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
    /// The operating system has no randomness.
    #[error("no randomness: {0}")]
    Entropy(Arc<std::io::Error>),
    /// The application was asked, and there is no answer.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// Somebody was faster, again and again.
    #[error("decided {TRIES} times, and somebody was always faster")]
    Contended,
}

/// Why something was decided.
#[derive(Debug, Clone, Copy)]
enum Cause<'a> {
    Input(&'a Input),
    Command(&'a Command, &'a Audit),
}

impl Cause<'_> {
    /// Whether it is something that the VEN said.
    fn is_a_message(&self) -> bool {
        matches!(self, Self::Input(Input::Message { .. }))
    }

    /// Whether somebody said it, the VEN or an operator. When time comes, or a push ends, the machine
    /// looks itself for what is to be pushed next.
    fn is_of_somebody(&self) -> bool {
        match self {
            Self::Input(input) => matches!(input, Input::Message { .. }),
            Self::Command(..) => true,
        }
    }

    fn audit(&self) -> Option<Audit> {
        match self {
            Self::Input(_) => None,
            Self::Command(_, audit) => Some((*audit).clone()),
        }
    }
}

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(Input::Message { message, .. }) => message.kind().fmt(f),
            Self::Input(other) => Kind(*other).fmt(f),
            Self::Command(command, _) => Kind(*command).fmt(f),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::Busy,
            error @ (StoreError::Open { .. }
            | StoreError::NewerSchema { .. }
            | StoreError::Conflict
            | StoreError::Closed
            | StoreError::Row { .. }
            | StoreError::UnknownFact
            | StoreError::Sqlite(_)
            | StoreError::Thread(_)) => Self::Store(error),
        }
    }
}

/// Why an operator's command on a VEN was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandFailure {
    #[error(transparent)]
    Refused(#[from] CommandError),
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Host {
    pub(super) fn new(
        store: Store,
        known: Known,
        base: Context,
        trust: Trust,
        application: Application,
        pushes: Pushes,
        outbox: mpsc::Sender<Vec<Pending>>,
    ) -> Self {
        let ration = Arc::new(LogRation::default());
        let Known {
            registry,
            campaigns,
            report_policies,
        } = known;
        Self {
            store,
            registry,
            campaigns,
            report_policies,
            trust,
            base,
            application: Arc::new(application),
            callbacks: Arc::default(),
            point_callbacks: Arc::default(),
            teller: Teller::new(Arc::clone(&ration)),
            ration,
            pushes,
            xmpp: RwLock::default(),
            outbox,
            is_behind: AtomicBool::new(false),
        }
    }

    /// The session with the XMPP server, if there is to be one.
    pub(crate) fn xmpp(&self) -> Option<Arc<Session>> {
        let xmpp = self.xmpp.read().unwrap_or_else(PoisonError::into_inner);
        xmpp.clone()
    }

    /// Holds another session, or none: it holds the host, and has to be let go at the end.
    pub(super) fn hold_xmpp(&self, session: Option<Session>) {
        let mut xmpp = self.xmpp.write().unwrap_or_else(PoisonError::into_inner);
        *xmpp = session.map(Arc::new);
    }

    /// What decisions know of the configuration.
    pub(crate) fn settings(&self) -> &Context {
        &self.base
    }

    /// Decides on a VEN's message and returns the reply once it is safe to send.
    pub(crate) async fn answer(&self, input: &Input) -> Result<Reply, Failure> {
        if self.is_forbidden(input) {
            return Ok(Reply::Forbidden);
        }
        let mut asked = Asked::about(self, input).await?;
        for _ in 0..TRIES {
            let env = env()?;
            let Some(slot) = self.registry.find(asked.claims()) else {
                let at = Loaded::absent();
                match vtn::decide(&at, &self.context_of_nobody(), env, input, asked.answers()) {
                    Step::Ask(question) => asked.ask(self, question).await?,
                    Step::Decided(decision) => {
                        let cause = Cause::Input(input);
                        if let Some(reply) = self.settle(None, &at, decision, env, cause).await? {
                            return Ok(reply);
                        }
                    }
                }
                continue;
            };
            let turn = slot.turn.lock().await;
            let Some(at) = slot.current() else {
                continue;
            };
            let context = self.context_of(&slot, &at, env.now);
            match vtn::decide(&at, &context, env, input, asked.answers()) {
                Step::Ask(question) => {
                    slot.hear(env.now);
                    // An application that takes its time holds up this request only.
                    drop(turn);
                    asked.ask(self, question).await?;
                }
                Step::Decided(decision) => {
                    let cause = Cause::Input(input);
                    let settled = self.settle(Some(&slot), &at, decision, env, cause);
                    if let Some(reply) = settled.await? {
                        // What is forbidden has no effect: nor does it show that the VEN is there.
                        if reply != Reply::Forbidden {
                            slot.hear(env.now);
                        }
                        return Ok(reply);
                    }
                }
            }
        }
        Err(Failure::Contended)
    }

    /// Whether nothing may follow from a message, whoever would be asked about it: a directory says
    /// more of a VEN than whether it is one, and that is kept.
    fn is_forbidden(&self, input: &Input) -> bool {
        if self.application.directory.is_none() {
            return false;
        }
        let slot = self.registry.find(&vtn::claims_of(input));
        let current = slot.and_then(|slot| slot.current());
        let at = current.unwrap_or_else(|| Arc::new(Loaded::absent()));
        vtn::is_forbidden(&at.state, &self.base, clock::now(), input)
    }

    /// Tells a partition that its deadline has come, or what became of a push. The answer is what is to
    /// be pushed now.
    pub(super) async fn hear(&self, key: Key, input: &Input) -> Result<Option<Box<Push>>, Failure> {
        let mut asked = Asked::about(self, input).await?;
        for _ in 0..TRIES {
            let Some(slot) = self.registry.slot(key) else {
                return Ok(None);
            };
            let turn = slot.turn.lock().await;
            let Some(at) = slot.current() else {
                return Ok(None);
            };
            let env = env()?;
            let context = self.context_of(&slot, &at, env.now);
            let cause = Cause::Input(input);
            match vtn::decide(&at, &context, env, input, asked.answers()) {
                Step::Ask(question) => {
                    drop(turn);
                    asked.ask(self, question).await?;
                }
                Step::Decided(decision) => {
                    let settled = self.settle(Some(&slot), &at, decision, env, cause);
                    match settled.await? {
                        None => {}
                        Some(Reply::Push(push)) => return Ok(Some(push)),
                        Some(Reply::Message(_) | Reply::Empty | Reply::Forbidden) => {
                            return Ok(None);
                        }
                    }
                }
            }
        }
        Err(Failure::Contended)
    }

    /// Has VENs looked at that are pushed to, because there may be something for them: those of `whom`.
    pub(super) fn look_for_pushes(&self, whom: impl Fn(&vtn::State) -> bool) {
        for slot in self.registry.all() {
            if let Some(at) = slot.current()
                && at.state.is_pushed_to()
                && whom(&at.state)
            {
                self.pushes.look_at(slot.key);
            }
        }
    }

    /// Carries out an operator's command on a VEN, or on one that is not known yet.
    pub(crate) async fn command(
        &self,
        target: Option<Arc<Slot>>,
        command: &Command,
        audit: Audit,
    ) -> Result<(), CommandFailure> {
        let claims = claims_of_command(command);
        if let Command::Enrol { ven_name, .. } = command
            && !self.registry.named(ven_name.as_str()).is_empty()
        {
            return Err(CommandError::AlreadyKnown.into());
        }
        for _ in 0..TRIES {
            let env = env()?;
            let found = target.clone().or_else(|| self.registry.find(&claims));
            let Some(slot) = found else {
                let at = Loaded::absent();
                let decision = vtn::command(&at, &self.context_of_nobody(), env, command)?;
                self.check_claims(None, &decision)?;
                match self
                    .settle(None, &at, decision, env, Cause::Command(command, &audit))
                    .await?
                {
                    Some(_) => return Ok(()),
                    None => continue,
                }
            };
            let _turn = slot.turn.lock().await;
            let Some(at) = slot.current() else {
                if target.is_some() {
                    return Err(CommandError::Unknown.into());
                }
                continue;
            };
            let context = self.context_of(&slot, &at, env.now);
            let decision = vtn::command(&at, &context, env, command)?;
            self.check_claims(Some(slot.key), &decision)?;
            if self
                .settle(
                    Some(&slot),
                    &at,
                    decision,
                    env,
                    Cause::Command(command, &audit),
                )
                .await?
                .is_some()
            {
                return Ok(());
            }
        }
        Err(Failure::Contended.into())
    }

    /// Whether what a command wants is free: deciding again would not change that.
    fn check_claims(&self, key: Option<Key>, decision: &Decision<Vtn>) -> Result<(), CommandError> {
        let is_taken = |claim: &&vtn::Claim| {
            let owner = self.registry.find(std::slice::from_ref(*claim));
            owner.is_some_and(|owner| Some(owner.key) != key)
        };
        match decision.claims().take.iter().find(is_taken) {
            Some(claim) => Err(CommandError::taken(claim)),
            None => Ok(()),
        }
    }

    /// Commits a decision if there is anything to commit, and releases its reply. `None`: somebody
    /// was faster, decide again.
    async fn settle(
        &self,
        slot: Option<&Arc<Slot>>,
        at: &Loaded<Vtn>,
        decision: Decision<Vtn>,
        env: Env,
        cause: Cause<'_>,
    ) -> Result<Option<Reply>, Failure> {
        if !decision.needs_commit() {
            if let Some(audit) = cause.audit() {
                self.store.audit(audit).await?;
            }
            if let Some(slot) = slot {
                if !decision.changes().is_empty() {
                    self.registry.replace(slot, Some(decision.next(at)));
                } else if !cause.is_of_somebody() {
                    // Whoever woke it may have taken its deadline away.
                    let deadline = Vtn::next_deadline(&at.state);
                    self.registry.schedule(slot.key, deadline);
                }
            }
            // It has just been asked, so it does not come back.
            return Ok(decision.release_unwritten().ok());
        }
        let next = decision.next(at);
        let key = slot.map(|slot| slot.key);
        let commit = Commit::new(key, &decision, &next, env.now, cause.audit())?;
        let (key, proof) = match self.store.commit(commit).await {
            Ok(committed) => committed,
            Err(StoreError::Conflict) => {
                self.reload(slot).await?;
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        log_decision(key, &cause, &decision, &next);
        self.publish(slot, key, &decision, next, env.now, &cause)
            .await;
        Ok(Some(decision.release(proof)))
    }

    /// Puts what is committed where the next input finds it, and sends its effects on their way.
    async fn publish(
        &self,
        slot: Option<&Arc<Slot>>,
        key: Key,
        decision: &Decision<Vtn>,
        next: Loaded<Vtn>,
        now: DateTime,
        cause: &Cause<'_>,
    ) {
        let version = next.version.0;
        let forgotten = next.state.is_forgotten();
        let is_pushed = next.state.is_pushed_to();
        match slot {
            Some(slot) => {
                self.registry.claim(slot, decision.claims());
                self.registry.replace(slot, (!forgotten).then_some(next));
            }
            None => {
                let slot = self.registry.insert(key, next);
                if cause.is_a_message() {
                    slot.hear(now);
                }
                self.registry.claim(&slot, decision.claims());
            }
        }
        if is_pushed && cause.is_of_somebody() {
            self.pushes.look_at(key);
        }
        let effects = decision.effects().iter().zip(0..);
        let effects: Vec<_> = effects
            .map(|(effect, position)| Pending {
                id: EffectId {
                    partition: key,
                    version,
                    position,
                },
                at: now,
                effect: effect.clone(),
            })
            .collect();
        if !effects.is_empty() {
            // Slow handlers hold up nobody: what finds no place is read from the store later. The queue
            // is closed only at the very end; then the outbox keeps them for the next start.
            if self.outbox.try_send(effects).is_err() {
                self.is_behind.store(true, Ordering::Release);
            }
        }
    }

    /// Reads a partition again that the store knows better.
    async fn reload(&self, slot: Option<&Arc<Slot>>) -> Result<(), Failure> {
        if let Some(slot) = slot {
            let loaded = self.store.load(slot.key).await?;
            tracing::warn!(partition = slot.key.0, "the store knew better");
            self.registry.replace(slot, loaded);
        }
        Ok(())
    }

    /// What a decision on a VEN that nobody knows may know.
    fn context_of_nobody(&self) -> Context {
        Context {
            version: self.campaigns.current().version,
            ..self.base.clone()
        }
    }

    /// What a decision on this VEN may know: gathered anew when the VEN or the campaigns changed.
    fn context_of(&self, slot: &Slot, at: &Loaded<Vtn>, now: DateTime) -> Arc<Context> {
        let open = self.campaigns.current();
        let mut kept = slot.context.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = &*kept
            && kept.context.version == open.version
            && kept.member == at.version
            && now < kept.until
        {
            return Arc::clone(&kept.context);
        }
        let gathered = self.gather(&open, at, now);
        let context = Arc::clone(&gathered.context);
        *kept = Some(gathered);
        context
    }

    fn gather(&self, open: &Open, at: &Loaded<Vtn>, now: DateTime) -> Gathered {
        let member = at.state.member();
        let mut until = DateTime::MAX_UTC;
        let mut places = Vec::new();
        for (place, campaign) in &open.list {
            let closes = campaign.closes().unwrap_or(DateTime::MAX_UTC);
            if closes > now && campaign.matches(&member) {
                until = until.min(closes);
                places.push(*place);
            }
        }
        Gathered {
            context: open.context(places, &self.base),
            member: at.version,
            until,
        }
    }
}

/// Where a new VEN would be found if it were known already.
fn claims_of_command(command: &Command) -> Vec<vtn::Claim> {
    match command {
        Command::Enrol {
            ven_name, ven_id, ..
        } => {
            let id = ven_id.iter().cloned().map(vtn::Claim::VenId);
            id.chain([vtn::Claim::VenName(ven_name.clone())]).collect()
        }
        Command::Assign { .. }
        | Command::Remove
        | Command::RequestReregistration
        | Command::RequestReport { .. }
        | Command::CancelReport { .. }
        | _ => Vec::new(),
    }
}

fn env() -> Result<Env, Failure> {
    clock::env().map_err(|error| Failure::Entropy(error.into()))
}

fn log_decision(key: Key, cause: &Cause<'_>, decision: &Decision<Vtn>, next: &Loaded<Vtn>) {
    if tracing::enabled!(tracing::Level::DEBUG) {
        let changes = logging::kinds(decision.changes());
        tracing::debug!(
            %cause,
            partition = key.0,
            version = next.version.0,
            changes,
            "decided"
        );
    }
}
