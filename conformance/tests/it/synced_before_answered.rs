//! What the VTN answers is on the disk: the kernel is watched as it is told to write, to sync and to
//! reply.
//!
//! `kill -9` cannot show this: what was written and not synced survives it, and is lost with the power.

use std::time::Duration;

use conformance::folder::Folder;
use conformance::process::signal;
use conformance::program::{self, Vtn};
use conformance::trace::{Call, Trace};
use conformance::wait;

use crate::{busy_ven, operator};

/// All that may take a request from a socket.
const READS: [&str; 3] = ["read", "recvfrom", "readv"];

/// All that may put a reply on a socket, or a page into a file.
const WRITES: [&str; 6] = [
    "write", "writev", "sendto", "sendmsg", "pwrite64", "pwritev",
];

const SYNCS: [&str; 2] = ["fsync", "fdatasync"];

#[test]
fn what_is_answered_was_synced_before() {
    let name = "what_is_answered_was_synced_before";
    let folder = Folder::new("synced").unwrap();
    let program = program::binary().unwrap();
    let calls = [READS.as_slice(), &WRITES, &SYNCS].concat();
    let file = folder.path().join("trace");
    let Some((command, trace)) = Trace::or_skip(name, program, &calls, file) else {
        return;
    };
    let mut vtn = Vtn::run(
        command,
        &folder.path().join("vtn"),
        &["--dev", "--poll-interval", "PT1H"],
    )
    .unwrap();
    let ven_id = busy_ven::register(&vtn.endpoint, "Ven1");
    // Takes the VTN's metadata and answers.
    assert_eq!(busy_ven::poll(&vtn.endpoint, &ven_id, "optOut"), 0);
    let event = operator::event("Event1", &["Ven1"], Duration::from_secs(3600), &[1, 2]);
    operator::create(&vtn, &event);
    // Gets the event and answers.
    assert_eq!(busy_ven::poll(&vtn.endpoint, &ven_id, "optOut"), 1);
    let id = vtn.process.id();
    signal(id, "TERM").unwrap();
    vtn.process.wait_exit(wait::PATIENCE).unwrap();

    let calls = trace.calls(id).unwrap();
    // What each request leaves in the database, and nothing before it did.
    for (request, trace_of_it) in [
        ("<oadr:oadrCreatePartyRegistration", ven_id.as_str()),
        ("POST /api/v1/events", "Event1"),
        ("<oadr:oadrPoll", "times_sent"),
        ("<oadr:oadrCreatedEvent", "optOut"),
    ] {
        require_synced(&calls, request, trace_of_it);
    }
}

/// Fails unless, between the last request that holds this text and its reply, something that holds
/// `what` was written to the database's log, and then the log was synced.
fn require_synced(calls: &[Call], request: &str, what: &str) {
    let is_of_log = |call: &&Call| call.on.ends_with("-wal");
    let read = calls
        .iter()
        .rfind(|call| READS.contains(&call.name.as_str()) && call.arguments.contains(request))
        .unwrap_or_else(|| panic!("nobody read {request}"));
    let reply = calls
        .iter()
        .filter(|call| WRITES.contains(&call.name.as_str()) && call.on == read.on)
        .find(|call| call.began > read.ended && call.arguments.contains("HTTP/1.1 2"))
        .unwrap_or_else(|| panic!("nobody answered {request}"));
    let written = calls
        .iter()
        .filter(is_of_log)
        .filter(|call| WRITES.contains(&call.name.as_str()) && call.arguments.contains(what))
        .find(|call| call.began > read.ended && call.result > 0)
        .unwrap_or_else(|| panic!("{request} left no {what} in the log"));
    let synced = calls
        .iter()
        .filter(is_of_log)
        .filter(|call| SYNCS.contains(&call.name.as_str()) && call.result == 0)
        .find(|call| call.began > written.ended)
        .unwrap_or_else(|| panic!("the log was not synced after {request}"));
    assert!(
        synced.ended < reply.began,
        "{request} was answered (line {} of the trace) before what was written to the log (line {}) \
         was synced (line {})",
        reply.began,
        written.ended,
        synced.ended
    );
}
