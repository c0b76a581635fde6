//! The least that both roles must be able to do together (rule 510).

use std::time::Duration;

use conformance::folder::Folder;
use conformance::peers::Peers;
use conformance::program::{self, Vtn};
use conformance::tap::Tap;
use conformance::wait;
use serde_json::{Value, json};

use crate::{operator, readings, wire};

const POLICY: [&str; 2] = [
    "--report-policy",
    "status:measurement=status,granularity=PT10S,back=PT10S",
];

/// Three signals for a VEN and a resource of it, metadata, and the status of that resource, all without
/// a setting at the VEN but the resource's name.
#[test]
fn rule_510_three_signals_and_the_status_of_a_resource() {
    let name = "rule_510_three_signals_and_the_status_of_a_resource";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let data = Folder::new("vtn").unwrap();
    let vtn = Vtn::start_with(data.path(), &POLICY).unwrap();
    let tap = Tap::start(vtn.endpoint.address).unwrap();
    let data = Folder::new("ven").unwrap();
    let options = ["--opt", "in", "--resource", "Pump"];
    let ven = program::ven(&tap.through(&vtn.url), "Ven1", data.path(), &options).unwrap();
    let ven_id = ven.wait_for("registered").unwrap()["ven_id"].clone();
    let ven_id = ven_id.as_str().unwrap();

    let mut event = operator::event("Event1", &["Ven1"], Duration::from_secs(600), &[2]);
    event["targets"] = json!({"resource_id": ["Pump"]});
    let signal = |name: &str, kind: &str, payload: f64, unit: Value| {
        json!({
            "signal_name": name, "signal_type": kind, "item_base": unit,
            "intervals": [{"duration": "PT1M", "payload": payload}],
        })
    };
    let price = json!({"type": "currencyPerKWh", "currency": "EUR"});
    let power = json!({"type": "powerReal", "scale": "k", "hertz": 50, "voltage": 230, "ac": true});
    let signals = event["signals"].as_array_mut().unwrap();
    signals.push(signal("ELECTRICITY_PRICE", "price", 0.25, price));
    signals.push(signal("LOAD_DISPATCH", "setpoint", 12.5, power));
    operator::create(&vtn, &event);
    let received = ven.wait_for("event_received").unwrap();
    assert_eq!(received["event_id"], "Event1");
    operator::wait_for_answer(&vtn, "Event1", ven_id, "optIn");

    let status = wait::until("the status of the resource", wait::PATIENCE, || {
        readings::rows(&vtn, "measurement=status")
            .into_iter()
            .next()
    });
    let status = status.unwrap_or_else(|failure| panic!("{}", ven.failure(&failure.to_string())));
    assert_eq!(status["resources"], json!(["Pump"]), "{status}");
    let shown = &status["status"];
    assert_eq!(
        (&shown["online"], &shown["manual_override"]),
        (&json!(true), &json!(false)),
        "{status}"
    );
    let exchanges = tap.exchanges();
    let distributed = exchanges
        .iter()
        .filter_map(|exchange| exchange.reply.as_ref());
    let names = distributed.map(|reply| wire::texts(&reply.body, "signalName"));
    let all = ["SIMPLE", "ELECTRICITY_PRICE", "LOAD_DISPATCH"];
    assert!(names.into_iter().any(|names| names == all));
    wire::require_valid(&peers, &exchanges);
}
