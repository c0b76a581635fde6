//! The time, as the machines get it.
//!
//! Knows nothing of deadlines.

use std::io;

use chrono::{SubsecRound as _, Utc};
use oadr_core::machine::Env;
use oadr_core::value::DateTime;

use crate::entropy;

/// Now, to the millisecond: more digits on the wire help nobody and trouble some peers (quirk Q16).
pub(crate) fn now() -> DateTime {
    Utc::now().trunc_subsecs(3)
}

/// Now, and randomness for one input.
///
/// # Errors
/// The operating system has no randomness.
pub(crate) fn env() -> io::Result<Env> {
    Ok(Env {
        now: now(),
        entropy: entropy::draw()?,
    })
}
