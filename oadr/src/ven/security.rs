//! TLS and signatures of a VEN: what was asked for, checked and made of files.
//!
//! Knows nothing of messages.

use std::sync::Arc;

use chrono::TimeDelta;
use oadr_core::{CertificateId, SignaturePolicy};
use oadr_http::tls::{Roots, TlsClient, TlsClientConfig, TlsError, TlsServer, TlsServerConfig};
use oadr_http::{BaseUrl, ClientConfig};

use super::signatures::{Means, Signatures, VtnName};
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

/// The line that is to be secured.
#[derive(Debug, Clone, Copy)]
pub(super) enum Line<'a> {
    /// To a URL.
    Http {
        vtn: &'a BaseUrl,
        /// Whether the VEN listens for pushes with TLS.
        listens: bool,
    },
    /// To an XMPP server.
    Xmpp {
        /// Whether the server is spoken to plainly, on this machine.
        is_plain: bool,
        /// Whether the VEN logs in with its certificate.
        shows_certificate: bool,
    },
}

impl Line<'_> {
    fn is_tls(self) -> bool {
        match self {
            Self::Http { vtn, .. } => vtn.is_https(),
            Self::Xmpp { is_plain, .. } => !is_plain,
        }
    }
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
    /// XMPP without TLS.
    #[error(
        "with --insecure-plain-xmpp there is no TLS, and no certificate counts: leave certificates and CAs out (with --signatures required or optional they may stay: they are for the signatures then)"
    )]
    PlainXmpp,
    /// XMPP and nobody to believe.
    #[error(
        "XMPP wants TLS, and nobody says whose certificate is to be believed: name the file with the CA of the XMPP server (--tls-ca). The CAs of the system are not used"
    )]
    NoServerCa,
    /// XMPP and nothing to log in with.
    #[error(
        "to log in to the XMPP server the VEN needs a certificate and its private key (--tls-certificate, --tls-key), or a password (--xmpp-password-file)"
    )]
    NoLogin,
    /// A listener with TLS and nothing to show.
    #[error(
        "to listen for pushes with TLS the VEN needs a certificate and its private key: name their files (--tls-certificate, --tls-key)"
    )]
    NoServerKey,
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
    pub(super) tls: Option<TlsClient>,
    /// For the listener, if there is one.
    pub(super) listener: Option<TlsServer>,
    pub(super) seal: Option<Arc<Signatures>>,
    pub(super) policy: SignaturePolicy,
    /// Whether requests are signed.
    pub(super) signs: bool,
    asked: Asked,
    watch: Option<Watch>,
}

/// What was asked for that is needed again when files change.
#[derive(Debug)]
struct Asked {
    verify_host: bool,
    vtn_certificates: Vec<CertificateId>,
    /// The host of the VTN's URL. Over XMPP there is none: who is connected to is the XMPP server.
    vtn: Option<String>,
}

