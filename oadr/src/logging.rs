//! Logs: structured, on stderr, from decisions and never from payloads of unbounded size.
//!
//! Knows nothing of what is worth a line; callers do.

use std::fmt::{self, Write as _};

use oadr_core::payload::{Message, ResponseCode};
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Sends log lines of this filter (as in `RUST_LOG`) to stderr. A second call changes nothing.
///
/// # Errors
/// The filter is malformed; the error says where.
pub fn init(filter: &str, format: LogFormat) -> Result<(), tracing_subscriber::filter::ParseError> {
    let filter = EnvFilter::builder().parse(filter)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // Fails only if there is one already, of an embedder or of an earlier call.
    let _ = match format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// The variant of an enum, without what is in it.
pub(crate) struct Kind<'a, T>(pub(crate) &'a T);

impl<T: fmt::Debug> fmt::Display for Kind<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut name = Name { out: f };
        // It ends where the name does, which is no failure.
        let _ = write!(name, "{:?}", self.0);
        Ok(())
    }
}

struct Name<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
}

impl fmt::Write for Name<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = text.find(|c: char| !c.is_alphanumeric());
        let (name, rest) = text.split_at(end.unwrap_or(text.len()));
        self.out.write_str(name)?;
        if rest.is_empty() {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}

/// The kinds of several values, as words of one line.
pub(crate) fn kinds<T: fmt::Debug>(values: &[T]) -> String {
    let names: Vec<_> = values.iter().map(|value| Kind(value).to_string()).collect();
    names.join(" ")
}

/// The code of a message that refuses what it answers.
pub(crate) fn refusal(message: &Message) -> Option<(ResponseCode, &str)> {
    let response = message.ei_response()?;
    if response.response_code.is_success() {
        return None;
    }
    let description = response.response_description.as_ref();
    Some((
        response.response_code,
        description.map_or("", |text| cut(text.as_str())),
    ))
}

/// The longest text of a peer that goes into a log line, in bytes.
const LONGEST: usize = 200;

/// The beginning of a text.
pub(crate) fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    #[expect(dead_code, reason = "only its Debug is of interest")]
    enum Change {
        Registered { name: &'static str },
        Moved(u8),
        Gone,
    }

    #[test]
    fn a_kind_is_a_name_only() {
        let kinds = [
            Change::Registered { name: "secret" },
            Change::Moved(1),
            Change::Gone,
        ];
        assert_eq!(super::kinds(&kinds), "Registered Moved Gone");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&"é".repeat(300)).len(), 200);
        assert_eq!(cut(&format!("a{}", "é".repeat(300))).len(), 199);
    }
}
