//! `emix:itemBase`: the units of signals, baselines and reports (spec §2.10).
//!
//! Knows nothing of which unit a signal needs (rule 104).

use super::{CurrencyCode, GreenButton};
use crate::codec::{
    Attributes, Choice, Content, DriftKind, Error, Name, Ns, Reader, Writer, sequence,
};
use crate::value::{
    Decimal, Escaping, Float, Notes, SiScaleCode, Text, Value, ValueError, trim, unpadded,
};

/// A unit.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemBase {
    /// A unit of one's own.
    CustomUnit(CustomUnit),
    /// Amperes.
    Current(SiScaleCode),
    /// An amount of money.
    Currency(Currency),
    /// Money per kilowatt hour.
    CurrencyPerKWh(Currency),
    /// Money per kilowatt.
    CurrencyPerKW(Currency),
    /// Money per therm.
    CurrencyPerThm(Currency),
    /// Hertz.
    Frequency(SiScaleCode),
    /// Therms.
    Therm(SiScaleCode),
    /// Degrees.
    Temperature(Temperature),
    /// Pulses of a meter; the factor is kilowatt hours per count.
    PulseCount(Float),
    /// Volts.
    Voltage(SiScaleCode),
    /// Watt hours.
    EnergyReal(SiScaleCode),
    /// Volt-ampere hours reactive.
    EnergyReactive(SiScaleCode),
    /// Volt-ampere hours.
    EnergyApparent(SiScaleCode),
    /// Watts.
    PowerReal(PowerReal),
    /// Volt-amperes reactive.
    PowerReactive(Power),
    /// Volt-amperes.
    PowerApparent(Power),
    /// `oadrGBDataDescription`: what Green Button data hold, said by a feed.
    GreenButton(GreenButton),
}

sequence! {
    /// `customUnit`.
    pub struct CustomUnit [None] {
        /// What is measured.
        description: one Text = Oadr "itemDescription";
        /// In what.
        units: one Text = Oadr "itemUnits";
        /// Power of ten.
        scale: one SiScaleCode = Scale "siScaleCode";
    }
}

sequence! {
    /// `currencyType`.
    pub struct Currency [None] {
        /// Per what; the schema has no word for therms.
        description: one CurrencyDescription = Oadr "itemDescription";
        /// The currency.
        units: one CurrencyCode = Oadr "itemUnits";
        /// Power of ten.
        scale: one SiScaleCode = Scale "siScaleCode";
    }
}

/// `temperature`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Temperature {
    /// Celsius or Fahrenheit.
    pub units: TemperatureUnit,
    /// Power of ten.
    pub scale: SiScaleCode,
}

/// `powerReal`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PowerReal {
    /// Watts, by either name.
    pub units: PowerUnit,
    /// Power of ten.
    pub scale: SiScaleCode,
    /// The network.
    pub attributes: PowerAttributes,
}

/// `powerReactive` and `powerApparent`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Power {
    /// Power of ten.
    pub scale: SiScaleCode,
    /// The network.
    pub attributes: PowerAttributes,
}

sequence! {
    /// `powerAttributes`: the network that the power flows in.
    pub struct PowerAttributes [None] {
        /// Hertz.
        hertz: one Decimal = Power "hertz";
        /// Volts.
        voltage: one Decimal = Power "voltage";
        /// Alternating or direct current.
        ac: one bool = Power "ac";
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
        }

        impl Value for $name {
            fn parse(text: &str, _: &mut Notes) -> Result<Self, ValueError> {
                match trim(text) {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(ValueError::NotInEnumeration),
                }
            }

            fn write(&self, out: &mut Vec<u8>) -> Escaping {
                out.extend_from_slice(match self { $(Self::$variant => $text.as_bytes(),)* });
                Escaping::Needless
            }
        }
    };
}

words! {
    /// Per what a currency is.
    CurrencyDescription {
        /// An amount.
        Currency = "currency"
        /// Per kilowatt.
        PerKW = "currencyPerKW"
        /// Per kilowatt hour.
        PerKWh = "currencyPerKWh"
    }
}

