//! The VTN machine: one VEN's registration, events, reports and queue.
//!
//! Knows nothing of the other VENs, of transports or of stores.
//!
//! A host finds the partition of a message by its [claims](claims_of), gathers the [`Context`], lets
//! the machine [`decide`] and follows the contract in [`machine`](crate::machine). Operators act on one
//! VEN by [`command`], and on many by a [`Campaign`]: the events of a VEN are those of the campaigns in
//! its context, sent in its own numbering and repeated until it answers.
//!
//! Reports are requested of a VEN when it says what it offers, as policies, operators and the
//! application want them; what comes are [facts](ReadingsFact).
//!
//! A VEN that does not poll gets by [`Push`] what a poll would bring: [`Input::Deadline`] picks it,
//! [`Input::Pushed`] tells how it went.

mod assignment;
mod audience;
mod campaign;
mod cancel_report;
mod certificates;
mod change;
mod claim;
mod command;
mod context;
mod create_report;
mod created_event;
mod deadline;
mod decide;
mod delivery;
mod distribute;
mod event_body;
mod event_check;
mod event_error;
mod event_message;
mod fact;
mod input;
mod opt;
mod opt_effective;
mod opts;
mod poll;
mod push;
mod push_change;
mod push_failure;
mod push_item;
mod push_link;
mod push_reply;
mod pushing;
mod readings_fact;
mod refusal;
mod register_report;
mod registration;
mod report;
mod report_command;
mod report_intervals;
mod report_policy;
mod reports;
mod requested_report;
mod signature;
mod standing;
mod state;
#[cfg(test)]
mod tests;
mod timeline;
mod update_report;
mod wanted_report;

pub use assignment::Assignment;
pub use audience::{Audience, Member};
pub use campaign::{Campaign, CampaignError, CampaignState};
pub use change::Change;
pub use claim::{Claim, claims_of};
pub use command::{Command, CommandError, JidChange, SignatureChange, command};
pub use context::{Admission, Asks, Context, UnregisteredPoll};
pub use decide::decide;
pub use delivery::{Content, EventAnswer, Outline, Progress};
pub use event_body::{EventBody, EventDraft};
pub use event_error::{
    BaselineField, EventError, EventErrorKind, Field, IntervalField, SignalField,
};
pub use fact::{DeliveryFact, DeliveryStatus, Effect, Fact};
pub use input::{
    Answer, Input, OfferedReports, OptDecision, PollAnswer, Question, RegistrationAnswer,
    RegistrationQuery, RegistrationRequest, Reply,
};
pub use opt_effective::{EffectiveOpt, OptSource, effective_opts};
pub use opts::{Opt, OptChange, OptEnd, OptEndReason, OptFact};
pub use push::{
    DeadLetter, Push, PushAddress, PushFailure, PushFault, PushId, PushOutcome, PushStatus,
    PushTerms,
};
pub use push_change::{FailedPush, PushChange};
pub use push_item::PushItem;
pub use readings_fact::{PointFact, ReadingsFact};
pub use report_policy::ReportPolicy;
pub use reports::ReportChange;
pub use requested_report::{
    Cancelling, LastReport, ReportProgress, RequestOrigin, RequestedReport,
};
pub use signature::is_forbidden;
pub use standing::{Standing, standing};
pub use state::{Decided, KnownBy, Registration, State};
pub use wanted_report::WantedReport;

/// The VTN's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vtn {}
