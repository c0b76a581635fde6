//! What each peer has open and how much it asks: connections are counted, requests rationed.
//! Does not know what a request is; the time comes as an argument.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use oadr_core::Peer;
use tokio::time::Instant;

use super::config::ServerConfig;

/// How many requests a peer may send: a bucket of `burst` tokens that is filled `per_second` times
/// a second. A request without a token is refused (503).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRate {
    /// Requests a second, for as long as the peer likes.
    pub per_second: NonZeroU32,
    /// Requests at once, after a rest.
    pub burst: NonZeroU32,
}

/// The accounts of all peers that have a connection or had one a moment ago.
#[derive(Debug)]
pub(super) struct Accounts {
    start: Instant,
    max_connections: u32,
    ration: Option<Ration>,
    spare_loopback: bool,
    /// The most entries of the table before it is tidied up.
    room: usize,
    /// Touched when a connection opens, never by a request on it, unless it is one of a proxy's.
    table: Mutex<HashMap<Key, Arc<Account>>>,
}

/// A rate in the terms of its arithmetic, in nanoseconds: each request costs `interval`, and a peer
/// may owe as much as `credit`.
#[derive(Debug, Clone, Copy)]
struct Ration {
    interval: u64,
    credit: u64,
}

/// A proven identity, or else an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Proven(Peer),
    Address(IpAddr),
}

#[derive(Debug, Default)]
struct Account {
    connections: AtomicU32,
    /// When everything that was asked will be paid for, in nanoseconds after `Accounts::start`. An
    /// account whose time has come is as good as a new one.
    paid_at: AtomicU64,
}

/// The place of one connection in the account of its peer, given back by dropping it; or of one request,
/// if it came through a proxy.
#[derive(Debug)]
pub(super) struct Tab {
    account: Arc<Account>,
    start: Instant,
    ration: Option<Ration>,
}

/// The peer has as many connections as it may.
#[derive(Debug)]
pub(super) struct TooMany;

impl Accounts {
    pub(super) fn new(config: &ServerConfig) -> Self {
        let places = usize::try_from(config.max_connections).unwrap_or(usize::MAX);
        Self {
            start: Instant::now(),
            max_connections: config.max_connections_per_peer,
            ration: config.request_rate.map(Ration::from),
            spare_loopback: !config.bound_loopback,
            // Half of it at most are of peers that are connected, so tidying up always makes room.
            room: places.saturating_mul(2).max(1024),
            table: Mutex::default(),
        }
    }

    /// Counts a connection. `None`: nobody keeps an account for this peer.
    ///
    /// # Errors
    /// The peer has as many as it may.
    pub(super) fn open(
        &self,
        peer: &Peer,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Result<Option<Tab>, TooMany> {
        let Some(key) = self.key(peer, address) else {
            return Ok(None);
        };
        let account = {
            let mut table = self.table();
            if table.len() >= self.room && !table.contains_key(&key) {
                tidy(&mut table, self.room, nanoseconds(self.start, now));
            }
            Arc::clone(table.entry(key).or_default())
        };
        // What comes first counts itself, so that two cannot take one place.
        let before = account.connections.fetch_add(1, Ordering::Relaxed);
        let tab = Tab {
            account,
            start: self.start,
            ration: self.ration,
        };
        if before < self.max_connections {
            Ok(Some(tab))
        } else {
            Err(TooMany)
        }
    }

    fn key(&self, peer: &Peer, address: Option<IpAddr>) -> Option<Key> {
        if *peer != Peer::Unproven {
            return Some(Key::Proven(peer.clone()));
        }
        let address = address?.to_canonical();
        if self.spare_loopback && address.is_loopback() {
            return None;
        }
        Some(Key::Address(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => IpAddr::V6(network(address)),
        }))
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Key, Arc<Account>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever has an IPv6 address has the 2^64 that share its first half.
fn network(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))
}

/// Forgets the accounts that are as good as new; if these are few, all without a connection.
fn tidy(table: &mut HashMap<Key, Arc<Account>>, room: usize, now: u64) {
    let is_open = |account: &Account| account.connections.load(Ordering::Relaxed) > 0;
    table.retain(|_, account| is_open(account) || account.paid_at.load(Ordering::Relaxed) > now);
    if table.len() > room / 4 * 3 {
        table.retain(|_, account| is_open(account));
    }
}

