//! A VEN that offers reports: what it offers, and what it hears and says of requests.

use super::*;
use crate::payload::{
    CanceledReport, CreateReport, CreatedReport, ItemBase, PendingReports, PowerAttributes,
    PowerReal, PowerUnit, RegisterReport, Report, ReportDescription, ReportRequest, SamplingRate,
    Target,
};
use crate::value::{
    Decimal, RId, ReadingType, ReportName, ReportRequestId, ReportSpecifierId, ReportType,
    ResourceId, SiScaleCode,
};

/// A data point of usage that can be sampled every second to every hour.
pub(super) fn point(r_id: &str, resource: &str) -> ReportDescription {
    ReportDescription {
        r_id: RId::new(r_id).unwrap(),
        subject: None,
        data_source: Some(Target {
            resource_ids: vec![ResourceId::new(resource).unwrap()],
            ..Target::default()
        }),
        report_type: ReportType::Usage,
        item_base: Some(ItemBase::PowerReal(PowerReal {
            units: PowerUnit::Watt,
            scale: SiScaleCode::Kilo,
            attributes: PowerAttributes {
                hertz: Decimal::new("50").unwrap(),
                voltage: Decimal::new("230").unwrap(),
                ac: true,
            },
        })),
        reading_type: ReadingType::DirectRead,
        market_context: None,
        sampling_rate: Some(SamplingRate {
            min_period: Duration::seconds(1),
            max_period: Duration::hours(1),
            on_change: false,
        }),
    }
}

pub(super) fn status(r_id: &str, resource: &str) -> ReportDescription {
    ReportDescription {
        report_type: ReportType::ResourceStatus,
        item_base: None,
        reading_type: ReadingType::NotApplicable,
        ..point(r_id, resource)
    }
}

pub(super) fn offer(
    specifier: &str,
    name: ReportName,
    descriptions: Vec<ReportDescription>,
) -> Report {
    Report {
        start: None,
        duration: Some(Duration::hours(2)),
        intervals: None,
        ei_report_id: None,
        descriptions,
        report_request_id: ReportRequestId::new("0").unwrap(),
        report_specifier_id: ReportSpecifierId::new(specifier).unwrap(),
        report_name: Some(name),
        created: midnight(),
    }
}

/// Usage of two meters, the status of one, and the past.
pub(super) fn offers() -> Vec<Report> {
    vec![
        offer(
            "usage",
            ReportName::MetadataTelemetryUsage,
            vec![point("a", "boiler"), point("b", "pump")],
        ),
        offer(
            "status",
            ReportName::MetadataTelemetryStatus,
            vec![status("s", "boiler")],
        ),
        offer(
            "past",
            ReportName::MetadataHistoryUsage,
            vec![point("h", "boiler")],
        ),
    ]
}

pub(super) fn wanted(specifier: &str) -> WantedReport {
    WantedReport {
        report_specifier_id: ReportSpecifierId::new(specifier).unwrap(),
        r_ids: Vec::new(),
        granularity: Duration::minutes(1),
        report_back: Duration::minutes(2),
        start: None,
        duration: Duration::ZERO,
    }
}

pub(super) fn once(specifier: &str) -> WantedReport {
    WantedReport {
        granularity: Duration::ZERO,
        report_back: Duration::ZERO,
        ..wanted(specifier)
    }
}

pub(super) fn id(id: &str) -> ReportRequestId {
    ReportRequestId::new(id).unwrap()
}

impl Rig {
    /// A registered VEN that offers these reports.
    pub(super) fn offering(reports: Vec<Report>) -> Self {
        let mut rig = Self::registered();
        rig.offer(reports);
        rig.effects.clear();
        rig
    }

    pub(super) fn offer_outcome(&mut self, reports: Vec<Report>) -> Outcome {
        self.send(RegisterReport {
            request_id: RequestId::new("offer").unwrap(),
            reports,
            ven_id: Some(self.ven_id()),
            report_request_id: None,
        })
    }

    /// The VEN says what it offers; which requests came with the answer.
    pub(super) fn offer(&mut self, reports: Vec<Report>) -> Vec<ReportRequest> {
        match self.offer_outcome(reports).message() {
            Message::RegisteredReport(registered) => {
                assert_eq!(registered.ei_response, ok("offer"));
                registered.report_requests
            }
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn want(
        &mut self,
        report_request_id: &str,
        wanted: WantedReport,
    ) -> Result<Outcome, CommandError> {
        self.command(&Command::RequestReport {
            report_request_id: id(report_request_id),
            wanted,
        })
    }

    pub(super) fn want_no_more(&mut self, report_request_id: &str, report_to_follow: bool) {
        self.command(&Command::CancelReport {
            report_request_id: id(report_request_id),
            report_to_follow,
        })
        .unwrap();
    }

    pub(super) fn polled_requests(&mut self) -> CreateReport {
        match self.poll() {
            Message::CreateReport(create) => create,
            other => panic!("{other:?}"),
        }
    }

    /// The request that a poll brings to cancel, and whether one report is to follow.
    pub(super) fn polled_cancellation(&mut self) -> (String, bool) {
        match self.poll() {
            Message::CancelReport(cancel) => {
                assert_eq!(cancel.report_request_ids.len(), 1);
                (
                    cancel.report_request_ids.first().to_string(),
                    cancel.report_to_follow,
                )
            }
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn created(&mut self, code: u16, request_id: &str, pending: &[&str]) -> Outcome {
        let ei_response = EiResponse::new(
            ResponseCode::new(code).unwrap(),
            "",
            RequestId::new(request_id).unwrap(),
        );
        self.send(CreatedReport {
            ei_response,
            pending_reports: pending_reports(pending),
            ven_id: None,
        })
    }

    pub(super) fn canceled(&mut self, code: u16, pending: &[&str]) -> Outcome {
        let code = ResponseCode::new(code).unwrap();
        self.send(CanceledReport {
            ei_response: EiResponse::new(code, "", RequestId::default()),
            pending_reports: pending_reports(pending),
            ven_id: None,
        })
    }

    pub(super) fn progress(&self, report_request_id: &str) -> &ReportProgress {
        let known = self.state().report_request(&id(report_request_id));
        &known.unwrap().progress
    }

    /// Requests this, and the VEN takes it on.
    pub(super) fn accepted(&mut self, report_request_id: &str, wanted: WantedReport) {
        self.want(report_request_id, wanted).unwrap();
        let create = self.polled_requests();
        let outcome = self.created(200, create.request_id.as_str(), &[report_request_id]);
        assert_eq!(outcome.code(), 200);
        assert_eq!(*self.progress(report_request_id), ReportProgress::Accepted);
        self.effects.clear();
    }
}

fn pending_reports(ids: &[&str]) -> PendingReports {
    PendingReports {
        report_request_ids: ids.iter().map(|pending| id(pending)).collect(),
    }
}

pub(super) fn ids(requests: &[ReportRequest]) -> Vec<&str> {
    let ids = requests.iter().map(|r| r.report_request_id.as_str());
    ids.collect()
}
