//! A ClientHello made by hand, for servers that no library of today understands: TLS 1.0 to 1.2, with
//! any cipher suites. Only the first answer is read.
//!
//! Knows nothing of keys: nothing is ever encrypted here.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::port;
use super::vtn::Limits;
use crate::entropy;

/// What a server said to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// It would go on with this version and this suite.
    Hello { version: u16, suite: u16 },
    /// It would not, and says why in a number.
    Alert(u8),
    /// It closed the connection.
    Closed,
    /// Nothing, in time.
    Silence,
    /// Something that is not TLS; the beginning of it.
    NotTls(Vec<u8>),
}

pub(super) const TLS12: u16 = 0x0303;
const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;
const SERVER_HELLO: u8 = 2;

/// Asks a server for TLS up to 1.2 with one of these suites.
pub(super) async fn ask(at: SocketAddr, host: &str, suites: &[u16], limits: Limits) -> Said {
    let Ok(mut stream) = port::again(at, limits).await else {
        return Said::Closed;
    };
    if stream.write_all(&client_hello(host, suites)).await.is_err() {
        return Said::Closed;
    }
    let mut octets = Vec::new();
    let read = async {
        let mut buffer = [0; 1024];
        // A ServerHello's beginning is in the first 50 octets, an alert in 7.
        while octets.len() < 512 && understand(&octets).is_none() {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return true,
                Ok(count) => octets.extend(buffer.iter().take(count)),
            }
        }
        false
    };
    let ended = timeout(limits.answer, read).await;
    match (understand(&octets), ended) {
        (Some(said), _) => said,
        (None, _) if !octets.is_empty() => Said::NotTls(octets),
        (None, Ok(_)) => Said::Closed,
        (None, Err(_)) => Said::Silence,
    }
}

/// What the first octets of an answer say, as soon as there are enough of them.
fn understand(octets: &[u8]) -> Option<Said> {
    match octets {
        [ALERT, 3, _, 0, 2, _, alert, ..] => Some(Said::Alert(*alert)),
        [HANDSHAKE, 3, rest @ ..] => {
            // Record: minor version and length (3). Handshake: type and length (4), version (2), random
            // (32), session ID (1 and as many), suite (2).
            let [_, _, _, SERVER_HELLO, _, _, _, major, minor, rest @ ..] = rest else {
                return None;
            };
            let session = usize::from(*rest.get(32)?);
            let suite = rest.get(33_usize.checked_add(session)?..)?;
            let [high, low, ..] = suite else {
                return None;
            };
            Some(Said::Hello {
                version: u16::from_be_bytes([*major, *minor]),
                suite: u16::from_be_bytes([*high, *low]),
            })
        }
        // Whether it is TLS shows in the first octets.
        [HANDSHAKE | ALERT] | [ALERT, 3, ..] | [] => None,
        other => (other.len() >= 16).then(|| Said::NotTls(other.to_vec())),
    }
}

/// The record with a ClientHello for TLS 1.0 to 1.2 (RFC 5246 §7.4.1.2).
fn client_hello(host: &str, suites: &[u16]) -> Vec<u8> {
    let mut body = TLS12.to_be_bytes().to_vec();
    // It need not be random where no key comes of it.
    body.extend(entropy::draw().unwrap_or([7; 32]));
    body.push(0);
    let suites: Vec<u8> = suites
        .iter()
        .flat_map(|suite| suite.to_be_bytes())
        .collect();
    body.extend(with_length(&suites));
    body.extend([1, 0]);
    let mut extensions = Vec::new();
    if host.parse::<std::net::IpAddr>().is_err() {
        let mut name = vec![0];
        name.extend(with_length(host.as_bytes()));
        extension(&mut extensions, 0, &with_length(&name));
    }
    // The groups x25519, P-256, P-384, P-521; their points in full.
    extension(
        &mut extensions,
        10,
        &with_length(&[0, 29, 0, 23, 0, 24, 0, 25]),
    );
    extension(&mut extensions, 11, &[1, 0]);
    // Signatures by RSA and ECDSA, with SHA-2 and SHA-1.
    let schemes = [
        8, 4, 8, 5, 8, 6, 4, 1, 5, 1, 6, 1, 4, 3, 5, 3, 6, 3, 2, 1, 2, 3,
    ];
    extension(&mut extensions, 13, &with_length(&schemes));
    extension(&mut extensions, 0xFF01, &[0]);
    body.extend(with_length(&extensions));
    let mut handshake = vec![1, 0];
    handshake.extend(with_length(&body));
    let mut record = vec![HANDSHAKE, 3, 1];
    record.extend(with_length(&handshake));
    record
}

fn extension(to: &mut Vec<u8>, kind: u16, body: &[u8]) {
    to.extend(kind.to_be_bytes());
    to.extend(with_length(body));
}

/// With its length in two octets before it.
fn with_length(octets: &[u8]) -> Vec<u8> {
    let length = u16::try_from(octets.len()).unwrap_or(u16::MAX);
    let mut out = length.to_be_bytes().to_vec();
    out.extend(octets);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart_as_soon_as_they_can_be() {
        let mut hello = vec![22, 3, 2, 0, 44, 2, 0, 0, 40, 3, 2];
        hello.extend([9; 32]);
        hello.extend([2, 1, 1, 0, 0x3C, 0]);
        let said = Said::Hello {
            version: 0x0302,
            suite: 0x003C,
        };
        assert_eq!(understand(&hello), Some(said));
        for end in 0..hello.len() - 1 {
            assert_eq!(understand(&hello[..end]), None, "{end}");
        }
        assert_eq!(understand(&[21, 3, 1, 0, 2, 2, 70]), Some(Said::Alert(70)));
        let http = b"HTTP/1.1 400 Bad Request\r\n";
        assert_eq!(understand(http), Some(Said::NotTls(http.to_vec())));
    }
}
