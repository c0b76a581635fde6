//! Reports of real OpenLEADR VENs, and `oadr vtn --dev` that is killed while they come.
//!
//! That VEN drops what it could not send. So what was acknowledged must be there, and of the VEN that
//! sends every value several times it must be everything.

use std::collections::{BTreeMap, BTreeSet};

use conformance::folder::Folder;
use conformance::peers::Peers;
use conformance::process::Process;
use conformance::program::Vtn;
use conformance::tap::Tap;
use conformance::wait;
use serde_json::json;

use crate::readings::{self, Readings, Sent};
use crate::wire;

const LEAST_KILLS: usize = 2;

/// So often it is tried to have the VTN back before a report is due, which a busy machine may not manage.
const MOST_KILLS: usize = 8;

/// Three values a report, but for the VEN that sends the last ten every second.
const POLICIES: [&str; 6] = [
    "--report-policy",
    "usage:ven=Usage,report=TELEMETRY_USAGE,measurement=powerReal,granularity=PT4S,back=PT12S",
    "--report-policy",
    "status:ven=Status,report=TELEMETRY_STATUS,granularity=PT4S,back=PT12S",
    "--report-policy",
    "repeats:ven=Repeats,resource=Meter3,granularity=PT1S,back=PT10S",
];

/// The data points of the three VENs, and how many values each puts into a report.
const POINTS: [(&str, usize); 4] = [("Power1", 3), ("State1", 3), ("State2", 3), (REPEATED, 10)];

/// The one whose values come again and again.
const REPEATED: &str = "Power3";

#[test]
fn the_reports_of_openleadr_vens_arrive_complete_across_kill_9() {
    let name = "the_reports_of_openleadr_vens_arrive_complete_across_kill_9";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let data = Folder::new("vtn").unwrap();
    let mut vtn = Vtn::start_with(data.path(), &POLICIES).unwrap();
    let tap = Tap::start(vtn.endpoint.address).unwrap();
    let vens = start(&peers, &tap.through(&vtn.url));
    // In a message of its own: this VEN counts the values of all requests in one message together.
    let status = json!({
        "ven": "Usage", "report_specifier_id": "Status1",
        "granularity": "PT4S", "report_back": "PT12S",
    });
    vtn.call("POST", "/api/v1/report-requests", Some(&status), &[201])
        .unwrap();

    let (mut kills, mut unharmed) = (0, 0);
    while kills < LEAST_KILLS || (unharmed == 0 && kills < MOST_KILLS) {
        wait_for_reports(&tap, tap.count());
        // Then the next one has begun, and what is sent with this value is acknowledged before the poll.
        let mark = vens[0].mark();
        vens[0].wait_after(mark, "sampled", |_| true).unwrap();
        wait_for_polls(&tap, tap.count());
        let before = tap.count();
        vtn.process.kill().unwrap();
        vtn = Vtn::start_with(data.path(), &POLICIES).unwrap();
        tap.redirect(vtn.endpoint.address);
        wait_for_reports(&tap, tap.count());
        let cut = Sent::read(&tap.exchanges_after(before)).cut;
        kills += 1;
        unharmed += usize::from(cut.iter().all(|r_id| r_id == REPEATED));
    }
    let taken = stop(vens);

    let sent = Sent::read(&tap.exchanges());
    let stored = readings::stored(&vtn, "");
    sent.require_kept(&stored);
    for (r_id, size) in POINTS {
        assert_eq!(sent.sizes[r_id], [size].into(), "{r_id}");
        let requests = stored.keys().filter(|key| key.r_id == r_id);
        let requests: BTreeSet<_> = requests.map(|key| &key.request).collect();
        assert_eq!(requests.len(), 1, "a restart is no reason to ask again");
        let stored = of_point(&stored, r_id);
        let taken = &taken[r_id];
        for (start, value) in &stored {
            assert_eq!(taken.get(start), Some(value), "{r_id} at {start}");
        }
        let enough = stored.len() >= 2 * LEAST_KILLS * 3;
        assert!(enough, "{r_id}: {stored:?}");
        // What is missing was cut, or was not to be sent any more.
        let cut = of_point(&sent.all, r_id).len() - of_point(&sent.acknowledged, r_id).len();
        let missing = taken.len() - stored.len();
        println!(
            "{r_id}: {} taken, {} stored, {cut} lost by the VEN",
            taken.len(),
            stored.len()
        );
        let last = stored.keys().max();
        if r_id == REPEATED {
            let first = stored.keys().min();
            let missing = taken
                .keys()
                .filter(|start| Some(*start) > first && Some(*start) < last);
            let missing: Vec<_> = missing
                .filter(|start| !stored.contains_key(start))
                .collect();
            assert_eq!(missing, Vec::<&i64>::new());
        } else {
            let unsent = taken.keys().filter(|start| Some(*start) > last).count();
            assert!(
                missing <= cut + unsent,
                "{r_id}: {missing} of {taken:?} are missing"
            );
        }
    }
    println!("{kills} kills, {unharmed} of them without a lost report");
    assert!(unharmed > 0, "the VTN was never back in time");
    wire::require_valid(&peers, &tap.exchanges());
}

