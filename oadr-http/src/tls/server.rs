//! The server's side of TLS: own certificates, whom to believe, and both anew without a restart.
//! Does not know sockets.

use rustls_pki_types::CertificateDer;

use super::{Identity, TlsError};

/// What a server is and whom it believes.
#[derive(Debug)]
#[non_exhaustive]
pub struct TlsServerConfig {
    /// Its certificates, one for each kind of key; which one is shown follows from what the client
    /// can verify (rule 67).
    pub identities: Vec<Identity>,
    /// Who may issue client certificates. One is required, always.
    pub client_roots: Vec<CertificateDer<'static>>,
}

/// TLS for [`Server::accept_tls`](crate::Server::accept_tls). Clones are the same one.
#[derive(Debug, Clone)]
pub struct TlsServer {}

impl TlsServerConfig {
    /// A server with these certificates, for clients with certificates from these.
    #[must_use]
    pub fn new(identities: Vec<Identity>, client_roots: Vec<CertificateDer<'static>>) -> Self {
        Self {
            identities,
            client_roots,
        }
    }
}

impl TlsServer {
    /// Sets it up.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn new(config: TlsServerConfig) -> Result<Self, TlsError> {
        let _ = config;
        unimplemented!()
    }

    /// Replaces everything for the connections to come; those that are open stay.
    ///
    /// # Errors
    /// See [`TlsError`]; then nothing was replaced.
    pub fn reload(&self, config: TlsServerConfig) -> Result<(), TlsError> {
        let _ = config;
        unimplemented!()
    }
}
