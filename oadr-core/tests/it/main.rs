//! Tests of the core from outside: what an embedder can reach.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod lives;
mod pair;
mod reports;
