//! `oadr demo`.
//!
//! Knows.

use std::error::Error;
use std::process::ExitCode;

/// Demo.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// End after one event.
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(args: DemoArgs) -> Result<ExitCode, Box<dyn Error>> {
    let _ = args.once;
    Ok(ExitCode::FAILURE)
}
