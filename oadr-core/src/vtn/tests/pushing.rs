//! What is pushed, in which order, and what the VEN says to it.

use super::identity::enrol;
use super::pusher::*;
use super::reporter::{offers, wanted};
use super::*;
use crate::CertificateId;
use crate::payload::{CanceledPartyRegistration, CreatedReport, MessageKind, PendingReports};
use crate::value::ServiceName;

#[test]
fn rule_38_a_push_ven_gets_every_message_of_ours_and_replies_at_once() {
    let mut rig = Rig::pushed_to();
    rig.offer(offers());
    rig.effects.clear();
    rig.command(&Command::RequestReregistration).unwrap();
    rig.announce("e1", draft());
    rig.want("r1", wanted("usage")).unwrap();

    let reregistration = rig.push();
    assert_eq!(reregistration.service, ServiceName::EiRegisterParty);
    assert_eq!(
        reregistration.to,
        PushAddress::Http(Text::new("https://house.example:8443/dr/").unwrap())
    );
    let kind = |push: &Push| push.message.kind();
    assert_eq!(kind(&reregistration), MessageKind::RequestReregistration);

    let events = rig.arrives(&reregistration).unwrap();
    assert_eq!(
        pushed_events(&events),
        [seen_event("e1", 0, EventStatus::Far)]
    );
    assert_eq!(events.service, ServiceName::EiEvent);

    let reports = rig.arrives(&events).unwrap();
    assert_eq!(kind(&reports), MessageKind::CreateReport);
    assert_eq!(reports.service, ServiceName::EiReport);
    assert_eq!(rig.arrives(&reports), None);
    assert_eq!(*rig.progress("r1"), ReportProgress::Accepted);

    rig.want_no_more("r1", false);
    let cancellation = rig.push();
    assert_eq!(kind(&cancellation), MessageKind::CancelReport);
    assert_eq!(rig.arrives(&cancellation), None);
    assert!(matches!(rig.progress("r1"), ReportProgress::Over { .. }));
    rig.effects.clear();

    rig.command(&Command::Remove).unwrap();
    let removal = rig.push();
    assert_eq!(kind(&removal), MessageKind::CancelPartyRegistration);
    assert_eq!(rig.arrives(&removal), None);
    assert!(rig.state().is_forgotten());
    let [Effect::RegistrationCancelled { .. }] = &rig.effects[..] else {
        panic!("{:?}", rig.effects);
    };
}

#[test]
fn rule_51_whatever_is_pushed_is_a_message_from_a_vtn_and_no_poll() {
    // All that waits for a VEN is found in one place, for polls and pushes alike; `direct_reply` knows
    // nothing else.
    let mut rig = Rig::pushed_to();
    rig.offer(offers());
    rig.announce("e1", draft());
    rig.want("r1", wanted("usage")).unwrap();
    rig.command(&Command::RequestReregistration).unwrap();
    let mut kinds = Vec::new();
    let mut next = rig.wake();
    while let Some(push) = next {
        kinds.push(push.message.kind());
        next = rig.arrives(&push);
    }
    assert_eq!(
        kinds,
        [
            MessageKind::RequestReregistration,
            MessageKind::DistributeEvent,
            MessageKind::CreateReport,
        ]
    );
}

#[test]
fn nothing_is_pushed_before_the_reply_to_the_registration_is_there() {
    let mut rig = Rig::new();
    rig.context.http_push = true;
    rig.announce("e1", draft());
    rig.create(push_create("house"));
    assert_eq!(rig.wake(), None);
    assert_eq!(
        Vtn::next_deadline(&rig.at.state),
        Some(rig.now + TimeDelta::seconds(1))
    );
    rig.now += TimeDelta::milliseconds(999);
    assert_eq!(rig.wake(), None);
    rig.now += TimeDelta::milliseconds(1);
    let metadata = rig.push();
    let events = rig.arrives(&metadata).unwrap();
    assert_eq!(rig.arrives(&events), None);
}

