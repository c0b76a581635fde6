//! Units and names of reports that are not everyday ones, as real OpenLEADR VENs offer them.

use std::collections::BTreeMap;

use conformance::folder::Folder;
use conformance::peers::Peers;
use conformance::program::Vtn;
use conformance::tap::Tap;
use conformance::wait;
use serde_json::{Value, json};

use crate::readings::{self, Sent};
use crate::wire;

/// Asks everybody for everything, in a message a second.
const POLICY: [&str; 2] = ["--report-policy", "all:granularity=PT1S,back=PT1S"];

/// What OpenLEADR's users write, what the operator API says is measured, and the kind of unit there.
const UNITS: [(&str, &str, &str); 17] = [
    ("Voltage", "voltage", "voltage"),
    ("Current", "current", "current"),
    ("Real_Energy", "energyReal", "energyReal"),
    ("Reactive_Energy", "energyReactive", "energyReactive"),
    ("Apparent_Energy", "energyApparent", "energyApparent"),
    ("Real_Power", "powerReal", "powerReal"),
    ("Reactive_Power", "powerReactive", "powerReactive"),
    ("Apparent_Power", "powerApparent", "powerApparent"),
    ("Frequency", "frequency", "frequency"),
    ("Pulse_Count", "pulseCount", "pulseCount"),
    ("Temperature", "temperature", "temperature"),
    ("Therm", "Therm", "Therm"),
    ("Currency", "currency", "currency"),
    // A slip of OpenLEADR.
    ("Currency_per_kW", "currencyPerKW", "customUnit"),
    ("Currency_per_kWh", "currencyPerKWh", "currencyPerKWh"),
    ("Currency_per_Thm", "currencyPerThm", "currencyPerThm"),
    ("Widgets", "Widgets", "customUnit"),
];

#[test]
fn every_unit_of_openleadr_is_stored_with_its_readings() {
    let name = "every_unit_of_openleadr_is_stored_with_its_readings";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let data = Folder::new("vtn").unwrap();
    let vtn = Vtn::start_with(data.path(), &POLICY).unwrap();
    let tap = Tap::start(vtn.endpoint.address).unwrap();
    let mut offers: Vec<Value> = UNITS
        .iter()
        .map(|(measurement, _, _)| {
            json!({
                "specifier": format!("Of{measurement}"), "r_id": measurement,
                "measurement": measurement, "min_period": 1,
            })
        })
        .collect();
    offers.push(json!({
        "specifier": "Own1", "r_id": "Own", "report_name": "x-ownReport",
        "measurement": "Voltage", "min_period": 1,
    }));
    let count = offers.len();
    let url = tap.through(&vtn.url);
    let mut ven = peers
        .openleadr_ven_reporting(&url, "Ven1", &json!(offers))
        .unwrap();
    let registered = ven.wait_for("reports_registered").unwrap();
    assert_eq!(registered["requests"], count);

    let of_each = || {
        let sent = Sent::read(&tap.exchanges());
        let mut reported: Vec<_> = sent.acknowledged.keys().map(|key| &key.r_id).collect();
        reported.sort();
        reported.dedup();
        (reported.len() == count).then_some(())
    };
    wait::until("a report of each unit", wait::PATIENCE, of_each).unwrap();
    ven.send(&json!({"command": "stop"})).unwrap();
    assert!(ven.wait_exit(wait::PATIENCE).unwrap().success());

    Sent::read(&tap.exchanges()).require_kept(&readings::stored(&vtn, ""));
    let rows = readings::rows(&vtn, "ven=Ven1");
    let units: BTreeMap<&str, (&Value, &Value)> = rows
        .iter()
        .map(|row| {
            let unit = (&row["measurement"], &row["unit"]["type"]);
            (row["r_id"].as_str().unwrap(), unit)
        })
        .collect();
    for (r_id, measurement, unit) in UNITS {
        assert_eq!(units[r_id], (&json!(measurement), &json!(unit)), "{r_id}");
    }
    let own = readings::rows(&vtn, "r_id=Own");
    assert!(!own.is_empty());
    assert!(own.iter().all(|row| row["report_name"] == "x-ownReport"));
    let widgets = readings::rows(&vtn, "measurement=Widgets");
    assert!(widgets.iter().all(|row| row["r_id"] == "Widgets"));
    assert_eq!(widgets.len(), readings::stored(&vtn, "r_id=Widgets").len());
    wire::require_valid(&peers, &tap.exchanges());
}
