//! The machine's front door: who sent what, and whose task it is to answer.
//!
//! Knows nothing of any one message.

use super::input::{Answer, Input, Reply};
use super::refusal::{Refusal, refuse};
use super::signature::Forbidden;
use super::state::{Decided, Registration, State};
use super::{
    Context, UnregisteredPoll, Vtn, cancel_report, claim, create_report, created_event, deadline,
    distribute, opt, poll, pushing, register_report, registration, report, signature,
    update_report,
};
use crate::machine::{Decision, Draft, Env, Loaded, Random, Step};
use crate::payload::{EiResponse, Message, RequestReregistration, Response};
use crate::value::{RequestId, VenId};
use crate::{CertificateHash, Peer};

/// What follows from an input.
///
/// Pure: the same five values make the same step. It cannot fail; what a peer got wrong is answered.
#[must_use]
pub fn decide(
    at: &Loaded<Vtn>,
    context: &Context,
    env: Env,
    input: &Input,
    answers: &[Answer],
) -> Step<Vtn> {
    let case = Case { at, context, env };
    match input {
        // The profile says how a message was written; what it means is the same.
        Input::Message {
            peer,
            profile: _,
            message,
            signature,
        } => {
            let signature = signature.as_ref();
            match signature::admit(&at.state, context, env.now, peer, signature) {
                Err(Forbidden) => Step::Decided(Decision::unchanged(at.version, Reply::Forbidden)),
                Ok(signature) => match on_message(&case, peer, message, answers) {
                    Step::Ask(question) => Step::Ask(question),
                    Step::Decided(decision) => {
                        let decision = signature::keep(&case, peer, signature, decision);
                        Step::Decided(pushing::heard(&case, peer, message, decision))
                    }
                },
            }
        }
        Input::Deadline => Step::Decided(deadline::decide(&case)),
        Input::Pushed { push, outcome } => Step::Decided(pushing::pushed(&case, *push, outcome)),
    }
}

/// What a decision is made on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) at: &'a Loaded<Vtn>,
    pub(super) context: &'a Context,
    pub(super) env: Env,
}

/// The registered VEN that a message is from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'a> {
    pub(super) ven_id: &'a VenId,
    pub(super) registration: &'a Registration,
}

impl<'a> Case<'a> {
    pub(super) fn state(&self) -> &'a State {
        &self.at.state
    }

    /// Begins a decision that changes something.
    pub(super) fn draft(&self) -> Draft<Vtn> {
        let mut draft = Draft::new(self.at);
        draft.change(super::Change::Decided(Decided {
            at: self.env.now,
            context_version: self.context.version,
        }));
        draft
    }

    /// A decision that changes nothing.
    pub(super) fn unchanged(&self, message: impl Into<Message>) -> Decision<Vtn> {
        Decision::unchanged(self.at.version, reply(message))
    }

    /// An ID of ours for a message.
    pub(super) fn request_id(&self) -> RequestId {
        RequestId::new(Random::new(self.env.entropy).id("request")).unwrap_or_default()
    }
}

pub(super) fn reply(message: impl Into<Message>) -> Reply {
    Reply::Message(Box::new(message.into()))
}

/// `oadrResponse`: fine.
pub(super) fn acknowledgement(ven_id: &VenId, request_id: RequestId) -> Response {
    Response {
        ei_response: EiResponse::ok(request_id),
        ven_id: Some(ven_id.clone()),
    }
}

/// The certificate that the transport proved, if it proved any.
pub(super) fn certificate_of(peer: &Peer) -> Option<CertificateHash> {
    match peer {
        Peer::Unproven | Peer::Jid(_) => None,
        Peer::Certificate(hash) => Some(*hash),
    }
}

fn on_message(case: &Case<'_>, peer: &Peer, message: &Message, answers: &[Answer]) -> Step<Vtn> {
    if let Message::CreatePartyRegistration(create) = message {
        return registration::create(case, peer, create, answers);
    }
    if let Message::QueryRegistration(query) = message {
        return registration::query(case, peer, query, answers);
    }
    if let (Message::Poll(_), Peer::Jid(_)) = (message, peer) {
        return Step::Decided(case.unchanged(refuse(case, message, &Refusal::NO_POLL)));
    }
    match admit(case, peer, message) {
        Ok(sender) => on_admitted(case, sender, message, answers),
        Err(refusal) => Step::Decided(match ven_to_ask_again(case, peer, message) {
            Some(ven_id) => case.unchanged(RequestReregistration { ven_id }),
            None => case.unchanged(refuse(case, message, &refusal)),
        }),
    }
}