#[test]
fn one_push_waits_for_the_other() {
    let mut rig = Rig::pushed_to();
    rig.announce("e1", draft());
    let first = rig.push();
    rig.announce("e2", draft_at(90));
    rig.command(&Command::RequestReregistration).unwrap();
    rig.advance(20);
    assert_eq!(rig.wake(), None);
    assert_eq!(
        rig.push_status().under_way.unwrap().0,
        MessageKind::DistributeEvent
    );
    // The most pressing is next, and then the freshest list of all events.
    let reregistration = rig.arrives(&first).unwrap();
    assert_eq!(
        reregistration.message.kind(),
        MessageKind::RequestReregistration
    );
    let second = rig.arrives(&reregistration).unwrap();
    assert_eq!(
        pushed_events(&second),
        [
            seen_event("e1", 0, EventStatus::Far),
            seen_event("e2", 0, EventStatus::Far)
        ]
    );
}

/// What the VEN gets once it has answered a newer list than the one that is on its way, and that has ended.
fn after_being_overtaken(outcome: &PushOutcome, news: fn(&mut Rig)) -> Option<(Rig, Push)> {
    let mut rig = Rig::pushed_to();
    rig.announce("e1", draft_at(60 * 48));
    let push = rig.push();
    rig.advance(1);
    news(&mut rig);
    for event in seen(&rig.request_events(None)) {
        assert_eq!(
            rig.answer(&event.event_id, event.number, OptType::OptIn),
            200
        );
    }
    rig.advance(1);
    let next = rig.ends(&push, outcome.clone()).or_else(|| {
        rig.advance(1_200);
        rig.wake()
    });
    next.map(|next| (rig, next))
}

/// However a push ended that may have arrived.
fn ended() -> [PushOutcome; 3] {
    [
        PushOutcome::Acknowledged,
        failed(PushFault::TimedOut),
        failed(PushFault::Broken),
    ]
}

/// The VEN answers this, as it does each time (rule 12), and that is the end of it.
fn settles(rig: &mut Rig, push: &Push) {
    for event in pushed_events(push) {
        rig.answer(&event.event_id, event.number, OptType::OptIn);
    }
    assert_eq!(rig.arrives(push), None);
    rig.advance(1_200);
    assert_eq!(rig.wake(), None);
}

#[test]
fn rule_58_a_cancellation_that_overtook_the_event_is_pushed_once_more() {
    for outcome in ended() {
        let cancel = |rig: &mut Rig| rig.cancel("e1");
        let (mut rig, push) = after_being_overtaken(&outcome, cancel).unwrap();
        let cancelled = [seen_event("e1", 1, EventStatus::Cancelled)];
        assert_eq!(pushed_events(&push), cancelled);
        settles(&mut rig, &push);
    }
}

#[test]
fn rule_61_an_event_that_overtook_a_list_without_it_is_pushed_once_more() {
    for outcome in ended() {
        let add = |rig: &mut Rig| rig.announce("e2", draft_at(60 * 24));
        let (mut rig, push) = after_being_overtaken(&outcome, add).unwrap();
        let both = ["e2", "e1"].map(|event| seen_event(event, 0, EventStatus::Far));
        assert_eq!(pushed_events(&push), both);
        settles(&mut rig, &push);
    }
}

#[test]
fn an_event_that_was_answered_and_pushed_once_more_is_not_given_up() {
    let add = |rig: &mut Rig| rig.announce("e2", draft());
    let (mut rig, push) = after_being_overtaken(&PushOutcome::Acknowledged, add).unwrap();
    assert_eq!(pushed_events(&push).len(), 2);
    rig.effects.clear();
    rig.advance(3_600 * 24);
    rig.deadline();
    assert!(rig.state().delivery(&event("e2")).is_none());
    assert_eq!(rig.effects, []);
}

#[test]
fn what_overtook_a_push_comes_no_more_if_that_did_not_say_less_or_never_went() {
    for outcome in ended() {
        assert!(after_being_overtaken(&outcome, |_| {}).is_none());
    }
    let refused = failed(PushFault::AddressRefused);
    assert!(after_being_overtaken(&refused, |rig| rig.cancel("e1")).is_none());
}

