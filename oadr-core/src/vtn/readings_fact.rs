//! The data of one report, as a store keeps them.
//!
//! Knows nothing of how they came; see `update_report`.

use serde::{Deserialize, Serialize};

use crate::payload::{ItemBase, ReportDescription, measurement};
use crate::reading::Reading;
use crate::value::{
    DateTime, MarketContext, RId, ReadingType, ReportName, ReportRequestId, ReportSpecifierId,
    ReportType, ResourceId, VenId,
};

/// The data of one report.
///
/// A store upserts each reading under the partition, the request, the rID, the start and the duration.
/// One that was created later wins, and the value before it stays as history; the same again changes
/// nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadingsFact {
    /// The VEN's ID at the time.
    pub ven_id: VenId,
    /// The request that they answer.
    pub report_request_id: ReportRequestId,
    /// The offer that they come from.
    pub report_specifier_id: ReportSpecifierId,
    /// The report's name, if it has one.
    pub report_name: Option<ReportName>,
    /// When the VEN made the report.
    pub created: DateTime,
    /// The data points that the readings are of.
    pub points: Vec<PointFact>,
    /// The values, each with its start.
    pub readings: Vec<Reading>,
}

/// A data point as the VEN described it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointFact {
    /// Its ID within the offer.
    pub r_id: RId,
    /// What it measures.
    pub report_type: ReportType,
    /// How its values come about.
    pub reading_type: ReadingType,
    /// The unit; the status of a resource has none.
    pub unit: Option<ItemBase>,
    /// The resources that it is about; none means all (rule 343).
    pub resource_ids: Vec<ResourceId>,
    /// The programme.
    pub market_context: Option<MarketContext>,
}

impl PointFact {
    /// What it measures, as [`ReportDescription::measurement`] says it.
    #[must_use]
    pub fn measurement(&self) -> Option<&str> {
        measurement(&self.report_type, self.unit.as_ref())
    }

    pub(super) fn of(description: &ReportDescription) -> Self {
        Self {
            r_id: description.r_id.clone(),
            report_type: description.report_type.clone(),
            reading_type: description.reading_type.clone(),
            unit: description.item_base.clone(),
            resource_ids: super::assignment::distinct(description.resource_ids()),
            market_context: description.market_context.clone(),
        }
    }
}
