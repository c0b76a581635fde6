//! VENs that report what the test says.

use oadr_core::payload::{
    CreatedReport, EiResponse, Interval, ItemBase, Message, Payload, PendingReports,
    PowerAttributes, PowerReal, PowerUnit, RegisterReport, Report, ReportDescription,
    ReportPayload, ReportRequest, ResponseCode, SamplingRate, StreamPayload, Target, UpdateReport,
};
use oadr_core::value::{
    DateTime, Decimal, Duration, NonEmpty, RId, ReadingType, ReportName, ReportRequestId,
    ReportSpecifierId, ReportType, RequestId, ResourceId, ServiceName, SiScaleCode, VenId,
};
use oadr_http::Client;

use crate::wire::send;

pub(crate) fn at(second: i64) -> DateTime {
    DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
}

fn report(specifier: &str, name: ReportName) -> Report {
    Report {
        start: None,
        duration: None,
        intervals: None,
        ei_report_id: None,
        descriptions: Vec::new(),
        report_request_id: ReportRequestId::new("0").unwrap(),
        report_specifier_id: ReportSpecifierId::new(specifier).unwrap(),
        report_name: Some(name),
        created: at(0),
    }
}

fn point(r_id: &str, resource: &str, report_type: ReportType) -> ReportDescription {
    ReportDescription {
        r_id: RId::new(r_id).unwrap(),
        subject: None,
        data_source: Some(Target {
            resource_ids: vec![ResourceId::new(resource).unwrap()],
            ..Target::default()
        }),
        report_type,
        item_base: None,
        reading_type: ReadingType::DirectRead,
        market_context: None,
        sampling_rate: Some(SamplingRate {
            min_period: Duration::seconds(1),
            max_period: Duration::hours(1),
            on_change: true,
        }),
    }
}

/// An offer of TELEMETRY_USAGE: kilowatts, of a resource per data point, each at least every second.
pub(crate) fn usage(points: &[(&str, &str)]) -> Report {
    let kilowatts = ItemBase::PowerReal(PowerReal {
        units: PowerUnit::Watt,
        scale: SiScaleCode::Kilo,
        attributes: PowerAttributes {
            hertz: Decimal::new("50").unwrap(),
            voltage: Decimal::new("230").unwrap(),
            ac: true,
        },
    });
    Report {
        duration: Some(Duration::hours(1)),
        descriptions: points
            .iter()
            .map(|(r_id, resource)| ReportDescription {
                item_base: Some(kilowatts.clone()),
                ..point(r_id, resource, ReportType::Usage)
            })
            .collect(),
        ..report("usage", ReportName::MetadataTelemetryUsage)
    }
}

/// An offer of TELEMETRY_STATUS.
pub(crate) fn status(r_id: &str, resource: &str) -> Report {
    Report {
        duration: Some(Duration::hours(1)),
        descriptions: vec![ReportDescription {
            reading_type: ReadingType::NotApplicable,
            ..point(r_id, resource, ReportType::ResourceStatus)
        }],
        ..report("status", ReportName::MetadataTelemetryStatus)
    }
}

/// Says what the VEN offers; the answer is what is requested of it.
pub(crate) async fn offer(
    client: &Client,
    ven_id: &VenId,
    reports: Vec<Report>,
) -> Vec<ReportRequest> {
    let register = RegisterReport {
        request_id: RequestId::new("offer").unwrap(),
        reports,
        ven_id: Some(ven_id.clone()),
        report_request_id: None,
    };
    let reply = send(client, ServiceName::EiReport, register).await;
    let Message::RegisteredReport(registered) = reply else {
        panic!("{reply:?}")
    };
    assert_eq!(registered.ei_response.response_code, ResponseCode::OK);
    registered.report_requests
}

/// Answers an `oadrCreateReport`, or what rode in an `oadrRegisteredReport`.
pub(crate) async fn take_on(
    client: &Client,
    ven_id: &VenId,
    request_id: RequestId,
    code: ResponseCode,
    pending: &[ReportRequestId],
) {
    let created = CreatedReport {
        ei_response: EiResponse {
            response_code: code,
            ..EiResponse::ok(request_id)
        },
        pending_reports: PendingReports {
            report_request_ids: pending.to_vec(),
        },
        ven_id: Some(ven_id.clone()),
    };
    let reply = send(client, ServiceName::EiReport, created).await;
    assert_eq!(reply.ei_response().unwrap().response_code, ResponseCode::OK);
}

/// Sends a number for each of these data points and instants, each of a second; the code of the answer
/// comes back.
pub(crate) async fn update(
    client: &Client,
    ven_id: &VenId,
    request: &ReportRequestId,
    values: &[(&str, i64, f64)],
) -> ResponseCode {
    let interval = |(r_id, second, value): &(&str, i64, f64)| Interval {
        start: Some(at(*second)),
        duration: Some(Duration::seconds(1)),
        uid: None,
        payloads: NonEmpty::one(StreamPayload::Report(ReportPayload {
            r_id: RId::new(r_id).unwrap(),
            confidence: None,
            accuracy: None,
            payload: Payload::Float((*value).into()),
            data_quality: None,
        })),
    };
    let intervals: Vec<_> = values.iter().map(interval).collect();
    let first = values.first().map(|(_, second, _)| at(*second));
    let data = Report {
        start: first,
        intervals: NonEmpty::try_from(intervals).ok(),
        report_request_id: request.clone(),
        ..report("usage", ReportName::TelemetryUsage)
    };
    let update = UpdateReport {
        request_id: RequestId::new("update").unwrap(),
        reports: vec![data],
        ven_id: Some(ven_id.clone()),
    };
    let reply = send(client, ServiceName::EiReport, update).await;
    reply.ei_response().unwrap().response_code
}
