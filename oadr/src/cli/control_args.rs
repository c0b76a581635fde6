//! Flags that say which running VEN is meant: its data folder, or its control socket.
//!
//! Knows nothing of what it is asked.

use std::path::PathBuf;

use clap::Args;

use crate::ven::CONTROL_SOCKET;

/// Which VEN.
#[derive(Debug, Args)]
pub(super) struct ControlArgs {
    /// The data folder of the VEN
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        env = "OADR_DATA",
        default_value = "oadr-ven"
    )]
    data: PathBuf,

    /// The VEN's control socket [default: control.sock in the data folder]
    #[arg(long, global = true, value_name = "PATH", env = "OADR_CONTROL_SOCKET")]
    control_socket: Option<PathBuf>,
}

impl ControlArgs {
    /// Where its socket is.
    pub(super) fn socket(&self) -> PathBuf {
        let socket = self.control_socket.clone();
        socket.unwrap_or_else(|| self.data.join(CONTROL_SOCKET))
    }
}
