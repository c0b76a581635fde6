//! Targets as an operator says them: `resource_id=boiler`.
//!
//! Knows nothing of who matches. Areas and transport interfaces have parts: only a file can say them.

use std::str::FromStr;

use serde_json::{Map, Value, json};

use crate::json::TargetForm;

/// The kinds that are one text each, as the API names them.
const KINDS: &[&str] = &[
    "ven_id",
    "group_id",
    "group_name",
    "resource_id",
    "party_id",
    "pnode",
    "aggregated_pnode",
    "end_device_asset",
    "meter_asset",
    "service_delivery_point",
];

/// One target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetFlag {
    kind: &'static str,
    value: String,
}

/// Why a text is not a target.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotATarget {
    #[error("is not KIND=VALUE, where KIND is one of {}", KINDS.join(", "))]
    Kind,
    #[error("names nobody after the =")]
    Empty,
    #[error(transparent)]
    Value(serde_json::Error),
}

impl FromStr for TargetFlag {
    type Err = NotATarget;

    fn from_str(text: &str) -> Result<Self, NotATarget> {
        let (kind, value) = text.split_once('=').ok_or(NotATarget::Kind)?;
        let known = KINDS.iter().find(|known| **known == kind);
        let kind = known.copied().ok_or(NotATarget::Kind)?;
        if value.is_empty() {
            return Err(NotATarget::Empty);
        }
        let alone = json!({ kind: [value] });
        serde_json::from_value::<TargetForm>(alone).map_err(NotATarget::Value)?;
        Ok(Self {
            kind,
            value: value.to_owned(),
        })
    }
}

/// All of them as the API's `targets`.
pub(crate) fn targets(flags: &[TargetFlag]) -> Value {
    let mut kinds = Map::new();
    for flag in flags {
        let list = kinds.entry(flag.kind).or_insert_with(|| json!([]));
        if let Value::Array(list) = list {
            list.push(flag.value.clone().into());
        }
    }
    kinds.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_gathered_by_kind() {
        let flags = ["resource_id=r1", "group_id=north", "resource_id=a=b"];
        let flags: Vec<TargetFlag> = flags.iter().map(|flag| flag.parse().unwrap()).collect();
        let body = targets(&flags);
        assert_eq!(
            body,
            json!({"group_id": ["north"], "resource_id": ["r1", "a=b"]})
        );
    }

    #[test]
    fn every_kind_is_one_of_the_apis() {
        for kind in KINDS {
            format!("{kind}=x").parse::<TargetFlag>().unwrap();
        }
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for bad in [
            "r1",
            "resource=r1",
            "resource_id=",
            "ven_id= x",
            "service_area=x",
        ] {
            assert!(bad.parse::<TargetFlag>().is_err(), "{bad}");
        }
    }
}
