//! What files of certificates and keys are, what is wrong with each, and whether they go together.
//!
//! Knows nothing of who uses them.

use std::path::PathBuf;

use aws_lc_rs::digest;
use oadr_core::value::DateTime;

use super::file::{self, File};
use super::finding::{Finding, Level};
use super::judge;
use super::own::{self, Trust};
use super::paper::{self, Use, Whose};
use super::x509::Paper;

/// Files to look at.
pub(crate) struct Files {
    pub(crate) files: Vec<PathBuf>,
    /// CAs that they should lead to.
    pub(crate) roots: Vec<PathBuf>,
    pub(crate) passphrase: Option<Vec<u8>>,
}

/// Looks at files, each by itself and together.
pub(crate) fn examine(files: &Files, now: DateTime) -> Vec<Finding> {
    let mut found = Vec::new();
    let roots = own::roots(&files.roots, now, &mut found);
    let passphrase = files.passphrase.as_deref();
    let read: Vec<_> = files
        .files
        .iter()
        .map(|path| file::read(path, passphrase))
        .collect();
    let trust = Trust {
        roots,
        pins: Vec::new(),
        verify_host: false,
    };
    for file in &read {
        found.extend(file.findings.iter().cloned());
        certificates(file, &trust, now, &mut found);
        keys(file, &read, &mut found);
    }
    found
}

fn certificates(file: &File, trust: &Trust, now: DateTime, found: &mut Vec<Finding>) {
    let mut above: Option<&Paper> = None;
    for (place, paper) in file.certificates.iter().enumerate() {
        let name = match place {
            0 => file.name.clone(),
            _ => format!("{}, certificate {}", file.name, place.saturating_add(1)),
        };
        let whose = Whose {
            name: &name,
            ours: true,
        };
        found.push(Finding::ok("certificate", about(&name, paper)));
        found.extend(paper::examine(paper, whose, Use::Any, now));
        // A bundle of CAs is no chain.
        if let Some(below) =
            above.filter(|below| below.issuer_der != paper.subject_der && !below.is_self_issued())
        {
            found.push(Finding::problem(
                "chain_order",
                format!("{name}: {} did not issue the one before it, {}", paper.called(), below.called()),
                "Put them in this order: the certificate itself, then the one that issued it, and so on.",
            ));
        }
        above = Some(paper);
    }
    let Some((leaf, rest)) = file.certificates.split_first() else {
        return;
    };
    if leaf.is_ca
        && rest
            .iter()
            .any(|paper| !paper.is_ca && paper.issuer_der == leaf.subject_der)
    {
        found.push(Finding::problem(
            "chain_order",
            format!(
                "{}: the CA stands before the certificate that it issued",
                file.name
            ),
            "Put the certificate itself first.",
        ));
    }
    if trust.roots.is_empty() || trust.roots.iter().any(|root| root.hash == leaf.hash) {
        return;
    }
    let known = leaf.version < 3 || now > leaf.not_after || now < leaf.not_before;
    match judge::chained(leaf, rest, trust, Use::Any, now, known) {
        Some(broken) => found.push(broken),
        None if known => {}
        None => found.push(Finding::ok(
            "chain",
            format!("{}: is certified by the CA that was named", file.name),
        )),
    }
}

/// What it is, in one breath.
fn about(name: &str, paper: &Paper) -> String {
    let mut kind = if paper.is_ca {
        "a CA's certificate"
    } else {
        "a certificate"
    }
    .to_owned();
    if let Some(usages) = paper.usages {
        kind.push_str(match (usages.server, usages.client) {
            (true, true) => " for servers and clients",
            (true, false) => " for servers",
            (false, true) => " for clients",
            (false, false) => " for neither servers nor clients",
        });
    }
    let names = paper.names();
    let names = if names.is_empty() {
        names
    } else {
        format!(", for {names}")
    };
    let issuer = if paper.is_self_issued() {
        "signed by itself".to_owned()
    } else {
        format!("issued by {}", paper.issuer)
    };
    format!(
        "{name}: {kind}: {}{names}, {issuer}, {}, valid {} to {}; fingerprint {}; SHA-256 {} ({}); SHA-1 {}",
        paper.called(),
        paper.key,
        paper::day(paper.not_before),
        paper::day(paper.not_after),
        paper.hash.fingerprint(),
        paper.hash,
        plain(&paper.hash.0),
        plain(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &paper.der).as_ref()),
    )
}

/// Without colons, as some peers write it.
fn plain(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn keys(file: &File, all: &[File], found: &mut Vec<Finding>) {
    let certificates = || {
        all.iter()
            .flat_map(|file| file.certificates.iter().map(move |paper| (file, paper)))
    };
    for key in &file.keys {
        let Some(kind) = key.kind() else {
            continue;
        };
        let sealed = if key.encrypted {
            ", under a passphrase"
        } else {
            ""
        };
        found.push(Finding::ok(
            "key",
            format!("{}: a private key, {kind}{sealed}", file.name),
        ));
        let mut fitting =
            certificates().filter(|(_, paper)| key.spki.as_ref() == Some(&paper.spki));
        if let Some((of, paper)) = fitting.next() {
            let what = format!(
                "{}: the key belongs to {} in {}",
                file.name,
                paper.called(),
                of.name
            );
            found.push(Finding {
                level: Level::Ok,
                code: "key_matches",
                what,
                advice: None,
            });
        } else if certificates().any(|(_, paper)| !paper.is_ca) {
            found.push(Finding::problem(
                "key_differs",
                format!("{}: the private key belongs to none of these certificates", file.name),
                "Look for the other half of the pair among other files, or make a new pair: oadr pki.",
            ));
        }
    }
}
