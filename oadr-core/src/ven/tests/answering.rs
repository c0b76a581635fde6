//! What is answered, when, and with what: rules 12, 16, 19, 21, 35, 42, 43, 62, 512.

use super::bench::*;
use super::pushing::pushed_to;
use crate::payload::{Message, MessageKind, ResponseCode};
use crate::value::{OptType, ResponseRequired, VtnId};
use crate::ven::{Change, Command, CommandError, Context, Effect, OptPolicy};

fn later() -> crate::value::DateTime {
    noon() + secs(3600)
}

fn asking() -> Bench {
    Bench::registered_with(Context {
        opt: OptPolicy::Ask,
        ..context()
    })
}

#[test]
fn rule_12_always_is_answered_each_time_and_never_never() {
    let mut bench = Bench::registered();
    for _ in 0..3 {
        let posted = bench.poll(list(vec![
            always(event("e1", 0, later())),
            never(event("e2", 0, later())),
        ]));
        assert_eq!(posted.len(), 1);
        assert_eq!(
            answers(&posted[0]),
            [("e1".to_owned(), 0, OptType::OptIn, 200)]
        );
    }
    // Told once, however often it came.
    assert_eq!(
        words(&bench.take_effects()),
        ["received e1/0", "received e2/0", "sent e1/0 optIn 200"]
    );
    assert_eq!(bench.poll(list(vec![never(event("e2", 1, later()))])), []);
}

#[test]
fn rule_62_an_event_of_either_path_is_taken() {
    let mut bench = Bench::registered();
    bench.command(&Command::RequestEvents).unwrap();
    let Message::RequestEvent(message) = bench.message() else {
        panic!("not a request");
    };
    assert_eq!(message.request.ven_id.as_str(), "ven-1");
    assert_eq!(message.request.reply_limit, None);
    bench.reply(list(vec![always(event("e1", 0, later()))]));
    assert_eq!(bench.sent(), MessageKind::CreatedEvent);
    bench.reply(ok());
    // Rule 500: no poll before its time.
    assert_eq!(bench.next.send, None);
}

#[test]
fn rule_42_responses_have_the_request_id_of_the_list_and_the_root_none() {
    let mut bench = Bench::registered();
    let mut message = list(vec![
        always(event("e1", 0, later())),
        always(event("e2", 0, later())),
    ]);
    message.request_id = request("d7");
    let posted = bench.poll(message.clone());
    let [Message::CreatedEvent(answer)] = &posted[..] else {
        panic!("not one oadrCreatedEvent");
    };
    assert!(answer.created.ei_response.request_id.is_empty());
    assert_eq!(answer.created.ei_response.response_code, ResponseCode::OK);
    assert_eq!(answer.created.ven_id.as_str(), "ven-1");
    // Rule 35.
    let responses = &answer.created.event_responses.as_ref().unwrap().responses;
    assert!(responses.iter().all(|r| r.request_id == request("d7")));
    assert_eq!(responses.len(), 2);
}

#[test]
fn rule_43_the_same_request_id_twice_means_nothing() {
    let mut bench = Bench::registered();
    bench.poll(list(vec![always(event("e1", 0, later()))]));
    let posted = bench.poll(list(vec![always(event("e1", 1, later()))]));
    assert_eq!(answers(&posted[0])[0].1, 1);
}

#[test]
fn rule_21_an_unknown_vtn_is_452_as_a_whole() {
    // Rule 512: to the letter.
    for id in ["vtn", "Other"] {
        let mut bench = Bench::registered();
        bench.poll(list(vec![always(event("e1", 0, later()))]));
        bench.take_effects();
        let mut message = list(vec![always(event("e2", 0, later()))]);
        message.vtn_id = VtnId::new(id).unwrap();
        let posted = bench.poll(message);
        let [Message::CreatedEvent(answer)] = &posted[..] else {
            panic!("not one oadrCreatedEvent");
        };
        let root = &answer.created.ei_response;
        assert_eq!(root.response_code, ResponseCode::INVALID_ID);
        assert_eq!(root.request_id, request("list"));
        assert_eq!(answer.created.event_responses, None);
        // Nothing of it counts, what is missing from it neither.
        let known: Vec<_> = bench
            .state()
            .events()
            .map(|e| e.event_id().as_str())
            .collect();
        assert_eq!(known, ["e1"]);
        assert_eq!(words(&bench.take_effects()), [""; 0]);
    }
}

