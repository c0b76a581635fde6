//! What a session makes of a server that is slow, and of one that is dead.

use tokio::io::{DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::*;
use crate::{Config, Login, Role};

const OWN: &str = "ven1@d.example/client";
const PEER: &str = "vtn@d.example/EiEvent";

/// Nobody asks anything.
struct Unasked;

impl Requests for Unasked {
    async fn request(&self, _: Iq, _: &Session) {}

    async fn too_long(&self, _: Head, _: &Session) {}

    async fn finish(&self) {}
}

/// The server's end of a connection that holds so much.
struct Server {
    io: DuplexStream,
    unread: String,
}

impl Server {
    async fn say(&mut self, text: &str) {
        self.io.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads at most so many bytes.
    async fn take(&mut self, most: usize) {
        let mut buffer = vec![0; most];
        let count = self.io.read(&mut buffer).await.unwrap();
        assert!(count > 0, "closed");
        self.unread
            .push_str(str::from_utf8(&buffer[..count]).unwrap());
    }

    /// Reads up to and with this, fast.
    async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(read) = self.next(end) {
                return read;
            }
            self.take(1024).await;
        }
    }

    /// What has been read up to and with this.
    fn next(&mut self, end: &str) -> Option<String> {
        let at = self.unread.find(end)? + end.len();
        let rest = self.unread.split_off(at);
        Some(std::mem::replace(&mut self.unread, rest))
    }

    /// Answers what has been read; says how much of it was no ping.
    async fn answer(&mut self) -> usize {
        let mut count = 0;
        while let Some(stanza) = self.next("</iq>") {
            let of = |name: &str| {
                let (_, rest) = stanza.split_once(&format!(" {name}='")).unwrap();
                rest.split_once('\'').unwrap().0
            };
            let (id, from) = (of("id"), of("to"));
            count += usize::from(from == PEER);
            self.say(&format!("<iq type='result' id='{id}' from='{from}'/>"))
                .await;
        }
        count
    }
}

/// A session over a connection that holds so much, and what it ends with.
async fn session(room: usize, ping_every: u64) -> (Arc<Link>, Server, JoinHandle<Ended>) {
    session_until(room, ping_every, std::future::pending()).await
}

/// The same, until it is to end.
async fn session_until(
    room: usize,
    ping_every: u64,
    closing: impl Future<Output = ()> + Send + 'static,
) -> (Arc<Link>, Server, JoinHandle<Ended>) {
    let mut config = Config::new(OWN.parse().unwrap(), Login::Certificate, Role::Ven);
    config.ping_every = Duration::from_secs(ping_every);
    let link = Link::new(config);
    let (ours, io) = duplex(room);
    let unread = String::new();
    let mut server = Server { io, unread };
    let connected = Connected {
        connection: Box::new(ours),
        valid_for: None,
    };
    let serve = async {
        server.until("streams'>").await;
        server
            .say("<s:s xmlns:s='http://etherx.jabber.org/streams'><s:features/>")
            .await;
        let wanted = server.until("</iq>").await;
        let (_, id) = wanted.split_once(" id='").unwrap();
        let id = id.split_once('\'').unwrap().0;
        let bound = format!("<bind xmlns='{BIND}'><jid>{OWN}</jid></bind>");
        server
            .say(&format!("<iq type='result' id='{id}'>{bound}</iq>"))
            .await;
        server.until("<presence/>").await;
    };
    let (bound, ()) = tokio::join!(Bound::new(connected, &link), serve);
    let bound = bound.map_err(|ended| format!("{ended:?}")).unwrap();
    let running = tokio::spawn({
        let link = Arc::clone(&link);
        async move { bound.run(&link, &Unasked, closing).await }
    });
    (link, server, running)
}

/// Asks the peer with a request of so many bytes, about.
fn ask(link: &Arc<Link>, length: usize) -> JoinHandle<Result<Iq, SendError>> {
    let link = Arc::clone(link);
    let content = format!("<a>{}</a>", "x".repeat(length));
    tokio::spawn(async move {
        let peer = Addressee::Peer(PEER.parse().unwrap());
        link.ask(peer, Kind::Set, content.as_bytes()).await
    })
}

