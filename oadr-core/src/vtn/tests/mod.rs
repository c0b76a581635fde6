//! One VEN before the VTN machine, on a clock of its own: every decision is checked on the way.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test names the message that it wants"
)]

mod admitting;
mod answers;
mod asking;
mod body;
mod campaigns;
mod canceling;
mod delivery;
mod drafts;
mod drawn;
mod effective;
mod events;
mod identity;
mod jids;
mod membership;
mod operator;
mod opts;
mod policies;
mod polling;
mod properties;
mod push_outages;
mod push_properties;
mod push_turns;
mod pusher;
mod pushing;
mod registering;
mod renewing;
mod repeating;
mod reporter;
mod reporting;
mod requesting;
mod signing;
mod standing;
mod updating;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;

use super::*;
use crate::codec;
use crate::machine::{Committed, Decision, Env, Loaded, Role as _, Step};
use crate::payload::{
    CreatePartyRegistration, CreatedEvent, CreatedPartyRegistration, DistributeEvent,
    EiCreatedEvent, EiRequestEvent, EiResponse, EventResponse, EventResponses, EventSignal,
    Interval, Message, Payload, Poll, Profile as OfferedProfile, QualifiedEventId,
    RegisteredReport, RequestEvent, Response, ResponseCode, StreamPayload, Transport,
};
use crate::value::{
    DateTime, Duration, EventId, EventStatus, Float, MarketContext, NonEmpty, OptType, ProfileName,
    RequestId, ResponseRequired, SignalId, SignalName, SignalType, Text, TransportName, VenId,
    VtnId,
};
use crate::{CertificateHash, NonceHash, Peer, Profile, Signature, SignaturePolicy};
use drafts::{draft, draft_at, interval, signal, simple};

/// When every test begins.
pub(super) fn midnight() -> DateTime {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// A VEN's partition and everything around it.
#[derive(Debug, Clone)]
pub(super) struct Rig {
    pub(super) at: Loaded<Vtn>,
    pub(super) context: Context,
    pub(super) now: DateTime,
    pub(super) peer: Peer,
    /// Who signs what is sent, each time anew; `None` if it is not signed.
    pub(super) signer: Option<CertificateHash>,
    pub(super) claims: BTreeSet<Claim>,
    pub(super) facts: BTreeMap<EventId, DeliveryFact>,
    pub(super) readings: Vec<ReadingsFact>,
    pub(super) opts: BTreeMap<u64, OptFact>,
    pub(super) effects: Vec<Effect>,
    inputs: u64,
}

/// What a decision came to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) changes: Vec<Change>,
    pub(super) effects: Vec<Effect>,
    pub(super) reply: Reply,
}

impl Rig {
    /// A VTN that knows nothing of the VEN, open to anyone.
    pub(super) fn new() -> Self {
        let context = Context {
            http_push: false,
            push: PushTerms::default(),
            version: 1,
            vtn_id: VtnId::new("Test-VTN").unwrap(),
            profiles: NonEmpty::one(OfferedProfile {
                name: ProfileName::B,
                transports: NonEmpty::one(Transport {
                    name: TransportName::SimpleHttp,
                }),
            }),
            poll_frequency: Duration::seconds(10),
            resend_after: TimeDelta::seconds(5),
            admission: Admission::Open,
            asks: Asks::default(),
            unregistered_poll: UnregisteredPoll::NotRegistered,
            opt_precedence: OptType::OptOut,
            campaigns: Vec::new(),
            report_policies: Arc::default(),
            signatures: SignaturePolicy::Optional,
            signature_window: TimeDelta::seconds(60),
        };
        Self {
            at: Loaded::absent(),
            context,
            now: midnight(),
            peer: Peer::Unproven,
            signer: None,
            claims: BTreeSet::new(),
            facts: BTreeMap::new(),
            readings: Vec::new(),
            opts: BTreeMap::new(),
            effects: Vec::new(),
            inputs: 0,
        }
    }

    /// A VEN that is registered and has exchanged its metadata.
    pub(super) fn registered() -> Self {
        let mut rig = Self::new();
        rig.register();
        rig.exchange_metadata();
        rig.effects.clear();
        rig
    }

    pub(super) fn state(&self) -> &State {
        &self.at.state
    }

    pub(super) fn ven_id(&self) -> VenId {
        self.state()
            .ven_id()
            .cloned()
            .unwrap_or_else(|| VenId::new("nobody").unwrap())
    }

    pub(super) fn advance(&mut self, seconds: i64) {
        self.now += TimeDelta::seconds(seconds);
    }

