//! A certification authority of the tests, whose certificates and keys are PEM files.
//!
//! It knows nothing of what is checked of a certificate: it issues bad ones as readily as good ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
};

use crate::failure::Failure;
use crate::folder::Folder;

/// How long a certificate lasts on either side of now, unless said otherwise: ten years.
const LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// What kind of key a certificate has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with 2,048 bits.
    Rsa,
    /// ECDSA on P-256.
    P256,
}

/// What a certificate is for (extendedKeyUsage).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// `serverAuth`
    Server,
    /// `clientAuth`
    Client,
    /// Both.
    Both,
    /// The extension is missing: for everything.
    Unsaid,
}

/// What a certificate is to say. Start from [`server`](Self::server) or [`client`](Self::client) and
/// change fields.
#[derive(Debug, Clone)]
pub struct Order {
    /// The subject's common name; the files are named for it too.
    pub common_name: String,
    /// DNS names and IP addresses (subjectAltName).
    pub names: Vec<String>,
    /// What kind of key it has.
    pub key: KeyKind,
    /// What it is for.
    pub usage: Usage,
    /// The first moment of its validity.
    pub not_before: SystemTime,
    /// The last one.
    pub not_after: SystemTime,
}

/// A certification authority with a self-signed certificate and a folder for its files.
#[derive(Debug)]
pub struct Authority {
    folder: Folder,
    kind: KeyKind,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
    issued: Mutex<Vec<String>>,
}

/// A certificate and its private key.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The file with the certificate: `NAME.pem`.
    pub certificate: PathBuf,
    /// The file with the key, in PKCS#8: `NAME-key.pem`.
    pub key: PathBuf,
    /// The certificate in DER.
    pub der: Vec<u8>,
}

impl Order {
    /// For a server with these names, the first of which is the common name too.
    #[must_use]
    pub fn server(names: &[&str], key: KeyKind) -> Self {
        let owned = names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            names: owned,
            usage: Usage::Server,
            ..Self::client(names.first().unwrap_or(&"server"), key)
        }
    }

    /// For a client of this common name.
    #[must_use]
    pub fn client(common_name: &str, key: KeyKind) -> Self {
        let now = SystemTime::now();
        Self {
            common_name: common_name.to_owned(),
            names: Vec::new(),
            key,
            usage: Usage::Client,
            not_before: now - LIFE,
            not_after: now + LIFE,
        }
    }

    /// The same, but over since a day.
    #[must_use]
    pub fn expired(mut self) -> Self {
        self.not_after = SystemTime::now() - Duration::from_secs(24 * 60 * 60);
        self
    }

    /// The same, but beginning in a day.
    #[must_use]
    pub fn not_yet_valid(mut self) -> Self {
        self.not_before = SystemTime::now() + Duration::from_secs(24 * 60 * 60);
        self
    }

    /// The same for another use.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }
}

