//! Certificates of the tests, as files.
//!
//! Knows nothing of what is wrong with them: tests order that.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use oadr_core::value::DateTime;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_RSA_SHA256,
};

use super::Files;
use crate::clock;

/// A CA and the folder that its certificate is in, as `ca.pem`.
pub(crate) struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// How long a certificate lasts: from so many days before now, to so many after.
pub(crate) type Days = (i64, i64);

/// Long enough.
pub(crate) const VALID: Days = (1, 365);

impl Authority {
    pub(crate) fn new(folder: &Path) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = params("Test CA", VALID, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        fs::write(folder.join("ca.pem"), certificate.pem()).unwrap();
        Self {
            folder: folder.to_owned(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Writes `NAME.pem` and `NAME-key.pem`.
    pub(crate) fn issue(&self, name: &str, days: Days, names: &[&str]) -> PathBuf {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        self.issue_for(name, days, names, &key)
    }

    /// The same with an RSA key.
    pub(crate) fn issue_rsa(&self, name: &str, names: &[&str]) -> PathBuf {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        self.issue_for(name, VALID, names, &key)
    }

    fn issue_for(&self, name: &str, days: Days, names: &[&str], key: &KeyPair) -> PathBuf {
        let params = params(name, days, names);
        let certificate = params.signed_by(key, &self.issuer).unwrap();
        let path = self.folder.join(format!("{name}.pem"));
        fs::write(&path, certificate.pem()).unwrap();
        let key_path = self.folder.join(format!("{name}-key.pem"));
        fs::write(key_path, key.serialize_pem()).unwrap();
        path
    }

    /// These certificates, and who issued them.
    pub(crate) fn files(&self, certificates: &[&Path]) -> Files {
        Files {
            certificates: certificates.iter().map(|path| (*path).to_owned()).collect(),
            roots: vec![self.folder.join("ca.pem")],
            ..Files::default()
        }
    }
}

fn params(name: &str, days: Days, names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    let now = clock::now();
    let at = |days| {
        let at: DateTime = now + TimeDelta::days(days);
        std::time::SystemTime::from(at).into()
    };
    params.not_before = at(-days.0);
    params.not_after = at(days.1);
    params
}
