//! Very many connections, and very much nonsense on one.

use std::time::Instant;

use conformance::seed::Draws;

use super::target::{IDLE_TIMEOUT, Target, besieged};
use super::wire::{Wire, ask, statuses};

/// How many connections are left open, on their own.
const IDLE: u64 = 5_000;

/// How many are while much else goes on, so that they are all open before the first are closed.
const SOME: u64 = 1_000;

/// How many are opened without waiting for the VTN to accept them.
const QUEUE: usize = 500;

/// What the tests and the VTN need besides.
const SPARE: u64 = 700;

pub(super) fn some_idle_connections(target: &Target) {
    left_idle(opened(target, SOME));
}

/// So many connections, all of them accepted. Every fourth one has been used.
fn opened(target: &Target, wanted: u64) -> Vec<Wire> {
    let descriptors = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let count = wanted.min(descriptors.saturating_sub(SPARE));
    if count < wanted {
        println!("only {count} idle connections: the hard limit of open files is {descriptors}");
    }
    let poll = target.poll();
    let mut wires = Vec::new();
    for n in 0..count {
        let mut wire = Wire::to(target);
        if n % 4 == 0 {
            assert!(wire.send(&poll));
        }
        wires.push(wire);
        // More than the system keeps in its queue would be a flood of another kind, which it answers
        // by itself and without a choice of whom. Connections are accepted in their order: once a
        // later one is answered, these have left the queue.
        if wires.len() % QUEUE == 0 || n + 1 == count {
            assert_eq!(ask(target, poll.clone()).0, 200);
        }
    }
    wires
}

fn left_idle(wires: Vec<Wire>) {
    for (n, wire) in wires.into_iter().enumerate() {
        let expected: &[u16] = if n % 4 == 0 { &[200] } else { &[] };
        assert_eq!(statuses(&wire.rest()), expected, "connection {n}");
    }
}

pub(super) fn pipelined_garbage(target: &Target) {
    const POLLS: usize = 100;
    let poll = target.poll();
    let mut draws = Draws::announced_or("pipelined_garbage", 7);
    for _ in 0..20 {
        let mut octets = poll.repeat(POLLS);
        octets.extend((0..100_000).map(|_| draws.below(256) as u8));
        let replies = Wire::to(target).pour(std::iter::once(octets));
        let mut found = statuses(&replies);
        let rest = found.split_off(POLLS.min(found.len()));
        assert_eq!(found, [200; POLLS]);
        assert!(
            rest == [400] || rest == [431] || rest.is_empty(),
            "{rest:?}"
        );
    }
    // Garbage that looks like HTTP for a while.
    for garbage in [
        "GET / HTTP/1.1\r\n\r\n".repeat(1000),
        "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n".to_owned(),
        format!("POST /{} HTTP/1.1\r\n\r\n", "a".repeat(1_000_000)),
        format!("POST / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(100_000)),
        "\r\n".repeat(500_000),
    ] {
        let replies = Wire::to(target).pour(std::iter::once(garbage.clone().into_bytes()));
        let found = statuses(&replies);
        let is_refusal = |status: &u16| (400..500).contains(status) || *status == 501;
        assert!(found.iter().all(is_refusal), "{found:?}");
    }
}

#[test]
fn thousands_of_idle_connections_are_borne_and_closed() {
    besieged("idle connections", |target| {
        let (before, began) = (target.descriptors(), Instant::now());
        let wires = opened(target, IDLE);
        let open = target.descriptors();
        // On a machine so slow that the first had to be closed meanwhile there is nothing to count. The
        // honest VEN opens and closes one or two of its own.
        if began.elapsed() < IDLE_TIMEOUT {
            assert!(open + 2 >= before + wires.len(), "{open} open");
        }
        left_idle(wires);
    });
}

#[test]
fn garbage_after_good_requests_ends_the_connection() {
    besieged("pipelined garbage", pipelined_garbage);
}
