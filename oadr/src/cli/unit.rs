//! Units in short: `powerReal:kW`, `currencyPerKWh:USD`.
//!
//! Knows nothing of which signal needs which.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value, json};

use crate::json::ItemBaseForm;

/// What is measured in a unit that takes a power of ten.
const SCALED: &[(&str, &str)] = &[
    ("current", "A"),
    ("frequency", "Hz"),
    ("Therm", "thm"),
    ("voltage", "V"),
    ("energyReal", "Wh"),
    ("energyReactive", "VARh"),
    ("energyApparent", "VAh"),
];

/// The same, of a network with a frequency and a voltage.
const POWERS: &[(&str, &str)] = &[
    ("powerReal", "W"),
    ("powerReactive", "VAR"),
    ("powerApparent", "VA"),
];

/// What is measured in money.
const MONEY: &[&str] = &[
    "currency",
    "currencyPerKWh",
    "currencyPerKW",
    "currencyPerThm",
];

/// What `--help` says of the short forms.
pub(crate) const HELP: &str = "\
Units (--unit), a power of ten (p n micro m c d k M G T) before the unit where there is one:
  powerReal:kW  powerReactive:VAR  powerApparent:kVA      power of a network that is not described
  powerReal:kW,50,230,ac                                  of one with 50 Hz, 230 V, ac or dc
  energyReal:kWh  energyReactive:VARh  energyApparent:VAh
  voltage:V  current:A  frequency:Hz  Therm:thm  temperature:celsius  temperature:fahrenheit
  currency:USD  currencyPerKWh:USD  currencyPerKW:EUR  currencyPerThm:USD
  pulseCount:0.5                                          kilowatt hours per pulse
  customUnit:Water,l                                      description and unit
  '{\"type\":\"powerReal\",...}'                              as the API has it";

/// A unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unit(pub(crate) ItemBaseForm);

