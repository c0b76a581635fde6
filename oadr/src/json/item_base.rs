//! Units in JSON, such as `{"type":"energyReal","scale":"k"}`.
//!
//! Knows nothing of which signal needs which.

use oadr_core::payload::{
    Currency, CurrencyCode, CurrencyDescription, CustomUnit, GreenButton, ItemBase, Power,
    PowerAttributes, PowerReal, PowerUnit, Temperature, TemperatureUnit,
};
use oadr_core::value::{Decimal, Float, SiScaleCode, Text};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A unit; `type` is the name of its element.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum ItemBaseForm {
    CustomUnit {
        description: Text,
        units: Text,
        #[serde(default = "no_scale")]
        scale: SiScaleCode,
    },
    Current {
        #[serde(default = "no_scale")]
        scale: SiScaleCode,
    },
    Currency {
        currency: CurrencyCode,
        #[serde(default = "no_scale")]
        scale: SiScaleCode,
    },
    #[serde(rename = "currencyPerKWh")]
    CurrencyPerKWh {
        currency: CurrencyCode,
        #[serde(default = "no_scale")]
        scale: SiScaleCode,
    },
    #[serde(rename = "currencyPerKW")]
    CurrencyPerKW {
        currency: CurrencyCode,
        #[serde(default = "no_scale")]
        scale: SiScaleCode,
    },
    CurrencyPerThm {
        currency: CurrencyCode,
        #[serde(default = "no_scale")]
        scale: SiScaleCode,
    },
    Frequency {
        #[serde(default = "no_scale")]
        scale: SiScaleCode,
    },
    #[serde(rename = "Therm")]
    Therm {
        #[serde(default = "no_scale")]
        scale: SiScaleCode,
    },
    Temperature {
        units: TemperatureUnit,
        #[serde(default = "no_scale")]
        scale: SiScaleCode,
    },
    PulseCount {
        #[serde(deserialize_with = "super::signal::number")]
        pulse_factor: Float,
    },
    Voltage {
        #[serde(default = "no_scale")]
        scale: SiScaleCode,
    },
    EnergyReal {
        #[serde(default = "no_scale")]
        scale: SiScaleCode,
    },
    EnergyReactive {
        #[serde(default = "no_scale")]
        scale: SiScaleCode,
    },
    EnergyApparent {
        #[serde(default = "no_scale")]
        scale: SiScaleCode,
    },
    PowerReal {
        #[serde(default = "watt")]
        units: PowerUnit,
        #[serde(default = "no_scale")]
        scale: SiScaleCode,
        hertz: Number,
        voltage: Number,
        ac: bool,
    },
    PowerReactive {
        #[serde(default = "no_scale")]
        scale: SiScaleCode,
        hertz: Number,
        voltage: Number,
        ac: bool,
    },
    PowerApparent {
        #[serde(default = "no_scale")]
        scale: SiScaleCode,
        hertz: Number,
        voltage: Number,
        ac: bool,
    },
    #[serde(rename = "oadrGBDataDescription")]
    GreenButton { feed: GreenButton },
}

/// A decimal that is a number in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Number(Decimal);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_str().parse::<serde_json::Number>() {
            Ok(number) => number.serialize(serializer),
            // `+1`, `.5`, `007`: decimals that JSON has no number for.
            Err(_) => serializer.serialize_str(self.0.as_str()),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        Decimal::new(number.to_string())
            .map(Self)
            .map_err(D::Error::custom)
    }
}

fn no_scale() -> SiScaleCode {
    SiScaleCode::None
}

fn watt() -> PowerUnit {
    PowerUnit::Watt
}

fn attributes(hertz: Number, voltage: Number, ac: bool) -> PowerAttributes {
    PowerAttributes {
        hertz: hertz.0,
        voltage: voltage.0,
        ac,
    }
}

impl From<ItemBaseForm> for ItemBase {
    fn from(form: ItemBaseForm) -> Self {
        use CurrencyDescription as Per;
        let money = |description, units, scale| Currency {
            description,
            units,
            scale,
        };
        match form {
            ItemBaseForm::CustomUnit {
                description,
                units,
                scale,
            } => Self::CustomUnit(CustomUnit {
                description,
                units,
                scale,
            }),
            ItemBaseForm::Current { scale } => Self::Current(scale),
            ItemBaseForm::Currency { currency, scale } => {
                Self::Currency(money(Per::Currency, currency, scale))
            }
            ItemBaseForm::CurrencyPerKWh { currency, scale } => {
                Self::CurrencyPerKWh(money(Per::PerKWh, currency, scale))
            }
            ItemBaseForm::CurrencyPerKW { currency, scale } => {
                Self::CurrencyPerKW(money(Per::PerKW, currency, scale))
            }
            // The schema has no description for money per therm.
            ItemBaseForm::CurrencyPerThm { currency, scale } => {
                Self::CurrencyPerThm(money(Per::Currency, currency, scale))
            }
            ItemBaseForm::Frequency { scale } => Self::Frequency(scale),
            ItemBaseForm::Therm { scale } => Self::Therm(scale),
            ItemBaseForm::Temperature { units, scale } => {
                Self::Temperature(Temperature { units, scale })
            }
            ItemBaseForm::PulseCount { pulse_factor } => Self::PulseCount(pulse_factor),
            ItemBaseForm::Voltage { scale } => Self::Voltage(scale),
            ItemBaseForm::EnergyReal { scale } => Self::EnergyReal(scale),
            ItemBaseForm::EnergyReactive { scale } => Self::EnergyReactive(scale),
            ItemBaseForm::EnergyApparent { scale } => Self::EnergyApparent(scale),
            ItemBaseForm::PowerReal {
                units,
                scale,
                hertz,
                voltage,
                ac,
            } => Self::PowerReal(PowerReal {
                units,
                scale,
                attributes: attributes(hertz, voltage, ac),
            }),
            ItemBaseForm::PowerReactive {
                scale,
                hertz,
                voltage,
                ac,
            } => Self::PowerReactive(Power {
                scale,
                attributes: attributes(hertz, voltage, ac),
            }),
            ItemBaseForm::PowerApparent {
                scale,
                hertz,
                voltage,
                ac,
            } => Self::PowerApparent(Power {
                scale,
                attributes: attributes(hertz, voltage, ac),
            }),
            ItemBaseForm::GreenButton { feed } => Self::GreenButton(feed),
        }
    }
}

