//! What the two live through together, in calm weather and in storms, whichever way they reach each other.

use oadr_core::payload::MessageKind;
use oadr_core::value::{Duration, OptType, Text};
use oadr_core::ven::{Command, Context, Effect, EndReason, Registration};
use oadr_core::vtn::{self, EventBody};

use crate::pair::{CALM, Pair, STORM, Way, Weather, body, secs, words};

#[test]
fn rule_405_the_two_speak_in_the_order_of_the_specification() {
    use MessageKind as K;
    let mut pair = Pair::new(1, CALM);
    pair.until("the first idle poll", |pair| {
        pair.dialogue.last() == Some(&(K::Poll, Some(K::Response)))
    });
    assert_eq!(
        pair.dialogue,
        [
            (K::QueryRegistration, Some(K::CreatedPartyRegistration)),
            (
                K::CreatePartyRegistration,
                Some(K::CreatedPartyRegistration)
            ),
            (K::RegisterReport, Some(K::RegisteredReport)),
            (K::RequestEvent, Some(K::DistributeEvent)),
            (K::Poll, Some(K::RegisterReport)),
            (K::RegisteredReport, Some(K::Response)),
            (K::Poll, Some(K::Response)),
        ]
    );
    pair.dialogue.clear();
    let event_id = pair.create(EventBody::new(body(pair.now + secs(60), 30)).unwrap());
    pair.until("the answer", |pair| {
        pair.answered(&event_id, OptType::OptIn)
    });
    pair.until("the next idle poll", |pair| {
        pair.dialogue.last() == Some(&(K::Poll, Some(K::Response)))
    });
    assert_eq!(
        pair.dialogue,
        [
            (K::Poll, Some(K::DistributeEvent)),
            (K::CreatedEvent, Some(K::Response)),
            (K::Poll, Some(K::Response)),
        ]
    );
    pair.dialogue.clear();
    pair.live(secs(200));
    // Idle but for the clock.
    assert!(
        pair.dialogue
            .iter()
            .all(|d| *d == (K::Poll, Some(K::Response)))
    );
    assert_eq!(
        words(&pair.told),
        [
            "registered again=false",
            "received 0",
            "sent 0 optIn",
            "started",
            "interval 0=1",
            "interval 1=2",
            "ended Completed"
        ]
    );
}

#[test]
fn rules_405_507_the_two_speak_in_the_order_of_the_specification_without_polls() {
    use MessageKind as K;
    for way in [Way::Push, Way::Xmpp] {
        let mut pair = Pair::by(way, 1, CALM);
        pair.until("the VTN's offers", |pair| {
            pair.dialogue.last() == Some(&(K::RegisterReport, Some(K::RegisteredReport)))
                && pair.dialogue.len() > 3
        });
        assert_eq!(
            pair.dialogue,
            [
                (K::QueryRegistration, Some(K::CreatedPartyRegistration)),
                (
                    K::CreatePartyRegistration,
                    Some(K::CreatedPartyRegistration)
                ),
                (K::RegisterReport, Some(K::RegisteredReport)),
                (K::RequestEvent, Some(K::DistributeEvent)),
                (K::RegisterReport, Some(K::RegisteredReport)),
            ]
        );
        pair.dialogue.clear();
        let event_id = pair.create(EventBody::new(body(pair.now + secs(60), 30)).unwrap());
        let begun = pair.now;
        pair.until("the answer", |pair| {
            pair.answered(&event_id, OptType::OptIn)
        });
        assert!(pair.now - begun < secs(1), "nobody waits for a poll");
        pair.live(secs(200));
        assert_eq!(
            pair.dialogue,
            [
                (K::DistributeEvent, None),
                (K::CreatedEvent, Some(K::Response))
            ]
        );
        // A poll would come sooner.
        assert!(pair.ven.next_deadline() >= Some(begun + secs(3_600)));
    }
}

