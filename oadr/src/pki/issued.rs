//! The list of what a CA issued: a line of JSON each, in a file that is only ever appended to.
//!
//! Knows nothing of how certificates are made.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use oadr_core::value::DateTime;
use oadr_core::{CertificateHash, Fingerprint};
use oadr_sign::{Certificate, KeyKind};
use serde::{Deserialize, Serialize};

use super::profile::Purpose;

/// The list's file in the folder.
pub(super) const FILE: &str = "issued.jsonl";

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Issued {
    /// When.
    pub(crate) at: DateTime,
    /// Its file in the folder.
    pub(crate) file: String,
    pub(crate) purpose: Purpose,
    pub(crate) common_name: String,
    /// Its DNS names and addresses.
    pub(crate) names: Vec<String>,
    /// Such as `RSA-2048`.
    pub(crate) key: String,
    pub(crate) serial: String,
    pub(crate) not_before: DateTime,
    pub(crate) not_after: DateTime,
    pub(crate) hash: CertificateHash,
    pub(crate) fingerprint: Fingerprint,
    /// Whether it was made for a request; then the key is elsewhere.
    #[serde(default)]
    pub(crate) requested: bool,
}

impl Issued {
    /// The entry of a certificate.
    pub(super) fn new(
        certificate: &Certificate,
        purpose: Purpose,
        file: String,
        requested: bool,
        at: DateTime,
    ) -> Self {
        let names = certificate.dns_names().iter().cloned();
        let addresses = certificate.ip_addresses().iter().map(ToString::to_string);
        Self {
            at,
            file,
            purpose,
            common_name: certificate.common_name().unwrap_or_default().to_owned(),
            names: names.chain(addresses).collect(),
            key: key_name(certificate.key_kind()),
            serial: certificate.serial().to_owned(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            hash: certificate.hash(),
            fingerprint: certificate.fingerprint(),
            requested,
        }
    }

    /// How many whole days it is still valid; less than 0 if it is not any more.
    pub(crate) fn days_left(&self, now: DateTime) -> i64 {
        (self.not_after - now).num_seconds().div_euclid(86_400)
    }
}

/// What people call a kind of key.
pub(crate) fn key_name(kind: &KeyKind) -> String {
    match kind {
        KeyKind::Rsa(bits) => format!("RSA-{bits}"),
        KeyKind::P256 => "P-256".to_owned(),
        KeyKind::P384 => "P-384".to_owned(),
        KeyKind::Other(name) => name.clone(),
    }
}

/// Adds entries, and returns when they are on the disk.
pub(super) fn append(folder: &Path, entries: &[Issued]) -> io::Result<()> {
    let path = folder.join(FILE);
    let mut lines = String::new();
    // A line that a crash cut off is not to be continued.
    if fs::read(&path).is_ok_and(|there| there.last().is_some_and(|last| *last != b'\n')) {
        lines.push('\n');
    }
    for entry in entries {
        lines.push_str(&serde_json::to_string(entry)?);
        lines.push('\n');
    }
    let mut file = File::options().create(true).append(true).open(&path)?;
    file.write_all(lines.as_bytes())?;
    file.sync_all()
}

/// All entries, in their order, and how many lines are none: at most the one that a crash cut off.
pub(super) fn read(folder: &Path) -> io::Result<(Vec<Issued>, usize)> {
    let text = fs::read_to_string(folder.join(FILE))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let (mut entries, mut others) = (Vec::new(), 0);
    for line in lines {
        match serde_json::from_str(line) {
            Ok(entry) => entries.push(entry),
            Err(_) => others += 1,
        }
    }
    Ok((entries, others))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::temp_dir::TempDir;

    fn entry(file: &str) -> Issued {
        let at: DateTime = "2026-01-31T16:00:00Z".parse().unwrap();
        Issued {
            at,
            file: file.to_owned(),
            purpose: Purpose::Ven,
            common_name: "house".to_owned(),
            names: vec!["house".to_owned()],
            key: "P-256".to_owned(),
            serial: "41:02".to_owned(),
            not_before: at,
            not_after: at + TimeDelta::days(10),
            hash: CertificateHash([7; 32]),
            fingerprint: CertificateHash([7; 32]).fingerprint(),
            requested: false,
        }
    }

    #[test]
    fn the_list_outlives_a_crash_while_it_is_written() {
        let temp = TempDir::new("issued").unwrap();
        let folder = temp.path();
        append(folder, &[entry("house.pem"), entry("plant.pem")]).unwrap();
        let file = folder.join(FILE);
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..whole.len() - 20]).unwrap();
        append(folder, &[entry("barn.pem")]).unwrap();
        let (entries, others) = read(folder).unwrap();
        assert_eq!(entries, [entry("house.pem"), entry("barn.pem")]);
        assert_eq!(others, 1);
    }

    #[test]
    fn days_are_whole_and_run_out() {
        let entry = entry("house.pem");
        let left = |hours: i64| entry.days_left(entry.at + TimeDelta::hours(hours));
        assert_eq!((left(0), left(1), left(24 * 10)), (10, 9, 0));
        assert_eq!(left(24 * 10 + 1), -1);
    }
}
