//! The core on plain blocking sockets, with no async runtime: `cargo run -p oadr-core --example blocking`.
//!
//! Without an argument a VTN serves on a free port of this machine, and a VEN registers with it, gets
//! an event and answers it. With an address (`127.0.0.1:8080`) the VTN serves there until it is
//! stopped. Nothing proves who a VEN is: keep it on loopback.
//!
//! What it knows of HTTP/1.1 is what two peers that keep to OpenADR need: POST, one Content-Length, and
//! bounds on bytes, time and connections. `oadr-http` knows the rest.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a host: clocks, threads and locks are its business"
)]

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use chrono::TimeDelta;
use oadr_core::codec::{DecodeOptions, decode, encode};
use oadr_core::memory::{VenHost, VtnConfig, VtnHost};
use oadr_core::payload::{EventSignal, Interval, Message, Payload, StreamPayload};
use oadr_core::value::{
    DateTime, Float, NonEmpty, OptType, ResponseRequired, ServiceName, SignalId, SignalName,
    SignalType, Text, VtnId,
};
use oadr_core::ven::{Context, Failure, OptPolicy, Outgoing};
use oadr_core::vtn::{Audience, DeliveryStatus, EventBody, EventDraft, Reply};
use oadr_core::{Peer, Profile, value};

type Failed = Box<dyn Error + Send + Sync>;

/// The path before the service's name (rule 511).
const ROOT: &str = "/OpenADR2/Simple/2.0b/";
/// The longest header, in bytes.
const LONGEST_HEAD: u64 = 8 * 1024;
/// The longest body, in bytes.
const LONGEST_BODY: usize = 1024 * 1024;
/// How much of what follows a refused request is read and thrown away, in bytes.
const LONGEST_REST: u64 = 1024 * 1024;
/// How long a whole message may take, and how long a connection may be silent before it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at the same time; more are closed unheard.
const MOST_CONNECTIONS: usize = 64;

fn main() -> Result<(), Failed> {
    let Some(address) = std::env::args().nth(1) else {
        return show();
    };
    let listener = TcpListener::bind(address)?;
    println!(
        "http://{}{ROOT}; stop it with Ctrl-C",
        listener.local_addr()?
    );
    serve(&listener, &Arc::new(Vtn::new()?));
    Ok(())
}

/// Both sides, on a free port.
fn show() -> Result<(), Failed> {
    let vtn = Arc::new(Vtn::new()?);
    vtn.announce(now() + TimeDelta::hours(1))?;
    let address = serve_in_background(&vtn)?;
    println!("VTN: listens on {address}");
    let mut ven = Ven::new(address)?;
    ven.live_until(|| vtn.has_answer())?;
    println!("VTN: has the answer");
    Ok(())
}

/// A VTN in memory; a lock is all that threads need.
struct Vtn {
    host: Mutex<VtnHost>,
    connections: AtomicUsize,
}

