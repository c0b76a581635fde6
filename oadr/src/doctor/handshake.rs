//! A TLS handshake that believes everybody and writes down what the server showed and asked for.
//! What is to be believed is judged afterwards, before anything is sent.
//!
//! Knows nothing of what is right and wrong.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::port;
use super::vtn::Limits;

/// What a server showed and asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Its certificate and those that came with it.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// Why it did not prove that it has the key of its certificate.
    pub(super) unproved: Option<rustls::Error>,
    /// The names of the CAs whose certificates it asked for, if it asked for one; any, if there are none.
    pub(super) asked: Option<Vec<Vec<u8>>>,
}

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Broken {
    /// The server said so.
    Alert(AlertDescription),
    /// We could not go on.
    Tls(rustls::Error),
    /// It ended without a word.
    Closed(io::Error),
    /// Nothing came in time.
    Silent,
}

impl Broken {
    pub(super) fn of(error: io::Error) -> Self {
        match tls_error(&error) {
            Some(rustls::Error::AlertReceived(alert)) => Self::Alert(*alert),
            Some(other) => Self::Tls(other.clone()),
            None => Self::Closed(error),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert(alert) => write!(f, "the server sent the alert {}", alert_name(*alert)),
            Self::Tls(error) => write!(f, "{error}"),
            Self::Closed(error) => write!(f, "the connection ended without a word ({error})"),
            Self::Silent => f.write_str("the server did not answer in time"),
        }
    }
}

/// As the standard writes them.
fn alert_name(alert: AlertDescription) -> String {
    let known = NAMES.iter().find(|(known, _)| *known == alert);
    known.map_or_else(|| format!("{alert:?}"), |(_, name)| (*name).to_owned())
}

const NAMES: [(AlertDescription, &str); 14] = [
    (AlertDescription::HandshakeFailure, "handshake_failure"),
    (AlertDescription::BadCertificate, "bad_certificate"),
    (
        AlertDescription::UnsupportedCertificate,
        "unsupported_certificate",
    ),
    (AlertDescription::CertificateRevoked, "certificate_revoked"),
    (AlertDescription::CertificateExpired, "certificate_expired"),
    (AlertDescription::CertificateUnknown, "certificate_unknown"),
    (AlertDescription::UnknownCA, "unknown_ca"),
    (AlertDescription::AccessDenied, "access_denied"),
    (AlertDescription::DecryptError, "decrypt_error"),
    (AlertDescription::ProtocolVersion, "protocol_version"),
    (
        AlertDescription::InsufficientSecurity,
        "insufficient_security",
    ),
    (AlertDescription::UnrecognisedName, "unrecognized_name"),
    (
        AlertDescription::CertificateRequired,
        "certificate_required",
    ),
    (AlertDescription::InternalError, "internal_error"),
];

/// The TLS error somewhere beneath another.
pub(super) fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        // What an io::Error is made of is not among its sources.
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(inner) = inner {
            let inner: &(dyn Error + 'static) = inner;
            next = Some(inner);
            continue;
        }
        next = error.source();
    }
    None
}

/// Shakes hands, and shows `shown` if that is asked for.
pub(super) async fn shake(
    at: SocketAddr,
    name: ServerName<'static>,
    shown: Option<Arc<CertifiedKey>>,
    limits: Limits,
) -> (Seen, Result<TlsStream<TcpStream>, Broken>) {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let result = shake_and_record(at, name, shown, limits, &seen).await;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (seen, result)
}

async fn shake_and_record(
    at: SocketAddr,
    name: ServerName<'static>,
    shown: Option<Arc<CertifiedKey>>,
    limits: Limits,
    seen: &Arc<Mutex<Seen>>,
) -> Result<TlsStream<TcpStream>, Broken> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let recorder = Recorder {
        provider: Arc::clone(&provider),
        seen: Arc::clone(seen),
    };
    let shower = Shower {
        shown,
        seen: Arc::clone(seen),
    };
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(Broken::Tls)?;
    let mut config = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(recorder))
        .with_client_cert_resolver(Arc::new(shower));
    // Every connection is to show everything.
    config.resumption = Resumption::disabled();
    let stream = port::again(at, limits).await.map_err(Broken::Closed)?;
    let connector = TlsConnector::from(Arc::new(config));
    match timeout(limits.answer, connector.connect(name, stream)).await {
        Ok(done) => done.map_err(Broken::of),
        Err(_) => Err(Broken::Silent),
    }
}

/// In TLS 1.3 a server judges our certificate after the handshake. Waits for what it says; a server that
/// is content says nothing of interest.
pub(super) async fn verdict(stream: &mut TlsStream<TcpStream>, limits: Limits) -> Option<Broken> {
    let mut octet = [0];
    match timeout(limits.answer, stream.read(&mut octet)).await {
        Ok(Ok(0)) => Some(Broken::Closed(io::ErrorKind::UnexpectedEof.into())),
        Ok(Err(error)) => Some(Broken::of(error)),
        Ok(Ok(_)) | Err(_) => None,
    }
}

/// Believes everybody, and writes down who it was.
#[derive(Debug)]
struct Recorder {
    provider: Arc<CryptoProvider>,
    seen: Arc<Mutex<Seen>>,
}

impl Recorder {
    /// A certificate that the library cannot read can still be looked at.
    fn proved(
        &self,
        verified: Result<HandshakeSignatureValid, rustls::Error>,
    ) -> HandshakeSignatureValid {
        verified.unwrap_or_else(|error| {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.unproved = Some(error);
            HandshakeSignatureValid::assertion()
        })
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let chain = std::iter::once(end_entity).chain(intermediates);
        seen.chain = chain.map(|der| der.clone().into_owned()).collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        Ok(self.proved(verify_tls12_signature(message, cert, dss, algorithms)))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        Ok(self.proved(verify_tls13_signature(message, cert, dss, algorithms)))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Shows our certificate, whichever CAs are asked for, and writes those down.
#[derive(Debug)]
struct Shower {
    shown: Option<Arc<CertifiedKey>>,
    seen: Arc<Mutex<Seen>>,
}

impl ResolvesClientCert for Shower {
    fn resolve(
        &self,
        root_hint_subjects: &[&[u8]],
        _: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.asked = Some(
            root_hint_subjects
                .iter()
                .map(|name| name.to_vec())
                .collect(),
        );
        self.shown.clone()
    }

    fn has_certs(&self) -> bool {
        // Or else nobody would tell whether one was asked for.
        true
    }
}
