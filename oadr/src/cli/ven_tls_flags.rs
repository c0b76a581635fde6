//! The options of a VEN for TLS and signatures, alike on the command line and in the file.
//!
//! Knows nothing of what is in the files.

use std::convert::Infallible;
use std::error::Error;
use std::path::PathBuf;
use std::time;

use clap::{Args, ValueEnum};
use oadr_core::value::Duration;
use oadr_core::{CertificateId, SignaturePolicy};

use crate::credentials::{Files, Passphrase};
use crate::ven::Ven;

#[derive(Debug, Args)]
#[command(next_help_heading = "TLS and signatures")]
pub(super) struct VenTlsArgs {
    /// The file with the VEN's certificate in PEM, and the chain to its CA after it if there is one. It is
    /// shown to a VTN at https://, to an XMPP server and to who pushes, and its key signs.
    #[arg(long, value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
    /// The file with its private key. [default: the certificate's file, or NAME-key.pem beside NAME.pem]
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// The file with the CA that the VTN's certificate is from, or the XMPP server's; may be given several
    /// times. The system's CAs are not used.
    #[arg(long = "tls-ca", value_name = "FILE")]
    tls_cas: Vec<PathBuf>,
    /// The file with the passphrase of an encrypted key. Without it and OADR_TLS_PASSPHRASE it is asked for.
    #[arg(long, value_name = "FILE")]
    tls_passphrase_file: Option<PathBuf>,
    /// The passphrase of an encrypted key; meant for the variable, because others on this machine can read
    /// the command line.
    #[arg(
        long,
        value_name = "PASSPHRASE",
        hide_env_values = true,
        hide_short_help = true,
        value_parser = passphrase
    )]
    tls_passphrase: Option<Passphrase>,
    /// A certificate of the VTN by its fingerprint or its SHA-256 hash, if no other is to be believed, in
    /// TLS and in signatures; may be given several times. [default: any from --tls-ca for the URL's host, or
    /// over XMPP of the VTN's account]
    #[arg(long = "vtn-certificate", value_name = "ID")]
    vtn_certificates: Vec<CertificateId>,
    /// Believe certificates that do not bear the URL's host, which some VTNs have. Any server's from
    /// --tls-ca will do then: name the VTN's with --vtn-certificate.
    #[arg(long)]
    no_verify_host: bool,
    /// XML signatures: `required` reads only what the VTN signed, `optional` unsigned replies too; both sign
    /// every message. [default: optional at https://, off at http://]
    #[arg(long, value_name = "POLICY", value_enum)]
    signatures: Option<Signatures>,
    /// How far the time at which a reply was signed may be from now, on either side, as an ISO 8601
    /// duration.
    #[arg(long, value_name = "DURATION", default_value = "PT1M")]
    signature_window: Duration,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Signatures {
    Off,
    Optional,
    Required,
}

impl VenTlsArgs {
    /// A VEN with these settings.
    ///
    /// # Errors
    /// They do not go together.
    pub(super) fn apply(self, ven: Ven) -> Result<Ven, Box<dyn Error>> {
        let window = length(self.signature_window).ok_or_else(|| {
            let window = self.signature_window;
            format!("the signature window {window} is not a positive time of fixed length")
        })?;
        let mut ven = ven
            .verify_host(!self.no_verify_host)
            .signature_window(window);
        if let Some(signatures) = self.signatures {
            ven = ven.signatures(match signatures {
                Signatures::Off => SignaturePolicy::Off,
                Signatures::Optional => SignaturePolicy::Optional,
                Signatures::Required => SignaturePolicy::Required,
            });
        }
        for certificate in self.vtn_certificates {
            ven = ven.vtn_certificate(certificate);
        }
        if self.tls_certificate.is_none() {
            if self.tls_key.is_some() {
                return Err("tls_key needs a tls_certificate".into());
            }
            if self.tls_cas.is_empty() {
                return Ok(ven);
            }
        }
        let passphrase = match (self.tls_passphrase_file, self.tls_passphrase) {
            (Some(_), Some(_)) => {
                return Err("tls_passphrase_file and tls_passphrase: one of them is enough".into());
            }
            (Some(file), None) => Passphrase::in_file(file),
            (None, Some(passphrase)) => passphrase,
            (None, None) => Passphrase::asked(),
        };
        Ok(ven.tls(Files {
            certificates: self.tls_certificate.into_iter().collect(),
            keys: self.tls_key.into_iter().collect(),
            roots: self.tls_cas,
            passphrase,
        }))
    }
}

/// A text that is not printed.
fn passphrase(text: &str) -> Result<Passphrase, Infallible> {
    Ok(Passphrase::given(text))
}

fn length(duration: Duration) -> Option<time::Duration> {
    let length = duration.to_time_delta()?.to_std().ok()?;
    (!length.is_zero()).then_some(length)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        tls: VenTlsArgs,
    }

    fn line(words: &[&str]) -> Result<Ven, String> {
        let words = ["ven"].iter().chain(words);
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        let ven = Ven::in_memory("house", "http://127.0.0.1").unwrap();
        line.tls.apply(ven).map_err(|error| error.to_string())
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        for (words, said) in [
            (
                &["--tls-key", "house-key.pem"][..],
                "tls_key needs a tls_certificate",
            ),
            (&["--signature-window", "PT0S"], "the signature window PT0S"),
            (&["--signature-window", "P1M"], "the signature window P1M"),
            (&["--vtn-certificate", "A9:F8"], "pairs of hexadecimal"),
            (&["--signatures", "sometimes"], "optional"),
            (
                &[
                    "--tls-ca=ca.pem",
                    "--tls-passphrase=a",
                    "--tls-passphrase-file=b",
                ],
                "one of them is enough",
            ),
        ] {
            let error = line(words).err().unwrap();
            assert!(error.contains(said), "{error}");
        }
        assert!(line(&[]).is_ok());
    }

    #[test]
    fn the_passphrase_is_not_printed() {
        let line = Line::try_parse_from(["ven", "--tls-passphrase=sesame"]).unwrap();
        assert!(!format!("{line:?}").contains("sesame"));
    }

    #[test]
    fn the_passphrase_is_not_in_the_short_help() {
        use clap::CommandFactory as _;
        let help = Line::command().render_help().to_string();
        assert!(help.contains("--tls-passphrase-file"), "{help}");
        assert!(!help.contains("--tls-passphrase <"), "{help}");
    }
}
