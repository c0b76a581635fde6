//! What goes wrong with TLS, in words for whom it concerns.
//! Does not know connections.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, PeerIncompatible};
use rustls_pki_types::CertificateDer;

use super::leaf::Words;
use super::roots::VerifyError;

/// Why TLS cannot be set up.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A server has no certificate of its own.
    #[error("a TLS server needs a certificate of its own")]
    NoIdentity,
    /// There is nobody to believe.
    #[error("no CA is given whose certificates are believed")]
    NoRoots,
    /// One of the CAs is none.
    #[error("CA certificate number {place} does not count: {error}")]
    Root {
        /// Which one, counted from one.
        place: usize,
        /// Why.
        error: VerifyError,
    },
    /// rustls refuses the settings.
    #[error("{0}")]
    Rustls(rustls::Error),
}

/// Why a TLS connection did not come about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The peer showed no certificate (§4.5: everybody has to).
    #[error("the peer showed no certificate")]
    NoCertificate,
    /// The peer's certificate does not count.
    #[error("the peer's certificate ({subject}) does not count: {why}")]
    Certificate {
        /// Its subject.
        subject: Words,
        /// The certificate, as the peer sent it.
        certificate: CertificateDer<'static>,
        /// Why.
        why: VerifyError,
    },
    /// The peer refused the certificate that was shown to it, or missed one, or refused to go on for
    /// another reason, and told that with an alert.
    #[error("the peer ended it: {}", meaning(*.alert))]
    Refused {
        /// What it said.
        alert: AlertDescription,
    },
    /// The peer speaks none of the versions that are spoken here.
    #[error("the peer speaks neither TLS 1.2 nor TLS 1.3")]
    Version,
    /// There is no cipher suite, or no kind of key and signature, that both sides know.
    #[error(
        "no cipher suite or kind of certificate in common: the peer wants none of the ECDHE suites with \
         AES-GCM or ChaCha20, or cannot verify the kinds of keys here"
    )]
    Suite,
    /// The peer spoke HTTP where TLS is spoken.
    #[error("the peer spoke plain HTTP to a TLS port: its URL has to begin with https://")]
    PlainHttp,
    /// The peer spoke something that is not TLS.
    #[error("the peer does not speak TLS")]
    NotTls,
    /// It took too long.
    #[error("the peer did not finish the handshake in time")]
    TimedOut,
    /// The connection ended.
    #[error("the peer closed the connection during the handshake")]
    Closed,
    /// The host cannot be the name of a server.
    #[error("{host:?} cannot be the name in a certificate")]
    Host {
        /// The host.
        host: String,
    },
    /// TLS is not set up on this side.
    #[error("the URL begins with https://, but nothing is set up for TLS: say which CA to believe")]
    NotSetUp,
    /// Something else that rustls noticed.
    #[error("{0}")]
    Rustls(rustls::Error),
    /// The operating system failed.
    #[error("{0}")]
    Io(io::Error),
}

impl HandshakeError {
    /// Of an error that reading or writing TLS ended with.
    pub(crate) fn of(error: io::Error) -> Self {
        let gone = [
            io::ErrorKind::UnexpectedEof,
            io::ErrorKind::ConnectionReset,
            io::ErrorKind::BrokenPipe,
        ];
        if gone.contains(&error.kind()) {
            return Self::Closed;
        }
        Self::within(&error).unwrap_or(Self::Io(error))
    }

    /// Of an error that an exchange ended with, if TLS is the cause: with TLS 1.3 a server tells only
    /// after the handshake that it does not believe us.
    pub(crate) fn within(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(inner) = error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref)
                && let Some(inner) = inner.downcast_ref::<rustls::Error>()
            {
                return Some(Self::of_rustls(inner.clone()));
            }
            cause = error.source();
        }
        None
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the enumerations of another crate, which grow"
    )]
    fn of_rustls(error: rustls::Error) -> Self {
        use rustls::Error;

        match error {
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::AlertReceived(AlertDescription::ProtocolVersion) => Self::Version,
            Error::AlertReceived(alert) => Self::Refused { alert },
            Error::PeerIncompatible(why) => match why {
                PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled
                | PeerIncompatible::SupportedVersionsExtensionRequired
                | PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => Self::Version,
                PeerIncompatible::NoCipherSuitesInCommon
                | PeerIncompatible::NoKxGroupsInCommon
                | PeerIncompatible::NoSignatureSchemesInCommon
                | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
                | PeerIncompatible::SignatureAlgorithmsExtensionRequired
                | PeerIncompatible::NamedGroupsExtensionRequired => Self::Suite,
                other => Self::Rustls(Error::PeerIncompatible(other)),
            },
            Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => Self::NotTls,
            other => Self::Rustls(other),
        }
    }
}

/// What a peer means with an alert, to whom it is sent.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enumeration of another crate, which grows"
)]
fn meaning(alert: AlertDescription) -> String {
    use AlertDescription as Alert;
    match alert {
        Alert::CertificateRequired | Alert::NoCertificate => {
            "it wants a certificate, and none was shown to it"
        }
        Alert::UnknownCA => "it does not believe the CA of the certificate that was shown to it",
        Alert::CertificateExpired => {
            "it says that the certificate that was shown to it has expired (or is not valid yet)"
        }
        Alert::CertificateRevoked => "it says that the certificate that was shown to it is revoked",
        Alert::UnsupportedCertificate => {
            "it says that the certificate that was shown to it is for another use, or of a kind that it \
             does not know"
        }
        Alert::BadCertificate | Alert::CertificateUnknown | Alert::AccessDenied => {
            "it refuses the certificate that was shown to it"
        }
        Alert::DecryptError => {
            "it finds a signature wrong: that of the certificate that was shown to it, or that of the \
             handshake"
        }
        Alert::HandshakeFailure | Alert::InsufficientSecurity => {
            "no cipher suite or kind of certificate in common, or it misses a certificate"
        }
        other => return format!("alert {other:?}"),
    }
    .to_owned()
}
