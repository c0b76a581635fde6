//! A VTN in memory: partitions, claims, campaigns, facts and the outbox.
//!
//! Knows nothing of rules; it loads, asks the machine, commits and releases.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;

use super::EffectId;
use super::readings::{KeptReading, Readings};
use crate::machine::{Committed, Decision, Env, Loaded, Step};
use crate::payload::{Message, Profile as OfferedProfile, Transport};
use crate::value::{
    DateTime, Duration, EventId, NonEmpty, OptType, ProfileName, ReportRequestId, TransportName,
    VtnId,
};
use crate::vtn::{
    Admission, Answer, Asks, Audience, Campaign, CampaignError, Claim, Command, CommandError,
    Context, DeliveryFact, Effect, EventBody, Fact, Input, OfferedReports, OptDecision, OptFact,
    PollAnswer, PushTerms, Question, RegistrationAnswer, RegistrationRequest, Reply, ReportPolicy,
    State, UnregisteredPoll, Vtn, WantedReport, claims_of, command, decide,
};
use crate::{Peer, Profile, Signature, SignaturePolicy};

/// A claim that leads from one owner to the next more often than this is given up.
const MOST_CONFLICTS: usize = 8;

/// How a VTN presents itself.
#[derive(Debug, Clone)]
pub struct VtnConfig {
    /// Its ID: begin with a letter and have a capital one (quirks Q3, Q24).
    pub vtn_id: VtnId,
    /// The profiles and transports on offer.
    pub profiles: NonEmpty<OfferedProfile>,
    /// How often VENs are to poll.
    pub poll_frequency: Duration,
    /// How long after it was sent an unanswered delivery comes again.
    pub resend_after: TimeDelta,
    /// Who may register.
    pub admission: Admission,
    /// What a VEN that is known but not registered hears when it polls.
    pub unregistered_poll: UnregisteredPoll,
    /// What counts where a VEN's schedules say both for one event (rule 201).
    pub opt_precedence: OptType,
    /// Whether a VEN may register to be pushed to over simple HTTP.
    pub http_push: bool,
    /// How pushes are tried.
    pub push: PushTerms,
    /// What becomes of XML signatures, where nothing else is said of a VEN (rule 514).
    pub signatures: SignaturePolicy,
    /// By how much the time of a signature may be off, either way.
    pub signature_window: TimeDelta,
}

impl VtnConfig {
    /// OpenADR 2.0b over simple HTTP, polled every ten seconds, open to anyone.
    #[must_use]
    pub fn new(vtn_id: VtnId) -> Self {
        Self {
            vtn_id,
            profiles: NonEmpty::one(OfferedProfile {
                name: ProfileName::B,
                transports: NonEmpty::one(Transport {
                    name: TransportName::SimpleHttp,
                }),
            }),
            poll_frequency: Duration::seconds(10),
            resend_after: TimeDelta::seconds(5),
            admission: Admission::Open,
            unregistered_poll: UnregisteredPoll::NotRegistered,
            opt_precedence: OptType::OptOut,
            http_push: true,
            push: PushTerms::default(),
            signatures: SignaturePolicy::Optional,
            signature_window: TimeDelta::seconds(60),
        }
    }
}

/// Why an operation on events was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventsError {
    /// Another event has this ID.
    #[error("another event has this ID")]
    Exists,
    /// There is no such event.
    #[error("there is no such event")]
    Unknown,
    /// The event cannot be made or changed like that.
    #[error(transparent)]
    Campaign(#[from] CampaignError),
}

/// Who says whether a VEN may register.
type Admit = Box<dyn FnMut(&RegistrationRequest) -> RegistrationAnswer + Send>;

/// Who says which of the reports that a VEN offers are wanted, beside what policies want.
type Want = Box<dyn FnMut(&OfferedReports) -> Vec<WantedReport> + Send>;

/// A VTN in memory.
pub struct VtnHost {
    config: VtnConfig,
    admit: Option<Admit>,
    want: Option<Want>,
    partitions: BTreeMap<u64, Loaded<Vtn>>,
    next_partition: u64,
    claims: BTreeMap<Claim, u64>,
    /// In the order of their making.
    campaigns: Vec<Arc<Campaign>>,
    /// Goes up with every campaign made or changed.
    version: u64,
    /// Whether something happened since VENs were woken that may concern those that are pushed to.
    has_news: bool,
    report_policies: Arc<[ReportPolicy]>,
    deliveries: BTreeMap<(u64, EventId), DeliveryFact>,
    readings: Readings,
    opts: BTreeMap<(u64, u64), OptFact>,
    updates: bool,
    outbox: Vec<(u64, EffectId, Effect)>,
}

