//! A private CA in a folder: it issues certificates for VTNs and VENs, and keeps a list of them.
//!
//! Knows nothing of TLS and of who is enrolled. `ca.pem` is what the others trust, `ca-key.pem` what
//! nobody else may have; a certificate `NAME.pem` has its key in `NAME-key.pem`, unless it was made for a
//! request. Nothing is overwritten unless it is said, a CA never.

mod files;
mod issued;
mod keys;
mod name;
mod profile;
mod request;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use oadr_core::value::DateTime;
use oadr_sign::{Certificate, CertificateError};
use rcgen::{Issuer, KeyPair, PublicKeyData};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use files::{Draft, Readers};
use profile::Validity;

pub(crate) use issued::Issued;
pub(crate) use keys::{KeyError, NewKey, Passphrase};
pub(crate) use name::{CommonName, FileName, Host};
pub(crate) use profile::Purpose;
pub(crate) use request::Request;
#[cfg(test)]
use request::RequestError;

const CA: &str = "ca.pem";
const CA_KEY: &str = "ca-key.pem";

/// A CA that was opened.
#[derive(Debug)]
pub(crate) struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    /// Its last moment, which no certificate outlives.
    not_after: DateTime,
    /// PEM of what stands between its certificates and their root, the CA itself included; of a CA that
    /// is a root nothing.
    above: String,
}

/// A CA to be made.
#[derive(Debug)]
pub(crate) struct NewAuthority<'a> {
    pub(crate) common_name: &'a CommonName,
    pub(crate) key: NewKey,
    pub(crate) days: u32,
    pub(crate) passphrase: Option<&'a Passphrase>,
}

/// A certificate to be issued.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    pub(crate) purpose: Purpose,
    pub(crate) file: FileName,
    pub(crate) common_name: CommonName,
    pub(crate) hosts: Vec<Host>,
    pub(crate) days: u32,
    pub(crate) subject: Subject<'a>,
    /// Whether it takes the place of one of that name.
    pub(crate) replace: bool,
}

/// Whose key is certified.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// A new one, which is put beside the certificate, under the passphrase if there is one.
    New(NewKey, Option<&'a Passphrase>),
    /// The one that a request came with.
    Of(&'a Request),
}

/// Why a CA cannot be made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PkiError {
    #[error("cannot use {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{} exists: this folder has a CA already, and `oadr pki vtn`, `oadr pki ven` and `oadr pki sign` \
         issue more certificates of it; another CA wants another --folder",
        .0.display()
    )]
    HasAuthority(PathBuf),
    #[error("there is no CA in {}: `oadr pki init` makes one, --folder names another folder", .0.display())]
    NoAuthority(PathBuf),
    #[error("{} exists, and nothing is overwritten; --force issues another one in its place", .0.display())]
    Exists(PathBuf),
    #[error("{0} is named twice")]
    Twice(FileName),
    #[error("{} is empty, and a passphrase has at least one character", .0.display())]
    NoPassphrase(PathBuf),
    #[error(
        "the key {} is under a passphrase, and there is no terminal to ask for it: --ca-passphrase-file names \
         a file with it",
        .0.display()
    )]
    Locked(PathBuf),
    #[error("{} holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    #[error("{} is no certificate of a CA: it may not issue others", .0.display())]
    NotAnAuthority(PathBuf),
    #[error("the CA {} has expired on {}: it can issue nothing, and nobody trusts it", path.display(), at.date_naive())]
    Expired { path: PathBuf, at: DateTime },
    #[error("{} is not the key of {CA}", .0.display())]
    OtherKey(PathBuf),
    #[error("the key {0}")]
    Key(KeyError),
    #[error("the key {} {source}", path.display())]
    CaKey { path: PathBuf, source: KeyError },
    #[error("the certificate cannot be made: {0}")]
    Certificate(rcgen::Error),
    #[error("the certificate that was made cannot be read: {0}")]
    Unreadable(#[from] CertificateError),
    #[error("the operating system has no randomness: {0}")]
    Randomness(io::Error),
}

impl PkiError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

