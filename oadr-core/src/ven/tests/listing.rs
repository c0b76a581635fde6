//! What a list of events means to those that are known: rules 4, 30, 56 to 61, 65, 66, 406.

use super::bench::*;
use super::pushing::pushed_to;
use crate::payload::MessageKind;
use crate::value::{Duration, OptType};
use crate::ven::{Command, Effect, OptPolicy};

fn later() -> crate::value::DateTime {
    noon() + secs(3600)
}

/// Answers of all that was posted.
fn posted(messages: &[crate::payload::Message]) -> Vec<(String, u32, OptType, u16)> {
    messages.iter().flat_map(answers).collect()
}

fn line(id: &str, version: u32, opt: OptType, code: u16) -> (String, u32, OptType, u16) {
    (id.to_owned(), version, opt, code)
}

#[test]
fn rule_56_an_unknown_event_is_new_whatever_its_number() {
    // Rule 4 says 0, test A_E1_0110 that others are to be expected.
    let mut bench = Bench::registered();
    let answers = bench.poll(list(vec![
        always(event("e1", 0, later())),
        always(event("e2", 7, later())),
    ]));
    assert_eq!(
        posted(&answers),
        [
            line("e1", 0, OptType::OptIn, 200),
            line("e2", 7, OptType::OptIn, 200)
        ]
    );
    assert_eq!(
        words(&bench.take_effects()),
        [
            "received e1/0",
            "received e2/7",
            "sent e1/0 optIn 200",
            "sent e2/7 optIn 200"
        ]
    );
}

#[test]
fn rule_57_a_higher_number_replaces() {
    let mut bench = Bench::registered();
    bench.poll(list(vec![always(event("e1", 1, later()))]));
    bench.take_effects();
    let answers = bench.poll(list(vec![always(event("e1", 3, later() + secs(60)))]));
    assert_eq!(posted(&answers), [line("e1", 3, OptType::OptIn, 200)]);
    assert_eq!(
        words(&bench.take_effects()),
        ["modified e1/3", "sent e1/3 optIn 200"]
    );
    let known = bench.state().event(&event_id("e1")).unwrap();
    assert_eq!(known.start(), later() + secs(60));
}

#[test]
fn rule_58_a_lower_number_is_450_whatever_the_status() {
    let mut bench = Bench::registered();
    bench.poll(list(vec![always(event("e1", 2, later()))]));
    bench.take_effects();
    for old in [event("e1", 1, later()), cancelled(event("e1", 1, later()))] {
        let before = bench.state().events().cloned().collect::<Vec<_>>();
        let answers = bench.poll(list(vec![always(old)]));
        assert_eq!(posted(&answers), [line("e1", 1, OptType::OptOut, 450)]);
        assert_eq!(before, bench.state().events().cloned().collect::<Vec<_>>());
        assert_eq!(words(&bench.take_effects()), [""; 0]);
    }
}

#[test]
fn rule_59_a_cancelled_event_is_forgotten() {
    let mut bench = Bench::registered();
    bench.poll(list(vec![
        always(event("e1", 0, later())),
        always(event("e2", 0, later())),
    ]));
    bench.take_effects();
    let answers = bench.poll(list(vec![
        always(cancelled(event("e1", 1, later()))),
        always(event("e2", 0, later())),
    ]));
    // Rule 36: optIn says that it will be cancelled.
    assert_eq!(
        posted(&answers),
        [
            line("e1", 1, OptType::OptIn, 200),
            line("e2", 0, OptType::OptIn, 200)
        ]
    );
    assert_eq!(
        words(&bench.take_effects()),
        ["event cancelled e1/1 implied=false"]
    );
    assert!(bench.state().event(&event_id("e1")).is_none());
    // Rule 36: not mentioned again unless the VTN does.
    let answers = bench.poll(list(vec![always(event("e2", 0, later()))]));
    assert_eq!(posted(&answers), [line("e2", 0, OptType::OptIn, 200)]);
    assert_eq!(words(&bench.take_effects()), [""; 0]);
}

#[test]
fn rule_60_the_cancellation_of_an_unknown_event_is_answered_and_ignored() {
    let mut bench = Bench::registered();
    let answers = bench.poll(list(vec![
        always(cancelled(event("e1", 1, later()))),
        never(cancelled(event("e2", 1, later()))),
    ]));
    assert_eq!(posted(&answers), [line("e1", 1, OptType::OptIn, 200)]);
    assert_eq!(bench.state().events().count(), 0);
    assert_eq!(words(&bench.take_effects()), [""; 0]);
}

