//! Certificates, private keys and CAs from files, for both roles: read, watched for changes, and
//! warned of before they expire.
//!
//! Knows nothing of connections, nor of what a message is signed for.

mod expiry;
mod files;
#[cfg(test)]
pub(crate) mod made;
mod passphrase;
mod reload;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use oadr_http::tls::{CertificateDer, Identity, IdentityError};
use oadr_sign::{Certificate, CertificateError, KeyError, SigningKey};

pub use files::{Files, load};
pub use passphrase::Passphrase;
pub(crate) use reload::{Refused, Watch};

/// What the files hold.
#[derive(Debug)]
#[non_exhaustive]
pub struct Credentials {
    /// The certificates with their chains and keys, in the order of the files.
    pub identities: Vec<Identity>,
    /// The CAs whose certificates are believed.
    pub roots: Vec<CertificateDer<'static>>,
    /// The same keys for signing, in the order of `identities`.
    pub signing: Vec<Arc<SigningKey>>,
    /// Every certificate that was read.
    pub held: Vec<Held>,
    /// The files as they were just before they were read.
    stamps: Vec<Option<reload::Stamp>>,
}

/// A certificate that was read from a file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Held {
    /// What it is for.
    pub kind: HeldKind,
    /// The file that it is in.
    pub file: PathBuf,
    /// The certificate.
    pub certificate: Arc<Certificate>,
}

/// What a certificate of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeldKind {
    /// It is shown to peers, and its key signs.
    Own,
    /// It leads from our own to its root.
    Chain,
    /// A CA whose certificates are believed.
    Root,
}

/// Why files hold no credentials. The text names the file and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// A certificate, a chain or a key.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// More keys than certificates, or fewer.
    #[error(
        "{certificates} certificates and {keys} keys: name one key for each certificate, in the same order, or none"
    )]
    KeyCount {
        /// How many certificates were named.
        certificates: usize,
        /// How many keys were named.
        keys: usize,
    },
    /// A certificate without a key where one is looked for.
    #[error(
        "there is no private key in {} and no {} beside it: name the file that it is in (--tls-key)",
        certificate.display(), beside.display()
    )]
    NoKey {
        /// The certificate's file.
        certificate: PathBuf,
        /// Where else the key was looked for.
        beside: PathBuf,
    },
    /// The key is encrypted, and nobody can be asked.
    #[error(
        "the private key in {} is encrypted: name a file with its passphrase (--tls-passphrase-file), set OADR_TLS_PASSPHRASE, or start on a terminal to be asked for it",
        key.display()
    )]
    NoPassphrase {
        /// The key's file.
        key: PathBuf,
    },
    /// The file with the passphrase.
    #[error("cannot read the passphrase in {}: {source}", path.display())]
    PassphraseFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The passphrase was asked for, and there was no answer.
    #[error("the passphrase of {} could not be asked for: {source}", key.display())]
    Prompt {
        /// The key's file.
        key: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Something in a file is no certificate.
    #[error("{}: {source}", path.display())]
    NotACertificate {
        /// The file.
        path: PathBuf,
        /// What it is.
        source: CertificateError,
    },
    /// The key cannot sign.
    #[error("the key in {} for the certificate in {}: {source}", key.display(), certificate.display())]
    Key {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
}

impl HeldKind {
    /// As the API and the metrics name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Chain => "chain",
            Self::Root => "root",
        }
    }
}

impl fmt::Display for HeldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "the certificate",
            Self::Chain => "the intermediate certificate",
            Self::Root => "the CA's certificate",
        })
    }
}
