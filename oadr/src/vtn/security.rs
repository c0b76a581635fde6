//! What proves the VTN to VENs and VENs to it: from files to a TLS server and keys that sign, at the
//! start and whenever the files change.
//!
//! Knows nothing of messages, and of no peer.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::TimeDelta;
use oadr_core::SignaturePolicy;
use oadr_core::value::{DateTime, Duration};
use oadr_http::tls::{Identity, TlsClient, TlsClientConfig, TlsError, TlsServer, TlsServerConfig};
use oadr_sign::{Certificate, SigningKey};
use tokio::task::JoinHandle;

use super::peers::Peers;
use super::refusals::Refusals;
use super::signatures::{Signatures, Terms};
use super::{Config, Host};
use crate::clock;
use crate::credentials::{
    self, Credentials, CredentialsError, Files, Held, HeldKind, Refused, Watch,
};

/// The longest window of signatures: what was signed in it is remembered.
const LONGEST_WINDOW: TimeDelta = TimeDelta::days(1);

/// Why there is no TLS, or there are no signatures, as asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecurityError {
    /// A file.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A certificate of ours that peers would refuse.
    #[error("the certificate in {} ({subject}) {fault}", file.display())]
    Certificate {
        /// Its file.
        file: PathBuf,
        /// Whom it names.
        subject: String,
        /// What is wrong with it.
        fault: CertificateFault,
    },
    /// TLS, and nobody to believe.
    #[error(
        "with TLS every VEN shows a certificate, and nobody says whose count: name the file with the CA of the VENs (--tls-client-ca)"
    )]
    NoClientCa,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] TlsError),
    /// Signatures and nothing to sign with.
    #[error(
        "to sign its replies the VTN needs a certificate and its private key: name their files (--tls-certificate, or --signature-certificate without TLS)"
    )]
    NoKey,
    /// A window that is none.
    #[error("the signature window {0} is not a positive time of fixed length, a day at most")]
    Window(Duration),
}

/// What is wrong with a certificate of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateFault {
    /// It is not valid any more (rule 516).
    #[error("expired on {0}: put a new one in its place")]
    Expired(DateTime),
    /// It is not valid yet.
    #[error("is not valid before {0}: is the clock right?")]
    Early(DateTime),
    /// An old form, which OpenADR does not have (rule 67).
    #[error("is X.509 version 1, and OpenADR wants version 3: issue it anew with extensions")]
    Version(u32),
    /// It names no host.
    #[error(
        "has no subjectAltName, so that clients cannot tell which host it is for: issue it anew with the VTN's DNS name or IP address in it"
    )]
    NoHost,
}

/// What is in force, and who keeps it like the files.
#[derive(Debug)]
pub(super) struct Secured {
    pub(super) tls: Option<TlsEnds>,
    /// What the session with the XMPP server is encrypted with.
    pub(super) xmpp: Option<TlsClient>,
    pub(super) trust: Trust,
    /// The certificate that clients see, for the names in it, and servers of XMPP, too.
    pub(super) shown: Option<Arc<Certificate>>,
    pub(super) watches: Vec<(Watch, Purpose)>,
    pub(super) policy: SignaturePolicy,
    pub(super) window: TimeDelta,
}

/// TLS with the same certificate and the same CAs, where VENs connect and where the VTN does. Clones are
/// the same ones.
#[derive(Debug, Clone)]
pub(super) struct TlsEnds {
    pub(super) server: TlsServer,
    pub(super) client: TlsClient,
}

impl TlsEnds {
    fn new(credentials: Credentials) -> Result<Self, TlsError> {
        let (server, client) = for_tls(credentials);
        Ok(Self {
            server: TlsServer::new(server)?,
            client: TlsClient::new(client)?,
        })
    }

    fn reload(&self, credentials: Credentials) -> Result<(), TlsError> {
        let (server, client) = for_tls(credentials);
        self.server.reload(server)?;
        self.client.reload(client)
    }
}

/// What files are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// TLS only.
    Tls,
    /// TLS and signatures.
    Both,
    /// Signatures only.
    Signatures,
    /// The session with an XMPP server of other CAs.
    Xmpp,
}

/// What the host knows of certificates and signatures.
#[derive(Debug)]
pub(crate) struct Trust {
    pub(crate) signatures: Signatures,
    pub(crate) peers: Peers,
    pub(crate) refusals: Refusals,
    /// Those of TLS, then those that only sign, then the CAs of the XMPP server.
    own: RwLock<[Vec<Held>; 3]>,
}