impl VtnHost {
    /// A VTN that knows nobody yet.
    #[must_use]
    pub fn new(config: VtnConfig) -> Self {
        Self {
            config,
            admit: None,
            want: None,
            partitions: BTreeMap::new(),
            next_partition: 0,
            claims: BTreeMap::new(),
            campaigns: Vec::new(),
            version: 0,
            has_news: false,
            report_policies: Arc::default(),
            deliveries: BTreeMap::new(),
            readings: Readings::default(),
            opts: BTreeMap::new(),
            updates: false,
            outbox: Vec::new(),
        }
    }

    /// Lets the application decide who may register, where the configuration says to ask; without it
    /// nobody may.
    pub fn on_registration(
        &mut self,
        admit: impl FnMut(&RegistrationRequest) -> RegistrationAnswer + Send + 'static,
    ) {
        self.admit = Some(Box::new(admit));
    }

    /// Lets the application say which of the reports that a VEN offers are wanted, beside what policies
    /// want. What it says is all that it wants of the VEN from then on.
    pub fn on_reports(
        &mut self,
        want: impl FnMut(&OfferedReports) -> Vec<WantedReport> + Send + 'static,
    ) {
        self.want = Some(Box::new(want));
    }

    /// Puts the readings into the effects, too, for whoever takes them from there.
    pub fn tell_readings(&mut self) {
        self.updates = true;
    }

    /// Answers a message that is not signed, or whose signature nobody looked at.
    ///
    /// See [`handle_signed`](Self::handle_signed).
    pub fn handle(
        &mut self,
        peer: Peer,
        profile: Profile,
        message: Message,
        now: DateTime,
        entropy: [u8; 32],
    ) -> Reply {
        self.handle_signed(peer, profile, message, None, now, entropy)
    }

    /// Answers a message with what its signature proved, if it has one.
    ///
    /// Should the application insist on IDs that other VENs have, the answer is empty and nothing
    /// happens.
    pub fn handle_signed(
        &mut self,
        peer: Peer,
        profile: Profile,
        message: Message,
        signature: Option<Signature>,
        now: DateTime,
        entropy: [u8; 32],
    ) -> Reply {
        let input = Input::Message {
            peer,
            profile,
            message,
            signature,
        };
        let env = Env { now, entropy };
        let mut key = claims_of(&input)
            .iter()
            .find_map(|claim| self.claims.get(claim).copied());
        for _ in 0..MOST_CONFLICTS {
            let decision = self.decide(key, env, &input);
            match self.commit(key, decision) {
                Ok(reply) => {
                    self.has_news = true;
                    return reply;
                }
                Err(owner) => key = Some(owner),
            }
        }
        Reply::Empty
    }

    /// Makes an event; the same ID with the same event and audience again gives the first one.
    ///
    /// # Errors
    /// Another event has the ID, or the event is one that cannot be made now.
    pub fn create_event(
        &mut self,
        event_id: Option<EventId>,
        audience: Audience,
        body: EventBody,
        now: DateTime,
        entropy: [u8; 32],
    ) -> Result<Arc<Campaign>, EventsError> {
        if let Some(known) = event_id
            .as_ref()
            .and_then(|event_id| self.campaign(event_id))
        {
            return if known.audience == audience && known.body == body {
                Ok(Arc::clone(known))
            } else {
                Err(EventsError::Exists)
            };
        }
        let campaign = Campaign::create(event_id, audience, body, Env { now, entropy })?;
        let campaign = Arc::new(campaign);
        self.campaigns.push(Arc::clone(&campaign));
        self.version = self.version.saturating_add(1);
        self.has_news = true;
        Ok(campaign)
    }

    /// Modifies an event.
    ///
    /// # Errors
    /// There is none, or it cannot become that any more.
    pub fn modify_event(
        &mut self,
        event_id: &EventId,
        body: EventBody,
        now: DateTime,
    ) -> Result<Arc<Campaign>, EventsError> {
        self.change_event(event_id, |campaign| campaign.modify(body, now))
    }

    /// Cancels an event.
    ///
    /// # Errors
    /// There is none, or it is over.
    pub fn cancel_event(
        &mut self,
        event_id: &EventId,
        now: DateTime,
    ) -> Result<Arc<Campaign>, EventsError> {
        self.change_event(event_id, |campaign| campaign.cancel(now))
    }

