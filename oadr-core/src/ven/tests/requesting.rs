//! What is granted and what is not: rules 304, 306, 308, 311, 317, 322, 324, 325, 327, 329, 340, 406.

use super::bench::*;
use super::offers::*;
use crate::payload::{Message, MessageKind, ReportRequest};
use crate::value::Duration;
use crate::ven::{Context, Effect, Input};

fn all() -> Bench {
    offering(vec![usage(), status(), history()])
}

/// The code that this is answered with, by a VEN that has just registered.
fn code(request: ReportRequest) -> u16 {
    let mut bench = all();
    let id = request.report_request_id.to_string();
    let (code, pending) = ask(&mut bench, vec![request]);
    if code == 200 {
        assert_eq!(pending, [id]);
        let told = words(&bench.take_effects());
        assert_eq!(told.len(), 1, "{told:?}");
    } else {
        assert_eq!(pending, [""; 0]);
        assert_eq!(bench.take_effects(), []);
        assert_eq!(bench.state().pending_reports().count(), 0);
    }
    code
}

fn usage_of(granularity: Duration, report_back: Duration) -> ReportRequest {
    wanted("rr", "usage", &["power"], granularity, report_back)
}

fn history_of(granularity: Duration, report_back: Duration) -> ReportRequest {
    wanted("rr", "history", &["energy"], granularity, report_back)
}

#[test]
fn rule_304_what_is_not_offered_is_452() {
    let minute = Duration::minutes(1);
    let cases = [
        wanted("rr", "Usage", &["power"], minute, minute),
        wanted("rr", "usage", &["Power"], minute, minute),
        wanted("rr", "usage", &["power", "state"], minute, minute),
        wanted("rr", "usage", &["state"], Duration::ZERO, Duration::ZERO),
    ];
    for request in cases {
        assert_eq!(code(request.clone()), 452, "{request:?}");
    }
}

#[test]
fn rule_340_more_than_is_offered_is_454() {
    let seconds = Duration::seconds;
    for (granularity, report_back, expected) in [
        (seconds(10), seconds(10), 200),
        (seconds(10), Duration::days(1), 200),
        (Duration::hours(1), Duration::hours(1), 200),
        (seconds(9), seconds(60), 454),
        (Duration::minutes(61), Duration::hours(2), 454),
        (Duration::ZERO, seconds(9), 454),
        // Rule 317.
        (seconds(20), seconds(19), 454),
        ("-PT1M".parse().unwrap(), Duration::minutes(1), 454),
        (Duration::minutes(1), "-PT1M".parse().unwrap(), 454),
        // A month is as long as it is, so samples cannot be a month apart.
        ("P1M".parse().unwrap(), "P1Y".parse().unwrap(), 461),
        (Duration::minutes(15), "P1M".parse().unwrap(), 200),
    ] {
        let code = code(usage_of(granularity, report_back));
        assert_eq!(code, expected, "{granularity} {report_back}");
    }
}

#[test]
fn rule_325_a_time_that_is_over_and_not_kept_is_454() {
    let minute = Duration::minutes(1);
    let request = || usage_of(minute, minute);
    for (start, duration, expected) in [
        (-600, "PT5M", 200),
        (-600, "PT0S", 200),
        (86_400 * 365, "PT1H", 200),
        (-600, "-PT5M", 454),
        (-3 * 3_600, "PT1H", 454),
        (-3 * 3_600, "PT2H", 200),
    ] {
        let duration = duration.parse().unwrap();
        let code = code(during(request(), noon() + secs(start), duration));
        assert_eq!(code, expected, "{start} {duration}");
    }
}

#[test]
fn rule_324_history_comes_once() {
    let minute = Duration::minutes(1);
    assert_eq!(code(history_of(Duration::ZERO, Duration::ZERO)), 200);
    assert_eq!(code(history_of(Duration::ZERO, minute)), 461);
    // Rule 317: and as it is kept.
    assert_eq!(code(history_of(minute, Duration::ZERO)), 461);
}

