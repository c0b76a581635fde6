//! The client's side of TLS: whom to believe, and what to show.
//! Does not know sockets.

use oadr_core::CertificateId;
use rustls_pki_types::CertificateDer;

use super::{Identity, TlsError};

/// Whom a client believes and what it shows.
#[derive(Debug)]
#[non_exhaustive]
pub struct TlsClientConfig {
    /// Its certificate, which servers of OpenADR ask for.
    pub identity: Option<Identity>,
    /// Who may issue the server's certificate.
    pub roots: Vec<CertificateDer<'static>>,
    /// Whether the server's certificate must bear the host's name. Default: yes; some deployments give
    /// certificates that do not (§4.5).
    pub verify_host: bool,
    /// The server's certificates, if no others are to be believed, whoever issued them.
    pub servers: Vec<CertificateId>,
}

/// TLS for a [`Client`](crate::Client). Clones are the same one.
#[derive(Debug, Clone)]
pub struct TlsClient {}

impl TlsClientConfig {
    /// A client that believes these, shows nothing, and checks the host's name.
    #[must_use]
    pub fn new(roots: Vec<CertificateDer<'static>>) -> Self {
        Self {
            identity: None,
            roots,
            verify_host: true,
            servers: Vec::new(),
        }
    }
}

impl TlsClient {
    /// Sets it up.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn new(config: TlsClientConfig) -> Result<Self, TlsError> {
        let _ = config;
        unimplemented!()
    }

    /// Replaces everything for the connections to come.
    ///
    /// # Errors
    /// See [`TlsError`]; then nothing was replaced.
    pub fn reload(&self, config: TlsClientConfig) -> Result<(), TlsError> {
        let _ = config;
        unimplemented!()
    }
}
