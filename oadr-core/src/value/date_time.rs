//! Date-times on the wire: UTC, `YYYY-MM-DDThh:mm:ss[.f]Z` (rule 1).
//!
//! Knows nothing of clocks.

use chrono::{Datelike as _, NaiveDate, TimeDelta, Timelike as _, Utc};

use super::{DateTime, Escaping, Notes, Value, ValueDrift, ValueError, trim};

/// Parses a date-time; a missing `Z` means UTC and is noted.
pub(crate) fn parse_date_time(text: &str, notes: &mut Notes) -> Result<DateTime, ValueError> {
    parse(trim(text), notes).ok_or(ValueError::NotADateTime)
}

fn parse(text: &str, notes: &mut Notes) -> Option<DateTime> {
    let (main, mut rest) = text.split_at_checked(19)?;
    let &[
        y0,
        y1,
        y2,
        y3,
        b'-',
        mo0,
        mo1,
        b'-',
        d0,
        d1,
        b'T',
        h0,
        h1,
        b':',
        mi0,
        mi1,
        b':',
        s0,
        s1,
    ] = main.as_bytes()
    else {
        return None;
    };
    let pair = |a: u8, b: u8| Some(joined(digit(a)?, 10, digit(b)?));
    let year = i32::try_from(joined(pair(y0, y1)?, 100, pair(y2, y3)?)).ok()?;
    let date = NaiveDate::from_ymd_opt(year, pair(mo0, mo1)?, pair(d0, d1)?)?;
    let (hour, minute, second) = (pair(h0, h1)?, pair(mi0, mi1)?, pair(s0, s1)?);

    let mut nanos = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return None;
        }
        // What lies below a nanosecond is truncated (rule 1).
        let mut scale = 100_000_000;
        for byte in fraction.bytes().take(digits.min(9)) {
            nanos = joined(digit(byte)?, scale, nanos);
            scale /= 10;
        }
        rest = fraction.get(digits..)?;
    }
    // `24:00:00` is the midnight that ends the day.
    let time = if hour == 24 && minute == 0 && second == 0 && nanos == 0 {
        date.checked_add_days(chrono::Days::new(1))?
            .and_hms_opt(0, 0, 0)?
    } else {
        date.and_hms_nano_opt(hour, minute, second, nanos)?
    };
    let offset = match rest.as_bytes() {
        b"Z" => TimeDelta::zero(),
        b"" => {
            notes.drift = Some(ValueDrift::NoZone);
            TimeDelta::zero()
        }
        &[sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] if notes.lenient => {
            notes.drift = Some(ValueDrift::NumericOffset);
            let minutes = i64::from(joined(pair(h0, h1)?, 60, pair(m0, m1)?));
            TimeDelta::minutes(if sign == b'+' {
                minutes
            } else {
                minutes.saturating_neg()
            })
        }
        _ => return None,
    };
    time.and_utc().checked_sub_signed(offset)
}

fn digit(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(10)
}

fn joined(high: u32, unit: u32, low: u32) -> u32 {
    high.saturating_mul(unit).saturating_add(low)
}

fn write_digit(n: u32) -> u8 {
    b'0'.saturating_add(u8::try_from(n).unwrap_or(0))
}

/// Appends the canonical form; years are held within the four digits that the schema has.
pub(crate) fn write_date_time(at: &DateTime, out: &mut Vec<u8>) {
    let two = |n: u32, out: &mut Vec<u8>| {
        out.push(write_digit(n / 10 % 10));
        out.push(write_digit(n % 10));
    };
    let year = u32::try_from(at.year().clamp(1, 9999)).unwrap_or(1);
    two(year / 100, out);
    two(year % 100, out);
    out.push(b'-');
    two(at.month(), out);
    out.push(b'-');
    two(at.day(), out);
    out.push(b'T');
    two(at.hour(), out);
    out.push(b':');
    two(at.minute(), out);
    out.push(b':');
    two(at.second(), out);
    let nanos = at.nanosecond() % 1_000_000_000;
    if nanos != 0 {
        let digits = format!("{nanos:09}");
        out.push(b'.');
        out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
    }
    out.push(b'Z');
}

impl Value for chrono::DateTime<Utc> {
    fn parse(text: &str, notes: &mut Notes) -> Result<Self, ValueError> {
        parse_date_time(text, notes)
    }

    fn write(&self, out: &mut Vec<u8>) -> Escaping {
        write_date_time(self, out);
        Escaping::Needless
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, ValueError> {
        let at = parse_date_time(text, &mut Notes::default())?;
        let mut out = Vec::new();
        write_date_time(&at, &mut out);
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn rule_1_date_times_are_utc_with_z() {
        assert_eq!(
            read("2026-01-02T03:04:05Z").unwrap(),
            "2026-01-02T03:04:05Z"
        );
        assert_eq!(
            read(" 2026-01-02T03:04:05.120Z\n").unwrap(),
            "2026-01-02T03:04:05.12Z"
        );
        assert_eq!(
            read("2026-12-31T24:00:00Z").unwrap(),
            "2027-01-01T00:00:00Z"
        );
        assert_eq!(
            read("2026-01-02T03:04:05.1234567899Z").unwrap(),
            "2026-01-02T03:04:05.123456789Z"
        );
        for bad in [
            "2026-01-02T03:04:05+00:00",
            "2026-01-02T03:04:05+0000",
            "2026-02-30T00:00:00Z",
            "2026-01-02T03:04:60Z",
            "2026-01-02T03:04:05.Z",
            "2026-01-02 03:04:05Z",
            "-2026-01-02T03:04:05Z",
            "",
        ] {
            assert_eq!(read(bad), Err(ValueError::NotADateTime), "{bad}");
        }
    }

    #[test]
    fn a_missing_zone_is_noted_and_an_offset_only_for_lenient_profiles() {
        let mut notes = Notes::default();
        parse_date_time("2026-01-02T03:04:05", &mut notes).unwrap();
        assert_eq!(notes.drift, Some(ValueDrift::NoZone));

        let mut notes = Notes {
            lenient: true,
            drift: None,
        };
        let at = parse_date_time("2026-01-02T03:04:05+01:30", &mut notes).unwrap();
        assert_eq!(notes.drift, Some(ValueDrift::NumericOffset));
        assert_eq!(at.to_rfc3339(), "2026-01-02T01:34:05+00:00");
    }
}
