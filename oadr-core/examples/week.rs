//! A week of demand response in milliseconds: `cargo run --release -p oadr-core --example week`.
//!
//! A VTN and a VEN in memory, every message through the codec, and a clock that jumps from one deadline
//! to the next. On the way the operator modifies and cancels, the application opts out and thinks
//! again, messages are lost, and the VEN's process dies and comes back from what was committed.

use std::error::Error;

use chrono::TimeDelta;
use oadr_core::codec::{DecodeOptions, decode, encode};
use oadr_core::memory::{VenHost, VtnConfig, VtnHost};
use oadr_core::payload::{EventSignal, Interval, Message, Payload, StreamPayload};
use oadr_core::value::{
    DateTime, Duration, EventId, Float, NonEmpty, OptType, ResponseRequired, SignalId, SignalName,
    SignalType, Text, VtnId,
};
use oadr_core::ven::{Command, Context, Effect, Failure, OptPolicy, Outgoing};
use oadr_core::vtn::{Audience, DeliveryStatus, EventBody, EventDraft, Reply};
use oadr_core::{Peer, Profile};

type Failed = Box<dyn Error>;

fn main() -> Result<(), Failed> {
    #[expect(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "how long it took; nobody decides by it"
    )]
    let began = std::time::Instant::now();
    let week = live()?;
    let took = began.elapsed();
    print!("{}", week.diary);
    println!(
        "a week, {} events, {} of them answered, {} requests, {} of them or their replies lost: {} ms",
        week.events.len(),
        week.answered(),
        week.requests,
        week.lost,
        took.as_millis()
    );
    Ok(())
}

/// Two events a day, and something happens to one of them on most days.
fn live() -> Result<Week, Failed> {
    let mut week = Week::begin()?;
    for day in 0..7 {
        let at = |hours: i64, minutes: i64| {
            week.monday + TimeDelta::hours(24 * day + hours) + TimeDelta::minutes(minutes)
        };
        let (six, seven, quarter_past_nine, noon) = (at(6, 0), at(7, 0), at(9, 15), at(12, 0));
        let (nine, eighteen, nineteen) = (at(9, 0), at(18, 0), at(19, 0));

        week.until(six)?;
        let morning = week.announce(nine)?;
        let evening = week.announce(eighteen)?;
        week.until(seven)?;
        match day {
            0 => {
                week.note("operator: the evening begins an hour later");
                week.vtn.modify_event(&evening, body(nineteen)?, week.now)?;
            }
            1 => {
                week.note("operator: not this evening");
                week.vtn.cancel_event(&evening, week.now)?;
            }
            2 | 3 => week.change_opt(&evening, OptType::OptOut)?,
            _ => {}
        }
        week.until(quarter_past_nine)?;
        if day == 4 {
            week.note("the VEN's process dies in the middle of an event, and comes back");
            let entropy = week.entropy();
            let outgoing = week.ven.start(week.now, entropy);
            week.talk(outgoing)?;
        }
        if day == 5 {
            week.note("operator: enough for this morning");
            week.vtn.cancel_event(&morning, week.now)?;
        }
        week.until(noon)?;
        if day == 3 {
            week.change_opt(&evening, OptType::OptIn)?;
        }
    }
    week.until(week.monday + TimeDelta::days(7))?;
    Ok(week)
}

/// The world for a week.
struct Week {
    vtn: VtnHost,
    ven: VenHost,
    monday: DateTime,
    now: DateTime,
    inputs: u64,
    events: Vec<EventId>,
    diary: String,
    requests: u64,
    lost: u64,
}

impl Week {
    fn begin() -> Result<Self, Failed> {
        let mut config = VtnConfig::new(VtnId::new("VTN-week")?);
        config.poll_frequency = Duration::minutes(5);
        config.resend_after = TimeDelta::seconds(150);
        let context = Context {
            opt: OptPolicy::Always(OptType::OptIn),
            poll_frequency: TimeDelta::minutes(5),
            ..Context::new(Text::new("house")?)
        };
        let monday: DateTime = "2026-01-05T00:00:00Z".parse()?;
        let mut week = Self {
            vtn: VtnHost::new(config),
            ven: VenHost::new(context),
            monday,
            now: monday,
            inputs: 0,
            events: Vec::new(),
            diary: String::new(),
            requests: 0,
            lost: 0,
        };
        let entropy = week.entropy();
        let outgoing = week.ven.start(week.now, entropy);
        week.talk(outgoing)?;
        Ok(week)
    }

