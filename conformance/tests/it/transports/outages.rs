//! What XMPP adds to that: a server between the two, which can go away, and networks on both sides of it.
//! Nothing is lost, nothing happens twice, and nobody hammers at a door that is shut.

use std::thread;
use std::time::Duration;

use conformance::program::Vtn;
use conformance::wait;
use serde_json::json;

use super::rig::{Rig, Transport, Ven};
use super::scenarios::wait_for_offers;
use crate::counter::Counter;
use crate::{operator, readings};

/// Long after the test.
const LATER: Duration = Duration::from_secs(3600);

/// How long something is away: several attempts to connect would fall into it if they did not get rarer.
const AWAY: Duration = Duration::from_secs(4);

/// A VEN over XMPP that measures once a second and reports that, while events come and change.
struct Scene {
    rig: Rig,
    ven: Ven,
    counter: Counter,
    /// The events, each with how often it was changed.
    events: Vec<(String, u64)>,
}

impl Scene {
    fn or_skip() -> Option<Self> {
        let rig = Rig::or_skip()?;
        let counter = Counter::new("Power");
        let ven = rig.ven(Transport::Xmpp, &["--report", &counter.report()]);
        wait_for_offers(&rig.vtn, &ven);
        let request = json!({
            "ven": ven.name,
            "report_request_id": "Counted",
            "report_name": "TELEMETRY_USAGE",
            "granularity": "PT1S",
            "report_back": "PT1S",
        });
        let made = rig
            .vtn
            .call("POST", "/api/v1/report-requests", Some(&request), &[201]);
        made.unwrap();
        ven.wait("report_requested", "report_request_id", "Counted");
        let mut scene = Self {
            rig,
            ven,
            counter,
            events: Vec::new(),
        };
        scene.make("First");
        scene.check();
        Some(scene)
    }

    fn make(&mut self, what: &str) {
        let id = self.ven.id(what);
        let event = operator::event(&id, &[self.ven.name], LATER, &[1]);
        operator::create(&self.rig.vtn, &event);
        self.events.push((id, 0));
    }

    fn modify_all(&mut self) {
        for (id, changes) in &mut self.events {
            *changes += 1;
            let change = json!({"vtn_comment": changes.to_string()});
            operator::modify(&self.rig.vtn, id, &change);
        }
    }

    /// Works on while something is away: a new event, changes of those there are, values.
    fn goes_on(&mut self, what: &str) {
        self.modify_all();
        self.make(what);
        let taken = self.counter.taken();
        wait::until("values meanwhile", wait::PATIENCE, || {
            (self.counter.taken() >= taken + 2).then_some(())
        })
        .unwrap();
    }

    /// The versions of the event that the VEN has seen, by how often it had been changed.
    fn versions(&self, id: &str) -> Vec<u64> {
        let lines = self.ven.process.happenings();
        let about = lines.iter().filter(|line| {
            let is_version =
                line["happening"] == "event_received" || line["happening"] == "event_modified";
            is_version && line["event_id"] == id
        });
        about
            .map(|line| line["vtn_comment"].as_str().unwrap_or("0").parse().unwrap())
            .collect()
    }

    /// Everything is there in the end, and once.
    fn check(&self) {
        let vtn = &self.rig.vtn;
        for (id, changes) in &self.events {
            let what = format!("the answer to change {changes} of {id}");
            wait::until(&what, wait::PATIENCE, || {
                let answer = operator::answer(&operator::show(vtn, id), self.ven.name)?;
                let is_known = self.versions(id).last() == Some(changes);
                (answer.delivery == "answered" && is_known).then_some(())
            })
            .unwrap_or_else(|failure| panic!("{}", self.ven.process.failure(&failure.to_string())));
        }
        self.counter.wait_until_stored(vtn);
        let rows = readings::rows(vtn, "r_id=Power");
        let values: Vec<_> = rows
            .iter()
            // What stands for a value that there is not.
            .filter(|row| {
                !row["quality"]
                    .as_str()
                    .is_some_and(|q| q.starts_with("Quality Bad"))
            })
            .filter_map(|row| row["value"].as_f64())
            .collect();
        let are_counted = values.windows(2).all(|pair| pair[1] - pair[0] == 1.0);
        assert!(are_counted, "lost, or twice: {values:?}");
        for (id, _) in &self.events {
            let received = self.ven.count("event_received", "event_id", id);
            assert_eq!(received, 1, "{id} came to the VEN as a new event");
            let versions = self.versions(id);
            assert!(versions.is_sorted_by(|a, b| a < b), "{id}: {versions:?}");
            require_told_once(vtn, id);
        }
        assert_eq!(self.ven.count("registered", "ven_id", self.ven.name), 1);
    }
}

/// The operator was told of every answer once, of the last one too.
fn require_told_once(vtn: &Vtn, id: &str) {
    let answer = operator::answer(&operator::show(vtn, id), "chats").unwrap();
    // Whoever asks may see an answer a moment before the operator is told of it.
    let told = wait::until("the operator to be told", wait::PATIENCE, || {
        let told = told(vtn, id);
        (told.last().copied() == answer.modification_number).then_some(told)
    });
    let told = told
        .unwrap_or_else(|failure| panic!("{id}: {}", vtn.process.failure(&failure.to_string())));
    assert!(told.is_sorted_by(|a, b| a < b), "{id}: {told:?}");
}

