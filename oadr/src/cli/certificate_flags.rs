//! The options by which an operator says what proves a VEN and whether it signs.
//!
//! Knows nothing of what the API makes of them.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use oadr_core::{BareJid, CertificateId};
use oadr_sign::Certificate;
use serde_json::{Map, Value};

use super::api_error::Error;

/// What proves a VEN that is enrolled.
#[derive(Debug, Args)]
pub(super) struct EnrolledFlags {
    /// The file with its certificate; repeatable. Of several in one file the first counts
    ///
    /// With NAME all of them are this VEN's. Without it each is that of a VEN of its own, which is called
    /// as the certificate's subject is (its common name).
    #[arg(long = "certificate", value_name = "FILE")]
    certificates: Vec<PathBuf>,

    /// The fingerprint of its certificate: 10 pairs of hexadecimal digits, or 32 for all of its SHA-256;
    /// repeatable
    #[arg(long = "fingerprint", value_name = "TEXT", requires = "name")]
    fingerprints: Vec<CertificateId>,

    /// What becomes of XML signatures between it and the VTN [default: what the VTN says of all]
    #[arg(long, value_name = "POLICY", value_enum)]
    signatures: Option<Policy>,

    /// Its XMPP account, as local@domain: then it may register over XMPP, too, and nobody is this VEN
    /// without the account or one of the certificates
    #[arg(long, value_name = "JID", requires = "name")]
    jid: Option<BareJid>,
}

/// What an operator changes about that.
#[derive(Debug, Args)]
pub(super) struct ModifiedFlags {
    /// The file with a certificate that proves it from now on, beside those that it has; repeatable
    #[arg(long = "add-certificate", value_name = "FILE")]
    add: Vec<PathBuf>,

    /// The same by the certificate's fingerprint; repeatable
    #[arg(long = "add-fingerprint", value_name = "TEXT")]
    add_fingerprints: Vec<CertificateId>,

    /// The file with a certificate that proves nothing from now on; repeatable
    #[arg(long = "remove-certificate", value_name = "FILE")]
    remove: Vec<PathBuf>,

    /// The same by the certificate's fingerprint; repeatable
    #[arg(long = "remove-fingerprint", value_name = "TEXT")]
    remove_fingerprints: Vec<CertificateId>,

    /// What becomes of XML signatures between it and the VTN; default is what the VTN says of all
    #[arg(long, value_name = "POLICY", value_enum)]
    signatures: Option<PolicyOrDefault>,

    /// Its XMPP account from now on, as local@domain
    #[arg(long, value_name = "JID", conflicts_with = "no_jid")]
    jid: Option<BareJid>,

    /// It has no XMPP account any more
    #[arg(long)]
    no_jid: bool,
}

/// What becomes of signatures.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Policy {
    /// Messages that are not signed have no effect
    Required,
    /// Messages may be signed; wrongly signed ones have no effect
    Optional,
    /// Nobody signs, and nobody looks
    Off,
}

/// The same, or what the VTN says of all VENs.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum PolicyOrDefault {
    /// Messages that are not signed have no effect
    Required,
    /// Messages may be signed; wrongly signed ones have no effect
    Optional,
    /// Nobody signs, and nobody looks
    Off,
    /// What the VTN says of all VENs
    Default,
}

impl EnrolledFlags {
    /// Writes it into the body about one VEN.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn say(&self, body: &mut Map<String, Value>) -> Result<(), Error> {
        say_ids(body, "certificates", &self.certificates, &self.fingerprints)?;
        self.say_signatures(body);
        if let Some(jid) = &self.jid {
            body.insert("jid".to_owned(), jid.to_string().into());
        }
        Ok(())
    }

    /// A body for each certificate's VEN.
    ///
    /// # Errors
    /// A file cannot be read, or its certificate names nobody.
    pub(super) fn each(&self) -> Result<Vec<Map<String, Value>>, Error> {
        let each = self.certificates.iter().map(|path| {
            let certificate = read(path)?;
            let name = certificate.common_name().filter(|name| !name.is_empty());
            let name = name.ok_or_else(|| Error::NobodysCertificate {
                path: path.clone(),
                subject: certificate.subject().to_owned(),
            })?;
            let mut body = Map::new();
            body.insert("ven_name".to_owned(), name.into());
            let ids = vec![certificate.hash().to_string()];
            body.insert("certificates".to_owned(), ids.into());
            self.say_signatures(&mut body);
            Ok(body)
        });
        each.collect()
    }

    fn say_signatures(&self, body: &mut Map<String, Value>) {
        if let Some(policy) = self.signatures {
            let policy = match policy {
                Policy::Required => "required",
                Policy::Optional => "optional",
                Policy::Off => "off",
            };
            body.insert("signatures".to_owned(), policy.into());
        }
    }
}

impl ModifiedFlags {
    /// Writes it into the body of a change.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn say(&self, body: &mut Map<String, Value>) -> Result<(), Error> {
        say_ids(body, "add_certificates", &self.add, &self.add_fingerprints)?;
        let (files, told) = (&self.remove, &self.remove_fingerprints);
        say_ids(body, "remove_certificates", files, told)?;
        if let Some(policy) = self.signatures {
            let policy = match policy {
                PolicyOrDefault::Required => "required".into(),
                PolicyOrDefault::Optional => "optional".into(),
                PolicyOrDefault::Off => "off".into(),
                PolicyOrDefault::Default => Value::Null,
            };
            body.insert("signatures".to_owned(), policy);
        }
        if let Some(jid) = &self.jid {
            body.insert("jid".to_owned(), jid.to_string().into());
        } else if self.no_jid {
            body.insert("jid".to_owned(), Value::Null);
        }
        Ok(())
    }
}

fn say_ids(
    body: &mut Map<String, Value>,
    name: &str,
    files: &[PathBuf],
    told: &[CertificateId],
) -> Result<(), Error> {
    let mut ids = Vec::new();
    for path in files {
        ids.push(read(path)?.hash().to_string());
    }
    ids.extend(told.iter().map(ToString::to_string));
    if !ids.is_empty() {
        body.insert(name.to_owned(), ids.into());
    }
    Ok(())
}

/// The first certificate of a file, in PEM or DER.
fn read(path: &Path) -> Result<Certificate, Error> {
    let octets = std::fs::read(path).map_err(|cause| Error::File {
        path: path.to_owned(),
        cause,
    })?;
    let certificate = Certificate::from_pem(&octets);
    certificate
        .or_else(|cause| Certificate::from_der(&octets).map_err(|_| cause))
        .map_err(|cause| Error::Certificate {
            path: path.to_owned(),
            cause,
        })
}
