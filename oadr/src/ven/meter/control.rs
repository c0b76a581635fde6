//! What the events that run ask of a load, as one sum.
//!
//! Knows nothing of what the load does about it.

use oadr_core::payload::{ItemBase, Target};
use oadr_core::value::{ResourceId, SiScaleCode, SignalName, SignalType};

use crate::ven::event::Event;
use crate::ven::reporting::Moment;

/// What is asked of a load.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Control {
    /// The share of its capacity that it may use, from 0 to 1.
    pub(super) capacity: f64,
    /// By how many levels it is to go down.
    pub(super) level: f64,
    /// By how many percent it is to change.
    pub(super) percent: f64,
    /// The most that it may take, in watts.
    pub(super) cap: Option<f64>,
    /// By how much it is to change, in watts.
    pub(super) delta: f64,
    /// A set point of whatever it controls.
    pub(super) set_point: Option<f64>,
}

impl Control {
    /// Nothing.
    pub(super) const NONE: Self = Self {
        capacity: 1.0,
        level: 0.0,
        percent: 0.0,
        cap: None,
        delta: 0.0,
        set_point: None,
    };

    /// What is asked of a resource at a moment, or of the VEN as a whole.
    pub(super) fn at(moment: &Moment, resource: Option<&ResourceId>) -> Self {
        let mut control = Self::NONE;
        for event in moment.running() {
            if concerns(event.target(), resource) {
                control.add(&event, moment);
            }
        }
        control
    }

    fn add(&mut self, event: &Event, moment: &Moment) {
        use SignalName as N;
        use SignalType as T;
        for signal in event.signals() {
            let Some(value) = signal.value_at(moment.time()) else {
                continue;
            };
            let value = value.get();
            if !value.is_finite() {
                continue;
            }
            let watts = || signal.item_base().and_then(scale).map(|unit| value * unit);
            match (signal.name(), signal.signal_type()) {
                (N::Simple | N::SimpleLowerCase, T::Level)
                | (N::LoadControl, T::LoadControlLevelOffset) => {
                    self.level = self.level.max(value);
                }
                (N::LoadControl, T::LoadControlCapacity) => {
                    self.capacity = self.capacity.min(value.clamp(0.0, 1.0));
                }
                (N::LoadDispatch, T::Multiplier) => {
                    self.percent += (value - 1.0) * 100.0;
                }
                (N::LoadControl, T::LoadControlPercentOffset) => self.percent += value,
                (N::LoadControl, T::LoadControlSetpoint) => self.set_point = Some(value),
                (N::LoadDispatch | N::BidLoad, T::Setpoint) => {
                    let lower = |cap: f64| self.cap.map_or(cap, |known| known.min(cap));
                    self.cap = watts().map(lower).or(self.cap);
                }
                (N::LoadDispatch, T::Delta) => self.delta += watts().unwrap_or(0.0),
                // Prices and stores of energy are for somebody who can think.
                _ => {}
            }
        }
    }
}

/// Whether an event is for the resource; one for no resource in particular is for all.
pub(super) fn concerns(target: &Target, resource: Option<&ResourceId>) -> bool {
    match resource {
        Some(resource) if !target.resource_ids.is_empty() => target.resource_ids.contains(resource),
        Some(_) | None => true,
    }
}

/// Watts, or their like, for one of the unit; `None` if it is not one of power.
pub(super) fn scale(unit: &ItemBase) -> Option<f64> {
    let scale = match unit {
        ItemBase::PowerReal(power) => power.scale,
        ItemBase::PowerReactive(power) | ItemBase::PowerApparent(power) => power.scale,
        ItemBase::CustomUnit(_)
        | ItemBase::Current(_)
        | ItemBase::Currency(_)
        | ItemBase::CurrencyPerKWh(_)
        | ItemBase::CurrencyPerKW(_)
        | ItemBase::CurrencyPerThm(_)
        | ItemBase::Frequency(_)
        | ItemBase::Therm(_)
        | ItemBase::Temperature(_)
        | ItemBase::PulseCount(_)
        | ItemBase::Voltage(_)
        | ItemBase::EnergyReal(_)
        | ItemBase::EnergyReactive(_)
        | ItemBase::EnergyApparent(_)
        | ItemBase::GreenButton(_) => return None,
    };
    Some(power_of_ten(scale))
}

fn power_of_ten(scale: SiScaleCode) -> f64 {
    10_f64.powi(i32::from(scale.exponent()))
}