/// The versions of the event whose answers the operator was told of.
fn told(vtn: &Vtn, id: &str) -> Vec<u64> {
    let event = format!("event_id={id} ");
    let log = vtn.process.log();
    let told = log
        .iter()
        .filter(|line| line.contains("event answered") && line.contains(&event));
    told.filter_map(|line| line.split_once("modification_number="))
        .filter_map(|(_, rest)| rest.split(' ').next()?.parse().ok())
        .collect()
}

#[test]
fn a_restart_of_the_xmpp_server_loses_nothing_and_repeats_nothing() {
    let Some(mut scene) = Scene::or_skip() else {
        return;
    };
    scene.make("Leaving");
    scene.rig.prosody.stop().unwrap();
    scene.goes_on("Away");
    scene.rig.prosody.start_again().unwrap();
    scene.make("Back");
    scene.check();
}

#[test]
fn the_death_of_the_xmpp_server_loses_nothing_and_repeats_nothing() {
    let Some(mut scene) = Scene::or_skip() else {
        return;
    };
    scene.make("Leaving");
    scene.rig.prosody.kill().unwrap();
    scene.goes_on("Away");
    scene.rig.prosody.start_again().unwrap();
    scene.make("Back");
    scene.check();
}

#[test]
fn what_a_network_that_falls_silent_holds_back_arrives_once() {
    let Some(mut scene) = Scene::or_skip() else {
        return;
    };
    scene.rig.vens_to_prosody.silence();
    scene.goes_on("VenIsSilent");
    scene.rig.vens_to_prosody.mend();
    scene.check();
    scene.rig.vtn_to_prosody.silence();
    scene.goes_on("VtnIsSilent");
    scene.rig.vtn_to_prosody.mend();
    scene.check();
}

#[test]
fn what_a_network_that_breaks_loses_comes_again() {
    let Some(mut scene) = Scene::or_skip() else {
        return;
    };
    scene.rig.vens_to_prosody.cut();
    scene.goes_on("VenIsCutOff");
    scene.rig.vens_to_prosody.mend();
    scene.check();
    scene.rig.vtn_to_prosody.cut();
    scene.goes_on("VtnIsCutOff");
    scene.rig.vtn_to_prosody.mend();
    scene.check();
}

#[test]
fn attempts_to_reach_the_xmpp_server_get_rarer() {
    let Some(rig) = Rig::or_skip() else {
        return;
    };
    let ven = rig.ven(Transport::Xmpp, &[]);
    let relays = [&rig.vens_to_prosody, &rig.vtn_to_prosody];
    let before = relays.map(|relay| relay.accepted());
    relays.iter().for_each(|relay| relay.cut());
    thread::sleep(AWAY);
    for (relay, before) in relays.into_iter().zip(before) {
        let attempts = relay.accepted() - before;
        // After half a second at the earliest, then after one more, and after two.
        assert!((1..=3).contains(&attempts), "{attempts} attempts");
    }
    for (process, line) in [
        (&rig.vtn.process, "no session with the XMPP server"),
        (&ven.process, "no XMPP session"),
    ] {
        let log = process.log();
        let waits: Vec<f64> = log
            .iter()
            .filter(|logged| logged.contains(line))
            .filter_map(|logged| again_in(logged))
            .collect();
        // Between half of it and all of it, and twice as much each time.
        assert!(waits.windows(2).all(|pair| pair[1] > pair[0]), "{log:#?}");
        assert!(waits.first().is_some_and(|first| *first >= 0.5), "{log:#?}");
    }
    relays.iter().for_each(|relay| relay.mend());
    let id = &ven.id("Afterwards");
    operator::create(&rig.vtn, &operator::event(id, &[ven.name], LATER, &[1]));
    operator::wait_for_answer(&rig.vtn, id, ven.name, "optIn");
}

#[test]
fn a_session_in_the_place_of_another_has_everything_that_the_other_missed() {
    let Some(mut scene) = Scene::or_skip() else {
        return;
    };
    // The server still believes in the session of a process that has died: a new one takes its JID.
    scene.rig.vens_to_prosody.silence();
    scene.ven.process.kill().unwrap();
    scene.modify_all();
    scene.make("Unheard");
    scene.rig.around_the_silence();
    let options = ["--report", &scene.counter.report()];
    scene
        .rig
        .restart_ven(&mut scene.ven, Transport::Xmpp, &options);
    let vtn = &scene.rig.vtn;
    for (id, changes) in &scene.events {
        let what = format!("change {changes} of {id}");
        let known = || (scene.versions(id).last() == Some(changes)).then_some(());
        wait::until(&what, wait::PATIENCE, known).unwrap();
        operator::wait_for_answer(vtn, id, scene.ven.name, "optIn");
        require_told_once(vtn, id);
    }
    let unheard = &scene.ven.id("Unheard");
    assert_eq!(scene.ven.count("event_received", "event_id", unheard), 1);
    // It comes back as who it was.
    assert_eq!(scene.ven.count("registered", "ven_id", scene.ven.name), 0);
    scene.counter.wait_until_stored(vtn);
}

/// The wait that a line of the log tells of, in seconds.
fn again_in(line: &str) -> Option<f64> {
    let (_, rest) = line.split_once("again_in=")?;
    let word = rest.split_whitespace().next()?;
    match word.strip_suffix("ms") {
        Some(text) => text.parse::<f64>().ok().map(|ms| ms / 1000.0),
        None => word.strip_suffix('s')?.parse().ok(),
    }
}
