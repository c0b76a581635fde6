//! What the VTN asks a VEN for: requests and cancellations, with polls and with answers.

use super::reporter::{id, ids, offer, offers, once, point, wanted};
use super::*;
use crate::payload::{MessageKind, Properties, Report};
use crate::value::{RId, ReadingType, ReportName};

fn is_over(progress: &ReportProgress) -> bool {
    matches!(progress, ReportProgress::Over { .. })
}

#[test]
fn rule_300_only_what_is_on_offer_can_be_requested() {
    let mut rig = Rig::offering(offers());
    let points = |points: &[&str]| WantedReport {
        r_ids: points.iter().map(|r_id| RId::new(r_id).unwrap()).collect(),
        ..wanted("usage")
    };
    for (wanted, why) in [
        (wanted("nothing"), CommandError::ReportNotOffered),
        (points(&["a", "z"]), CommandError::PointNotOffered),
        (wanted("past"), CommandError::PaceNotOffered),
    ] {
        assert_eq!(rig.want("r", wanted).unwrap_err(), why);
    }
    rig.want("r", points(&["b"])).unwrap();
    let create = rig.polled_requests();
    let payloads = &create.report_requests.first().specifier.payloads;
    assert_eq!(payloads.len(), 1);
    assert_eq!(payloads.first().r_id.as_str(), "b");
}

#[test]
fn rule_340_no_more_is_requested_than_is_offered() {
    let mut rig = Rig::offering(offers());
    let pace = |granularity, report_back| WantedReport {
        granularity,
        report_back,
        ..wanted("usage")
    };
    let (minutes, hours) = (Duration::minutes, Duration::hours);
    for refused in [
        pace(Duration::ZERO, minutes(1)),
        pace(hours(2), hours(2)),
        // Rule 317: a report covers at least one sample.
        pace(minutes(2), minutes(1)),
        WantedReport {
            granularity: minutes(1),
            ..once("past")
        },
        WantedReport {
            duration: Duration::from_time_delta(TimeDelta::seconds(-1)),
            ..wanted("usage")
        },
    ] {
        let why = rig.want("r", refused).unwrap_err();
        assert_eq!(why, CommandError::PaceNotOffered);
    }
    // Quirk Q16: PT60M is as long as PT1H.
    rig.want("r", pace(minutes(60), hours(1))).unwrap();
}

#[test]
fn rule_317_on_change_is_requested_where_it_is_offered() {
    let mut changing = point("a", "boiler");
    changing.sampling_rate.as_mut().unwrap().on_change = true;
    let name = ReportName::MetadataTelemetryUsage;
    let mut rig = Rig::offering(vec![offer("usage", name, vec![changing])]);
    let on_change = WantedReport {
        granularity: Duration::ZERO,
        ..wanted("usage")
    };
    rig.want("r", on_change).unwrap();
    let create = rig.polled_requests();
    assert!(
        create
            .report_requests
            .first()
            .specifier
            .granularity
            .is_zero()
    );
}

#[test]
fn quirk_q16_an_offer_without_a_sampling_rate_is_taken_at_any_pace() {
    let mut vague = point("a", "boiler");
    vague.sampling_rate = None;
    let name = ReportName::MetadataTelemetryUsage;
    let mut rig = Rig::offering(vec![offer("usage", name, vec![vague])]);
    let slow = WantedReport {
        granularity: Duration::hours(5),
        report_back: Duration::hours(5),
        ..wanted("usage")
    };
    rig.want("r", slow).unwrap();
}

#[test]
fn rule_321_requests_say_nothing_but_when_how_often_and_what() {
    let mut rig = Rig::offering(offers());
    rig.want("r", wanted("usage")).unwrap();
    let create = rig.polled_requests();
    let specifier = &create.report_requests.first().specifier;
    let start = midnight();
    assert_eq!(
        specifier.interval,
        Some(Properties::new(start, Duration::ZERO))
    );
    assert!(specifier.payloads.iter().all(|p| p.item_base.is_none()));
}

