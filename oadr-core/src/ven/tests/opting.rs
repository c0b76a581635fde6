//! Opts that the VEN makes: what it refuses, what it sends, and in which order.

use super::bench::*;
use crate::opt::{OptPeriod, OptSubject, OptTerms};
use crate::payload::{
    CanceledOpt, CreateOpt, CreatedOpt, EiResponse, Message, MessageKind, ResponseCode, Target,
};
use crate::value::{
    Duration, MarketContext, OptId, OptReason, OptType, RequestId, ResourceId, Text,
};
use crate::ven::{
    Command, CommandError, Context, Effect, EndReason, Failure, OptDraft, OptPolicy, OptStanding,
};

/// A registered VEN with the resources r1 and r2.
pub(super) fn bench() -> Bench {
    bench_with(context())
}

fn bench_with(context: Context) -> Bench {
    Bench::registered_with(Context {
        resources: vec![resource("r1"), resource("r2")],
        ..context
    })
}

pub(super) fn resource(id: &str) -> ResourceId {
    ResourceId::new(id).unwrap()
}

/// Out, an hour from now, for an hour.
pub(super) fn schedule(id: &str) -> OptDraft {
    OptDraft {
        opt_id: OptId::new(id).ok(),
        terms: OptTerms {
            opt_type: OptType::OptOut,
            reason: OptReason::Economic,
            subject: OptSubject::Schedule {
                market_context: None,
                periods: vec![period(3_600, 3_600)],
            },
            resources: Vec::new(),
            device_classes: Vec::new(),
        },
    }
}

pub(super) fn period(seconds: i64, length: u32) -> OptPeriod {
    OptPeriod {
        start: noon() + secs(seconds),
        duration: Duration::seconds(length),
    }
}

pub(super) fn with_periods(periods: Vec<OptPeriod>) -> OptDraft {
    let mut draft = schedule("s1");
    draft.terms.subject = OptSubject::Schedule {
        market_context: None,
        periods,
    };
    draft
}

/// Out of the event `e1`.
pub(super) fn qualification(id: &str, resources: &[&str]) -> OptDraft {
    let mut draft = schedule(id);
    draft.terms.subject = OptSubject::Event {
        event_id: event_id("e1"),
    };
    draft.terms.resources = resources.iter().map(|id| resource(id)).collect();
    draft
}

pub(super) fn opt(bench: &mut Bench, draft: OptDraft) -> Result<(), CommandError> {
    bench.command(&Command::CreateOpt(Box::new(draft)))
}

pub(super) fn withdraw(bench: &mut Bench, id: &str) -> Result<(), CommandError> {
    let opt_id = OptId::new(id).unwrap();
    bench.command(&Command::CancelOpt { opt_id })
}

pub(super) fn create_opt(bench: &Bench) -> CreateOpt {
    let Message::CreateOpt(message) = bench.message() else {
        panic!("not an oadrCreateOpt: {:?}", bench.message());
    };
    message.clone()
}

fn outcome(code: u16) -> EiResponse {
    EiResponse::new(ResponseCode::new(code).unwrap(), "", RequestId::default())
}

pub(super) fn created_opt(id: &str, code: u16) -> CreatedOpt {
    CreatedOpt {
        ei_response: outcome(code),
        opt_id: OptId::new(id).unwrap(),
    }
}

pub(super) fn canceled_opt(id: &str, code: u16) -> CanceledOpt {
    CanceledOpt {
        ei_response: outcome(code),
        opt_id: OptId::new(id).ok(),
    }
}

/// optIDs and where they stand.
pub(super) fn standings(bench: &Bench) -> Vec<(&str, OptStanding)> {
    let opts = bench.state().opts();
    opts.map(|opt| (opt.opt_id.as_str(), opt.standing))
        .collect()
}

/// The event `e1`, two minutes long, in an hour.
pub(super) fn told(bench: &mut Bench) {
    let posted = bench.poll(list(vec![always(event("e1", 0, noon() + secs(3_600)))]));
    assert_eq!(posted.len(), 1);
    bench.effects.clear();
}

