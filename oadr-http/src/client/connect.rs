//! Opens a connection to a host: resolves its name and tries its addresses in turn.
//! Does not know what the connection is for.

use std::io;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

/// Connects within `limit`. Each address gets an equal share of the time that is left, so that one
/// that swallows packets (a broken IPv6 route, often) does not use up all of it.
pub(super) async fn connect(host: &str, port: u16, limit: Duration) -> io::Result<TcpStream> {
    let end = Instant::now() + limit;
    let resolved = timeout_at(end, lookup_host((host, port)));
    let addresses: Vec<_> = resolved
        .await
        .map_err(|_| timed_out("the name server"))??
        .collect();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        let now = Instant::now();
        let share = now + end.saturating_duration_since(now) / left.max(1);
        left = left.saturating_sub(1);
        match timeout_at(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // See the server: without it small requests may wait for an acknowledgement.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => failure = error,
            Err(_) => failure = timed_out("the host"),
        }
    }
    Err(failure)
}

fn timed_out(who: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("{who} did not answer in time"),
    )
}
