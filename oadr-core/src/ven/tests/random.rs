//! What holds whatever comes: any messages at any time, failures, commands and crashes in any order.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::bench::*;
use super::offers::*;
use super::pushing::listening;
use crate::machine::{Env, Loaded, Role as _, Step};
use crate::opt::{OptPeriod, OptSubject, OptTerms};
use crate::payload::arbitrary::{self, Draws};
use crate::payload::{
    CancelPartyRegistration, CancelReport, EiEvent, Event, Message, MessageKind, RegisteredReport,
    ReportRequest, RequestReregistration, ResponseCode, Target,
};
use crate::value::{Duration, EventStatus, NonEmpty, OptReason, OptType, ResponseRequired};
use crate::ven::{
    Change, Command, Context, Effect, Failure, Input, OptDraft, OptPolicy, Question, Registration,
    Run, State, Ven, decide,
};

/// A message of any kind, at most four levels of anything.
fn any_message(draws: &mut Draws<'_>) -> Message {
    let numbers: Vec<u64> = (0..60).map(|_| draws.number()).collect();
    arbitrary::message(&numbers)
}

/// An event of one of few IDs, around now.
fn any_event(bench: &Bench, draws: &mut Draws<'_>) -> Event {
    let id = ["a", "b", "c"][draws.below(3)];
    let version = u32::try_from(draws.below(4)).unwrap();
    let start = bench.now + secs(i64::try_from(draws.below(400)).unwrap() - 200);
    let mut ei_event: EiEvent = event(id, version, start);
    match draws.below(8) {
        0 => ei_event.descriptor.event_status = EventStatus::Cancelled,
        1 => {
            ei_event.active_period.0.duration = Duration::ZERO;
            let open = signal("simple", &[(0, 1.0)]);
            ei_event
                .signals
                .signals
                .iter_mut()
                .for_each(|s| *s = open.clone());
        }
        2 => ei_event = randomised(ei_event, Duration::minutes(2)),
        3 => {
            ei_event.target = Target {
                ven_ids: vec!["other".parse().unwrap()],
                ..Target::default()
            };
        }
        4 => ei_event
            .signals
            .signals
            .push(signal("more", &[(30, 1.0), (90, 3.0)])),
        _ => {}
    }
    Event {
        ei_event,
        response_required: if draws.below(4) == 0 {
            ResponseRequired::Never
        } else {
            ResponseRequired::Always
        },
    }
}

/// A request for a report under one of few IDs, which can be granted more often than not.
fn any_request(bench: &Bench, draws: &mut Draws<'_>) -> ReportRequest {
    let id = ["r", "s", "t"][draws.below(3)];
    let spans = ["PT0S", "PT10S", "PT1M", "PT7M", "PT1H", "P1M"];
    let span = |draws: &mut Draws<'_>| spans[draws.below(spans.len())].parse().unwrap();
    let (granularity, report_back) = (span(draws), span(draws));
    let request = match draws.below(8) {
        0 | 1 => for_metadata(id, report_back),
        2 => wanted(id, "history", &["energy"], Duration::ZERO, Duration::ZERO),
        3 | 4 => wanted(id, "status", &["state"], granularity, report_back),
        5 => wanted(id, "usage", &["none"], granularity, report_back),
        _ => wanted(id, "usage", &["energy", "power"], granularity, report_back),
    };
    if draws.below(4) == 0 {
        return request;
    }
    let start = bench.now + secs(i64::try_from(draws.below(4_000)).unwrap() - 2_000);
    during(request, start, span(draws))
}

fn any_requests(bench: &Bench, draws: &mut Draws<'_>) -> Vec<ReportRequest> {
    let count = 1 + draws.below(3);
    (0..count).map(|_| any_request(bench, draws)).collect()
}

/// What a VTN might say about reports in a poll.
fn about_reports(bench: &Bench, draws: &mut Draws<'_>) -> Message {
    if draws.below(3) > 0 {
        return create(any_requests(bench, draws)).into();
    }
    CancelReport {
        request_id: request("c"),
        report_request_ids: NonEmpty::one(["r", "s", "t"][draws.below(3)].parse().unwrap()),
        report_to_follow: draws.below(2) == 0,
        ven_id: None,
    }
    .into()
}

/// What a VTN might say to a report.
fn about_data(draws: &mut Draws<'_>) -> Message {
    match draws.below(8) {
        0 => updated(ResponseCode::INVALID_ID).into(),
        1 => updated(ResponseCode::COMPLIANCE_ERROR).into(),
        2 => updated_cancelling(&["r", "s"], draws.below(2) == 0).into(),
        _ => updated(ResponseCode::OK).into(),
    }
}