words! {
    /// Unit of temperature.
    TemperatureUnit {
        /// Degrees Celsius.
        Celsius = "celsius"
        /// Degrees Fahrenheit.
        Fahrenheit = "fahrenheit"
    }
}

words! {
    /// Unit of real power.
    PowerUnit {
        /// Watts.
        Watt = "W"
        /// Joules per second.
        JoulePerSecond = "J/s"
    }
}

/// A text that the schema fixes: sent as that text, received as that or empty.
fn check_fixed(text: &str, fixed: &'static str, notes: &mut Notes) -> Result<(), ValueError> {
    let text = unpadded(text, notes);
    if text.is_empty() || text == fixed {
        Ok(())
    } else {
        Err(ValueError::NotTheFixedText)
    }
}

/// The units whose description and unit are fixed: element, description, unit.
macro_rules! plain_units {
    ($($variant:ident = $ns:ident $el:literal $description:literal $units:literal)*) => {
        fn read_plain(r: &mut Reader<'_>) -> Result<Option<ItemBase>, Error> {
            $(if r.is(Ns::$ns, $el) {
                r.open(Attributes::None)?;
                read_fixed(r, Ns::$ns, "itemDescription", $description)?;
                read_fixed(r, Ns::$ns, "itemUnits", $units)?;
                let scale = read_one(r, Ns::Scale, "siScaleCode", "scale:siScaleCode")?;
                r.close()?;
                return Ok(Some(ItemBase::$variant(scale)));
            })*
            Ok(None)
        }

        fn write_plain(unit: &ItemBase, w: &mut Writer<'_>) -> bool {
            match unit {
                $(ItemBase::$variant(scale) => {
                    w.raw(concat!(
                        "<", crate::codec::prefix!($ns), ":", $el, "><", crate::codec::prefix!($ns), ":itemDescription>",
                        $description, "</", crate::codec::prefix!($ns), ":itemDescription><",
                        crate::codec::prefix!($ns), ":itemUnits>", $units, "</", crate::codec::prefix!($ns),
                        ":itemUnits><scale:siScaleCode>"
                    ));
                    w.value(scale);
                    w.raw(concat!("</scale:siScaleCode></", crate::codec::prefix!($ns), ":", $el, ">"));
                    true
                })*
                ItemBase::CustomUnit(_)
                | ItemBase::Currency(_)
                | ItemBase::CurrencyPerKWh(_)
                | ItemBase::CurrencyPerKW(_)
                | ItemBase::CurrencyPerThm(_)
                | ItemBase::Temperature(_)
                | ItemBase::PulseCount(_)
                | ItemBase::PowerReal(_)
                | ItemBase::PowerReactive(_)
                | ItemBase::PowerApparent(_)
                | ItemBase::GreenButton(_) => false,
            }
        }

        fn is_plain(name: Name<'_>) -> bool {
            $(name.is(Ns::$ns, $el))||*
        }
    };
}

plain_units! {
    Current = Oadr "current" "Current" "A"
    Frequency = Oadr "frequency" "Frequency" "Hz"
    Therm = Oadr "Therm" "Therm" "thm"
    Voltage = Power "voltage" "Voltage" "V"
    EnergyReal = Power "energyReal" "RealEnergy" "Wh"
    EnergyReactive = Power "energyReactive" "ReactiveEnergy" "VARh"
    EnergyApparent = Power "energyApparent" "ApparentEnergy" "VAh"
}

impl Choice for ItemBase {
    const NAME: &'static str = "a unit (emix:itemBase)";

