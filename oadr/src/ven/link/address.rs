//! Where a VTN is: at a URL, or in an XMPP domain.
//!
//! Knows nothing of connections.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use oadr_core::BareJid;
use oadr_http::{BaseUrl, UrlError};

/// Where a VEN's VTN is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "there is one of it for each VEN")]
pub enum VtnAddress {
    /// At a URL, with or without `/OpenADR2/Simple/2.0b`.
    Http(BaseUrl),
    /// In an XMPP domain, which tells where its services are (spec §5.3): `xmpp:` and the domain.
    Xmpp(String),
}

/// Why a text says not where a VTN is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VtnAddressError {
    /// It is no URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// What is behind `xmpp:` is no domain.
    #[error("behind xmpp: there is to be the domain of the VTN, and nothing else")]
    Domain,
}

impl FromStr for VtnAddress {
    type Err = VtnAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let Some(domain) = text.strip_prefix("xmpp:") else {
            return Ok(Self::Http(BaseUrl::parse(text)?));
        };
        // What is a domain is what may be one in a JID.
        let account: Result<BareJid, _> = format!("vtn@{domain}").parse();
        let account = account.map_err(|_| VtnAddressError::Domain)?;
        Ok(Self::Xmpp(account.domain().to_owned()))
    }
}

impl fmt::Display for VtnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => url.fmt(f),
            Self::Xmpp(domain) => write!(f, "xmpp:{domain}"),
        }
    }
}

/// Whether a host's name or address is this machine's own.
pub(super) fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse()
            .is_ok_and(|ip: IpAddr| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vtn_is_at_a_url_or_in_a_domain() {
        let said = |text: &str| text.parse::<VtnAddress>().map(|vtn| vtn.to_string());
        for (text, vtn) in [
            (
                "https://vtn.example.com",
                "https://vtn.example.com/OpenADR2/Simple/2.0b",
            ),
            ("xmpp:VTN.Example.com", "xmpp:vtn.example.com"),
            (" xmpp:localhost\n", "xmpp:localhost"),
        ] {
            assert_eq!(said(text).unwrap(), vtn);
        }
        for text in [
            "xmpp:",
            "xmpp:vtn@example.com",
            "xmpp://example.com",
            "xmpp:a/b",
        ] {
            assert_eq!(said(text), Err(VtnAddressError::Domain), "{text}");
        }
        assert!(matches!(said("vtn"), Err(VtnAddressError::Url(_))));
    }

    #[test]
    fn this_machine_has_several_names() {
        for host in [
            "localhost",
            "LocalHost",
            "127.0.0.7",
            "::1",
            "::ffff:127.0.0.1",
        ] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["localhost.example.com", "10.0.0.1", ""] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
