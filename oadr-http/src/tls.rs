//! TLS for both roles, with rustls (§4.5, rules 67, 68, 516): identities from files, servers that ask
//! for client certificates, clients that present one, all of it replaceable while connections are open.
//! Does not know messages, signatures or which VEN a certificate belongs to.

mod client;
mod clock;
mod error;
mod identity;
mod leaf;
mod pem;
mod proved;
mod provider;
mod roots;
mod server;
mod verifier;

pub(crate) use client::Means;
pub use client::{TlsClient, TlsClientConfig};
pub use clock::Clock;
pub use error::{HandshakeError, TlsError};
pub use identity::{Identity, IdentityError, certificates};
pub(crate) use leaf::Leaf;
pub use leaf::Words;
pub use pem::Contents;
pub(crate) use proved::{Proved, Validity};
pub use roots::{Roots, Usage, VerifyError};
pub use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
pub use server::{TlsServer, TlsServerConfig};
