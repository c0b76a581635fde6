//! The life of an event by the clock: rules 30 to 32, 47, 114; told once, in order, on time.

use super::bench::*;
use crate::machine::Role as _;
use crate::value::{DateTime, Duration, OptType};
use crate::ven::{Command, Context, Effect, Input, OptPolicy, Run, Ven};

/// What is told from now until a time, and when (seconds after noon).
fn told_until(bench: &mut Bench, until: DateTime) -> Vec<(i64, String)> {
    let mut told = Vec::new();
    while let Some(wake) = bench.next.wake.filter(|wake| *wake <= until) {
        bench.now = wake;
        // The polls in between go unanswered: they do not hold up anything.
        bench.say(&Input::Wake);
        for effect in bench.take_effects() {
            let at = (bench.now - noon()).num_seconds();
            told.push((at, words(&[effect])[0].clone()));
        }
    }
    bench.now = until;
    if bench.state().is_waiting() {
        bench.reply(ok());
    }
    told
}

fn told(bench: &mut Bench, seconds: i64) -> Vec<(i64, String)> {
    told_until(bench, noon() + secs(seconds))
}

fn at(when: i64, what: &str) -> (i64, String) {
    (when, what.to_owned())
}

/// A VEN that knows this event and has told of it.
fn knowing(event: crate::payload::EiEvent) -> Bench {
    let mut bench = Bench::registered();
    bench.poll(list(vec![always(event)]));
    bench.effects.retain(|effect| {
        !matches!(
            effect,
            Effect::EventReceived { .. } | Effect::OptSent { .. }
        )
    });
    bench
}

#[test]
fn rule_32_an_event_starts_changes_and_ends_on_time() {
    let mut bench = knowing(event("e1", 0, noon() + secs(60)));
    assert_eq!(
        told(&mut bench, 600),
        [
            at(60, "started e1/0"),
            at(60, "interval e1 simple[0]=1"),
            at(120, "interval e1 simple[1]=2"),
            at(180, "ended e1/0 Completed")
        ]
    );
    let known = bench.state().event(&event_id("e1")).unwrap();
    assert_eq!(*known.run(), Run::Over);
}

#[test]
fn an_interval_that_begins_with_the_end_is_not_told() {
    let mut idle = event("e1", 0, noon() + secs(60));
    let levels = signal("simple", &[(60, 1.0), (0, 3.0), (60, 2.0), (0, 3.0)]);
    idle.signals
        .signals
        .iter_mut()
        .for_each(|s| *s = levels.clone());
    let mut bench = knowing(idle);
    assert_eq!(
        told(&mut bench, 600),
        [
            at(60, "started e1/0"),
            at(60, "interval e1 simple[0]=1"),
            at(120, "interval e1 simple[1]=3"),
            at(120, "interval e1 simple[2]=2"),
            at(180, "ended e1/0 Completed")
        ]
    );
}

#[test]
fn rule_114_the_clock_counts_and_not_the_status() {
    let mut early = event("e1", 0, noon() + secs(60));
    early.descriptor.event_status = crate::value::EventStatus::Completed;
    let mut bench = knowing(early);
    assert_eq!(told(&mut bench, 100).len(), 2);
}

#[test]
fn happenings_of_several_signals_and_events_come_in_the_order_of_time() {
    let mut first = event("b", 0, noon() + secs(60));
    first
        .signals
        .signals
        .push(signal("second", &[(30, 3.0), (60, 0.0), (30, 1.0)]));
    let mut bench = Bench::registered();
    bench.poll(list(vec![
        always(first),
        always(event("a", 0, noon() + secs(70))),
    ]));
    bench.take_effects();
    // All at once, as after a long sleep.
    bench.now = noon() + secs(900);
    bench.say(&Input::Wake);
    assert_eq!(
        words(&bench.take_effects()),
        [
            "started b/0",
            "interval b simple[0]=1",
            "interval b second[0]=3",
            "started a/0",
            "interval a simple[0]=1",
            "interval b second[1]=0",
            "interval b simple[1]=2",
            "interval a simple[1]=2",
            "interval b second[2]=1",
            "ended b/0 Completed",
            "ended a/0 Completed"
        ]
    );
}

#[test]
fn rule_30_the_run_is_late_by_the_random_offset() {
    let late = randomised(event("e1", 0, noon() + secs(60)), Duration::minutes(10));
    let mut bench = knowing(late);
    let offset = i64::from(
        bench
            .state()
            .event(&event_id("e1"))
            .unwrap()
            .random_offset(),
    );
    assert!(offset > 0, "draw another seed");
    let told: Vec<i64> = told(&mut bench, 3600)
        .into_iter()
        .map(|(at, _)| at)
        .collect();
    assert_eq!(told, [60, 60, 120, 180].map(|t| t + offset));
}