#[test]
fn rule_61_an_event_that_is_listed_no_more_is_cancelled() {
    let mut bench = Bench::registered();
    bench.poll(list(vec![
        always(event("e1", 4, later())),
        always(event("e2", 0, later())),
    ]));
    bench.take_effects();
    let answers = bench.poll(list(vec![always(event("e2", 0, later()))]));
    assert_eq!(posted(&answers), [line("e2", 0, OptType::OptIn, 200)]);
    assert_eq!(
        words(&bench.take_effects()),
        ["event cancelled e1/4 implied=true"]
    );
    // Test E1_1010: an empty list is answered with nothing.
    assert_eq!(bench.poll(list(Vec::new())), []);
    assert_eq!(
        words(&bench.take_effects()),
        ["event cancelled e2/0 implied=true"]
    );
}

#[test]
fn rule_61_what_ran_is_stopped_by_its_absence() {
    let mut bench = Bench::registered();
    bench.poll(list(vec![always(event("e1", 0, noon() - secs(10)))]));
    bench.take_effects();
    bench.poll(list(Vec::new()));
    assert_eq!(
        words(&bench.take_effects()),
        ["event cancelled e1/0 implied=true", "ended e1/0 Cancelled"]
    );
}

#[test]
fn an_event_that_is_over_is_forgotten_in_silence() {
    let mut bench = Bench::registered();
    bench.poll(list(vec![always(event("e1", 0, noon() + secs(20)))]));
    bench.pass(secs(9));
    for _ in 0..16 {
        bench.wait_for_poll();
        bench.reply(ok());
    }
    assert!(bench.now > noon() + secs(140));
    bench.take_effects();
    // Listed for longer, it is answered as before and not told again.
    let answers = bench.poll(list(vec![always(event("e1", 0, noon() + secs(20)))]));
    assert_eq!(posted(&answers), [line("e1", 0, OptType::OptIn, 200)]);
    bench.poll(list(Vec::new()));
    assert_eq!(words(&bench.take_effects()), [""; 0]);
    assert_eq!(bench.state().events().count(), 0);
}

#[test]
fn rule_30_the_random_offset_is_drawn_once_and_kept() {
    let window = Duration::minutes(10);
    let mut offsets = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let mut bench = Bench::registered();
        bench.seed = 1_000 * seed;
        bench.poll(list(vec![always(randomised(
            event("e1", 0, later()),
            window,
        ))]));
        let offset = |bench: &Bench| {
            bench
                .state()
                .event(&event_id("e1"))
                .unwrap()
                .random_offset()
        };
        let first = offset(&bench);
        offsets.insert(first);
        assert!(first <= 600);
        let known = bench.state().event(&event_id("e1")).unwrap();
        assert_eq!(known.start(), later() + secs(first.into()));
        // It moves the end as well.
        assert_eq!(known.end(), Some(known.start() + secs(120)));
        let Effect::EventReceived {
            start,
            random_offset,
            ..
        } = bench.effects[0].clone()
        else {
            panic!("not received");
        };
        assert_eq!((start, random_offset), (known.start(), first));
        // A modification keeps it, wherever the start goes.
        let moved = randomised(event("e1", 1, later() + secs(300)), window);
        bench.poll(list(vec![always(moved)]));
        assert_eq!(offset(&bench), first);
        bench.restart();
        bench.drain();
        assert_eq!(offset(&bench), first);
        // Another window draws another one.
        let narrower = randomised(event("e1", 2, later()), Duration::seconds(1));
        bench.poll(list(vec![always(narrower)]));
        assert!(offset(&bench) <= 1);
        bench.poll(list(vec![always(event("e1", 3, later()))]));
        assert_eq!(offset(&bench), 0);
    }
    assert!(offsets.len() > 20, "{offsets:?}");
}

