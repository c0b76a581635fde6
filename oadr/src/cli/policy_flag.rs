//! A report policy in short: `meters:report=TELEMETRY_USAGE,group=north,granularity=PT1M,back=PT15M`.
//!
//! Knows nothing of what is on offer. Names with a comma in them can be said through the operator API.

use std::str::FromStr;

use oadr_core::value::Text;
use serde_json::{Map, Value, json};

use crate::json::ReportPolicyForm;

/// What stands between two policies where several are one text, as in a variable.
pub(crate) const BETWEEN: char = ';';

/// What can be said of a policy, and what the API calls it; what is a list there may be said again.
const KEYS: &[(&str, &str)] = &[
    ("ven", "vens"),
    ("group", "groups"),
    ("report", "report_name"),
    ("measurement", "measurement"),
    ("resource", "resource"),
    ("granularity", "granularity"),
    ("back", "report_back"),
    ("duration", "duration"),
];

/// A policy and its name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PolicyFlag {
    pub(crate) name: Text,
    pub(crate) policy: ReportPolicyForm,
}

/// Why a text is not a policy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAPolicy {
    #[error(
        "is not NAME:KEY=VALUE,… such as meters:report=TELEMETRY_USAGE,granularity=PT1M,back=PT15M"
    )]
    Form,
    #[error("{key} is not known; there are {}", keys())]
    Key { key: String },
    #[error("{key} has no value")]
    Empty { key: &'static str },
    #[error("{key} is said twice")]
    Twice { key: &'static str },
    #[error(
        "granularity is missing: how often samples are taken, such as PT1M, or PT0S for on change"
    )]
    NoGranularity,
    #[error("{key}: {cause}")]
    Value {
        key: &'static str,
        cause: serde_json::Error,
    },
    #[error(transparent)]
    Name(oadr_core::value::ValueError),
}

fn keys() -> String {
    let keys = KEYS.iter().map(|(key, _)| *key);
    keys.collect::<Vec<_>>().join(", ")
}

impl FromStr for PolicyFlag {
    type Err = NotAPolicy;

    fn from_str(text: &str) -> Result<Self, NotAPolicy> {
        let (name, said) = text.split_once(':').ok_or(NotAPolicy::Form)?;
        let name = name.trim();
        if name.is_empty() {
            return Err(NotAPolicy::Form);
        }
        let mut form = Map::new();
        for said in said.split(',') {
            let (key, value) = said.split_once('=').ok_or(NotAPolicy::Form)?;
            say(&mut form, key.trim(), value.trim())?;
        }
        if !form.contains_key("granularity") {
            return Err(NotAPolicy::NoGranularity);
        }
        Ok(Self {
            name: Text::new(name).map_err(NotAPolicy::Name)?,
            // Each of its members was read before.
            policy: read(form, "granularity")?,
        })
    }
}

fn say(form: &mut Map<String, Value>, key: &str, value: &str) -> Result<(), NotAPolicy> {
    let known = KEYS.iter().find(|(known, _)| *known == key);
    let Some((key, member)) = known.copied() else {
        return Err(NotAPolicy::Key {
            key: crate::logging::cut(key).to_owned(),
        });
    };
    if value.is_empty() {
        return Err(NotAPolicy::Empty { key });
    }
    let is_list = matches!(key, "ven" | "group");
    let said = if is_list {
        json!([value])
    } else {
        value.into()
    };
    // Alone, so that what is wrong with it has a name.
    let mut alone = Map::from_iter([(member.to_owned(), said.clone())]);
    alone.entry("granularity").or_insert_with(|| json!("PT0S"));
    read(alone, key)?;
    match form.get_mut(member) {
        Some(Value::Array(list)) => list.push(value.into()),
        Some(_) => return Err(NotAPolicy::Twice { key }),
        None => {
            form.insert(member.to_owned(), said);
        }
    }
    Ok(())
}

fn read(form: Map<String, Value>, key: &'static str) -> Result<ReportPolicyForm, NotAPolicy> {
    let value = Value::Object(form);
    serde_json::from_value(value).map_err(|cause| NotAPolicy::Value { key, cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Value {
        let flag: PolicyFlag = text.parse().unwrap();
        serde_json::to_value(flag.policy).unwrap()
    }

    #[test]
    fn a_policy_is_said_in_short() {
        let least: PolicyFlag = "all:granularity=PT1M".parse().unwrap();
        assert_eq!(least.name.as_str(), "all");
        let expected = json!({"granularity": "PT1M", "duration": "PT0S"});
        assert_eq!(form("all:granularity=PT1M"), expected);
        let most = "meters: report=TELEMETRY_USAGE, measurement=powerReal, resource=m=1, \
                    ven=house, group=north, group=south, granularity=PT0S, back=PT15M, duration=P1D";
        let expected = json!({
            "report_name": "TELEMETRY_USAGE", "measurement": "powerReal", "resource": "m=1",
            "vens": ["house"], "groups": ["north", "south"],
            "granularity": "PT0S", "report_back": "PT15M", "duration": "P1D",
        });
        assert_eq!(form(most), expected);
    }

    #[test]
    fn what_is_no_policy_is_refused_with_the_key_that_is_to_blame() {
        for (bad, said) in [
            ("granularity=PT1M", "is not NAME:KEY=VALUE"),
            (":granularity=PT1M", "is not NAME:KEY=VALUE"),
            ("a:", "is not NAME:KEY=VALUE"),
            ("a:granularity", "is not NAME:KEY=VALUE"),
            ("a:granularity=PT1M,", "is not NAME:KEY=VALUE"),
            (
                "a:every=PT1M",
                "every is not known; there are ven, group, report,",
            ),
            ("a:back=PT1M", "granularity is missing"),
            ("a:granularity=", "granularity has no value"),
            ("a:granularity=1 min", "granularity: is not a duration"),
            (
                "a:granularity=PT1M,granularity=PT1M",
                "granularity is said twice",
            ),
            (
                "a:granularity=PT1M,report=USAGE",
                "report: is not one of the allowed",
            ),
        ] {
            let error = bad.parse::<PolicyFlag>().unwrap_err().to_string();
            assert!(error.starts_with(said), "{bad}: {error}");
        }
    }
}
