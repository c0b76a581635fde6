//! Requests that metadata or a registration end, and that are made again.

use super::policies::{asked, policy, under};
use super::reporter::{id, ids, offer, offers, once, point, wanted};
use super::*;
use crate::payload::{
    CancelPartyRegistration, ItemBase, RegisterReport, Report, ReportRequest, UpdateReport,
};
use crate::value::{
    RId, RegistrationId, ReportName, ReportRequestId, ReportSpecifierId, SiScaleCode,
};

fn data(request: &str, specifier: &str, minute: i64) -> Report {
    let start = midnight() + TimeDelta::minutes(minute);
    Report {
        start: Some(start),
        duration: None,
        intervals: Some(NonEmpty::one(Interval {
            start: Some(start),
            duration: Some(Duration::minutes(1)),
            uid: None,
            payloads: NonEmpty::one(StreamPayload::Report(crate::payload::ReportPayload {
                r_id: RId::new("a").unwrap(),
                confidence: None,
                accuracy: None,
                payload: Payload::Float(Float::from(1.0)),
                data_quality: None,
            })),
        })),
        ei_report_id: None,
        descriptions: Vec::new(),
        report_request_id: id(request),
        report_specifier_id: ReportSpecifierId::new(specifier).unwrap(),
        report_name: Some(ReportName::TelemetryUsage),
        created: start,
    }
}

impl Rig {
    fn report(&mut self, report: Report) -> u16 {
        self.send(UpdateReport {
            request_id: RequestId::default(),
            reports: vec![report],
            ven_id: None,
        })
        .code()
    }

