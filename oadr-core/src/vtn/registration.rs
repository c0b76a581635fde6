//! EiRegisterParty: query, register anew and again, cancel from either side (rules 400 to 407).
//!
//! Knows nothing of reports and events, except that they go with a registration.

use chrono::TimeDelta;

use super::decide::{Case, Sender, acknowledgement, certificate_of, reply};
use super::delivery::later;
use super::input::{Answer, Question, RegistrationAnswer, RegistrationQuery, RegistrationRequest};
use super::refusal::{Refusal, refuse};
use super::state::{KnownBy, Registration, State, Task};
use super::{
    Admission, Change, Claim, Effect, UnregisteredPoll, Vtn, opt, pushing, register_report,
};
use crate::machine::{Decision, Draft, Random, Step};
use crate::payload::{
    CancelPartyRegistration, CanceledPartyRegistration, CreatePartyRegistration,
    CreatedPartyRegistration, EiResponse, QueryRegistration, Response,
};
use crate::value::{DateTime, RegistrationId, Text, TransportName, VenId};
use crate::{BareJid, Jid, Peer};

/// So long an operation of ours waits for a VEN before it is given up.
pub(super) const PATIENCE: TimeDelta = TimeDelta::hours(24);

/// `oadrQueryRegistration`: what is on offer, and the IDs if the VEN is registered (rule 404).
pub(super) fn query(
    case: &Case<'_>,
    peer: &Peer,
    query: &QueryRegistration,
    answers: &[Answer],
) -> Step<Vtn> {
    let extensions = answers.iter().find_map(|answer| match answer {
        Answer::Query(extensions) => Some(extensions.clone()),
        Answer::Register(_) | Answer::Poll(_) | Answer::Reports(_) | Answer::CreateOpt(_) => None,
    });
    if case.context.asks.queries && extensions.is_none() {
        return Step::Ask(Question::Query(Box::new(RegistrationQuery {
            peer: peer.clone(),
            message: query.clone(),
        })));
    }
    let state = case.state();
    let ids = state.registered().filter(|_| state.is_proved_by(peer));
    let ok = EiResponse::ok(query.request_id.clone());
    Step::Decided(case.unchanged(CreatedPartyRegistration {
        extensions: extensions.flatten(),
        ..answer(case, ok, ids)
    }))
}

/// `oadrCreatePartyRegistration`.
pub(super) fn create(
    case: &Case<'_>,
    peer: &Peer,
    create: &CreatePartyRegistration,
    answers: &[Answer],
) -> Step<Vtn> {
    match accept(case, peer, create, answers) {
        Ok(Verdict::Ask) => Step::Ask(Question::Register(Box::new(RegistrationRequest {
            peer: peer.clone(),
            message: create.clone(),
        }))),
        Ok(Verdict::Accept(accepted)) => Step::Decided(register(case, peer, create, accepted)),
        Err(refusal) => {
            Step::Decided(case.unchanged(refuse(case, &create.clone().into(), &refusal)))
        }
    }
}

/// `oadrCancelPartyRegistration`: the VEN leaves (rule 407).
pub(super) fn cancel(
    case: &Case<'_>,
    sender: Sender<'_>,
    cancel: &CancelPartyRegistration,
) -> Decision<Vtn> {
    let own = &sender.registration.registration_id;
    let answer = |ei_response| CanceledPartyRegistration {
        ei_response,
        registration_id: Some(own.clone()),
        ven_id: Some(sender.ven_id.clone()),
    };
    // Rule 400: the answer carries the right one.
    if cancel.registration_id != *own {
        let wrong = Refusal::WRONG_REGISTRATION_ID.response(cancel.request_id.clone());
        return case.unchanged(answer(wrong));
    }
    let mut draft = case.draft();
    if case.state().removal.is_some() {
        forget(&mut draft);
    } else {
        opt::unregister(&mut draft);
        register_report::suspend(case, &mut draft);
        draft.change(Change::RegistrationCancelled);
    }
    draft.effect(Effect::RegistrationCancelled {
        ven_id: sender.ven_id.clone(),
    });
    draft.decide(reply(answer(EiResponse::ok(cancel.request_id.clone()))))
}

