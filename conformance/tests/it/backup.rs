//! Backups taken while VENs poll and an operator works, restored and put to work.
//!
//! The operator numbers what it does, so that a restored VTN tells how far it had come.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use conformance::folder::Folder;
use conformance::process::Mark;
use conformance::program::{self, Vtn};
use conformance::wait;
use serde_json::{Value, json};

use crate::busy_ven::BusyVen;
use crate::operator;

/// The events that the operator makes, before it goes on changing them in turn.
const EVENTS: usize = 20;

const BACKUPS: usize = 3;

/// An event that nobody touches: its answers are there before the first backup.
const QUIET: &str = "Quiet";

const BUSY: [(&str, &str); 2] = [("Busy1", "optIn"), ("Busy2", "optOut")];

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_backup_under_load_is_of_one_moment_after_all_that_was_acknowledged() {
    let (data, backups) = (Folder::new("vtn").unwrap(), Folder::new("backups").unwrap());
    let mut vtn = Vtn::start(data.path()).unwrap();
    let busy = BUSY.map(|(name, opt)| BusyVen::start(&vtn.endpoint, name, opt, Duration::ZERO));
    let ids: Vec<String> = busy.iter().map(|ven| ven.ven_id.clone()).collect();
    operator::create(&vtn, &event(QUIET));
    require_answers(&vtn, &ids);

    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let taken: Vec<Taken> = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                let number = done.load(Ordering::SeqCst);
                work(&vtn, number);
                done.store(number + 1, Ordering::SeqCst);
            }
        });
        let taken = (1..=BACKUPS).map(|round| {
            let enough = round * EVENTS;
            wait::until("the operator's work", wait::PATIENCE, || {
                (done.load(Ordering::SeqCst) >= enough).then_some(())
            })
            .unwrap();
            let before = done.load(Ordering::SeqCst);
            let file = backups.path().join(format!("{round}.db"));
            oadr("backup", &[], data.path(), Some(&file));
            Taken {
                file,
                before,
                // One more may be on the disk and not acknowledged.
                after: done.load(Ordering::SeqCst) + 1,
            }
        });
        let taken = taken.collect();
        stop.store(true, Ordering::SeqCst);
        taken
    });
    for ven in busy {
        ven.stop();
    }
    assert!(vtn.process.terminate().unwrap().success());

    for taken in taken {
        let folder = Folder::new("restored").unwrap();
        oadr("restore", &[&taken.file], folder.path(), None);
        let vtn = Vtn::start(folder.path()).unwrap();
        let found = comments(&vtn);
        let moments: Vec<usize> = (taken.before..=taken.after)
            .filter(|number| state_after(*number) == found)
            .collect();
        assert!(
            !moments.is_empty(),
            "{taken:?}: no moment was like this: {found:?}"
        );
        println!("{taken:?} is of moment {moments:?}");
        require_answers(&vtn, &ids);
        let known: Vec<Value> = operator::vens(&vtn)
            .iter()
            .map(|ven| ven["ven_id"].clone())
            .collect();
        assert_eq!(json!(known), json!(ids));
        // And it works: the same VEN is known, and answers the rest.
        let (name, opt) = BUSY[0];
        let ven = BusyVen::start(&vtn.endpoint, name, opt, Duration::ZERO);
        assert_eq!(ven.ven_id, ids[0]);
        for id in found.keys() {
            operator::wait_for_answer(&vtn, id, &ids[0], opt);
        }
        ven.stop();
    }
}

#[test]
fn a_ven_is_backed_up_at_work_and_goes_on_where_it_was() {
    let folders = ["vtn", "ven", "copy"].map(|name| Folder::new(name).unwrap());
    let [vtn_data, data, copy] = folders.each_ref().map(Folder::path);
    let vtn = Vtn::start(vtn_data).unwrap();
    let mut ven = program::ven(&vtn.url, "Pump1", data, &[]).unwrap();
    let registered = ven.wait_for("registered").unwrap();
    let mut event = operator::event("Event1", &["Pump1"], HOUR, &[1]);
    event["start_after"] = json!("PT30M");
    operator::create(&vtn, &event);
    let received = ven.wait_for("event_received").unwrap();
    ven.wait_for("opt_sent").unwrap();
    let told = oadr("backup", &[], data, Some(copy));
    ven.kill().unwrap();

    let back = Folder::new("back").unwrap();
    let file = PathBuf::from(told["file"].as_str().unwrap());
    oadr("restore", &[&file], back.path(), None);
    let ven = program::ven(&vtn.url, "Pump1", back.path(), &[]).unwrap();
    operator::modify(&vtn, "Event1", &json!({"vtn_comment": "changed"}));
    let modified = ven
        .wait_after(Mark::START, "event_modified", |_| true)
        .unwrap();
    assert_eq!(modified["ven_id"], registered["ven_id"]);
    assert_eq!(modified["random_offset"], received["random_offset"]);
    assert_eq!(operator::vens(&vtn).len(), 1);
}

/// A backup, and what the operator had done before and after.
#[derive(Debug)]
struct Taken {
    file: PathBuf,
    before: usize,
    after: usize,
}

/// Runs `oadr backup` or `oadr restore`; the answer is what it told.
fn oadr(command: &str, files: &[&Path], data: &Path, to: Option<&Path>) -> Value {
    let mut oadr = Command::new(program::binary().unwrap());
    oadr.arg(command).args(files).arg("--data").arg(data);
    if let Some(to) = to {
        oadr.arg("--to").arg(to);
    }
    let output = oadr.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{oadr:?}: {output:?}");
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn id(number: usize) -> String {
    format!("Event{}", number % EVENTS)
}

/// For both busy VENs, in an hour.
fn event(id: &str) -> Value {
    operator::event(id, &BUSY.map(|(name, _)| name), HOUR, &[1])
}

/// The operator's deed of this number: makes an event, or says something else about it.
fn work(vtn: &Vtn, number: usize) {
    if number < EVENTS {
        let mut event = event(&id(number));
        event["vtn_comment"] = json!(number.to_string());
        operator::create(vtn, &event);
    } else {
        let change = json!({"vtn_comment": number.to_string()});
        operator::modify(vtn, &id(number), &change);
    }
}

/// What the events say after so many deeds.
fn state_after(deeds: usize) -> BTreeMap<String, String> {
    (0..deeds)
        .map(|number| (id(number), number.to_string()))
        .collect()
}

/// What they say.
fn comments(vtn: &Vtn) -> BTreeMap<String, String> {
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    operator::events(vtn)
        .iter()
        .filter(|event| event["event_id"] != QUIET)
        .map(|event| (text(event, "event_id"), text(event, "vtn_comment")))
        .collect()
}

fn require_answers(vtn: &Vtn, ids: &[String]) {
    for (ven_id, (_, opt)) in ids.iter().zip(BUSY) {
        operator::wait_for_answer(vtn, QUIET, ven_id, opt);
    }
}