    /// A real host asks its operating system; all that counts is that no input has another's.
    fn entropy(&mut self) -> [u8; 32] {
        self.inputs += 1;
        let mut entropy = [0; 32];
        for (place, bytes) in (1..).zip(entropy.chunks_exact_mut(8)) {
            let mixed = self.inputs.wrapping_mul(0x9E37_79B9_7F4A_7C15 + place);
            bytes.copy_from_slice(&mixed.to_be_bytes());
        }
        entropy
    }

    fn note(&mut self, line: &str) {
        let time = self.now.format("%a %H:%M:%S");
        self.diary.push_str(&format!("{time}  {line}\n"));
    }

    /// Lets time pass: from deadline to deadline, whoever's it is.
    fn until(&mut self, at: DateTime) -> Result<(), Failed> {
        loop {
            let deadlines = [self.vtn.next_deadline(), self.ven.next_deadline()];
            let next = deadlines.into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= at) else {
                self.now = at;
                return Ok(());
            };
            self.now = self.now.max(next);
            // The VEN polls: nothing is pushed.
            let entropy = self.entropy();
            self.vtn.wake(self.now, entropy);
            if self.ven.next_deadline().is_some_and(|due| due <= self.now) {
                let entropy = self.entropy();
                let outgoing = self.ven.wake(self.now, entropy);
                self.talk(outgoing)?;
            }
        }
    }

    /// Carries what the VEN says to the VTN and back, until the VEN has nothing more to say.
    fn talk(&mut self, mut outgoing: Option<Outgoing>) -> Result<(), Failed> {
        while let Some(Outgoing {
            exchange, message, ..
        }) = outgoing
        {
            self.requests += 1;
            let reply = self.carry(&message)?;
            let entropy = self.entropy();
            outgoing = match reply {
                Some(reply) => self.ven.replied(exchange, reply, self.now, entropy),
                None => {
                    self.lost += 1;
                    let failure = Failure::Unreachable;
                    self.ven.failed(exchange, failure, self.now, entropy)
                }
            };
            for (_, effect) in self.ven.take_effects() {
                self.note(&told(&effect));
            }
        }
        for (_, effect) in self.ven.take_effects() {
            self.note(&told(&effect));
        }
        self.vtn.take_effects();
        Ok(())
    }

    /// Over the wire and back. `None`: lost, which the VEN cannot tell from a VTN that is away. Every
    /// 40th request gets lost, and of every 41st the reply.
    fn carry(&mut self, message: &Message) -> Result<Option<Option<Message>>, Failed> {
        if self.requests.is_multiple_of(40) {
            return Ok(None);
        }
        let options = DecodeOptions::default();
        let request = decode(&encode(message), &options)?.message;
        let entropy = self.entropy();
        let reply = self
            .vtn
            .handle(Peer::Unproven, Profile::B, request, self.now, entropy);
        let reply = match reply {
            Reply::Message(message) => Some(decode(&encode(&message), &options)?.message),
            Reply::Empty | Reply::Push(_) | Reply::Forbidden => None,
        };
        Ok((!self.requests.is_multiple_of(41)).then_some(reply))
    }

    fn announce(&mut self, start: DateTime) -> Result<EventId, Failed> {
        let entropy = self.entropy();
        let audience = Audience::by_target();
        let event = self
            .vtn
            .create_event(None, audience, body(start)?, self.now, entropy)?;
        self.events.push(event.event_id.clone());
        Ok(event.event_id.clone())
    }

    /// How many events the VTN has the VEN's answer to.
    fn answered(&self) -> usize {
        let deliveries = self.vtn.deliveries();
        let answered = deliveries.filter(|fact| fact.status == DeliveryStatus::Answered);
        answered.count()
    }

    /// The application thinks again.
    fn change_opt(&mut self, event_id: &EventId, opt: OptType) -> Result<(), Failed> {
        self.note(&format!("application: {opt} after all"));
        let change = Command::ChangeOpt {
            event_id: event_id.clone(),
            opt,
        };
        let entropy = self.entropy();
        let outgoing = self.ven.command(&change, self.now, entropy)?;
        self.talk(outgoing)
    }
}

