//! Ends of TLS connections, so that what goes between two peers over TLS can be seen, kept and sent
//! again: one takes TLS off, the other puts it on.
//!
//! They know nothing of HTTP; between them there is room for a tap.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use conformance::authority::{Authority, Issued};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// One end; it stops with its handle.
#[derive(Debug)]
pub(crate) struct TlsEnd {
    address: SocketAddr,
    to: Arc<Mutex<SocketAddr>>,
    _runtime: Runtime,
}

#[derive(Clone)]
enum End {
    Off(TlsAcceptor),
    On(TlsConnector),
}

impl TlsEnd {
    /// Takes TLS off: a server with this certificate, and whatever comes goes to `to` as it is.
    pub(crate) fn off(own: &Issued, to: SocketAddr) -> Self {
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain(own), key(own))
            .unwrap();
        Self::start(to, End::Off(TlsAcceptor::from(Arc::new(config))))
    }

    /// Puts TLS on: a client with this certificate, which talks to `to`.
    pub(crate) fn on(own: &Issued, authority: &Authority, to: SocketAddr) -> Self {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_file(authority.certificate()).unwrap();
        roots.add(root).unwrap();
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain(own), key(own))
            .unwrap();
        Self::start(to, End::On(TlsConnector::from(Arc::new(config))))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// New connections go there.
    pub(crate) fn redirect(&self, to: SocketAddr) {
        *self.to.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }

    fn start(to: SocketAddr, end: End) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let to = Arc::new(Mutex::new(to));
        let target = Arc::clone(&to);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let to = *target.lock().unwrap_or_else(PoisonError::into_inner);
                tokio::spawn(end.clone().serve(stream, to));
            }
        });
        Self {
            address,
            to,
            _runtime: runtime,
        }
    }
}

impl End {
    async fn serve(self, stream: TcpStream, to: SocketAddr) {
        match self {
            Self::Off(acceptor) => {
                if let Ok(stream) = acceptor.accept(stream).await
                    && let Ok(peer) = TcpStream::connect(to).await
                {
                    join(stream, peer).await;
                }
            }
            Self::On(connector) => {
                let name = ServerName::IpAddress(to.ip().into());
                if let Ok(peer) = TcpStream::connect(to).await
                    && let Ok(peer) = connector.connect(name, peer).await
                {
                    join(stream, peer).await;
                }
            }
        }
    }
}

/// Carries bytes both ways until one side ends.
async fn join(
    mut one: impl AsyncRead + AsyncWrite + Unpin,
    mut other: impl AsyncRead + AsyncWrite + Unpin,
) {
    // Whoever talks through it notices what broke.
    let _ = copy_bidirectional(&mut one, &mut other).await;
    let _ = one.shutdown().await;
    let _ = other.shutdown().await;
}

fn chain(own: &Issued) -> Vec<CertificateDer<'static>> {
    vec![CertificateDer::from(own.der.clone())]
}

fn key(own: &Issued) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_file(&own.key).unwrap()
}
