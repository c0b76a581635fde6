//! Peers behind a proxy that ends their TLS: it hands on the certificate of each in a header.
//! Does not know how a proxy is set up, nor what the peers say.
//!
//! Whoever may write the header may be anybody, so it is believed on a listener of its own only, from
//! listed addresses only, and the certificate in it must stand by itself: within its dates (rule 516),
//! for clients, and from one of the roots. A proxy that forgets to verify can let in nobody by that
//! whom TLS would keep out, but for those who know somebody's certificate, which is no secret: that the
//! peer has the key, the proxy alone can know.
//!
//! The header counts under its exact name. `X_SSL_Client_Cert` is another one, and ignored; two of the
//! same name are refused, whatever they say; a peer that has the proxy drop the header (by naming it in
//! `Connection`) is refused like one without a certificate. What a proxy must do is to replace the
//! header whether there is a certificate or not.

mod handed;
mod known;
mod network;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use oadr_core::{CertificateHash, Peer};
use tokio::net::TcpListener;

pub use self::handed::HandedError;
use self::known::{Known, Proved, sha_256};
pub use self::network::{Network, NetworkError};
use super::Server;
use super::handler::{Handler, Notice};
use super::service::Voucher;
use crate::tls::{CertificateDer, Leaf, Roots, UnixTime, VerifyError, Words};

/// Which proxies are believed, where they write the certificate of a peer, and who may have issued it.
#[derive(Debug)]
#[non_exhaustive]
pub struct ProxyTrustConfig {
    /// The addresses of the proxies, as this machine sees them.
    pub networks: Vec<Network>,
    /// The header's name, in any case.
    pub header: String,
    /// Who may issue the certificates. `None`: that is for the proxy alone to check, and here only the
    /// dates count.
    pub roots: Option<Roots>,
}

impl ProxyTrustConfig {
    /// Proxies on this machine that write `X-SSL-Client-Cert`.
    #[must_use]
    pub fn new(roots: Option<Roots>) -> Self {
        Self {
            networks: Network::LOOPBACK.to_vec(),
            header: DEFAULT_HEADER.to_owned(),
            roots,
        }
    }
}

/// Where proxies write the certificate if nothing else is said.
const DEFAULT_HEADER: &str = "X-SSL-Client-Cert";

/// The proxies that [`Server::accept_proxied`] believes. Clones are the same ones.
#[derive(Debug, Clone)]
pub struct ProxyTrust(Arc<Trust>);

#[derive(Debug)]
struct Trust {
    networks: Vec<Network>,
    header: HeaderName,
    belief: RwLock<Belief>,
}

/// What a reload replaces: the certificates that were verified count only beside what they were
/// verified with.
#[derive(Debug)]
struct Belief {
    roots: Option<Roots>,
    known: Known,
}

/// Why proxies cannot be believed so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyTrustError {
    /// The header cannot have this name.
    #[error("{0:?} is no name of a header")]
    Header(String),
    /// The header means something else to HTTP.
    #[error("the header {0} is not for certificates")]
    Taken(String),
}

/// Why a request behind a proxy shows nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxiedError {
    /// There is no such header: the peer showed no certificate, or the proxy did not ask for one.
    #[error("the proxy handed on no client certificate in {header}")]
    Missing {
        /// The header that was expected.
        header: String,
    },
    /// The header is there several times: the proxy adds to what comes from the peer.
    #[error("{header} came several times: the proxy must replace it, not add to it")]
    Several {
        /// The header.
        header: String,
    },
    /// The header has no certificate in it.
    #[error("{header} cannot be read: {error}")]
    Unreadable {
        /// The header.
        header: String,
        /// What is wrong with it.
        error: HandedError,
    },
    /// What is in the header is no certificate.
    #[error("what the proxy handed on is no X.509 certificate")]
    NotACertificate,
    /// The certificate does not count.
    #[error("the certificate of {subject} that the proxy handed on does not count: {error}")]
    Refused {
        /// Which it is.
        certificate: CertificateHash,
        /// Whose it says that it is.
        subject: Words,
        /// What is wrong with it.
        error: Box<VerifyError>,
    },
}

