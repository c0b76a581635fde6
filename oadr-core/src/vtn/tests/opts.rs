//! `oadrCreateOpt` and `oadrCancelOpt`: what is taken, refused, replaced, forgotten and told.

use super::*;
use crate::opt::OptSubject;
use crate::payload::{Availability, CancelOpt, CreateOpt, Properties, Target, Tolerance};
use crate::value::{GroupId, OptId, OptReason, ResourceId};

/// A VEN with the resources r1 and r2 that opts in and out, told to do so in few words.
pub(super) struct Opts {
    pub(super) rig: Rig,
}

impl Opts {
    pub(super) fn new() -> Self {
        let mut rig = Rig::new();
        rig.command(&Command::Enrol {
            ven_name: Text::new("house").unwrap(),
            ven_id: None,
            groups: Vec::new(),
            resources: vec![resource("r1"), resource("r2")],
            certificates: Vec::new(),
            signatures: None,
            jid: None,
        })
        .unwrap();
        rig.register();
        rig.exchange_metadata();
        rig.effects.clear();
        Self { rig }
    }

    /// Does one of these:
    ///
    /// * `[open ]event[ @resource,…][ #class,…]`: the event `e` is made, and the VEN has it;
    /// * `out ID MINUTE+MINUTES,…[ context][ @resource,…][ #class,…]`, or `in`: a schedule;
    /// * `event out ID[ @resource,…][ #class,…]`, or `in`: an opt of the event;
    /// * `answer in`, `cancel ID`, `modify`, `days N`, and `in first` for the precedence.
    pub(super) fn follow(&mut self, step: &str) {
        let words: Vec<&str> = step.split(' ').collect();
        let targets: Vec<ResourceId> = listed(&words, '@').map(resource).collect();
        let classes: Vec<Text> = listed(&words, '#').map(class).collect();
        match words[..] {
            ["in", "first"] => self.rig.context.opt_precedence = OptType::OptIn,
            ["event", say @ ("in" | "out"), id, ..] => {
                let create = self.qualify(id, opt_type(say));
                self.create(limited(create, targets, classes));
            }
            ["event", ..] | ["open", "event", ..] => {
                let target = Target {
                    resource_ids: targets,
                    end_device_assets: classes,
                    ..Target::default()
                };
                let duration = (words[0] == "open").then_some(Duration::ZERO);
                self.announce(Some(target), duration);
            }
            ["answer", say] => {
                let number = self.number();
                assert_eq!(self.rig.answer("e", number, opt_type(say)), 200, "{step}");
            }
            ["cancel", id] => assert_eq!(self.cancel(id).code(), 200, "{step}"),
            ["modify"] => {
                self.rig.modify("e", |draft| draft.priority = Some(3));
                self.rig.polled_events();
            }
            ["days", days] => {
                self.rig.now += TimeDelta::days(days.parse().unwrap());
                self.rig.deadline();
            }
            [say @ ("in" | "out"), id, when, ..] => {
                let mut create = self.schedule(id, opt_type(say), &periods(when));
                let context = words.get(3).filter(|word| !word.starts_with(['@', '#']));
                create.market_context = context.map(|context| market_context(context));
                self.create(limited(create, targets, classes));
            }
            _ => panic!("what is {step}?"),
        }
    }

    fn create(&mut self, create: CreateOpt) {
        assert_eq!(self.rig.send(create.clone()).code(), 200, "{create:?}");
    }

    pub(super) fn announce(&mut self, target: Option<Target>, duration: Option<Duration>) {
        let mut draft = EventDraft { target, ..draft() };
        if duration.is_some() {
            draft.duration = duration;
            draft.signals = vec![simple(&[(Duration::ZERO, 1.0)])];
        }
        self.rig.announce("e", draft);
        self.rig.polled_events();
    }