impl Tab {
    /// Pays for a request.
    ///
    /// # Errors
    /// The peer has asked too much; after this time it may ask again.
    pub(super) fn pay(&self) -> Result<(), Duration> {
        match self.ration {
            // Without a ration there is no need to know the time.
            None => Ok(()),
            Some(ration) => {
                let now = nanoseconds(self.start, Instant::now());
                ration.pay(&self.account.paid_at, now)
            }
        }
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        self.account.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl From<RequestRate> for Ration {
    fn from(rate: RequestRate) -> Self {
        let interval = (1_000_000_000 / u64::from(rate.per_second.get())).max(1);
        Self {
            interval,
            credit: interval.saturating_mul(u64::from(rate.burst.get())),
        }
    }
}

impl Ration {
    /// The bucket as one number: instead of tokens that trickle in, the time at which all is paid.
    fn pay(self, paid_at: &AtomicU64, now: u64) -> Result<(), Duration> {
        let after = |before: u64| before.max(now).saturating_add(self.interval);
        let end = now.saturating_add(self.credit);
        let paid = paid_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| {
            Some(after(before)).filter(|after| *after <= end)
        });
        match paid {
            Ok(_) => Ok(()),
            Err(before) => Err(Duration::from_nanos(after(before).saturating_sub(end))),
        }
    }
}

fn nanoseconds(start: Instant, now: Instant) -> u64 {
    let since = now.saturating_duration_since(start);
    // It overflows after 584 years.
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use oadr_core::CertificateHash;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn rate(per_second: u32, burst: u32) -> RequestRate {
        RequestRate {
            per_second: NonZeroU32::new(per_second).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        }
    }

    fn accounts(change: impl FnOnce(&mut ServerConfig)) -> Accounts {
        let mut config = ServerConfig::default();
        change(&mut config);
        Accounts::new(&config)
    }

    fn open(accounts: &Accounts, address: &str) -> Result<Option<Tab>, TooMany> {
        let address = address.parse().unwrap();
        accounts.open(&Peer::Unproven, Some(address), Instant::now())
    }

    #[test]
    fn a_burst_is_paid_for_by_waiting() {
        let ration = Ration::from(rate(10, 3));
        let paid_at = AtomicU64::new(0);
        for _ in 0..3 {
            assert_eq!(ration.pay(&paid_at, SECOND), Ok(()));
        }
        let tenth = Duration::from_millis(100);
        assert_eq!(ration.pay(&paid_at, SECOND), Err(tenth));
        // Being refused costs nothing.
        assert_eq!(ration.pay(&paid_at, SECOND), Err(tenth));
        assert_eq!(ration.pay(&paid_at, SECOND + SECOND / 20), Err(tenth / 2));
        assert_eq!(ration.pay(&paid_at, SECOND + SECOND / 10), Ok(()));
        assert_eq!(ration.pay(&paid_at, SECOND + SECOND / 10), Err(tenth));
        // A rest fills the bucket and no more than that.
        for _ in 0..3 {
            assert_eq!(ration.pay(&paid_at, 60 * SECOND), Ok(()));
        }
        assert_eq!(ration.pay(&paid_at, 60 * SECOND), Err(tenth));
    }

    #[test]
    fn the_longest_and_the_fastest_rate_overflow_nothing() {
        let fast = Ration::from(rate(u32::MAX, u32::MAX));
        let slow = Ration::from(rate(1, u32::MAX));
        for ration in [fast, slow] {
            let paid_at = AtomicU64::new(0);
            assert_eq!(ration.pay(&paid_at, u64::MAX), Ok(()));
            assert_eq!(
                ration.pay(&paid_at, 0),
                Err(Duration::from_nanos(u64::MAX - ration.credit))
            );
        }
    }

    #[test]
    fn each_peer_has_its_own_count() {
        let accounts = accounts(|config| config.max_connections_per_peer = 2);
        let first = open(&accounts, "192.0.2.1").unwrap();
        let _second = open(&accounts, "192.0.2.1").unwrap();
        assert!(open(&accounts, "192.0.2.1").is_err());
        // The same address as an IPv6 socket shows it.
        assert!(open(&accounts, "::ffff:192.0.2.1").is_err());
        assert!(open(&accounts, "192.0.2.2").is_ok());
        drop(first);
        assert!(open(&accounts, "192.0.2.1").is_ok());
    }

    #[test]
    fn half_an_ipv6_address_is_a_peer() {
        let accounts = accounts(|config| config.max_connections_per_peer = 1);
        let _tab = open(&accounts, "2001:db8:0:1::1").unwrap();
        assert!(open(&accounts, "2001:db8:0:1:ffff::2").is_err());
        assert!(open(&accounts, "2001:db8:0:2::1").is_ok());
    }

    #[test]
    fn a_proven_identity_goes_before_an_address() {
        let accounts = accounts(|config| config.max_connections_per_peer = 1);
        let address = Some("192.0.2.1".parse().unwrap());
        let mut tabs = Vec::new();
        for hash in [[1; 32], [2; 32]] {
            let peer = Peer::Certificate(CertificateHash(hash));
            tabs.push(accounts.open(&peer, address, Instant::now()).unwrap());
            assert!(accounts.open(&peer, address, Instant::now()).is_err());
        }
    }

    #[test]
    fn this_machine_stands_for_many_unless_told_otherwise() {
        let spared = accounts(|config| config.max_connections_per_peer = 0);
        for address in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
            assert!(matches!(open(&spared, address), Ok(None)), "{address}");
        }
        assert!(open(&spared, "192.0.2.1").is_err());
        let bounded = accounts(|config| {
            config.max_connections_per_peer = 0;
            config.bound_loopback = true;
        });
        assert!(open(&bounded, "127.0.0.1").is_err());
    }

    #[test]
    fn the_table_is_bounded_and_forgets_no_debt_that_it_can_keep() {
        let accounts = accounts(|config| {
            config.max_connections = 10;
            config.request_rate = Some(rate(1, 1));
        });
        let now = Instant::now();
        let address = |n: u32| Some(IpAddr::from(n.to_be_bytes()));
        let _open = accounts.open(&Peer::Unproven, address(1), now).unwrap();
        let debtor = accounts.open(&Peer::Unproven, address(2), now).unwrap();
        debtor.unwrap().pay().unwrap();
        for n in 3..2000 {
            drop(accounts.open(&Peer::Unproven, address(n), now).unwrap());
        }
        assert!(accounts.table().len() <= accounts.room);
        for kept in [1, 2] {
            let key = accounts.key(&Peer::Unproven, address(kept)).unwrap();
            assert!(accounts.table().contains_key(&key), "{kept}");
        }
        // A crowd of debtors is forgotten in the end.
        for n in 3..5000 {
            let tab = accounts.open(&Peer::Unproven, address(n), now).unwrap();
            tab.unwrap().pay().unwrap();
        }
        assert!(accounts.table().len() <= accounts.room);
        let key = accounts.key(&Peer::Unproven, address(1)).unwrap();
        assert!(accounts.table().contains_key(&key));
    }
}
