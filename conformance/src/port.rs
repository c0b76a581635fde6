//! Ports to listen at later, or never.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below those that the system gives to whoever has no wish, so that nobody has got one meanwhile.
const FIRST: u16 = 10_000;

/// How many there are to draw from.
const COUNT: u32 = 22_000;

/// An address on loopback where nobody listens. It is drawn once by this process, and other processes draw
/// elsewhere.
#[must_use]
pub fn free() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let apart = process::id().wrapping_mul(97);
    loop {
        let number = apart.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + (number % COUNT) as u16));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
