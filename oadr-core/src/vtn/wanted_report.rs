//! Which report is wanted, and whether it is on offer (rules 317 to 327, 340).
//!
//! Knows nothing of who wants it, nor of how far the request has come.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::PointFact;
use crate::payload::{Report, ReportDescription};
use crate::value::{DateTime, Duration, RId, ReportName, ReportSpecifierId};

/// Which report is wanted, how finely, how often and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedReport {
    /// The offer, or `METADATA` for the offers themselves (rule 327).
    pub report_specifier_id: ReportSpecifierId,
    /// The data points; none stands for all that the offer has.
    pub r_ids: Vec<RId>,
    /// The sampling interval; zero is on change, and for history the only one (rule 317).
    pub granularity: Duration,
    /// How often to report; zero is once (rule 324).
    pub report_back: Duration,
    /// When the first period of reports begins, or the span of a history (rule 325). `None`: now, or
    /// for a history as far back as the VEN keeps it.
    pub start: Option<DateTime>,
    /// How long, from the start; zero is without end (rule 325).
    pub duration: Duration,
}

/// Why a report cannot be had as it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotOffered {
    /// There is no such offer.
    Report,
    /// The offer has no such data point.
    Point,
    /// The offer has it at another pace only (rules 317, 324, 340).
    Pace,
}

impl WantedReport {
    /// Whether it is about the offers themselves (rule 327).
    #[must_use]
    pub fn is_metadata(&self) -> bool {
        self.report_specifier_id.is_metadata()
    }

    /// Whether one report is all (rule 324).
    #[must_use]
    pub fn is_once(&self) -> bool {
        self.report_back.is_zero()
    }

    /// When the last period of reports is over; `None` if nothing but a cancellation ends it, or a
    /// single report does.
    #[must_use]
    pub fn ends(&self) -> Option<DateTime> {
        if self.is_once() || self.duration.is_zero() {
            return None;
        }
        self.start.map(|start| self.duration.after(start))
    }

