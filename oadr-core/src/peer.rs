//! Who is at the other end, as far as the transport and a signature proved it, and which profile is
//! spoken.
//!
//! Knows nothing of how either proves anything.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Jid;
use crate::value::DateTime;

/// The profile of a request; it travels with every message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Profile {
    /// OpenADR 2.0a.
    A,
    /// OpenADR 2.0b.
    B,
}

/// SHA-256 over a certificate's DER encoding.
///
/// Shown as 32 pairs of hexadecimal digits, in capitals, with colons between them; read with or
/// without colons, in any case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateHash(pub [u8; 32]);

impl CertificateHash {
    /// Its last ten bytes, which are what people exchange.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut last = [0; 10];
        for (to, from) in last.iter_mut().zip(self.0.iter().skip(22)) {
            *to = *from;
        }
        Fingerprint(last)
    }
}

/// OpenADR's fingerprint of a certificate: the last ten bytes of its [`CertificateHash`].
///
/// For what people tell each other; a certificate that was seen is known by its whole hash. Shown as
/// ten pairs of hexadecimal digits, in capitals, with colons between them; read with or without
/// colons, in any case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 10]);

/// What names a certificate: its hash where it is known, its fingerprint where somebody told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CertificateId {
    /// The hash of all of it.
    Hash(CertificateHash),
    /// The last ten bytes of that.
    Fingerprint(Fingerprint),
}

impl CertificateId {
    /// Its fingerprint, which is known either way.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Hash(hash) => hash.fingerprint(),
            Self::Fingerprint(fingerprint) => *fingerprint,
        }
    }

    /// Whether it names this certificate.
    #[must_use]
    pub fn names(&self, certificate: &CertificateHash) -> bool {
        match self {
            Self::Hash(hash) => hash == certificate,
            Self::Fingerprint(fingerprint) => *fingerprint == certificate.fingerprint(),
        }
    }
}

/// Why a text names no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither 10 nor 32 pairs of hexadecimal digits, with or without colons between them")]
pub struct CertificateIdError;

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
    /// An XMPP session. It proves a certificate only through a server that lets an account in with
    /// nothing but a certificate of its name (rule 515).
    Jid(Jid),
}

/// What a verified XML signature proved of the message that it came with (rule 514, §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// Whose key made it.
    pub signer: CertificateHash,
    /// When it was made, as the signer says: ReplayProtect's timestamp.
    pub timestamp: DateTime,
    /// What no other signature of this signer has.
    pub nonce: NonceHash,
}

/// The first half of SHA-256 over the texts of ReplayProtect's timestamp and nonce, which a peer may
/// make as long as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NonceHash(pub [u8; 16]);

/// What becomes of XML signatures between us and a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignaturePolicy {
    /// They are neither made nor looked at.
    Off,
    /// A message may be signed; one that is wrongly signed has no effect. Replies are signed to whom
    /// signs.
    Optional,
    /// A message that is not signed has no effect. Everything that is sent is signed.
    Required,
}

impl fmt::Display for CertificateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_pairs(&self.0, f)
    }
}

impl fmt::Debug for CertificateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_pairs(&self.0, f)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_pairs(&self.0, f)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_pairs(&self.0, f)
    }
}

impl fmt::Display for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash(hash) => hash.fmt(f),
            Self::Fingerprint(fingerprint) => fingerprint.fmt(f),
        }
    }
}

impl FromStr for CertificateHash {
    type Err = CertificateIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read_pairs(text).map(Self).ok_or(CertificateIdError)
    }
}

impl FromStr for Fingerprint {
    type Err = CertificateIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read_pairs(text).map(Self).ok_or(CertificateIdError)
    }
}

impl FromStr for CertificateId {
    type Err = CertificateIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map(Self::Hash)
            .or_else(|_| text.parse().map(Self::Fingerprint))
    }
}

/// As text, both ways.
macro_rules! serde_as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

serde_as_text!(CertificateHash, Fingerprint, CertificateId);

fn write_pairs(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (place, byte) in bytes.iter().enumerate() {
        let colon = if place == 0 { "" } else { ":" };
        write!(f, "{colon}{byte:02X}")?;
    }
    Ok(())
}

/// Exactly so many bytes, in pairs of digits; all of the colons between them or none.
fn read_pairs<const COUNT: usize>(text: &str) -> Option<[u8; COUNT]> {
    let text = text.trim();
    let colons = text.contains(':');
    let mut digits = text.bytes();
    let mut bytes = [0; COUNT];
    for (place, byte) in bytes.iter_mut().enumerate() {
        if colons && place > 0 && digits.next() != Some(b':') {
            return None;
        }
        let high = char::from(digits.next()?).to_digit(16)?;
        let low = char::from(digits.next()?).to_digit(16)?;
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    digits.next().is_none().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spec_4_5_a_fingerprint_is_the_end_of_the_hash() {
        let mut hash = [0; 32];
        for (byte, value) in hash.iter_mut().zip(0_u8..) {
            *byte = value * 8;
        }
        let hash = CertificateHash(hash);
        let fingerprint = hash.fingerprint();
        assert_eq!(fingerprint.to_string(), "B0:B8:C0:C8:D0:D8:E0:E8:F0:F8");
        for id in [
            CertificateId::Hash(hash),
            CertificateId::Fingerprint(fingerprint),
        ] {
            assert!(id.names(&hash));
            assert!(!id.names(&CertificateHash([1; 32])));
            assert_eq!(id.to_string().parse(), Ok(id));
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(serde_json::from_str::<CertificateId>(&json).unwrap(), id);
        }
    }

    #[test]
    fn a_fingerprint_is_read_as_people_write_it() {
        let fingerprint = Fingerprint([0xA9, 0xF8, 0x93, 0xE8, 0x84, 0x32, 0x55, 0xD1, 0x4E, 0xD6]);
        for text in [
            "A9:F8:93:E8:84:32:55:D1:4E:D6",
            " a9f893e8843255d14ed6\n",
            "a9:f8:93:e8:84:32:55:d1:4e:d6",
        ] {
            assert_eq!(text.parse(), Ok(fingerprint), "{text}");
        }
        for bad in [
            "",
            "A9",
            "A9F8:93:E8:84:32:55:D1:4E:D6",
            "A9:F8:93:E8:84:32:55:D1:4E:D6:",
            "g9f893e8843255d14ed6",
            "+9f893e8843255d14ed6",
        ] {
            assert_eq!(
                bad.parse::<CertificateId>(),
                Err(CertificateIdError),
                "{bad}"
            );
        }
    }
}