/// An answer that a VTN might give to what was sent last, or not.
fn any_answer(bench: &Bench, draws: &mut Draws<'_>) -> Option<Message> {
    let vtn_codes = [
        ResponseCode::OK,
        ResponseCode::OK,
        ResponseCode::OK,
        ResponseCode::INVALID_ID,
        ResponseCode::NOT_REGISTERED,
        ResponseCode::COMPLIANCE_ERROR,
    ];
    Some(match draws.below(12) {
        0 => return None,
        1 => any_message(draws),
        2 => response(vtn_codes[draws.below(vtn_codes.len())]).into(),
        3 => RequestReregistration {
            ven_id: "ven-1".parse().unwrap(),
        }
        .into(),
        4 => CancelPartyRegistration {
            request_id: request("c"),
            registration_id: "reg-1".parse().unwrap(),
            ven_id: None,
        }
        .into(),
        // What fits.
        _ => match bench.under_way() {
            Some(MessageKind::QueryRegistration) => created(None).into(),
            Some(MessageKind::CreatePartyRegistration) => {
                let ids = [("ven-1", "reg-1"), ("ven-1", "reg-1"), ("ven-2", "reg-2")];
                created(Some(ids[draws.below(3)])).into()
            }
            Some(MessageKind::RegisterReport) if draws.below(2) == 0 => RegisteredReport {
                report_requests: any_requests(bench, draws),
                ..registered_report()
            }
            .into(),
            Some(MessageKind::RegisterReport) => registered_report().into(),
            Some(MessageKind::UpdateReport) => about_data(draws),
            Some(MessageKind::Poll) if draws.below(3) == 0 => about_reports(bench, draws),
            Some(MessageKind::Poll | MessageKind::RequestEvent) => {
                let events = (0..draws.below(4))
                    .map(|_| any_event(bench, draws))
                    .collect();
                list(events).into()
            }
            _ => ok().into(),
        },
    })
}

/// What a VTN might push, or not.
fn any_push(bench: &Bench, draws: &mut Draws<'_>) -> Message {
    match draws.below(8) {
        0 => any_message(draws),
        1 => reregister().into(),
        2 if draws.below(4) == 0 => cancel("reg-1").into(),
        3..=5 => about_reports(bench, draws),
        _ => {
            let events = (0..draws.below(4)).map(|_| any_event(bench, draws));
            list(events.collect()).into()
        }
    }
}

/// What the application was told must make sense: nothing ends that did not begin.
#[derive(Default)]
struct Listener {
    known: BTreeSet<String>,
    running: BTreeSet<String>,
    /// Requests for reports that are not over, and all that ever were.
    reporting: BTreeSet<String>,
    ended: BTreeSet<String>,
}

impl Listener {
    fn hear(&mut self, effect: &Effect) {
        match effect {
            Effect::EventReceived { event, .. } => {
                self.known.insert(event.descriptor.event_id.to_string());
            }
            Effect::EventModified { event, .. } => {
                assert!(
                    self.known.contains(event.descriptor.event_id.as_str()),
                    "{effect:?}"
                );
            }
            Effect::EventCancelled { event_id, .. } => {
                assert!(self.known.remove(event_id.as_str()), "{effect:?}");
            }
            Effect::EventStarted { event_id, .. } => {
                assert!(self.known.contains(event_id.as_str()), "{effect:?}");
                assert!(self.running.insert(event_id.to_string()), "{effect:?}");
            }
            Effect::IntervalStarted { event_id, .. } => {
                assert!(self.running.contains(event_id.as_str()), "{effect:?}");
            }
            Effect::EventEnded { event_id, .. } => {
                assert!(self.running.remove(event_id.as_str()), "{effect:?}");
            }
            Effect::RegistrationCancelled { .. } => {
                assert!(self.running.is_empty(), "{effect:?}");
                self.known.clear();
            }
            Effect::Registered { .. }
            | Effect::RegistrationRefused { .. }
            | Effect::OptSent { .. }
            | Effect::OptAccepted { .. }
            | Effect::OptRefused { .. }
            | Effect::OptCancelled { .. } => {}
            Effect::ReportRequested {
                report_request_id, ..
            } => {
                self.reporting.insert(report_request_id.to_string());
            }
            Effect::ReportSent {
                report_request_id, ..
            }
            | Effect::ReportRefused {
                report_request_id, ..
            } => {
                // The last one comes with its end.
                let id = report_request_id.to_string();
                let known = self.reporting.contains(&id) || self.ended.contains(&id);
                assert!(known, "{effect:?}");
            }
            Effect::ReportCancelled { report_request_id }
            | Effect::ReportCompleted { report_request_id } => {
                let id = report_request_id.to_string();
                assert!(self.reporting.remove(&id), "{effect:?}");
                self.ended.insert(id);
            }
        }
    }
}

