//! Which addresses a client may connect to, where somebody else says what its peer's URL is.
//! Does not know names, nor who resolves them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::server::Network;

/// The addresses that may be connected to. A URL that a peer gave could otherwise make its receiver knock
/// at doors that only the receiver can reach.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    /// The networks that may be reached although they are not public.
    pub networks: Vec<Network>,
    /// Nothing but these networks may be reached. Default: the public addresses of the Internet, too.
    pub only_networks: bool,
}

impl Reach {
    /// Whether an address may be connected to.
    #[must_use]
    pub fn permits(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|known| known.contains(address))
            || (!self.only_networks && is_public(address))
    }
}

/// Whether an address is one of the Internet: what is not for this machine, its link, its site, its
/// provider's inside, for several machines at once, for tests or for nobody (RFC 6890). An address that
/// leads to an IPv4 address is what that is.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    match address.octets() {
        // This network, private, the inside of providers, loopback.
        [0 | 10 | 127, ..] | [100, 64..=127, ..] => false,
        // Link-local, private, protocol assignments, the relays of 6to4.
        [169, 254, ..] | [172, 16..=31, ..] | [192, 168, ..] => false,
        [192, 0, 0, _] | [192, 88, 99, _] => false,
        // Documentation and benchmarks.
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [198, 18..=19, ..] => false,
        // Multicast, reserved, broadcast.
        [224..=255, ..] => false,
        _ => true,
    }
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // NAT64 and 6to4 carry an IPv4 address.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => embedded(high, low),
        // Teredo and other protocol assignments, documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Only this is given to networks of the Internet; the rest is loopback, unique local, link-local,
        // site-local, multicast, unspecified, or nobody's yet.
        [0x2000..=0x3fff, ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_addresses_of_the_internet_may_be_reached_if_nothing_is_said() {
        let reach = Reach::default();
        for public in [
            "9.9.9.9",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2a01:4f8::1",
            "2001:4860:4860::8888",
            "::ffff:9.9.9.9",
            "64:ff9b::9.9.9.9",
        ] {
            assert!(reach.permits(address(public)), "{public}");
        }
        for other in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.8.9.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.170",
            "192.0.2.1",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.251",
            "255.255.255.255",
            "::",
            "::1",
            "::10.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::192.168.1.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "100::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::fb",
        ] {
            assert!(!reach.permits(address(other)), "{other}");
        }
    }

    #[test]
    fn networks_are_added_or_are_all_there_is() {
        let mut reach = Reach {
            networks: vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()],
            only_networks: false,
        };
        for inside in ["10.1.2.3", "::ffff:10.1.2.3", "::1"] {
            assert!(reach.permits(address(inside)), "{inside}");
        }
        assert!(!reach.permits(address("127.0.0.1")));
        assert!(reach.permits(address("9.9.9.9")));
        reach.only_networks = true;
        assert!(reach.permits(address("10.1.2.3")));
        assert!(!reach.permits(address("9.9.9.9")));
        assert!(!reach.permits(address("192.168.1.1")));
    }
}
