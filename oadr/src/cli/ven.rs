//! `oadr ven`.
//!
//! Knows nothing of how a VEN works; it puts settings together and prints what happens.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum, value_parser};
use oadr_core::value::{MarketContext, OptType, ResourceId, Text, VenId, VtnId};
use oadr_http::Credentials;

use super::exit::Exit;
use super::report_flag::{self, ReportFlag};
use super::settings::ConfigArgs;
use super::ven_link_flags::VenLinkArgs;
use super::ven_tls_flags::VenTlsArgs;
use super::{notify, say};
use crate::ven::{CONTROL_SOCKET, Control, OnEvent, Ven, VtnAddress};

/// Run a VEN.
///
/// It registers with the VTN, polls as often as the VTN asks for, answers events and keeps its state
/// in an SQLite database in the data folder, so that it goes on where it was after a restart or a
/// crash. With --push-listen and over XMPP it does not poll: the VTN says by itself what there is.
///
/// What happens is printed on stdout, one JSON object a line: `registered`, `event_received`,
/// `event_modified`, `event_cancelled`, `opt_sent`, `event_started`, `interval_started`,
/// `event_ended`, `opt_accepted`, `opt_refused`, `opt_cancelled`, `report_requested`, `report_sent`,
/// `report_refused`, `report_cancelled`, `report_completed`, `registration_cancelled`,
/// `registration_refused`. After a crash a line can come again; it has the same `id`.
///
/// Every option but --cancel-registration is also a key of the file given with --config, and a variable.
/// Those that may be given several times are the lists `resources`, `market_contexts`, `reports`, `tls_cas`
/// and `vtn_certificates` there; in a variable commas separate their members.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{}\n\n{EXAMPLES}", report_flag::HELP))]
pub(super) struct VenArgs {
    #[command(flatten)]
    pub(super) settings: VenSettings,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    /// Cancel the registration of the VEN in the data folder, and exit
    #[arg(long)]
    pub(super) cancel_registration: bool,
}

/// How the VEN runs: each of these is an option, a variable and a key of the file.
#[derive(Debug, Args)]
pub(super) struct VenSettings {
    /// The VTN's URL, with or without /OpenADR2/Simple/2.0b; or xmpp: and its XMPP domain, with --xmpp-jid.
    #[arg(long, value_name = "URL")]
    vtn: VtnAddress,
    /// How the VEN introduces itself (venName).
    #[arg(long, value_name = "NAME")]
    name: Text,
    /// The folder for the database; made if it is not there.
    #[arg(long, value_name = "FOLDER", default_value = "oadr-ven")]
    data: PathBuf,
    /// The answer to events, if no command is asked or it does not answer.
    #[arg(long, value_enum, default_value = "in")]
    opt: Opt,
    /// A shell command that decides about each event. It gets the event as JSON on stdin and prints
    /// `optIn` or `optOut`, perhaps followed by a response code. It is asked once for each version of
    /// an event.
    #[arg(long, value_name = "COMMAND")]
    on_event: Option<String>,
    /// How long that command may take, in seconds; then it is killed and --opt is the answer.
    #[arg(long, value_name = "SECONDS", default_value = "4", value_parser = seconds)]
    on_event_timeout: Duration,
    /// A venID that the VTN's operator gave out beforehand.
    #[arg(long, value_name = "ID")]
    ven_id: Option<VenId>,
    /// The VTN's ID, if no other is to be accepted.
    #[arg(long, value_name = "ID")]
    vtn_id: Option<VtnId>,
    /// A resource that events may be for; may be given several times.
    #[arg(long = "resource", value_name = "ID")]
    resources: Vec<ResourceId>,
    /// A programme that the VEN takes part in; may be given several times. [default: all]
    #[arg(long = "market-context", value_name = "URI")]
    market_contexts: Vec<MarketContext>,
    /// A data point that is offered to the VTN; may be given several times. See below.
    #[arg(long = "report", value_name = "POINT")]
    reports: Vec<ReportFlag>,
    /// Do not offer the status of the resources, or of the VEN if it has none: online, overridden while
    /// it stays out of an event, and what running events ask for. A --report with report=status takes
    /// its place in any case.
    #[arg(long)]
    no_status_report: bool,
    /// How long the source of a data point may take, in seconds; a command is killed then.
    #[arg(long, value_name = "SECONDS", default_value = "4", value_parser = seconds)]
    source_timeout: Duration,
    /// How many samples of each data point are kept at most, while the VTN is away.
    #[arg(long, value_name = "COUNT", default_value = "1000000", value_parser = value_parser!(u32).range(100..))]
    keep_samples: u32,
    /// The socket by which `oadr opt` and `oadr correct` reach the VEN, or `none`. [default: control.sock in
    /// the data folder]
    #[arg(long, value_name = "PATH")]
    control_socket: Option<PathBuf>,
    /// The user for HTTP Basic authentication, which some VTNs want.
    #[arg(long, value_name = "NAME")]
    http_user: Option<String>,
    /// The password that goes with it.
    #[arg(long, value_name = "PASSWORD", hide_env_values = true)]
    http_password: Option<String>,
    #[command(flatten)]
    link: VenLinkArgs,
    #[command(flatten)]
    tls: VenTlsArgs,
}

