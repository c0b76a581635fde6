//! The same where processes die: nothing is lost, and nothing happens twice.
//!
//! Knows nothing of transports.

use std::time::Duration;

use serde_json::json;

use super::rig::{Rig, Transport, each};
use super::scenarios::wait_for_version;
use crate::operator;

/// Long after the test.
const LATER: Duration = Duration::from_secs(3600);

#[test]
fn a_vtn_that_is_killed_has_told_each_ven_everything_in_the_end() {
    let Some(mut rig) = Rig::or_skip() else {
        return;
    };
    let mut vens = Transport::ALL.map(|transport| rig.ven(transport, &[]));
    let make = |rig: &Rig, what: &str| {
        for transport in Transport::ALL {
            let id = format!("{what}-{}", transport.ven());
            let event = operator::event(&id, &[transport.ven()], LATER, &[1]);
            operator::create(&rig.vtn, &event);
        }
    };
    make(&rig, "Before");
    for ven in &vens {
        operator::wait_for_answer(&rig.vtn, &ven.id("Before"), ven.name, "optIn");
    }
    // It dies with what it has just promised under way.
    for ven in &vens {
        let change = json!({"vtn_comment": "changed"});
        operator::modify(&rig.vtn, &ven.id("Before"), &change);
    }
    make(&rig, "Promised");
    rig.kill_vtn();
    rig.restart_vtn();
    make(&rig, "After");
    let rig = &rig;
    each(vens.iter_mut(), |ven| {
        for what in ["Promised", "After"] {
            let id = &ven.id(what);
            operator::wait_for_answer(&rig.vtn, id, ven.name, "optIn");
            ven.wait("event_received", "event_id", id);
            assert_eq!(ven.count("event_received", "event_id", id), 1, "{id}");
        }
        wait_for_version(&rig.vtn, ven, &ven.id("Before"), 1);
        assert_eq!(ven.count("registered", "ven_id", ven.name), 1);
    });
}

#[test]
fn a_ven_that_is_killed_hears_afterwards_what_it_missed() {
    let Some(rig) = &Rig::or_skip() else {
        return;
    };
    each(Transport::ALL, |transport| {
        let mut ven = rig.ven(transport, &[]);
        let vtn = &rig.vtn;
        let (known, missed) = (&ven.id("Known"), &ven.id("Missed"));
        operator::create(vtn, &operator::event(known, &[ven.name], LATER, &[1]));
        operator::wait_for_answer(vtn, known, ven.name, "optIn");
        let before = ven.view(vtn);
        ven.process.kill().unwrap();
        operator::create(vtn, &operator::event(missed, &[ven.name], LATER, &[1]));
        operator::modify(vtn, known, &json!({"vtn_comment": "changed"}));
        rig.restart_ven(&mut ven, transport, &[]);
        operator::wait_for_answer(vtn, missed, ven.name, "optIn");
        wait_for_version(vtn, &ven, known, 1);
        ven.wait("event_received", "event_id", missed);
        ven.wait("event_modified", "event_id", known);
        assert_eq!(ven.count("event_received", "event_id", missed), 1);
        assert_eq!(ven.count("event_received", "event_id", known), 0);
        assert_eq!(ven.count("event_modified", "event_id", known), 1);
        let view = ven.view(vtn);
        let id = |view: &serde_json::Value| view["registration"]["registration_id"].clone();
        assert_eq!(id(&view), id(&before));
    });
}
