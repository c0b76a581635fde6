//! Offers, data and wishes that mostly go together: a few IDs only, so that they meet.
//!
//! Knows nothing of who sends them.

use chrono::TimeDelta;

use super::draft::{around, span};
use crate::payload::arbitrary::{Arbitrary, Draws};
use crate::payload::{
    Interval, Payload, Report, ReportDescription, ReportPayload, SamplingRate, StreamPayload,
};
use crate::value::{
    DateTime, Duration, Float, NonEmpty, RId, ReportName, ReportRequestId, ReportSpecifierId, Text,
};
use crate::vtn::{Command, ReportPolicy, State, WantedReport};

const SPECIFIERS: &[&str] = &["usage", "status", "past", "METADATA"];
const POINTS: &[&str] = &["a", "b", "c"];
const REQUESTS: &[&str] = &["r1", "r2", "r3", "r4"];

/// Up to three offers of up to three data points.
pub(super) fn offers(now: DateTime, draws: &mut Draws<'_>) -> Vec<Report> {
    let many = draws.below(4);
    let specifiers = SPECIFIERS.iter().take(many);
    specifiers
        .map(|specifier| {
            let points = POINTS.iter().take(draws.below(4));
            let descriptions = points.map(|point| ReportDescription {
                r_id: RId::new(point).unwrap_or_default(),
                sampling_rate: draws.flip().then(|| SamplingRate {
                    min_period: span(draws),
                    max_period: span(draws),
                    on_change: draws.flip(),
                }),
                ..ReportDescription::arbitrary(draws)
            });
            let descriptions = descriptions.collect();
            Report {
                start: None,
                duration: draws.flip().then(|| span(draws)),
                intervals: None,
                ei_report_id: None,
                descriptions,
                report_request_id: ReportRequestId::new("0").unwrap_or_default(),
                report_specifier_id: ReportSpecifierId::new(specifier).unwrap_or_default(),
                report_name: Option::<ReportName>::arbitrary(draws),
                created: now,
            }
        })
        .collect()
}

/// Up to three reports, most of them for requests that are known.
pub(super) fn data(ven: Option<&State>, now: DateTime, draws: &mut Draws<'_>) -> Vec<Report> {
    let many = draws.below(4);
    (0..many)
        .map(|_| {
            let known = known(ven, draws);
            let of = ven.and_then(|ven| ven.report_request(&known));
            let specifier = of.map(|of| of.wanted.report_specifier_id.clone());
            let intervals = (0..draws.below(4)).map(|n| interval(n, now, draws));
            let intervals: Vec<_> = intervals.collect();
            Report {
                start: draws.flip().then(|| around(now, draws)),
                duration: None,
                intervals: NonEmpty::try_from(intervals).ok(),
                ei_report_id: None,
                descriptions: Vec::new(),
                report_request_id: known,
                report_specifier_id: specifier
                    .unwrap_or_else(|| ReportSpecifierId::arbitrary(draws)),
                report_name: None,
                created: now,
            }
        })
        .collect()
}

fn interval(n: usize, now: DateTime, draws: &mut Draws<'_>) -> Interval {
    let payload = ReportPayload {
        r_id: RId::new(draws.pick(POINTS).unwrap_or_default()).unwrap_or_default(),
        payload: Payload::Float(Float::from(1.5)),
        ..ReportPayload::arbitrary(draws)
    };
    Interval {
        start: draws.flip().then(|| around(now, draws)),
        duration: draws.flip().then(|| span(draws)),
        uid: match draws.below(3) {
            0 => None,
            1 => Option::<Text>::arbitrary(draws),
            _ => Text::new(n.to_string()).ok(),
        },
        payloads: NonEmpty::one(StreamPayload::Report(payload)),
    }
}

/// A request of this VEN, or one that nobody made.
pub(super) fn known(ven: Option<&State>, draws: &mut Draws<'_>) -> ReportRequestId {
    let place = draws.below(5);
    let mut requests = ven.into_iter().flat_map(State::report_requests);
    let known = requests
        .nth(place)
        .map(|known| known.report_request_id.clone());
    known.unwrap_or_else(|| request(draws))
}

fn request(draws: &mut Draws<'_>) -> ReportRequestId {
    ReportRequestId::new(draws.pick(REQUESTS).unwrap_or_default()).unwrap_or_default()
}

/// What an operator wants, or wants no more.
pub(super) fn command(ven: Option<&State>, now: DateTime, draws: &mut Draws<'_>) -> Command {
    if draws.flip() {
        return Command::CancelReport {
            report_request_id: known(ven, draws),
            report_to_follow: draws.flip(),
        };
    }
    let specifier = draws.pick(SPECIFIERS).unwrap_or_default();
    Command::RequestReport {
        report_request_id: request(draws),
        wanted: WantedReport {
            report_specifier_id: ReportSpecifierId::new(specifier).unwrap_or_default(),
            r_ids: Vec::new(),
            granularity: pace(draws),
            report_back: pace(draws),
            start: draws.flip().then(|| now + TimeDelta::minutes(5)),
            duration: pace(draws),
        },
    }
}

/// Up to two policies.
pub(super) fn policies(draws: &mut Draws<'_>) -> Vec<ReportPolicy> {
    let names = ["one", "two"].into_iter().take(draws.below(3));
    names
        .map(|name| ReportPolicy {
            name: Text::new(name).unwrap_or_default(),
            vens: Vec::new(),
            groups: Vec::new(),
            report_name: None,
            measurement: None,
            resource: None,
            granularity: pace(draws),
            report_back: pace(draws),
            duration: pace(draws),
        })
        .collect()
}

fn pace(draws: &mut Draws<'_>) -> Duration {
    match draws.below(3) {
        0 => Duration::ZERO,
        1 => Duration::minutes(1),
        _ => span(draws),
    }
}
