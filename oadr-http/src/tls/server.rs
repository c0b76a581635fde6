//! The server's side of TLS: own certificates, whom to believe, and both anew without a restart.
//! Does not know sockets.

use std::sync::{Arc, PoisonError, RwLock};

use oadr_core::CertificateId;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SignatureAlgorithm};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::clock::Clock;
use super::error::{HandshakeError, TlsError};
use super::identity::Identity;
use super::proved::{Proved, explain, explained};
use super::provider::provider;
use super::roots::Roots;
use super::verifier::Clients;

/// What a server is and whom it believes.
#[derive(Debug)]
#[non_exhaustive]
pub struct TlsServerConfig {
    /// Its certificates, one for each kind of key; which one is shown follows from what the client
    /// can verify (rule 67). Of those that it can, an elliptic one goes before RSA, and an earlier one
    /// before a later.
    pub identities: Vec<Identity>,
    /// Who may issue client certificates. One is required, always.
    pub client_roots: Vec<CertificateDer<'static>>,
    /// The clients' certificates, if no others are to be believed. They still have to be issued by one of
    /// the roots and to bear the name below; only where there are no roots it is enough to be one of these,
    /// and to be valid now.
    pub clients: Vec<CertificateId>,
    /// The host's name that a client's certificate must bear, for a server with one client: a VEN that is
    /// pushed to. Default: none.
    pub client_host: Option<String>,
    /// When it is. Default: the system's time.
    pub clock: Clock,
}

/// TLS for [`Server::accept_tls`](crate::Server::accept_tls): versions 1.2 and 1.3. Clones are the same
/// one.
///
/// Clients may resume what they had before, which saves the costly part of a handshake. Their
/// certificates are verified again when they do, and after a [`reload`](Self::reload) nothing from before
/// is resumed. There is no early data.
#[derive(Debug, Clone)]
pub struct TlsServer(Arc<RwLock<Arc<Current>>>);

struct Current {
    acceptor: TlsAcceptor,
    clients: Arc<Clients>,
    clock: Clock,
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Current").finish_non_exhaustive()
    }
}

impl TlsServerConfig {
    /// A server with these certificates, for clients with certificates from these.
    #[must_use]
    pub fn new(identities: Vec<Identity>, client_roots: Vec<CertificateDer<'static>>) -> Self {
        Self {
            identities,
            client_roots,
            clients: Vec::new(),
            client_host: None,
            clock: Clock::default(),
        }
    }
}

impl TlsServer {
    /// Sets it up.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn new(config: TlsServerConfig) -> Result<Self, TlsError> {
        let current = Current::new(config)?;
        Ok(Self(Arc::new(RwLock::new(Arc::new(current)))))
    }

    /// Replaces everything for the connections to come; those that are open stay.
    ///
    /// # Errors
    /// See [`TlsError`]; then nothing was replaced.
    pub fn reload(&self, config: TlsServerConfig) -> Result<(), TlsError> {
        let current = Arc::new(Current::new(config)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = current;
        Ok(())
    }

    /// Does the handshake. The stream of one that failed is good for nothing but a farewell; what the
    /// peer should know of the reason, it was told.
    pub(crate) async fn accept<S>(
        &self,
        stream: S,
    ) -> Result<(TlsStream<S>, Proved), (HandshakeError, S)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let current = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        let stream = explained(current.acceptor.accept(stream).into_fallible()).await?;
        let proved = Proved::by(stream.get_ref().1, &current.clock, |leaf, intermediates| {
            let now = current.clock.now();
            current.clients.verify(leaf, intermediates, now)
        });
        match proved {
            Ok(proved) => Ok((stream, proved)),
            Err(error) => Err((error, stream.into_inner().0)),
        }
    }
}

impl Current {
    fn new(config: TlsServerConfig) -> Result<Self, TlsError> {
        let TlsServerConfig {
            identities,
            client_roots,
            clients,
            client_host,
            clock,
        } = config;
        if identities.is_empty() {
            return Err(TlsError::NoIdentity);
        }
        let roots = Roots::new(client_roots)?;
        if roots.is_empty() && clients.is_empty() {
            return Err(TlsError::NoRoots);
        }
        let keys = Keys::new(&identities).map_err(TlsError::Rustls)?;
        let clients = Arc::new(Clients::new(roots, clients, client_host));
        let time = Arc::new(clock.clone());
        let mut rustls = ServerConfig::builder_with_details(Arc::clone(provider()), time)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Rustls)?
            .with_client_cert_verifier(Arc::clone(&clients) as _)
            .with_cert_resolver(Arc::new(keys));
        rustls.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Every reload makes new keys for tickets, and a new store of sessions: what was believed before
        // is believed no more.
        rustls.ticketer = Ticketer::new().map_err(TlsError::Rustls)?;
        // A VEN has one connection at a time, and the client's certificate is in every ticket.
        rustls.send_tls13_tickets = 1;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(rustls)),
            clients,
            clock,
        })
    }
}

/// The server's own keys with their certificates, the ones that are preferred first.
#[derive(Debug)]
struct Keys(Vec<Arc<CertifiedKey>>);

impl Keys {
    fn new(identities: &[Identity]) -> Result<Self, rustls::Error> {
        let keys = identities.iter().map(Identity::certified);
        let mut keys = keys.collect::<Result<Vec<_>, _>>()?;
        keys.sort_by_key(|key| key.key.algorithm() != SignatureAlgorithm::ECDSA);
        Ok(Self(keys))
    }
}

impl ResolvesServerCert for Keys {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let mut keys = self.0.iter();
        let fits = keys.find(|key| key.key.choose_scheme(schemes).is_some());
        if fits.is_none() {
            explain(HandshakeError::Suite);
        }
        fits.map(Arc::clone)
    }
}
