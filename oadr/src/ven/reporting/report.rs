//! A report that a VEN offers: its name, its data points, and whether it may be offered like that.
//!
//! Knows nothing of requests for it.

use std::collections::BTreeSet;

use oadr_core::payload;
use oadr_core::value::{DateTime, Duration, Extension, RId, ReportName, ReportSpecifierId};

use super::point::Point;

/// A report that a VEN offers, for [`Ven::report`](crate::ven::Ven::report).
#[derive(Debug, Clone)]
#[must_use = "a report is offered by a VEN"]
pub struct Report {
    kind: Kind,
    pub(super) specifier: ReportSpecifierId,
    pub(super) kept: Duration,
    pub(super) points: Vec<Point>,
}

/// What reports there are (rule 331).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Usage,
    Status,
    History,
    GreenButton,
    Custom(Extension),
}

/// Why a report cannot be offered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// It has no ID, or one with a meaning of its own.
    #[error("its ID must not be empty, nor METADATA (rule 327)")]
    SpecifierId,
    /// Another report has the same ID.
    #[error("another report has the same ID (rule 308)")]
    SameSpecifierId,
    /// It has no data points.
    #[error("it has no data points")]
    NoPoints,
    /// How long its data are kept is not a positive time of fixed length.
    #[error("what is kept is no positive time of fixed length: {0} (rule 312)")]
    Kept(Duration),
    /// Something is wrong with one of its points.
    #[error("its data point {:?} {why}", r_id.as_str())]
    Point {
        /// The point.
        r_id: RId,
        /// What is wrong with it.
        why: PointError,
    },
}

/// Why a data point cannot be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PointError {
    /// It has no ID.
    #[error("has no ID")]
    NoId,
    /// Another point of the report has the same ID.
    #[error("has an ID that another one has (rule 308)")]
    SameId,
    /// Only a status goes without a unit.
    #[error("has no unit (rule 305)")]
    NoUnit,
    /// A status report has statuses only, a Green Button report has feeds only, and the other
    /// well-known ones have neither.
    #[error("has values of another kind than its report (rule 331)")]
    Kind,
    /// Nobody says what its values are.
    #[error("has no source")]
    NoSource,
    /// Nobody keeps its past.
    #[error("has a past only if it has a full source, or is always sampled")]
    NoPast,
    /// Changes are found by sampling.
    #[error("cannot be reported on change without an incremental source")]
    OnChange,
    /// A period is not a positive time of fixed length.
    #[error("has a period that is no positive time of fixed length: {0}")]
    Period(Duration),
    /// The periods are in disorder.
    #[error(
        "needs a shortest period, a longest one and a time its data are kept that do not shrink (rule 312)"
    )]
    Order,
}

impl Report {
    fn new(kind: Kind, specifier: ReportSpecifierId) -> Self {
        Self {
            kind,
            specifier,
            kept: Duration::days(1),
            points: Vec::new(),
        }
    }

    /// Usage as it happens: `TELEMETRY_USAGE`.
    pub fn usage(specifier: ReportSpecifierId) -> Self {
        Self::new(Kind::Usage, specifier)
    }

    /// The status of resources as it happens: `TELEMETRY_STATUS`.
    pub fn status(specifier: ReportSpecifierId) -> Self {
        Self::new(Kind::Status, specifier)
    }

    /// Usage of the past: `HISTORY_USAGE`.
    pub fn history(specifier: ReportSpecifierId) -> Self {
        Self::new(Kind::History, specifier)
    }

    /// Green Button data of the past: `HISTORY_GREENBUTTON`, of [such points](Point::green_button). The
    /// VTN can ask for one of them at a time.
    pub fn green_button(specifier: ReportSpecifierId) -> Self {
        Self::new(Kind::GreenButton, specifier)
    }

    /// A report of one's own, with telemetry's rules and a name that begins with `x-`.
    pub fn custom(name: Extension, specifier: ReportSpecifierId) -> Self {
        Self::new(Kind::Custom(name), specifier)
    }

    /// How long data are kept that nobody wants any more (rule 312), at the fastest rate, and how far
    /// back a [full](Point::full) source is asked for its history. Default: a day. What a request still waits for is kept longer, as long as there is
    /// [space](crate::ven::Ven::keep_samples).
    pub fn keep(mut self, kept: Duration) -> Self {
        self.kept = kept;
        self
    }

    /// Adds a data point.
    pub fn point(mut self, point: Point) -> Self {
        self.points.push(point);
        self
    }

    fn is_history(&self) -> bool {
        matches!(self.kind, Kind::History | Kind::GreenButton)
    }

