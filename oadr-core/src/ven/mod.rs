//! The VEN machine: a registration, the events known, the answers owed and what is said next.
//!
//! Knows nothing of transports, of stores or of the loads it is for.
//!
//! A host says [`Input::Started`] first, sends what [`Next::send`] holds and says how it went, and
//! says [`Input::Wake`] when [`Next::wake`] has come. What the VEN owes its VTN is committed before it
//! is sent, and sent until it is acknowledged. Reports are made when they are due, of readings that are
//! asked for with [`Question::Readings`].
//!
//! A VEN that the VTN pushes to never polls: what the VTN says is [`Input::Pushed`], and what is said to
//! that is [`Next::reply`], beside whatever is sent next. If nothing is exchanged for an hour it asks what
//! it may have missed.

mod change;
mod command;
mod context;
mod correction;
mod decide;
mod distribute;
mod effect;
mod event;
mod input;
mod opt;
mod opts;
mod owed;
mod poll;
mod pushed;
mod readings;
mod registration;
mod reply;
mod report;
mod report_change;
mod report_contents;
mod report_data;
mod report_pending;
mod report_request;
mod reporting;
mod run;
mod schedule;
mod state;
#[cfg(test)]
mod tests;
mod validate;

use serde::{Deserialize, Serialize};

use crate::machine::Role;
use crate::value::DateTime;

pub use crate::rhythm::Rhythm;

pub use change::Change;
pub use command::{CommandError, command};
pub use context::{Context, MarketContexts, OptPolicy};
pub use decide::decide;
pub use effect::{Effect, EndReason};
pub use event::{Announced, KnownEvent, Numbering, Run, Stance, interval_starts, interval_value};
pub use input::{
    Answer, Command, Exchange, Failure, Input, Next, OptAnswer, OptQuestion, Outgoing, PushReply,
    Question,
};
pub use opts::{Opt, OptChange, OptDraft, OptStanding};
pub use owed::Owed;
pub use readings::{MOST_READINGS, ReadingsAnswer, ReadingsQuestion, Window};
pub use report_change::ReportChange;
pub use reporting::{PendingReport, Reporting, Sampling};
pub use schedule::{Periods, Schedule};
pub use state::{Contact, Registered, Registration, Request, State, Stopping};
pub use validate::{Fault, illogical};

/// The VEN's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ven {}

/// A VEN keeps no rows beside its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {}

/// There is nobody that a VEN would have to be told apart from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Claim {}

impl Role for Ven {
    type State = State;
    type Change = Change;
    type Fact = Fact;
    type Effect = Effect;
    type Claim = Claim;
    type Reply = Next;
    type Question = Question;

    fn apply(state: &mut State, change: &Change) {
        change::apply(state, change);
    }

    fn next_deadline(state: &State) -> Option<DateTime> {
        let deadlines = [
            state.next_request(),
            state.next_happening(),
            state.reporting.next_offers(),
        ];
        deadlines.into_iter().flatten().min()
    }

    fn is_durable(change: &Change) -> bool {
        change::is_durable(change)
    }
}
