//! A CA of the tests, which puts certificates and keys into a folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oadr::credentials::{Credentials, Files, load};
use oadr_sign::SigningKey;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_RSA_SHA256, SignatureAlgorithm,
};

/// A CA, whose certificate is in `ca.pem`.
pub(crate) struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// Keys on P-256.
pub(crate) const P256: &SignatureAlgorithm = &PKCS_ECDSA_P256_SHA256;

/// Keys of 2,048 bits.
pub(crate) const RSA: &SignatureAlgorithm = &PKCS_RSA_SHA256;

impl Authority {
    pub(crate) fn new(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = params("Test CA", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        fs::write(folder.join("ca.pem"), certificate.pem()).unwrap();
        Self {
            folder: folder.to_owned(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Writes `NAME.pem` and `NAME-key.pem`, for this machine.
    pub(crate) fn issue(&self, name: &str, kind: &'static SignatureAlgorithm) -> PathBuf {
        self.issue_for(name, &["localhost", "127.0.0.1"], kind)
    }

    /// The same, for these hosts.
    pub(crate) fn issue_for(
        &self,
        name: &str,
        hosts: &[&str],
        kind: &'static SignatureAlgorithm,
    ) -> PathBuf {
        let key = KeyPair::generate_for(kind).unwrap();
        let certificate = params(name, hosts).signed_by(&key, &self.issuer).unwrap();
        let key_path = self.folder.join(format!("{name}-key.pem"));
        fs::write(key_path, key.serialize_pem()).unwrap();
        let path = self.folder.join(format!("{name}.pem"));
        fs::write(&path, certificate.pem()).unwrap();
        path
    }

    /// These certificates, and who issued them.
    pub(crate) fn files(&self, names: &[&str]) -> Files {
        let path = |name: &&str| self.folder.join(format!("{name}.pem"));
        Files {
            certificates: names.iter().map(path).collect(),
            roots: vec![self.folder.join("ca.pem")],
            ..Files::default()
        }
    }

    pub(crate) fn read(&self, name: &str) -> Credentials {
        load(&self.files(&[name])).unwrap()
    }

    pub(crate) fn key(&self, name: &str) -> Arc<SigningKey> {
        Arc::clone(self.read(name).signing.first().unwrap())
    }
}

fn params(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
