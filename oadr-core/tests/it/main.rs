//! Tests of the core from outside: what an embedder can reach.

mod pair;
