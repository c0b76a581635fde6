//! A VEN in memory: its state, what of it was committed, and its outbox.
//!
//! Knows nothing of rules; it asks the machine, commits and releases. Whoever drives it sends what it
//! wants sent and says how that went.

use super::EffectId;
use crate::machine::{Committed, Decision, Env, Loaded, Role as _, Step};
use crate::payload::{Message, ResponseCode};
use crate::reading::Reading;
use crate::value::{DateTime, OptType};
use crate::ven::{
    Answer, Command, CommandError, Context, Effect, Exchange, Failure, Input, Next, OptQuestion,
    Outgoing, PushReply, Question, ReadingsQuestion, State, Ven, command, decide,
};

/// Who says whether to take part in an event.
type Opt = Box<dyn FnMut(&OptQuestion) -> (OptType, Option<ResponseCode>) + Send>;

/// What is measured.
type Readings = Box<dyn FnMut(&ReadingsQuestion) -> Vec<Reading> + Send>;

/// A VEN in memory.
pub struct VenHost {
    context: Context,
    opt: Option<Opt>,
    readings: Option<Readings>,
    at: Loaded<Ven>,
    /// What a process that dies now would find.
    committed: Loaded<Ven>,
    outbox: Vec<(EffectId, Effect)>,
}

impl VenHost {
    /// A VEN that was never started.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self {
            context,
            opt: None,
            readings: None,
            at: Loaded::absent(),
            committed: Loaded::absent(),
            outbox: Vec::new(),
        }
    }

    /// Lets the application opt, where the configuration says to ask, with a code or with 200; without
    /// it the VEN opts out.
    pub fn on_event(
        &mut self,
        opt: impl FnMut(&OptQuestion) -> (OptType, Option<ResponseCode>) + Send + 'static,
    ) {
        self.opt = Some(Box::new(opt));
    }

    /// What reports are made of; without it all values in them are placeholders of bad quality.
    pub fn on_readings(
        &mut self,
        readings: impl FnMut(&ReadingsQuestion) -> Vec<Reading> + Send + 'static,
    ) {
        self.readings = Some(Box::new(readings));
    }

    /// The process starts, with what was committed and nothing else.
    pub fn start(&mut self, now: DateTime, entropy: [u8; 32]) -> Option<Outgoing> {
        self.at = self.committed.clone();
        self.take(now, entropy, &Input::Started).send
    }

    /// There is a connection to the VTN again: see [`Input::Connected`].
    pub fn connected(&mut self, now: DateTime, entropy: [u8; 32]) -> Option<Outgoing> {
        self.take(now, entropy, &Input::Connected).send
    }

    /// The VTN says something by itself: what is said to that, and what is sent next.
    pub fn pushed(
        &mut self,
        message: Message,
        now: DateTime,
        entropy: [u8; 32],
    ) -> (PushReply, Option<Outgoing>) {
        let message = Box::new(message);
        let next = self.take(now, entropy, &Input::Pushed { message });
        (next.reply.unwrap_or(PushReply::Empty), next.send)
    }

    /// A deadline has come: see [`next_deadline`](Self::next_deadline).
    pub fn wake(&mut self, now: DateTime, entropy: [u8; 32]) -> Option<Outgoing> {
        self.take(now, entropy, &Input::Wake).send
    }

    /// A request was answered; `None` is an acknowledgement without a message.
    pub fn replied(
        &mut self,
        exchange: Exchange,
        message: Option<Message>,
        now: DateTime,
        entropy: [u8; 32],
    ) -> Option<Outgoing> {
        let message = message.map(Box::new);
        let input = Input::Replied { exchange, message };
        self.take(now, entropy, &input).send
    }

    /// A request failed.
    pub fn failed(
        &mut self,
        exchange: Exchange,
        failure: Failure,
        now: DateTime,
        entropy: [u8; 32],
    ) -> Option<Outgoing> {
        let input = Input::Failed { exchange, failure };
        self.take(now, entropy, &input).send
    }

    /// The operator or the application wants something.
    ///
    /// # Errors
    /// It makes no sense as things stand; nothing happened.
    pub fn command(
        &mut self,
        wanted: &Command,
        now: DateTime,
        entropy: [u8; 32],
    ) -> Result<Option<Outgoing>, CommandError> {
        let decision = command(&self.at, &self.context, Env { now, entropy }, wanted)?;
        let outgoing = self.commit(decision).send;
        let is_due = self.next_deadline().is_some_and(|at| at <= now);
        if outgoing.is_none() && is_due {
            // A report is due, for which a command does not ask; drawn from other entropy.
            return Ok(self.wake(now, entropy.map(|byte| !byte)));
        }
        Ok(outgoing)
    }

    /// When to call [`wake`](Self::wake) next, if ever.
    #[must_use]
    pub fn next_deadline(&self) -> Option<DateTime> {
        Ven::next_deadline(&self.at.state)
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.at.state
    }

    /// The configuration.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Replaces the configuration; its version is to go up.
    pub fn configure(&mut self, context: Context) {
        self.context = context;
    }

    /// What happened since this was last called.
    pub fn take_effects(&mut self) -> Vec<(EffectId, Effect)> {
        core::mem::take(&mut self.outbox)
    }

    fn take(&mut self, now: DateTime, entropy: [u8; 32], input: &Input) -> Next {
        let env = Env { now, entropy };
        let mut answers = Vec::new();
        loop {
            let step = decide(&self.at, &self.context, env, input, &answers);
            #[cfg(any(test, feature = "fuzzing"))]
            assert_eq!(
                step,
                decide(&self.at, &self.context, env, input, &answers),
                "deciding twice gives the same"
            );
            match step {
                Step::Ask(question) => answers.push(self.answer(question)),
                Step::Decided(decision) => return self.commit(decision),
            }
        }
    }

    fn answer(&mut self, question: Question) -> Answer {
        match question {
            Question::Opt(question) => {
                let (opt, response_code) = match &mut self.opt {
                    Some(opt) => opt(&question),
                    None => (OptType::OptOut, None),
                };
                question.answer(opt, response_code)
            }
            Question::Readings(question) => {
                let readings = match &mut self.readings {
                    Some(readings) => readings(&question),
                    None => Vec::new(),
                };
                question.answer(readings)
            }
        }
    }

    fn commit(&mut self, decision: Decision<Ven>) -> Next {
        #[cfg(any(test, feature = "fuzzing"))]
        crate::fuzzing::check_decision(&self.at, &decision);
        self.at = decision.next(&self.at);
        let version = self.at.version;
        let effects = decision.effects().iter().cloned().enumerate();
        self.outbox
            .extend(effects.map(|(index, effect)| (EffectId { version, index }, effect)));
        if decision.needs_commit() {
            self.committed = self.at.clone();
        }
        decision.release(Committed::by_store())
    }
}