#[test]
fn a_removed_ven_that_registers_anew_gets_one_push_at_a_time() {
    for is_told in [true, false] {
        let mut rig = Rig::pushed_to();
        rig.command(&Command::Remove).unwrap();
        let removal = rig.push();
        rig.create(push_create("house"));
        assert!(!rig.state().is_leaving());
        rig.advance(1);
        assert_eq!(rig.wake(), None);
        // What the VEN says to it is not said of the new registration.
        let metadata = if is_told {
            rig.arrives(&removal)
        } else {
            rig.now += rig.context.push.lease;
            rig.wake()
        };
        assert_eq!(
            metadata.unwrap().message.kind(),
            MessageKind::RegisterReport
        );
        assert_eq!(rig.push_status().failures, 0);
        assert!(rig.state().registration().is_some());
    }
}

#[test]
fn the_answer_to_pushed_events_is_a_request_of_its_own() {
    let mut rig = Rig::pushed_to();
    rig.announce("e1", draft());
    let push = rig.push();
    assert_eq!(rig.ends(&push, PushOutcome::Acknowledged), None);
    assert_eq!(
        rig.facts.values().next().unwrap().status,
        DeliveryStatus::Sent
    );
    // Unanswered, it comes again; answered, it does not.
    let again = rig.next_push().unwrap();
    assert_eq!(again.message.kind(), MessageKind::DistributeEvent);
    assert_eq!(rig.now, midnight() + TimeDelta::seconds(6));
    rig.arrives(&again);
    assert_eq!(rig.answer("e1", 0, OptType::OptIn), 200);
    assert_eq!(rig.wake(), None);
    assert_eq!(
        rig.facts.values().next().unwrap().status,
        DeliveryStatus::Answered
    );
}

#[test]
fn a_push_that_took_long_is_not_repeated_the_moment_it_arrives() {
    let causes: [fn(&mut Rig); 3] = [
        |rig| rig.announce("e1", draft()),
        |rig| {
            rig.want("r1", wanted("usage")).unwrap();
        },
        |rig| {
            rig.command(&Command::RequestReregistration).unwrap();
        },
    ];
    for cause in causes {
        for (takes, comes_again) in [(0, 5), (4, 9), (6, 11)] {
            let mut rig = Rig::pushed_to();
            rig.offer(offers());
            cause(&mut rig);
            let sent = rig.now;
            let push = rig.push();
            rig.advance(takes);
            // It takes a moment to answer what has only just arrived.
            assert_eq!(rig.ends(&push, PushOutcome::Acknowledged), None);
            assert_eq!(rig.next_push().unwrap().message.kind(), push.message.kind());
            assert_eq!(rig.now - sent, TimeDelta::seconds(comes_again));
        }
    }
}

#[test]
fn an_answer_in_the_reply_to_pushed_events_counts_as_well() {
    let mut rig = Rig::pushed_to();
    rig.announce("e1", draft());
    let push = rig.push();
    let answer = created_event(rig.ven_id(), vec![event_response("e1", 0, OptType::OptIn)]);
    assert_eq!(rig.ends(&push, replied(answer)), None);
    assert_eq!(
        rig.facts.values().next().unwrap().status,
        DeliveryStatus::Answered
    );
}

#[test]
fn events_that_nobody_answers_are_pushed_until_they_arrive() {
    let mut rig = Rig::pushed_to();
    let draft = EventDraft {
        response_required: ResponseRequired::Never,
        ..draft()
    };
    rig.announce("e1", draft);
    let first = rig.push();
    // More often than it would be said in vain to a VEN that polls.
    let last = rig.keeps_failing(first, PushFault::Unreachable, 6);
    assert_eq!(
        pushed_events(&last),
        [seen_event("e1", 0, EventStatus::Far)]
    );
    assert_eq!(rig.arrives(&last), None);
    assert_eq!(
        rig.state().delivery(&event("e1")).unwrap().progress,
        Progress::Listed
    );
}

