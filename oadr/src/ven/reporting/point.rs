//! A data point that a VEN offers: what it measures, how often it can, and where its values come from.
//!
//! Knows nothing of the report that it is part of.

use std::fmt;
use std::future::Future;

use chrono::TimeDelta;
use oadr_core::payload::{GreenButton, ItemBase, ReportDescription, SamplingRate, Target};
use oadr_core::reading::ReadingPayload;
use oadr_core::value::{Duration, MarketContext, RId, ReadingType, ReportType, ResourceId, Text};

use super::measurement::{Measurement, Sample, Series};
use super::source::{Moment, Sources, Span};

/// A data point of a [`Report`](super::Report).
///
/// It needs one source at least: [`incremental`](Self::incremental) is asked for one value at a time,
/// by the clock, and what it says is kept until it is reported and longer; [`full`](Self::full) keeps
/// its values itself and is asked for a span of them when they are to be reported. Where a point has
/// both, the second one is only asked for the past before anything was sampled: for history reports.
#[derive(Clone)]
#[must_use = "a point is part of a report"]
pub struct Point {
    pub(super) r_id: RId,
    report_type: ReportType,
    reading_type: ReadingType,
    unit: Option<ItemBase>,
    resources: Vec<ResourceId>,
    device_classes: Vec<Text>,
    market_context: Option<MarketContext>,
    pub(super) min_period: Duration,
    pub(super) max_period: Duration,
    pub(super) on_change: bool,
    pub(super) own_period: Option<Duration>,
    pub(super) sources: Sources,
}

impl Point {
    /// A point that measures something else than the following do; all but a status need a
    /// [unit](Self::unit).
    pub fn new(r_id: RId, report_type: ReportType, reading_type: ReadingType) -> Self {
        Self {
            r_id,
            report_type,
            reading_type,
            unit: None,
            resources: Vec::new(),
            device_classes: Vec::new(),
            market_context: None,
            min_period: Duration::seconds(1),
            max_period: Duration::hours(1),
            on_change: false,
            own_period: None,
            sources: Sources::default(),
        }
    }

    /// Usage in a unit, read directly, as the well-known usage reports have it (rule 331).
    pub fn usage(r_id: RId, unit: ItemBase) -> Self {
        Self::new(r_id, ReportType::Usage, ReadingType::DirectRead).unit(unit)
    }

    /// The status of a resource (rule 331); its values are
    /// [`ResourceStatus`](oadr_core::payload::ResourceStatus).
    pub fn status(r_id: RId) -> Self {
        Self::new(r_id, ReportType::ResourceStatus, ReadingType::NotApplicable)
    }

    /// Green Button data; its values are [`GreenButton`] feeds, from a [full](Self::full) source.
    pub fn green_button(r_id: RId) -> Self {
        let unit = ItemBase::GreenButton(GreenButton::empty());
        Self::usage(r_id, unit)
    }

    /// What it measures.
    pub fn report_type(mut self, report_type: ReportType) -> Self {
        self.report_type = report_type;
        self
    }

    /// How its values come about.
    pub fn reading_type(mut self, reading_type: ReadingType) -> Self {
        self.reading_type = reading_type;
        self
    }

    /// The unit of its values.
    pub fn unit(mut self, unit: ItemBase) -> Self {
        self.unit = Some(unit);
        self
    }

    /// The resource that is measured; may be called several times. Default: all of the VEN (rule 343).
    pub fn resource(mut self, resource: ResourceId) -> Self {
        self.resources.push(resource);
        self
    }

    /// The class of devices that is measured, such as `Thermostat` (rules 111, 307); may be called
    /// several times. Default: none is named.
    pub fn device_class(mut self, class: Text) -> Self {
        self.device_classes.push(class);
        self
    }

    /// The programme that its values are for. Default: none.
    pub fn market_context(mut self, market_context: MarketContext) -> Self {
        self.market_context = Some(market_context);
        self
    }

    /// The shortest and the longest time between two samples (rule 333). Default: a second and an hour.
    pub fn periods(mut self, min: Duration, max: Duration) -> Self {
        (self.min_period, self.max_period) = (min, max);
        self
    }

