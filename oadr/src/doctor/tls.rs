//! Whether TLS with the VTN comes about, and why not: versions, suites, who it is, and whether it takes
//! our certificate.
//!
//! Knows nothing of HTTP.

use std::net::SocketAddr;

use oadr_core::value::DateTime;
use rustls::{AlertDescription, ProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::address::Address;
use super::finding::{Finding, Level};
use super::handshake::{self, Broken, Seen};
use super::hello::{self, Said, TLS12};
use super::judge;
use super::own::Own;
use super::suites::{self, OURS, Taken};
use super::vtn::Limits;
use super::x509::{Paper, distinguished_name};

/// A server that was believed, and a connection to it.
pub(super) struct Session {
    pub(super) stream: TlsStream<TcpStream>,
    pub(super) seen: Seen,
}

/// Shakes hands and judges the server. `None`: nothing is to be sent to it.
pub(super) async fn examine(
    at: SocketAddr,
    address: &Address,
    own: &Own,
    now: DateTime,
    limits: Limits,
    found: &mut Vec<Finding>,
) -> Option<Session> {
    let Some(name) = judge::server_name(&address.host) else {
        found.push(Finding::problem(
            "url_malformed",
            format!("{} is no name that a certificate could have", address.host),
            "Use the VTN's DNS name.",
        ));
        return None;
    };
    let (seen, result) = handshake::shake(at, name, own.shown.clone(), limits).await;
    if seen.chain.is_empty() {
        match result {
            Err(broken) => found.push(nothing_shown(at, address, &broken, limits).await),
            Ok(_) => found.push(Finding::problem(
                "tls_failed",
                "the server showed no certificate",
                "Ask its operator.",
            )),
        }
        return None;
    }
    let papers: Vec<_> = seen
        .chain
        .iter()
        .filter_map(|der| Paper::read(der))
        .collect();
    let mut judged = judge::examine(&papers, &address.host, &own.trust, now);
    if let Some(error) = &seen.unproved
        && judged.iter().all(|found| found.level != Level::Problem)
    {
        judged.push(Finding::problem(
            "key_not_proved",
            format!("the server did not prove that it has its certificate's key: {error}"),
            "Its operator has to configure the key that belongs to the certificate.",
        ));
    }
    let believed = judged.iter().all(|found| found.level != Level::Problem);
    match result {
        Ok(stream) => {
            let (_, connection) = stream.get_ref();
            let version = match connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
                Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
                Some(_) | None => "TLS",
            };
            let suite = connection
                .negotiated_cipher_suite()
                .map_or_else(String::new, |suite| format!(" with {:?}", suite.suite()));
            found.push(Finding::ok("tls", format!("it speaks {version}{suite}")));
            found.extend(judged);
            if !believed {
                found.push(Finding::hint(
                    "stopped",
                    "nothing was sent to this server, because it is not to be believed",
                    "Put right what is wrong with its certificate, and examine again.",
                ));
                return None;
            }
            Some(Session { stream, seen })
        }
        Err(broken) => {
            found.extend(judged);
            found.push(refused(&seen, &broken, own, now));
            None
        }
    }
}

/// The handshake ended before the server showed its certificate.
async fn nothing_shown(
    at: SocketAddr,
    address: &Address,
    broken: &Broken,
    limits: Limits,
) -> Finding {
    let taken = suites::taken(at, &address.host, limits).await;
    if let Some(Said::NotTls(octets)) = &taken.otherwise {
        return not_tls(octets, address);
    }
    if let Some(version) = taken.version {
        return too_different(version, &taken, broken);
    }
    match (&taken.otherwise, broken) {
        (Some(Said::Silence), _) | (_, Broken::Silent) => Finding::problem(
            "tls_silent",
            format!(
                "{at} takes connections, and does not answer TLS within {:?}",
                limits.answer
            ),
            "Something else than a VTN may listen there, or it hangs: check the port, and whether the VTN \
             works (oadr health).",
        ),
        (_, Broken::Alert(AlertDescription::UnrecognisedName)) => Finding::problem(
            "tls_name_unknown",
            format!("the server knows no host called {}", address.host),
            "Use the name that it is configured for.",
        ),
        _ => Finding::problem(
            "tls_failed",
            format!("no TLS connection comes about: {broken}"),
            "See the server's log for why; it answers neither TLS 1.2 nor 1.3 as it is usual.",
        ),
    }
}

/// It speaks TLS, but not ours.
fn too_different(version: u16, taken: &Taken, broken: &Broken) -> Finding {
    let names: Vec<_> = taken
        .suites
        .iter()
        .map(|suite| suites::name(*suite))
        .collect();
    let names = names.join(", ");
    if version < TLS12 {
        return Finding::problem(
            "tls_too_old",
            format!(
                "the server speaks nothing newer than {}, where OpenADR 2.0b wants TLS 1.2 ({names})",
                suites::version_name(version)
            ),
            "Its operator has to allow TLS 1.2 or 1.3, or put a proxy that speaks them in front of it.",
        );
    }
    if !taken.suites.iter().any(|suite| OURS.contains(suite)) {
        return Finding::problem(
            "no_common_suite",
            format!("there is no cipher suite that both sides have; the server would take {names}"),
            "Have ECDHE with AES-GCM allowed in the server. If it can do nothing but these (RSA key \
             transport, or CBC, such as OpenADR's own default suites), a proxy that both sides trust has \
             to translate: see \"Behind a proxy\" in OPERATING.md.",
        );
    }
    Finding::problem(
        "tls_failed",
        format!(
            "no TLS connection comes about, although there is a common suite ({names}): {broken}"
        ),
        "The two may have no group or signature algorithm in common: have P-256 and SHA-256 allowed, and see \
         the server's log.",
    )
}