#[test]
fn rule_338_requests_have_no_reading_type_of_their_own() {
    let mut rig = Rig::offering(offers());
    rig.want("r", wanted("usage")).unwrap();
    let create = rig.polled_requests();
    let payloads = &create.report_requests.first().specifier.payloads;
    let r_ids: Vec<_> = payloads.iter().map(|p| p.r_id.as_str()).collect();
    assert_eq!(r_ids, ["a", "b"], "all that there is");
    let types = payloads.iter().map(|p| &p.reading_type);
    assert!(types.into_iter().all(|t| *t == ReadingType::NotApplicable));
}

#[test]
fn rule_324_periods_and_histories_have_an_interval_and_single_reports_none() {
    let mut rig = Rig::offering(offers());
    rig.want("periodic", wanted("usage")).unwrap();
    rig.want("status", once("status")).unwrap();
    rig.want("history", once("past")).unwrap();
    let create = rig.polled_requests();
    let intervals: Vec<_> = create
        .report_requests
        .iter()
        .map(|r| r.specifier.interval.as_ref().map(|i| (i.start, i.duration)))
        .collect();
    assert_eq!(
        intervals,
        [
            Some((midnight(), Duration::ZERO)),
            None,
            // Rule 312: as far back as the VEN keeps it.
            Some((midnight() - TimeDelta::hours(2), Duration::ZERO)),
        ]
    );
}

#[test]
fn rule_325_a_period_begins_when_it_is_wanted_and_ends_by_itself() {
    let mut rig = Rig::offering(offers());
    let later = midnight() + TimeDelta::hours(1);
    let hour = WantedReport {
        start: Some(later),
        duration: Duration::hours(1),
        ..wanted("usage")
    };
    rig.want("r", hour).unwrap();
    let create = rig.polled_requests();
    let interval = create.report_requests.first().specifier.interval.clone();
    assert_eq!(interval, Some(Properties::new(later, Duration::hours(1))));
    rig.created(200, create.request_id.as_str(), &["r"]);
    // The last report comes after the last period.
    assert_eq!(
        Vtn::next_deadline(rig.state()),
        Some(later + TimeDelta::minutes(62))
    );
    rig.advance(2 * 3_600 + 120);
    rig.deadline();
    assert!(is_over(rig.progress("r")));
    assert!(rig.polls_in_vain());
    // It stays known as long as late data may come, and then not.
    rig.advance(7 * 86_400);
    rig.deadline();
    assert_eq!(rig.state().report_requests().count(), 0);
    assert_eq!(Vtn::next_deadline(rig.state()), None);
}

#[test]
fn rule_322_an_id_stands_for_one_request() {
    let mut rig = Rig::offering(offers());
    rig.want("r", wanted("usage")).unwrap();
    // The same again, for the operator did not hear the answer; at another time.
    rig.advance(30);
    let again = rig.want("r", wanted("usage")).unwrap();
    assert!(again.changes.is_empty());
    assert_eq!(
        rig.want("r", wanted("status")).unwrap_err(),
        CommandError::ReportRequestExists
    );
}

#[test]
fn rule_308_metadata_are_asked_for_with_one_point_that_means_nothing() {
    let mut rig = Rig::offering(offers());
    rig.want("m", once("METADATA")).unwrap();
    let create = rig.polled_requests();
    let specifier = &create.report_requests.first().specifier;
    assert_eq!(specifier.report_specifier_id.as_str(), "METADATA");
    assert_eq!(specifier.payloads.len(), 1);
    assert_eq!(specifier.payloads.first().r_id.as_str(), "0");
    assert_eq!(specifier.interval, None);
}

#[test]
fn requests_that_wait_go_together_and_repeat_until_they_are_answered() {
    let mut rig = Rig::offering(offers());
    rig.want("u", wanted("usage")).unwrap();
    rig.want("s", wanted("status")).unwrap();
    let create = rig.polled_requests();
    assert_eq!(create.ven_id, Some(rig.ven_id()));
    assert_eq!(ids(&create.report_requests), ["u", "s"]);
    // Draining the queue does not meet them twice.
    assert!(rig.polls_in_vain());
    rig.advance(5);
    let again = rig.polled_requests();
    assert_eq!(again.report_requests, create.report_requests);
    rig.created(200, again.request_id.as_str(), &["u", "s"]);
    rig.advance(600);
    assert!(rig.polls_in_vain());
}

