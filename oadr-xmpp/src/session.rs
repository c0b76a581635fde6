//! One session on one connection: from its stream's start tag to the end.
//!
//! Knows nothing of how the account logged in, nor what becomes of a session that ends.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use oadr_core::Jid;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::task::coop::unconstrained;

use crate::SendError;
use crate::connect::{Connected, Connection, failed};
use crate::frame::{Frame, Framer};
use crate::link::{Addressee, Link, Outgoing, Session};
use crate::stanza::{Failure, Head, Iq, Stanza};
use crate::write::{self, Kind};

/// How much is read at once, in bytes.
const READ: usize = 16 * 1024;
/// How much is gathered to be written at once, in bytes.
const WRITE: usize = 64 * 1024;
/// How much of it is written at once, in bytes: a slow line takes that much in time, TLS and all.
const PIECE: usize = 8 * 1024;
/// How many stanzas may wait to be written; who has another one waits for room.
const ROOM: usize = 256;
/// How long what is still to be said may take at the end, and then the server to close its side.
const CLOSING: Duration = Duration::from_secs(2);
const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
const PING: &[u8] = b"<ping xmlns='urn:xmpp:ping'/>";

/// Why a session ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// We wanted it.
    Closed,
    Lost(io::Error),
    /// Another session has the JID.
    Replaced,
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

/// Who works off what peers ask.
pub(crate) trait Requests {
    /// A request arrived; must not wait for its answer.
    fn request(&self, iq: Iq, session: &Session) -> impl Future<Output = ()> + Send;

    /// A request arrived that is too long to be read.
    fn too_long(&self, head: Head, session: &Session) -> impl Future<Output = ()> + Send;

    /// Takes no more requests, and gives those that are being worked off a moment. Nothing of them goes on
    /// after it.
    fn finish(&self) -> impl Future<Output = ()> + Send;
}

/// How often the server has shown that it is there.
#[derive(Debug, Default)]
struct Signs(AtomicU64);

impl Signs {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A session that is bound and present.
pub(crate) struct Bound {
    reading: Reading,
    writing: WriteHalf<Box<dyn Connection>>,
    session: Session,
    waiting: mpsc::Receiver<Outgoing>,
    valid_for: Option<Duration>,
}

impl Bound {
    /// Opens the stream, binds the resource and announces itself. From then on it can be sent to.
    pub(crate) async fn new(connected: Connected, link: &Link) -> Result<Self, Ended> {
        let Connected {
            connection,
            valid_for,
        } = connected;
        let jid = &link.config.jid;
        let (reading, mut writing) = tokio::io::split(connection);
        let mut reading = Reading::new(reading, link.config.longest_stanza);
        let header = format!(
            "<?xml version='1.0'?><stream:stream to='{}' version='1.0' xml:lang='en' \
             xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
            jid.account().domain()
        );
        say(&mut writing, header.as_bytes()).await?;
        let longest = loop {
            match reading.stanza().await? {
                Some(Stanza::Features { longest }) => break longest,
                Some(Stanza::Error(failure)) => return Err(ended(failure)),
                Some(_) | None => {}
            }
        };
        let id = link.new_id();
        let mut wanted = format!("<bind xmlns='{BIND}'><resource>").into_bytes();
        write::escape(&mut wanted, jid.resource());
        wanted.extend_from_slice(b"</resource></bind>");
        say(&mut writing, &write::iq(Kind::Set, &id, None, &wanted)).await?;
        let answer = loop {
            match reading.stanza().await? {
                Some(Stanza::Iq(iq)) if iq.head.id == id => break iq,
                Some(Stanza::Error(failure)) => return Err(ended(failure)),
                Some(_) | None => {}
            }
        };
        if answer.head.kind != Kind::Result {
            let failure = answer.failure();
            return Err(if failure.condition == "conflict" {
                Ended::Replaced
            } else {
                failed(&format!("the server binds no session: {}", words(&failure))).into()
            });
        }
        let bind = answer.children.iter().find(|child| child.is(BIND, "bind"));
        let bound = bind
            .and_then(|bind| bind.text_of("jid"))
            .unwrap_or_default();
        // rule 515: one JID for all traffic, which the VTN was told.
        if bound.parse::<Jid>().as_ref() != Ok(jid) {
            return Err(failed(&format!("the server bound {bound:?} instead of {jid}")).into());
        }
        say(&mut writing, b"<presence/>").await?;
        let config = &link.config;
        let longest = longest.unwrap_or(usize::MAX).min(config.longest_stanza);
        let (session, waiting) = Session::new(ROOM, longest);
        link.up(session.clone());
        Ok(Self {
            reading,
            writing,
            session,
            waiting,
            valid_for,
        })
    }

