//! What a push is about: what of the partition waits for an answer to it.
//!
//! Knows nothing of when it is pushed.

use serde::{Deserialize, Serialize};

use super::delivery::Progress;
use super::poll::Turn;
use super::state::{Outgoing, State, Task};
use super::{Cancelling, Change, ReportChange, ReportProgress};
use crate::value::{DateTime, EventId, ReportRequestId};

/// A part of the state that a message was sent for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "item", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PushItem {
    /// It is to leave.
    Removal,
    /// It is to register again.
    Reregistration,
    /// What we offer.
    Metadata {
        /// The request that it answers.
        answers: Option<ReportRequestId>,
    },
    /// A version of an event.
    Event {
        /// The event.
        event_id: EventId,
        /// The version.
        modification_number: u32,
    },
    /// A report that is requested of it.
    Report {
        /// The request.
        report_request_id: ReportRequestId,
    },
    /// One that is not wanted any more.
    Cancellation {
        /// The request.
        report_request_id: ReportRequestId,
    },
}

impl PushItem {
    /// What was sent, if the change says that something was; the state is the one after it.
    pub(super) fn of(change: &Change, state: &State) -> Option<Self> {
        match change {
            Change::RemovalSent { .. } => Some(Self::Removal),
            Change::ReregistrationSent { .. } => Some(Self::Reregistration),
            Change::MetadataSent { answers, .. } => Some(Self::Metadata {
                answers: answers.clone(),
            }),
            Change::EventSent { event_id, .. } | Change::EventRepeated { event_id, .. } => {
                state.delivery(event_id).map(|delivery| Self::Event {
                    event_id: event_id.clone(),
                    modification_number: delivery.modification_number,
                })
            }
            Change::Report(ReportChange::Progressed {
                report_request_id,
                progress,
            }) => {
                let report_request_id = report_request_id.clone();
                match progress {
                    ReportProgress::Sent { .. } => Some(Self::Report { report_request_id }),
                    ReportProgress::Cancelling(_) => Some(Self::Cancellation { report_request_id }),
                    ReportProgress::Unoffered
                    | ReportProgress::Waiting { .. }
                    | ReportProgress::Accepted
                    | ReportProgress::Refused { .. }
                    | ReportProgress::Over { .. } => None,
                }
            }
            Change::Decided(_)
            | Change::Enrolled { .. }
            | Change::Assigned { .. }
            | Change::CertificatesAssigned { .. }
            | Change::CertificateSeen { .. }
            | Change::SignaturesAssigned { .. }
            | Change::JidAssigned { .. }
            | Change::SignatureUsed { .. }
            | Change::Registered { .. }
            | Change::Reregistered { .. }
            | Change::RegistrationCancelled
            | Change::Forgotten
            | Change::RemovalRequested { .. }
            | Change::ReregistrationRequested { .. }
            | Change::ReregistrationGivenUp
            | Change::MetadataRequested { .. }
            | Change::MetadataContinued { .. }
            | Change::MetadataEnded { .. }
            | Change::OffersRegistered { .. }
            | Change::Report(
                ReportChange::Wanted(_)
                | ReportChange::Received { .. }
                | ReportChange::Forgotten { .. },
            )
            | Change::Opt(_)
            | Change::Push(_)
            | Change::EventAnswered { .. }
            | Change::EventProlonged { .. }
            | Change::EventEnded { .. } => None,
        }
    }

    /// With what it has its turn; a removal needs none.
    pub(super) fn turn(&self) -> Option<Turn> {
        match self {
            Self::Removal => None,
            Self::Reregistration => Some(Turn::Reregistration),
            Self::Metadata { .. } => Some(Turn::Metadata),
            Self::Event { .. } => Some(Turn::Events),
            Self::Report { .. } => Some(Turn::Reports),
            Self::Cancellation { .. } => Some(Turn::Cancellations),
        }
    }

    /// When it comes again, if it was sent and nobody answered.
    pub(super) fn comes_again(&self, state: &State) -> Option<DateTime> {
        let of_task = |task: Option<&Task>| task?.comes_again();
        match self {
            Self::Removal => of_task(state.removal.as_ref()),
            Self::Reregistration => of_task(state.reregistration.as_ref()),
            Self::Metadata { answers } => {
                let mut all = state.metadata.iter();
                let metadata = all.find(|metadata| metadata.answers == *answers);
                of_task(metadata.map(|metadata| &metadata.task))
            }
            Self::Event { .. } => match self.progress(state)? {
                Progress::Sent { resend_at } => Some(resend_at),
                Progress::Unsent | Progress::Answered | Progress::Listed => None,
            },
            Self::Report { report_request_id } => {
                match &state.reports.find(report_request_id)?.progress {
                    ReportProgress::Sent { resend_at, .. } => Some(*resend_at),
                    ReportProgress::Unoffered
                    | ReportProgress::Waiting { .. }
                    | ReportProgress::Accepted
                    | ReportProgress::Refused { .. }
                    | ReportProgress::Cancelling(_)
                    | ReportProgress::Over { .. } => None,
                }
            }
            Self::Cancellation { report_request_id } => {
                let wanted = state.reports.find(report_request_id)?;
                let cancelling = wanted.cancelling().filter(|c| c.times > 0)?;
                cancelling.resend_at
            }
        }
    }

    /// Whether it waits for an answer, or would if it were known that it did not arrive.
    pub(super) fn is_open(&self, state: &State) -> bool {
        self.comes_again(state).is_some() || self.progress(state) == Some(Progress::Listed)
    }

    /// It comes again at this time, if it is still open.
    pub(super) fn come_again(&self, state: &mut State, at: DateTime) {
        if !self.is_open(state) {
            return;
        }
        let task = match self {
            Self::Removal => state.removal.as_mut(),
            Self::Reregistration => state.reregistration.as_mut(),
            Self::Metadata { answers } => {
                let mut all = state.metadata.iter_mut();
                let metadata = all.find(|metadata| metadata.answers == *answers);
                metadata.map(|metadata| &mut metadata.task)
            }
            Self::Event { event_id, .. } => {
                if let Some(delivery) = state.events.get_mut(event_id) {
                    delivery.progress = Progress::Sent { resend_at: at };
                }
                None
            }
            Self::Report { report_request_id } | Self::Cancellation { report_request_id } => {
                match state.reports.progress_mut(report_request_id) {
                    Some(
                        ReportProgress::Sent { resend_at, .. }
                        | ReportProgress::Cancelling(Cancelling {
                            resend_at: Some(resend_at),
                            ..
                        }),
                    ) => *resend_at = at,
                    Some(
                        ReportProgress::Unoffered
                        | ReportProgress::Waiting { .. }
                        | ReportProgress::Accepted
                        | ReportProgress::Refused { .. }
                        | ReportProgress::Cancelling(_)
                        | ReportProgress::Over { .. },
                    )
                    | None => {}
                }
                None
            }
        };
        if let Some(Outgoing::Sent { resend_at, .. }) = task.map(|task| &mut task.outgoing) {
            *resend_at = at;
        }
    }

    /// How far this version of the event has come.
    fn progress(&self, state: &State) -> Option<Progress> {
        match self {
            Self::Event {
                event_id,
                modification_number,
            } => {
                let delivery = state.delivery(event_id);
                let delivery = delivery.filter(|d| d.modification_number == *modification_number);
                delivery.map(|delivery| delivery.progress)
            }
            Self::Removal
            | Self::Reregistration
            | Self::Metadata { .. }
            | Self::Report { .. }
            | Self::Cancellation { .. } => None,
        }
    }
}
