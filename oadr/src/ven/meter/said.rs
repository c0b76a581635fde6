//! What commands and files say: a number, JSON, or a time and a number.
//!
//! Knows nothing of where it is said.

use oadr_core::payload::{
    Confidence, LoadControlState, LoadControlValues, Payload, ResourceStatus,
};
use oadr_core::value::{DataQuality, DateTime, Float};
use serde::Deserialize;

use crate::logging;
use crate::ven::reporting::Measurement;

/// Why a text is no value.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotAValue {
    /// Nothing is said.
    #[error("nothing was said")]
    Nothing,
    /// Neither a number nor an object.
    #[error("neither a number nor a JSON object: {0:?}")]
    Unknown(String),
    /// An object, but not the right one.
    #[error("not a value: {0}")]
    Json(#[from] serde_json::Error),
    /// What is before the comma is no time.
    #[error("not a time such as 2026-01-31T16:00:00Z: {0:?}")]
    Time(String),
}

/// A value as JSON: `{"value": 1.5}` or `{"online": true, "manual_override": false}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    value: Option<Float>,
    online: Option<bool>,
    #[serde(default)]
    manual_override: bool,
    load_control_state: Option<StateForm>,
    quality: Option<DataQuality>,
    confidence: Option<Confidence>,
    accuracy: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateForm {
    capacity: Option<ValuesForm>,
    level_offset: Option<ValuesForm>,
    percent_offset: Option<ValuesForm>,
    set_point: Option<ValuesForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ValuesForm {
    min: Option<Float>,
    max: Option<Float>,
    current: Float,
    normal: Option<Float>,
}

/// The value that a text says: a number, or a JSON object.
pub(super) fn value(text: &str) -> Result<Measurement, NotAValue> {
    let text = text.trim();
    if text.is_empty() {
        return Err(NotAValue::Nothing);
    }
    if text.starts_with('{') {
        return object(text);
    }
    match text.parse::<f64>() {
        Ok(number) => Ok(Measurement::new(number)),
        Err(_) => Err(NotAValue::Unknown(logging::cut(text).to_owned())),
    }
}

fn object(text: &str) -> Result<Measurement, NotAValue> {
    let form: Form = serde_json::from_str(text)?;
    let payload = match (form.value, form.online) {
        (Some(number), None) => Payload::Float(number),
        (None, Some(online)) => Payload::ResourceStatus(Box::new(ResourceStatus {
            online,
            manual_override: form.manual_override,
            load_control_state: form.load_control_state.map(Into::into),
        })),
        (Some(_), Some(_)) | (None, None) => {
            let what = "either `value` or `online` is needed";
            return Err(NotAValue::Json(serde::de::Error::custom(what)));
        }
    };
    let mut measurement = Measurement::new(payload);
    if let Some(quality) = form.quality {
        measurement = measurement.quality(quality);
    }
    if let Some(confidence) = form.confidence {
        measurement = measurement.confidence(confidence);
    }
    if let Some(accuracy) = form.accuracy {
        measurement = measurement.accuracy(accuracy);
    }
    Ok(measurement)
}

/// A line: a value, perhaps with its time and a comma before it.
pub(super) fn line(text: &str) -> Result<(Option<DateTime>, Measurement), NotAValue> {
    let text = text.trim();
    // JSON has commas of its own.
    let (time, rest) = match text.split_once(',') {
        Some((time, rest)) if !text.starts_with('{') => (Some(time.trim()), rest),
        Some(_) | None => (None, text),
    };
    let time = time.map(|time| {
        let parsed = chrono::DateTime::parse_from_rfc3339(time);
        let parsed = parsed.map(|time| time.to_utc());
        parsed.map_err(|_| NotAValue::Time(logging::cut(time).to_owned()))
    });
    Ok((time.transpose()?, value(rest)?))
}

impl From<StateForm> for LoadControlState {
    fn from(form: StateForm) -> Self {
        let values = |form: Option<ValuesForm>| {
            form.map(|form| LoadControlValues {
                min: form.min,
                max: form.max,
                current: form.current,
                normal: form.normal,
            })
        };
        Self {
            capacity: values(form.capacity),
            level_offset: values(form.level_offset),
            percent_offset: values(form.percent_offset),
            set_point: values(form.set_point),
        }
    }
}

#[cfg(test)]
mod tests {
    use oadr_core::reading::ReadingPayload;

    use super::*;

    #[test]
    fn a_number_or_an_object_is_a_value() {
        assert_eq!(value(" 1.5\n").unwrap(), Measurement::new(1.5));
        let all = r#"{"value": -2, "quality": "Quality Good - Non Specific", "confidence": 90, "accuracy": 0.5}"#;
        let wanted = Measurement::new(-2.0)
            .quality(DataQuality::Good)
            .confidence(Confidence::new(90).unwrap())
            .accuracy(0.5);
        assert_eq!(value(all).unwrap(), wanted);
        let status =
            r#"{"online": true, "load_control_state": {"capacity": {"current": 0.5, "max": 1}}}"#;
        let ReadingPayload::ResourceStatus(status) = value(status).unwrap().payload().clone()
        else {
            panic!("{status}");
        };
        let capacity = status.load_control_state.unwrap().capacity.unwrap();
        assert_eq!(
            (capacity.current, capacity.max),
            (0.5.into(), Some(1.0.into()))
        );
        assert!(!status.manual_override);
    }

    #[test]
    fn a_line_may_begin_with_its_time() {
        let time: DateTime = "2026-01-31T12:00:00Z".parse().unwrap();
        let (found, measurement) = line("2026-01-31T14:00:00+02:00, 3").unwrap();
        assert_eq!((found, measurement), (Some(time), Measurement::new(3.0)));
        let (found, _) = line(r#"{"value": 1, "accuracy": 0.1}"#).unwrap();
        assert_eq!(found, None);
        let (found, _) = line(r#"2026-01-31T12:00:00Z,{"value": 1, "accuracy": 0.1}"#).unwrap();
        assert_eq!(found, Some(time));
    }

    #[test]
    fn anything_else_says_what_is_wrong() {
        for (text, said) in [
            ("", "nothing"),
            ("yes", "neither a number"),
            ("{}", "either `value` or `online`"),
            (r#"{"value": 1, "online": true}"#, "either"),
            (r#"{"value": 1, "qualtiy": "x"}"#, "unknown field `qualtiy`"),
            (r#"{"value": 1, "confidence": 101}"#, "range"),
        ] {
            let error = value(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
        let error = line("yesterday,1").unwrap_err().to_string();
        assert!(error.contains("yesterday"), "{error}");
    }
}
