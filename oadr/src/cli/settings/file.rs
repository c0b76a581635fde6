//! Settings in a TOML file, every one with its line.
//!
//! Knows nothing of other places where settings are.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use clap::Arg;
use toml::de::{DeTable, DeValue};

use super::given::{self, Given, Origin, is_list};

/// Why a file has no settings.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum Error {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It is not TOML.
    #[error("{}: {cause}", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        cause: Box<toml::de::Error>,
    },
    /// There is no such setting.
    #[error("{origin}: there is no setting {key}; there are {known}")]
    Unknown {
        /// Where.
        origin: Origin,
        /// What was written.
        key: String,
        /// What could have been.
        known: String,
    },
    /// Something else than a value, or than a list of them.
    #[error("{origin}: {key} must be {wanted}")]
    Shape {
        /// Where.
        origin: Origin,
        /// The setting.
        key: String,
        /// What belongs there.
        wanted: &'static str,
    },
    /// A value that the setting cannot have.
    #[error(transparent)]
    Value(#[from] given::Error),
}

/// What the file says of these settings, by their names.
///
/// # Errors
/// Something in it cannot be understood; all of it must be.
pub(super) fn read(path: &Path, settings: &[Arg]) -> Result<BTreeMap<String, Given>, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Io {
        path: path.to_owned(),
        source,
    })?;
    let table = DeTable::parse(&text).map_err(|cause| Error::NotToml {
        path: path.to_owned(),
        cause: Box::new(cause),
    })?;
    let mut given = BTreeMap::new();
    for (key, value) in table.into_inner() {
        let before = text.get(..key.span().start).unwrap_or_default();
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        let origin = Origin::File(path.to_owned(), line);
        let key = key.into_inner().into_owned();
        let Some(setting) = settings.iter().find(|setting| *setting.get_id() == *key) else {
            let known = settings.iter().map(|setting| setting.get_id().as_str());
            return Err(Error::Unknown {
                origin,
                key: crate::logging::cut(&key).to_owned(),
                known: known.collect::<Vec<_>>().join(", "),
            });
        };
        let values = match (value.into_inner(), is_list(setting)) {
            (DeValue::Array(members), true) => {
                let members = members.into_iter();
                members.map(|member| scalar(&member.into_inner())).collect()
            }
            (value, false) => scalar(&value).map(|value| vec![value]),
            (_, true) => None,
        };
        let values = values.ok_or_else(|| Error::Shape {
            origin: origin.clone(),
            key: key.clone(),
            wanted: if is_list(setting) {
                "a list of strings"
            } else {
                "a string, a decimal number, true or false"
            },
        })?;
        given.insert(key, Given::new(setting, values, origin)?);
    }
    Ok(given)
}

/// A single value, as an option would have it.
fn scalar(value: &DeValue<'_>) -> Option<OsString> {
    match value {
        DeValue::String(text) => Some(text.as_ref().into()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().into()),
        DeValue::Float(number) => Some(number.as_str().into()),
        DeValue::Boolean(flag) => Some(flag.to_string().into()),
        DeValue::Integer(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