impl Authority {
    /// Makes a CA in a folder that has none; the folder is made if it is not there.
    ///
    /// # Errors
    /// There is one, or the folder cannot be used.
    pub(crate) fn create(
        folder: &Path,
        new: &NewAuthority<'_>,
        now: DateTime,
    ) -> Result<(Self, Issued), PkiError> {
        fs::create_dir_all(folder).map_err(|source| PkiError::io(folder, source))?;
        let _held = files::hold(folder).map_err(|source| PkiError::io(folder, source))?;
        for name in [CA, CA_KEY] {
            let path = folder.join(name);
            if is_taken(&path)? {
                return Err(PkiError::HasAuthority(path));
            }
        }
        let key = new
            .key
            .draw_for_ca()
            .map_err(|error| PkiError::Key(error.into()))?;
        let validity = Validity::days(new.days, now, None);
        let params = profile::authority(new.common_name, validity)?;
        let made = params.self_signed(&key).map_err(PkiError::Certificate)?;
        let key_pem = keys::to_pem(&key, new.passphrase)?;
        let certificate = Certificate::from_der(made.der())?;
        let entry = Issued::new(&certificate, Purpose::Ca, CA.to_owned(), false, now);
        deliver(folder, &entry, &made.pem(), Some(&key_pem), false)?;
        let authority = Self {
            folder: folder.to_owned(),
            issuer: Issuer::new(params, key),
            not_after: certificate.not_after(),
            above: String::new(),
        };
        Ok((authority, entry))
    }

    /// Opens the CA of a folder; `passphrase` is asked for that of its key, if it has one.
    ///
    /// # Errors
    /// There is none, or it is none, or it has expired, or its key cannot be read.
    pub(crate) fn open(
        folder: &Path,
        passphrase: impl FnOnce(&Path) -> Result<Passphrase, PkiError>,
        now: DateTime,
    ) -> Result<Self, PkiError> {
        let (path, key_path) = (folder.join(CA), folder.join(CA_KEY));
        if !is_taken(&path)? {
            return Err(PkiError::NoAuthority(folder.to_owned()));
        }
        let chain = certificates(&path)?;
        let none = || PkiError::NoCertificate(path.clone());
        let der = chain.first().ok_or_else(none)?;
        let certificate = Certificate::from_der(der)?;
        if !certificate.is_ca() {
            return Err(PkiError::NotAnAuthority(path));
        }
        if certificate.not_after() < now {
            let at = certificate.not_after();
            return Err(PkiError::Expired { path, at });
        }
        let text = fs::read_to_string(&key_path).map_err(|e| PkiError::io(&key_path, e))?;
        let key = keys::from_pem(&text, || passphrase(&key_path)).map_err(|error| {
            if let PkiError::Key(source) = error {
                let path = key_path.clone();
                return PkiError::CaKey { path, source };
            }
            error
        })?;
        let (_, parsed) = X509Certificate::from_der(der).map_err(|_| none())?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(PkiError::OtherKey(key_path));
        }
        Ok(Self {
            folder: folder.to_owned(),
            issuer: Issuer::from_ca_cert_der(der, key).map_err(PkiError::Certificate)?,
            not_after: certificate.not_after(),
            above: above(&chain),
        })
    }

    /// Issues a certificate, which is in its file and in the list then; its key, if it is a new one, in
    /// its own.
    ///
    /// # Errors
    /// There is one of that name, or the folder cannot be used.
    pub(crate) fn issue(&self, wanted: &Wanted<'_>, now: DateTime) -> Result<Issued, PkiError> {
        let folder = &self.folder;
        let _held = files::hold(folder).map_err(|source| PkiError::io(folder, source))?;
        vacant(folder, std::slice::from_ref(wanted))?;
        let (drawn, rsa) = match wanted.subject {
            Subject::New(kind, passphrase) => {
                let key = kind.draw().map_err(|error| PkiError::Key(error.into()))?;
                let pem = keys::to_pem(&key, passphrase)?;
                (Some((key, pem)), kind == NewKey::Rsa)
            }
            Subject::Of(request) => (None, request.rsa),
        };
        let validity = Validity::days(wanted.days, now, Some(self.not_after));
        let params = profile::leaf(
            wanted.purpose,
            &wanted.common_name,
            &wanted.hosts,
            rsa,
            validity,
        )?;
        let made = match (wanted.subject, &drawn) {
            (Subject::Of(request), _) => params.signed_by(&request.key, &self.issuer),
            (Subject::New(..), Some((key, _))) => params.signed_by(key, &self.issuer),
            (Subject::New(..), None) => Err(rcgen::Error::KeyGenerationUnavailable),
        };
        let made = made.map_err(PkiError::Certificate)?;
        let certificate = Certificate::from_der(made.der())?;
        let file = format!("{}.pem", wanted.file);
        let entry = Issued::new(&certificate, wanted.purpose, file, drawn.is_none(), now);
        let pem = format!("{}{}", made.pem(), self.above);
        let key_pem = drawn.as_ref().map(|(_, pem)| pem.as_str());
        deliver(folder, &entry, &pem, key_pem, wanted.replace)?;
        Ok(entry)
    }
}

