//! A recording proxy on loopback between a client and a server of HTTP/1.1.
//!
//! It keeps every request and reply, can lose a reply on the wire, and survives its server: the
//! client keeps one address while the server is killed and comes back elsewhere. Bodies are
//! bytes to it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::failure::Failure;
use crate::http::{Head, read_message};

/// How long the server may take to answer.
const LIMIT: Duration = Duration::from_secs(30);

/// A running proxy; it stops with its handle.
#[derive(Debug)]
pub struct Tap {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// One request and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Where the request went, e.g. `/OpenADR2/Simple/2.0b/OadrPoll`.
    pub path: String,
    /// The request's body.
    pub request: Vec<u8>,
    /// The reply, once the server gave one.
    pub reply: Option<Reply>,
}

/// What the server replied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it was passed on to the client.
    pub fate: Fate,
}

/// Whether a reply reached the client's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Passed on.
    Delivered,
    /// Lost on the wire: cut on purpose, or the client was gone.
    Lost,
}

type Matcher = Box<dyn Fn(&str, &Reply) -> bool + Send>;

struct Shared {
    server: Mutex<SocketAddr>,
    exchanges: Mutex<Vec<Exchange>>,
    cuts: Mutex<Vec<Matcher>>,
    live: Mutex<BTreeMap<u64, TcpStream>>,
    stopped: AtomicBool,
}

impl Tap {
    /// Starts a proxy in front of `server`.
    ///
    /// # Errors
    ///
    /// When loopback has no port left.
    pub fn start(server: SocketAddr) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::io("cannot start a tap", &error);
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared {
            server: Mutex::new(server),
            exchanges: Mutex::default(),
            cuts: Mutex::default(),
            live: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Ok(Self { address, shared })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `url` with this proxy in place of its host and port.
    #[must_use]
    pub fn through(&self, url: &str) -> String {
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        format!("http://{}/{path}", self.address)
    }

    /// Sends new connections to another server.
    pub fn redirect(&self, server: SocketAddr) {
        *lock(&self.shared.server) = server;
    }

    /// Loses the next reply that fits by its request's path and itself: the connection is cut
    /// before the client reads it.
    pub fn cut_reply(&self, fits: impl Fn(&str, &Reply) -> bool + Send + 'static) {
        lock(&self.shared.cuts).push(Box::new(fits));
    }

    /// Everything that went through so far, in the order of the requests.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        lock(&self.shared.exchanges).clone()
    }

    /// What went through after the first `count` requests.
    #[must_use]
    pub fn exchanges_after(&self, count: usize) -> Vec<Exchange> {
        let exchanges = lock(&self.shared.exchanges);
        exchanges.get(count..).unwrap_or_default().to_vec()
    }

    /// How many requests went through so far.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.shared.exchanges).len()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then sees the flag.
        drop(TcpStream::connect(self.address));
        for stream in lock(&self.shared.live).values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("server", &*lock(&self.server))
            .finish_non_exhaustive()
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (number, stream) in (0..).zip(listener.incoming()) {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = stream else { continue };
        if let Ok(copy) = client.try_clone() {
            lock(&shared.live).insert(number, copy);
        }
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // The end of a connection, however it comes, is the end of its thread.
            let _ = relay(&client, &shared);
            let _ = client.shutdown(Shutdown::Both);
            lock(&shared.live).remove(&number);
        });
    }
}

/// Passes requests and replies until either side closes.
fn relay(client: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut from_client = BufReader::new(client);
    let mut server: Option<BufReader<TcpStream>> = None;
    loop {
        let (mut head, body) = read_message(&mut from_client)?;
        // The record must be readable, so compression is not asked for.
        head.headers
            .retain(|(name, _)| name != "accept-encoding" && name != "expect");
        let number = shared.note(&head, &body);

        let server = match &mut server {
            Some(server) => server,
            None => {
                let stream = TcpStream::connect(*lock(&shared.server))?;
                stream.set_read_timeout(Some(LIMIT))?;
                stream.set_nodelay(true)?;
                server.insert(BufReader::new(stream))
            }
        };
        let mut message = head.to_bytes();
        message.extend_from_slice(&body);
        server.get_mut().write_all(&message)?;
        let (head, body) = read_message(server)?;

        let mut message = head.to_bytes();
        message.extend_from_slice(&body);
        if shared.note_reply(number, &head, body) == Fate::Lost {
            return Ok(());
        }
        if let Err(error) = (&*client).write_all(&message) {
            shared.note_loss(number);
            return Err(error);
        }
        if closes(&head) {
            return Ok(());
        }
    }
}

fn closes(head: &Head) -> bool {
    head.header("connection")
        .is_some_and(|value| value.eq_ignore_ascii_case("close"))
}

impl Shared {
    fn note(&self, head: &Head, body: &[u8]) -> usize {
        let path = head
            .first_line
            .split(' ')
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        let mut exchanges = lock(&self.exchanges);
        exchanges.push(Exchange {
            path,
            request: body.to_vec(),
            reply: None,
        });
        exchanges.len() - 1
    }

