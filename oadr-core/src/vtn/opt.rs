//! EiOpt: what becomes of opts that a VEN makes and withdraws (rules 200 to 211).
//!
//! Knows nothing of what they come to for an event.

use super::decide::{Case, Sender, reply};
use super::delivery::{Content, Progress};
use super::opt_effective::is_for;
use super::refusal::Refusal;
use super::{
    Answer, Change, Effect, Fact, Opt, OptChange, OptDecision, OptEnd, OptEndReason, OptFact,
    Question, Vtn,
};
use crate::machine::{Decision, Draft, Step};
use crate::opt::{OptPeriod, OptSubject, OptTerms, periods_of};
use crate::payload::{
    CancelOpt, CanceledOpt, CreateOpt, CreatedOpt, EiResponse, QualifiedEventId, ResponseCode,
    Target,
};
use crate::value::{DateTime, ResourceId, ResponseRequired, VenId};

/// So many opts of a VEN are remembered.
const MOST_OPTS: usize = 128;
/// So many periods, resources and device classes they name together.
const MOST_NAMED: usize = 2_000;

/// `oadrCreateOpt`, answered by `oadrCreatedOpt`.
pub(super) fn create(
    case: &Case<'_>,
    sender: Sender<'_>,
    create: &CreateOpt,
    answers: &[Answer],
) -> Step<Vtn> {
    let answer = |ei_response| CreatedOpt {
        ei_response,
        opt_id: create.opt_id.clone(),
    };
    let ok = || answer(EiResponse::ok(create.request_id.clone()));
    let refuse = |refusal: Refusal| {
        let ei_response = refusal.response(create.request_id.clone());
        Step::Decided(case.unchanged(answer(ei_response)))
    };
    let terms = match terms_of(case, sender, create) {
        Ok(terms) => terms,
        Err(refusal) => return refuse(refusal),
    };
    // The answer was lost, and it comes again.
    let is_known = |opt: &Opt| {
        opt.opt_id == create.opt_id && opt.created == create.created && opt.terms == terms
    };
    if case.state().opts().any(is_known) {
        return Step::Decided(case.unchanged(ok()));
    }
    let mut draft = case.draft();
    let opt = Opt {
        // One at most comes of a decision, so the version that this one makes counts them.
        number: case.at.version.0.saturating_add(1),
        opt_id: create.opt_id.clone(),
        terms,
        created: create.created,
        received: case.env.now,
    };
    replace(&mut draft, sender.ven_id, &opt, case.env.now);
    if let Err(refusal) = check_room(&draft, &opt.terms) {
        return refuse(refusal);
    }
    let said = answers.iter().find_map(|answer| match answer {
        Answer::CreateOpt(said) => Some(*said),
        Answer::Register(_) | Answer::Query(_) | Answer::Poll(_) | Answer::Reports(_) => None,
    });
    match said {
        None if case.context.asks.opts => {
            return Step::Ask(Question::CreateOpt(Box::new(create.clone())));
        }
        Some(OptDecision::Refuse(code)) => {
            let code = Some(code).filter(|code| code.get() / 100 == 4);
            return refuse(Refusal {
                code: code.unwrap_or(ResponseCode::DEPLOYMENT_ERROR),
                ..Refusal::OPT_NOT_TAKEN
            });
        }
        Some(OptDecision::Accept) | None => {}
    }
    draft.fact(fact(sender.ven_id, &opt, None));
    draft.change(Change::Opt(OptChange::Created { opt: Box::new(opt) }));
    sweep(&mut draft);
    draft.effect(Effect::OptCreated {
        ven_id: sender.ven_id.clone(),
        opt: Box::new(create.clone()),
    });
    Step::Decided(draft.decide(reply(ok())))
}