#[test]
fn a_logical_reply_may_come_later_as_a_request() {
    let mut rig = Rig::pushed_to();
    rig.offer(offers());
    rig.want("r1", wanted("usage")).unwrap();
    let push = rig.push();
    for (outcome, is_accepted) in [
        (PushOutcome::Acknowledged, false),
        (replied(response(&rig.ven_id())), false),
        (direct_reply(&push.message), true),
    ] {
        let mut rig = rig.clone();
        assert_eq!(rig.ends(&push, outcome), None);
        assert_eq!(*rig.progress("r1") == ReportProgress::Accepted, is_accepted);
        assert_eq!(rig.push_status().failures, 0);
        assert_eq!(rig.created(200, "", &["r1"]).code(), 200);
        assert_eq!(*rig.progress("r1"), ReportProgress::Accepted);
    }
}

/// What a VEN says that is no fitting reply.
#[test]
fn a_push_is_not_there_because_somebody_says_something() {
    let foreign = VenId::new("somebody-else").unwrap();
    for (outcome, fault, detail) in [
        (
            replied(refusal(463)),
            PushFault::NotRegistered,
            "oadrResponse 463: not so",
        ),
        (
            replied(refusal(452)),
            PushFault::NotRegistered,
            "oadrResponse 452: not so",
        ),
        (
            replied(refusal(459)),
            PushFault::Refused,
            "oadrResponse 459: not so",
        ),
        (
            replied(CreatedReport {
                ei_response: refusal(463).ei_response,
                pending_reports: PendingReports {
                    report_request_ids: Vec::new(),
                },
                ven_id: None,
            }),
            PushFault::NotRegistered,
            "oadrCreatedReport 463: not so",
        ),
        (
            replied(response(&foreign)),
            PushFault::Untrusted,
            "the reply has the venID of another VEN",
        ),
        (
            replied(Poll {
                ven_id: VenId::default(),
            }),
            PushFault::Unreadable,
            "the reply is none to what was pushed",
        ),
        (failed(PushFault::Broken), PushFault::Broken, "no luck"),
    ] {
        let mut rig = Rig::pushed_to();
        rig.offer(offers());
        rig.want("r1", wanted("usage")).unwrap();
        let push = rig.push();
        assert_eq!(rig.ends(&push, outcome), None);
        let status = rig.push_status();
        assert_eq!(status.failures, 1);
        let failure = status.last_failure.unwrap();
        assert_eq!((failure.fault, failure.detail.as_str()), (fault, detail));
        let again = rig.next_push().unwrap();
        assert_eq!(again.message.kind(), MessageKind::CreateReport);
        assert_eq!(rig.arrives(&again), None);
        assert_eq!(*rig.progress("r1"), ReportProgress::Accepted);
        let status = rig.push_status();
        assert_eq!((status.failures, status.last_failure), (0, None));
    }
}

#[test]
fn a_ven_that_does_not_know_its_registration_is_rid_of_it() {
    let mut rig = Rig::pushed_to();
    rig.command(&Command::Remove).unwrap();
    let push = rig.push();
    let unknown = CanceledPartyRegistration {
        ei_response: refusal(463).ei_response,
        registration_id: None,
        ven_id: None,
    };
    assert_eq!(rig.ends(&push, replied(unknown)), None);
    assert!(rig.state().is_forgotten());
}

