//! Signed polls with nothing to say, over mutual TLS on connections that stay: `oadr vtn` against what the
//! cryptography alone would allow, and against OpenLEADR's VTN, as ratios from one run.
//!
//! `cargo bench -p conformance --bench signed_poll` (OpenLEADR only with `OADR_PEERS`, see
//! CONTRIBUTING.md). The servers run on the first processor and the load on the second; rounds alternate.
//! What the cryptography alone costs is measured on the first processor, too: to verify a poll's
//! signature, to sign the reply, and their digests, with the same library, keys and lengths. The load
//! would be slower than the server, so its polls are signed just before a round.

mod posts;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, io};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use conformance::authority::{Authority, Issued, KeyKind, Order};
use conformance::folder::Folder;
use conformance::peers::{Peers, Secured};
use conformance::process::Process;
use conformance::program;
use oadr_core::codec::{DecodeOptions, decode};
use oadr_core::payload::{
    CreatePartyRegistration, EiResponse, Message, MessageKind, Poll, RegisteredReport,
};
use oadr_core::value::{DateTime, ProfileName, RequestId, Text, TransportName, VenId};
use oadr_sign::{Certificate, SigningKey, sign};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How many connections a VEN's polls come over.
const CONNECTIONS: usize = 8;

/// How long a round lasts.
const ROUND: Duration = Duration::from_secs(3);

const ROUNDS: usize = 5;

/// The processor of the servers, and that of the load.
const PROCESSORS: [&str; 2] = ["0", "1"];

/// So many polls are signed before a round of ours, so that not the load is what is measured: more than
/// the server can answer in it. OpenLEADR takes nothing that is older than five seconds, and does not
/// keep the load busy.
const BEFOREHAND_RSA: usize = 12_000;
const BEFOREHAND_P256: usize = 40_000;

