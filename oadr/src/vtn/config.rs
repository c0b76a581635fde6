//! How a VTN runs: every setting with its default.
//!
//! Knows nothing of where settings come from.

use std::net::SocketAddr;
use std::path::PathBuf;

use oadr_core::SignaturePolicy;
use oadr_core::value::{Duration, OptType, VtnId};
use oadr_core::vtn::{Admission, ReportPolicy};
use oadr_http::ServerConfig;

#[cfg(doc)]
use super::DEFAULT_VTN_ID;
use super::{Proxy, PushConfig, XmppConfig};
use crate::credentials::Files;

/// How a VTN runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where VENs connect.
    pub listen: SocketAddr,
    /// Where operators connect.
    pub api: SocketAddr,
    /// The folder for the data.
    pub data: PathBuf,
    /// The VTN's ID; that of the last run if absent, [`DEFAULT_VTN_ID`] at first.
    pub vtn_id: Option<VtnId>,
    /// How often VENs are to poll.
    pub poll_interval: Duration,
    /// Who may register.
    pub admission: Admission,
    /// What counts for an event where a VEN's opt schedules say both (rule 201).
    pub opt_precedence: OptType,
    /// How long readings are kept, from their start; for ever if absent.
    pub readings_retention: Option<Duration>,
    /// Which reports are requested of every VEN that offers them.
    pub report_policies: Vec<ReportPolicy>,
    /// Our certificates and whose VENs' certificates are believed: VENs connect with TLS then.
    pub tls: Option<Files>,
    /// What becomes of XML signatures of VENs of which nothing else is said: optional with TLS and off
    /// without if absent.
    pub signatures: Option<SignaturePolicy>,
    /// By how much the time of a signature may be off, either way.
    pub signature_window: Duration,
    /// Whether signatures with SHA-1 count; ours never use it.
    pub signature_sha1: bool,
    /// The certificates whose keys sign; those of [`tls`](Self::tls) if absent.
    pub signature_files: Option<Files>,
    /// A proxy that ends the TLS of VENs, if there is one.
    pub proxy: Option<Proxy>,
    /// How VENs are pushed to over HTTP; `None`: none may register for that.
    pub push: Option<PushConfig>,
    /// XMPP beside HTTP, if there is to be.
    pub xmpp: Option<XmppConfig>,
    /// Plain HTTP for VENs on addresses that others can reach.
    pub insecure_plain_http: bool,
    /// Plain HTTP for operators on addresses that others can reach: who can listen on the way learns
    /// the token.
    pub insecure_plain_api: bool,
    /// What VENs may cost: connections, requests, sizes, times.
    pub http: ServerConfig,
}

impl Default for Config {
    /// What `oadr vtn` does if nothing is said: enrolled VENs only, on this machine only, data in
    /// `oadr-vtn`.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            api: SocketAddr::from(([127, 0, 0, 1], 8081)),
            data: PathBuf::from("oadr-vtn"),
            vtn_id: None,
            poll_interval: Duration::seconds(10),
            admission: Admission::Enrolled,
            opt_precedence: OptType::OptOut,
            readings_retention: None,
            report_policies: Vec::new(),
            tls: None,
            signatures: None,
            signature_window: Duration::minutes(1),
            signature_sha1: false,
            signature_files: None,
            proxy: None,
            push: Some(PushConfig::default()),
            xmpp: None,
            insecure_plain_http: false,
            insecure_plain_api: false,
            http: ServerConfig::default(),
        }
    }
}