/// Rule 517: 463 where nobody is registered, 452 where somebody is, under another ID.
pub(super) fn admit<'a>(
    case: &Case<'a>,
    peer: &Peer,
    message: &Message,
) -> Result<Sender<'a>, Refusal> {
    let state = case.state();
    let Some((ven_id, registration)) = state.registered() else {
        return Err(Refusal::NOT_REGISTERED);
    };
    // A VEN that the transport can prove is not to be had unproven.
    if !state.is_proved_by(peer) {
        return Err(Refusal::NOT_REGISTERED);
    }
    // An empty venID is as good as none (rule 46), and none will do (quirk Q22).
    match claim::ven_id_of(message).filter(|id| !id.is_empty()) {
        Some(presented) if presented != ven_id => Err(Refusal::WRONG_VEN_ID),
        Some(_) | None => Ok(Sender {
            ven_id,
            registration,
        }),
    }
}

/// The VEN that polls without being registered, if it is one that registers again on nothing but
/// `oadrRequestReregistration` (quirk Q23).
fn ven_to_ask_again(case: &Case<'_>, peer: &Peer, message: &Message) -> Option<VenId> {
    let state = case.state();
    let polls = matches!(message, Message::Poll(_));
    let is_its_own = state.registration.is_none() && state.is_proved_by(peer);
    let asks = case.context.unregistered_poll == UnregisteredPoll::RequestReregistration;
    state.ven_id.clone().filter(|_| polls && is_its_own && asks)
}

/// A message of a registered VEN, or its reply to a push.
pub(super) fn on_admitted(
    case: &Case<'_>,
    sender: Sender<'_>,
    message: &Message,
    answers: &[Answer],
) -> Step<Vtn> {
    Step::Decided(match message {
        Message::Poll(_) => return poll::poll(case, sender, answers),
        Message::RequestEvent(m) => distribute::request(case, sender, m),
        Message::CreatedEvent(m) => created_event::created_event(case, sender, m),
        Message::CancelPartyRegistration(m) => registration::cancel(case, sender, m),
        Message::CanceledPartyRegistration(m) => registration::canceled(case, sender, m),
        Message::RegisterReport(m) => {
            return register_report::register(case, sender, m, answers);
        }
        Message::RegisteredReport(m) => report::registered(case, sender, m),
        Message::CreateReport(m) => report::create(case, sender, m),
        Message::CancelReport(m) => report::cancel(case, sender, m),
        Message::UpdateReport(m) => update_report::update(case, sender, m),
        Message::CreatedReport(m) => create_report::created(case, sender, m),
        Message::CanceledReport(m) => cancel_report::canceled(case, sender, m),
        // We send no data, so nothing follows from an answer to them (quirk Q25).
        Message::UpdatedReport(m) => acknowledge(case, sender, &m.ei_response),
        // Answering a response with another would never end.
        Message::Response(_) => Decision::unchanged(case.at.version, Reply::Empty),
        Message::CreateOpt(m) => return opt::create(case, sender, m, answers),
        Message::CancelOpt(m) => opt::cancel(case, sender, m),
        // Rules 23 and 51.
        Message::CreatedPartyRegistration(_)
        | Message::RequestReregistration(_)
        | Message::DistributeEvent(_)
        | Message::CreatedOpt(_)
        | Message::CanceledOpt(_) => case.unchanged(refuse(case, message, &Refusal::NOT_FOR_A_VTN)),
        // Both are answered before anyone has to be registered.
        Message::QueryRegistration(_) | Message::CreatePartyRegistration(_) => {
            case.unchanged(refuse(case, message, &Refusal::NOT_REGISTERED))
        }
    })
}

fn acknowledge(case: &Case<'_>, sender: Sender<'_>, response: &EiResponse) -> Decision<Vtn> {
    case.unchanged(acknowledgement(sender.ven_id, response.request_id.clone()))
}