fn main() -> Outcome<()> {
    let mut arguments = env::args().skip(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut next = || arguments.next().unwrap_or_default();
    match next().as_str() {
        "load" => {
            let (place, beforehand) = (Place::read(&next(), &next())?, next().parse()?);
            println!("{}", runtime.block_on(load(&place, beforehand))?);
        }
        "bare" => println!("{}", bare(&Place::read(&next(), &next())?)?),
        _ => {
            for kind in [KeyKind::P256, KeyKind::Rsa] {
                compare(kind, &runtime)?;
            }
        }
    }
    Ok(())
}

/// A server, and a VEN's certificate and key for it.
struct Place {
    port: u16,
    folder: PathBuf,
    key: SigningKey,
    pkcs8: PrivateKeyDer<'static>,
    tls: TlsConnector,
}

/// A server under load.
struct Contestant {
    name: &'static str,
    port: u16,
    folder: PathBuf,
    beforehand: usize,
    rates: Vec<f64>,
}

fn compare(kind: KeyKind, runtime: &tokio::runtime::Runtime) -> Outcome<()> {
    let authority = Authority::new(KeyKind::P256)?;
    let server = authority.issue(&Order::server(&["localhost", "127.0.0.1"], kind))?;
    let ven = authority.issue(&Order::client("bench", kind))?;
    let folder = Folder::new("signed-poll")?;
    let beforehand = match kind {
        KeyKind::Rsa => BEFOREHAND_RSA,
        KeyKind::P256 => BEFOREHAND_P256,
    };

    let mut command = pinned(&program::release()?, PROCESSORS[0]);
    command
        .args([
            "vtn",
            "--dev",
            "--listen",
            "127.0.0.1:0",
            "--api",
            "127.0.0.1:0",
        ])
        .args(["--poll-interval", "PT1H", "--requests-per-second", "0"])
        .args(["--signatures", "required", "--signature-window", "PT10M"])
        .arg("--tls-certificate")
        .arg(&server.certificate)
        .arg("--tls-client-ca")
        .arg(authority.certificate())
        .arg("--data")
        .arg(folder.path().join("vtn"));
    let ours = Process::start("oadr vtn", command)?;
    let mut contestants = vec![contestant("oadr", &ours, folder.path(), &ven, &authority)?];
    contestants[0].beforehand = beforehand;

    let mut theirs = None;
    if let Some(peers) = Peers::or_skip("the comparison with OpenLEADR") {
        let fingerprint = fingerprint(&ven)?;
        let secured = Secured {
            own: &server,
            authority: &authority,
            expects: &fingerprint,
        };
        let process = peers.openleadr_vtn_secured_under_load(PROCESSORS[0], &secured)?;
        let process = theirs.insert(process);
        let contestant = contestant("OpenLEADR", process, folder.path(), &ven, &authority)?;
        contestants.push(contestant);
    }
    for contestant in &contestants {
        let place = Place::read(
            &contestant.port.to_string(),
            &contestant.folder.to_string_lossy(),
        )?;
        runtime
            .block_on(register(&place))
            .map_err(|error| format!("{}: {error}", contestant.name))?;
    }

    let own = env::current_exe()?;
    let run = |mode: &str, processor, contestant: &Contestant| -> Outcome<f64> {
        let output = pinned(&own, processor)
            .args([mode, &contestant.port.to_string()])
            .arg(&contestant.folder)
            .arg(contestant.beforehand.to_string())
            .stderr(Stdio::inherit())
            .output()?;
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    };
    let mut bare = Vec::new();
    for _ in 0..ROUNDS {
        bare.push(run("bare", PROCESSORS[0], &contestants[0])?);
        for contestant in &mut contestants {
            let rate = run("load", PROCESSORS[1], contestant)?;
            contestant.rates.push(rate);
        }
    }
    println!("{kind:?}: signed polls per second, medians of {ROUNDS} rounds:");
    let ours = contestants[0].rates.clone();
    println!("{:<22}{:>9.0}", "oadr", median(&ours));
    let others = contestants.iter().skip(1);
    let others = others.map(|other| (other.name, &other.rates));
    for (name, rates) in [("the cryptography alone", &bare)]
        .into_iter()
        .chain(others)
    {
        let ratios: Vec<f64> = ours.iter().zip(rates).map(|(a, b)| a / b).collect();
        println!(
            "{name:<22}{:>9.0}; oadr does {:.2} times as many",
            median(rates),
            median(&ratios)
        );
    }
    Ok(())
}

fn contestant(
    name: &'static str,
    process: &Process,
    folder: &Path,
    ven: &Issued,
    authority: &Authority,
) -> Outcome<Contestant> {
    let listening = process.wait_for("listening")?;
    let url = listening["vtn"].as_str().unwrap_or_default();
    let port = url.split(['/', ':']).find_map(|part| part.parse().ok());
    let folder = folder.join(format!("{name}-ven"));
    fs::create_dir_all(&folder)?;
    fs::copy(&ven.certificate, folder.join("ven.pem"))?;
    fs::copy(&ven.key, folder.join("ven-key.pem"))?;
    fs::copy(authority.certificate(), folder.join("ca.pem"))?;
    Ok(Contestant {
        name,
        port: port.ok_or_else(|| format!("no port in {url}"))?,
        folder,
        beforehand: 0,
        rates: Vec::new(),
    })
}

fn fingerprint(issued: &Issued) -> Outcome<String> {
    Ok(Certificate::from_der(&issued.der)?
        .fingerprint()
        .to_string())
}

impl Place {
    fn read(port: &str, folder: &str) -> Outcome<Self> {
        let folder = PathBuf::from(folder);
        let chain = vec![CertificateDer::from_pem_file(folder.join("ven.pem"))?];
        let pkcs8 = PrivateKeyDer::from_pem_file(folder.join("ven-key.pem"))?;
        let certificate = Certificate::from_der(chain.first().ok_or("no certificate")?)?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(folder.join("ca.pem"))?)?;
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, pkcs8.clone_key())?;
        Ok(Self {
            port: port.parse()?,
            folder,
            key: SigningKey::new(&pkcs8, certificate)?,
            pkcs8,
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    async fn connect(&self) -> Outcome<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        Ok(self.tls.connect(name, stream).await?)
    }

    /// A message, signed now, as it goes over the wire. `n` is never the same.
    fn request(&self, service: &str, message: &Message, n: u128) -> Outcome<Vec<u8>> {
        let document = sign(message, &self.key, now(), n.to_be_bytes())?;
        Ok(posts::request(service, &document))
    }

    fn poll(&self) -> Outcome<Message> {
        let ven_id = VenId::new(fs::read_to_string(self.folder.join("ven-id"))?)?;
        Ok(Poll { ven_id }.into())
    }
}

fn now() -> DateTime {
    SystemTime::now().into()
}

/// Nonces of this process: nobody else's begin at the same moment.
fn first_nonce() -> u128 {
    u128::from(now().timestamp_micros().unsigned_abs()) << 32
}

/// Registers the VEN and answers what the VTN has for it.
async fn register(place: &Place) -> Outcome<()> {
    let mut stream = place.connect().await?;
    let mut n = first_nonce();
    let mut ask = async |service: &str, message: Message| -> Outcome<Message> {
        n += 1;
        let request = place.request(service, &message, n)?;
        let mut buffer = Vec::new();
        let reply = exchange(&mut stream, &request, &mut buffer).await?;
        Ok(decode(&buffer[reply..], &DecodeOptions::default())?.message)
    };
    let create = CreatePartyRegistration {
        request_id: RequestId::new("r")?,
        registration_id: None,
        ven_id: None,
        profile_name: ProfileName::B,
        transport_name: TransportName::SimpleHttp,
        transport_address: None,
        report_only: false,
        xml_signature: true,
        ven_name: Some(Text::new("bench")?),
        http_pull_model: Some(true),
    };
    let reply = ask("EiRegisterParty", create.into()).await?;
    let Message::CreatedPartyRegistration(created) = reply else {
        return Err(format!("registered, and got {}", reply.kind()).into());
    };
    let ven_id = created.ven_id.ok_or("no venID")?;
    fs::write(place.folder.join("ven-id"), ven_id.as_str())?;
    loop {
        let reply = ask("OadrPoll", place.poll()?).await?;
        if let Message::RegisterReport(offer) = reply {
            let answer = RegisteredReport {
                ei_response: EiResponse::ok(offer.request_id),
                report_requests: Vec::new(),
                ven_id: Some(ven_id.clone()),
            };
            ask("EiReport", answer.into()).await?;
        } else if reply.kind() == MessageKind::Response {
            return Ok(());
        } else {
            return Err(format!("polled, and got {}", reply.kind()).into());
        }
    }
}

/// One request and its reply, which must be a 200, in the buffer; returns where the body begins.
async fn exchange(
    stream: &mut TlsStream<TcpStream>,
    request: &[u8],
    buffer: &mut Vec<u8>,
) -> io::Result<usize> {
    stream.write_all(request).await?;
    stream.flush().await?;
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some((head, length)) = posts::head(buffer)?
            && buffer.len() >= head + length
        {
            return Ok(head);
        }
    }
}

