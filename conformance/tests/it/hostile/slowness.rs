//! Peers that begin and do not go on: their connections end when their time is over.

use std::thread;
use std::time::Duration;

use super::target::{Target, besieged};
use super::wire::{Wire, statuses};

/// The pace of a peer that does not want to finish.
const DRIP: Duration = Duration::from_millis(100);

/// So many drops take longer than the VTN has patience with a body.
const DROPS: usize = 200;

/// Sends the beginning of a request at once and the rest drop by drop; returns what came back before
/// the connection was closed.
fn drip(target: &Target, request: &[u8], at_once: usize) -> String {
    let (beginning, rest) = request.split_at(at_once);
    let drops = rest.iter().map(|octet| {
        thread::sleep(DRIP);
        vec![*octet]
    });
    Wire::to(target).pour(std::iter::once(beginning.to_vec()).chain(drops))
}

pub(super) fn slow_header(target: &Target) {
    let poll = target.poll();
    assert_eq!(drip(target, &poll, 1), "");
    // On a connection that was used before, too.
    let twice = [&poll[..], &poll[..]].concat();
    assert_eq!(statuses(&drip(target, &twice, poll.len() + 4)), [200]);
}

pub(super) fn slow_body(target: &Target) {
    let poll = target.poll();
    assert_eq!(statuses(&drip(target, &poll, poll.len() - DROPS)), [408]);
}

pub(super) fn half_open(target: &Target) {
    let poll = target.poll();
    let head = poll.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    // Silent from the beginning, in the header, in the body, after a request; each left open.
    let ends = [(0, &[][..]), (1, &[]), (head - 1, &[]), (head, &[408])];
    let more = [(poll.len() - 1, &[408][..]), (poll.len(), &[200])];
    let wires: Vec<_> = ends
        .into_iter()
        .chain(more)
        .map(|(length, expected)| {
            let mut wire = Wire::to(target);
            assert!(wire.send(&poll[..length]));
            (wire, length, expected)
        })
        .collect();
    for (wire, length, expected) in wires {
        assert_eq!(statuses(&wire.rest()), expected, "after {length} bytes");
    }
    // Half closed: the whole request is still answered, half of one never.
    for (length, expected) in [
        (0, &[][..]),
        (head - 1, &[]),
        (head, &[400]),
        (poll.len(), &[200]),
    ] {
        let mut wire = Wire::to(target);
        wire.send(&poll[..length]);
        wire.half_close();
        assert_eq!(statuses(&wire.rest()), expected, "after {length} bytes");
    }
}

/// More replies than all buffers on the way hold.
pub(super) fn takes_no_replies(target: &Target) {
    let polls = target.poll().repeat(100);
    let mut wire = Wire::to(target);
    // Ends when the VTN closes the connection, because the last reply is not taken in time.
    while wire.send(&polls) {}
}

#[test]
fn slow_headers_are_cut_off() {
    besieged("slow header", slow_header);
}

#[test]
fn slow_bodies_are_408() {
    besieged("slow body", slow_body);
}

#[test]
fn half_open_connections_are_closed() {
    besieged("half-open", half_open);
}

#[test]
fn who_takes_no_replies_is_cut_off() {
    besieged("takes no replies", takes_no_replies);
}
