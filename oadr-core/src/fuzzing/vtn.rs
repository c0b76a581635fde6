//! The VTN before any VENs: several of them, an operator and a clock, in any order.
//!
//! Knows nothing of the machine but its host in memory, which checks every decision on the way.

use chrono::TimeDelta;

use super::draft::{EVENT_IDS, draft};
use super::identity::{accounts, certificates, peer, policy, proof_of, signature};
use super::opt::{RESOURCES, create_opt, opt_id};
use super::vtn_pushes::Pushes;
use super::{entropy, numbers, over_the_wire, vtn_reports};
use crate::memory::{VtnConfig, VtnHost};
use crate::payload::arbitrary::{Arbitrary, Draws};
use crate::payload::{
    CancelOpt, CanceledReport, CreatePartyRegistration, CreatedEvent, CreatedReport,
    EiCreatedEvent, EiRequestEvent, EiResponse, EventResponse, EventResponses, Message,
    MessageKind, PendingReports, Poll, Profile as OfferedProfile, QualifiedEventId, RegisterReport,
    RequestEvent, ResponseCode, Transport, UpdateReport,
};
use crate::value::{
    DateTime, EventId, GroupId, NonEmpty, OptType, ProfileName, RegistrationId, RequestId,
    ResourceId, Text, TransportName, VenId, VtnId,
};
use crate::vtn::{
    Admission, Assignment, Audience, Command, EventBody, JidChange, RegistrationAnswer, Reply,
    ReportProgress, RequestedReport, SignatureChange, State, UnregisteredPoll, effective_opts,
};
use crate::{Peer, Profile};

const NAMES: &[&str] = &["house", "villa", "hut"];
/// More than a queue can hold that nobody adds to.
const LONGEST_QUEUE: usize = 32;
/// More opts than this are not remembered of a VEN.
const MOST_OPTS: usize = 128;

/// Lives through what the bytes say.
///
/// # Panics
/// A decision is unsound (see the module), a poll brings what is not for a poll, a queue cannot be
/// drained, an idle poll leaves a trace, or a deadline that has come comes again.
pub fn vtn(bytes: &[u8]) {
    let numbers = numbers(bytes);
    let mut draws = Draws::new(&numbers);
    let mut world = World::new(&mut draws);
    while !draws.is_exhausted() {
        world.happen(&mut draws);
        world.host.check_claims();
        world.host.take_effects();
    }
}

pub(super) struct World {
    pub(super) host: VtnHost,
    pub(super) pushes: Pushes,
    pub(super) lease: TimeDelta,
    pub(super) now: DateTime,
    pub(super) inputs: u64,
    last: Option<(Peer, Message, [u8; 32])>,
    /// Whether the last message was.
    is_forbidden: bool,
}

impl World {
    fn new(draws: &mut Draws<'_>) -> Self {
        let mut config = VtnConfig::new(VtnId::new("VTN").unwrap_or_default());
        config.admission = match draws.below(3) {
            0 => Admission::Open,
            1 => Admission::Enrolled,
            _ => Admission::Ask,
        };
        config.http_push = draws.below(8) > 0;
        let transports = [TransportName::SimpleHttp, TransportName::Xmpp];
        let transports = transports.map(|name| Transport { name }).to_vec();
        if let Ok(transports) = NonEmpty::try_from(transports) {
            let name = ProfileName::B;
            config.profiles = NonEmpty::one(OfferedProfile { name, transports });
        }
        if draws.flip() {
            config.push.give_up_after = TimeDelta::minutes(2);
        }
        let lease = config.push.lease;
        if draws.flip() {
            config.unregistered_poll = UnregisteredPoll::RequestReregistration;
        }
        let mut host = VtnHost::new(config);
        let mut moods = draws.number();
        host.on_registration(move |_| {
            moods = moods.rotate_right(3);
            // A few IDs only, so that they meet.
            let ven_id = match moods % 3 {
                0 => "ven-1",
                1 => "ven-2",
                _ => "house",
            };
            match moods % 8 {
                0 => RegistrationAnswer::Refuse,
                1 | 2 => RegistrationAnswer::Accept {
                    ven_id: None,
                    registration_id: None,
                },
                _ => RegistrationAnswer::Accept {
                    ven_id: VenId::new(ven_id).ok(),
                    registration_id: RegistrationId::new("reg-1").ok(),
                },
            }
        });
        Self {
            host,
            pushes: Pushes::default(),
            lease,
            now: DateTime::UNIX_EPOCH + TimeDelta::days(20_000),
            inputs: 0,
            last: None,
            is_forbidden: false,
        }
    }

