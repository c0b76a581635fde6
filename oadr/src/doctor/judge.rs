//! Whether the certificate that a server showed is to be believed, and why not.
//!
//! Knows nothing of connections.

use std::net::IpAddr;
use std::time::Duration;

use oadr_core::value::DateTime;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::finding::{Finding, Level};
use super::own::Trust;
use super::paper::{self, Use, Whose};
use super::x509::Paper;

/// Makers of machines that open TLS and close it again with certificates of their own.
const INSPECTORS: [&str; 16] = [
    "zscaler",
    "fortinet",
    "fortigate",
    "blue coat",
    "bluecoat",
    "palo alto",
    "netskope",
    "umbrella",
    "sophos",
    "checkpoint",
    "check point",
    "mcafee",
    "websense",
    "forcepoint",
    "mitmproxy",
    "watchguard",
];

/// Judges a server's chain, leaf first. It is to be believed if no problem is among the findings.
pub(super) fn examine(chain: &[Paper], host: &str, trust: &Trust, now: DateTime) -> Vec<Finding> {
    let Some((leaf, rest)) = chain.split_first() else {
        return vec![Finding::problem(
            "server_certificate_unreadable",
            "the server showed no certificate that can be read",
            "Its operator has to configure an X.509 certificate.",
        )];
    };
    let name = format!("the server's certificate ({})", leaf.called());
    let whose = Whose {
        name: &name,
        ours: false,
    };
    // Without a CA the named certificates are all that counts, whatever they are for.
    let by_pin_alone = trust.roots.is_empty() && !trust.pins.is_empty();
    let used = if by_pin_alone {
        Use::Pinned
    } else {
        Use::Server
    };
    let mut found = paper::examine(leaf, whose, used, now);
    if !by_pin_alone {
        if trust.verify_host {
            found.extend(wrong_host(leaf, host));
        }
        let known = found.iter().any(|found| found.level == Level::Problem);
        found.extend(chained(leaf, rest, trust, Use::Server, now, known));
    }
    found.extend(pinned(leaf, trust));
    if found.iter().all(|found| found.level != Level::Problem) {
        found.insert(0, Finding::ok("server_certificate", about(leaf)));
    }
    found
}

fn about(leaf: &Paper) -> String {
    format!(
        "the server is {}, certified by {} until {}, fingerprint {}",
        leaf.called(),
        leaf.issuer,
        paper::day(leaf.not_after),
        leaf.hash.fingerprint()
    )
}

fn pinned(leaf: &Paper, trust: &Trust) -> Option<Finding> {
    if trust.pins.is_empty() || trust.pins.iter().any(|pin| pin.names(&leaf.hash)) {
        return None;
    }
    let pins: Vec<_> = trust.pins.iter().map(ToString::to_string).collect();
    Some(Finding::problem(
        "fingerprint_differs",
        format!(
            "the server's certificate has the fingerprint {} (SHA-256 {}), where --vtn-certificate wants {}",
            leaf.hash.fingerprint(),
            leaf.hash,
            pins.join(" or ")
        ),
        "Ask the VTN's operator, by other means than this connection, whether the certificate was renewed; \
         if so, give the new fingerprint. If not, somebody is in between.",
    ))
}

fn wrong_host(leaf: &Paper, host: &str) -> Option<Finding> {
    if leaf.version < 3 || (leaf.dns_names.is_empty() && leaf.addresses.is_empty()) {
        // It names none, and that was said.
        return None;
    }
    let matches = match host.parse::<IpAddr>() {
        Ok(ip) => leaf.addresses.contains(&ip),
        Err(_) => leaf.dns_names.iter().any(|name| covers(name, host)),
    };
    (!matches).then(|| {
        Finding::problem(
            "wrong_host_name",
            format!("the server's certificate is for {}, and not for {host}", leaf.names()),
            "Use one of those names in the URL, or have a certificate made for this one; with \
             --no-verify-host the name does not count, and any server with a certificate of that CA passes.",
        )
    })
}

/// RFC 6125: a wildcard stands for one label, the first.
fn covers(name: &str, host: &str) -> bool {
    if let Some(domain) = name.strip_prefix("*.") {
        let parent = host.split_once('.').map(|(_, parent)| parent);
        return parent.is_some_and(|parent| parent.eq_ignore_ascii_case(domain));
    }
    name.eq_ignore_ascii_case(host)
}