impl From<&ItemBase> for ItemBaseForm {
    fn from(unit: &ItemBase) -> Self {
        let parts =
            |a: &PowerAttributes| (Number(a.hertz.clone()), Number(a.voltage.clone()), a.ac);
        match unit {
            ItemBase::CustomUnit(unit) => Self::CustomUnit {
                description: unit.description.clone(),
                units: unit.units.clone(),
                scale: unit.scale,
            },
            ItemBase::Current(scale) => Self::Current { scale: *scale },
            ItemBase::Currency(money) => Self::Currency {
                currency: money.units,
                scale: money.scale,
            },
            ItemBase::CurrencyPerKWh(money) => Self::CurrencyPerKWh {
                currency: money.units,
                scale: money.scale,
            },
            ItemBase::CurrencyPerKW(money) => Self::CurrencyPerKW {
                currency: money.units,
                scale: money.scale,
            },
            ItemBase::CurrencyPerThm(money) => Self::CurrencyPerThm {
                currency: money.units,
                scale: money.scale,
            },
            ItemBase::Frequency(scale) => Self::Frequency { scale: *scale },
            ItemBase::Therm(scale) => Self::Therm { scale: *scale },
            ItemBase::Temperature(unit) => Self::Temperature {
                units: unit.units,
                scale: unit.scale,
            },
            ItemBase::PulseCount(factor) => Self::PulseCount {
                pulse_factor: *factor,
            },
            ItemBase::Voltage(scale) => Self::Voltage { scale: *scale },
            ItemBase::EnergyReal(scale) => Self::EnergyReal { scale: *scale },
            ItemBase::EnergyReactive(scale) => Self::EnergyReactive { scale: *scale },
            ItemBase::EnergyApparent(scale) => Self::EnergyApparent { scale: *scale },
            ItemBase::PowerReal(power) => {
                let (hertz, voltage, ac) = parts(&power.attributes);
                Self::PowerReal {
                    units: power.units,
                    scale: power.scale,
                    hertz,
                    voltage,
                    ac,
                }
            }
            ItemBase::PowerReactive(power) => {
                let (hertz, voltage, ac) = parts(&power.attributes);
                Self::PowerReactive {
                    scale: power.scale,
                    hertz,
                    voltage,
                    ac,
                }
            }
            ItemBase::PowerApparent(power) => {
                let (hertz, voltage, ac) = parts(&power.attributes);
                Self::PowerApparent {
                    scale: power.scale,
                    hertz,
                    voltage,
                    ac,
                }
            }
            ItemBase::GreenButton(feed) => Self::GreenButton { feed: feed.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn spec_2_10_every_unit_goes_there_and_back() {
        let power = json!({"scale": "k", "hertz": 60, "voltage": 220.5, "ac": true});
        let with = |name: &str, more: &Value| {
            let mut unit = more.clone();
            unit["type"] = json!(name);
            unit
        };
        let scale = json!({"scale": "M"});
        let money = json!({"currency": "USD", "scale": "none"});
        let mut units = vec![
            json!({"type": "customUnit", "description": "Water", "units": "l", "scale": "none"}),
            json!({"type": "temperature", "units": "celsius", "scale": "d"}),
            json!({"type": "pulseCount", "pulse_factor": 0.25}),
            json!({
                "type": "oadrGBDataDescription",
                "feed": "<feed xmlns=\"http://www.w3.org/2005/Atom\"><id>urn:x</id></feed>",
            }),
            with("powerReactive", &power),
            with("powerApparent", &power),
        ];
        let mut real = with("powerReal", &power);
        real["units"] = json!("J/s");
        units.push(real);
        for name in [
            "current",
            "frequency",
            "Therm",
            "voltage",
            "energyReal",
            "energyReactive",
            "energyApparent",
        ] {
            units.push(with(name, &scale));
        }
        for name in [
            "currency",
            "currencyPerKWh",
            "currencyPerKW",
            "currencyPerThm",
        ] {
            units.push(with(name, &money));
        }
        assert_eq!(units.len(), 18);
        for unit in units {
            let form: ItemBaseForm = serde_json::from_value(unit.clone()).unwrap();
            let there = ItemBase::from(form);
            let back = serde_json::to_value(ItemBaseForm::from(&there)).unwrap();
            assert_eq!(back, unit);
        }
    }

    #[test]
    fn what_is_no_unit_is_refused() {
        for bad in [
            json!({"type": "energyReal", "units": "kWh"}),
            json!({"type": "energyReal", "scale": "kilo"}),
            json!({"type": "powerReal", "hertz": "60", "voltage": 220, "ac": true}),
            json!({"type": "currencyPerKWh", "currency": "usd"}),
            json!({"type": "horsepower"}),
            json!({"type": "oadrGBDataDescription", "feed": "<feed/>"}),
        ] {
            assert!(
                serde_json::from_value::<ItemBaseForm>(bad.clone()).is_err(),
                "{bad}"
            );
        }
    }
}