/// What was made of the files.
struct Found {
    client: TlsClientConfig,
    server: TlsServerConfig,
    signing: Means,
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
    pub(super) fn secure(self, line: Line<'_>) -> Result<Secured, SecurityError> {
        let is_tls = line.is_tls();
        let files = self.files.clone().unwrap_or_default();
        let (own, roots) = (files.certificates.len(), !files.roots.is_empty());
        let believes = roots || !self.vtn_certificates.is_empty();
        let policy = self.signatures.unwrap_or(if is_tls {
            SignaturePolicy::Optional
        } else {
            SignaturePolicy::Off
        });
        let signatures = policy != SignaturePolicy::Off;
        match line {
            Line::Http { listens, .. } if is_tls => {
                if !believes {
                    return Err(SecurityError::NoCa);
                }
                if listens && own == 0 {
                    return Err(SecurityError::NoServerKey);
                }
            }
            Line::Xmpp {
                shows_certificate, ..
            } if is_tls => {
                // What was named is the VTN's, not the server's.
                if !roots {
                    return Err(SecurityError::NoServerCa);
                }
                if shows_certificate && own == 0 {
                    return Err(SecurityError::NoLogin);
                }
            }
            Line::Xmpp {
                shows_certificate: true,
                ..
            } => return Err(SecurityError::NoLogin),
            Line::Http { .. } | Line::Xmpp { .. } => {
                if signatures {
                    if !believes {
                        return Err(SecurityError::NoSigner);
                    }
                } else if believes || self.files.is_some() || !self.verify_host {
                    return Err(match line {
                        Line::Http { .. } => SecurityError::NoTls,
                        Line::Xmpp { .. } => SecurityError::PlainXmpp,
                    });
                }
            }
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
        let asked = Asked {
            verify_host: self.verify_host,
            vtn_certificates: self.vtn_certificates,
            vtn: match line {
                Line::Http { vtn, .. } => Some(vtn.host().to_owned()),
                Line::Xmpp { .. } => None,
            },
        };
        let found = asked.means(credentials)?;
        let signs = signatures && found.signing.key.is_some();
        let seal = signatures.then(|| {
            let name = self.verify_host.then(|| match &asked.vtn {
                Some(host) => VtnName::Host(host.clone()),
                None => VtnName::Account,
            });
            let pinned = asked.vtn_certificates.clone();
            Arc::new(Signatures::new(
                policy,
                self.window,
                clock::now(),
                pinned,
                name,
                found.signing,
            ))
        });
        let tls = match is_tls {
            true => Some(TlsClient::new(found.client)?),
            false => None,
        };
        let listener = match line {
            Line::Http { listens: true, .. } => Some(TlsServer::new(found.server)?),
            Line::Http { listens: false, .. } | Line::Xmpp { .. } => None,
        };
        Ok(Secured {
            tls,
            listener,
            seal,
            policy,
            signs,
            asked,
            watch,
        })
    }
}

impl Asked {
    /// What TLS and signatures need of the files.
    fn means(&self, credentials: Credentials) -> Result<Found, TlsError> {
        let roots = Roots::new(credentials.roots.clone())?;
        let identity = credentials.identities.into_iter().next();
        let own = identity.clone().into_iter().collect();
        // Whoever pushes is the VTN: what is believed of the one is believed of the other.
        let mut server = TlsServerConfig::new(own, credentials.roots.clone());
        server.clients.clone_from(&self.vtn_certificates);
        // A VTN that is named by its certificates may push from another host than it is asked at.
        let names_host = self.verify_host && self.vtn_certificates.is_empty();
        server.client_host = self.vtn.clone().filter(|_| names_host);
        let mut client = TlsClientConfig::new(credentials.roots);
        client.identity = identity;
        client.verify_host = self.verify_host;
        if self.vtn.is_some() {
            client.servers.clone_from(&self.vtn_certificates);
        }
        let key = credentials.signing.into_iter().next();
        Ok(Found {
            client,
            server,
            signing: Means { key, roots },
        })
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
        let (tls, listener, seal, asked) = (self.tls, self.listener, self.seal, self.asked);
        let apply = move |credentials| {
            let found = asked.means(credentials).map_err(Refused::from)?;
            if let Some(listener) = &listener {
                // The same certificates are good for the client then.
                listener.reload(found.server)?;
            }
            if let Some(tls) = &tls {
                tls.reload(found.client)?;
            }
            if let Some(seal) = &seal {
                seal.replace(found.signing);
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
        security
            .secure(http(&BaseUrl::parse(url).unwrap()))
            .unwrap_err()
    }

    fn http(vtn: &BaseUrl) -> Line<'_> {
        let listens = false;
        Line::Http { vtn, listens }
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
        let secured = Security::default().secure(http(&vtn)).unwrap();
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

    #[test]
    fn a_listener_with_tls_needs_something_to_show() {
        let mut security = Security::default();
        files(&mut security, &[], &["ca.pem"]);
        let vtn = BaseUrl::parse("https://127.0.0.1").unwrap();
        let line = Line::Http {
            vtn: &vtn,
            listens: true,
        };
        let error = security.secure(line).unwrap_err();
        assert!(matches!(error, SecurityError::NoServerKey), "{error}");
    }

    #[test]
    fn rule_515_xmpp_needs_tls_and_a_login() {
        let secure = |own: &[&str], roots: &[&str], is_plain, shows_certificate| {
            let mut security = Security::default();
            if !own.is_empty() || !roots.is_empty() {
                files(&mut security, own, roots);
            }
            security.secure(Line::Xmpp {
                is_plain,
                shows_certificate,
            })
        };
        for (own, roots, is_plain, shows_certificate, said) in [
            (&[][..], &[][..], false, false, "XMPP wants TLS"),
            (&["a.pem"], &[], false, true, "XMPP wants TLS"),
            (&[], &["ca.pem"], false, true, "--xmpp-password-file"),
            (&["a.pem"], &["ca.pem"], true, true, "--xmpp-password-file"),
            (&[], &["ca.pem"], true, false, "--insecure-plain-xmpp"),
        ] {
            let error = secure(own, roots, is_plain, shows_certificate).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
        let secured = secure(&[], &[], true, false).unwrap();
        assert!(secured.tls.is_none() && secured.seal.is_none());
    }
}
