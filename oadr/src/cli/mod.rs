//! The command line.
//!
//! Knows nothing of what the commands do; each has a module, and those use the library.

mod api_client;
mod api_error;
mod api_token;
mod backup;
mod certificate_flags;
mod control_args;
mod correct;
mod dead_letters;
mod descriptors;
mod doctor;
mod event;
mod event_flags;
mod event_view;
mod exit;
mod health;
mod http_flags;
mod inspect;
mod notify;
mod opt;
mod opts_view;
mod pki;
mod policy_flag;
mod proxy_flags;
mod push_flags;
mod readings;
mod refusals_view;
mod report_flag;
mod report_policies;
mod report_view;
mod reports;
#[cfg(test)]
mod scripted_api;
mod settings;
mod start;
mod table;
mod target_flag;
mod tls_flags;
mod unit;
mod ven;
mod ven_link_flags;
mod ven_tls_flags;
mod ven_view;
mod vens;
mod vtn;
mod xmpp_flags;
mod xmpp_server;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use serde_json::Value;

pub(crate) use api_client::ApiClient;
pub(crate) use exit::Exit;
pub(crate) use table::printable;

use settings::{ConfigArgs, Line};

use crate::demo;
use crate::logging::{self, LogFormat};

/// OpenADR 2.0b: a VTN, a VEN and the tools around them.
#[derive(Debug, Parser)]
#[command(name = "oadr", version, about, after_help = EXAMPLES, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    log: LogArgs,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  oadr demo --once                       see an event from its creation to its end, on one machine
  oadr vtn --dev                         a VTN for trials: any VEN may register
  oadr ven --vtn http://127.0.0.1:8080 --name Pump1
  oadr event create --ven Pump1 --market-context http://example.com/dr --interval PT15M=1
  oadr event list
  oadr vens list --json
  oadr dead-letters list                 what could not be pushed, and why
  oadr readings --ven Pump1 --csv
  oadr opt out --start now --duration PT4H
  oadr reports list
  oadr pki init --vtn vtn.example.com --ven house     a CA, and certificates for TLS
  oadr inspect captured.xml                           what a message says, and its signature
  oadr doctor vtn http://127.0.0.1:8080  when something does not work: what, and what to do
  oadr backup --data oadr-vtn --to /var/backups

Every command explains itself with --help.";

#[derive(Debug, Args)]
struct LogArgs {
    /// What is logged to stderr: a level (error, warn, info, debug, trace) or a filter such as
    /// `warn,oadr=debug`.
    #[arg(long, global = true, value_name = "FILTER", display_order = 1010)]
    log: Option<String>,
    /// How log lines look.
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        value_enum,
        default_value = "text",
        display_order = 1011
    )]
    log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    Vtn(Box<vtn::VtnArgs>),
    Ven(Box<ven::VenArgs>),
    Event(event::EventArgs),
    Opt(opt::OptArgs),
    Correct(correct::CorrectArgs),
    Vens(Box<vens::VensArgs>),
    DeadLetters(dead_letters::DeadLettersArgs),
    Readings(Box<readings::ReadingsArgs>),
    Reports(reports::ReportsArgs),
    Health(health::HealthArgs),
    Pki(Box<pki::PkiArgs>),
    Inspect(inspect::InspectArgs),
    Doctor(doctor::DoctorArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Demo(demo::DemoArgs),
}

impl Cli {
    /// Where the settings of a command that serves are from.
    fn config(&self) -> Option<&ConfigArgs> {
        match &self.command {
            Command::Vtn(args) => Some(&args.config),
            Command::Ven(args) => Some(&args.config),
            Command::Event(_)
            | Command::Opt(_)
            | Command::Correct(_)
            | Command::Vens(_)
            | Command::DeadLetters(_)
            | Command::Readings(_)
            | Command::Reports(_)
            | Command::Pki(_)
            | Command::Inspect(_)
            | Command::Backup(_)
            | Command::Restore(_)
            | Command::Health(_)
            | Command::Doctor(_)
            | Command::Demo(_) => None,
        }
    }
}

/// Runs the program: reads the command line, does what it says, and says how it went. What went wrong
/// is one line on stderr and a status other than 0.
#[must_use]
pub fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    let cli = match settings::read(&words, &|name| std::env::var_os(name)) {
        Ok(Line::Run(cli)) => *cli,
        Ok(Line::Print(settings)) => {
            // Half of them in a file would be other settings.
            let mut out = std::io::stdout().lock();
            let written = out
                .write_all(settings.as_bytes())
                .and_then(|()| out.flush());
            return match written {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("oadr: cannot print the settings: {error}");
                    ExitCode::FAILURE
                }
            };
        }
        Err(settings::Error::Line(error)) => error.exit(),
        Err(error) => {
            eprintln!("oadr: {error}");
            return ExitCode::FAILURE;
        }
    };
    let serves = matches!(cli.command, Command::Vtn(_) | Command::Ven(_));
    let default = if serves { "info" } else { "warn" };
    let filter = cli.log.log.as_deref().unwrap_or(default);
    if let Err(error) = logging::init(filter, cli.log.log_format) {
        eprintln!("oadr: the filter {filter:?} of --log: {error}");
        return ExitCode::from(2);
    }
    // Where there is only one processor there is nobody to share the work with.
    let alone = std::thread::available_parallelism().is_ok_and(|processors| processors.get() == 1);
    let mut runtime = if alone {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    let runtime = runtime.enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("oadr: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let success = |()| ExitCode::SUCCESS;
    let done = runtime.block_on(async {
        match cli.command {
            Command::Vtn(args) => vtn::run(args.settings).await,
            Command::Ven(args) => ven::run(*args).await,
            Command::Event(args) => args.run().await.map(success).map_err(Into::into),
            Command::Opt(args) => args.run().await.map(success).map_err(Into::into),
            Command::Correct(args) => args.run().await.map(success).map_err(Into::into),
            Command::Vens(args) => args.run().await.map(success).map_err(Into::into),
            Command::DeadLetters(args) => args.run().await.map(success).map_err(Into::into),
            Command::Readings(args) => args.run().await.map(success).map_err(Into::into),
            Command::Reports(args) => args.run().await.map(success).map_err(Into::into),
            Command::Health(args) => args.run().await.map(success).map_err(Into::into),
            Command::Pki(args) => args.run().map(success),
            Command::Inspect(args) => args.run(),
            Command::Doctor(args) => args.run().await,
            Command::Backup(args) => args.run().map(success),
            Command::Restore(args) => args.run().map(success),
            Command::Demo(args) => demo::run(args).await,
        }
    });
    // What is still at work was given up: it may end what it started, such as a VEN its command.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("oadr: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One line of JSON on stdout, at once. Nobody reading it is no reason to stop.
pub(crate) fn say(line: &Value) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
        tracing::debug!(%error, "nobody reads what happens");
    }
}
