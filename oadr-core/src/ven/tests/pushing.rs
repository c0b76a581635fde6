//! A VEN that does not poll: what is pushed to it, and what it says at once.

use super::bench::*;
use super::offers::*;
use crate::payload::{
    CancelReport, CreatedOpt, CreatedPartyRegistration, EiResponse, Message, MessageKind, Poll,
    QueryRegistration, RegisterReport, RequestReregistration, ResponseCode, UpdateReport,
};
use crate::value::{Duration, NonEmpty, OptType, RequestId, Text, VenId, VtnId};
use crate::ven::{Command, Context, Failure, OptPolicy, Registration};

/// Pushed to over HTTP.
pub(super) fn listening() -> Context {
    Context {
        transport_address: Some(Text::new("https://ven.example").unwrap()),
        ..context()
    }
}

pub(super) fn pushed_to() -> Bench {
    Bench::registered_with(listening())
}

fn code(message: &Message) -> u16 {
    message.ei_response().unwrap().response_code.get()
}

pub(super) fn in_an_hour(id: &str) -> crate::payload::EiEvent {
    event(id, 0, noon() + secs(3_600))
}

fn cancel_of(ids: &[&str], report_to_follow: bool) -> CancelReport {
    let ids: Vec<_> = ids.iter().map(|id| id.parse().unwrap()).collect();
    CancelReport {
        request_id: request("c1"),
        report_request_ids: NonEmpty::try_from(ids).unwrap(),
        report_to_follow,
        ven_id: None,
    }
}

/// All that a VTN pushes, for `ven-1`, registered as `reg-1`.
fn operations() -> Vec<Message> {
    let ven_id = Some(VenId::new("ven-1").unwrap());
    vec![
        list(vec![always(in_an_hour("e1"))]).into(),
        RegisterReport {
            request_id: request("r1"),
            reports: Vec::new(),
            ven_id: ven_id.clone(),
            report_request_id: None,
        }
        .into(),
        create(vec![each_minute("a")]).into(),
        cancel_of(&["a"], false).into(),
        UpdateReport {
            request_id: request("u1"),
            reports: Vec::new(),
            ven_id,
        }
        .into(),
        reregister().into(),
        cancel("reg-1").into(),
    ]
}

fn said_to(message: &Message) -> MessageKind {
    use MessageKind as K;
    let replies = [
        (K::RegisterReport, K::RegisteredReport),
        (K::CreateReport, K::CreatedReport),
        (K::CancelReport, K::CanceledReport),
        (K::UpdateReport, K::UpdatedReport),
        (K::CancelPartyRegistration, K::CanceledPartyRegistration),
    ];
    let reply = replies.iter().find(|(kind, _)| *kind == message.kind());
    reply.map_or(K::Response, |(_, reply)| *reply)
}

#[test]
fn rule_51_what_is_pushed_is_answered_directly() {
    let mut bench = Bench::registered_with(Context {
        reports: vec![usage()],
        ..listening()
    });
    let told = [200, 200, 200, 452, 200, 200];
    for (message, told) in operations().into_iter().skip(1).zip(told) {
        let reply = bench.push(message.clone()).expect("a message");
        assert_eq!(reply.kind(), said_to(&message));
        assert_eq!(code(&reply), told, "{reply:?}");
        // Rule 508.
        let octets = crate::codec::encode(&reply);
        let text = String::from_utf8(octets).unwrap();
        assert!(text.contains("<ei:venID>ven-1</ei:venID>"), "{text}");
        if reply.kind() == MessageKind::Response {
            assert_eq!(bench.sent(), MessageKind::CreatePartyRegistration);
            assert_eq!(ids(&bench), both());
        } else {
            assert_eq!(bench.state().owed().count(), 0, "{reply:?}");
        }
    }
    assert_eq!(
        words(&bench.take_effects()),
        ["requested a of usage", "cancelled a", "cancelled ven-1"]
    );
    assert_eq!(*bench.state().registration(), Registration::None);
    // The registration that was asked for again is of no interest any more.
    bench.reply(created(Some(("ven-1", "reg-1"))));
    assert_eq!(*bench.state().registration(), Registration::None);
    assert_eq!(bench.next.send, None);
}

