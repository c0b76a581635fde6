//! Data points in short: `power resource=Meter1 unit=powerReal:kW min=PT10S source=file:meter.csv`.
//!
//! Knows nothing of which of them go together; the VEN checks the reports that they make.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use oadr_core::value::{
    Duration, Extension, MarketContext, RId, ReadingType, ReportSpecifierId, ReportType,
    ResourceId, Text,
};

use super::unit::{NotAUnit, Unit};
use crate::ven::{
    GreenButtonFile, MeterCommand, MeterFile, Point, Profile, Report, SimulatedMeter, status_of,
};

/// What `--help` says of the short form.
pub(super) const HELP: &str = "\
Reports (--report), a data point each: its rID, then any of these words, the source at the end:
  report=usage|history|status|green-button|x-NAME
                                      what it is part of: telemetry of usage (the default), usage of
                                      the past, the status of a resource, Green Button data of the
                                      past, a report of one's own
  specifier=ID                        the report's ID; by default what report= says
  unit=UNIT                           what is measured, such as powerReal:kW or powerReal:kW,50,230,ac,
                                      energyReal:kWh, voltage:V; `oadr event create --help` lists all
  resource=ID  device-class=CLASS  market-context=URI  type=TYPE  reading=TYPE
  min=PT10S  max=PT1H                 the shortest and longest time between two samples
  on-change                           changes can be reported as they happen
  always=PT15M                        sample this often also if nobody wants it, as for a history
  keep=P7D                            how long data are kept that nobody waits for, and how far back a
                                      history goes; by default a day
  source=command:COMMAND              a shell command that prints a number, or JSON such as
                                      {\"value\":1.5,\"quality\":\"Quality Uncertain - Non Specific\"}
  source=file:PATH                    a file that is appended to, lines of VALUE or TIME,VALUE: the last
                                      one counts, and all of them are the history;
                                      of Green Button data a file with one Atom feed
  source=simulated:PROFILE,peak=WATTS,seed=NUMBER
                                      a load that reacts to events: flat, house, office or solar";

/// A data point, and the report that it is part of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ReportFlag {
    kind: Kind,
    specifier: ReportSpecifierId,
    keep: Option<Duration>,
    r_id: RId,
    unit: Option<Unit>,
    resource: Option<ResourceId>,
    device_class: Option<Text>,
    market_context: Option<MarketContext>,
    report_type: Option<ReportType>,
    reading_type: Option<ReadingType>,
    min: Duration,
    max: Duration,
    on_change: bool,
    always: Option<Duration>,
    source: Source,
}

/// What reports there are.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Usage,
    History,
    Status,
    GreenButton,
    Own(Extension),
}

/// Where the values come from.
#[derive(Debug, Clone, PartialEq)]
enum Source {
    Command(String),
    File(PathBuf),
    Feed(PathBuf),
    Simulated(SimulatedMeter),
}

/// Why a text is no data point.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotAReport {
    #[error("begins with the rID of a data point")]
    NoId,
    #[error(
        "needs a source, as its last word: source=command:…, source=file:… or source=simulated:…"
    )]
    NoSource,
    #[error("source={0}: is none of command:…, file:… and simulated:…")]
    UnknownSource(String),
    #[error("{0:?} is none of its words; --help lists them")]
    UnknownWord(String),
    #[error("{0} is said twice")]
    Twice(&'static str),
    #[error("{word}={text}: {why}")]
    Value {
        word: &'static str,
        text: String,
        why: String,
    },
    #[error("unit={text}: {why}")]
    Unit { text: String, why: NotAUnit },
    #[error("report=green-button: needs source=file:PATH, and has no unit and no always")]
    NotAFeed,
    #[error("a simulated meter needs a unit of power, such as unit=powerReal:kW")]
    NotPower,
}

/// The words before the source, each once.
#[derive(Default)]
struct Words<'t>(Vec<(&'static str, &'t str)>);

/// The last word.
const SOURCE: &str = "source=";

const WORDS: &[&str] = &[
    "report",
    "specifier",
    "unit",
    "resource",
    "device-class",
    "market-context",
    "type",
    "reading",
    "min",
    "max",
    "on-change",
    "always",
    "keep",
];

