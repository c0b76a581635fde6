//! Which of the reports that VENs offer are requested without anybody asking.
//!
//! Knows nothing of what was requested already.

use serde::{Deserialize, Serialize};

use super::Member;
use crate::value::{Duration, GroupId, ReportName, ResourceId, Text};

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
    /// Only data points of this [measurement](crate::payload::ReportDescription::measurement).
    pub measurement: Option<Text>,
    /// Only data points of this resource.
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
}
