//! Data: taken apart, kept under the request that they answer, and acknowledged.

use super::reporter::{id, offer, offers, once, point, wanted};
use super::*;
use crate::payload::{
    GreenButton, Report, ReportPayload, ResourceStatus, UpdateReport, UpdatedReport,
};
use crate::reading::{Reading, ReadingPayload};
use crate::value::{DataQuality, RId, ReportName, ReportSpecifierId};

/// An interval of data: when from midnight, how long, its number; minutes each.
pub(super) fn span(
    start: Option<i64>,
    length: Option<u32>,
    uid: Option<&str>,
    values: &[(&str, f64)],
) -> Interval {
    let payloads = values.iter().map(|(r_id, value)| {
        StreamPayload::Report(ReportPayload {
            r_id: RId::new(r_id).unwrap(),
            confidence: None,
            accuracy: None,
            payload: Payload::Float(Float::from(*value)),
            data_quality: None,
        })
    });
    Interval {
        start: start.map(|minutes| midnight() + TimeDelta::minutes(minutes)),
        duration: length.map(Duration::minutes),
        uid: uid.map(|uid| Text::new(uid).unwrap()),
        payloads: NonEmpty::try_from(payloads.collect::<Vec<_>>()).unwrap(),
    }
}

pub(super) fn data(request: &str, specifier: &str, intervals: Vec<Interval>) -> Report {
    Report {
        start: Some(midnight()),
        duration: None,
        intervals: NonEmpty::try_from(intervals).ok(),
        ei_report_id: None,
        descriptions: Vec::new(),
        report_request_id: id(request),
        report_specifier_id: ReportSpecifierId::new(specifier).unwrap(),
        report_name: Some(ReportName::TelemetryUsage),
        created: midnight() + TimeDelta::minutes(2),
    }
}

/// A minute of the first meter.
pub(super) fn minute(request: &str) -> Report {
    data(
        request,
        "usage",
        vec![span(Some(0), Some(1), Some("0"), &[("a", 1.5)])],
    )
}

impl Rig {
    pub(super) fn update_outcome(&mut self, reports: Vec<Report>) -> Outcome {
        self.send(UpdateReport {
            request_id: RequestId::new("update").unwrap(),
            reports,
            ven_id: Some(self.ven_id()),
        })
    }

    pub(super) fn update(&mut self, reports: Vec<Report>) -> UpdatedReport {
        match self.update_outcome(reports).message() {
            Message::UpdatedReport(updated) => {
                assert_eq!(
                    updated.ei_response.request_id.as_str(),
                    "update",
                    "rule 303"
                );
                updated
            }
            other => panic!("{other:?}"),
        }
    }

    /// The code of the answer.
    pub(super) fn updated(&mut self, report: Report) -> u16 {
        let updated = self.update(vec![report]);
        updated.ei_response.response_code.get()
    }

    /// Data point, start, length and value of what was kept, in minutes.
    pub(super) fn kept(&self) -> Vec<(&str, i64, Option<i64>, f64)> {
        let readings = self.readings.iter().flat_map(|fact| &fact.readings);
        readings.map(seen_reading).collect()
    }
}

fn seen_reading(reading: &Reading) -> (&str, i64, Option<i64>, f64) {
    let length = reading
        .duration
        .map(|d| d.span_from(reading.start).num_minutes());
    let value = match &reading.payload {
        ReadingPayload::Float(value) => value.get(),
        ReadingPayload::ResourceStatus(status) => f64::from(u8::from(status.online)),
        ReadingPayload::GreenButton(_) => panic!("a feed"),
    };
    let start = (reading.start - midnight()).num_minutes();
    (reading.r_id.as_str(), start, length, value)
}

pub(super) fn requested() -> Rig {
    let mut rig = Rig::offering(offers());
    rig.accepted("r", wanted("usage"));
    rig
}