    /// The VEN says what it offers, in answer to this request for METADATA.
    fn offer_for(&mut self, request: Option<&str>, reports: Vec<Report>) -> Vec<ReportRequest> {
        let answer = self.send(RegisterReport {
            request_id: RequestId::default(),
            reports,
            ven_id: None,
            report_request_id: request.map(|request| ReportRequestId::new(request).unwrap()),
        });
        match answer.message() {
            Message::RegisteredReport(registered) => registered.report_requests,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn rule_306_metadata_end_requests_and_what_is_wanted_is_asked_for_again() {
    let mut rig = under(vec![policy("usage")]);
    rig.offer(offers());
    let by_policy = rig.state().report_requests().next().unwrap();
    let by_policy = by_policy.report_request_id.to_string();
    rig.accepted("s", wanted("status"));
    rig.accepted("gone", once("past"));
    rig.accepted("unwanted", wanted("status").at_another_pace());
    rig.want_no_more("unwanted", false);
    rig.effects.clear();

    let requests = rig.offer(offers());
    assert_eq!(ids(&requests), ["s", "gone", &by_policy]);
    assert_eq!(
        rig.effects,
        [Effect::ReportCancelled {
            ven_id: rig.ven_id(),
            report_request_id: id("unwanted"),
        }],
        "the metadata did it"
    );
    rig.created(200, "offer", &["s", &by_policy]);
    assert_eq!(*rig.progress("s"), ReportProgress::Accepted);

    // Gone from the offers, and there again.
    let reports = offers();
    let requests = rig.offer(vec![reports[0].clone()]);
    assert_eq!(ids(&requests), [&by_policy]);
    assert_eq!(*rig.progress("s"), ReportProgress::Unoffered);
    assert!(rig.polls_in_vain());
    let requests = rig.offer(reports);
    assert_eq!(ids(&requests), ["s", "gone", &by_policy]);
}

impl WantedReport {
    fn at_another_pace(self) -> Self {
        Self {
            granularity: Duration::minutes(2),
            ..self
        }
    }
}

#[test]
fn rule_306_nothing_lies_between_the_data_before_and_after_metadata() {
    let mut rig = Rig::offering(offers());
    let open = wanted("usage");
    let day = WantedReport {
        duration: Duration::days(1),
        ..wanted("usage").at_another_pace()
    };
    rig.accepted("open", open);
    rig.accepted("day", day);
    assert_eq!(rig.report(data("open", "usage", 9)), 200);
    assert_eq!(rig.report(data("day", "usage", 29)), 200);
    rig.advance(3_600);
    let spans = |requests: &[ReportRequest]| -> Vec<(i64, i64)> {
        let intervals = requests
            .iter()
            .map(|r| r.specifier.interval.clone().unwrap());
        let minutes = |span: TimeDelta| span.num_minutes();
        intervals
            .map(|i| {
                (
                    minutes(i.start - midnight()),
                    minutes(i.duration.span_from(i.start)),
                )
            })
            .collect()
    };
    let requests = rig.offer(offers());
    // Each goes on where its data end, and ends when it was to end.
    assert_eq!(spans(&requests), [(10, 0), (30, 24 * 60 - 30)]);
    // Rule 312: no farther back than the VEN keeps its data.
    rig.advance(5 * 3_600);
    let requests = rig.offer(offers());
    assert_eq!(spans(&requests), [(240, 0), (240, 20 * 60)]);
    // What it comes to is kept under the same request.
    assert_eq!(rig.report(data("day", "usage", 240)), 200);
}

#[test]
fn rule_306_a_policy_that_wants_it_no_more_lets_it_end_with_the_metadata() {
    let mut rig = under(vec![policy("usage")]);
    let requests = rig.offer(offers());
    let request = ids(&requests)[0].to_owned();
    rig.created(200, "offer", &[&request]);
    let slower = ReportPolicy {
        granularity: Duration::minutes(2),
        ..policy("usage")
    };
    rig.context.report_policies = vec![slower].into();
    let requests = rig.offer(offers());
    assert_eq!(requests.len(), 1);
    let slower = ids(&requests)[0].to_owned();
    assert_ne!(slower, request, "it is another wish");
    assert!(matches!(
        rig.progress(&request),
        ReportProgress::Over { .. }
    ));
    // Late data of the first are welcome. If they go on, it is not over.
    assert_eq!(rig.report(data(&request, "usage", 1)), 200);
    assert_eq!(rig.polled_cancellation().0, request);
}

impl Rig {
    pub(super) fn accepted_by_offer(&mut self, reports: Vec<Report>) -> Vec<String> {
        let requests = self.offer(reports);
        let ids: Vec<String> = ids(&requests).into_iter().map(str::to_owned).collect();
        let pending: Vec<&str> = ids.iter().map(String::as_str).collect();
        self.created(200, "offer", &pending);
        ids
    }
}

#[test]
fn rule_311_metadata_that_were_asked_for_say_so() {
    let mut rig = Rig::offering(offers());
    rig.accepted("m", once("METADATA"));
    // Of their own accord.
    rig.offer_for(Some("other"), offers());
    assert_eq!(*rig.progress("m"), ReportProgress::Accepted);
    rig.offer_for(Some("m"), offers());
    assert!(matches!(rig.progress("m"), ReportProgress::Over { .. }));
    let last = rig.state().report_request(&id("m")).unwrap().last;
    assert_eq!(last.map(|last| last.received), Some(rig.now));
}

#[test]
fn quirk_q22_metadata_that_cannot_say_what_they_answer_answer_what_was_asked() {
    let mut rig = Rig::offering(offers());
    rig.want("m", once("METADATA")).unwrap();
    rig.polled_requests();
    rig.offer_for(None, offers());
    assert!(matches!(rig.progress("m"), ReportProgress::Over { .. }));
}

#[test]
fn rule_327_periodic_metadata_go_on_whatever_they_say() {
    let mut rig = under(vec![policy("usage")]);
    rig.offer(offers());
    rig.created(200, "offer", &[]);
    let hourly = WantedReport {
        report_back: Duration::hours(1),
        ..wanted("METADATA")
    };
    rig.accepted("m", hourly);
    for _ in 0..3 {
        // Data are asked for again (rule 306), but not metadata: that would never end.
        let requests = rig.offer_for(Some("m"), offers());
        assert_eq!(asked(&requests).len(), 1);
        assert_eq!(requests[0].specifier.report_specifier_id.as_str(), "usage");
        assert_eq!(*rig.progress("m"), ReportProgress::Accepted);
        rig.created(200, "", &[]);
    }
    assert!(rig.polls_in_vain());
}

#[test]
fn metadata_are_asked_for_by_themselves() {
    let mut rig = Rig::offering(offers());
    rig.want("u", wanted("usage")).unwrap();
    rig.want("m", once("METADATA")).unwrap();
    assert_eq!(ids(&rig.polled_requests().report_requests), ["m"]);
    assert_eq!(ids(&rig.polled_requests().report_requests), ["u"]);
}

#[test]
fn rule_406_what_is_wanted_outlives_a_registration_and_waits_for_the_offers_of_the_next() {
    let mut rig = under(vec![policy("usage")]);
    let by_policy = rig.accepted_by_offer(offers()).remove(0);
    rig.accepted("s", wanted("status"));
    rig.accepted(
        "m",
        WantedReport {
            report_back: Duration::hours(1),
            ..wanted("METADATA")
        },
    );
    rig.accepted("dropped", wanted("status").at_another_pace());
    rig.want_no_more("dropped", false);
    rig.register();
    for request in ["s", "m", &by_policy] {
        assert_eq!(*rig.progress(request), ReportProgress::Unoffered);
    }
    assert!(matches!(
        rig.progress("dropped"),
        ReportProgress::Over { .. }
    ));
    rig.exchange_metadata();
    assert!(
        rig.polls_in_vain(),
        "nothing is asked for before it is offered"
    );
    let requests = rig.offer(offers());
    assert_eq!(ids(&requests), ["s", &by_policy]);
    assert_eq!(ids(&rig.polled_requests().report_requests), ["m"]);
}

#[test]
fn rule_405_registering_again_changes_nothing_about_requests() {
    let mut rig = Rig::offering(offers());
    rig.accepted("s", wanted("status"));
    let registration = rig.state().registration().unwrap();
    let registration_id: Option<RegistrationId> = Some(registration.registration_id.clone());
    let again = CreatePartyRegistration {
        registration_id,
        ven_id: Some(rig.ven_id()),
        ..create("house")
    };
    rig.create(again);
    assert_eq!(*rig.progress("s"), ReportProgress::Accepted);
}

#[test]
fn rule_407_a_ven_that_left_is_asked_again_when_it_is_back() {
    let mut rig = Rig::offering(offers());
    rig.accepted("s", wanted("status"));
    let registration = rig.state().registration().unwrap();
    let cancel = CancelPartyRegistration {
        request_id: RequestId::default(),
        registration_id: registration.registration_id.clone(),
        ven_id: Some(rig.ven_id()),
    };
    rig.send(cancel);
    assert_eq!(*rig.progress("s"), ReportProgress::Unoffered);
    rig.register();
    assert_eq!(ids(&rig.offer(offers())), ["s"]);
}

#[test]
fn finished_requests_are_bounded_however_often_the_offers_change() {
    let mut rig = under(vec![policy("usage")]);
    for n in 0..70 {
        let name = ReportName::MetadataTelemetryUsage;
        let changing = offer(&format!("usage-{n}"), name, vec![point("a", "boiler")]);
        assert_eq!(rig.offer(vec![changing]).len(), 1);
    }
    assert_eq!(rig.state().report_requests().count(), 65);
    // And so are those that are open, whatever is offered.
    let many = (0..70).map(|n| {
        let name = ReportName::MetadataTelemetryUsage;
        offer(&format!("usage-{n}"), name, vec![point("a", "boiler")])
    });
    assert_eq!(rig.offer(many.collect()).len(), 64);
    assert!(rig.state().report_requests().count() <= 128);
}

#[test]
fn data_in_another_unit_answer_another_request() {
    let mut rig = under(vec![policy("usage")]);
    let first = rig.accepted_by_offer(offers());
    // A data point more is no other wish.
    let mut reports = offers();
    reports[0].descriptions.push(point("c", "fridge"));
    assert_eq!(rig.accepted_by_offer(reports.clone()), first);
    reports[0].descriptions[0].item_base = Some(ItemBase::EnergyReal(SiScaleCode::None));
    let second = rig.accepted_by_offer(reports);
    assert_ne!(second, first);
    let unit = |request: &str| {
        let known = rig.state().report_request(&id(request)).unwrap();
        known.points[0].measurement().unwrap().to_owned()
    };
    assert_eq!(unit(&first[0]), "powerReal");
    assert_eq!(unit(&second[0]), "energyReal");
}

#[test]
fn a_period_that_metadata_end_with_its_last_report_stays_one() {
    let mut rig = Rig::offering(offers());
    let hour = WantedReport {
        duration: Duration::hours(1),
        ..wanted("usage")
    };
    rig.accepted("r", hour);
    // With all but the last minutes reported, and then with all: it never goes on for ever.
    for (last, from, rest) in [(55, 56, 4), (59, 59, 1)] {
        assert_eq!(rig.report(data("r", "usage", last)), 200);
        rig.now = midnight() + TimeDelta::minutes(61);
        let requests = rig.offer(offers());
        let interval = requests[0].specifier.interval.clone().unwrap();
        assert_eq!(interval.start, midnight() + TimeDelta::minutes(from));
        assert_eq!(interval.duration, Duration::minutes(rest));
    }
    rig.advance(60);
    rig.deadline();
    assert!(matches!(rig.progress("r"), ReportProgress::Over { .. }));
    assert!(rig.offer(offers()).is_empty());
}
