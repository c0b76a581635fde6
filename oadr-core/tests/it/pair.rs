//! A VTN and a VEN, both in memory, with a line between them that loses messages in both directions
//! and processes that die. Every message goes through the codec. Seeds are in the panic messages.

use chrono::TimeDelta;
use oadr_core::codec::{DecodeOptions, decode, encode};
use oadr_core::memory::{VenHost, VtnConfig, VtnHost};
use oadr_core::payload::{
    EventSignal, Interval, Message, MessageKind, Payload, ResponseCode, StreamPayload,
};
use oadr_core::value::{
    DateTime, Duration, EventId, Float, NonEmpty, OptType, ResponseRequired, SignalId, SignalName,
    SignalType, Text, VtnId,
};
use oadr_core::ven::{Command, Context, Effect, EndReason, Failure, Outgoing, Registration};
use oadr_core::vtn::{Audience, DeliveryStatus, EventBody, EventDraft, Reply};
use oadr_core::{Peer, Profile, vtn};

pub(super) fn noon() -> DateTime {
    "2026-01-05T12:00:00Z".parse().unwrap()
}

fn secs(n: i64) -> TimeDelta {
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

pub(super) struct Pair {
    pub(super) vtn: VtnHost,
    pub(super) ven: VenHost,
    pub(super) now: DateTime,
    pub(super) weather: Weather,
    seed: u64,
    draws: u64,
    /// What the VEN wants sent.
    sending: Option<Outgoing>,
    /// What the VEN's application was told.
    told: Vec<Effect>,
    /// The kinds of request and reply that were exchanged.
    dialogue: Vec<(MessageKind, Option<MessageKind>)>,
}

impl Pair {
    pub(super) fn new(seed: u64, weather: Weather) -> Self {
        let context = Context::new(Text::new("pair").unwrap());
        let mut ven = VenHost::new(context);
        ven.on_event(|_| (OptType::OptIn, None));
        let mut pair = Self {
            vtn: VtnHost::new(VtnConfig::new(VtnId::new("Vtn").unwrap())),
            ven,
            now: noon(),
            weather,
            seed,
            draws: seed,
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

    fn heard(&mut self, sending: Option<Outgoing>) {
        if sending.is_some() {
            self.sending = sending;
        }
        let effects = self.ven.take_effects();
        self.told
            .extend(effects.into_iter().map(|(_, effect)| effect));
    }

    /// The next thing that happens: a message travels, or time goes on to the next deadline.
    pub(super) fn step(&mut self) {
        match self.sending.take() {
            Some(outgoing) => self.travel(outgoing),
            None => {
                let deadlines = [self.ven.next_deadline(), self.vtn.next_deadline()];
                let next = deadlines.into_iter().flatten().min();
                let next = next.unwrap_or(self.now + secs(60));
                self.now = self.now.max(next);
                let entropy = self.entropy();
                self.vtn.wake(self.now, entropy);
                if self.ven.next_deadline().is_some_and(|due| due <= self.now) {
                    let entropy = self.entropy();
                    let sending = self.ven.wake(self.now, entropy);
                    self.heard(sending);
                }
            }
        }
    }

    fn travel(&mut self, outgoing: Outgoing) {
        // A VEN that dies with a request on its lips never hears the answer.
        let ven_dies = self.happens(self.weather.crashes);
        let request_lost = self.happens(self.weather.requests_lost);
        let reply_lost = self.happens(self.weather.replies_lost);
        self.now += TimeDelta::milliseconds(20);
        let reply = (!request_lost).then(|| self.ask_vtn(&outgoing.message));
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
            .handle(Peer::Unproven, Profile::B, request, self.now, entropy);
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

    fn has(&self, word: &str) -> bool {
        words(&self.told).iter().any(|told| told == word)
    }

    fn create(&mut self, body: EventBody) -> EventId {
        let entropy = self.entropy();
        let audience = Audience::by_target();
        let campaign = self
            .vtn
            .create_event(None, audience, body, self.now, entropy);
        campaign.unwrap().event_id.clone()
    }

    /// Whether the VTN has this answer to its latest version of an event.
    fn answered(&self, event_id: &EventId, opt: OptType) -> bool {
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

fn over_the_wire(message: &Message) -> Message {
    let octets = encode(message);
    let decoded = decode(&octets, &DecodeOptions::default()).unwrap();
    assert_eq!(decoded.message, *message);
    decoded.message
}

/// Levels 1 and 2, so many seconds each.
fn body(start: DateTime, seconds: u32) -> EventDraft {
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

fn words(effects: &[Effect]) -> Vec<String> {
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

#[test]
fn rule_405_the_two_speak_in_the_order_of_the_specification() {
    use MessageKind as K;
    let mut pair = Pair::new(1, CALM);
    pair.until("the first idle poll", |pair| {
        pair.dialogue.last() == Some(&(K::Poll, Some(K::Response)))
    });
    assert_eq!(
        pair.dialogue,
        [
            (K::QueryRegistration, Some(K::CreatedPartyRegistration)),
            (
                K::CreatePartyRegistration,
                Some(K::CreatedPartyRegistration)
            ),
            (K::RegisterReport, Some(K::RegisteredReport)),
            (K::RequestEvent, Some(K::DistributeEvent)),
            (K::Poll, Some(K::RegisterReport)),
            (K::RegisteredReport, Some(K::Response)),
            (K::Poll, Some(K::Response)),
        ]
    );
    pair.dialogue.clear();
    let event_id = pair.create(EventBody::new(body(pair.now + secs(60), 30)).unwrap());
    pair.until("the answer", |pair| {
        pair.answered(&event_id, OptType::OptIn)
    });
    pair.until("the next idle poll", |pair| {
        pair.dialogue.last() == Some(&(K::Poll, Some(K::Response)))
    });
    assert_eq!(
        pair.dialogue,
        [
            (K::Poll, Some(K::DistributeEvent)),
            (K::CreatedEvent, Some(K::Response)),
            (K::Poll, Some(K::Response)),
        ]
    );
    pair.dialogue.clear();
    pair.live(secs(200));
    // Idle but for the clock.
    assert!(
        pair.dialogue
            .iter()
            .all(|d| *d == (K::Poll, Some(K::Response)))
    );
    assert_eq!(
        words(&pair.told),
        [
            "registered again=false",
            "received 0",
            "sent 0 optIn",
            "started",
            "interval 0=1",
            "interval 1=2",
            "ended Completed"
        ]
    );
}

/// Register, event, modification, cancellation, another event to its end, registration again, the
/// end of the registration: in any weather everything happens, and is told once.
fn whole_life(seed: u64, weather: Weather) {
    let mut pair = Pair::new(seed, weather);
    pair.until("the registration", Pair::registered);

    let mut draft = body(pair.now + secs(7_200), 60);
    draft.start_after = Some(Duration::minutes(30));
    let first = pair.create(EventBody::new(draft.clone()).unwrap());
    pair.until("the answer", |pair| pair.answered(&first, OptType::OptIn));
    let offset = pair.ven.state().event(&first).unwrap().random_offset();

    draft.vtn_comment = Some(Text::new("later & longer").unwrap());
    draft.start += secs(600);
    let modified = EventBody::new(draft).unwrap();
    pair.vtn.modify_event(&first, modified, pair.now).unwrap();
    pair.until("the modification", |pair| {
        let version = pair
            .ven
            .state()
            .event(&first)
            .map(|e| e.modification_number());
        version == Some(1) && pair.answered(&first, OptType::OptIn)
    });
    pair.until("its acknowledgement", |pair| pair.has("sent 1 optIn"));
    let known = pair.ven.state().event(&first).unwrap();
    assert_eq!(known.random_offset(), offset, "seed {seed}");

    // The application thinks again.
    let entropy = pair.entropy();
    let change = Command::ChangeOpt {
        event_id: first.clone(),
        opt: OptType::OptOut,
    };
    let sending = pair.ven.command(&change, pair.now, entropy).unwrap();
    pair.heard(sending);
    pair.until("the change of mind", |pair| {
        pair.answered(&first, OptType::OptOut)
    });

    pair.vtn.cancel_event(&first, pair.now).unwrap();
    pair.until("the cancellation", |pair| {
        pair.ven.state().event(&first).is_none() && pair.answered(&first, OptType::OptIn)
    });
    assert!(pair.has("event cancelled implied=false"), "seed {seed}");

    let told = pair.told.len();
    let second = pair.create(EventBody::new(body(pair.now + secs(600), 60)).unwrap());
    pair.until("the end of the second event", |pair| {
        pair.has("ended Completed")
    });
    assert!(pair.answered(&second, OptType::OptIn), "seed {seed}");
    let life: Vec<_> = words(&pair.told[told..]);
    assert_eq!(
        life,
        [
            "received 0",
            "sent 0 optIn",
            "started",
            "interval 0=1",
            "interval 1=2",
            "ended Completed"
        ],
        "seed {seed}"
    );

    // The VTN wants to see the VEN again.
    let (key, _) = pair.vtn.ven("pair").unwrap();
    let entropy = pair.entropy();
    let command = vtn::Command::RequestReregistration;
    pair.vtn
        .command(Some(key), &command, pair.now, entropy)
        .unwrap();
    pair.until("the registration again", |pair| {
        pair.has("registered again=true")
    });
    pair.live(secs(300));

    let entropy = pair.entropy();
    let cancel = Command::CancelRegistration;
    let sending = pair.ven.command(&cancel, pair.now, entropy).unwrap();
    pair.heard(sending);
    pair.until("the end", |pair| pair.has("cancelled"));
    assert_eq!(pair.ven.state().events().count(), 0);
    let at_vtn = pair
        .vtn
        .ven("pair")
        .is_some_and(|(_, ven)| ven.registration().is_some());
    assert!(
        !at_vtn,
        "seed {seed}: the VTN still thinks it is registered"
    );

    // Nothing was told twice.
    let told = words(&pair.told);
    for word in [
        "registered again=false",
        "modified 1",
        "sent 1 optIn",
        "sent 1 optOut",
        "event cancelled implied=false",
        "started",
        "ended Completed",
        "cancelled",
    ] {
        let times = told.iter().filter(|told| *told == word).count();
        assert_eq!(times, 1, "seed {seed}: {word}: {told:#?}");
    }
    assert_eq!(told.iter().filter(|told| *told == "received 0").count(), 2);
}

#[test]
fn a_whole_life_in_calm_weather() {
    whole_life(0, CALM);
}

#[test]
fn a_whole_life_with_messages_lost_and_processes_dying() {
    for seed in 1..=40 {
        whole_life(seed, STORM);
    }
}

/// The VTN ends the registration while an event runs.
#[test]
fn rule_407_the_vtn_ends_the_registration_in_any_weather() {
    for seed in 1..=25 {
        let mut pair = Pair::new(seed, STORM);
        pair.until("the registration", Pair::registered);
        let now = pair.now;
        pair.create(EventBody::new(body(now + secs(1), 3_600)).unwrap());
        pair.until("the start", |pair| pair.has("started"));
        let (key, _) = pair.vtn.ven("pair").unwrap();
        let entropy = pair.entropy();
        let remove = vtn::Command::Remove;
        pair.vtn
            .command(Some(key), &remove, pair.now, entropy)
            .unwrap();
        // A process that starts again registers again, and gets the event once more.
        pair.weather.crashes = 0;
        pair.until("the end", |pair| pair.has("cancelled"));
        let ended = |effect: &&Effect| matches!(effect, Effect::EventEnded { .. });
        let unregistered = EndReason::Unregistered;
        assert!(
            matches!(
                pair.told.iter().rfind(ended),
                Some(Effect::EventEnded { reason, .. }) if *reason == unregistered
            ),
            "seed {seed}"
        );
        pair.live(secs(600));
        assert_eq!(*pair.ven.state().registration(), Registration::None);
        assert!(pair.vtn.ven("pair").is_none(), "seed {seed}");
    }
}
