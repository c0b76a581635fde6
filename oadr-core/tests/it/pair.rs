//! A VTN and a VEN, both in memory, with a line between them that loses messages in both directions
//! and processes that die; polled, pushed over HTTP or over XMPP. Every message goes through the codec.
//! Seeds are in the panic messages.

use std::collections::VecDeque;

use chrono::TimeDelta;
use oadr_core::codec::{DecodeOptions, decode, encode};
use oadr_core::memory::{VenHost, VtnConfig, VtnHost};
use oadr_core::payload::{
    EventSignal, Interval, Message, MessageKind, Payload, ResponseCode, StreamPayload, Transport,
};
use oadr_core::value::{
    DateTime, Duration, EventId, Float, NonEmpty, OptType, ResponseRequired, SignalId, SignalName,
    SignalType, Text, TransportName, VtnId,
};
use oadr_core::ven::{Context, Effect, Failure, Outgoing, PushReply, Registration};
use oadr_core::vtn::{
    Audience, DeliveryStatus, EventBody, EventDraft, Push, PushFailure, PushFault, PushOutcome,
    Reply,
};
use oadr_core::{Peer, Profile};

pub(super) fn noon() -> DateTime {
    "2026-01-05T12:00:00Z".parse().unwrap()
}

pub(super) fn secs(n: i64) -> TimeDelta {
    TimeDelta::seconds(n)
}

/// How bad the world is, in percent of all messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    pub(super) requests_lost: u64,
    pub(super) replies_lost: u64,
    pub(super) crashes: u64,
}

pub(super) const CALM: Weather = Weather {
    requests_lost: 0,
    replies_lost: 0,
    crashes: 0,
};
pub(super) const STORM: Weather = Weather {
    requests_lost: 20,
    replies_lost: 20,
    crashes: 10,
};

/// How the two reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Pull,
    Push,
    Xmpp,
}

impl Way {
    pub(super) const ALL: [Self; 3] = [Self::Pull, Self::Push, Self::Xmpp];

    pub(super) fn context(self) -> Context {
        let mut context = Context::new(Text::new("pair").unwrap());
        let address = match self {
            Self::Pull => None,
            Self::Push => Some("https://pair.example"),
            Self::Xmpp => {
                context.transport = TransportName::Xmpp;
                Some("pair@vtn.example/client")
            }
        };
        context.transport_address = address.map(|text| Text::new(text).unwrap());
        context
    }

    /// Who the VTN sees.
    fn peer(self) -> Peer {
        match self {
            Self::Pull | Self::Push => Peer::Unproven,
            Self::Xmpp => Peer::Jid("pair@vtn.example/client".parse().unwrap()),
        }
    }
}

pub(super) struct Pair {
    pub(super) vtn: VtnHost,
    pub(super) ven: VenHost,
    pub(super) now: DateTime,
    pub(super) weather: Weather,
    pub(super) way: Way,
    seed: u64,
    draws: u64,
    /// What the VTN wants pushed.
    pushing: VecDeque<(u64, Push)>,
    /// What the VEN wants sent.
    sending: Option<Outgoing>,
    /// What the VEN's application was told.
    pub(super) told: Vec<Effect>,
    /// The kinds of request and reply that were exchanged.
    pub(super) dialogue: Vec<(MessageKind, Option<MessageKind>)>,
}

impl Pair {
    pub(super) fn new(seed: u64, weather: Weather) -> Self {
        Self::by(Way::Pull, seed, weather)
    }

    pub(super) fn by(way: Way, seed: u64, weather: Weather) -> Self {
        let mut ven = VenHost::new(way.context());
        ven.on_event(|_| (OptType::OptIn, None));
        let mut pair = Self {
            vtn: VtnHost::new(config()),
            ven,
            now: noon(),
            weather,
            way,
            seed,
            draws: seed,
            pushing: VecDeque::new(),
            sending: None,
            told: Vec::new(),
            dialogue: Vec::new(),
        };
        let entropy = pair.entropy();
        let sending = pair.ven.start(pair.now, entropy);
        pair.heard(sending);
        pair
    }

