//! The metadata exchange: rules 301, 304, 306, 309, 311, 327, 329, 336, 344, 508.

use super::bench::*;
use crate::payload::{
    CancelReport, CreateReport, CreatedReport, Message, MessageKind, RegisterReport,
    RegisteredReport, Report, ReportDescription, ReportRequest, ReportSpecifier, ResponseCode,
    SpecifierPayload, UpdateReport,
};
use crate::value::{Duration, NonEmpty, ReadingType, ReportName, ReportType, VenId};
use crate::ven::Context;

fn offer() -> Report {
    Report {
        start: None,
        duration: Some(Duration::hours(1)),
        intervals: None,
        ei_report_id: None,
        descriptions: vec![ReportDescription {
            r_id: "power".parse().unwrap(),
            subject: None,
            data_source: None,
            report_type: ReportType::Usage,
            item_base: None,
            reading_type: ReadingType::DirectRead,
            market_context: None,
            sampling_rate: None,
        }],
        report_request_id: "0".parse().unwrap(),
        report_specifier_id: "usage".parse().unwrap(),
        report_name: Some(ReportName::MetadataTelemetryUsage),
        created: noon(),
    }
}

fn offering() -> Bench {
    Bench::registered_with(Context {
        reports: vec![offer()],
        ..context()
    })
}

fn wanted(id: &str, specifier: &str, r_id: &str) -> ReportRequest {
    ReportRequest {
        report_request_id: id.parse().unwrap(),
        specifier: ReportSpecifier {
            report_specifier_id: specifier.parse().unwrap(),
            granularity: Duration::ZERO,
            report_back: Duration::ZERO,
            interval: None,
            payloads: NonEmpty::one(SpecifierPayload {
                r_id: r_id.parse().unwrap(),
                item_base: None,
                reading_type: ReadingType::NotApplicable,
            }),
        },
    }
}

fn create(requests: Vec<ReportRequest>) -> CreateReport {
    CreateReport {
        request_id: request("q1"),
        report_requests: requests.try_into().unwrap(),
        ven_id: None,
    }
}

fn created_report(message: &Message) -> &CreatedReport {
    let Message::CreatedReport(message) = message else {
        panic!("not an oadrCreatedReport: {message:?}");
    };
    // Rule 508.
    assert_eq!(message.ven_id, Some(VenId::new("ven-1").unwrap()));
    message
}

fn pending(message: &CreatedReport) -> Vec<&str> {
    let ids = &message.pending_reports.report_request_ids;
    ids.iter().map(|id| id.as_str()).collect()
}

#[test]
fn rule_301_offers_are_made_even_if_there_are_none() {
    let mut bench = Bench::new();
    bench.say(&crate::ven::Input::Started);
    bench.reply(created(None));
    bench.reply(created(Some(("ven-1", "reg-1"))));
    let Message::RegisterReport(message) = bench.message() else {
        panic!("not the offers");
    };
    assert_eq!(message.reports, []);
    assert_eq!(message.ven_id, Some(VenId::new("ven-1").unwrap()));
    assert_eq!(message.report_request_id, None);
    assert!(!message.request_id.is_empty());
}

#[test]
fn rule_309_offers_come_right_after_the_registration() {
    let mut bench = Bench::new();
    bench.context.reports = vec![offer()];
    bench.say(&crate::ven::Input::Started);
    bench.reply(created(None));
    bench.reply(created(Some(("ven-1", "reg-1"))));
    let Message::RegisterReport(message) = bench.message() else {
        panic!("not the offers");
    };
    assert_eq!(message.reports, [offer()]);
}

#[test]
fn rule_301_the_vtns_offers_are_acknowledged() {
    // Quirk Q9: usually there are none.
    for reports in [Vec::new(), vec![offer()]] {
        let mut bench = Bench::registered();
        let posted = bench.poll(RegisterReport {
            request_id: request("r1"),
            reports,
            ven_id: Some(VenId::new("ven-1").unwrap()),
            report_request_id: None,
        });
        let [Message::RegisteredReport(message)] = &posted[..] else {
            panic!("not the answer: {posted:?}");
        };
        assert_eq!(message.ei_response.response_code, ResponseCode::OK);
        assert_eq!(message.ei_response.request_id, request("r1"));
        assert_eq!(message.report_requests, []);
        assert_eq!(message.ven_id, Some(VenId::new("ven-1").unwrap()));
    }
}