impl Vtn {
    fn new() -> Result<Self, Failed> {
        Ok(Self {
            host: Mutex::new(VtnHost::new(VtnConfig::new(VtnId::new("VTN-blocking")?))),
            connections: AtomicUsize::new(0),
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut VtnHost) -> T) -> T {
        let mut host = self.host.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = work(&mut host);
        for (_, _, effect) in host.take_effects() {
            println!("VTN: {effect:?}");
        }
        outcome
    }

    /// An hour at level 1.
    fn announce(&self, start: DateTime) -> Result<(), Failed> {
        let body = EventBody::new(EventDraft {
            market_context: "http://example.com/blocking".parse()?,
            priority: None,
            test_event: None,
            vtn_comment: None,
            response_required: ResponseRequired::Always,
            start,
            duration: None,
            start_after: None,
            notification: None,
            ramp_up: None,
            recovery: None,
            signals: vec![EventSignal {
                intervals: NonEmpty::one(Interval {
                    start: None,
                    duration: Some(value::Duration::hours(1)),
                    uid: None,
                    payloads: NonEmpty::one(StreamPayload::Signal(Payload::Float(Float::from(
                        1.0,
                    )))),
                }),
                target: None,
                signal_name: SignalName::Simple,
                signal_type: SignalType::Level,
                signal_id: SignalId::new("level")?,
                item_base: None,
                current_value: None,
            }],
            baseline: None,
            target: None,
            modification_reason: None,
        })?;
        let entropy = entropy()?;
        let audience = Audience::by_target();
        self.with(|host| host.create_event(None, audience, body, now(), entropy))?;
        Ok(())
    }

    fn has_answer(&self) -> bool {
        self.with(|host| {
            let mut deliveries = host.deliveries();
            deliveries.any(|delivery| delivery.status == DeliveryStatus::Answered)
        })
    }

    fn answer(&self, message: Message) -> io::Result<Vec<u8>> {
        let (waking, entropy) = (entropy()?, entropy()?);
        let reply = self.with(|host| {
            // What time alone brings is done when somebody asks; a host that has to tell of it in
            // time waits for `next_deadline` in a thread of its own.
            // VENs poll here: nothing is pushed.
            host.wake(now(), waking);
            host.handle(Peer::Unproven, Profile::B, message, now(), entropy)
        });
        Ok(match reply {
            Reply::Message(message) => encode(&message),
            Reply::Empty | Reply::Push(_) | Reply::Forbidden => Vec::new(),
        })
    }
}

fn serve_in_background(vtn: &Arc<Vtn>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let vtn = Arc::clone(vtn);
    thread::spawn(move || serve(&listener, &vtn));
    Ok(address)
}

/// A thread for each connection.
fn serve(listener: &TcpListener, vtn: &Arc<Vtn>) {
    for stream in listener.incoming() {
        // A connection that broke before it was accepted.
        let Ok(stream) = stream else { continue };
        let vtn = Arc::clone(vtn);
        if vtn.connections.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTIONS {
            vtn.connections.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        thread::spawn(move || {
            // However it ended, it concerns nobody else.
            let _ = converse(stream, &vtn);
            vtn.connections.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// One request after the other, until the peer leaves or says something that cannot be followed.
fn converse(stream: TcpStream, vtn: &Vtn) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut out = stream.try_clone()?;
    let mut input = BufReader::new(Patient::new(stream));
    loop {
        input.get_mut().begin();
        let answer = match read_request(&mut input)? {
            None => return Ok(()),
            Some(Ok(message)) => vtn.answer(message)?,
            Some(Err(refusal)) => {
                let Refusal(status, text) = refusal;
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\n\
                     content-length: {}\r\nconnection: close\r\n\r\n",
                    text.len()
                );
                out.write_all(&[head.as_bytes(), text.as_bytes()].concat())?;
                // A socket closed with something unread takes back what it has sent.
                out.shutdown(Shutdown::Write)?;
                let rest = &mut input.take(LONGEST_REST);
                return io::copy(rest, &mut io::sink()).map(|_| ());
            }
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/xml\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        out.write_all(&[head.as_bytes(), &answer].concat())?;
    }
}

/// Status and explanation.
struct Refusal(&'static str, String);

fn refuse<T>(status: &'static str, text: &str) -> Option<Result<T, Refusal>> {
    Some(Err(Refusal(status, text.to_owned())))
}

/// The message in the next request, or what is wrong with it; `None` if there is none.
fn read_request(input: &mut impl BufRead) -> io::Result<Option<Result<Message, Refusal>>> {
    let Some(head) = read_head(input)? else {
        return Ok(None);
    };
    let Some(head) = head else {
        return Ok(refuse("431 Request Header Fields Too Large", "header"));
    };
    let mut words = head.start.split(' ');
    let (method, path) = (words.next(), words.next().unwrap_or_default());
    if method != Some("POST") {
        return Ok(refuse("501 Not Implemented", "only POST is supported"));
    }
    let name = path.strip_prefix(ROOT).unwrap_or_default();
    let service = ServiceName::ALL.iter().find(|s| s.as_str() == name);
    let Some(service) = service else {
        return Ok(refuse("404 Not Found", "no OpenADR 2.0b service here"));
    };
    if head.content_type.as_deref() != Some("application/xml") {
        return Ok(refuse("406 Not Acceptable", "not application/xml"));
    }
    let Some(length) = head.content_length else {
        return Ok(refuse("411 Length Required", "one Content-Length, please"));
    };
    if length > LONGEST_BODY {
        return Ok(refuse("413 Content Too Large", "the body is too long"));
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    Ok(Some(match decode(&body, &DecodeOptions::default()) {
        Ok(decoded) => match decoded.message.kind().service() {
            Some(own) if own != *service => {
                return Ok(refuse("404 Not Found", "the message of another service"));
            }
            Some(_) | None => Ok(decoded.message),
        },
        Err(error) => Err(Refusal("406 Not Acceptable", error.to_string())),
    }))
}

/// What matters of a header.
#[derive(Default)]
struct Head {
    start: String,
    content_type: Option<String>,
    content_length: Option<usize>,
}

/// The next header: `None` at the end of the connection, `Some(None)` if it is too long or no text.
fn read_head(input: &mut impl BufRead) -> io::Result<Option<Option<Head>>> {
    let mut limited = input.take(LONGEST_HEAD);
    let mut head = Head::default();
    let mut lengths = 0;
    loop {
        let mut line = Vec::new();
        if limited.read_until(b'\n', &mut line)? == 0 && head.start.is_empty() {
            return Ok(None);
        }
        let Some(line) = line.strip_suffix(b"\r\n").map(String::from_utf8_lossy) else {
            return Ok(Some(None));
        };
        if line.is_empty() && !head.start.is_empty() {
            // Two lengths, or chunks: whoever cannot say where a body ends is not asked again.
            if lengths > 1 {
                head.content_length = None;
            }
            return Ok(Some(Some(head)));
        }
        if head.start.is_empty() {
            head.start = line.into_owned();
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-type" => head.content_type = Some(value.to_ascii_lowercase()),
            "content-length" if value.bytes().all(|b| b.is_ascii_digit()) => {
                head.content_length = value.parse().ok();
                lengths += 1;
            }
            "content-length" | "transfer-encoding" => lengths = 2,
            _ => {}
        }
    }
}

/// A stream that loses its patience: a message has so much time as a whole, however it trickles in.
struct Patient {
    stream: TcpStream,
    until: Instant,
}

impl Patient {
    fn new(stream: TcpStream) -> Self {
        let until = Instant::now() + PATIENCE;
        Self { stream, until }
    }

    fn begin(&mut self) {
        self.until = Instant::now() + PATIENCE;
    }
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}

/// A VEN in memory and the VTN that it talks to.
struct Ven {
    host: VenHost,
    vtn: SocketAddr,
}

impl Ven {
    fn new(vtn: SocketAddr) -> Result<Self, Failed> {
        let host = VenHost::new(Context {
            opt: OptPolicy::Always(OptType::OptIn),
            ..Context::new(Text::new("house")?)
        });
        Ok(Self { host, vtn })
    }

    /// Sends what the machine wants sent and waits until it wants to be woken.
    fn live_until(&mut self, is_over: impl Fn() -> bool) -> Result<(), Failed> {
        let mut outgoing = self.host.start(now(), entropy()?);
        loop {
            while let Some(request) = outgoing {
                outgoing = self.exchange(&request)?;
                for (_, effect) in self.host.take_effects() {
                    println!("VEN: {effect:?}");
                }
            }
            if is_over() {
                return Ok(());
            }
            let Some(deadline) = self.host.next_deadline() else {
                return Err("nothing left to wait for".into());
            };
            if let Ok(pause) = (deadline - now()).to_std() {
                thread::sleep(pause);
            }
            outgoing = self.host.wake(now(), entropy()?);
        }
    }

    fn exchange(&mut self, request: &Outgoing) -> Result<Option<Outgoing>, Failed> {
        let Outgoing {
            exchange,
            service,
            message,
        } = request;
        let reply = self.post(*service, message);
        let (now, entropy) = (now(), entropy()?);
        Ok(match reply {
            Ok(reply) => self.host.replied(*exchange, reply, now, entropy),
            Err(error) => {
                println!("VEN: {error}");
                let failure = Failure::Unreachable;
                self.host.failed(*exchange, failure, now, entropy)
            }
        })
    }

    /// A request on a connection of its own.
    fn post(&self, service: ServiceName, message: &Message) -> io::Result<Option<Message>> {
        let stream = TcpStream::connect_timeout(&self.vtn, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let document = encode(message);
        let head = format!(
            "POST {ROOT}{service} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/xml\r\n\
             content-length: {}\r\n\r\n",
            self.vtn,
            document.len()
        );
        (&stream).write_all(&[head.as_bytes(), &document].concat())?;
        let mut input = BufReader::new(Patient::new(stream));
        let head = read_head(&mut input)?.flatten().unwrap_or_default();
        if head.start.split(' ').nth(1) != Some("200") {
            return Err(io::Error::other(head.start));
        }
        let length = head.content_length.filter(|n| *n <= LONGEST_BODY);
        let length = length.ok_or(io::ErrorKind::InvalidData)?;
        if length == 0 {
            return Ok(None);
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body)?;
        let decoded = decode(&body, &DecodeOptions::default()).map_err(io::Error::other)?;
        Ok(Some(decoded.message))
    }
}

fn now() -> DateTime {
    SystemTime::now().into()
}

/// 32 bytes that nobody guesses, where the operating system has them.
fn entropy() -> io::Result<[u8; 32]> {
    let mut entropy = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut entropy)?;
    Ok(entropy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ven_registers_and_answers_an_event_over_blocking_sockets() {
        show().unwrap();
    }

    /// Sends this, closes the writing side and returns everything that comes back.
    fn say(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn bad_requests_are_refused_and_others_are_served_meanwhile() {
        let vtn = Arc::new(Vtn::new().unwrap());
        let address = serve_in_background(&vtn).unwrap();
        // Somebody who says nothing.
        let _silent = TcpStream::connect(address).unwrap();
        let post = |path: &str, rest: &str| format!("POST {path} HTTP/1.1\r\n{rest}");
        let poll = format!("{ROOT}OadrPoll");
        let xml = "content-type: application/xml\r\n";
        for (request, status) in [
            ("GET / HTTP/1.1\r\n\r\n".to_owned(), "501"),
            (post("/", "\r\n"), "404"),
            (post(&poll, "content-length: 0\r\n\r\n"), "406"),
            (post(&poll, &format!("{xml}\r\n")), "411"),
            (
                post(&poll, &format!("{xml}content-length: x\r\n\r\n")),
                "411",
            ),
            (
                post(&poll, &format!("{xml}transfer-encoding: chunked\r\n\r\n")),
                "411",
            ),
            (
                post(&poll, &format!("{xml}content-length: 99999999\r\n\r\n")),
                "413",
            ),
            (
                post(&poll, &format!("{xml}content-length: 4\r\n\r\n<a/>")),
                "406",
            ),
            (post(&poll, &"x: y\r\n".repeat(3_000)), "431"),
        ] {
            let answer = say(address, &request);
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{answer}"
            );
        }
        // Ended early: no answer, and no harm.
        let early = post(&poll, &format!("{xml}content-length: 9\r\n\r\n<a"));
        assert_eq!(say(address, &early), "");
        assert_eq!(say(address, ""), "");
    }
}
