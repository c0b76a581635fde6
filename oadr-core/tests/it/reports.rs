//! Reports between the two machines, over a line that loses messages and with processes that die:
//! whatever happens, the VTN has each minute once and none is missing.

use chrono::TimeDelta;
use oadr_core::payload::{ItemBase, Report, ReportDescription, SamplingRate, Target};
use oadr_core::reading::{Reading, ReadingPayload};
use oadr_core::value::{
    DateTime, Duration, RId, ReadingType, ReportName, ReportRequestId, ReportSpecifierId,
    ReportType, ResourceId, SiScaleCode, Text,
};
use oadr_core::ven::{ReadingsQuestion, Window};
use oadr_core::vtn::{
    Command, ReportPolicy, ReportProgress, RequestOrigin, RequestedReport, WantedReport,
};

use super::pair::{CALM, Pair, STORM, Weather, noon};

fn offer(specifier: &str, r_ids: &[&str]) -> Report {
    let points = r_ids.iter().map(|r_id| ReportDescription {
        r_id: RId::new(r_id).unwrap(),
        subject: None,
        data_source: Some(Target {
            resource_ids: vec![ResourceId::new("meter").unwrap()],
            ..Target::default()
        }),
        report_type: ReportType::Usage,
        item_base: Some(ItemBase::EnergyReal(SiScaleCode::None)),
        reading_type: ReadingType::DirectRead,
        market_context: None,
        sampling_rate: Some(SamplingRate {
            min_period: Duration::seconds(10),
            max_period: Duration::hours(1),
            on_change: false,
        }),
    });
    Report {
        start: None,
        duration: Some(Duration::days(2)),
        intervals: None,
        ei_report_id: None,
        descriptions: points.collect(),
        report_request_id: ReportRequestId::new("0").unwrap(),
        report_specifier_id: ReportSpecifierId::new(specifier).unwrap(),
        report_name: Some(ReportName::MetadataTelemetryUsage),
        created: noon(),
    }
}

fn policy() -> ReportPolicy {
    ReportPolicy {
        name: Text::new("usage").unwrap(),
        vens: Vec::new(),
        groups: Vec::new(),
        report_name: Some(ReportName::TelemetryUsage),
        measurement: None,
        resource: None,
        granularity: Duration::minutes(1),
        report_back: Duration::minutes(3),
        duration: Duration::ZERO,
    }
}

/// What a point shows at a time: nothing else has this value.
fn value(r_id: &RId, at: DateTime) -> f64 {
    let of = f64::from(u32::try_from(r_id.as_str().len()).unwrap());
    let second = u32::try_from((at - noon()).num_seconds()).unwrap();
    f64::from(second) * 10.0 + of
}

fn sample(question: &ReadingsQuestion) -> Vec<Reading> {
    let mut readings = Vec::new();
    for r_id in &question.r_ids {
        // Nothing else is asked for here.
        if let Window::Sampled { from, to, every } = question.window {
            let mut at = from;
            while at < to {
                readings.push(Reading::number(r_id.clone(), at, value(r_id, at)));
                at += every;
            }
        }
    }
    readings
}

fn reporting(seed: u64, weather: Weather) -> Pair {
    let mut pair = Pair::new(seed, weather);
    pair.vtn.set_report_policies(vec![policy()]);
    pair.ven.on_readings(sample);
    offers(&mut pair, vec![offer("usage", &["a", "bb"])]);
    pair
}

fn offers(pair: &mut Pair, reports: Vec<Report>) {
    let mut context = pair.ven.context().clone();
    context.version += 1;
    context.reports = reports;
    pair.ven.configure(context);
}

fn requests(pair: &Pair) -> Vec<RequestedReport> {
    let ven = pair.vtn.ven("pair");
    ven.map_or_else(Vec::new, |(_, ven)| {
        ven.report_requests().cloned().collect()
    })
}

