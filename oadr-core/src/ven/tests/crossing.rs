//! Lists of events that crossed others on their way, or are older than what the VEN knows.

use super::bench::*;
use super::pushing::*;
use crate::payload::{Message, MessageKind};
use crate::ven::Command;

#[test]
fn a_list_that_may_be_older_than_an_event_does_not_cancel_it() {
    let mut bench = pushed_to();
    // The VTN made a list for this, and then the event.
    bench.command(&Command::RequestEvents).unwrap();
    assert_eq!(bench.push(list(vec![always(in_an_hour("e1"))])), None);
    bench.reply(list(Vec::new()));
    assert_eq!(words(&bench.take_effects()), ["received e1/0"]);
    // It is asked again, and not more than that.
    let asked: Vec<MessageKind> = bench.drain().iter().map(Message::kind).collect();
    let said = [MessageKind::CreatedEvent, MessageKind::RequestEvent];
    assert_eq!(asked, said);
    assert!(bench.state().event(&event_id("e1")).is_some());

    // An older push comes late.
    assert_eq!(bench.push(list(Vec::new())), None);
    assert_eq!(bench.sent(), MessageKind::RequestEvent);
    bench.reply(list(Vec::new()));
    assert_eq!(bench.next.send, None, "what it says now is certain");
    assert_eq!(
        words(&bench.take_effects()),
        ["sent e1/0 optIn 200", "event cancelled e1/0 implied=true"]
    );

    // What has been known for a while is cancelled by its absence (rule 61).
    bench.push(list(vec![never(in_an_hour("e2"))]));
    bench.pass(secs(60));
    bench.push(list(Vec::new()));
    assert_eq!(bench.next.send, None);
    assert_eq!(
        words(&bench.take_effects()),
        ["received e2/0", "event cancelled e2/0 implied=true"]
    );
}

#[test]
fn rule_60_a_list_that_may_be_older_than_a_cancellation_does_not_bring_the_event_back() {
    let e1 = || in_an_hour("e1");
    // The VTN made a list for this, and then the cancellation, which came sooner.
    for known in [true, false] {
        for event in [always(e1()), never(e1())] {
            let mut bench = pushed_to();
            if known {
                bench.push(list(vec![event.clone()]));
                bench.drain();
            }
            bench.command(&Command::RequestEvents).unwrap();
            bench.take_effects();
            let mut gone = event.clone();
            gone.ei_event = cancelled(gone.ei_event);
            gone.ei_event.descriptor.modification_number = 1;
            bench.push(list(vec![gone.clone()]));
            let new = never(in_an_hour("e2"));
            bench.reply(list(vec![event, new.clone()]));
            // What else is new may be just as old: the VTN is asked again, and what it says now is certain.
            assert_eq!(bench.state().events().count(), 0);
            if bench.sent() == MessageKind::CreatedEvent {
                bench.reply(ok());
            }
            assert_eq!(bench.sent(), MessageKind::RequestEvent);
            bench.reply(list(vec![gone, new]));
            bench.drain();
            assert_eq!(bench.under_way(), None);
            let told = words(&bench.take_effects());
            let e1 = ["event cancelled e1/1 implied=false"];
            assert_eq!(told[..told.len() - 1], e1[..usize::from(known)]);
            assert_eq!(told.last().unwrap(), "received e2/0");
        }
    }

    // The other way round the list comes first, and the cancellation means what it knows of.
    let mut bench = pushed_to();
    bench.command(&Command::RequestEvents).unwrap();
    bench.reply(list(vec![never(e1())]));
    let mut gone = cancelled(e1());
    gone.descriptor.modification_number = 1;
    bench.push(list(vec![never(gone)]));
    assert_eq!(bench.next.send, None);
    assert_eq!(
        words(&bench.take_effects()),
        ["received e1/0", "event cancelled e1/1 implied=false"]
    );
}

#[test]
fn rule_60_a_push_that_is_older_than_the_answer_does_not_bring_the_event_back() {
    let e1 = || in_an_hour("e1");
    let mut gone = cancelled(e1());
    gone.descriptor.modification_number = 1;
    // It is cancelled in words, or by its absence; and may never have come.
    for (known, last) in [
        (true, list(vec![always(gone.clone())])),
        (true, list(vec![never(gone.clone())])),
        (true, list(Vec::new())),
        (false, list(vec![always(gone.clone())])),
        (false, list(vec![never(gone.clone())])),
    ] {
        let mut bench = pushed_to();
        if known {
            bench.push(list(vec![always(e1())]));
            bench.drain();
        }
        bench.command(&Command::RequestEvents).unwrap();
        bench.reply(last);
        bench.drain();
        bench.take_effects();
        bench.pass(secs(30));
        // The same push once more, or at last; what else is in it is taken.
        let push = list(vec![always(e1()), never(in_an_hour("e2"))]);
        bench.push(push.clone());
        assert_eq!(bench.sent(), MessageKind::RequestEvent);
        assert_eq!(words(&bench.take_effects()), ["received e2/0"]);
        bench.reply(list(Vec::new()));
        assert_eq!(bench.next.send, None, "what it says now is certain");
        assert_eq!(bench.state().events().count(), 0);
        bench.take_effects();

        // What is pushed with a higher number is newer.
        let mut revived = e1();
        revived.descriptor.modification_number = 2;
        bench.push(list(vec![always(revived)]));
        assert_eq!(bench.sent(), MessageKind::CreatedEvent);
        assert_eq!(words(&bench.take_effects()), ["received e1/2"]);
    }

    // The VTN may begin again with the same number: it says so, or it does later.
    for later in [false, true] {
        let mut bench = pushed_to();
        bench.push(list(vec![always(gone.clone())]));
        bench.drain();
        if later {
            bench.pass(secs(60));
        }
        bench.push(list(vec![never(e1())]));
        if !later {
            assert_eq!(bench.sent(), MessageKind::RequestEvent);
            bench.reply(list(vec![never(e1())]));
        }
        assert_eq!(bench.next.send, None);
        assert_eq!(words(&bench.take_effects()), ["received e1/0"]);
    }
}

#[test]
fn the_events_that_were_cancelled_lately_are_bounded_and_forgotten() {
    let gone = |n: usize| always(cancelled(in_an_hour(&format!("e{n}"))));
    let remembered = |bench: &Bench| bench.state().link.gone.len();
    let mut bench = pushed_to();
    for push in 0..20 {
        bench.push(list((0..20).map(|n| gone(20 * push + n)).collect()));
    }
    assert_eq!(remembered(&bench), 256);
    bench.pass(secs(60));
    bench.push(list(vec![gone(1000)]));
    assert_eq!(remembered(&bench), 1);
    // A VEN that polls hears things in their order.
    let mut bench = Bench::registered();
    bench.poll(list(vec![gone(1)]));
    assert_eq!(remembered(&bench), 0);
}
