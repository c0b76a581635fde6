//! EiRegisterParty: how a VEN gets its registration, renews it and loses it.
//!
//! Knows nothing of events beyond that they end with the registration.

use super::decide::Turn;
use super::{
    Change, Contact, Context, Effect, EndReason, Owed, Registered, Registration, Run, opt, poll,
    report_pending,
};
use crate::payload::{
    CancelPartyRegistration, CanceledPartyRegistration, CreatePartyRegistration,
    CreatedPartyRegistration, EiResponse, Message, QueryRegistration, RequestReregistration,
    Response, ResponseCode,
};
use crate::value::{EventId, ProfileName, RegistrationId, RequestId, TransportName, VenId, VtnId};

/// `oadrQueryRegistration`.
pub(super) fn query(request_id: RequestId) -> Message {
    QueryRegistration { request_id }.into()
}

/// `oadrCreatePartyRegistration` (rule 402): with IDs when registering again, otherwise with the
/// pre-allocated venID at most.
pub(super) fn create(
    context: &Context,
    request_id: RequestId,
    ids: Option<(&VenId, &RegistrationId)>,
) -> CreatePartyRegistration {
    let ven_id = ids.map(|(ven_id, _)| ven_id).or(context.ven_id.as_ref());
    let pull = context.transport_address.is_none();
    CreatePartyRegistration {
        request_id,
        registration_id: ids.map(|(_, registration_id)| registration_id.clone()),
        ven_id: ven_id.cloned(),
        profile_name: ProfileName::B,
        transport_name: context.transport,
        transport_address: context.transport_address.clone(),
        report_only: context.report_only,
        xml_signature: context.xml_signature,
        ven_name: Some(context.ven_name.clone()).filter(|name| !name.is_empty()),
        http_pull_model: match context.transport {
            TransportName::SimpleHttp => Some(pull),
            TransportName::Xmpp => None,
        },
    }
}

/// `oadrQueryRegistration` was answered: a VTN that knows the VEN says under which IDs (rule 404).
pub(super) fn queried(turn: &mut Turn<'_>, message: Option<&Message>) {
    let known = match message {
        Some(Message::CreatedPartyRegistration(created)) => ids(created),
        Some(_) | None => None,
    };
    turn.change(Change::Queried { known });
}

fn ids(created: &CreatedPartyRegistration) -> Option<(VenId, RegistrationId)> {
    let ven_id = created.ven_id.clone().filter(|id| !id.is_empty())?;
    let registration_id = created.registration_id.clone();
    let registration_id = registration_id.filter(|id| !id.is_empty())?;
    Some((ven_id, registration_id))
}

/// What a VTN said to an `oadrCreatePartyRegistration`.
pub(super) enum Outcome {
    /// Registered, under these IDs (adopted whatever they are).
    Registered(Registered),
    /// Refused. Some VTNs refuse with a 200 and no IDs (quirk Q6).
    Refused(ResponseCode),
}

/// Reads the answer to an `oadrCreatePartyRegistration`; `None` if it is no answer to that.
pub(super) fn outcome(turn: &Turn<'_>, message: Option<&Message>) -> Option<Outcome> {
    let refused = |code: ResponseCode| {
        Outcome::Refused(if code.is_success() {
            ResponseCode::NOT_REGISTERED
        } else {
            code
        })
    };
    match message? {
        Message::Response(response) => Some(refused(response.ei_response.response_code)),
        Message::CreatedPartyRegistration(created) => {
            let code = created.ei_response.response_code;
            Some(match ids(created) {
                Some(_) if is_foreign(turn.context, &created.vtn_id) => {
                    Outcome::Refused(ResponseCode::INVALID_ID)
                }
                Some(ids) if code.is_success() => {
                    Outcome::Registered(registered(turn, created, ids))
                }
                Some(_) | None => refused(code),
            })
        }
        Message::QueryRegistration(_)
        | Message::CreatePartyRegistration(_)
        | Message::CancelPartyRegistration(_)
        | Message::CanceledPartyRegistration(_)
        | Message::RequestReregistration(_)
        | Message::RequestEvent(_)
        | Message::DistributeEvent(_)
        | Message::CreatedEvent(_)
        | Message::CreateOpt(_)
        | Message::CreatedOpt(_)
        | Message::CancelOpt(_)
        | Message::CanceledOpt(_)
        | Message::RegisterReport(_)
        | Message::RegisteredReport(_)
        | Message::CreateReport(_)
        | Message::CreatedReport(_)
        | Message::UpdateReport(_)
        | Message::UpdatedReport(_)
        | Message::CancelReport(_)
        | Message::CanceledReport(_)
        | Message::Poll(_) => None,
    }
}

