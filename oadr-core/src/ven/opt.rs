//! EiOpt: opts are made, told and withdrawn (rules 200 to 211).
//!
//! Knows nothing of what schedules come to; that is the VTN's to say.

use super::decide::Turn;
use super::distribute::{created_event, response};
use super::{
    Change, CommandError, Effect, EndReason, Numbering, Opt, OptChange, OptDraft, OptStanding,
    Owed, Run, Stance, State,
};
use crate::opt::{OptPeriod, OptSubject, OptTerms};
use crate::payload::{
    Availability, CreateOpt, EiResponse, Properties, QualifiedEventId, ResponseCode, Target,
};
use crate::value::{EventId, MarketContext, OptId, RequestId, ResourceId, ResponseRequired};

/// So many opts a VEN has at most, so that the queue cannot grow while the VTN is away.
const MOST_OPTS: usize = 64;
/// So many periods, resources and device classes they name together at most.
const MOST_NAMED: usize = 1_000;

/// Makes an opt, to be told as soon as the VTN can be reached.
pub(super) fn create(turn: &mut Turn<'_>, draft: &OptDraft) -> Result<(), CommandError> {
    if turn.registered().is_none() {
        return Err(CommandError::NotRegistered);
    }
    let terms = &draft.terms;
    match &terms.subject {
        OptSubject::Schedule {
            market_context,
            periods,
        } => check_schedule(turn, market_context.as_ref(), periods)?,
        OptSubject::Event { event_id } => check_event(turn, event_id, &terms.resources)?,
    }
    let known = |id: &ResourceId| turn.context.resources.contains(id);
    if !terms.resources.iter().all(known) {
        return Err(CommandError::UnknownResource);
    }
    if terms.device_classes.iter().any(|class| class.is_empty()) {
        return Err(CommandError::EmptyDeviceClass);
    }
    // Rule 204: there is one, though not necessarily a new one.
    let opt_id = match &draft.opt_id {
        Some(opt_id) if opt_id.is_empty() => return Err(CommandError::EmptyOptId),
        Some(opt_id) => opt_id.clone(),
        None => OptId::new(turn.random.id("opt")).unwrap_or_default(),
    };
    forget(turn, has_run_out);
    let opts = &turn.state().opts;
    let named = opts.list.iter().map(|opt| opt.terms.size());
    let named = named.fold(terms.size(), usize::saturating_add);
    if opts.list.len() >= MOST_OPTS || named > MOST_NAMED {
        return Err(CommandError::TooManyOpts);
    }
    if let OptSubject::Event { event_id } = &terms.subject {
        answer_first(turn, event_id);
    }
    let number = turn.state().opts.last.saturating_add(1);
    turn.change(Change::Opt(OptChange::Created {
        opt: Box::new(Opt {
            number,
            opt_id,
            terms: terms.clone(),
            created: turn.now,
            standing: OptStanding::Owed,
        }),
    }));
    follow(turn, terms);
    owe(turn);
    Ok(())
}

fn check_schedule(
    turn: &Turn<'_>,
    market_context: Option<&MarketContext>,
    periods: &[OptPeriod],
) -> Result<(), CommandError> {
    if market_context.is_some_and(|context| !context.is_uri()) {
        return Err(CommandError::NotAUri);
    }
    if periods.is_empty() {
        return Err(CommandError::NoPeriods);
    }
    if periods.iter().any(|period| period.duration.is_negative()) {
        return Err(CommandError::NegativePeriod);
    }
    let is_over = |period: &OptPeriod| period.end().is_some_and(|end| end <= turn.now);
    if periods.iter().all(is_over) {
        return Err(CommandError::ScheduleOver);
    }
    Ok(())
}