impl Authority {
    /// An authority of its own, which nobody believes who was not given its certificate.
    ///
    /// # Errors
    ///
    /// When a key cannot be made or a file not be written.
    pub fn new(kind: KeyKind) -> Result<Self, Failure> {
        let folder = Folder::new("authority")?;
        let key = new_key(kind)?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        // Two authorities of the same name would be one to whoever looks for an issuer by its name.
        let name = folder.path().file_name().unwrap_or_default();
        let name = format!("Test CA {}", name.to_string_lossy());
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).map_err(|error| bad(&error))?;
        write(&folder.path().join("ca.pem"), &certificate.pem())?;
        write(&folder.path().join("ca-key.pem"), &key.serialize_pem())?;
        Ok(Self {
            folder,
            kind,
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
            issued: Mutex::default(),
        })
    }

    /// The file with its certificate.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Its certificate in PEM form.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The folder with everything that it issued; it goes with the authority.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A certificate for a server with these names, with the authority's kind of key.
    ///
    /// # Errors
    ///
    /// As with [`issue`](Self::issue).
    pub fn server(&self, names: &[&str]) -> Result<Issued, Failure> {
        self.issue(&Order::server(names, self.kind))
    }

    /// A certificate for a client, with the authority's kind of key.
    ///
    /// # Errors
    ///
    /// As with [`issue`](Self::issue).
    pub fn client(&self, common_name: &str) -> Result<Issued, Failure> {
        self.issue(&Order::client(common_name, self.kind))
    }

    /// Issues a certificate with a key of its own. The files of a name that was there before get a
    /// number.
    ///
    /// # Errors
    ///
    /// When a name is no name, a key cannot be made, or a file not be written.
    pub fn issue(&self, order: &Order) -> Result<Issued, Failure> {
        let key = new_key(order.key)?;
        let mut params =
            CertificateParams::new(order.names.clone()).map_err(|error| bad(&error))?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, &*order.common_name);
        params.not_before = order.not_before.into();
        params.not_after = order.not_after.into();
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if order.key == KeyKind::Rsa {
            // Suites without a Diffie-Hellman exchange need it (rule 67).
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        params.extended_key_usages = match order.usage {
            Usage::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Usage::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Usage::Both => vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ],
            Usage::Unsaid => Vec::new(),
        };
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(|error| bad(&error))?;
        let name = self.file_name(&order.common_name);
        let issued = Issued {
            certificate: self.folder.path().join(format!("{name}.pem")),
            key: self.folder.path().join(format!("{name}-key.pem")),
            der: certificate.der().to_vec(),
        };
        write(&issued.certificate, &certificate.pem())?;
        write(&issued.key, &key.serialize_pem())?;
        Ok(issued)
    }

    fn file_name(&self, common_name: &str) -> String {
        let plain = |letter: char| match letter {
            '/' | '\0' | ':' => '_',
            other => other,
        };
        let name: String = common_name.chars().map(plain).collect();
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let before = issued.iter().filter(|other| **other == name).count();
        issued.push(name.clone());
        if before == 0 {
            name
        } else {
            format!("{name}-{}", before + 1)
        }
    }
}

impl Issued {
    /// SHA-256 over the certificate, as 32 pairs of hexadecimal digits with colons between them.
    #[must_use]
    pub fn hash(&self) -> String {
        pairs(digest::digest(&digest::SHA256, &self.der).as_ref())
    }

    /// OpenADR's fingerprint: the last ten pairs of the hash.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.hash().split_off(22 * 3)
    }

    /// The file with the certificate, as a word of a command line.
    #[must_use]
    pub fn certificate_word(&self) -> &str {
        self.certificate.to_str().unwrap_or_default()
    }

    /// The file with the key, as a word of a command line.
    #[must_use]
    pub fn key_word(&self) -> &str {
        self.key.to_str().unwrap_or_default()
    }
}

fn new_key(kind: KeyKind) -> Result<KeyPair, Failure> {
    KeyPair::generate_for(match kind {
        KeyKind::Rsa => &PKCS_RSA_SHA256,
        KeyKind::P256 => &PKCS_ECDSA_P256_SHA256,
    })
    .map_err(|error| bad(&error))
}

fn pairs(bytes: &[u8]) -> String {
    let pairs: Vec<_> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

fn bad(error: &rcgen::Error) -> Failure {
    Failure::new(format!("no certificate: {error}"))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| Failure::io(&path.display().to_string(), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_there_and_a_name_twice_is_two_files() {
        let authority = Authority::new(KeyKind::P256).unwrap();
        let (one, two) = (authority.client("house"), authority.client("house"));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_ne!(one.certificate, two.certificate);
        for file in [&one.certificate, &one.key, &two.key] {
            let text = fs::read_to_string(file).unwrap();
            assert!(text.starts_with("-----BEGIN "), "{text}");
        }
        assert_eq!(one.fingerprint().len(), 29);
        assert!(one.hash().ends_with(&one.fingerprint()));
        assert_ne!(one.hash(), two.hash());
    }

    #[test]
    fn rsa_keys_are_rsa_keys() {
        let authority = Authority::new(KeyKind::P256).unwrap();
        let order = Order::server(&["localhost", "127.0.0.1"], KeyKind::Rsa);
        let one = authority.issue(&order).unwrap();
        // A key of 256 bits takes a tenth of it.
        let key = fs::read_to_string(&one.key).unwrap();
        assert!(key.len() > 1_600, "{}", key.len());
    }
}
