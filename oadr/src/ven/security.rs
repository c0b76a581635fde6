//! TLS and signatures of a VEN: what was asked for, checked and made of files.
//!
//! Knows nothing of messages.

use std::sync::Arc;

use chrono::TimeDelta;
use oadr_core::{CertificateId, SignaturePolicy};
use oadr_http::tls::{Roots, TlsClient, TlsClientConfig, TlsError};
use oadr_http::{BaseUrl, ClientConfig};

use super::signatures::{Means, Signatures};
use crate::clock;
use crate::credentials::{self, Credentials, CredentialsError, Files, Refused, Watch};

/// How far a reply's timestamp may be from now, unless said otherwise.
const WINDOW: TimeDelta = TimeDelta::seconds(60);

/// What the application asks for.
#[derive(Debug, Clone)]
pub(super) struct Security {
    pub(super) files: Option<Files>,
    pub(super) signatures: Option<SignaturePolicy>,
    pub(super) window: TimeDelta,
    pub(super) vtn_certificates: Vec<CertificateId>,
    pub(super) verify_host: bool,
}

/// Why there is no TLS, or there are no signatures, as asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecurityError {
    /// TLS and a URL that has none.
    #[error(
        "the VTN's URL begins with http://, which has no TLS: write https://, or leave certificates and CAs out (with --signatures required or optional they may stay: they are for the signatures then)"
    )]
    NoTls,
    /// `https` and nobody to believe.
    #[error(
        "the VTN's URL begins with https://, and nobody says whose certificate is to be believed: name the file with the CA of the VTN (--tls-ca). The CAs of the system are not used"
    )]
    NoCa,
    /// Signatures over plain HTTP and nobody to believe.
    #[error(
        "nobody says whose signatures are to be believed: name the file with the CA of the VTN (--tls-ca), or the VTN's certificate (--vtn-certificate)"
    )]
    NoSigner,
    /// Signatures and nothing to sign with.
    #[error(
        "to sign its messages the VEN needs a certificate and its private key: name their files (--tls-certificate, --tls-key)"
    )]
    NoKey,
    /// More than one certificate.
    #[error("a VEN has one certificate, and {0} were named")]
    Several(usize),
    /// A window without a length.
    #[error("the window of signatures must be longer than nothing and at most a day")]
    Window,
    /// The files.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// What is in them.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] TlsError),
}

/// What was made of it.
#[derive(Debug)]
pub(super) struct Secured {
    tls: Option<TlsClient>,
    pub(super) seal: Option<Arc<Signatures>>,
    pub(super) policy: SignaturePolicy,
    /// Whether requests are signed.
    pub(super) signs: bool,
    asked: Security,
    watch: Option<Watch>,
}

impl Default for Security {
    fn default() -> Self {
        Self {
            files: None,
            signatures: None,
            window: WINDOW,
            vtn_certificates: Vec::new(),
            verify_host: true,
        }
    }
}

impl Security {
    /// Checks what was asked for, and reads the files.
    ///
    /// # Errors
    /// See [`SecurityError`].
    pub(super) fn secure(self, vtn: &BaseUrl) -> Result<Secured, SecurityError> {
        let files = self.files.clone().unwrap_or_default();
        let (own, roots) = (files.certificates.len(), !files.roots.is_empty());
        let believes = roots || !self.vtn_certificates.is_empty();
        let policy = self.signatures.unwrap_or(if vtn.is_https() {
            SignaturePolicy::Optional
        } else {
            SignaturePolicy::Off
        });
        let signatures = policy != SignaturePolicy::Off;
        if vtn.is_https() {
            if !believes {
                return Err(SecurityError::NoCa);
            }
        } else if signatures {
            if !believes {
                return Err(SecurityError::NoSigner);
            }
        } else if believes || self.files.is_some() || !self.verify_host {
            return Err(SecurityError::NoTls);
        }
        if own > 1 {
            return Err(SecurityError::Several(own));
        }
        if own == 0 && self.signatures.is_some() && signatures {
            return Err(SecurityError::NoKey);
        }
        if self.window <= TimeDelta::zero() || self.window > TimeDelta::days(1) {
            return Err(SecurityError::Window);
        }
        let credentials = credentials::load(&files)?;
        let watch = self
            .files
            .as_ref()
            .map(|files| Watch::new(files.clone(), &credentials));
        let (config, means) = self.means(credentials)?;
        let signs = signatures && means.key.is_some();
        let seal = signatures.then(|| {
            let host = self.verify_host.then(|| vtn.host().to_owned());
            let pinned = self.vtn_certificates.clone();
            Arc::new(Signatures::new(
                policy,
                self.window,
                clock::now(),
                pinned,
                host,
                means,
            ))
        });
        let tls = match vtn.is_https() {
            true => Some(TlsClient::new(config)?),
            false => None,
        };
        Ok(Secured {
            tls,
            seal,
            policy,
            signs,
            asked: self,
            watch,
        })
    }