/// Rule 206: an event that the VEN was told of and may answer, and nothing that it is not for.
fn check_event(
    turn: &Turn<'_>,
    event_id: &EventId,
    resources: &[ResourceId],
) -> Result<(), CommandError> {
    let event = turn.state().event(event_id);
    let event = event.ok_or(CommandError::UnknownEvent)?;
    if event.end().is_some_and(|end| end <= turn.now) {
        return Err(CommandError::EventOver);
    }
    match event.response_required {
        ResponseRequired::Always => {}
        ResponseRequired::Never => return Err(CommandError::NoAnswerWanted),
    }
    let ven_id = turn.registered().map(|registered| &registered.ven_id);
    let fault = ven_id.and_then(|id| super::validate::fault(&event.event, turn.context, id));
    if fault.is_some() {
        return Err(CommandError::NotSupported);
    }
    let targets = &event.event.target.resource_ids;
    if !targets.is_empty() && resources.iter().any(|id| !targets.contains(id)) {
        return Err(CommandError::NotTargeted);
    }
    Ok(())
}

/// The answer to the event goes before the first opt of it (rule 206). It mostly did; here it goes
/// again if the VTN dropped it.
fn answer_first(turn: &mut Turn<'_>, event_id: &EventId) {
    let state = turn.state();
    let Some((event, registered)) = state.event(event_id).zip(state.registered()) else {
        return;
    };
    let answered = event.stance.acknowledged || state.opts.of_event(event_id).is_some();
    let is_current = event.numbering == Numbering::Current;
    let is_owed = state
        .owed
        .iter()
        .flat_map(Owed::event_ids)
        .any(|id| id == event_id);
    if answered || !is_current || is_owed {
        return;
    }
    let responses = vec![response(
        &event.event,
        &event.request_id,
        event.stance.clone(),
    )];
    let ei_response = EiResponse::ok(RequestId::default());
    let owed = created_event(ei_response, Some(responses), registered.ven_id.clone());
    turn.owe(owed);
}

/// An opt of a whole event is followed by the VEN itself.
fn follow(turn: &mut Turn<'_>, terms: &OptTerms) {
    let Some(event_id) = terms.event_id().filter(|_| terms.is_of_all()) else {
        return;
    };
    let Some(event) = turn.state().event(event_id).cloned() else {
        return;
    };
    if event.stance.opt == terms.opt_type {
        return;
    }
    turn.change(Change::OptChanged {
        event_id: event_id.clone(),
        stance: Stance::new(terms.opt_type, ResponseCode::OK, "OK"),
        since: turn.now,
        run: Run::Waiting,
    });
    if let Run::Running(_) = event.run {
        turn.effect(Effect::EventEnded {
            event_id: event_id.clone(),
            modification_number: event.modification_number(),
            reason: EndReason::OptedOut,
        });
    }
}

/// Withdraws all schedules of an ID (rule 204).
pub(super) fn cancel(turn: &mut Turn<'_>, opt_id: &OptId) -> Result<(), CommandError> {
    if turn.registered().is_none() {
        return Err(CommandError::NotRegistered);
    }
    let opts = turn.state().opts.list.iter();
    let of_id: Vec<&Opt> = opts.filter(|opt| opt.opt_id == *opt_id).collect();
    if of_id.is_empty() {
        return Err(CommandError::UnknownOpt);
    }
    let schedules = || {
        let of_id = of_id.iter();
        of_id.filter(|opt| opt.terms.event_id().is_none())
    };
    // Rule 211.
    if schedules().next().is_none() {
        return Err(CommandError::OptOfEvent);
    }
    let is_refused = |opt: &&&Opt| match opt.standing {
        OptStanding::Refused { .. } => true,
        OptStanding::Owed
        | OptStanding::Accepted
        | OptStanding::Cancelling
        | OptStanding::Kept { .. } => false,
    };
    let refused: Vec<u64> = schedules().filter(is_refused).map(|o| o.number).collect();
    let others = schedules().filter(|opt| !is_refused(opt));
    let others: Vec<u64> = others.map(|opt| opt.number).collect();
    if !refused.is_empty() {
        let numbers = refused;
        turn.change(Change::Opt(OptChange::Forgotten { numbers }));
    }
    if !others.is_empty() {
        stand(turn, others, OptStanding::Cancelling);
        owe(turn);
    }
    Ok(())
}

