//! Polls with nothing to say: `oadr vtn` on SQLite with many registered VENs against a bare hyper
//! server that answers the same bytes, as a ratio from one run.
//!
//! `cargo bench -p conformance --bench poll` (10,000 VENs; `OADR_BENCH_VENS` for another number).
//! Each server runs on the first processor and the load on the second; their rounds alternate. The
//! database lies in `OADR_BENCH_DIR`, by default in the folder for temporary files, which must be on a
//! real disk for the figure to mean something.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use oadr_core::codec::{DecodeOptions, decode, encode};
use oadr_core::payload::{
    CreatePartyRegistration, EiResponse, Message, MessageKind, Poll, RegisteredReport,
};
use oadr_core::value::{ProfileName, RequestId, Text, TransportName, VenId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const CONNECTIONS: usize = 32;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(3);

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let mut arguments = env::args().skip(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match arguments.next().as_deref() {
        Some("bare") => runtime.block_on(bare(&arguments.next().unwrap_or_default())),
        Some("load") => {
            let address = arguments.next().unwrap_or_default().parse()?;
            let requests = read_requests(&arguments.next().unwrap_or_default())?;
            let rate = runtime.block_on(load(address, &requests))?;
            println!("{rate}");
            Ok(())
        }
        Some(_) | None => runtime.block_on(compare()),
    }
}

async fn compare() -> Outcome<()> {
    let vens: usize = env::var("OADR_BENCH_VENS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(10_000);
    let folder = Folder::new()?;
    let program = build()?;
    let vtn = Server::start(
        Command::new("taskset")
            .args(["-c", "0"])
            .arg(program)
            .args([
                "vtn",
                "--dev",
                "--listen",
                "127.0.0.1:0",
                "--api",
                "127.0.0.1:0",
                "--poll-interval",
                "PT1H",
                "--data",
            ])
            .arg(folder.0.join("vtn")),
    )?;
    let line: serde_json::Value = serde_json::from_str(&vtn.line)?;
    let url = line["vtn"]
        .as_str()
        .ok_or("the VTN did not say where it listens")?;
    let address: SocketAddr = url
        .trim_start_matches("http://")
        .split('/')
        .next()
        .unwrap_or_default()
        .parse()?;

    let started = Instant::now();
    let polls = register(address, vens).await?;
    println!(
        "{vens} VENs registered and their metadata exchanged in {:.1} s",
        started.elapsed().as_secs_f64()
    );
    let idle = exchange(&mut TcpStream::connect(address).await?, &polls[0]).await?;
    let Message::Response(_) = decode(&idle, &DecodeOptions::default())?.message else {
        return Err("the VTN still has something to say".into());
    };
    let (requests, reply) = (folder.0.join("requests"), folder.0.join("reply"));
    fs::write(&reply, &idle)?;
    write_requests(&requests, &polls)?;

    let own = env::current_exe()?;
    let bare = Server::start(
        Command::new("taskset")
            .args(["-c", "0"])
            .arg(&own)
            .arg("bare")
            .arg(&reply),
    )?;
    let bare_address: SocketAddr = bare.line.trim().parse()?;

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(measure(&own, address, &requests)?);
        theirs.push(measure(&own, bare_address, &requests)?);
    }
    let mut ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| a / b).collect();
    println!(
        "oadr vtn:   {:>9.0} polls/s (median of {ROUNDS})",
        median(&mut ours)
    );
    println!("bare hyper: {:>9.0} requests/s", median(&mut theirs));
    println!(
        "ratio:      {:>9.2} (from {:.2} to {:.2})",
        median(&mut ratios),
        ratios[0],
        ratios[ROUNDS - 1]
    );
    Ok(())
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn measure(own: &Path, address: SocketAddr, requests: &Path) -> Outcome<f64> {
    let output = Command::new("taskset")
        .args(["-c", "1"])
        .arg(own)
        .arg("load")
        .arg(address.to_string())
        .arg(requests)
        .stderr(Stdio::inherit())
        .output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Registers the VENs, lets each take and answer the VTN's offers, and returns their polls.
async fn register(address: SocketAddr, vens: usize) -> Outcome<Vec<Vec<u8>>> {
    let mut tasks = tokio::task::JoinSet::new();
    for part in 0..CONNECTIONS {
        tasks.spawn(async move {
            let mut stream = TcpStream::connect(address)
                .await
                .map_err(|e| e.to_string())?;
            let mut polls = Vec::new();
            for n in (part..vens).step_by(CONNECTIONS) {
                polls.push((
                    n,
                    register_one(&mut stream, n)
                        .await
                        .map_err(|e| e.to_string())?,
                ));
            }
            Ok::<_, String>(polls)
        });
    }
    let mut polls = Vec::with_capacity(vens);
    while let Some(part) = tasks.join_next().await {
        polls.extend(part??);
    }
    polls.sort();
    Ok(polls.into_iter().map(|(_, poll)| poll).collect())
}

async fn register_one(stream: &mut TcpStream, n: usize) -> Outcome<Vec<u8>> {
    let create = Message::from(CreatePartyRegistration {
        request_id: RequestId::new("r")?,
        registration_id: None,
        ven_id: None,
        profile_name: ProfileName::B,
        transport_name: TransportName::SimpleHttp,
        transport_address: None,
        report_only: false,
        xml_signature: false,
        ven_name: Some(Text::new(format!("bench-{n}"))?),
        http_pull_model: Some(true),
    });
    let reply = exchange(stream, &request("EiRegisterParty", &create)).await?;
    let Message::CreatedPartyRegistration(created) =
        decode(&reply, &DecodeOptions::default())?.message
    else {
        return Err("no oadrCreatedPartyRegistration".into());
    };
    let ven_id: VenId = created.ven_id.ok_or("no venID")?;
    let poll = request(
        "OadrPoll",
        &Message::from(Poll {
            ven_id: ven_id.clone(),
        }),
    );
    // Whatever is in the queue of a new VEN, until there is nothing.
    loop {
        let reply = decode(&exchange(stream, &poll).await?, &DecodeOptions::default())?.message;
        if let Message::RegisterReport(offer) = reply {
            let answer = Message::from(RegisteredReport {
                ei_response: EiResponse::ok(offer.request_id),
                report_requests: Vec::new(),
                ven_id: Some(ven_id.clone()),
            });
            exchange(stream, &request("EiReport", &answer)).await?;
        } else if reply.kind() == MessageKind::Response {
            return Ok(poll);
        } else {
            return Err(format!("unexpected {}", reply.kind()).into());
        }
    }
}

fn request(service: &str, message: &Message) -> Vec<u8> {
    let body = encode(message);
    let mut request = format!(
        "POST /OpenADR2/Simple/2.0b/{service} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(&body);
    request
}

/// One request and the body of its reply, which must be a 200.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(request).await?;
    let mut buffer = Vec::with_capacity(2_048);
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some((head, length)) = head(&buffer)? {
            while buffer.len() < head + length {
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            return Ok(buffer.split_off(head));
        }
    }
}

/// Where the body begins and how long it is, once the head is complete.
fn head(buffer: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
    if !head.starts_with("http/1.1 200") {
        return Err(io::Error::other(head));
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    length
        .map(|length| Some((end + 4, length)))
        .ok_or_else(|| io::Error::other("no content-length"))
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
    println!("{}", listener.local_addr()?);
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

fn build() -> Outcome<PathBuf> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "-p", "oadr", "--bin", "oadr"])
        .status()?;
    if !status.success() {
        return Err("oadr does not build".into());
    }
    // Benchmarks lie in `release/deps`, the program beside that folder.
    let own = env::current_exe()?;
    Ok(own
        .parent()
        .and_then(Path::parent)
        .ok_or("no folder")?
        .join("oadr"))
}

fn write_requests(file: &Path, requests: &[Vec<u8>]) -> io::Result<()> {
    let mut all = Vec::new();
    for request in requests {
        all.extend_from_slice(&u32::try_from(request.len()).unwrap_or(0).to_be_bytes());
        all.extend_from_slice(request);
    }
    fs::write(file, all)
}

fn read_requests(file: &str) -> io::Result<Vec<Vec<u8>>> {
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

/// A child that says in its first line where it listens, and ends with its handle.
struct Server {
    child: Child,
    line: String,
}

impl Server {
    fn start(command: &mut Command) -> Outcome<Self> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("no stdout")?;
        io::BufRead::read_line(&mut io::BufReader::new(stdout), &mut line)?;
        Ok(Self { child, line })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let base = env::var_os("OADR_BENCH_DIR").map_or_else(env::temp_dir, PathBuf::from);
        let folder = base.join(format!("oadr-bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