    /// Decides on an input without committing anything.
    pub(super) fn step(&self, input: &Input, answers: &[Answer]) -> Step<Vtn> {
        let mut entropy = [7; 32];
        entropy[..8].copy_from_slice(&self.inputs.to_be_bytes());
        let env = Env {
            now: self.now,
            entropy,
        };
        let step = decide(&self.at, &self.context, env, input, answers);
        assert_eq!(step, decide(&self.at, &self.context, env, input, answers));
        step
    }

    pub(super) fn input(&self, message: Message) -> Input {
        Input::Message {
            peer: self.peer.clone(),
            profile: Profile::B,
            message,
            signature: self.signer.map(|signer| self.signature(signer)),
        }
    }

    /// A signature that was not used before.
    pub(super) fn signature(&self, signer: CertificateHash) -> Signature {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&self.inputs.to_be_bytes());
        Signature {
            signer,
            timestamp: self.now,
            nonce: NonceHash(nonce),
        }
    }

    /// Decides and commits.
    pub(super) fn run(&mut self, input: &Input, answers: &[Answer]) -> Outcome {
        match self.step(input, answers) {
            Step::Ask(question) => panic!("nobody to answer {question:?}"),
            Step::Decided(decision) => self.commit(decision),
        }
    }

    pub(super) fn command(&mut self, to_do: &Command) -> Result<Outcome, CommandError> {
        let env = Env {
            now: self.now,
            entropy: [9; 32],
        };
        let decision = command(&self.at, &self.context, env, to_do)?;
        Ok(self.commit(decision))
    }

    /// Checks what holds of every decision.
    fn commit(&mut self, decision: Decision<Vtn>) -> Outcome {
        self.inputs += 1;
        assert_eq!(decision.base(), self.at.version);
        let next = decision.next(&self.at);

        // Replaying the changes as they were stored gives the row as it was stored.
        let mut replayed: State = stored(&self.at.state);
        for change in decision.changes() {
            Vtn::apply(&mut replayed, &stored(change));
        }
        assert_eq!(replayed, next.state);
        assert_eq!(stored(&next.state), next.state);

        // Facts, effects and claims stand beside changes only.
        if decision.changes().is_empty() {
            assert!(!decision.needs_commit());
        } else {
            assert!(matches!(decision.changes()[0], Change::Decided(_)));
            assert!(decision.needs_commit());
        }
        for claim in &decision.claims().drop {
            assert!(self.claims.remove(claim), "{claim:?} was not held");
        }
        for claim in &decision.claims().take {
            assert!(
                self.claims.insert(claim.clone()),
                "{claim:?} is held already"
            );
        }
        assert_eq!(self.claims, next.state.claims().into_iter().collect());
        for fact in decision.facts() {
            match stored(fact) {
                Fact::Delivery(fact) => {
                    self.facts.insert(fact.event_id.clone(), fact);
                }
                Fact::Readings(fact) => self.readings.push(*fact),
                Fact::Opt(fact) => {
                    self.opts.insert(fact.opt.number, fact);
                }
            }
        }
        let effects: Vec<Effect> = decision.effects().iter().map(stored).collect();
        self.effects.extend(effects.iter().cloned());

        let changes = decision.changes().to_vec();
        let reply = decision.release(Committed::by_store());
        let message = match &reply {
            Reply::Message(message) => Some(message),
            Reply::Push(push) => Some(&push.message),
            Reply::Empty | Reply::Forbidden => None,
        };
        if let Some(message) = message {
            let document = codec::encode(message);
            let decoded = codec::decode(&document, &codec::DecodeOptions::default()).unwrap();
            assert_eq!(decoded.message, **message);
            if let Message::DistributeEvent(distribute) = &**message {
                check_distribution(distribute);
            }
        }
        self.at = next;
        Outcome {
            changes,
            effects,
            reply,
        }
    }

    pub(super) fn send(&mut self, message: impl Into<Message>) -> Outcome {
        let input = self.input(message.into());
        self.run(&input, &[])
    }

    /// Lets the partition's deadline come.
    pub(super) fn deadline(&mut self) -> Outcome {
        let outcome = self.run(&Input::Deadline, &[]);
        assert!(
            Vtn::next_deadline(&self.at.state).is_none_or(|next| next > self.now),
            "a deadline that has come comes again"
        );
        outcome
    }

    pub(super) fn register(&mut self) -> CreatedPartyRegistration {
        let create = create("house");
        self.create(create)
    }

    pub(super) fn create(&mut self, create: CreatePartyRegistration) -> CreatedPartyRegistration {
        match self.send(create).message() {
            Message::CreatedPartyRegistration(created) => created,
            other => panic!("{other:?}"),
        }
    }

    /// Takes our metadata and answers them; the VEN's own do not matter here.
    pub(super) fn exchange_metadata(&mut self) {
        let message = self.poll();
        assert!(matches!(message, Message::RegisterReport(_)), "{message:?}");
        let answer = self.send(RegisteredReport {
            ei_response: ok(""),
            report_requests: Vec::new(),
            ven_id: Some(self.ven_id()),
        });
        assert!(matches!(answer.message(), Message::Response(_)));
    }

    pub(super) fn poll(&mut self) -> Message {
        self.poll_outcome().message()
    }

    pub(super) fn poll_outcome(&mut self) -> Outcome {
        let ven_id = self.ven_id();
        self.send(Poll { ven_id })
    }

    /// The events that a poll brings.
    pub(super) fn polled_events(&mut self) -> Vec<Seen> {
        match self.poll() {
            Message::DistributeEvent(distribute) => seen(&distribute),
            other => panic!("{other:?}"),
        }
    }

    /// Polls and finds nothing; says that this left no trace.
    pub(super) fn polls_in_vain(&mut self) -> bool {
        let outcome = self.poll_outcome();
        let is_empty = outcome.changes.is_empty();
        match outcome.message() {
            Message::Response(response) => {
                assert_eq!(response.ei_response.response_code, ResponseCode::OK);
                assert!(is_empty);
                true
            }
            _ => false,
        }
    }

    pub(super) fn request_events(&mut self, reply_limit: Option<u32>) -> DistributeEvent {
        let ven_id = self.ven_id();
        let outcome = self.send(RequestEvent {
            request: EiRequestEvent {
                request_id: RequestId::new("asked").unwrap(),
                ven_id,
                reply_limit,
            },
        });
        match outcome.message() {
            Message::DistributeEvent(distribute) => distribute,
            other => panic!("{other:?}"),
        }
    }

    /// Answers one event and returns the code of the answer to that.
    pub(super) fn answer(&mut self, event_id: &str, number: u32, opt: OptType) -> u16 {
        self.answer_outcome(event_id, number, opt).code()
    }

    pub(super) fn answer_outcome(&mut self, event_id: &str, number: u32, opt: OptType) -> Outcome {
        let ven_id = self.ven_id();
        self.send(created_event(
            ven_id,
            vec![event_response(event_id, number, opt)],
        ))
    }

    /// Makes a campaign and shows it to the VEN.
    pub(super) fn announce(&mut self, event_id: &str, draft: EventDraft) {
        let env = Env {
            now: self.now,
            entropy: [3; 32],
        };
        let body = EventBody::new(draft).unwrap();
        let campaign = Campaign::create(
            EventId::new(event_id).ok(),
            Audience::by_target(),
            body,
            env,
        );
        self.context.campaigns.push(Arc::new(campaign.unwrap()));
        self.context.version += 1;
    }

    pub(super) fn campaign(&self, event_id: &str) -> &Arc<Campaign> {
        self.context
            .campaigns
            .iter()
            .find(|c| c.event_id.as_str() == event_id)
            .unwrap()
    }

    pub(super) fn change_campaign(
        &mut self,
        event_id: &str,
        change: impl FnOnce(&Campaign) -> Result<Campaign, CampaignError>,
    ) {
        let changed = Arc::new(change(self.campaign(event_id)).unwrap());
        for campaign in &mut self.context.campaigns {
            if campaign.event_id.as_str() == event_id {
                *campaign = Arc::clone(&changed);
            }
        }
        self.context.version += 1;
    }

    pub(super) fn modify(&mut self, event_id: &str, change: impl FnOnce(&mut EventDraft)) {
        let now = self.now;
        let mut draft = self.campaign(event_id).body.to_draft();
        change(&mut draft);
        let body = EventBody::new(draft).unwrap();
        self.change_campaign(event_id, |campaign| campaign.modify(body, now));
    }

    pub(super) fn cancel(&mut self, event_id: &str) {
        let now = self.now;
        self.change_campaign(event_id, |campaign| campaign.cancel(now));
    }

    /// Takes the VEN out of the audience, or the campaign out of the world.
    pub(super) fn withdraw(&mut self, event_id: &str) -> Arc<Campaign> {
        let at = self
            .context
            .campaigns
            .iter()
            .position(|c| c.event_id.as_str() == event_id);
        self.context.version += 1;
        self.context.campaigns.remove(at.unwrap())
    }
}