/// `oadrCreatedOpt`, or whatever came in its place.
pub(super) fn created(turn: &mut Turn<'_>, number: u64, code: Option<ResponseCode>) {
    let Some(opt) = turn.state().opts.get(number).cloned() else {
        return;
    };
    let opt_id = opt.opt_id;
    // What was cancelled meanwhile is not in force, whatever the VTN says.
    let is_owed = opt.standing == OptStanding::Owed;
    if let Some(code) = code.filter(|code| !code.is_success()) {
        if is_owed {
            let response_code = Some(code);
            stand(turn, vec![number], OptStanding::Refused { response_code });
            turn.effect(Effect::OptRefused {
                opt_id,
                response_code,
            });
        }
        return;
    }
    if is_owed {
        stand(turn, vec![number], OptStanding::Accepted);
    }
    turn.effect(Effect::OptAccepted { opt_id });
    // Rules 203 and 206: the VTN has forgotten these.
    forget(turn, |_, earlier| {
        earlier.number < number
            && earlier.standing.is_in_force()
            && opt.terms.replaces(&earlier.terms)
    });
}

/// `oadrCanceledOpt`, or whatever came in its place. What the VTN does not know (452) is not in force.
pub(super) fn cancelled(turn: &mut Turn<'_>, opt_id: &OptId, code: Option<ResponseCode>) {
    let gone = code.is_none_or(|code| code.is_success() || code == ResponseCode::INVALID_ID);
    if gone {
        let is_it = |opt: &Opt| opt.opt_id == *opt_id && opt.standing == OptStanding::Cancelling;
        forget(turn, |_, opt| is_it(opt));
        turn.effect(Effect::OptCancelled {
            opt_id: opt_id.clone(),
        });
    } else {
        keep(turn, opt_id, code);
    }
}

/// The VTN would have none of an opt, or of its cancellation, below OpenADR.
pub(super) fn dropped(turn: &mut Turn<'_>, owed: &Owed) {
    match owed {
        Owed::CreateOpt { number, .. } => {
            let Some(opt) = turn.state().opts.get(*number).cloned() else {
                return;
            };
            if opt.standing == OptStanding::Owed {
                let response_code = None;
                stand(turn, vec![*number], OptStanding::Refused { response_code });
                turn.effect(Effect::OptRefused {
                    opt_id: opt.opt_id,
                    response_code,
                });
            }
        }
        Owed::CancelOpt { opt_id, .. } => keep(turn, opt_id, None),
        Owed::Reregistration { .. }
        | Owed::RegisterReport { .. }
        | Owed::RequestEvent { .. }
        | Owed::CancelPartyRegistration(_)
        | Owed::CanceledPartyRegistration(_)
        | Owed::CreatedEvent(_)
        | Owed::Response(_)
        | Owed::RegisteredReport(_)
        | Owed::CreatedReport(_)
        | Owed::CanceledReport(_)
        | Owed::UpdatedReport(_)
        | Owed::UpdateReport(_) => {}
    }
}

/// Schedules whose cancellation was refused are still in force.
fn keep(turn: &mut Turn<'_>, opt_id: &OptId, response_code: Option<ResponseCode>) {
    let numbers = numbers(turn, |_, opt| {
        opt.opt_id == *opt_id && opt.standing == OptStanding::Cancelling
    });
    if !numbers.is_empty() {
        stand(turn, numbers, OptStanding::Kept { response_code });
        turn.effect(Effect::OptRefused {
            opt_id: opt_id.clone(),
            response_code,
        });
    }
}

/// Registered under new IDs: the VTN has forgotten what it was told (rule 406), and is told again. Opts
/// of events wait until it has listed these again.
pub(super) fn renew(turn: &mut Turn<'_>) {
    // What could not be cancelled is gone now.
    forget(turn, |turn, opt| {
        has_run_out(turn, opt) || matches!(opt.standing, OptStanding::Kept { .. })
    });
    let accepted = numbers(turn, |_, opt| opt.standing == OptStanding::Accepted);
    if !accepted.is_empty() {
        stand(turn, accepted, OptStanding::Owed);
    }
    owe(turn);
}