    /// Keeps the reply and decides its fate: noted as delivered before it is, so that whoever has
    /// read it finds it so.
    fn note_reply(&self, number: usize, head: &Head, body: Vec<u8>) -> Fate {
        let status = head
            .first_line
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse().ok());
        let reply = Reply {
            status: status.unwrap_or_default(),
            body,
            fate: Fate::Delivered,
        };
        let mut exchanges = lock(&self.exchanges);
        let Some(exchange) = exchanges.get_mut(number) else {
            return Fate::Lost;
        };
        let reply = exchange.reply.insert(reply);
        let mut cuts = lock(&self.cuts);
        let Some(index) = cuts.iter().position(|fits| fits(&exchange.path, reply)) else {
            return Fate::Delivered;
        };
        drop(cuts.remove(index));
        reply.fate = Fate::Lost;
        Fate::Lost
    }

    fn note_loss(&self, number: usize) {
        if let Some(exchange) = lock(&self.exchanges).get_mut(number)
            && let Some(reply) = &mut exchange.reply
        {
            reply.fate = Fate::Lost;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Base;

    /// A server that answers every request with its body, in capitals, on kept connections.
    fn shouting_server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                thread::spawn(move || {
                    let mut reader = BufReader::new(&stream);
                    while let Ok((head, body)) = read_message(&mut reader) {
                        assert_eq!(head.header("accept-encoding"), None);
                        let body = String::from_utf8(body).unwrap().to_uppercase();
                        let length = body.len();
                        let text =
                            format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
                        (&stream).write_all(text.as_bytes()).unwrap();
                    }
                });
            }
        });
        address
    }

    fn client(tap: &Tap) -> Base {
        Base {
            address: tap.address(),
            prefix: String::new(),
            token: None,
        }
    }

    #[test]
    fn both_directions_are_recorded_in_order() {
        let tap = Tap::start(shouting_server()).unwrap();
        for text in ["one", "two"] {
            let answer = client(&tap).xml("/Echo", text.as_bytes()).unwrap();
            assert_eq!(answer.body, text.to_uppercase().as_bytes());
        }
        let seen: Vec<_> = tap
            .exchanges()
            .into_iter()
            .map(|exchange| {
                assert_eq!(exchange.path, "/Echo");
                let reply = exchange.reply.unwrap();
                assert_eq!((reply.status, reply.fate), (200, Fate::Delivered));
                (exchange.request, reply.body)
            })
            .collect();
        assert_eq!(
            seen,
            [
                (b"one".to_vec(), b"ONE".to_vec()),
                (b"two".to_vec(), b"TWO".to_vec())
            ]
        );
    }

    #[test]
    fn a_kept_connection_carries_several_requests() {
        let tap = Tap::start(shouting_server()).unwrap();
        let stream = TcpStream::connect(tap.address()).unwrap();
        let mut reader = BufReader::new(&stream);
        for text in ["a", "b", "c"] {
            let request = format!(
                "POST /Echo HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\ncontent-length: 1\r\n\r\n{text}"
            );
            (&stream).write_all(request.as_bytes()).unwrap();
            let (_, body) = read_message(&mut reader).unwrap();
            assert_eq!(body, text.to_uppercase().as_bytes());
        }
        assert_eq!(tap.count(), 3);
    }

    #[test]
    fn one_fitting_reply_is_lost_and_the_next_is_not() {
        let tap = Tap::start(shouting_server()).unwrap();
        tap.cut_reply(|path, reply| path == "/Echo" && reply.body == b"LOSE ME");
        assert!(client(&tap).xml("/Echo", b"keep me").is_ok());
        assert!(client(&tap).xml("/Echo", b"lose me").is_err());
        assert!(client(&tap).xml("/Echo", b"lose me").is_ok());
        let fates: Vec<_> = tap
            .exchanges()
            .into_iter()
            .map(|exchange| exchange.reply.unwrap().fate)
            .collect();
        assert_eq!(fates, [Fate::Delivered, Fate::Lost, Fate::Delivered]);
    }

    #[test]
    fn a_server_that_moved_is_found_again() {
        // Bound and closed at once: nobody listens there.
        let nobody = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let tap = Tap::start(nobody).unwrap();
        assert!(client(&tap).xml("/Echo", b"a").is_err());
        tap.redirect(shouting_server());
        assert!(client(&tap).xml("/Echo", b"a").is_ok());
        assert_eq!(tap.exchanges()[0].reply, None);
    }

    #[test]
    fn urls_lead_through_the_tap() {
        let tap = Tap::start(shouting_server()).unwrap();
        let url = tap.through("http://127.0.0.1:1/OpenADR2/Simple/2.0b");
        assert_eq!(
            url,
            format!("http://{}/OpenADR2/Simple/2.0b", tap.address())
        );
    }
}