#[test]
fn rule_47_an_open_ended_event_runs_until_it_is_cancelled() {
    let mut open = event("e1", 0, noon() + secs(60));
    open.active_period.0.duration = Duration::ZERO;
    open.signals
        .signals
        .iter_mut()
        .for_each(|s| *s = signal("simple", &[(0, 2.0)]));
    let mut bench = knowing(open.clone());
    assert_eq!(
        told(&mut bench, 100_000),
        [at(60, "started e1/0"), at(60, "interval e1 simple[0]=2")]
    );
    open.descriptor.modification_number = 1;
    bench.poll(list(vec![always(cancelled(open))]));
    assert_eq!(
        words(&bench.take_effects()),
        ["event cancelled e1/1 implied=false", "ended e1/1 Cancelled"]
    );
}

#[test]
fn rule_31_start_end_ramp_up_and_recovery_are_there_to_act_on() {
    for (ramp_up, recovery) in [("PT5M", "PT10M"), ("-PT1M", "-PT30S")] {
        let mut event = event("e1", 0, noon() + secs(3600));
        event.active_period.0.ramp_up = Some(ramp_up.parse().unwrap());
        event.active_period.0.recovery = Some(recovery.parse().unwrap());
        let mut bench = Bench::registered();
        bench.poll(list(vec![always(event)]));
        let Effect::EventReceived {
            event, start, end, ..
        } = &bench.effects[0]
        else {
            panic!("not received");
        };
        let period = &event.active_period.0;
        assert_eq!(period.ramp_up, Some(ramp_up.parse().unwrap()));
        assert_eq!(period.recovery, Some(recovery.parse().unwrap()));
        assert_eq!(
            (*start, *end),
            (noon() + secs(3600), Some(noon() + secs(3720)))
        );
    }
}

#[test]
fn an_event_that_the_ven_opted_out_of_does_not_start() {
    let mut bench = Bench::registered_with(Context {
        opt: OptPolicy::Always(OptType::OptOut),
        ..context()
    });
    bench.poll(list(vec![always(event("e1", 0, noon() + secs(60)))]));
    bench.take_effects();
    assert_eq!(told(&mut bench, 600), []);
}

#[test]
fn a_change_of_mind_stops_and_starts_a_running_event() {
    let mut bench = knowing(event("e1", 0, noon() + secs(60)));
    told(&mut bench, 100);
    let change = |opt| Command::ChangeOpt {
        event_id: event_id("e1"),
        opt,
    };
    bench.command(&change(OptType::OptOut)).unwrap();
    bench.drain();
    assert_eq!(
        words(&bench.take_effects()),
        ["ended e1/0 OptedOut", "sent e1/0 optOut 200"]
    );
    told(&mut bench, 130);
    bench.command(&change(OptType::OptIn)).unwrap();
    bench.drain();
    // Only the interval that runs is worth telling.
    assert_eq!(
        words(&bench.take_effects()),
        [
            "started e1/0",
            "interval e1 simple[1]=2",
            "sent e1/0 optIn 200"
        ]
    );
    assert_eq!(told(&mut bench, 600), [at(180, "ended e1/0 Completed")]);
}

#[test]
fn an_event_that_is_first_seen_while_it_runs_starts_at_once_where_it_stands() {
    let mut bench = Bench::registered();
    bench.wait_for_poll();
    let start = bench.now - secs(90);
    bench.reply(list(vec![always(event("e1", 0, start))]));
    bench.drain();
    assert_eq!(
        words(&bench.take_effects()),
        [
            "received e1/0",
            "started e1/0",
            "interval e1 simple[1]=2",
            "sent e1/0 optIn 200"
        ]
    );
}

#[test]
fn what_was_missed_while_the_process_was_away_is_caught_up_once() {
    let mut bench = knowing(event("e1", 0, noon() + secs(60)));
    told(&mut bench, 70);
    bench.now = noon() + secs(130);
    bench.restart();
    assert_eq!(words(&bench.take_effects()), ["interval e1 simple[1]=2"]);
    bench.restart();
    assert_eq!(words(&bench.take_effects()), [""; 0]);

    // Even if it missed everything.
    let mut bench = knowing(event("e1", 0, noon() + secs(60)));
    bench.now = noon() + secs(1000);
    bench.restart();
    assert_eq!(words(&bench.take_effects()).len(), 4);
}

#[test]
fn what_the_application_is_told_is_durable() {
    let mut bench = knowing(event("e1", 0, noon() + secs(60)));
    while bench.effects.is_empty() {
        bench.wait();
        bench.drain();
    }
    assert!(bench.changes.iter().any(Ven::is_durable));
}