#[test]
fn rule_65_a_cancelled_event_with_a_random_start_ends_at_random() {
    let window = Duration::minutes(1);
    let mut delays = std::collections::BTreeSet::new();
    for (seed, by_absence) in (0..40).map(|n| (n, n % 2 == 0)) {
        let mut bench = Bench::registered();
        bench.seed = 1_000 * seed;
        let start = bench.now - secs(60);
        let mut long = randomised(event("e1", 0, start), window);
        long.active_period.0.duration = Duration::ZERO;
        long.signals
            .signals
            .iter_mut()
            .for_each(|s| *s = signal("simple", &[(0, 1.0)]));
        bench.poll(list(vec![always(long.clone())]));
        let started = words(&bench.take_effects())
            .iter()
            .any(|w| w == "started e1/0");
        assert!(started);
        long.descriptor.modification_number = 1;
        bench.wait_for_poll();
        let cancelled_at = bench.now;
        let events = if by_absence {
            Vec::new()
        } else {
            vec![always(cancelled(long))]
        };
        bench.reply(list(events));
        bench.drain();
        let told = words(&bench.take_effects());
        assert!(told[0].starts_with("event cancelled e1/"), "{told:?}");
        // It is forgotten at once, and only runs out.
        assert_eq!(bench.state().events().count(), 0);
        bench.restart();
        bench.drain();
        while bench.effects.is_empty() && told.len() < 2 {
            bench.wait();
            bench.drain();
        }
        let delay = (bench.now - cancelled_at).num_seconds();
        assert!(delay <= 60, "{delay}");
        delays.insert(delay);
    }
    assert!(delays.len() > 10, "{delays:?}");
}

#[test]
fn rule_65_a_cancelled_event_does_not_outlive_its_time() {
    // Whatever is drawn from three hours, a minute is left.
    let mut bench = Bench::registered();
    let window = Duration::hours(3);
    bench.poll(list(vec![always(randomised(
        event("e1", 0, noon()),
        window,
    ))]));
    let start = bench.state().event(&event_id("e1")).unwrap().start();
    bench.wait_for_poll();
    bench.now = start + secs(60);
    let gone = randomised(event("e1", 1, noon()), window);
    bench.reply(list(vec![always(cancelled(gone))]));
    bench.drain();
    bench.take_effects();
    while bench.effects.is_empty() {
        bench.wait();
        bench.drain();
    }
    assert_eq!(words(&bench.take_effects()), ["ended e1/1 Cancelled"]);
    assert!(bench.now <= start + secs(120), "{}", bench.now - start);
}

#[test]
fn rule_65_without_a_random_start_it_ends_at_once() {
    let mut bench = Bench::registered();
    bench.poll(list(vec![always(event("e1", 0, noon() - secs(10)))]));
    bench.take_effects();
    bench.wait_for_poll();
    bench.reply(list(vec![always(cancelled(event("e1", 1, noon())))]));
    assert_eq!(
        words(&bench.take_effects()),
        ["event cancelled e1/1 implied=false", "ended e1/1 Cancelled"]
    );
}

#[test]
fn rule_66_completed_does_not_stop_a_randomised_run() {
    let mut bench = Bench::registered();
    let start = noon() - secs(100);
    // Find an event that is late enough to run on after the VTN's end.
    let (mut n, late) = (0, |bench: &Bench, id: &str| {
        let known = bench.state().event(&event_id(id)).unwrap();
        known.end().unwrap() > start + secs(150)
    });
    let id = loop {
        n += 1;
        let id = format!("e{n}");
        let with_window = randomised(event(&id, 0, start), Duration::minutes(2));
        bench.now = noon();
        bench.poll(list(vec![always(with_window)]));
        if late(&bench, &id) {
            break id;
        }
    };
    bench.take_effects();
    bench.now = start + secs(130);
    let mut completed = randomised(event(&id, 0, start), Duration::minutes(2));
    completed.descriptor.event_status = crate::value::EventStatus::Completed;
    bench.poll(list(vec![always(completed)]));
    // Nor does its absence, once the VTN's end has come.
    bench.poll(list(Vec::new()));
    let known = bench.state().event(&event_id(&id)).unwrap();
    let end = known.end().unwrap();
    let ended = format!("ended {id}/");
    assert!(
        !words(&bench.take_effects())
            .iter()
            .any(|w| w.starts_with(&ended))
    );
    while bench.now < end {
        bench.wait();
        bench.drain();
    }
    assert_eq!(
        words(&bench.take_effects()).last().unwrap(),
        &format!("ended {id}/0 Completed")
    );
}