/// Whether this is another VTN than the one that the VEN is configured for (rules 400, 512).
fn is_foreign(context: &Context, vtn_id: &VtnId) -> bool {
    context.vtn_id.as_ref().is_some_and(|ours| ours != vtn_id)
}

fn registered(
    turn: &Turn<'_>,
    created: &CreatedPartyRegistration,
    (ven_id, registration_id): (VenId, RegistrationId),
) -> Registered {
    let context = turn.context;
    let contact = turn.state().link.contact.clone();
    let pull = contact.is_pull();
    let wanted = created.requested_poll_frequency;
    Registered {
        ven_id,
        registration_id,
        vtn_id: created.vtn_id.clone(),
        poll_interval: pull.then(|| poll::interval(wanted, context.poll_frequency, turn.now)),
        contact,
        since: turn.now,
    }
}

/// Registered under IDs that the VEN did not have: metadata and events come before anything else
/// (rules 309, 405).
pub(super) fn begin(turn: &mut Turn<'_>, registered: Registered) {
    report_pending::end_all(turn);
    let effect = registered_effect(&registered, false);
    turn.change(Change::Registered {
        registered,
        context: turn.context.version,
    });
    turn.effect(effect);
    let request_id = turn.request_id();
    turn.owe(Owed::RegisterReport {
        request_id,
        report_request_id: None,
    });
    if !turn.context.report_only {
        let request_id = turn.request_id();
        turn.owe(Owed::RequestEvent { request_id });
    }
    opt::renew(turn);
}

/// Registered again under the IDs it had: nothing else follows (rule 405).
pub(super) fn renew(turn: &mut Turn<'_>, registered: Registered) {
    let effect = registered_effect(&registered, true);
    turn.change(Change::Reregistered {
        registered,
        context: turn.context.version,
    });
    turn.effect(effect);
}

fn registered_effect(registered: &Registered, again: bool) -> Effect {
    Effect::Registered {
        ven_id: registered.ven_id.clone(),
        registration_id: registered.registration_id.clone(),
        vtn_id: registered.vtn_id.clone(),
        again,
    }
}

/// A registration was refused: tried again after a while.
pub(super) fn refused(turn: &mut Turn<'_>, response_code: ResponseCode) {
    poll::back_off(turn, None);
    turn.effect(Effect::RegistrationRefused { response_code });
}

/// The VTN knows no such registration (463): register anew, at once the first time.
pub(super) fn lost(turn: &mut Turn<'_>) {
    denied(turn);
    report_pending::end_all(turn);
    turn.change(Change::RegistrationLost);
}

/// Whether a code that the VTN answers to a poll or a request for events is about the registration,
/// and if so acts on it: 463 is that there is none, 452 that the venID is not the right one.
pub(super) fn disputed(turn: &mut Turn<'_>, code: ResponseCode) -> bool {
    match code {
        ResponseCode::NOT_REGISTERED => lost(turn),
        ResponseCode::INVALID_ID => {
            denied(turn);
            reregister_first(turn);
        }
        _ => return false,
    }
    true
}

/// The VTN gave its events: it knows the registration. To one that polls, polls show that.
pub(super) fn confirmed(turn: &mut Turn<'_>) {
    let is_pull = turn.registered().is_none_or(|r| r.contact.is_pull());
    if !is_pull && turn.state().link.denials > 0 {
        turn.change(Change::Confirmed);
    }
}

/// Counts a denial. The first one is acted upon at once; a VTN that accepts a registration and
/// denies it again and again is not to be run over.
pub(super) fn denied(turn: &mut Turn<'_>) {
    let before = turn.state().link.denials;
    let not_before = match before.checked_sub(1) {
        None => turn.now,
        Some(failures) => poll::after_failures(turn, failures),
    };
    turn.change(Change::Denied {
        denials: before.saturating_add(1),
        not_before,
    });
}

/// `oadrRequestReregistration`: acknowledged first, then obeyed.
pub(super) fn requested(turn: &mut Turn<'_>, message: &RequestReregistration) {
    let Some(registered) = turn.registered() else {
        return;
    };
    let ven_id = registered.ven_id.clone();
    let foreign = !message.ven_id.is_empty() && message.ven_id != ven_id;
    if !foreign {
        reregister_first(turn);
    }
    let ei_response = if foreign {
        EiResponse::new(
            ResponseCode::INVALID_ID,
            "another VEN's venID",
            RequestId::default(),
        )
    } else {
        EiResponse::ok(RequestId::default())
    };
    turn.answer_first(Owed::Response(Response {
        ei_response,
        ven_id: Some(ven_id),
    }));
}

