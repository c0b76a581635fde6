//! `oadr ven` reports to a real OpenLEADR VTN, which is down for a minute in between.

use std::collections::BTreeMap;
use std::time::Duration;

use conformance::folder::Folder;
use conformance::http::Base;
use conformance::peers::Peers;
use conformance::process::Process;
use conformance::tap::Tap;
use conformance::{program, wait};
use serde_json::json;

use crate::counter::Counter;
use crate::readings::{self, Key, Readings, Sent};
use crate::wire;

/// Values that the VEN takes while the VTN is down, one a second.
const DOWN: u32 = 60;

/// Values a report.
const BACK: usize = 2;

#[test]
fn an_openleadr_vtn_that_was_down_for_a_minute_gets_everything_once() {
    let name = "an_openleadr_vtn_that_was_down_for_a_minute_gets_everything_once";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let folder = Folder::new("openleadr").unwrap();
    let memory = folder.path().join("memory.json");
    let want = json!({"RealPower": [1, BACK]});
    let mut before = peers.openleadr_vtn_asking(&want, &memory).unwrap();
    let url = listening(&before);
    let tap = Tap::start(Base::parse(&url).unwrap().address).unwrap();
    let counter = Counter::new("Power1");
    let data = Folder::new("ven").unwrap();
    let options = ["--report", &counter.report()];
    let mut ven = program::ven(&tap.through(&url), "Ven1", data.path(), &options).unwrap();

    // Told before it is acknowledged: in between, a kill would have it sent again.
    wait::until("reports", wait::PATIENCE, || {
        (Sent::read(&tap.exchanges()).acknowledged.len() >= 2 * BACK).then_some(())
    })
    .unwrap_or_else(|failure| panic!("{}", ven.failure(&failure.to_string())));
    before.kill().unwrap();
    let taken = counter.taken();
    let limit = Duration::from_secs(DOWN.into()) + wait::PATIENCE;
    wait::until("a minute's values", limit, || {
        (counter.taken() >= taken + DOWN).then_some(())
    })
    .unwrap_or_else(|failure| panic!("{}", ven.failure(&failure.to_string())));
    let after = peers.openleadr_vtn_asking(&want, &memory).unwrap();
    tap.redirect(Base::parse(&listening(&after)).unwrap().address);
    wait_for_readings(&after, DOWN as usize + 2 * BACK);
    assert!(
        ven.terminate().unwrap().success(),
        "{}",
        ven.failure("SIGTERM")
    );

    let sent = Sent::read(&tap.exchanges());
    let told: Vec<(i64, f64)> = [told(&before), told(&after)].concat();
    let distinct: BTreeMap<i64, f64> = told.iter().copied().collect();
    assert_eq!(distinct.len(), told.len(), "told twice: {told:#?}");
    let in_order = told.is_sorted_by(|(a, _), (b, _)| a < b);
    assert!(in_order, "out of order: {told:#?}");
    // All of it was told under one request, whichever VTN asked for it.
    let keys: BTreeMap<i64, &Key> = sent.all.keys().map(|key| (key.start, key)).collect();
    let readings = told
        .iter()
        .map(|(start, value)| (keys[start].clone(), Some(*value)));
    let readings: Readings = readings.collect();
    assert_eq!(readings.len(), told.len(), "told and never sent");
    counter.require_each_once(&readings, &sent.placeholders);
    for (key, value) in &sent.acknowledged {
        assert_eq!(distinct.get(&key.start), value.as_ref(), "{key:?}");
    }
    println!(
        "{} values told, {} placeholders, {} data points cut",
        told.len(),
        sent.placeholders.len(),
        sent.cut.len()
    );
    assert_eq!(
        wire::requests(&tap.exchanges(), "oadrCreatePartyRegistration"),
        1
    );
    wire::require_valid(&peers, &tap.exchanges());
}

fn listening(vtn: &Process) -> String {
    let listening = vtn.wait_for("listening").unwrap();
    listening["vtn"].as_str().unwrap().to_owned()
}

/// Waits until this VTN has told of so many values.
fn wait_for_readings(vtn: &Process, count: usize) {
    wait::until("readings", wait::PATIENCE, || {
        (told(vtn).len() >= count).then_some(())
    })
    .unwrap_or_else(|failure| panic!("{}", vtn.failure(&failure.to_string())));
}

/// All values that this VTN has told of, with their times in milliseconds since 1970.
fn told(vtn: &Process) -> Vec<(i64, f64)> {
    let lines = vtn.happenings().into_iter();
    lines
        .filter(|line| line["happening"] == "readings")
        .flat_map(|line| line["values"].as_array().unwrap().clone())
        .map(|value| {
            (
                readings::from_seconds(&value[0]),
                value[1].as_f64().unwrap(),
            )
        })
        .collect()
}
