//! What can happen to a VEN's reports, and how they move.
//!
//! Knows nothing of rules: each change holds all that was drawn or computed.

use serde::{Deserialize, Serialize};

use super::reporting::Offered;
use super::state::UnderWayReport;
use super::{PendingReport, Schedule, State};
use crate::value::{DateTime, ReportRequestId};

/// What happened to reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ReportChange {
    /// Offers go out.
    Offered {
        /// The version of the context that they come from.
        context: u64,
        /// What tells them apart from others.
        digest: u64,
    },
    /// A request was granted; it takes the place of one of the same ID.
    Requested(Box<PendingReport>),
    /// The VTN cancelled these by a push.
    Withdrawn {
        /// The requests.
        report_request_ids: Vec<ReportRequestId>,
    },
    /// A report is about to go out, or the request of one that is under way is to go on otherwise.
    Sending {
        /// The request.
        report_request_id: ReportRequestId,
        /// The beginning of the time that it covers.
        from: DateTime,
        /// The end of that.
        to: DateTime,
        /// How many readings are in it.
        readings: u32,
        /// How the request goes on once the VTN has it; `None` if it is over.
        then: Option<Box<Schedule>>,
    },
    /// The VTN would not take a report, so hard by now.
    Refused {
        /// The request.
        report_request_id: ReportRequestId,
        /// How hard.
        refusals: u32,
    },
    /// A request goes on like this: something was acknowledged, given up, or not there to be sent.
    Continued {
        /// The request.
        report_request_id: ReportRequestId,
        /// How.
        schedule: Box<Schedule>,
    },
    /// A request is over.
    Ended {
        /// The request.
        report_request_id: ReportRequestId,
    },
}

/// Whether a change must survive the process.
pub(super) fn is_durable(change: &ReportChange) -> bool {
    match change {
        ReportChange::Sending { .. } | ReportChange::Refused { .. } => false,
        ReportChange::Offered { .. }
        | ReportChange::Requested(_)
        | ReportChange::Withdrawn { .. }
        | ReportChange::Continued { .. }
        | ReportChange::Ended { .. } => true,
    }
}

/// Moves the state.
pub(super) fn apply(state: &mut State, change: &ReportChange) {
    let pending = &mut state.reporting.pending;
    let place = |id: &ReportRequestId, pending: &[PendingReport]| {
        let mut ids = pending.iter().map(PendingReport::report_request_id);
        ids.position(|known| known == id)
    };
    match change {
        ReportChange::Offered { context, digest } => {
            state.reporting.offered = Some(Offered {
                context: *context,
                digest: *digest,
            });
        }
        ReportChange::Requested(report) => {
            pending.retain(|known| known.report_request_id() != report.report_request_id());
            pending.push((**report).clone());
            let id = report.report_request_id();
            state.reporting.withdrawn.retain(|known| known != id);
            // What is under way was of another request.
            let sent = &mut state.link.report;
            sent.take_if(|sent| sent.report_request_id == *id);
        }
        ReportChange::Withdrawn { report_request_ids } => {
            state.reporting.withdrawn = report_request_ids.clone();
        }
        ReportChange::Sending {
            report_request_id,
            from,
            to,
            readings,
            then,
        } => {
            state.link.report = Some(UnderWayReport {
                report_request_id: report_request_id.clone(),
                from: *from,
                to: *to,
                readings: *readings,
                then: then.clone(),
            });
        }
        ReportChange::Refused {
            report_request_id,
            refusals,
        } => {
            if let Some(place) = place(report_request_id, pending)
                && let Some(known) = pending.get_mut(place)
            {
                known.refusals = *refusals;
            }
        }
        ReportChange::Continued {
            report_request_id,
            schedule,
        } => {
            if let Some(place) = place(report_request_id, pending)
                && let Some(known) = pending.get_mut(place)
            {
                known.schedule = (**schedule).clone();
                known.refusals = 0;
                state.link.failures = 0;
            }
        }
        ReportChange::Ended { report_request_id } => {
            pending.retain(|known| known.report_request_id() != report_request_id);
            state.link.failures = 0;
        }
    }
}
