//! A VEN that offers reports, and the VTN that asks for them: what the tests of reports share.

use chrono::TimeDelta;

use super::bench::*;
use crate::payload::{
    CancelReport, CreateReport, CreatedReport, EiResponse, Message, MessageKind, Payload,
    PendingReports, Properties, Report, ReportDescription, ReportRequest, ReportSpecifier,
    ResourceStatus, ResponseCode, SamplingRate, SpecifierPayload, StreamPayload, UpdatedReport,
};
use crate::reading::Reading;
use crate::value::{DateTime, Duration, NonEmpty, ReadingType, ReportName, ReportType, VenId};
use crate::ven::{Context, ReadingsQuestion, Window};

pub(super) fn minutes(n: i64) -> TimeDelta {
    TimeDelta::minutes(n)
}

/// Usage telemetry of two data points: every 10 seconds at most, every hour at least, 2 hours kept.
pub(super) fn usage() -> Report {
    offer(
        "usage",
        ReportName::MetadataTelemetryUsage,
        &["energy", "power"],
    )
}

/// Status telemetry that can tell changes, looking every 10 seconds.
pub(super) fn status() -> Report {
    let mut status = offer("status", ReportName::MetadataTelemetryStatus, &["state"]);
    for description in &mut status.descriptions {
        description.report_type = ReportType::ResourceStatus;
        description.reading_type = ReadingType::NotApplicable;
        if let Some(rate) = &mut description.sampling_rate {
            rate.on_change = true;
        }
    }
    status
}

/// 2 hours of usage.
pub(super) fn history() -> Report {
    let mut history = offer("history", ReportName::MetadataHistoryUsage, &["energy"]);
    for description in &mut history.descriptions {
        description.sampling_rate = None;
    }
    history
}

pub(super) fn offer(specifier: &str, name: ReportName, r_ids: &[&str]) -> Report {
    let description = |r_id: &&str| ReportDescription {
        r_id: r_id.parse().unwrap(),
        subject: None,
        data_source: None,
        report_type: ReportType::Usage,
        item_base: None,
        reading_type: ReadingType::DirectRead,
        market_context: None,
        sampling_rate: Some(SamplingRate {
            min_period: Duration::seconds(10),
            max_period: Duration::hours(1),
            on_change: false,
        }),
    };
    Report {
        start: None,
        duration: Some(Duration::hours(2)),
        intervals: None,
        ei_report_id: None,
        descriptions: r_ids.iter().map(description).collect(),
        report_request_id: "0".parse().unwrap(),
        report_specifier_id: specifier.parse().unwrap(),
        report_name: Some(name),
        created: noon(),
    }
}

/// A VEN that offers these and measures the seconds since noon.
pub(super) fn offering(reports: Vec<Report>) -> Bench {
    let mut bench = Bench::registered_with(Context {
        reports,
        ..context()
    });
    bench.meter = Box::new(seconds);
    bench
}

pub(super) fn since_noon(at: DateTime) -> i64 {
    (at - noon()).num_seconds()
}

/// The seconds since noon as the value of every data point; every quarter of an hour where nobody asks
/// for a grid.
pub(super) fn seconds(question: &ReadingsQuestion) -> Vec<Reading> {
    let (from, to, every) = match question.window {
        Window::Now => (noon(), noon() + secs(1), secs(1)),
        Window::Sampled { from, to, every } => (from, to, every),
        Window::OnChange { from, to } => (from, to, secs(10)),
        Window::History { from, to } => (from, to, minutes(15)),
    };
    let mut readings = Vec::new();
    let mut at = from;
    // Windows may be as long as an outage.
    while at < to && readings.len() < 5_000 {
        for r_id in &question.r_ids {
            let value = since_noon(at) as f64;
            readings.push(Reading::number(r_id.clone(), at, value));
        }
        at += every;
    }
    readings
}

pub(super) fn state(online: bool, at: DateTime) -> Reading {
    let status = ResourceStatus {
        online,
        manual_override: false,
        load_control_state: None,
    };
    let payload = Payload::ResourceStatus(Box::new(status));
    Reading::new("state".parse().unwrap(), at, payload)
}

/// A request without an interval.
pub(super) fn wanted(
    id: &str,
    specifier: &str,
    r_ids: &[&str],
    granularity: Duration,
    report_back: Duration,
) -> ReportRequest {
    let payload = |r_id: &&str| SpecifierPayload {
        r_id: r_id.parse().unwrap(),
        item_base: None,
        reading_type: ReadingType::NotApplicable,
    };
    let payloads: Vec<SpecifierPayload> = r_ids.iter().map(payload).collect();
    ReportRequest {
        report_request_id: id.parse().unwrap(),
        specifier: ReportSpecifier {
            report_specifier_id: specifier.parse().unwrap(),
            granularity,
            report_back,
            interval: None,
            payloads: payloads.try_into().unwrap(),
        },
    }
}

/// The same from a time on for so long.
pub(super) fn during(
    mut request: ReportRequest,
    start: DateTime,
    duration: Duration,
) -> ReportRequest {
    request.specifier.interval = Some(Properties::new(start, duration));
    request
}

/// A minute's energy every minute.
pub(super) fn each_minute(id: &str) -> ReportRequest {
    let minute = Duration::minutes(1);
    wanted(id, "usage", &["energy"], minute, minute)
}

pub(super) fn for_metadata(id: &str, report_back: Duration) -> ReportRequest {
    wanted(id, "METADATA", &["0"], Duration::ZERO, report_back)
}

pub(super) fn create(requests: Vec<ReportRequest>) -> CreateReport {
    CreateReport {
        request_id: request("q1"),
        report_requests: requests.try_into().unwrap(),
        ven_id: None,
    }
}

