//! Signals and their intervals in JSON.
//!
//! Knows nothing of which names, types, units and values go together.

use oadr_core::payload::{EventSignal, Interval, Payload, StreamPayload};
use oadr_core::value::{Duration, Empty, Float, NonEmpty, SignalId, SignalName, SignalType};
use serde::{Deserialize, Deserializer, Serialize};

use super::{ItemBaseForm, TargetForm};

/// A signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignalForm {
    /// Its name.
    pub(crate) signal_name: SignalName,
    /// How its values are meant.
    pub(crate) signal_type: SignalType,
    /// Its ID; drawn if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signal_id: Option<SignalId>,
    /// The unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) item_base: Option<ItemBaseForm>,
    /// Device classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) targets: Option<TargetForm>,
    /// Its values over time, one after the other from the event's start.
    pub(crate) intervals: Vec<IntervalForm>,
}

/// A value over a stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntervalForm {
    /// How long.
    pub(crate) duration: Duration,
    /// The value.
    #[serde(deserialize_with = "number")]
    pub(crate) payload: Float,
}

/// A number only: what an event asks for is never `NaN` by accident.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Float, D::Error> {
    f64::deserialize(deserializer).map(Float::from)
}

impl TryFrom<SignalForm> for EventSignal {
    type Error = Empty;

    fn try_from(form: SignalForm) -> Result<Self, Empty> {
        Ok(Self {
            intervals: intervals(form.intervals)?,
            target: form.targets.map(Into::into),
            signal_name: form.signal_name,
            signal_type: form.signal_type,
            // Filled in with the event.
            signal_id: form.signal_id.unwrap_or_default(),
            item_base: form.item_base.map(Into::into),
            current_value: None,
        })
    }
}

impl From<&EventSignal> for SignalForm {
    fn from(signal: &EventSignal) -> Self {
        Self {
            signal_name: signal.signal_name.clone(),
            signal_type: signal.signal_type,
            signal_id: (!signal.signal_id.is_empty()).then(|| signal.signal_id.clone()),
            item_base: signal.item_base.as_ref().map(Into::into),
            targets: signal.target.as_ref().and_then(TargetForm::of),
            intervals: signal.intervals.iter().map(Into::into).collect(),
        }
    }
}

/// Intervals as events have them; their numbers are filled in with the event.
pub(super) fn intervals(forms: Vec<IntervalForm>) -> Result<NonEmpty<Interval>, Empty> {
    let intervals: Vec<_> = forms.into_iter().map(Into::into).collect();
    intervals.try_into()
}

impl From<IntervalForm> for Interval {
    fn from(form: IntervalForm) -> Self {
        Self {
            start: None,
            duration: Some(form.duration),
            uid: None,
            payloads: NonEmpty::one(StreamPayload::Signal(Payload::Float(form.payload))),
        }
    }
}

impl From<&Interval> for IntervalForm {
    fn from(interval: &Interval) -> Self {
        let value = interval.payloads.iter().find_map(|payload| match payload {
            StreamPayload::Signal(Payload::Float(value)) => Some(*value),
            StreamPayload::Signal(Payload::ResourceStatus(_))
            | StreamPayload::Report(_)
            | StreamPayload::GreenButton(_) => None,
        });
        Self {
            duration: interval.duration.unwrap_or(Duration::ZERO),
            payload: value.unwrap_or(f64::NAN.into()),
        }
    }
}