    fn happen(&mut self, draws: &mut Draws<'_>) {
        match draws.below(19) {
            15..=17 => self.push_ends(draws),
            0 | 1 => {
                let (peer, ven_id) = self.somebody(draws);
                self.poll(peer, ven_id);
            }
            2 => self.drain(draws),
            3 => self.register(draws),
            4 => self.answer(draws),
            5 => {
                let seconds = i64::try_from(draws.below(4_000)).unwrap_or_default();
                self.now += TimeDelta::seconds(seconds);
                self.wake();
            }
            6 => {
                if let Some(deadline) = self.host.next_deadline() {
                    // Open ends lie beyond any clock.
                    let year = TimeDelta::days(366);
                    self.now = self.now.max(deadline.min(self.now + year));
                    self.wake();
                }
            }
            7 => self.announce(draws),
            8 => self.modify(draws),
            9 => {
                // Refused or not, it must not break anything.
                let _ = self.host.cancel_event(&event_id(draws), self.now);
            }
            10 => self.command(draws),
            11 => {
                let (peer, ven_id) = self.somebody(draws);
                let request = EiRequestEvent {
                    request_id: RequestId::default(),
                    ven_id,
                    reply_limit: Option::<u32>::arbitrary(draws),
                };
                self.send(peer, RequestEvent { request });
            }
            12 => {
                if let Some((peer, message, entropy)) = self.last.clone() {
                    self.say(peer, message, entropy);
                }
            }
            13 => self.report(draws),
            14 => self.opt(draws),
            _ => self.anything(draws),
        }
    }

    /// A VEN that is known, or not; mostly with the proof that it once gave.
    fn somebody(&self, draws: &mut Draws<'_>) -> (Peer, VenId) {
        let place = draws.below(4);
        let known = self.host.vens().nth(place).map(|(_, state)| state);
        let peer = match draws.below(8) {
            0 => peer(draws),
            _ => known.map_or(Peer::Unproven, proof_of),
        };
        let stranger = || VenId::new("ven-1").unwrap_or_default();
        let ven_id = known.and_then(State::ven_id).cloned();
        (peer, ven_id.unwrap_or_else(stranger))
    }

    fn send(&mut self, peer: Peer, message: impl Into<Message>) -> Option<Message> {
        let entropy = entropy(&mut self.inputs);
        self.say(peer, message.into(), entropy)
    }

    fn say(&mut self, peer: Peer, message: Message, entropy: [u8; 32]) -> Option<Message> {
        self.last = Some((peer.clone(), message.clone(), entropy));
        let signature = signature(&peer, self.now, self.inputs, entropy);
        let before = self.states();
        let now = self.now;
        let reply = self
            .host
            .handle_signed(peer, Profile::B, message, signature, now, entropy);
        self.is_forbidden = reply == Reply::Forbidden;
        assert!(
            !matches!(reply, Reply::Push(_)),
            "a push is the answer to a message"
        );
        match reply {
            Reply::Message(message) => Some(over_the_wire(&message)),
            Reply::Empty | Reply::Push(_) => None,
            Reply::Forbidden => {
                assert_eq!(self.states(), before, "what is forbidden has an effect");
                None
            }
        }
    }

    fn states(&self) -> Vec<State> {
        self.host.vens().map(|(_, state)| state.clone()).collect()
    }

    /// Rule 500: one payload, of a kind that a poll may bring. Says whether there was anything.
    fn poll(&mut self, peer: Peer, ven_id: VenId) -> bool {
        use MessageKind as K;
        let reply = self.send(peer, Poll { ven_id });
        if self.is_forbidden {
            return false;
        }
        let kind = reply.as_ref().map(Message::kind);
        assert!(
            matches!(
                kind,
                Some(
                    K::Response
                        | K::DistributeEvent
                        | K::CreateReport
                        | K::RegisterReport
                        | K::CancelReport
                        | K::UpdateReport
                        | K::CancelPartyRegistration
                        | K::RequestReregistration
                )
            ),
            "a poll brought {reply:?}"
        );
        kind != Some(K::Response)
    }

