//! Telling a service manager how far the process is, as systemd's `Type=notify` wants to hear it.
//!
//! Knows nothing of what the manager makes of it; without one it says nothing.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Tells the manager, if there is one, `READY=1` or another assignment of sd_notify(3).
pub(crate) fn tell(state: &str) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(error) = send(&socket, state) {
        tracing::warn!(%error, ?socket, state, "cannot tell the service manager");
    }
}

fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    // A name with @ before it has no file.
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let sent = UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    if sent == state.len() {
        Ok(())
    } else {
        Err(io::ErrorKind::WriteZero.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temp_dir::TempDir;

    fn heard(socket: &UnixDatagram) -> String {
        let mut octets = [0; 100];
        let length = socket.recv(&mut octets).unwrap();
        String::from_utf8(octets[..length].to_vec()).unwrap()
    }

    #[test]
    fn a_manager_hears_it_with_or_without_a_file() {
        let temp = TempDir::new("notify").unwrap();
        let path = temp.path().join("socket");
        let socket = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str(), "READY=1").unwrap();
        assert_eq!(heard(&socket), "READY=1");

        let name = temp.path().as_os_str().as_bytes();
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        let at = [b"@", name].concat();
        send(OsStr::from_bytes(&at), "STOPPING=1").unwrap();
        assert_eq!(heard(&socket), "STOPPING=1");
    }

    #[test]
    fn nobody_there_is_an_error_and_no_panic() {
        for nobody in ["", "@", "/no/such/socket"] {
            assert!(send(OsStr::new(nobody), "READY=1").is_err(), "{nobody:?}");
        }
    }
}