#[test]
fn rule_514_where_replies_have_to_be_signed_others_do_not_count() {
    const OWN: CertificateHash = CertificateHash([1; 32]);
    let mut rig = Rig::new();
    rig.context.http_push = true;
    rig.context.signatures = SignaturePolicy::Required;
    rig.command(&enrol("house", &[CertificateId::Hash(OWN)]))
        .unwrap();
    rig.peer = Peer::Certificate(OWN);
    rig.signer = Some(OWN);
    rig.create(push_create("house"));
    rig.advance(1);
    let push = rig.push();
    let signed = |signature| {
        let PushOutcome::Replied {
            profile, message, ..
        } = direct_reply(&push.message)
        else {
            panic!("it wants a reply");
        };
        PushOutcome::Replied {
            profile,
            message,
            signature,
        }
    };
    let own = rig.signature(OWN);
    let foreign = rig.signature(CertificateHash([2; 32]));
    for (signature, counts) in [(None, false), (Some(foreign), false), (Some(own), true)] {
        let mut rig = rig.clone();
        let outcome = rig.outcome(push.id, signed(signature));
        let is_settled = rig.state().metadata.is_empty();
        assert_eq!(is_settled, counts);
        let fault = rig.push_status().last_failure.map(|failure| failure.fault);
        assert_eq!(fault, (!counts).then_some(PushFault::Untrusted));
        // What was used once is not used again.
        let kept = outcome.changes.iter();
        let kept = kept.filter(|change| matches!(change, Change::SignatureUsed { .. }));
        assert_eq!(kept.count(), usize::from(counts));
        if counts {
            rig.announce("e1", draft());
            let push = rig.push();
            let again = PushOutcome::Replied {
                profile: Profile::B,
                message: Box::new(response(&rig.ven_id()).into()),
                signature: Some(own),
            };
            assert_eq!(rig.ends(&push, again), None);
            let fault = rig.push_status().last_failure.map(|failure| failure.fault);
            assert_eq!(fault, Some(PushFault::Untrusted));
        }
    }
}

#[test]
fn what_is_of_no_push_under_way_changes_nothing() {
    let mut rig = Rig::pushed_to();
    rig.announce("e1", draft());
    let push = rig.push();
    let before = rig.at.clone();
    let other = PushId(push.id.0.wrapping_add(1));
    let outcome = rig.outcome(other, PushOutcome::Acknowledged);
    assert_eq!((outcome.reply, outcome.changes), (Reply::Empty, Vec::new()));
    assert_eq!(rig.at, before);
    rig.arrives(&push);
    let after = rig.at.clone();
    for outcome in [PushOutcome::Acknowledged, failed(PushFault::Broken)] {
        let outcome = rig.outcome(push.id, outcome);
        assert_eq!((outcome.reply, outcome.changes), (Reply::Empty, Vec::new()));
    }
    assert_eq!(rig.at, after);
}

#[test]
fn a_pull_ven_is_never_pushed_to() {
    let mut rig = Rig::registered();
    rig.announce("e1", draft());
    assert!(!rig.state().is_pushed_to());
    assert_eq!(rig.state().push_status(), None);
    assert_eq!(rig.wake(), None);
    assert_eq!(
        rig.command(&Command::RetryPush { dead_letter: None })
            .unwrap_err(),
        CommandError::NotPushedTo
    );
}

#[test]
fn a_push_ven_that_polls_is_served_and_told_of_once_a_registration() {
    let mut rig = Rig::pushed_to();
    rig.announce("e1", draft());
    let since = rig.now;
    assert_eq!(rig.polled_events(), [seen_event("e1", 0, EventStatus::Far)]);
    let warning = Effect::PolledThoughPushed {
        ven_id: rig.ven_id(),
    };
    assert!(rig.effects.iter().eq([&warning]), "{:?}", rig.effects);
    assert_eq!(rig.push_status().polls_since, Some(since));
    rig.answer("e1", 0, OptType::OptIn);
    assert!(rig.polls_in_vain());
    assert_eq!(rig.effects.iter().filter(|e| **e == warning).count(), 1);
    let again = CreatePartyRegistration {
        registration_id: rig
            .state()
            .registration()
            .map(|r| r.registration_id.clone()),
        ..push_create("house")
    };
    rig.create(again);
    assert_eq!(rig.push_status().polls_since, None);
    rig.poll();
    assert_eq!(rig.effects.iter().filter(|e| **e == warning).count(), 2);
}

fn event(id: &str) -> EventId {
    EventId::new(id).unwrap()
}
