//! What a VEN remembers of its reports: what it offered, what was asked for, how far each has come.
//!
//! Knows nothing of how any of it changes. No report is kept: which ones are to be sent follows from
//! how far the VTN has acknowledged each request, so nothing grows while the VTN is away.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::schedule::later;
use super::{Context, Schedule, State};
use crate::payload::ReportRequest;
use crate::rhythm::Rhythm;
use crate::value::{DateTime, RId, ReportName, ReportRequestId, ReportSpecifierId};

/// Reports offered and asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reporting {
    /// The offers that were sent last, if any were under this registration.
    pub(super) offered: Option<Offered>,
    /// What was asked for and is not over, in the order in which it was granted.
    pub(super) pending: Vec<PendingReport>,
    /// What the VTN cancelled last by a push, whose answer it may not have heard.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) withdrawn: Vec<ReportRequestId>,
}

/// Which offers were sent last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Offered {
    /// The version of the context that they came from.
    pub(super) context: u64,
    /// What tells them apart from others.
    pub(super) digest: u64,
}

/// A granted request of which reports are still to come (rule 329).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingReport {
    /// The request as it came.
    pub(super) request: ReportRequest,
    /// What its reports are called.
    pub(super) report_name: Option<ReportName>,
    /// The data points wanted, each once; none for METADATA.
    pub(super) points: Vec<DataPoint>,
    /// Whether its intervals have lengths (rules 315, 331, 342).
    pub(super) lengths: Lengths,
    /// When which report is due.
    pub(super) schedule: Schedule,
    /// Reports are put off by this, drawn once, so that VENs asked at one time do not answer at one
    /// time. What is sampled is not.
    pub(super) offset: TimeDelta,
    /// How hard the VTN has refused what is sent next.
    pub(super) refusals: u32,
}

/// A data point of a granted request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DataPoint {
    pub(super) r_id: RId,
    /// What stands in for a value that is missing (rule 318).
    pub(super) kind: PayloadKind,
}

/// The kinds of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum PayloadKind {
    Float,
    ResourceStatus,
    GreenButton,
}

/// Whether the intervals of a report have lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Lengths {
    /// Point data.
    None,
    /// Interval data; a reading of which nobody said how long it is lasts this many seconds.
    Usually(u32),
}

impl Reporting {
    /// What was granted under this ID.
    pub(super) fn pending(&self, id: &ReportRequestId) -> Option<&PendingReport> {
        let mut pending = self.pending.iter();
        pending.find(|pending| pending.report_request_id() == id)
    }

    /// When the next report of data is due, if one is to come.
    pub(super) fn next_data(&self) -> Option<DateTime> {
        self.pending.iter().filter_map(PendingReport::due).min()
    }

    /// The request whose report of data is to be sent now: the one that is due longest, but those that
    /// the VTN has trouble with come after the others.
    pub(super) fn data_due(&self, now: DateTime) -> Option<&PendingReport> {
        let due = self.pending.iter().filter_map(|p| Some((p.due()?, p)));
        let due = due.filter(|(due, _)| *due <= now);
        let first = due.min_by_key(|(due, pending)| (pending.refusals, *due));
        first.map(|(_, pending)| pending)
    }

    /// When offers are due next by request, if they are.
    pub(super) fn next_offers(&self) -> Option<DateTime> {
        let offers = self.pending.iter().filter_map(PendingReport::metadata);
        offers.filter_map(|metadata| metadata.next()).min()
    }

    /// A request by which offers are due now.
    pub(super) fn offers_due(&self, now: DateTime) -> Option<(ReportRequestId, Rhythm)> {
        self.pending.iter().find_map(|pending| {
            let metadata = pending.metadata()?;
            let due = (pending.report_request_id().clone(), metadata.clone());
            pending.offers_due(now).then_some(due)
        })
    }
}

impl PendingReport {
    /// The request as it came.
    #[must_use]
    pub fn request(&self) -> &ReportRequest {
        &self.request
    }

