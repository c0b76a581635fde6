//! Whether a certificate counts: who issued it, when and for what it is valid, whose name it bears.
//! Does not know connections, nor the time: that is an argument.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use oadr_core::{CertificateHash, CertificateId};
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::error::TlsError;
use super::leaf::{Leaf, Words};
use super::provider::provider;

/// Who may issue certificates. Clones are the same ones.
#[derive(Debug, Clone)]
pub struct Roots(Arc<Anchors>);

#[derive(Debug)]
struct Anchors {
    anchors: Vec<TrustAnchor<'static>>,
    /// When each of them expires. An anchor does not tell, being only a name and a key.
    ends: Vec<UnixTime>,
}

/// Why a certificate does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// It cannot be read, or breaks a rule of X.509.
    #[error("it is malformed ({0})")]
    Malformed(Words),
    /// It is X.509 v1 or v2, which has no extensions and so tells neither names nor usages.
    #[error("it is an X.509 v1 certificate, and OpenADR needs v3: issue it with extensions")]
    OldVersion,
    /// None of the roots issued it, nor a certificate that came with it.
    #[error(
        "it was issued by {issuer}, which is none of the CAs that are believed here, nor leads to one"
    )]
    UnknownIssuer {
        /// The issuer's name, as the certificate has it.
        issuer: Words,
    },
    /// It has expired (rule 516).
    #[error("it expired at {}", Instant(*.at))]
    Expired {
        /// The end of its validity.
        at: UnixTime,
    },
    /// It is not valid yet; or the clock of this machine is slow.
    #[error("it is not valid before {}", Instant(*.from))]
    NotYetValid {
        /// The beginning of its validity.
        from: UnixTime,
    },
    /// The certificate of a CA above it has expired.
    #[error("the certificate of a CA above it expired at {}", Instant(*.at))]
    IssuerExpired {
        /// The end of the CA's validity.
        at: UnixTime,
    },
    /// The certificate of a CA above it is not valid yet.
    #[error("the certificate of a CA above it is not valid before {}", Instant(*.from))]
    IssuerNotYetValid {
        /// The beginning of the CA's validity.
        from: UnixTime,
    },
    /// It is for other uses than this one.
    #[error("it is not for the use as {needed}: its extendedKeyUsage does not say so")]
    WrongUsage {
        /// What it is needed for.
        needed: Usage,
    },
    /// It is a CA's own certificate.
    #[error(
        "it is the certificate of a CA (basicConstraints says CA:TRUE), which is for issuing others"
    )]
    IsCa,
    /// Its key is too short (rule 68).
    #[error("its RSA key has {bits} bits, and 2048 are needed")]
    ShortKey {
        /// The length of its modulus, in bits.
        bits: usize,
    },
    /// It is signed with a method that is not believed any more (SHA-1, MD5), or not known, or with a
    /// short key.
    #[error(
        "it is signed by its issuer with a method or a key that is not believed (such as SHA-1)"
    )]
    WeakSignature,
    /// It is not signed by the key of its alleged issuer, or that key is too short to tell.
    #[error(
        "its signature is not by the CA that it names: perhaps by another CA of that name, or with an \
         RSA key of less than 2048 bits"
    )]
    BadSignature,
    /// It does not bear the host's name.
    #[error("it is not for {host}: it {}", Names(.names, .common_name.as_ref()))]
    OtherName {
        /// The host that was wanted.
        host: String,
        /// The names in its subjectAltName.
        names: Vec<Words>,
        /// The common name of its subject, which does not count as a host's name.
        common_name: Option<Words>,
    },
    /// It is none of those that are expected.
    #[error("it is {found} (fingerprint {}), and {} expected", .found.fingerprint(), Expected(.expected))]
    OtherCertificate {
        /// What it is.
        found: CertificateHash,
        /// What it should be, one of them.
        expected: Vec<CertificateId>,
    },
}

/// What a certificate is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// For a client to show.
    Client,
    /// For a server to show.
    Server,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "a client's certificate (clientAuth)",
            Self::Server => "a server's certificate (serverAuth)",
        })
    }
}

/// A moment as it is written, to the second, UTC.
struct Instant(UnixTime);

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.0.as_secs()).unwrap_or(i64::MAX);
        match DateTime::<Utc>::from_timestamp(seconds, 0) {
            Some(moment) => f.write_str(&moment.to_rfc3339_opts(SecondsFormat::Secs, true)),
            None => write!(f, "{seconds} s after 1970"),
        }
    }
}

struct Names<'a>(&'a [Words], Option<&'a Words>);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(names, common_name) = self;
        match (names, common_name) {
            ([], None) => f.write_str("has no names"),
            ([], Some(name)) => write!(
                f,
                "has no subjectAltName (its common name {name} is none that counts)"
            ),
            ([first, others @ ..], _) => {
                write!(f, "is for {first}")?;
                others.iter().try_for_each(|name| write!(f, ", {name}"))
            }
        }
    }
}

struct Expected<'a>(&'a [CertificateId]);

impl fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("none is"),
            [one] => write!(f, "{one} is"),
            [first, others @ ..] => {
                write!(f, "one of {first}")?;
                others.iter().try_for_each(|id| write!(f, ", {id}"))?;
                f.write_str(" is")
            }
        }
    }
}

