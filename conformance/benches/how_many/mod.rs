//! How many VENs a benchmark is made with.
//!
//! Knows nothing of what they do.

use std::env;

/// `OADR_BENCH_VENS`, or 10,000.
pub(crate) fn how_many() -> usize {
    let wanted = env::var("OADR_BENCH_VENS").ok();
    wanted.and_then(|n| n.parse().ok()).unwrap_or(10_000)
}