#[test]
fn rule_19_one_bad_event_does_not_spoil_the_list() {
    let mut bench = Bench::registered();
    let mut bad = event("e2", 0, later());
    bad.target.ven_ids.push("other".parse().unwrap());
    let posted = bench.poll(list(vec![
        always(event("e1", 0, later())),
        always(bad.clone()),
        always(event("e3", 0, later())),
    ]));
    let [Message::CreatedEvent(answer)] = &posted[..] else {
        panic!("not one oadrCreatedEvent");
    };
    assert_eq!(answer.created.ei_response.response_code, ResponseCode::OK);
    let codes: Vec<_> = answers(&posted[0])
        .into_iter()
        .map(|(_, _, opt, code)| (opt, code))
        .collect();
    assert_eq!(
        codes,
        [
            (OptType::OptIn, 200),
            (OptType::OptOut, 462),
            (OptType::OptIn, 200)
        ]
    );
    assert_eq!(
        words(&bench.take_effects()),
        [
            "received e1/0",
            "received e3/0",
            "sent e1/0 optIn 200",
            "sent e2/0 optOut 462",
            "sent e3/0 optIn 200"
        ]
    );
    // The application never hears of it, not even of its end.
    bench.poll(list(vec![
        always(event("e1", 0, later())),
        always(event("e3", 0, later())),
    ]));
    assert_eq!(words(&bench.take_effects()), [""; 0]);
    // Made good, it is new.
    bad.target.ven_ids.clear();
    bad.descriptor.modification_number = 1;
    bench.poll(list(vec![
        always(event("e1", 0, later())),
        always(bad),
        always(event("e3", 0, later())),
    ]));
    assert_eq!(
        words(&bench.take_effects()),
        ["received e2/1", "sent e2/1 optIn 200"]
    );
}

#[test]
fn a_known_event_that_turns_bad_is_a_modification_that_the_ven_opts_out_of() {
    let mut bench = Bench::registered();
    bench.poll(list(vec![always(event("e1", 0, noon() - secs(10)))]));
    bench.take_effects();
    let mut bad = event("e1", 1, noon() - secs(10));
    bad.target.ven_ids.push("other".parse().unwrap());
    bench.poll(list(vec![always(bad.clone())]));
    assert_eq!(
        words(&bench.take_effects()),
        [
            "modified e1/1",
            "ended e1/1 OptedOut",
            "sent e1/1 optOut 462"
        ]
    );
    bad.descriptor.modification_number = 2;
    bench.poll(list(vec![always(cancelled(bad))]));
    assert_eq!(
        words(&bench.take_effects()),
        ["event cancelled e1/2 implied=false"]
    );
}

#[test]
fn the_application_is_asked_once_per_event_and_version() {
    let mut bench = asking();
    bench.answers.extend([
        (OptType::OptOut, None),
        (OptType::OptIn, None),
        (OptType::OptOut, Some(ResponseCode::DEPLOYMENT_ERROR)),
    ]);
    let both = || {
        list(vec![
            always(event("e1", 0, later())),
            always(event("e2", 0, later())),
        ])
    };
    let posted = bench.poll(both());
    let opts: Vec<_> = answers(&posted[0])
        .into_iter()
        .map(|(.., opt, code)| (opt, code))
        .collect();
    assert_eq!(opts, [(OptType::OptOut, 200), (OptType::OptIn, 200)]);
    assert_eq!(bench.asked.len(), 2);
    assert_eq!(bench.asked[0].previous, None);
    assert_eq!(
        (bench.asked[0].start, bench.asked[0].end),
        (later(), Some(later() + secs(120)))
    );
    // The same again: the same answers, and nobody is asked, not even after a restart.
    bench.restart();
    bench.reply(both());
    assert_eq!(answers(bench.message()), answers(&posted[0]));
    bench.drain();
    assert_eq!(bench.asked.len(), 2);
    // A modification is another question.
    let posted = bench.poll(list(vec![
        always(event("e1", 0, later())),
        always(event("e2", 1, later())),
    ]));
    assert_eq!(bench.asked.len(), 3);
    assert_eq!(bench.asked[2].previous, Some(OptType::OptIn));
    assert_eq!(
        answers(&posted[0])[1],
        ("e2".to_owned(), 1, OptType::OptOut, 469)
    );
}

#[test]
fn rule_12_the_application_hears_whether_its_answer_is_wanted() {
    let mut bench = asking();
    bench.poll(list(vec![
        always(event("e1", 0, later())),
        never(event("e2", 0, later())),
    ]));
    let wanted: Vec<_> = bench.asked.iter().map(|q| q.response_required).collect();
    assert_eq!(wanted, [ResponseRequired::Always, ResponseRequired::Never]);
    let told = bench.take_effects();
    let told = told.iter().filter_map(|effect| {
        let Effect::EventReceived {
            response_required, ..
        } = effect
        else {
            return None;
        };
        Some(*response_required)
    });
    assert_eq!(told.collect::<Vec<_>>(), wanted);
}

#[test]
fn nobody_is_asked_about_what_the_ven_cannot_do() {
    let mut bench = asking();
    let mut bad = event("e1", 0, later());
    bad.target.ven_ids.push("other".parse().unwrap());
    bench.poll(list(vec![
        always(bad),
        always(cancelled(event("e2", 1, later()))),
    ]));
    assert_eq!(bench.asked, []);
}