#[test]
fn rule_51_pushed_events_get_an_empty_reply_and_an_answer_of_their_own() {
    let mut bench = pushed_to();
    bench.context.opt = OptPolicy::Ask;
    bench.answers.push_back((OptType::OptOut, None));
    assert_eq!(bench.push(list(vec![always(in_an_hour("e1"))])), None);
    assert_eq!(bench.asked.len(), 1);
    assert_eq!(
        answers(bench.message()),
        [("e1".to_owned(), 0, OptType::OptOut, 200)]
    );
    bench.reply(ok());
    assert_eq!(bench.next.send, None);
    assert_eq!(
        words(&bench.take_effects()),
        ["received e1/0", "sent e1/0 optOut 200"]
    );
    // Nobody wants an answer to this.
    let second = never(in_an_hour("e2"));
    assert_eq!(
        bench.push(list(vec![always(in_an_hour("e1")), second])),
        None
    );
    assert_eq!(answers(bench.message()).len(), 1);
}

#[test]
fn rule_51_what_no_vtn_says_by_itself_is_459() {
    let unexpected: Vec<Message> = vec![
        Poll {
            ven_id: VenId::new("ven-1").unwrap(),
        }
        .into(),
        QueryRegistration {
            request_id: request("q"),
        }
        .into(),
        CreatedPartyRegistration::clone(&created(None)).into(),
        registered_report().into(),
        updated(ResponseCode::OK).into(),
        CreatedOpt {
            ei_response: EiResponse::ok(RequestId::default()),
            opt_id: "o".parse().unwrap(),
        }
        .into(),
    ];
    for mut bench in [Bench::new(), pushed_to(), Bench::registered()] {
        let before = bench.at.clone();
        for message in &unexpected {
            let reply = bench.push(message.clone()).expect("a message");
            assert_eq!(reply.kind(), MessageKind::Response);
            assert_eq!(code(&reply), 459);
        }
        // An answer needs none.
        assert_eq!(bench.push(ok()), None);
        assert_eq!(bench.at, before);
    }
}

#[test]
fn rules_405_517_a_ven_that_is_not_registered_says_463_and_nothing_else() {
    let mut unregistered = Bench::new();
    unregistered.context = listening();
    let mut leaving = pushed_to();
    leaving.command(&Command::CancelRegistration).unwrap();
    let polling = Bench::registered();
    for mut bench in [unregistered, leaving, polling] {
        let before = bench.at.clone();
        for message in operations() {
            let reply = bench.push(message.clone()).expect("a message");
            assert_eq!(reply.kind(), said_to(&message));
            assert_eq!(code(&reply), 463);
        }
        assert_eq!(bench.at, before);
    }
}

#[test]
fn rule_304_what_is_pushed_for_another_ven_is_452() {
    let mut bench = pushed_to();
    let before = bench.at.clone();
    let other = Some(VenId::new("ven-2").unwrap());
    let requests: Vec<Message> = vec![
        RegisterReport {
            request_id: request("r1"),
            reports: Vec::new(),
            ven_id: other.clone(),
            report_request_id: None,
        }
        .into(),
        crate::payload::CreateReport {
            ven_id: other.clone(),
            ..create(vec![each_minute("a")])
        }
        .into(),
        CancelReport {
            ven_id: other.clone(),
            ..cancel_of(&["a"], false)
        }
        .into(),
        RequestReregistration {
            ven_id: VenId::new("ven-2").unwrap(),
        }
        .into(),
        crate::payload::CancelPartyRegistration {
            ven_id: other,
            ..cancel("reg-1")
        }
        .into(),
        cancel("reg-2").into(),
    ];
    for message in requests {
        let reply = bench.push(message.clone()).expect("a message");
        assert_eq!(reply.kind(), said_to(&message));
        assert_eq!(code(&reply), 452);
    }
    assert_eq!(bench.at, before);
    // A list says whose it is only by the VTN's ID; that it is not, the answer to it says.
    let mut foreign = list(Vec::new());
    foreign.vtn_id = VtnId::new("vtn").unwrap();
    for _ in 0..3 {
        assert_eq!(bench.push(foreign.clone()), None);
        assert_eq!(bench.under_way(), Some(MessageKind::CreatedEvent));
    }
    assert_eq!(
        bench.state().owed().count(),
        2,
        "the last one at most waits"
    );
}

