//! The harness proves itself on reports: two peers that are not ours, and a VTN that is killed.

use std::collections::BTreeMap;

use conformance::folder::Folder;
use conformance::http::Base;
use conformance::peers::Peers;
use conformance::process::{Mark, Process};
use conformance::tap::Tap;
use serde_json::{Value, json};

use crate::readings::{self, Sent};
use crate::wire;

/// Reports that each VTN gets before its end.
const REPORTS: usize = 2;

#[test]
fn an_openleadr_vtn_that_was_killed_goes_on_where_it_was() {
    let name = "an_openleadr_vtn_that_was_killed_goes_on_where_it_was";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let folder = Folder::new("openleadr").unwrap();
    let memory = folder.path().join("memory.json");
    let want = json!({"RealPower": [1, 2]});
    let mut vtn = peers.openleadr_vtn_asking(&want, &memory).unwrap();
    let url = listening(&vtn);
    let tap = Tap::start(Base::parse(&url).unwrap().address).unwrap();
    let offers = json!([
        {"specifier": "Usage1", "r_id": "Power1", "measurement": "Real_Power", "min_period": 1},
        {"specifier": "Usage2", "r_id": "Volts1", "measurement": "Voltage", "min_period": 1},
    ]);
    let ven = peers
        .openleadr_ven_reporting(&tap.through(&url), "Ven1", &offers)
        .unwrap();
    assert_eq!(ven.wait_for("reports_registered").unwrap()["requests"], 1);

    let mut told = told(&vtn, REPORTS);
    vtn.kill().unwrap();
    vtn = peers.openleadr_vtn_asking(&want, &memory).unwrap();
    tap.redirect(Base::parse(&listening(&vtn)).unwrap().address);
    told.extend(self::told(&vtn, REPORTS));

    let sent = Sent::read(&tap.exchanges());
    assert_eq!(sent.sizes, [("Power1".to_owned(), [2].into())].into());
    let taken = taken(&ven, "Power1");
    for (key, value) in &sent.all {
        assert_eq!(Some(&taken[&key.start]), value.as_ref(), "{key:?}");
        assert_eq!(key.r_id, "Power1");
    }
    for (start, value) in &told {
        assert_eq!(taken[start], *value);
    }
    assert!(told.len() >= 2 * REPORTS * 2, "{told:?}");
    // What is acknowledged was told, but for a report to each that came after it was looked.
    let late = sent
        .acknowledged
        .keys()
        .filter(|key| !told.contains_key(&key.start));
    assert!(late.count() <= 2 * 2, "{told:?}\n{sent:?}");
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

/// The first `reports` reports that this VTN tells of: values by milliseconds since 1970.
fn told(vtn: &Process, reports: usize) -> BTreeMap<i64, f64> {
    let mut told = BTreeMap::new();
    for nth in 0..reports {
        let line = vtn
            .wait_after(Mark::START, "readings", |line| {
                let new = |value: &Value| !told.contains_key(&readings::from_seconds(&value[0]));
                line["values"].as_array().unwrap().iter().all(new)
            })
            .unwrap_or_else(|failure| panic!("report {nth}: {failure}"));
        for value in line["values"].as_array().unwrap() {
            told.insert(
                readings::from_seconds(&value[0]),
                value[1].as_f64().unwrap(),
            );
        }
    }
    told
}

/// What this VEN read from its source of `r_id`, by milliseconds since 1970.
fn taken(ven: &Process, r_id: &str) -> BTreeMap<i64, f64> {
    ven.happenings()
        .iter()
        .filter(|line| line["happening"] == "sampled" && line["r_id"] == r_id)
        .map(|line| {
            (
                readings::from_seconds(&line["start"]),
                line["value"].as_f64().unwrap(),
            )
        })
        .collect()
}