    /// Commands something of one VEN; `ven` is its partition's key as [`vens`](Self::vens) gives it,
    /// or `None` to enrol a new one.
    ///
    /// # Errors
    /// The command does not fit the VEN, or its name, its ID or a certificate is another VEN's.
    pub fn command(
        &mut self,
        ven: Option<u64>,
        to_do: &Command,
        now: DateTime,
        entropy: [u8; 32],
    ) -> Result<(), CommandError> {
        let at = self.load(ven);
        let context = self.context(&at.state, now);
        let decision = command(&at, &context, Env { now, entropy }, to_do)?;
        let is_taken = |claim: &&Claim| {
            let owner = self.claims.get(claim).copied();
            owner.is_some() && owner != ven
        };
        if let Some(claim) = decision.claims().take.iter().find(is_taken) {
            return Err(CommandError::taken(claim));
        }
        // No other claim is in the way.
        let _ = self.commit(ven, decision);
        self.has_news = true;
        Ok(())
    }

    /// The VENs, each with its partition's key.
    pub fn vens(&self) -> impl Iterator<Item = (u64, &State)> {
        self.partitions.iter().map(|(key, at)| (*key, &at.state))
    }

    /// The VEN of this venID or venName.
    #[must_use]
    pub fn ven(&self, id_or_name: &str) -> Option<(u64, &State)> {
        let by_id = self
            .vens()
            .find(|(_, ven)| ven.ven_id().is_some_and(|id| id.as_str() == id_or_name));
        by_id.or_else(|| {
            self.vens().find(|(_, ven)| {
                ven.ven_name()
                    .is_some_and(|name| name.as_str() == id_or_name)
            })
        })
    }

    /// The events that are not over, in the order of their making.
    pub fn campaigns(&self) -> impl Iterator<Item = &Arc<Campaign>> {
        self.campaigns.iter()
    }

    /// The event of this ID, unless it is over.
    #[must_use]
    pub fn campaign(&self, event_id: &EventId) -> Option<&Arc<Campaign>> {
        self.campaigns
            .iter()
            .find(|campaign| campaign.event_id == *event_id)
    }

    /// How the events fare with each VEN, those that are over included.
    pub fn deliveries(&self) -> impl Iterator<Item = &DeliveryFact> {
        self.deliveries.values()
    }

    /// How this event fares with this VEN; `None` as long as it is pending.
    #[must_use]
    pub fn delivery(&self, ven: u64, event_id: &EventId) -> Option<&DeliveryFact> {
        self.deliveries.get(&(ven, event_id.clone()))
    }

