//! A connection that ends with an error where the server says more than a login needs.
//!
//! Knows nothing of logins. What is read of them is built into trees by libraries that bound neither
//! their depth nor their size, and who speaks before TLS may be anybody.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::frame::{Frame, Framer};

/// The most bytes of one element of the stream. Features are a few hundred.
const LONGEST: usize = 16 << 10;

/// How deep elements may be, the stream among them. A mechanism is the fourth.
const DEEPEST: usize = 16;

/// Passes everything on, and looks at what comes in.
#[derive(Debug)]
pub(crate) struct Bounded<Io> {
    io: Io,
    /// Without it, what comes is not looked at any more.
    framer: Option<Framer>,
}

impl<Io> Bounded<Io> {
    pub(crate) fn new(io: Io) -> Self {
        Self {
            io,
            framer: Some(Framer::new(LONGEST).no_deeper_than(DEEPEST)),
        }
    }

    /// Whatever comes from now on is somebody else's business.
    pub(crate) fn unbind(&mut self) {
        self.framer = None;
    }

    pub(crate) fn into_inner(self) -> Io {
        self.io
    }

    fn look(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let Some(framer) = &mut self.framer else {
            return Ok(());
        };
        loop {
            let frame = framer.take(&mut bytes);
            let frame = frame.map_err(|no| io::Error::new(io::ErrorKind::InvalidData, no))?;
            if framer.is_too_long() || matches!(frame, Some(Frame::TooLong(_))) {
                let why = "the server says more than a login needs";
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            if frame.is_none() {
                return Ok(());
            }
        }
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Bounded<Io> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(context, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        Poll::Ready(this.look(new))
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Bounded<Io> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}