    /// Whether somebody wanted the same before, whenever that was to begin.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let Self {
            report_specifier_id,
            r_ids,
            granularity,
            report_back,
            start: _,
            duration,
        } = self;
        *report_specifier_id == other.report_specifier_id
            && *r_ids == other.r_ids
            && *granularity == other.granularity
            && *report_back == other.report_back
            && *duration == other.duration
    }

    /// The data points that it is about, as the offer describes them; none for METADATA.
    pub(super) fn points(&self, offers: &[Report]) -> Result<Vec<PointFact>, NotOffered> {
        if self.is_metadata() {
            return Ok(Vec::new());
        }
        let offer = self.offer(offers)?;
        let offered: BTreeSet<&RId> = offer.descriptions.iter().map(|d| &d.r_id).collect();
        if offered.is_empty() || self.r_ids.iter().any(|r_id| !offered.contains(r_id)) {
            return Err(NotOffered::Point);
        }
        Ok(self.selected(offer).map(PointFact::of).collect())
    }

    /// Whether the offer has it at this pace (rules 317, 324, 340).
    pub(super) fn check_pace(&self, offers: &[Report]) -> Result<(), NotOffered> {
        let fitting = self.fitted(offers)?;
        // One report of telemetry comes when it is asked for, whatever the granularity.
        let is_fine = self.is_once() && !self.is_history(offers)
            || (self.granularity.span_from(EPOCH) == fitting.granularity.span_from(EPOCH)
                && self.report_back.span_from(EPOCH) == fitting.report_back.span_from(EPOCH));
        if is_fine && !self.duration.is_negative() {
            Ok(())
        } else {
            Err(NotOffered::Pace)
        }
    }

    /// The same at the nearest pace that the offer has (rules 317, 324, 340).
    pub(super) fn fitted(&self, offers: &[Report]) -> Result<Self, NotOffered> {
        let mut fitted = self.clone();
        for duration in [
            &mut fitted.granularity,
            &mut fitted.report_back,
            &mut fitted.duration,
        ] {
            if duration.is_negative() {
                *duration = Duration::ZERO;
            }
        }
        if self.is_metadata() {
            return Ok(fitted);
        }
        let offer = self.offer(offers)?;
        if is_history(offer) {
            fitted.granularity = Duration::ZERO;
            fitted.report_back = Duration::ZERO;
            return Ok(fitted);
        }
        let span = |duration: &Duration| duration.span_from(EPOCH);
        // An offer without a sampling rate is taken at its word: anything goes (quirk Q16).
        let points = self.selected(offer);
        let rates: Vec<_> = points.filter_map(|d| d.sampling_rate.as_ref()).collect();
        let is_on_change = fitted.granularity.is_zero() && rates.iter().all(|rate| rate.on_change);
        if !is_on_change {
            let slowest = rates.iter().map(|rate| rate.max_period).min_by_key(span);
            let fastest = rates.iter().map(|rate| rate.min_period).max_by_key(span);
            if let Some(slowest) = slowest.filter(|d| span(d) < span(&fitted.granularity)) {
                fitted.granularity = slowest;
            }
            if let Some(fastest) = fastest.filter(|d| span(d) > span(&fitted.granularity)) {
                fitted.granularity = fastest;
            }
        }
        if !fitted.is_once() && span(&fitted.report_back) < span(&fitted.granularity) {
            fitted.report_back = fitted.granularity;
        }
        Ok(fitted)
    }

    /// With a start where the rules want one (rules 324, 325): a period begins now, a history with
    /// the oldest that the VEN keeps (rule 312).
    pub(super) fn starting(mut self, offers: &[Report], now: DateTime) -> Self {
        if self.start.is_some() {
            return self;
        }
        self.start = if self.is_history(offers) {
            Some(self.oldest(offers, now))
        } else if self.is_once() {
            None
        } else {
            Some(now)
        };
        self
    }

    /// How far one report is from the next.
    pub(super) fn rhythm(&self, now: DateTime) -> TimeDelta {
        self.report_back.span_from(now).max(TimeDelta::zero())
    }

    /// The oldest that the VEN still has (rule 312); if it does not say, nothing that is past.
    pub(super) fn oldest(&self, offers: &[Report], now: DateTime) -> DateTime {
        let kept = self.offer(offers).ok().and_then(|offer| offer.duration);
        kept.map_or(now, |kept| kept.before(now)).min(now)
    }

    fn selected<'a>(&self, offer: &'a Report) -> impl Iterator<Item = &'a ReportDescription> {
        let r_ids: BTreeSet<&RId> = self.r_ids.iter().collect();
        let points = offer.descriptions.iter();
        points.filter(move |d| r_ids.is_empty() || r_ids.contains(&d.r_id))
    }

    fn offer<'a>(&self, offers: &'a [Report]) -> Result<&'a Report, NotOffered> {
        offers
            .iter()
            .find(|offer| offer.report_specifier_id == self.report_specifier_id)
            .ok_or(NotOffered::Report)
    }

    fn is_history(&self, offers: &[Report]) -> bool {
        self.offer(offers).is_ok_and(is_history)
    }
}

/// Where durations are measured that have no start of their own.
const EPOCH: DateTime = DateTime::UNIX_EPOCH;

fn is_history(offer: &Report) -> bool {
    match &offer.report_name {
        Some(
            ReportName::MetadataHistoryUsage
            | ReportName::HistoryUsage
            | ReportName::MetadataHistoryGreenButton
            | ReportName::HistoryGreenButton,
        ) => true,
        Some(
            ReportName::MetadataTelemetryUsage
            | ReportName::TelemetryUsage
            | ReportName::MetadataTelemetryStatus
            | ReportName::TelemetryStatus
            | ReportName::Extension(_),
        )
        | None => false,
    }
}