    fn number(&self) -> u32 {
        let event_id = EventId::new("e").unwrap();
        let delivery = self.rig.state().delivery(&event_id);
        delivery.map_or(0, |delivery| delivery.modification_number)
    }

    pub(super) fn effective(&self) -> Vec<EffectiveOpt> {
        let body = &self.rig.campaign("e").body;
        let event_id = EventId::new("e").unwrap();
        let precedence = self.rig.context.opt_precedence;
        effective_opts(self.rig.state(), &event_id, body, precedence)
    }

    fn schedule(&self, id: &str, opt_type: OptType, periods: &[(i64, u32)]) -> CreateOpt {
        let available = periods.iter().map(|(start, duration)| {
            let start = midnight() + TimeDelta::minutes(*start);
            Properties::new(start, Duration::minutes(*duration))
        });
        CreateOpt {
            opt_id: OptId::new(id).unwrap(),
            opt_type,
            opt_reason: OptReason::Economic,
            market_context: None,
            ven_id: self.rig.ven_id(),
            availability: Some(Availability {
                available: available.collect(),
            }),
            created: self.rig.now,
            request_id: RequestId::new("opt-request").unwrap(),
            qualified_event_id: None,
            target: Target {
                ven_ids: vec![self.rig.ven_id()],
                ..Target::default()
            },
            device_class: None,
        }
    }

    fn qualify(&self, id: &str, opt_type: OptType) -> CreateOpt {
        CreateOpt {
            availability: None,
            qualified_event_id: Some(QualifiedEventId {
                event_id: EventId::new("e").unwrap(),
                modification_number: self.number(),
            }),
            ..self.schedule(id, opt_type, &[])
        }
    }

    fn cancel(&mut self, id: &str) -> Outcome {
        let ven_id = self.rig.ven_id();
        self.rig.send(CancelOpt {
            request_id: RequestId::new("cancel-request").unwrap(),
            opt_id: OptId::new(id).unwrap(),
            ven_id,
        })
    }

    /// The optIDs that count.
    fn in_force(&self) -> Vec<String> {
        let opts = self.rig.state().opts();
        opts.map(|opt| opt.opt_id.to_string()).collect()
    }

    /// What became of every opt.
    fn history(&self) -> Vec<(String, Option<OptEndReason>)> {
        let facts = self.rig.opts.values();
        let history = facts.map(|fact| {
            let ended = fact.ended.map(|end| end.reason);
            (fact.opt.opt_id.to_string(), ended)
        });
        history.collect()
    }

    /// The code of the answer to an opt that changes nothing.
    fn refused(&mut self, create: CreateOpt) -> u16 {
        let outcome = self.rig.send(create);
        assert!(outcome.changes.is_empty() && outcome.effects.is_empty());
        outcome.code()
    }
}

fn listed<'a>(words: &[&'a str], mark: char) -> impl Iterator<Item = &'a str> {
    let list = words.iter().find_map(|word| word.strip_prefix(mark));
    list.into_iter().flat_map(|list| list.split(','))
}

fn limited(mut create: CreateOpt, resources: Vec<ResourceId>, classes: Vec<Text>) -> CreateOpt {
    create.target.resource_ids = resources;
    create.device_class = (!classes.is_empty()).then(|| Target {
        end_device_assets: classes,
        ..Target::default()
    });
    create
}

fn periods(text: &str) -> Vec<(i64, u32)> {
    let periods = text.split(',').map(|period| {
        let (start, duration) = period.split_once('+').unwrap();
        (start.parse().unwrap(), duration.parse().unwrap())
    });
    periods.collect()
}

fn opt_type(word: &str) -> OptType {
    match word {
        "in" => OptType::OptIn,
        "out" => OptType::OptOut,
        other => panic!("neither in nor out: {other}"),
    }
}

pub(super) fn resource(id: &str) -> ResourceId {
    ResourceId::new(id).unwrap()
}

pub(super) fn class(name: &str) -> Text {
    Text::new(name).unwrap()
}