    /// Works until it ends, or is to end.
    pub(crate) async fn run(
        self,
        link: &Link,
        requests: &impl Requests,
        closing: impl Future<Output = ()>,
    ) -> Ended {
        let session = &self.session;
        let signs = Arc::clone(&self.reading.signs);
        let patience = Patience {
            longest: link.config.answer_timeout,
            signs: &signs,
        };
        let writing = write_all(self.writing, self.waiting, patience);
        let ended = tokio::select! {
            ended = self.reading.read_all(link, requests, session) => ended,
            outcome = writing => outcome.err().map_or(Ended::Closed, Ended::Lost),
            error = ping(link, &signs) => Ended::Lost(error),
            error = expiry(self.valid_for) => Ended::Lost(error),
            // Goes on until what was said is written, and the server has closed its side.
            () = async {
                closing.await;
                requests.finish().await;
                let last = b"<presence type='unavailable'/></stream:stream>".to_vec();
                // What waits before it may be much, and the server slow.
                let _ = tokio::time::timeout(CLOSING, session.end(last)).await;
                tokio::time::sleep(CLOSING).await;
            } => Ended::Closed,
        };
        link.down();
        ended
    }
}

/// What the server says.
struct Reading {
    connection: ReadHalf<Box<dyn Connection>>,
    framer: Framer,
    buffer: Vec<u8>,
    /// The part of the buffer that is not looked at yet.
    rest: std::ops::Range<usize>,
    signs: Arc<Signs>,
}

impl Reading {
    fn new(connection: ReadHalf<Box<dyn Connection>>, longest: usize) -> Self {
        Self {
            connection,
            framer: Framer::new(longest),
            buffer: vec![0; READ],
            rest: 0..0,
            signs: Arc::default(),
        }
    }

    async fn frame(&mut self) -> io::Result<Frame> {
        loop {
            let mut bytes = self.buffer.get(self.rest.clone()).unwrap_or_default();
            let frame = self.framer.take(&mut bytes).map_err(invalid)?;
            self.rest.start = self.rest.end.saturating_sub(bytes.len());
            if let Some(frame) = frame {
                return Ok(frame);
            }
            let count = self.connection.read(&mut self.buffer).await?;
            if count == 0 {
                return Err(failed("the server closed the connection"));
            }
            self.signs.add();
            self.rest = 0..count;
        }
    }

    /// The next stanza, if the next piece is one that can be read.
    async fn stanza(&mut self) -> io::Result<Option<Stanza>> {
        match self.frame().await? {
            Frame::Stanza(bytes) => Stanza::read(&bytes).map(Some).map_err(invalid),
            Frame::Opened | Frame::TooLong(_) => Ok(None),
            Frame::Closed => Err(failed("the server closed the stream")),
        }
    }