#[test]
fn a_push_while_a_request_is_under_way_waits_for_its_outcome_with_what_it_brings() {
    let mut bench = pushed_to();
    bench.command(&Command::RequestEvents).unwrap();
    assert_eq!(bench.sent(), MessageKind::RequestEvent);
    assert_eq!(bench.push(list(vec![always(in_an_hour("e1"))])), None);
    assert_eq!(bench.next.send, None);
    // To be said before anything else, but not before what is being said.
    assert_eq!(code(&bench.push(reregister()).unwrap()), 200);
    assert_eq!(bench.next.send, None);
    bench.reply(list(vec![always(in_an_hour("e1"))]));
    assert_eq!(bench.sent(), MessageKind::CreatePartyRegistration);
    bench.reply(created(Some(("ven-1", "reg-1"))));
    assert_eq!(bench.sent(), MessageKind::CreatedEvent);
    bench.reply(ok());
    // The list that was asked for says what the one that was pushed did: one answer is enough.
    assert_eq!(bench.next.send, None);
    assert_eq!(
        words(&bench.take_effects()),
        [
            "received e1/0",
            "registered ven-1 again=true",
            "sent e1/0 optIn 200"
        ]
    );
}

#[test]
fn lists_that_are_pushed_while_nothing_can_be_said_do_not_pile_up_answers() {
    let mut bench = pushed_to();
    for n in 0..50 {
        let mut events = vec![always(in_an_hour("e1"))];
        if n > 20 {
            events.push(always(in_an_hour("e2")));
        }
        let mut message = list(events);
        message.request_id = request(&format!("list-{n}"));
        assert_eq!(bench.push(message), None);
        if bench.state().is_waiting() {
            bench.fail(Failure::Unreachable);
        }
        assert!(bench.state().owed().count() <= 2);
    }
    while bench.next.send.is_none() {
        bench.wait();
    }
    assert_eq!(answers(bench.message()).len(), 2);
    let Message::CreatedEvent(created) = bench.message() else {
        unreachable!();
    };
    let responses = created.created.event_responses.as_ref().unwrap();
    assert_eq!(responses.responses[0].request_id, request("list-49"));
    assert_eq!(words(&bench.effects), ["received e1/0", "received e2/0"]);
}

#[test]
fn rule_407_the_end_of_the_registration_may_be_pushed_again_and_while_a_request_is_under_way() {
    for kind in [MessageKind::CreatedEvent, MessageKind::UpdateReport] {
        let mut bench = Bench::registered_with(Context {
            reports: vec![usage()],
            ..listening()
        });
        bench.meter = Box::new(seconds);
        if kind == MessageKind::CreatedEvent {
            bench.push(list(vec![always(in_an_hour("e1"))]));
        } else {
            bench.push(create(vec![each_minute("a")]));
            bench.wait();
        }
        assert_eq!(bench.sent(), kind);
        bench.effects.clear();
        for _ in 0..2 {
            let reply = bench.push(cancel("reg-1")).unwrap();
            assert_eq!(
                (reply.kind(), code(&reply)),
                (MessageKind::CanceledPartyRegistration, 200)
            );
        }
        // Whatever the VTN says now, it is not about a registration.
        bench.reply(response(ResponseCode::NOT_REGISTERED));
        assert_eq!(*bench.state().registration(), Registration::None);
        assert_eq!((&bench.next.send, bench.next.wake), (&None, None));
        let ended = words(&bench.take_effects());
        assert_eq!(
            ended
                .iter()
                .filter(|word| *word == "cancelled ven-1")
                .count(),
            1
        );
        let json = serde_json::to_value(bench.state()).unwrap();
        bench.at.state = serde_json::from_value(json).unwrap();
        assert_eq!(code(&bench.push(cancel("reg-1")).unwrap()), 200);
        assert_eq!(code(&bench.push(cancel("reg-2")).unwrap()), 463);
        // A new registration has an end of its own.
        bench.register();
        assert_eq!(code(&bench.push(cancel("reg-0")).unwrap()), 452);
    }
}

