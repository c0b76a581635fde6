//! All kinds of reports from `oadr ven` to `oadr vtn`, on a wire that is judged by the schema.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use conformance::folder::Folder;
use conformance::peers::Peers;
use conformance::program::{self, Vtn};
use conformance::tap::Tap;
use conformance::wait;
use serde_json::{Value, json};

use crate::readings::{self, Sent};
use crate::{operator, wire};

/// Everything that is offered, in the only ways in which it can be had.
const POLICIES: [&str; 8] = [
    "--report-policy",
    "usage:report=TELEMETRY_USAGE,granularity=PT1S,back=PT2S",
    "--report-policy",
    "own:report=x-ownReport,granularity=PT1S,back=PT2S",
    "--report-policy",
    "status:measurement=status,granularity=PT10S,back=PT10S",
    "--report-policy",
    "past:report=HISTORY_USAGE,granularity=PT0S,back=PT0S",
];

/// Data points of usage in one report, by their units.
const UNITS: [(&str, &str); 5] = [
    ("pulseCount:0.5", "pulseCount"),
    ("currencyPerKWh:EUR", "currencyPerKWh"),
    ("customUnit:Water,l", "Water"),
    ("temperature:celsius", "temperature"),
    ("powerReal:kW,60,120,ac", "powerReal"),
];

/// What the meter wrote down before anybody asked: how many minutes ago, and what.
const PAST: [(u64, &str); 3] = [(60, "1.25"), (45, "-2.5"), (30, "1e-7")];

#[test]
fn every_kind_of_report_is_valid_and_is_stored() {
    let name = "every_kind_of_report_is_valid_and_is_stored";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let data = Folder::new("vtn").unwrap();
    let vtn = Vtn::start_with(data.path(), &POLICIES).unwrap();
    let tap = Tap::start(vtn.endpoint.address).unwrap();
    let folder = Folder::new("ven").unwrap();
    let meter = folder.path().join("meter.csv");
    let past =
        PAST.map(|(minutes, value)| (operator::ago(Duration::from_secs(minutes * 60)), value));
    let lines = past.iter().map(|(time, value)| format!("{time},{value}\n"));
    let lines: String = lines.collect();
    fs::write(&meter, lines).unwrap();
    let mut reports: Vec<String> = UNITS
        .iter()
        .map(|(unit, r_id)| format!("{r_id} unit={unit} min=PT1S source=command:echo -1.5e3"))
        .collect();
    reports.push(
        "Own report=x-ownReport unit=voltage:mV device-class=x-pump min=PT1S source=command:echo 7"
            .to_owned(),
    );
    let file = meter.display();
    reports.push(format!(
        "Past report=history unit=energyReal:kWh source=file:{file}"
    ));
    let options: Vec<&str> = reports
        .iter()
        .flat_map(|report| ["--report", report])
        .collect();
    let options = [&["--resource", "Pump"], &options[..]].concat();
    let data = folder.path().join("data");
    let mut ven = program::ven(&tap.through(&vtn.url), "Ven1", &data, &options).unwrap();

    // Two reports of each telemetry but the slow status.
    let count = UNITS.len() + 3;
    let of_each = || {
        let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
        for key in Sent::read(&tap.exchanges()).acknowledged.into_keys() {
            *numbers.entry(key.r_id).or_default() += 1;
        }
        let often = numbers.values().filter(|number| **number >= 3).count();
        (numbers.len() == count && often >= UNITS.len() + 2).then_some(())
    };
    wait::until("reports of each kind", wait::PATIENCE, of_each)
        .unwrap_or_else(|failure| panic!("{}", ven.failure(&failure.to_string())));
    assert!(
        ven.terminate().unwrap().success(),
        "{}",
        ven.failure("SIGTERM")
    );

    let exchanges = tap.exchanges();
    let sent = Sent::read(&exchanges);
    sent.require_kept(&readings::stored(&vtn, ""));
    for (_, measurement) in UNITS {
        let rows = readings::rows(&vtn, &format!("measurement={measurement}"));
        let is_value = |row: &Value| row["value"] == json!(-1500.0) && row["r_id"] == measurement;
        assert!(rows.iter().any(is_value), "{measurement}: {rows:?}");
    }
    let own = readings::rows(&vtn, "r_id=Own");
    assert!(
        own.iter().all(|row| row["report_name"] == "x-ownReport"),
        "{own:?}"
    );
    assert!(own.iter().any(|row| row["value"] == json!(7.0)), "{own:?}");
    let kept = readings::stored(&vtn, "r_id=Past").into_iter();
    let kept: Vec<_> = kept.map(|(key, value)| (key.start, value)).collect();
    let expected = past.map(|(time, value)| (readings::milliseconds(&time), value.parse().ok()));
    assert_eq!(kept, expected);
    let status = readings::rows(&vtn, "measurement=status");
    assert!(!status.is_empty());
    for row in &status {
        assert_eq!(row["status"]["online"], true, "{row}");
        assert_eq!(row["value"], Value::Null, "{row}");
    }
    let names: BTreeSet<_> = exchanges
        .iter()
        .filter(|exchange| wire::message(&exchange.request) == "oadrUpdateReport")
        .flat_map(|exchange| wire::texts(&exchange.request, "reportName"))
        .collect();
    let expected = [
        "HISTORY_USAGE",
        "TELEMETRY_STATUS",
        "TELEMETRY_USAGE",
        "x-ownReport",
    ];
    assert!(names.iter().eq(&expected), "{names:?}");
    wire::require_valid(&peers, &exchanges);
}
