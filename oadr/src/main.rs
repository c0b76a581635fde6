//! The program `oadr`.

use std::process::ExitCode;

fn main() -> ExitCode {
    oadr::cli::main()
}
