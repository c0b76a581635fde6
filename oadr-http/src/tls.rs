//! TLS for both roles, with rustls (§4.5, rules 67, 68, 516): identities from files, servers that ask
//! for client certificates, clients that present one, all of it replaceable while connections are open.
//! Does not know messages, signatures or which VEN a certificate belongs to.

mod client;
mod identity;
mod pem;
mod provider;
mod server;

pub use client::{TlsClient, TlsClientConfig};
pub use identity::{Identity, IdentityError, certificates};
pub use pem::Contents;
pub use rustls_pki_types::{CertificateDer, PrivateKeyDer};
pub use server::{TlsServer, TlsServerConfig};

/// Why TLS cannot be set up.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// rustls refuses the settings.
    #[error("{0}")]
    Rustls(rustls::Error),
}
