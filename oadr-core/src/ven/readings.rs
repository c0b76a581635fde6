//! What a VEN asks its application for when a report is due: the readings of a stretch of time.
//!
//! Knows nothing of where they are kept, nor of how they are put into a report.

use chrono::TimeDelta;

use super::Answer;
use crate::reading::Reading;
use crate::value::{DateTime, RId, ReportRequestId, ReportSpecifierId};

/// The most readings of one report, if it can be helped: more come in further ones, so that each stays
/// well below what peers put up with (1 MiB).
pub const MOST_READINGS: usize = 1_000;

/// The readings that the next report is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadingsQuestion {
    /// The request for the report.
    pub report_request_id: ReportRequestId,
    /// The offer that it is about.
    pub report_specifier_id: ReportSpecifierId,
    /// The data points wanted, each once.
    pub r_ids: Vec<RId>,
    /// Of what time.
    pub window: Window,
}

impl ReadingsQuestion {
    /// The answer to this question. What is missing is made up for by placeholders of bad quality
    /// (rule 318); what was not asked for is left out.
    #[must_use]
    pub fn answer(&self, readings: Vec<Reading>) -> Answer {
        Answer::Readings(ReadingsAnswer {
            report_request_id: self.report_request_id.clone(),
            window: self.window,
            readings,
        })
    }
}

/// The time that readings are wanted of. `from` is included, `to` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The present values, one of each data point (one-shot telemetry, rule 324).
    Now,
    /// What was sampled on the grid `from`, `from + every`, `from + 2 * every`, … A reading counts for
    /// the grid's instant at or before its start.
    Sampled {
        /// The first instant of the grid.
        from: DateTime,
        /// The end.
        to: DateTime,
        /// The grid.
        every: TimeDelta,
    },
    /// What changed, and the last reading before `from` of each data point. Readings that say the same
    /// as the one before may be left out or not.
    OnChange {
        /// The beginning.
        from: DateTime,
        /// The end.
        to: DateTime,
    },
    /// What is kept (HISTORY reports, rule 325). Of more than [`MOST_READINGS`] readings the first and one
    /// more are enough, of all data points together and in the order of time: the rest is asked for later.
    History {
        /// The beginning.
        from: DateTime,
        /// The end.
        to: DateTime,
    },
}

/// The readings that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadingsAnswer {
    /// The request for the report.
    pub report_request_id: ReportRequestId,
    /// Of what time.
    pub window: Window,
    /// In any order.
    pub readings: Vec<Reading>,
}
