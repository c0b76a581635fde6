//! What VENs cost in memory: `oadr vtn` with many registered VENs that have answered one event each,
//! against the same program without any.
//!
//! `cargo bench -p conformance --bench memory` (10,000 VENs; `OADR_BENCH_VENS` for another number).
//! Twice: after the VENs have done all that over the wire, and after a restart on what is on the disk
//! and one poll of each, which is what a VTN looks like most of the time.

mod answers;
mod how_many;
mod posts;
mod vens;

use std::fs;
use std::process::Command;
use std::time::Duration;

use conformance::folder::Folder;
use conformance::program::{self, Vtn};
use serde_json::json;
use vens::Outcome;

/// What the kernel says of a process, in kB.
#[derive(Debug, Clone, Copy)]
struct Memory {
    /// Pages in memory, those that are shared with other processes included.
    resident: u64,
    /// Pages of the process alone.
    private: u64,
}

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(compare(how_many::how_many(10_000)))
}

async fn compare(count: usize) -> Outcome<()> {
    let program = program::release()?;
    let folder = Folder::new("memory")?;
    let start = |name: &str| {
        Vtn::run(
            Command::new(&program),
            &folder.path().join(name),
            &["--dev", "--poll-interval", "PT1H"],
        )
    };

    let empty = start("empty")?;
    let without = Memory::of(empty.process.id())?;
    println!("{:<42} {:>7} kB resident", "no VEN", without.resident);
    drop(empty);

    let mut vtn = start("full")?;
    let endpoint = vtn.endpoint.address;
    let ids = vens::register(endpoint, count).await?;
    vens::settle(endpoint, &ids).await?;
    print("registered over the wire", without, vtn.process.id())?;
    vtn.call("POST", "/api/v1/events", Some(&event()), &[201])?;
    vens::settle(endpoint, &ids).await?;
    print(
        "one event sent and answered over the wire",
        without,
        vtn.process.id(),
    )?;
    vtn.process.terminate()?;

    let vtn = start("full")?;
    print("started on the same folder", without, vtn.process.id())?;
    vens::settle(vtn.endpoint.address, &ids).await?;
    print("each has polled once since", without, vtn.process.id())?;
    Ok(())
}

/// An event for everybody: two intervals, a day ahead.
fn event() -> serde_json::Value {
    let start = std::time::SystemTime::now() + Duration::from_secs(24 * 3600);
    let start = chrono::DateTime::<chrono::Utc>::from(start);
    let interval = |payload| json!({"duration": "PT1H", "payload": payload});
    json!({
        "event_id": "Event1",
        "dtstart": start.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        "market_context": "http://example.com/programmes/dr",
        "signals": [{
            "signal_name": "SIMPLE",
            "signal_type": "level",
            "intervals": [interval(1), interval(2)],
        }],
    })
}

fn print(what: &str, without: Memory, process: u32) -> Outcome<()> {
    let now = Memory::of(process)?;
    let more = |with: u64, without: u64| with.saturating_sub(without);
    println!(
        "{what:<42} {:>7} kB resident: {:>6} kB more, {:>6} kB of them its own",
        now.resident,
        more(now.resident, without.resident),
        more(now.private, without.private),
    );
    Ok(())
}

impl Memory {
    fn of(process: u32) -> Outcome<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
        let sum = |names: &[&str]| {
            let lines = text.lines().filter_map(|line| line.split_once(':'));
            let values = lines.filter(|(name, _)| names.contains(name));
            values
                .map(|(_, value)| value.trim().trim_end_matches(" kB").parse::<u64>())
                .sum::<Result<u64, _>>()
        };
        Ok(Self {
            resident: sum(&["Rss"])?,
            private: sum(&["Private_Clean", "Private_Dirty"])?,
        })
    }
}
