//! `oadr health`: whether a VTN works, for containers and for people in a hurry.
//!
//! Knows nothing of what makes it work.

use clap::Args;
use hyper::Method;

use super::api_client::{ApiArgs, Format};
use super::api_error::Error;
use super::table;

/// Ask a VTN whether it works
#[derive(Debug, Args)]
#[command(after_help = "\
The status is 0 if the VTN answers and its database does, and 1 if not.

Examples:
  oadr health
  oadr health --api http://127.0.0.1:8081 --json")]
pub(super) struct HealthArgs {
    #[command(flatten)]
    api: ApiArgs,
}

impl HealthArgs {
    /// Asks, and prints the answer.
    ///
    /// # Errors
    /// The API cannot be reached, or the VTN does not work.
    pub(super) async fn run(self) -> Result<(), Error> {
        let answer = self
            .api
            .client()?
            .call(Method::GET, "/health", None)
            .await?;
        match self.api.format() {
            Format::Json => table::print(&answer.into_text()),
            Format::Table => table::print("ok\n"),
        }
    }
}