#[test]
fn rule_336_reports_that_are_cancelled_by_a_push_may_be_cancelled_again_by_it() {
    let mut bench = Bench::registered_with(Context {
        reports: vec![usage()],
        ..listening()
    });
    let start = |ids: &[&str]| create(ids.iter().map(|id| each_minute(id)).collect());
    bench.push(start(&["a", "b"]));
    // Again: as if it were the first time.
    for _ in 0..2 {
        let reply = bench.push(start(&["a", "b"])).unwrap();
        assert_eq!(
            pending_ids(&created_report(&reply).pending_reports),
            ["a", "b"]
        );
    }
    for _ in 0..2 {
        let reply = bench.push(cancel_of(&["a"], false)).unwrap();
        assert_eq!(code(&reply), 200);
        let Message::CanceledReport(reply) = reply else {
            panic!("{reply:?}");
        };
        assert_eq!(pending_ids(&reply.pending_reports), ["b"]);
    }
    assert_eq!(code(&bench.push(cancel_of(&["x"], false)).unwrap()), 452);
    // What is asked for anew can be cancelled anew.
    bench.push(start(&["a"]));
    assert_eq!(code(&bench.push(cancel_of(&["a"], false)).unwrap()), 200);
    assert_eq!(
        words(&bench.take_effects()),
        [
            "requested a of usage",
            "requested b of usage",
            "cancelled a",
            "requested a of usage",
            "cancelled a"
        ]
    );
    // The other one ends by itself, with one more report.
    bench.meter = Box::new(seconds);
    bench.wait();
    bench.reply(updated(ResponseCode::OK));
    for _ in 0..2 {
        let reply = bench.push(cancel_of(&["a", "b"], true)).unwrap();
        assert_eq!(code(&reply), 200);
        assert_eq!(bench.under_way(), Some(MessageKind::UpdateReport));
    }
    bench.reply(updated(ResponseCode::OK));
    assert_eq!(bench.next.send, None);
    assert_eq!(bench.state().pending_reports().count(), 0);
}

#[test]
fn rule_345_a_report_under_way_does_not_undo_what_is_pushed_meanwhile() {
    let under_way = || {
        let mut bench = Bench::registered_with(Context {
            reports: vec![usage()],
            ..listening()
        });
        bench.meter = Box::new(seconds);
        bench.push(create(vec![each_minute("a")]));
        bench.wait();
        assert_eq!(bench.sent(), MessageKind::UpdateReport);
        bench
    };
    // The last report is to follow.
    let mut bench = under_way();
    assert_eq!(code(&bench.push(cancel_of(&["a"], true)).unwrap()), 200);
    bench.reply(updated(ResponseCode::OK));
    let until = since_noon(bench.now) + 600;
    assert!(reports_until(&mut bench, until).len() <= 1);
    assert_eq!(bench.state().pending_reports().count(), 0);

    // Another request under the same ID.
    let mut bench = under_way();
    let other = wanted(
        "a",
        "usage",
        &["power"],
        Duration::minutes(5),
        Duration::minutes(5),
    );
    bench.push(create(vec![other]));
    let schedule = |bench: &Bench| {
        let mut pending = bench.state().pending_reports();
        pending.next().unwrap().schedule().clone()
    };
    let before = schedule(&bench);
    bench.reply(updated(ResponseCode::OK));
    assert_eq!(schedule(&bench), before);

    // It is cancelled.
    let mut bench = under_way();
    bench.push(cancel_of(&["a"], false));
    bench.reply(updated(ResponseCode::OK));
    assert_eq!(bench.state().pending_reports().count(), 0);
}

#[test]
fn offers_that_are_asked_for_by_pushes_do_not_pile_up() {
    let mut bench = Bench::registered_with(Context {
        reports: vec![usage()],
        ..listening()
    });
    for n in 1..50 {
        let other = for_metadata("m", Duration::minutes(n));
        assert_eq!(code(&bench.push(create(vec![other])).unwrap()), 200);
    }
    assert!(bench.state().owed().count() <= 2);
}