/// `oadrCancelOpt`, answered by `oadrCanceledOpt`: all schedules of the ID (rule 204).
pub(super) fn cancel(case: &Case<'_>, sender: Sender<'_>, cancel: &CancelOpt) -> Decision<Vtn> {
    let answer = |ei_response| CanceledOpt {
        ei_response,
        opt_id: Some(cancel.opt_id.clone()),
    };
    let ok = || answer(EiResponse::ok(cancel.request_id.clone()));
    let refuse = |refusal: Refusal| {
        let ei_response = refusal.response(cancel.request_id.clone());
        case.unchanged(answer(ei_response))
    };
    let opts = &case.state().opts;
    let is_it = |opt: &&Opt| opt.opt_id == cancel.opt_id;
    let schedules = opts.schedules.iter().filter(|s| is_it(&&s.opt));
    let ended: Vec<Opt> = schedules
        .clone()
        .filter(|schedule| !schedule.is_over)
        .map(|schedule| schedule.opt.clone())
        .collect();
    if ended.is_empty() {
        // What was replaced, cancelled or is long over is gone already (rule 211); so it is when the
        // answer was lost.
        if schedules.count() > 0 || opts.past.contains(&cancel.opt_id) {
            return case.unchanged(ok());
        }
        return refuse(if opts.qualifications.iter().any(|opt| is_it(&opt)) {
            Refusal::OPT_OF_EVENT
        } else {
            Refusal::UNKNOWN_OPT
        });
    }
    let mut draft = case.draft();
    let end = OptEnd {
        at: case.env.now,
        reason: OptEndReason::Cancelled,
    };
    for opt in &ended {
        draft.fact(fact(sender.ven_id, opt, Some(end)));
    }
    let numbers = ended.iter().map(|opt| opt.number).collect();
    draft.change(Change::Opt(OptChange::Ended { numbers }));
    sweep(&mut draft);
    draft.effect(Effect::OptCancelled {
        ven_id: sender.ven_id.clone(),
        opt_id: cancel.opt_id.clone(),
    });
    draft.decide(reply(ok()))
}

/// Schedules whose time has been over for long are forgotten.
pub(super) fn run_out(draft: &mut Draft<Vtn>, now: DateTime) {
    let schedules = draft.state.opts.schedules.iter();
    let over = schedules.filter(|schedule| schedule.leaves().is_some_and(|at| at <= now));
    let numbers: Vec<u64> = over.map(|schedule| schedule.opt.number).collect();
    if !numbers.is_empty() {
        draft.change(Change::Opt(OptChange::Ended { numbers }));
        sweep(draft);
    }
}

/// The registration is about to end, and the opts with it (rules 406, 407).
pub(super) fn unregister(draft: &mut Draft<Vtn>) {
    let state = &draft.state;
    let Some((ven_id, decided)) = state.ven_id.clone().zip(state.decided) else {
        return;
    };
    let end = OptEnd {
        at: decided.at,
        reason: OptEndReason::Unregistered,
    };
    let facts: Vec<Fact> = draft
        .state
        .opts()
        .map(|opt| fact(&ven_id, opt, Some(end)))
        .collect();
    facts.into_iter().for_each(|fact| draft.fact(fact));
}

/// What an opt says, if it may.
fn terms_of(case: &Case<'_>, sender: Sender<'_>, create: &CreateOpt) -> Result<OptTerms, Refusal> {
    if create.opt_id.is_empty() {
        return Err(Refusal::NO_OPT_ID);
    }
    let periods = periods_of(create);
    let subject = match &create.qualified_event_id {
        // Rule 206: one or the other.
        Some(_) if !periods.is_empty() || create.market_context.is_some() => {
            return Err(Refusal::OPT_OF_BOTH);
        }
        Some(event) => qualified(case, event)?,
        None => {
            check_periods(&periods, case.env.now)?;
            OptSubject::Schedule {
                market_context: create.market_context.clone(),
                periods,
            }
        }
    };
    let resources = resources_of(&create.target, sender.ven_id)?;
    if let OptSubject::Event { event_id } = &subject {
        let mut campaigns = case.context.campaigns.iter();
        let campaign = campaigns.find(|c| c.event_id == *event_id);
        let target = campaign.and_then(|campaign| campaign.body.target());
        let member = case.state().member();
        if !resources.iter().all(|id| is_for(target, &member, id)) {
            return Err(Refusal::NOT_TARGETED);
        }
    }
    let device_class = create.device_class.as_ref();
    let device_classes = device_class.map_or(&[][..], |class| &class.end_device_assets);
    let only_classes = Target {
        end_device_assets: device_classes.to_vec(),
        ..Target::default()
    };
    // Rule 209.
    if device_class.is_some_and(|class| *class != only_classes) {
        return Err(Refusal::NO_DEVICE_CLASS);
    }
    Ok(OptTerms {
        opt_type: create.opt_type,
        reason: create.opt_reason.clone(),
        subject,
        resources,
        device_classes: device_classes.to_vec(),
    })
}