const EXAMPLES: &str = "\
Examples:
  oadr ven --vtn http://127.0.0.1:8080 --name Pump1
  oadr ven --vtn http://127.0.0.1:8080 --name Pump1 --on-event 'jq -r .market_context | grep -q /dr && echo optIn || echo optOut'
  oadr ven --vtn http://127.0.0.1:8080 --name Pump1 --report 'power unit=powerReal:kW min=PT1S source=file:/run/meter'
  oadr ven --vtn http://127.0.0.1:8080 --name Pump1 --report 'power unit=powerReal:kW source=simulated:office,peak=50000'
  oadr ven --vtn https://vtn.example.com:8080 --name Pump1 --tls-ca ca.pem --tls-certificate pump1.pem --signatures required
  oadr ven --vtn https://vtn.example.com:8080 --name Pump1 --tls-ca ca.pem --tls-certificate pump1.pem --push-listen 0.0.0.0:8443 --public-url https://pump1.example.com:8443
  oadr ven --vtn xmpp:example.com --name Pump1 --tls-ca ca.pem --tls-certificate pump1.pem --xmpp-jid pump1@example.com/oadr
  oadr ven --vtn http://127.0.0.1:8080 --name Pump1 --cancel-registration";

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Opt {
    In,
    Out,
}

/// How long the VTN has for confirming a cancellation.
const CONFIRMATION: Duration = Duration::from_secs(30);

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|limit| !limit.is_zero())
        .ok_or_else(|| "not a positive time".to_owned())
}

pub(super) async fn run(args: VenArgs) -> Result<ExitCode, Box<dyn Error>> {
    let cancel = args.cancel_registration;
    let socket = control_socket(&args.settings);
    let ven = ven(args.settings)?.on_happening(async |happening| say(&happening.to_json()));
    let mut exit = Exit::new()?;
    if !cancel {
        let running = ven.start().await?;
        let control = match socket {
            Some(socket) => Some(Control::open(socket, &running).await?),
            None => None,
        };
        notify::tell("READY=1");
        exit.wanted().await;
        drop(control);
        return Ok(exit.stopped(running.stop()).await);
    }
    let running = ven.start_leaving().await?;
    let cancelled = tokio::select! {
        cancelled = running.unregistered() => cancelled.is_ok(),
        () = tokio::time::sleep(CONFIRMATION) => false,
        () = exit.wanted() => false,
    };
    running.stop().await;
    if cancelled {
        Ok(ExitCode::SUCCESS)
    } else {
        Err("the VTN has not confirmed; the next start goes on with it".into())
    }
}

fn control_socket(args: &VenSettings) -> Option<PathBuf> {
    match &args.control_socket {
        Some(none) if none.as_os_str() == "none" => None,
        Some(socket) => Some(socket.clone()),
        None => Some(args.data.join(CONTROL_SOCKET)),
    }
}

fn ven(args: VenSettings) -> Result<Ven, Box<dyn Error>> {
    if args.name.is_empty() {
        return Err("--name must not be empty".into());
    }
    let mut ven = Ven::new(args.name.as_str(), &args.vtn.to_string(), args.data)?
        .opt(match args.opt {
            Opt::In => OptType::OptIn,
            Opt::Out => OptType::OptOut,
        })
        .resources(args.resources.clone())
        .market_contexts(args.market_contexts)
        .answer_within(args.on_event_timeout)
        .source_within(args.source_timeout)
        .keep_samples(args.keep_samples);
    let has_status = args.reports.iter().any(ReportFlag::is_status);
    for report in report_flag::reports(args.reports) {
        ven = ven.report(report);
    }
    if !has_status
        && !args.no_status_report
        && let Some(report) = report_flag::status_report(&args.resources)
    {
        ven = ven.report(report);
    }
    if let Some(command) = args.on_event {
        let on_event = OnEvent { command };
        ven = ven.on_event(move |event| {
            let on_event = on_event.clone();
            async move { on_event.ask(&event).await }
        });
    }
    if let Some(ven_id) = args.ven_id {
        ven = ven.ven_id(ven_id);
    }
    if let Some(vtn_id) = args.vtn_id {
        ven = ven.vtn_id(vtn_id);
    }
    match (&args.http_user, &args.http_password) {
        (Some(user), Some(password)) => {
            ven = ven.credentials(Credentials::new(user, password)?);
        }
        (Some(_), None) => return Err("http_user needs an http_password".into()),
        (None, Some(_)) => return Err("http_password needs an http_user".into()),
        (None, None) => {}
    }
    args.tls.apply(args.link.apply(ven)?)
}
