//! Waiting for something to become true, with a limit.

use std::thread;
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// How long anything may take that ought to happen within a poll or two; generous, because the
/// limit only matters when the test fails.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(25);

/// Asks `look` again and again until it finds something.
///
/// # Errors
///
/// When `limit` has passed; the failure names `what` was awaited.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> Result<T, Failure> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if Instant::now() >= end {
            return Err(Failure::new(format!(
                "gave up after {limit:?} waiting for {what}"
            )));
        }
        thread::sleep(STEP);
    }
}