/// A registration is about to be asked for that says how the VEN is reached.
pub(super) fn introduced(turn: &mut Turn<'_>) {
    let contact = Contact::of(turn.context);
    if turn.state().link.contact != contact {
        turn.change(Change::Introduced { contact });
    }
}

/// A VEN that is reached otherwise than it said when it registered says so, before anything else:
/// under its IDs, so that it keeps what it has (rule 405).
pub(super) fn follow_contact(turn: &mut Turn<'_>) {
    let moved = turn.registered().is_some_and(|registered| {
        let Contact { transport, address } = &registered.contact;
        *transport != turn.context.transport || *address != turn.context.transport_address
    });
    if moved {
        reregister_first(turn);
    }
}

pub(super) fn reregister_first(turn: &mut Turn<'_>) {
    let is_owed = |owed: &Owed| matches!(owed, Owed::Reregistration { .. });
    if !turn.state().owed.iter().any(is_owed) {
        let request_id = turn.request_id();
        turn.change(Change::OwedFirst(Owed::Reregistration { request_id }));
    }
}

/// `oadrCancelPartyRegistration`: with the right IDs the registration is over and everything that
/// came with it is forgotten (rules 400, 407).
pub(super) fn cancelled(turn: &mut Turn<'_>, message: &CancelPartyRegistration) {
    let Some(registered) = turn.registered() else {
        return;
    };
    let (ven_id, registration_id) = (
        registered.ven_id.clone(),
        registered.registration_id.clone(),
    );
    let foreign = message
        .ven_id
        .as_ref()
        .is_some_and(|id| !id.is_empty() && *id != ven_id);
    let fits = !foreign && message.registration_id == registration_id;
    let request_id = message.request_id.clone();
    let ei_response = if fits {
        EiResponse::ok(request_id)
    } else {
        EiResponse::new(
            ResponseCode::INVALID_ID,
            "not this registration",
            request_id,
        )
    };
    if fits {
        end(turn, &ven_id);
    }
    turn.answer(Owed::CanceledPartyRegistration(CanceledPartyRegistration {
        ei_response,
        registration_id: Some(registration_id),
        ven_id: Some(ven_id),
    }));
}

/// The registration is over.
pub(super) fn end(turn: &mut Turn<'_>, ven_id: &VenId) {
    end_all(turn);
    turn.change(Change::RegistrationEnded);
    turn.effect(Effect::RegistrationCancelled {
        ven_id: ven_id.clone(),
    });
}

/// The VEN gives up before it is registered.
pub(super) fn give_up(turn: &mut Turn<'_>) {
    end_all(turn);
    turn.change(Change::RegistrationEnded);
}

/// The VEN ends its registration itself.
pub(super) fn leave(turn: &mut Turn<'_>, registered: Registered) {
    let Registered {
        ven_id,
        registration_id,
        ..
    } = registered;
    end_all(turn);
    let request_id = turn.request_id();
    turn.change(Change::RegistrationLeft {
        ven_id: ven_id.clone(),
    });
    turn.owe(Owed::CancelPartyRegistration(CancelPartyRegistration {
        request_id,
        registration_id,
        ven_id: Some(ven_id),
    }));
}

/// The VTN has heard that the VEN left, or does not want to.
pub(super) fn left(turn: &mut Turn<'_>) {
    if let Registration::Leaving(ven_id) = turn.state().registration.clone() {
        end(turn, &ven_id);
    }
}

/// What runs ends with the registration, and so does all that was to be reported.
fn end_all(turn: &mut Turn<'_>) {
    report_pending::end_all(turn);
    let state = turn.state();
    let running = state.events.values().filter_map(|event| match event.run {
        Run::Running(_) => Some((event.event_id().clone(), event.modification_number())),
        Run::Waiting | Run::Over => None,
    });
    let stopping = state.stopping.iter();
    let stopping = stopping.map(|(id, stopping)| (id.clone(), stopping.modification_number));
    let ended: Vec<(EventId, u32)> = running.chain(stopping).collect();
    for (event_id, modification_number) in ended {
        turn.effect(Effect::EventEnded {
            event_id,
            modification_number,
            reason: EndReason::Unregistered,
        });
    }
}
