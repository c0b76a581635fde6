//! What an operator or the application can want of a VEN, and why it may be refused.
//!
//! Knows nothing of who may want it.

use super::decide::Turn;
use super::distribute::{created_event, response};
use super::{
    Change, Command, Context, Effect, EndReason, Owed, Registration, Run, Stance, Ven, correction,
    distribute, opt, registration,
};
use crate::machine::{Decision, Env, Loaded};
use crate::payload::{EiResponse, ResponseCode};
use crate::value::{EventId, OptType, RequestId, ResponseRequired};

/// Why a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The VEN has to be registered for this.
    #[error("the VEN is not registered")]
    NotRegistered,
    /// The VEN is just ending its registration.
    #[error("the VEN is ending its registration")]
    Leaving,
    /// There is no such event.
    #[error("there is no such event")]
    UnknownEvent,
    /// The event is over.
    #[error("the event is over")]
    EventOver,
    /// The VTN does not want answers to the event (rule 12).
    #[error("the VTN wants no answers to this event")]
    NoAnswerWanted,
    /// The VEN cannot take part in the event.
    #[error("the VEN cannot take part in this event")]
    NotSupported,
    /// An opt of the whole event was made: only another opt changes it (rule 206).
    #[error("an opt of this event was made, and only another opt changes it")]
    Qualified,
    /// There is no opt of this ID.
    #[error("there is no opt of this ID")]
    UnknownOpt,
    /// Opts of events cannot be cancelled (rule 211).
    #[error("the opt of an event cannot be cancelled: make another one")]
    OptOfEvent,
    /// The optID is the empty string (rule 204).
    #[error("opt_id: must not be empty")]
    EmptyOptId,
    /// The VEN has as many opts as it may have, or they name too much.
    #[error("there are too many opts: cancel some")]
    TooManyOpts,
    /// The market context is no URI.
    #[error("market_context: must be a URI")]
    NotAUri,
    /// A schedule needs periods (rule 206).
    #[error("periods: at least one is needed")]
    NoPeriods,
    /// A period ends before it starts.
    #[error("periods: a duration must not be negative")]
    NegativePeriod,
    /// The schedule is over.
    #[error("periods: all of them are over")]
    ScheduleOver,
    /// The VEN has no such resource.
    #[error("resources: the VEN has no such resource")]
    UnknownResource,
    /// The event is not for this resource (rule 206).
    #[error("resources: the event is not for all of them")]
    NotTargeted,
    /// A device class is the empty string.
    #[error("device_classes: must not be empty")]
    EmptyDeviceClass,
    /// There is no such report.
    #[error("report: the VEN offers no such report")]
    UnknownReport,
    /// There is nothing to be corrected.
    #[error("readings: at least one is needed")]
    NoReadings,
    /// Nothing was measured then.
    #[error("readings: not of the future")]
    FutureReading,
    /// More readings than fit into one report.
    #[error("readings: at most 1000 can be corrected at a time")]
    TooManyReadings,
    /// The report has no such data point.
    #[error("readings: the report has no such data point")]
    UnknownPoint,
    /// A number for a status, or a status for a number.
    #[error("readings: a status where a number belongs, or a number where a status does")]
    WrongKind,
    /// A reading ends before it starts.
    #[error("readings: a duration must not be negative")]
    NegativeLength,
    /// The VTN does not have earlier corrections yet.
    #[error("too many corrections wait for the VTN: try again later")]
    TooManyCorrections,
}

/// What a VEN says to a command. The reply is what is sent next, as with any input; but for a report,
/// which needs answers: if one is due, the reply is to be woken at once.
///
/// # Errors
/// The command makes no sense as things stand; nothing happened.
pub fn command(
    at: &Loaded<Ven>,
    context: &Context,
    env: Env,
    command: &Command,
) -> Result<Decision<Ven>, CommandError> {
    let mut turn = Turn::new(at, context, env, &[]);
    super::run::catch_up(&mut turn);
    match command {
        Command::ChangeOpt { event_id, opt } => change_opt(&mut turn, event_id, *opt)?,
        Command::CreateOpt(draft) => opt::create(&mut turn, draft)?,
        Command::CancelOpt { opt_id } => opt::cancel(&mut turn, opt_id)?,
        Command::CorrectReadings {
            report_specifier_id,
            readings,
        } => correction::correct(&mut turn, report_specifier_id, readings)?,
        Command::CancelRegistration => cancel_registration(&mut turn)?,
        Command::Register => register(&mut turn)?,
        Command::RequestEvents => {
            if turn.registered().is_none() {
                return Err(CommandError::NotRegistered);
            }
            distribute::ask(&mut turn);
        }
    }
    Ok(turn.decide_unasked())
}

