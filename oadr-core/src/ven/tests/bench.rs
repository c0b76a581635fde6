//! A VEN on the bench: the test is its VTN, its clock and its application.

use std::collections::VecDeque;

use chrono::TimeDelta;

pub(super) use super::documents::*;
use crate::machine::{Committed, Decision, Env, Loaded, Role as _, Step};
use crate::payload::{EiEvent, Message, MessageKind, ResponseCode};
use crate::reading::Reading;
use crate::value::{DateTime, OptType, Text};
use crate::ven::{
    Answer, Change, Command, CommandError, Contact, Context, Effect, Exchange, Failure, Input,
    Next, OptPolicy, OptQuestion, PushReply, Question, ReadingsQuestion, State, Ven, command,
    decide,
};

/// Noon of some day.
pub(super) fn noon() -> DateTime {
    "2026-01-05T12:00:00Z".parse().unwrap()
}

pub(super) fn secs(n: i64) -> TimeDelta {
    TimeDelta::seconds(n)
}

pub(super) fn context() -> Context {
    Context {
        opt: OptPolicy::Always(OptType::OptIn),
        ..Context::new(Text::new("bench").unwrap())
    }
}

/// What is measured.
type Meter = Box<dyn FnMut(&ReadingsQuestion) -> Vec<Reading>>;

/// The VEN and its surroundings.
pub(super) struct Bench {
    pub(super) at: Loaded<Ven>,
    pub(super) context: Context,
    pub(super) now: DateTime,
    /// The changes of the last decision.
    pub(super) changes: Vec<Change>,
    /// The effects of all decisions that nobody looked at yet.
    pub(super) effects: Vec<Effect>,
    /// What the application was asked.
    pub(super) asked: Vec<OptQuestion>,
    /// What it will say, first things first; then it opts in.
    pub(super) answers: VecDeque<(OptType, Option<ResponseCode>)>,
    /// How long it thinks about each question.
    pub(super) thinking: TimeDelta,
    /// What is measured; nothing at first.
    pub(super) meter: Meter,
    /// What was to be measured.
    pub(super) measured: Vec<ReadingsQuestion>,
    /// What was said last.
    pub(super) next: Next,
    under_way: Option<Exchange>,
    /// Everything that was sent.
    pub(super) said: Vec<Message>,
    /// Everything that was said to pushes.
    pub(super) replied: Vec<Message>,
    /// What the next input draws from.
    pub(super) seed: u64,
}

impl Bench {
    /// A VEN that was never started.
    pub(super) fn new() -> Self {
        Self {
            at: Loaded::absent(),
            context: context(),
            now: noon(),
            changes: Vec::new(),
            effects: Vec::new(),
            asked: Vec::new(),
            answers: VecDeque::new(),
            thinking: TimeDelta::zero(),
            meter: Box::new(|_| Vec::new()),
            measured: Vec::new(),
            next: Next {
                reply: None,
                send: None,
                wake: None,
            },
            under_way: None,
            said: Vec::new(),
            replied: Vec::new(),
            seed: 1,
        }
    }

    /// A VEN that registered, has nothing to do and polls next in some 10 seconds.
    pub(super) fn registered() -> Self {
        Self::registered_with(context())
    }

    pub(super) fn registered_with(context: Context) -> Self {
        let mut bench = Self::new();
        bench.context = context;
        bench.register();
        bench.effects.clear();
        bench
    }

    pub(super) fn register(&mut self) {
        self.say(&Input::Started);
        self.reply(created(None));
        assert_eq!(self.sent(), MessageKind::CreatePartyRegistration);
        self.reply(created(Some(("ven-1", "reg-1"))));
        assert_eq!(self.sent(), MessageKind::RegisterReport);
        self.reply(registered_report());
        if !self.context.report_only {
            assert_eq!(self.sent(), MessageKind::RequestEvent);
            self.reply(list(Vec::new()));
        }
        if Contact::of(&self.context).is_pull() {
            assert_eq!(self.sent(), MessageKind::Poll);
            self.reply(ok());
        }
        assert_eq!(self.next.send, None);
    }

    pub(super) fn state(&self) -> &State {
        &self.at.state
    }

