//! A VEN at work, as the application holds it.
//!
//! Knows nothing of how it works.

use std::sync::Arc;

use oadr_core::ven::{Command, CommandError, Registration, State};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::link::LinkStatus;
use super::reporting::{Offered, SampleCounts};
use crate::sqlite::StoreError;

/// A running VEN. Dropped, it stops by itself, but nobody knows when it has.
#[derive(Debug)]
#[must_use = "dropped, the VEN stops"]
pub struct Running {
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) status: watch::Receiver<Arc<State>>,
    pub(super) line: watch::Receiver<LinkStatus>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) offered: Arc<Offered>,
    pub(super) task: JoinHandle<()>,
}

/// A command, and where to say what became of it.
pub(super) struct Order {
    pub(super) command: Command,
    pub(super) done: oneshot::Sender<Result<(), CommandFailure>>,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandFailure {
    /// It makes no sense as things stand.
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// It could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system has no randomness.
    #[error("no randomness: {0}")]
    Entropy(Arc<std::io::Error>),
    /// The VEN has stopped.
    #[error("the VEN has stopped")]
    Stopped,
}

impl Running {
    /// What the VEN remembers: where it stands with its VTN, the events it knows and its answers to
    /// them, as last committed. [`Event`](super::Event) makes them readable.
    #[must_use]
    pub fn status(&self) -> Arc<State> {
        Arc::clone(&self.status.borrow())
    }

    /// How the VEN and its VTN can reach each other now.
    #[must_use]
    pub fn link(&self) -> LinkStatus {
        self.line.borrow().clone()
    }

    /// Waits until the VTN can be reached, as far as the VEN can tell: over XMPP, until there is a session and
    /// the VTN's JIDs are known. Over HTTP that is so from the beginning.
    ///
    /// # Errors
    /// [`CommandFailure::Stopped`].
    pub async fn linked(&self) -> Result<LinkStatus, CommandFailure> {
        let mut line = self.line.clone();
        let is_up = |status: &LinkStatus| match status {
            LinkStatus::Polling | LinkStatus::Listening(_) | LinkStatus::Up { .. } => true,
            LinkStatus::Down { .. } => false,
        };
        let up = line.wait_for(is_up).await;
        Ok(up.map_err(|_| CommandFailure::Stopped)?.clone())
    }

    /// How many samples were taken for reports since the start, and how many are missing.
    #[must_use]
    pub fn sample_counts(&self) -> SampleCounts {
        self.offered.counts()
    }

    /// Waits until the VEN is as wanted, and says how it is then. Nothing is waited for that is so
    /// already. There is no limit; [`tokio::time::timeout`] sets one.
    ///
    /// # Errors
    /// [`CommandFailure::Stopped`]: it will not be so any more.
    pub async fn until(
        &self,
        is_wanted: impl Fn(&State) -> bool,
    ) -> Result<Arc<State>, CommandFailure> {
        let mut status = self.status.clone();
        let found = status.wait_for(|state| is_wanted(state)).await;
        let found = found.map_err(|_| CommandFailure::Stopped)?;
        Ok(Arc::clone(&found))
    }

    /// Carries out a command, such as a change of mind about an event. When this returns it is
    /// committed; the VTN hears of it as soon as it can be reached, however often the VEN restarts.
    ///
    /// # Errors
    /// Nothing has changed: see [`CommandFailure`].
    pub async fn command(&self, command: Command) -> Result<(), CommandFailure> {
        order(&self.orders, command).await
    }

    /// Ends the registration: what runs ends, and everything the VEN knew is forgotten. Returns when
    /// the VTN has confirmed it; without that a VEN goes on asking for it, after a restart as well.
    /// The VEN stays unregistered until it is started anew, or told [`Command::Register`].
    ///
    /// # Errors
    /// There is no registration to end, or see [`CommandFailure`].
    pub async fn cancel_registration(&self) -> Result<(), CommandFailure> {
        self.command(Command::CancelRegistration).await?;
        self.unregistered().await
    }

    /// Waits until the VEN has no registration, on either side's wish, and none to end.
    ///
    /// # Errors
    /// [`CommandFailure::Stopped`].
    pub async fn unregistered(&self) -> Result<(), CommandFailure> {
        let is_over = |state: &State| match state.registration() {
            Registration::None | Registration::Wanted => true,
            Registration::Registered(_) | Registration::Leaving(_) => false,
        };
        self.until(is_over).await.map(drop)
    }

    /// Stops: what was received is on the disk. Callbacks have a few seconds to hear what was
    /// committed; the next start tells the rest.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.task.await;
    }
}

/// Has a command carried out.
pub(super) async fn order(
    orders: &mpsc::Sender<Order>,
    command: Command,
) -> Result<(), CommandFailure> {
    let (done, outcome) = oneshot::channel();
    let sent = orders.send(Order { command, done }).await;
    sent.map_err(|_| CommandFailure::Stopped)?;
    outcome.await.unwrap_or(Err(CommandFailure::Stopped))
}