/// Whether all of these can be issued into a folder, before the first is.
///
/// # Errors
/// There are files of that name already, or two want the same.
pub(crate) fn vacant(folder: &Path, wanted: &[Wanted<'_>]) -> Result<(), PkiError> {
    let mut seen = Vec::new();
    for one in wanted {
        if seen.contains(&&one.file) {
            return Err(PkiError::Twice(one.file.clone()));
        }
        seen.push(&one.file);
        for ending in [".pem", "-key.pem"] {
            let path = folder.join(format!("{}{ending}", one.file));
            if !one.replace && is_taken(&path)? {
                return Err(PkiError::Exists(path));
            }
        }
    }
    Ok(())
}

/// What a folder's CA has issued, itself included, in order; and how many lines of the list cannot be
/// read.
///
/// # Errors
/// There is no list.
pub(crate) fn list(folder: &Path) -> Result<(Vec<Issued>, usize), PkiError> {
    issued::read(folder).map_err(|source| {
        if source.kind() == io::ErrorKind::NotFound {
            return PkiError::NoAuthority(folder.to_owned());
        }
        PkiError::io(&folder.join(issued::FILE), source)
    })
}

/// The certificates of a file, which is PEM, or DER with one of them.
///
/// # Errors
/// The file cannot be read, or there is none in it.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PkiError> {
    let octets = fs::read(path).map_err(|source| PkiError::io(path, source))?;
    certificates_in(&octets).ok_or_else(|| PkiError::NoCertificate(path.to_owned()))
}

/// The same of a file that was read.
pub(crate) fn certificates_in(octets: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(octets).collect();
    let all = all.ok()?;
    if !all.is_empty() {
        return Some(all);
    }
    Certificate::from_der(octets).ok()?;
    Some(vec![CertificateDer::from(octets.to_vec())])
}

fn is_taken(path: &Path) -> Result<bool, PkiError> {
    // A link that leads nowhere takes the name, too.
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(PkiError::io(path, error)),
    }
}

/// PEM of those of a CA's chain that are no roots: what a peer that knows the root only has to be shown.
fn above(chain: &[CertificateDer<'static>]) -> String {
    chain
        .iter()
        .filter(|der| {
            let read = Certificate::from_der(der);
            read.is_ok_and(|certificate| certificate.subject() != certificate.issuer())
        })
        .filter_map(|der| {
            let document = pkcs8::der::Document::try_from(der.as_ref()).ok()?;
            document.to_pem("CERTIFICATE", pkcs8::LineEnding::LF).ok()
        })
        .collect()
}

/// Puts a certificate and its key into their files. Both are whole on the disk before either has its
/// name, and the list has it before anybody else does.
fn deliver(
    folder: &Path,
    entry: &Issued,
    certificate: &str,
    key: Option<&str>,
    replace: bool,
) -> Result<(), PkiError> {
    let path = folder.join(&entry.file);
    let name = entry.file.strip_suffix(".pem").unwrap_or(&entry.file);
    let key_path = folder.join(format!("{name}-key.pem"));
    let failed = |path: &Path, source: io::Error| {
        if source.kind() == io::ErrorKind::AlreadyExists {
            return PkiError::Exists(path.to_owned());
        }
        PkiError::io(path, source)
    };
    let draft = Draft::write(path.clone(), certificate.as_bytes(), Readers::Anybody);
    let draft = draft.map_err(|source| PkiError::io(&path, source))?;
    let key_draft = key
        .map(|pem| Draft::write(key_path.clone(), pem.as_bytes(), Readers::Owner))
        .transpose()
        .map_err(|source| PkiError::io(&key_path, source))?;
    issued::append(folder, std::slice::from_ref(entry))
        .map_err(|source| PkiError::io(&folder.join(issued::FILE), source))?;
    let has_key = key_draft.is_some();
    if let Some(key_draft) = key_draft {
        key_draft
            .publish(replace)
            .map_err(|source| failed(&key_path, source))?;
    }
    draft.publish(replace).map_err(|source| {
        if has_key && !replace {
            // A key without its certificate would only be in the way.
            let _ = fs::remove_file(&key_path);
        }
        failed(&path, source)
    })
}
