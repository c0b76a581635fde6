//! The VTN under attack, and the honest VEN that says how it fares.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use conformance::folder::Folder;
use conformance::http::Base;
use conformance::program::Vtn;

use super::wire;
use crate::wire as message;

/// What the VTN has as its idle time-out below.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Short enough to wait for, long enough for what is honest on a busy machine.
const TIME_OUTS: [&str; 8] = [
    "--header-timeout",
    "PT4S",
    "--body-timeout",
    "PT15S",
    "--reply-timeout",
    "PT15S",
    "--idle-timeout",
    "PT10S",
];

/// How long an honest VEN's poll may take meanwhile, as a rule.
const POLL_LIMIT: Duration = Duration::from_secs(1);

/// How long any one of its polls may take: a busy machine holds up a few.
const LONGEST_POLL: Duration = Duration::from_secs(10);

/// How much the peak of the VTN's resident memory may grow, in KiB.
const MEMORY_LIMIT: u64 = 64 * 1024;

/// How often the honest VEN polls.
const PAUSE: Duration = Duration::from_millis(10);

/// What attacks know of the VTN.
#[derive(Debug)]
pub(super) struct Target {
    /// The OpenADR endpoint.
    pub(super) endpoint: Base,
    /// A VEN that is registered.
    pub(super) ven_id: String,
    /// The VTN's process.
    pub(super) process: u32,
}

impl Target {
    pub(super) fn of(vtn: &Vtn) -> Self {
        let registered = vtn.endpoint.xml("/EiRegisterParty", &registration());
        let ven_id = message::texts(&registered.unwrap().body, "venID").pop();
        Self {
            endpoint: vtn.endpoint.clone(),
            ven_id: ven_id.unwrap(),
            process: vtn.process.id(),
        }
    }

    /// An honest poll.
    pub(super) fn poll(&self) -> Vec<u8> {
        wire::post(self, "OadrPoll", &poll_of(&self.ven_id))
    }

    /// How many files and sockets the VTN has open.
    pub(super) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process))
            .unwrap()
            .count()
    }
}

/// Runs an attack while an honest VEN polls, and checks what it did to the VTN.
pub(super) fn besieged(name: &str, attack: impl FnOnce(&Target) + Send) {
    let data = Folder::new("hostile").unwrap();
    let mut vtn = Vtn::start_with(data.path(), &TIME_OUTS).unwrap();
    let target = Target::of(&vtn);
    // What the first requests allocate for good is not the attack's doing.
    for _ in 0..20 {
        honest_poll(&target);
    }
    let before = peak(&target);
    let over = AtomicBool::new(false);
    let mut times = thread::scope(|scope| {
        let witness = scope.spawn(|| {
            let mut times = Vec::new();
            while !over.load(Ordering::SeqCst) {
                times.push(honest_poll(&target));
                thread::sleep(PAUSE);
            }
            times
        });
        let attacked = scope.spawn(|| attack(&target));
        let outcome = attacked.join();
        over.store(true, Ordering::SeqCst);
        let times = witness.join().unwrap();
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        times
    });
    honest_poll(&target);
    let grown = peak(&target) - before;
    times.sort();
    let slowest = times.last().copied().unwrap_or_default();
    // Of one or two the quicker one: an attack can be over within one stall of the machine.
    let usual = times.get(times.len().saturating_sub(1) / 2).copied();
    let usual = usual.unwrap_or_default();
    println!(
        "{name}: {} polls meanwhile, half of them within {usual:?}, the slowest {slowest:?}; peak memory {before} KiB and {grown} KiB more",
        times.len(),
    );
    assert!(
        usual < POLL_LIMIT,
        "{name}: half of the polls took {usual:?}"
    );
    assert!(slowest < LONGEST_POLL, "{name}: a poll took {slowest:?}");
    assert!(grown < MEMORY_LIMIT, "{name}: {grown} KiB more");
    assert!(vtn.process.terminate().unwrap().success());
    let said = vtn.process.failure("").to_string();
    assert!(!said.contains("panicked"), "{said}");
}

/// Polls on a connection of its own; returns how long that took.
fn honest_poll(target: &Target) -> Duration {
    let start = Instant::now();
    let answer = target.endpoint.xml("/OadrPoll", &poll_of(&target.ven_id));
    let took = start.elapsed();
    assert_eq!(answer.unwrap().status, 200);
    took
}

/// The most resident memory the VTN ever had, in KiB.
fn peak(target: &Target) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", target.process)).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.unwrap().trim().trim_end_matches(" kB");
    number.parse().unwrap()
}

/// An oadrPoll.
pub(super) fn poll_of(ven_id: &str) -> Vec<u8> {
    payload(&format!(
        "<oadr:oadrPoll ei:schemaVersion=\"2.0b\"><ei:venID>{ven_id}</ei:venID></oadr:oadrPoll>"
    ))
}

/// A document with this message.
pub(super) fn payload(message: &str) -> Vec<u8> {
    format!(
        "<oadr:oadrPayload xmlns:oadr=\"http://openadr.org/oadr-2.0b/2012/07\" \
         xmlns:ei=\"http://docs.oasis-open.org/ns/energyinterop/201110\" \
         xmlns:pyld=\"http://docs.oasis-open.org/ns/energyinterop/201110/payloads\">\
         <oadr:oadrSignedObject>{message}</oadr:oadrSignedObject></oadr:oadrPayload>"
    )
    .into_bytes()
}

fn registration() -> Vec<u8> {
    payload(
        "<oadr:oadrCreatePartyRegistration ei:schemaVersion=\"2.0b\">\
         <pyld:requestID>Request1</pyld:requestID>\
         <oadr:oadrProfileName>2.0b</oadr:oadrProfileName>\
         <oadr:oadrTransportName>simpleHttp</oadr:oadrTransportName>\
         <oadr:oadrReportOnly>false</oadr:oadrReportOnly>\
         <oadr:oadrXmlSignature>false</oadr:oadrXmlSignature>\
         <oadr:oadrVenName>Honest</oadr:oadrVenName>\
         <oadr:oadrHttpPullModel>true</oadr:oadrHttpPullModel>\
         </oadr:oadrCreatePartyRegistration>",
    )
}
