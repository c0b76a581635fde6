//! What can happen to a VEN's state, and how it moves.
//!
//! Knows nothing of rules: each change holds all that was drawn or computed.

use serde::{Deserialize, Serialize};

use super::state::{Gone, Query, UnderWay};
use super::{
    Contact, Exchange, KnownEvent, Numbering, OptChange, Owed, Registered, Registration,
    ReportChange, Request, Run, Stance, State, Stopping, report_change,
};
use crate::value::{DateTime, EventId, RegistrationId, RequestId, ResponseRequired, VenId};

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Change {
    /// The process began: nothing is under way, nothing is held back.
    Restarted,
    /// A request goes out.
    Sent {
        /// Names it.
        exchange: Exchange,
        /// What it is for.
        request: Request,
    },
    /// The registration that is about to be asked for says how the VEN is reached.
    Introduced {
        /// How.
        contact: Contact,
    },
    /// A list of events was pushed while a request was under way.
    Crossed,
    /// An event was cancelled, known or not; those that were long ago are of no interest any more.
    Gone {
        /// The event.
        event_id: EventId,
        /// The version that cancels it, or the one that went missing.
        modification_number: u32,
        /// When.
        at: DateTime,
        /// Those that were by then.
        forgotten: DateTime,
    },
    /// There is a connection to the VTN: nothing is held back.
    Connected,
    /// The VTN and a VEN that is pushed to heard of each other, or are about to.
    Heard {
        /// When the VEN asks what it may have missed, if nothing is exchanged before.
        resynchronise_at: DateTime,
    },
    /// The request under way was answered.
    Answered,
    /// The request under way failed, or its answer was no use.
    Failed {
        /// Failures in a row.
        failures: u32,
        /// Nothing is sent before.
        not_before: DateTime,
    },
    /// The VTN would not take what is owed first, so often by now.
    Refused {
        /// How often.
        refusals: u32,
    },
    /// A poll went well.
    Polled {
        /// When to poll next.
        next: DateTime,
        /// Polls in a row that were answered with an operation.
        drained: u32,
    },
    /// The VTN said whether it has a registration of this VEN.
    Queried {
        /// The IDs, if it has.
        known: Option<(VenId, RegistrationId)>,
    },
    /// The VTN denied the registration once more since a poll last went well.
    Denied {
        /// How often.
        denials: u32,
        /// Nothing is sent before.
        not_before: DateTime,
    },
    /// The VTN knows the registration, as it shows to a VEN that does not poll.
    Confirmed,

    /// The VEN wants to be registered.
    RegistrationWanted,
    /// Registered, under IDs that are new to the VEN: nothing is owed any more, and the modification
    /// numbers of events may begin again.
    Registered {
        /// The registration.
        registered: Registered,
        /// The version of the context.
        context: u64,
    },
    /// Registered again, under the same IDs.
    Reregistered {
        /// The registration.
        registered: Registered,
        /// The version of the context.
        context: u64,
    },
    /// The VTN has no registration of this VEN (463): there is nobody to owe anything to. The events
    /// stay until the next list says otherwise.
    RegistrationLost,
    /// The VEN is about to end its registration: everything else is forgotten (rule 407).
    RegistrationLeft {
        /// What it was called.
        ven_id: VenId,
    },
    /// The registration is over: everything is forgotten (rule 407).
    RegistrationEnded,

    /// Something is owed, after everything else.
    Owed(Owed),
    /// Something is owed, before everything else that is not under way.
    OwedFirst(Owed),
    /// What was owed first is owed no more.
    Settled,
    /// What was owed at this place is overtaken by something owed later.
    Overtaken {
        /// The place, from 0.
        place: u32,
    },

    /// A new event, or a new version of a known one.
    EventReceived {
        /// The event.
        event: Box<KnownEvent>,
        /// The version of the context.
        context: u64,
    },
    /// A known version came again.
    EventSeen {
        /// The event.
        event_id: EventId,
        /// Of the distribution in which it came.
        request_id: RequestId,
        /// Whether the VTN wants an answer.
        response_required: ResponseRequired,
    },
    /// A known version came again under a number of the present registration.
    EventRenumbered {
        /// The event.
        event_id: EventId,
        /// Its version.
        modification_number: u32,
        /// Of the distribution in which it came.
        request_id: RequestId,
        /// Whether the VTN wants an answer.
        response_required: ResponseRequired,
    },
    /// An event was cancelled, in words or by its absence; if it runs, it stops at a time.
    EventCancelled {
        /// The event.
        event_id: EventId,
        /// The version that cancels it, or the one that went missing.
        modification_number: u32,
        /// When it stops, if it runs.
        stops: Option<DateTime>,
    },
    /// An event that is over is listed no more.
    EventForgotten {
        /// The event.
        event_id: EventId,
    },
    /// The answer to an event is another one now.
    OptChanged {
        /// The event.
        event_id: EventId,
        /// The answer.
        stance: Stance,
        /// When.
        since: DateTime,
        /// How far the event has run for the VEN.
        run: Run,
    },
    /// The VTN has the answer to an event.
    OptAcknowledged {
        /// The event.
        event_id: EventId,
    },
    /// An event began.
    EventStarted {
        /// The event.
        event_id: EventId,
        /// How many intervals of each signal are not worth telling any more.
        begun: Vec<u32>,
    },
    /// The next interval of a signal began.
    IntervalStarted {
        /// The event.
        event_id: EventId,
        /// Which signal, from 0.
        signal: u32,
        /// How many of its intervals have begun.
        begun: u32,
    },
    /// An event's time was over.
    EventEnded {
        /// The event.
        event_id: EventId,
    },
    /// A cancelled event stopped.
    EventStopped {
        /// The event.
        event_id: EventId,
    },

    /// Of reports.
    Report(ReportChange),
    /// Something about its opts.
    Opt(OptChange),
}