impl Trust {
    /// Every certificate that was read from a file.
    pub(crate) fn own(&self) -> Vec<Held> {
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner);
        own.iter().flatten().cloned().collect()
    }

    fn hold(&self, purpose: Purpose, held: Vec<Held>) {
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        let place = match purpose {
            Purpose::Tls | Purpose::Both => &mut own[0],
            Purpose::Signatures => &mut own[1],
            Purpose::Xmpp => &mut own[2],
        };
        *place = held;
        if purpose == Purpose::Xmpp {
            // The others are among those of TLS.
            place.retain(|held| held.kind == HeldKind::Root);
        }
    }
}

impl Secured {
    /// Reads what the configuration names. Somebody may be asked for a passphrase.
    ///
    /// # Errors
    /// See [`SecurityError`].
    pub(super) fn open(config: &Config) -> Result<Self, SecurityError> {
        let now = clock::now();
        let window = config.signature_window;
        let window = window
            .to_time_delta()
            .filter(|window| *window > TimeDelta::zero() && *window <= LONGEST_WINDOW)
            .ok_or(SecurityError::Window(window))?;
        let by_default = match config.tls {
            Some(_) => SignaturePolicy::Optional,
            None => SignaturePolicy::Off,
        };
        let policy = config.signatures.unwrap_or(by_default);
        let mut watches = Vec::new();
        let (mut own, mut keys): ([Vec<Held>; 3], _) = Default::default();
        let mut tls = None;
        if let Some(files) = &config.tls {
            let purpose = match config.signature_files {
                Some(_) => Purpose::Tls,
                None => Purpose::Both,
            };
            let credentials = read(files, now, purpose)?;
            watches.push((Watch::new(files.clone(), &credentials), purpose));
            own[0].clone_from(&credentials.held);
            keys = credentials.signing.clone();
            tls = Some(TlsEnds::new(credentials)?);
        }
        if let Some(files) = &config.signature_files {
            let credentials = read(files, now, Purpose::Signatures)?;
            watches.push((Watch::new(files.clone(), &credentials), Purpose::Signatures));
            own[1] = credentials.held;
            keys = credentials.signing;
        }
        let is_plain = config.xmpp.as_ref().is_some_and(|xmpp| xmpp.insecure_plain);
        let mut xmpp = match &tls {
            Some(tls) if !is_plain => Some(tls.client.clone()),
            Some(_) | None => None,
        };
        if let Some(files) = config.xmpp.as_ref().and_then(|xmpp| xmpp.ca_files(config)) {
            let credentials = read(&files, now, Purpose::Xmpp)?;
            watches.push((Watch::new(files, &credentials), Purpose::Xmpp));
            own[2].clone_from(&credentials.held);
            own[2].retain(|held| held.kind == HeldKind::Root);
            xmpp = Some(TlsClient::new(for_tls(credentials).1)?);
        }
        // Whichever policy a VEN has of its own: replies to what is signed are signed.
        if policy != SignaturePolicy::Off && keys.is_empty() {
            return Err(SecurityError::NoKey);
        }
        let shown = own[0].iter().find(|held| held.kind == HeldKind::Own);
        let terms = Terms {
            default: policy,
            window,
            sha1: config.signature_sha1,
            admission: config.admission,
        };
        Ok(Self {
            tls,
            xmpp,
            shown: shown.map(|held| Arc::clone(&held.certificate)),
            trust: Trust {
                signatures: Signatures::new(terms, keys, now),
                peers: Peers::default(),
                refusals: Refusals::default(),
                own: RwLock::new(own),
            },
            watches,
            policy,
            window,
        })
    }

    /// The beginning of the URL for VENs: with a name that the certificate has, if it has not the
    /// address.
    pub(super) fn origin(&self, bound: SocketAddr) -> String {
        let Some(shown) = &self.shown else {
            return format!("http://{bound}");
        };
        let named = shown.dns_names().iter().find(|name| !name.contains('*'));
        match named {
            Some(name) if !shown.ip_addresses().contains(&bound.ip()) => {
                format!("https://{name}:{}", bound.port())
            }
            Some(_) | None => format!("https://{bound}"),
        }
    }

    /// What keeps everything like the files.
    pub(super) fn keepers(
        watches: Vec<(Watch, Purpose)>,
        host: &Arc<Host>,
        tls: Option<&TlsEnds>,
        xmpp: Option<&TlsClient>,
    ) -> Vec<JoinHandle<()>> {
        let keepers = watches.into_iter().map(|(watch, purpose)| {
            let ends = (tls.cloned(), xmpp.cloned());
            tokio::spawn(keep(Arc::clone(host), ends, watch, purpose))
        });
        keepers.collect()
    }
}

