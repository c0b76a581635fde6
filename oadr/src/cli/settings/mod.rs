//! Settings of the commands that serve: an option, an `OADR_*` variable and a key of a TOML file each,
//! out of one definition, the option's.
//!
//! Knows nothing of any one setting. An option `--poll-interval` of the field `poll_interval` is the
//! variable `OADR_POLL_INTERVAL` and the key `poll_interval`; options go before variables, those before
//! the file, and that before the option's default. What a file or the environment says stands in for the
//! default, so that every value is read by the option's own parser. A field must not name others
//! (`requires`, `conflicts_with`): that is for the command to check, wherever the values are from.

mod effective;
mod file;
mod given;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, CommandFactory as _, FromArgMatches as _};

use super::ven::VenSettings;
use super::vtn::VtnSettings;
use super::{Cli, LogArgs};
use effective::Effective;
use given::{Given, Origin};

/// The variable that names the file.
const CONFIG: &str = "OADR_CONFIG";

/// Where settings come from, besides the options.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// Settings in TOML, by the names of these options with _ for -. The options go before, and so do
    /// the variables [env: OADR_CONFIG]
    #[arg(long, value_name = "FILE", display_order = 900)]
    config: Option<PathBuf>,

    /// Print the settings that count, as TOML that --config takes, each with where it is from; then
    /// exit
    #[arg(long, display_order = 901)]
    print_config: bool,
}

/// What the command line comes to.
#[derive(Debug)]
pub(super) enum Line {
    /// A command, with its settings from everywhere.
    Run(Box<Cli>),
    /// The settings as text, and nothing else.
    Print(String),
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The command line, or a request for help.
    #[error(transparent)]
    Line(#[from] clap::Error),
    /// The file.
    #[error(transparent)]
    File(#[from] file::Error),
    /// A value of the file or the environment.
    #[error(transparent)]
    Value(#[from] given::Error),
    /// TOML is text.
    #[error("{0} is not Unicode, so that TOML cannot say it")]
    NotUnicode(String),
}

/// Reads the command line, and the file and the variables that belong to it. `variable` reads the
/// environment.
///
/// # Errors
/// Something of it cannot be understood; or help was asked for.
pub(super) fn read(
    words: &[OsString],
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Line, Error> {
    // Said without a value is not said.
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    // First only which command it is, and which file; help is answered here.
    let first = shown(Cli::command()).ignore_errors(true);
    let first = first.try_get_matches_from(words)?;
    let name = first.subcommand_name().unwrap_or_default();
    let of_command = of_command(name);
    let mut settings = of_command.clone().unwrap_or_default();
    settings.extend(of::<LogArgs>());

    let mut given = BTreeMap::new();
    if of_command.is_some() {
        // What is wrong with another word is found below.
        let named = first
            .subcommand_matches(name)
            .and_then(|matches| matches.try_get_one::<PathBuf>("config").ok().flatten())
            .cloned();
        if let Some(path) = named.or_else(|| variable(CONFIG).map(PathBuf::from)) {
            given = file::read(&path, &settings)?;
        }
    }
    for setting in &settings {
        if let Some(value) = variable(&variable_of(setting)) {
            let value = Given::of_variable(setting, variable_of(setting), value)?;
            given.insert(setting.get_id().to_string(), value);
        }
    }

    let command = prepared(Cli::command()).mut_args(|arg| standing_in(arg, &given));
    let command = match &of_command {
        None => command,
        Some(_) => command.mut_subcommand(name, |command| {
            command.mut_args(|arg| standing_in(arg, &given))
        }),
    };
    let matches = command.try_get_matches_from(words)?;
    let cli = Cli::from_arg_matches(&matches)?;
    match (cli.config(), matches.subcommand()) {
        (Some(config), Some((_, matches))) if config.print_config => {
            let lines = settings.iter().map(|setting| {
                let values = matches.get_raw(setting.get_id().as_str());
                Effective::new(setting, values, origin(setting, matches, &given)).to_toml()
            });
            let lines = lines.collect::<Result<Vec<_>, _>>()?;
            Ok(Line::Print(lines.concat()))
        }
        _ => Ok(Line::Run(Box::new(cli))),
    }
}

/// The settings that a command has, besides those of every command; `None` if it does not serve.
fn of_command(name: &str) -> Option<Vec<Arg>> {
    match name {
        "vtn" => Some(of::<VtnSettings>()),
        "ven" => Some(of::<VenSettings>()),
        _ => None,
    }
}

fn of<S: Args>() -> Vec<Arg> {
    let command = S::augment_args(clap::Command::new("settings"));
    command.get_arguments().cloned().map(with_value).collect()
}

/// A flag that can also be taken back, as a file may have set it: `--dev=false`.
fn with_value(arg: Arg) -> Arg {
    if !matches!(arg.get_action(), ArgAction::SetTrue) {
        return arg;
    }
    arg.action(ArgAction::Set)
        .value_name("true|false")
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .default_value("false")
        .hide_default_value(true)
        .hide_possible_values(true)
}

/// The command line with its flags as settings.
fn prepared(command: clap::Command) -> clap::Command {
    changed(command, &with_value)
}

/// The same with the variables in its help.
fn shown(command: clap::Command) -> clap::Command {
    changed(command, &|arg| {
        let variable = variable_of(&arg);
        // Whether it is set, and to what, is read elsewhere.
        with_value(arg).env(variable).hide_env_values(true)
    })
}

fn changed(mut command: clap::Command, change: &dyn Fn(Arg) -> Arg) -> clap::Command {
    for name in ["vtn", "ven"] {
        let settings = of_command(name).unwrap_or_default();
        command = command.mut_subcommand(name, |command| {
            command.mut_args(|arg| {
                if contains(&settings, &arg) {
                    change(arg)
                } else {
                    arg
                }
            })
        });
    }
    let settings = of::<LogArgs>();
    command.mut_args(|arg| {
        if contains(&settings, &arg) {
            change(arg)
        } else {
            arg
        }
    })
}

fn contains(settings: &[Arg], arg: &Arg) -> bool {
    settings
        .iter()
        .any(|setting| setting.get_id() == arg.get_id())
}

fn variable_of(setting: &Arg) -> String {
    format!("OADR_{}", setting.get_id().as_str().to_ascii_uppercase())
}

/// The option with what was given instead of its default.
fn standing_in(arg: Arg, given: &BTreeMap<String, Given>) -> Arg {
    match given.get(arg.get_id().as_str()) {
        Some(given) => arg.required(false).default_values(&given.values),
        None => arg,
    }
}

fn origin(setting: &Arg, matches: &ArgMatches, given: &BTreeMap<String, Given>) -> Origin {
    let id = setting.get_id().as_str();
    if matches.value_source(id) == Some(ValueSource::CommandLine) {
        return Origin::Option(setting.get_long().unwrap_or(id).to_owned());
    }
    given
        .get(id)
        .map_or(Origin::Default, |given| given.origin.clone())
}

#[cfg(test)]
mod tests;