impl Roots {
    /// Believes these CAs, and whom they issued certificates for others to issue. Without any, nobody is
    /// believed.
    ///
    /// # Errors
    /// [`TlsError::Root`]: one of them is no certificate.
    pub fn new(certificates: Vec<CertificateDer<'static>>) -> Result<Self, TlsError> {
        let mut anchors = Vec::new();
        let mut ends = Vec::new();
        for (certificate, place) in certificates.iter().zip(1..) {
            let anchor = webpki::anchor_from_trusted_cert(certificate)
                .map_err(|error| malformed(&error))
                .and_then(|anchor| Ok((anchor.to_owned(), Leaf::read(certificate)?.not_after)));
            let (anchor, end) = anchor.map_err(|error| TlsError::Root { place, error })?;
            anchors.push(anchor);
            ends.push(end);
        }
        Ok(Self(Arc::new(Anchors { anchors, ends })))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.anchors.is_empty()
    }

    /// Whether a client's certificate counts at this moment.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn verify_client(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), VerifyError> {
        self.verify_for(leaf, intermediates, Usage::Client, None, now)
    }

    /// Whether a server's certificate counts at this moment, for this host if one is named.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn verify_server(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: Option<&str>,
        now: UnixTime,
    ) -> Result<(), VerifyError> {
        self.verify_for(leaf, intermediates, Usage::Server, host, now)
    }

    /// Whether a certificate counts for this use, with this host's name in it if one is named.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub(super) fn verify_for(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        usage: Usage,
        host: Option<&str>,
        now: UnixTime,
    ) -> Result<(), VerifyError> {
        let parsed = self.verify(leaf, intermediates, usage, now)?;
        let Some(host) = host else {
            return Ok(());
        };
        let fits = ServerName::try_from(host)
            .is_ok_and(|name| parsed.verify_is_valid_for_subject_name(&name).is_ok());
        if fits {
            return Ok(());
        }
        let facts = Leaf::read(leaf)?;
        Err(VerifyError::OtherName {
            host: host.to_owned(),
            names: facts.names,
            common_name: facts.common_name,
        })
    }

    pub(super) fn subjects(&self) -> impl Iterator<Item = &[u8]> {
        let anchors = self.0.anchors.iter();
        anchors.map(|anchor| anchor.subject.as_ref())
    }

    fn verify<'l>(
        &self,
        leaf: &'l CertificateDer<'l>,
        intermediates: &[CertificateDer<'_>],
        usage: Usage,
        now: UnixTime,
    ) -> Result<EndEntityCert<'l>, VerifyError> {
        let parsed = EndEntityCert::try_from(leaf).map_err(|error| malformed(&error))?;
        Leaf::read(leaf)?.check(now)?;
        let path = parsed.verify_for_usage(
            provider().signature_verification_algorithms.all,
            &self.0.anchors,
            intermediates,
            now,
            match usage {
                Usage::Client => KeyUsage::client_auth(),
                Usage::Server => KeyUsage::server_auth(),
            },
            None,
            None,
        );
        match path.map(|path| self.end_of(path.anchor())) {
            Ok(Some(at)) if at < now => Err(VerifyError::IssuerExpired { at }),
            Ok(_) => Ok(parsed),
            Err(error) => Err(explain(leaf, usage, &error)),
        }
    }

    fn end_of(&self, anchor: &TrustAnchor<'_>) -> Option<UnixTime> {
        let mut pairs = self.0.anchors.iter().zip(&self.0.ends);
        let (_, end) = pairs.find(|(own, _)| *own == anchor)?;
        Some(*end)
    }
}

fn malformed(error: &webpki::Error) -> VerifyError {
    if *error == webpki::Error::UnsupportedCertVersion {
        return VerifyError::OldVersion;
    }
    VerifyError::Malformed(Words::new(&error.to_string()))
}

/// Why a leaf that was found valid in itself does not count. Its own dates were looked at before, so
/// that those in the error are of a CA.
#[expect(
    clippy::wildcard_enum_match_arm,
    deprecated,
    reason = "the enumeration of another crate, which grows"
)]
fn explain(leaf: &CertificateDer<'_>, usage: Usage, error: &webpki::Error) -> VerifyError {
    use webpki::Error;
    match error {
        Error::UnknownIssuer => match Leaf::read(leaf) {
            Ok(facts) => VerifyError::UnknownIssuer {
                issuer: facts.issuer,
            },
            Err(error) => error,
        },
        Error::CertExpired { not_after, .. } => VerifyError::IssuerExpired { at: *not_after },
        Error::CertNotValidYet { not_before, .. } => {
            VerifyError::IssuerNotYetValid { from: *not_before }
        }
        Error::RequiredEkuNotFound | Error::RequiredEkuNotFoundContext(_) => {
            VerifyError::WrongUsage { needed: usage }
        }
        Error::CaUsedAsEndEntity => VerifyError::IsCa,
        Error::InvalidSignatureForPublicKey => VerifyError::BadSignature,
        Error::UnsupportedSignatureAlgorithm
        | Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKey
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => VerifyError::WeakSignature,
        other => malformed(other),
    }
}
