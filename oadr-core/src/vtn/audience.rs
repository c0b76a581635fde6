//! Which VENs a campaign is for.
//!
//! Knows nothing of events beyond their target.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::payload::Target;
use crate::value::{GroupId, ResourceId, Text, VenId};

/// What an audience is matched against: a VEN as the operator knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Member {
    /// Its ID, once it has one.
    pub ven_id: Option<VenId>,
    /// Its name, if it has one.
    pub ven_name: Option<Text>,
    /// The groups that it belongs to.
    pub groups: Vec<GroupId>,
    /// Its resources: those that an operator gave it, and those that it made known itself.
    pub resources: Vec<ResourceId>,
}

/// Which VENs a campaign is for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Audience {
    /// The VENs, by venID or venName. `None`: those that the event's target matches.
    pub vens: Option<BTreeSet<Text>>,
}

impl Audience {
    /// Those that the event's target matches; everyone, if it names nobody.
    #[must_use]
    pub fn by_target() -> Self {
        Self { vens: None }
    }

    /// These VENs, by venID or venName.
    pub fn of(vens: impl IntoIterator<Item = Text>) -> Self {
        Self {
            vens: Some(vens.into_iter().collect()),
        }
    }

    /// Whether the VEN belongs to it, given the event's target.
    ///
    /// VENs, groups and resources are alternatives (rule 22). What only a VEN can resolve (a pricing
    /// node, an area, …) leaves the choice to the VENs: everyone matches.
    #[must_use]
    pub fn matches(&self, target: Option<&Target>, member: &Member) -> bool {
        if let Some(vens) = &self.vens {
            return vens.iter().any(|ven| {
                member.ven_name.as_ref() == Some(ven)
                    || member
                        .ven_id
                        .as_ref()
                        .is_some_and(|id| id.as_str() == ven.as_str())
            });
        }
        let Some(target) = target else {
            return true;
        };
        let resolved = Target {
            ven_ids: target.ven_ids.clone(),
            group_ids: target.group_ids.clone(),
            resource_ids: target.resource_ids.clone(),
            ..Target::default()
        };
        resolved != *target
            || target.is_empty()
            || target
                .ven_ids
                .iter()
                .any(|id| member.ven_id.as_ref() == Some(id))
            || target.group_ids.iter().any(|id| member.groups.contains(id))
            || target
                .resource_ids
                .iter()
                .any(|id| member.resources.contains(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member() -> Member {
        Member {
            ven_id: VenId::new("ven-1").ok(),
            ven_name: Text::new("house").ok(),
            groups: vec![GroupId::new("north").unwrap()],
            resources: vec![ResourceId::new("boiler").unwrap()],
        }
    }

    #[test]
    fn listed_vens_match_by_id_or_name_whatever_the_target() {
        let target = Target {
            ven_ids: vec![VenId::new("other").unwrap()],
            ..Target::default()
        };
        for (listed, matches) in [("ven-1", true), ("house", true), ("House", false)] {
            let audience = Audience::of([Text::new(listed).unwrap()]);
            assert_eq!(
                audience.matches(Some(&target), &member()),
                matches,
                "{listed}"
            );
        }
    }

    #[test]
    fn rule_22_kinds_of_targets_are_alternatives() {
        let audience = Audience::by_target();
        let all = [
            (Target::default(), true),
            (
                Target {
                    group_ids: vec![GroupId::new("south").unwrap()],
                    resource_ids: vec![ResourceId::new("boiler").unwrap()],
                    ..Target::default()
                },
                true,
            ),
            (
                Target {
                    group_ids: vec![GroupId::new("south").unwrap()],
                    ..Target::default()
                },
                false,
            ),
            (
                Target {
                    group_ids: vec![GroupId::new("south").unwrap()],
                    pnodes: vec![Text::new("p1").unwrap()],
                    ..Target::default()
                },
                true,
            ),
        ];
        assert!(audience.matches(None, &member()));
        for (target, matches) in all {
            assert_eq!(
                audience.matches(Some(&target), &member()),
                matches,
                "{target:?}"
            );
        }
    }
}