impl<'t> Words<'t> {
    fn read(text: &'t str) -> Result<Self, NotAReport> {
        let mut words = Self::default();
        for word in text.split_whitespace() {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let is_flag = !word.contains('=');
            let known = WORDS.iter().find(|known| **known == name);
            let known = known.filter(|known| is_flag == (**known == "on-change"));
            let Some(known) = known else {
                return Err(NotAReport::UnknownWord(word.to_owned()));
            };
            if words.0.iter().any(|(name, _)| name == known) {
                return Err(NotAReport::Twice(known));
            }
            words.0.push((known, value));
        }
        Ok(words)
    }

    fn text(&self, name: &str) -> Option<(&'static str, &'t str)> {
        self.0.iter().find(|(known, _)| *known == name).copied()
    }

    fn value<T: FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, NotAReport> {
        let said = self.text(name);
        said.map(|(word, text)| value(word, text)).transpose()
    }
}

fn value<T: FromStr<Err: std::fmt::Display>>(
    word: &'static str,
    text: &str,
) -> Result<T, NotAReport> {
    text.parse().map_err(|why: T::Err| NotAReport::Value {
        word,
        text: text.to_owned(),
        why: why.to_string(),
    })
}

impl FromStr for ReportFlag {
    type Err = NotAReport;

    fn from_str(text: &str) -> Result<Self, NotAReport> {
        // A command has blanks of its own, and whatever else it likes.
        let sources = text.match_indices(SOURCE);
        let mut parted = sources.filter_map(|(place, _)| text.split_at_checked(place));
        let parted =
            parted.find(|(words, _)| words.is_empty() || words.ends_with([' ', '\t', '\n']));
        let (words, source) = parted.ok_or(NotAReport::NoSource)?;
        let source = source.strip_prefix(SOURCE).unwrap_or_default();
        let (r_id, words) = words
            .trim_start()
            .split_once(char::is_whitespace)
            .ok_or(NotAReport::NoId)?;
        if r_id.is_empty() || r_id.contains('=') {
            return Err(NotAReport::NoId);
        }
        let words = Words::read(words)?;
        let (kind, usual) = match words.text("report").map_or("usage", |(_, kind)| kind) {
            "usage" => (Kind::Usage, "usage"),
            "history" => (Kind::History, "history"),
            "status" => (Kind::Status, "status"),
            "green-button" => (Kind::GreenButton, "green-button"),
            own => {
                let name = Extension::new(own).map_err(|why| NotAReport::Value {
                    word: "report",
                    text: own.to_owned(),
                    why: format!(
                        "{why}; there are usage, history, status, green-button and x-NAME"
                    ),
                })?;
                (Kind::Own(name), own)
            }
        };
        let unit = words.text("unit").map(|(_, text)| {
            let unit = text.parse::<Unit>();
            unit.map_err(|why| NotAReport::Unit {
                text: text.to_owned(),
                why,
            })
        });
        let unit = unit.transpose()?;
        let source = Source::read(
            source.trim(),
            kind == Kind::GreenButton,
            unit.as_ref(),
            r_id,
        )?;
        let has_own = unit.is_some() || words.text("always").is_some();
        if kind == Kind::GreenButton && (has_own || !matches!(source, Source::Feed(_))) {
            return Err(NotAReport::NotAFeed);
        }
        let min = words.value("min")?.unwrap_or(Duration::seconds(10));
        let keep = words.value("keep")?;
        Ok(Self {
            specifier: match words.value("specifier")? {
                Some(specifier) => specifier,
                None => value("report", usual)?,
            },
            kind,
            keep,
            r_id: value("rID", r_id)?,
            resource: words.value("resource")?,
            device_class: words.value("device-class")?,
            market_context: words.value("market-context")?,
            report_type: words.value("type")?,
            reading_type: words.value("reading")?,
            min,
            max: words.value("max")?.unwrap_or(Duration::hours(1)),
            on_change: words.text("on-change").is_some(),
            always: words.value("always")?,
            source,
            unit,
        })
    }
}

