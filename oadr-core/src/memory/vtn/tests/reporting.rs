//! Reports of several VENs, from the offer to the readings.

use super::*;
use crate::payload::{
    CreatedReport, ItemBase, PendingReports, RegisterReport, Report, ReportDescription,
    ReportPayload, UpdateReport,
};
use crate::reading::ReadingPayload;
use crate::value::{
    RId, ReadingType, ReportName, ReportRequestId, ReportSpecifierId, ReportType, SiScaleCode,
};
use crate::vtn::{ReportPolicy, ReportProgress, WantedReport};

fn offer() -> Report {
    Report {
        start: None,
        duration: Some(Duration::hours(1)),
        intervals: None,
        ei_report_id: None,
        descriptions: vec![ReportDescription {
            r_id: RId::new("meter").unwrap(),
            subject: None,
            data_source: None,
            report_type: ReportType::Usage,
            item_base: Some(ItemBase::EnergyReal(SiScaleCode::None)),
            reading_type: ReadingType::DirectRead,
            market_context: None,
            sampling_rate: None,
        }],
        report_request_id: ReportRequestId::new("0").unwrap(),
        report_specifier_id: ReportSpecifierId::new("usage").unwrap(),
        report_name: Some(ReportName::MetadataTelemetryUsage),
        created: DateTime::UNIX_EPOCH,
    }
}

fn policy(ven: &str) -> ReportPolicy {
    ReportPolicy {
        name: Text::new("usage").unwrap(),
        vens: vec![Text::new(ven).unwrap()],
        groups: Vec::new(),
        report_name: None,
        measurement: None,
        resource: None,
        granularity: Duration::minutes(1),
        report_back: Duration::minutes(1),
        duration: Duration::ZERO,
    }
}

impl World {
    /// What is requested of a VEN that says what it offers.
    fn offer(&mut self, ven_id: &VenId) -> Vec<ReportRequestId> {
        let register = RegisterReport {
            request_id: RequestId::default(),
            reports: vec![offer()],
            ven_id: Some(ven_id.clone()),
            report_request_id: None,
        };
        match self.send(&Peer::Unproven, register) {
            Message::RegisteredReport(registered) => {
                let requests = registered.report_requests.into_iter();
                requests.map(|request| request.report_request_id).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    /// The code of the answer to a minute's value.
    fn report(
        &mut self,
        ven_id: &VenId,
        request: &ReportRequestId,
        minute: i64,
        value: f64,
    ) -> u16 {
        let start = self.now + TimeDelta::minutes(minute);
        let update = UpdateReport {
            request_id: RequestId::default(),
            reports: vec![Report {
                start: Some(start),
                duration: None,
                intervals: Some(NonEmpty::one(Interval {
                    start: Some(start),
                    duration: Some(Duration::minutes(1)),
                    uid: None,
                    payloads: NonEmpty::one(StreamPayload::Report(ReportPayload {
                        r_id: RId::new("meter").unwrap(),
                        confidence: None,
                        accuracy: None,
                        payload: Payload::Float(Float::from(value)),
                        data_quality: None,
                    })),
                })),
                descriptions: Vec::new(),
                report_request_id: request.clone(),
                ..offer()
            }],
            ven_id: Some(ven_id.clone()),
        };
        match self.send(&Peer::Unproven, update) {
            Message::UpdatedReport(updated) => updated.ei_response.response_code.get(),
            other => panic!("{other:?}"),
        }
    }

    fn values(&self, ven: &str, request: &ReportRequestId) -> Vec<f64> {
        let kept = self.host.readings(self.key(ven), request);
        kept.map(|kept| match &kept.reading.payload {
            ReadingPayload::Float(value) => value.get(),
            ReadingPayload::ResourceStatus(_) | ReadingPayload::GreenButton(_) => {
                panic!("no number")
            }
        })
        .collect()
    }
}

#[test]
fn readings_are_kept_by_ven_and_request() {
    let mut world = World::new(|_| {});
    world.host.set_report_policies(vec![policy("house")]);
    let house = world.register("house");
    let villa = world.register("villa");
    let requests = world.offer(&house);
    assert_eq!(requests.len(), 1);
    assert!(world.offer(&villa).is_empty(), "nobody wants its report");
    for (minute, value) in [(0, 1.0), (1, 2.0), (0, 1.0)] {
        assert_eq!(world.report(&house, &requests[0], minute, value), 200);
    }
    assert_eq!(world.report(&villa, &requests[0], 0, 9.0), 452);
    assert_eq!(world.values("house", &requests[0]), [1.0, 2.0]);
    assert!(world.values("villa", &requests[0]).is_empty());
}

#[test]
fn the_application_is_asked_what_it_wants_and_told_what_comes() {
    let mut world = World::new(|_| {});
    world.host.on_reports(|offered| {
        let wanted = offered.reports.iter().map(|report| WantedReport {
            report_specifier_id: report.report_specifier_id.clone(),
            r_ids: Vec::new(),
            granularity: Duration::minutes(1),
            report_back: Duration::minutes(1),
            start: None,
            duration: Duration::ZERO,
        });
        wanted.collect()
    });
    world.host.tell_readings();
    let house = world.register("house");
    let requests = world.offer(&house);
    world.host.take_effects();
    assert_eq!(world.report(&house, &requests[0], 0, 4.0), 200);
    let effects = world.host.take_effects();
    match &effects[..] {
        [
            (
                _,
                _,
                Effect::ReportReceived {
                    readings: 1,
                    data: Some(data),
                    ..
                },
            ),
        ] => {
            assert_eq!(data.points[0].measurement(), Some("energyReal"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_operator_requests_and_cancels() {
    let mut world = World::new(|_| {});
    let house = world.register("house");
    world.offer(&house);
    let request = ReportRequestId::new("mine").unwrap();
    let wanted = Command::RequestReport {
        report_request_id: request.clone(),
        wanted: WantedReport {
            report_specifier_id: ReportSpecifierId::new("usage").unwrap(),
            r_ids: vec![RId::new("meter").unwrap()],
            granularity: Duration::ZERO,
            report_back: Duration::ZERO,
            start: None,
            duration: Duration::ZERO,
        },
    };
    let (key, now) = (world.key("house"), world.now);
    world
        .host
        .command(Some(key), &wanted, now, [1; 32])
        .unwrap();
    // Our own metadata are sent, so the request is next.
    let create = match world.poll(&house) {
        Message::CreateReport(create) => create,
        other => panic!("{other:?}"),
    };
    world.send(
        &Peer::Unproven,
        CreatedReport {
            ei_response: EiResponse::ok(create.request_id),
            pending_reports: PendingReports::default(),
            ven_id: Some(house.clone()),
        },
    );
    let progress = |world: &World| {
        let (_, ven) = world.host.ven("house").unwrap();
        ven.report_request(&request).unwrap().progress.clone()
    };
    assert_eq!(progress(&world), ReportProgress::Accepted);
    let cancel = Command::CancelReport {
        report_request_id: request.clone(),
        report_to_follow: false,
    };
    world
        .host
        .command(Some(key), &cancel, now, [2; 32])
        .unwrap();
    assert!(matches!(world.poll(&house), Message::CancelReport(_)));
    // Nobody answers: it is given up one day, and forgotten in the end.
    for _ in 0..2 {
        world.now = world.host.next_deadline().unwrap();
        assert!(world.host.wake(world.now, [9; 32]).is_empty());
    }
    let (_, ven) = world.host.ven("house").unwrap();
    assert_eq!(ven.report_requests().count(), 0);
}
