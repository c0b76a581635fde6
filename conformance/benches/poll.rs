//! Polls with nothing to say: `oadr vtn` on SQLite with many registered VENs against a bare hyper
//! server that answers the same bytes, and against OpenLEADR's VTN, as ratios from one run.
//!
//! `cargo bench -p conformance --bench poll` (10,000 VENs; `OADR_BENCH_VENS` for another number;
//! OpenLEADR only with `OADR_PEERS`, see CONTRIBUTING.md). Each server runs on the first processor and
//! the load on the second; their rounds alternate. The database lies in the folder for temporary files
//! (`TMPDIR`), which must be on a real disk for the figures to mean something. On a machine that does
//! something else beside, only the processor time that a poll takes is worth comparing.

mod answers;
mod contest;
mod how_many;
mod posts;
mod vens;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;
use std::{env, fs, io};

use conformance::folder::Folder;
use conformance::http::Base;
use conformance::peers::Peers;
use conformance::process::Process;
use conformance::program::{self, Vtn};
use contest::{Contestant, PROCESSORS, ROUND, pinned};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use oadr_core::codec::encode;
use oadr_core::payload::{Message, Poll};
use oadr_core::value::VenId;
use posts::head;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use vens::{CONNECTIONS, Outcome};

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
        Some(_) | None => runtime.block_on(compare(how_many::how_many(10_000))),
    }
}

/// A VTN with so many VENs, whose polls are its load.
async fn contestant(
    name: &'static str,
    endpoint: (SocketAddr, u32),
    count: usize,
    folder: &Path,
) -> Outcome<Contestant> {
    let started = Instant::now();
    let ids = vens::register(endpoint.0, count).await?;
    vens::settle(endpoint.0, &ids).await?;
    println!(
        "{count} VENs registered with {name} in {:.1} s",
        started.elapsed().as_secs_f64()
    );
    let requests = folder.join(name);
    write_requests(&requests, ids.into_iter().map(poll))?;
    Ok(Contestant::new(name, endpoint, requests))
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
    let ours = contestant("oadr", endpoint, count, folder.path()).await?;

    // The floor answers what the VTN answers to the first of these polls.
    let first = read_requests(Path::new(&ours.load))?.swap_remove(0);
    let idle = vens::exchange(&mut TcpStream::connect(ours.address).await?, &first).await?;
    let reply = folder.path().join("reply");
    fs::write(&reply, &idle)?;
    let mut command = pinned(&own, PROCESSORS[0]);
    command.arg("bare").arg(&reply);
    let bare = Process::start("bare hyper", command)?;
    let listening = bare.wait_for("listening")?;
    let address = listening["address"].as_str().unwrap_or_default().parse()?;
    let bare_hyper = Contestant::new("bare hyper", (address, bare.id()), &ours.load);

    let mut contestants = vec![ours, bare_hyper];
    let mut openleadr = None;
    if let Some(peers) = Peers::or_skip("the comparison with OpenLEADR") {
        let process = openleadr.insert(peers.openleadr_vtn_under_load(PROCESSORS[0])?);
        let listening = process.wait_for("listening")?;
        let base = Base::parse(listening["vtn"].as_str().unwrap_or_default())?;
        let endpoint = (base.address, process.id());
        let theirs = contestant("OpenLEADR", endpoint, count, folder.path());
        contestants.push(theirs.await?);
    }

    contest::compare("polls", contestants)
}

fn poll(ven_id: VenId) -> Vec<u8> {
    posts::request("OadrPoll", &encode(&Message::from(Poll { ven_id })))
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
