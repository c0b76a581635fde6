//! Which of the reports that VENs offer are requested without anybody asking.
//!
//! Knows nothing of what was requested already.

use serde::{Deserialize, Serialize};

use super::{Member, WantedReport};
use crate::payload::{Report, ReportDescription, Target};
use crate::value::{Duration, GroupId, RId, ReportName, ResourceId, Text};

/// What operators want of every VEN that offers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportPolicy {
    /// Its name, unique within the VTN.
    pub name: Text,
    /// These VENs, by venID or venName. VENs and groups are alternatives; without either everyone.
    pub vens: Vec<Text>,
    /// The VENs of these groups.
    pub groups: Vec<GroupId>,
    /// Only reports of this name, without `METADATA_`.
    pub report_name: Option<ReportName>,
    /// Only data points of this [measurement](ReportDescription::measurement).
    pub measurement: Option<Text>,
    /// Only data points of this resource. One that names nothing is about all that the VEN has (rule
    /// 343).
    pub resource: Option<ResourceId>,
    /// The sampling interval; zero is on change. Where an offer has no such pace the nearest one is
    /// taken (rule 340).
    pub granularity: Duration,
    /// How often to report; zero is once (rule 324).
    pub report_back: Duration,
    /// For how long; zero is without end (rule 325).
    pub duration: Duration,
}

impl ReportPolicy {
    /// Whether it is about this VEN.
    #[must_use]
    pub fn is_for(&self, member: &Member) -> bool {
        if self.vens.is_empty() && self.groups.is_empty() {
            return true;
        }
        let is = |ven: &Text| {
            member.ven_name.as_ref() == Some(ven)
                || member
                    .ven_id
                    .as_ref()
                    .is_some_and(|id| id.as_str() == ven.as_str())
        };
        self.vens.iter().any(is)
            || self
                .groups
                .iter()
                .any(|group| member.groups.contains(group))
    }

    /// What it wants of this offer of this VEN, if anything.
    pub(super) fn wants(&self, offer: &Report, member: &Member) -> Option<WantedReport> {
        let name = offer.report_name.as_ref().map(ReportName::of_data);
        if self.report_name.is_some() && self.report_name != name {
            return None;
        }
        let matches = |point: &&ReportDescription| {
            self.measurement
                .as_ref()
                .is_none_or(|measurement| point.measurement() == Some(measurement.as_str()))
                && self
                    .resource
                    .as_ref()
                    .is_none_or(|resource| member.point_is_about(point, resource))
        };
        let points = offer.descriptions.iter().filter(matches);
        let r_ids: Vec<RId> = points.map(|point| point.r_id.clone()).collect();
        // Feeds do not say which data point they are of: where there are several it takes an operator
        // to choose one.
        let too_many = name == Some(ReportName::HistoryGreenButton) && r_ids.len() > 1;
        if r_ids.is_empty() || too_many {
            return None;
        }
        Some(WantedReport {
            report_specifier_id: offer.report_specifier_id.clone(),
            r_ids: if r_ids.len() == offer.descriptions.len() {
                Vec::new()
            } else {
                r_ids
            },
            granularity: self.granularity,
            report_back: self.report_back,
            start: None,
            duration: self.duration,
        })
    }
}

impl Member {
    /// Whether a data point that the VEN offers is about one of its resources: it names that, or
    /// nothing, and so is about all of them (rule 343).
    #[must_use]
    pub fn point_is_about(&self, point: &ReportDescription, resource: &ResourceId) -> bool {
        let names_nothing = |target: &Option<Target>| target.as_ref().is_none_or(Target::is_empty);
        let is_about_all = names_nothing(&point.data_source)
            && names_nothing(&point.subject)
            && point.market_context.is_none();
        point.resource_ids().any(|id| id == resource)
            || (is_about_all && self.resources.contains(resource))
    }
}
