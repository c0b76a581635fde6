//! A value that a file or the environment gives a setting, checked as the option itself would be.
//!
//! Knows nothing of which of several values counts.

use std::error::Error as _;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, ArgAction};

use crate::cli::table::printable;

/// Where a value is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Origin {
    Default,
    /// A line of a file, counted from 1.
    File(PathBuf, usize),
    Variable(String),
    /// By its name without dashes.
    Option(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => {
                let path = path.display().to_string();
                write!(f, "{}, line {line}", printable(&path))
            }
            Self::Variable(name) => f.write_str(name),
            Self::Option(name) => write!(f, "--{name}"),
        }
    }
}

/// What is given, and where.
#[derive(Debug, Clone)]
pub(super) struct Given {
    /// One, unless the setting is a list.
    pub(super) values: Vec<OsString>,
    pub(super) origin: Origin,
}

/// A value that the setting cannot have.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: {setting}: {what}")]
pub(in crate::cli) struct Error {
    origin: Origin,
    setting: String,
    what: String,
}

impl Given {
    /// Values that the setting can have.
    ///
    /// # Errors
    /// It cannot have them.
    pub(super) fn new(setting: &Arg, values: Vec<OsString>, origin: Origin) -> Result<Self, Error> {
        match refusal(setting, &values) {
            None => Ok(Self { values, origin }),
            Some(what) => Err(Error {
                origin,
                setting: setting.get_id().to_string(),
                what,
            }),
        }
    }

    /// What a variable says; the members of a list are separated by commas, or by the setting's own
    /// delimiter.
    ///
    /// # Errors
    /// The setting cannot have it.
    pub(super) fn of_variable(setting: &Arg, name: String, value: OsString) -> Result<Self, Error> {
        let values = match value.to_str() {
            Some(text) if is_list(setting) => {
                let delimiter = setting.get_value_delimiter().unwrap_or(',');
                let members = text.split(delimiter).map(|member| member.trim().into());
                members.collect()
            }
            Some(_) | None => vec![value],
        };
        Self::new(setting, values, Origin::Variable(name))
    }
}

/// Whether the setting is a list: its option may be given several times.
pub(super) fn is_list(setting: &Arg) -> bool {
    matches!(setting.get_action(), ArgAction::Append)
}

/// What the option's own parser has against the values, if anything.
fn refusal(setting: &Arg, values: &[OsString]) -> Option<String> {
    let long = setting.get_long()?.to_owned();
    let words = values.iter().map(|value| {
        let mut word = OsString::from(format!("--{long}="));
        word.push(value);
        word
    });
    let alone = setting
        .clone()
        .required(false)
        .default_values(Vec::<OsString>::new());
    let command = clap::Command::new("setting")
        .no_binary_name(true)
        .arg(alone);
    let error = command.try_get_matches_from(words).err()?;
    // A value is not repeated: it may be a secret.
    Some(match (error.source(), error.kind()) {
        (Some(cause), _) => cause.to_string(),
        (None, ErrorKind::InvalidUtf8) => "is not Unicode".to_owned(),
        (None, _) => match error.get(ContextKind::ValidValue) {
            Some(values) => format!("is not one of {values}"),
            None => error.kind().to_string(),
        },
    })
}
