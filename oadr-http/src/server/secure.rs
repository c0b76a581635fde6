//! TLS connections: the handshake in the connection's own task, and what becomes of those that fail.
//! Does not know certificates beyond the peer that they prove.

use std::net::SocketAddr;
use std::time::Duration;

use oadr_core::Peer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::Server;
use super::accounts::Tab;
use super::handler::{Handler, Notice};
use super::service::Voucher;
use crate::tls::{HandshakeError, TlsServer};

/// How long a connection whose handshake failed stays for the peer to hear why, and how many bytes of
/// it are thrown away meanwhile. Closing over unread bytes would reset it, and destroy the farewell.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 64 * 1024;

/// The first byte of a record of the handshake, and of the message that begins one.
const HANDSHAKE_RECORD: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// TLS 1.2, as every newer client says too.
const LEAST_VERSION: [u8; 2] = [3, 3];

/// Fatal: protocol_version, in a record of TLS 1.0. rustls looks first for what the old versions do not
/// have, and would complain of that instead.
const VERSION_ALERT: [u8; 7] = [21, 3, 1, 0, 2, 2, 70];

/// What a browser, or a VEN with the wrong URL, gets to read.
const PLAIN_REFUSAL: &str = "HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 62\r\n\
    Connection: close\r\n\r\n\
    this port speaks TLS: the URL has to begin with https:// here\n";

impl<H: Handler> Server<H> {
    /// Accepts TLS connections, each served in a task of its own, until the server shuts down. The
    /// peers are the certificates that they proved to have. A connection counts from its beginning: as
    /// one of its address until the handshake is done, and then as one of its certificate.
    pub async fn accept_tls(&self, listener: &TcpListener, tls: &TlsServer) {
        while let Some((stream, address, place)) = self.next(listener).await {
            let Some(tab) = self.open(&Peer::Unproven, Some(address)) else {
                continue;
            };
            let (server, tls) = (self.clone(), tls.clone());
            tokio::spawn(async move {
                server.run_tls(stream, address, tab, &tls).await;
                drop(place);
            });
        }
    }

    async fn run_tls(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        tab: Option<Tab>,
        tls: &TlsServer,
    ) {
        // As for plain connections.
        let _ = stream.set_nodelay(true);
        let handshake = timeout(self.config.handshake_timeout, tls_or_not(stream, tls));
        let outcome = tokio::select! {
            biased;
            () = self.gate.closing() => return,
            outcome = handshake => outcome,
        };
        let (stream, proved) = match outcome {
            Ok(Ok(Some(proved))) => proved,
            Ok(Ok(None)) => return,
            Ok(Err((error, stream, last_words))) => {
                self.notice_handshake(address, &error);
                return farewell(stream, last_words).await;
            }
            Err(_) => return self.notice_handshake(address, &HandshakeError::TimedOut),
        };
        let Some(own_tab) = self.open(&proved.peer, Some(address)) else {
            return;
        };
        drop(tab);
        self.handler.notice(Notice::Connected {
            address,
            peer: &proved.peer,
            certificate: &proved.certificate,
        });
        let (peer, validity) = proved.into_parts();
        self.run(
            stream,
            peer,
            Some(address),
            own_tab,
            Voucher::Handshake(validity),
        )
        .await;
    }

    fn notice_handshake(&self, address: SocketAddr, error: &HandshakeError) {
        self.handler.notice(Notice::Handshake { address, error });
    }
}

type Secured = (
    tokio_rustls::server::TlsStream<TcpStream>,
    crate::tls::Proved,
);

/// Why it is no TLS connection, and what the peer was not told of that yet.
type Failed = (HandshakeError, TcpStream, &'static [u8]);

/// Does the handshake with a peer that begins one. `None` for a peer that left without a word, as
/// something does that only looks whether the port is open.
async fn tls_or_not(stream: TcpStream, tls: &TlsServer) -> Result<Option<Secured>, Failed> {
    let mut first = [0; 11];
    let count = stream.peek(&mut first).await.unwrap_or_default();
    match first.get(..count).unwrap_or_default() {
        [] => Ok(None),
        // A record's header of five bytes, a message's header of four, a version.
        [
            HANDSHAKE_RECORD,
            _,
            _,
            _,
            _,
            CLIENT_HELLO,
            _,
            _,
            _,
            version @ ..,
        ] if version.len() == 2 && *version < LEAST_VERSION[..] => {
            Err((HandshakeError::Version, stream, &VERSION_ALERT))
        }
        // The same in the dress of SSL 2.0, as stacks of the nineties send it.
        [0x80..=0xff, _, CLIENT_HELLO, 3, ..] => {
            Err((HandshakeError::Version, stream, &VERSION_ALERT))
        }
        // What fails in there, an alert told.
        [HANDSHAKE_RECORD, ..] => match tls.accept(stream).await {
            Ok(secured) => Ok(Some(secured)),
            Err((error, stream)) => Err((error, stream, &[])),
        },
        [b'A'..=b'Z', ..] => Err((HandshakeError::PlainHttp, stream, PLAIN_REFUSAL.as_bytes())),
        [_, ..] => Err((HandshakeError::NotTls, stream, &[])),
    }
}

/// Lets the peer hear why.
async fn farewell(mut stream: TcpStream, last_words: &[u8]) {
    let lingering = async {
        stream.write_all(last_words).await?;
        stream.shutdown().await?;
        let mut rest = stream.take(LINGER_BYTES);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    // Whether it heard is the peer's matter.
    let _ = timeout(LINGER, lingering).await;
}