#[test]
fn rule_200_a_schedule_is_periods_and_nothing_else() {
    let mut bench = bench();
    let mut draft = with_periods(vec![period(60, 60), period(600, 60)]);
    let OptSubject::Schedule { market_context, .. } = &mut draft.terms.subject else {
        panic!("no schedule");
    };
    *market_context = MarketContext::new("http://example.com/dr").ok();
    opt(&mut bench, draft).unwrap();
    let message = create_opt(&bench);
    assert_eq!(message.opt_id.as_str(), "s1");
    assert_eq!(message.opt_type, OptType::OptOut);
    assert_eq!(message.ven_id.as_str(), "ven-1");
    assert_eq!(message.created, bench.now);
    assert_eq!(message.qualified_event_id, None);
    assert_eq!(
        message.market_context.unwrap().as_str(),
        "http://example.com/dr"
    );
    let available = message.availability.unwrap().available;
    assert_eq!(available.len(), 2);
    for properties in available {
        assert_eq!(
            (
                properties.tolerance,
                properties.notification,
                properties.ramp_up,
                properties.recovery
            ),
            (None, None, None, None)
        );
    }
    assert!(!message.request_id.is_empty());
}

#[test]
fn rule_202_resources_go_beside_the_ven_and_none_is_all() {
    let mut bench = bench();
    opt(&mut bench, schedule("s1")).unwrap();
    let ven_ids = vec!["ven-1".parse().unwrap()];
    let everything = Target {
        ven_ids,
        ..Target::default()
    };
    assert_eq!(create_opt(&bench).target, everything);
    bench.reply(created_opt("s1", 200));
    let mut draft = schedule("s2");
    draft.terms.resources = vec![resource("r2"), resource("r1")];
    opt(&mut bench, draft).unwrap();
    let some = Target {
        resource_ids: vec![resource("r2"), resource("r1")],
        ..everything
    };
    assert_eq!(create_opt(&bench).target, some);
}

#[test]
fn rule_209_device_classes_are_left_out_if_there_are_none() {
    let mut bench = bench();
    opt(&mut bench, schedule("s1")).unwrap();
    assert_eq!(create_opt(&bench).device_class, None);
    bench.reply(created_opt("s1", 200));
    let mut draft = schedule("s2");
    draft.terms.device_classes = vec![Text::new("Pool_Pump").unwrap()];
    opt(&mut bench, draft.clone()).unwrap();
    let classes = Target {
        end_device_assets: draft.terms.device_classes.clone(),
        ..Target::default()
    };
    assert_eq!(create_opt(&bench).device_class, Some(classes));
    draft.terms.device_classes = vec![Text::default()];
    assert_eq!(opt(&mut bench, draft), Err(CommandError::EmptyDeviceClass));
}

#[test]
fn rule_210_a_duration_of_zero_is_open_ended() {
    let mut bench = bench();
    // Long begun, and never over.
    let draft = with_periods(vec![period(-86_400, 0)]);
    opt(&mut bench, draft).unwrap();
    let available = create_opt(&bench).availability.unwrap().available;
    assert!(available[0].duration.is_zero());
}

#[test]
fn rule_204_an_opt_has_an_id_and_several_may_share_it() {
    let mut bench = bench();
    let mut draft = schedule("");
    assert_eq!(
        opt(&mut bench, draft.clone()),
        Err(CommandError::EmptyOptId)
    );
    draft.opt_id = None;
    opt(&mut bench, draft.clone()).unwrap();
    let drawn = create_opt(&bench).opt_id;
    assert!(!drawn.is_empty());
    bench.reply(created_opt("", 200));
    opt(&mut bench, draft).unwrap();
    assert_ne!(create_opt(&bench).opt_id, drawn);
    bench.reply(created_opt("", 200));
    bench.effects.clear();

    let mut draft = schedule("same");
    draft.terms.resources = vec![resource("r1")];
    opt(&mut bench, draft.clone()).unwrap();
    bench.reply(created_opt("same", 200));
    draft.terms.resources = vec![resource("r2")];
    opt(&mut bench, draft).unwrap();
    bench.reply(created_opt("same", 200));
    assert_eq!(standings(&bench).len(), 3);
    withdraw(&mut bench, "same").unwrap();
    // Saying so twice is saying so once.
    withdraw(&mut bench, "same").unwrap();
    let Message::CancelOpt(message) = &bench.said[bench.said.len() - 1] else {
        panic!("not an oadrCancelOpt");
    };
    assert_eq!(message.opt_id.as_str(), "same");
    assert_eq!(message.ven_id.as_str(), "ven-1");
    bench.reply(canceled_opt("same", 200));
    assert_eq!(bench.next.send, None);
    assert_eq!(standings(&bench).len(), 1);
    assert_eq!(
        words(&bench.take_effects()),
        ["accepted same", "accepted same", "opt cancelled same"]
    );
}