    fn accepts(name: Name<'_>) -> bool {
        match name.ns {
            Ns::Oadr => matches!(
                name.local,
                "customUnit"
                    | "currency"
                    | "currencyPerKWh"
                    | "currencyPerKW"
                    | "currencyPerThm"
                    | "temperature"
                    | "pulseCount"
                    | "current"
                    | "frequency"
                    | "Therm"
                    | "oadrGBDataDescription"
            ),
            Ns::Power => {
                is_plain(name)
                    || matches!(name.local, "powerReal" | "powerReactive" | "powerApparent")
            }
            Ns::None
            | Ns::Other
            | Ns::Xml
            | Ns::Xsi
            | Ns::Oadr20a
            | Ns::Ei
            | Ns::Pyld
            | Ns::Emix
            | Ns::Scale
            | Ns::Xcal
            | Ns::Strm
            | Ns::Gml
            | Ns::Ds
            | Ns::Atom => false,
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        if let Some(unit) = read_plain(r)? {
            return Ok(unit);
        }
        match r.child().map_or("", |name| name.local) {
            "customUnit" => CustomUnit::read(r).map(Self::CustomUnit),
            "currency" => Currency::read(r).map(Self::Currency),
            "currencyPerKWh" => Currency::read(r).map(Self::CurrencyPerKWh),
            "currencyPerKW" => Currency::read(r).map(Self::CurrencyPerKW),
            "currencyPerThm" => Currency::read(r).map(Self::CurrencyPerThm),
            "temperature" => read_temperature(r).map(Self::Temperature),
            "powerReal" => read_power_real(r).map(Self::PowerReal),
            "powerReactive" => read_power(r, "ReactivePower", "VAR").map(Self::PowerReactive),
            "powerApparent" => read_power(r, "ApparentPower", "VA").map(Self::PowerApparent),
            "pulseCount" => {
                r.open(Attributes::None)?;
                read_fixed(r, Ns::Oadr, "itemDescription", "pulse count")?;
                read_fixed(r, Ns::Oadr, "itemUnits", "count")?;
                let factor = read_one(r, Ns::Oadr, "pulseFactor", "oadr:pulseFactor")?;
                r.close()?;
                Ok(Self::PulseCount(factor))
            }
            _ => GreenButton::read(r).map(Self::GreenButton),
        }
    }

    fn write(&self, w: &mut Writer<'_>) {
        let mut element = |start, content: &dyn Fn(&mut Writer<'_>), end| {
            w.raw(start);
            content(w);
            w.raw(end);
        };
        match self {
            Self::CustomUnit(unit) => {
                element(
                    "<oadr:customUnit>",
                    &|w| Content::write(unit, w),
                    "</oadr:customUnit>",
                );
            }
            Self::Currency(unit) => element(
                "<oadr:currency>",
                &|w| Content::write(unit, w),
                "</oadr:currency>",
            ),
            Self::CurrencyPerKWh(unit) => {
                element(
                    "<oadr:currencyPerKWh>",
                    &|w| Content::write(unit, w),
                    "</oadr:currencyPerKWh>",
                );
            }
            Self::CurrencyPerKW(unit) => {
                element(
                    "<oadr:currencyPerKW>",
                    &|w| Content::write(unit, w),
                    "</oadr:currencyPerKW>",
                );
            }
            Self::CurrencyPerThm(unit) => {
                element(
                    "<oadr:currencyPerThm>",
                    &|w| Content::write(unit, w),
                    "</oadr:currencyPerThm>",
                );
            }
            Self::Temperature(unit) => element(
                "<oadr:temperature><oadr:itemDescription>temperature</oadr:itemDescription><oadr:itemUnits>",
                &|w| {
                    w.value(&unit.units);
                    w.raw("</oadr:itemUnits><scale:siScaleCode>");
                    w.value(&unit.scale);
                },
                "</scale:siScaleCode></oadr:temperature>",
            ),
            Self::PowerReal(unit) => element(
                "<power:powerReal><power:itemDescription>RealPower</power:itemDescription><power:itemUnits>",
                &|w| {
                    w.value(&unit.units);
                    w.raw("</power:itemUnits>");
                    write_scale_and_network(unit.scale, &unit.attributes, w);
                },
                "</power:powerReal>",
            ),
            Self::PowerReactive(unit) => element(
                "<power:powerReactive><power:itemDescription>ReactivePower</power:itemDescription><power:itemUnits>VAR</power:itemUnits>",
                &|w| write_scale_and_network(unit.scale, &unit.attributes, w),
                "</power:powerReactive>",
            ),
            Self::PowerApparent(unit) => element(
                "<power:powerApparent><power:itemDescription>ApparentPower</power:itemDescription><power:itemUnits>VA</power:itemUnits>",
                &|w| write_scale_and_network(unit.scale, &unit.attributes, w),
                "</power:powerApparent>",
            ),
            Self::PulseCount(factor) => element(
                "<oadr:pulseCount><oadr:itemDescription>pulse count</oadr:itemDescription><oadr:itemUnits>count</oadr:itemUnits><oadr:pulseFactor>",
                &|w| w.value(factor),
                "</oadr:pulseFactor></oadr:pulseCount>",
            ),
            Self::GreenButton(feed) => element(
                "<oadr:oadrGBDataDescription>",
                &|w| Content::write(feed, w),
                "</oadr:oadrGBDataDescription>",
            ),
            Self::Current(_)
            | Self::Frequency(_)
            | Self::Therm(_)
            | Self::Voltage(_)
            | Self::EnergyReal(_)
            | Self::EnergyReactive(_)
            | Self::EnergyApparent(_) => {
                write_plain(self, w);
            }
        }
    }
}

fn read_one<T: Content>(
    r: &mut Reader<'_>,
    ns: Ns,
    local: &str,
    name: &'static str,
) -> Result<T, Error> {
    match r.child() {
        Some(found) if found.is(ns, local) => T::read(r),
        Some(_) => Err(r.misplaced(&[]).err().unwrap_or_else(|| r.missing(name))),
        None => Err(r.missing(name)),
    }
}

/// A description or a unit that is fixed.
fn read_fixed(
    r: &mut Reader<'_>,
    ns: Ns,
    element: &'static str,
    fixed: &'static str,
) -> Result<(), Error> {
    let offset = r.offset();
    let text: Text = read_one(r, ns, element, element)?;
    let mut notes = Notes::default();
    check_fixed(text.as_str(), fixed, &mut notes).map_err(|error| {
        Box::new(crate::codec::Refusal {
            kind: error.into(),
            offset,
        })
    })?;
    if let Some(drift) = notes.drift {
        r.note_at(DriftKind::Value(drift), offset);
    }
    Ok(())
}

fn read_temperature(r: &mut Reader<'_>) -> Result<Temperature, Error> {
    r.open(Attributes::None)?;
    read_fixed(r, Ns::Oadr, "itemDescription", "temperature")?;
    let units = read_one(r, Ns::Oadr, "itemUnits", "oadr:itemUnits")?;
    let scale = read_one(r, Ns::Scale, "siScaleCode", "scale:siScaleCode")?;
    r.close()?;
    Ok(Temperature { units, scale })
}

fn read_power_real(r: &mut Reader<'_>) -> Result<PowerReal, Error> {
    r.open(Attributes::None)?;
    read_fixed(r, Ns::Power, "itemDescription", "RealPower")?;
    let units = read_one(r, Ns::Power, "itemUnits", "power:itemUnits")?;
    let (scale, attributes) = read_scale_and_network(r)?;
    r.close()?;
    Ok(PowerReal {
        units,
        scale,
        attributes,
    })
}

fn read_power(
    r: &mut Reader<'_>,
    description: &'static str,
    units: &'static str,
) -> Result<Power, Error> {
    r.open(Attributes::None)?;
    read_fixed(r, Ns::Power, "itemDescription", description)?;
    read_fixed(r, Ns::Power, "itemUnits", units)?;
    let (scale, attributes) = read_scale_and_network(r)?;
    r.close()?;
    Ok(Power { scale, attributes })
}

fn read_scale_and_network(r: &mut Reader<'_>) -> Result<(SiScaleCode, PowerAttributes), Error> {
    let scale = read_one(r, Ns::Scale, "siScaleCode", "scale:siScaleCode")?;
    let attributes = read_one(r, Ns::Power, "powerAttributes", "power:powerAttributes")?;
    Ok((scale, attributes))
}

fn write_scale_and_network(scale: SiScaleCode, attributes: &PowerAttributes, w: &mut Writer<'_>) {
    w.raw("<scale:siScaleCode>");
    w.value(&scale);
    w.raw("</scale:siScaleCode><power:powerAttributes>");
    Content::write(attributes, w);
    w.raw("</power:powerAttributes>");
}