#[test]
fn an_answer_to_a_version_that_was_overtaken_leaves_that_to_the_newer_one() {
    let line = |version, opt, code| ("e1".to_owned(), version, opt, code);
    let of = |version| list(vec![always(event("e1", version, later()))]);
    let older = || line(0, OptType::OptOut, 450);
    let newer = || line(1, OptType::OptIn, 200);
    let mut bench = pushed_to();
    // The VTN made a list for this, and then the newer version, which came sooner.
    bench.command(&Command::RequestEvents).unwrap();
    bench.push(of(1));
    bench.reply(of(0));
    let said: Vec<_> = bench.drain().iter().flat_map(answers).collect();
    // Rule 58.
    assert_eq!(said, [newer(), older()]);
    assert_eq!(
        words(&bench.take_effects()),
        ["received e1/1", "sent e1/1 optIn 200"]
    );

    // However many come, the queue does not grow, and what says more is enough.
    let mut bench = pushed_to();
    bench.command(&Command::RequestEvents).unwrap();
    bench.push(of(9));
    for version in (0..9).rev() {
        bench.push(of(version));
        assert_eq!(bench.state().owed().count(), 3);
    }
    bench.push(of(9));
    assert_eq!(bench.state().owed().count(), 2);
}

#[test]
fn rule_16_a_late_change_of_mind_is_told_with_the_lists_request_id() {
    let mut bench = Bench::registered();
    bench.poll(list(vec![always(event("e1", 3, later()))]));
    let mut again = list(vec![always(event("e1", 3, later()))]);
    again.request_id = request("again");
    bench.poll(again);
    bench.take_effects();
    let change = |opt| Command::ChangeOpt {
        event_id: event_id("e1"),
        opt,
    };
    bench.command(&change(OptType::OptOut)).unwrap();
    assert_eq!(
        answers(bench.message()),
        [("e1".to_owned(), 3, OptType::OptOut, 200)]
    );
    let Message::CreatedEvent(message) = bench.message() else {
        panic!("not an answer");
    };
    // Rule 42: of the list in which the event last came.
    let responses = message.created.event_responses.as_ref().unwrap();
    assert_eq!(responses.responses[0].request_id, request("again"));
    assert!(message.created.ei_response.request_id.is_empty());
    bench.reply(ok());
    assert_eq!(words(&bench.take_effects()), ["sent e1/3 optOut 200"]);
    // The same again says nothing.
    bench.command(&change(OptType::OptOut)).unwrap();
    assert_eq!(bench.next.send, None);
    // And it is the answer from now on.
    let posted = bench.poll(list(vec![always(event("e1", 3, later()))]));
    assert_eq!(answers(&posted[0])[0].2, OptType::OptOut);
}

#[test]
fn changes_of_mind_do_not_pile_up_while_the_vtn_is_away() {
    let mut bench = Bench::registered();
    bench.poll(list(vec![always(event("e1", 0, later()))]));
    bench.take_effects();
    for n in 0..20 {
        let opt = if n % 2 == 0 {
            OptType::OptOut
        } else {
            OptType::OptIn
        };
        let event_id = event_id("e1");
        bench
            .command(&Command::ChangeOpt { event_id, opt })
            .unwrap();
        if n == 3 {
            bench.fail(crate::ven::Failure::Unreachable);
        }
    }
    assert!(bench.state().owed().count() <= 2);
    bench.wait();
    bench.drain();
    assert_eq!(words(&bench.take_effects()), ["sent e1/0 optIn 200"]);
}

#[test]
fn commands_that_make_no_sense_are_refused() {
    let mut bench = Bench::registered();
    let mut bad = event("bad", 0, later());
    bad.target.ven_ids.push("other".parse().unwrap());
    bench.poll(list(vec![
        never(event("never", 0, later())),
        always(event("over", 0, noon() - secs(3600))),
        always(bad),
    ]));
    for (id, why) in [
        ("none", CommandError::UnknownEvent),
        ("never", CommandError::NoAnswerWanted),
        ("over", CommandError::EventOver),
        ("bad", CommandError::NotSupported),
    ] {
        let event_id = event_id(id);
        let opt = OptType::OptOut;
        assert_eq!(
            bench.command(&Command::ChangeOpt { event_id, opt }),
            Err(why)
        );
    }
    let mut stranger = Bench::new();
    assert_eq!(
        stranger.command(&Command::RequestEvents),
        Err(CommandError::NotRegistered)
    );
}

#[test]
fn the_context_behind_a_decision_is_on_record() {
    let mut bench = Bench::registered();
    bench.context.version = 7;
    bench.wait_for_poll();
    bench.reply(list(vec![always(event("e1", 0, later()))]));
    let recorded = |change: &Change| matches!(change, Change::EventReceived { context: 7, .. });
    assert!(bench.changes.iter().any(recorded), "{:?}", bench.changes);
}
