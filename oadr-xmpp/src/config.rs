//! How an endpoint connects and who it is.
//!
//! Knows nothing of streams.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oadr_core::Jid;
use oadr_core::codec::DecodeOptions;
use oadr_core::value::ServiceName;
use rustls::ClientConfig;

/// How an [`Endpoint`](crate::Endpoint) connects and who it is.
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// The session: its account logs in, its resource is bound (rule 515: one JID for all traffic).
    pub jid: Jid,
    /// Host and port of the server. Default: the JID's domain, port 5222.
    pub server: (String, u16),
    /// TLS, asked for anew with each connection, so that certificates can change. STARTTLS is required;
    /// `None` speaks plainly, to a server on this machine only: no connection is made to another.
    pub tls: Option<TlsSource>,
    /// How it logs in.
    pub login: Login,
    /// What it answers to discovery.
    pub role: Role,
    /// How often the server is pinged (XEP-0199). Default: 60 s.
    pub ping_every: Duration,
    /// How long connecting and logging in may take. Each address of the server has a share of it. Default:
    /// 10 s.
    pub connect_timeout: Duration,
    /// How long an answer may take, once the connection has taken the request; and for how long the
    /// connection may take nothing of what is written. A request may take twice as long in all, with what
    /// it waits for others that are before it. Both are a second longer for each 8 KiB that the request
    /// has. A server that has given no sign of life when a ping's time is over is left. Default: 10 s.
    pub answer_timeout: Duration,
    /// The first and the longest back-off between two attempts to connect. Default: 1 s and 60 s.
    pub back_off: (Duration, Duration),
    /// The longest stanza that is read or sent, in bytes; less is sent if the server says so (XEP-0478).
    /// Servers end a session over a longer one than they allow. Default: 4 MiB, which is what documents may
    /// have.
    pub longest_stanza: usize,
    /// How many requests of peers may wait or be worked off at the same time: at a VTN that has an event for
    /// all, as many VENs answer at once as it has. Default: 4,096.
    pub most_at_once: usize,
    /// How documents are decoded.
    pub decode: DecodeOptions,
}

/// Where the settings of TLS come from.
pub type TlsSource = Arc<dyn Fn() -> Arc<ClientConfig> + Send + Sync>;

/// How a session logs in.
#[derive(Clone)]
#[non_exhaustive]
pub enum Login {
    /// SASL EXTERNAL, with the certificate of [`Config::tls`]; its CN is the account's name (rule 515).
    Certificate,
    /// SCRAM, with this password.
    Password(String),
}

/// Which end of OpenADR an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// A VTN: answers discovery with its services, all under its own JID.
    Vtn,
    /// A VEN.
    Ven,
}

/// Where a VTN's services are, as discovery told or the configuration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceJids(pub Vec<(ServiceName, Jid)>);

impl Config {
    /// Of this session; with a certificate or a password.
    #[must_use]
    pub fn new(jid: Jid, login: Login, role: Role) -> Self {
        Self {
            server: (jid.account().domain().to_owned(), 5222),
            jid,
            tls: None,
            login,
            role,
            ping_every: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(10),
            back_off: (Duration::from_secs(1), Duration::from_secs(60)),
            longest_stanza: 4 << 20,
            most_at_once: 4_096,
            decode: DecodeOptions::default(),
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "Certificate",
            Self::Password(_) => "Password(_)",
        })
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("jid", &self.jid)
            .field("server", &self.server)
            .field("login", &self.login)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}
