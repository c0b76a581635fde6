//! The options of a VTN for TLS and signatures, alike on the command line and in the file.
//!
//! Knows nothing of what is in the files.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use oadr_core::SignaturePolicy;
use oadr_core::value::Duration;

use crate::credentials::{Files, Passphrase};
use crate::vtn::Config;

#[derive(Debug, Args)]
#[command(next_help_heading = "TLS and signatures")]
pub(super) struct TlsArgs {
    /// The file with the VTN's certificate in PEM, and the chain to its CA after it if there is one: with
    /// it, --listen speaks TLS. May be given several times, for an RSA and an ECDSA key side by side
    #[arg(long = "tls-certificate", value_name = "FILE")]
    tls_certificates: Vec<PathBuf>,
    /// The file with its private key; may be given several times, in the order of the certificates
    /// [default: the certificate's file, or NAME-key.pem beside NAME.pem]
    #[arg(long = "tls-key", value_name = "FILE")]
    tls_keys: Vec<PathBuf>,
    /// The file with the CAs that VENs' certificates are from; may be given several times. A VEN without
    /// a certificate from one of them has no connection
    #[arg(long = "tls-client-ca", value_name = "FILE")]
    tls_client_cas: Vec<PathBuf>,
    /// The file with the passphrase of encrypted keys. Without it and OADR_TLS_PASSPHRASE it is asked for
    #[arg(long, value_name = "FILE")]
    tls_passphrase_file: Option<PathBuf>,
    /// The passphrase of encrypted keys; meant for the variable, because others on this machine can read
    /// the command line
    #[arg(
        long,
        value_name = "PASSPHRASE",
        hide_env_values = true,
        hide_short_help = true
    )]
    tls_passphrase: Option<Hidden>,
    /// XML signatures, for VENs of which nothing else is said: what is not signed has no effect
    /// (required), what is wrongly signed has none (optional), they are not looked at (off)
    /// [default: optional with TLS, off without]
    #[arg(long, value_name = "POLICY", value_enum)]
    signatures: Option<Signatures>,
    /// How far the time at which a message was signed may be from now, on either side, as an ISO 8601
    /// duration
    #[arg(long, value_name = "DURATION", default_value = "PT1M")]
    signature_window: Duration,
    /// Accept signatures with SHA-1, for VENs that have nothing better; our own never use it
    #[arg(long)]
    signature_sha1: bool,
    /// The file with a certificate whose key signs, where TLS has none; its key as with --tls-certificate
    /// [default: the certificates of TLS]
    #[arg(long = "signature-certificate", value_name = "FILE")]
    signature_certificates: Vec<PathBuf>,
    /// The file with its private key
    #[arg(long = "signature-key", value_name = "FILE")]
    signature_keys: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Signatures {
    Off,
    Optional,
    Required,
}

/// A text that is not printed.
#[derive(Clone)]
struct Hidden(String);

impl FromStr for Hidden {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

impl TlsArgs {
    /// Puts them into how the VTN runs.
    ///
    /// # Errors
    /// They do not go together.
    pub(super) fn apply(self, config: &mut Config) -> Result<(), Box<dyn Error>> {
        let passphrase = match (self.tls_passphrase_file, self.tls_passphrase) {
            (Some(_), Some(_)) => {
                return Err("tls_passphrase_file and tls_passphrase: one of them is enough".into());
            }
            (Some(file), None) => Passphrase::in_file(file),
            (None, Some(Hidden(text))) => Passphrase::given(text),
            (None, None) => Passphrase::asked(),
        };
        let files = |certificates: Vec<_>, keys, roots| {
            (!certificates.is_empty()).then(|| Files {
                certificates,
                keys,
                roots,
                passphrase: passphrase.clone(),
            })
        };
        for (name, keys, certificates) in [
            ("tls_keys", &self.tls_keys, &self.tls_certificates),
            (
                "tls_client_cas",
                &self.tls_client_cas,
                &self.tls_certificates,
            ),
            (
                "signature_keys",
                &self.signature_keys,
                &self.signature_certificates,
            ),
        ] {
            if !keys.is_empty() && certificates.is_empty() {
                return Err(format!("{name} without a certificate").into());
            }
        }
        config.tls = files(self.tls_certificates, self.tls_keys, self.tls_client_cas);
        config.signature_files =
            files(self.signature_certificates, self.signature_keys, Vec::new());
        config.signatures = self.signatures.map(|signatures| match signatures {
            Signatures::Off => SignaturePolicy::Off,
            Signatures::Optional => SignaturePolicy::Optional,
            Signatures::Required => SignaturePolicy::Required,
        });
        config.signature_window = self.signature_window;
        config.signature_sha1 = self.signature_sha1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        tls: TlsArgs,
    }

    fn line(words: &[&str]) -> Result<Config, String> {
        let line = Line::try_parse_from(["vtn"].iter().chain(words)).unwrap();
        assert!(!format!("{line:?}").contains("sesame"));
        let mut config = Config::default();
        line.tls.apply(&mut config).map_err(|e| e.to_string())?;
        Ok(config)
    }

    #[test]
    fn nothing_said_is_the_vtns_default() {
        let (said, default) = (line(&[]).unwrap(), Config::default());
        assert_eq!(format!("{said:?}"), format!("{default:?}"));
    }

    #[test]
    fn certificates_keys_and_cas_keep_their_order() {
        let config = line(&[
            "--tls-certificate=a.pem",
            "--tls-certificate=b.pem",
            "--tls-key=a.key",
            "--tls-key=b.key",
            "--tls-client-ca=ca.pem",
            "--tls-passphrase=open sesame",
            "--signatures=required",
        ]);
        let config = config.unwrap();
        assert!(!format!("{config:?}").contains("sesame"));
        let files = config.tls.unwrap();
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(files.certificates, paths(&["a.pem", "b.pem"]));
        assert_eq!(files.keys, paths(&["a.key", "b.key"]));
        assert_eq!(files.roots, paths(&["ca.pem"]));
        assert_eq!(config.signatures, Some(SignaturePolicy::Required));
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (words, said) in [
            (
                &["--tls-client-ca=ca.pem"][..],
                "tls_client_cas without a certificate",
            ),
            (&["--tls-key=a.key"], "tls_keys without a certificate"),
            (
                &["--signature-key=a.key"],
                "signature_keys without a certificate",
            ),
            (
                &["--tls-passphrase=a", "--tls-passphrase-file=b"],
                "one of them is enough",
            ),
        ] {
            let error = line(words).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