    /// Its ID.
    #[must_use]
    pub fn report_request_id(&self) -> &ReportRequestId {
        &self.request.report_request_id
    }

    /// The offer that it is about, or `METADATA`.
    #[must_use]
    pub fn report_specifier_id(&self) -> &ReportSpecifierId {
        &self.request.specifier.report_specifier_id
    }

    /// When which report is due.
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Whether its intervals have lengths (rules 315, 331, 342).
    pub(super) fn has_lengths(&self) -> bool {
        match self.lengths {
            Lengths::None => false,
            Lengths::Usually(_) => true,
        }
    }

    /// When the next report of data is due, if one is to come.
    fn due(&self) -> Option<DateTime> {
        let due = self.schedule.due(self.has_lengths())?;
        Some(later(due, self.offset))
    }

    /// Whether offers are due by it.
    pub(super) fn offers_due(&self, now: DateTime) -> bool {
        let next = self.metadata().and_then(|metadata| metadata.next());
        next.is_some_and(|next| next <= now)
    }

    /// The offers that are due are on their way.
    pub(super) fn pass_offers(&mut self, now: DateTime) {
        if let Schedule::Metadata(metadata) = &mut self.schedule {
            *metadata = metadata.after(now);
        }
    }

    fn metadata(&self) -> Option<&Rhythm> {
        match &self.schedule {
            Schedule::Metadata(metadata) => Some(metadata),
            Schedule::Now | Schedule::History { .. } | Schedule::Periodic(_) => None,
        }
    }

    /// The data points wanted, each once; none for METADATA.
    pub fn r_ids(&self) -> impl Iterator<Item = &RId> {
        self.points.iter().map(|point| &point.r_id)
    }
}

/// What a host has to sample for the reports that were asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sampling {
    /// The offer.
    pub report_specifier_id: ReportSpecifierId,
    /// The data point.
    pub r_id: RId,
    /// The grid is this, and every `every` after; it may lie in the past.
    pub from: DateTime,
    /// Nothing is sampled from here on; `None` is for ever.
    pub until: Option<DateTime>,
    /// The grid.
    pub every: TimeDelta,
}

impl State {
    /// The reports still to come (rule 329), METADATA included, in the order in which they were asked
    /// for.
    pub fn pending_reports(&self) -> impl Iterator<Item = &PendingReport> {
        self.reporting.pending.iter()
    }

    /// What is to be sampled: each data point on each grid once. A data point that the VEN does not
    /// offer any more is not among it. With reports on change, what is to be looked at.
    #[must_use]
    pub fn samplings(&self, context: &Context) -> Vec<Sampling> {
        let mut samplings: Vec<Sampling> = Vec::new();
        for pending in self.pending_reports() {
            let Schedule::Periodic(periods) = &pending.schedule else {
                continue;
            };
            let specifier = pending.report_specifier_id();
            let offer = context
                .reports
                .iter()
                .find(|offer| offer.report_specifier_id == *specifier);
            for r_id in pending.r_ids() {
                let sampling = Sampling {
                    report_specifier_id: specifier.clone(),
                    r_id: r_id.clone(),
                    from: periods.start,
                    until: periods.end,
                    every: periods.step,
                };
                let is_offered =
                    offer.is_some_and(|offer| offer.descriptions.iter().any(|d| d.r_id == *r_id));
                if is_offered && !samplings.contains(&sampling) {
                    samplings.push(sampling);
                }
            }
        }
        samplings
    }

    /// The earliest instant of which a data point's readings are still wanted; `None` if none are. With
    /// reports on change the last reading before it is wanted, too.
    #[must_use]
    pub fn needed_since(
        &self,
        report_specifier_id: &ReportSpecifierId,
        r_id: &RId,
    ) -> Option<DateTime> {
        let pending = self.pending_reports().filter(|pending| {
            pending.report_specifier_id() == report_specifier_id
                && pending.r_ids().any(|wanted| wanted == r_id)
        });
        let cursors = pending.filter_map(|pending| pending.schedule.cursor());
        cursors.min()
    }
}