    /// splitmix64.
    fn draw(&mut self) -> u64 {
        self.draws = self.draws.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.draws;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn entropy(&mut self) -> [u8; 32] {
        let mut entropy = [0; 32];
        for bytes in entropy.chunks_exact_mut(8) {
            bytes.copy_from_slice(&self.draw().to_be_bytes());
        }
        entropy
    }

    fn happens(&mut self, percent: u64) -> bool {
        self.draw() % 100 < percent
    }

    /// The VTN loses all that it knows.
    pub(super) fn forget(&mut self) {
        self.vtn = VtnHost::new(config());
        self.pushing.clear();
    }

    pub(super) fn heard(&mut self, sending: Option<Outgoing>) {
        if sending.is_some() {
            self.sending = sending;
        }
        let effects = self.ven.take_effects();
        self.told
            .extend(effects.into_iter().map(|(_, effect)| effect));
    }

    /// The next thing that happens: a message travels, or time goes on to the next deadline.
    pub(super) fn step(&mut self) {
        if !self.pushing.is_empty() && (self.sending.is_none() || self.happens(50)) {
            return self.push();
        }
        match self.sending.take() {
            Some(outgoing) => self.travel(outgoing),
            None => {
                let deadlines = [self.ven.next_deadline(), self.vtn.next_deadline()];
                let next = deadlines.into_iter().flatten().min();
                // Not past what is waited for.
                let soon = self.now + secs(60);
                self.now = self.now.max(next.map_or(soon, |next| next.min(soon)));
                self.wake_vtn();
                if self.ven.next_deadline().is_some_and(|due| due <= self.now) {
                    let entropy = self.entropy();
                    let sending = self.ven.wake(self.now, entropy);
                    self.heard(sending);
                }
            }
        }
    }

    fn wake_vtn(&mut self) {
        let entropy = self.entropy();
        let pushes = self.vtn.wake(self.now, entropy);
        self.pushing.extend(pushes);
    }

    /// What the VTN wants pushed first arrives or does not, and the VTN hears of it or does not.
    fn push(&mut self) {
        let Some((key, push)) = self.pushing.pop_front() else {
            return;
        };
        let failed = |fault| {
            PushOutcome::Failed(PushFailure {
                fault,
                detail: Text::default(),
                retry_after: None,
            })
        };
        let ven_dies = self.happens(self.weather.crashes);
        let push_lost = self.happens(self.weather.requests_lost);
        let reply_lost = self.happens(self.weather.replies_lost);
        self.now += TimeDelta::milliseconds(20);
        let mut outcome = failed(PushFault::Unreachable);
        if !push_lost {
            let entropy = self.entropy();
            let message = over_the_wire(&push.message);
            let (reply, sending) = self.ven.pushed(message, self.now, entropy);
            self.heard(sending);
            let reply = match reply {
                PushReply::Message(message) => Some(over_the_wire(&message)),
                PushReply::Empty => None,
            };
            let kinds = (push.message.kind(), reply.as_ref().map(Message::kind));
            self.dialogue.push(kinds);
            outcome = match reply {
                _ if reply_lost || ven_dies => failed(PushFault::TimedOut),
                Some(message) => PushOutcome::Replied {
                    profile: Profile::B,
                    message: Box::new(message),
                    signature: None,
                },
                None => PushOutcome::Acknowledged,
            };
        }
        if ven_dies {
            self.now += secs(1);
            let entropy = self.entropy();
            self.sending = self.ven.start(self.now, entropy);
            self.heard(None);
        }
        // A VTN that died does not know how it went, but for the time that it took.
        if !self.happens(self.weather.crashes) {
            let entropy = self.entropy();
            let next = self.vtn.pushed(key, push.id, outcome, self.now, entropy);
            self.pushing.extend(next.map(|push| (key, push)));
        }
    }

    fn travel(&mut self, outgoing: Outgoing) {
        // A VEN that dies with a request on its lips never hears the answer.
        let ven_dies = self.happens(self.weather.crashes);
        let request_lost = self.happens(self.weather.requests_lost);
        let reply_lost = self.happens(self.weather.replies_lost);
        self.now += TimeDelta::milliseconds(20);
        let reply = (!request_lost).then(|| self.ask_vtn(&outgoing.message));
        // What is pushed meanwhile overtakes the reply.
        if self.way != Way::Pull && !ven_dies && self.happens(self.weather.requests_lost) {
            self.wake_vtn();
            let crashes = std::mem::take(&mut self.weather.crashes);
            self.push();
            self.weather.crashes = crashes;
        }
        let entropy = self.entropy();
        let sending = match reply {
            _ if ven_dies => {
                self.now += secs(1);
                self.ven.start(self.now, entropy)
            }
            Some(reply) if !reply_lost => {
                self.ven
                    .replied(outgoing.exchange, reply, self.now, entropy)
            }
            Some(_) | None => {
                self.now += secs(5);
                let failure = Failure::Unreachable;
                self.ven
                    .failed(outgoing.exchange, failure, self.now, entropy)
            }
        };
        self.heard(sending);
    }

    fn ask_vtn(&mut self, message: &Message) -> Option<Message> {
        let entropy = self.entropy();
        let request = over_the_wire(message);
        let kind = request.kind();
        let reply = self
            .vtn
            .handle(self.way.peer(), Profile::B, request, self.now, entropy);
        let reply = match reply {
            Reply::Message(message) => Some(over_the_wire(&message)),
            Reply::Empty | Reply::Push(_) | Reply::Forbidden => None,
        };
        self.dialogue
            .push((kind, reply.as_ref().map(Message::kind)));
        reply
    }

    /// Lives on until something holds; it has to within half an hour.
    pub(super) fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let give_up = self.now + secs(1_800);
        while !holds(self) {
            assert!(
                self.now < give_up,
                "seed {}: {what} never happened; told: {:#?}",
                self.seed,
                words(&self.told)
            );
            self.step();
        }
    }