    pub(super) fn env(&self) -> Env {
        let mut entropy = [0; 32];
        entropy[..8].copy_from_slice(&self.seed.to_be_bytes());
        entropy[8..16]
            .copy_from_slice(&self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
        Env {
            now: self.now,
            entropy,
        }
    }

    /// Decides an input, asking the application as often as the machine wants, and commits it.
    pub(super) fn say(&mut self, input: &Input) {
        self.seed += 1;
        let mut env = self.env();
        let mut answers = Vec::new();
        let decision = loop {
            let step = decide(&self.at, &self.context, env, input, &answers);
            assert_eq!(
                step,
                decide(&self.at, &self.context, env, input, &answers),
                "deciding twice gives the same"
            );
            match step {
                Step::Ask(Question::Opt(question)) => {
                    answers.push(self.answer(*question));
                    env.now = self.now;
                }
                Step::Ask(Question::Readings(question)) => answers.push(self.measure(*question)),
                Step::Decided(decision) => break decision,
            }
        };
        self.commit(decision);
        let is_pushed = matches!(input, Input::Pushed { .. });
        assert_eq!(self.next.reply.is_some(), is_pushed);
        if *input == Input::Meanwhile {
            assert_eq!(self.next.wake, self.state().next_happening());
        } else {
            assert_eq!(self.next.wake, Ven::next_deadline(self.state()));
        }
        assert!(
            self.next.wake.is_none_or(|wake| wake > self.now),
            "what is due is done"
        );
    }

    pub(super) fn command(&mut self, wanted: &Command) -> Result<(), CommandError> {
        self.seed += 1;
        let env = self.env();
        let decision = command(&self.at, &self.context, env, wanted)?;
        assert_eq!(
            Ok(&decision),
            command(&self.at, &self.context, env, wanted).as_ref()
        );
        self.commit(decision);
        assert_eq!(self.next.wake, Ven::next_deadline(self.state()));
        // Only a report may be left, for which a command does not ask.
        assert!(
            self.next.wake.is_none_or(|wake| wake > self.now)
                || self.next.send.is_none() && self.state().reporting.data_due(self.now).is_some(),
            "what is due is done"
        );
        Ok(())
    }

    fn measure(&mut self, question: ReadingsQuestion) -> Answer {
        let readings = (self.meter)(&question);
        let answer = question.answer(readings);
        self.measured.push(question);
        answer
    }

    fn answer(&mut self, question: OptQuestion) -> Answer {
        self.now += self.thinking;
        let (opt, response_code) = self.answers.pop_front().unwrap_or((OptType::OptIn, None));
        let answer = question.answer(opt, response_code);
        self.asked.push(question);
        answer
    }

    /// What holds of all decisions: the changes, from their stored form, lead to the state; nothing
    /// that a person or the VTN is told of stands without a change; time does not stand still.
    fn commit(&mut self, decision: Decision<Ven>) {
        let mut replayed = self.at.state.clone();
        for change in decision.changes() {
            let json = serde_json::to_string(change).unwrap();
            let read: Change = serde_json::from_str(&json).unwrap();
            assert_eq!(read, *change, "changes survive their storage");
            Ven::apply(&mut replayed, &read);
        }
        for effect in decision.effects() {
            let json = serde_json::to_string(effect).unwrap();
            assert_eq!(serde_json::from_str::<Effect>(&json).unwrap(), *effect);
        }
        let next = decision.next(&self.at);
        assert_eq!(replayed, next.state, "the changes are the decision");
        let json = serde_json::to_string(&next.state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&json).unwrap(), next.state);
        assert!(decision.effects().is_empty() || !decision.changes().is_empty());
        self.changes = decision.changes().to_vec();
        self.effects.extend(decision.effects().iter().cloned());
        self.next = if decision.needs_commit() {
            decision.release(Committed::by_store())
        } else {
            decision.release_unwritten().unwrap()
        };
        if let Some(send) = &self.next.send {
            self.under_way = Some(send.exchange);
            self.said.push((*send.message).clone());
        }
        self.at = next;
    }

    /// The exchange under way, or the last one.
    pub(super) fn exchange(&self) -> Exchange {
        self.under_way.expect("a request was sent")
    }

    /// What is under way.
    pub(super) fn under_way(&self) -> Option<MessageKind> {
        self.said
            .last()
            .filter(|_| self.state().is_waiting())
            .map(Message::kind)
    }

    /// What was sent with the last decision.
    pub(super) fn sent(&self) -> MessageKind {
        self.message().kind()
    }

    pub(super) fn message(&self) -> &Message {
        &self.next.send.as_ref().expect("something is sent").message
    }

    /// The VTN answers what was sent last.
    pub(super) fn reply(&mut self, message: impl Into<Message>) {
        let exchange = self.exchange();
        let message = Some(Box::new(message.into()));
        self.say(&Input::Replied { exchange, message });
    }

    /// The VTN pushes this: what is said to it, if anything is.
    pub(super) fn push(&mut self, message: impl Into<Message>) -> Option<Message> {
        let message = Box::new(message.into());
        self.say(&Input::Pushed { message });
        match self.next.reply.take().expect("a push is answered") {
            PushReply::Message(message) => {
                self.replied.push((*message).clone());
                Some(*message)
            }
            PushReply::Empty => None,
        }
    }

    pub(super) fn reply_empty(&mut self) {
        let exchange = self.exchange();
        self.say(&Input::Replied {
            exchange,
            message: None,
        });
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        let exchange = self.exchange();
        self.say(&Input::Failed { exchange, failure });
    }

    /// Waits until the machine wants to be woken.
    pub(super) fn wait(&mut self) {
        self.now = self.next.wake.expect("something is going to happen");
        self.say(&Input::Wake);
    }

    /// Waits for the next poll, whatever happens before.
    pub(super) fn wait_for_poll(&mut self) {
        while self.next.send.is_none() {
            self.wait();
        }
        assert_eq!(self.sent(), MessageKind::Poll);
    }

