//! From `POST /api/v1/events` to the event's arrival at many VENs that do not poll: over HTTP push with
//! TLS, and over XMPP through a real Prosody. p50 and p99.
//!
//! `cargo bench -p conformance --bench arrival` (1,000 VENs of each kind; `OADR_BENCH_VENS` for another
//! number; `-- push` or `-- xmpp` for one kind only). The VTN, Prosody and all VENs share this machine: the VENs are tasks of this process, each
//! with a certificate and a connection of its own, and answer with oadrCreatedEvent.

mod answers;
mod arrivals;
mod how_many;
mod listeners;
mod posts;
mod sessions;

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, io};

use arrivals::{Arrivals, Outcome};
use conformance::authority::{Authority, Issued, KeyKind, Order, Usage};
use conformance::folder::Folder;
use conformance::program::{self, Vtn};
use conformance::prosody::{self, DOMAIN, Prosody};
use oadr_core::value::EventId;
use serde_json::json;

/// How many events are made, one after the other.
const ROUNDS: usize = 10;

/// How long an event may take to be answered by all.
const LIMIT: Duration = Duration::from_secs(60);

fn main() -> Outcome<()> {
    // `cargo test --benches` only wants to know that it builds.
    if !env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    // Each VEN has a connection at both ends, and servers inherit what is allowed here.
    rlimit::increase_nofile_limit(65_536)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let count = how_many::how_many(1_000);
    let chosen: Vec<_> = env::args().skip(1).filter(|a| a != "--bench").collect();
    let is_wanted = |kind| chosen.is_empty() || chosen.iter().any(|chosen| chosen == kind);
    if is_wanted("push") {
        runtime.block_on(over_push(count))?;
    }
    if is_wanted("xmpp") {
        runtime.block_on(over_xmpp(count))?;
    }
    Ok(())
}

async fn over_push(count: usize) -> Outcome<()> {
    let site = Site::new()?;
    let vtn = site.vtn(&["--push-allow", "127.0.0.0/8"])?;
    let vens = site.enrol(&vtn, "listens", count)?;
    let arrivals = Arc::new(Arrivals::default());
    let own = site
        .authority
        .issue(&Order::server(&["127.0.0.1"], KeyKind::P256))?;
    let endpoint = vtn.endpoint.address;
    listeners::start(&vens, &own, &site.authority, endpoint, &arrivals).await?;
    measure("HTTP push", &vtn, &arrivals, count).await
}

async fn over_xmpp(count: usize) -> Outcome<()> {
    let site = Site::new()?;
    let prosody = Prosody::start(&site.authority)?;
    let server = prosody.address().to_string();
    let vtn = site.vtn(&["--xmpp-jid", prosody::VTN, "--xmpp-server", &server])?;
    let vens = site.enrol(&vtn, "chats", count)?;
    let arrivals = Arc::new(Arrivals::default());
    let address = prosody.address();
    let sessions = sessions::start(&vens, address, &site.authority, &arrivals).await?;
    measure("XMPP", &vtn, &arrivals, count).await?;
    drop(sessions);
    Ok(())
}

/// A VTN's folder and certificate.
struct Site {
    authority: Authority,
    own: Issued,
    folder: Folder,
}

impl Site {
    fn new() -> Outcome<Self> {
        let authority = Authority::new(KeyKind::P256)?;
        let order = Order::server(&["vtn", "127.0.0.1"], KeyKind::P256);
        let own = authority.issue(&order.usage(Usage::Both))?;
        Ok(Self {
            authority,
            own,
            folder: Folder::new("arrival")?,
        })
    }

    /// The VTN as it is released.
    fn vtn(&self, more: &[&str]) -> Outcome<Vtn> {
        let roots = self.authority.certificate();
        let roots = roots.to_str().unwrap_or_default();
        let own = self.own.certificate_word();
        let tls = ["--tls-certificate", own, "--tls-client-ca", roots];
        let options = [&tls, &["--log", "error"][..], more].concat();
        let program = Command::new(program::release()?);
        Ok(Vtn::run(program, self.folder.path(), &options)?)
    }

