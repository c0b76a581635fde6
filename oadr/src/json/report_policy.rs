//! Report policies in JSON, as the operator API and the database have them.
//!
//! Knows nothing of which reports are on offer.

use oadr_core::value::{Duration, GroupId, ReportName, ResourceId, Text};
use oadr_core::vtn::ReportPolicy;
use serde::{Deserialize, Serialize};

/// Which offered data points are requested, from whom, how finely and how often. What is left out
/// leaves the choice open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportPolicyForm {
    /// The VENs, by venID or venName. With groups beside them either will do; without both it is
    /// everyone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) vens: Vec<Text>,
    /// The groups whose VENs are meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) groups: Vec<GroupId>,
    /// The report, without `METADATA_`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) report_name: Option<ReportName>,
    /// What is measured: the name of the unit's element, or `status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) measurement: Option<Text>,
    /// Where it is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) resource: Option<ResourceId>,
    /// The sampling interval; zero is on change (rule 317).
    pub(crate) granularity: Duration,
    /// How often to report; zero is once (rule 324). As often as samples are taken, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) report_back: Option<Duration>,
    /// For how long; zero is without end (rule 325).
    #[serde(default = "without_end")]
    pub(crate) duration: Duration,
}

fn without_end() -> Duration {
    Duration::ZERO
}

impl ReportPolicyForm {
    /// The policy of this name.
    pub(crate) fn into_policy(self, name: Text) -> ReportPolicy {
        ReportPolicy {
            name,
            vens: self.vens,
            groups: self.groups,
            report_name: self.report_name,
            measurement: self.measurement,
            resource: self.resource,
            granularity: self.granularity,
            report_back: self.report_back.unwrap_or(self.granularity),
            duration: self.duration,
        }
    }
}

impl From<&ReportPolicy> for ReportPolicyForm {
    fn from(policy: &ReportPolicy) -> Self {
        Self {
            vens: policy.vens.clone(),
            groups: policy.groups.clone(),
            report_name: policy.report_name.clone(),
            measurement: policy.measurement.clone(),
            resource: policy.resource.clone(),
            granularity: policy.granularity,
            report_back: Some(policy.report_back),
            duration: policy.duration,
        }
    }
}
