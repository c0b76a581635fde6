//! Reports as a VEN might offer them and a VTN might want them, nearly legal.
//!
//! Knows nothing of the rest of what the two say to each other.

use chrono::TimeDelta;

use super::draft::{around, span};
use crate::payload::arbitrary::{Arbitrary, Draws};
use crate::payload::{
    CancelReport, CreateReport, EiResponse, Message, Payload, Properties, Report,
    ReportDescription, ReportRequest, ReportSpecifier, ResponseCode, SamplingRate,
    SpecifierPayload, UpdatedReport,
};
use crate::reading::Reading;
use crate::value::{
    DateTime, Duration, NonEmpty, RId, ReadingType, ReportName, ReportRequestId, ReportSpecifierId,
    ReportType, RequestId,
};
use crate::ven::{Context, ReadingsQuestion, Window};

/// An application measures no more than this at a time.
const MOST_READINGS: usize = 200;

/// An offer of two data points.
pub(super) fn offer(draws: &mut Draws<'_>) -> Report {
    let names = [
        ReportName::MetadataTelemetryUsage,
        ReportName::MetadataTelemetryStatus,
        ReportName::MetadataHistoryUsage,
    ];
    let report_name = match draws.below(4) {
        0 => Option::arbitrary(draws),
        _ => draws.pick(&names.each_ref()).cloned(),
    };
    Report {
        start: None,
        duration: draws.flip().then(|| span(draws)),
        intervals: None,
        ei_report_id: None,
        descriptions: vec![description("x", draws), description("y", draws)],
        report_request_id: ReportRequestId::new("0").unwrap_or_default(),
        report_specifier_id: specifier_id(draws),
        report_name,
        created: DateTime::UNIX_EPOCH,
    }
}

fn description(r_id: &str, draws: &mut Draws<'_>) -> ReportDescription {
    ReportDescription {
        r_id: RId::new(r_id).unwrap_or_default(),
        subject: None,
        data_source: None,
        report_type: if draws.flip() {
            ReportType::Usage
        } else {
            ReportType::ResourceStatus
        },
        item_base: None,
        reading_type: ReadingType::DirectRead,
        market_context: None,
        sampling_rate: match draws.below(4) {
            0 => None,
            1 => Option::arbitrary(draws),
            _ => Some(SamplingRate {
                min_period: Duration::seconds(10),
                max_period: Duration::hours(1),
                on_change: draws.flip(),
            }),
        },
    }
}

fn specifier_id(draws: &mut Draws<'_>) -> ReportSpecifierId {
    ReportSpecifierId::new(draws.pick(&["u", "v"]).unwrap_or_default()).unwrap_or_default()
}

fn report_request_id(draws: &mut Draws<'_>) -> ReportRequestId {
    ReportRequestId::new(draws.pick(&["r", "s", "t"]).unwrap_or_default()).unwrap_or_default()
}

/// An application that measures something of what it is asked for, and something else.
pub(super) fn measure(
    draws: &mut Draws<'_>,
) -> impl FnMut(&ReadingsQuestion) -> Vec<Reading> + Send + use<> {
    let mut moods = draws.number();
    move |question| {
        moods = moods.rotate_right(7);
        let day = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let (from, every) = match question.window {
            Window::Now => (day, TimeDelta::seconds(1)),
            Window::Sampled { from, every, .. } => (from, every),
            Window::OnChange { from, .. } | Window::History { from, .. } => {
                (from, TimeDelta::seconds(7))
            }
        };
        let instants = (0..i32::try_from(moods % 50).unwrap_or_default())
            .filter_map(|n| from.checked_add_signed(every.checked_mul(n - 1)?));
        let r_ids = question.r_ids.iter();
        let readings = instants.flat_map(|at| {
            let of = |r_id: &RId| Reading::new(r_id.clone(), at, value(moods));
            r_ids.clone().map(of).collect::<Vec<_>>()
        });
        readings.take(MOST_READINGS).collect()
    }
}

fn value(moods: u64) -> Payload {
    let small = u32::try_from(moods % 3).unwrap_or_default();
    Payload::Float(f64::from(small).into())
}

fn request(context: &Context, now: DateTime, draws: &mut Draws<'_>) -> ReportRequest {
    let offered = draws.pick(&context.reports.iter().collect::<Vec<_>>());
    let specifier_id = offered.map(|offer| offer.report_specifier_id.clone());
    let metadata = ReportSpecifierId::new("METADATA").unwrap_or_default();
    let (report_specifier_id, r_id) = match (specifier_id, draws.below(6)) {
        (Some(id), 1..) => (id, offered.and_then(|o| o.descriptions.first())),
        (Some(_) | None, 0) => (metadata, None),
        (None, _) => (specifier_id_of_none(), None),
    };
    let payload = SpecifierPayload {
        r_id: r_id.map(|first| first.r_id.clone()).unwrap_or_default(),
        item_base: None,
        reading_type: ReadingType::NotApplicable,
    };
    ReportRequest {
        report_request_id: report_request_id(draws),
        specifier: ReportSpecifier {
            report_specifier_id,
            granularity: period(draws),
            report_back: period(draws),
            interval: draws
                .flip()
                .then(|| Properties::new(around(now, draws), span(draws))),
            payloads: NonEmpty::one(payload),
        },
    }
}

fn specifier_id_of_none() -> ReportSpecifierId {
    ReportSpecifierId::new("none").unwrap_or_default()
}

/// How finely or how often: mostly something that goes together.
fn period(draws: &mut Draws<'_>) -> Duration {
    let periods = [
        Duration::ZERO,
        Duration::minutes(1),
        Duration::minutes(1),
        Duration::minutes(10),
    ];
    match draws.below(8) {
        0 => span(draws),
        _ => draws.pick(&periods).unwrap_or(Duration::ZERO),
    }
}

/// Requests for reports, none to two of them.
pub(super) fn requests(
    context: &Context,
    now: DateTime,
    draws: &mut Draws<'_>,
) -> Vec<ReportRequest> {
    let count = draws.below(3);
    (0..count).map(|_| request(context, now, draws)).collect()
}

/// What a VTN may say about reports in a poll.
pub(super) fn operation(context: &Context, now: DateTime, draws: &mut Draws<'_>) -> Message {
    let request_id = RequestId::new("q").unwrap_or_default();
    match draws.below(3) {
        0 => cancel(draws).into(),
        _ => CreateReport {
            request_id,
            report_requests: NonEmpty::one(request(context, now, draws)),
            ven_id: None,
        }
        .into(),
    }
}

fn cancel(draws: &mut Draws<'_>) -> CancelReport {
    CancelReport {
        request_id: RequestId::new("c").unwrap_or_default(),
        report_request_ids: NonEmpty::one(report_request_id(draws)),
        report_to_follow: draws.flip(),
        ven_id: None,
    }
}

/// What a VTN may say to data.
pub(super) fn acknowledgement(draws: &mut Draws<'_>) -> Message {
    let code = match draws.below(8) {
        0 => ResponseCode::INVALID_ID,
        1 => ResponseCode::COMPLIANCE_ERROR,
        _ => ResponseCode::OK,
    };
    UpdatedReport {
        ei_response: EiResponse::new(code, "", RequestId::default()),
        cancel_report: (draws.below(6) == 1).then(|| cancel(draws)),
        ven_id: None,
    }
    .into()
}