impl Source {
    fn read(
        text: &str,
        is_feed: bool,
        unit: Option<&Unit>,
        r_id: &str,
    ) -> Result<Self, NotAReport> {
        match text.split_once(':') {
            Some(("command", command)) if !command.is_empty() => {
                Ok(Self::Command(command.to_owned()))
            }
            Some(("file", path)) if is_feed && !path.is_empty() => Ok(Self::Feed(path.into())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("simulated", meter)) => simulated(meter, unit, r_id).map(Self::Simulated),
            Some(_) | None => Err(NotAReport::UnknownSource(text.to_owned())),
        }
    }
}

fn simulated(text: &str, unit: Option<&Unit>, r_id: &str) -> Result<SimulatedMeter, NotAReport> {
    let mut words = text.split(',');
    let profile: Profile = value("source=simulated", words.next().unwrap_or_default())?;
    let unit = unit.ok_or(NotAReport::NotPower)?;
    let meter = SimulatedMeter::new(profile, &unit.0.clone().into());
    let mut meter = meter.ok_or(NotAReport::NotPower)?.seed(seed(r_id));
    for word in words {
        meter = match word.split_once('=') {
            Some(("peak", watts)) => meter.peak(value("peak", watts)?),
            Some(("seed", seed)) => meter.seed(value("seed", seed)?),
            Some(_) | None => return Err(NotAReport::UnknownWord(word.to_owned())),
        };
    }
    Ok(meter)
}

