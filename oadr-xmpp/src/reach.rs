//! From a server's name to a TCP connection: resolves it, and tries its addresses in turn.
//!
//! Knows nothing of what the connection is for.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use crate::Config;

/// Connects to the server; without TLS, to one on this machine only.
pub(crate) async fn reach(config: &Config) -> io::Result<TcpStream> {
    let begun = Instant::now();
    let (host, port) = &config.server;
    // How long this may take is bounded outside.
    let mut addresses: Vec<_> = lookup_host((host.as_str(), *port)).await?.collect();
    if config.tls.is_none() {
        addresses.retain(is_this_machine);
        if addresses.is_empty() {
            let why = format!(
                "without TLS only a server on this machine is spoken to, and {host} is another"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
    }
    let left = config.connect_timeout.saturating_sub(begun.elapsed());
    first(addresses, left, TcpStream::connect).await
}

fn is_this_machine(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// The first that can be opened. Each has an equal share of the time that is left, and so has what comes
/// after it: one that swallows packets (a broken IPv6 route, often) does not use up all of it.
async fn first<T, F: Future<Output = io::Result<T>>>(
    addresses: Vec<SocketAddr>,
    limit: Duration,
    open: impl Fn(SocketAddr) -> F,
) -> io::Result<T> {
    let begun = Instant::now();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the server's name has no address");
    let mut shares = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        let left = limit.saturating_sub(begun.elapsed());
        let share = left / shares.saturating_add(1);
        shares = shares.saturating_sub(1);
        match timeout(share, open(address)).await {
            Ok(Ok(opened)) => return Ok(opened),
            Ok(Err(error)) => failure = error,
            Err(_) => {
                let why = format!("{address} did not answer in time");
                failure = io::Error::new(io::ErrorKind::TimedOut, why);
            }
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// It took all the time that there was.
    #[tokio::test(start_paused = true)]
    async fn a_dead_address_does_not_hide_the_others() {
        let limit = Duration::from_secs(10);
        let all = addresses(&["[2001:db8::1]:5222", "192.0.2.1:5222", "192.0.2.2:5222"]);
        let begun = Instant::now();
        let last = all[2];
        let opened = first(all.clone(), limit, |address| async move {
            if address.is_ipv6() {
                std::future::pending().await
            } else if address == last {
                Ok(address)
            } else {
                Err(io::ErrorKind::ConnectionRefused.into())
            }
        });
        assert_eq!(opened.await.unwrap(), last);
        assert!(begun.elapsed() <= limit / 3, "{:?}", begun.elapsed());

        // Even the last one leaves time to log in.
        let begun = Instant::now();
        let failed = first(all, limit, |_| std::future::pending::<io::Result<()>>());
        assert_eq!(
            failed.await.unwrap_err().to_string(),
            "192.0.2.2:5222 did not answer in time"
        );
        assert!(begun.elapsed() < limit, "{:?}", begun.elapsed());
        let none = first(Vec::new(), limit, |_| {
            std::future::pending::<io::Result<()>>()
        });
        assert!(none.await.is_err());
    }

    #[test]
    fn this_machine_has_several_addresses() {
        for address in addresses(&["127.0.0.7:1", "[::1]:1", "[::ffff:127.0.0.1]:1"]) {
            assert!(is_this_machine(&address), "{address}");
        }
        for address in addresses(&["10.0.0.1:1", "0.0.0.0:1", "[2001:db8::1]:1"]) {
            assert!(!is_this_machine(&address), "{address}");
        }
    }
}
