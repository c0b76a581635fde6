//! `oadr correct`: readings of a running VEN that were wrong, by way of its control socket.
//!
//! Knows nothing of who was told them; the VEN does.

use std::time::Duration as Span;

use clap::Args;
use oadr_core::value::{DataQuality, DateTime, RId, ReportSpecifierId};

use super::control_args::ControlArgs;
use super::table;
use crate::ven::{AskError, CorrectedReading, Request, ask};

/// How long a VEN has for its answer.
const ANSWER: Span = Span::from_secs(10);

/// Correct readings that a running VEN has reported, or is to report
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CorrectArgs {
    #[command(flatten)]
    ven: ControlArgs,

    /// The report, as the VEN offers it: its reportSpecifierID
    #[arg(value_name = "REPORT")]
    report: ReportSpecifierId,

    /// The data point: its rID
    #[arg(value_name = "POINT")]
    r_id: RId,

    /// The right values, each with the time at which the wrong one was reported to begin
    #[arg(value_name = "TIME=VALUE", required = true)]
    values: Vec<Value>,

    /// How good the values are, such as "Quality Good - Non Specific"
    #[arg(long, value_name = "QUALITY")]
    quality: Option<DataQuality>,
}

const EXAMPLES: &str = "\
The command talks to a running `oadr ven` of the same user, through the socket in its data folder. The
VEN sends its VTN once more what that has already, and goes on until the VTN has it; what it has yet
to report it reports right.

Examples:
  oadr correct usage power 2026-01-31T16:00:00Z=12.5
  oadr correct usage energy 2026-01-31T16:00:00Z=3.1 2026-01-31T16:15:00Z=2.9";

/// A value and its time.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Value {
    start: DateTime,
    value: f64,
}

impl std::str::FromStr for Value {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (start, value) = text
            .split_once('=')
            .ok_or("a value is written TIME=VALUE, such as 2026-01-31T16:00:00Z=12.5")?;
        let start = start.parse();
        let start = start.map_err(|error| format!("the time before the =: {error}"))?;
        let value: f64 = value
            .parse()
            .map_err(|error| format!("the value after the =: {error}"))?;
        if !value.is_finite() {
            return Err("the value after the =: must be finite".to_owned());
        }
        Ok(Self { start, value })
    }
}

/// Why it went wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Output(#[from] super::api_error::Error),
}

impl CorrectArgs {
    /// Has it done.
    ///
    /// # Errors
    /// No VEN runs there, or it will not do it.
    pub(super) async fn run(self) -> Result<(), Error> {
        let socket = self.ven.socket();
        let count = self.values.len();
        ask(&socket, &self.request(), ANSWER).await?;
        let noun = if count == 1 { "reading" } else { "readings" };
        Ok(table::print(&format!("{count} {noun} corrected\n"))?)
    }

    fn request(self) -> Request {
        let Self { r_id, quality, .. } = self;
        let readings = self.values.into_iter().map(|value| CorrectedReading {
            r_id: r_id.clone(),
            start: value.start,
            value: value.value,
            quality: quality.clone(),
        });
        Request::CorrectReadings {
            report: self.report,
            readings: readings.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: CorrectArgs,
    }

    #[test]
    fn the_line_says_what_is_right() {
        let words = [
            "correct",
            "usage",
            "power",
            "2026-01-31T16:00:00Z=12.5",
            "2026-01-31T17:15:00+01:00=-1e3",
            "--quality",
            "Quality Good - Local Override",
        ];
        let request = Line::try_parse_from(words).unwrap().args.request();
        assert_eq!(
            serde_json::to_value(request).unwrap(),
            serde_json::json!({
                "do": "correct_readings",
                "report": "usage",
                "readings": [
                    {"r_id": "power", "start": "2026-01-31T16:00:00Z", "value": 12.5,
                     "quality": "Quality Good - Local Override"},
                    {"r_id": "power", "start": "2026-01-31T16:15:00Z", "value": -1000.0,
                     "quality": "Quality Good - Local Override"},
                ],
            })
        );
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (value, why) in [
            ("12.5", "TIME=VALUE"),
            ("noon=1", "before the ="),
            ("2026-01-31T16:00:00Z=much", "after the ="),
            ("2026-01-31T16:00:00Z=NaN", "finite"),
        ] {
            let line = Line::try_parse_from(["correct", "usage", "power", value]);
            let error = line.unwrap_err().to_string();
            assert!(error.contains(why), "{value}: {error}");
        }
        assert!(Line::try_parse_from(["correct", "usage", "power"]).is_err());
    }
}
