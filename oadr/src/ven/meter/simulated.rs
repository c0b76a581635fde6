//! A meter that is not there: a load with its day, some noise, and what events make of it.
//!
//! Knows nothing of the clock; the same seed measures the same at the same time.

use chrono::TimeDelta;
use oadr_core::payload::ItemBase;
use oadr_core::value::{DateTime, ResourceId};

use super::control::{Control, scale};
use super::profile::Profile;
use crate::ven::reporting::{Moment, Span};

/// A simulated meter, for [`Point::incremental`](crate::ven::Point::incremental) and
/// [`Point::full`](crate::ven::Point::full).
///
/// While an event runs that the VEN takes part in, its load is lower: by a quarter for each level of a
/// SIMPLE signal, and as far as a LOAD_CONTROL or LOAD_DISPATCH signal says.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedMeter {
    profile: Profile,
    seed: u64,
    peak: f64,
    unit: f64,
    resource: Option<ResourceId>,
}

/// The highest load, in watts, unless said otherwise.
const PEAK: f64 = 10_000.0;

/// How fast the slow part of the noise changes, in seconds.
const KNOT: i64 = 300;

/// The share of a load that a level stands for.
const LEVEL: f64 = 0.25;

/// The most values in a span.
const MOST: usize = 100_000;

/// The time between two values of a span, if it does not matter.
const STEP: TimeDelta = TimeDelta::minutes(15);

impl SimulatedMeter {
    /// A meter of a load with this day. `None` if the unit is not one of power.
    #[must_use]
    pub fn new(profile: Profile, unit: &ItemBase) -> Option<Self> {
        Some(Self {
            profile,
            seed: 0,
            peak: PEAK,
            unit: scale(unit)?,
            resource: None,
        })
    }

    /// What its noise is drawn from. Default: 0.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Its highest load, in watts. Default: 10,000.
    #[must_use]
    pub fn peak(mut self, watts: f64) -> Self {
        self.peak = watts;
        self
    }

    /// The resource that it measures: events for other resources do not concern it. Default: the VEN as
    /// a whole.
    #[must_use]
    pub fn resource(mut self, resource: ResourceId) -> Self {
        self.resource = Some(resource);
        self
    }

    /// The value at a moment, in the unit.
    #[must_use]
    pub fn measure(&self, moment: &Moment) -> f64 {
        let control = if self.profile.reacts() {
            Control::at(moment, self.resource.as_ref())
        } else {
            Control::NONE
        };
        self.value(moment.time(), &control)
    }

    /// The values of a span, as if there had been no events.
    #[must_use]
    pub fn recall(&self, span: Span) -> Vec<(DateTime, f64)> {
        let every = span.every.unwrap_or(STEP).max(TimeDelta::seconds(1));
        let times = std::iter::successors(Some(span.from), |time| time.checked_add_signed(every));
        let times = times.take_while(|time| *time < span.to).take(MOST);
        times
            .map(|time| (time, self.value(time, &Control::NONE)))
            .collect()
    }

    fn value(&self, time: DateTime, control: &Control) -> f64 {
        let mut watts = self.peak * self.profile.at(time) * (1.0 + self.noise(time));
        watts *= control.capacity;
        watts *= (1.0 - LEVEL * control.level).clamp(0.0, 2.0);
        watts *= (1.0 + control.percent / 100.0).max(0.0);
        if control.delta != 0.0 {
            watts = (watts + control.delta).max(0.0);
        }
        watts = control.cap.map_or(watts, |cap| watts.min(cap.max(0.0)));
        watts / self.unit
    }

    /// Within 5 % most of the time: something slow, and something fast.
    fn noise(&self, time: DateTime) -> f64 {
        let seconds = time.timestamp();
        let knot = seconds.div_euclid(KNOT);
        #[expect(clippy::cast_precision_loss, reason = "less than 300")]
        let passed = seconds.rem_euclid(KNOT) as f64 / KNOT as f64;
        let slow = self.drawn(knot) * (1.0 - passed) + self.drawn(knot.saturating_add(1)) * passed;
        let fast = self.drawn(time.timestamp_millis());
        0.04 * slow + 0.01 * fast
    }

    /// From -1 to 1, the same for the same number.
    fn drawn(&self, number: i64) -> f64 {
        // SplitMix64's finish: every bit of the input moves every bit of the output.
        let mut bits = self
            .seed
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(number.cast_unsigned())
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        let half = u32::try_from(bits >> 32).unwrap_or(u32::MAX);
        f64::from(half) / f64::from(u32::MAX) * 2.0 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use oadr_core::payload::{PowerAttributes, PowerReal, PowerUnit};
    use oadr_core::value::SiScaleCode;

    use super::*;

    fn power(scale: SiScaleCode) -> ItemBase {
        ItemBase::PowerReal(PowerReal {
            units: PowerUnit::Watt,
            scale,
            attributes: PowerAttributes {
                hertz: 50.into(),
                voltage: 230.into(),
                ac: true,
            },
        })
    }

    fn meter() -> SimulatedMeter {
        SimulatedMeter::new(Profile::Flat, &power(SiScaleCode::Kilo)).unwrap()
    }

    fn noon() -> DateTime {
        "2026-01-31T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_same_seed_measures_the_same_and_another_does_not() {
        let day = Span {
            from: noon(),
            to: noon() + TimeDelta::days(1),
            every: Some(TimeDelta::minutes(1)),
        };
        let values = meter().recall(day);
        assert_eq!(values, meter().recall(day));
        assert_ne!(values, meter().seed(1).recall(day));
        assert_eq!(values.len(), 24 * 60);
        for (time, value) in &values {
            assert!((9.5..=10.5).contains(value), "{time}: {value}");
        }
        let spread: f64 = values.iter().map(|(_, value)| (value - 10.0).abs()).sum();
        assert!(spread / 1440.0 > 0.05, "{spread}");
    }

    #[test]
    fn events_lower_the_load_as_far_as_they_say() {
        let value = |control: Control| meter().value(noon(), &control);
        let base = value(Control::NONE);
        let share = |control| value(control) / base;
        let none = Control::NONE;
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} is not {b}");
        near(
            share(Control {
                level: 2.0,
                ..none.clone()
            }),
            0.5,
        );
        near(
            share(Control {
                capacity: 0.3,
                ..none.clone()
            }),
            0.3,
        );
        near(
            share(Control {
                percent: -40.0,
                ..none.clone()
            }),
            0.6,
        );
        near(
            share(Control {
                percent: -400.0,
                ..none.clone()
            }),
            0.0,
        );
        near(
            value(Control {
                cap: Some(2500.0),
                ..none.clone()
            }),
            2.5,
        );
        near(
            value(Control {
                delta: -1000.0,
                ..none.clone()
            }),
            base - 1.0,
        );
        near(share(Control { level: 9.0, ..none }), 0.0);
    }

    #[test]
    fn only_power_is_simulated() {
        let energy = ItemBase::EnergyReal(SiScaleCode::Kilo);
        assert_eq!(SimulatedMeter::new(Profile::House, &energy), None);
    }
}
