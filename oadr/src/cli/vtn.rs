//! `oadr vtn`.
//!
//! Knows nothing of how a VTN works; it puts settings together.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use oadr_core::value::{Duration, OptType, VtnId};
use oadr_core::vtn::Admission;
use serde_json::json;

use super::exit::Exit;
use super::http_flags::HttpArgs;
use super::policy_flag::{self, PolicyFlag};
use super::proxy_flags::ProxyArgs;
use super::push_flags::PushArgs;
use super::settings::ConfigArgs;
use super::tls_flags::TlsArgs;
use super::xmpp_flags::XmppArgs;
use super::{api_token, descriptors, notify, say};
use crate::vtn::{self, Config};

/// Run a VTN.
///
/// VENs connect to `https://LISTEN/OpenADR2/Simple/2.0b/`; operators use the JSON API at
/// `http://API/api/v1/`, or `oadr event`, `oadr vens`, `oadr reports` and `oadr readings`, which call it.
/// Everything is kept in an SQLite database in the data folder and survives a crash.
///
/// The first line on stdout says where the VTN listens, once it does. SIGTERM and SIGINT stop it:
/// requests that were accepted are finished. That takes 30 seconds at most; a second signal ends it at
/// once. A service manager is told when it is ready (sd_notify).
///
/// Operators present the token in the file `api-token` of the data folder, which is made at the first
/// start; the commands find it there.
///
/// With --tls-certificate and --tls-client-ca VENs prove who they are by their certificates; `oadr pki`
/// makes such files. They are read again when they change and on SIGHUP, and no connection is lost.
/// Without TLS --listen must be a loopback address (but see --insecure-plain-http). The operators' API
/// has no TLS: its address must be a loopback one (but see --insecure-plain-api). Without --dev only
/// VENs that were made known with `oadr vens enrol` may register.
///
/// A VEN that does not want to poll is pushed to at the address that it registers with: over TLS, and only
/// at public addresses, unless --push-allow names others.
///
/// With --xmpp-jid VENs are served over XMPP, too, through an XMPP server. The VTN starts without its
/// XMPP server and connects when that is there.
///
/// Every option is also a key of the file given with --config, and a variable. There a flag is true or
/// false, as in `--dev=false`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct VtnArgs {
    #[command(flatten)]
    pub(super) settings: VtnSettings,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
}

/// How the VTN runs: each of these is an option, a variable and a key of the file.
#[derive(Debug, Args)]
pub(super) struct VtnSettings {
    /// Where VENs connect; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where operators connect
    #[arg(
        long,
        alias = "api",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8081"
    )]
    api_listen: SocketAddr,
    /// The folder for the database and the API's token; made if it is not there
    #[arg(long, value_name = "FOLDER", default_value = api_token::DATA)]
    data: PathBuf,
    /// The VTN's ID, kept for later runs. Some VENs refuse one without capital letters
    /// [default: that of the last run, OadrVTN at first]
    #[arg(long, value_name = "ID")]
    vtn_id: Option<VtnId>,
    /// How often VENs are to poll, as an ISO 8601 duration
    #[arg(long, value_name = "DURATION", default_value = "PT10S")]
    poll_interval: Duration,
    /// How long the readings that VENs report are kept, from when they were measured, as an ISO 8601
    /// duration such as P2Y [default: for ever]
    #[arg(long, value_name = "DURATION")]
    readings_retention: Option<Duration>,
    /// What counts for an event where a VEN's opt schedules say both in and out
    #[arg(long, value_enum, default_value = "out")]
    opt_precedence: Precedence,
    /// Which reports are requested of every VEN that offers them, as NAME:KEY=VALUE,… with the keys
    /// granularity, back, duration, report, measurement, resource, ven, group; may be given several
    /// times. Several in the variable are separated by ;
    #[arg(
        long = "report-policy",
        value_name = "POLICY",
        value_delimiter = policy_flag::BETWEEN
    )]
    report_policies: Vec<PolicyFlag>,
    /// For trials on this machine: any VEN may register
    #[arg(long)]
    dev: bool,
    /// Serve VENs on addresses that other machines can reach, without encryption and without any
    /// proof of who they are; with TLS it is not needed
    #[arg(long)]
    insecure_plain_http: bool,
    /// Serve operators on addresses that other machines can reach, without encryption: who can listen
    /// on the way learns the token
    #[arg(long)]
    insecure_plain_api: bool,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    proxy: ProxyArgs,
    #[command(flatten)]
    push: PushArgs,
    #[command(flatten)]
    xmpp: XmppArgs,
    #[command(flatten)]
    http: HttpArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Precedence {
    In,
    Out,
}