fn not_tls(octets: &[u8], address: &Address) -> Finding {
    if octets.starts_with(b"HTTP/") {
        return Finding::problem(
            "plain_http_on_tls_port",
            format!("port {} speaks plain HTTP and no TLS", address.port),
            format!(
                "Use the port that speaks TLS; or, if this VTN has none, http://{} (for trials, or within a \
                 network that is protected otherwise).",
                address.authority
            ),
        );
    }
    let beginning: String = String::from_utf8_lossy(octets).chars().take(40).collect();
    Finding::problem(
        if address.tls { "not_tls" } else { "not_http" },
        format!(
            "what listens at port {} speaks neither TLS nor HTTP: {beginning:?}",
            address.port
        ),
        "Check the port.",
    )
}

/// What to say where plain HTTP was expected and something else answered.
pub(super) async fn instead_of_http(
    at: SocketAddr,
    address: &Address,
    limits: Limits,
) -> Option<Finding> {
    let suites: Vec<u16> = OURS.to_vec();
    match hello::ask(at, &address.host, &suites, limits).await {
        Said::Hello { .. } | Said::Alert(_) => Some(Finding::problem(
            "tls_on_plain_port",
            format!("port {} speaks TLS, and the URL says http://", address.port),
            format!("Use https://{}{}", address.authority, address.prefix),
        )),
        Said::NotTls(octets) if !octets.starts_with(b"HTTP/") => Some(not_tls(&octets, address)),
        Said::Closed | Said::Silence | Said::NotTls(_) => None,
    }
}

/// The server ended the connection after it had shown its certificate: ours is to blame, most likely.
pub(super) fn refused(seen: &Seen, broken: &Broken, own: &Own, now: DateTime) -> Finding {
    let Some(authorities) = &seen.asked else {
        return Finding::problem(
            "tls_failed",
            format!("the TLS handshake failed: {broken}"),
            "See the server's log for why.",
        );
    };
    let believed = believed(authorities);
    let Some(leaf) = own.chain.first().filter(|_| own.shown.is_some()) else {
        return Finding::problem(
            "client_certificate_missing",
            format!(
                "the server asks for a certificate of ours, and there was none to show: {broken}{believed}"
            ),
            "Give the certificate that the VTN's operator made or enrolled for this VEN: --tls-certificate \
             FILE (and --tls-key FILE).",
        );
    };
    let names: Vec<_> = authorities
        .iter()
        .map(|name| distinguished_name(name))
        .collect();
    let other_ca = !authorities.is_empty()
        && !own
            .chain
            .iter()
            .any(|paper| authorities.contains(&paper.issuer_der));
    let alert = match broken {
        Broken::Alert(alert) => Some(*alert),
        Broken::Tls(_) | Broken::Closed(_) | Broken::Silent => None,
    };
    let why = if now > leaf.not_after || alert == Some(AlertDescription::CertificateExpired) {
        format!(
            "it is valid until {} only, or the server's clock is wrong",
            super::paper::day(leaf.not_after)
        )
    } else if now < leaf.not_before {
        "it is not valid yet".to_owned()
    } else if leaf.version < 3 {
        "it is X.509 version 1".to_owned()
    } else if leaf.usages.is_some_and(|usages| !usages.client) {
        "its extended key usage does not allow clients (clientAuth)".to_owned()
    } else if other_ca || alert == Some(AlertDescription::UnknownCA) {
        let wanted = if names.is_empty() {
            "other CAs than that".to_owned()
        } else {
            format!("certificates of {}", names.join("; "))
        };
        format!(
            "it is from {}, and the server believes {wanted}",
            leaf.issuer
        )
    } else if alert == Some(AlertDescription::CertificateRevoked) {
        "it was revoked".to_owned()
    } else {
        "it is not enrolled there, perhaps, or of a kind that the server does not take".to_owned()
    };
    Finding::problem(
        "client_certificate_refused",
        format!(
            "the server refuses our certificate {}: {broken}; most likely {why}{believed}",
            leaf.called()
        ),
        format!(
            "Have a certificate made by a CA that the server believes, with clientAuth; or have {} added to \
             what it believes (--tls-client-ca). The server's log, or there `oadr doctor ven NAME`, says \
             more. Our fingerprint is {}.",
            leaf.issuer,
            leaf.hash.fingerprint()
        ),
    )
}

fn believed(authorities: &[Vec<u8>]) -> String {
    if authorities.is_empty() {
        return String::new();
    }
    let names: Vec<_> = authorities
        .iter()
        .map(|name| distinguished_name(name))
        .collect();
    format!(" (it says that it believes {})", names.join("; "))
}
