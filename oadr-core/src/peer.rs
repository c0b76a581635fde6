//! Who is at the other end, as far as the transport proved it, and which profile is spoken.
//!
//! Knows nothing of how a transport proves anything.

use serde::{Deserialize, Serialize};

/// The profile of a request; it travels with every message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Profile {
    /// OpenADR 2.0a.
    A,
    /// OpenADR 2.0b.
    B,
}

/// SHA-256 over a certificate's DER encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CertificateHash(pub [u8; 32]);

/// The identity that the transport proved, from which the partition follows.
///
/// Where it proved nothing (plain HTTP on loopback) the message's venID is all there is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Peer {
    /// Nothing was proved.
    Unproven,
    /// A TLS client certificate.
    Certificate(CertificateHash),
}
