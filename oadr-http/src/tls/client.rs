//! The client's side of TLS: whom to believe, and what to show.
//! Does not know sockets.

use std::sync::{Arc, PoisonError, RwLock};

use oadr_core::CertificateId;
use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::clock::Clock;
use super::error::{HandshakeError, TlsError};
use super::identity::Identity;
use super::proved::{Proved, explained};
use super::provider::provider;
use super::roots::Roots;
use super::verifier::Servers;

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
    /// The server's certificates, if no others are to be believed. They still have to be issued by one
    /// of the roots and to bear the host's name; only where there are no roots it is enough to be one of
    /// these, and to be valid now.
    pub servers: Vec<CertificateId>,
    /// When it is. Default: the system's time.
    pub clock: Clock,
}

/// TLS for a [`Client`](crate::Client): versions 1.2 and 1.3. Clones are the same one.
///
/// Connections are resumed where the server lets us; its certificate is verified again then, and after
/// a [`reload`](Self::reload) nothing from before is resumed.
#[derive(Debug, Clone)]
pub struct TlsClient(Arc<RwLock<Arc<Current>>>);

struct Current {
    connector: TlsConnector,
    servers: Arc<Servers>,
    clock: Clock,
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Current").finish_non_exhaustive()
    }
}

/// What a connection was made with.
#[derive(Debug)]
pub(crate) struct Means(Arc<Current>);

impl TlsClientConfig {
    /// A client that believes these, shows nothing, and checks the host's name.
    #[must_use]
    pub fn new(roots: Vec<CertificateDer<'static>>) -> Self {
        Self {
            identity: None,
            roots,
            verify_host: true,
            servers: Vec::new(),
            clock: Clock::default(),
        }
    }
}

impl TlsClient {
    /// Sets it up.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn new(config: TlsClientConfig) -> Result<Self, TlsError> {
        let current = Current::new(config)?;
        Ok(Self(Arc::new(RwLock::new(Arc::new(current)))))
    }

    /// Replaces everything for the connections to come. One that a [`Client`](crate::Client) keeps
    /// from before is not used again.
    ///
    /// # Errors
    /// See [`TlsError`]; then nothing was replaced.
    pub fn reload(&self, config: TlsClientConfig) -> Result<(), TlsError> {
        let current = Arc::new(Current::new(config)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = current;
        Ok(())
    }

    /// What connections to come are made with, for other transports than HTTP.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(self.current().connector.config())
    }

    /// Whether it is still as it was for a connection.
    pub(crate) fn is(&self, means: &Means) -> bool {
        Arc::ptr_eq(&self.current(), &means.0)
    }

    /// Does the handshake with a server of this name or address, or with one of these certificates.
    pub(crate) async fn connect<S>(
        &self,
        host: &str,
        peers: &[CertificateId],
        stream: S,
    ) -> Result<(TlsStream<S>, Proved, Means), HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // A name may end with the dot of the root, and certificates never have it.
        let host = host.strip_suffix('.').unwrap_or(host);
        let name = ServerName::try_from(host.to_owned()).map_err(|_| HandshakeError::Host {
            host: host.to_owned(),
        })?;
        let current = self.current();
        let (connector, servers) = current.with(peers);
        let handshake = connector.connect(name, stream).into_fallible();
        let stream = explained(handshake).await.map_err(|(error, _)| error)?;
        let session = stream.get_ref().1;
        let proved = Proved::by(session, &current.clock, |leaf, intermediates| {
            let now = current.clock.now();
            servers.verify(leaf, intermediates, host, now)
        })?;
        Ok((stream, proved, Means(current)))
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Current {
    /// What a connection to a peer of these certificates is made with.
    fn with(&self, peers: &[CertificateId]) -> (TlsConnector, Arc<Servers>) {
        if peers.is_empty() {
            return (self.connector.clone(), Arc::clone(&self.servers));
        }
        let servers = Arc::new(Servers {
            peers: peers.to_vec(),
            ..Servers::clone(&self.servers)
        });
        let mut config = ClientConfig::clone(self.connector.config());
        let verifier = Arc::clone(&servers);
        config.dangerous().set_certificate_verifier(verifier);
        (TlsConnector::from(Arc::new(config)), servers)
    }

    fn new(config: TlsClientConfig) -> Result<Self, TlsError> {
        let TlsClientConfig {
            identity,
            roots,
            verify_host,
            servers,
            clock,
        } = config;
        let roots = Roots::new(roots)?;
        if roots.is_empty() && servers.is_empty() {
            return Err(TlsError::NoRoots);
        }
        let servers = Arc::new(Servers {
            roots,
            pinned: servers,
            verify_host,
            peers: Vec::new(),
        });
        let time = Arc::new(clock.clone());
        let rustls = ClientConfig::builder_with_details(Arc::clone(provider()), time)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Rustls)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&servers) as _);
        let rustls = match identity {
            Some(identity) => {
                let (chain, key) = identity.into_parts();
                let shows = rustls.with_client_auth_cert(chain, key);
                shows.map_err(TlsError::Rustls)?
            }
            None => rustls.with_no_client_auth(),
        };
        Ok(Self {
            connector: TlsConnector::from(Arc::new(rustls)),
            servers,
            clock,
        })
    }
}