    /// The offer (rules 305, 307, 308, 311, 312, 331, 333).
    ///
    /// # Errors
    /// It would break one of these rules, or could not be kept.
    pub(super) fn offer(&self, created: DateTime) -> Result<payload::Report, ReportError> {
        let id = &self.specifier;
        if id.is_empty() || id.is_metadata() {
            return Err(ReportError::SpecifierId);
        }
        if self.points.is_empty() {
            return Err(ReportError::NoPoints);
        }
        if Point::length(self.kept).is_none() {
            return Err(ReportError::Kept(self.kept));
        }
        let mut seen = BTreeSet::new();
        for point in &self.points {
            let fault = if seen.insert(&point.r_id) {
                self.fault(point)
            } else {
                Some(PointError::SameId)
            };
            if let Some(why) = fault {
                let r_id = point.r_id.clone();
                return Err(ReportError::Point { r_id, why });
            }
        }
        let points = self.points.iter();
        Ok(payload::Report {
            start: None,
            duration: Some(self.kept),
            intervals: None,
            ei_report_id: None,
            descriptions: points.map(|p| p.describe(!self.is_history())).collect(),
            report_request_id: "0".parse().unwrap_or_default(),
            report_specifier_id: self.specifier.clone(),
            report_name: Some(match &self.kind {
                Kind::Usage => ReportName::MetadataTelemetryUsage,
                Kind::Status => ReportName::MetadataTelemetryStatus,
                Kind::History => ReportName::MetadataHistoryUsage,
                Kind::GreenButton => ReportName::MetadataHistoryGreenButton,
                Kind::Custom(name) => ReportName::Extension(name.clone()),
            }),
            created,
        })
    }

    fn fault(&self, point: &Point) -> Option<PointError> {
        if point.r_id.is_empty() {
            return Some(PointError::NoId);
        }
        let fits = match &self.kind {
            Kind::Usage | Kind::History => !point.is_status() && !point.is_green_button(),
            Kind::Status => point.is_status(),
            Kind::GreenButton => point.is_green_button(),
            Kind::Custom(_) => !point.is_green_button(),
        };
        if !fits {
            return Some(PointError::Kind);
        }
        if !point.is_status() && !point.has_unit() {
            return Some(PointError::NoUnit);
        }
        let (sampled, full) = (point.sources.has_incremental(), point.sources.has_full());
        if !sampled && !full {
            return Some(PointError::NoSource);
        }
        if !sampled && point.on_change {
            return Some(PointError::OnChange);
        }
        if self.is_history() && !full && point.own_period.is_none() {
            return Some(PointError::NoPast);
        }
        let periods = [point.min_period, point.max_period, self.kept];
        let own = point.own_period.into_iter();
        for period in periods.into_iter().chain(own) {
            if Point::length(period).is_none() {
                return Some(PointError::Period(period));
            }
        }
        // A history has no sampling rate that would have to fit.
        let in_order = self.is_history() || periods.map(Point::length).is_sorted();
        (!in_order).then_some(PointError::Order)
    }
}

/// All offers of a VEN.
///
/// # Errors
/// The first report that cannot be offered, by its ID, and why.
pub(crate) fn offers(
    reports: &[Report],
    created: DateTime,
) -> Result<Vec<payload::Report>, (ReportSpecifierId, ReportError)> {
    let mut seen = BTreeSet::new();
    let offers = reports.iter().map(|report| {
        let offer = if seen.insert(&report.specifier) {
            report.offer(created)
        } else {
            Err(ReportError::SameSpecifierId)
        };
        offer.map_err(|why| (report.specifier.clone(), why))
    });
    offers.collect()
}

#[cfg(test)]
mod tests {
    use oadr_core::payload::{ItemBase, SamplingRate};
    use oadr_core::value::SiScaleCode;

    use super::*;

    fn now() -> DateTime {
        "2026-01-31T12:00:00Z".parse().unwrap()
    }

    fn id(text: &str) -> ReportSpecifierId {
        text.parse().unwrap()
    }

    fn energy(r_id: &str) -> Point {
        let unit = ItemBase::EnergyReal(SiScaleCode::Kilo);
        Point::usage(r_id.parse().unwrap(), unit).incremental(async |_| 1.0)
    }