/// The VTN comes back from a backup that is older than the registration, and pushes nothing to a VEN of
/// which it knows nothing.
#[test]
fn rule_500_a_ven_that_is_pushed_to_finds_out_that_its_vtn_forgot_it() {
    for way in [Way::Push, Way::Xmpp] {
        for seed in 1..=6 {
            let mut pair = Pair::by(way, seed, STORM);
            pair.until("the registration", Pair::registered);
            // It goes on living: nothing but its own clock tells the VEN.
            pair.weather.crashes = 0;
            pair.live(secs(300));
            pair.forget();
            pair.live(secs(4_200));
            assert!(pair.registered(), "seed {seed}");
            let event_id = pair.create(EventBody::new(body(pair.now + secs(600), 30)).unwrap());
            pair.until("the answer", |pair| {
                pair.answered(&event_id, OptType::OptIn)
            });
        }
    }
}

/// A VEN keeps what it has when it changes over from one transport to another.
#[test]
fn rule_405_a_ven_that_changes_over_to_another_transport_keeps_its_events() {
    // Over plain HTTP, that is: whoever has an account is not to be had without a proof any more.
    for seed in 1..=12 {
        let mut pair = Pair::by(Way::Pull, seed, STORM);
        pair.until("the registration", Pair::registered);
        let event_id = pair.create(EventBody::new(body(pair.now + secs(36_000), 30)).unwrap());
        pair.until("the answer", |pair| {
            pair.answered(&event_id, OptType::OptIn)
        });
        for (number, way) in (2..).zip([Way::Push, Way::Pull, Way::Push, Way::Xmpp]) {
            let told = pair.told.len();
            pair.way = way;
            pair.ven.configure(Context {
                version: number,
                ..way.context()
            });
            let entropy = pair.entropy();
            let sending = pair.ven.start(pair.now, entropy);
            pair.heard(sending);
            pair.until("the registration again", |pair| {
                words(&pair.told[told..]).contains(&"registered again=true".to_owned())
            });
            let event_id = pair.create(EventBody::new(body(pair.now + secs(36_000), 30)).unwrap());
            pair.until("the answer over the new transport", |pair| {
                pair.answered(&event_id, OptType::OptIn)
            });
            let events = u64::try_from(pair.ven.state().events().count()).unwrap();
            assert_eq!(events, number, "seed {seed}: {way:?}");
        }
    }
}

