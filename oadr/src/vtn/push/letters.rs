//! Dead letters: what could not be pushed, and trying it again.
//!
//! Knows nothing of who asks for it: the operator API and the library both come here.

use oadr_core::value::VenId;
use oadr_core::vtn::{Claim, Command, CommandError, DeadLetter, Member};

use crate::clock;
use crate::store::Audit;
use crate::vtn::host::{CommandFailure, Failure, Host};
use crate::vtn::{Handle, handle::APPLICATION};

/// Why a push is not tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// There is no such VEN or dead letter, or the VEN is not pushed to.
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// It could not be written down.
    #[error("{0}")]
    Failed(String),
    /// The VTN does not run yet, or not any more.
    #[error("the VTN is not running")]
    NotRunning,
}

impl From<Failure> for PushError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.to_string())
    }
}

impl Host {
    /// What could not be pushed and is not tried any more, with the VEN that it was for.
    pub(crate) fn dead_letters(&self) -> Vec<(Member, DeadLetter)> {
        let mut letters = Vec::new();
        for slot in self.registry.all() {
            let Some(at) = slot.current() else {
                continue;
            };
            if let Some(status) = at.state.push_status() {
                let of_ven = status.dead_letters.iter();
                letters.extend(of_ven.map(|letter| (at.state.member(), letter.clone())));
            }
        }
        letters
    }
}

impl Handle {
    /// What could not be pushed and is not tried any more, with the VEN that it was for.
    ///
    /// # Errors
    /// The VTN is not running.
    pub fn dead_letters(&self) -> Result<Vec<(VenId, DeadLetter)>, PushError> {
        let host = self.running().ok_or(PushError::NotRunning)?;
        let letters = host.dead_letters().into_iter();
        let letters = letters.map(|(ven, letter)| (ven.ven_id.unwrap_or_default(), letter));
        Ok(letters.collect())
    }

    /// Tries again now what could not be pushed to a VEN: one dead letter, or everything.
    ///
    /// # Errors
    /// There is no such VEN or dead letter, or the VEN is not pushed to.
    pub async fn retry_push(
        &self,
        ven_id: &VenId,
        dead_letter: Option<u64>,
    ) -> Result<(), PushError> {
        let host = self.running().ok_or(PushError::NotRunning)?;
        let slot = host.registry.find(&[Claim::VenId(ven_id.clone())]);
        let slot = slot.ok_or(CommandError::Unknown)?;
        let audit = Audit {
            at: clock::now(),
            who: APPLICATION.to_owned(),
            what: "retry push",
            subject: ven_id.to_string(),
            detail: dead_letter.map(|letter| letter.to_string()),
        };
        let command = Command::RetryPush { dead_letter };
        match host.command(Some(slot), &command, audit).await {
            Ok(()) => Ok(()),
            Err(CommandFailure::Refused(error)) => Err(error.into()),
            Err(CommandFailure::Failed(failure)) => Err(failure.into()),
        }
    }
}