    /// So many VENs, each with a certificate and an account.
    fn enrol(&self, vtn: &Vtn, kind: &str, count: usize) -> Outcome<Vec<(String, Issued)>> {
        (0..count)
            .map(|number| {
                let name = format!("{kind}{number}");
                let issued = self.authority.client(&name)?;
                let new = json!({
                    "ven_name": name,
                    "ven_id": name,
                    "certificates": [issued.hash()],
                    "jid": format!("{name}@{DOMAIN}"),
                });
                vtn.call("POST", "/api/v1/vens", Some(&new), &[201])?;
                Ok((name, issued))
            })
            .collect()
    }
}

/// Makes events and tells how long they take to be everywhere.
async fn measure(what: &str, vtn: &Vtn, arrivals: &Arrivals, count: usize) -> Outcome<()> {
    tokio::time::timeout(LIMIT, arrivals.wait_until_settled(count)).await?;
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let id = format!("Event{round}");
        let event = json!({
            "event_id": id,
            // Far off, and the next rounds' are not on top of it.
            "dtstart": format!("2100-01-{:02}T00:00:00Z", round + 1),
            "market_context": "http://example.com/dr",
            "signals": [{
                "signal_name": "SIMPLE",
                "signal_type": "level",
                "intervals": [{"duration": "PT1H", "payload": 1}],
            }],
        });
        let since = Instant::now();
        tokio::task::block_in_place(|| vtn.call("POST", "/api/v1/events", Some(&event), &[201]))?;
        let id: EventId = id.parse()?;
        let came = tokio::time::timeout(LIMIT, arrivals.wait_for(&id, 0, count, since)).await?;
        wait_for_answers(vtn, id.as_str(), count, since)?;
        println!(
            "{what}: event {round} at {count} VENs: p50 {:.0} ms, p99 {:.0} ms, all {:.0} ms, \
             answered by all after {:.0} ms",
            quantile(&came, 0.5),
            quantile(&came, 0.99),
            quantile(&came, 1.0),
            since.elapsed().as_secs_f64() * 1e3,
        );
        times.extend(came);
        let path = format!("/api/v1/events/{id}");
        let since = Instant::now();
        tokio::task::block_in_place(|| vtn.call("DELETE", &path, None, &[200, 202, 204]))?;
        // The next event is to be alone.
        tokio::time::timeout(LIMIT, arrivals.wait_for(&id, 1, count, since)).await?;
        tokio::time::timeout(LIMIT, arrivals.wait_until_replied()).await?;
    }
    times.sort_by(f64::total_cmp);
    println!(
        "{what}: {ROUNDS} events at {count} VENs: p50 {:.0} ms, p99 {:.0} ms, slowest {:.0} ms",
        quantile(&times, 0.5),
        quantile(&times, 0.99),
        quantile(&times, 1.0),
    );
    Ok(())
}

/// Waits until the VTN has the answers of all.
fn wait_for_answers(vtn: &Vtn, id: &str, count: usize, since: Instant) -> Outcome<()> {
    tokio::task::block_in_place(|| {
        loop {
            let events = vtn.call("GET", "/api/v1/events", None, &[200])?;
            let events = events["events"].as_array().cloned().unwrap_or_default();
            let own = events.iter().find(|event| event["event_id"] == id);
            let answered = own.and_then(|event| event["deliveries"]["answered"].as_u64());
            if answered == u64::try_from(count).ok() {
                return Ok(());
            }
            if since.elapsed() > LIMIT {
                let text = format!("{answered:?} of {count} answered {id}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, text).into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    })
}

/// In milliseconds, of sorted seconds.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list"
    )]
    let place = (part * (sorted.len().saturating_sub(1)) as f64).ceil() as usize;
    sorted.get(place).map_or(f64::NAN, |seconds| seconds * 1e3)
}
