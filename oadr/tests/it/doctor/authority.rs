//! Certificates of every kind, good and bad, in files.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use oadr_core::{CertificateHash, Fingerprint};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SerialNumber,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::folder::Folder;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A CA with a folder for what it issues.
pub(super) struct Authority {
    pub(super) folder: Folder,
    pub(super) ca: PathBuf,
    pub(super) der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in files and in memory.
pub(super) struct Issued {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    pub(super) der: CertificateDer<'static>,
    pub(super) key_der: PrivateKeyDer<'static>,
}

impl Issued {
    pub(super) fn hash(&self) -> CertificateHash {
        let certificate = oadr_sign::Certificate::from_der(&self.der).unwrap();
        certificate.hash()
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.hash().fingerprint()
    }
}

/// For a server called so.
pub(super) fn server(names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, "the VTN");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// For a client called so.
pub(super) fn client(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// The same, but over since ten days.
pub(super) fn expired(mut params: CertificateParams) -> CertificateParams {
    params.not_before = (SystemTime::now() - 100 * DAY).into();
    params.not_after = (SystemTime::now() - 10 * DAY).into();
    params
}

/// The same, but beginning in ten days.
pub(super) fn not_yet_valid(mut params: CertificateParams) -> CertificateParams {
    params.not_before = (SystemTime::now() + 10 * DAY).into();
    params.not_after = (SystemTime::now() + 100 * DAY).into();
    params
}

/// The same, but over in ten days.
pub(super) fn ending(mut params: CertificateParams) -> CertificateParams {
    params.not_before = (SystemTime::now() - 100 * DAY).into();
    params.not_after = (SystemTime::now() + 10 * DAY).into();
    params
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let folder = Folder::new();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let ca = folder.path().join("ca.pem");
        fs::write(&ca, certificate.pem()).unwrap();
        Self {
            ca,
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
            folder,
        }
    }

    /// Issues a certificate into `NAME.pem`, with its key in `NAME-key.pem`.
    pub(super) fn issue(&self, name: &str, mut params: CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        params.serial_number = Some(SerialNumber::from(7));
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        self.write(name, &certificate, &key)
    }

    /// The same, signed by itself.
    pub(super) fn self_signed(&self, name: &str, params: CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        self.write(name, &certificate, &key)
    }

    /// A CA below this one.
    pub(super) fn below(&self, name: &str) -> Self {
        let folder = Folder::new();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let ca = folder.path().join("ca.pem");
        fs::write(&ca, certificate.pem()).unwrap();
        Self {
            ca,
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
            folder,
        }
    }

    fn write(&self, name: &str, certificate: &rcgen::Certificate, key: &KeyPair) -> Issued {
        let issued = Issued {
            certificate: self.folder.path().join(format!("{name}.pem")),
            key: self.folder.path().join(format!("{name}-key.pem")),
            der: certificate.der().clone(),
            key_der: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        };
        fs::write(&issued.certificate, certificate.pem()).unwrap();
        fs::write(&issued.key, key.serialize_pem()).unwrap();
        private(&issued.key);
        issued
    }
}

/// Nobody else may read it.
pub(super) fn private(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
