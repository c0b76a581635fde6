//! oadrUpdateReport with 100 readings, never the same ones twice: `oadr vtn`, which stores them on
//! SQLite before it answers, against OpenLEADR's VTN, which stores nothing, as a ratio from one run.
//!
//! `cargo bench -p conformance --bench report` (with `OADR_PEERS`, see CONTRIBUTING.md). Each server
//! runs on the first processor and the load on the second; their rounds alternate. The database lies in
//! the folder for temporary files (`TMPDIR`), which must be on a real disk for the figures to mean
//! something.

mod answers;
mod contest;
mod posts;
mod vens;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, io, iter};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use conformance::folder::Folder;
use conformance::http::Base;
use conformance::peers::Peers;
use conformance::program::{self, Vtn};
use contest::{Contestant, PROCESSORS, ROUND, pinned};
use oadr_core::codec::encode;
use oadr_core::payload::{
    CreatedReport, EiResponse, Interval, ItemBase, Message, Payload, PendingReports,
    PowerAttributes, PowerReal, PowerUnit, RegisterReport, Report, ReportDescription,
    ReportPayload, SamplingRate, StreamPayload, Target, UpdateReport,
};
use oadr_core::value::{
    Decimal, Float, NonEmpty, RId, ReadingType, ReportName, ReportRequestId, ReportSpecifierId,
    ReportType, RequestId, SiScaleCode, VenId,
};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use vens::Outcome;

/// Each with a VEN of its own.
const CONNECTIONS: usize = 16;

/// Readings a report, one a second.
const READINGS: u32 = 100;

/// Asks for what the VENs of this benchmark offer.
const POLICY: &str = "bench:granularity=PT1S,back=PT100S";

fn main() -> Outcome<()> {
    let mut arguments = env::args().skip(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match arguments.next().as_deref() {
        Some("load") => {
            let address = arguments.next().unwrap_or_default().parse()?;
            let requested = arguments.next().unwrap_or_default();
            let rate = runtime.block_on(load(address, &requested))?;
            println!("{rate}");
            Ok(())
        }
        Some(_) | None => runtime.block_on(compare()),
    }
}

async fn compare() -> Outcome<()> {
    let folder = Folder::new("report")?;
    let vtn = Vtn::run(
        pinned(&program::release()?, PROCESSORS[0]),
        &folder.path().join("vtn"),
        &[
            "--dev",
            "--poll-interval",
            "PT1H",
            "--report-policy",
            POLICY,
        ],
    )?;
    let endpoint = (vtn.endpoint.address, vtn.process.id());
    let ours = Contestant::new("oadr", endpoint, requested(endpoint.0).await?);
    let mut contestants = vec![ours];
    let mut openleadr = None;
    if let Some(peers) = Peers::or_skip("the comparison with OpenLEADR") {
        let process = openleadr.insert(peers.openleadr_vtn_under_load(PROCESSORS[0])?);
        let listening = process.wait_for("listening")?;
        let base = Base::parse(listening["vtn"].as_str().unwrap_or_default())?;
        let endpoint = (base.address, process.id());
        let load = requested(endpoint.0).await?;
        contestants.push(Contestant::new("OpenLEADR", endpoint, load));
    }
    contest::compare("reports of 100 readings", contestants)
}

/// Registers the VENs and what they offer, and grants what the VTN asks for: the venID and the
/// reportRequestID of each, all separated by blanks.
async fn requested(address: SocketAddr) -> Outcome<OsString> {
    let ids = vens::register(address, CONNECTIONS).await?;
    vens::settle(address, &ids).await?;
    let mut stream = TcpStream::connect(address).await?;
    let mut requested = String::new();
    for ven_id in ids {
        let reply = vens::ask(&mut stream, "EiReport", &offer(&ven_id)?).await?;
        let Message::RegisteredReport(registered) = reply else {
            return Err(format!("offered reports, and got {}", reply.kind()).into());
        };
        let request = registered.report_requests.first();
        let request = request.ok_or("none of the reports is wanted")?;
        let id = request.report_request_id.clone();
        write!(requested, "{ven_id} {id} ")?;
        let created = CreatedReport {
            ei_response: EiResponse::ok(registered.ei_response.request_id),
            pending_reports: PendingReports {
                report_request_ids: vec![id],
            },
            ven_id: Some(ven_id),
        };
        vens::ask(&mut stream, "EiReport", &created.into()).await?;
    }
    Ok(requested.into())
}

fn offer(ven_id: &VenId) -> Outcome<Message> {
    let second = "PT1S".parse()?;
    let power = PowerReal {
        units: PowerUnit::Watt,
        scale: SiScaleCode::None,
        attributes: PowerAttributes {
            hertz: Decimal::from(50),
            voltage: Decimal::from(230),
            ac: true,
        },
    };
    let description = ReportDescription {
        r_id: r_id()?,
        subject: None,
        data_source: Some(Target {
            resource_ids: vec!["Meter1".parse()?],
            ..Target::default()
        }),
        report_type: ReportType::Usage,
        item_base: Some(ItemBase::PowerReal(power)),
        reading_type: ReadingType::DirectRead,
        market_context: None,
        sampling_rate: Some(SamplingRate {
            min_period: second,
            max_period: second,
            on_change: false,
        }),
    };
    Ok(Message::from(RegisterReport {
        request_id: RequestId::new("r")?,
        reports: vec![Report {
            start: None,
            duration: Some("PT1H".parse()?),
            intervals: None,
            ei_report_id: None,
            descriptions: vec![description],
            report_request_id: "0".parse()?,
            report_specifier_id: specifier()?,
            report_name: Some(ReportName::MetadataTelemetryUsage),
            created: DateTime::UNIX_EPOCH,
        }],
        ven_id: Some(ven_id.clone()),
        report_request_id: None,
    }))
}

/// Reports of all VENs, each after the last of its VEN, for one round; returns reports per second.
async fn load(address: SocketAddr, requested: &str) -> Outcome<f64> {
    let ids: Vec<&str> = requested.split_ascii_whitespace().collect();
    let began = first_of_a_round();
    let templates: Vec<Template> = ids
        .chunks_exact(2)
        .map(|ids| Template::new(&ids[0].parse()?, &ids[1].parse()?, began))
        .collect::<Outcome<_>>()?;
    let end = Instant::now() + ROUND;
    let mut tasks = tokio::task::JoinSet::new();
    for template in templates {
        tasks.spawn(send(address, template, end));
    }
    let mut done = 0;
    while let Some(part) = tasks.join_next().await {
        done += part??;
    }
    Ok(f64::from(done) / ROUND.as_secs_f64())
}

async fn send(address: SocketAddr, mut template: Template, end: Instant) -> Outcome<u32> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut done = 0;
    while Instant::now() < end {
        let reply = vens::exchange(&mut stream, template.next()).await?;
        if !reply.windows(5).any(|part| part == b">200<") {
            return Err(io::Error::other(String::from_utf8_lossy(&reply)).into());
        }
        done += 1;
    }
    stream.shutdown().await?;
    Ok(done)
}

