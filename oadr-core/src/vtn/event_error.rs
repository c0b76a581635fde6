//! Why an event is not legal, and which field of it is to blame.
//!
//! Knows nothing of how an operator wrote the event; a field displays as its path in the JSON of the
//! operator API.

use core::fmt;

/// A field of an event that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {kind}")]
pub struct EventError {
    /// Which field.
    pub field: Field,
    /// What is wrong with it.
    pub kind: EventErrorKind,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventErrorKind {
    /// It has to be there.
    #[error("is required")]
    Missing,
    /// It must not be there.
    #[error("must not be given")]
    Forbidden,
    /// A duration that points backwards where only forward makes sense.
    #[error("must not be negative")]
    Negative,
    /// Past the year 9999, where date-times on the wire end.
    #[error("reaches beyond the year 9999")]
    BeyondCalendar,
    /// The intervals do not add up to the period (rules 8, 102).
    #[error("the durations of the intervals do not add up to the duration of the period")]
    WrongSum,
    /// Not 0, 1, 2, … (rules 2, 101).
    #[error("must count 0, 1, 2, …")]
    NotCounting,
    /// Not exactly one number (rule 100).
    #[error("must be exactly one number")]
    NotOneNumber,
    /// Not a finite number.
    #[error("must be a finite number")]
    NotFinite,
    /// A value that the well-known signal does not have (rules 9, 104).
    #[error("is not a value of this signal")]
    NotAValue,
    /// A type that the well-known signal does not have (rules 104, 116).
    #[error("is not a type of this signal")]
    NotItsType,
    /// A unit that the well-known signal does not have (rule 104).
    #[error("is not the unit of this signal")]
    NotItsUnit,
    /// Not a URI, as the schema wants.
    #[error("is not a URI")]
    NotAUri,
    /// Another signal of the event has this ID (rule 107).
    #[error("is taken by another signal of the event")]
    NotUnique,
    /// More than one venID (rule 63).
    #[error("must name one VEN at most")]
    MoreThanOneVen,
    /// Anything but device classes (rule 111).
    #[error("a signal's target must name nothing but known device classes")]
    NotADeviceClass,
    /// What already elapsed would be another (rule 20, code 451).
    #[error("would change the past")]
    Past,
}

/// A field of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// `market_context`.
    MarketContext,
    /// `dtstart`.
    Start,
    /// `duration`.
    Duration,
    /// `start_after`.
    StartAfter,
    /// `notification`.
    Notification,
    /// `ramp_up`.
    RampUp,
    /// `recovery`.
    Recovery,
    /// `targets.ven_id`.
    TargetVen,
    /// `signals`.
    Signals,
    /// `signals[n].…`.
    Signal(usize, SignalField),
    /// `baseline.…`.
    Baseline(BaselineField),
}

/// A field of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignalField {
    /// `signal_name`.
    Name,
    /// `signal_type`.
    Type,
    /// `signal_id`.
    Id,
    /// `item_base`.
    ItemBase,
    /// `targets`.
    Targets,
    /// `current_value`.
    CurrentValue,
    /// `intervals`.
    Intervals,
    /// `intervals[n].…`.
    Interval(usize, IntervalField),
}

/// A field of a baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BaselineField {
    /// `duration`.
    Duration,
    /// `intervals`.
    Intervals,
    /// `intervals[n].…`.
    Interval(usize, IntervalField),
}

/// A field of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IntervalField {
    /// `dtstart`.
    Start,
    /// `duration`.
    Duration,
    /// `uid`.
    Uid,
    /// `payload`.
    Payload,
}

impl EventErrorKind {
    pub(super) fn at(self, field: Field) -> EventError {
        EventError { field, kind: self }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MarketContext => f.write_str("market_context"),
            Self::Start => f.write_str("dtstart"),
            Self::Duration => f.write_str("duration"),
            Self::StartAfter => f.write_str("start_after"),
            Self::Notification => f.write_str("notification"),
            Self::RampUp => f.write_str("ramp_up"),
            Self::Recovery => f.write_str("recovery"),
            Self::TargetVen => f.write_str("targets.ven_id"),
            Self::Signals => f.write_str("signals"),
            Self::Signal(n, field) => write!(f, "signals[{n}].{field}"),
            Self::Baseline(field) => write!(f, "baseline.{field}"),
        }
    }
}

impl fmt::Display for SignalField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("signal_name"),
            Self::Type => f.write_str("signal_type"),
            Self::Id => f.write_str("signal_id"),
            Self::ItemBase => f.write_str("item_base"),
            Self::Targets => f.write_str("targets"),
            Self::CurrentValue => f.write_str("current_value"),
            Self::Intervals => f.write_str("intervals"),
            Self::Interval(n, field) => write!(f, "intervals[{n}].{field}"),
        }
    }
}

impl fmt::Display for BaselineField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duration => f.write_str("duration"),
            Self::Intervals => f.write_str("intervals"),
            Self::Interval(n, field) => write!(f, "intervals[{n}].{field}"),
        }
    }
}

impl fmt::Display for IntervalField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "dtstart",
            Self::Duration => "duration",
            Self::Uid => "uid",
            Self::Payload => "payload",
        })
    }
}