    /// What TLS and signatures need of the files.
    fn means(&self, credentials: Credentials) -> Result<(TlsClientConfig, Means), TlsError> {
        let roots = Roots::new(credentials.roots.clone())?;
        let mut config = TlsClientConfig::new(credentials.roots);
        config.identity = credentials.identities.into_iter().next();
        config.verify_host = self.verify_host;
        config.servers.clone_from(&self.vtn_certificates);
        let key = credentials.signing.into_iter().next();
        Ok((config, Means { key, roots }))
    }
}

impl Secured {
    /// Has the client use it.
    pub(super) fn equip(&self, client: &mut ClientConfig) {
        client.tls.clone_from(&self.tls);
        client.seal = self.seal.clone().map(|seal| seal as _);
    }

    /// Keeps it like the files, and tells of certificates that expire. Runs until it is dropped.
    pub(super) async fn keep(self) {
        let Some(watch) = self.watch else {
            return;
        };
        let (tls, seal, asked) = (self.tls, self.seal, self.asked);
        let apply = move |credentials| {
            let (config, means) = asked.means(credentials).map_err(Refused::from)?;
            if let Some(tls) = &tls {
                tls.reload(config)?;
            }
            if let Some(seal) = &seal {
                seal.replace(means);
            }
            Ok(())
        };
        watch.run(apply).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "A9:F8:93:E8:84:32:55:D1:4E:D6";

    fn refusal(url: &str, change: impl FnOnce(&mut Security)) -> SecurityError {
        let mut security = Security::default();
        change(&mut security);
        security.secure(&BaseUrl::parse(url).unwrap()).unwrap_err()
    }

    fn files(security: &mut Security, own: &[&str], roots: &[&str]) {
        security.files = Some(Files {
            certificates: own.iter().map(Into::into).collect(),
            roots: roots.iter().map(Into::into).collect(),
            ..Files::default()
        });
    }

    #[test]
    fn nothing_said_at_http_is_nothing() {
        let vtn = BaseUrl::parse("http://127.0.0.1:8080").unwrap();
        let secured = Security::default().secure(&vtn).unwrap();
        assert_eq!(secured.policy, SignaturePolicy::Off);
        assert!(secured.tls.is_none() && secured.seal.is_none() && !secured.signs);
    }

    #[test]
    fn tls_needs_https() {
        for change in [
            (|security| files(security, &["house.pem"], &[])) as fn(&mut Security),
            |security| files(security, &[], &["ca.pem"]),
            |security| security.verify_host = false,
            |security| security.vtn_certificates = vec![CERTIFICATE.parse().unwrap()],
        ] {
            let error = refusal("http://127.0.0.1", change);
            assert!(matches!(error, SecurityError::NoTls), "{error}");
            assert!(error.to_string().contains("https://"), "{error}");
        }
    }

    #[test]
    fn https_needs_somebody_to_believe() {
        for own in [&[][..], &["house.pem"]] {
            let error = refusal("https://127.0.0.1", |security| files(security, own, &[]));
            assert!(matches!(error, SecurityError::NoCa), "{error}");
            for said in ["--tls-ca", "the system are not used"] {
                assert!(error.to_string().contains(said), "{error}");
            }
        }
        // A certificate that is named is enough, so that this fails with the file.
        let error = refusal("https://127.0.0.1", |security| {
            files(security, &["/nowhere/house.pem"], &[]);
            security.vtn_certificates = vec![CERTIFICATE.parse().unwrap()];
        });
        assert!(matches!(error, SecurityError::Credentials(_)), "{error}");
        assert!(error.to_string().contains("/nowhere/house.pem"), "{error}");
    }

    #[test]
    fn signatures_need_a_key_and_somebody_to_believe() {
        let required = SignaturePolicy::Required;
        let error = refusal("https://127.0.0.1", |security| {
            files(security, &[], &["ca.pem"]);
            security.signatures = Some(required);
        });
        assert!(matches!(error, SecurityError::NoKey), "{error}");
        let error = refusal("http://127.0.0.1", |security| {
            files(security, &["house.pem"], &[]);
            security.signatures = Some(required);
        });
        assert!(matches!(error, SecurityError::NoSigner), "{error}");
        let error = refusal("https://127.0.0.1", |security| {
            files(security, &["house.pem", "plant.pem"], &["ca.pem"]);
        });
        assert!(matches!(error, SecurityError::Several(2)), "{error}");
        for window in [TimeDelta::zero(), TimeDelta::MAX] {
            let error = refusal("https://127.0.0.1", |security| {
                files(security, &["house.pem"], &["ca.pem"]);
                security.window = window;
            });
            assert!(matches!(error, SecurityError::Window), "{error}");
        }
    }
}
