//! Opens a connection to a host: resolves its name and tries its addresses in turn.
//! Does not know what the connection is for.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::reach::Reach;

/// How many names may be looked up at once. Each takes a thread of the runtime's pool until the name
/// server answers or is given up, which nobody can cut short; others need threads from there, too.
static LOOKUPS: Semaphore = Semaphore::const_new(64);

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Unconnected {
    /// What the last attempt failed with.
    Failed(io::Error),
    /// None of its addresses may be connected to; this is the first.
    NotAllowed(IpAddr),
}

/// Connects within `limit`. Each address gets an equal share of the time that is left, so that one
/// that swallows packets (a broken IPv6 route, often) does not use up all of it.
///
/// The name is resolved once, and only to an address that was looked at is a connection made: what the
/// name server says next does not matter.
pub(super) async fn connect(
    host: &str,
    port: u16,
    limit: Duration,
    reach: Option<&Reach>,
) -> Result<TcpStream, Unconnected> {
    let end = Instant::now() + limit;
    let resolved = timeout_at(end, resolve(host, port)).await;
    let resolved = resolved.unwrap_or_else(|_| Err(timed_out("the name server")));
    let addresses = resolved.map_err(Unconnected::Failed)?;
    let addresses = within(reach, addresses).map_err(Unconnected::NotAllowed)?;
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
    Err(Unconnected::Failed(failure))
}

async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let place = LOOKUPS.acquire().await.map_err(io::Error::other)?;
    let host = host.to_owned();
    // A task of its own keeps its place until the thread is free, also when nobody waits any more.
    let looking = tokio::spawn(async move {
        let found = lookup_host((host.as_str(), port)).await;
        drop(place);
        found.map(Iterator::collect)
    });
    looking.await.map_err(io::Error::other)?
}

/// Those of the addresses that may be connected to; if there is none, one that may not.
fn within(reach: Option<&Reach>, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, IpAddr> {
    let Some(reach) = reach else {
        return Ok(addresses);
    };
    let (allowed, refused): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| reach.permits(address.ip()));
    match refused.first() {
        Some(first) if allowed.is_empty() => Err(first.ip()),
        Some(_) | None => Ok(allowed),
    }
}

fn timed_out(who: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("{who} did not answer in time"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_a_name_resolves_to_only_what_is_allowed_is_tried() {
        let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let reach = Reach::default();
        let both = addresses(&["10.0.0.1:80", "9.9.9.9:80", "[::1]:80"]);
        assert_eq!(
            within(Some(&reach), both.clone()),
            Ok(addresses(&["9.9.9.9:80"]))
        );
        assert_eq!(within(None, both.clone()), Ok(both));
        let inside = addresses(&["10.0.0.1:80", "[::1]:80"]);
        assert_eq!(
            within(Some(&reach), inside),
            Err("10.0.0.1".parse().unwrap())
        );
        assert_eq!(within(Some(&reach), Vec::new()), Ok(Vec::new()));
    }
}