impl Outcome {
    pub(super) fn message(self) -> Message {
        match self.reply {
            Reply::Message(message) => *message,
            Reply::Empty | Reply::Push(_) | Reply::Forbidden => panic!("no message"),
        }
    }

    /// The response code of the reply.
    pub(super) fn code(self) -> u16 {
        code_of(&self.message())
    }
}

/// What a VEN sees of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) event_id: String,
    pub(super) number: u32,
    pub(super) status: EventStatus,
}

pub(super) fn seen_event(event_id: &str, number: u32, status: EventStatus) -> Seen {
    Seen {
        event_id: event_id.to_owned(),
        number,
        status,
    }
}

pub(super) fn seen(distribute: &DistributeEvent) -> Vec<Seen> {
    distribute
        .events
        .iter()
        .map(|event| {
            let descriptor = &event.ei_event.descriptor;
            seen_event(
                descriptor.event_id.as_str(),
                descriptor.modification_number,
                descriptor.event_status,
            )
        })
        .collect()
}

/// What holds of every distribution (rules 2, 40, 41, 50, 63, 100 to 107, 115).
fn check_distribution(distribute: &DistributeEvent) {
    assert!(distribute.ei_response.is_some());
    assert!(!distribute.request_id.is_empty());
    let mut ids = BTreeSet::new();
    let mut created = BTreeSet::new();
    for event in &distribute.events {
        let event = &event.ei_event;
        assert!(ids.insert(event.descriptor.event_id.clone()));
        created.insert(event.descriptor.created);
        assert!(event.active_period.0.notification.is_some());
        assert!(!event.target.is_empty());
        assert!(event.target.ven_ids.len() <= 1);
        let is_modified = event.descriptor.modification_number > 0;
        assert_eq!(
            event.descriptor.modification_date_time.is_some(),
            is_modified
        );
        let mut signal_ids = BTreeSet::new();
        for signal in &event.signals.signals {
            assert!(signal_ids.insert(signal.signal_id.clone()));
            for (n, interval) in signal.intervals.iter().enumerate() {
                assert_eq!(interval.uid.as_ref().unwrap().as_str(), n.to_string());
                assert!(interval.start.is_none() && interval.duration.is_some());
            }
        }
    }
    assert!(created.len() <= 1);
}