impl ProxyTrust {
    /// Sets it up.
    ///
    /// # Errors
    /// See [`ProxyTrustError`].
    pub fn new(config: ProxyTrustConfig) -> Result<Self, ProxyTrustError> {
        let ProxyTrustConfig {
            networks,
            header: name,
            roots,
        } = config;
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            return Err(ProxyTrustError::Header(name));
        };
        if TAKEN.contains(&header.as_str()) {
            return Err(ProxyTrustError::Taken(name));
        }
        Ok(Self(Arc::new(Trust {
            networks,
            header,
            belief: RwLock::new(Belief::new(roots)),
        })))
    }

    /// Replaces the roots for the requests to come, on the connections that are open too.
    pub fn reload(&self, roots: Option<Roots>) {
        let mut belief = self
            .0
            .belief
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *belief = Belief::new(roots);
    }

    fn believes(&self, address: IpAddr) -> bool {
        let mut networks = self.0.networks.iter();
        networks.any(|network| network.contains(address))
    }

    /// Who sent a request with these headers; `learned` is told a certificate that was not known yet.
    pub(super) fn peer(
        &self,
        headers: &HeaderMap,
        now: UnixTime,
        learned: impl FnOnce(&Peer, &CertificateDer<'static>),
    ) -> Result<Peer, ProxiedError> {
        let mut values = headers.get_all(&self.0.header).iter();
        let value = values.next().ok_or_else(|| self.missing())?;
        if values.next().is_some() {
            return Err(ProxiedError::Several {
                header: self.header(),
            });
        }
        let belief = self.0.belief.read().unwrap_or_else(PoisonError::into_inner);
        let digest = sha_256(value.as_bytes());
        if let Some(hash) = belief.known.find(&digest, now) {
            return Ok(Peer::Certificate(hash));
        }
        let certificate = self.read(value)?;
        let proved = belief.verify(&certificate, now)?;
        let peer = Peer::Certificate(proved.hash);
        belief.known.learn(digest, proved);
        learned(&peer, &certificate);
        Ok(peer)
    }

    fn read(&self, value: &HeaderValue) -> Result<CertificateDer<'static>, ProxiedError> {
        match handed::certificate(value.as_bytes()) {
            Ok(der) => Ok(CertificateDer::from(der)),
            Err(HandedError::Empty) => Err(self.missing()),
            Err(error) => Err(ProxiedError::Unreadable {
                header: self.header(),
                error,
            }),
        }
    }

    fn header(&self) -> String {
        self.0.header.as_str().to_owned()
    }

    fn missing(&self) -> ProxiedError {
        ProxiedError::Missing {
            header: self.header(),
        }
    }
}

/// Headers that say something else, and that proxies and this server rely on.
const TAKEN: [&str; 8] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "x-forwarded-for",
];

impl Belief {
    fn new(roots: Option<Roots>) -> Self {
        Self {
            roots,
            known: Known::default(),
        }
    }

    /// Dates and key count in any case (rules 68 and 516).
    fn verify(
        &self,
        certificate: &CertificateDer<'static>,
        now: UnixTime,
    ) -> Result<Proved, ProxiedError> {
        let leaf = Leaf::read(certificate).map_err(|_| ProxiedError::NotACertificate)?;
        let hash = CertificateHash(sha_256(certificate));
        let verified = leaf.check(now).and_then(|()| match &self.roots {
            Some(roots) => roots.verify_client(certificate, &[], now),
            None => Ok(()),
        });
        match verified {
            Ok(()) => Ok(Proved::new(hash, now, leaf.not_after)),
            Err(error) => Err(ProxiedError::Refused {
                certificate: hash,
                subject: leaf.subject,
                error: Box::new(error),
            }),
        }
    }
}

