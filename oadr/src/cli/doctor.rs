//! `oadr doctor`: what is wrong, in words, and what to do.
//!
//! Knows nothing of how it is found out.

use std::error::Error;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand, ValueEnum};
use hyper::Method;
use oadr_core::value::Duration;
use oadr_core::{CertificateId, SignaturePolicy};
use serde::Deserialize;
use serde_json::json;

use super::api_client::{ApiArgs, ApiClient, Format};
use super::api_error;
use super::table::{self, printable};
use crate::api::segment;
use crate::clock;
use crate::doctor::{
    CertificateFiles, Finding, Level, Limits, OwnFiles, Record, Visit, examine_files, examine_ven,
    examine_vtn, problems,
};

/// Find out what is wrong, and what to do
#[derive(Debug, Args)]
#[command(after_help = "\
The status is 0 if there is no problem, 1 if there is one, and 2 for a wrong command line. Nothing is
changed anywhere: a VTN is asked what it offers, and nothing else.

Examples:
  oadr doctor vtn https://vtn.example:8443 --tls-certificate house.pem --tls-ca ca.pem
  oadr doctor cert house.pem house-key.pem --ca ca.pem
  oadr doctor ven house")]
pub(super) struct DoctorArgs {
    #[command(subcommand)]
    command: DoctorCommand,
}

#[derive(Debug, Subcommand)]
enum DoctorCommand {
    Vtn(Box<VtnArgs>),
    Cert(CertArgs),
    Ven(VenArgs),
}

/// Why a VEN does not reach its VTN: run this where the VEN is, with its options
///
/// Goes from the URL over name, port, TLS, certificates and HTTP to what the VTN says, and tells at each
/// step what it found.
#[derive(Debug, Args)]
struct VtnArgs {
    /// The VTN's URL, with or without /OpenADR2/Simple/2.0b
    #[arg(value_name = "URL", env = "OADR_VTN")]
    url: String,
    /// The VEN's certificate, in PEM, with those that lead to its root after it
    #[arg(long, value_name = "FILE", env = "OADR_TLS_CERTIFICATE")]
    tls_certificate: Option<PathBuf>,
    /// Its private key [default: in the certificate's file, or NAME-key.pem beside NAME.pem]
    #[arg(long, value_name = "FILE", env = "OADR_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// The CA of the VTN's certificate; may be given several times
    #[arg(long, value_name = "FILE", env = "OADR_TLS_CAS", value_delimiter = ',')]
    tls_ca: Vec<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// The VTN's certificate, if no other is to be believed: its SHA-256 or its fingerprint; may be given
    /// several times
    #[arg(
        long,
        value_name = "ID",
        env = "OADR_VTN_CERTIFICATES",
        value_delimiter = ','
    )]
    vtn_certificate: Vec<CertificateId>,
    /// Do not ask for the URL's host in the VTN's certificate
    #[arg(long, env = "OADR_NO_VERIFY_HOST")]
    no_verify_host: bool,
    /// Whether messages are signed [default: optional at https://, off at http://]
    #[arg(long, value_enum, env = "OADR_SIGNATURES")]
    signatures: Option<Signatures>,
    /// How far the time of a signature may be from now, as an ISO 8601 duration
    #[arg(
        long,
        value_name = "DURATION",
        env = "OADR_SIGNATURE_WINDOW",
        default_value = "PT1M"
    )]
    signature_window: Duration,
    /// The user for HTTP Basic authentication
    #[arg(long, value_name = "NAME", env = "OADR_HTTP_USER")]
    http_user: Option<String>,
    /// The password that goes with it
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "OADR_HTTP_PASSWORD",
        hide_env_values = true
    )]
    http_password: Option<String>,
    /// How long each step may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    timeout: time::Duration,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

/// What files of certificates and keys are, and what is wrong with them
#[derive(Debug, Args)]
struct CertArgs {
    /// Certificates and private keys
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The CA that they should come from; may be given several times
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

/// Why a VTN does not hear a VEN, or refuses it: asks the operator API of a running `oadr vtn`
#[derive(Debug, Args)]
struct VenArgs {
    /// The VEN's name or ID
    #[arg(value_name = "VEN", value_parser = NonEmptyStringValueParser::new())]
    ven: String,
    #[command(flatten)]
    api: ApiArgs,
}

/// What opens a private key.
#[derive(Args)]
struct PassphraseArgs {
    /// A file with the passphrase of the private key
    #[arg(long, value_name = "FILE", env = "OADR_TLS_PASSPHRASE_FILE")]
    tls_passphrase_file: Option<PathBuf>,
    #[arg(
        long,
        value_name = "TEXT",
        env = "OADR_TLS_PASSPHRASE",
        hide = true,
        hide_env_values = true
    )]
    tls_passphrase: Option<String>,
}

impl std::fmt::Debug for PassphraseArgs {
    /// Without the passphrase.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PassphraseArgs")
            .field("tls_passphrase_file", &self.tls_passphrase_file)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Signatures {
    Off,
    Optional,
    Required,
}

fn seconds(text: &str) -> Result<time::Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    time::Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|limit| !limit.is_zero())
        .ok_or_else(|| "not a positive time".to_owned())
}

