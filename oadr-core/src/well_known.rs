//! Table 1 of the specification: which types, units and values a well-known signal has (rule 104).
//!
//! Knows nothing of intervals or events.

use crate::payload::ItemBase;
use crate::value::{SignalName, SignalType};

/// The unit that a signal needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// None at all.
    Absent,
    /// Any currency.
    Currency,
    /// Money per kilowatt hour.
    CurrencyPerKWh,
    /// Money per kilowatt.
    CurrencyPerKW,
    /// Power: real, apparent or reactive.
    Power,
    /// Energy: real, apparent or reactive.
    Energy,
    /// Whatever suits a signal of one's own.
    Any,
}

/// The values that a signal has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Values {
    /// Any number.
    Any,
    /// Whole numbers.
    Whole,
    /// Whole numbers between these, both included.
    WholeBetween(f64, f64),
    /// Numbers between these, both included.
    Between(f64, f64),
}

/// What the table says of a name and a type; `None` if the two do not go together.
pub(crate) fn look_up(name: &SignalName, signal_type: SignalType) -> Option<(Unit, Values)> {
    use SignalName as N;
    use SignalType as T;
    match (name, signal_type) {
        // Rules 9 and 116.
        (N::Simple | N::SimpleLowerCase, T::Level) => {
            Some((Unit::Absent, Values::WholeBetween(0.0, 3.0)))
        }
        (N::ElectricityPrice | N::EnergyPrice, T::Price | T::PriceRelative) => {
            Some((Unit::CurrencyPerKWh, Values::Any))
        }
        (N::DemandCharge, T::Price | T::PriceRelative) => Some((Unit::CurrencyPerKW, Values::Any)),
        (N::ElectricityPrice | N::EnergyPrice | N::DemandCharge, T::PriceMultiplier) => {
            Some((Unit::Absent, Values::Any))
        }
        (N::BidPrice, T::Price) => Some((Unit::Currency, Values::Any)),
        (N::BidLoad, T::Setpoint) => Some((Unit::Power, Values::Any)),
        (N::BidEnergy, T::Setpoint) | (N::ChargeState, T::Setpoint | T::Delta) => {
            Some((Unit::Energy, Values::Any))
        }
        (N::ChargeState, T::Multiplier) => Some((Unit::Absent, Values::Between(0.0, 1.0))),
        (N::LoadDispatch, T::Setpoint | T::Delta) => Some((Unit::Power, Values::Any)),
        (N::LoadDispatch, T::Multiplier) => Some((Unit::Absent, Values::Any)),
        (N::LoadDispatch, T::Level) => Some((Unit::Power, Values::WholeBetween(-10.0, 10.0))),
        (N::LoadControl, T::LoadControlCapacity) => Some((Unit::Absent, Values::Between(0.0, 1.0))),
        (N::LoadControl, T::LoadControlLevelOffset) => Some((Unit::Absent, Values::Whole)),
        (N::LoadControl, T::LoadControlSetpoint | T::LoadControlPercentOffset) => {
            Some((Unit::Absent, Values::Any))
        }
        (N::Extension(_), _) => Some((Unit::Any, Values::Any)),
        (
            N::Simple
            | N::SimpleLowerCase
            | N::ElectricityPrice
            | N::EnergyPrice
            | N::DemandCharge
            | N::BidPrice
            | N::BidLoad
            | N::BidEnergy
            | N::ChargeState
            | N::LoadDispatch
            | N::LoadControl,
            _,
        ) => None,
    }
}

impl Unit {
    /// Whether this is such a unit.
    pub(crate) fn accepts(self, unit: Option<&ItemBase>) -> bool {
        match self {
            Self::Absent => unit.is_none(),
            Self::Currency => matches!(
                unit,
                Some(
                    ItemBase::Currency(_)
                        | ItemBase::CurrencyPerKWh(_)
                        | ItemBase::CurrencyPerKW(_)
                        | ItemBase::CurrencyPerThm(_)
                )
            ),
            Self::CurrencyPerKWh => matches!(unit, Some(ItemBase::CurrencyPerKWh(_))),
            Self::CurrencyPerKW => matches!(unit, Some(ItemBase::CurrencyPerKW(_))),
            Self::Power => matches!(
                unit,
                Some(
                    ItemBase::PowerReal(_)
                        | ItemBase::PowerReactive(_)
                        | ItemBase::PowerApparent(_)
                )
            ),
            Self::Energy => matches!(
                unit,
                Some(
                    ItemBase::EnergyReal(_)
                        | ItemBase::EnergyReactive(_)
                        | ItemBase::EnergyApparent(_)
                )
            ),
            Self::Any => true,
        }
    }
}

impl Values {
    /// Whether this is such a value.
    pub(crate) fn accept(self, value: f64) -> bool {
        let whole = value.trunc() == value;
        match self {
            Self::Any => true,
            Self::Whole => whole,
            Self::WholeBetween(least, most) => whole && (least..=most).contains(&value),
            Self::Between(least, most) => (least..=most).contains(&value),
        }
    }
}

/// The device classes that a signal's target may name (rule 111).
const DEVICE_CLASSES: &[&str] = &[
    "Thermostat",
    "Strip_Heater",
    "Baseboard_Heater",
    "Water_Heater",
    "Pool_Pump",
    "Sauna",
    "Hot_tub",
    "Smart_Appliance",
    "Irrigation_Pump",
    "Managed_Commercial_and_Industrial_Loads",
    "Simple_Residential_On_Off_Loads",
    "Exterior_Lighting",
    "Interior_Lighting",
    "Electric_Vehicle",
    "Generation_Systems",
    "Load_Control_Switch",
    "Smart_Inverter",
    "EVSE",
    "RESU",
    "Energy_Management_System",
    "Smart_Energy_Module",
    "Storage",
];

/// Whether it is one of the list, or an extension of it.
pub(crate) fn is_device_class(class: &str) -> bool {
    DEVICE_CLASSES.contains(&class) || class.strip_prefix("x-").is_some_and(|own| !own.is_empty())
}
