//! How many VENs a benchmark is made with.
//!
//! Knows nothing of what they do.

use std::env;

/// `OADR_BENCH_VENS`, or so many.
pub(crate) fn how_many(otherwise: usize) -> usize {
    let wanted = env::var("OADR_BENCH_VENS").ok();
    wanted.and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}
