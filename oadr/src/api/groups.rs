//! `/api/v1/groups`.
//!
//! Knows nothing of how a VEN comes into a group; there is no group without one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use oadr_core::value::{GroupId, Text, VenId};
use serde::Serialize;

use crate::vtn::Host;

#[derive(Debug, Serialize)]
pub(super) struct List {
    groups: Vec<Group>,
}

#[derive(Debug, Serialize)]
struct Group {
    group_id: GroupId,
    vens: Vec<Ven>,
}

#[derive(Debug, Serialize)]
struct Ven {
    ven_id: Option<VenId>,
    ven_name: Option<Text>,
}

pub(super) async fn list(State(host): State<Arc<Host>>) -> Json<List> {
    let mut groups: BTreeMap<GroupId, Vec<Ven>> = BTreeMap::new();
    for slot in host.registry.all() {
        let Some(ven) = slot.current() else {
            continue;
        };
        let member = ven.state.member();
        for group in member.groups {
            groups.entry(group).or_default().push(Ven {
                ven_id: member.ven_id.clone(),
                ven_name: member.ven_name.clone(),
            });
        }
    }
    let groups = groups.into_iter();
    Json(List {
        groups: groups
            .map(|(group_id, vens)| Group { group_id, vens })
            .collect(),
    })
}
