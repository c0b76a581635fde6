//! One report that was requested of a VEN, and how far that has come.
//!
//! Knows nothing of messages; see [`ReportChange`](super::ReportChange) for what can happen to it.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::delivery::later;
use super::{PointFact, WantedReport};
use crate::payload::{Properties, ReportRequest, ReportSpecifier, ResponseCode, SpecifierPayload};
use crate::value::{
    DateTime, Duration, NonEmpty, RId, ReadingType, ReportRequestId, RequestId, Text,
};

/// So long a finished request stays known: data that an outage held up are still taken.
pub(super) const GRACE: TimeDelta = TimeDelta::days(7);

/// A report that was requested, or is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestedReport {
    /// The request's ID, unique within the VEN's partition (rule 322).
    pub report_request_id: ReportRequestId,
    /// What is wanted.
    pub wanted: WantedReport,
    /// Who wants it.
    pub origin: RequestOrigin,
    /// Since when.
    pub since: DateTime,
    /// The data points as the VEN described them when they were requested; none of METADATA.
    pub points: Vec<PointFact>,
    /// How far it has come.
    pub progress: ReportProgress,
    /// From when the VEN is to report, where that is not the start that was wanted: it was asked again
    /// later on, and what came before is not wanted twice.
    pub resumed: Option<DateTime>,
    /// The last data, if there were any.
    pub last: Option<LastReport>,
}

/// Who wants a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestOrigin {
    /// An operator, until an operator cancels it.
    Operator,
    /// The policy of this name, as often as the VEN says what it offers.
    Policy(Text),
    /// The application, in answer to what the VEN offers.
    Application,
}

/// How far a request has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportProgress {
    /// Not on offer now: it goes out once it is.
    Unoffered,
    /// To go out with a poll.
    Waiting {
        /// In a message of its own, since the VEN refused it together with others.
        alone: bool,
    },
    /// Sent and not answered: with the first poll at that time or later it comes again.
    Sent {
        /// The message that it was last sent in.
        request_id: RequestId,
        /// How many requests that message had.
        company: u32,
        /// How often.
        times: u32,
        /// When it comes again.
        resend_at: DateTime,
    },
    /// The VEN takes it on.
    Accepted,
    /// The VEN does not take it on.
    Refused {
        /// Why.
        response_code: ResponseCode,
        /// Until when it stays known.
        forget_at: DateTime,
    },
    /// To be cancelled, or being it.
    Cancelling(Cancelling),
    /// Complete or cancelled; data that come late are still taken.
    Over {
        /// Until when it stays known.
        forget_at: DateTime,
        /// After a cancellation: how many reports may follow before it is said again (rules 335, 345).
        to_follow: Option<u32>,
    },
}

/// A cancellation on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelling {
    /// Whether one last report is to follow (rule 345).
    pub report_to_follow: bool,
    /// The `oadrCancelReport` that a poll last brought; empty before there is one.
    pub request_id: RequestId,
    /// How often it was said.
    pub times: u32,
    /// From when a poll brings it. `None`: it went with `oadrUpdatedReport`, and comes with a poll
    /// only if the reports go on (rule 335, quirk Q17).
    pub resend_at: Option<DateTime>,
    /// When it counts as heard.
    pub give_up_at: DateTime,
}

/// The last data that came for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastReport {
    /// When they came.
    pub received: DateTime,
    /// Up to when there are readings; `None` if there were none at all.
    pub until: Option<DateTime>,
}

