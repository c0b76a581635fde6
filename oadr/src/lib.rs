//! The program `oadr` as a library: OpenADR 2.0b for both roles, with a runtime, stores, an operator
//! API and a command line.
//!
//! Knows nothing of OpenADR's rules, which are `oadr-core`'s, nor of HTTP's, which are `oadr-http`'s.

mod api;
pub mod backup;
pub mod cli;
mod clock;
mod contained;
pub mod credentials;
mod data_dir;
mod demo;
mod doctor;
#[cfg(test)]
mod earlier_rows;
mod entropy;
mod inspect;
mod json;
mod log_ration;
mod logging;
mod metrics;
mod pki;
mod reading;
mod sqlite;
mod store;
mod temp_dir;
pub mod ven;
pub mod vtn;

pub use api::token::TokenError;
pub use data_dir::DataDirError;
pub use logging::{LogFormat, init as init_logging};
#[doc(no_inline)]
pub use oadr_core::{payload, value};
pub use sqlite::StoreError;
