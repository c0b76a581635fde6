//! What the conformance tests stand on: the program and its peers as processes, a recording proxy and
//! a relay between them, a real Prosody, a certification authority, the schema check of libxml2, a trace
//! of system calls, a small client for the operator API.
//!
//! It does not know OpenADR: documents are bytes here, and what they mean is the tests' business.

pub mod authority;
pub mod failure;
pub mod folder;
pub mod http;
pub mod metrics;
mod oracle;
pub mod peers;
pub mod port;
pub mod process;
pub mod program;
pub mod prosody;
pub mod relay;
pub mod schema;
pub mod seed;
pub mod signxml;
pub mod tap;
pub mod trace;
pub mod wait;