    fn why(report: &Report) -> PointError {
        match report.offer(now()) {
            Err(ReportError::Point { why, .. }) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rule_305_an_offer_has_a_description_and_a_unit_and_no_data() {
        let report = Report::usage(id("usage")).point(energy("energy"));
        let offer = report.offer(now()).unwrap();
        assert_eq!(
            (offer.start, offer.intervals, offer.ei_report_id),
            (None, None, None)
        );
        assert_eq!(offer.descriptions.len(), 1);
        let unit = ItemBase::EnergyReal(SiScaleCode::Kilo);
        assert_eq!(offer.descriptions[0].item_base, Some(unit));
        assert_eq!(offer.report_name, Some(ReportName::MetadataTelemetryUsage));
        assert_eq!(offer.report_request_id.as_str(), "0");
        assert_eq!(
            Report::usage(id("usage")).offer(now()),
            Err(ReportError::NoPoints)
        );
        let speed = Point::status("speed".parse().unwrap())
            .report_type(oadr_core::value::ReportType::Level)
            .incremental(async |_| 1.0);
        assert_eq!(
            why(&Report::usage(id("usage")).point(speed)),
            PointError::NoUnit
        );
    }

    #[test]
    fn rule_307_a_device_class_is_the_subject_and_none_leaves_it_out() {
        let class = oadr_core::value::Text::new("Thermostat").unwrap();
        let report = Report::usage(id("usage"))
            .point(energy("a").device_class(class.clone()))
            .point(energy("b").resource("Meter1".parse().unwrap()));
        let offer = report.offer(now()).unwrap();
        let [a, b] = &offer.descriptions[..] else {
            panic!("{offer:?}");
        };
        let subject = a.subject.as_ref().unwrap();
        assert_eq!(subject.end_device_assets, [class]);
        assert!(subject.resource_ids.is_empty());
        assert_eq!((&a.data_source, &b.subject), (&None, &None));
        let source = b.data_source.as_ref().unwrap();
        assert_eq!(source.resource_ids[0].as_str(), "Meter1");
    }

    #[test]
    fn rule_308_no_id_is_given_twice() {
        let report = Report::usage(id("usage"))
            .point(energy("a"))
            .point(energy("a"));
        assert_eq!(why(&report), PointError::SameId);
        let two = [
            Report::usage(id("usage")).point(energy("a")),
            Report::history(id("usage")).point(energy("a")),
        ];
        assert_eq!(
            offers(&two, now()),
            Err((id("usage"), ReportError::SameSpecifierId))
        );
        let all = Report::usage(id("METADATA")).point(energy("a"));
        assert_eq!(all.offer(now()), Err(ReportError::SpecifierId));
    }

    #[test]
    fn rule_312_an_offer_says_how_long_data_are_kept_and_no_period_is_longer() {
        let kept = |kept| {
            Report::usage(id("usage"))
                .point(energy("a").periods(Duration::seconds(10), Duration::minutes(5)))
                .keep(kept)
        };
        let offer = kept(Duration::minutes(5)).offer(now()).unwrap();
        assert_eq!(offer.duration, Some(Duration::minutes(5)));
        assert_eq!(why(&kept(Duration::minutes(4))), PointError::Order);
        assert_eq!(
            kept(Duration::ZERO).offer(now()),
            Err(ReportError::Kept(Duration::ZERO))
        );
    }

    #[test]
    fn rule_333_telemetry_has_a_sampling_rate_and_history_none() {
        let point = || {
            energy("a")
                .periods(Duration::seconds(10), Duration::minutes(5))
                .on_change()
                .always_every(Duration::minutes(1))
        };
        let rate = |report: Report| {
            let offer = report.point(point()).offer(now()).unwrap();
            offer.descriptions[0].sampling_rate.clone()
        };
        let wanted = SamplingRate {
            min_period: Duration::seconds(10),
            max_period: Duration::minutes(5),
            on_change: true,
        };
        assert_eq!(rate(Report::usage(id("r"))), Some(wanted.clone()));
        let own = Extension::new("x-own").unwrap();
        assert_eq!(rate(Report::custom(own, id("r"))), Some(wanted));
        assert_eq!(rate(Report::history(id("r"))), None);
        let never = energy("a").periods(Duration::ZERO, Duration::minutes(5));
        assert_eq!(
            why(&Report::usage(id("r")).point(never)),
            PointError::Period(Duration::ZERO)
        );
    }

    #[test]
    fn rule_331_a_report_has_the_kind_of_points_that_its_name_says() {
        assert_eq!(
            why(&Report::status(id("r")).point(energy("a"))),
            PointError::Kind
        );
        let status = Point::status("a".parse().unwrap()).incremental(async |_| 1.0);
        assert_eq!(why(&Report::usage(id("r")).point(status)), PointError::Kind);
    }

    #[test]
    fn a_point_needs_a_source_that_can_do_what_is_offered() {
        let unit = || ItemBase::EnergyReal(SiScaleCode::None);
        let bare = || Point::usage("a".parse().unwrap(), unit());
        let full = || bare().full(async |_| Vec::<(DateTime, f64)>::new());
        let usage = |point| Report::usage(id("r")).point(point);
        assert_eq!(why(&usage(bare())), PointError::NoSource);
        assert_eq!(why(&usage(full().on_change())), PointError::OnChange);
        assert!(usage(full()).offer(now()).is_ok());
        let history = |point| Report::history(id("r")).point(point);
        assert_eq!(why(&history(energy("a"))), PointError::NoPast);
        assert!(history(full()).offer(now()).is_ok());
        let always = energy("a").always_every(Duration::minutes(1));
        assert!(history(always).offer(now()).is_ok());
    }
}