impl<H: Handler> Server<H> {
    /// Accepts plain connections of proxies, each served in a task of its own, until the server shuts
    /// down. Connections from elsewhere are closed at once. Each request on them has a peer of its own,
    /// whom the certificate proves that the proxy handed on; one without is refused (403). Connections
    /// of proxies are bounded only together with all others; the bounds per peer are for the peers: as
    /// many requests at the same time as they may have connections.
    pub async fn accept_proxied(&self, listener: &TcpListener, trust: &ProxyTrust) {
        while let Some((stream, address, place)) = self.next(listener).await {
            if !trust.believes(address.ip()) {
                self.handler.notice(Notice::NotAProxy { address });
                continue;
            }
            let server = self.clone();
            let trust = trust.clone();
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let address = Some(address);
                server
                    .run(stream, Peer::Unproven, address, None, Voucher::Proxy(trust))
                    .await;
                drop(place);
            });
        }
    }
}

/// Where a request comes from, as the proxy says: the last element of the last `X-Forwarded-For`. For
/// logs, because there may be a proxy that does not write it.
pub(super) fn forwarded_for(headers: &HeaderMap) -> Option<SocketAddr> {
    let value = headers.get_all("x-forwarded-for").iter().next_back()?;
    let last = value.to_str().ok()?.rsplit(',').next()?.trim();
    let alone = |address: IpAddr| SocketAddr::new(address, 0);
    let bare = last
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(last).parse().map(alone);
    address.or_else(|_| last.parse()).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use rcgen::{
        BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
        date_time_ymd,
    };

    use super::*;

    const NAME: &str = "X-SSL-Client-Cert";

    /// The CA, and certificates from it for 2020 to 2030, in DER.
    struct Made {
        ca: CertificateDer<'static>,
        good: Vec<u8>,
        for_servers: Vec<u8>,
        from_elsewhere: Vec<u8>,
    }

    fn made() -> Made {
        let ca = || {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().unwrap();
            let certificate = params.self_signed(&key).unwrap();
            (certificate.der().clone(), Issuer::new(params, key))
        };
        let leaf = |issuer: &Issuer<'_, KeyPair>, usage| {
            let mut params = CertificateParams::default();
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2030, 1, 1);
            params.extended_key_usages = vec![usage];
            let key = KeyPair::generate().unwrap();
            params.signed_by(&key, issuer).unwrap().der().to_vec()
        };
        let ((ca, issuer), (_, other)) = (ca(), ca());
        Made {
            ca,
            good: leaf(&issuer, ExtendedKeyUsagePurpose::ClientAuth),
            for_servers: leaf(&issuer, ExtendedKeyUsagePurpose::ServerAuth),
            from_elsewhere: leaf(&other, ExtendedKeyUsagePurpose::ClientAuth),
        }
    }

    fn trust(ca: Option<&CertificateDer<'static>>) -> ProxyTrust {
        let roots = ca.map(|ca| Roots::new(vec![ca.clone()]).unwrap());
        ProxyTrust::new(ProxyTrustConfig::new(roots)).unwrap()
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        map
    }

    fn find(trust: &ProxyTrust, headers: &HeaderMap, year: u64) -> Result<Peer, ProxiedError> {
        // Its first hours: leap days are for others.
        let now = Duration::from_secs((year - 1970) * 31_557_600);
        trust.peer(headers, UnixTime::since_unix_epoch(now), |_, _| {})
    }

    fn why(outcome: Result<Peer, ProxiedError>) -> String {
        outcome.unwrap_err().to_string()
    }

    #[test]
    fn a_peer_is_the_certificate_that_the_proxy_hands_on() {
        let made = made();
        let trust = trust(Some(&made.ca));
        let header = STANDARD.encode(&made.good);
        let peer = Peer::Certificate(CertificateHash(sha_256(&made.good)));
        for name in [NAME, "x-ssl-client-cert"] {
            let headers = headers(&[(name, &header)]);
            assert_eq!(find(&trust, &headers, 2025), Ok(peer.clone()));
        }
    }

    #[test]
    fn a_request_without_one_header_is_nobodys() {
        let made = made();
        let trust = trust(Some(&made.ca));
        let header = STANDARD.encode(&made.good);
        let missing = "the proxy handed on no client certificate in x-ssl-client-cert";
        for (pairs, words) in [
            (&[][..], missing),
            (&[(NAME, "")], missing),
            // The peer's own: a proxy that replaces the other leaves these alone.
            (&[("X_SSL_Client_Cert", &*header)], missing),
            (&[("X-SSL-Client_Cert", &*header)], missing),
            (
                &[(NAME, &*header), (NAME, &*header)],
                "x-ssl-client-cert came several times: the proxy must replace it, not add to it",
            ),
            (
                &[(NAME, ""), (NAME, &*header)],
                "x-ssl-client-cert came several times: the proxy must replace it, not add to it",
            ),
            (
                &[(NAME, "-")],
                "x-ssl-client-cert cannot be read: it has none of the known forms",
            ),
            (
                &[(NAME, "AAAA")],
                "what the proxy handed on is no X.509 certificate",
            ),
        ] {
            assert_eq!(why(find(&trust, &headers(pairs), 2025)), words);
        }
    }

    #[test]
    fn a_proxy_that_verifies_nothing_lets_nobody_in() {
        let made = made();
        let (strict, lax) = (trust(Some(&made.ca)), trust(None));
        for der in [&made.for_servers, &made.from_elsewhere] {
            let headers = headers(&[(NAME, &STANDARD.encode(der))]);
            let error = find(&strict, &headers, 2025).unwrap_err();
            assert!(matches!(error, ProxiedError::Refused { .. }), "{error}");
            // Who says that the proxy does it has said so.
            assert!(find(&lax, &headers, 2025).is_ok());
        }
    }

    #[test]
    fn rule_516_an_expired_certificate_talks_to_nobody_through_a_proxy() {
        let made = made();
        for trust in [trust(Some(&made.ca)), trust(None)] {
            let headers = headers(&[(NAME, &STANDARD.encode(&made.good))]);
            for _known in [false, true] {
                for (year, words) in [
                    (2019, "it is not valid before 2020"),
                    (2031, "it expired at 2030"),
                ] {
                    let error = why(find(&trust, &headers, year));
                    assert!(error.contains(words), "{error}");
                }
                assert!(find(&trust, &headers, 2025).is_ok());
            }
        }
    }

    #[test]
    fn what_other_roots_verified_counts_no_more() {
        let (made, other) = (made(), made());
        let trust = trust(Some(&made.ca));
        let headers = headers(&[(NAME, &STANDARD.encode(&made.good))]);
        assert!(find(&trust, &headers, 2025).is_ok());
        trust.reload(Some(Roots::new(vec![other.ca]).unwrap()));
        assert!(find(&trust, &headers, 2025).is_err());
    }

    #[test]
    fn a_header_has_a_name_of_its_own() {
        for (name, words) in [
            ("", r#""" is no name of a header"#),
            ("X SSL", r#""X SSL" is no name of a header"#),
            ("Host", "the header Host is not for certificates"),
        ] {
            let mut config = ProxyTrustConfig::new(None);
            config.header = name.to_owned();
            assert_eq!(ProxyTrust::new(config).unwrap_err().to_string(), words);
        }
    }

    #[test]
    fn the_last_that_a_proxy_wrote_says_where_a_request_comes_from() {
        for (values, address) in [
            (&["192.0.2.7"][..], Some("192.0.2.7:0")),
            (&["198.51.100.1, 192.0.2.7"], Some("192.0.2.7:0")),
            (&["198.51.100.1", "192.0.2.7:4711"], Some("192.0.2.7:4711")),
            (&["2001:db8::1"], Some("[2001:db8::1]:0")),
            (&["[2001:db8::1]"], Some("[2001:db8::1]:0")),
            (&["[2001:db8::1]:80"], Some("[2001:db8::1]:80")),
            (&["192.0.2.7, unknown"], None),
            (&[""], None),
            (&[], None),
        ] {
            let pairs: Vec<_> = values.iter().map(|v| ("X-Forwarded-For", *v)).collect();
            let found = forwarded_for(&headers(&pairs));
            assert_eq!(
                found,
                address.map(|text| text.parse().unwrap()),
                "{values:?}"
            );
        }
    }
}
