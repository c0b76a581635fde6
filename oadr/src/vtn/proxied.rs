//! The listener for proxies that end the TLS of VENs: whom it believes, from the settings and from files
//! that may change.
//!
//! Knows nothing of what a proxy writes, and of no VEN.

use std::net::SocketAddr;
use std::path::PathBuf;

use oadr_http::tls::{Roots, TlsError};
use oadr_http::{Handler, ProxyTrust, ProxyTrustConfig, ProxyTrustError, Server};
pub use oadr_http::{Network, NetworkError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Config, StartError, listen};
use crate::credentials::{self, CredentialsError, Files, Watch};

/// A listener for proxies that end the TLS of VENs and hand on the certificate of each in a header.
///
/// The way between proxy and VTN is plain HTTP. That it is another machine is said by naming its
/// addresses: whoever can connect from there, or meddle on the way, can be any VEN.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Proxy {
    /// Where the proxies connect.
    pub listen: SocketAddr,
    /// The addresses of the proxies; connections from others are closed. This machine's, unless you say
    /// otherwise.
    pub networks: Vec<Network>,
    /// The header with the certificate.
    pub header: String,
    /// The files with the CAs that the certificates must be from; those for
    /// [TLS](super::Config::tls) if there are none. `None`: who issued them is for the proxy alone to
    /// check.
    pub client_cas: Option<Vec<PathBuf>>,
}

impl Proxy {
    /// The header that a proxy writes if nothing else is said.
    pub const HEADER: &str = "X-SSL-Client-Cert";

    /// A proxy on this machine that connects here.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            networks: Network::LOOPBACK.to_vec(),
            header: Self::HEADER.to_owned(),
            client_cas: Some(Vec::new()),
        }
    }
}

/// Why no proxy is served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// Nobody outside is believed.
    #[error(
        "{0} is there for proxies on other machines, and none of them is trusted: name their addresses (--trusted-proxy), or listen on a loopback address"
    )]
    NobodyOutside(SocketAddr),
    /// Nobody who is believed gets here.
    #[error(
        "the trusted proxies are on other machines and cannot reach {0}: listen on an address of this machine's in their network, or trust 127.0.0.1"
    )]
    OutOfReach(SocketAddr),
    /// Everybody is believed.
    #[error(
        "--trusted-proxy {0} is everybody, and whoever is trusted can be any VEN: name the addresses of the proxies"
    )]
    Everybody(Network),
    /// Nobody says whose certificates count.
    #[error(
        "nobody says who may issue the VENs' certificates that a proxy hands on: name the file with their CA (--proxy-client-ca), or say none if the proxy checks that"
    )]
    NoClientCa,
    /// A file.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A CA that is none.
    #[error("the CAs of the VENs behind a proxy: {0}")]
    Roots(TlsError),
    /// The header.
    #[error(transparent)]
    Trust(#[from] ProxyTrustError),
}

/// What was found good before anything is opened.
#[derive(Debug)]
pub(super) struct Proxied {
    listen: SocketAddr,
    trust: ProxyTrust,
    watch: Option<Watch>,
}

/// The same with its listener.
#[derive(Debug)]
pub(super) struct Listening {
    listener: TcpListener,
    pub(super) address: SocketAddr,
    trust: ProxyTrust,
    watch: Option<Watch>,
}

impl Proxied {
    /// Checks what the configuration says and reads the files that it names.
    ///
    /// # Errors
    /// See [`ProxyError`].
    pub(super) fn open(config: &Config) -> Result<Option<Self>, ProxyError> {
        let Some(proxy) = &config.proxy else {
            return Ok(None);
        };
        check(proxy)?;
        let (roots, watch) = match &proxy.client_cas {
            None => (None, None),
            Some(files) => {
                let of_tls = config.tls.as_ref().map(|tls| &tls.roots);
                let roots = match files.is_empty() {
                    true => of_tls.unwrap_or(files),
                    false => files,
                };
                let files = Files {
                    roots: roots.clone(),
                    ..Files::default()
                };
                if files.roots.is_empty() {
                    return Err(ProxyError::NoClientCa);
                }
                let credentials = credentials::load(&files)?;
                let watch = Watch::new(files, &credentials);
                let roots = Roots::new(credentials.roots).map_err(ProxyError::Roots)?;
                (Some(roots), Some(watch))
            }
        };
        let mut trust = ProxyTrustConfig::new(roots);
        trust.networks.clone_from(&proxy.networks);
        trust.header.clone_from(&proxy.header);
        Ok(Some(Self {
            listen: proxy.listen,
            trust: ProxyTrust::new(trust)?,
            watch,
        }))
    }

