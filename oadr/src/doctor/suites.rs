//! Cipher suites by number and name, and which of them a server takes.
//!
//! Knows nothing of versions after TLS 1.2, whose suites everybody has.

use std::net::SocketAddr;

use super::hello::{self, Said};
use super::vtn::Limits;

/// Suites of TLS 1.2 that are spoken here.
pub(super) const OURS: [u16; 6] = [0xC02B, 0xC02C, 0xC02F, 0xC030, 0xCCA8, 0xCCA9];

/// What servers are asked for, the best first.
const KNOWN: [(u16, &str); 43] = [
    (0xC02B, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    (0xC02C, "ECDHE-ECDSA-AES256-GCM-SHA384"),
    (0xC02F, "ECDHE-RSA-AES128-GCM-SHA256"),
    (0xC030, "ECDHE-RSA-AES256-GCM-SHA384"),
    (0xCCA8, "ECDHE-RSA-CHACHA20-POLY1305"),
    (0xCCA9, "ECDHE-ECDSA-CHACHA20-POLY1305"),
    (0xC023, "ECDHE-ECDSA-AES128-CBC-SHA256"),
    (0xC024, "ECDHE-ECDSA-AES256-CBC-SHA384"),
    (0xC027, "ECDHE-RSA-AES128-CBC-SHA256"),
    (0xC028, "ECDHE-RSA-AES256-CBC-SHA384"),
    (0xC0AC, "ECDHE-ECDSA-AES128-CCM"),
    (0xC0AD, "ECDHE-ECDSA-AES256-CCM"),
    (0xC0AE, "ECDHE-ECDSA-AES128-CCM8"),
    (0xC0AF, "ECDHE-ECDSA-AES256-CCM8"),
    (0xC009, "ECDHE-ECDSA-AES128-CBC-SHA"),
    (0xC00A, "ECDHE-ECDSA-AES256-CBC-SHA"),
    (0xC013, "ECDHE-RSA-AES128-CBC-SHA"),
    (0xC014, "ECDHE-RSA-AES256-CBC-SHA"),
    (0xC008, "ECDHE-ECDSA-3DES-CBC-SHA"),
    (0xC012, "ECDHE-RSA-3DES-CBC-SHA"),
    (0x009E, "DHE-RSA-AES128-GCM-SHA256"),
    (0x009F, "DHE-RSA-AES256-GCM-SHA384"),
    (0xCCAA, "DHE-RSA-CHACHA20-POLY1305"),
    (0x0067, "DHE-RSA-AES128-CBC-SHA256"),
    (0x006B, "DHE-RSA-AES256-CBC-SHA256"),
    (0x0033, "DHE-RSA-AES128-CBC-SHA"),
    (0x0039, "DHE-RSA-AES256-CBC-SHA"),
    (0x0016, "DHE-RSA-3DES-CBC-SHA"),
    (0x009C, "RSA-AES128-GCM-SHA256"),
    (0x009D, "RSA-AES256-GCM-SHA384"),
    (0xC09C, "RSA-AES128-CCM"),
    (0xC09D, "RSA-AES256-CCM"),
    (0xC0A0, "RSA-AES128-CCM8"),
    (0xC0A1, "RSA-AES256-CCM8"),
    (0x003C, "RSA-AES128-CBC-SHA256"),
    (0x003D, "RSA-AES256-CBC-SHA256"),
    (0x002F, "RSA-AES128-CBC-SHA"),
    (0x0035, "RSA-AES256-CBC-SHA"),
    (0x000A, "RSA-3DES-CBC-SHA"),
    (0x0041, "RSA-CAMELLIA128-CBC-SHA"),
    (0x0084, "RSA-CAMELLIA256-CBC-SHA"),
    (0x0005, "RSA-RC4-SHA"),
    (0x0004, "RSA-RC4-MD5"),
];

/// What a server takes of what can be offered up to TLS 1.2.
#[derive(Debug)]
pub(super) struct Taken {
    /// The newest version up to 1.2 that it goes on with, if any.
    pub(super) version: Option<u16>,
    pub(super) suites: Vec<u16>,
    /// What it said when it took none at all.
    pub(super) otherwise: Option<Said>,
}

/// No server is asked more often than this.
const MOST: usize = 12;

/// Asks a server again and again, each time without what it took before.
pub(super) async fn taken(at: SocketAddr, host: &str, limits: Limits) -> Taken {
    let mut left: Vec<u16> = KNOWN.iter().map(|(suite, _)| *suite).collect();
    let mut taken = Taken {
        version: None,
        suites: Vec::new(),
        otherwise: None,
    };
    while taken.suites.len() < MOST && !left.is_empty() {
        let said = hello::ask(at, host, &left, limits).await;
        if let Said::Hello { version, suite } = said
            && left.contains(&suite)
        {
            taken.version = taken.version.max(Some(version));
            taken.suites.push(suite);
            left.retain(|known| *known != suite);
            continue;
        }
        if taken.suites.is_empty() {
            taken.otherwise = Some(said);
        }
        break;
    }
    taken
}

/// `RSA-AES128-CBC-SHA256 (0x003C)`
pub(super) fn name(suite: u16) -> String {
    let known = KNOWN.iter().find(|(number, _)| *number == suite);
    match known {
        Some((_, name)) => format!("{name} (0x{suite:04X})"),
        None => format!("0x{suite:04X}"),
    }
}

/// `TLS 1.1`
pub(super) fn version_name(version: u16) -> String {
    match version {
        0x0300 => "SSL 3.0".to_owned(),
        0x0301 => "TLS 1.0".to_owned(),
        0x0302 => "TLS 1.1".to_owned(),
        0x0303 => "TLS 1.2".to_owned(),
        0x0304 => "TLS 1.3".to_owned(),
        other => format!("version 0x{other:04X}"),
    }
}
