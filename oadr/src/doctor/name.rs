//! Whether the VTN's name leads to an address.
//!
//! Knows nothing of who listens there.

use std::net::SocketAddr;

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::address::Address;
use super::finding::Finding;
use super::vtn::Limits;

/// The addresses to try; none if the name leads nowhere.
pub(super) async fn examine(
    address: &Address,
    limits: Limits,
    found: &mut Vec<Finding>,
) -> Vec<SocketAddr> {
    let host = &address.host;
    if let Some(ip) = address.ip() {
        return vec![SocketAddr::new(ip, address.port)];
    }
    let resolved = timeout(limits.connect, lookup_host((host.as_str(), address.port))).await;
    let addresses: Vec<_> = match resolved {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => {
            found.push(Finding::problem(
                "name_unresolved",
                format!("the name {host} does not resolve: {error}"),
                format!(
                    "Check its spelling, and whether this machine has the right name server (getent hosts \
                     {host}); an entry in /etc/hosts helps for the time being."
                ),
            ));
            return Vec::new();
        }
        Err(_) => {
            found.push(Finding::problem(
                "name_timeout",
                format!(
                    "no name server told the address of {host} within {:?}",
                    limits.connect
                ),
                "Check the network of this machine and its name servers (/etc/resolv.conf).",
            ));
            return Vec::new();
        }
    };
    if addresses.is_empty() {
        found.push(Finding::problem(
            "name_unresolved",
            format!("the name {host} has no address"),
            "Ask the VTN's operator for its name.",
        ));
    } else {
        let list: Vec<_> = addresses.iter().map(|a| a.ip().to_string()).collect();
        found.push(Finding::ok(
            "name",
            format!("{host} is {}", list.join(", ")),
        ));
    }
    addresses
}
