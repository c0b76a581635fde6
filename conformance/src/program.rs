//! The program under test: `oadr vtn` and `oadr ven` as child processes.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::authority::{Authority, Issued};
use crate::failure::Failure;
use crate::http::Base;
use crate::process::Process;

/// The environment variable with a built program; without it, cargo builds one.
pub const VARIABLE: &str = "OADR_BIN";

/// A running `oadr vtn`.
#[derive(Debug)]
pub struct Vtn {
    /// The process.
    pub process: Process,
    /// The URL that VENs are given.
    pub url: String,
    /// The OpenADR endpoint.
    pub endpoint: Base,
    /// The operator API, with its token.
    pub api: Base,
}

/// Often enough for tests that wait for a poll.
const POLL: [&str; 2] = ["--poll-interval", "PT1S"];

impl Vtn {
    /// Starts a VTN for whichever VENs, which keeps its state in `data` and asks its VENs to poll
    /// every second.
    ///
    /// # Errors
    ///
    /// When it does not start, or does not say where it listens.
    pub fn start(data: &Path) -> Result<Self, Failure> {
        Self::start_with(data, &[])
    }

    /// The same for enrolled VENs only.
    ///
    /// # Errors
    ///
    /// As with `start`.
    pub fn start_enrolled(data: &Path) -> Result<Self, Failure> {
        Self::run(Command::new(binary()?), data, &POLL)
    }

    /// The same as `start`, with more options.
    ///
    /// # Errors
    ///
    /// As with `start`.
    pub fn start_with(data: &Path, more: &[&str]) -> Result<Self, Failure> {
        Self::run(
            Command::new(binary()?),
            data,
            &[&["--dev"], &POLL[..], more].concat(),
        )
    }

    /// A VTN for enrolled VENs only, which talks TLS with these certificates to VENs with certificates from
    /// `authority`; with more options.
    ///
    /// # Errors
    ///
    /// As with `start`.
    pub fn start_secured(
        data: &Path,
        own: &[&Issued],
        authority: &Authority,
        more: &[&str],
    ) -> Result<Self, Failure> {
        let mut command = Command::new(binary()?);
        let roots = authority.certificate();
        command.arg("vtn");
        for issued in own {
            command.arg("--tls-certificate").arg(&issued.certificate);
        }
        command.arg("--tls-client-ca").arg(roots);
        Self::launch(command, data, &[&POLL[..], more].concat())
    }

    /// The same as `start`, in a process that may open so many files only.
    ///
    /// # Errors
    ///
    /// As with `start`.
    pub fn start_with_descriptors(data: &Path, count: u32) -> Result<Self, Failure> {
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -n \"$0\" && exec \"$@\"", &count.to_string()])
            .arg(binary()?);
        Self::run(command, data, &[&["--dev"], &POLL[..]].concat())
    }

    /// Starts a VTN with `program`, which may be another one that runs it, and these options.
    ///
    /// # Errors
    ///
    /// When it does not start, or does not say where it listens.
    pub fn run(program: Command, data: &Path, options: &[&str]) -> Result<Self, Failure> {
        let mut command = program;
        command.arg("vtn");
        Self::launch(command, data, options)
    }

    /// The same where the command has begun, perhaps with options of its own.
    fn launch(mut command: Command, data: &Path, options: &[&str]) -> Result<Self, Failure> {
        command
            .args(["--listen", "127.0.0.1:0", "--api", "127.0.0.1:0"])
            .arg("--data")
            .arg(data)
            .args(options);
        let process = Process::start("oadr vtn", command)?;
        let listening = process.wait_for("listening")?;
        let text = |key: &str| {
            let value: Option<&str> = listening[key].as_str();
            value.ok_or_else(|| process.failure(&format!("{key} is missing in {listening}")))
        };
        let url = text("vtn")?.to_owned();
        let (endpoint, mut api) = (Base::parse(&url)?, Base::parse(text("api")?)?);
        let file = text("api_token_file")?;
        let token = fs::read_to_string(file).map_err(|error| Failure::io(file, &error))?;
        api.token = Some(token.trim_end().to_owned());
        Ok(Self {
            process,
            url,
            endpoint,
            api,
        })
    }

    /// Calls the operator API and expects one of `statuses`.
    ///
    /// # Errors
    ///
    /// When there is no answer or another status.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        statuses: &[u16],
    ) -> Result<Value, Failure> {
        let (status, value) = self.api.json(method, path, body)?;
        if statuses.contains(&status) {
            return Ok(value);
        }
        Err(self
            .process
            .failure(&format!("{method} {path} answered {status} {value}")))
    }
}

/// Starts `oadr ven` for the VTN at `url`, with its state in `data`.
///
/// # Errors
///
/// When it cannot be started.
pub fn ven(url: &str, name: &str, data: &Path, more: &[&str]) -> Result<Process, Failure> {
    let mut command = Command::new(binary()?);
    command
        .args(["ven", "--vtn", url, "--name", name, "--data"])
        .arg(data)
        .args(more);
    Process::start(format!("oadr ven {name}"), command)
}

/// The same over TLS: with this certificate, for a VTN with one from `authority`.
///
/// # Errors
///
/// When it cannot be started.
pub fn ven_secured(
    url: &str,
    name: &str,
    data: &Path,
    own: &Issued,
    authority: &Authority,
    more: &[&str],
) -> Result<Process, Failure> {
    let mut command = Command::new(binary()?);
    command
        .args(["ven", "--vtn", url, "--name", name, "--data"])
        .arg(data)
        .arg("--tls-certificate")
        .arg(&own.certificate)
        .arg("--tls-ca")
        .arg(authority.certificate())
        .args(more);
    Process::start(format!("oadr ven {name}"), command)
}

/// The program, built once a run.
///
/// # Errors
///
/// When it does not build.
pub fn binary() -> Result<&'static Path, Failure> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || build("dev");
    match BINARY.get_or_init(|| env::var_os(VARIABLE).map_or_else(build, |path| Ok(path.into()))) {
        Ok(path) => Ok(path),
        Err(text) => Err(Failure::new(text.clone())),
    }
}

/// The program as it is released, for benchmarks.
///
/// # Errors
///
/// When it does not build.
pub fn release() -> Result<PathBuf, Failure> {
    build("release").map_err(Failure::new)
}

/// Cargo builds programs only for the tests of their own package, so this asks it for one.
fn build(profile: &str) -> Result<PathBuf, String> {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--package", "oadr", "--bin", "oadr"])
        .args(["--profile", profile])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if !built.status.success() {
        return Err(format!("oadr: {}", String::from_utf8_lossy(&built.stderr)));
    }
    String::from_utf8_lossy(&built.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "oadr")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| "cargo named no executable".to_owned())
}