#[test]
fn rule_325_history_lies_in_the_past_and_is_kept() {
    for (start, duration, expected) in [
        (-7_200, "PT0S", 200),
        (-7_200, "PT2H", 200),
        (-3_600, "PT30M", 200),
        (-3_600, "PT2H", 200),
        (60, "PT30M", 454),
        (-86_400, "PT30M", 454),
        (-3_600, "-PT30M", 454),
    ] {
        let duration = duration.parse().unwrap();
        let request = history_of(Duration::ZERO, Duration::ZERO);
        let code = code(during(request, noon() + secs(start), duration));
        assert_eq!(code, expected, "{start} {duration}");
    }
}

#[test]
fn rule_330_an_rid_is_any_text() {
    let odd = "Haus 7 & Garten/ä";
    let mut bench = offering(vec![offer(
        "usage",
        crate::value::ReportName::MetadataTelemetryUsage,
        &[odd],
    )]);
    let request = wanted("a", "usage", &[odd], Duration::ZERO, Duration::ZERO);
    assert_eq!(ask(&mut bench, vec![request]).0, 200);
    let sent = reports_until(&mut bench, 60);
    assert_eq!(sent[0].1, format!("a: +0 PT10S {odd}=0"));
}

#[test]
fn rule_303_an_empty_request_id_is_answered_with_an_empty_one() {
    let mut bench = all();
    bench.wait_for_poll();
    bench.reply(crate::payload::CreateReport {
        request_id: Default::default(),
        ..create(vec![each_minute("a")])
    });
    let answer = created_report(bench.message());
    assert_eq!(answer.ei_response.response_code.get(), 200);
    assert!(answer.ei_response.request_id.is_empty());
}

#[test]
fn all_of_a_message_is_granted_or_nothing() {
    let mut bench = all();
    let other = wanted("b", "usage", &["state"], Duration::ZERO, Duration::ZERO);
    let (code, pending) = ask(&mut bench, vec![each_minute("a"), other]);
    assert_eq!((code, pending.len()), (452, 0));
    assert_eq!(bench.state().pending_reports().count(), 0);
}

#[test]
fn rule_329_the_answer_lists_all_that_is_pending_in_the_order_of_asking() {
    let mut bench = all();
    ask(&mut bench, vec![each_minute("z")]);
    let more = vec![each_minute("b"), each_minute("a")];
    assert_eq!(
        ask(&mut bench, more),
        (200, vec!["z".to_owned(), "b".to_owned(), "a".to_owned()])
    );
    // A refusal, too.
    let unknown = wanted("c", "none", &["energy"], Duration::ZERO, Duration::ZERO);
    assert_eq!(ask(&mut bench, vec![unknown]).1, ["z", "b", "a"]);
}

#[test]
fn rule_322_a_request_that_comes_again_goes_on_and_another_takes_its_place() {
    let mut bench = all();
    let request = each_minute("rr");
    ask(&mut bench, vec![request.clone()]);
    let before = bench.state().reporting.clone();
    bench.take_effects();
    assert_eq!(ask(&mut bench, vec![request]).0, 200);
    assert_eq!(bench.state().reporting, before);
    assert_eq!(bench.take_effects(), []);

    let another = usage_of(Duration::minutes(2), Duration::minutes(2));
    let (code, pending) = ask(&mut bench, vec![another.clone()]);
    assert_eq!((code, pending), (200, vec!["rr".to_owned()]));
    let pending: Vec<_> = bench.state().pending_reports().collect();
    assert_eq!(pending.len(), 1);
    assert_eq!(*pending[0].request(), another);
}

#[test]
fn what_is_asked_for_is_bounded() {
    let mut bench = all();
    let names: Vec<String> = (0..100).map(|n| format!("r{n}")).collect();
    let later = noon() + secs(86_400);
    let far = |id: &String| during(each_minute(id), later, Duration::ZERO);
    assert_eq!(ask(&mut bench, names.iter().map(far).collect()).0, 200);
    let one_more = vec![far(&"r100".to_owned())];
    assert_eq!(ask(&mut bench, one_more).0, 469);
    // One that is known is none more.
    assert_eq!(ask(&mut bench, vec![far(&names[7])]).0, 200);
    assert_eq!(bench.state().pending_reports().count(), 100);
}