/// Register, event, modification, cancellation, another event to its end, registration again, the
/// end of the registration: in any weather everything happens, and is told once.
fn whole_life(way: Way, seed: u64, weather: Weather) {
    let mut pair = Pair::by(way, seed, weather);
    pair.until("the registration", Pair::registered);

    let mut draft = body(pair.now + secs(7_200), 60);
    draft.start_after = Some(Duration::minutes(30));
    let first = pair.create(EventBody::new(draft.clone()).unwrap());
    pair.until("the answer", |pair| pair.answered(&first, OptType::OptIn));
    let offset = pair.ven.state().event(&first).unwrap().random_offset();

    draft.vtn_comment = Some(Text::new("later & longer").unwrap());
    draft.start += secs(600);
    let modified = EventBody::new(draft).unwrap();
    pair.vtn.modify_event(&first, modified, pair.now).unwrap();
    pair.until("the modification", |pair| {
        let version = pair
            .ven
            .state()
            .event(&first)
            .map(|e| e.modification_number());
        version == Some(1) && pair.answered(&first, OptType::OptIn)
    });
    pair.until("its acknowledgement", |pair| pair.has("sent 1 optIn"));
    let known = pair.ven.state().event(&first).unwrap();
    assert_eq!(known.random_offset(), offset, "seed {seed}");

    // The application thinks again.
    let entropy = pair.entropy();
    let change = Command::ChangeOpt {
        event_id: first.clone(),
        opt: OptType::OptOut,
    };
    let sending = pair.ven.command(&change, pair.now, entropy).unwrap();
    pair.heard(sending);
    pair.until("the change of mind", |pair| {
        pair.answered(&first, OptType::OptOut)
    });
    // What is pushed does not wait for what the VEN has to say.
    pair.until("its acknowledgement", |pair| pair.has("sent 1 optOut"));

    pair.vtn.cancel_event(&first, pair.now).unwrap();
    pair.until("the cancellation", |pair| {
        pair.ven.state().event(&first).is_none() && pair.answered(&first, OptType::OptIn)
    });
    assert!(pair.has("event cancelled implied=false"), "seed {seed}");

    let told = pair.told.len();
    let second = pair.create(EventBody::new(body(pair.now + secs(600), 60)).unwrap());
    pair.until("the end of the second event", |pair| {
        pair.has("ended Completed")
    });
    assert!(pair.answered(&second, OptType::OptIn), "seed {seed}");
    let life: Vec<_> = words(&pair.told[told..]);
    assert_eq!(
        life,
        [
            "received 0",
            "sent 0 optIn",
            "started",
            "interval 0=1",
            "interval 1=2",
            "ended Completed"
        ],
        "seed {seed}"
    );

    // The VTN wants to see the VEN again.
    let (key, _) = pair.vtn.ven("pair").unwrap();
    let entropy = pair.entropy();
    let command = vtn::Command::RequestReregistration;
    pair.vtn
        .command(Some(key), &command, pair.now, entropy)
        .unwrap();
    pair.until("the registration again", |pair| {
        pair.has("registered again=true")
    });
    pair.live(secs(300));

    let entropy = pair.entropy();
    let cancel = Command::CancelRegistration;
    let sending = pair.ven.command(&cancel, pair.now, entropy).unwrap();
    pair.heard(sending);
    pair.until("the end", |pair| pair.has("cancelled"));
    assert_eq!(pair.ven.state().events().count(), 0);
    let at_vtn = pair
        .vtn
        .ven("pair")
        .is_some_and(|(_, ven)| ven.registration().is_some());
    assert!(
        !at_vtn,
        "seed {seed}: the VTN still thinks it is registered"
    );

    // Nothing was told twice.
    let told = words(&pair.told);
    for word in [
        "registered again=false",
        "modified 1",
        "sent 1 optIn",
        "sent 1 optOut",
        "event cancelled implied=false",
        "started",
        "ended Completed",
        "cancelled",
    ] {
        let times = told.iter().filter(|told| *told == word).count();
        assert_eq!(times, 1, "seed {seed}: {word}: {told:#?}");
    }
    assert_eq!(told.iter().filter(|told| *told == "received 0").count(), 2);
}

#[test]
fn a_whole_life_in_calm_weather() {
    for way in Way::ALL {
        whole_life(way, 0, CALM);
    }
}

#[test]
fn a_whole_life_with_messages_lost_and_processes_dying() {
    for seed in 1..=40 {
        whole_life(Way::Pull, seed, STORM);
    }
}

#[test]
fn rule_51_a_whole_life_of_pushes_with_messages_lost_and_processes_dying() {
    for seed in 1..=30 {
        whole_life(Way::Push, seed, STORM);
        whole_life(Way::Xmpp, seed, STORM);
    }
}

/// The VTN ends the registration while an event runs.
#[test]
fn rule_407_the_vtn_ends_the_registration_in_any_weather() {
    let ways = Way::ALL.into_iter().cycle();
    for (seed, way) in (1..=45).zip(ways) {
        let mut pair = Pair::by(way, seed, STORM);
        pair.until("the registration", Pair::registered);
        let now = pair.now;
        pair.create(EventBody::new(body(now + secs(1), 3_600)).unwrap());
        pair.until("the start", |pair| pair.has("started"));
        let (key, _) = pair.vtn.ven("pair").unwrap();
        let entropy = pair.entropy();
        let remove = vtn::Command::Remove;
        pair.vtn
            .command(Some(key), &remove, pair.now, entropy)
            .unwrap();
        // A process that starts again registers again, and gets the event once more.
        pair.weather.crashes = 0;
        pair.until("the end", |pair| pair.has("cancelled"));
        let ended = |effect: &&Effect| matches!(effect, Effect::EventEnded { .. });
        let unregistered = EndReason::Unregistered;
        assert!(
            matches!(
                pair.told.iter().rfind(ended),
                Some(Effect::EventEnded { reason, .. }) if *reason == unregistered
            ),
            "seed {seed}"
        );
        pair.live(secs(600));
        assert_eq!(*pair.ven.state().registration(), Registration::None);
        assert!(pair.vtn.ven("pair").is_none(), "seed {seed}");
    }
}