/// Readings of one round must not be those of another, and a round has no memory: its time of day
/// says where its readings begin, a day of theirs for every second.
fn first_of_a_round() -> DateTime<Utc> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.unwrap_or_default().as_secs() % 15_000;
    DateTime::UNIX_EPOCH + Duration::from_secs(seconds * 86_400)
}

/// A request in which only the times change from one to the next.
struct Template {
    request: Vec<u8>,
    /// Where times stand, and how many seconds after the start of the report they are.
    places: Vec<(usize, u32)>,
    start: DateTime<Utc>,
}

impl Template {
    fn new(ven_id: &VenId, request_id: &ReportRequestId, start: DateTime<Utc>) -> Outcome<Self> {
        let request = posts::request("EiReport", &encode(&update(ven_id, request_id, start)?));
        // The report's own start comes first, its making last.
        let seconds = iter::once(0).chain(0..READINGS).chain(iter::once(0));
        let mut places = Vec::new();
        let mut rest = 0;
        for second in seconds {
            let written = text(start, second);
            let mut parts = request[rest..].windows(written.len());
            let found = parts.position(|part| part == written.as_bytes());
            let place = rest + found.ok_or("times are not written as expected")?;
            places.push((place, second));
            rest = place + written.len();
        }
        Ok(Self {
            request,
            places,
            start,
        })
    }

    fn next(&mut self) -> &[u8] {
        for (place, second) in &self.places {
            let written = text(self.start, *second);
            self.request[*place..*place + written.len()].copy_from_slice(written.as_bytes());
        }
        self.start += TimeDelta::seconds(READINGS.into());
        &self.request
    }
}

fn text(start: DateTime<Utc>, second: u32) -> String {
    (start + TimeDelta::seconds(second.into())).to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn update(
    ven_id: &VenId,
    report_request_id: &ReportRequestId,
    start: DateTime<Utc>,
) -> Outcome<Message> {
    let r_id = r_id()?;
    let interval = |second: u32| Interval {
        start: Some(start + TimeDelta::seconds(second.into())),
        duration: None,
        uid: None,
        payloads: NonEmpty::one(StreamPayload::Report(ReportPayload {
            r_id: r_id.clone(),
            confidence: None,
            accuracy: None,
            payload: Payload::Float(Float::from(1_000.0 + f64::from(second) / 7.0)),
            data_quality: None,
        })),
    };
    let intervals: Vec<_> = (0..READINGS).map(interval).collect();
    Ok(Message::from(UpdateReport {
        request_id: RequestId::new("r")?,
        reports: vec![Report {
            start: Some(start),
            duration: None,
            intervals: NonEmpty::try_from(intervals).ok(),
            ei_report_id: None,
            descriptions: Vec::new(),
            report_request_id: report_request_id.clone(),
            report_specifier_id: specifier()?,
            report_name: Some(ReportName::TelemetryUsage),
            created: start,
        }],
        ven_id: Some(ven_id.clone()),
    }))
}

fn r_id() -> Outcome<RId> {
    Ok("Power1".parse()?)
}

fn specifier() -> Outcome<ReportSpecifierId> {
    Ok("Usage1".parse()?)
}
