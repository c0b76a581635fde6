//! Polls with nothing to say: `oadr vtn` on SQLite with many registered VENs against a bare hyper
//! server that answers the same bytes, and against OpenLEADR's VTN, as ratios from one run.
//!
//! `cargo bench -p conformance --bench poll` (10,000 VENs; `OADR_BENCH_VENS` for another number;
//! OpenLEADR only with `OADR_PEERS`, see CONTRIBUTING.md). Each server runs on the first processor and
//! the load on the second; their rounds alternate. The database lies in the folder for temporary files
//! (`TMPDIR`), which must be on a real disk for the figures to mean something. On a machine that does
//! something else beside, only the processor time that a poll takes is worth comparing.

mod vens;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io};

use conformance::folder::Folder;
use conformance::http::Base;
use conformance::peers::Peers;
use conformance::process::Process;
use conformance::program::{self, Vtn};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use oadr_core::payload::{Message, Poll};
use oadr_core::value::VenId;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use vens::{CONNECTIONS, Outcome, head};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(3);

/// The processor of the servers, and that of the load.
const PROCESSORS: [&str; 2] = ["0", "1"];

fn main() -> Outcome<()> {
    let mut arguments = env::args().skip(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match arguments.next().as_deref() {
        Some("bare") => runtime.block_on(bare(&arguments.next().unwrap_or_default())),
        Some("load") => {
            let address = arguments.next().unwrap_or_default().parse()?;
            let requests = read_requests(Path::new(&arguments.next().unwrap_or_default()))?;
            let rate = runtime.block_on(load(address, &requests))?;
            println!("{rate}");
            Ok(())
        }
        Some(_) | None => runtime.block_on(compare(vens::how_many())),
    }
}

/// A server under load.
struct Contestant {
    name: &'static str,
    address: SocketAddr,
    process: u32,
    /// The file with the requests that it gets.
    requests: PathBuf,
    /// Requests per second, one figure a round.
    rates: Vec<f64>,
    /// Requests per second of processor time.
    efforts: Vec<f64>,
}

impl Contestant {
    /// A VTN with so many VENs, whose polls are its load.
    async fn vtn(
        name: &'static str,
        (address, process): (SocketAddr, u32),
        count: usize,
        folder: &Path,
    ) -> Outcome<Self> {
        let started = Instant::now();
        let ids = vens::register(address, count).await?;
        vens::settle(address, &ids).await?;
        println!(
            "{count} VENs registered with {name} in {:.1} s",
            started.elapsed().as_secs_f64()
        );
        let requests = folder.join(name);
        write_requests(&requests, ids.into_iter().map(poll))?;
        Ok(Self {
            name,
            address,
            process,
            requests,
            rates: Vec::new(),
            efforts: Vec::new(),
        })
    }

    fn round(&mut self, own: &Path) -> Outcome<()> {
        let before = processor_time(self.process)?;
        let output = pinned(own, PROCESSORS[1])
            .arg("load")
            .arg(self.address.to_string())
            .arg(&self.requests)
            .stderr(Stdio::inherit())
            .output()?;
        let spent = processor_time(self.process)? - before;
        let rate: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
        self.rates.push(rate);
        self.efforts.push(rate * ROUND.as_secs_f64() / spent);
        Ok(())
    }
}

async fn compare(count: usize) -> Outcome<()> {
    let own = env::current_exe()?;
    let folder = Folder::new("poll")?;

    let program = pinned(&program::release()?, PROCESSORS[0]);
    let vtn = Vtn::run(
        program,
        &folder.path().join("vtn"),
        &["--dev", "--poll-interval", "PT1H"],
    )?;
    let endpoint = (vtn.endpoint.address, vtn.process.id());
    let ours = Contestant::vtn("oadr", endpoint, count, folder.path()).await?;

    // The floor answers what the VTN answers to the first of these polls.
    let first = read_requests(&ours.requests)?.swap_remove(0);
    let idle = vens::exchange(&mut TcpStream::connect(ours.address).await?, &first).await?;
    let reply = folder.path().join("reply");
    fs::write(&reply, &idle)?;
    let mut command = pinned(&own, PROCESSORS[0]);
    command.arg("bare").arg(&reply);
    let bare = Process::start("bare hyper", command)?;
    let listening = bare.wait_for("listening")?;
    let bare_hyper = Contestant {
        name: "bare hyper",
        address: listening["address"].as_str().unwrap_or_default().parse()?,
        process: bare.id(),
        requests: ours.requests.clone(),
        rates: Vec::new(),
        efforts: Vec::new(),
    };

    let mut contestants = vec![ours, bare_hyper];
    let mut openleadr = None;
    if let Some(peers) = Peers::or_skip("the comparison with OpenLEADR") {
        let process = openleadr.insert(peers.openleadr_vtn_under_load(PROCESSORS[0])?);
        let listening = process.wait_for("listening")?;
        let base = Base::parse(listening["vtn"].as_str().unwrap_or_default())?;
        let endpoint = (base.address, process.id());
        let theirs = Contestant::vtn("OpenLEADR", endpoint, count, folder.path());
        contestants.push(theirs.await?);
    }

    for _ in 0..ROUNDS {
        for contestant in &mut contestants {
            contestant.round(&own)?;
        }
    }
    print(&contestants);
    Ok(())
}

/// The first contestant's figures, and those of the others with the ratios to the first one.
fn print(contestants: &[Contestant]) {
    type Figures = fn(&Contestant) -> &[f64];
    let kinds: [(&str, Figures); 2] = [
        ("per second", |contestant| &contestant.rates),
        ("per second of its processor time", |contestant| {
            &contestant.efforts
        }),
    ];
    let Some((ours, others)) = contestants.split_first() else {
        return;
    };
    for (kind, figures) in kinds {
        println!("polls {kind}, medians of {ROUNDS} rounds:");
        println!(
            "{:<11}{:>9.0}",
            ours.name,
            sorted(figures(ours))[ROUNDS / 2]
        );
        for other in others {
            let pairs = figures(ours).iter().zip(figures(other));
            let ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours / theirs).collect();
            let ratios = sorted(&ratios);
            println!(
                "{:<11}{:>9.0}; oadr does {:.2} times as many (from {:.2} to {:.2})",
                other.name,
                sorted(figures(other))[ROUNDS / 2],
                ratios[ROUNDS / 2],
                ratios[0],
                ratios[ROUNDS - 1]
            );
        }
    }
}

