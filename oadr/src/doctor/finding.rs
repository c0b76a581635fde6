//! What an examination found, and what to do about it.
//!
//! Knows nothing of how it is shown.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// It works, and a person may want to know.
    Hint,
    /// It does not work, or will not for long.
    Problem,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    /// A name that stays the same from version to version, for programs.
    pub(crate) code: &'static str,
    /// What is the case.
    pub(crate) what: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
}

impl Finding {
    pub(crate) fn ok(code: &'static str, what: impl Into<String>) -> Self {
        Self {
            level: Level::Ok,
            code,
            what: what.into(),
            advice: None,
        }
    }

    pub(crate) fn hint(
        code: &'static str,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Hint,
            code,
            what: what.into(),
            advice: Some(advice.into()),
        }
    }

    pub(crate) fn problem(
        code: &'static str,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Problem,
            code,
            what: what.into(),
            advice: Some(advice.into()),
        }
    }
}

/// How many of them are problems.
pub(crate) fn problems(findings: &[Finding]) -> usize {
    let problems = findings
        .iter()
        .filter(|found| found.level == Level::Problem);
    problems.count()
}