#[test]
fn events_go_before_requests() {
    let mut rig = Rig::offering(offers());
    rig.want("u", wanted("usage")).unwrap();
    rig.announce("e", draft());
    assert_eq!(rig.poll().kind(), MessageKind::DistributeEvent);
    assert_eq!(rig.poll().kind(), MessageKind::CreateReport);
}

#[test]
fn rule_329_pending_reports_say_what_the_ven_took_on() {
    let mut rig = Rig::offering(offers());
    rig.want("u", wanted("usage")).unwrap();
    rig.want("s", wanted("status")).unwrap();
    rig.polled_requests();
    // Whatever else the answer says, and whatever it answers.
    rig.created(200, "something", &["u"]);
    assert_eq!(*rig.progress("u"), ReportProgress::Accepted);
    assert!(matches!(rig.progress("s"), ReportProgress::Sent { .. }));
    // One that is wanted once may have come already.
    rig.created(200, "", &[]);
    assert_eq!(*rig.progress("s"), ReportProgress::Accepted);
}

#[test]
fn an_answer_of_the_responders_fault_is_no_refusal() {
    let mut rig = Rig::offering(offers());
    rig.want("u", wanted("usage")).unwrap();
    let create = rig.polled_requests();
    let outcome = rig.created(503, create.request_id.as_str(), &[]);
    assert!(outcome.changes.is_empty());
    rig.advance(5);
    assert_eq!(ids(&rig.polled_requests().report_requests), ["u"]);
}

#[test]
fn rule_304_a_refusal_is_known_by_its_code() {
    let mut rig = Rig::offering(offers());
    rig.want("u", wanted("usage")).unwrap();
    let create = rig.polled_requests();
    let outcome = rig.created(452, create.request_id.as_str(), &[]);
    assert_eq!(
        outcome.effects,
        [Effect::ReportRefused {
            ven_id: rig.ven_id(),
            report_request_id: id("u"),
            response_code: ResponseCode::INVALID_ID,
        }]
    );
    assert_eq!(outcome.code(), 200);
    assert!(matches!(
        rig.progress("u"),
        ReportProgress::Refused {
            response_code: ResponseCode::INVALID_ID,
            ..
        }
    ));
    rig.advance(600);
    assert!(rig.polls_in_vain());
}

#[test]
fn requests_that_are_refused_together_are_made_one_by_one() {
    let mut rig = Rig::offering(offers());
    rig.want("u", wanted("usage")).unwrap();
    rig.want("s", wanted("status")).unwrap();
    let create = rig.polled_requests();
    let outcome = rig.created(461, create.request_id.as_str(), &[]);
    assert!(outcome.effects.is_empty(), "it may be the other");
    let first = rig.polled_requests();
    assert_eq!(ids(&first.report_requests), ["u"]);
    let second = rig.polled_requests();
    assert_eq!(ids(&second.report_requests), ["s"]);
    rig.created(200, second.request_id.as_str(), &["s"]);
    rig.created(461, first.request_id.as_str(), &["s"]);
    assert!(matches!(rig.progress("u"), ReportProgress::Refused { .. }));
    assert_eq!(*rig.progress("s"), ReportProgress::Accepted);
}

#[test]
fn rule_345_one_report_may_follow_a_cancellation() {
    let mut rig = Rig::offering(offers());
    rig.accepted("u", wanted("usage"));
    rig.want_no_more("u", true);
    assert_eq!(rig.polled_cancellation(), ("u".to_owned(), true));
    assert!(rig.polls_in_vain());
    let outcome = rig.canceled(200, &["u"]);
    assert_eq!(
        outcome.effects,
        [Effect::ReportCancelled {
            ven_id: rig.ven_id(),
            report_request_id: id("u"),
        }]
    );
    assert!(matches!(
        rig.progress("u"),
        ReportProgress::Over {
            to_follow: Some(1),
            ..
        }
    ));
    rig.advance(600);
    assert!(rig.polls_in_vain());
}