/// A value as it comes back from storage.
fn stored<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

pub(super) fn code_of(message: &Message) -> u16 {
    let response = match message {
        Message::Response(m) => &m.ei_response,
        Message::CreatedPartyRegistration(m) => &m.ei_response,
        Message::CanceledPartyRegistration(m) => &m.ei_response,
        Message::DistributeEvent(m) => m.ei_response.as_ref().unwrap(),
        Message::CreatedOpt(m) => &m.ei_response,
        Message::CanceledOpt(m) => &m.ei_response,
        Message::RegisteredReport(m) => &m.ei_response,
        Message::CreatedReport(m) => &m.ei_response,
        Message::UpdatedReport(m) => &m.ei_response,
        Message::CanceledReport(m) => &m.ei_response,
        other => panic!("no response in {other:?}"),
    };
    response.response_code.get()
}

pub(super) fn ok(request_id: &str) -> EiResponse {
    EiResponse::ok(RequestId::new(request_id).unwrap())
}

pub(super) fn response(ven_id: &VenId) -> Response {
    Response {
        ei_response: ok(""),
        ven_id: Some(ven_id.clone()),
    }
}

pub(super) fn create(name: &str) -> CreatePartyRegistration {
    CreatePartyRegistration {
        request_id: RequestId::new("create-1").unwrap(),
        registration_id: None,
        ven_id: None,
        profile_name: ProfileName::B,
        transport_name: TransportName::SimpleHttp,
        transport_address: None,
        report_only: false,
        xml_signature: false,
        ven_name: Text::new(name).ok(),
        http_pull_model: Some(true),
    }
}

pub(super) fn event_response(event_id: &str, number: u32, opt: OptType) -> EventResponse {
    EventResponse {
        response_code: ResponseCode::OK,
        response_description: None,
        request_id: RequestId::default(),
        qualified_event_id: QualifiedEventId {
            event_id: EventId::new(event_id).unwrap(),
            modification_number: number,
        },
        opt_type: opt,
    }
}

pub(super) fn created_event(ven_id: VenId, responses: Vec<EventResponse>) -> CreatedEvent {
    CreatedEvent {
        created: EiCreatedEvent {
            ei_response: ok(""),
            event_responses: Some(EventResponses { responses }),
            ven_id,
        },
    }
}