fn for_tls(credentials: Credentials) -> (TlsServerConfig, TlsClientConfig) {
    let Credentials {
        identities, roots, ..
    } = credentials;
    let mut client = TlsClientConfig::new(roots.clone());
    client.identity = identities.first().map(Identity::duplicate);
    (TlsServerConfig::new(identities, roots), client)
}

/// Reads files and looks whether peers would believe what is in them.
fn read(files: &Files, now: DateTime, purpose: Purpose) -> Result<Credentials, SecurityError> {
    let credentials = credentials::load(files)?;
    check(&credentials, now, purpose)?;
    Ok(credentials)
}

fn check(credentials: &Credentials, now: DateTime, purpose: Purpose) -> Result<(), SecurityError> {
    if purpose != Purpose::Signatures && credentials.roots.is_empty() {
        return Err(SecurityError::NoClientCa);
    }
    for held in &credentials.held {
        if held.kind == HeldKind::Own
            && let Some(fault) = fault(held, now, purpose)
        {
            return Err(SecurityError::Certificate {
                file: held.file.clone(),
                subject: held.certificate.subject().to_owned(),
                fault,
            });
        }
    }
    Ok(())
}

fn fault(held: &Held, now: DateTime, purpose: Purpose) -> Option<CertificateFault> {
    let certificate = &held.certificate;
    if certificate.not_after() < now {
        return Some(CertificateFault::Expired(certificate.not_after()));
    }
    if now < certificate.not_before() {
        return Some(CertificateFault::Early(certificate.not_before()));
    }
    if certificate.version() < 3 {
        return Some(CertificateFault::Version(certificate.version()));
    }
    let names = certificate.dns_names().len() + certificate.ip_addresses().len();
    (purpose != Purpose::Signatures && names == 0).then_some(CertificateFault::NoHost)
}

/// Keeps what is in force like the files, until it is dropped.
async fn keep(
    host: Arc<Host>,
    (tls, xmpp): (Option<TlsEnds>, Option<TlsClient>),
    watch: Watch,
    purpose: Purpose,
) {
    let apply = move |credentials: Credentials| -> Result<(), Refused> {
        check(&credentials, clock::now(), purpose)?;
        let (held, keys) = (credentials.held.clone(), credentials.signing.clone());
        match (purpose, &tls, &xmpp) {
            (Purpose::Tls | Purpose::Both, Some(tls), _) => tls.reload(credentials)?,
            (Purpose::Xmpp, _, Some(xmpp)) => xmpp.reload(for_tls(credentials).1)?,
            (Purpose::Tls | Purpose::Both | Purpose::Signatures | Purpose::Xmpp, _, _) => {}
        }
        put_in_force(&host.trust, purpose, held, keys);
        Ok(())
    };
    watch.run(apply).await;
}