fn sorted(figures: &[f64]) -> Vec<f64> {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    figures
}

/// The processor time that a process has taken so far, in seconds.
fn processor_time(process: u32) -> Outcome<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in brackets, may hold blanks; after it come the state and ten figures before these two.
    let after_name = text.rsplit_once(')').ok_or("no process")?.1;
    let fields = after_name.split_ascii_whitespace().skip(11).take(2);
    let ticks: f64 = fields.map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    // Linux counts hundredths of a second here, on every architecture.
    Ok(ticks / 100.0)
}

fn poll(ven_id: VenId) -> Vec<u8> {
    vens::request("OadrPoll", &Message::from(Poll { ven_id }))
}

fn pinned(program: &Path, processor: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", processor]).arg(program);
    command
}

/// The requests of all VENs over and over, for one round; returns requests per second.
async fn load(address: SocketAddr, requests: &[Vec<u8>]) -> Outcome<f64> {
    let requests: &'static [Vec<u8>] = requests.to_vec().leak();
    let end = Instant::now() + ROUND;
    let mut tasks = tokio::task::JoinSet::new();
    for part in 0..CONNECTIONS {
        tasks.spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (mut done, mut n) = (0_u64, part);
            let mut buffer = vec![0_u8; 4_096];
            let mut length = 0;
            while Instant::now() < end {
                stream.write_all(&requests[n % requests.len()]).await?;
                let mut got = 0;
                // Every reply has the length of the first: only that one is read properly.
                loop {
                    got += stream.read(&mut buffer[got..]).await?;
                    if length == 0
                        && let Some((head, body)) = head(&buffer[..got])?
                    {
                        length = head + body;
                    }
                    if length != 0 && got >= length {
                        break;
                    }
                }
                if got != length || !buffer.starts_with(b"HTTP/1.1 200") {
                    return Err(io::Error::other("another reply than before"));
                }
                done += 1;
                n += CONNECTIONS;
            }
            Ok(done)
        });
    }
    let mut done = 0;
    while let Some(part) = tasks.join_next().await {
        done += part??;
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of seconds' work")]
    Ok(done as f64 / ROUND.as_secs_f64())
}

/// The floor: a hyper server that reads each request and answers the same bytes.
async fn bare(reply: &str) -> Outcome<()> {
    let body = Bytes::from(fs::read(reply)?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    println!("{}", json!({"happening": "listening", "address": address}));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let body = body.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let body = body.clone();
                async move {
                    request.into_body().collect().await?;
                    let mut response = Response::new(Full::new(body));
                    response
                        .headers_mut()
                        .insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
                    Ok::<_, hyper::Error>(response)
                }
            });
            // A load that ends closes its connections in the middle of nothing.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn write_requests(file: &Path, requests: impl Iterator<Item = Vec<u8>>) -> io::Result<()> {
    let mut all = Vec::new();
    for request in requests {
        all.extend_from_slice(&u32::try_from(request.len()).unwrap_or(0).to_be_bytes());
        all.extend_from_slice(&request);
    }
    fs::write(file, all)
}

fn read_requests(file: &Path) -> io::Result<Vec<Vec<u8>>> {
    let all = fs::read(file)?;
    let mut rest = all.as_slice();
    let mut requests = Vec::new();
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let (request, tail) =
            tail.split_at(usize::try_from(u32::from_be_bytes(*length)).unwrap_or(0));
        requests.push(request.to_vec());
        rest = tail;
    }
    Ok(requests)
}