#[test]
fn a_modification_of_the_future_leaves_the_present_alone() {
    let mut bench = knowing(event("e1", 0, noon() + secs(60)));
    told(&mut bench, 70);
    let mut longer = event("e1", 1, noon() + secs(60));
    longer.active_period.0.duration = Duration::minutes(3);
    longer
        .signals
        .signals
        .iter_mut()
        .for_each(|s| *s = signal("simple", &[(60, 1.0), (60, 3.0), (60, 0.0)]));
    bench.poll(list(vec![always(longer)]));
    assert_eq!(
        words(&bench.take_effects()),
        ["modified e1/1", "sent e1/1 optIn 200"]
    );
    assert_eq!(
        told(&mut bench, 600),
        [
            at(120, "interval e1 simple[1]=3"),
            at(180, "interval e1 simple[2]=0"),
            at(240, "ended e1/1 Completed")
        ]
    );
}

#[test]
fn a_modification_of_the_present_is_told() {
    let mut bench = knowing(event("e1", 0, noon() + secs(60)));
    told(&mut bench, 70);
    let mut higher = event("e1", 1, noon() + secs(60));
    higher
        .signals
        .signals
        .iter_mut()
        .for_each(|s| *s = signal("simple", &[(60, 3.0), (60, 2.0)]));
    bench.wait_for_poll();
    let polled = (bench.now - noon()).num_seconds();
    assert!(polled < 120, "{polled}");
    bench.poll(list(vec![always(higher)]));
    assert_eq!(
        words(&bench.take_effects()),
        [
            "modified e1/1",
            "interval e1 simple[0]=3",
            "sent e1/1 optIn 200"
        ]
    );
    assert_eq!(
        told(&mut bench, 600),
        [
            at(120, "interval e1 simple[1]=2"),
            at(180, "ended e1/1 Completed")
        ]
    );
}

#[test]
fn a_running_event_that_is_put_off_ends_and_starts_again() {
    let mut bench = knowing(event("e1", 0, noon() + secs(60)));
    told(&mut bench, 70);
    bench.poll(list(vec![always(event("e1", 1, noon() + secs(300)))]));
    assert_eq!(
        words(&bench.take_effects())[..2],
        ["modified e1/1", "ended e1/1 Rescheduled"]
    );
    assert_eq!(told(&mut bench, 600)[0], at(300, "started e1/1"));
}

#[test]
fn a_running_event_that_is_cut_short_ends_at_once() {
    let mut bench = knowing(event("e1", 0, noon() + secs(60)));
    told(&mut bench, 150);
    let mut short = event("e1", 1, noon() + secs(60));
    short.active_period.0.duration = Duration::minutes(1);
    short
        .signals
        .signals
        .iter_mut()
        .for_each(|s| *s = signal("simple", &[(60, 1.0)]));
    bench.poll(list(vec![always(short)]));
    assert_eq!(
        words(&bench.take_effects()),
        [
            "modified e1/1",
            "ended e1/1 Completed",
            "sent e1/1 optIn 200"
        ]
    );
}

#[test]
fn months_are_not_thirty_days() {
    let start: DateTime = "2026-01-31T12:00:00Z".parse().unwrap();
    let mut month = event("e1", 0, start);
    month.active_period.0.duration = "P2M".parse().unwrap();
    let mut months = signal("simple", &[(0, 1.0), (0, 2.0)]);
    for interval in months.intervals.iter_mut() {
        interval.duration = Some("P1M".parse().unwrap());
    }
    // February ends before the month that began on the 31st of January is over, so two single months
    // are not the same as two at once: the VEN says so.
    month
        .signals
        .signals
        .iter_mut()
        .for_each(|s| *s = months.clone());
    let mut bench = Bench::registered();
    let posted = bench.poll(list(vec![always(month.clone())]));
    assert_eq!(answers(&posted[0])[0].3, 454);
    // From a day that every month has they are.
    month.active_period.0.start = "2026-02-28T12:00:00Z".parse().unwrap();
    month.descriptor.modification_number = 1;
    bench.poll(list(vec![always(month)]));
    let known = bench.state().event(&event_id("e1")).unwrap();
    assert_eq!(known.end(), Some("2026-04-28T12:00:00Z".parse().unwrap()));
    bench.effects.clear();
    let ends = told_until(&mut bench, "2026-05-01T00:00:00Z".parse().unwrap());
    let days: Vec<i64> = ends.iter().map(|(at, _)| at / 86_400).collect();
    assert_eq!(days, [54, 54, 82, 113]);
}
