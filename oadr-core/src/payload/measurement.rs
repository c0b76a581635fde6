//! What a data point on offer measures, and of what.
//!
//! Knows nothing of values, nor of who wants them.

use super::{ItemBase, ReportDescription};
use crate::value::{Extension, ReportName, ReportType, ResourceId};

/// What a data point of a resource's status is said to measure: it has no unit.
const STATUS: &str = "status";

impl ReportDescription {
    /// What it measures: the [name of its unit](ItemBase::name), or `status` for the status of a
    /// resource; `None` if it says neither.
    #[must_use]
    pub fn measurement(&self) -> Option<&str> {
        measurement(&self.report_type, self.item_base.as_ref())
    }

    /// The resources that it is about: where it is measured, or about what (rules 302, 307).
    pub fn resource_ids(&self) -> impl Iterator<Item = &ResourceId> {
        let targets = self.data_source.iter().chain(&self.subject);
        targets.flat_map(|target| &target.resource_ids)
    }
}

/// What a data point of this type and unit measures.
#[must_use]
pub fn measurement<'a>(report_type: &ReportType, unit: Option<&'a ItemBase>) -> Option<&'a str> {
    match unit {
        Some(unit) => Some(unit.name()),
        None if report_type.as_str() == ReportType::ResourceStatus.as_str() => Some(STATUS),
        None => None,
    }
}

impl ItemBase {
    /// Its element's local name, such as `powerReal`; for a unit of one's own what that says it
    /// measures.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::CustomUnit(custom) => custom.description.as_str(),
            Self::Current(_) => "current",
            Self::Currency(_) => "currency",
            Self::CurrencyPerKWh(_) => "currencyPerKWh",
            Self::CurrencyPerKW(_) => "currencyPerKW",
            Self::CurrencyPerThm(_) => "currencyPerThm",
            Self::Frequency(_) => "frequency",
            Self::Therm(_) => "Therm",
            Self::Temperature(_) => "temperature",
            Self::PulseCount(_) => "pulseCount",
            Self::Voltage(_) => "voltage",
            Self::EnergyReal(_) => "energyReal",
            Self::EnergyReactive(_) => "energyReactive",
            Self::EnergyApparent(_) => "energyApparent",
            Self::PowerReal(_) => "powerReal",
            Self::PowerReactive(_) => "powerReactive",
            Self::PowerApparent(_) => "powerApparent",
            Self::GreenButton(_) => "oadrGBDataDescription",
        }
    }
}

impl ReportName {
    /// The name of the data that an offer of this name is about: without `METADATA_` (rules 313, 331).
    #[must_use]
    pub fn of_data(&self) -> Self {
        match self {
            Self::MetadataHistoryUsage => Self::HistoryUsage,
            Self::MetadataHistoryGreenButton => Self::HistoryGreenButton,
            Self::MetadataTelemetryUsage => Self::TelemetryUsage,
            Self::MetadataTelemetryStatus => Self::TelemetryStatus,
            // The schema wants names of one's own to begin with x-.
            Self::Extension(own) => {
                let bare = own.as_str().strip_prefix("x-METADATA_");
                let bare = bare.and_then(|bare| Extension::new(format!("x-{bare}")).ok());
                Self::Extension(bare.unwrap_or_else(|| own.clone()))
            }
            Self::HistoryUsage
            | Self::HistoryGreenButton
            | Self::TelemetryUsage
            | Self::TelemetryStatus => self.clone(),
        }
    }
}
