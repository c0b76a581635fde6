//! The byte stream under a connection: passes bytes on and tells the link what their passing means.
//! Does not parse anything.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::link::{Link, Phase};

/// The most bytes that are read and thrown away while lingering.
const LINGER_BYTES: usize = 4 << 20;

pub(super) struct Stream<S> {
    bytes: S,
    link: Arc<Link>,
    /// The first byte, if it was read and not passed on yet.
    first: Option<u8>,
    shutdown: Shutdown,
}

/// How far closing got.
enum Shutdown {
    Open,
    /// The write side is closed; this many bytes were thrown away since.
    Lingering(usize),
}

impl<S> Stream<S> {
    pub(super) fn new(bytes: S, link: Arc<Link>) -> Self {
        Self {
            bytes,
            link,
            first: None,
            shutdown: Shutdown::Open,
        }
    }

    /// Waits for the peer to say something; `false` if it will not. Until then a connection needs
    /// none of the buffers that are there for requests.
    pub(super) async fn is_used(&mut self) -> bool
    where
        S: AsyncRead + Unpin,
    {
        let mut first = [0];
        let count = self.bytes.read(&mut first).await;
        if !matches!(count, Ok(1)) {
            return false;
        }
        [self.first] = first.map(Some);
        self.link.enter(Phase::Header);
        true
    }

    /// Writing with no request at the service means that hyper refuses a malformed header.
    fn note_write(&self) {
        match self.link.phase() {
            Phase::Idle | Phase::Header => {
                self.link.leave_unread();
                self.link.enter(Phase::Reply);
            }
            Phase::Body | Phase::Handling | Phase::Reply | Phase::Lingering => {}
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(first) = self.first
            && buf.remaining() > 0
        {
            self.first = None;
            buf.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.bytes).poll_read(cx, buf);
        if buf.filled().len() > before && self.link.phase() == Phase::Idle {
            self.link.enter(Phase::Header);
        }
        outcome
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.note_write();
        Pin::new(&mut self.bytes).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.note_write();
        Pin::new(&mut self.bytes).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.bytes.is_write_vectored()
    }

    /// hyper flushes when its own buffer is empty: with a reply on its way this was the last of it.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.bytes).poll_flush(cx))?;
        if self.link.phase() == Phase::Reply {
            self.link.enter(Phase::Idle);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let mut thrown_away = match this.shutdown {
            Shutdown::Open => {
                ready!(Pin::new(&mut this.bytes).poll_shutdown(cx))?;
                if !this.link.has_unread() {
                    return Poll::Ready(Ok(()));
                }
                this.link.enter(Phase::Lingering);
                0
            }
            Shutdown::Lingering(bytes) => bytes,
        };
        let mut scratch = [0_u8; 4096];
        while thrown_away < LINGER_BYTES {
            this.shutdown = Shutdown::Lingering(thrown_away);
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut this.bytes).poll_read(cx, &mut buf)) {
                // The peer has gone, one way or the other; the reply went before.
                Err(_) => break,
                Ok(()) if buf.filled().is_empty() => break,
                Ok(()) => thrown_away = thrown_away.saturating_add(buf.filled().len()),
            }
        }
        Poll::Ready(Ok(()))
    }
}