fn put_in_force(trust: &Trust, purpose: Purpose, held: Vec<Held>, keys: Vec<Arc<SigningKey>>) {
    match purpose {
        Purpose::Both | Purpose::Signatures => trust.signatures.sign_with(keys),
        Purpose::Tls | Purpose::Xmpp => {}
    }
    trust.hold(purpose, held);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::credentials::made::{Authority, Days, VALID};
    use crate::temp_dir::TempDir;
    use crate::vtn::XmppConfig;

    fn refusal(config: &Config) -> String {
        Secured::open(config).unwrap_err().to_string()
    }

    fn with(files: Files) -> Config {
        Config {
            tls: Some(files),
            ..Config::default()
        }
    }

    fn of(ca: &Authority, days: Days, names: &[&str]) -> Config {
        with(ca.files(&[&ca.issue("vtn", days, names)]))
    }

    #[test]
    fn rule_516_a_vtn_does_not_start_with_a_certificate_that_nobody_would_believe() {
        let temp = TempDir::new("security").unwrap();
        let ca = Authority::new(temp.path());
        for (days, names, said) in [
            ((30, -1), &["localhost"][..], "expired on "),
            ((-1, 30), &["localhost"], "is not valid before "),
            (VALID, &[], "no subjectAltName"),
        ] {
            let error = refusal(&of(&ca, days, names));
            assert!(
                error.contains(said) && error.contains("vtn.pem") && error.contains("CN=vtn"),
                "{error}"
            );
        }
        assert!(Secured::open(&of(&ca, VALID, &["127.0.0.1"])).is_ok());
    }

    #[test]
    fn what_is_missing_is_said() {
        let temp = TempDir::new("security").unwrap();
        let ca = Authority::new(temp.path());
        let path = ca.issue("vtn", VALID, &["localhost"]);
        let mut config = with(Files {
            roots: Vec::new(),
            ..ca.files(&[&path])
        });
        assert!(refusal(&config).contains("--tls-client-ca"));

        config.tls = None;
        config.signatures = Some(SignaturePolicy::Optional);
        assert!(refusal(&config).contains("--signature-certificate"));
        config.signature_files = Some(ca.files(&[&path]));
        assert!(Secured::open(&config).is_ok());

        for window in ["PT0S", "P1M", "P2D"] {
            config.signature_window = window.parse().unwrap();
            assert!(refusal(&config).contains(window));
        }
    }

    #[test]
    fn signatures_are_optional_with_tls_and_off_without_unless_somebody_says_otherwise() {
        let temp = TempDir::new("security").unwrap();
        let ca = Authority::new(temp.path());
        let mut config = of(&ca, VALID, &["localhost"]);
        let policy = |config: &Config| Secured::open(config).unwrap().policy;
        assert_eq!(policy(&Config::default()), SignaturePolicy::Off);
        assert_eq!(policy(&config), SignaturePolicy::Optional);
        config.signatures = Some(SignaturePolicy::Required);
        assert_eq!(policy(&config), SignaturePolicy::Required);
    }

    #[test]
    fn the_url_has_a_name_that_the_certificate_has() {
        let temp = TempDir::new("security").unwrap();
        let ca = Authority::new(temp.path());
        let bound = SocketAddr::from(([127, 0, 0, 1], 8443));
        for (names, origin) in [
            (&["vtn.example", "127.0.0.1"][..], "https://127.0.0.1:8443"),
            (&["vtn.example"], "https://vtn.example:8443"),
            (&["*.example", "vtn.example"], "https://vtn.example:8443"),
            (&["192.0.2.1"], "https://127.0.0.1:8443"),
        ] {
            let secured = Secured::open(&of(&ca, VALID, names)).unwrap();
            assert_eq!(secured.origin(bound), origin);
        }
        let plain = Secured::open(&Config::default()).unwrap();
        assert_eq!(plain.origin(bound), "http://127.0.0.1:8443");
    }

    #[test]
    fn the_xmpp_server_has_a_ca_of_its_own_where_that_is_said() {
        let temp = TempDir::new("security").unwrap();
        let ca = Authority::new(temp.path());
        let other = TempDir::new("security").unwrap();
        Authority::new(other.path());
        let held = |config: &Config| {
            let secured = Secured::open(config).unwrap();
            (secured.xmpp.is_some(), secured.trust.own().len())
        };
        let mut config = of(&ca, VALID, &["localhost"]);
        let mut xmpp = XmppConfig::new("vtn@xmpp.example/openadr".parse().unwrap());
        config.xmpp = Some(xmpp.clone());
        assert_eq!(held(&config), (true, 2));
        xmpp.server_cas = vec![other.path().join("ca.pem")];
        config.xmpp = Some(xmpp);
        assert_eq!(held(&config), (true, 3));
        // What HTTP has is nothing to a session that is to have no TLS.
        let mut plain = config.clone();
        plain.xmpp.as_mut().unwrap().insecure_plain = true;
        assert_eq!(held(&plain), (false, 2));
        // With a password there need not be a certificate.
        config.tls = None;
        assert_eq!(held(&config), (true, 1));
    }

    #[test]
    fn what_is_put_in_force_replaces_only_what_it_is_for() {
        let temp = TempDir::new("security").unwrap();
        let ca = Authority::new(temp.path());
        let mut config = of(&ca, VALID, &["localhost"]);
        let signs = ca.issue("signs", VALID, &[]);
        config.signature_files = Some(Files {
            roots: Vec::new(),
            ..ca.files(&[&signs])
        });
        let trust = Secured::open(&config).unwrap().trust;
        let files = |trust: &Trust| {
            let own = trust.own().into_iter();
            let names = own.map(|held| held.file.file_stem().unwrap().to_str().unwrap().to_owned());
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(files(&trust), "vtn ca signs");
        let next = ca.issue("next", VALID, &[]);
        let read = credentials::load(&ca.files(&[Path::new(&next)])).unwrap();
        put_in_force(&trust, Purpose::Signatures, read.held, read.signing);
        assert_eq!(files(&trust), "vtn ca next ca");
    }
}