/// Why a text is not a unit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAUnit {
    #[error("is not a unit such as powerReal:kW or currencyPerKWh:USD; --help lists them")]
    Unknown,
    #[error("is measured in {unit}, with a power of ten such as k before it or none")]
    OtherUnit { unit: &'static str },
    #[error("the network is HERTZ,VOLTS,ac or HERTZ,VOLTS,dc")]
    Network,
    #[error("is not a number of kilowatt hours per pulse")]
    PulseFactor,
    #[error("a custom unit is DESCRIPTION,UNIT")]
    Custom,
    #[error(transparent)]
    Value(#[from] serde_json::Error),
}

impl FromStr for Unit {
    type Err = NotAUnit;

    fn from_str(text: &str) -> Result<Self, NotAUnit> {
        if text.starts_with('{') {
            return Ok(Self(serde_json::from_str(text)?));
        }
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let find = |list: &[(&str, &'static str)]| {
            let entry = list.iter().find(|(name, _)| *name == kind);
            entry.map(|(_, unit)| *unit)
        };
        let mut form = if let Some(unit) = find(SCALED) {
            json!({ "scale": scale(rest, unit)? })
        } else if let Some(unit) = find(POWERS) {
            power(kind, rest, unit)?
        } else if MONEY.contains(&kind) {
            json!({ "currency": rest })
        } else {
            match kind {
                "temperature" => json!({ "units": rest }),
                "pulseCount" => {
                    let factor: f64 = rest.parse().map_err(|_| NotAUnit::PulseFactor)?;
                    json!({ "pulse_factor": factor })
                }
                "customUnit" => {
                    let (description, units) = rest.split_once(',').ok_or(NotAUnit::Custom)?;
                    json!({ "description": description, "units": units })
                }
                _ => return Err(NotAUnit::Unknown),
            }
        };
        if let Value::Object(form) = &mut form {
            form.insert("type".to_owned(), kind.into());
        }
        Ok(Self(serde_json::from_value(form)?))
    }
}

/// The power of ten before a unit; the unit may be left out, and be in any case.
fn scale<'t>(text: &'t str, unit: &'static str) -> Result<&'t str, NotAUnit> {
    if text.is_empty() {
        return Ok("none");
    }
    let other = || NotAUnit::OtherUnit { unit };
    let at = text.len().checked_sub(unit.len()).ok_or_else(other)?;
    let (scale, rest) = text.split_at_checked(at).ok_or_else(other)?;
    if !rest.eq_ignore_ascii_case(unit) {
        return Err(other());
    }
    Ok(if scale.is_empty() { "none" } else { scale })
}

fn power(kind: &str, text: &str, unit: &'static str) -> Result<Value, NotAUnit> {
    let (amount, network) = match text.split_once(',') {
        Some((amount, network)) => (amount, Some(network)),
        None => (text, None),
    };
    let mut form = Map::new();
    let joules = if kind == "powerReal" {
        amount.strip_suffix("J/s")
    } else {
        None
    };
    let scale = match joules {
        Some(scale) => {
            form.insert("units".to_owned(), "J/s".into());
            if scale.is_empty() { "none" } else { scale }
        }
        None => scale(amount, unit)?,
    };
    form.insert("scale".to_owned(), scale.into());
    // The schema wants a network in any case; zeros describe none.
    let (hertz, volts, current) = match network {
        None => ("0", "0", "ac"),
        Some(network) => {
            let mut parts = network.split(',');
            match (parts.next(), parts.next(), parts.next(), parts.next()) {
                (Some(hertz), Some(volts), Some(current), None) => (hertz, volts, current),
                _ => return Err(NotAUnit::Network),
            }
        }
    };
    let number = |text: &str| {
        let number = text.parse::<serde_json::Number>();
        number.map_err(|_| NotAUnit::Network)
    };
    form.insert("hertz".to_owned(), number(hertz)?.into());
    form.insert("voltage".to_owned(), number(volts)?.into());
    let ac = match current {
        "ac" => true,
        "dc" => false,
        _ => return Err(NotAUnit::Network),
    };
    form.insert("ac".to_owned(), ac.into());
    Ok(form.into())
}

/// As short as it can be read again, the network left out.
impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = serde_json::to_value(&self.0).unwrap_or_default();
        let text = |name: &str| form.get(name).and_then(Value::as_str).unwrap_or_default();
        let kind = text("type");
        let scale = match text("scale") {
            "none" => "",
            scale => scale,
        };
        write!(f, "{kind}:")?;
        if let Some((_, unit)) = SCALED.iter().chain(POWERS).find(|(name, _)| *name == kind) {
            let unit = if text("units").is_empty() {
                unit
            } else {
                text("units")
            };
            return write!(f, "{scale}{unit}");
        }
        match kind {
            "temperature" => f.write_str(text("units")),
            "pulseCount" => write!(f, "{}", form.get("pulse_factor").unwrap_or(&Value::Null)),
            "customUnit" => write!(f, "{},{}", text("description"), text("units")),
            _ => f.write_str(text("currency")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Value {
        serde_json::to_value(text.parse::<Unit>().unwrap().0).unwrap()
    }

    #[test]
    fn short_forms_are_units_of_the_api() {
        let power = json!({
            "type": "powerReal", "units": "W", "scale": "k", "hertz": 0, "voltage": 0, "ac": true
        });
        assert_eq!(form("powerReal:kW"), power);
        let power = json!({
            "type": "powerApparent", "scale": "M", "hertz": 50, "voltage": 230.5, "ac": false
        });
        assert_eq!(form("powerApparent:MVA,50,230.5,dc"), power);
        assert_eq!(form("powerReal:kJ/s")["units"], "J/s");
        let money = json!({"type": "currencyPerKWh", "currency": "USD", "scale": "none"});
        assert_eq!(form("currencyPerKWh:USD"), money);
        let energy = json!({"type": "energyReactive", "scale": "micro"});
        assert_eq!(form("energyReactive:microVArh"), energy);
        assert_eq!(form("Therm"), json!({"type": "Therm", "scale": "none"}));
        let heat = json!({"type": "temperature", "units": "celsius", "scale": "none"});
        assert_eq!(form("temperature:celsius"), heat);
        let pulses = json!({"type": "pulseCount", "pulse_factor": 0.5});
        assert_eq!(form("pulseCount:0.5"), pulses);
        let water = json!({
            "type": "customUnit", "description": "Water", "units": "l", "scale": "none"
        });
        assert_eq!(form("customUnit:Water,l"), water);
        assert_eq!(form(&water.to_string()), water);
    }

    #[test]
    fn a_unit_is_shown_as_it_can_be_written() {
        for text in [
            "powerReal:kW",
            "powerReal:kJ/s",
            "powerReactive:VAR",
            "energyReal:MWh",
            "voltage:V",
            "Therm:thm",
            "temperature:fahrenheit",
            "currencyPerThm:USD",
            "pulseCount:0.25",
            "customUnit:Water,l",
        ] {
            let unit: Unit = text.parse().unwrap();
            assert_eq!(unit.to_string(), text);
        }
        let long = "powerReal:kW,50,230,ac".parse::<Unit>().unwrap();
        assert_eq!(long.to_string(), "powerReal:kW");
    }

    #[test]
    fn what_is_no_unit_is_refused() {
        for bad in [
            "",
            "kW",
            "powerReal:kVA",
            "powerReal:kiloW",
            "powerReal:kW,50",
            "powerReal:kW,50,230,xy",
            "powerReal:kW,fifty,230,ac",
            "powerReactive:kJ/s",
            "energyReal:é",
            "currencyPerKWh:usd",
            "temperature:kelvin",
            "pulseCount:NaN",
            "customUnit:Water",
            "{\"type\":\"horsepower\"}",
        ] {
            assert!(bad.parse::<Unit>().is_err(), "{bad}");
        }
    }
}