    async fn read_all(mut self, link: &Link, requests: &impl Requests, session: &Session) -> Ended {
        loop {
            let bytes = match self.frame().await {
                Ok(Frame::Stanza(bytes)) => bytes,
                Ok(Frame::TooLong(beginning)) => {
                    if let Some(head) = Head::of_beginning(&beginning) {
                        match head.kind {
                            Kind::Result | Kind::Error => link.too_long(&head),
                            Kind::Get | Kind::Set => requests.too_long(head, session).await,
                        }
                    }
                    continue;
                }
                Ok(Frame::Opened) => continue,
                Ok(Frame::Closed) => return failed("the server closed the stream").into(),
                Err(error) => return error.into(),
            };
            match Stanza::read(&bytes) {
                Ok(Stanza::Iq(iq)) => match iq.head.kind {
                    Kind::Result | Kind::Error => link.answered(iq),
                    Kind::Get | Kind::Set => requests.request(iq, session).await,
                },
                Ok(Stanza::Error(failure)) => return ended(failure),
                Ok(Stanza::Features { .. } | Stanza::Other) => {}
                Err(malformed) => return invalid(malformed).into(),
            }
        }
    }
}

/// Writes what goes out; ends after the last of it. A server that takes nothing for so long is dead.
async fn write_all(
    mut connection: WriteHalf<Box<dyn Connection>>,
    mut waiting: mpsc::Receiver<Outgoing>,
    patience: Patience<'_>,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut requests = Vec::new();
    while let Some(first) = waiting.recv().await {
        let mut next = Some(first);
        let mut is_last = false;
        while let Some(outgoing) = next {
            match outgoing {
                Outgoing::Stanza(stanza) => bytes.extend_from_slice(&stanza),
                Outgoing::Request(stanza, taken) => {
                    bytes.extend_from_slice(&stanza);
                    requests.push(taken);
                }
                Outgoing::End(last) => {
                    bytes.extend_from_slice(&last);
                    is_last = true;
                }
            }
            next = (!is_last && bytes.len() < WRITE)
                .then(|| waiting.try_recv().ok())
                .flatten();
        }
        for mut piece in bytes.chunks(PIECE) {
            while !piece.is_empty() {
                let written = patience.with(connection.write(piece)).await?;
                if written == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                piece = piece.get(written..).unwrap_or_default();
            }
            patience.with(connection.flush()).await?;
        }
        for taken in requests.drain(..) {
            // Whoever asked may not wait any more.
            let _ = taken.send(());
        }
        bytes.clear();
        bytes.shrink_to(WRITE);
        if is_last {
            // The server closes its side when it has read ours.
            let _ = patience.with(connection.shutdown()).await;
            std::future::pending::<()>().await;
        }
    }
    Ok(())
}

/// How long the server may take nothing.
struct Patience<'a> {
    longest: Duration,
    signs: &'a Signs,
}

impl Patience<'_> {
    /// What had to wait for room and got it is a sign of life. What is taken at once is none: it may be
    /// but in a buffer of this machine.
    async fn with<T>(&self, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        // Else a runtime that is busy would make it wait, too.
        let mut work = pin!(unconstrained(work));
        let mut has_waited = false;
        let watched = poll_fn(|context| {
            let polled = work.as_mut().poll(context);
            has_waited |= polled.is_pending();
            polled
        });
        let outcome = tokio::time::timeout(self.longest, watched)
            .await
            .unwrap_or_else(|_| Err(failed("the server takes nothing any more")))?;
        if has_waited {
            self.signs.add();
        }
        Ok(outcome)
    }
}

/// Asks the server whether it is there, now and then and when somebody doubts it; ends when it is not. One
/// that is slow, or has much to take before the ping, is there.
async fn ping(link: &Link, signs: &Signs) -> io::Error {
    let config = &link.config;
    let domain = config.jid.account().domain();
    loop {
        tokio::select! {
            () = tokio::time::sleep(config.ping_every) => {}
            () = link.doubted.notified() => {}
        }
        let server = Addressee::Domain(domain.to_owned());
        let before = signs.count();
        // Whatever the answer is, it is one. A ping without any is a doubt, so another one follows at once.
        let asked = link.ask(server, Kind::Get, PING).await;
        if matches!(asked, Err(SendError::TimedOut { .. })) && signs.count() == before {
            return failed("the server does not answer pings");
        }
    }
}

/// rule 516: nothing is said to a server whose certificate has expired, whenever that happens.
async fn expiry(valid_for: Option<Duration>) -> io::Error {
    match valid_for {
        Some(valid_for) => tokio::time::sleep(valid_for).await,
        None => std::future::pending().await,
    }
    failed("the server's certificate has expired")
}

/// What the session ended with, as the server says.
fn ended(failure: Failure) -> Ended {
    if failure.condition == "conflict" {
        Ended::Replaced
    } else {
        failed(&format!(
            "the server ended the session: {}",
            words(&failure)
        ))
        .into()
    }
}

fn words(failure: &Failure) -> String {
    match &failure.text {
        Some(text) => format!("{} ({text})", failure.condition),
        None => failure.condition.clone(),
    }
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

async fn say(writing: &mut WriteHalf<Box<dyn Connection>>, bytes: &[u8]) -> io::Result<()> {
    writing.write_all(bytes).await?;
    writing.flush().await
}

#[cfg(test)]
mod tests;