/// Quirk Q17: this VEN does not look at what comes with the answer to its reports.
#[test]
fn an_openleadr_ven_stops_to_report_when_it_is_told_with_a_poll() {
    let name = "an_openleadr_ven_stops_to_report_when_it_is_told_with_a_poll";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let data = Folder::new("vtn").unwrap();
    let vtn = Vtn::start(data.path()).unwrap();
    let tap = Tap::start(vtn.endpoint.address).unwrap();
    let offers = json!([
        {"specifier": "Usage1", "r_id": "Power1", "measurement": "Real_Power", "min_period": 1},
    ]);
    let url = tap.through(&vtn.url);
    let ven = peers
        .openleadr_ven_reporting(&url, "Ven1", &offers)
        .unwrap();
    ven.wait_for("running").unwrap();
    let wanted = json!({
        "ven": "Ven1", "report_specifier_id": "Usage1",
        "granularity": "PT1S", "report_back": "PT1S",
    });
    let requests = "/api/v1/report-requests";
    let request = vtn.call("POST", requests, Some(&wanted), &[201]).unwrap();
    let id = request["report_request_id"].as_str().unwrap();
    wire::wait_for_exchange(&tap, "oadrUpdateReport > oadrUpdatedReport");

    let request = format!("{requests}/{id}");
    vtn.call("DELETE", &request, None, &[202]).unwrap();
    wire::wait_for_exchange(&tap, "oadrPoll > oadrCancelReport");
    wire::wait_for_exchange(&tap, "oadrCanceledReport > oadrResponse");
    let after = tap.count();
    wait::until("three polls more", wait::PATIENCE, || {
        (wire::requests(&tap.exchanges_after(after), "oadrPoll") >= 3).then_some(())
    })
    .unwrap();
    assert_eq!(
        wire::requests(&tap.exchanges_after(after), "oadrUpdateReport"),
        0
    );
    let shown = vtn.call("GET", &request, None, &[200]).unwrap();
    assert_eq!(shown["progress"], "over", "{shown}");
    Sent::read(&tap.exchanges()).require_kept(&readings::stored(&vtn, ""));
    wire::require_valid(&peers, &tap.exchanges());
}

fn start(peers: &Peers, url: &str) -> [Process; 3] {
    let usage = json!([
        {"specifier": "Usage1", "r_id": "Power1", "measurement": "Real_Power", "min_period": 4},
        {
            "specifier": "Status1", "r_id": "State1", "report_name": "TELEMETRY_STATUS",
            "min_period": 4,
        },
    ]);
    let status = json!([{
        "specifier": "Status2", "r_id": "State2", "report_name": "TELEMETRY_STATUS",
        "min_period": 4,
    }]);
    let repeats = json!([{
        "specifier": "Usage3", "r_id": REPEATED, "measurement": "Real_Power",
        "resource_id": "Meter3", "min_period": 1, "mode": "full",
    }]);
    [("Usage", usage), ("Status", status), ("Repeats", repeats)].map(|(name, reports)| {
        let ven = peers.openleadr_ven_reporting(url, name, &reports).unwrap();
        let registered = ven.wait_for("reports_registered").unwrap();
        assert_eq!(registered["requests"], 1, "{name}");
        ven
    })
}

/// Waits until each data point was in a report that was acknowledged, after the first `count`
/// exchanges.
fn wait_for_reports(tap: &Tap, count: usize) {
    let reported = || {
        let sent = Sent::read(&tap.exchanges_after(count));
        let reported: BTreeSet<_> = sent.acknowledged.keys().map(|key| &key.r_id).collect();
        (reported.len() == POINTS.len()).then_some(())
    };
    let found = wait::until("a report of each data point", wait::PATIENCE, reported);
    found.unwrap_or_else(|failure| panic!("{failure}\n{:#?}", wire::sequence(&tap.exchanges())));
}

/// Waits until each VEN has polled after the first `count` exchanges.
fn wait_for_polls(tap: &Tap, count: usize) {
    wait::until("a poll of each VEN", wait::PATIENCE, || {
        let polled: BTreeSet<_> = tap
            .exchanges_after(count)
            .into_iter()
            .filter(|exchange| wire::message(&exchange.request) == "oadrPoll")
            .filter(|exchange| exchange.reply.is_some())
            .map(|exchange| exchange.request)
            .collect();
        (polled.len() == 3).then_some(())
    })
    .unwrap();
}

/// Stops the VENs and returns what they took: values by their times (milliseconds since 1970), by rID.
fn stop(vens: [Process; 3]) -> BTreeMap<String, BTreeMap<i64, Option<f64>>> {
    let mut taken: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for mut ven in vens {
        ven.send(&json!({"command": "stop"})).unwrap();
        assert!(ven.wait_exit(wait::PATIENCE).unwrap().success());
        let sampled = ven.happenings().into_iter();
        for line in sampled.filter(|line| line["happening"] == "sampled") {
            let r_id = line["r_id"].as_str().unwrap().to_owned();
            let start = readings::from_seconds(&line["start"]);
            taken
                .entry(r_id)
                .or_default()
                .insert(start, line["value"].as_f64());
        }
    }
    taken
}

fn of_point(readings: &Readings, r_id: &str) -> BTreeMap<i64, Option<f64>> {
    let of_point = readings.iter().filter(|(key, _)| key.r_id == r_id);
    of_point.map(|(key, value)| (key.start, *value)).collect()
}
