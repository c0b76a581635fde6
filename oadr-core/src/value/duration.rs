//! ISO 8601 durations as the schema has them: calendar units kept, zero forms kept.
//!
//! Knows nothing of what a duration measures.

use chrono::{Days, Months, TimeDelta};
use serde::{Deserialize, Serialize};

use super::{DateTime, Escaping, Notes, Value, ValueDrift, ValueError, unpadded, write_unsigned};

/// A duration exactly as written: `P1M` is a month, not thirty days; `PT60M` stays sixty minutes.
///
/// Two durations are equal if they are written alike. To compare lengths, add them to an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration {
    negative: bool,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    /// `nW`: without the `P`, as the schema has it.
    Weeks(u32),
    Units(Units),
}

/// Absent units are not the same as zero ones: `P` and `PT0S` are both zero and both kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Units {
    years: Option<u32>,
    months: Option<u32>,
    days: Option<u32>,
    time: bool,
    hours: Option<u32>,
    minutes: Option<u32>,
    seconds: Option<u32>,
}

impl Duration {
    /// Zero, written `PT0S`; it stands for "without end" where a rule says so (rules 47, 210, 325).
    pub const ZERO: Self = Self::seconds(0);

    /// So many seconds, written as one unit.
    #[must_use]
    pub const fn seconds(seconds: u32) -> Self {
        Self::time(Units {
            seconds: Some(seconds),
            ..Units::EMPTY
        })
    }

    /// So many minutes, written as one unit.
    #[must_use]
    pub const fn minutes(minutes: u32) -> Self {
        Self::time(Units {
            minutes: Some(minutes),
            ..Units::EMPTY
        })
    }

    /// So many hours, written as one unit.
    #[must_use]
    pub const fn hours(hours: u32) -> Self {
        Self::time(Units {
            hours: Some(hours),
            ..Units::EMPTY
        })
    }

    /// So many days, written as one unit.
    #[must_use]
    pub const fn days(days: u32) -> Self {
        Self {
            negative: false,
            form: Form::Units(Units {
                days: Some(days),
                ..Units::EMPTY
            }),
        }
    }

    const fn time(units: Units) -> Self {
        Self {
            negative: false,
            form: Form::Units(Units {
                time: true,
                ..units
            }),
        }
    }

    /// The whole seconds of a time span, in days, hours, minutes and seconds as needed; what is
    /// longer than the schema's numbers hold is cut to the longest.
    #[must_use]
    pub fn from_time_delta(span: TimeDelta) -> Self {
        let negative = span < TimeDelta::zero();
        let total = span.num_seconds().unsigned_abs();
        let unit = |n: u64| (n > 0).then(|| u32::try_from(n).unwrap_or(u32::MAX));
        let seconds = total % 60;
        let units = Units {
            days: unit(total / 86_400),
            hours: unit(total / 3_600 % 24),
            minutes: unit(total / 60 % 60),
            seconds: if total == 0 { Some(0) } else { unit(seconds) },
            time: !total.is_multiple_of(86_400) || total == 0,
            ..Units::EMPTY
        };
        Self {
            negative,
            form: Form::Units(units),
        }
    }

    /// Whether it is of no length, in any of the ways to write that.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        match self.form {
            Form::Weeks(weeks) => weeks == 0,
            Form::Units(u) => [u.years, u.months, u.days, u.hours, u.minutes, u.seconds]
                .iter()
                .all(|n| n.unwrap_or(0) == 0),
        }
    }

    /// Whether it points backwards.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.negative && !self.is_zero()
    }

    /// The instant this much later (earlier, if negative), by the calendar: a month after the 31st
    /// of January is the last day of February. Saturates at the ends of the calendar.
    #[must_use]
    pub fn after(&self, start: DateTime) -> DateTime {
        self.times_after(1, start)
    }

    /// The instant so many times this much later, by the calendar and without drift: two months after
    /// the 31st of January is the 31st of March, although a month after is the 28th of February.
    /// Saturates at the ends of the calendar.
    #[must_use]
    pub fn times_after(&self, times: u32, start: DateTime) -> DateTime {
        let (months, days, seconds) = self.parts();
        let (months, days, seconds) = (
            months.saturating_mul(times),
            days.saturating_mul(u64::from(times)),
            seconds.saturating_mul(i64::from(times)),
        );
        let edge = if self.negative {
            DateTime::MIN_UTC
        } else {
            DateTime::MAX_UTC
        };
        let span = TimeDelta::try_seconds(seconds).unwrap_or(TimeDelta::MAX);
        let moved = if self.negative {
            start
                .checked_sub_months(Months::new(months))
                .and_then(|at| at.checked_sub_days(Days::new(days)))
                .and_then(|at| at.checked_sub_signed(span))
        } else {
            start
                .checked_add_months(Months::new(months))
                .and_then(|at| at.checked_add_days(Days::new(days)))
                .and_then(|at| at.checked_add_signed(span))
        };
        moved.unwrap_or(edge)
    }

    /// The instant this much earlier; the mirror of [`after`](Self::after).
    #[must_use]
    pub fn before(&self, end: DateTime) -> DateTime {
        Self {
            negative: !self.negative,
            form: self.form,
        }
        .after(end)
    }

    /// The span from an instant to the one this much later.
    #[must_use]
    pub fn span_from(&self, start: DateTime) -> TimeDelta {
        self.after(start).signed_duration_since(start)
    }

    /// The length as a fixed span, where it has one: years and months do not.
    #[must_use]
    pub fn to_time_delta(&self) -> Option<TimeDelta> {
        let (months, days, seconds) = self.parts();
        if months != 0 {
            return None;
        }
        let days = TimeDelta::try_days(i64::try_from(days).ok()?)?;
        let span = days.checked_add(&TimeDelta::try_seconds(seconds)?)?;
        if self.negative {
            span.checked_mul(-1)
        } else {
            Some(span)
        }
    }

    /// Months, days and seconds, without the sign.
    fn parts(&self) -> (u32, u64, i64) {
        match self.form {
            Form::Weeks(weeks) => (0, u64::from(weeks) * 7, 0),
            Form::Units(u) => {
                let n = |part: Option<u32>| part.unwrap_or(0);
                let months = n(u.years).saturating_mul(12).saturating_add(n(u.months));
                let seconds = i64::from(n(u.hours))
                    .saturating_mul(3_600)
                    .saturating_add(i64::from(n(u.minutes)).saturating_mul(60))
                    .saturating_add(i64::from(n(u.seconds)));
                (months, u64::from(n(u.days)), seconds)
            }
        }
    }
}