#[test]
fn rule_304_what_is_for_another_ven_is_452() {
    let mut bench = Bench::registered();
    let other = Some(VenId::new("Ven-1").unwrap());
    let posted = bench.poll(RegisterReport {
        request_id: request("r1"),
        reports: Vec::new(),
        ven_id: other.clone(),
        report_request_id: None,
    });
    let [Message::RegisteredReport(message)] = &posted[..] else {
        panic!("not the answer");
    };
    assert_eq!(message.ei_response.response_code, ResponseCode::INVALID_ID);
    let posted = bench.poll(CreateReport {
        ven_id: other,
        ..create(vec![wanted("rr", "METADATA", "0")])
    });
    assert_eq!(posted.len(), 1);
    let code = created_report(&posted[0]).ei_response.response_code;
    assert_eq!(code, ResponseCode::INVALID_ID);
}

#[test]
fn rule_327_a_request_for_metadata_is_granted_and_met() {
    let mut bench = offering();
    let posted = bench.poll(create(vec![wanted("rr", "METADATA", "0")]));
    let [granted, Message::RegisterReport(offers)] = &posted[..] else {
        panic!("not both: {posted:?}");
    };
    let granted = created_report(granted);
    assert_eq!(granted.ei_response.response_code, ResponseCode::OK);
    assert_eq!(granted.ei_response.request_id, request("q1"));
    // Rule 329: it is still to come.
    assert_eq!(pending(granted), ["rr"]);
    assert_eq!(offers.reports, [offer()]);
    // Rule 311.
    assert_eq!(offers.report_request_id, Some("rr".parse().unwrap()));
}

#[test]
fn an_answer_to_a_request_for_metadata_survives_the_process() {
    let mut bench = offering();
    bench.wait_for_poll();
    bench.reply(create(vec![wanted("rr", "METADATA", "0")]));
    bench.restart();
    assert_eq!(bench.sent(), MessageKind::CreatedReport);
    bench.reply(ok());
    bench.restart();
    assert_eq!(bench.sent(), MessageKind::RegisterReport);
}

#[test]
fn rule_304_unknown_specifiers_and_data_points_are_452() {
    for request in [
        wanted("rr", "other", "power"),
        wanted("rr", "usage", "other"),
    ] {
        let mut bench = offering();
        let posted = bench.poll(create(vec![wanted("m", "METADATA", "0"), request]));
        let [refused] = &posted[..] else {
            panic!("not one answer: {posted:?}");
        };
        let refused = created_report(refused);
        assert_eq!(refused.ei_response.response_code, ResponseCode::INVALID_ID);
        assert_eq!(refused.ei_response.request_id, request_id());
        assert_eq!(pending(refused), [""; 0]);
    }
}

fn request_id() -> crate::value::RequestId {
    request("q1")
}

#[test]
fn rule_344_requests_that_ride_on_the_acknowledgement_are_answered_under_its_id() {
    let mut bench = Bench::new();
    bench.context.reports = vec![offer()];
    bench.say(&crate::ven::Input::Started);
    bench.reply(created(None));
    bench.reply(created(Some(("ven-1", "reg-1"))));
    let mut answer = RegisteredReport {
        report_requests: vec![wanted("rr", "usage", "power")],
        ..registered_report()
    };
    answer.ei_response.request_id = request("tie");
    bench.reply(answer);
    // Queued behind what was owed before.
    assert_eq!(bench.sent(), MessageKind::RequestEvent);
    bench.reply(list(Vec::new()));
    let granted = created_report(bench.message());
    assert_eq!(granted.ei_response.request_id, request("tie"));
    assert_eq!(granted.ei_response.response_code, ResponseCode::OK);
    assert_eq!(pending(granted), ["rr"]);
    bench.reply(ok());
    assert_eq!(bench.sent(), MessageKind::Poll);
    bench.reply(ok());
    assert_eq!(bench.sent(), MessageKind::UpdateReport);
}

#[test]
fn rule_336_cancelling_what_is_not_pending_is_452() {
    let mut bench = offering();
    let posted = bench.poll(CancelReport {
        request_id: request("c1"),
        report_request_ids: NonEmpty::one("rr".parse().unwrap()),
        report_to_follow: false,
        ven_id: None,
    });
    let [Message::CanceledReport(message)] = &posted[..] else {
        panic!("not the answer");
    };
    assert_eq!(message.ei_response.response_code, ResponseCode::INVALID_ID);
    assert_eq!(message.ei_response.request_id, request("c1"));
    assert_eq!(message.pending_reports.report_request_ids, []);
    assert_eq!(message.ven_id, Some(VenId::new("ven-1").unwrap()));
}

#[test]
fn rule_304_data_that_was_not_asked_for_is_452() {
    let mut bench = offering();
    let posted = bench.poll(UpdateReport {
        request_id: request("u1"),
        reports: Vec::new(),
        ven_id: None,
    });
    let [Message::UpdatedReport(message)] = &posted[..] else {
        panic!("not the answer");
    };
    assert_eq!(message.ei_response.response_code, ResponseCode::INVALID_ID);
    assert_eq!(message.ei_response.request_id, request("u1"));
    assert_eq!(message.cancel_report, None);
}