/// What holds of every state.
fn check(state: &State, listener: &Listener) {
    let running: BTreeSet<String> = state
        .events()
        .filter(|event| matches!(event.run(), Run::Running(_)))
        .inspect(|event| assert_eq!(event.stance().opt, OptType::OptIn))
        .map(|event| event.event_id().to_string())
        .chain(state.stopping.keys().map(ToString::to_string))
        .collect();
    assert_eq!(running, listener.running, "what runs is what was told");
    let pending = state.pending_reports();
    let pending: BTreeSet<String> = pending.map(|p| p.report_request_id().to_string()).collect();
    assert_eq!(
        pending, listener.reporting,
        "what is pending is what was told"
    );
    assert!(
        state.owed().count() < 40,
        "what is owed is sent before more is asked for"
    );
    match state.registration() {
        Registration::None => {
            assert_eq!(state.events().count(), 0);
            assert!(state.owed().count() <= 1);
        }
        Registration::Leaving(_) => {
            assert_eq!(state.events().count(), 0);
            assert_eq!(state.owed().count(), 1);
        }
        Registration::Wanted | Registration::Registered(_) => {}
    }
}

/// What the VTN has, it has for good.
fn check_cursors(before: &State, after: &State) {
    for pending in after.pending_reports() {
        let id = pending.report_request_id();
        if let Some(known) = before.reporting.pending(id)
            && known.request() == pending.request()
            && let (Some(then), Some(now)) = (known.schedule.cursor(), pending.schedule.cursor())
        {
            assert!(then <= now, "{known:?} {pending:?}");
        }
    }
}

/// Lives through whatever the numbers say; returns all changes on the way.
fn live(numbers: &[u64]) -> (Bench, Vec<Change>) {
    let mut draws = Draws::new(numbers);
    let mut bench = Bench::new();
    bench.seed = draws.number() >> 8;
    if draws.below(2) == 0 {
        bench.context = Context {
            opt: OptPolicy::Ask,
            ..context()
        };
        bench.answers.extend([(OptType::OptOut, None); 3]);
        bench.thinking = secs(i64::try_from(draws.below(100)).unwrap());
    }
    bench.context.resources = vec!["r1".parse().unwrap()];
    if draws.below(4) > 0 {
        bench.context.reports = vec![usage(), status(), history()];
        bench.context.report_jitter = 20;
        let gaps = draws.number();
        bench.meter = Box::new(move |question| {
            let mut readings = seconds(question);
            readings
                .retain(|reading| gaps >> (since_noon(reading.start) / 10).rem_euclid(64) & 1 == 0);
            readings
        });
    }
    if draws.below(2) == 0 {
        bench.context.transport_address = listening().transport_address;
    }
    if draws.below(4) > 0 {
        bench.register();
    } else {
        bench.say(&Input::Started);
    }
    let mut listener = Listener::default();
    let mut changes = Vec::new();
    for _ in 0..40 {
        let before = bench.state().clone();
        match draws.below(16) {
            0 => bench.restart(),
            1 => {
                let commands = [
                    Command::Register,
                    Command::RequestEvents,
                    Command::ChangeOpt {
                        event_id: event_id("a"),
                        opt: OptType::OptOut,
                    },
                    Command::ChangeOpt {
                        event_id: event_id("a"),
                        opt: OptType::OptIn,
                    },
                    Command::CancelRegistration,
                    opt(&bench, &mut draws),
                    Command::CancelOpt {
                        opt_id: "o".parse().unwrap(),
                    },
                ];
                if bench
                    .command(&commands[draws.below(commands.len())])
                    .is_err()
                {
                    continue;
                }
            }
            2 => {
                // Clocks are set back, too.
                bench.now += secs(i64::try_from(draws.below(300)).unwrap() - 30);
                bench.say(&Input::Wake);
            }
            3 | 4 => {
                let failures = [
                    Failure::Unreachable,
                    Failure::Refused,
                    Failure::Broken,
                    Failure::Busy {
                        retry_after: Some(secs(20)),
                    },
                ];
                if bench.state().is_waiting() {
                    bench.fail(failures[draws.below(4)]);
                }
            }
            5..=7 => {
                let message = any_push(&bench, &mut draws);
                bench.push(message);
            }
            8 if draws.below(4) == 0 => bench.say(&Input::Connected),
            _ => {
                if bench.state().is_waiting() {
                    let message = any_answer(&bench, &mut draws);
                    match message {
                        Some(message) => bench.reply(message),
                        None => bench.reply_empty(),
                    }
                } else if let Some(wake) = bench.next.wake {
                    bench.now = bench.now.max(wake);
                    bench.say(&Input::Wake);
                }
            }
        }
        if before != *bench.state() {
            changes.append(&mut bench.changes.clone());
        }
        for effect in bench.take_effects() {
            listener.hear(&effect);
        }
        check(bench.state(), &listener);
        check_cursors(&before, bench.state());
    }
    (bench, changes)
}

