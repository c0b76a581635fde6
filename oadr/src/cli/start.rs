//! When an event starts, as an operator says it: `now`, `+PT10M` or a date-time.
//!
//! Knows nothing of what is allowed; the VTN does.

use std::str::FromStr;

use chrono::{SecondsFormat, SubsecRound as _, TimeDelta, Utc};
use oadr_core::value::{DateTime, Duration};
use serde_json::{Map, Value};

/// When an event starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// At once.
    Now,
    /// So much later than now.
    In(Duration),
    /// Then.
    At(DateTime),
}

/// The text is none of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is neither now, +DURATION such as +PT10M, nor a time such as 2026-01-31T16:00:00Z")]
pub(crate) struct NotAStart;

impl FromStr for Start {
    type Err = NotAStart;

    fn from_str(text: &str) -> Result<Self, NotAStart> {
        if text == "now" {
            return Ok(Self::Now);
        }
        if let Some(later) = text.strip_prefix('+') {
            let later: Duration = later.parse().map_err(|_| NotAStart)?;
            return if later.is_negative() {
                Err(NotAStart)
            } else {
                Ok(Self::In(later))
            };
        }
        chrono::DateTime::parse_from_rfc3339(text)
            .map(|at| Self::At(at.with_timezone(&Utc)))
            .map_err(|_| NotAStart)
    }
}

impl Start {
    /// Says it in the body of a creation; at once is for the VTN's clock to say.
    pub(crate) fn create(self, body: &mut Map<String, Value>, now: DateTime) {
        match self.at(now) {
            None => body.remove("dtstart"),
            Some(at) => body.insert("dtstart".to_owned(), time(at)),
        };
    }

    /// Says it in the body of a modification, where nothing said is no change: at once is as soon as
    /// the VTN still takes for the future.
    pub(crate) fn modify(self, body: &mut Map<String, Value>, now: DateTime) {
        let soon = now.trunc_subsecs(0) + TimeDelta::seconds(2);
        let at = self.at(now).unwrap_or(soon);
        body.insert("dtstart".to_owned(), time(at));
    }

    /// When that is, in whole seconds if it is said by the clock.
    pub(crate) fn or_now(self, now: DateTime) -> DateTime {
        self.at(now).unwrap_or_else(|| now.trunc_subsecs(0))
    }

    fn at(self, now: DateTime) -> Option<DateTime> {
        match self {
            Self::Now => None,
            // A whole second, as people write times.
            Self::In(later) => Some(later.after(now.trunc_subsecs(0))),
            Self::At(at) => Some(at),
        }
    }
}

fn time(at: DateTime) -> Value {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true).into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(text: &str, say: fn(Start, &mut Map<String, Value>, DateTime)) -> Value {
        let now = "2026-01-31T23:55:00.900Z".parse().unwrap();
        let mut body = Map::from_iter([("dtstart".to_owned(), json!("before"))]);
        say(text.parse().unwrap(), &mut body, now);
        body.remove("dtstart").unwrap_or_default()
    }

    #[test]
    fn a_start_is_said_in_utc_and_now_is_left_to_the_vtn() {
        assert_eq!(said("now", Start::create), Value::Null);
        assert_eq!(said("+PT10M", Start::create), json!("2026-02-01T00:05:00Z"));
        assert_eq!(said("+P1M", Start::create), json!("2026-02-28T23:55:00Z"));
        let local = "2026-01-01T12:00:00.5+02:00";
        assert_eq!(
            said(local, Start::create),
            json!("2026-01-01T10:00:00.500Z")
        );
    }

    #[test]
    fn a_modified_start_is_never_left_out_nor_in_the_past() {
        assert_eq!(said("now", Start::modify), json!("2026-01-31T23:55:02Z"));
        assert_eq!(said("+PT1H", Start::modify), json!("2026-02-01T00:55:00Z"));
    }

    #[test]
    fn what_is_no_start_is_refused() {
        for bad in [
            "",
            "later",
            "PT10M",
            "+10",
            "+-PT1M",
            "2026-01-01",
            "2026-01-01T00:00:00",
        ] {
            assert_eq!(bad.parse::<Start>(), Err(NotAStart), "{bad}");
        }
    }
}
