//! One input, one decision: what happened by itself, what the input means, what is said next.
//!
//! Knows nothing of the single services.

use chrono::TimeDelta;

use super::state::Query;
use super::{
    Answer, Change, Context, Effect, Exchange, Input, Next, Outgoing, Owed, Question, Registered,
    Registration, Request, State, Ven, poll, registration, reply, run,
};
use crate::machine::{Decision, Draft, Env, Loaded, Random, Role as _, Step};
use crate::payload::{Message, Poll};
use crate::value::{DateTime, RequestId, ServiceName};

/// What a VEN says to an input: the same five values, the same step.
///
/// Inputs about a request that is not under way any more change nothing.
#[must_use]
pub fn decide(
    at: &Loaded<Ven>,
    context: &Context,
    env: Env,
    input: &Input,
    answers: &[Answer],
) -> Step<Ven> {
    let mut turn = Turn::new(at, context, env, answers);
    // What was due before comes before what the input brings, and what the input brings may be due.
    run::catch_up(&mut turn);
    match take(&mut turn, input) {
        Err(question) => Step::Ask(question),
        Ok(()) => Step::Decided(turn.decide()),
    }
}

fn take(turn: &mut Turn<'_>, input: &Input) -> Result<(), Question> {
    match input {
        Input::Started => {
            turn.change(Change::Restarted);
            // A VEN that is powered up tries to register (rule 401).
            if turn.state().registration == Registration::None {
                turn.change(Change::RegistrationWanted);
            }
            Ok(())
        }
        Input::Wake | Input::Meanwhile => Ok(()),
        Input::Replied { exchange, message } => match turn.under_way(*exchange) {
            Some(request) => {
                turn.change(Change::Answered);
                reply::taken(turn, request, message.as_deref())
            }
            None => Ok(()),
        },
        Input::Failed { exchange, failure } => {
            if let Some(request) = turn.under_way(*exchange) {
                reply::failed(turn, request, *failure);
            }
            Ok(())
        }
    }
}

/// A decision in the making, and all it may look at.
pub(super) struct Turn<'a> {
    draft: Draft<Ven>,
    pub(super) context: &'a Context,
    pub(super) now: DateTime,
    pub(super) random: Random,
    pub(super) answers: &'a [Answer],
}

impl<'a> Turn<'a> {
    pub(super) fn new(
        at: &Loaded<Ven>,
        context: &'a Context,
        env: Env,
        answers: &'a [Answer],
    ) -> Self {
        Self {
            draft: Draft::new(at),
            context,
            now: env.now,
            random: Random::new(env.entropy),
            answers,
        }
    }

    /// The state after the changes so far.
    pub(super) fn state(&self) -> &State {
        &self.draft.state
    }

    pub(super) fn registered(&self) -> Option<&Registered> {
        self.state().registered()
    }

    pub(super) fn change(&mut self, change: Change) {
        self.draft.change(change);
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.draft.effect(effect);
    }

    pub(super) fn owe(&mut self, owed: Owed) {
        self.change(Change::Owed(owed));
    }

    /// A requestID of our own.
    pub(super) fn request_id(&mut self) -> RequestId {
        RequestId::new(self.random.id("req")).unwrap_or_default()
    }

    /// What the request of this name is for, if it is the one under way.
    fn under_way(&self, exchange: Exchange) -> Option<Request> {
        let under_way = self.state().link.under_way.as_ref();
        under_way
            .filter(|under_way| under_way.exchange == exchange)
            .map(|under_way| under_way.request)
    }

    /// This much later than now, within the calendar.
    pub(super) fn later(&self, span: TimeDelta) -> DateTime {
        self.now
            .checked_add_signed(span)
            .unwrap_or(DateTime::MAX_UTC)
    }

    /// Completes the decision with what is sent next, if anything is.
    pub(super) fn decide(mut self) -> Decision<Ven> {
        run::catch_up(&mut self);
        let send = self.outgoing();
        let wake = Ven::next_deadline(self.state());
        self.draft.decide(Next { send, wake })
    }

    /// What is to be sent now.
    fn outgoing(&mut self) -> Option<Outgoing> {
        loop {
            if self.state().next_request()? > self.now {
                return None;
            }
            let (request, (service, message)) = match self.state().owed.front() {
                Some(owed) => match owed.message(self.state(), self.context) {
                    Some(message) => (Request::Owed, message),
                    None => {
                        self.change(Change::Settled);
                        continue;
                    }
                },
                None => self.unprompted()?,
            };
            let exchange = Exchange(self.state().link.exchanges.saturating_add(1));
            self.change(Change::Sent { exchange, request });
            return Some(Outgoing {
                exchange,
                service,
                message: Box::new(message),
            });
        }
    }

    /// What a VEN says that owes nothing.
    fn unprompted(&mut self) -> Option<(Request, (ServiceName, Message))> {
        let request_id = self.request_id();
        let state = self.state();
        match &state.registration {
            Registration::None | Registration::Leaving(_) => None,
            Registration::Wanted => {
                let (request, message) = match &state.link.query {
                    Query::Open => (Request::Query, registration::query(request_id)),
                    Query::Closed => (
                        Request::Register,
                        registration::create(self.context, request_id, None).into(),
                    ),
                    Query::Known(ven_id, registration_id) => {
                        let ids = Some((ven_id, registration_id));
                        let message = registration::create(self.context, request_id, ids);
                        (Request::Register, message.into())
                    }
                };
                Some((request, (ServiceName::EiRegisterParty, message)))
            }
            Registration::Registered(registered) => {
                let ven_id = registered.ven_id.clone();
                let poll = Poll { ven_id }.into();
                Some((Request::Poll, (ServiceName::OadrPoll, poll)))
            }
        }
    }

    /// How long to wait between two polls.
    pub(super) fn poll_interval(&self) -> TimeDelta {
        let agreed = self.registered().and_then(|r| r.poll_interval);
        agreed.unwrap_or_else(|| poll::bounded(self.context.poll_frequency))
    }
}