/// Whether a change must survive the process.
pub(super) fn is_durable(change: &Change) -> bool {
    match change {
        Change::Restarted
        | Change::Sent { .. }
        | Change::Introduced { .. }
        | Change::Crossed
        | Change::Gone { .. }
        | Change::Connected
        | Change::Heard { .. }
        | Change::Confirmed
        | Change::Answered
        | Change::Failed { .. }
        | Change::Refused { .. }
        | Change::Polled { .. }
        | Change::Queried { .. }
        | Change::Denied { .. } => false,
        Change::RegistrationWanted
        | Change::Registered { .. }
        | Change::Reregistered { .. }
        | Change::RegistrationLost
        | Change::RegistrationLeft { .. }
        | Change::RegistrationEnded
        | Change::Owed(_)
        | Change::OwedFirst(_)
        | Change::Settled
        | Change::Overtaken { .. }
        | Change::EventReceived { .. }
        | Change::EventSeen { .. }
        | Change::EventRenumbered { .. }
        | Change::EventCancelled { .. }
        | Change::EventForgotten { .. }
        | Change::OptChanged { .. }
        | Change::OptAcknowledged { .. }
        | Change::EventStarted { .. }
        | Change::IntervalStarted { .. }
        | Change::EventEnded { .. }
        | Change::EventStopped { .. }
        | Change::Opt(_) => true,
        Change::Report(change) => report_change::is_durable(change),
    }
}