fn market_context(name: &str) -> MarketContext {
    let uri = match name {
        "DR" => "HTTP://EXAMPLE.com/dr".to_owned(),
        name => format!("http://example.com/{name}"),
    };
    MarketContext::new(uri).unwrap()
}

#[test]
fn rule_207_the_answer_echoes_the_request_id_and_the_opt_id() {
    let mut opts = Opts::new();
    for request_id in ["opt-request", ""] {
        let mut create = opts.schedule("s1", OptType::OptOut, &[(0, 60)]);
        create.request_id = RequestId::new(request_id).unwrap();
        match opts.rig.send(create).message() {
            Message::CreatedOpt(created) => {
                assert_eq!(created.ei_response, ok(request_id));
                assert_eq!(created.opt_id.as_str(), "s1");
            }
            other => panic!("{other:?}"),
        }
    }
    match opts.cancel("s1").message() {
        Message::CanceledOpt(canceled) => {
            assert_eq!(canceled.ei_response, ok("cancel-request"));
            assert_eq!(canceled.opt_id.unwrap().as_str(), "s1");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rule_203_what_is_replaced_as_a_whole_is_forgotten_and_told_apart() {
    let mut opts = Opts::new();
    opts.follow("out s1 0+60");
    opts.follow("out s2 0+60 @r1");
    opts.follow("in s3 0+60");
    assert_eq!(opts.in_force(), ["s1", "s2", "s3"]);
    let numbers: Vec<u64> = opts.rig.state().opts().map(|opt| opt.number).collect();
    opts.follow("out s4 90+60");
    assert_eq!(opts.in_force(), ["s3", "s4"]);
    let by = opts.rig.state().opts().last().unwrap().number;
    assert!(numbers.iter().all(|number| *number < by));
    let replaced = Some(OptEndReason::Replaced { by });
    assert_eq!(
        opts.history(),
        [
            ("s1".to_owned(), replaced),
            ("s2".to_owned(), replaced),
            ("s3".to_owned(), None),
            ("s4".to_owned(), None),
        ]
    );
}

#[test]
fn rule_204_one_cancellation_is_of_all_schedules_of_the_id() {
    let mut opts = Opts::new();
    opts.follow("out s1 0+60 @r1");
    opts.follow("in s1 0+60 @r2");
    opts.follow("in s2 0+60 @r1");
    opts.rig.effects.clear();
    let outcome = opts.cancel("s1");
    assert!(matches!(
        &outcome.effects[..],
        [Effect::OptCancelled { opt_id, .. }] if opt_id.as_str() == "s1"
    ));
    assert_eq!(opts.in_force(), ["s2"]);
    let cancelled = Some(OptEndReason::Cancelled);
    assert_eq!(
        opts.history(),
        [
            ("s1".to_owned(), cancelled),
            ("s1".to_owned(), cancelled),
            ("s2".to_owned(), None),
        ]
    );
}

#[test]
fn rule_206_neither_both_nor_nothing_can_be_opted() {
    let mut opts = Opts::new();
    opts.follow("event");
    let mut both = opts.qualify("q1", OptType::OptOut);
    both.availability = opts
        .schedule("s1", OptType::OptOut, &[(0, 60)])
        .availability;
    assert_eq!(opts.refused(both), 459);
    let mut context = opts.qualify("q1", OptType::OptOut);
    context.market_context = Some(market_context("dr"));
    assert_eq!(opts.refused(context), 459);
    for nothing in [None, Some(Availability::default())] {
        let mut neither = opts.schedule("s1", OptType::OptOut, &[]);
        neither.availability = nothing;
        assert_eq!(opts.refused(neither), 459);
    }
    // An empty schedule is as good as none (rule 46).
    let mut empty = opts.qualify("q1", OptType::OptOut);
    empty.availability = Some(Availability::default());
    assert_eq!(opts.rig.send(empty).code(), 200);
}

#[test]
fn rule_206_an_opt_is_of_an_event_that_the_ven_has_in_that_version() {
    let mut opts = Opts::new();
    let early = opts.qualify("q1", OptType::OptOut);
    assert_eq!(opts.refused(early), 452);
    opts.rig.announce("e", draft());
    // Made, but not sent.
    let early = opts.qualify("q1", OptType::OptOut);
    assert_eq!(opts.refused(early), 452);
    opts.rig.polled_events();
    let first = opts.qualify("q1", OptType::OptOut);
    opts.follow("modify");
    assert_eq!(opts.refused(first), 450);
    opts.rig.cancel("e");
    opts.rig.polled_events();
    let cancelled = opts.qualify("q1", OptType::OptOut);
    assert_eq!(opts.refused(cancelled), 451);
}

#[test]
fn rule_206_an_event_that_is_not_to_be_answered_cannot_be_opted() {
    let mut opts = Opts::new();
    let draft = EventDraft {
        response_required: ResponseRequired::Never,
        ..draft()
    };
    opts.rig.announce("e", draft);
    opts.rig.polled_events();
    let create = opts.qualify("q1", OptType::OptOut);
    assert_eq!(opts.refused(create), 451);
}

#[test]
fn rule_206_a_resource_that_the_event_is_not_for_is_refused() {
    let mut opts = Opts::new();
    opts.follow("event @r1,r9");
    let create = opts.qualify("q1", OptType::OptOut);
    let outside = limited(create.clone(), vec![resource("r1"), resource("r2")], vec![]);
    assert_eq!(opts.refused(outside), 462);
    let inside = limited(create, vec![resource("r1")], vec![]);
    assert_eq!(opts.rig.send(inside).code(), 200);
}

#[test]
fn rule_208_wrong_ids_are_refused() {
    let mut opts = Opts::new();
    assert_eq!(opts.cancel("never-heard-of").code(), 452);
    let mut other = opts.schedule("s1", OptType::OptOut, &[(0, 60)]);
    other.opt_id = OptId::default();
    assert_eq!(opts.refused(other), 452);
    let mut other = opts.schedule("s1", OptType::OptOut, &[(0, 60)]);
    other.target.ven_ids = vec![VenId::new("somebody-else").unwrap()];
    assert_eq!(opts.refused(other), 452);
    let mut other = opts.schedule("s1", OptType::OptOut, &[(0, 60)]);
    other.ven_id = VenId::new("somebody-else").unwrap();
    assert_eq!(opts.refused(other), 452);
}

#[test]
fn rule_209_a_device_class_is_an_end_device_asset_and_nothing_else() {
    let mut opts = Opts::new();
    let mut create = opts.schedule("s1", OptType::OptOut, &[(0, 60)]);
    create.device_class = Some(Target {
        group_ids: vec![GroupId::new("g").unwrap()],
        ..Target::default()
    });
    assert_eq!(opts.refused(create.clone()), 459);
    // Empty is as good as left out (rule 46).
    create.device_class = Some(Target::default());
    assert_eq!(opts.rig.send(create).code(), 200);
}

#[test]
fn rule_211_a_superseded_schedule_is_cancelled_without_error_and_an_opt_of_an_event_is_not() {
    let mut opts = Opts::new();
    opts.follow("event");
    opts.follow("out s1 0+60");
    opts.follow("out s2 0+60");
    for _ in 0..2 {
        let outcome = opts.cancel("s1");
        assert!(outcome.changes.is_empty());
        assert_eq!(outcome.code(), 200);
    }
    assert_eq!(opts.in_force(), ["s2"]);
    // The answer to this one is lost: the VEN says it again.
    assert_eq!(opts.cancel("s2").code(), 200);
    assert_eq!(opts.cancel("s2").code(), 200);
    opts.follow("event out q1");
    assert_eq!(opts.cancel("q1").code(), 451);
    assert_eq!(opts.in_force(), ["q1"]);
}

#[test]
fn rule_200_more_than_a_period_says_no_more() {
    let mut opts = Opts::new();
    opts.follow("event");
    let mut create = opts.schedule("s1", OptType::OptOut, &[(0, 30)]);
    let properties = &mut create.availability.as_mut().unwrap().available[0];
    properties.recovery = Some(Duration::hours(2));
    properties.tolerance = Some(Tolerance {
        start_after: Some(Duration::hours(2)),
    });
    assert_eq!(opts.rig.send(create).code(), 200);
    assert!(opts.effective().iter().all(|opt| opt.opt.is_none()));
}

#[test]
fn periods_that_make_no_sense_are_refused() {
    let mut opts = Opts::new();
    opts.rig.advance(3_600);
    let over = opts.schedule("s1", OptType::OptOut, &[(0, 60), (10, 20)]);
    assert_eq!(opts.refused(over), 451);
    let mut negative = opts.schedule("s1", OptType::OptOut, &[(90, 60)]);
    negative.availability.as_mut().unwrap().available[0].duration = "-PT1H".parse().unwrap();
    assert_eq!(opts.refused(negative), 454);
    let later = opts.schedule("s1", OptType::OptOut, &[(0, 60), (61, 60)]);
    assert_eq!(opts.rig.send(later).code(), 200);
}

#[test]
fn rule_201_opts_of_anything_but_resources_are_not_taken() {
    let mut opts = Opts::new();
    let mut create = opts.schedule("s1", OptType::OptOut, &[(0, 60)]);
    create.target.group_ids = vec![GroupId::new("g").unwrap()];
    assert_eq!(opts.refused(create), 462);
}

#[test]
fn an_opt_whose_answer_was_lost_is_taken_once() {
    let mut opts = Opts::new();
    opts.follow("event");
    let schedule = opts.schedule("s1", OptType::OptOut, &[(0, 60)]);
    let qualification = opts.qualify("q1", OptType::OptIn);
    for create in [schedule, qualification] {
        let first = opts.rig.send(create.clone());
        assert!(matches!(
            &first.effects[..],
            [Effect::OptCreated { opt, .. }] if **opt == create
        ));
        opts.rig.advance(5);
        let again = opts.rig.send(create);
        assert!(again.changes.is_empty() && again.effects.is_empty());
        assert_eq!(again.code(), 200);
    }
    assert_eq!(opts.history().len(), 2);
}

#[test]
fn opts_are_bounded_and_there_is_room_again_when_some_are_cancelled() {
    let mut opts = Opts::new();
    let mut n = 0;
    let code = loop {
        let create = opts.schedule(&format!("s{n}"), OptType::OptOut, &[(0, 60)]);
        let create = limited(create, vec![resource(&format!("r{n}"))], vec![]);
        match opts.rig.send(create).code() {
            200 => n += 1,
            code => break code,
        }
    };
    assert_eq!((n, code), (128, 469));
    // It replaces all of them, so it fits.
    opts.follow("out all 0+60");
    assert_eq!(opts.in_force(), ["all"]);

    let many: Vec<(i64, u32)> = (0..2_001).map(|n| (n, 1)).collect();
    let create = opts.schedule("many", OptType::OptIn, &many);
    assert_eq!(opts.refused(create), 469);
}

#[test]
fn a_schedule_leaves_a_week_after_its_last_period() {
    let mut opts = Opts::new();
    opts.follow("out s1 0+60,120+60");
    opts.follow("in s2 0+0");
    let leaves = midnight() + TimeDelta::hours(3) + TimeDelta::days(7);
    assert_eq!(Vtn::next_deadline(opts.rig.state()), Some(leaves));
    opts.rig.now = leaves;
    opts.rig.deadline();
    assert_eq!(opts.in_force(), ["s2"]);
    assert_eq!(Vtn::next_deadline(opts.rig.state()), None);
    // It ran out: nobody ended it. To cancel it is no error.
    assert_eq!(opts.history()[0], ("s1".to_owned(), None));
    assert_eq!(opts.cancel("s1").code(), 200);
}

#[test]
fn opts_of_an_event_leave_with_it() {
    let mut opts = Opts::new();
    opts.follow("event");
    opts.follow("answer in");
    opts.follow("event out q1 @r1");
    opts.rig.now = midnight() + TimeDelta::hours(3);
    opts.rig.deadline();
    assert_eq!(opts.in_force(), [""; 0]);
    let late = opts.qualify("q2", OptType::OptOut);
    assert_eq!(opts.refused(late), 452);
    assert_eq!(opts.history(), [("q1".to_owned(), None)]);
}

#[test]
fn rule_406_a_new_registration_forgets_opts_and_an_end_of_it_does() {
    for anew in [true, false] {
        let mut opts = Opts::new();
        opts.follow("event");
        opts.follow("out s1 0+0");
        opts.follow("event out q1");
        if anew {
            opts.rig.register();
        } else {
            let registration_id = opts.rig.state().registration().unwrap();
            let registration_id = registration_id.registration_id.clone();
            let ven_id = Some(opts.rig.ven_id());
            opts.rig.send(crate::payload::CancelPartyRegistration {
                request_id: RequestId::default(),
                registration_id,
                ven_id,
            });
        }
        assert_eq!(opts.in_force(), [""; 0]);
        let unregistered = Some(OptEndReason::Unregistered);
        assert_eq!(
            opts.history(),
            [
                ("s1".to_owned(), unregistered),
                ("q1".to_owned(), unregistered)
            ]
        );
    }
}

#[test]
fn rule_405_registering_again_keeps_opts() {
    let mut opts = Opts::new();
    opts.follow("out s1 0+60");
    let registration = opts.rig.state().registration().unwrap();
    let again = CreatePartyRegistration {
        registration_id: Some(registration.registration_id.clone()),
        ven_id: Some(opts.rig.ven_id()),
        ..create("house")
    };
    opts.rig.create(again);
    assert_eq!(opts.in_force(), ["s1"]);
}

#[test]
fn the_application_is_asked_what_is_legal_and_may_refuse() {
    let mut opts = Opts::new();
    opts.rig.context.asks.opts = true;
    let mut illegal = opts.schedule("s1", OptType::OptOut, &[]);
    illegal.availability = None;
    assert_eq!(opts.refused(illegal), 459);

    let create = opts.schedule("s1", OptType::OptOut, &[(0, 60)]);
    let input = opts.rig.input(create.clone().into());
    assert_eq!(
        opts.rig.step(&input, &[]),
        Step::Ask(Question::CreateOpt(Box::new(create)))
    );
    // Its own code, if it is one for a request that is at fault (rule 206).
    for (said, heard) in [(451, 451), (200, 469), (503, 469)] {
        let code = ResponseCode::new(said).unwrap();
        let answer = Answer::CreateOpt(OptDecision::Refuse(code));
        let outcome = opts.rig.run(&input, &[answer]);
        assert!(outcome.changes.is_empty());
        assert_eq!(outcome.code(), heard);
    }
    let answer = Answer::CreateOpt(OptDecision::Accept);
    assert_eq!(opts.rig.run(&input, &[answer]).code(), 200);
    // Nobody is asked about it a second time.
    assert_eq!(opts.rig.run(&input, &[]).code(), 200);
    assert_eq!(opts.in_force(), ["s1"]);
    let OptSubject::Schedule { periods, .. } =
        &opts.rig.state().opts().next().unwrap().terms.subject
    else {
        panic!("no schedule");
    };
    assert_eq!(periods[0].end(), Some(midnight() + TimeDelta::hours(1)));
}