#[test]
fn rule_206_the_answer_to_the_event_goes_first() {
    let mut bench = bench();
    bench.wait_for_poll();
    // The event has come, its answer is under way.
    bench.reply(list(vec![always(event("e1", 0, noon() + secs(3_600)))]));
    assert_eq!(bench.sent(), MessageKind::CreatedEvent);
    opt(&mut bench, qualification("q1", &["r1"])).unwrap();
    assert_eq!(bench.next.send, None);
    bench.reply(ok());
    let message = create_opt(&bench);
    let qualified = message.qualified_event_id.unwrap();
    assert_eq!(qualified.event_id.as_str(), "e1");
    assert_eq!(qualified.modification_number, 0);
    assert_eq!(message.availability, None);
    assert_eq!(message.market_context, None);
    assert_eq!(message.target.resource_ids, [resource("r1")]);
    bench.reply(created_opt("q1", 200));
    assert_eq!(standings(&bench), [("q1", OptStanding::Accepted)]);
    // Of one resource: the VEN as a whole still takes part.
    let stance = bench.state().event(&event_id("e1")).unwrap().stance();
    assert_eq!(stance.opt, OptType::OptIn);
}

#[test]
fn rule_206_a_later_change_of_mind_does_not_overtake_the_answer_before_the_opt() {
    let mut bench = bench();
    bench.wait_for_poll();
    bench.reply(list(vec![always(event("e1", 0, noon() + secs(3_600)))]));
    bench.fail(Failure::Unreachable);
    opt(&mut bench, qualification("q1", &["r1"])).unwrap();
    for opt in [OptType::OptOut, OptType::OptIn, OptType::OptOut] {
        let event_id = event_id("e1");
        bench
            .command(&Command::ChangeOpt { event_id, opt })
            .unwrap();
    }
    bench.wait();
    let posted = bench.drain();
    let kinds: Vec<_> = posted.iter().map(Message::kind).collect();
    assert_eq!(
        kinds,
        [
            MessageKind::CreatedEvent,
            MessageKind::CreateOpt,
            MessageKind::CreatedEvent
        ]
    );
    assert_eq!(answers(&posted[0])[0].2, OptType::OptIn);
    assert_eq!(answers(&posted[2])[0].2, OptType::OptOut);
}

#[test]
fn rule_206_an_answer_that_the_vtn_dropped_goes_again_before_the_opt() {
    let mut bench = bench();
    bench.wait_for_poll();
    bench.reply(list(vec![always(event("e1", 0, noon() + secs(3_600)))]));
    // Refused below OpenADR until the VEN gives up on it.
    while bench.state().owed().count() > 0 {
        if bench.next.send.is_none() {
            bench.wait();
        }
        bench.fail(Failure::Refused);
    }
    opt(&mut bench, qualification("q1", &["r1"])).unwrap();
    while bench.next.send.is_none() {
        bench.wait();
    }
    assert_eq!(bench.sent(), MessageKind::CreatedEvent);
    bench.reply(ok());
    assert_eq!(bench.sent(), MessageKind::CreateOpt);
}

#[test]
fn rule_206_what_cannot_be_opted_is_refused_beforehand() {
    let mut bench = bench_with(Context {
        signals: vec!["SIMPLE".parse().unwrap()],
        ..context()
    });
    let start = noon() + secs(3_600);
    let mut limited = event("e1", 0, start);
    limited.target.resource_ids = vec![resource("r1"), resource("r9")];
    let mut foreign = event("foreign", 0, start);
    foreign.target.resource_ids = vec![resource("r9")];
    bench.poll(list(vec![
        always(limited),
        never(event("never", 0, start)),
        always(foreign),
        always(event("past", 0, noon() - secs(3_600))),
    ]));
    let of = |id: &str, resources: &[&str]| {
        let mut draft = qualification("q1", resources);
        draft.terms.subject = OptSubject::Event {
            event_id: event_id(id),
        };
        draft
    };
    for (draft, error) in [
        (of("unknown", &[]), CommandError::UnknownEvent),
        (of("never", &[]), CommandError::NoAnswerWanted),
        (of("foreign", &[]), CommandError::NotSupported),
        (of("past", &[]), CommandError::EventOver),
        (of("e1", &["r2"]), CommandError::NotTargeted),
        (of("e1", &["r9"]), CommandError::UnknownResource),
    ] {
        assert_eq!(opt(&mut bench, draft), Err(error));
    }
    assert_eq!(standings(&bench), []);
    opt(&mut bench, of("e1", &["r1"])).unwrap();
}