    /// Lets this much time pass, with whatever is due in it.
    pub(super) fn pass(&mut self, span: TimeDelta) {
        let until = self.now + span;
        while self.next.send.is_none() && self.next.wake.is_some_and(|wake| wake <= until) {
            self.wait();
        }
        self.now = until;
    }

    /// The next poll is answered with this; what the VEN posts on it is acknowledged and returned.
    pub(super) fn poll(&mut self, message: impl Into<Message>) -> Vec<Message> {
        if self.next.send.is_none() {
            self.wait_for_poll();
        }
        self.reply(message);
        self.drain()
    }

    /// Acknowledges whatever is sent until the VEN has nothing to say.
    pub(super) fn drain(&mut self) -> Vec<Message> {
        let mut posted = Vec::new();
        while let Some(send) = &self.next.send {
            let message = (*send.message).clone();
            if message.kind() != MessageKind::Poll {
                posted.push(message);
            }
            self.reply(ok());
        }
        posted
    }

    pub(super) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The process dies and comes back: what is not durable is lost.
    pub(super) fn restart(&mut self) {
        let json = serde_json::to_string(&self.at.state).unwrap();
        self.at.state = serde_json::from_str(&json).unwrap();
        self.say(&Input::Started);
    }
}

/// The IDs in the `oadrCreatePartyRegistration` that was sent last.
pub(super) fn ids(bench: &Bench) -> (Option<String>, Option<String>) {
    let Message::CreatePartyRegistration(message) = bench.message() else {
        panic!("not a registration: {:?}", bench.message());
    };
    let registration_id = message.registration_id.as_ref().map(ToString::to_string);
    (
        message.ven_id.as_ref().map(ToString::to_string),
        registration_id,
    )
}

/// No IDs.
pub(super) fn none() -> (Option<String>, Option<String>) {
    (None, None)
}

/// Those of `created(Some(("ven-1", "reg-1")))`.
pub(super) fn both() -> (Option<String>, Option<String>) {
    (Some("ven-1".to_owned()), Some("reg-1".to_owned()))
}

/// The event responses of an `oadrCreatedEvent`: event, version, opt, code.
pub(super) fn answers(message: &Message) -> Vec<(String, u32, OptType, u16)> {
    let Message::CreatedEvent(message) = message else {
        panic!("not an oadrCreatedEvent: {message:?}");
    };
    let responses = message.created.event_responses.as_ref();
    responses
        .map_or(&[][..], |all| &all.responses)
        .iter()
        .map(|r| {
            let id = &r.qualified_event_id;
            (
                id.event_id.to_string(),
                id.modification_number,
                r.opt_type,
                r.response_code.get(),
            )
        })
        .collect()
}

/// What happened, in few words.
pub(super) fn words(effects: &[Effect]) -> Vec<String> {
    effects.iter().map(word).collect()
}

fn word(effect: &Effect) -> String {
    match effect {
        Effect::Registered { ven_id, again, .. } => format!("registered {ven_id} again={again}"),
        Effect::RegistrationRefused { response_code } => format!("refused {response_code}"),
        Effect::RegistrationCancelled { ven_id } => format!("cancelled {ven_id}"),
        Effect::EventReceived { event, .. } => format!("received {}", name(event)),
        Effect::EventModified { event, .. } => format!("modified {}", name(event)),
        Effect::EventCancelled {
            event_id,
            modification_number,
            implied,
        } => format!("event cancelled {event_id}/{modification_number} implied={implied}"),
        Effect::OptSent {
            event_id,
            modification_number,
            opt,
            response_code,
        } => format!("sent {event_id}/{modification_number} {opt} {response_code}"),
        Effect::OptAccepted { opt_id } => format!("accepted {opt_id}"),
        Effect::OptRefused {
            opt_id,
            response_code: Some(code),
        } => format!("opt refused {opt_id} {code}"),
        Effect::OptRefused {
            opt_id,
            response_code: None,
        } => format!("opt refused {opt_id}"),
        Effect::OptCancelled { opt_id } => format!("opt cancelled {opt_id}"),
        Effect::EventStarted {
            event_id,
            modification_number,
            ..
        } => format!("started {event_id}/{modification_number}"),
        Effect::IntervalStarted {
            event_id,
            signal_id,
            interval,
            payload,
            ..
        } => format!("interval {event_id} {signal_id}[{interval}]={payload}"),
        Effect::EventEnded {
            event_id,
            modification_number,
            reason,
        } => format!("ended {event_id}/{modification_number} {reason:?}"),
        Effect::ReportRequested {
            report_request_id,
            report_specifier_id,
        } => format!("requested {report_request_id} of {report_specifier_id}"),
        Effect::ReportSent {
            report_request_id,
            readings,
            ..
        } => format!("sent {report_request_id}: {readings}"),
        Effect::ReportRefused {
            report_request_id,
            response_code,
            ..
        } => format!("refused {report_request_id}: {response_code:?}"),
        Effect::ReportCancelled { report_request_id } => format!("cancelled {report_request_id}"),
        Effect::ReportCompleted { report_request_id } => format!("completed {report_request_id}"),
    }
}

fn name(event: &EiEvent) -> String {
    let descriptor = &event.descriptor;
    format!("{}/{}", descriptor.event_id, descriptor.modification_number)
}