    /// The readings that came for this request, by data point and time; `ven` is the partition's key.
    pub fn readings<'a>(
        &'a self,
        ven: u64,
        request: &'a ReportRequestId,
    ) -> impl Iterator<Item = &'a KeptReading> {
        self.readings.of(ven, request)
    }

    /// Changes which of the reports that VENs offer are requested: from now on, whenever a VEN says
    /// what it offers.
    pub fn set_report_policies(&mut self, policies: impl Into<Arc<[ReportPolicy]>>) {
        self.report_policies = policies.into();
        self.version = self.version.saturating_add(1);
    }

    /// The opts of this VEN, those that count no more included, in the order in which they came.
    pub fn opts(&self, ven: u64) -> impl Iterator<Item = &OptFact> {
        self.opts
            .range((ven, 0)..=(ven, u64::MAX))
            .map(|(_, fact)| fact)
    }

    /// What happened since this was last called: the VEN's partition, the effect's ID within it, the
    /// effect.
    pub fn take_effects(&mut self) -> Vec<(u64, EffectId, Effect)> {
        core::mem::take(&mut self.outbox)
    }

    fn load(&self, key: Option<u64>) -> Loaded<Vtn> {
        let at = key.and_then(|key| self.partitions.get(&key));
        at.cloned().unwrap_or_else(Loaded::absent)
    }

    fn context(&self, state: &State, now: DateTime) -> Context {
        let member = state.member();
        let open = |campaign: &&Arc<Campaign>| {
            campaign.closes().is_none_or(|closes| now < closes) && campaign.matches(&member)
        };
        Context {
            version: self.version,
            vtn_id: self.config.vtn_id.clone(),
            profiles: self.config.profiles.clone(),
            poll_frequency: self.config.poll_frequency,
            resend_after: self.config.resend_after,
            admission: self.config.admission,
            asks: Asks {
                reports: self.want.is_some(),
                updates: self.updates,
                ..Asks::default()
            },
            unregistered_poll: self.config.unregistered_poll,
            opt_precedence: self.config.opt_precedence,
            campaigns: self.campaigns.iter().filter(open).cloned().collect(),
            report_policies: Arc::clone(&self.report_policies),
            http_push: self.config.http_push,
            push: self.config.push,
            signatures: self.config.signatures,
            signature_window: self.config.signature_window,
        }
    }

    fn decide(&mut self, key: Option<u64>, env: Env, input: &Input) -> Decision<Vtn> {
        let absent = Loaded::absent();
        let at = key
            .and_then(|key| self.partitions.get(&key))
            .unwrap_or(&absent);
        let context = self.context(&at.state, env.now);
        let mut answers = Vec::new();
        loop {
            let step = decide(at, &context, env, input, &answers);
            #[cfg(any(test, feature = "fuzzing"))]
            assert_eq!(
                step,
                decide(at, &context, env, input, &answers),
                "deciding twice gives the same"
            );
            match step {
                Step::Decided(decision) => return decision,
                Step::Ask(Question::Register(request)) => {
                    let answer = match &mut self.admit {
                        Some(admit) => admit(&request),
                        None => RegistrationAnswer::Refuse,
                    };
                    answers.push(Answer::Register(answer));
                }
                // Not asked: the context says that nobody is there.
                Step::Ask(Question::Query(_)) => answers.push(Answer::Query(None)),
                Step::Ask(Question::CreateOpt(_)) => {
                    answers.push(Answer::CreateOpt(OptDecision::Accept));
                }
                Step::Ask(Question::Poll(_)) => answers.push(Answer::Poll(PollAnswer::Nothing)),
                Step::Ask(Question::Reports(offered)) => {
                    let wanted = self.want.as_mut().map(|want| want(&offered));
                    answers.push(Answer::Reports(wanted.unwrap_or_default()));
                }
            }
        }
    }

    /// Commits, or says who holds a claim that the decision wants.
    fn commit(&mut self, key: Option<u64>, decision: Decision<Vtn>) -> Result<Reply, u64> {
        #[cfg(any(test, feature = "fuzzing"))]
        crate::fuzzing::check_decision(&self.load(key), &decision);
        let decision = match decision.release_unwritten() {
            Ok(reply) => return Ok(reply),
            Err(decision) => decision,
        };
        for claim in &decision.claims().take {
            match self.claims.get(claim) {
                Some(owner) if Some(*owner) != key => return Err(*owner),
                Some(_) | None => {}
            }
        }
        let partition = key.unwrap_or(self.next_partition);
        self.next_partition = self.next_partition.max(partition.saturating_add(1));
        for claim in &decision.claims().drop {
            self.claims.remove(claim);
        }
        for claim in &decision.claims().take {
            self.claims.insert(claim.clone(), partition);
        }
        let next = decision.next(&self.load(key));
        for fact in decision.facts() {
            match fact {
                Fact::Delivery(fact) => {
                    let row = (partition, fact.event_id.clone());
                    self.deliveries.insert(row, fact.clone());
                }
                Fact::Readings(fact) => self.readings.upsert(partition, fact),
                Fact::Opt(fact) => {
                    self.opts.insert((partition, fact.opt.number), fact.clone());
                }
            }
        }
        let version = next.version;
        let effects = decision.effects().iter().cloned().enumerate();
        self.outbox.extend(effects.map(|(index, effect)| {
            let id = EffectId { version, index };
            (partition, id, effect)
        }));
        if next.state.is_forgotten() {
            self.partitions.remove(&partition);
        } else {
            self.partitions.insert(partition, next);
        }
        Ok(decision.release(Committed::by_store()))
    }

    fn change_event(
        &mut self,
        event_id: &EventId,
        change: impl FnOnce(&Campaign) -> Result<Campaign, CampaignError>,
    ) -> Result<Arc<Campaign>, EventsError> {
        let slot = self
            .campaigns
            .iter_mut()
            .find(|campaign| campaign.event_id == *event_id)
            .ok_or(EventsError::Unknown)?;
        let changed = change(slot)?;
        if changed != **slot {
            *slot = Arc::new(changed);
            self.version = self.version.saturating_add(1);
            self.has_news = true;
        }
        Ok(Arc::clone(slot))
    }
}

#[cfg(any(test, feature = "fuzzing"))]
impl VtnHost {
    /// What no decision shows by itself: the claims held are those of the partitions.
    pub(crate) fn check_claims(&self) {
        let held = self.partitions.iter().flat_map(|(key, at)| {
            let claims = at.state.claims().into_iter();
            claims.map(|claim| (claim, *key))
        });
        assert_eq!(held.collect::<BTreeMap<_, _>>(), self.claims);
    }
}

impl core::fmt::Debug for VtnHost {
    /// Without the closure, which has nothing to show.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("VtnHost")
            .field("config", &self.config)
            .field("partitions", &self.partitions)
            .field("claims", &self.claims)
            .field("campaigns", &self.campaigns)
            .field("deliveries", &self.deliveries)
            .field("readings", &self.readings)
            .field("opts", &self.opts)
            .field("outbox", &self.outbox)
            .finish_non_exhaustive()
    }
}

mod pushes;
#[cfg(test)]
mod tests;