    /// Opens the listener.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub(super) async fn listen(self) -> Result<Listening, StartError> {
        let (listener, address) = listen(self.listen).await?;
        if !address.ip().is_loopback() {
            tracing::warn!(
                %address,
                "between the proxy and this machine is plain HTTP: who can meddle there can be any VEN"
            );
        }
        Ok(Listening {
            listener,
            address,
            trust: self.trust,
            watch: self.watch,
        })
    }
}

fn check(proxy: &Proxy) -> Result<(), ProxyError> {
    if let Some(everybody) = proxy.networks.iter().find(|network| network.is_everybody()) {
        return Err(ProxyError::Everybody(*everybody));
    }
    let address = proxy.listen.ip().to_canonical();
    let mut networks = proxy.networks.iter();
    if address.is_loopback() {
        if !networks.any(Network::is_loopback) {
            return Err(ProxyError::OutOfReach(proxy.listen));
        }
    } else if networks.all(Network::is_loopback) {
        return Err(ProxyError::NobodyOutside(proxy.listen));
    }
    Ok(())
}

impl Listening {
    /// Serves until the server shuts down; and what keeps the CAs like their files, until it is dropped.
    pub(super) fn start<H: Handler>(
        self,
        server: Server<H>,
    ) -> (JoinHandle<()>, Option<JoinHandle<()>>) {
        let Self {
            listener,
            address: _,
            trust,
            watch,
        } = self;
        let keeper = watch.map(|watch| {
            let trust = trust.clone();
            tokio::spawn(watch.run(move |credentials| {
                trust.reload(Some(Roots::new(credentials.roots)?));
                Ok(())
            }))
        });
        let serving = tokio::spawn(async move { server.accept_proxied(&listener, &trust).await });
        (serving, keeper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(listen: &str, networks: &[&str], client_cas: Option<&[&str]>) -> String {
        let mut proxy = Proxy::new(listen.parse().unwrap());
        if !networks.is_empty() {
            proxy.networks = networks.iter().map(|text| text.parse().unwrap()).collect();
        }
        proxy.client_cas = client_cas.map(|files| files.iter().map(PathBuf::from).collect());
        let config = Config {
            proxy: Some(proxy),
            ..Config::default()
        };
        match Proxied::open(&config) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_proxy_that_could_not_work_is_not_served() {
        for (listen, networks, words) in [
            ("127.0.0.1:0", &[][..], ""),
            ("[::1]:0", &["::1"], ""),
            ("0.0.0.0:0", &["127.0.0.1", "10.0.0.7"], ""),
            ("10.0.0.1:0", &["10.0.0.0/24"], ""),
            (
                "0.0.0.0:0",
                &[],
                "0.0.0.0:0 is there for proxies on other machines",
            ),
            (
                "127.0.0.1:0",
                &["10.0.0.7"],
                "the trusted proxies are on other machines and cannot reach 127.0.0.1:0",
            ),
            (
                "10.0.0.1:0",
                &["10.0.0.7", "0.0.0.0/0"],
                "--trusted-proxy 0.0.0.0/0 is everybody",
            ),
            ("10.0.0.1:0", &["::/0"], "--trusted-proxy ::/0 is everybody"),
        ] {
            let said = error(listen, networks, None);
            assert!(said.starts_with(words), "{listen}: {said}");
            assert_eq!(said.is_empty(), words.is_empty(), "{listen}: {said}");
        }
    }

    #[test]
    fn who_may_issue_certificates_is_said_one_way_or_the_other() {
        let words = "nobody says who may issue the VENs' certificates";
        let said = error("127.0.0.1:0", &[], Some(&[]));
        assert!(said.starts_with(words), "{said}");
        let said = error("127.0.0.1:0", &[], Some(&["no-such-file.pem"]));
        assert!(said.contains("no-such-file.pem"), "{said}");
    }
}