/// Half an hour at level 1 and half an hour at level 2, at most ten minutes late.
fn body(start: DateTime) -> Result<EventBody, Failed> {
    let interval = |level: f64| Interval {
        start: None,
        duration: Some(Duration::minutes(30)),
        uid: None,
        payloads: NonEmpty::one(StreamPayload::Signal(Payload::Float(Float::from(level)))),
    };
    let mut intervals = NonEmpty::one(interval(1.0));
    intervals.push(interval(2.0));
    Ok(EventBody::new(EventDraft {
        market_context: "http://example.com/week".parse()?,
        priority: None,
        test_event: None,
        vtn_comment: None,
        response_required: ResponseRequired::Always,
        start,
        duration: None,
        start_after: Some(Duration::minutes(10)),
        notification: None,
        ramp_up: None,
        recovery: None,
        signals: vec![EventSignal {
            intervals,
            target: None,
            signal_name: SignalName::Simple,
            signal_type: SignalType::Level,
            signal_id: SignalId::new("level")?,
            item_base: None,
            current_value: None,
        }],
        baseline: None,
        target: None,
        modification_reason: None,
    })?)
}

/// What the application was told, in a few words.
fn told(effect: &Effect) -> String {
    match effect {
        Effect::Registered { ven_id, .. } => format!("registered as {ven_id}"),
        Effect::RegistrationRefused { response_code } => format!("refused: {response_code}"),
        Effect::RegistrationCancelled { .. } => "not registered any more".to_owned(),
        Effect::EventReceived { start, .. } => format!("event received, for {start}"),
        Effect::EventModified { start, .. } => format!("event modified, now for {start}"),
        Effect::EventCancelled { .. } => "event cancelled".to_owned(),
        Effect::OptSent { opt, .. } => format!("{opt} is known to the VTN"),
        Effect::OptAccepted { opt_id } => format!("opt {opt_id} is known to the VTN"),
        Effect::OptRefused { opt_id, .. } => format!("opt {opt_id} was refused"),
        Effect::OptCancelled { opt_id } => format!("opt {opt_id} is cancelled"),
        Effect::EventStarted { .. } => "event started".to_owned(),
        Effect::IntervalStarted { payload, .. } => format!("level {payload}"),
        Effect::EventEnded { reason, .. } => format!("event ended: {reason:?}"),
        Effect::ReportRequested { .. } => "report wanted".to_owned(),
        Effect::ReportSent { readings, .. } => format!("{readings} readings reported"),
        Effect::ReportRefused { .. } => "report refused".to_owned(),
        Effect::ReportCancelled { .. } => "report not wanted any more".to_owned(),
        Effect::ReportCompleted { .. } => "last report sent".to_owned(),
        // Whatever is added to the effects one day.
        _ => format!("{effect:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_goes_by_and_every_event_is_answered() {
        let week = live().unwrap();
        let times = |words: &str| {
            week.diary
                .lines()
                .filter(|line| line.contains(words))
                .count()
        };
        // The process that died knew its registration when it came back.
        assert_eq!(times("registered as"), 1, "{}", week.diary);
        assert_eq!(times("event received"), 14);
        assert_eq!(times("event modified"), 1);
        assert_eq!(times("event cancelled"), 2);
        // Without Tuesday's and Wednesday's evening, which did not take place or without this VEN.
        assert_eq!(times("event started"), 12);
        assert_eq!(times("ended: Completed"), 11);
        assert_eq!(times("ended: Cancelled"), 1);
        assert_eq!(times("level 1"), 12);
        assert_eq!(times("level 2"), 11);
        assert!(week.requests > 7 * 24 * 12 && week.lost > 80);
        assert_eq!((week.events.len(), week.answered()), (14, 14));
        // The same week, to the letter.
        assert_eq!(live().unwrap().diary, week.diary);
    }
}