    /// Draining a queue never brings the same thing twice, so it comes to an end; and then polling
    /// leaves no trace.
    fn drain(&mut self, draws: &mut Draws<'_>) {
        let (peer, ven_id) = self.somebody(draws);
        let mut polls = 0;
        while self.poll(peer.clone(), ven_id.clone()) {
            polls += 1;
            // Who is not registered hears it as often as it polls (quirk Q23).
            if self
                .host
                .vens()
                .all(|(_, state)| state.registration().is_none())
            {
                return;
            }
            assert!(polls < LONGEST_QUEUE, "a queue without an end");
            if self.is_unregistered(&peer, &ven_id) {
                return;
            }
        }
        if self.is_forbidden {
            return;
        }
        let before = self.states();
        assert!(!self.poll(peer, ven_id), "something came from nowhere");
        assert_eq!(before, self.states(), "an idle poll left a trace");
    }

    fn is_unregistered(&self, peer: &Peer, ven_id: &VenId) -> bool {
        let ven = self.host.vens().find(|(_, ven)| match peer {
            Peer::Certificate(hash) => ven.has_certificate(hash),
            Peer::Jid(jid) => ven.jid() == Some(jid.account()),
            Peer::Unproven => ven.ven_id() == Some(ven_id),
        });
        ven.is_none_or(|(_, ven)| ven.registration().is_none())
    }

    fn register(&mut self, draws: &mut Draws<'_>) {
        let (known_peer, known_id) = self.somebody(draws);
        let registered = self.host.vens().find_map(|(_, ven)| ven.registration());
        let registration_id = registered.map(|r| r.registration_id.clone());
        let create = CreatePartyRegistration {
            request_id: RequestId::default(),
            registration_id: registration_id.filter(|_| draws.flip()),
            ven_id: draws.flip().then_some(known_id),
            profile_name: if draws.below(8) == 1 {
                ProfileName::arbitrary(draws)
            } else {
                ProfileName::B
            },
            transport_name: match draws.below(3) {
                0 => TransportName::Xmpp,
                _ => TransportName::SimpleHttp,
            },
            transport_address: match draws.below(4) {
                0 => Some(Text::arbitrary(draws)),
                1 => None,
                _ => Text::new("house@vtn.example/client").ok(),
            },
            report_only: draws.below(8) == 1,
            xml_signature: draws.flip(),
            ven_name: draws.pick(NAMES).and_then(|name| Text::new(name).ok()),
            http_pull_model: Some(draws.flip()),
        };
        let peer = if draws.flip() {
            peer(draws)
        } else {
            known_peer
        };
        self.send(peer, create);
    }

    fn answer(&mut self, draws: &mut Draws<'_>) {
        let (peer, ven_id) = self.somebody(draws);
        let mut responses = Vec::new();
        for _ in 0..=draws.below(3) {
            let event_id = event_id(draws);
            let sent = self
                .host
                .deliveries()
                .find(|fact| fact.event_id == event_id);
            let latest = sent.map_or(0, |fact| fact.modification_number);
            let modification_number = match draws.below(4) {
                0 => u32::arbitrary(draws),
                _ => latest,
            };
            responses.push(EventResponse {
                response_code: match draws.below(4) {
                    0 => ResponseCode::arbitrary(draws),
                    _ => ResponseCode::OK,
                },
                response_description: None,
                request_id: RequestId::default(),
                qualified_event_id: QualifiedEventId {
                    event_id,
                    modification_number,
                },
                opt_type: OptType::arbitrary(draws),
            });
        }
        let created = EiCreatedEvent {
            ei_response: EiResponse::ok(RequestId::default()),
            event_responses: Some(EventResponses { responses }),
            ven_id,
        };
        self.send(peer, CreatedEvent { created });
    }

    /// A VEN opts in or out, or takes that back; what it comes to is looked at.
    fn opt(&mut self, draws: &mut Draws<'_>) {
        let (peer, ven_id) = self.somebody(draws);
        if draws.below(4) == 0 {
            let cancel = CancelOpt {
                request_id: RequestId::default(),
                opt_id: opt_id(draws),
                ven_id,
            };
            self.send(peer, cancel);
        } else {
            let facts: Vec<_> = self.host.deliveries().cloned().collect();
            let number_of = |event_id: &EventId| {
                let sent = facts.iter().find(|fact| fact.event_id == *event_id);
                sent.map_or(0, |fact| fact.modification_number)
            };
            let create = create_opt(self.now, ven_id, number_of, draws);
            self.send(peer, create);
        }
        let precedence = OptType::arbitrary(draws);
        for (_, state) in self.host.vens() {
            assert!(state.opts().count() <= MOST_OPTS, "opts pile up");
            for campaign in self.host.campaigns() {
                let body = &campaign.body;
                let effective = effective_opts(state, &campaign.event_id, body, precedence);
                let whole = effective
                    .first()
                    .map(|opt| (&opt.resource, &opt.device_class));
                assert_eq!(whole, Some((&None, &None)));
                for opt in &effective {
                    assert_eq!(opt.opt.is_some(), opt.since.is_some());
                }
            }
        }
    }