/// FNV-1a: data points of one VEN do not all have the same noise.
fn seed(r_id: &str) -> u64 {
    r_id.bytes().fold(0xcbf2_9ce4_8422_2325, |seed, byte| {
        (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl ReportFlag {
    /// Whether it is part of a status report.
    pub(super) fn is_status(&self) -> bool {
        self.kind == Kind::Status
    }

    fn report(&self) -> Report {
        let specifier = self.specifier.clone();
        match &self.kind {
            Kind::Usage => Report::usage(specifier),
            Kind::History => Report::history(specifier),
            Kind::Status => Report::status(specifier),
            Kind::GreenButton => Report::green_button(specifier),
            Kind::Own(name) => Report::custom(name.clone(), specifier),
        }
    }

    fn point(self) -> Point {
        let mut point = match self.kind {
            Kind::Status => Point::status(self.r_id.clone()),
            Kind::GreenButton => Point::green_button(self.r_id.clone()),
            Kind::Usage | Kind::History | Kind::Own(_) => Point::new(
                self.r_id.clone(),
                ReportType::Usage,
                ReadingType::DirectRead,
            ),
        };
        if let Some(unit) = self.unit {
            point = point.unit(unit.0.into());
        }
        if let Some(resource) = self.resource.clone() {
            point = point.resource(resource);
        }
        if let Some(class) = self.device_class {
            point = point.device_class(class);
        }
        if let Some(context) = self.market_context {
            point = point.market_context(context);
        }
        if let Some(report_type) = self.report_type {
            point = point.report_type(report_type);
        }
        if let Some(reading_type) = self.reading_type {
            point = point.reading_type(reading_type);
        }
        if self.on_change {
            point = point.on_change();
        }
        if let Some(period) = self.always {
            point = point.always_every(period);
        }
        point = point.periods(self.min, self.max);
        // What keeps a history of its own is asked for it, unless the VEN is to keep one.
        let is_past = self.kind == Kind::History && self.always.is_none();
        match self.source {
            Source::Command(command) => {
                let r_id = self.r_id;
                let meter = Arc::new(MeterCommand { command, r_id });
                if is_past {
                    return point.full(move |span| {
                        let meter = Arc::clone(&meter);
                        async move { meter.recall(span).await }
                    });
                }
                point.incremental(move |moment| {
                    let meter = Arc::clone(&meter);
                    async move { meter.measure(moment).await }
                })
            }
            Source::File(path) => {
                let mut meter = MeterFile::new(path);
                if let Some(age) = self.max.to_time_delta() {
                    meter = meter.stale_after(age);
                }
                if is_past {
                    return point.full(move |span| {
                        let meter = meter.clone();
                        async move { meter.recall(span).await }
                    });
                }
                point.incremental(move |moment| {
                    let meter = meter.clone();
                    async move { meter.measure(moment).await }
                })
            }
            Source::Feed(path) => {
                let file = GreenButtonFile::new(path);
                point.full(move |span| {
                    let file = file.clone();
                    async move { file.recall(span).await }
                })
            }
            Source::Simulated(mut meter) => {
                if let Some(resource) = self.resource {
                    meter = meter.resource(resource);
                }
                if is_past {
                    return point.full(move |span| std::future::ready(meter.recall(span)));
                }
                point.incremental(move |moment| std::future::ready(meter.measure(&moment)))
            }
        }
    }
}

/// The reports that the points make, in the order in which they are first named.
pub(super) fn reports(flags: Vec<ReportFlag>) -> Vec<Report> {
    let mut reports: Vec<(Kind, ReportSpecifierId, Option<Duration>, Report)> = Vec::new();
    for flag in flags {
        let (kind, id) = (flag.kind.clone(), flag.specifier.clone());
        let found = reports
            .iter()
            .position(|(known, specifier, ..)| *known == kind && *specifier == id);
        let (keep, report) = match found {
            Some(place) => {
                let (_, _, keep, report) = reports.remove(place);
                (keep, report)
            }
            None => (None, flag.report()),
        };
        let keep = longer(keep, flag.keep);
        let report = report.point(flag.point());
        let place = found.unwrap_or(reports.len());
        reports.insert(place, (kind, id, keep, report));
    }
    let reports = reports.into_iter();
    let reports = reports.map(|(_, _, keep, report)| match keep {
        Some(keep) => report.keep(keep),
        None => report,
    });
    reports.collect()
}

/// What each point needs is kept for all.
fn longer(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.into_iter()
        .chain(other)
        .max_by_key(|keep| keep.to_time_delta())
}

/// The status of each resource, or of the VEN if it has none.
pub(super) fn status_report(resources: &[ResourceId]) -> Option<Report> {
    let report = Report::status("status".parse().ok()?);
    let point = |r_id: RId, resource: Option<ResourceId>| {
        let mut point = Point::status(r_id).on_change();
        if let Some(resource) = resource.clone() {
            point = point.resource(resource);
        }
        point.incremental(move |moment| std::future::ready(status_of(&moment, resource.as_ref())))
    };
    if resources.is_empty() {
        return Some(report.point(point("status".parse().ok()?, None)));
    }
    let points = resources.iter().filter_map(|resource| {
        let r_id = resource.as_str().parse().ok()?;
        Some(point(r_id, Some(resource.clone())))
    });
    Some(points.fold(report, Report::point))
}

#[cfg(test)]
mod tests {
    use oadr_core::payload::ItemBase;
    use oadr_core::value::ReportName;

    use super::*;
    use crate::ven::offers;

    fn offer(texts: &[&str]) -> Vec<oadr_core::payload::Report> {
        let flags = texts.iter().map(|text| text.parse().unwrap()).collect();
        offers(&reports(flags), crate::clock::now()).unwrap()
    }

    fn error(text: &str) -> String {
        text.parse::<ReportFlag>().unwrap_err().to_string()
    }

    #[test]
    fn points_of_one_report_are_put_together() {
        let offers = offer(&[
            "power resource=Meter1 unit=powerReal:kW,50,230,ac min=PT1S on-change keep=P2D \
             source=command:echo 1, 2",
            "past report=history unit=energyReal:kWh source=file:/var/lib/meter.csv",
            "volts unit=voltage:V device-class=Smart_Inverter keep=P1D source=file:volts.csv",
        ]);
        let [usage, history] = &offers[..] else {
            panic!("{offers:?}");
        };
        assert_eq!(usage.report_specifier_id.as_str(), "usage");
        assert_eq!(usage.duration, Some(Duration::days(2)));
        let r_ids: Vec<_> = usage.descriptions.iter().map(|d| d.r_id.as_str()).collect();
        assert_eq!(r_ids, ["power", "volts"]);
        let [power, volts] = &usage.descriptions[..] else {
            panic!("{usage:?}");
        };
        let rate = power.sampling_rate.as_ref().unwrap();
        assert_eq!(
            (rate.min_period, rate.on_change),
            (Duration::seconds(1), true)
        );
        let source = power.data_source.as_ref().unwrap();
        assert_eq!(source.resource_ids[0].as_str(), "Meter1");
        assert!(matches!(&volts.item_base, Some(ItemBase::Voltage(_))));
        assert!(volts.subject.is_some());
        assert_eq!(history.report_name, Some(ReportName::MetadataHistoryUsage));
    }

    #[test]
    fn feeds_are_offered_as_such() {
        let offers = offer(&["meter report=green-button keep=P30D source=file:feed.xml"]);
        let name = offers[0].report_name.clone();
        assert_eq!(name, Some(ReportName::MetadataHistoryGreenButton));
        assert_eq!(offers[0].report_specifier_id.as_str(), "green-button");
        let [meter] = &offers[0].descriptions[..] else {
            panic!("{offers:?}");
        };
        assert!(matches!(&meter.item_base, Some(ItemBase::GreenButton(_))));
        assert_eq!(meter.sampling_rate, None);
    }

    #[test]
    fn a_command_is_taken_as_it_is() {
        let flag: ReportFlag = "a unit=voltage:V source=command:echo source=x, y | tail"
            .parse()
            .unwrap();
        let command = Source::Command("echo source=x, y | tail".to_owned());
        assert_eq!(flag.source, command);
    }

    #[test]
    fn simulated_meters_have_noise_of_their_own_unless_told_otherwise() {
        let source = |text: &str| text.parse::<ReportFlag>().unwrap().source;
        let a = source("a unit=powerReal:kW source=simulated:house");
        assert_ne!(a, source("b unit=powerReal:kW source=simulated:house"));
        let seeded = "unit=powerReal:kW source=simulated:house,peak=3000,seed=7";
        assert_eq!(
            source(&format!("a {seeded}")),
            source(&format!("b {seeded}"))
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, said) in [
            ("", "needs a source"),
            ("power unit=powerReal:kW", "needs a source"),
            ("source=file:a", "begins with the rID"),
            (
                "a report=green-button source=command:cat",
                "needs source=file:PATH",
            ),
            (
                "a report=green-button unit=voltage:V source=file:a",
                "has no unit",
            ),
            ("unit=voltage:V source=file:a", "begins with the rID"),
            ("a source=modbus:1", "source=modbus:1"),
            ("a source=file:", "none of command"),
            ("a min=10 source=file:a", "min=10"),
            ("a unti=voltage:V source=file:a", "\"unti=voltage:V\""),
            ("a on-change=yes source=file:a", "on-change=yes"),
            ("a min source=file:a", "\"min\""),
            ("a min=PT1S min=PT2S source=file:a", "min is said twice"),
            ("a unit=powerReal:V source=file:a", "is measured in W"),
            ("a report=mine source=file:a", "report=mine"),
            (
                "a unit=energyReal:kWh source=simulated:house",
                "unit of power",
            ),
            (
                "a unit=powerReal:kW source=simulated:mansion",
                "flat, house",
            ),
            (
                "a unit=powerReal:kW source=simulated:house,peek=1",
                "peek=1",
            ),
        ] {
            let error = error(text);
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn rule_331_the_status_of_each_resource_is_offered_by_itself() {
        let now = crate::clock::now();
        let alone = offers(&[status_report(&[]).unwrap()], now).unwrap();
        assert_eq!(alone[0].descriptions[0].r_id.as_str(), "status");
        assert_eq!(alone[0].descriptions[0].data_source, None);
        let resources = ["Fan1", "Fan2"].map(|id| id.parse().unwrap());
        let each = offers(&[status_report(&resources).unwrap()], now).unwrap();
        assert_eq!(
            each[0].report_name,
            Some(ReportName::MetadataTelemetryStatus)
        );
        let points: Vec<_> = each[0]
            .descriptions
            .iter()
            .map(|d| d.data_source.as_ref().unwrap().resource_ids[0].as_str())
            .collect();
        assert_eq!(points, ["Fan1", "Fan2"]);
    }
}
