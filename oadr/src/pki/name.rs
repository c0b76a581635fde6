//! What certificates and their files are called.
//!
//! Knows nothing of what is in them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use rustls_pki_types::DnsName;

/// The most characters of a common name (RFC 5280, ub-common-name).
const LONGEST: usize = 64;

/// What the files of a certificate are called: `NAME.pem` and `NAME-key.pem`, in the folder and nowhere
/// else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileName(String);

/// A subject's common name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommonName(String);

/// A host that a certificate speaks for: a DNS name, perhaps with `*.` before it, or an IP address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// In small letters.
    Name(String),
    Address(IpAddr),
}

/// Why a text is no such name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    #[error(
        "a name for files has 1 to {LONGEST} letters, digits and -._ and begins with a letter or digit"
    )]
    NotAFileName,
    #[error("the files of `ca`, and those whose names end in -key, are somebody else's")]
    Taken,
    #[error("give the name without .pem or .csr: it makes NAME.pem and NAME-key.pem")]
    WithEnding,
    #[error("a common name has 1 to {LONGEST} characters, none of them for control")]
    NotACommonName,
    #[error("neither a DNS name such as vtn.example.com nor an IP address")]
    NotAHost,
}

impl FileName {
    /// The files of the VTN's second certificate, whose key is RSA.
    pub(crate) fn rsa(&self) -> Self {
        Self(format!("{}-rsa", self.0))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FileName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !begins || text.len() > LONGEST || !text.chars().all(fits) {
            return Err(NameError::NotAFileName);
        }
        let small = text.to_ascii_lowercase();
        if small == "ca" || small.ends_with("-key") {
            return Err(NameError::Taken);
        }
        if [".pem", ".csr", ".crt", ".key", ".new"]
            .iter()
            .any(|ending| small.ends_with(ending))
        {
            return Err(NameError::WithEnding);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl CommonName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CommonName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let count = text.chars().count();
        if !(1..=LONGEST).contains(&count) || text.contains(char::is_control) {
            return Err(NameError::NotACommonName);
        }
        Ok(Self(text.to_owned()))
    }
}

impl Host {
    /// The host, and what else it is called: `localhost` is the addresses of the loopback, too.
    pub(crate) fn with_addresses(&self) -> Vec<Self> {
        let mut all = vec![self.clone()];
        if *self == Self::Name("localhost".to_owned()) {
            all.push(Self::Address(Ipv4Addr::LOCALHOST.into()));
            all.push(Self::Address(Ipv6Addr::LOCALHOST.into()));
        }
        all
    }
}

impl FromStr for Host {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let name = text.strip_prefix("*.").unwrap_or(text);
        match DnsName::try_from(name) {
            Ok(_) if !name.ends_with('.') => Ok(Self::Name(text.to_ascii_lowercase())),
            Ok(_) | Err(_) => Err(NameError::NotAHost),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_folder() {
        for good in ["house", "plant-2", "vtn.example.com", "0", "Pump_1"] {
            assert_eq!(good.parse::<FileName>().unwrap().as_str(), good);
        }
        let long = "a".repeat(65);
        for bad in [
            "",
            ".",
            "..",
            "../house",
            "a/b",
            "a\\b",
            "/etc/passwd",
            "-house",
            "--force",
            ".hidden",
            "house\n",
            "a b",
            "häuschen",
            "a\0b",
            &long,
        ] {
            assert_eq!(
                bad.parse::<FileName>(),
                Err(NameError::NotAFileName),
                "{bad:?}"
            );
        }
        for taken in ["ca", "CA", "ca-key", "house-key"] {
            assert_eq!(taken.parse::<FileName>(), Err(NameError::Taken), "{taken}");
        }
        assert_eq!("house.pem".parse::<FileName>(), Err(NameError::WithEnding));
    }

    #[test]
    fn a_host_is_a_name_or_an_address() {
        let name = |text: &str| Ok(Host::Name(text.to_owned()));
        assert_eq!("VTN.example.com".parse(), name("vtn.example.com"));
        assert_eq!("*.example.com".parse(), name("*.example.com"));
        assert_eq!("house".parse(), name("house"));
        for address in ["192.0.2.7", "2001:db8::7"] {
            let read: Host = address.parse().unwrap();
            assert!(matches!(read, Host::Address(_)), "{read:?}");
            assert_eq!(read.to_string(), address);
        }
        for bad in [
            "",
            "Pump 1",
            "a..b",
            "-a",
            "https://vtn",
            "vtn:8080",
            "*",
            "a.*.b",
            "vtn.",
        ] {
            assert_eq!(bad.parse::<Host>(), Err(NameError::NotAHost), "{bad}");
        }
        let loopback: Host = "localhost".parse().unwrap();
        let all: Vec<_> = loopback
            .with_addresses()
            .iter()
            .map(Host::to_string)
            .collect();
        assert_eq!(all, ["localhost", "127.0.0.1", "::1"]);
    }

    #[test]
    fn a_common_name_is_a_line() {
        assert_eq!(" Pump 1 ".parse::<CommonName>().unwrap().as_str(), "Pump 1");
        for bad in ["", "  ", "a\nb", &"ä".repeat(65)] {
            assert_eq!(
                bad.parse::<CommonName>(),
                Err(NameError::NotACommonName),
                "{bad:?}"
            );
        }
        assert!("ä".repeat(64).parse::<CommonName>().is_ok());
    }
}