#[test]
fn rule_313_data_are_kept_with_what_the_ven_said_of_them() {
    let mut rig = requested();
    rig.context.asks.updates = true;
    let outcome = rig.update_outcome(vec![minute("r")]);
    let fact = rig.readings.pop().unwrap();
    assert_eq!(fact.ven_id, rig.ven_id());
    assert_eq!(fact.report_request_id, id("r"));
    assert_eq!(fact.report_specifier_id.as_str(), "usage");
    assert_eq!(fact.report_name, Some(ReportName::TelemetryUsage));
    assert_eq!(fact.created, midnight() + TimeDelta::minutes(2));
    // Of the two data points that were requested the one that came.
    assert_eq!(fact.points, [PointFact::of(&point("a", "boiler"))]);
    assert_eq!(fact.points[0].measurement(), Some("powerReal"));
    assert_eq!(fact.points[0].resource_ids[0].as_str(), "boiler");
    assert_eq!(seen_reading(&fact.readings[0]), ("a", 0, Some(1), 1.5));
    assert_eq!(
        outcome.effects,
        [Effect::ReportReceived {
            ven_id: rig.ven_id(),
            report_request_id: id("r"),
            readings: 1,
            data: Some(Box::new(fact)),
        }]
    );
    let known = rig.state().report_request(&id("r")).unwrap();
    let until = Some(midnight() + TimeDelta::minutes(1));
    let received = rig.now;
    assert_eq!(known.last, Some(LastReport { received, until }));
    // Nobody waits for the readings: they need not travel.
    rig.context.asks.updates = false;
    match &rig.update_outcome(vec![minute("r")]).effects[..] {
        [Effect::ReportReceived { data: None, .. }] => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn rule_314_starts_of_intervals_are_taken_as_they_are() {
    let mut rig = requested();
    let intervals = vec![
        span(Some(3), None, Some("7"), &[("a", 1.0), ("b", 2.0)]),
        span(Some(5), None, None, &[("a", 3.0)]),
    ];
    assert_eq!(rig.updated(data("r", "usage", intervals)), 200);
    assert_eq!(
        rig.kept(),
        [
            ("a", 3, None, 1.0),
            ("b", 3, None, 2.0),
            ("a", 5, None, 3.0)
        ]
    );
}

#[test]
fn rule_315_without_starts_intervals_follow_each_other_from_the_start_of_the_report() {
    let mut rig = requested();
    let intervals = vec![
        span(None, Some(2), Some("0"), &[("a", 1.0)]),
        span(None, Some(3), Some("1"), &[("a", 2.0)]),
        span(None, Some(1), Some("2"), &[("a", 3.0)]),
    ];
    assert_eq!(rig.updated(data("r", "usage", intervals)), 200);
    assert_eq!(
        rig.kept(),
        [
            ("a", 0, Some(2), 1.0),
            ("a", 2, Some(3), 2.0),
            ("a", 5, Some(1), 3.0)
        ]
    );
    // One alone needs no length: it is a point in time. So is one of no length.
    for length in [None, Some(0)] {
        rig.readings.clear();
        let point = vec![span(None, length, Some("0"), &[("a", 4.0)])];
        assert_eq!(rig.updated(data("r", "usage", point)), 200);
        assert_eq!(rig.kept(), [("a", 0, None, 4.0)]);
    }
}

#[test]
fn rule_315_what_has_no_place_in_time_is_refused() {
    let mut rig = requested();
    let point = |uid| span(None, None, Some(uid), &[("a", 1.0)]);
    let two = data("r", "usage", vec![point("0"), point("1")]);
    let mut never = data("r", "usage", vec![point("0")]);
    never.start = None;
    let mut backwards = minute("r");
    let negative = Duration::from_time_delta(TimeDelta::minutes(-1));
    if let Some(intervals) = &mut backwards.intervals {
        intervals
            .iter_mut()
            .for_each(|i| i.duration = Some(negative));
    }
    for report in [two, never, backwards] {
        let outcome = rig.update_outcome(vec![report]);
        assert!(outcome.changes.is_empty());
        assert_eq!(outcome.code(), 454);
    }
    assert!(rig.readings.is_empty());
}

#[test]
fn rule_316_without_starts_the_numbers_give_the_order() {
    let mut rig = requested();
    let of = |uids: [Option<&'static str>; 3]| {
        let lengths = [1, 2, 3];
        let spans = uids.into_iter().zip(lengths);
        let spans = spans.map(|(uid, n)| span(None, Some(n), uid, &[("a", f64::from(n))]));
        data("r", "usage", spans.collect())
    };
    assert_eq!(rig.updated(of([Some("12"), Some("10"), Some("11")])), 200);
    assert_eq!(
        rig.kept(),
        [
            ("a", 0, Some(2), 2.0),
            ("a", 2, Some(3), 3.0),
            ("a", 5, Some(1), 1.0)
        ]
    );
    rig.readings.clear();
    // Without any numbers, the order is that of the document.
    assert_eq!(rig.updated(of([None, None, None])), 200);
    assert_eq!(rig.kept()[2], ("a", 3, Some(3), 3.0));
    rig.readings.clear();
    for gap in [
        [Some("0"), Some("1"), Some("3")],
        [Some("0"), Some("0"), Some("1")],
        [Some("0"), None, Some("1")],
        [Some("0"), Some("one"), Some("2")],
    ] {
        assert_eq!(rig.updated(of(gap)), 450);
    }
    assert!(rig.readings.is_empty());
}

#[test]
fn rule_342_readings_keep_whether_they_are_of_a_point_or_a_stretch_of_time() {
    let mut rig = requested();
    let intervals = vec![
        span(Some(0), Some(1), None, &[("a", 1.0)]),
        span(Some(1), None, None, &[("a", 2.0)]),
    ];
    assert_eq!(rig.updated(data("r", "usage", intervals)), 200);
    assert_eq!(rig.kept(), [("a", 0, Some(1), 1.0), ("a", 1, None, 2.0)]);
}

#[test]
fn rule_304_what_nobody_asked_for_is_refused_and_takes_nothing_from_the_rest() {
    let mut rig = requested();
    let unknown = minute("x");
    let elsewhere = data(
        "r",
        "status",
        vec![span(Some(0), None, None, &[("s", 1.0)])],
    );
    for report in [unknown.clone(), elsewhere] {
        let outcome = rig.update_outcome(vec![report]);
        assert!(outcome.changes.is_empty());
        assert_eq!(outcome.code(), 452);
    }
    // A data point too many.
    let more = vec![span(Some(0), None, None, &[("a", 1.0), ("z", 2.0)])];
    let updated = rig.update(vec![data("r", "usage", more)]);
    assert_eq!(updated.ei_response.response_code.get(), 452);
    let why = updated.ei_response.response_description.unwrap();
    assert_eq!(
        why.as_str(),
        "the rID z is not of the request r; all else was taken"
    );
    assert_eq!(rig.kept(), [("a", 0, None, 1.0)]);
    // A bad report beside a good one.
    rig.readings.clear();
    let updated = rig.update(vec![unknown.clone(), minute("r"), unknown]);
    let why = updated.ei_response.response_description.unwrap();
    assert_eq!(
        why.as_str(),
        "the reportRequestID x is not known, and 1 more; all else was taken"
    );
    assert_eq!(rig.kept(), [("a", 0, Some(1), 1.5)]);
}

#[test]
fn metadata_do_not_come_as_data() {
    let mut rig = Rig::offering(offers());
    rig.accepted("m", once("METADATA"));
    assert_eq!(rig.updated(data("m", "METADATA", Vec::new())), 452);
    let signal = Interval {
        payloads: NonEmpty::one(StreamPayload::Signal(Payload::Float(Float::from(1.0)))),
        ..span(Some(0), None, None, &[("a", 1.0)])
    };
    rig.accepted("r", wanted("usage"));
    assert_eq!(rig.updated(data("r", "usage", vec![signal])), 459);
}

#[test]
fn rule_318_bad_quality_is_kept_as_such() {
    let mut rig = requested();
    let mut bad = span(Some(0), None, None, &[("a", 0.0)]);
    if let StreamPayload::Report(payload) = bad.payloads.iter_mut().next().unwrap() {
        payload.data_quality = Some(DataQuality::BadDeviceFailure);
        payload.accuracy = Some(Float::from(0.5));
    }
    assert_eq!(rig.updated(data("r", "usage", vec![bad])), 200);
    let reading = &rig.readings[0].readings[0];
    assert_eq!(reading.quality, Some(DataQuality::BadDeviceFailure));
    assert_eq!(reading.accuracy, Some(Float::from(0.5)));
}

#[test]
fn rule_319_the_status_of_a_resource_is_a_reading_and_a_number_for_it_too() {
    let mut rig = Rig::offering(offers());
    rig.accepted("s", wanted("status"));
    let mut status = span(Some(0), Some(1), Some("0"), &[("s", 0.0)]);
    if let StreamPayload::Report(payload) = status.payloads.iter_mut().next().unwrap() {
        payload.payload = Payload::ResourceStatus(Box::new(ResourceStatus {
            online: true,
            manual_override: false,
            load_control_state: None,
        }));
    }
    // OpenLEADR sends the latter.
    let number = span(Some(1), None, None, &[("s", 7.0)]);
    for (interval, kept) in [
        (status, ("s", 0, Some(1), 1.0)),
        (number, ("s", 1, None, 7.0)),
    ] {
        rig.readings.clear();
        assert_eq!(rig.updated(data("s", "status", vec![interval])), 200);
        assert_eq!(rig.kept(), [kept]);
        assert_eq!(rig.readings[0].points[0].measurement(), Some("status"));
    }
}

#[test]
fn rule_339_the_report_id_means_nothing() {
    let mut rig = requested();
    for ei_report_id in [Some(Text::default()), Text::new("7").ok(), None] {
        let report = Report {
            ei_report_id,
            ..minute("r")
        };
        assert_eq!(rig.updated(report), 200);
    }
    let first = rig.readings[0].clone();
    assert!(rig.readings.iter().all(|fact| *fact == first));
}

#[test]
fn a_report_without_intervals_is_a_sign_of_life() {
    let mut rig = requested();
    rig.advance(60);
    assert_eq!(rig.updated(data("r", "usage", Vec::new())), 200);
    assert!(rig.readings.is_empty());
    let last = rig.state().report_request(&id("r")).unwrap().last;
    let received = rig.now;
    let until = None;
    assert_eq!(last, Some(LastReport { received, until }));
    // The message may be empty as a whole.
    let outcome = rig.update_outcome(Vec::new());
    assert!(outcome.changes.is_empty());
    assert_eq!(outcome.code(), 200);
}

#[test]
fn quirk_q22_reports_without_a_ven_id_are_taken() {
    let mut rig = requested();
    let outcome = rig.send(UpdateReport {
        request_id: RequestId::default(),
        reports: vec![Report {
            report_name: None,
            ..minute("r")
        }],
        ven_id: None,
    });
    assert_eq!(outcome.code(), 200);
    assert_eq!(rig.kept().len(), 1);
}

#[test]
fn rule_346_data_that_come_twice_are_the_same_fact() {
    let mut rig = requested();
    for _ in 0..2 {
        assert_eq!(rig.updated(minute("r")), 200);
    }
    assert_eq!(rig.readings[0], rig.readings[1]);
}

#[test]
fn rule_324_one_report_is_all_that_was_wanted_once() {
    let mut rig = Rig::offering(offers());
    rig.want("r", once("usage")).unwrap();
    let create = rig.polled_requests();
    // OpenLEADR's data may come before its answer.
    assert_eq!(rig.updated(minute("r")), 200);
    let over = rig.progress("r").clone();
    assert!(matches!(
        over,
        ReportProgress::Over {
            to_follow: None,
            ..
        }
    ));
    rig.created(200, create.request_id.as_str(), &[]);
    assert_eq!(*rig.progress("r"), over);
    // A correction is welcome (rule 346), until it is late for that.
    rig.advance(6 * 86_400);
    assert_eq!(rig.updated(minute("r")), 200);
    rig.advance(86_400);
    rig.deadline();
    assert_eq!(rig.updated(minute("r")), 452);
}

#[test]
fn data_are_as_good_as_an_answer_to_the_request() {
    let mut rig = Rig::offering(offers());
    rig.want("r", wanted("usage")).unwrap();
    rig.polled_requests();
    assert_eq!(rig.updated(minute("r")), 200);
    assert_eq!(*rig.progress("r"), ReportProgress::Accepted);
    rig.advance(600);
    assert!(rig.polls_in_vain());
}

#[test]
fn data_that_an_outage_held_up_are_taken_after_the_request_ended() {
    let mut rig = Rig::offering(offers());
    let hour = WantedReport {
        duration: Duration::hours(1),
        ..wanted("usage")
    };
    rig.accepted("r", hour);
    rig.advance(2 * 86_400);
    rig.deadline();
    let updated = rig.update(vec![minute("r")]);
    assert_eq!(updated.ei_response.response_code.get(), 200);
    assert_eq!(updated.cancel_report, None);
    assert_eq!(rig.kept().len(), 1);
}

#[test]
fn an_offer_of_many_points_is_reported_in_one_go() {
    let names: Vec<String> = (0..500).map(|n| format!("p{n}")).collect();
    let points = names.iter().map(|name| point(name, "boiler")).collect();
    let name = ReportName::MetadataTelemetryUsage;
    let mut rig = Rig::offering(vec![offer("usage", name, points)]);
    rig.accepted("r", wanted("usage"));
    let values: Vec<_> = names.iter().map(|name| (name.as_str(), 1.0)).collect();
    let report = data("r", "usage", vec![span(Some(0), None, None, &values)]);
    assert_eq!(rig.updated(report), 200);
    assert_eq!(rig.readings[0].points.len(), 500);
}

#[test]
fn rule_303_answers_carry_the_request_id_of_the_message_if_it_has_one() {
    let mut rig = requested();
    for request_id in ["", "u-1"] {
        let outcome = rig.send(UpdateReport {
            request_id: RequestId::new(request_id).unwrap(),
            reports: vec![minute("r"), minute("unknown")],
            ven_id: None,
        });
        match outcome.message() {
            Message::UpdatedReport(updated) => {
                assert_eq!(updated.ei_response.request_id.as_str(), request_id);
            }
            other => panic!("{other:?}"),
        }
        let mut posted = rig.created(200, request_id, &[]);
        for _ in 0..2 {
            match posted.message() {
                Message::Response(response) => {
                    assert_eq!(response.ei_response.request_id.as_str(), request_id);
                }
                other => panic!("{other:?}"),
            }
            posted = rig.send(crate::payload::CanceledReport {
                ei_response: ok(request_id),
                pending_reports: crate::payload::PendingReports::default(),
                ven_id: None,
            });
        }
    }
}

fn feed(start: Option<i64>) -> Interval {
    let text = r#"<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:uuid:1</id></feed>"#;
    Interval {
        payloads: NonEmpty::one(StreamPayload::GreenButton(GreenButton::new(text).unwrap())),
        ..span(start, Some(60), None, &[("a", 0.0)])
    }
}

#[test]
fn a_feed_is_of_the_only_data_point_that_was_asked_for() {
    let mut rig = Rig::offering(offers());
    rig.accepted("s", wanted("status"));
    assert_eq!(rig.updated(data("s", "status", vec![feed(Some(0))])), 200);
    let reading = &rig.readings[0].readings[0];
    assert_eq!(reading.r_id.as_str(), "s");
    let ReadingPayload::GreenButton(kept) = &reading.payload else {
        panic!("{reading:?}");
    };
    assert!(kept.as_str().contains("urn:uuid:1"));
}

#[test]
fn a_feed_for_one_of_several_data_points_is_refused() {
    let mut rig = requested();
    let feeds = data("r", "usage", vec![feed(Some(0))]);
    assert_eq!(rig.updated(feeds), 454);
    assert!(rig.readings.is_empty());
}