fn register(turn: &mut Turn<'_>) -> Result<(), CommandError> {
    match turn.state().registration {
        Registration::None => turn.change(Change::RegistrationWanted),
        Registration::Wanted => {}
        Registration::Leaving(_) => return Err(CommandError::Leaving),
        Registration::Registered(_) => {
            let is_owed = |owed: &Owed| matches!(owed, Owed::Reregistration { .. });
            if !turn.state().owed.iter().any(is_owed) {
                let request_id = turn.request_id();
                turn.owe(Owed::Reregistration { request_id });
            }
        }
    }
    Ok(())
}

fn cancel_registration(turn: &mut Turn<'_>) -> Result<(), CommandError> {
    match turn.state().registration.clone() {
        Registration::None => Err(CommandError::NotRegistered),
        // Nothing to cancel at the VTN, and nothing wanted of it any more.
        Registration::Wanted => {
            registration::give_up(turn);
            Ok(())
        }
        Registration::Leaving(_) => Ok(()),
        Registration::Registered(registered) => {
            registration::leave(turn, registered);
            Ok(())
        }
    }
}

/// A late change of mind (rules 16, 42).
fn change_opt(turn: &mut Turn<'_>, event_id: &EventId, opt: OptType) -> Result<(), CommandError> {
    let Some(registered) = turn.registered() else {
        return Err(CommandError::NotRegistered);
    };
    let ven_id = registered.ven_id.clone();
    let event = turn.state().event(event_id).cloned();
    let event = event.ok_or(CommandError::UnknownEvent)?;
    if event.end().is_some_and(|end| end <= turn.now) {
        return Err(CommandError::EventOver);
    }
    match event.response_required {
        ResponseRequired::Always => {}
        ResponseRequired::Never => return Err(CommandError::NoAnswerWanted),
    }
    if super::validate::fault(&event.event, turn.context, &ven_id).is_some() {
        return Err(CommandError::NotSupported);
    }
    if turn.state().opts.of_event(event_id).is_some() {
        return Err(CommandError::Qualified);
    }
    if event.stance.opt == opt {
        return Ok(());
    }
    let stance = Stance::new(opt, ResponseCode::OK, "OK");
    turn.change(Change::OptChanged {
        event_id: event_id.clone(),
        stance: stance.clone(),
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
    overtake(turn, event_id);
    let responses = vec![response(&event.event, &event.request_id, stance)];
    let ei_response = EiResponse::ok(RequestId::default());
    turn.owe(created_event(ei_response, Some(responses), ven_id));
    Ok(())
}

/// An earlier change of mind that did not go out yet need not: so the queue cannot grow while the VTN
/// is away. The answer that goes before an opt of the event stays where it is (rule 206).
fn overtake(turn: &mut Turn<'_>, event_id: &EventId) {
    let state = turn.state();
    let is_its_opt = |owed: &Owed| {
        let Owed::CreateOpt { number, .. } = owed else {
            return false;
        };
        let opt = state.opts.get(*number);
        opt.is_some_and(|opt| opt.terms.event_id() == Some(event_id))
    };
    let opt = state.owed.iter().rposition(is_its_opt);
    // What is under way is the first, if anything owed is.
    let from = opt.map_or(usize::from(state.is_waiting()), |opt| opt.saturating_add(1));
    let mut later = state.owed.iter().skip(from);
    let place = later.position(|owed| owed.event_ids().eq([event_id]));
    if let Some(place) = place {
        let place = u32::try_from(place.saturating_add(from)).unwrap_or(u32::MAX);
        turn.change(Change::Overtaken { place });
    }
}