pub(super) fn created_report(message: &Message) -> &CreatedReport {
    let Message::CreatedReport(message) = message else {
        panic!("not an oadrCreatedReport: {message:?}");
    };
    // Rule 508.
    assert_eq!(message.ven_id, Some(VenId::new("ven-1").unwrap()));
    message
}

pub(super) fn pending_ids(pending: &PendingReports) -> Vec<&str> {
    let ids = pending.report_request_ids.iter();
    ids.map(|id| id.as_str()).collect()
}

/// The VTN asks, and acknowledges the answer: its code, and what is pending.
pub(super) fn ask(bench: &mut Bench, requests: Vec<ReportRequest>) -> (u16, Vec<String>) {
    if bench.next.send.is_none() {
        bench.wait_for_poll();
    }
    assert_eq!(bench.sent(), MessageKind::Poll);
    bench.reply(create(requests));
    let answer = created_report(bench.message());
    assert_eq!(answer.ei_response.request_id, request("q1"));
    let code = answer.ei_response.response_code.get();
    let pending = pending_ids(&answer.pending_reports);
    let pending = pending.into_iter().map(str::to_owned).collect();
    bench.reply(ok());
    (code, pending)
}

/// The VTN cancels, and acknowledges the answer: its code, and what is pending.
pub(super) fn cancel_reports(
    bench: &mut Bench,
    requests: &[&str],
    report_to_follow: bool,
) -> (u16, Vec<String>) {
    while bench.next.send.is_none() || bench.sent() != MessageKind::Poll {
        match bench.next.send {
            Some(_) => bench.reply(ok()),
            None => bench.wait(),
        }
    }
    let requests: Vec<_> = requests.iter().map(|id| id.parse().unwrap()).collect();
    bench.reply(CancelReport {
        request_id: request("c1"),
        report_request_ids: requests.try_into().unwrap(),
        report_to_follow,
        ven_id: None,
    });
    let Message::CanceledReport(answer) = bench.message() else {
        panic!("not an oadrCanceledReport: {:?}", bench.message());
    };
    assert_eq!(answer.ei_response.request_id, request("c1"));
    let code = answer.ei_response.response_code.get();
    let pending = pending_ids(&answer.pending_reports);
    let pending = pending.into_iter().map(str::to_owned).collect();
    bench.reply(ok());
    (code, pending)
}

pub(super) fn updated(code: ResponseCode) -> UpdatedReport {
    UpdatedReport {
        ei_response: EiResponse::new(code, "", request("u")),
        cancel_report: None,
        ven_id: None,
    }
}

/// The same with a cancellation of these.
pub(super) fn updated_cancelling(requests: &[&str], report_to_follow: bool) -> UpdatedReport {
    let requests: Vec<_> = requests.iter().map(|id| id.parse().unwrap()).collect();
    UpdatedReport {
        cancel_report: Some(CancelReport {
            request_id: request("c1"),
            report_request_ids: NonEmpty::try_from(requests).unwrap(),
            report_to_follow,
            ven_id: None,
        }),
        ..updated(ResponseCode::OK)
    }
}

/// The report that was sent last.
pub(super) fn report(message: &Message) -> &Report {
    let Message::UpdateReport(message) = message else {
        panic!("not an oadrUpdateReport: {message:?}");
    };
    // Rule 508.
    assert_eq!(message.ven_id, Some(VenId::new("ven-1").unwrap()));
    assert!(!message.request_id.is_empty());
    assert_eq!(message.reports.len(), 1);
    &message.reports[0]
}

/// What is said until a time (seconds after noon), and when; all of it is acknowledged.
pub(super) fn sent_until(bench: &mut Bench, until: i64) -> Vec<(i64, Message)> {
    let mut sent = Vec::new();
    loop {
        if let Some(send) = &bench.next.send {
            let message = (*send.message).clone();
            let kind = message.kind();
            if kind != MessageKind::Poll {
                sent.push((since_noon(bench.now), message));
            }
            if kind == MessageKind::UpdateReport {
                bench.reply(updated(ResponseCode::OK));
            } else {
                bench.reply(ok());
            }
        } else if bench
            .next
            .wake
            .is_some_and(|wake| since_noon(wake) <= until)
        {
            bench.wait();
        } else {
            return sent;
        }
    }
}

/// The reports that are sent until a time, in few words, and when.
pub(super) fn reports_until(bench: &mut Bench, until: i64) -> Vec<(i64, String)> {
    let sent = sent_until(bench, until);
    sent.iter().map(|(at, m)| (*at, brief(report(m)))).collect()
}

/// `energy@usage: +0 PT1M energy=0 | +60 PT1M energy=60`
pub(super) fn brief(report: &Report) -> String {
    let intervals = report.intervals.as_ref().expect("data");
    let intervals: Vec<String> = intervals
        .iter()
        .map(|interval| {
            let mut words = vec![format!("{:+}", since_noon(interval.start.unwrap()))];
            words.extend(interval.duration.map(|duration| duration.to_string()));
            words.extend(interval.payloads.iter().map(|payload| {
                let StreamPayload::Report(payload) = payload else {
                    panic!("not of a report");
                };
                let value = match &payload.payload {
                    Payload::Float(value) => value.to_string(),
                    Payload::ResourceStatus(status) => {
                        let word = if status.online { "online" } else { "offline" };
                        word.to_owned()
                    }
                };
                let quality = payload.data_quality.as_ref();
                let quality = quality.map_or(String::new(), |q| format!(" ({})", q.as_str()));
                format!("{}={value}{quality}", payload.r_id)
            }));
            words.join(" ")
        })
        .collect();
    format!("{}: {}", report.report_request_id, intervals.join(" | "))
}
