//! What a handshake proved of the peer, or why it failed.
//! Does not know which side of the connection it is on.

use std::cell::RefCell;
use std::future::Future;
use std::io;

use oadr_core::{CertificateHash, Peer};
use rustls::{CommonState, HandshakeKind};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::clock::Clock;
use super::error::HandshakeError;
use super::leaf::{Leaf, Words};
use super::roots::VerifyError;

/// A peer's certificate that counted when the connection began.
#[derive(Debug, Clone)]
pub(crate) struct Proved {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) peer: Peer,
    validity: Validity,
}

/// How long a certificate counts.
#[derive(Debug, Clone)]
pub(crate) struct Validity {
    end: UnixTime,
    clock: Clock,
}

impl Validity {
    /// Whether it has expired (rule 516).
    pub(crate) fn is_over(&self) -> bool {
        self.clock.now() > self.end
    }
}

impl Proved {
    /// Whether it has expired since (rule 516).
    pub(crate) fn is_over(&self) -> bool {
        self.validity.is_over()
    }

    /// Whom it proves, and for how long.
    pub(crate) fn into_parts(self) -> (Peer, Validity) {
        (self.peer, self.validity)
    }

    /// Of a handshake that succeeded. `verify` is asked again if an earlier connection was resumed:
    /// rustls does not, and time has passed since.
    ///
    /// # Errors
    /// The certificate does not count any more.
    pub(super) fn by(
        session: &CommonState,
        clock: &Clock,
        verify: impl FnOnce(&CertificateDer<'_>, &[CertificateDer<'_>]) -> Result<(), VerifyError>,
    ) -> Result<Self, HandshakeError> {
        let Some([leaf, intermediates @ ..]) = session.peer_certificates() else {
            return Err(HandshakeError::NoCertificate);
        };
        if session.handshake_kind() == Some(HandshakeKind::Resumed) {
            verify(leaf, intermediates).map_err(|why| refused(leaf, why))?;
        }
        let end = Leaf::read(leaf)
            .map_err(|why| refused(leaf, why))?
            .not_after;
        let hash = hash(leaf);
        Ok(Self {
            certificate: leaf.clone().into_owned(),
            peer: Peer::Certificate(hash),
            validity: Validity {
                end,
                clock: clock.clone(),
            },
        })
    }
}

/// SHA-256 over the DER.
pub(super) fn hash(certificate: &CertificateDer<'_>) -> CertificateHash {
    use aws_lc_rs::digest::{SHA256, digest};
    let digest = digest(&SHA256, certificate);
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    CertificateHash(hash)
}

/// A certificate that does not count.
pub(super) fn refused(certificate: &CertificateDer<'_>, why: VerifyError) -> HandshakeError {
    let subject = Leaf::read(certificate).map(|facts| facts.subject);
    HandshakeError::Certificate {
        subject: subject.unwrap_or_else(|_| Words::new("unreadable")),
        certificate: certificate.clone().into_owned(),
        why,
    }
}

tokio::task_local! {
    /// What one of our own parts of the handshake on this task knows better than the error that rustls
    /// makes of it, which has no room for a certificate.
    static WHY: RefCell<Option<HandshakeError>>;
}

/// Tells why the handshake of this task is about to fail.
pub(super) fn explain(why: HandshakeError) {
    // Outside of a handshake there is nobody to tell.
    let _ = WHY.try_with(|cell| cell.replace(Some(why)));
}

/// Runs a handshake and has its failure explained.
pub(super) async fn explained<T, S>(
    handshake: impl Future<Output = Result<T, (io::Error, S)>>,
) -> Result<T, (HandshakeError, S)> {
    let explained = async {
        handshake.await.map_err(|(error, stream)| {
            let why = WHY.with(RefCell::take);
            (why.unwrap_or_else(|| HandshakeError::of(error)), stream)
        })
    };
    WHY.scope(RefCell::new(None), explained).await
}
