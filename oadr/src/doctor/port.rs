//! Whether anything listens at the VTN's port.
//!
//! Knows nothing of what it speaks.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::finding::Finding;
use super::vtn::Limits;

/// How a connection was not made.
#[derive(Debug)]
enum Refusal {
    Closed,
    Silent,
    Unreachable(io::Error),
    Other(io::Error),
}

/// The first of the addresses where somebody listens.
pub(super) async fn examine(
    addresses: &[SocketAddr],
    limits: Limits,
    found: &mut Vec<Finding>,
) -> Option<SocketAddr> {
    let mut refusals = Vec::new();
    let mut open = None;
    for address in addresses {
        match connect(*address, limits).await {
            Ok(_) => {
                open = Some(*address);
                break;
            }
            Err(refusal) => refusals.push((*address, refusal)),
        }
    }
    if let Some(open) = open {
        for (address, refusal) in refusals {
            found.push(Finding::hint(
                "address_useless",
                format!("{}, while another address of that name works", said(address, &refusal, limits)),
                "Every connection may try this address first and lose time: take it out of the name server, \
                 or make the VTN listen there too.",
            ));
        }
        found.push(Finding::ok("port", format!("something listens at {open}")));
        return Some(open);
    }
    for (address, refusal) in refusals {
        let (code, advice) = match refusal {
            Refusal::Closed => (
                "port_closed",
                "Nothing listens there: is the VTN running (oadr health there), does it listen at this \
                 address and not at 127.0.0.1 only (--listen), and is the port right? A firewall may answer \
                 so too.",
            ),
            Refusal::Silent => (
                "port_filtered",
                "A firewall on the way drops the packets, or the machine is off: have the port opened, for \
                 TCP, from here to there.",
            ),
            Refusal::Unreachable(_) => (
                "host_unreachable",
                "There is no way to that address from here: check routes, VPN and the address itself.",
            ),
            Refusal::Other(_) => ("port_failed", "See what the system says above."),
        };
        found.push(Finding::problem(
            code,
            said(address, &refusal, limits),
            advice,
        ));
    }
    None
}

fn said(address: SocketAddr, refusal: &Refusal, limits: Limits) -> String {
    match refusal {
        Refusal::Closed => format!("{address} refuses connections"),
        Refusal::Silent => format!("{address} does not answer within {:?}", limits.connect),
        Refusal::Unreachable(error) | Refusal::Other(error) => {
            format!("{address} cannot be reached: {error}")
        }
    }
}

async fn connect(address: SocketAddr, limits: Limits) -> Result<TcpStream, Refusal> {
    match timeout(limits.connect, TcpStream::connect(address)).await {
        Err(_) => Err(Refusal::Silent),
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(refusal(error)),
    }
}

fn refusal(error: io::Error) -> Refusal {
    let kind = error.kind();
    if kind == ErrorKind::ConnectionRefused {
        Refusal::Closed
    } else if kind == ErrorKind::TimedOut {
        Refusal::Silent
    } else if matches!(
        kind,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable
    ) {
        Refusal::Unreachable(error)
    } else {
        Refusal::Other(error)
    }
}

/// A connection to where one was possible a moment ago.
///
/// # Errors
/// It is possible no more.
pub(super) async fn again(address: SocketAddr, limits: Limits) -> io::Result<TcpStream> {
    connect(address, limits)
        .await
        .map_err(|refusal| match refusal {
            Refusal::Closed => ErrorKind::ConnectionRefused.into(),
            Refusal::Silent => ErrorKind::TimedOut.into(),
            Refusal::Unreachable(error) | Refusal::Other(error) => error,
        })
}