impl DoctorArgs {
    /// Examines, and prints what was found.
    ///
    /// # Errors
    /// The command line makes no sense, or nobody takes the answer.
    pub(super) async fn run(self) -> Result<ExitCode, Box<dyn Error>> {
        let (found, json) = match self.command {
            DoctorCommand::Vtn(args) => {
                let json = args.json;
                (examine_vtn(&args.visit()?).await, json)
            }
            DoctorCommand::Cert(args) => {
                let files = CertificateFiles {
                    files: args.files,
                    roots: args.ca,
                    passphrase: args.passphrase.read()?,
                };
                (examine_files(&files, clock::now()), args.json)
            }
            DoctorCommand::Ven(args) => {
                let json = args.api.format() == Format::Json;
                let found = match record(&args).await {
                    Ok(record) => examine_ven(&record, clock::now()),
                    Err(error) => vec![unasked(&error)],
                };
                (found, json)
            }
        };
        let text = if json {
            format!(
                "{}\n",
                json!({ "findings": found, "problems": problems(&found) })
            )
        } else {
            render(&found, io::stdout().is_terminal())
        };
        table::print(&text)?;
        Ok(if problems(&found) == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

impl PassphraseArgs {
    fn read(&self) -> Result<Option<Vec<u8>>, Box<dyn Error>> {
        let Some(path) = &self.tls_passphrase_file else {
            return Ok(self
                .tls_passphrase
                .as_ref()
                .map(|text| text.clone().into_bytes()));
        };
        let mut octets = passphrase(path)?;
        while matches!(octets.last(), Some(b'\n' | b'\r')) {
            octets.pop();
        }
        Ok(Some(octets))
    }
}

fn is_https(url: &str) -> bool {
    let scheme = url.trim().split("://").next();
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

fn passphrase(path: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    fs::read(path).map_err(|error| {
        format!("cannot read the passphrase in {}: {error}", path.display()).into()
    })
}

impl VtnArgs {
    fn visit(self) -> Result<Visit, Box<dyn Error>> {
        let passphrase = self.passphrase.read()?;
        let window = self.signature_window.to_time_delta();
        let window = window.ok_or("--signature-window is not a time of fixed length")?;
        let signatures = match self.signatures {
            Some(Signatures::Off) => SignaturePolicy::Off,
            Some(Signatures::Optional) => SignaturePolicy::Optional,
            Some(Signatures::Required) => SignaturePolicy::Required,
            None if is_https(&self.url) => SignaturePolicy::Optional,
            None => SignaturePolicy::Off,
        };
        let basic = match (self.http_user, self.http_password) {
            (None, None) => None,
            (user, password) => Some((user.unwrap_or_default(), password.unwrap_or_default())),
        };
        Ok(Visit {
            url: self.url,
            files: OwnFiles {
                certificate: self.tls_certificate,
                key: self.tls_key,
                roots: self.tls_ca,
                passphrase,
                pins: self.vtn_certificate,
                verify_host: !self.no_verify_host,
            },
            signatures,
            window,
            basic,
            limits: Limits {
                connect: self.timeout,
                answer: self.timeout,
            },
        })
    }
}

/// `GET /api/v1/refusals`
#[derive(Debug, Deserialize)]
struct Refusals {
    refusals: Vec<crate::doctor::Refusal>,
}

/// `GET /api/v1/certificates`
#[derive(Debug, Deserialize)]
struct Certificates {
    certificates: Vec<serde::de::IgnoredAny>,
}

async fn record(args: &VenArgs) -> Result<Record, api_error::Error> {
    let api = args.api.client()?;
    let ven = get(&api, &format!("/vens/{}", segment(&args.ven))).await?;
    let refusals: Option<Refusals> = get(&api, "/refusals").await?;
    let certificates: Option<Certificates> = get(&api, "/certificates").await?;
    Ok(Record {
        name: args.ven.clone(),
        ven,
        refusals: refusals.map(|list| list.refusals).unwrap_or_default(),
        tls: certificates.is_some_and(|list| !list.certificates.is_empty()),
    })
}

/// What is there; `None` for 404.
async fn get<T: serde::de::DeserializeOwned>(
    api: &ApiClient,
    path: &str,
) -> Result<Option<T>, api_error::Error> {
    match api.call(Method::GET, path, None).await {
        Ok(answer) => answer.read().map(Some),
        Err(api_error::Error::Refused(problem)) if problem.status == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

/// The API does not answer, which is a finding too.
fn unasked(error: &api_error::Error) -> Finding {
    Finding::problem(
        "api_unreachable",
        error.to_string(),
        "Run this where `oadr vtn` runs, or name its operator API with --api; oadr health says whether it \
         works.",
    )
}

/// One finding after the other, and what they come to.
fn render(found: &[Finding], marks: bool) -> String {
    let mut out = String::new();
    for finding in found {
        let mark = match (finding.level, marks) {
            (Level::Ok, true) => "✓",
            (Level::Hint, true) => "!",
            (Level::Problem, true) => "✗",
            (Level::Ok, false) => "ok:",
            (Level::Hint, false) => "hint:",
            (Level::Problem, false) => "PROBLEM:",
        };
        out.push_str(&format!("{mark} {}\n", printable(&finding.what)));
        if let Some(advice) = &finding.advice {
            out.push_str(&format!("  {}\n", printable(advice)));
        }
    }
    out.push_str(&match problems(found) {
        0 => "No problem found.\n".to_owned(),
        1 => "1 problem.\n".to_owned(),
        count => format!("{count} problems.\n"),
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_shown_with_marks_or_words_and_cannot_steer_the_terminal() {
        let found = [
            Finding::ok("url", "the URL is right"),
            Finding::problem("name", "no \u{1b}[2J name", "Ask."),
        ];
        let marked = "✓ the URL is right\n✗ no \u{FFFD}[2J name\n  Ask.\n1 problem.\n";
        assert_eq!(render(&found, true), marked);
        let worded = "ok: the URL is right\nPROBLEM: no \u{FFFD}[2J name\n  Ask.\n1 problem.\n";
        assert_eq!(render(&found, false), worded);
    }
}