/// Moves the state.
pub(super) fn apply(state: &mut State, change: &Change) {
    match change {
        Change::Restarted => {
            let exchanges = state.link.exchanges;
            state.link = Default::default();
            state.link.exchanges = exchanges;
        }
        Change::Sent { exchange, request } => {
            state.link.exchanges = exchange.0;
            state.link.under_way = Some(UnderWay {
                exchange: *exchange,
                request: *request,
            });
            state.link.crossed = false;
        }
        Change::Introduced { contact } => state.link.contact = contact.clone(),
        Change::Crossed => state.link.crossed = true,
        Change::Gone {
            event_id,
            modification_number,
            at,
            forgotten,
        } => {
            let gone = Gone {
                modification_number: *modification_number,
                at: *at,
            };
            state.link.gone.retain(|_, gone| gone.at > *forgotten);
            state.link.gone.insert(event_id.clone(), gone);
        }
        Change::Connected => state.link.not_before = None,
        Change::Heard { resynchronise_at } => {
            state.link.resynchronise_at = Some(*resynchronise_at);
        }
        Change::Confirmed => state.link.denials = 0,
        Change::Answered => {
            state.link.under_way = None;
            state.link.not_before = None;
        }
        Change::Failed {
            failures,
            not_before,
        } => {
            state.link.under_way = None;
            state.link.failures = *failures;
            state.link.not_before = Some(*not_before);
        }
        Change::Refused { refusals } => state.link.refusals = *refusals,
        Change::Polled { next, drained } => {
            state.link.poll_at = Some(*next);
            state.link.drained = *drained;
            state.link.denials = 0;
            state.link.failures = 0;
        }
        Change::Queried { known } => {
            state.link.failures = 0;
            state.link.query = match known {
                Some((ven_id, registration_id)) => {
                    Query::Known(ven_id.clone(), registration_id.clone())
                }
                None => Query::Closed,
            };
        }
        Change::Denied {
            denials,
            not_before,
        } => {
            state.link.denials = *denials;
            state.link.not_before = Some(*not_before);
        }
        Change::RegistrationWanted => state.registration = Registration::Wanted,
        Change::Registered { registered, .. } => {
            state.registration = Registration::Registered(registered.clone());
            state.ended = None;
            state.owed.clear();
            state.reporting = Default::default();
            state.link.refusals = 0;
            state.link.failures = 0;
            state.link.poll_at = None;
            state.link.query = Query::Closed;
            for event in state.events.values_mut() {
                event.numbering = Numbering::Earlier;
            }
        }
        Change::Reregistered { registered, .. } => {
            state.registration = Registration::Registered(registered.clone());
        }
        Change::RegistrationLost => {
            state.registration = Registration::Wanted;
            state.owed.clear();
            state.reporting = Default::default();
            state.link.refusals = 0;
            state.link.query = Query::Closed;
        }
        Change::RegistrationLeft { ven_id } => {
            forget(state);
            state.registration = Registration::Leaving(ven_id.clone());
            if let Some(under_way) = &mut state.link.under_way {
                under_way.request = Request::Abandoned;
            }
        }
        Change::RegistrationEnded => {
            forget(state);
            if let Registration::Registered(registered) = &state.registration {
                let Registered {
                    ven_id,
                    registration_id,
                    ..
                } = registered;
                state.ended = Some((ven_id.clone(), registration_id.clone()));
                // What is under way was said under that registration.
                if let Some(under_way) = &mut state.link.under_way {
                    under_way.request = Request::Abandoned;
                }
            }
            state.registration = Registration::None;
        }
        Change::Owed(owed) => state.owed.push_back(owed.clone()),
        Change::OwedFirst(owed) => {
            match &state.link.under_way {
                // Its answer settles what is owed first.
                Some(under_way) if under_way.request == Request::Owed => {
                    state.owed.insert(state.owed.len().min(1), owed.clone());
                }
                Some(_) | None => {
                    state.owed.push_front(owed.clone());
                    state.link.refusals = 0;
                }
            }
        }
        Change::Settled => {
            state.owed.pop_front();
            state.link.refusals = 0;
            state.link.failures = 0;
        }
        Change::Overtaken { place } => {
            state.owed.remove(*place as usize);
        }
        Change::EventReceived { event, .. } => {
            let event_id = event.event_id().clone();
            state.events.insert(event_id, (**event).clone());
        }
        Change::EventSeen {
            event_id,
            request_id,
            response_required,
        } => {
            if let Some(event) = state.events.get_mut(event_id) {
                event.request_id = request_id.clone();
                event.response_required = *response_required;
            }
        }
        Change::EventRenumbered {
            event_id,
            modification_number,
            request_id,
            response_required,
        } => {
            if let Some(event) = state.events.get_mut(event_id) {
                event.event.descriptor.modification_number = *modification_number;
                event.request_id = request_id.clone();
                event.response_required = *response_required;
                event.numbering = Numbering::Current;
                event.stance.acknowledged = false;
            }
        }
        Change::EventCancelled {
            event_id,
            modification_number,
            stops,
        } => {
            state.events.remove(event_id);
            state.opts.forget_event(event_id);
            if let Some(at) = stops {
                let stopping = Stopping {
                    modification_number: *modification_number,
                    at: *at,
                };
                state.stopping.insert(event_id.clone(), stopping);
            }
        }
        Change::EventForgotten { event_id } => {
            state.events.remove(event_id);
            state.opts.forget_event(event_id);
        }
        Change::OptChanged {
            event_id,
            stance,
            since,
            run,
        } => {
            if let Some(event) = state.events.get_mut(event_id) {
                event.stance = stance.clone();
                event.since = *since;
                event.run = run.clone();
            }
        }
        Change::OptAcknowledged { event_id } => {
            if let Some(event) = state.events.get_mut(event_id) {
                event.stance.acknowledged = true;
            }
        }
        Change::EventStarted { event_id, begun } => {
            if let Some(event) = state.events.get_mut(event_id) {
                event.run = Run::Running(begun.clone());
            }
        }
        Change::IntervalStarted {
            event_id,
            signal,
            begun,
        } => {
            if let Some(event) = state.events.get_mut(event_id)
                && let Run::Running(told) = &mut event.run
                && let Some(told) = told.get_mut(*signal as usize)
            {
                *told = *begun;
            }
        }
        Change::EventEnded { event_id } => {
            if let Some(event) = state.events.get_mut(event_id) {
                event.run = Run::Over;
            }
        }
        Change::EventStopped { event_id } => {
            state.stopping.remove(event_id);
        }
        Change::Report(change) => report_change::apply(state, change),
        Change::Opt(change) => state.opts.apply(change),
    }
}

fn forget(state: &mut State) {
    state.events.clear();
    state.stopping.clear();
    state.owed.clear();
    state.opts.list.clear();
    state.reporting = Default::default();
    state.link.refusals = 0;
    state.link.query = Query::Closed;
}
