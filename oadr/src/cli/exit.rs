//! The signals that ask a process to stop, and the end of its patience.
//!
//! Knows nothing of how it stops.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::notify;

/// How long stopping may take. Requests that were accepted have ten seconds of it, and a service
/// manager kills after ninety.
const PATIENCE: Duration = Duration::from_secs(30);

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
        let name = self.next().await;
        tracing::info!(signal = name, "stopping");
        notify::tell("STOPPING=1");
    }

    /// Waits until the process has stopped, but not for ever, nor after another signal: what is cut off
    /// then is as safe as with a crash. The answer is 0 only if everything was finished.
    pub(crate) async fn stopped(&mut self, stop: impl Future<Output = ()>) -> ExitCode {
        tokio::select! {
            () = stop => return ExitCode::SUCCESS,
            name = self.next() => {
                tracing::warn!(signal = name, "asked again: stopped at once");
            }
            () = tokio::time::sleep(PATIENCE) => {
                tracing::warn!(seconds = PATIENCE.as_secs(), "stopped although not everything is finished");
            }
        }
        ExitCode::FAILURE
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
