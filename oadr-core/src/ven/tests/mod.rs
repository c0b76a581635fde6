//! Tests of the VEN machine: a given state, an input, then changes and what is said next.
//!
//! Every decision made here is also checked for what holds of all decisions: see `bench`.

mod answering;
mod bench;
mod correcting;
mod crossing;
mod documents;
mod judging;
mod leaving;
mod linking;
mod listing;
mod offers;
mod opting;
mod outages;
mod pushing;
mod random;
mod reaching;
mod recalling;
mod registering;
mod reporting;
mod requesting;
mod running;
mod sending;
mod silence;
mod telling_opts;
