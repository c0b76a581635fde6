//! What one peer may have at most: requests, connections, descriptors and lines of the log.

use conformance::folder::Folder;
use conformance::program::Vtn;
use conformance::wait;

use super::target::Target;
use super::wire::{Wire, ask, post, statuses};

#[test]
fn too_many_requests_are_503_with_the_time_to_wait() {
    let data = Folder::new("hostile").unwrap();
    // The registration is one of the three.
    let bounds = [
        "--bound-loopback",
        "--requests-per-second=1",
        "--request-burst=3",
    ];
    let vtn = Vtn::start_with(data.path(), &bounds).unwrap();
    let target = Target::of(&vtn);
    let replies = Wire::to(&target).pour(std::iter::once(target.poll().repeat(10)));
    let found = statuses(&replies);
    assert_eq!(found.last(), Some(&503), "{replies}");
    assert!(
        found.len() < 10 && found.starts_with(&[200, 200]),
        "{found:?}"
    );
    assert!(replies.contains("\r\nretry-after: 1\r\n"), "{replies}");
    wait::until("a poll later", wait::PATIENCE, || {
        (ask(&target, target.poll()).0 == 200).then_some(())
    })
    .unwrap();
}

#[test]
fn too_many_connections_of_one_peer_are_closed_at_once() {
    let data = Folder::new("hostile").unwrap();
    let bounds = ["--bound-loopback", "--max-connections-per-peer=3"];
    let vtn = Vtn::start_with(data.path(), &bounds).unwrap();
    let target = Target::of(&vtn);
    let mut kept = Vec::new();
    wait::until("three connections", wait::PATIENCE, || {
        let mut wire = Wire::to(&target);
        // That of the registration may be counted for a moment yet.
        if wire.send(&target.poll()) && wire.try_reply() {
            kept.push(wire);
        }
        (kept.len() == 3).then_some(())
    })
    .unwrap();
    assert_eq!(Wire::to(&target).rest(), "");
    for wire in &mut kept {
        assert!(wire.send(&target.poll()));
        assert_eq!(statuses(&wire.reply()), [200]);
    }
}

#[test]
fn a_vtn_with_few_descriptors_has_few_connections_and_goes_on() {
    let data = Folder::new("hostile").unwrap();
    let mut vtn = Vtn::start_with_descriptors(data.path(), 200).unwrap();
    let target = Target::of(&vtn);
    let mut first = Wire::to(&target);
    assert!(first.send(&target.poll()));
    first.reply();
    // More than it can have.
    let crowd: Vec<_> = (0..100).map(|_| Wire::to(&target)).collect();
    assert!(first.send(&target.poll()));
    assert_eq!(statuses(&first.reply()), [200]);
    assert!(target.descriptors() < 200);
    drop(crowd);
    assert_eq!(ask(&target, target.poll()).0, 200);
    assert!(vtn.process.terminate().unwrap().success());
    let said = vtn.process.failure("").to_string();
    assert!(said.contains("fewer connections than wanted"), "{said}");
    assert!(!said.contains("not accepted"), "{said}");
}

#[test]
fn a_flood_of_refusals_is_a_few_lines_of_the_log() {
    const FLOOD: usize = 1_000;
    let data = Folder::new("hostile").unwrap();
    let mut vtn = Vtn::start(data.path()).unwrap();
    let target = Target::of(&vtn);
    let garbage = format!("<{}", "x".repeat(10_000));
    let request = post(&target, "OadrPoll", garbage.as_bytes());
    let replies = Wire::to(&target).pour(std::iter::once(request.repeat(FLOOD)));
    assert_eq!(statuses(&replies), [406; FLOOD]);
    assert!(vtn.process.terminate().unwrap().success());
    let said = vtn.process.failure("").to_string();
    // Twice as many if a minute ended meanwhile.
    let lines = said.matches("request refused").count();
    assert!((20..=40).contains(&lines), "{said}");
    assert!(said.contains("left out of this log"), "{said}");
    assert!(said.lines().all(|line| line.len() < 500), "{said}");
}