    /// Changes can be reported as they happen (rule 317): the source is asked as often as the shortest
    /// period allows. Default: no.
    pub fn on_change(mut self) -> Self {
        self.on_change = true;
        self
    }

    /// The VEN also samples this often when nobody wants it to, so that there is a history. Default:
    /// it does not.
    pub fn always_every(mut self, period: Duration) -> Self {
        self.own_period = Some(period);
        self
    }

    /// Asks for the value of one moment. What fails, panics or takes too long is logged, and the
    /// sample is missing, which the VTN hears as bad quality (rule 318).
    ///
    /// It is asked for each instant once, however many requests want it, and as a task on the VEN's
    /// runtime: a slow source holds up no other.
    pub fn incremental<F, Fut>(mut self, source: F) -> Self
    where
        F: Fn(Moment) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<Sample>> + Send + 'static,
    {
        self.sources.set_incremental(source);
        self
    }

    /// Asks for all values of a span, when they are to be reported.
    ///
    /// It may be asked for the same span more than once, and should say the same: what was said is
    /// not kept before the VTN has it.
    pub fn full<F, Fut>(mut self, source: F) -> Self
    where
        F: Fn(Span) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<Series>> + Send + 'static,
    {
        self.sources.set_full(source);
        self
    }

    /// Whether its values are statuses of resources.
    pub(super) fn is_status(&self) -> bool {
        self.report_type == ReportType::ResourceStatus
    }

    /// Whether its values are Green Button feeds.
    pub(super) fn is_green_button(&self) -> bool {
        matches!(self.unit, Some(ItemBase::GreenButton(_)))
    }

    pub(super) fn has_unit(&self) -> bool {
        self.unit.is_some()
    }

    /// How a source's value does not fit the point, if it does not.
    pub(super) fn misfit(&self, measurement: &Measurement) -> Option<&'static str> {
        if self.is_green_button() {
            return match &measurement.payload {
                ReadingPayload::GreenButton(_) => None,
                ReadingPayload::Float(_) | ReadingPayload::ResourceStatus(_) => {
                    Some("a Green Button feed is wanted")
                }
            };
        }
        match (&measurement.payload, self.is_status()) {
            (ReadingPayload::GreenButton(_), _) => Some("a Green Button feed is not wanted"),
            (ReadingPayload::Float(_), true) => {
                Some("the status of a resource is wanted, not a number")
            }
            (ReadingPayload::ResourceStatus(_), false) => {
                Some("a number is wanted, not the status of a resource")
            }
            (ReadingPayload::ResourceStatus(_), true) if measurement.accuracy.is_some() => {
                Some("the status of a resource has no accuracy (rule 319)")
            }
            (ReadingPayload::Float(_) | ReadingPayload::ResourceStatus(_), _) => None,
        }
    }

    /// What the VTN is told of it.
    pub(super) fn describe(&self, telemetry: bool) -> ReportDescription {
        let subject = Target {
            end_device_assets: self.device_classes.clone(),
            ..Target::default()
        };
        let data_source = Target {
            resource_ids: self.resources.clone(),
            ..Target::default()
        };
        ReportDescription {
            r_id: self.r_id.clone(),
            subject: (!self.device_classes.is_empty()).then_some(subject),
            data_source: (!self.resources.is_empty()).then_some(data_source),
            report_type: self.report_type.clone(),
            item_base: self.unit.clone(),
            reading_type: self.reading_type.clone(),
            market_context: self.market_context.clone(),
            sampling_rate: telemetry.then_some(SamplingRate {
                min_period: self.min_period,
                max_period: self.max_period,
                on_change: self.on_change,
            }),
        }
    }

    /// A period in fixed units, if it is one and positive.
    pub(super) fn length(period: Duration) -> Option<TimeDelta> {
        period
            .to_time_delta()
            .filter(|length| *length > TimeDelta::zero())
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Point")
            .field("r_id", &self.r_id)
            .field("report_type", &self.report_type)
            .finish_non_exhaustive()
    }
}
