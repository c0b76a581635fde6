//! Why a VTN does not start, in words that say what to do.
//!
//! Knows nothing of how one is started.

use std::io;
use std::net::SocketAddr;

use oadr_core::value::{Duration, Text, ValueError};

use super::{ProxyError, ReportPolicyError, SecurityError, XmppError};
use crate::api::token::TokenError;
use crate::data_dir::DataDirError;
use crate::sqlite::StoreError;

/// Why a VTN does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The data folder.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Plain HTTP proves nobody's identity and hides nothing.
    #[error(
        "{0} can be reached from other machines, and without TLS anybody there can be any VEN: name the VTN's certificate (--tls-certificate) and the CA of the VENs' (--tls-client-ca), which `oadr pki` makes; or listen on a loopback address; or say --insecure-plain-http"
    )]
    PlainHttp(SocketAddr),
    /// Plain HTTP shows the operators' token to whoever can listen on the way.
    #[error(
        "{0} can be reached from other machines, and the operators' API has no TLS to hide their token: listen on a loopback address, behind a proxy that speaks TLS perhaps, or say --insecure-plain-api"
    )]
    PlainApi(SocketAddr),
    /// The operators' token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// TLS or signatures.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// The listener for proxies.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// XMPP.
    #[error(transparent)]
    Xmpp(#[from] XmppError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The poll interval has no fixed length, or none at all.
    #[error("the poll interval {0} is not a positive time of fixed length")]
    PollInterval(Duration),
    /// Pushes would be given up before they are tried.
    #[error("pushes cannot be tried for {0}: that is no positive time of fixed length")]
    PushGiveUpAfter(Duration),
    /// Readings would be forgotten as they come.
    #[error("readings cannot be kept for {0}: that is no positive time")]
    ReadingsRetention(Duration),
    /// A report policy cannot be.
    #[error("the report policy {name}: {source}")]
    ReportPolicy {
        /// Its name.
        name: Text,
        /// What is wrong with it.
        source: ReportPolicyError,
    },
    /// Peers cannot be told of an empty ID.
    #[error("the VTN's ID must not be empty")]
    EmptyVtnId,
    /// The ID of the last run cannot be read.
    #[error("the VTN's ID in the database {0}")]
    StoredVtnId(ValueError),
}
