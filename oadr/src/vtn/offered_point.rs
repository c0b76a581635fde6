//! A data point on offer, as an application is asked about it, and what the application wants of it.
//!
//! Knows nothing of the report around it, nor of the others in it.

use std::fmt;
use std::future::Future;

use oadr_core::payload::{ItemBase, Report, ReportDescription};
use oadr_core::value::{Duration, ReportName, ReportSpecifierId, ResourceId, SiScaleCode, VenId};

use super::HandlerError;
use super::application::{Handler, boxed};
use super::report_update::ReportUpdate;

/// A data point that a VEN offers.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct OfferedPoint {
    /// The VEN.
    pub ven_id: VenId,
    /// The report that it is in.
    pub report_specifier_id: ReportSpecifierId,
    /// That report's name, without `METADATA_`.
    pub report_name: Option<ReportName>,
    /// The first resource that it is about; `None`: all that the VEN has (rule 343).
    pub resource_id: Option<ResourceId>,
    /// What it measures: the name of the unit's element, such as `powerReal`, or `status`; for a unit of
    /// the VEN's own what that says it measures.
    pub measurement: Option<String>,
    /// The unit; the status of a resource has none.
    pub unit: Option<ItemBase>,
    /// The unit's power of ten.
    pub scale: SiScaleCode,
    /// The shortest interval at which samples can be had.
    pub min_sampling_interval: Option<Duration>,
    /// The longest.
    pub max_sampling_interval: Option<Duration>,
    /// All that the VEN says of it.
    pub description: ReportDescription,
}

/// That a data point is wanted, and how often.
#[derive(Clone)]
#[must_use = "it is the handler's answer"]
pub struct PointRequest {
    pub(super) granularity: Duration,
    pub(super) report_back: Option<Duration>,
    pub(super) on_update: Option<Handler<ReportUpdate, ()>>,
}

impl PointRequest {
    /// A sample every so often, and a report with each. An interval that is not on offer becomes the
    /// nearest that is.
    pub fn every(sampling_interval: Duration) -> Self {
        Self {
            granularity: sampling_interval,
            report_back: None,
            on_update: None,
        }
    }

    /// A sample with each change, and every so often a report of them.
    pub fn on_change(report_back: Duration) -> Self {
        Self::every(Duration::ZERO).report_back(report_back)
    }

    /// A report every so often, with all the samples since the one before. Zero is one report at once.
    pub fn report_back(mut self, interval: Duration) -> Self {
        self.report_back = Some(interval);
        self
    }

    /// Told when readings of this data point come, as long as this process lives; for what holds over
    /// restarts see [`Vtn::on_update_report`](super::Vtn::on_update_report).
    pub fn on_update<F, A>(mut self, handler: F) -> Self
    where
        F: Fn(ReportUpdate) -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        self.on_update = Some(boxed(handler));
        self
    }
}

impl fmt::Debug for PointRequest {
    /// Without the closure, which has nothing to show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PointRequest")
            .field("granularity", &self.granularity)
            .field("report_back", &self.report_back)
            .finish_non_exhaustive()
    }
}

impl OfferedPoint {
    pub(super) fn new(ven_id: &VenId, offer: &Report, point: &ReportDescription) -> Self {
        let rate = point.sampling_rate.as_ref();
        Self {
            ven_id: ven_id.clone(),
            report_specifier_id: offer.report_specifier_id.clone(),
            report_name: offer.report_name.as_ref().map(ReportName::of_data),
            resource_id: point.resource_ids().next().cloned(),
            measurement: point.measurement().map(str::to_owned),
            unit: point.item_base.clone(),
            scale: point.item_base.as_ref().map_or(SiScaleCode::None, scale),
            min_sampling_interval: rate.map(|rate| rate.min_period),
            max_sampling_interval: rate.map(|rate| rate.max_period),
            description: point.clone(),
        }
    }
}

/// The power of ten of a unit.
fn scale(unit: &ItemBase) -> SiScaleCode {
    match unit {
        ItemBase::CustomUnit(unit) => unit.scale,
        ItemBase::Currency(money)
        | ItemBase::CurrencyPerKWh(money)
        | ItemBase::CurrencyPerKW(money)
        | ItemBase::CurrencyPerThm(money) => money.scale,
        ItemBase::Temperature(unit) => unit.scale,
        ItemBase::PowerReal(power) => power.scale,
        ItemBase::PowerReactive(power) | ItemBase::PowerApparent(power) => power.scale,
        ItemBase::Current(scale)
        | ItemBase::Frequency(scale)
        | ItemBase::Therm(scale)
        | ItemBase::Voltage(scale)
        | ItemBase::EnergyReal(scale)
        | ItemBase::EnergyReactive(scale)
        | ItemBase::EnergyApparent(scale) => *scale,
        ItemBase::PulseCount(_) | ItemBase::GreenButton(_) => SiScaleCode::None,
    }
}
