//! The place of an XMPP server, as a setting says it.
//!
//! Knows nothing of connections.

use std::str::FromStr;

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct XmppServer {
    pub(super) host: String,
    pub(super) port: u16,
}

/// It is not of the form HOST:PORT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not of the form HOST:PORT")]
pub(super) struct NoServer;

impl FromStr for XmppServer {
    type Err = NoServer;

    fn from_str(text: &str) -> Result<Self, NoServer> {
        let (host, port) = text.rsplit_once(':').ok_or(NoServer)?;
        let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = match inner {
            Some(address) => address,
            None if host.contains(':') => return Err(NoServer),
            None => host,
        };
        let port = port.parse().ok().filter(|port| *port > 0);
        match port {
            Some(port) if !host.is_empty() => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            Some(_) | None => Err(NoServer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_and_a_port() {
        for (text, host, port) in [
            ("xmpp.example.com:5222", "xmpp.example.com", 5222),
            ("[::1]:15222", "::1", 15222),
        ] {
            let server: XmppServer = text.parse().unwrap();
            assert_eq!((server.host.as_str(), server.port), (host, port));
        }
        for text in [
            "",
            "example.com",
            ":5222",
            "a:0",
            "a:b",
            "::1:5222",
            "a:70000",
        ] {
            assert_eq!(text.parse::<XmppServer>(), Err(NoServer), "{text}");
        }
    }
}