/// Every minute of every point between the first and the last is there, once, with its own value;
/// how many there are of each.
fn check(pair: &Pair, request: &ReportRequestId, r_ids: &[&str]) -> usize {
    let (key, _) = pair.vtn.ven("pair").unwrap();
    let counts: Vec<usize> = r_ids
        .iter()
        .map(|r_id| {
            let of = pair.vtn.readings(key, request);
            let of: Vec<&Reading> = of
                .filter(|kept| kept.reading.r_id.as_str() == *r_id)
                .inspect(|kept| assert!(kept.earlier.is_empty(), "{kept:?}"))
                .map(|kept| &kept.reading)
                .collect();
            for pair in of.windows(2) {
                assert_eq!(
                    pair[1].start - pair[0].start,
                    TimeDelta::minutes(1),
                    "{pair:?}"
                );
            }
            for reading in &of {
                let found = match &reading.payload {
                    ReadingPayload::Float(found) => Some(found.get()),
                    ReadingPayload::ResourceStatus(_) | ReadingPayload::GreenButton(_) => None,
                };
                assert_eq!(found, Some(value(&reading.r_id, reading.start)));
            }
            of.len()
        })
        .collect();
    assert!(
        counts.windows(2).all(|pair| pair[0] == pair[1]),
        "{counts:?}"
    );
    counts.first().copied().unwrap_or_default()
}

#[test]
fn what_a_policy_wants_arrives_complete_whatever_the_weather() {
    for seed in 1..=2 {
        println!("seed {seed}");
        let mut pair = reporting(seed, STORM);
        pair.live(TimeDelta::minutes(90));
        // The VEN's program has another meter now: its metadata end the request (rule 306).
        offers(
            &mut pair,
            vec![offer("usage", &["a", "bb"]), offer("more", &["c"])],
        );
        pair.live(TimeDelta::minutes(90));
        pair.weather = CALM;
        pair.live(TimeDelta::minutes(30));
        let requests = requests(&pair);
        assert_eq!(requests.len(), 2, "{requests:#?}");
        let of = |specifier: &str| {
            let is = |r: &&RequestedReport| r.wanted.report_specifier_id.as_str() == specifier;
            requests.iter().find(is).unwrap()
        };
        assert_eq!(of("usage").progress, ReportProgress::Accepted);
        let usage = check(&pair, &of("usage").report_request_id, &["a", "bb"]);
        assert!((205..=211).contains(&usage), "{usage} of 3.5 hours");
        let more = check(&pair, &of("more").report_request_id, &["c"]);
        assert!((100..=121).contains(&more), "{more} of 2 hours");
    }
}

#[test]
fn an_operators_report_is_cancelled_whatever_the_weather() {
    for seed in 11..=12 {
        println!("seed {seed}");
        let mut pair = reporting(seed, STORM);
        pair.vtn.set_report_policies(Vec::new());
        pair.live(TimeDelta::minutes(30));
        let request = ReportRequestId::new("mine").unwrap();
        let wanted = Command::RequestReport {
            report_request_id: request.clone(),
            wanted: WantedReport {
                report_specifier_id: ReportSpecifierId::new("usage").unwrap(),
                r_ids: vec![RId::new("bb").unwrap()],
                granularity: Duration::minutes(1),
                report_back: Duration::minutes(1),
                start: None,
                duration: Duration::ZERO,
            },
        };
        let command = |pair: &mut Pair, command: &Command| {
            let (key, _) = pair.vtn.ven("pair").unwrap();
            let (now, entropy) = (pair.now, pair.entropy());
            pair.vtn.command(Some(key), command, now, entropy).unwrap();
        };
        command(&mut pair, &wanted);
        pair.live(TimeDelta::hours(1));
        let known = requests(&pair).remove(0);
        assert_eq!(known.origin, RequestOrigin::Operator);
        let before = check(&pair, &request, &["bb"]);
        assert!((45..=60).contains(&before), "{before}");
        let cancel = Command::CancelReport {
            report_request_id: request.clone(),
            report_to_follow: false,
        };
        command(&mut pair, &cancel);
        pair.live(TimeDelta::hours(1));
        let progress = requests(&pair).remove(0).progress;
        assert!(
            matches!(progress, ReportProgress::Over { .. }),
            "{progress:?}"
        );
        let after = check(&pair, &request, &["bb"]);
        pair.live(TimeDelta::hours(1));
        assert_eq!(check(&pair, &request, &["bb"]), after, "it is silent");
    }
}