impl RequestedReport {
    /// Whether it still stands: not refused, not cancelled, not over.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self.progress {
            ReportProgress::Unoffered
            | ReportProgress::Waiting { .. }
            | ReportProgress::Sent { .. }
            | ReportProgress::Accepted => true,
            ReportProgress::Refused { .. }
            | ReportProgress::Cancelling(_)
            | ReportProgress::Over { .. } => false,
        }
    }

    /// Whether a poll now brings the request.
    pub(super) fn is_due(&self, now: DateTime) -> bool {
        match &self.progress {
            ReportProgress::Waiting { .. } => true,
            ReportProgress::Sent { resend_at, .. } => *resend_at <= now,
            ReportProgress::Unoffered
            | ReportProgress::Accepted
            | ReportProgress::Refused { .. }
            | ReportProgress::Cancelling(_)
            | ReportProgress::Over { .. } => false,
        }
    }

    /// Whether a data point is not any more what it was, its unit perhaps: data before and after would
    /// not be told apart under the same ID.
    pub(super) fn contradicts(&self, points: &[PointFact]) -> bool {
        let before: BTreeMap<&RId, &PointFact> = self
            .points
            .iter()
            .map(|point| (&point.r_id, point))
            .collect();
        let mut known = points.iter().filter_map(|point| {
            let before = before.get(&point.r_id)?;
            Some(**before == *point)
        });
        known.any(|is_same| !is_same)
    }

    /// The cancellation that is on its way, if there is one.
    pub(super) fn cancelling(&self) -> Option<&Cancelling> {
        match &self.progress {
            ReportProgress::Cancelling(cancelling) => Some(cancelling),
            ReportProgress::Unoffered
            | ReportProgress::Waiting { .. }
            | ReportProgress::Sent { .. }
            | ReportProgress::Accepted
            | ReportProgress::Refused { .. }
            | ReportProgress::Over { .. } => None,
        }
    }

    /// `oadrReportRequest`.
    pub(super) fn request(&self) -> ReportRequest {
        // Rules 321 and 338.
        let payload = |r_id: RId| SpecifierPayload {
            r_id,
            item_base: None,
            reading_type: ReadingType::NotApplicable,
        };
        let payloads = self.points.iter().map(|point| payload(point.r_id.clone()));
        let wanted = &self.wanted;
        // Whenever it begins, it ends when it was to end.
        let rest = |start| match (wanted.ends(), self.resumed) {
            (Some(ends), Some(_)) => {
                // No length at all would be one without end (rule 325).
                let rest = ends.signed_duration_since(start);
                Duration::from_time_delta(rest.max(TimeDelta::seconds(1)))
            }
            (Some(_) | None, _) => wanted.duration,
        };
        let start = self.resumed.or(wanted.start);
        ReportRequest {
            report_request_id: self.report_request_id.clone(),
            specifier: ReportSpecifier {
                report_specifier_id: wanted.report_specifier_id.clone(),
                granularity: wanted.granularity,
                report_back: wanted.report_back,
                interval: start.map(|start| Properties::new(start, rest(start))),
                // Rule 308: METADATA have one point, and it means nothing.
                payloads: NonEmpty::try_from(payloads.collect::<Vec<_>>())
                    .unwrap_or_else(|_| NonEmpty::one(payload(RId::new("0").unwrap_or_default()))),
            },
        }
    }

    /// When time alone moves it on.
    pub(super) fn deadline(&self) -> Option<DateTime> {
        match &self.progress {
            ReportProgress::Unoffered
            | ReportProgress::Waiting { .. }
            | ReportProgress::Sent { .. }
            | ReportProgress::Accepted => {
                let rhythm = self.wanted.rhythm(self.since);
                // The last report comes after the last period.
                self.wanted.ends().map(|ends| later(ends, rhythm))
            }
            ReportProgress::Refused { forget_at, .. } | ReportProgress::Over { forget_at, .. } => {
                Some(*forget_at)
            }
            ReportProgress::Cancelling(cancelling) => Some(cancelling.give_up_at),
        }
    }
}

impl Cancelling {
    /// Whether a poll now brings it.
    pub(super) fn is_due(&self, now: DateTime) -> bool {
        self.resend_at.is_some_and(|at| at <= now)
    }

    /// Whether all that the VEN got of it went with the answer to a report.
    pub(super) fn is_ridden(&self) -> bool {
        self.resend_at.is_none()
    }
}
