//! `oadr vtn`.
//!
//! Knows nothing of how a VTN works; it puts settings together.

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use oadr_core::value::{Duration, VtnId};
use oadr_core::vtn::Admission;
use serde::Deserialize;
use serde_json::json;

use super::exit::Exit;
use super::http_flags::HttpArgs;
use super::{descriptors, say};
use crate::vtn::{self, Config};

/// Run a VTN.
///
/// VENs connect to `http://LISTEN/OpenADR2/Simple/2.0b/`; operators use the JSON API at
/// `http://API/api/v1/`, or `oadr event` and `oadr vens`, which call it. Everything is kept in an
/// SQLite database in the data folder and survives a crash.
///
/// The first line on stdout says where the VTN listens, once it does. SIGTERM and SIGINT stop it:
/// requests that were accepted are finished.
///
/// Operators present the token in the file `api-token` of the data folder, which is made at the first
/// start; the commands find it there.
///
/// There is no TLS yet, so both addresses must be loopback ones (but see --insecure-plain-http and
/// --insecure-plain-api). Without --dev only VENs that were made known with `oadr vens enrol` may
/// register.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct VtnArgs {
    /// Settings in TOML, by the names of these options (`listen`, `api`, `data`, `vtn_id`,
    /// `poll_interval`, `dev`, `insecure_plain_http`, `insecure_plain_api`; in a table `http`:
    /// `max_connections` and so on). Options given here go before.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where VENs connect; port 0 lets the system choose. [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where operators connect. [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS")]
    api: Option<SocketAddr>,
    /// The folder for the database and the API's token; made if it is not there. [default: oadr-vtn]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// The VTN's ID, kept for later runs. Some VENs refuse one without capital letters.
    /// [default: OadrVTN]
    #[arg(long, value_name = "ID")]
    vtn_id: Option<VtnId>,
    /// How often VENs are to poll, as an ISO 8601 duration. [default: PT10S]
    #[arg(long, value_name = "DURATION")]
    poll_interval: Option<Duration>,
    /// For trials on this machine: any VEN may register.
    #[arg(long)]
    dev: bool,
    /// Serve VENs on addresses that other machines can reach, without encryption and without any
    /// proof of who they are.
    #[arg(long)]
    insecure_plain_http: bool,
    #[command(flatten)]
    http: HttpArgs,
    /// Serve operators on addresses that other machines can reach, without encryption: who can listen
    /// on the way learns the token.
    #[arg(long)]
    insecure_plain_api: bool,
}

const EXAMPLES: &str = "\
Examples:
  oadr vtn --dev
  oadr vtn --dev --listen 127.0.0.1:0 --api 127.0.0.1:0 --data /tmp/vtn --poll-interval PT1S
  oadr vtn --config /etc/oadr/vtn.toml";

/// The same settings in a file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    listen: Option<SocketAddr>,
    api: Option<SocketAddr>,
    data: Option<PathBuf>,
    vtn_id: Option<VtnId>,
    poll_interval: Option<Duration>,
    dev: bool,
    insecure_plain_http: bool,
    http: HttpArgs,
    insecure_plain_api: bool,
}

pub(super) async fn run(args: VtnArgs) -> Result<ExitCode, Box<dyn Error>> {
    let (mut config, dev) = config(args)?;
    if dev && !config.listen.ip().is_loopback() {
        return Err("--dev is for this machine only: listen on a loopback address".into());
    }
    descriptors::provide(&mut config.http.max_connections);
    let mut exit = Exit::new()?;
    let running = vtn::start(config).await?;
    say(&json!({
        "happening": "listening",
        "vtn": running.vtn_url(),
        "api": running.api_url(),
        "api_token_file": running.api_token_file(),
        "vtn_id": running.vtn_id(),
    }));
    exit.wanted().await;
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}

fn config(args: VtnArgs) -> Result<(Config, bool), Box<dyn Error>> {
    let file = match &args.config {
        Some(path) => read(path)?,
        None => File::default(),
    };
    let dev = args.dev || file.dev;
    let config = Config {
        listen: args
            .listen
            .or(file.listen)
            .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
        api: args
            .api
            .or(file.api)
            .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8081))),
        data: args
            .data
            .or(file.data)
            .unwrap_or_else(|| PathBuf::from("oadr-vtn")),
        vtn_id: args.vtn_id.or(file.vtn_id),
        poll_interval: args
            .poll_interval
            .or(file.poll_interval)
            .unwrap_or(Duration::seconds(10)),
        admission: if dev {
            Admission::Open
        } else {
            Admission::Enrolled
        },
        insecure_plain_http: args.insecure_plain_http || file.insecure_plain_http,
        http: args.http.or(file.http).bounds()?,
        insecure_plain_api: args.insecure_plain_api || file.insecure_plain_api,
    };
    Ok((config, dev))
}

fn read(path: &Path) -> Result<File, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()).into())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::temp_dir::TempDir;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        vtn: VtnArgs,
    }

    fn line(words: &[&str]) -> Result<(Config, bool), Box<dyn Error>> {
        let words = ["vtn"].iter().chain(words);
        config(Line::try_parse_from(words)?.vtn)
    }

    #[test]
    fn options_go_before_the_file_and_the_file_before_defaults() {
        let temp = TempDir::new("config").unwrap();
        let path = temp.path().join("vtn.toml");
        let text = "api = \"127.0.0.1:9001\"\npoll_interval = \"PT5S\"\nvtn_id = \"Of-the-file\"\n";
        std::fs::write(&path, text).unwrap();
        let path = path.to_str().unwrap();
        let (config, dev) = line(&["--config", path, "--vtn-id", "Chosen"]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.api.to_string(), "127.0.0.1:9001");
        assert_eq!(config.poll_interval, Duration::seconds(5));
        assert_eq!(config.vtn_id.unwrap().as_str(), "Chosen");
        assert_eq!(config.admission, Admission::Enrolled);
        assert!(!dev);
        assert_eq!(line(&["--dev"]).unwrap().0.admission, Admission::Open);
    }

    #[test]
    fn a_slip_in_the_file_is_told_with_its_place() {
        let temp = TempDir::new("config").unwrap();
        let path = temp.path().join("vtn.toml");
        std::fs::write(&path, "listen = \"127.0.0.1:1\"\npol_interval = \"PT5S\"\n").unwrap();
        let error = line(&["--config", path.to_str().unwrap()]).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("pol_interval") && error.contains("line 2"),
            "{error}"
        );
    }
}