    pub(super) fn live(&mut self, span: TimeDelta) {
        let until = self.now + span;
        while self.now < until {
            self.step();
        }
    }

    pub(super) fn has(&self, word: &str) -> bool {
        words(&self.told).iter().any(|told| told == word)
    }

    pub(super) fn create(&mut self, body: EventBody) -> EventId {
        let entropy = self.entropy();
        let audience = Audience::by_target();
        let campaign = self
            .vtn
            .create_event(None, audience, body, self.now, entropy);
        campaign.unwrap().event_id.clone()
    }

    /// Whether the VTN has this answer to its latest version of an event.
    pub(super) fn answered(&self, event_id: &EventId, opt: OptType) -> bool {
        let (key, _) = self.vtn.ven("pair").unwrap();
        self.vtn.delivery(key, event_id).is_some_and(|delivery| {
            delivery.status == DeliveryStatus::Answered
                && delivery.opt == Some(opt)
                && delivery.response_code == Some(ResponseCode::OK)
        })
    }

    pub(super) fn registered(&self) -> bool {
        matches!(self.ven.state().registration(), Registration::Registered(_))
    }
}

fn config() -> VtnConfig {
    let mut config = VtnConfig::new(VtnId::new("Vtn").unwrap());
    for profile in config.profiles.iter_mut() {
        profile.transports.push(Transport {
            name: TransportName::Xmpp,
        });
    }
    config
}

fn over_the_wire(message: &Message) -> Message {
    let octets = encode(message);
    let decoded = decode(&octets, &DecodeOptions::default()).unwrap();
    assert_eq!(decoded.message, *message);
    decoded.message
}

/// Levels 1 and 2, so many seconds each.
pub(super) fn body(start: DateTime, seconds: u32) -> EventDraft {
    let interval = |value: f64| Interval {
        start: None,
        duration: Some(Duration::seconds(seconds)),
        uid: None,
        payloads: NonEmpty::one(StreamPayload::Signal(Payload::Float(Float::from(value)))),
    };
    EventDraft {
        market_context: "http://example.com/dr".parse().unwrap(),
        priority: None,
        test_event: None,
        vtn_comment: None,
        response_required: ResponseRequired::Always,
        start,
        duration: None,
        start_after: None,
        notification: None,
        ramp_up: None,
        recovery: None,
        signals: vec![EventSignal {
            intervals: vec![interval(1.0), interval(2.0)].try_into().unwrap(),
            target: None,
            signal_name: SignalName::Simple,
            signal_type: SignalType::Level,
            signal_id: SignalId::new("level").unwrap(),
            item_base: None,
            current_value: None,
        }],
        baseline: None,
        target: None,
        modification_reason: None,
    }
}

pub(super) fn words(effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Registered { again, .. } => Some(format!("registered again={again}")),
            Effect::RegistrationCancelled { .. } => Some("cancelled".to_owned()),
            Effect::EventReceived { event, .. } => {
                Some(format!("received {}", event.descriptor.modification_number))
            }
            Effect::EventModified { event, .. } => {
                Some(format!("modified {}", event.descriptor.modification_number))
            }
            Effect::EventCancelled { implied, .. } => {
                Some(format!("event cancelled implied={implied}"))
            }
            Effect::OptSent {
                modification_number,
                opt,
                ..
            } => Some(format!("sent {modification_number} {opt}")),
            Effect::EventStarted { .. } => Some("started".to_owned()),
            Effect::IntervalStarted {
                interval, payload, ..
            } => Some(format!("interval {interval}={payload}")),
            Effect::EventEnded { reason, .. } => Some(format!("ended {reason:?}")),
            Effect::RegistrationRefused { .. } | _ => None,
        })
        .collect()
}
