//! Replies that are lost on the wire.

use std::time::Duration;

use conformance::folder::Folder;
use conformance::peers::{Opt, Peers};
use conformance::process::Process;
use conformance::program::{self, Vtn};
use conformance::tap::{Exchange, Fate, Tap};

use crate::{operator, wire};

/// Quirk Q21: this VEN never asks again by itself.
#[test]
fn an_event_lost_on_the_wire_comes_again_to_an_openleadr_ven() {
    let name = "an_event_lost_on_the_wire_comes_again_to_an_openleadr_ven";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let scene = Scene::new();
    let url = scene.tap.through(&scene.vtn.url);
    let ven = peers.openleadr_ven(&url, "Ven1", Opt::In).unwrap();
    ven.wait_for("running").unwrap();
    scene.lose_an_event(&ven, &peers);
}

#[test]
fn an_event_lost_on_the_wire_comes_again_to_oadr_ven() {
    let name = "an_event_lost_on_the_wire_comes_again_to_oadr_ven";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let scene = Scene::new();
    let url = scene.tap.through(&scene.vtn.url);
    let data = Folder::new("ven").unwrap();
    let ven = program::ven(&url, "Ven1", data.path(), &["--opt", "in"]).unwrap();
    ven.wait_for("registered").unwrap();
    scene.lose_an_event(&ven, &peers);
}

/// The VEN cannot know whether its answer arrived: it sends it again, and that changes nothing.
#[test]
fn an_answer_whose_acknowledgement_is_lost_is_sent_again_and_counts_once() {
    let name = "an_answer_whose_acknowledgement_is_lost_is_sent_again_and_counts_once";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let scene = Scene::new();
    let data = Folder::new("ven").unwrap();
    let url = scene.tap.through(&scene.vtn.url);
    let ven = program::ven(&url, "Ven1", data.path(), &["--opt", "in"]).unwrap();
    let ven_id = ven.wait_for("registered").unwrap()["ven_id"]
        .as_str()
        .unwrap()
        .to_owned();
    // EiEvent carries oadrRequestEvent too, whose reply is another message.
    scene.tap.cut_reply(|path, reply| {
        path.ends_with("/EiEvent") && wire::message(&reply.body) == "oadrResponse"
    });
    let event = operator::event("Event1", &["Ven1"], Duration::from_secs(600), &[1]);
    operator::create(&scene.vtn, &event);
    ven.wait_for("opt_sent").unwrap();
    operator::wait_for_answer(&scene.vtn, "Event1", &ven_id, "optIn");

    let answers: Vec<Exchange> = scene.tap.exchanges();
    let answers: Vec<_> = answers
        .iter()
        .filter(|exchange| wire::message(&exchange.request) == "oadrCreatedEvent")
        .collect();
    let fates: Vec<_> = answers
        .iter()
        .map(|exchange| exchange.reply.as_ref().unwrap().fate)
        .collect();
    assert_eq!(fates, [Fate::Lost, Fate::Delivered]);
    assert_eq!(operator::events(&scene.vtn).len(), 1);
    wire::require_valid(&peers, &scene.tap.exchanges());
}

struct Scene {
    vtn: Vtn,
    tap: Tap,
    _data: Folder,
}

impl Scene {
    fn new() -> Self {
        let data = Folder::new("vtn").unwrap();
        let vtn = Vtn::start(data.path()).unwrap();
        let tap = Tap::start(vtn.endpoint.address).unwrap();
        Self {
            vtn,
            tap,
            _data: data,
        }
    }

    fn lose_an_event(&self, ven: &Process, peers: &Peers) {
        let ven_id = ven.wait_for("registered").unwrap()["ven_id"]
            .as_str()
            .unwrap()
            .to_owned();
        // Past its start, when oadrRequestEvent would bring the event.
        wire::wait_for_exchange(&self.tap, "oadrPoll > oadrResponse");
        self.tap.cut_reply(|path, reply| {
            path.ends_with("/OadrPoll") && wire::message(&reply.body) == "oadrDistributeEvent"
        });
        let event = operator::event("Event1", &["Ven1"], Duration::from_secs(600), &[1, 2]);
        operator::create(&self.vtn, &event);
        assert_eq!(
            ven.wait_for("event_received").unwrap()["event_id"],
            "Event1"
        );
        operator::wait_for_answer(&self.vtn, "Event1", &ven_id, "optIn");

        let exchanges = self.tap.exchanges();
        let deliveries = exchanges
            .iter()
            .filter_map(|exchange| exchange.reply.as_ref())
            .filter(|reply| {
                wire::message(&reply.body) == "oadrDistributeEvent"
                    && wire::texts(&reply.body, "eventID") == ["Event1"]
            });
        let fates: Vec<_> = deliveries.map(|reply| reply.fate).collect();
        assert_eq!(fates, [Fate::Lost, Fate::Delivered]);
        wire::require_valid(peers, &exchanges);
    }
}