/// Whether a chain leads from a certificate to one of the roots. `known`: there is something wrong with
/// the certificate itself that was said, and that the library of chains would only repeat.
pub(super) fn chained(
    leaf: &Paper,
    rest: &[Paper],
    trust: &Trust,
    used: Use,
    now: DateTime,
    known: bool,
) -> Option<Finding> {
    if trust.roots.is_empty() {
        return Some(Finding::problem(
            "no_ca",
            format!(
                "nobody was named who may certify the server; its certificate is from {}",
                leaf.issuer
            ),
            format!(
                "Get that CA's certificate from the VTN's operator and give it with --tls-ca; or, having \
                 compared the fingerprint with the operator, --vtn-certificate {}",
                leaf.hash
            ),
        ));
    }
    let cause = match path(leaf, rest, trust, used, now) {
        Ok(()) => return None,
        Err(cause) => cause,
    };
    let unknown = matches!(
        cause,
        webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey
    );
    if unknown || !issuer_is_known(leaf, rest, trust) {
        return Some(unknown_issuer(leaf, rest, trust));
    }
    if known {
        return None;
    }
    Some(Finding::problem(
        "chain_invalid",
        format!(
            "the chain from {} to {} does not hold: {}",
            leaf.called(),
            leaf.issuer,
            words(&cause)
        ),
        "Have the certificates of the chain looked at: oadr doctor cert FILE… --ca CA-FILE",
    ))
}

fn issuer_is_known(leaf: &Paper, rest: &[Paper], trust: &Trust) -> bool {
    let mut known = trust.roots.iter().chain(rest);
    known.any(|paper| paper.subject_der == leaf.issuer_der)
}

fn path(
    leaf: &Paper,
    rest: &[Paper],
    trust: &Trust,
    used: Use,
    now: DateTime,
) -> Result<(), webpki::Error> {
    let roots: Vec<CertificateDer<'_>> = trust.roots.iter().map(|root| root.der.clone()).collect();
    let anchors: Vec<_> = roots
        .iter()
        .filter_map(|der| anchor_from_trusted_cert(der).ok())
        .collect();
    let between: Vec<_> = rest.iter().map(|paper| paper.der.clone()).collect();
    let usage = match used {
        Use::Server => KeyUsage::server_auth(),
        Use::Client => KeyUsage::client_auth(),
        Use::Any | Use::Pinned => match leaf.usages {
            Some(usages) if !usages.server => KeyUsage::client_auth(),
            Some(_) | None => KeyUsage::server_auth(),
        },
    };
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    EndEntityCert::try_from(&leaf.der)?
        .verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &anchors,
            &between,
            time,
            usage,
            None,
            None,
        )
        .map(|_| ())
}

fn unknown_issuer(leaf: &Paper, rest: &[Paper], trust: &Trust) -> Finding {
    let roots: Vec<_> = trust.roots.iter().map(Paper::called).collect();
    let roots = roots.join("; ");
    let last = rest.last().unwrap_or(leaf);
    let issuer = last.issuer.to_ascii_lowercase();
    if INSPECTORS.iter().any(|maker| issuer.contains(maker)) {
        return Finding::problem(
            "inspecting_proxy",
            format!(
                "the certificate that came is issued by {}: that looks like a firewall which opens TLS on \
                 its way; the CA file has {roots}",
                last.issuer
            ),
            "Have the VTN's address excepted from TLS inspection: with it, client certificates cannot work.",
        );
    }
    if leaf.is_self_issued() {
        return Finding::problem(
            "self_signed",
            format!(
                "the certificate of {} is signed by itself and not by {roots}",
                leaf.called()
            ),
            format!(
                "Compare its fingerprint with its operator, and then give --vtn-certificate {} instead of \
                 --tls-ca; or have it replaced by one from a CA.",
                leaf.hash
            ),
        );
    }
    if trust
        .roots
        .iter()
        .any(|root| root.subject_der == last.issuer_der)
    {
        return Finding::problem(
            "ca_key_differs",
            format!(
                "{} is from a CA called {}, and the CA file has one of that name, but with another key",
                leaf.called(),
                last.issuer
            ),
            "The CA was made anew: get its present certificate from the other side, or have certificates \
             made with the present one.",
        );
    }
    let came: Vec<_> = rest.iter().map(Paper::called).collect();
    let came = if came.is_empty() {
        "no intermediate certificate came with it".to_owned()
    } else {
        format!(
            "with it came {}, issued by {}",
            came.join("; "),
            last.issuer
        )
    };
    Finding::problem(
        "unknown_ca",
        format!(
            "{} is issued by {}; {came}; the CA file has {roots}",
            leaf.called(),
            leaf.issuer
        ),
        format!(
            "Get the certificate of the CA {} from the other side and give it with --tls-ca. If the CA file \
             is right, intermediate certificates are missing: they belong after the certificate in its file.",
            last.issuer
        ),
    )
}

/// What the library says, as people say it.
fn words(cause: &webpki::Error) -> String {
    if matches!(cause, webpki::Error::CertExpired { .. }) {
        return "a certificate in it has expired".to_owned();
    }
    cause.to_string()
}

/// The name to ask a server for.
pub(super) fn server_name(host: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).ok()
}