/// `oadrCanceledPartyRegistration`: the VEN knows that it was removed.
pub(super) fn canceled(
    case: &Case<'_>,
    sender: Sender<'_>,
    canceled: &CanceledPartyRegistration,
) -> Decision<Vtn> {
    let request_id = canceled.ei_response.request_id.clone();
    let presented = canceled
        .registration_id
        .as_ref()
        .filter(|id| !id.is_empty());
    if presented.is_some_and(|id| *id != sender.registration.registration_id) {
        return case.unchanged(Response {
            ei_response: Refusal::WRONG_REGISTRATION_ID.response(request_id),
            ven_id: Some(sender.ven_id.clone()),
        });
    }
    let acknowledgement = acknowledgement(sender.ven_id, request_id);
    if !case.state().removal.as_ref().is_some_and(Task::is_sent) {
        return case.unchanged(acknowledgement);
    }
    let mut draft = case.draft();
    forget(&mut draft);
    draft.effect(Effect::RegistrationCancelled {
        ven_id: sender.ven_id.clone(),
    });
    draft.decide(reply(acknowledgement))
}

/// Forgets the VEN and gives back what it held.
pub(super) fn forget(draft: &mut Draft<Vtn>) {
    let held = draft.state.claims();
    opt::unregister(draft);
    draft.change(Change::Forgotten);
    settle_claims(draft, held);
}

/// Takes and gives back what the changes since `held` call for.
pub(super) fn settle_claims(draft: &mut Draft<Vtn>, held: Vec<Claim>) {
    let holds = draft.state.claims();
    for claim in holds.iter().filter(|claim| !held.contains(claim)) {
        draft.take(claim.clone());
    }
    for claim in held.into_iter().filter(|claim| !holds.contains(claim)) {
        draft.give_back(claim);
    }
}

/// `oadrCreatedPartyRegistration`, which also says what is on offer (rule 403).
pub(super) fn answer(
    case: &Case<'_>,
    ei_response: EiResponse,
    ids: Option<(&VenId, &Registration)>,
) -> CreatedPartyRegistration {
    CreatedPartyRegistration {
        ei_response,
        registration_id: ids.map(|(_, registration)| registration.registration_id.clone()),
        ven_id: ids.map(|(ven_id, _)| ven_id.clone()),
        vtn_id: case.context.vtn_id.clone(),
        profiles: case.context.profiles.clone(),
        requested_poll_frequency: Some(case.context.poll_frequency),
        service_specific_info: None,
        extensions: None,
    }
}

enum Verdict {
    Ask,
    Accept(Accepted),
}

/// Under which IDs; those left open are drawn.
struct Accepted {
    ven_id: Option<VenId>,
    registration_id: Option<RegistrationId>,
    /// Where it is pushed to.
    transport_address: Option<Text>,
    /// Whether the VEN named the registration that it has.
    again: bool,
}

fn accept(
    case: &Case<'_>,
    peer: &Peer,
    create: &CreatePartyRegistration,
    answers: &[Answer],
) -> Result<Verdict, Refusal> {
    let state = case.state();
    let context = case.context;
    // A VEN that the transport can prove is not to be had unproven.
    if !state.is_forgotten() && !state.is_proved_by(peer) && !is_adopted(case, peer, create) {
        return Err(Refusal::NOT_ADMITTED);
    }
    match (context.admission, state.known_by) {
        (Admission::Enrolled, Some(KnownBy::Operator)) if !state.is_leaving() => {}
        (Admission::Enrolled, _) => return Err(Refusal::NOT_ADMITTED),
        (Admission::Open | Admission::Ask, _) => {}
    }
    let transport_address = check_offered(case, peer, create)?;
    let again = names_registration(state, context.unregistered_poll, create)?;
    let presented = create.ven_id.as_ref().filter(|id| !id.is_empty());
    let allocated = match (&state.ven_id, presented, context.admission) {
        (Some(own), Some(presented), _) if own != presented => return Err(Refusal::WRONG_VEN_ID),
        (Some(own), _, _) => Some(own.clone()),
        // Where anyone may register nobody allocates IDs: it may keep the one that it has.
        (None, presented, Admission::Open) => presented.cloned(),
        (None, Some(_), Admission::Enrolled) => return Err(Refusal::WRONG_VEN_ID),
        (None, None, Admission::Enrolled) | (None, _, Admission::Ask) => None,
    };
    let kept = state.registration.as_ref().filter(|_| again);
    let kept = kept.map(|registration| registration.registration_id.clone());
    match context.admission {
        Admission::Open | Admission::Enrolled => Ok(Verdict::Accept(Accepted {
            ven_id: allocated,
            registration_id: kept,
            transport_address,
            again,
        })),
        Admission::Ask => match said(answers) {
            None => Ok(Verdict::Ask),
            Some(RegistrationAnswer::Refuse) => Err(Refusal::NOT_ADMITTED),
            Some(RegistrationAnswer::Accept {
                ven_id,
                registration_id,
            }) => {
                let ven_id = ven_id.clone().filter(|id| !id.is_empty());
                let registration_id = registration_id.clone().filter(|id| !id.is_empty());
                Ok(Verdict::Accept(Accepted {
                    again: again
                        && ven_id
                            .as_ref()
                            .is_none_or(|id| Some(id) == state.ven_id.as_ref())
                        && registration_id
                            .as_ref()
                            .is_none_or(|id| Some(id) == kept.as_ref()),
                    ven_id: ven_id.or(allocated),
                    registration_id: registration_id.or(kept),
                    transport_address,
                }))
            }
        },
    }
}

