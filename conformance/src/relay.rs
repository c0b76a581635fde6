//! A network of its own between TCP clients and a server, which can be cut and mended.
//!
//! Bytes are bytes to it. It keeps its address while the server is away, or comes back elsewhere.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::failure::Failure;

/// A running relay; it stops with its handle.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    network: Arc<Network>,
}

#[derive(Debug)]
struct Network {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    server: SocketAddr,
    link: Link,
    /// Both ends of every connection, by its number.
    live: BTreeMap<usize, [TcpStream; 2]>,
    accepted: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Up,
    Cut,
    Silent,
    Over,
}

impl Relay {
    /// Starts one before `server`.
    ///
    /// # Errors
    ///
    /// When loopback has no port left.
    pub fn start(server: SocketAddr) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::io("cannot start a relay", &error);
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let network = Arc::new(Network {
            state: Mutex::new(State {
                server,
                link: Link::Up,
                live: BTreeMap::new(),
                accepted: 0,
            }),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&network);
        thread::spawn(move || accepting.accept(&listener));
        Ok(Self { address, network })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks every connection, and every new one at once, until [`mend`](Self::mend).
    pub fn cut(&self) {
        self.network.becomes(Link::Cut);
    }

    /// Loses nothing, but passes nothing on either, until [`mend`](Self::mend): nobody is told that the
    /// network is gone.
    pub fn silence(&self) {
        self.network.becomes(Link::Silent);
    }

    /// Ends a cut or a silence. What was held back in a silence arrives now.
    pub fn mend(&self) {
        self.network.becomes(Link::Up);
    }

    /// Sends new connections to another server.
    pub fn redirect(&self, server: SocketAddr) {
        self.network.state().server = server;
    }

    /// How often somebody has connected so far, in vain or not.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.network.state().accepted
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.network.becomes(Link::Over);
        // Wakes the accepting thread, which then sees that it is over.
        drop(TcpStream::connect(self.address));
    }
}

impl Network {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn becomes(&self, link: Link) {
        let mut state = self.state();
        state.link = link;
        if matches!(link, Link::Cut | Link::Over) {
            for stream in std::mem::take(&mut state.live).values().flatten() {
                // An error means that its peer has gone already.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        self.changed.notify_all();
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            let Ok(client) = stream else { continue };
            let mut state = self.state();
            if state.link == Link::Over {
                return;
            }
            state.accepted += 1;
            let number = state.accepted;
            let network = Arc::clone(self);
            // The end of a connection, however it comes, is the end of its threads.
            thread::spawn(move || network.connect(number, client).ok());
        }
    }

    fn connect(self: &Arc<Self>, number: usize, client: TcpStream) -> std::io::Result<()> {
        let server = self.state().server;
        let server = TcpStream::connect(server)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        {
            let mut state = self.state();
            if matches!(state.link, Link::Cut | Link::Over) {
                return Ok(());
            }
            let ends = [client.try_clone()?, server.try_clone()?];
            state.live.insert(number, ends);
        }
        let (from, to) = (server.try_clone()?, client.try_clone()?);
        let network = Arc::clone(self);
        let back = thread::spawn(move || network.pass(&from, &to));
        self.pass(&client, &server);
        // A thread that panicked has nothing more to pass on.
        let _ = back.join();
        self.state().live.remove(&number);
        Ok(())
    }

    /// Passes on what comes from one end until either is gone.
    fn pass(&self, mut from: &TcpStream, mut to: &TcpStream) {
        let mut piece = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut piece) {
            let silent = self
                .changed
                .wait_while(self.state(), |state| state.link == Link::Silent);
            drop(silent);
            let Some(bytes) = piece.get(..count) else {
                break;
            };
            if to.write_all(bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A server that says back what it hears.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
            }
        });
        address
    }

    fn says(mut stream: &TcpStream) -> std::io::Result<u8> {
        let mut one = [0];
        stream.read_exact(&mut one)?;
        Ok(one[0])
    }

    #[test]
    fn a_cut_breaks_and_a_silence_holds_back() {
        let relay = Relay::start(echo()).unwrap();
        let client = TcpStream::connect(relay.address()).unwrap();
        (&client).write_all(b"a").unwrap();
        assert_eq!(says(&client).unwrap(), b'a');

        relay.silence();
        (&client).write_all(b"b").unwrap();
        client
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        assert!(says(&client).is_err());
        relay.mend();
        client.set_read_timeout(None).unwrap();
        assert_eq!(says(&client).unwrap(), b'b');

        relay.cut();
        assert!(says(&client).is_err());
        let in_vain = TcpStream::connect(relay.address()).unwrap();
        assert!(says(&in_vain).is_err());

        relay.mend();
        let client = TcpStream::connect(relay.address()).unwrap();
        (&client).write_all(b"c").unwrap();
        assert_eq!(says(&client).unwrap(), b'c');
        assert_eq!(relay.accepted(), 3);
    }
}
