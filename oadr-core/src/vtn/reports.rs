//! The reports that were requested of a VEN, as state.
//!
//! Knows nothing of rules: these are in the decisions.

use serde::{Deserialize, Serialize};

use super::{LastReport, ReportProgress, RequestedReport};
use crate::value::{DateTime, ReportRequestId};

/// So many requests of a VEN may be open.
pub(super) const MOST_OPEN: usize = 64;
/// So many that are not any more stay known; beyond that the oldest is forgotten early.
pub(super) const MOST_FINISHED: usize = 64;

/// The requests, in the order of their making.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Reports {
    requests: Vec<RequestedReport>,
}

/// What can happen to a request, in the past tense.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum ReportChange {
    /// A report is wanted, for the first time or anew.
    Wanted(Box<RequestedReport>),
    /// It has come further.
    Progressed {
        /// The request.
        report_request_id: ReportRequestId,
        /// How far.
        progress: ReportProgress,
    },
    /// Data came.
    Received {
        /// The request.
        report_request_id: ReportRequestId,
        /// What is known of them.
        last: LastReport,
    },
    /// It is not known any more.
    Forgotten {
        /// The request.
        report_request_id: ReportRequestId,
    },
}

impl Reports {
    pub(super) fn iter(&self) -> core::slice::Iter<'_, RequestedReport> {
        self.requests.iter()
    }

    pub(super) fn find(&self, id: &ReportRequestId) -> Option<&RequestedReport> {
        self.iter().find(|known| known.report_request_id == *id)
    }

    /// How many are open.
    pub(super) fn open(&self) -> usize {
        self.iter().filter(|known| known.is_open()).count()
    }

    /// When time alone moves one on.
    pub(super) fn next_deadline(&self) -> Option<DateTime> {
        self.iter().filter_map(RequestedReport::deadline).min()
    }

    pub(super) fn apply(&mut self, change: &ReportChange) {
        match change {
            ReportChange::Wanted(wanted) => match self.slot(&wanted.report_request_id) {
                Some(slot) => slot.clone_from(wanted),
                None => self.requests.push((**wanted).clone()),
            },
            ReportChange::Progressed {
                report_request_id,
                progress,
            } => {
                if let Some(slot) = self.slot(report_request_id) {
                    slot.progress.clone_from(progress);
                }
            }
            ReportChange::Received {
                report_request_id,
                last,
            } => {
                if let Some(slot) = self.slot(report_request_id) {
                    slot.last = Some(*last);
                }
            }
            ReportChange::Forgotten { report_request_id } => self
                .requests
                .retain(|known| known.report_request_id != *report_request_id),
        }
    }

    pub(super) fn progress_mut(&mut self, id: &ReportRequestId) -> Option<&mut ReportProgress> {
        self.slot(id).map(|slot| &mut slot.progress)
    }

    fn slot(&mut self, id: &ReportRequestId) -> Option<&mut RequestedReport> {
        self.requests
            .iter_mut()
            .find(|known| known.report_request_id == *id)
    }
}