#[test]
fn rule_336_each_cancellation_goes_by_itself_so_that_none_spoils_another() {
    let mut rig = Rig::offering(offers());
    rig.accepted("u", wanted("usage"));
    rig.accepted("s", wanted("status"));
    rig.want_no_more("u", false);
    rig.want_no_more("s", false);
    assert_eq!(rig.polled_cancellation().0, "u");
    assert_eq!(rig.polled_cancellation().0, "s");
    // The first is answered first. The VEN does not know it any more: it is as good as cancelled.
    rig.canceled(452, &[]);
    assert!(is_over(rig.progress("u")));
    assert!(matches!(rig.progress("s"), ReportProgress::Cancelling(_)));
    // Not answered, it comes again; in the end it counts as heard.
    rig.advance(5);
    assert_eq!(rig.polled_cancellation().0, "s");
    rig.advance(24 * 3_600);
    rig.deadline();
    assert!(is_over(rig.progress("s")));
}

#[test]
fn what_was_never_sent_is_cancelled_without_a_word() {
    let mut rig = Rig::offering(offers());
    rig.want("u", wanted("usage")).unwrap();
    rig.effects.clear();
    rig.want_no_more("u", false);
    assert!(is_over(rig.progress("u")));
    assert_eq!(rig.effects.len(), 1);
    assert!(rig.polls_in_vain());
    let unknown = Command::CancelReport {
        report_request_id: id("x"),
        report_to_follow: false,
    };
    assert_eq!(
        rig.command(&unknown).unwrap_err(),
        CommandError::UnknownReportRequest
    );
}

#[test]
fn requests_of_a_ven_are_bounded() {
    let mut rig = Rig::offering(offers());
    for n in 0..64 {
        rig.want(&format!("r{n}"), wanted("usage")).unwrap();
    }
    assert_eq!(
        rig.want("more", wanted("usage")).unwrap_err(),
        CommandError::TooManyReports
    );
}

#[test]
fn nobody_asks_a_ven_that_is_not_there() {
    let mut rig = Rig::new();
    let nobody = rig.want("r", once("METADATA")).unwrap_err();
    assert_eq!(nobody, CommandError::Unknown);
    rig.command(&Command::Enrol {
        ven_name: Text::new("house").unwrap(),
        ven_id: None,
        groups: Vec::new(),
        resources: Vec::new(),
        certificates: Vec::new(),
        signatures: None,
        jid: None,
    })
    .unwrap();
    let unregistered = rig.want("r", once("METADATA")).unwrap_err();
    assert_eq!(unregistered, CommandError::NotRegistered);
}

#[test]
fn rule_312_a_history_is_wanted_as_far_back_as_it_is_kept() {
    let mut reports = offers();
    let start = |reports: &[Report]| {
        let mut rig = Rig::offering(reports.to_vec());
        rig.want("h", once("past")).unwrap();
        let create = rig.polled_requests();
        let interval = create.report_requests.first().specifier.interval.clone();
        interval.unwrap().start
    };
    assert_eq!(start(&reports), midnight() - TimeDelta::hours(2));
    // By the calendar.
    reports[2].duration = Some("P1M".parse().unwrap());
    assert_eq!(
        start(&reports),
        "2025-12-01T00:00:00Z".parse::<DateTime>().unwrap()
    );
    // A VEN that does not say how much it keeps promises nothing.
    reports[2].duration = None;
    assert_eq!(start(&reports), midnight());
}

#[test]
fn rule_330_data_points_are_called_whatever_the_ven_calls_them() {
    let name = ReportName::MetadataTelemetryUsage;
    let strange = "µ/001 & <two>";
    let mut rig = Rig::offering(vec![offer("usage", name, vec![point(strange, "boiler")])]);
    rig.want("r", wanted("usage")).unwrap();
    let create = rig.polled_requests();
    let payloads = &create.report_requests.first().specifier.payloads;
    assert_eq!(payloads.first().r_id.as_str(), strange);
}