#[test]
fn an_event_that_comes_back_after_its_cancellation_is_new() {
    let mut bench = Bench::registered();
    let mut long = randomised(event("e1", 0, noon() - secs(3600)), Duration::hours(1));
    long.active_period.0.duration = Duration::ZERO;
    long.signals
        .signals
        .iter_mut()
        .for_each(|s| *s = signal("simple", &[(0, 1.0)]));
    bench.poll(list(vec![always(long.clone())]));
    bench.poll(list(Vec::new()));
    bench.take_effects();
    long.descriptor.modification_number = 0;
    bench.poll(list(vec![always(long)]));
    assert_eq!(
        words(&bench.take_effects())[..2],
        ["ended e1/0 Cancelled", "received e1/0"]
    );
}

#[test]
fn rule_406_after_a_new_registration_numbers_begin_again() {
    let mut bench = Bench::registered();
    bench.context.opt = OptPolicy::Ask;
    bench.poll(list(vec![
        always(randomised(event("e1", 5, later()), Duration::hours(1))),
        always(event("e2", 5, later())),
        always(event("e3", 0, later())),
    ]));
    let offset = bench
        .state()
        .event(&event_id("e1"))
        .unwrap()
        .random_offset();
    bench.asked.clear();
    bench.take_effects();
    bench.command(&Command::Register).unwrap();
    bench.reply(created(Some(("ven-1", "reg-2"))));
    bench.reply(registered_report());
    assert_eq!(bench.sent(), MessageKind::RequestEvent);
    let mut fresh = randomised(event("e1", 0, later()), Duration::hours(1));
    fresh.descriptor.created = later();
    bench.reply(list(vec![
        always(fresh.clone()),
        always(event("e2", 5, later() + secs(60))),
        always(event("e3", 1, later())),
    ]));
    assert_eq!(
        answers(bench.message()),
        [
            line("e1", 0, OptType::OptIn, 200),
            line("e2", 5, OptType::OptIn, 200),
            line("e3", 1, OptType::OptIn, 200)
        ]
    );
    bench.drain();
    // Only what asks for something else is a modification.
    let asked: Vec<_> = bench
        .asked
        .iter()
        .map(|q| q.event.descriptor.event_id.as_str())
        .collect();
    assert_eq!(asked, ["e2"]);
    assert_eq!(
        words(&bench.take_effects()),
        [
            "registered ven-1 again=false",
            "modified e2/5",
            "sent e1/0 optIn 200",
            "sent e2/5 optIn 200",
            "sent e3/1 optIn 200"
        ]
    );
    assert_eq!(
        bench
            .state()
            .event(&event_id("e1"))
            .unwrap()
            .random_offset(),
        offset
    );
    // From now on the numbers of the new registration count.
    fresh.descriptor.modification_number = 1;
    bench.poll(list(vec![always(fresh)]));
    assert_eq!(words(&bench.take_effects())[0], "modified e1/1");
}

#[test]
fn a_list_that_waited_for_the_application_does_not_cancel_the_event_that_it_was_asked_about() {
    let mut bench = pushed_to();
    bench.context.opt = OptPolicy::Ask;
    bench.thinking = secs(90);
    bench.push(list(vec![always(event("e1", 0, later()))]));
    bench.drain();
    // Made before the event, and come while the application was asked.
    bench.push(list(Vec::new()));
    assert_eq!(bench.sent(), MessageKind::RequestEvent);
    assert!(bench.state().event(&event_id("e1")).is_some());
    assert_eq!(
        words(&bench.take_effects()),
        ["received e1/0", "sent e1/0 optIn 200"]
    );
}

#[test]
fn what_is_over_before_the_application_has_answered_never_begins() {
    let mut bench = pushed_to();
    bench.context.opt = OptPolicy::Ask;
    bench.thinking = secs(90);
    // Of what runs by then, the present interval is told.
    let events = ["e1", "e2"].map(|id| always(event(id, 0, noon())));
    bench.push(list(events.to_vec()));
    assert_eq!(bench.asked.len(), 2);
    assert_eq!(answers(bench.message()).len(), 2);
    bench.drain();
    assert_eq!(
        words(&bench.take_effects()),
        [
            "received e1/0",
            "received e2/0",
            "sent e1/0 optIn 200",
            "sent e2/0 optIn 200"
        ]
    );

    bench.thinking = secs(60);
    bench.push(list(vec![never(event("e3", 0, bench.now))]));
    assert_eq!(
        words(&bench.take_effects()),
        ["received e3/0", "started e3/0", "interval e3 simple[1]=2"]
    );
}
