//! Has rustls ask our roots about the peer's certificate, on both sides.
//! Does not know why a certificate counts.

use oadr_core::CertificateId;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::leaf::Leaf;
use super::proved::{explain, hash, refused};
use super::provider::provider;
use super::roots::{Roots, Usage, VerifyError};

/// Which clients a server believes.
#[derive(Debug)]
pub(super) struct Clients {
    roots: Roots,
    /// The names of the roots, which clients with several certificates choose by.
    hints: Vec<DistinguishedName>,
    pinned: Vec<CertificateId>,
    host: Option<String>,
}

/// Which servers a client believes.
#[derive(Debug, Clone)]
pub(super) struct Servers {
    pub(super) roots: Roots,
    pub(super) pinned: Vec<CertificateId>,
    pub(super) verify_host: bool,
    /// The certificates of the very peer that a connection is for.
    pub(super) peers: Vec<CertificateId>,
}

impl Clients {
    pub(super) fn new(roots: Roots, pinned: Vec<CertificateId>, host: Option<String>) -> Self {
        let hints = roots.subjects().map(DistinguishedName::in_sequence);
        let hints = hints.collect();
        Self {
            roots,
            hints,
            pinned,
            host,
        }
    }

    /// Whether a client's certificate counts.
    pub(super) fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), VerifyError> {
        if !self.roots.is_empty() {
            let host = self.host.as_deref();
            self.roots
                .verify_for(leaf, intermediates, Usage::Client, host, now)?;
        }
        is_pinned(&self.pinned, &self.roots, leaf, now)
    }
}

impl Servers {
    /// Whether a server's certificate counts. Without roots the pinned certificates are all there is:
    /// whoever issued them, they have to be valid now.
    pub(super) fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &str,
        now: UnixTime,
    ) -> Result<(), VerifyError> {
        if !self.roots.is_empty() && !self.peers.is_empty() {
            let found = hash(leaf);
            if self.peers.iter().any(|id| id.names(&found)) {
                // It is a client's most of the time, and may be issued for that alone.
                return match self.roots.verify_client(leaf, intermediates, now) {
                    Err(VerifyError::WrongUsage { .. }) => {
                        self.roots.verify_server(leaf, intermediates, None, now)
                    }
                    verified => verified,
                };
            }
        }
        let host = self.verify_host.then_some(host);
        if !self.roots.is_empty() {
            self.roots.verify_server(leaf, intermediates, host, now)?;
        }
        is_pinned(&self.pinned, &self.roots, leaf, now)
    }
}

/// Whether a certificate is one of those that count, if no others do.
fn is_pinned(
    pinned: &[CertificateId],
    roots: &Roots,
    leaf: &CertificateDer<'_>,
    now: UnixTime,
) -> Result<(), VerifyError> {
    let found = hash(leaf);
    if pinned.iter().any(|id| id.names(&found)) {
        return Leaf::read(leaf)?.check(now);
    }
    if pinned.is_empty() && !roots.is_empty() {
        return Ok(());
    }
    Err(VerifyError::OtherCertificate {
        found,
        expected: pinned.to_vec(),
    })
}

/// What rustls makes an alert of; the words are told aside.
fn refuse(certificate: &CertificateDer<'_>, why: VerifyError) -> Error {
    let kind = match &why {
        VerifyError::Malformed(_) | VerifyError::OldVersion => CertificateError::BadEncoding,
        VerifyError::UnknownIssuer { .. } | VerifyError::BadSignature => {
            CertificateError::UnknownIssuer
        }
        VerifyError::Expired { .. } | VerifyError::IssuerExpired { .. } => {
            CertificateError::Expired
        }
        VerifyError::NotYetValid { .. } | VerifyError::IssuerNotYetValid { .. } => {
            CertificateError::NotValidYet
        }
        VerifyError::WrongUsage { .. }
        | VerifyError::IsCa
        | VerifyError::ShortKey { .. }
        | VerifyError::WeakSignature => CertificateError::InvalidPurpose,
        VerifyError::OtherName { .. } => CertificateError::NotValidForName,
        VerifyError::OtherCertificate { .. } => CertificateError::ApplicationVerificationFailure,
    };
    explain(refused(certificate, why));
    kind.into()
}

/// That the peer has the key of its certificate is for the provider to check, on both sides.
macro_rules! provider_verifies_handshakes {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &provider().signature_verification_algorithms;
            verify_tls12_signature(message, certificate, signature, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &provider().signature_verification_algorithms;
            verify_tls13_signature(message, certificate, signature, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            let algorithms = &provider().signature_verification_algorithms;
            algorithms.supported_schemes()
        }
    };
}

impl ClientCertVerifier for Clients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.verify(leaf, intermediates, now) {
            Ok(()) => Ok(ClientCertVerified::assertion()),
            Err(why) => Err(refuse(leaf, why)),
        }
    }

    provider_verifies_handshakes!();
}

impl ServerCertVerifier for Servers {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.verify(leaf, intermediates, &host.to_str(), now) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(why) => Err(refuse(leaf, why)),
        }
    }

    provider_verifies_handshakes!();
}
