//! `kill -9` of `oadr ven` at random moments, while events come, change and go.
//!
//! It must come back as the same VEN: registered once, with every event it knew, with the random
//! start offsets that it drew when it first saw them, and with every value that it had kept and not
//! reported.

use std::collections::BTreeMap;
use std::time::Duration;

use conformance::folder::Folder;
use conformance::peers::Peers;
use conformance::process::Process;
use conformance::program::{self, Vtn};
use conformance::seed::Draws;
use conformance::tap::Tap;
use serde_json::{Value, json};

use crate::counter::Counter;
use crate::readings::{self, Sent};
use crate::{operator, wire};

const KILLS: usize = 20;

#[test]
fn kill_9_of_the_ven_forgets_no_event_and_no_offset() {
    let name = "kill_9_of_the_ven_forgets_no_event_and_no_offset";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let mut draws = Draws::announced_or(name, 1);
    let data = Folder::new("vtn").unwrap();
    let policy = [
        "--report-policy",
        "all:report=TELEMETRY_USAGE,granularity=PT1S,back=PT2S",
    ];
    let vtn = Vtn::start_with(data.path(), &policy).unwrap();
    let tap = Tap::start(vtn.endpoint.address).unwrap();
    let url = tap.through(&vtn.url);
    let folder = Folder::new("ven").unwrap();
    let counter = Counter::new("Power1");
    let options = ["--opt", "in", "--report", &counter.report()];
    let start = || program::ven(&url, "Ven1", folder.path(), &options).unwrap();

    let mut ven = start();
    let ven_id = ven.wait_for("registered").unwrap()["ven_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut seen = Seen::default();
    let mut live = Vec::new();
    for kill in 0..KILLS {
        let id = format!("Event{kill}");
        operator::create(&vtn, &randomised(&id));
        live.push(id);
        let chosen = draws.below(live.len() as u64) as usize;
        match draws.below(4) {
            0 => modify(&vtn, &live[chosen], kill),
            1 => operator::cancel(&vtn, &live.remove(chosen)),
            _ => {}
        }
        // The VEN polls every second, so this falls before, into or after an exchange.
        std::thread::sleep(draws.span(Duration::ZERO, Duration::from_millis(1500)));
        ven.kill().unwrap();
        seen.read(&ven);
        ven = start();
    }

    // Every event still there is answered at last and, once modified, known as an old one.
    for id in &live {
        operator::wait_for_answer(&vtn, id, &ven_id, "optIn");
    }
    for id in &live {
        let mark = ven.mark();
        modify(&vtn, id, KILLS);
        ven.wait_after(mark, "event_modified", |line| line["event_id"] == **id)
            .unwrap();
    }
    seen.read(&ven);
    assert!(
        !live.is_empty() && live.iter().all(|id| seen.offsets.contains_key(id)),
        "{seen:?}"
    );
    let distinct: std::collections::BTreeSet<_> = seen.offsets.values().collect();
    assert!(
        distinct.len() > live.len() / 2,
        "offsets are not drawn: {seen:?}"
    );

    counter.wait_until_stored(&vtn);
    assert!(
        ven.terminate().unwrap().success(),
        "{}",
        ven.failure("SIGTERM")
    );
    let exchanges = tap.exchanges();
    let sent = Sent::read(&exchanges);
    let stored = readings::stored(&vtn, "");
    sent.require_kept(&stored);
    let lost = counter.require_none_twice(&stored, &sent.placeholders);
    // At most the one that was just taken when the VEN died, or that its next life took for a second
    // that had a value already.
    assert!(lost <= KILLS, "{lost} values are lost in {KILLS} kills");
    assert_eq!(wire::requests(&exchanges, "oadrCreatePartyRegistration"), 1);
    assert_eq!(operator::vens(&vtn).len(), 1);
    wire::require_valid(&peers, &exchanges);
    println!(
        "{KILLS} kills: {} events, {} exchanges, {} readings, {} of them placeholders, {lost} values lost",
        seen.offsets.len(),
        exchanges.len(),
        stored.len(),
        sent.placeholders.len(),
    );
}

/// An event that starts in an hour, or up to half an hour later.
fn randomised(id: &str) -> Value {
    let mut event = operator::event(id, &["Ven1"], Duration::from_secs(3600), &[1, 2]);
    event["start_after"] = json!("PT30M");
    event
}

fn modify(vtn: &Vtn, id: &str, number: usize) {
    operator::modify(
        vtn,
        id,
        &json!({"vtn_comment": format!("Comment {number}")}),
    );
}

/// The random start offset of each event (seconds), as any of the processes told it.
#[derive(Debug, Default)]
struct Seen {
    offsets: BTreeMap<String, String>,
}

impl Seen {
    fn read(&mut self, ven: &Process) {
        for line in ven.happenings() {
            if line["happening"] != "event_received" && line["happening"] != "event_modified" {
                continue;
            }
            let id = line["event_id"].as_str().unwrap().to_owned();
            let offset = line["random_offset"].to_string();
            let first = self.offsets.entry(id).or_insert_with(|| offset.clone());
            assert_eq!(*first, offset, "another random start offset: {line}");
            assert_ne!(offset, "null", "{line}");
        }
    }
}
