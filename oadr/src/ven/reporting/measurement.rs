//! What a source says: a value, and how good it is.
//!
//! Knows nothing of when it was taken, nor of what it measures.

use std::fmt::Display;

use oadr_core::payload::{Confidence, GreenButton, Payload, ResourceStatus};
use oadr_core::reading::ReadingPayload;
use oadr_core::value::{DataQuality, DateTime, Duration, Float};
use serde::{Deserialize, Serialize};

use crate::logging;

/// A value of a data point: a number in the point's unit, the status of a resource, or a
/// Green Button feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    pub(super) payload: ReadingPayload,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) quality: Option<DataQuality>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) confidence: Option<Confidence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) accuracy: Option<Float>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) duration: Option<Duration>,
}

impl Measurement {
    /// A value and nothing else.
    #[must_use]
    pub fn new(value: impl Into<Self>) -> Self {
        value.into()
    }

    /// The value.
    #[must_use]
    pub fn payload(&self) -> &ReadingPayload {
        &self.payload
    }

    /// How good it is. Default: nothing is said about it.
    #[must_use]
    pub fn quality(mut self, quality: DataQuality) -> Self {
        self.quality = Some(quality);
        self
    }

    /// How sure it is. Default: nothing is said about it.
    #[must_use]
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = Some(confidence);
        self
    }

    /// How far it may be off, in the unit of the value; not for the status of a resource (rule 319).
    /// Default: nothing is said about it.
    #[must_use]
    pub fn accuracy(mut self, accuracy: f64) -> Self {
        self.accuracy = Some(accuracy.into());
        self
    }

    /// How long it holds, from its time on: for values of the past. What the VEN samples holds until
    /// the next sample.
    #[must_use]
    pub fn lasting(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// The number, if it is one and nothing is to be said about it.
    pub(in crate::ven) fn plain(&self) -> Option<f64> {
        let ReadingPayload::Float(number) = self.payload else {
            return None;
        };
        let said = self.quality.is_some()
            || self.confidence.is_some()
            || self.accuracy.is_some()
            || self.duration.is_some();
        (!said && number.get().is_finite()).then_some(number.get())
    }
}

impl From<ReadingPayload> for Measurement {
    fn from(payload: ReadingPayload) -> Self {
        Self {
            payload,
            quality: None,
            confidence: None,
            accuracy: None,
            duration: None,
        }
    }
}

impl From<Payload> for Measurement {
    fn from(payload: Payload) -> Self {
        ReadingPayload::from(payload).into()
    }
}

impl From<GreenButton> for Measurement {
    fn from(feed: GreenButton) -> Self {
        ReadingPayload::from(feed).into()
    }
}

impl From<f64> for Measurement {
    fn from(number: f64) -> Self {
        Payload::Float(number.into()).into()
    }
}

impl From<ResourceStatus> for Measurement {
    fn from(status: ResourceStatus) -> Self {
        Payload::ResourceStatus(Box::new(status)).into()
    }
}

/// What a source of one value says: a number, a [`ResourceStatus`], a [`Measurement`], or a `Result` of
/// one of these; an error is logged and the sample is missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample(pub(super) Result<Measurement, String>);

impl From<Measurement> for Sample {
    fn from(measurement: Measurement) -> Self {
        Self(Ok(measurement))
    }
}

impl From<Payload> for Sample {
    fn from(payload: Payload) -> Self {
        Self(Ok(payload.into()))
    }
}

impl From<f64> for Sample {
    fn from(number: f64) -> Self {
        Self(Ok(number.into()))
    }
}

impl From<ResourceStatus> for Sample {
    fn from(status: ResourceStatus) -> Self {
        Self(Ok(status.into()))
    }
}

impl<S: Into<Self>, E: Display> From<Result<S, E>> for Sample {
    fn from(result: Result<S, E>) -> Self {
        match result {
            Ok(sample) => sample.into(),
            Err(error) => Self(Err(said(error))),
        }
    }
}

/// What a source of many values says: a list of times and values, or a `Result` of one; an error is
/// logged and the values are missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Series(pub(super) Result<Vec<(DateTime, Measurement)>, String>);

impl<M: Into<Measurement>> From<Vec<(DateTime, M)>> for Series {
    fn from(list: Vec<(DateTime, M)>) -> Self {
        let list = list.into_iter();
        Self(Ok(list.map(|(time, value)| (time, value.into())).collect()))
    }
}

impl<M: Into<Measurement>, E: Display> From<Result<Vec<(DateTime, M)>, E>> for Series {
    fn from(result: Result<Vec<(DateTime, M)>, E>) -> Self {
        match result {
            Ok(list) => list.into(),
            Err(error) => Self(Err(said(error))),
        }
    }
}

fn said(error: impl Display) -> String {
    logging::cut(&error.to_string()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_finite_number_is_plain() {
        assert_eq!(Measurement::new(1.5).plain(), Some(1.5));
        assert_eq!(Measurement::new(f64::NAN).plain(), None);
        let good = Measurement::new(1.5).quality(DataQuality::Good);
        assert_eq!(good.plain(), None);
        let status = ResourceStatus {
            online: true,
            manual_override: false,
            load_control_state: None,
        };
        assert_eq!(Measurement::new(status).plain(), None);
    }

    #[test]
    fn a_measurement_comes_back_from_json_as_it_was() {
        let all = Measurement::new(f64::INFINITY)
            .quality(DataQuality::UncertainSubNormal)
            .confidence(Confidence::new(95).unwrap())
            .accuracy(0.1)
            .lasting(Duration::minutes(15));
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Measurement>(&text).unwrap(), all);
    }

    #[test]
    fn an_error_is_cut_to_a_line() {
        let failed = Sample::from(Err::<f64, _>("x".repeat(10_000)));
        let Err(words) = failed.0 else {
            panic!("{failed:?}");
        };
        assert!(words.len() <= 200, "{}", words.len());
    }
}