const EXAMPLES: &str = "\
Examples:
  oadr vtn --dev
  oadr vtn --dev --listen 127.0.0.1:0 --api-listen 127.0.0.1:0 --data /tmp/vtn --poll-interval PT1S
  oadr vtn --tls-certificate pki/vtn.pem --tls-client-ca pki/ca.pem --signatures required
  oadr vtn --push-allow 10.20.0.0/16 --push-give-up-after PT4H
  oadr vtn --tls-certificate pki/vtn.pem --tls-client-ca pki/ca.pem --xmpp-jid vtn@xmpp.example/openadr
  oadr vtn --report-policy meters:report=TELEMETRY_USAGE,granularity=PT1M,back=PT15M
  oadr vtn --poll-interval PT30S --print-config > vtn.toml
  oadr vtn --config vtn.toml";

pub(super) async fn run(settings: VtnSettings) -> Result<ExitCode, Box<dyn Error>> {
    if settings.dev && !settings.listen.ip().is_loopback() {
        return Err("--dev is for this machine only: listen on a loopback address".into());
    }
    let dev = settings.dev;
    let mut config = settings.config()?;
    if dev
        && config
            .proxy
            .as_ref()
            .is_some_and(|proxy| !proxy.listen.ip().is_loopback())
    {
        return Err("--dev is for this machine only: --proxy-listen on a loopback address".into());
    }
    let pushes = config.push.is_some();
    descriptors::provide(&mut config.http.max_connections, pushes);
    let mut exit = Exit::new()?;
    let running = vtn::start(config).await?;
    let mut listening = json!({
        "happening": "listening",
        "vtn": running.vtn_url(),
        "api": running.api_url(),
        "api_token_file": running.api_token_file(),
        "vtn_id": running.vtn_id(),
    });
    if let Some(url) = running.proxied_url() {
        listening["proxied"] = url.into();
    }
    say(&listening);
    notify::tell("READY=1");
    exit.wanted().await;
    Ok(exit.stopped(running.stop()).await)
}

impl VtnSettings {
    /// How the VTN runs.
    ///
    /// # Errors
    /// A time-out is none, or settings do not go together.
    pub(super) fn config(self) -> Result<Config, Box<dyn Error>> {
        let mut config = Config {
            listen: self.listen,
            api: self.api_listen,
            data: self.data,
            vtn_id: self.vtn_id,
            poll_interval: self.poll_interval,
            admission: if self.dev {
                Admission::Open
            } else {
                Admission::Enrolled
            },
            readings_retention: self.readings_retention,
            opt_precedence: match self.opt_precedence {
                Precedence::In => OptType::OptIn,
                Precedence::Out => OptType::OptOut,
            },
            report_policies: self
                .report_policies
                .into_iter()
                .map(|flag| flag.policy.into_policy(flag.name))
                .collect(),
            insecure_plain_http: self.insecure_plain_http,
            insecure_plain_api: self.insecure_plain_api,
            http: self.http.bounds()?,
            ..Config::default()
        };
        self.tls.apply(&mut config)?;
        self.proxy.apply(&mut config)?;
        self.push.apply(&mut config)?;
        self.xmpp.apply(&mut config)?;
        Ok(config)
    }
}