    /// Anything that can be read; mostly from a VEN that is known.
    fn anything(&mut self, draws: &mut Draws<'_>) {
        let (peer, ven_id) = self.somebody(draws);
        let kind = draws.pick(MessageKind::ALL).unwrap_or(MessageKind::Poll);
        let mut message = Message::arbitrary(kind, draws);
        if draws.below(4) > 0 {
            give_ven_id(&mut message, ven_id);
        }
        self.send(peer, message);
    }

    /// Something about reports: from a VEN that is known, or about it.
    fn report(&mut self, draws: &mut Draws<'_>) {
        let now = self.now;
        // Nobody else has any.
        let place = draws.below(2);
        let is_registered = |(_, ven): &(u64, &State)| ven.registration().is_some();
        let ven = self.host.vens().filter(is_registered).nth(place);
        let (key, state) = (ven.map(|(key, _)| key), ven.map(|(_, state)| state));
        let (peer, ven_id) = match state.and_then(|ven| Some((proof_of(ven), ven.ven_id()?))) {
            Some((peer, ven_id)) => (peer, ven_id.clone()),
            None => self.somebody(draws),
        };
        // Of whatever was sent last, or of nothing at all.
        let request_id = state.and_then(|state| {
            let sent = |known: &RequestedReport| match &known.progress {
                ReportProgress::Sent { request_id, .. } => Some(request_id.clone()),
                ReportProgress::Cancelling(cancelling) => Some(cancelling.request_id.clone()),
                ReportProgress::Unoffered
                | ReportProgress::Waiting { .. }
                | ReportProgress::Accepted
                | ReportProgress::Refused { .. }
                | ReportProgress::Over { .. } => None,
            };
            state.report_requests().filter_map(sent).nth(draws.below(3))
        });
        let ei_response = EiResponse {
            response_code: match draws.below(3) {
                0 => ResponseCode::arbitrary(draws),
                _ => ResponseCode::OK,
            },
            response_description: None,
            request_id: request_id.unwrap_or_default(),
        };
        let pending_reports = PendingReports {
            report_request_ids: vec![vtn_reports::known(state, draws)],
        };
        let ven_id = Some(ven_id);
        let message: Message = match draws.below(6) {
            0 => RegisterReport {
                request_id: RequestId::default(),
                reports: vtn_reports::offers(now, draws),
                ven_id,
                report_request_id: draws.flip().then(|| vtn_reports::known(state, draws)),
            }
            .into(),
            1 => UpdateReport {
                request_id: RequestId::default(),
                reports: vtn_reports::data(state, now, draws),
                ven_id,
            }
            .into(),
            2 => CreatedReport {
                ei_response,
                pending_reports,
                ven_id,
            }
            .into(),
            3 => CanceledReport {
                ei_response,
                pending_reports,
                ven_id,
            }
            .into(),
            4 => {
                let command = vtn_reports::command(state, now, draws);
                let entropy = entropy(&mut self.inputs);
                let _ = self.host.command(key, &command, now, entropy);
                return;
            }
            _ => {
                let policies = vtn_reports::policies(draws);
                self.host.set_report_policies(policies);
                return;
            }
        };
        self.send(peer, message);
    }

    fn announce(&mut self, draws: &mut Draws<'_>) {
        let event_id = draws.flip().then(|| event_id(draws));
        let names = draws.below(3);
        let audience = match draws.below(3) {
            0 => Audience::of(NAMES.iter().take(names).filter_map(|n| Text::new(n).ok())),
            _ => Audience::by_target(),
        };
        // The number of events is an operator's to bound.
        if self.host.campaigns().count() < LONGEST_QUEUE / 4
            && let Ok(body) = EventBody::new(draft(self.now, draws))
        {
            let entropy = entropy(&mut self.inputs);
            let _ = self
                .host
                .create_event(event_id, audience, body, self.now, entropy);
        }
    }