/// A thousand VENs were pushed to, and pushed to again, because the ping had to wait behind the pushes.
#[tokio::test(start_paused = true)]
async fn a_session_with_much_to_write_is_not_left() {
    let (link, mut server, running) = session(1024, 5).await;
    let asked: Vec<_> = (0..400).map(|_| ask(&link, 1000)).collect();
    let mut answered = 0;
    // All of it takes minutes; after that it has nothing to do but to answer pings.
    for _ in 0..600 {
        sleep(Duration::from_secs(1)).await;
        tokio::select! {
            () = server.take(4096) => {}
            () = sleep(Duration::from_secs(8)) => {}
        }
        answered += server.answer().await;
        assert!(!running.is_finished(), "left");
    }
    assert!(answered > ROOM, "{answered}");
    for asked in asked {
        // Who waited for too long knows it.
        let asked = asked.await.unwrap();
        assert!(
            matches!(asked, Ok(_) | Err(SendError::TimedOut { .. })),
            "{asked:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_something_is_there() {
    let (_link, mut server, running) = session(1 << 20, 5).await;
    for _ in 0..100 {
        sleep(Duration::from_secs(7)).await;
        server.say(" ").await;
        assert!(!running.is_finished(), "left");
    }
}

/// It was said again from its beginning, for ever.
#[tokio::test(start_paused = true)]
async fn a_long_request_has_the_time_that_a_slow_line_takes_for_it() {
    let (link, mut server, running) = session(16_384, 5).await;
    let begun = Instant::now();
    let asked = ask(&link, 450_000);
    while server.answer().await == 0 {
        sleep(Duration::from_secs(1)).await;
        server.take(10_000).await;
    }
    assert!(asked.await.unwrap().is_ok());
    assert!(begun.elapsed() > Duration::from_secs(45));
    assert!(!running.is_finished(), "left");
}

#[tokio::test(start_paused = true)]
async fn an_answers_time_begins_when_the_request_is_written() {
    let (link, mut server, _running) = session(4096, 60).await;
    let long = ask(&link, 40_000);
    tokio::task::yield_now().await;
    let short = ask(&link, 10);
    // The second one is written after 10 s, and answered 8 s later.
    for _ in 0..10 {
        sleep(Duration::from_secs(1)).await;
        server.take(4096).await;
    }
    sleep(Duration::from_secs(8)).await;
    assert_eq!(server.answer().await, 2);
    assert!(long.await.unwrap().is_ok());
    assert!(short.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_a_queue_does_not_wait_for_ever() {
    let (link, mut server, running) = session(1024, 60).await;
    let begun = Instant::now();
    let _long = ask(&link, 1_000_000);
    tokio::task::yield_now().await;
    let short = ask(&link, 10);
    let reading = tokio::spawn(async move {
        loop {
            sleep(Duration::from_secs(1)).await;
            server.take(1024).await;
        }
    });
    let limit = Duration::from_secs(20);
    assert!(matches!(short.await.unwrap(), Err(SendError::TimedOut { after }) if after == limit));
    assert!(begun.elapsed() < Duration::from_secs(21));
    assert!(!running.is_finished(), "left");
    reading.abort();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_nothing_is_left() {
    let (link, _server, running) = session(1024, 3600).await;
    let begun = Instant::now();
    let asked = ask(&link, 100_000);
    let ended = running.await.unwrap();
    assert!(
        matches!(&ended, Ended::Lost(error) if error.to_string().contains("takes nothing")),
        "{ended:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(11));
    assert!(matches!(asked.await.unwrap(), Err(SendError::NotConnected)));
}

/// What is written into a buffer of this machine is taken at once, and proves nothing.
#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_is_left_although_there_is_room() {
    let (link, _server, running) = session(1 << 20, 60).await;
    let begun = Instant::now();
    let writing = tokio::spawn(async move {
        loop {
            sleep(Duration::from_secs(1)).await;
            let Some(session) = link.session() else { break };
            session.send(b"<presence/>".to_vec()).await;
        }
    });
    let ended = running.await.unwrap();
    assert!(
        matches!(&ended, Ended::Lost(error) if error.to_string().contains("pings")),
        "{ended:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(71));
    writing.await.unwrap();
}

/// What was to be said before it could take hours.
#[tokio::test(start_paused = true)]
async fn a_session_ends_soon_although_much_is_to_be_said() {
    let closing = sleep(Duration::from_secs(60));
    let (link, mut server, mut running) = session_until(1024, 60, closing).await;
    let _asked: Vec<_> = (0..400).map(|_| ask(&link, 100_000)).collect();
    let begun = Instant::now();
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut running => break ended.unwrap(),
            () = sleep(Duration::from_secs(1)) => server.take(1024).await,
        }
    };
    assert!(matches!(ended, Ended::Closed), "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(70));
}