#[test]
fn schedules_that_make_no_sense_are_refused_beforehand() {
    let mut bench = bench();
    let mut context = schedule("s1");
    context.terms.subject = OptSubject::Schedule {
        market_context: MarketContext::new("100%").ok(),
        periods: vec![period(60, 60)],
    };
    let mut negative = period(60, 60);
    negative.duration = "-PT1M".parse().unwrap();
    let mut unknown = schedule("s1");
    unknown.terms.resources = vec![resource("r1"), resource("r3")];
    for (draft, error) in [
        (with_periods(vec![]), CommandError::NoPeriods),
        (with_periods(vec![negative]), CommandError::NegativePeriod),
        (
            with_periods(vec![period(-120, 60), period(-60, 60)]),
            CommandError::ScheduleOver,
        ),
        (context, CommandError::NotAUri),
        (unknown, CommandError::UnknownResource),
        (
            with_periods((0..1_001).map(|n| period(n * 60, 60)).collect()),
            CommandError::TooManyOpts,
        ),
    ] {
        assert_eq!(opt(&mut bench, draft), Err(error));
    }
    assert_eq!(withdraw(&mut bench, "s1"), Err(CommandError::UnknownOpt));
    assert_eq!(standings(&bench), []);
    assert_eq!(
        opt(&mut Bench::new(), schedule("s1")),
        Err(CommandError::NotRegistered)
    );
    assert_eq!(
        withdraw(&mut Bench::new(), "s1"),
        Err(CommandError::NotRegistered)
    );
}

#[test]
fn rule_206_a_whole_event_once_opted_is_changed_by_another_opt_only() {
    let mut bench = bench_with(Context {
        opt: OptPolicy::Ask,
        ..context()
    });
    told(&mut bench);
    bench.asked.clear();
    opt(&mut bench, qualification("q1", &[])).unwrap();
    bench.reply(created_opt("q1", 200));
    let stance = |bench: &Bench| bench.state().event(&event_id("e1")).unwrap().stance().opt;
    assert_eq!(stance(&bench), OptType::OptOut);
    let change = Command::ChangeOpt {
        event_id: event_id("e1"),
        opt: OptType::OptIn,
    };
    assert_eq!(bench.command(&change), Err(CommandError::Qualified));
    // A new version asks nobody: it is out.
    let posted = bench.poll(list(vec![always(event("e1", 1, noon() + secs(7_200)))]));
    assert_eq!(answers(&posted[0])[0].2, OptType::OptOut);
    assert_eq!(bench.asked, []);
    let mut draft = qualification("q2", &[]);
    draft.terms.opt_type = OptType::OptIn;
    opt(&mut bench, draft).unwrap();
    assert_eq!(
        create_opt(&bench)
            .qualified_event_id
            .unwrap()
            .modification_number,
        1
    );
    assert_eq!(stance(&bench), OptType::OptIn);
    bench.reply(created_opt("q2", 200));
    // Of the first nothing is left.
    assert_eq!(standings(&bench), [("q2", OptStanding::Accepted)]);
}

#[test]
fn a_running_event_stops_when_it_is_opted_out_as_a_whole() {
    let mut bench = bench();
    bench.poll(list(vec![always(event("e1", 0, noon()))]));
    bench.take_effects();
    opt(&mut bench, qualification("q1", &["r1"])).unwrap();
    assert_eq!(bench.take_effects(), []);
    bench.reply(created_opt("q1", 200));
    bench.take_effects();
    opt(&mut bench, qualification("q2", &[])).unwrap();
    assert_eq!(
        bench.take_effects(),
        [Effect::EventEnded {
            event_id: event_id("e1"),
            modification_number: 0,
            reason: EndReason::OptedOut,
        }]
    );
}

#[test]
fn rule_211_opts_of_events_are_not_cancelled_and_leave_with_the_event() {
    let mut bench = bench();
    told(&mut bench);
    opt(&mut bench, qualification("q1", &["r1"])).unwrap();
    assert_eq!(withdraw(&mut bench, "q1"), Err(CommandError::OptOfEvent));
    bench.reply(created_opt("q1", 200));
    bench.poll(list(Vec::new()));
    assert_eq!(standings(&bench), []);
}

#[test]
fn an_opt_of_an_event_that_is_taken_back_before_it_is_told_is_not_told() {
    let mut bench = bench();
    told(&mut bench);
    bench.wait_for_poll();
    opt(&mut bench, qualification("q1", &["r1"])).unwrap();
    bench.reply(list(Vec::new()));
    let kinds: Vec<_> = bench.drain().iter().map(Message::kind).collect();
    assert!(!kinds.contains(&MessageKind::CreateOpt), "{kinds:?}");
    assert_eq!(bench.state().owed().count(), 0);
}