/// An event that the VEN has, and may still answer (rule 206).
fn qualified(case: &Case<'_>, event: &QualifiedEventId) -> Result<OptSubject, Refusal> {
    let known = case.state().delivery(&event.event_id);
    let known = known.filter(|known| known.progress != Progress::Unsent);
    let known = known.ok_or(Refusal::UNKNOWN_EVENT)?;
    if known.modification_number != event.modification_number {
        return Err(Refusal::WRONG_MODIFICATION_NUMBER);
    }
    if known.outline.response_required == ResponseRequired::Never {
        return Err(Refusal::NO_ANSWER_WANTED);
    }
    let now = case.env.now;
    let is_over = known.closes().is_some_and(|closes| closes <= now);
    match known.content {
        Content::Event if !is_over => Ok(OptSubject::Event {
            event_id: event.event_id.clone(),
        }),
        Content::Event | Content::Cancellation => Err(Refusal::EVENT_OVER),
    }
}

/// Rules 33 and 206. What rule 200 forbids in periods is ignored.
fn check_periods(periods: &[OptPeriod], now: DateTime) -> Result<(), Refusal> {
    if periods.is_empty() {
        return Err(Refusal::NO_PERIODS);
    }
    if periods.iter().any(|period| period.duration.is_negative()) {
        return Err(Refusal::NEGATIVE_PERIOD);
    }
    let is_over = |period: &OptPeriod| period.end().is_some_and(|end| end <= now);
    if periods.iter().all(is_over) {
        return Err(Refusal::SCHEDULE_OVER);
    }
    Ok(())
}

/// The resources; the VEN itself beside them means nothing more, alone it means all (rules 202, 203).
fn resources_of(target: &Target, ven_id: &VenId) -> Result<Vec<ResourceId>, Refusal> {
    let resolved = Target {
        ven_ids: target.ven_ids.clone(),
        resource_ids: target.resource_ids.clone(),
        ..Target::default()
    };
    // Whom the rest means nobody has told us: schedules of such kinds are not taken (rule 201).
    if *target != resolved {
        return Err(Refusal::NOT_A_RESOURCE);
    }
    if target.ven_ids.iter().any(|id| id != ven_id) {
        return Err(Refusal::WRONG_VEN_ID);
    }
    Ok(target.resource_ids.clone())
}

/// Ends what an opt leaves nothing of.
fn replace(draft: &mut Draft<Vtn>, ven_id: &VenId, opt: &Opt, now: DateTime) {
    let opts = &draft.state.opts;
    let replaced = opts.all().filter(|old| opt.terms.replaces(&old.terms));
    let numbers: Vec<u64> = replaced.map(|old| old.number).collect();
    if numbers.is_empty() {
        return;
    }
    let end = OptEnd {
        at: now,
        reason: OptEndReason::Replaced { by: opt.number },
    };
    // What was over before keeps the end that it had.
    let in_force = opts.in_force().filter(|old| numbers.contains(&old.number));
    let facts: Vec<Fact> = in_force.map(|old| fact(ven_id, old, Some(end))).collect();
    facts.into_iter().for_each(|fact| draft.fact(fact));
    draft.change(Change::Opt(OptChange::Forgotten { numbers }));
}

/// Forgets schedules that are over and before which there is none that they could have replaced.
fn sweep(draft: &mut Draft<Vtn>) {
    let schedules = &draft.state.opts.schedules;
    let mut numbers = Vec::new();
    for (place, schedule) in schedules.iter().enumerate() {
        let hides = |earlier: &super::opts::Schedule| {
            !earlier.is_over && earlier.opt.terms.opt_type == schedule.opt.terms.opt_type
        };
        if schedule.is_over && !schedules.iter().take(place).any(hides) {
            numbers.push(schedule.opt.number);
        }
    }
    if !numbers.is_empty() {
        draft.change(Change::Opt(OptChange::Forgotten { numbers }));
    }
}

fn check_room(draft: &Draft<Vtn>, terms: &OptTerms) -> Result<(), Refusal> {
    let named = draft.state.opts.all().map(|opt| opt.terms.size());
    let named = named.fold(terms.size(), usize::saturating_add);
    if draft.state.opts.all().count() >= MOST_OPTS || named > MOST_NAMED {
        return Err(Refusal::TOO_MANY_OPTS);
    }
    Ok(())
}

fn fact(ven_id: &VenId, opt: &Opt, ended: Option<OptEnd>) -> Fact {
    Fact::Opt(OptFact {
        ven_id: ven_id.clone(),
        opt: opt.clone(),
        ended,
    })
}
