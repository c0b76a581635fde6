//! XMPP addresses: whose account it is, and which session of it (spec §5.2).
//!
//! Knows nothing of XMPP's text preparation: an adapter hands in what its XMPP library has normalised.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest part of a JID, in bytes (RFC 7622).
const LONGEST_PART: usize = 1023;

/// A full JID: `local@domain/resource`. The domain is in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Jid {
    account: BareJid,
    resource: String,
}

/// The account of a JID: `local@domain`, both in lower case. An account belongs to one VEN, whatever
/// resources it binds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BareJid {
    local: String,
    domain: String,
}

/// Why a text is no JID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JidError {
    /// A part is missing, empty, too long, or has characters that it must not have.
    #[error("is not of the form local@domain")]
    Bare,
    /// The same, of a JID with a resource.
    #[error("is not of the form local@domain/resource")]
    Full,
}

impl Jid {
    /// The account.
    #[must_use]
    pub fn account(&self) -> &BareJid {
        &self.account
    }

    /// The session of the account.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// Another session of the same account.
    ///
    /// # Errors
    /// The resource is none.
    pub fn with_resource(&self, resource: &str) -> Result<Self, JidError> {
        self.account.with_resource(resource)
    }
}

impl BareJid {
    /// What the account is called: the CN of its certificate (rule 515).
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The XMPP domain.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// A session of this account.
    ///
    /// # Errors
    /// The resource is none.
    pub fn with_resource(&self, resource: &str) -> Result<Jid, JidError> {
        let is_legal = !resource.is_empty()
            && resource.len() <= LONGEST_PART
            && !resource.contains(char::is_control);
        is_legal
            .then(|| Jid {
                account: self.clone(),
                resource: resource.to_owned(),
            })
            .ok_or(JidError::Full)
    }
}

impl FromStr for BareJid {
    type Err = JidError;

    /// With or without `xmpp:` before it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.strip_prefix("xmpp:").unwrap_or(text);
        let (local, domain) = text.split_once('@').ok_or(JidError::Bare)?;
        // As they are kept: what is written is read again, and nothing in the change may make it illegal.
        let local = local.to_lowercase();
        let domain = domain.trim_end_matches('.').to_lowercase();
        let is_legal = |part: &str, forbidden: &[char]| {
            !part.is_empty()
                && part.len() <= LONGEST_PART
                && !part.contains(|c: char| c.is_control() || c.is_whitespace())
                && !part.contains(forbidden)
        };
        let is_legal = is_legal(&local, &['"', '&', '\'', '/', ':', '<', '>', '@'])
            && is_legal(&domain, &['/', '@', '<', '>', '&', '"', '\'']);
        is_legal
            .then_some(Self { local, domain })
            .ok_or(JidError::Bare)
    }
}

impl FromStr for Jid {
    type Err = JidError;

    /// With or without `xmpp:` before it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (account, resource) = text.split_once('/').ok_or(JidError::Full)?;
        let account: BareJid = account.parse().map_err(|_| JidError::Full)?;
        account.with_resource(resource)
    }
}

impl fmt::Display for BareJid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl fmt::Display for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.resource)
    }
}

/// As text: in logs, in rows and in the operator API.
macro_rules! as_text {
    ($($name:ty),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

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

as_text!(Jid, BareJid);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spec_5_2_an_account_is_the_same_however_it_is_written() {
        let jid: Jid = "VEN1@XMPP.vtn.Example/Client".parse().unwrap();
        assert_eq!(jid.to_string(), "ven1@xmpp.vtn.example/Client");
        assert_eq!(jid.account().local(), "ven1");
        assert_eq!(jid.account().domain(), "xmpp.vtn.example");
        assert_eq!(
            "xmpp:ven1@xmpp.vtn.example".parse(),
            Ok(jid.account().clone())
        );
        let json = serde_json::to_string(&jid).unwrap();
        assert_eq!(serde_json::from_str::<Jid>(&json).unwrap(), jid);
    }

    #[test]
    fn what_is_no_jid_is_none() {
        // In lower case it is longer than a part may be.
        let grows = format!("{}@b", "\u{23a}".repeat(400));
        for text in [
            "", "ven1", "@d", "ven1@", "a@.", "a@b@c", "a b@c", "a@b c", "a@b\n", "a<@b", &grows,
        ] {
            assert_eq!(text.parse::<BareJid>(), Err(JidError::Bare), "{text:?}");
        }
        for text in ["a@b", "a@b/", "b/c", "a@b/c\u{0}"] {
            assert_eq!(text.parse::<Jid>(), Err(JidError::Full), "{text:?}");
        }
        let long = format!("a@b/{}", "r".repeat(1024));
        assert_eq!(long.parse::<Jid>(), Err(JidError::Full));
    }
}
