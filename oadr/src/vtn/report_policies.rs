//! Report policies: which reports are requested of every VEN that offers them. Some are settings, some
//! are operators'; those are committed first, then in force.
//!
//! Knows nothing of what is on offer: the machine applies them whenever a VEN makes its reports known.

use std::sync::Arc;

use oadr_core::value::{DateTime, Text};
use oadr_core::vtn::ReportPolicy;

use super::host::Host;
use crate::clock;
use crate::sqlite::StoreError;
use crate::store::Audit;

/// What is wrong with a report policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {fault}")]
pub struct ReportPolicyError {
    /// The member that is to blame, as the operator API calls it.
    pub field: &'static str,
    /// What is wrong with it.
    pub fault: ReportPolicyFault,
}

/// What can be wrong with a part of a report policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportPolicyFault {
    /// It says nothing.
    #[error("must not be empty")]
    Empty,
    /// Another policy has the name.
    #[error("is another policy's as well")]
    Taken,
    /// A duration goes backwards.
    #[error("must not be negative")]
    Negative,
    /// Reports would come faster than there are samples (rule 317).
    #[error("must be as long as the granularity at least, or zero for one report")]
    FasterThanSampled,
}

/// Why a policy was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyFailure {
    #[error(transparent)]
    Invalid(#[from] ReportPolicyError),
    #[error("the policy {0} is a setting of the VTN, and changed there")]
    OfSettings(Text),
    #[error("there is no report policy of the name {0}")]
    Unknown(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All policies.
#[derive(Debug)]
pub(crate) struct ReportPolicies {
    settings: Vec<ReportPolicy>,
    /// Those that operators made, by name. Held while one is changed: one after the other.
    made: tokio::sync::Mutex<Vec<ReportPolicy>>,
}

impl ReportPolicies {
    /// The policies of the settings, which are checked, and those that operators `made` before.
    pub(super) fn new(settings: Vec<ReportPolicy>, made: Vec<ReportPolicy>) -> Self {
        for policy in &made {
            let name = &policy.name;
            if settings.iter().any(|other| other.name == *name) {
                tracing::warn!(%name, "a report policy of the settings goes before one of the API's");
            }
        }
        Self {
            settings,
            made: tokio::sync::Mutex::new(made),
        }
    }

    /// Those of the settings, and those of operators that count.
    pub(crate) async fn all(&self) -> (&[ReportPolicy], Vec<ReportPolicy>) {
        let made = self.made.lock().await;
        (&self.settings, self.counting(&made).cloned().collect())
    }

    /// In the order in which they are applied.
    fn in_force(&self, made: &[ReportPolicy]) -> Arc<[ReportPolicy]> {
        self.settings
            .iter()
            .chain(self.counting(made))
            .cloned()
            .collect()
    }

    /// Without those of a setting's name.
    fn counting<'a>(&self, made: &'a [ReportPolicy]) -> impl Iterator<Item = &'a ReportPolicy> {
        let is_setting = |name: &Text| self.settings.iter().any(|policy| policy.name == *name);
        made.iter().filter(move |policy| !is_setting(&policy.name))
    }
}

impl Host {
    /// Makes a policy or puts it in the place of the one of its name; whether it is new.
    pub(crate) async fn set_report_policy(
        &self,
        policy: ReportPolicy,
        audit: Audit,
    ) -> Result<bool, PolicyFailure> {
        check(&policy)?;
        self.refuse_setting(&policy.name)?;
        let mut made = self.report_policies.made.lock().await;
        let mut next = made.clone();
        let known = next.binary_search_by(|known| known.name.as_str().cmp(policy.name.as_str()));
        match known {
            Ok(at) => next.splice(at..=at, [policy]).for_each(drop),
            Err(at) => next.insert(at, policy),
        }
        self.store.set_report_policies(&next, audit).await?;
        self.put_in_force(&next, clock::now());
        *made = next;
        Ok(known.is_err())
    }

    /// Takes a policy away.
    pub(crate) async fn remove_report_policy(
        &self,
        name: &str,
        audit: Audit,
    ) -> Result<(), PolicyFailure> {
        self.refuse_setting(name)?;
        let mut made = self.report_policies.made.lock().await;
        let mut next = made.clone();
        next.retain(|policy| policy.name.as_str() != name);
        if next.len() == made.len() {
            return Err(PolicyFailure::Unknown(crate::logging::cut(name).to_owned()));
        }
        self.store.set_report_policies(&next, audit).await?;
        self.put_in_force(&next, clock::now());
        *made = next;
        Ok(())
    }

    /// What decisions from now on know of.
    pub(super) fn put_in_force(&self, made: &[ReportPolicy], now: DateTime) {
        let all = self.report_policies.in_force(made);
        self.campaigns.set_report_policies(all, now);
    }

