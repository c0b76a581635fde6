//! The signals that ask a process to stop.
//!
//! Knows nothing of how it stops.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT from now on.
#[derive(Debug)]
pub(crate) struct Exit {
    terminate: Signal,
    interrupt: Signal,
}

impl Exit {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Ends when one of them comes.
    pub(crate) async fn wanted(&mut self) {
        let name = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping");
    }
}
