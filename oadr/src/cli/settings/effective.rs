//! A setting as it counts, in TOML.
//!
//! Knows nothing of how it came to count.

use std::any::TypeId;
use std::ffi::OsStr;

use clap::Arg;
use clap::parser::RawValues;

use super::Error;
use super::given::{Origin, is_list};

/// What numbers are read as.
const NUMBERS: [TypeId; 7] = [
    TypeId::of::<u16>(),
    TypeId::of::<u32>(),
    TypeId::of::<u64>(),
    TypeId::of::<usize>(),
    TypeId::of::<i64>(),
    TypeId::of::<f64>(),
    // In seconds.
    TypeId::of::<std::time::Duration>(),
];

/// A setting, its values and where they are from.
#[derive(Debug)]
pub(super) struct Effective<'a> {
    setting: &'a Arg,
    values: Vec<&'a OsStr>,
    origin: Origin,
}

impl<'a> Effective<'a> {
    pub(super) fn new(setting: &'a Arg, values: Option<RawValues<'a>>, origin: Origin) -> Self {
        Self {
            setting,
            values: values.into_iter().flatten().collect(),
            origin,
        }
    }

    /// A line of TOML, or a comment if there is nothing to say or nothing to be shown.
    ///
    /// # Errors
    /// It is not Unicode.
    pub(super) fn to_toml(&self) -> Result<String, Error> {
        let (key, origin) = (self.setting.get_id(), &self.origin);
        if self.values.is_empty() && !(is_list(self.setting) && *origin != Origin::Default) {
            return Ok(format!("# {key} is not set\n"));
        }
        if self.setting.is_hide_env_values_set() {
            return Ok(format!("# {key} is set and not shown # {origin}\n"));
        }
        let values = self.values.iter().map(|value| {
            let text = value.to_str();
            let text = text.ok_or_else(|| Error::NotUnicode(key.to_string()))?;
            Ok(self.value(text))
        });
        let values = values.collect::<Result<Vec<_>, Error>>()?.join(", ");
        Ok(if is_list(self.setting) {
            format!("{key} = [{values}] # {origin}\n")
        } else {
            format!("{key} = {values} # {origin}\n")
        })
    }

    fn value(&self, text: &str) -> String {
        let kind = self.setting.get_value_parser().type_id();
        let is_number = || {
            let same = |number: Option<String>| number.is_some_and(|number| number == text);
            same(text.parse().ok().map(|n: i64| n.to_string()))
                || same(text.parse().ok().map(|n: f64| n.to_string()))
        };
        let is_bare = kind == TypeId::of::<bool>()
            || NUMBERS.iter().any(|number| kind == *number) && is_number();
        if is_bare {
            text.to_owned()
        } else {
            toml::Value::from(text).to_string()
        }
    }
}