impl Units {
    const EMPTY: Self = Self {
        years: None,
        months: None,
        days: None,
        time: false,
        hours: None,
        minutes: None,
        seconds: None,
    };
}

/// The schema: `[+-]?P[nY][nM][nD]T?[nH][nM][nS]` or `nW`; `P10M` is ten months (ISO 8601), since the
/// `T` decides what an `M` means.
fn parse(text: &str, notes: &mut Notes) -> Option<Duration> {
    if let Some(weeks) = text.strip_suffix('W') {
        let (negative, unsigned) = sign(weeks);
        let digits = match unsigned.strip_prefix('P') {
            Some(digits) => {
                notes.drift = Some(ValueDrift::IsoWeeks);
                digits
            }
            // The schema knows no sign before bare weeks.
            None if unsigned.len() != weeks.len() => return None,
            None => unsigned,
        };
        return Some(Duration {
            negative,
            form: Form::Weeks(number(digits)?),
        });
    }
    let (negative, unsigned) = sign(text);
    let mut rest = unsigned.strip_prefix('P')?;
    let mut units = Units::default();
    // Units come in this order, each at most once.
    let mut reached = 0;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('T') {
            if units.time {
                return None;
            }
            units.time = true;
            reached = reached.max(3);
            rest = after;
            continue;
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (amount, tail) = rest.split_at_checked(digits)?;
        let mut amount = number(amount)?;
        let mut tail = tail;
        if let Some(fraction) = tail.strip_prefix(['.', ',']) {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            tail = fraction.get(digits..)?;
            if digits == 0 || !tail.starts_with('S') {
                return None;
            }
            notes.drift = Some(ValueDrift::FractionalSeconds);
        }
        let unit = tail.chars().next()?;
        let (place, next, slot) = match unit {
            'Y' => (0, 1, &mut units.years),
            'M' if !units.time && reached < 2 => (1, 2, &mut units.months),
            'D' => (2, 3, &mut units.days),
            'H' => (3, 4, &mut units.hours),
            'M' => (4, 5, &mut units.minutes),
            'S' => (5, 6, &mut units.seconds),
            _ => return None,
        };
        if place < reached || (units.time && place < 3) {
            return None;
        }
        *slot = Some(core::mem::take(&mut amount));
        reached = next;
        rest = tail.get(1..)?;
    }
    // Minutes that only a preceding month told apart are written with their `T` again.
    units.time |= units.minutes.is_some() && units.days.is_none() && units.hours.is_none();
    Some(Duration {
        negative,
        form: Form::Units(units),
    })
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn number(digits: &str) -> Option<u32> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

impl Value for Duration {
    fn parse(text: &str, notes: &mut Notes) -> Result<Self, ValueError> {
        parse(unpadded(text, notes), notes).ok_or(ValueError::NotADuration)
    }

    fn write(&self, out: &mut Vec<u8>) -> Escaping {
        let unit = |n: Option<u32>, letter: u8, out: &mut Vec<u8>| {
            if let Some(n) = n {
                write_unsigned(u64::from(n), out);
                out.push(letter);
            }
        };
        match self.form {
            // The schema has no sign for weeks: seven days each say the same.
            Form::Weeks(weeks) if self.negative => {
                out.extend_from_slice(b"-P");
                write_unsigned(u64::from(weeks) * 7, out);
                out.push(b'D');
            }
            Form::Weeks(weeks) => unit(Some(weeks), b'W', out),
            Form::Units(units) => {
                if self.negative {
                    out.push(b'-');
                }
                out.push(b'P');
                unit(units.years, b'Y', out);
                unit(units.months, b'M', out);
                unit(units.days, b'D', out);
                if units.time {
                    out.push(b'T');
                }
                unit(units.hours, b'H', out);
                unit(units.minutes, b'M', out);
                unit(units.seconds, b'S', out);
            }
        }
        Escaping::Needless
    }
}

impl core::fmt::Display for Duration {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut text = Vec::with_capacity(16);
        self.write(&mut text);
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl core::str::FromStr for Duration {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::parse(text, &mut Notes::default())
    }
}

impl TryFrom<String> for Duration {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl From<Duration> for String {
    fn from(duration: Duration) -> Self {
        duration.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duration(text: &str) -> Duration {
        text.parse().unwrap()
    }

    fn at(text: &str) -> DateTime {
        DateTime::parse(text, &mut Notes::default()).unwrap()
    }

    #[test]
    fn durations_are_kept_as_written() {
        for text in [
            "P",
            "PT",
            "P0D",
            "PT0S",
            "PT60M",
            "PT1H",
            "1W",
            "0W",
            "P1Y2M",
            "P1Y2M3DT4H5M6S",
            "-PT5M",
            "P1DT",
            "P10M",
            "P1D2H",
            "P1D2M",
            "PT4294967295S",
            "P1H",
            "P1H2M",
        ] {
            assert_eq!(duration(text).to_string(), text);
        }
        assert_eq!(duration("+PT1H").to_string(), "PT1H");
    }

    #[test]
    fn rule_325_several_months_are_counted_from_the_start() {
        let start = at("2026-01-31T12:00:00Z");
        let month = duration("P1M");
        let after = |times| month.times_after(times, start);
        assert_eq!(after(0), start);
        assert_eq!(after(1), at("2026-02-28T12:00:00Z"));
        assert_eq!(after(2), at("2026-03-31T12:00:00Z"));
        assert_eq!(after(u32::MAX), DateTime::MAX_UTC);
        let mixed = duration("P1MT10S").times_after(3, start);
        assert_eq!(mixed, at("2026-04-30T12:00:30Z"));
        assert_eq!(
            duration("1W").times_after(2, start),
            at("2026-02-14T12:00:00Z")
        );
        assert_eq!(
            duration("-PT1H").times_after(2, start),
            at("2026-01-31T10:00:00Z")
        );
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "PTS",
            "1",
            "P1",
            "P1S1M",
            "PT1D",
            "PT1H1D",
            "P1W2D",
            "PT1M1H",
            "PT1.5H",
            "PT.5S",
            "P-1D",
            "PTT1S",
            "PT4294967296S",
            "W",
            "-1W",
            "PT1S ,",
            "p1d",
        ] {
            assert_eq!(
                text.parse::<Duration>(),
                Err(ValueError::NotADuration),
                "{text}"
            );
        }
    }

    #[test]
    fn rule_1_fractions_of_a_second_are_truncated_and_noted() {
        let mut notes = Notes::default();
        assert_eq!(
            Duration::parse("PT1.75S", &mut notes).unwrap(),
            Duration::seconds(1)
        );
        assert_eq!(notes.drift, Some(ValueDrift::FractionalSeconds));
    }

    #[test]
    fn iso_weeks_are_read_and_noted() {
        let mut notes = Notes::default();
        assert_eq!(
            Duration::parse("P2W", &mut notes).unwrap().to_string(),
            "2W"
        );
        assert_eq!(notes.drift, Some(ValueDrift::IsoWeeks));
    }

    #[test]
    fn months_go_by_the_calendar() {
        let january = at("2026-01-31T00:00:00Z");
        assert_eq!(duration("P1M").after(january), at("2026-02-28T00:00:00Z"));
        assert_eq!(duration("1W").after(january), at("2026-02-07T00:00:00Z"));
        assert_eq!(duration("-PT1H").after(january), at("2026-01-30T23:00:00Z"));
        assert_eq!(duration("PT1H").before(january), at("2026-01-30T23:00:00Z"));
        assert_eq!(duration("P4294967295Y").after(january), DateTime::MAX_UTC);
        assert_eq!(duration("P1M").to_time_delta(), None);
        assert_eq!(
            duration("-P1DT1S").to_time_delta(),
            Some(TimeDelta::seconds(-86_401))
        );
    }

    #[test]
    fn rule_47_every_zero_form_is_zero() {
        for text in ["P", "PT", "P0D", "PT0S", "0W", "-PT0S", "P0Y0M"] {
            assert!(duration(text).is_zero(), "{text}");
            assert!(!duration(text).is_negative(), "{text}");
        }
        assert!(duration("-PT1S").is_negative());
    }

    #[test]
    fn spans_become_durations() {
        for (seconds, text) in [
            (0, "PT0S"),
            (90, "PT1M30S"),
            (86_400, "P1D"),
            (90_000, "P1DT1H"),
            (-5, "-PT5S"),
        ] {
            assert_eq!(
                Duration::from_time_delta(TimeDelta::seconds(seconds)).to_string(),
                text
            );
        }
    }
}
