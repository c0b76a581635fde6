//! Units in short.
//!
//! Knows nothing of what they measure.

use oadr_core::payload::{PowerUnit, TemperatureUnit};
use oadr_core::value::SiScaleCode;

use crate::json::ItemBaseForm;

/// The unit with its power of ten, such as `kW`; of a pulse its factor in kilowatt hours.
pub(crate) fn in_short(unit: &ItemBaseForm) -> String {
    use ItemBaseForm as Unit;
    let (scale, name) = match unit {
        Unit::CustomUnit { units, scale, .. } => (scale, units.as_str()),
        Unit::Current { scale } => (scale, "A"),
        Unit::Currency { currency, scale }
        | Unit::CurrencyPerKWh { currency, scale }
        | Unit::CurrencyPerKW { currency, scale }
        | Unit::CurrencyPerThm { currency, scale } => (scale, currency.as_str()),
        Unit::Frequency { scale } => (scale, "Hz"),
        Unit::Therm { scale } => (scale, "thm"),
        Unit::Temperature { units, scale } => (
            scale,
            match units {
                TemperatureUnit::Celsius => "celsius",
                TemperatureUnit::Fahrenheit => "fahrenheit",
            },
        ),
        Unit::GreenButton { .. } => return "Green Button".to_owned(),
        Unit::PulseCount { pulse_factor } => return pulse_factor.to_string(),
        Unit::Voltage { scale } => (scale, "V"),
        Unit::EnergyReal { scale } => (scale, "Wh"),
        Unit::EnergyReactive { scale } => (scale, "VARh"),
        Unit::EnergyApparent { scale } => (scale, "VAh"),
        Unit::PowerReal { units, scale, .. } => (
            scale,
            match units {
                PowerUnit::Watt => "W",
                PowerUnit::JoulePerSecond => "J/s",
            },
        ),
        Unit::PowerReactive { scale, .. } => (scale, "VAR"),
        Unit::PowerApparent { scale, .. } => (scale, "VA"),
    };
    if *scale == SiScaleCode::None {
        name.to_owned()
    } else {
        format!("{scale}{name}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_unit_has_a_short_form() {
        let power =
            |kind| json!({"type": kind, "scale": "k", "hertz": 50, "voltage": 230, "ac": true});
        let money = |kind| json!({"type": kind, "currency": "EUR"});
        let scaled = |kind| json!({"type": kind, "scale": "micro"});
        let units = [
            (scaled("current"), "microA"),
            (scaled("frequency"), "microHz"),
            (scaled("Therm"), "microthm"),
            (scaled("voltage"), "microV"),
            (scaled("energyReal"), "microWh"),
            (scaled("energyReactive"), "microVARh"),
            (scaled("energyApparent"), "microVAh"),
            (power("powerReal"), "kW"),
            (power("powerReactive"), "kVAR"),
            (power("powerApparent"), "kVA"),
            (money("currency"), "EUR"),
            (money("currencyPerKWh"), "EUR"),
            (money("currencyPerKW"), "EUR"),
            (money("currencyPerThm"), "EUR"),
            (
                json!({"type": "temperature", "units": "celsius"}),
                "celsius",
            ),
            (json!({"type": "pulseCount", "pulse_factor": 0.5}), "0.5"),
            (
                json!({"type": "customUnit", "description": "Water", "units": "l"}),
                "l",
            ),
        ];
        for (json, short) in units {
            let unit: ItemBaseForm = serde_json::from_value(json).unwrap();
            assert_eq!(in_short(&unit), short);
        }
    }
}