/// What the application said to this registration, if it was asked already.
fn said(answers: &[Answer]) -> Option<&RegistrationAnswer> {
    answers.iter().find_map(|answer| match answer {
        Answer::Register(said) => Some(said),
        Answer::Query(_) | Answer::Poll(_) | Answer::Reports(_) | Answer::CreateOpt(_) => None,
    })
}

/// Where the VEN is pushed to, if what it wants can be had (rules 38, 402). What can never be delivered is
/// better refused than accepted in silence.
fn check_offered(
    case: &Case<'_>,
    peer: &Peer,
    create: &CreatePartyRegistration,
) -> Result<Option<Text>, Refusal> {
    let offered = case.context.profiles.iter().any(|profile| {
        let mut transports = profile.transports.iter();
        profile.name == create.profile_name && transports.any(|t| t.name == create.transport_name)
    });
    if !offered {
        return Err(Refusal::PROFILE_NOT_OFFERED);
    }
    let given = create.transport_address.as_ref();
    let given = given.filter(|address| !address.as_str().trim().is_empty());
    match (create.transport_name, peer) {
        (TransportName::SimpleHttp, Peer::Jid(_)) if case.state().certificates.is_empty() => {
            Err(Refusal::NO_CERTIFICATE)
        }
        (TransportName::SimpleHttp, _) if create.http_pull_model.unwrap_or(true) => {
            Ok(create.transport_address.clone())
        }
        (TransportName::SimpleHttp, _) if !case.context.http_push => Err(Refusal::NO_PUSH),
        (TransportName::SimpleHttp, _) => given.cloned().map(Some).ok_or(Refusal::NO_ADDRESS),
        (TransportName::Xmpp, Peer::Jid(from)) => {
            let jid = match given {
                None => from.clone(),
                Some(given) => session(given, from.account())?.unwrap_or_else(|| from.clone()),
            };
            Ok(Text::new(jid.to_string()).ok())
        }
        (TransportName::Xmpp, Peer::Unproven | Peer::Certificate(_)) => {
            let account = case.state().jid.as_ref().ok_or(Refusal::NO_ACCOUNT)?;
            let jid = given.map(|given| session(given, account)).transpose()?;
            let jid = jid.flatten().ok_or(Refusal::NO_ADDRESS)?;
            Ok(Text::new(jid.to_string()).ok())
        }
    }
}

/// The session of its account that a VEN wants to be reached at; `None` if it names none (spec §5.2).
fn session(address: &Text, account: &BareJid) -> Result<Option<Jid>, Refusal> {
    let text = address.as_str().trim();
    let (of, session) = match (text.parse::<Jid>(), text.parse::<BareJid>()) {
        (Ok(jid), _) => (jid.account().clone(), Some(jid)),
        (Err(_), Ok(bare)) => (bare, None),
        // What is no address at all is nobody else's, either.
        (Err(_), Err(_)) => return Ok(None),
    };
    if of == *account {
        Ok(session)
    } else {
        Err(Refusal::FOREIGN_ADDRESS)
    }
}

/// Whether a VEN that nothing proves registers again over XMPP, by its venID and its registration: its
/// account proves it from then on.
fn is_adopted(case: &Case<'_>, peer: &Peer, create: &CreatePartyRegistration) -> bool {
    let state = case.state();
    let is_open = case.context.admission == Admission::Open && !state.is_provable();
    matches!(peer, Peer::Jid(_))
        && is_open
        && create.ven_id.is_some()
        && create.ven_id == state.ven_id
        && state
            .registration
            .as_ref()
            .is_some_and(|own| create.registration_id.as_ref() == Some(&own.registration_id))
}

