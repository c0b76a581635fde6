//! A network of addresses, as people write it: one address, or a prefix such as `10.0.0.0/8`.
//! Does not know what it is good for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The addresses that begin alike: `192.0.2.7`, `10.0.0.0/8`, `::1`, `2001:db8::/32`.
///
/// An IPv4 address that an IPv6 socket shows (`::ffff:192.0.2.7`) is that IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    /// Nothing but zeros after the prefix, and never an IPv4 address in the form of IPv6.
    address: IpAddr,
    /// How many bits count.
    prefix: u8,
}

/// Why a text is no [`Network`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// What should be an address is none. Names are not looked up: what they stand for may change.
    #[error("{0:?} is no IP address")]
    Address(String),
    /// What follows the slash is not a number of bits that the address has.
    #[error("/{prefix} is no number of bits from 0 to {most}")]
    Prefix {
        /// What was written.
        prefix: String,
        /// How many bits the address has.
        most: u8,
    },
    /// The address has ones after the prefix: either of them is a slip.
    #[error("{given} begins at {network}: write that, or the address alone")]
    Rest {
        /// What was written.
        given: String,
        /// The network with this prefix.
        network: Network,
    },
}

impl Network {
    /// The addresses by which a machine reaches itself: `127.0.0.0/8` and `::1`.
    pub const LOOPBACK: [Self; 2] = [
        Self {
            address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)),
            prefix: 8,
        },
        Self {
            address: IpAddr::V6(Ipv6Addr::LOCALHOST),
            prefix: 128,
        },
    ];

    /// Whether an address is one of it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        Self::of(address.to_canonical(), self.prefix) == *self
    }

    /// Whether every address of it is one of this machine itself.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.address.is_loopback()
            && match self.address {
                IpAddr::V4(_) => self.prefix >= 8,
                IpAddr::V6(_) => true,
            }
    }

    /// Whether every address of IPv4, or of IPv6, is one of it.
    #[must_use]
    pub fn is_everybody(&self) -> bool {
        self.prefix == 0
    }

    /// The network of an address, which is not IPv4 in the form of IPv6.
    fn of(address: IpAddr, prefix: u8) -> Self {
        let address = match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32_u32.saturating_sub(prefix.into()));
                Ipv4Addr::from_bits(address.to_bits() & mask.unwrap_or(0)).into()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix.into()));
                Ipv6Addr::from_bits(address.to_bits() & mask.unwrap_or(0)).into()
            }
        };
        Self { address, prefix }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let text = text.trim();
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let written: IpAddr = address
            .parse()
            .map_err(|_| NetworkError::Address(address.to_owned()))?;
        let most = bits(written);
        let prefix = match prefix {
            None => most,
            Some(prefix) => prefix
                .parse()
                .ok()
                .filter(|bits| *bits <= most && !prefix.starts_with('+'))
                .ok_or_else(|| NetworkError::Prefix {
                    prefix: prefix.to_owned(),
                    most,
                })?,
        };
        // ::ffff:10.0.0.0/104 is 10.0.0.0/8; a shorter prefix is of IPv6 and contains no IPv4.
        let address = written.to_canonical();
        let shorter = most.saturating_sub(bits(address));
        let (address, prefix) = match prefix.checked_sub(shorter) {
            Some(prefix) => (address, prefix),
            None => (written, prefix),
        };
        let network = Self::of(address, prefix);
        if network.address == address {
            Ok(network)
        } else {
            Err(NetworkError::Rest {
                given: text.to_owned(),
                network,
            })
        }
    }
}

fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl fmt::Display for Network {
    /// As it is read, the prefix left out of a single address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix == bits(self.address) {
            self.address.fmt(f)
        } else {
            write!(f, "{}/{}", self.address, self.prefix)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_network_contains_what_begins_like_it() {
        for (text, inside, outside) in [
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.1.2.128/25", "10.1.2.255", "10.1.2.127"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::1", "::1", "::2"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"),
            ("::/0", "2001:db8::1", "192.0.2.7"),
        ] {
            let network = network(text);
            assert!(network.contains(inside.parse().unwrap()), "{text}");
            assert!(!network.contains(outside.parse().unwrap()), "{text}");
            assert_eq!(network.to_string(), text);
        }
    }

    #[test]
    fn an_ipv4_address_may_look_like_ipv6() {
        let mapped = "::ffff:10.1.2.3".parse().unwrap();
        for text in ["10.0.0.0/8", "::ffff:10.0.0.0/104", "::ffff:10.1.2.3"] {
            assert!(network(text).contains(mapped), "{text}");
            assert!(
                network(text).contains("10.1.2.3".parse().unwrap()),
                "{text}"
            );
        }
        assert_eq!(network("::ffff:10.0.0.0/104").to_string(), "10.0.0.0/8");
        // Who wrote a network of IPv6 did not mean all of IPv4.
        assert!(!network("::/0").contains(mapped));
    }

    #[test]
    fn this_machine_is_known_as_such() {
        for (text, is_loopback) in [
            ("127.0.0.1", true),
            ("127.0.0.0/8", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("126.0.0.0/7", false),
            ("0.0.0.0/0", false),
            ("::/0", false),
            ("192.0.2.7", false),
        ] {
            assert_eq!(network(text).is_loopback(), is_loopback, "{text}");
            assert_eq!(network(text).is_everybody(), text.ends_with("/0"), "{text}");
        }
        assert_eq!(
            Network::LOOPBACK.map(|network| network.to_string()),
            ["127.0.0.0/8", "::1"]
        );
    }

    #[test]
    fn a_slip_is_no_network() {
        for (text, words) in [
            ("", r#""" is no IP address"#),
            ("proxy.example", r#""proxy.example" is no IP address"#),
            ("10.0.0", r#""10.0.0" is no IP address"#),
            ("127.0.0.1:80", r#""127.0.0.1:80" is no IP address"#),
            ("10.0.0.0/33", "/33 is no number of bits from 0 to 32"),
            ("10.0.0.0/", "/ is no number of bits from 0 to 32"),
            ("10.0.0.0/+8", "/+8 is no number of bits from 0 to 32"),
            ("::1/129", "/129 is no number of bits from 0 to 128"),
            (
                "10.0.0.1/8",
                "10.0.0.1/8 begins at 10.0.0.0/8: write that, or the address alone",
            ),
        ] {
            let error = text.parse::<Network>().unwrap_err();
            assert_eq!(error.to_string(), words, "{text}");
        }
    }
}
