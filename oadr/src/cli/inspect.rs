//! `oadr inspect`: a look into a document.
//!
//! Knows nothing of what is in it.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use oadr_core::value::{DateTime, Duration};
use oadr_http::tls::{Roots, certificates};
use oadr_sign::{Certificate, Policy};

use super::table;
use crate::clock;
use crate::inspect::{Judge, inspect};

/// More than any document may have.
const LONGEST: u64 = 16 << 20;

/// Look into a message: what it says, whether it is valid, and what its signature is worth
///
/// The document may stand by itself, or in an HTTP request or response with its head. It is read as strictly as
/// peers read it; where that fails, it is said where and why, and what a lenient reader would make of it.
#[derive(Debug, Args)]
#[command(after_help = "\
The status is 0 for a valid message, signed or not; 1 if it is none, or wrongly signed; 2 if the command is
wrong or the file cannot be read.

Without --signer a signature is verified with the certificate that came with it. That shows that nobody has
changed the message since, but not who made it: anybody can make a certificate.

Examples:
  oadr inspect poll.xml
  oadr inspect captured.http --signer pki/house.pem --at 2026-01-31T16:00:00Z
  curl -s … | oadr inspect - --json")]
pub(super) struct InspectArgs {
    /// The document, or - for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The certificate that it should be signed with
    #[arg(long, value_name = "FILE")]
    signer: Option<PathBuf>,

    /// A CA that the signer's certificate should lead to; repeatable
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,

    /// The moment to judge it as of, UTC [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<DateTime>,

    /// How old a signature may be, and how far in the future
    #[arg(long, value_name = "DURATION", default_value = "PT1M")]
    signature_window: Duration,

    /// Take SHA-1 in signatures, too
    #[arg(long)]
    signature_sha1: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl InspectArgs {
    pub(super) fn run(self) -> Result<ExitCode, Box<dyn Error>> {
        let (octets, judge) = match self.read() {
            Ok(read) => read,
            Err(error) => {
                eprintln!("oadr: {error}");
                return Ok(ExitCode::from(2));
            }
        };
        let at = self.at.unwrap_or_else(clock::now);
        let found = inspect(&octets, &judge, at);
        let text = if self.json {
            format!("{:#}\n", found.to_json())
        } else {
            found.to_text()
        };
        table::print(&text)?;
        Ok(if found.is_good() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    fn read(&self) -> Result<(Vec<u8>, Judge), Box<dyn Error>> {
        let failed =
            |path: &Path, error: io::Error| format!("cannot read {}: {error}", path.display());
        let octets = if self.file.as_os_str() == "-" {
            all_of(io::stdin().lock())
        } else {
            File::open(&self.file).and_then(all_of)
        };
        let octets = octets.map_err(|error| failed(&self.file, error))?;
        let signer = match &self.signer {
            Some(path) => {
                let text = std::fs::read(path).map_err(|error| failed(path, error))?;
                let read = Certificate::from_pem(&text).or_else(|_| Certificate::from_der(&text));
                Some(read.map_err(|error| format!("{}: {error}", path.display()))?)
            }
            None => None,
        };
        let mut roots = Vec::new();
        for path in &self.ca {
            roots.extend(certificates(path)?);
        }
        let window = self
            .signature_window
            .to_time_delta()
            .filter(|window| *window >= chrono::TimeDelta::zero())
            .ok_or("--signature-window is a length without months and years, and not negative")?;
        let judge = Judge {
            signer,
            roots: (!roots.is_empty()).then(|| Roots::new(roots)).transpose()?,
            policy: Policy {
                window,
                not_before: None,
                sha1: self.signature_sha1,
            },
        };
        Ok((octets, judge))
    }
}

fn all_of(from: impl Read) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    from.take(LONGEST).read_to_end(&mut octets)?;
    Ok(octets)
}