/// Owes whatever the VTN should know of opts and can make sense of, unless it is owed already.
pub(super) fn owe(turn: &mut Turn<'_>) {
    let state = turn.state();
    let is_owed = |number: u64| {
        let is_it = |owed: &Owed| matches!(owed, Owed::CreateOpt { number: n, .. } if *n == number);
        state.owed.iter().any(is_it)
    };
    let is_current = |opt: &Opt| match opt.terms.event_id() {
        Some(event_id) => state
            .event(event_id)
            .is_some_and(|event| event.numbering == Numbering::Current),
        None => true,
    };
    let create = numbers(turn, |_, opt| {
        opt.standing == OptStanding::Owed && is_current(opt) && !is_owed(opt.number)
    });
    let mut cancel: Vec<OptId> = Vec::new();
    for opt in &state.opts.list {
        let is_it =
            |owed: &Owed| matches!(owed, Owed::CancelOpt { opt_id, .. } if *opt_id == opt.opt_id);
        if opt.standing == OptStanding::Cancelling
            && !cancel.contains(&opt.opt_id)
            && !state.owed.iter().any(is_it)
        {
            cancel.push(opt.opt_id.clone());
        }
    }
    for number in create {
        let request_id = turn.request_id();
        turn.owe(Owed::CreateOpt { number, request_id });
    }
    for opt_id in cancel {
        let request_id = turn.request_id();
        turn.owe(Owed::CancelOpt { opt_id, request_id });
    }
}

/// `oadrCreateOpt`; `None` if there is no such opt any more, or nobody to tell it.
pub(super) fn message(state: &State, number: u64, request_id: &RequestId) -> Option<CreateOpt> {
    let ven_id = &state.registered()?.ven_id;
    let opt = state.opts.get(number)?;
    let terms = &opt.terms;
    let (market_context, availability, qualified_event_id) = match &terms.subject {
        OptSubject::Schedule {
            market_context,
            periods,
        } => {
            // A period and nothing else (rule 200).
            let periods = periods.iter();
            let available = periods.map(|p| Properties::new(p.start, p.duration));
            let available = available.collect();
            (
                market_context.clone(),
                Some(Availability { available }),
                None,
            )
        }
        OptSubject::Event { event_id } => {
            let event = state.event(event_id)?;
            let qualified = QualifiedEventId {
                event_id: event_id.clone(),
                modification_number: event.modification_number(),
            };
            (None, None, Some(qualified))
        }
    };
    Some(CreateOpt {
        opt_id: opt.opt_id.clone(),
        opt_type: terms.opt_type,
        opt_reason: terms.reason.clone(),
        market_context,
        ven_id: ven_id.clone(),
        availability,
        created: opt.created,
        request_id: request_id.clone(),
        qualified_event_id,
        // The venID is sent although nothing named means the same (rules 202, 203).
        target: Target {
            resource_ids: terms.resources.clone(),
            ven_ids: vec![ven_id.clone()],
            ..Target::default()
        },
        // Left out if empty (rule 209).
        device_class: (!terms.device_classes.is_empty()).then(|| Target {
            end_device_assets: terms.device_classes.clone(),
            ..Target::default()
        }),
    })
}

fn has_run_out(turn: &Turn<'_>, opt: &Opt) -> bool {
    opt.terms.end().is_some_and(|end| end <= turn.now)
}

fn stand(turn: &mut Turn<'_>, numbers: Vec<u64>, standing: OptStanding) {
    turn.change(Change::Opt(OptChange::Stands { numbers, standing }));
}

fn forget(turn: &mut Turn<'_>, is_it: impl Fn(&Turn<'_>, &Opt) -> bool) {
    let numbers = numbers(turn, is_it);
    if !numbers.is_empty() {
        turn.change(Change::Opt(OptChange::Forgotten { numbers }));
    }
}

fn numbers(turn: &Turn<'_>, is_it: impl Fn(&Turn<'_>, &Opt) -> bool) -> Vec<u64> {
    let opts = turn.state().opts.list.iter();
    let them = opts.filter(|opt| is_it(turn, opt));
    them.map(|opt| opt.number).collect()
}
