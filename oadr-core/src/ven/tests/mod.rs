//! Tests of the VEN machine: a given state, an input, then changes and what is said next.
//!
//! Every decision made here is also checked for what holds of all decisions: see [`Bench::decided`].

mod bench;
mod registering;
