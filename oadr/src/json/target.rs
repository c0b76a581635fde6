//! Targets in JSON: one list per kind, named as on the wire.
//!
//! Knows nothing of who matches.

use oadr_core::payload::{FeatureCollection, Target, TransportInterface};
use oadr_core::value::{GroupId, PartyId, ResourceId, Text, VenId};
use serde::{Deserialize, Serialize};

/// An eiTarget.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TargetForm {
    /// Nodes of aggregated pricing nodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) aggregated_pnode: Vec<Text>,
    /// Device classes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) end_device_asset: Vec<Text>,
    /// Meters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) meter_asset: Vec<Text>,
    /// Pricing nodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) pnode: Vec<Text>,
    /// Areas of service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) service_area: Vec<FeatureCollection>,
    /// Points of delivery.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) service_delivery_point: Vec<Text>,
    /// Places of service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) service_location: Vec<FeatureCollection>,
    /// Interfaces of transport.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) transport_interface: Vec<TransportInterface>,
    /// Groups by ID.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) group_id: Vec<GroupId>,
    /// Groups by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) group_name: Vec<Text>,
    /// Resources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) resource_id: Vec<ResourceId>,
    /// VENs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ven_id: Vec<VenId>,
    /// Parties.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) party_id: Vec<PartyId>,
}

impl From<TargetForm> for Target {
    fn from(form: TargetForm) -> Self {
        Self {
            aggregated_pnodes: form.aggregated_pnode,
            end_device_assets: form.end_device_asset,
            meter_assets: form.meter_asset,
            pnodes: form.pnode,
            service_areas: form.service_area,
            service_delivery_points: form.service_delivery_point,
            service_locations: form.service_location,
            transport_interfaces: form.transport_interface,
            group_ids: form.group_id,
            group_names: form.group_name,
            resource_ids: form.resource_id,
            ven_ids: form.ven_id,
            party_ids: form.party_id,
        }
    }
}

impl From<&Target> for TargetForm {
    fn from(target: &Target) -> Self {
        let target = target.clone();
        Self {
            aggregated_pnode: target.aggregated_pnodes,
            end_device_asset: target.end_device_assets,
            meter_asset: target.meter_assets,
            pnode: target.pnodes,
            service_area: target.service_areas,
            service_delivery_point: target.service_delivery_points,
            service_location: target.service_locations,
            transport_interface: target.transport_interfaces,
            group_id: target.group_ids,
            group_name: target.group_names,
            resource_id: target.resource_ids,
            ven_id: target.ven_ids,
            party_id: target.party_ids,
        }
    }
}

impl TargetForm {
    /// For an optional member: nothing if nothing is named.
    pub(crate) fn of(target: &Target) -> Option<Self> {
        (!target.is_empty()).then(|| target.into())
    }
}