#[test]
fn rule_308_the_rid_of_a_request_for_metadata_says_nothing() {
    let mut bench = all();
    let mut request = for_metadata("m", Duration::ZERO);
    for payload in request.specifier.payloads.iter_mut() {
        payload.r_id = "whatever".parse().unwrap();
    }
    assert_eq!(ask(&mut bench, vec![request]).0, 200);
    assert_eq!(bench.sent(), MessageKind::RegisterReport);
}

#[test]
fn rule_306_offers_end_what_was_asked_for_but_periodic_requests_for_metadata() {
    let mut bench = all();
    ask(&mut bench, vec![each_minute("a"), each_minute("b")]);
    let hourly = during(
        for_metadata("hourly", Duration::hours(1)),
        noon() + minutes(30),
        Duration::ZERO,
    );
    assert_eq!(ask(&mut bench, vec![hourly]).1, ["a", "b", "hourly"]);
    bench.take_effects();
    let (_, pending) = ask(&mut bench, vec![for_metadata("once", Duration::ZERO)]);
    assert_eq!(pending, ["hourly", "once"]);
    assert_eq!(
        words(&bench.take_effects()),
        ["cancelled a", "cancelled b", "requested once of METADATA"]
    );
    assert_eq!(bench.sent(), MessageKind::RegisterReport);
    bench.reply(registered_report());
    assert_eq!(words(&bench.take_effects()), ["completed once"]);
    // A later cancellation of what ended so is one of something unknown.
    assert_eq!(
        cancel_reports(&mut bench, &["a"], false),
        (452, vec!["hourly".to_owned()])
    );
}

#[test]
fn what_is_asked_for_together_with_offers_is_for_after_them() {
    let mut bench = all();
    let both = vec![for_metadata("m", Duration::ZERO), each_minute("a")];
    assert_eq!(ask(&mut bench, both).1, ["m", "a"]);
    assert_eq!(bench.sent(), MessageKind::RegisterReport);
    bench.reply(registered_report());
    let pending = bench.state().pending_reports();
    assert_eq!(pending.count(), 1);
}

#[test]
fn rule_311_periodic_requests_for_metadata_are_met_in_time_under_their_id() {
    let mut bench = all();
    let request = during(
        for_metadata("m", Duration::minutes(10)),
        noon() + minutes(5),
        Duration::minutes(30),
    );
    assert_eq!(ask(&mut bench, vec![request]).0, 200);
    let sent = sent_until(&mut bench, 7_200);
    let offers: Vec<i64> = sent
        .iter()
        .map(|(at, message)| {
            let Message::RegisterReport(message) = message else {
                panic!("not the offers: {message:?}");
            };
            let id = message.report_request_id.as_ref().unwrap();
            assert_eq!(id.as_str(), "m");
            assert!(
                message
                    .reports
                    .iter()
                    .all(|r| r.report_request_id.as_str() == "0")
            );
            *at
        })
        .collect();
    assert_eq!(offers, [300, 900, 1_500]);
    assert_eq!(
        words(&bench.take_effects()),
        ["requested m of METADATA", "completed m"]
    );
}

#[test]
fn offers_that_are_due_again_and_again_do_not_pile_up_while_the_vtn_is_away() {
    let mut bench = all();
    ask(&mut bench, vec![for_metadata("m", Duration::minutes(1))]);
    bench.reply(registered_report());
    let until = bench.now + minutes(60);
    while bench.now < until {
        match bench.next.send {
            Some(_) => bench.fail(crate::ven::Failure::Unreachable),
            None => bench.wait(),
        }
    }
    assert_eq!(bench.state().owed().count(), 1);
}

#[test]
fn rule_306_other_offers_are_made_at_once_and_the_same_not_again() {
    let mut bench = all();
    ask(&mut bench, vec![each_minute("a")]);
    bench.reply(ok());
    // Another version, the same offers, made at another time.
    bench.context.version += 1;
    for report in &mut bench.context.reports {
        report.created += minutes(5);
    }
    bench.say(&Input::Wake);
    assert_eq!(bench.next.send, None);
    bench.restart();
    assert_eq!(bench.sent(), MessageKind::Poll);
    bench.reply(ok());
    bench.take_effects();

    bench.context.version += 1;
    bench.context.reports.pop();
    bench.say(&Input::Wake);
    let Message::RegisterReport(message) = bench.message() else {
        panic!("not the offers: {:?}", bench.message());
    };
    assert_eq!(message.reports, bench.context.reports);
    assert_eq!(message.report_request_id, None);
    assert_eq!(words(&bench.take_effects()), ["cancelled a"]);
    // They change once more while these are under way.
    bench.context.version += 1;
    bench.context.reports.pop();
    bench.reply(registered_report());
    assert_eq!(bench.sent(), MessageKind::RegisterReport);
    bench.reply(registered_report());
    assert_eq!(bench.next.send, None);
}