/// An opt of the event `a`, or of a time around now.
fn opt(bench: &Bench, draws: &mut Draws<'_>) -> Command {
    let subject = if draws.below(2) == 0 {
        OptSubject::Event {
            event_id: event_id("a"),
        }
    } else {
        OptSubject::Schedule {
            market_context: None,
            periods: vec![OptPeriod {
                start: bench.now + secs(i64::try_from(draws.below(300)).unwrap() - 100),
                duration: Duration::seconds(u32::try_from(draws.below(100)).unwrap()),
            }],
        }
    };
    Command::CreateOpt(Box::new(OptDraft {
        opt_id: (draws.below(2) == 0).then(|| "o".parse().unwrap()),
        terms: OptTerms {
            opt_type: [OptType::OptIn, OptType::OptOut][draws.below(2)],
            reason: OptReason::Economic,
            subject,
            resources: [vec![], vec!["r1".parse().unwrap()]][draws.below(2)].clone(),
            device_classes: Vec::new(),
        },
    }))
}

fn numbers() -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::vec(any::<u64>(), 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// The bench checks every decision, `check` every state and `Listener` every effect.
    #[test]
    fn whatever_comes_the_ven_stays_sound(numbers in numbers()) {
        live(&numbers);
    }

    #[test]
    fn rules_23_51_508_a_ven_says_what_is_its_to_say_and_who_it_is(numbers in numbers()) {
        use MessageKind as K;
        let (bench, _) = live(&numbers);
        for message in bench.said.iter().chain(&bench.replied) {
            let named = match message.kind() {
                K::QueryRegistration | K::CreatePartyRegistration => false,
                K::CancelPartyRegistration
                | K::CanceledPartyRegistration
                | K::Response
                | K::RequestEvent
                | K::CreatedEvent
                | K::CreateOpt
                | K::CancelOpt
                | K::RegisterReport
                | K::RegisteredReport
                | K::CreatedReport
                | K::UpdateReport
                | K::UpdatedReport
                | K::CanceledReport
                | K::Poll => true,
                K::CreatedPartyRegistration
                | K::RequestReregistration
                | K::DistributeEvent
                | K::CreatedOpt
                | K::CanceledOpt
                | K::CreateReport
                | K::CancelReport => {
                    return Err(TestCaseError::fail(format!("{message:?}")));
                }
            };
            let octets = crate::codec::encode(message);
            let text = String::from_utf8(octets).unwrap();
            // Who is not registered has no ID.
            let outcome = message.ei_response().map(|outcome| outcome.response_code);
            let is_nobody = outcome == Some(ResponseCode::NOT_REGISTERED)
                || outcome == Some(ResponseCode::COMPLIANCE_ERROR);
            // Which ID that is, the VTN says: here, any.
            let says_who = text.contains("<ei:venID>") && !text.contains("<ei:venID></");
            prop_assert!(!named || is_nobody || says_who, "{}", text);
        }
    }

    #[test]
    fn apply_never_fails_on_any_change_in_any_state(
        one in numbers(),
        other in numbers(),
        order in proptest::collection::vec(any::<u64>(), 200),
    ) {
        let (bench, _) = live(&one);
        let (_, mut foreign) = live(&other);
        foreign.extend((0..4).flat_map(|n| [
            Change::Overtaken { place: n },
            Change::IntervalStarted { event_id: event_id("a"), signal: n, begun: n },
            Change::EventStarted { event_id: event_id("b"), begun: vec![n; n as usize] },
        ]));
        let mut state = bench.state().clone();
        for at in order {
            let at = usize::try_from(at % foreign.len() as u64).unwrap();
            Ven::apply(&mut state, &foreign[at]);
            let _ = Ven::next_deadline(&state);
        }
        let json = serde_json::to_string(&state).unwrap();
        prop_assert_eq!(&serde_json::from_str::<State>(&json).unwrap(), &state);
        // And the machine finds its way from wherever that led.
        let at = Loaded { state, ..Loaded::absent() };
        let env = Env { now: bench.now, entropy: [3; 32] };
        for input in [Input::Wake, Input::Started] {
            match decide(&at, &bench.context, env, &input, &[]) {
                Step::Decided(_) => {}
                // A report may be due, which is asked for once.
                Step::Ask(Question::Readings(question)) => {
                    let answers = [question.answer(Vec::new())];
                    let step = decide(&at, &bench.context, env, &input, &answers);
                    prop_assert!(matches!(step, Step::Decided(_)), "{:?}", step);
                }
                Step::Ask(Question::Opt(question)) => panic!("{question:?}"),
            }
        }
    }
}
