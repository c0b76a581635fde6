//! A command that measures: it is run for each value, or for a span of them.
//!
//! Knows nothing of how often it is run, nor of how long it may take.

use std::process::ExitStatus;

use oadr_core::value::{DateTime, RId};
use serde_json::{Value, json};

use super::said::{self, NotAValue};
use crate::ven::reporting::{Measurement, Moment, Span};
use crate::ven::shell;

/// The longest output for one value, in bytes.
const LONGEST_VALUE: u64 = 4096;

/// The longest output for a span, in bytes.
const LONGEST_SPAN: u64 = 8 << 20;

/// A shell command as the source of a data point, for [`Point::incremental`](crate::ven::Point::incremental)
/// and [`Point::full`](crate::ven::Point::full).
///
/// It gets a JSON object on its standard input: `r_id` and `time`, or `r_id`, `from` and `to` if it is
/// asked for a span. For one value it prints a number, or an object with `value` and perhaps `quality`,
/// `confidence` and `accuracy`, or with `online`, `manual_override` and perhaps `load_control_state`; for
/// a span a line for each value, with its time and a comma before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterCommand {
    /// For `sh -c`.
    pub command: String,
    /// The data point.
    pub r_id: RId,
}

/// Why a command has no value.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct MeterCommandError(#[from] Fault);

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the command cannot be run: {0}")]
    Io(#[from] std::io::Error),
    #[error("the command failed ({0})")]
    Failed(ExitStatus),
    #[error("the command said something else: {0}")]
    Said(#[from] NotAValue),
    #[error("the command said, in line {line}: {why}")]
    Line { line: usize, why: NotAValue },
    #[error("the command said no time, in line {0}")]
    NoTime(usize),
    #[error("the command said more than 8 MiB")]
    TooLong,
}

impl MeterCommand {
    /// The value now.
    ///
    /// # Errors
    /// There is none.
    pub async fn measure(&self, moment: Moment) -> Result<Measurement, MeterCommandError> {
        let question = json!({ "r_id": self.r_id, "time": moment.time() });
        Ok(self.value(&question).await?)
    }

    /// The values of a span.
    ///
    /// # Errors
    /// They cannot be had.
    pub async fn recall(
        &self,
        span: Span,
    ) -> Result<Vec<(DateTime, Measurement)>, MeterCommandError> {
        let question = json!({ "r_id": self.r_id, "from": span.from, "to": span.to });
        Ok(self.values(&question).await?)
    }

    async fn value(&self, question: &Value) -> Result<Measurement, Fault> {
        let said = self.ask(question, LONGEST_VALUE).await?;
        Ok(said::value(&said)?)
    }

    async fn values(&self, question: &Value) -> Result<Vec<(DateTime, Measurement)>, Fault> {
        let said = self.ask(question, LONGEST_SPAN).await?;
        if said.len() as u64 >= LONGEST_SPAN {
            return Err(Fault::TooLong);
        }
        let lines = (1_usize..).zip(said.lines());
        let lines = lines.filter(|(_, text)| !text.trim().is_empty());
        let values = lines.map(|(line, text)| {
            let (time, value) = said::line(text).map_err(|why| Fault::Line { line, why })?;
            Ok((time.ok_or(Fault::NoTime(line))?, value))
        });
        values.collect()
    }

    async fn ask(&self, question: &Value, longest: u64) -> Result<String, Fault> {
        let question = question.to_string();
        let (said, status) = shell::run(&self.command, &question, longest).await?;
        if status.success() {
            Ok(said)
        } else {
            Err(Fault::Failed(status))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(text: &str) -> MeterCommand {
        MeterCommand {
            command: text.to_owned(),
            r_id: "power".parse().unwrap(),
        }
    }

    async fn value(text: &str) -> Result<Measurement, Fault> {
        command(text).value(&json!({ "r_id": "power" })).await
    }

    #[tokio::test]
    async fn a_command_is_told_what_is_wanted_and_says_a_value() {
        assert_eq!(value("echo 1.5").await.unwrap(), Measurement::new(1.5));
        let by_id = r#"grep -q '"r_id":"power"' && echo '{"value":2,"accuracy":0.1}'"#;
        let wanted = Measurement::new(2.0).accuracy(0.1);
        assert_eq!(value(by_id).await.unwrap(), wanted);
    }

    #[tokio::test]
    async fn a_command_that_fails_or_rambles_has_no_value() {
        for (text, said) in [
            ("echo 1; exit 3", "failed"),
            ("true", "nothing was said"),
            ("echo no idea", "no idea"),
            ("yes", "neither a number"),
        ] {
            // One that is cut off may also end by that.
            let error = value(text).await.unwrap_err().to_string();
            let is_cut = text == "yes" && error.contains("failed");
            assert!(error.contains(said) || is_cut, "{text}: {error}");
        }
    }

    #[tokio::test]
    async fn a_span_is_a_line_for_each_value() {
        let span = json!({ "from": "2026-01-31T12:00:00Z", "to": "2026-01-31T13:00:00Z" });
        let text = "sed 's/.*\"from\":\"\\([^\"]*\\)\".*/\\1,4/'";
        let first: DateTime = "2026-01-31T12:00:00Z".parse().unwrap();
        assert_eq!(
            command(text).values(&span).await.unwrap(),
            [(first, Measurement::new(4.0))]
        );
        let error = command("echo; echo 1").values(&span).await.unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
        assert_eq!(command("true").values(&span).await.unwrap(), []);
    }
}
