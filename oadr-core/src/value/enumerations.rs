//! The enumerations of the schema, open (`x-…` allowed) and closed.
//!
//! Knows nothing of which values go together; that is rule 104's and rule 331's.

use serde::{Deserialize, Serialize};

use super::text::{Token, collapse};
use super::{Escaping, Notes, Value, ValueError, unpadded};

/// A value of one's own where an enumeration is open: `x-` and at least one more character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Extension(Token);

impl Extension {
    /// Takes a token that begins with `x-`.
    ///
    /// # Errors
    /// Any other text.
    pub fn new(text: impl AsRef<str>) -> Result<Self, ValueError> {
        let own = text.as_ref().strip_prefix("x-").unwrap_or_default();
        if own.is_empty() || own.starts_with(' ') {
            return Err(ValueError::NotInEnumeration);
        }
        Token::new(text).map(Self)
    }

    /// The whole token, `x-` included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Default for Extension {
    /// `x-`-something, for want of a better one.
    fn default() -> Self {
        Self(Token::new("x-extension").unwrap_or_default())
    }
}

impl TryFrom<String> for Extension {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        Self::new(text)
    }
}

impl From<Extension> for String {
    fn from(extension: Extension) -> Self {
        extension.0.into()
    }
}

macro_rules! enumerations {
    (@extension open $name:ident $text:expr) => { Extension::new($text).map($name::Extension) };
    (@extension closed $name:ident $text:expr) => { Err::<$name, _>(ValueError::NotInEnumeration) };
    (@define exact $($rest:tt)*) => { enumerations! { @define closed $($rest)* } };
    (@extension exact $name:ident $text:expr) => { enumerations!(@extension closed $name $text) };
    (@bare exact $text:ident $notes:ident) => { unpadded($text, $notes) };
    (@bare $kind:ident $text:ident $notes:ident) => {{
        // Blanks around a token do not count.
        let _ = $notes;
        collapse($text)
    }};
    (@define open $(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
            /// A value of one's own, `x-…`.
            Extension(Extension),
        }

        impl $name {
            /// The value as the wire has it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Extension(own) => own.as_str(),
                }
            }
        }
    };
    (@define closed $(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
        }

        impl $name {
            /// Every value, in the order of the schema.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The value as the wire has it.
            #[must_use]
            pub fn as_str(&self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
    ($($kind:ident $(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal)* })*) => {$(
        enumerations! { @define $kind $(#[$doc])* $name { $($(#[$vdoc])* $variant = $text)* } }

        impl $name {
            /// The values that the schema names, as the wire has them.
            pub const NAMED: &'static [&'static str] = &[$($text),*];
        }

        impl core::str::FromStr for $name {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => enumerations!(@extension $kind $name text),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = ValueError;

            fn try_from(text: String) -> Result<Self, ValueError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.as_str().to_owned()
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Value for $name {
            fn parse(text: &str, notes: &mut Notes) -> Result<Self, ValueError> {
                // Nearly always the text is one of ours as it stands.
                match text.parse() {
                    Ok(value) => Ok(value),
                    Err(_) => enumerations!(@bare $kind text notes).parse(),
                }
            }

            fn write(&self, out: &mut Vec<u8>) -> Escaping {
                out.extend_from_slice(self.as_str().as_bytes());
                Escaping::Needed
            }
        }
    )*};
}

enumerations! {
closed
/// Where an event stands; a function of the event and the time, never stored.
EventStatus {
    /// No event.
    None = "none"
    /// Its ramp-up has not begun.
    Far = "far"
    /// Within its ramp-up (rule 13).
    Near = "near"
    /// Between start and end.
    Active = "active"
    /// Past its end.
    Completed = "completed"
    /// Cancelled (rule 10).
    Cancelled = "cancelled"
}
exact
/// `oadrResponseRequired`: whether a VEN answers an event (rule 12).
ResponseRequired {
    /// Answer each time it is received.
    Always = "always"
    /// Do not answer.
    Never = "never"
}
closed
/// `optType`: taking part or not.
OptType {
    /// Takes part.
    OptIn = "optIn"
    /// Does not.
    OptOut = "optOut"
}
open
/// `optReason`.
OptReason {
    /// Economic.
    Economic = "economic"
    /// Emergency.
    Emergency = "emergency"
    /// Must run.
    MustRun = "mustRun"
    /// Not participating.
    NotParticipating = "notParticipating"
    /// Outage, run status.
    OutageRunStatus = "outageRunStatus"
    /// Override status.
    OverrideStatus = "overrideStatus"
    /// Participating.
    Participating = "participating"
    /// By schedule.
    Schedule = "x-schedule"
}
open
/// `signalName` (spec table 1, rule 104).
SignalName {
    /// Levels 0 normal, 1 moderate, 2 high, 3 special (rule 9).
    Simple = "SIMPLE"
    /// The old spelling of [`Simple`](Self::Simple), still in use.
    SimpleLowerCase = "simple"
    /// Price of electricity.
    ElectricityPrice = "ELECTRICITY_PRICE"
    /// Price of energy.
    EnergyPrice = "ENERGY_PRICE"
    /// Demand charge.
    DemandCharge = "DEMAND_CHARGE"
    /// Bid price.
    BidPrice = "BID_PRICE"
    /// Bid load.
    BidLoad = "BID_LOAD"
    /// Bid energy.
    BidEnergy = "BID_ENERGY"
    /// Charge of a store.
    ChargeState = "CHARGE_STATE"
    /// Load dispatch.
    LoadDispatch = "LOAD_DISPATCH"
    /// Load control.
    LoadControl = "LOAD_CONTROL"
}
closed
/// `signalType`; closed, although the specification's annex B speaks of `x-` types.
SignalType {
    /// Change by an amount.
    Delta = "delta"
    /// Level.
    Level = "level"
    /// Multiplier.
    Multiplier = "multiplier"
    /// Price.
    Price = "price"
    /// Price multiplier.
    PriceMultiplier = "priceMultiplier"
    /// Change of the price.
    PriceRelative = "priceRelative"
    /// Set point.
    Setpoint = "setpoint"
    /// Load control: capacity, 0.0 to 1.0.
    LoadControlCapacity = "x-loadControlCapacity"
    /// Load control: level offset, an integer.
    LoadControlLevelOffset = "x-loadControlLevelOffset"
    /// Load control: percentage, of either sign.
    LoadControlPercentOffset = "x-loadControlPercentOffset"
    /// Load control: set point.
    LoadControlSetpoint = "x-loadControlSetpoint"
}
open
/// `reportName` (rule 331).
ReportName {
    /// Offer of historic usage.
    MetadataHistoryUsage = "METADATA_HISTORY_USAGE"
    /// Historic usage.
    HistoryUsage = "HISTORY_USAGE"
    /// Offer of historic usage as Green Button data.
    MetadataHistoryGreenButton = "METADATA_HISTORY_GREENBUTTON"
    /// Historic usage as Green Button data.
    HistoryGreenButton = "HISTORY_GREENBUTTON"
    /// Offer of usage telemetry.
    MetadataTelemetryUsage = "METADATA_TELEMETRY_USAGE"
    /// Usage telemetry.
    TelemetryUsage = "TELEMETRY_USAGE"
    /// Offer of status telemetry.
    MetadataTelemetryStatus = "METADATA_TELEMETRY_STATUS"
    /// Status telemetry.
    TelemetryStatus = "TELEMETRY_STATUS"
}
open
/// `reportType`: what a data point measures.
ReportType {
    /// A meter's reading.
    Reading = "reading"
    /// Usage over a period.
    Usage = "usage"
    /// Demand.
    Demand = "demand"
    /// Set point.
    SetPoint = "setPoint"
    /// Change of usage.
    DeltaUsage = "deltaUsage"
    /// Change of set point.
    DeltaSetPoint = "deltaSetPoint"
    /// Change of demand.
    DeltaDemand = "deltaDemand"
    /// Baseline.
    Baseline = "baseline"
    /// Deviation.
    Deviation = "deviation"
    /// Average usage.
    AverageUsage = "avgUsage"
    /// Average demand.
    AverageDemand = "avgDemand"
    /// Operating state.
    OperatingState = "operatingState"
    /// Up-regulation capacity available.
    UpRegulationCapacityAvailable = "upRegulationCapacityAvailable"
    /// Down-regulation capacity available.
    DownRegulationCapacityAvailable = "downRegulationCapacityAvailable"
    /// Regulation set point.
    RegulationSetpoint = "regulationSetpoint"
    /// Stored energy.
    StoredEnergy = "storedEnergy"
    /// Target of stored energy.
    TargetEnergyStorage = "targetEnergyStorage"
    /// Capacity left to store.
    AvailableEnergyStorage = "availableEnergyStorage"
    /// Price.
    Price = "price"
    /// Level.
    Level = "level"
    /// Power factor.
    PowerFactor = "powerFactor"
    /// Percentage of usage.
    PercentUsage = "percentUsage"
    /// Percentage of demand.
    PercentDemand = "percentDemand"
    /// Status of a resource.
    ResourceStatus = "x-resourceStatus"
}
open
/// `readingType`: how a value came about.
ReadingType {
    /// Read from a device.
    DirectRead = "Direct Read"
    /// Net.
    Net = "Net"
    /// Allocated.
    Allocated = "Allocated"
    /// Estimated.
    Estimated = "Estimated"
    /// Summed.
    Summed = "Summed"
    /// Derived.
    Derived = "Derived"
    /// Mean.
    Mean = "Mean"
    /// Peak.
    Peak = "Peak"
    /// Hybrid.
    Hybrid = "Hybrid"
    /// Contract.
    Contract = "Contract"
    /// Projected.
    Projected = "Projected"
    /// Root mean square.
    Rms = "x-RMS"
    /// Not applicable; obligatory in requests (rule 338).
    NotApplicable = "x-notApplicable"
}
open
/// `oadrDataQuality`.
DataQuality {
    /// No value.
    NoValue = "No Quality - No Value"
    /// Nothing new: the previous value again (rule 317).
    PreviousValue = "No New Value - Previous Value Used"
    /// Bad, without a reason.
    Bad = "Quality Bad - Non Specific"
    /// Bad: configuration error.
    BadConfigurationError = "Quality Bad - Configuration Error"
    /// Bad: not connected.
    BadNotConnected = "Quality Bad - Not Connected"
    /// Bad: device failure.
    BadDeviceFailure = "Quality Bad - Device Failure"
    /// Bad: sensor failure.
    BadSensorFailure = "Quality Bad - Sensor Failure"
    /// Bad: last known value.
    BadLastKnownValue = "Quality Bad - Last Known Value"
    /// Bad: communication failure.
    BadCommFailure = "Quality Bad - Comm Failure"
    /// Bad: out of service.
    BadOutOfService = "Quality Bad - Out of Service"
    /// Uncertain, without a reason.
    Uncertain = "Quality Uncertain - Non Specific"
    /// Uncertain: last usable value.
    UncertainLastUsableValue = "Quality Uncertain - Last Usable Value"
    /// Uncertain: sensor not accurate.
    UncertainSensorNotAccurate = "Quality Uncertain - Sensor Not Accurate"
    /// Uncertain: engineering units exceeded.
    UncertainUnitsExceeded = "Quality Uncertain - EU Units Exceeded"
    /// Uncertain: sub-normal.
    UncertainSubNormal = "Quality Uncertain - Sub Normal"
    /// Good.
    Good = "Quality Good - Non Specific"
    /// Good: overridden on site.
    GoodLocalOverride = "Quality Good - Local Override"
    /// Limit: not limited.
    LimitNot = "Quality Limit - Field/Not"
    /// Limit: low.
    LimitLow = "Quality Limit - Field/Low"
    /// Limit: high.
    LimitHigh = "Quality Limit - Field/High"
    /// Limit: constant.
    LimitConstant = "Quality Limit - Field/Constant"
}
closed
/// `oadrProfileName`.
ProfileName {
    /// OpenADR 2.0a.
    A = "2.0a"
    /// OpenADR 2.0b.
    B = "2.0b"
}
closed
/// `oadrTransportName`.
TransportName {
    /// Simple HTTP, pull or push.
    SimpleHttp = "simpleHttp"
    /// XMPP.
    Xmpp = "xmpp"
}
closed
/// `oadrServiceName`.
ServiceName {
    /// Events.
    EiEvent = "EiEvent"
    /// Opts.
    EiOpt = "EiOpt"
    /// Reports.
    EiReport = "EiReport"
    /// Registration.
    EiRegisterParty = "EiRegisterParty"
    /// Polling.
    OadrPoll = "OadrPoll"
}
exact
/// `siScaleCode`: the power of ten of a unit.
SiScaleCode {
    /// 10⁻¹².
    Pico = "p"
    /// 10⁻⁹.
    Nano = "n"
    /// 10⁻⁶.
    Micro = "micro"
    /// 10⁻³.
    Milli = "m"
    /// 10⁻².
    Centi = "c"
    /// 10⁻¹.
    Deci = "d"
    /// 10³.
    Kilo = "k"
    /// 10⁶.
    Mega = "M"
    /// 10⁹.
    Giga = "G"
    /// 10¹².
    Tera = "T"
    /// 10⁰.
    None = "none"
}
}

impl SignalName {
    /// Whether it is the SIMPLE signal, in either case (rule 7).
    #[must_use]
    pub fn is_simple(&self) -> bool {
        matches!(self, Self::Simple | Self::SimpleLowerCase)
    }
}

impl DataQuality {
    /// Whether it says that the value is bad, whatever the reason.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        self.as_str().starts_with("Quality Bad")
    }
}

impl SiScaleCode {
    /// The exponent of ten.
    #[must_use]
    pub fn exponent(self) -> i8 {
        match self {
            Self::Pico => -12,
            Self::Nano => -9,
            Self::Micro => -6,
            Self::Milli => -3,
            Self::Centi => -2,
            Self::Deci => -1,
            Self::None => 0,
            Self::Kilo => 3,
            Self::Mega => 6,
            Self::Giga => 9,
            Self::Tera => 12,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_enumerations_take_extensions_and_closed_ones_do_not() {
        assert_eq!(
            "x-mine".parse(),
            Ok(SignalName::Extension(Extension::new("x-mine").unwrap()))
        );
        assert_eq!("x-schedule".parse(), Ok(OptReason::Schedule));
        assert_eq!(
            "x-".parse::<SignalName>(),
            Err(ValueError::NotInEnumeration)
        );
        assert_eq!(
            "Simple".parse::<SignalName>(),
            Err(ValueError::NotInEnumeration)
        );
        assert_eq!(
            "x-mine".parse::<SignalType>(),
            Err(ValueError::NotInEnumeration)
        );
        assert_eq!(
            ReadingType::parse("\n Direct  Read ", &mut Notes::default()),
            Ok(ReadingType::DirectRead)
        );
    }
}
