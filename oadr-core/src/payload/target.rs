//! `EiTargetType`: whom or what something is for, or about (spec §2.8).
//!
//! Knows nothing of who matches.

use crate::codec::{Content, Error, Ns, Reader, Writer, sequence};
use crate::value::{Float, GroupId, PartyId, ResourceId, Text, VenId, XmlId};

sequence! {
    /// A target of any kinds; those of one kind and of several are OR-ed (rule 22).
    #[derive(Default)]
    pub struct Target [None] {
        /// Nodes of aggregated pricing nodes.
        aggregated_pnodes: many Text = Power "aggregatedPnode" / Power "node";
        /// Device classes (rule 111).
        end_device_assets: many Text = Power "endDeviceAsset" / Power "mrid";
        /// Meters.
        meter_assets: many Text = Power "meterAsset" / Power "mrid";
        /// Pricing nodes.
        pnodes: many Text = Power "pnode" / Power "node";
        /// Areas of service.
        service_areas: many FeatureCollection = Emix "serviceArea" / Gml "FeatureCollection";
        /// Points of delivery.
        service_delivery_points: many Text = Power "serviceDeliveryPoint" / Power "node";
        /// Places of service.
        service_locations: many FeatureCollection = Power "serviceLocation" / Gml "FeatureCollection";
        /// Interfaces of transport.
        transport_interfaces: many TransportInterface = Power "transportInterface";
        /// Groups by ID.
        group_ids: many GroupId = Ei "groupID";
        /// Groups by name.
        group_names: many Text = Ei "groupName";
        /// Resources.
        resource_ids: many ResourceId = Ei "resourceID";
        /// VENs; at most one in an event (rule 63).
        ven_ids: many VenId = Ei "venID";
        /// Parties.
        party_ids: many PartyId = Ei "partyID";
    }
}

sequence! {
    /// `transportInterface`: between two nodes.
    pub struct TransportInterface [None] {
        /// From.
        point_of_receipt: one Text = Power "pointOfReceipt";
        /// To.
        point_of_delivery: one Text = Power "pointOfDelivery";
    }
}

/// `gml:FeatureCollection`: the outline of an area.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct FeatureCollection {
    /// `gml:id` of the collection.
    pub id: Option<XmlId>,
    /// `gml:id` of the polygon.
    pub polygon_id: Option<XmlId>,
    /// The corners' coordinates, one after the other.
    pub positions: Vec<Float>,
}

impl Target {
    /// Whether nothing is named, which means the receiver (rule 22) or everything (rules 202, 343).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Content for FeatureCollection {
    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        const RING: [(&str, &[&str]); 2] = [
            ("exterior", &["gml:exterior"]),
            ("LinearRing", &["gml:LinearRing"]),
        ];
        let id = gml_id(r)?;
        r.descend(Ns::Gml, "location", &["gml:location"])?;
        r.descend(Ns::Gml, "Polygon", &["gml:Polygon"])?;
        let polygon_id = gml_id(r)?;
        for (element, expected) in RING {
            r.descend(Ns::Gml, element, expected)?;
        }
        r.descend(Ns::Gml, "posList", &["gml:posList"])?;
        let list: Text = r.value()?;
        let mut positions = Vec::new();
        for number in list.as_str().split_ascii_whitespace() {
            let read =
                <Float as crate::value::Value>::parse(number, &mut crate::value::Notes::default());
            positions.push(read.map_err(|error| r.refuse(error.into()))?);
        }
        // LinearRing, exterior, Polygon, location and the collection itself.
        for _ in 0..5 {
            r.close()?;
        }
        Ok(Self {
            id,
            polygon_id,
            positions,
        })
    }

    fn write(&self, w: &mut Writer<'_>) {
        // The caller has written the start tag; an ID belongs into it.
        w.amend_start_tag(" gml:id=\"", self.id.as_ref(), "\"");
        w.raw("<gml:location><gml:Polygon>");
        w.amend_start_tag(" gml:id=\"", self.polygon_id.as_ref(), "\"");
        w.raw("<gml:exterior><gml:LinearRing><gml:posList>");
        for (i, position) in self.positions.iter().enumerate() {
            if i > 0 {
                w.raw(" ");
            }
            w.value(position);
        }
        w.raw("</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></gml:location>");
    }
}

fn gml_id(r: &mut Reader<'_>) -> Result<Option<XmlId>, Error> {
    let Some(value) = r.take_attribute(Ns::Gml, "id") else {
        return Ok(None);
    };
    let id = XmlId::new(crate::value::trim(&value)).map_err(|error| r.refuse(error.into()))?;
    r.note_id(&id);
    Ok(Some(id))
}