    fn refuse_setting(&self, name: impl AsRef<str>) -> Result<(), PolicyFailure> {
        let settings = &self.report_policies.settings;
        let found = settings
            .iter()
            .find(|policy| policy.name.as_str() == name.as_ref());
        match found {
            Some(policy) => Err(PolicyFailure::OfSettings(policy.name.clone())),
            None => Ok(()),
        }
    }
}

/// Checks the policies of the settings.
///
/// # Errors
/// One of them cannot be; its name comes with it.
pub(super) fn check_all(policies: &[ReportPolicy]) -> Result<(), (Text, ReportPolicyError)> {
    for (index, policy) in policies.iter().enumerate() {
        let of_policy = |error| (policy.name.clone(), error);
        check(policy).map_err(of_policy)?;
        let before = policies.iter().take(index);
        if before.into_iter().any(|other| other.name == policy.name) {
            let error = wrong("name", ReportPolicyFault::Taken);
            return Err(of_policy(error));
        }
    }
    Ok(())
}

fn check(policy: &ReportPolicy) -> Result<(), ReportPolicyError> {
    use ReportPolicyFault as Fault;
    let is_empty = |text: &Text| text.as_str().trim().is_empty();
    let measures_nothing = policy.measurement.as_ref().is_some_and(is_empty);
    let named_nowhere = policy.resource.as_ref().is_some_and(|id| id.is_empty());
    let is_faster = !policy.report_back.is_zero()
        && policy.report_back.after(DateTime::UNIX_EPOCH)
            < policy.granularity.after(DateTime::UNIX_EPOCH);
    for (is_wrong, field, fault) in [
        (is_empty(&policy.name), "name", Fault::Empty),
        (policy.vens.iter().any(is_empty), "vens", Fault::Empty),
        (
            policy.groups.iter().any(|group| group.is_empty()),
            "groups",
            Fault::Empty,
        ),
        (measures_nothing, "measurement", Fault::Empty),
        (named_nowhere, "resource", Fault::Empty),
        (
            policy.granularity.is_negative(),
            "granularity",
            Fault::Negative,
        ),
        (
            policy.report_back.is_negative(),
            "report_back",
            Fault::Negative,
        ),
        (policy.duration.is_negative(), "duration", Fault::Negative),
        (is_faster, "report_back", Fault::FasterThanSampled),
    ] {
        if is_wrong {
            return Err(wrong(field, fault));
        }
    }
    Ok(())
}

fn wrong(field: &'static str, fault: ReportPolicyFault) -> ReportPolicyError {
    ReportPolicyError { field, fault }
}

#[cfg(test)]
mod tests {
    use oadr_core::value::Duration;

    use super::*;

    fn policy(name: &str) -> ReportPolicy {
        ReportPolicy {
            name: Text::new(name).unwrap(),
            vens: Vec::new(),
            groups: Vec::new(),
            report_name: None,
            measurement: None,
            resource: None,
            granularity: Duration::minutes(1),
            report_back: Duration::minutes(15),
            duration: Duration::ZERO,
        }
    }

    #[test]
    fn what_no_policy_can_be_is_refused_by_its_member() {
        assert_eq!(check(&policy("a")), Ok(()));
        let once = ReportPolicy {
            report_back: Duration::ZERO,
            ..policy("a")
        };
        assert_eq!(check(&once), Ok(()));
        let back: Duration = "-PT1M".parse().unwrap();
        let nothing = || Text::new(" ").ok();
        for (bad, said) in [
            (policy(""), "name: must not be empty"),
            (
                ReportPolicy {
                    measurement: nothing(),
                    ..policy("a")
                },
                "measurement: must not be empty",
            ),
            (
                ReportPolicy {
                    vens: nothing().into_iter().collect(),
                    ..policy("a")
                },
                "vens: must not be empty",
            ),
            (
                ReportPolicy {
                    granularity: back,
                    ..policy("a")
                },
                "granularity: must not be negative",
            ),
            (
                ReportPolicy {
                    report_back: Duration::seconds(59),
                    ..policy("a")
                },
                "report_back: must be as long as the granularity at least, or zero for one report",
            ),
        ] {
            assert_eq!(check(&bad).unwrap_err().to_string(), said);
        }
        let twice = check_all(&[policy("a"), policy("b"), policy("a")]);
        let (name, error) = twice.unwrap_err();
        assert_eq!(name.as_str(), "a");
        assert_eq!(error.to_string(), "name: is another policy's as well");
    }

    #[tokio::test]
    async fn a_setting_goes_before_what_an_operator_made_of_the_same_name() {
        let setting = ReportPolicy {
            granularity: Duration::ZERO,
            ..policy("b")
        };
        let made = vec![policy("a"), policy("b")];
        let policies = ReportPolicies::new(vec![setting.clone()], made);
        let (settings, made) = policies.all().await;
        assert_eq!(settings, std::slice::from_ref(&setting));
        assert_eq!(made, [policy("a")]);
        let in_force = policies.in_force(&[policy("a"), policy("b")]);
        assert_eq!(*in_force, [setting, policy("a")]);
    }
}
