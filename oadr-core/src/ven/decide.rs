//! One input, one decision: what happened by itself, what the input means, what is said next.
//!
//! Knows nothing of the single services.

use chrono::TimeDelta;

use super::state::Query;
use super::{
    Answer, Change, Context, Effect, Exchange, Input, Next, Outgoing, Owed, PushReply, Question,
    Registered, Registration, Request, State, Ven, poll, pushed, registration, reply, report_data,
    report_pending, run,
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
    let decided = take(&mut turn, input).and_then(|()| match input {
        Input::Meanwhile => Ok(turn.decide_unsaid()),
        Input::Started
        | Input::Connected
        | Input::Wake
        | Input::Pushed { .. }
        | Input::Replied { .. }
        | Input::Failed { .. } => turn.decide(),
    });
    match decided {
        Err(question) => Step::Ask(question),
        Ok(decision) => Step::Decided(decision),
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
            report_pending::offer_anew(turn, true);
            pushed::resynchronise(turn);
            Ok(())
        }
        Input::Connected => {
            pushed::connected(turn);
            Ok(())
        }
        Input::Pushed { message } => pushed::taken(turn, message),
        Input::Wake | Input::Meanwhile => Ok(()),
        Input::Replied { exchange, message } => match turn.under_way(*exchange) {
            Some(request) => {
                turn.change(Change::Answered);
                reply::taken(turn, request, message.as_deref())?;
                pushed::heard(turn);
                Ok(())
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

/// What is sent: what for, where to, and the message.
type Addressed = (Request, (ServiceName, Message));

/// What may be said at the end of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    /// Whatever is due, asking the application where it takes that.
    Ask,
    /// Nothing that the application has to be asked for first.
    NotAsk,
}

/// A decision in the making, and all it may look at.
pub(super) struct Turn<'a> {
    draft: Draft<Ven>,
    pub(super) context: &'a Context,
    pub(super) now: DateTime,
    pub(super) random: Random,
    pub(super) answers: &'a [Answer],
    reply: Option<PushReply>,
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
            reply: None,
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

    /// What is answered from now on was pushed.
    pub(super) fn answer_directly(&mut self) {
        self.reply = Some(PushReply::Empty);
    }

    /// Whether what is answered was pushed.
    pub(super) fn is_pushed(&self) -> bool {
        self.reply.is_some()
    }

    /// Answers what the VTN wants: directly if it was pushed, otherwise by a request of its own.
    pub(super) fn answer(&mut self, owed: Owed) {
        match &self.reply {
            None => self.owe(owed),
            Some(_) => self.reply_with(&owed),
        }
    }

    /// The same, but before everything else that is owed.
    pub(super) fn answer_first(&mut self, owed: Owed) {
        match &self.reply {
            None => self.change(Change::OwedFirst(owed)),
            Some(_) => self.reply_with(&owed),
        }
    }

    fn reply_with(&mut self, owed: &Owed) {
        if let Some((_, message)) = owed.message(self.state(), self.context) {
            self.reply(message);
        }
    }

    /// What is said to the message that was pushed.
    pub(super) fn reply(&mut self, message: Message) {
        self.reply = Some(PushReply::Message(Box::new(message)));
    }

    /// Whether what was pushed was refused.
    pub(super) fn refuses(&self) -> bool {
        match &self.reply {
            Some(PushReply::Message(message)) => message
                .ei_response()
                .is_some_and(|outcome| !outcome.response_code.is_success()),
            Some(PushReply::Empty) | None => false,
        }
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
    fn decide(mut self) -> Result<Decision<Ven>, Question> {
        self.catch_up();
        let send = self.outgoing(May::Ask)?;
        Ok(self.decide_with(send))
    }

    /// The same, without questions: a report that needs one is left to the next input.
    pub(super) fn decide_unasked(mut self) -> Decision<Ven> {
        self.catch_up();
        let send = self.outgoing(May::NotAsk).unwrap_or_default();
        self.decide_with(send)
    }

    fn catch_up(&mut self) {
        run::catch_up(self);
        registration::follow_contact(self);
        report_pending::offer_anew(self, false);
        report_pending::catch_up(self);
    }

    fn decide_with(self, send: Option<Outgoing>) -> Decision<Ven> {
        let wake = Ven::next_deadline(self.state());
        self.draft.decide(Next {
            reply: self.reply,
            send,
            wake,
        })
    }

    /// Completes the decision with nothing to be sent, whatever is due.
    fn decide_unsaid(mut self) -> Decision<Ven> {
        run::catch_up(&mut self);
        let wake = self.state().next_happening();
        self.draft.decide(Next {
            reply: None,
            send: None,
            wake,
        })
    }

    /// What is to be sent now.
    fn outgoing(&mut self, may: May) -> Result<Option<Outgoing>, Question> {
        loop {
            if self.state().next_request().is_none_or(|at| at > self.now) {
                return Ok(None);
            }
            let (request, (service, message)) = match self.state().owed.front() {
                Some(owed) => {
                    let offers = matches!(owed, Owed::RegisterReport { .. });
                    let Some(message) = owed.message(self.state(), self.context) else {
                        self.change(Change::Settled);
                        continue;
                    };
                    if offers {
                        report_pending::offering(self);
                    }
                    (Request::Owed, message)
                }
                None if pushed::is_quiet(self) => {
                    pushed::resynchronise(self);
                    continue;
                }
                None => match self.unprompted(may)? {
                    Some(unprompted) => unprompted,
                    None => return Ok(None),
                },
            };
            if let Message::CreatePartyRegistration(_) = message {
                registration::introduced(self);
            }
            let exchange = Exchange(self.state().link.exchanges.saturating_add(1));
            self.change(Change::Sent { exchange, request });
            return Ok(Some(Outgoing {
                exchange,
                service,
                message: Box::new(message),
            }));
        }
    }

    /// What a VEN says that owes nothing.
    fn unprompted(&mut self, may: May) -> Result<Option<Addressed>, Question> {
        let request_id = self.request_id();
        let state = self.state();
        match &state.registration {
            Registration::None | Registration::Leaving(_) => Ok(None),
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
                Ok(Some((request, (ServiceName::EiRegisterParty, message))))
            }
            // Events are not to wait for data.
            Registration::Registered(registered)
                if state.next_poll(registered).is_some_and(|at| at <= self.now) =>
            {
                let ven_id = registered.ven_id.clone();
                let poll = Poll { ven_id }.into();
                Ok(Some((Request::Poll, (ServiceName::OadrPoll, poll))))
            }
            Registration::Registered(_) => match may {
                May::NotAsk => Ok(None),
                May::Ask => {
                    let report = report_data::next(self)?;
                    Ok(report.map(|report| (Request::Report, (ServiceName::EiReport, report))))
                }
            },
        }
    }

    /// How long to wait between two polls.
    pub(super) fn poll_interval(&self) -> TimeDelta {
        let agreed = self.registered().and_then(|r| r.poll_interval);
        agreed.unwrap_or_else(|| poll::bounded(self.context.poll_frequency))
    }
}