/// Whether the VEN registers again (rule 402): by the ID of the registration that it has.
fn names_registration(
    state: &State,
    unregistered_poll: UnregisteredPoll,
    create: &CreatePartyRegistration,
) -> Result<bool, Refusal> {
    let Some(named) = create.registration_id.as_ref().filter(|id| !id.is_empty()) else {
        return Ok(false);
    };
    match (&state.registration, unregistered_poll) {
        (Some(own), _) if own.registration_id == *named => Ok(true),
        // Asked to register again, such a peer names the registration that it lost (quirk Q23).
        (None, UnregisteredPoll::RequestReregistration) if !state.is_forgotten() => Ok(false),
        (Some(_) | None, _) => Err(Refusal::WRONG_REGISTRATION_ID),
    }
}

fn register(
    case: &Case<'_>,
    peer: &Peer,
    create: &CreatePartyRegistration,
    accepted: Accepted,
) -> Decision<Vtn> {
    let now = case.env.now;
    let mut random = Random::new(case.env.entropy);
    let (drawn_ven, drawn_registration) = (random.id("ven"), random.id("registration"));
    let ven_id = accepted
        .ven_id
        .unwrap_or_else(|| VenId::new(drawn_ven).unwrap_or_default());
    let registration_id = accepted
        .registration_id
        .unwrap_or_else(|| RegistrationId::new(drawn_registration).unwrap_or_default());
    let state = case.state();
    let since = state.registration.as_ref().filter(|_| accepted.again);
    let since = since.map_or(now, |registration| registration.since);
    let registration = Registration {
        registration_id: registration_id.clone(),
        transport_address: accepted.transport_address,
        ..registration_of(create, since, now)
    };
    let jid = account_of(peer);
    let pushes_from = registration
        .wants_pushes()
        .then(|| pushing::pushes_from(now));
    let ven_name = name_of(state, create);

    let mut draft = case.draft();
    let held = draft.state.claims();
    if accepted.again {
        draft.change(Change::Reregistered {
            ven_name,
            registration: registration.clone(),
            jid,
            pushes_from,
        });
    } else {
        opt::unregister(&mut draft);
        if state.is_leaving() {
            // What an operator knew of it went with its removal.
            draft.change(Change::Forgotten);
        } else {
            register_report::suspend(case, &mut draft);
        }
        draft.change(Change::Registered {
            ven_id: ven_id.clone(),
            ven_name,
            certificate: certificate_of(peer),
            registration: registration.clone(),
            give_up_at: later(now, PATIENCE),
            jid,
            pushes_from,
        });
    }
    settle_claims(&mut draft, held);
    draft.effect(Effect::Registered {
        ven_id: ven_id.clone(),
        registration_id,
        again: accepted.again,
    });
    let ok = EiResponse::ok(create.request_id.clone());
    draft.decide(reply(answer(case, ok, Some((&ven_id, &registration)))))
}

/// What the VEN is called. The name by which an operator enrolled whom the transport can prove stays: events are sent
/// to VENs by their names, and whoever has some certificate could take any.
fn name_of(state: &State, create: &CreatePartyRegistration) -> Option<Text> {
    let own = state.ven_name.as_ref();
    let given = own.filter(|_| {
        state.known_by == Some(KnownBy::Operator) && state.is_provable() && !state.is_leaving()
    });
    let said = create.ven_name.as_ref().filter(|name| !name.is_empty());
    given.or(said).or(own).cloned()
}

/// The account that the transport proved, if it proved one.
fn account_of(peer: &Peer) -> Option<BareJid> {
    match peer {
        Peer::Unproven | Peer::Certificate(_) => None,
        Peer::Jid(jid) => Some(jid.account().clone()),
    }
}

/// But for its ID, and for where pushes go.
fn registration_of(
    create: &CreatePartyRegistration,
    since: DateTime,
    renewed: DateTime,
) -> Registration {
    Registration {
        registration_id: RegistrationId::default(),
        profile: create.profile_name,
        transport: create.transport_name,
        transport_address: None,
        pull: match create.transport_name {
            TransportName::SimpleHttp => create.http_pull_model.unwrap_or(true),
            TransportName::Xmpp => false,
        },
        report_only: create.report_only,
        xml_signature: create.xml_signature,
        since,
        renewed,
    }
}
