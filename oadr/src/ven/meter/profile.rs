//! The days of loads: how much they take at which hour.
//!
//! Knows nothing of events.

use std::str::FromStr;

use chrono::Timelike as _;
use oadr_core::value::DateTime;

/// What a simulated meter measures, at its highest 1; hours are UTC's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// The same all day.
    Flat,
    /// A house: a morning, and a long evening.
    House,
    /// An office: from eight to six.
    Office,
    /// A solar plant, which feeds in: negative in the light.
    Solar,
}

/// No such profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not one of flat, house, office, solar")]
pub struct NotAProfile;

impl FromStr for Profile {
    type Err = NotAProfile;

    fn from_str(text: &str) -> Result<Self, NotAProfile> {
        match text {
            "flat" => Ok(Self::Flat),
            "house" => Ok(Self::House),
            "office" => Ok(Self::Office),
            "solar" => Ok(Self::Solar),
            _ => Err(NotAProfile),
        }
    }
}

/// Percent of the peak at each hour.
type Day = [i8; 24];

const FLAT: Day = [100; 24];
const HOUSE: Day = [
    25, 20, 18, 18, 18, 22, 40, 60, 55, 40, 35, 38, 45, 40, 35, 35, 42, 60, 85, 100, 95, 80, 55, 35,
];
const OFFICE: Day = [
    20, 20, 20, 20, 20, 25, 40, 70, 95, 100, 100, 98, 90, 95, 100, 98, 90, 70, 45, 30, 25, 20, 20,
    20,
];
const SOLAR: Day = [
    0, 0, 0, 0, 0, -2, -10, -25, -45, -65, -85, -95, -100, -98, -90, -75, -55, -30, -12, -3, 0, 0,
    0, 0,
];

impl Profile {
    /// The share of the peak at a time.
    pub(super) fn at(self, time: DateTime) -> f64 {
        let day = match self {
            Self::Flat => &FLAT,
            Self::House => &HOUSE,
            Self::Office => &OFFICE,
            Self::Solar => &SOLAR,
        };
        let percent = |hour: u32| {
            let value = day.get((hour % 24) as usize);
            f64::from(value.copied().unwrap_or_default())
        };
        let hour = time.hour();
        let passed = f64::from(time.num_seconds_from_midnight() % 3600) / 3600.0;
        (percent(hour) * (1.0 - passed) + percent(hour + 1) * passed) / 100.0
    }

    /// Whether it is a load that can be lowered, rather than the sun.
    pub(super) fn reacts(self) -> bool {
        match self {
            Self::Flat | Self::House | Self::Office => true,
            Self::Solar => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_goes_from_hour_to_hour_without_a_jump() {
        let at = |text: &str| Profile::Office.at(format!("2026-01-31T{text}Z").parse().unwrap());
        assert!((at("08:00:00") - 0.95).abs() < 1e-9);
        assert!((at("08:30:00") - 0.975).abs() < 1e-9);
        assert!((at("23:59:59") - 0.2).abs() < 1e-4);
        assert!((at("00:00:00") - 0.2).abs() < 1e-9);
    }
}