    fn modify(&mut self, draws: &mut Draws<'_>) {
        let event_id = event_id(draws);
        let Some(campaign) = self.host.campaign(&event_id) else {
            return;
        };
        let mut draft = campaign.body.to_draft();
        if draws.flip() {
            draft = super::draft::draft(self.now, draws);
        } else {
            draft.priority = Option::<u32>::arbitrary(draws);
            draft.target = super::draft::target(draws);
        }
        if let Ok(body) = EventBody::new(draft) {
            let _ = self.host.modify_event(&event_id, body, self.now);
        }
    }

    fn command(&mut self, draws: &mut Draws<'_>) {
        let place = draws.below(4);
        let ven = self.host.vens().nth(place).map(|(key, _)| key);
        let (ven, command) = match draws.below(6) {
            5 => {
                let dead_letter = draws.flip().then_some(1);
                (ven, Command::RetryPush { dead_letter })
            }
            0 => (ven, Command::Remove),
            1 => (ven, Command::RequestReregistration),
            2 => {
                let assign = Command::Assign {
                    groups: Assignment::default(),
                    resources: Assignment::default(),
                    certificates: Assignment::Change {
                        add: certificates(draws),
                        remove: certificates(draws),
                    },
                    signatures: policy(draws)
                        .map_or(SignatureChange::AsConfigured, SignatureChange::Own),
                    jid: match draws.below(4) {
                        0 => JidChange::Remove,
                        1 => accounts(draws).map_or(JidChange::Keep, JidChange::Is),
                        _ => JidChange::Keep,
                    },
                };
                (ven, assign)
            }
            _ => {
                let name = draws.pick(NAMES).unwrap_or_default();
                let enrol = Command::Enrol {
                    ven_name: Text::new(name).unwrap_or_default(),
                    ven_id: draws.flip().then(|| VenId::arbitrary(draws)),
                    groups: vec![GroupId::new("g").unwrap_or_default()],
                    resources: RESOURCES
                        .iter()
                        .filter_map(|id| ResourceId::new(id).ok())
                        .collect(),
                    certificates: certificates(draws),
                    signatures: policy(draws),
                    jid: accounts(draws).filter(|_| draws.flip()),
                };
                (None, enrol)
            }
        };
        let entropy = entropy(&mut self.inputs);
        let _ = self.host.command(ven, &command, self.now, entropy);
    }
}

fn event_id(draws: &mut Draws<'_>) -> EventId {
    EventId::new(draws.pick(EVENT_IDS).unwrap_or_default()).unwrap_or_default()
}

/// Puts the sender's own ID where the message has one.
fn give_ven_id(message: &mut Message, ven_id: VenId) {
    match message {
        Message::QueryRegistration(_)
        | Message::CreatedOpt(_)
        | Message::CanceledOpt(_)
        | Message::DistributeEvent(_) => {}
        Message::CreatePartyRegistration(m) => m.ven_id = Some(ven_id),
        Message::CreatedPartyRegistration(m) => m.ven_id = Some(ven_id),
        Message::CancelPartyRegistration(m) => m.ven_id = Some(ven_id),
        Message::CanceledPartyRegistration(m) => m.ven_id = Some(ven_id),
        Message::RequestReregistration(m) => m.ven_id = ven_id,
        Message::Response(m) => m.ven_id = Some(ven_id),
        Message::RequestEvent(m) => m.request.ven_id = ven_id,
        Message::CreatedEvent(m) => m.created.ven_id = ven_id,
        Message::CreateOpt(m) => m.ven_id = ven_id,
        Message::CancelOpt(m) => m.ven_id = ven_id,
        Message::RegisterReport(m) => m.ven_id = Some(ven_id),
        Message::RegisteredReport(m) => m.ven_id = Some(ven_id),
        Message::CreateReport(m) => m.ven_id = Some(ven_id),
        Message::CreatedReport(m) => m.ven_id = Some(ven_id),
        Message::UpdateReport(m) => m.ven_id = Some(ven_id),
        Message::UpdatedReport(m) => m.ven_id = Some(ven_id),
        Message::CancelReport(m) => m.ven_id = Some(ven_id),
        Message::CanceledReport(m) => m.ven_id = Some(ven_id),
        Message::Poll(m) => m.ven_id = ven_id,
    }
}