#[test]
fn rule_306_a_restart_with_other_offers_makes_them_although_the_version_says_nothing() {
    let mut bench = all();
    bench.context.reports.pop();
    bench.restart();
    assert_eq!(bench.sent(), MessageKind::RegisterReport);
}

#[test]
fn rule_406_a_new_registration_begins_without_requests() {
    let mut bench = all();
    ask(&mut bench, vec![each_minute("a")]);
    bench.take_effects();
    bench.reply(response(crate::payload::ResponseCode::NOT_REGISTERED));
    assert_eq!(words(&bench.take_effects()), ["cancelled a"]);
    assert_eq!(bench.state().pending_reports().count(), 0);
    assert_eq!(bench.sent(), MessageKind::CreatePartyRegistration);
    bench.reply(created(Some(("ven-2", "reg-2"))));
    assert_eq!(bench.sent(), MessageKind::RegisterReport);
}

#[test]
fn rule_407_the_end_of_the_registration_ends_reports() {
    let mut bench = all();
    ask(&mut bench, vec![each_minute("a")]);
    bench.take_effects();
    bench.reply(cancel("reg-1"));
    let told = words(&bench.take_effects());
    assert_eq!(told, ["cancelled a", "cancelled ven-1"]);
    assert_eq!(bench.state().pending_reports().count(), 0);
}

#[test]
fn a_state_from_before_there_were_reports_is_read_and_offers_are_made() {
    let mut bench = offering(vec![usage()]);
    let mut json = serde_json::to_value(&bench.at.state).unwrap();
    json.as_object_mut().unwrap().remove("reporting");
    json["link"].as_object_mut().unwrap().remove("report");
    bench.at.state = serde_json::from_value(json).unwrap();
    bench.restart();
    assert_eq!(bench.sent(), MessageKind::RegisterReport);
}

#[test]
fn samplings_are_what_was_asked_for_each_once() {
    let mut bench = all();
    let start = noon() + minutes(1);
    let minute = Duration::minutes(1);
    let usage = |id| {
        let both = wanted(id, "usage", &["energy", "power", "energy"], minute, minute);
        during(both, start, Duration::ZERO)
    };
    let change = wanted("c", "status", &["state"], Duration::ZERO, minute);
    let change = during(change, start, Duration::hours(1));
    ask(&mut bench, vec![usage("a"), usage("b"), change]);
    let brief: Vec<String> = bench
        .state()
        .samplings(&bench.context)
        .iter()
        .map(|s| {
            let until = s.until.map(since_noon);
            let (from, every) = (since_noon(s.from), s.every.num_seconds());
            format!("{} {from} {until:?} {every}", s.r_id)
        })
        .collect();
    assert_eq!(
        brief,
        [
            "energy 60 None 60",
            "power 60 None 60",
            "state 60 Some(3660) 10"
        ]
    );
    let none = Context {
        reports: Vec::new(),
        ..bench.context.clone()
    };
    assert_eq!(bench.state().samplings(&none), []);
    let (usage, power) = ("usage".parse().unwrap(), "power".parse().unwrap());
    assert_eq!(bench.state().needed_since(&usage, &power), Some(start));
    let other = "other".parse().unwrap();
    assert_eq!(bench.state().needed_since(&usage, &other), None);
}

#[test]
fn the_application_is_told_what_is_asked_for() {
    let mut bench = all();
    ask(&mut bench, vec![each_minute("a")]);
    assert_eq!(
        bench.take_effects(),
        [Effect::ReportRequested {
            report_request_id: "a".parse().unwrap(),
            report_specifier_id: "usage".parse().unwrap(),
        }]
    );
}