/// Polls over all connections for one round; returns polls per second.
async fn load(place: &Place, beforehand: usize) -> Outcome<f64> {
    let poll = place.poll()?;
    let mut n = first_nonce();
    let mut streams = Vec::new();
    for _ in 0..CONNECTIONS {
        streams.push(place.connect().await?);
    }
    let mut ready = Vec::with_capacity(beforehand);
    for _ in 0..beforehand {
        n += 1;
        ready.push(place.request("OadrPoll", &poll, n)?);
    }
    let begun = Instant::now();
    let (ready, n) = (std::cell::RefCell::new(ready), std::cell::Cell::new(n));
    let next = || -> Outcome<Option<Vec<u8>>> {
        if beforehand > 0 {
            return Ok(ready.borrow_mut().pop());
        }
        n.set(n.get() + 1);
        place.request("OadrPoll", &poll, n.get()).map(Some)
    };
    let connections = streams.into_iter().map(async |mut stream| {
        let mut done = 0_u32;
        let mut buffer = Vec::with_capacity(8_192);
        while begun.elapsed() < ROUND {
            let Some(request) = next()? else {
                break;
            };
            exchange(&mut stream, &request, &mut buffer).await?;
            done += 1;
        }
        Outcome::Ok(done)
    });
    let done: Outcome<Vec<u32>> = all(connections).await.into_iter().collect();
    Ok(f64::from(done?.iter().sum::<u32>()) / begun.elapsed().as_secs_f64())
}

/// All of them in turns, without a task for each: they share what they sign with.
async fn all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.map(|future| Some(Box::pin(future))).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|cx| {
        for place in &mut waiting {
            if let Some(future) = place
                && let std::task::Poll::Ready(one) = future.as_mut().poll(cx)
            {
                done.push(one);
                *place = None;
            }
        }
        if waiting.iter().all(Option::is_none) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done
}

/// How many polls a second the cryptography alone allows: one signature verified, one made, and the
/// digests of the parts that are signed, of a poll on the way here and of one as long on the way back.
fn bare(place: &Place) -> Outcome<f64> {
    let document = sign(&place.poll()?, &place.key, now(), [1; 16])?;
    let text = String::from_utf8(document)?;
    let part = |from: &str, to: &str| {
        let begin = text.find(from)?;
        let end = text.rfind(to)? + to.len();
        text.get(begin..end).map(str::as_bytes)
    };
    let info = part("<ds:SignedInfo", "</ds:SignedInfo>").ok_or("no SignedInfo")?;
    let object = part("<oadr:oadrSignedObject", "</oadr:oadrSignedObject>").ok_or("no object")?;
    let protect = part("<ds:Object", "</ds:Object>").ok_or("no ReplayProtect")?;

    let random = SystemRandom::new();
    let octets = place.pkcs8.secret_der();
    let (make, key): (Box<dyn Fn() -> Vec<u8>>, ParsedPublicKey) = if let Ok(pair) =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, octets)
    {
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref())?;
        let make = move || pair.sign(&random, info).map(|s| s.as_ref().to_vec());
        (Box::new(move || make().unwrap_or_default()), key)
    } else {
        let pair = RsaKeyPair::from_pkcs8(octets)?;
        let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())?;
        let make = move || {
            let mut signature = vec![0; pair.public_modulus_len()];
            let made = pair.sign(&RSA_PKCS1_SHA256, &random, info, &mut signature);
            made.map(|()| signature)
        };
        (Box::new(move || make().unwrap_or_default()), key)
    };
    let signature = make();
    let begun = Instant::now();
    let mut done = 0_u32;
    while begun.elapsed() < ROUND / 2 {
        for part in [object, protect, object, protect] {
            std::hint::black_box(digest(&SHA256, part));
        }
        key.verify_sig(info, &signature)?;
        std::hint::black_box(make());
        done += 1;
    }
    Ok(f64::from(done) / begun.elapsed().as_secs_f64())
}

/// A command for `program` on one processor.
fn pinned(program: &Path, processor: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", processor]).arg(program);
    command
}

fn median(figures: &[f64]) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
