//! Remembers which signatures were seen, for as long as they could come again.
//!
//! Knows nothing of what is on a disk.

use chrono::TimeDelta;
use oadr_core::Signature;
use oadr_core::value::DateTime;

use crate::Refusal;

/// What was seen within the window. Bounded by what can be signed in it by those who may sign.
#[derive(Debug)]
pub struct ReplayGuard {
    window: TimeDelta,
}

impl ReplayGuard {
    /// One that has seen nothing, for a [`Policy`](crate::Policy) with this window.
    #[must_use]
    pub fn new(window: TimeDelta) -> Self {
        Self { window }
    }

    /// Takes a verified signature that was not seen before.
    ///
    /// # Errors
    /// [`Refusal::Replayed`].
    pub fn admit(&mut self, signature: &Signature, now: DateTime) -> Result<(), Refusal> {
        let _ = (signature, now, self.window);
        unimplemented!()
    }
}
